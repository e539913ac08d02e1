//! Label and field selectors of lists and watches.

use serde_json::Value;

use super::failure::ApiFailure;

/// A parsed `labelSelector` and `fieldSelector`.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<(String, Test)>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Reads both selectors.
    pub fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, ApiFailure> {
        Ok(Self {
            labels: parse_labels(labels.unwrap_or_default())?,
            fields: parse_fields(fields.unwrap_or_default())?,
        })
    }

    /// Whether an object is selected.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = self.labels.iter().all(|(key, test)| {
            let value = object["metadata"]["labels"].get(key).and_then(Value::as_str);
            match test {
                Test::In(values) => value.is_some_and(|v| values.iter().any(|w| w == v)),
                Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|w| w != v)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        });
        labels
            && self.fields.iter().all(|(path, equal, wanted)| {
                let found = path.split('.').fold(object, |value, part| &value[part]);
                (found.as_str().unwrap_or_default() == wanted) == *equal
            })
    }
}

fn parse_labels(text: &str) -> Result<Vec<(String, Test)>, ApiFailure> {
    split_outside_parentheses(text).into_iter().map(|part| parse_label(part.trim())).collect()
}

fn parse_label(part: &str) -> Result<(String, Test), ApiFailure> {
    let list = |text: &str| -> Vec<String> {
        text.trim().trim_matches(['(', ')']).split(',').map(|v| v.trim().to_owned()).collect()
    };
    let requirement = if let Some((key, value)) = part.split_once("!=") {
        (key, Test::NotIn(list(value)))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Test::In(list(value)))
    } else if let Some((key, values)) = part.split_once(" notin ") {
        (key, Test::NotIn(list(values)))
    } else if let Some((key, values)) = part.split_once(" in ") {
        (key, Test::In(list(values)))
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Test::Absent)
    } else {
        (part, Test::Exists)
    };
    let key = requirement.0.trim();
    if key.is_empty() || key.contains([' ', '(', ')']) {
        return Err(ApiFailure::bad_request(format!("unable to parse requirement: {part:?}")));
    }
    Ok((key.to_owned(), requirement.1))
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (vec![], 0, 0);
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

fn parse_fields(text: &str) -> Result<Vec<(String, bool, String)>, ApiFailure> {
    const KNOWN: [&str; 10] = [
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "status.phase",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "regarding.name",
    ];
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
                (path, false, value)
            } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (path, true, value)
            } else {
                return Err(ApiFailure::bad_request(format!("invalid field selector {part:?}")));
            };
            if !KNOWN.contains(&path) {
                return Err(ApiFailure::bad_request(format!("field label not supported: {path}")));
            }
            Ok((path.to_owned(), equal, value.to_owned()))
        })
        .collect()
}
