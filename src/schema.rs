//! Structural schemas of custom resources: defaults, pruning, validation. Messages are worded as an API server's, and held
//! against those of a real one by the tests of the CRD.
//!
//! Kubernetes knows a small part of JSON Schema, with extensions of its own; what a schema here does not use is left out.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{LazyLock, Mutex, PoisonError};

use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use regex::Regex;
use serde_json::{Map, Value};

/// A schema with its rules compiled.
#[derive(Debug)]
pub struct Schema {
    schema: Value,
    rules: CompiledSchema,
}

impl Schema {
    /// Compiles the rules of an `openAPIV3Schema`.
    pub fn new(schema: Value) -> Self {
        Self { rules: compile_schema(&schema), schema }
    }

    /// Everything the schema and its CEL rules have against an object. CEL is only asked when the schema is content,
    /// and only about a spec that is new: no rule here is about status or about the object before.
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let mut causes = vec![];
        check(&self.schema, object, "", &mut causes);
        if !causes.is_empty() || old.is_some_and(|old| old["spec"] == object["spec"]) {
            return causes;
        }
        // To a rule, a field that is null is not there.
        let mut object = object.clone();
        without_nulls(&mut object);
        match Validator::new().validate_compiled(&self.rules, &object, None) {
            Ok(()) => vec![],
            Err(errors) => errors
                .into_iter()
                .map(|error| {
                    let field = if error.field_path.is_empty() { "<nil>".to_owned() } else { error.field_path.clone() };
                    format!("{field}: Invalid value: {}", error.message)
                })
                .collect(),
        }
    }
}

impl Deref for Schema {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.schema
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Fills in defaults, the way the server does on each decoding. A null that a field cannot have is as good as nothing.
pub fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(properties) = schema["properties"].as_object() {
                for (name, property) in properties {
                    default_property(fields, name, property);
                }
            }
            let extra = &schema["additionalProperties"];
            if extra.is_object() {
                let known = |name: &str| schema["properties"].get(name).is_some();
                fields.retain(|name, inner| known(name) || !inner.is_null() || extra["nullable"] == true);
                fields.values_mut().for_each(|item| default(&schema["additionalProperties"], item));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| default(&schema["items"], item)),
        _ => {}
    }
}

fn default_property(fields: &mut Map<String, Value>, name: &str, property: &Value) {
    if fields.get(name).is_some_and(Value::is_null) && property["nullable"] != true {
        fields.remove(name);
    }
    if let Some(default) = property.get("default").filter(|_| !fields.contains_key(name)) {
        fields.insert(name.to_owned(), default.clone());
    }
    if let Some(inner) = fields.get_mut(name) {
        default(property, inner);
    }
}

/// Removes fields the schema does not know. `metadata` of the object itself is left alone.
pub fn prune(schema: &Value, object: &mut Value) {
    prune_at(schema, object, "", &mut vec![]);
}

/// Paths of the fields that [`prune`] would remove.
pub fn unknown_fields(schema: &Value, object: &Value) -> Vec<String> {
    let mut pruned = vec![];
    prune_at(schema, &mut object.clone(), "", &mut pruned);
    pruned
}

fn prune_at(schema: &Value, value: &mut Value, path: &str, pruned: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let keeps_unknown = schema["x-kubernetes-preserve-unknown-fields"] == true;
            let properties = schema["properties"].as_object();
            let extra = &schema["additionalProperties"];
            fields.retain(|name, inner| {
                if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
                    return true;
                }
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match properties.and_then(|p| p.get(name)) {
                    Some(property) => prune_at(property, inner, &here, pruned),
                    None if extra.is_object() => prune_at(extra, inner, &here, pruned),
                    None if keeps_unknown || *extra == true => {}
                    None => {
                        pruned.push(here);
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                prune_at(&schema["items"], item, &format!("{path}[{index}]"), pruned);
            }
        }
        _ => {}
    }
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<String>) {
    if schema["x-kubernetes-int-or-string"] == true {
        let is_nothing = value.is_null() && schema["nullable"] == true;
        if !(value.is_i64() || value.is_string() || is_nothing) {
            causes.push(format!("{path}: Invalid value: {value}: {path} in body must be of type integer,string"));
        }
        return check_scalar(schema, value, path, causes);
    }
    if !type_matches(schema["type"].as_str(), value, schema["nullable"] == true) {
        let wanted = schema["type"].as_str().unwrap_or_default();
        let found = type_name(value);
        causes
            .push(format!("{path}: Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""));
        return;
    }
    check_scalar(schema, value, path, causes);
    match value {
        Value::Object(fields) => check_object(schema, fields, path, causes),
        Value::Array(items) => check_array(schema, items, path, causes),
        _ => {}
    }
}

fn check_object(schema: &Value, fields: &Map<String, Value>, path: &str, causes: &mut Vec<String>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(required) {
            causes.push(format!("{}: Required value", join(required)));
        }
    }
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| fields.len() as u64 > *most) {
        causes.push(format!("{path}: Too many: {}: must have at most {most} items", fields.len()));
    }
    for (name, inner) in fields {
        let property = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        if let Some(property) = property.filter(|p| p.is_object()) {
            check(property, inner, &join(name), causes);
        }
    }
}

fn check_array(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<String>) {
    let count = items.len() as u64;
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        causes.push(format!("{path}: Too many: {count}: must have at most {most} items"));
    }
    if let Some(least) = schema["minItems"].as_u64().filter(|least| count < *least) {
        causes.push(format!("{path}: Invalid value: {count}: {path} in body should have at least {least} items"));
    }
    if schema["x-kubernetes-list-type"] == "map" {
        check_keys(schema, items, path, causes);
    }
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), causes);
    }
}

fn check_keys(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<String>) {
    let keys = schema["x-kubernetes-list-map-keys"].as_array().cloned().unwrap_or_default();
    let key_of = |item: &Value| -> Map<String, Value> {
        keys.iter().filter_map(Value::as_str).map(|k| (k.to_owned(), item[k].clone())).collect()
    };
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|other| key_of(other) == key_of(item)) {
            causes.push(format!("{path}[{index}]: Duplicate value: {}", Value::Object(key_of(item))));
        }
    }
}

fn check_scalar(schema: &Value, value: &Value, path: &str, causes: &mut Vec<String>) {
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        let list = allowed.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        causes.push(format!("{path}: Unsupported value: {value}: supported values: {list}"));
    }
    if let Some(number) = value.as_f64() {
        if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
            causes.push(format!(
                "{path}: Invalid value: {value}: {path} in body should be greater than or equal to {least}"
            ));
        }
        if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
            causes
                .push(format!("{path}: Invalid value: {value}: {path} in body should be less than or equal to {most}"));
        }
    }
    if let Some(text) = value.as_str() {
        check_text(schema, text, path, causes);
    }
}

fn check_text(schema: &Value, text: &str, path: &str, causes: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        causes.push(format!("{path}: Too long: may not be more than {most} bytes"));
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        causes.push(format!("{path}: Invalid value: {text:?}: {path} in body should be at least {least} chars long"));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !matches(pattern, text)
    {
        causes.push(format!("{path}: Invalid value: {text:?}: {path} in body should match '{pattern}'"));
    }
    if schema["format"] == "date-time" && text.parse::<jiff::Timestamp>().is_err() {
        causes.push(format!("{path}: Invalid value: {text:?}: {path} in body must be of type date-time: {text:?}"));
    }
}

/// Patterns are few and used again and again; compiling one takes longer than all else.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = compiled.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

fn type_matches(wanted: Option<&str>, value: &Value, nullable: bool) -> bool {
    match (wanted, value) {
        (_, Value::Null) => nullable || wanted.is_none(),
        (None, _)
        | (Some("object"), Value::Object(_))
        | (Some("array"), Value::Array(_))
        | (Some("string"), Value::String(_))
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_)) => true,
        (Some("integer"), Value::Number(number)) => {
            number.is_i64() || (!number.is_u64() && number.as_f64().is_some_and(|f| f.fract() == 0.0))
        }
        _ => false,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
