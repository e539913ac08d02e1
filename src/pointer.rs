//! JSON pointers into manifests: reading and writing where nothing is certain to be of the type it should be.

use serde_json::{Map, Value};

/// A key as a token of a JSON pointer.
pub fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON pointer as people write paths: `/spec/ports/0/name` → `spec.ports[0].name`.
pub fn path(pointer: &str) -> String {
    pointer.split('/').skip(1).map(key).fold(String::new(), |path, key| {
        let is_index = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        match (path.is_empty(), is_index) {
            (true, _) => key,
            (false, true) => format!("{path}[{key}]"),
            (false, false) => format!("{path}.{key}"),
        }
    })
}

fn key(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The elements at a pointer; none where there is no list.
pub fn elements<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn element_pointers(value: &Value, pointer: &str) -> Vec<String> {
    (0..elements(value, pointer).len()).map(|index| format!("{pointer}/{index}")).collect()
}

/// The object at a pointer, created with its parents if missing; `None` where a value of another type is in the way.
pub fn ensure_object<'a>(root: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    ensure(root, pointer, || Value::Object(Map::new()))?.as_object_mut()
}

/// The list at a pointer, created with its parents if missing; `None` where a value of another type is in the way.
pub fn ensure_array<'a>(root: &'a mut Value, pointer: &str) -> Option<&'a mut Vec<Value>> {
    ensure(root, pointer, || Value::Array(vec![]))?.as_array_mut()
}

fn ensure<'a>(root: &'a mut Value, pointer: &str, missing: fn() -> Value) -> Option<&'a mut Value> {
    let mut current = root;
    for token in pointer.split('/').skip(1) {
        let key = key(token);
        if current.is_null() {
            *current = Value::Object(Map::new());
        }
        current = match current {
            Value::Object(map) => map.entry(key).or_insert(Value::Null),
            Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    if current.is_null() {
        *current = missing();
    }
    Some(current)
}

/// Sets a field of the object at a pointer, which is created if missing.
pub fn set(root: &mut Value, pointer: &str, key: &str, value: impl Into<Value>) {
    if let Some(object) = ensure_object(root, pointer) {
        object.insert(key.to_owned(), value.into());
    }
}

/// Removes a field of the object at a pointer; returns whether it was there.
pub fn remove(root: &mut Value, pointer: &str, key: &str) -> bool {
    root.pointer_mut(pointer).and_then(Value::as_object_mut).is_some_and(|object| object.remove(key).is_some())
}

/// Adds an element to the list at a pointer unless it holds an equal one.
pub fn add_element(root: &mut Value, pointer: &str, element: Value) {
    if let Some(list) = ensure_array(root, pointer)
        && !list.contains(&element)
    {
        list.push(element);
    }
}

/// Adds an element to the list at a pointer, or replaces the one with the same value of `key`.
pub fn put_element(root: &mut Value, pointer: &str, key: &str, element: Value) {
    if let Some(list) = ensure_array(root, pointer) {
        let same = |other: &Value| other.get(key).is_some() && other.get(key) == element.get(key);
        match list.iter().position(same) {
            Some(index) => list[index] = element,
            None => list.push(element),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_objects_are_made_and_null_counts_as_missing() {
        let mut value = json!({"spec": {"a": null, "list": [{}]}});
        set(&mut value, "/spec/a/b~1c", "d", 1);
        set(&mut value, "/spec/list/0", "e", 2);
        assert_eq!(value, json!({"spec": {"a": {"b/c": {"d": 1}}, "list": [{"e": 2}]}}));
    }

    #[test]
    fn what_stands_in_the_way_stays() {
        let mut value = json!({"spec": "text"});
        set(&mut value, "/spec/a", "b", 1);
        assert!(ensure_array(&mut value, "/spec").is_none());
        assert_eq!(value, json!({"spec": "text"}));
    }

    #[test]
    fn elements_are_replaced_by_key_or_added() {
        let mut value = json!({"list": [{"name": "a", "x": 1}]});
        put_element(&mut value, "/list", "name", json!({"name": "a", "x": 2}));
        put_element(&mut value, "/list", "name", json!({"name": "b"}));
        add_element(&mut value, "/list", json!({"name": "b"}));
        assert_eq!(value, json!({"list": [{"name": "a", "x": 2}, {"name": "b"}]}));
    }
}
