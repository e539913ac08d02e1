//! The finished status, in the room that the schema gives it.
//!
//! Names, figures and messages come from predictors, tools, kubelets and manifests. A status that the API server refuses is
//! refused again at the next look, and nothing that was decided is ever recorded: so whatever is written fits.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::api::BenchmarkComparisonStatus;
use crate::api::crd::crd;

/// What a required text becomes that nothing is left of.
const UNKNOWN: &str = "Unknown";

/// The schema of the status in the CustomResourceDefinition that is installed with this version.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(crd()).unwrap_or_default();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"].clone()
});

/// The patterns of the schema, by their text.
static PATTERNS: LazyLock<HashMap<String, Regex>> = LazyLock::new(|| {
    let mut found = HashMap::new();
    collect_patterns(&SCHEMA, &mut found);
    found
});

fn collect_patterns(schema: &Value, found: &mut HashMap<String, Regex>) {
    if let Some(pattern) = schema["pattern"].as_str()
        && let Ok(regex) = Regex::new(pattern)
    {
        found.insert(pattern.to_owned(), regex);
    }
    let fields = schema["properties"].as_object().into_iter().flat_map(Map::values);
    fields.chain(schema.get("items")).for_each(|inner| collect_patterns(inner, found));
}

/// The status as the API server accepts it: texts and lists are cut, numbers saturate. What fits already stays as it is, and
/// values of an enum are the schema's own.
pub fn fit(status: BenchmarkComparisonStatus) -> BenchmarkComparisonStatus {
    let Ok(mut value) = serde_json::to_value(&status) else { return status };
    let before = value.clone();
    fit_value(&SCHEMA, &mut value);
    if value == before {
        return status;
    }
    // Every value that is put in another's place has its type.
    serde_json::from_value(value).unwrap_or(status)
}

fn fit_value(schema: &Value, value: &mut Value) {
    match value {
        Value::String(text) => fit_text(schema, text),
        Value::Number(_) => fit_number(schema, value),
        Value::Array(items) => {
            fit_list(schema, items);
            items.iter_mut().for_each(|item| fit_value(&schema["items"], item));
        }
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, field)| fit_value(&schema["properties"][key], field))
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn limit(schema: &Value, name: &str) -> Option<usize> {
    schema[name].as_u64().and_then(|limit| usize::try_from(limit).ok())
}

fn fit_list(schema: &Value, items: &mut Vec<Value>) {
    let keys: Vec<&str> =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !keys.is_empty() {
        let mut seen: Vec<Vec<Value>> = vec![];
        items.retain(|item| {
            let key: Vec<Value> = keys.iter().map(|key| item[*key].clone()).collect();
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }
    if let Some(most) = limit(schema, "maxItems") {
        items.truncate(most);
    }
}

/// The API server counts the characters of a text, not its bytes.
fn fit_text(schema: &Value, text: &mut String) {
    if let Some(most) = limit(schema, "maxLength").filter(|most| text.chars().count() > *most) {
        *text = shorter_number(text, most).unwrap_or_else(|| cut(text, most));
    }
    let too_short = limit(schema, "minLength").is_some_and(|least| text.chars().count() < least);
    let pattern = schema["pattern"].as_str().and_then(|pattern| PATTERNS.get(pattern));
    if too_short || pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        *text = UNKNOWN.into();
    }
    if schema["format"] == "date-time" && !is_date_time(text) {
        *text = Timestamp::UNIX_EPOCH.to_string();
    }
}

/// A figure that is cut off would be another figure: it is written with an exponent.
fn shorter_number(text: &str, most: usize) -> Option<String> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let sign = if text.starts_with('+') { "+" } else { "" };
    (0..=6).rev().map(|digits| format!("{sign}{number:.digits$e}")).find(|short| short.len() <= most)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most.saturating_sub(1)).chain(['…']).take(most).collect()
}

/// Whether it is a time as RFC 3339 writes it: its years have four digits and no sign.
fn is_date_time(text: &str) -> bool {
    !text.starts_with(['-', '+']) && text.parse::<Timestamp>().is_ok()
}

fn fit_number(schema: &Value, value: &mut Value) {
    let Some(number) = value.as_f64() else { return };
    let most = schema["maximum"].as_f64().or((schema["format"] == "int32").then(|| f64::from(i32::MAX)));
    let least = schema["minimum"].as_f64().or((schema["format"] == "int32").then(|| f64::from(i32::MIN)));
    let bound = most.filter(|most| number > *most).or(least.filter(|least| number < *least));
    if let Some(bound) = bound {
        *value = if schema["type"] == "integer" { json!(bound as i64) } else { json!(bound) };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::api::{AnyReason, Deployed, EarlyEnd, Ended, Role, Run, VariantStatus};
    use crate::lifecycle::time::stamp;

    #[rstest]
    #[case::short("{}", "as it is", "as it is")]
    #[case::characters(r#"{"maxLength": 3}"#, "ééé", "ééé")]
    #[case::long(r#"{"maxLength": 3}"#, "éééé", "éé…")]
    #[case::a_figure(r#"{"maxLength": 24}"#, "10000000000000000000000000000.000", "1.000000e28")]
    #[case::a_signed_figure(r#"{"maxLength": 16}"#, "+123456789012345678.9", "+1.234568e17")]
    #[case::a_long_figure_in_little_room(r#"{"maxLength": 4}"#, "123456789", "1e8")]
    #[case::empty(r#"{"minLength": 1}"#, "", "Unknown")]
    #[case::before_the_first_year(r#"{"format": "date-time"}"#, "-009999-01-02T00:00:00Z", "1970-01-01T00:00:00Z")]
    #[case::a_time(r#"{"format": "date-time"}"#, "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z")]
    fn a_text_fits(#[case] schema: &str, #[case] text: &str, #[case] fitted: &str) {
        let mut text = text.to_owned();
        fit_text(&serde_json::from_str(schema).unwrap(), &mut text);
        assert_eq!(text, fitted);
    }

    #[rstest]
    #[case::counted(r#"{"type": "integer", "format": "int32", "minimum": 0.0}"#, json!(u32::MAX), json!(i32::MAX))]
    #[case::negative(r#"{"type": "integer", "format": "int32", "minimum": 0.0}"#, json!(-1), json!(0))]
    #[case::long(r#"{"type": "integer", "format": "int64"}"#, json!(i64::MAX), json!(i64::MAX))]
    #[case::a_fraction(r#"{"type": "number", "maximum": 1.5}"#, json!(2.0), json!(1.5))]
    fn a_number_saturates(#[case] schema: &str, #[case] mut number: Value, #[case] fitted: Value) {
        fit_value(&serde_json::from_str(schema).unwrap(), &mut number);
        assert_eq!(number, fitted);
    }

    #[test]
    fn of_entries_with_one_key_the_first_stays() {
        let schema = json!({"maxItems": 2, "x-kubernetes-list-map-keys": ["type"]});
        let mut items =
            vec![json!({"type": "a"}), json!({"type": "a", "n": 1}), json!({"type": "b"}), json!({"type": "c"})];
        fit_list(&schema, &mut items);
        assert_eq!(items, [json!({"type": "a"}), json!({"type": "b"})]);
    }

    #[test]
    fn a_status_fits_and_is_left_alone_then() {
        let mut variant = VariantStatus::new("a-name-that-is-too-long", Role::Baseline);
        variant.gpus = Some(u32::MAX);
        variant.deployed = Some(Deployed {
            weights: Some("MIXED_PRECISION_WITH_A_NAME_OF_MANY_LETTERS".into()),
            nodes: vec!["n".repeat(300); 12],
            ..Deployed::default()
        });
        let ended = Ended {
            outcome: EarlyEnd::Failed,
            reason: AnyReason::parse("x"),
            message: "m".repeat(2000),
            time: stamp(Timestamp::MIN),
        };
        let run = Run { ended: Some(ended), ..Run::new(1, String::new(), stamp(Timestamp::MAX)) };
        let status = BenchmarkComparisonStatus {
            run: Some(run),
            variants: vec![variant; 8],
            ..BenchmarkComparisonStatus::default()
        };
        let fitted = fit(status);
        assert_eq!(fitted.variants.len(), 6);
        let deployed = fitted.variants[0].deployed.clone().unwrap();
        assert_eq!((deployed.weights.unwrap().chars().count(), deployed.nodes.len()), (32, 10));
        assert_eq!(fitted.variants[0].gpus, Some(i32::MAX.unsigned_abs()));
        assert_eq!(fitted.run.as_ref().unwrap().ended.as_ref().unwrap().message.chars().count(), 1024);
        assert_eq!(fit(fitted.clone()), fitted);
    }
}
