//! Who owns which field: `managedFields`, and the merge of server-side apply.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Paths of owned fields, each part encoded as in `fieldsV1` (`f:name`, `k:{"type":"Ready"}`, `v:"x"`).
pub type FieldSet = BTreeSet<Vec<String>>;

/// Who wrote: the key of an entry of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// Name of the field manager.
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: &'static str,
    /// `status`, or empty.
    pub subresource: String,
}

/// Owners of an object's fields.
pub type Owners = BTreeMap<Manager, FieldSet>;

/// How the items of a list are told apart.
#[derive(Clone, Debug, PartialEq)]
enum ListType {
    Atomic,
    Set,
    Map(Vec<String>),
}

fn list_kind(schema: Option<&Value>, path: &[String]) -> ListType {
    let keys = |names: &[&str]| ListType::Map(names.iter().map(|n| (*n).to_owned()).collect());
    if let Some(schema) = schema {
        return match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(
                schema["x-kubernetes-list-map-keys"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => ListType::Atomic,
        };
    }
    match path.last().map(String::as_str) {
        Some("f:ownerReferences") => keys(&["uid"]),
        Some("f:finalizers") => ListType::Set,
        Some("f:conditions") => keys(&["type"]),
        Some("f:containers" | "f:initContainers" | "f:env" | "f:volumes") => keys(&["name"]),
        _ => ListType::Atomic,
    }
}

fn item_schema(schema: Option<&Value>) -> Option<&Value> {
    schema.map(|s| &s["items"])
}

fn field_schema<'a>(schema: Option<&'a Value>, path: &[String], name: &str) -> Option<&'a Value> {
    let schema = schema?;
    if path.is_empty() && name == "metadata" {
        return None;
    }
    schema["properties"].get(name).or_else(|| schema.get("additionalProperties").filter(|s| s.is_object()))
}

fn atomic_map(schema: Option<&Value>) -> bool {
    schema.is_some_and(|s| s["x-kubernetes-map-type"] == "atomic")
}

fn item_key(item: &Value, keys: &[String]) -> String {
    let map: Map<String, Value> = keys.iter().map(|k| (k.clone(), item[k].clone())).collect();
    format!("k:{}", Value::Object(map))
}

fn path_with(path: &[String], part: String) -> Vec<String> {
    path.iter().cloned().chain([part]).collect()
}

/// The fields an object names, as the server would record them for whoever wrote it.
pub fn fields(object: &Value, schema: Option<&Value>) -> FieldSet {
    let mut found = FieldSet::new();
    collect(object, schema, &[], &mut found);
    for name in ["apiVersion", "kind"] {
        found.remove(&vec![format!("f:{name}")]);
    }
    let bookkeeping = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ];
    found.retain(|path| {
        path.first().is_none_or(|first| first != "f:metadata")
            || path.get(1).is_some_and(|second| {
                second != "f:managedFields" && !bookkeeping.iter().any(|b| *second == format!("f:{b}"))
            })
    });
    found
}

fn collect(value: &Value, schema: Option<&Value>, path: &[String], found: &mut FieldSet) {
    match value {
        Value::Object(map) if !map.is_empty() && !atomic_map(schema) => {
            for (name, inner) in map {
                collect(inner, field_schema(schema, path, name), &path_with(path, format!("f:{name}")), found);
            }
        }
        Value::Array(items) if !items.is_empty() => match list_kind(schema, path) {
            ListType::Atomic => {
                found.insert(path.to_vec());
            }
            ListType::Set => found.extend(items.iter().map(|item| path_with(path, format!("v:{item}")))),
            ListType::Map(keys) => {
                for item in items {
                    let inner = path_with(path, item_key(item, &keys));
                    found.insert(inner.clone());
                    collect(item, item_schema(schema), &inner, found);
                }
            }
        },
        _ => {
            found.insert(path.to_vec());
        }
    }
}

/// The value at a path, if it is there.
pub fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, part| match part.split_at(2) {
        ("f:", name) => value.get(name),
        ("k:", key) => value.as_array()?.iter().find(|item| has_key(item, key)),
        (_, text) => value.as_array()?.iter().find(|item| is_written(item, text)),
    })
}

fn is_written(item: &Value, text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value == *item)
}

fn has_key(item: &Value, key: &str) -> bool {
    let wanted: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
    wanted.iter().all(|(name, value)| item[name] == *value)
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut target = object;
    for part in parents {
        let next = match part.split_at(2) {
            ("f:", name) => target.get_mut(name),
            ("k:", key) => target.as_array_mut().and_then(|items| items.iter_mut().find(|item| has_key(item, key))),
            _ => None,
        };
        let Some(next) = next else { return };
        target = next;
    }
    match (last.split_at(2), target) {
        (("f:", name), Value::Object(map)) => {
            map.remove(name);
        }
        (("k:", key), Value::Array(items)) => items.retain(|item| !has_key(item, key)),
        ((_, text), Value::Array(items)) => items.retain(|item| !is_written(item, text)),
        _ => {}
    }
}

fn merge(live: &mut Value, applied: &Value, schema: Option<&Value>, path: &[String]) {
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) if !atomic_map(schema) => {
            for (name, inner) in applied {
                let inner_path = path_with(path, format!("f:{name}"));
                let slot = live.entry(name.clone()).or_insert(Value::Null);
                merge(slot, inner, field_schema(schema, path, name), &inner_path);
            }
        }
        (Value::Array(live), Value::Array(applied)) => match list_kind(schema, path) {
            ListType::Atomic => *live = applied.clone(),
            ListType::Set => applied.iter().for_each(|item| {
                if !live.contains(item) {
                    live.push(item.clone());
                }
            }),
            ListType::Map(keys) => merge_items(live, applied, &keys, schema, path),
        },
        (live, applied) => *live = applied.clone(),
    }
}

fn merge_items(live: &mut Vec<Value>, applied: &[Value], keys: &[String], schema: Option<&Value>, path: &[String]) {
    for item in applied {
        let key = item_key(item, keys);
        match live.iter_mut().find(|other| item_key(other, keys) == key) {
            Some(other) => merge(other, item, item_schema(schema), &path_with(path, key)),
            None => live.push(item.clone()),
        }
    }
    let place = |item: &Value| applied.iter().position(|other| item_key(other, keys) == item_key(item, keys));
    if live.iter().all(|item| place(item).is_some()) {
        live.sort_by_key(place);
    }
}

/// A field somebody else owns with another value.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The other's name.
    pub manager: String,
    /// Path, as error messages show it.
    pub field: String,
}

/// Applies a configuration for a manager: merges it, removes what the manager no longer names and nobody else owns,
/// and moves ownership. Without `force`, a field that another owns with another value is a conflict.
pub fn apply(
    live: &Value,
    applied: &Value,
    schema: Option<&Value>,
    owners: &mut Owners,
    manager: &Manager,
    force: bool,
) -> Result<Value, Vec<Conflict>> {
    let named = fields(applied, schema);
    let others = |owners: &Owners, path: &Vec<String>| -> Vec<Manager> {
        owners.iter().filter(|(m, f)| *m != manager && f.contains(path)).map(|(m, _)| m.clone()).collect()
    };
    let mut conflicts = vec![];
    for path in named.iter().filter(|path| at(live, path).is_some_and(|v| Some(v) != at(applied, path))) {
        if path.last().is_some_and(|part| part.starts_with("k:")) {
            continue;
        }
        for other in others(owners, path) {
            if force {
                owners.entry(other).or_default().remove(path);
            } else {
                conflicts.push(Conflict { manager: other.name, field: display(path) });
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let mut merged = live.clone();
    merge(&mut merged, applied, schema, &[]);
    let before = owners.get(manager).cloned().unwrap_or_default();
    for path in before.difference(&named) {
        let shared = owners.iter().any(|(m, f)| m != manager && f.iter().any(|p| p.starts_with(path)));
        if !shared && at(applied, path).is_none() {
            remove(&mut merged, path);
            remove_empty_parents(&mut merged, path, &named);
        }
    }
    owners.insert(manager.clone(), named);
    owners.retain(|_, fields| !fields.is_empty());
    Ok(merged)
}

fn remove_empty_parents(object: &mut Value, path: &[String], named: &FieldSet) {
    let mut parent = path;
    while parent.len() > 1 {
        parent = &parent[..parent.len() - 1];
        let empty = match at(object, parent) {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            _ => false,
        };
        if !empty || parent.len() < 2 || named.contains(parent) {
            return;
        }
        remove(object, parent);
    }
}

/// Moves ownership after a write that is not an apply: changed fields belong to the writer alone, vanished ones to nobody.
pub fn update(old: Option<&Value>, new: &Value, schema: Option<&Value>, owners: &mut Owners, manager: &Manager) {
    let now = fields(new, schema);
    let changed: FieldSet =
        now.iter().filter(|path| old.and_then(|old| at(old, path)) != at(new, path)).cloned().collect();
    for (other, owned) in owners.iter_mut() {
        owned.retain(|path| at(new, path).is_some() && (other == manager || !changed.contains(path)));
    }
    if !changed.is_empty() {
        owners.entry(manager.clone()).or_default().extend(changed);
    }
    owners.retain(|_, fields| !fields.is_empty());
}

fn display(path: &[String]) -> String {
    path.iter().fold(String::new(), |text, part| match part.split_at(2) {
        ("f:", name) => format!("{text}.{name}"),
        (_, key) => format!("{text}[{key}]"),
    })
}

/// Reads `managedFields`.
pub fn owners(object: &Value) -> Owners {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let operation = if entry["operation"] == "Apply" { "Apply" } else { "Update" };
            let manager =
                Manager { name: text(&entry["manager"]), operation, subresource: text(&entry["subresource"]) };
            let mut fields = FieldSet::new();
            decode(&entry["fieldsV1"], &[], &mut fields);
            (manager, fields)
        })
        .collect()
}

fn decode(value: &Value, path: &[String], fields: &mut FieldSet) {
    let Some(map) = value.as_object() else { return };
    if (map.is_empty() || map.contains_key(".")) && !path.is_empty() {
        fields.insert(path.to_vec());
    }
    for (part, inner) in map.iter().filter(|(part, _)| *part != ".") {
        decode(inner, &path_with(path, part.clone()), fields);
    }
}

/// Writes `managedFields`; entries that did not change keep their time.
pub fn write_owners(object: &mut Value, owners: &Owners, api_version: &str, now: &str) {
    let before = self::owners(object);
    let old = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let entries: Vec<Value> = owners
        .iter()
        .map(|(manager, fields)| {
            if before.get(manager) == Some(fields)
                && let Some(entry) = old.iter().find(|entry| {
                    entry["manager"] == *manager.name
                        && entry["operation"] == manager.operation
                        && entry["subresource"].as_str().unwrap_or_default() == manager.subresource
                })
            {
                return entry.clone();
            }
            let mut entry = json!({
                "manager": manager.name, "operation": manager.operation, "apiVersion": api_version, "time": now,
                "fieldsType": "FieldsV1", "fieldsV1": encode(fields),
            });
            if !manager.subresource.is_empty() {
                entry["subresource"] = json!(manager.subresource);
            }
            entry
        })
        .collect();
    object["metadata"]["managedFields"] = Value::Array(entries);
}

/// `fieldsV1` of owned fields: an item of a list is a member itself (`.`), beside its fields.
fn encode(fields: &FieldSet) -> Value {
    let mut root = Map::new();
    for path in fields {
        let has_fields = fields.range(path.clone()..).nth(1).is_some_and(|next| next.starts_with(path));
        if let Some(level) = level_at(&mut root, path)
            && has_fields
        {
            level.insert(".".into(), json!({}));
        }
    }
    Value::Object(root)
}

/// The object at a path, made where it is missing.
fn level_at<'a>(root: &'a mut Map<String, Value>, path: &[String]) -> Option<&'a mut Map<String, Value>> {
    let Some((part, rest)) = path.split_first() else { return Some(root) };
    level_at(root.entry(part.clone()).or_insert_with(|| json!({})).as_object_mut()?, rest)
}
