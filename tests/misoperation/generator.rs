//! Changes of an object, derived from the schema of its kind: each field by type, bounds and meaning, alone and in pairs.

use std::collections::BTreeSet;

use bcmp::simulation::engine::random::Random;
use serde_json::{Map, Value, json};

/// Characters of a text that is longer than any field should be.
const LONG: usize = 70_000;
/// Levels of a value that is nested more deeply than any field should be.
const DEEP: usize = 200;

/// By which idea a field is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Idea {
    Absent,
    Type,
    Bounds,
    Meaning,
}

impl Idea {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Type => "type",
            Self::Bounds => "bounds",
            Self::Meaning => "meaning",
        }
    }
}

/// Another value of one field.
#[derive(Clone, Debug)]
pub struct Change {
    /// JSON pointer.
    pub place: String,
    pub idea: Idea,
    /// Nothing: the field is removed.
    pub to: Option<Value>,
}

impl Change {
    fn new(place: &str, idea: Idea, to: Value) -> Self {
        Self { place: place.to_owned(), idea, to: Some(to) }
    }

    pub fn apply(&self, object: &mut Value) {
        let Some((parent, key)) = self.place.rsplit_once('/') else { return };
        // The other change of a pair may have put something else in the parent's place.
        let Some(parent) = object.pointer_mut(parent) else { return };
        let key = key.replace("~1", "/").replace("~0", "~");
        match (parent, &self.to) {
            (Value::Object(fields), Some(value)) => drop(fields.insert(key, value.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&key)),
            (Value::Array(items), to) => {
                let Some(index) = key.parse::<usize>().ok().filter(|index| *index < items.len()) else { return };
                match to {
                    Some(value) => items[index] = value.clone(),
                    None => drop(items.remove(index)),
                }
            }
            _ => {}
        }
    }

    /// The field as messages write it: `spec.variants[0].name`.
    pub fn field(&self) -> String {
        self.place.trim_start_matches('/').split('/').fold(String::new(), |text, part| match part.parse::<usize>() {
            Ok(index) => format!("{text}[{index}]"),
            Err(_) if text.is_empty() => part.to_owned(),
            Err(_) => format!("{text}.{}", part.replace("~1", "/").replace("~0", "~")),
        })
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let to = self.to.as_ref().map_or("removed".into(), |value| format!("= {:.60}", value.to_string()));
        format!("{} {to} ({})", self.field(), self.idea.as_str())
    }
}

/// What is made of the base: one change, or two.
#[derive(Clone, Debug)]
pub struct Mutant(pub Vec<Change>);

impl Mutant {
    pub fn of(&self, base: &Value) -> Value {
        let mut object = base.clone();
        self.0.iter().for_each(|change| change.apply(&mut object));
        object
    }

    pub fn line(&self) -> String {
        self.0.iter().map(Change::line).collect::<Vec<_>>().join(" and ")
    }
}

/// As many objects as wanted: all single changes and pairs for the rest, or of both a part.
pub fn mutants(schema: &Value, base: &Value, wanted: usize, seed: u64) -> Vec<Mutant> {
    let mut random = Random::new(seed, 0);
    let singles = singles(schema, base);
    let alone: Vec<Mutant> = if wanted >= singles.len() {
        singles.iter().map(|change| Mutant(vec![change.clone()])).collect()
    } else {
        (0..wanted.div_ceil(2)).map(|_| Mutant(vec![singles[random.below(singles.len())].clone()])).collect()
    };
    // Two changes of which each may be accepted: what has a wrong type was refused alone.
    let plausible: Vec<&Change> = singles.iter().filter(|change| change.idea != Idea::Type).collect();
    let mut all = alone;
    while all.len() < wanted {
        let (first, second) = (plausible[random.below(plausible.len())], plausible[random.below(plausible.len())]);
        let nested = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
        if !nested(&first.place, &second.place) && !nested(&second.place, &first.place) {
            all.push(Mutant(vec![first.clone(), second.clone()]));
        }
    }
    all
}

/// Every single change of what the schema has a place for in the base.
pub fn singles(schema: &Value, base: &Value) -> Vec<Change> {
    let mut all = vec![];
    walk(schema, base, "", &mut all);
    all.retain(|change| base.pointer(&change.place) != change.to.as_ref());
    let mut seen = BTreeSet::new();
    all.retain(|change| seen.insert((change.place.clone(), change.to.as_ref().map(Value::to_string))));
    all
}

fn walk(schema: &Value, value: &Value, place: &str, all: &mut Vec<Change>) {
    // Of the metadata only what the operator reads is changed: the rest is the API server's matter.
    let of_metadata = place.starts_with("/metadata");
    if place.starts_with("/spec") || place.starts_with("/metadata/annotations/") {
        all.push(Change { place: place.to_owned(), idea: Idea::Absent, to: None });
        all.extend(meanings(schema, value).into_iter().map(|to| Change::new(place, Idea::Meaning, to)));
    }
    if !place.is_empty() && !of_metadata {
        all.extend(types().into_iter().map(|to| Change::new(place, Idea::Type, to)));
        all.extend(bounds(schema, value).into_iter().map(|to| Change::new(place, Idea::Bounds, to)));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &value[name], &format!("{place}/{}", escaped(name)), all);
    }
    let extra = &schema["additionalProperties"];
    if let (Some(fields), true) = (value.as_object(), extra.is_object()) {
        fields.iter().for_each(|(name, inner)| walk(extra, inner, &format!("{place}/{}", escaped(name)), all));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        walk(&schema["items"], item, &format!("{place}/{index}"), all);
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// One value of each type, and what no type expects.
fn types() -> Vec<Value> {
    let nested = (0..DEEP).fold(json!("deep"), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!("text"),
        json!(""),
        json!([]),
        json!([null]),
        json!({}),
        json!({"unknownField": 1}),
        nested,
    ]
}

/// At the limits that the schema sets, one beyond, and far beyond.
fn bounds(schema: &Value, value: &Value) -> Vec<Value> {
    let mut found = vec![];
    let kind = schema["type"].as_str().unwrap_or_default();
    let either = schema["x-kubernetes-int-or-string"] == true;
    if kind == "integer" || kind == "number" || either {
        for limit in ["minimum", "maximum"].iter().filter_map(|name| schema[*name].as_f64()) {
            found.extend([-1, 0, 1].map(|step| json!(limit as i64 + step)));
        }
        found.extend([0, i64::from(i32::MAX), 1 << 31, 3_000_000_000, i64::MAX, i64::MIN].map(|number| json!(number)));
        found.push(json!(u64::MAX));
    }
    if kind == "string" || either {
        let start = value.as_str().unwrap_or_default();
        let of_length = |length: usize| json!(lengthened(start, length));
        for limit in ["minLength", "maxLength"].iter().filter_map(|name| schema[*name].as_u64()) {
            let limit = usize::try_from(limit).unwrap_or(0);
            found.extend([limit.saturating_sub(1), limit, limit + 1].map(of_length));
        }
        found.push(of_length(LONG));
    }
    if let Some(items) = value.as_array().filter(|items| !items.is_empty()) {
        let of_count = |count: usize| Value::Array(items.iter().cycle().take(count).cloned().collect());
        for limit in ["minItems", "maxItems"].iter().filter_map(|name| schema[*name].as_u64()) {
            let limit = usize::try_from(limit).unwrap_or(0);
            found.extend([limit.saturating_sub(1), limit, limit + 1].map(of_count));
        }
        found.extend([1, items.len() * 2].map(of_count));
        found.push(Value::Array(items.iter().rev().cloned().collect()));
    }
    if let (Some(most), true) = (schema["maxProperties"].as_u64(), value.is_object()) {
        let item = value.as_object().and_then(|fields| fields.values().next()).cloned().unwrap_or(json!("1"));
        let of_count = |count: u64| {
            Value::Object((0..count).map(|n| (format!("example.org/k{n}"), item.clone())).collect::<Map<_, _>>())
        };
        found.extend([most, most + 1].map(of_count));
    }
    found
}

/// The first characters of a text, or the text and more of what it ends in.
fn lengthened(start: &str, length: usize) -> String {
    let fill = start.chars().next_back().filter(char::is_ascii_alphanumeric).unwrap_or('x');
    start.chars().chain(std::iter::repeat(fill)).take(length).collect()
}

/// What people write by mistake, what other systems write, and what somebody writes who means harm.
const TEXTS: [&str; 34] = [
    "0",
    "1",
    "-1",
    "1e3",
    "NaN",
    "Infinity",
    "0.0",
    "0.0000001",
    "99999999999999999999",
    "007",
    "+5",
    "1,5",
    "50%",
    "true",
    "null",
    "~",
    "UPPER",
    "two words",
    " padded ",
    "-leading",
    "trailing-",
    "a.b",
    "a/b",
    "../../etc/passwd",
    "/",
    "a:b@sha256:0",
    "$(HOME)",
    "{{ .Values.x }}",
    "'; rm -rf / #",
    "a\nb: c",
    "é\u{1F980}",
    "\u{202e}txt",
    "http://[::1]:99999/",
    "500m",
];

fn meanings(schema: &Value, value: &Value) -> Vec<Value> {
    let mut found = vec![];
    for choice in schema["enum"].as_array().into_iter().flatten() {
        found.push(choice.clone());
        found.extend(choice.as_str().map(|text| json!(text.to_lowercase())));
    }
    let either = schema["x-kubernetes-int-or-string"] == true;
    if schema["enum"].is_null() && (schema["type"] == "string" || either) {
        found.extend(TEXTS.map(|text| json!(text)));
    }
    if schema["type"] == "boolean" {
        found.extend([json!(true), json!(false)]);
    }
    if let Some(number) = value.as_i64() {
        found.extend([json!(number.saturating_mul(2)), json!(number / 2), json!(number + 1), json!(1)]);
    }
    if let (Some(fields), true) = (value.as_object(), schema["additionalProperties"].is_object()) {
        let item = fields.values().next().cloned().unwrap_or(json!("1"));
        found.extend(TEXTS.map(|text| json!({ text: item })));
    }
    found
}
