//! What the author of a file most likely meant, where the name of a field or the form of a value is wrong.

use serde_json::Value;
use strsim::jaro_winkler;

/// How similar a name has to be to be suggested, from 0 to 1.
const SIMILAR: f64 = 0.85;

/// Fields of the first version of the method, by their last name, and what there is in their place.
const GONE: [(&str, &str); 5] = [
    ("requestsPerConcurrency", "a trial has whole waves of requests now, and trialMinutes limits how long it takes"),
    ("minimumRequests", "a trial has whole waves of requests now, and trialMinutes limits how long it takes"),
    ("warmupPerConcurrency", "one wave before the first trial of a deployment warms it up now"),
    ("decisionRepetitions", "write decisionTrials, the number of trials in each round, and rounds under execution"),
    ("levelSeconds", "write trialSeconds"),
];

/// What to do about a field that an earlier version had.
pub fn gone(path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next()?;
    GONE.iter().find(|(gone, _)| *gone == name).map(|(_, cure)| *cure)
}

/// The known field next to an unknown one whose name is most similar to it.
pub fn similar_field(schema: &Value, path: &str) -> Option<String> {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = parents.split('.').filter(|part| !part.is_empty()).fold(schema, below);
    let names = parent["properties"].as_object()?.keys();
    let rated = names.map(|known| (jaro_winkler(known, name), known)).filter(|(similarity, _)| *similarity >= SIMILAR);
    rated.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known.clone())
}

/// The schema of a field: `variants[0]` is an item of `variants`.
fn below<'a>(schema: &'a Value, part: &str) -> &'a Value {
    let (name, indices) = part.split_once('[').map_or((part, 0), |(name, rest)| (name, 1 + rest.matches('[').count()));
    (0..indices).fold(&schema["properties"][name], |list, _| &list["items"])
}

/// Values that YAML reads as another type than the one that was meant, each with the way to write it.
pub fn wrong_forms(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = vec![];
    collect(schema, value, "", &mut found);
    found
}

fn collect(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(cure) = wrong_form(schema, value) {
        found.push(format!("{path}: {cure}"));
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&schema["properties"][name], inner, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn wrong_form(schema: &Value, value: &Value) -> Option<String> {
    let wanted = schema["type"].as_str().unwrap_or_default();
    let integer_or_text = schema["x-kubernetes-int-or-string"] == true;
    match value {
        Value::Number(number) if wanted == "string" || (integer_or_text && number.is_f64()) => {
            Some(format!("{number} must be a string: write \"{number}\" in quotes"))
        }
        Value::String(text) if wanted == "integer" && text.parse::<i64>().is_ok() => {
            Some(format!("\"{text}\" must be a number: write {text} without quotes"))
        }
        Value::Number(number) if wanted == "object" && is_range(schema) => {
            Some(format!("{number} must be an object: write {{minimum: {number}, maximum: {number}}}"))
        }
        Value::Number(_) | Value::String(_) if wanted == "object" => {
            let field = only_field(schema)?;
            // As of numbers in a text's place: fractions are written as strings.
            let written = if value.is_f64() { format!("\"{value}\"") } else { value.to_string() };
            Some(format!("{value} must be an object: write {{{field}: {written}}}"))
        }
        Value::String(text) if wanted == "array" => Some(format!("\"{text}\" must be a list: write [{text}]")),
        _ => None,
    }
}

/// Whether an object has a minimum and a maximum, and nothing else: one number may well be meant for both.
fn is_range(schema: &Value) -> bool {
    let names = schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str));
    names.eq(["maximum", "minimum"])
}

/// The field of an object that has one: a value in its place may well be meant for it.
fn only_field(schema: &Value) -> Option<&str> {
    let mut names = schema["properties"].as_object()?.keys();
    let only = names.next()?;
    names.next().is_none().then_some(only)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_in_the_place_of_an_object_is_written_out() {
        let number = json!({"type": "integer"});
        let schema = json!({"type": "object", "properties": {
            "rounds": {"type": "object", "properties": {"maximum": number, "minimum": number}},
            "budget": {"type": "object", "properties": {"gpuHours": {"type": "string"}}}}});
        let found = wrong_forms(&schema, &json!({"rounds": 3, "budget": 8}));
        assert_eq!(
            found,
            [
                "budget: 8 must be an object: write {gpuHours: 8}",
                "rounds: 3 must be an object: write {minimum: 3, maximum: 3}",
            ]
        );
    }
}
