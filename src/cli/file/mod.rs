//! Reads a comparison from a file, with the defaults and the validation of an API server.
//!
//! The schema is that of the CRD, so this reader accepts a file exactly if a cluster does, with one exception: like strict
//! clients, it rejects unknown fields instead of dropping them.

mod hints;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::{Schema, default, unknown_fields};

pub use super::file_content::{FileConfigMaps, FileContent};
use crate::api::crd::crd;
use crate::api::{BenchmarkComparison, GROUP, KIND, VERSION};
use crate::manifests::variant::yaml_documents;

/// Problems that are listed; the rest are counted.
const MOST_PROBLEMS: usize = 10;

/// Why a file is not a comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Neither YAML nor JSON.
    #[error("is neither YAML nor JSON: {0}")]
    Syntax(String),
    /// Another kind of document.
    #[error("holds {found}; expected one object with apiVersion {GROUP}/{VERSION} and kind {KIND}")]
    Foreign {
        /// What it is.
        found: String,
    },
    /// A comparison that an API server would reject.
    #[error("is not valid:{}", list(.0))]
    Invalid(
        /// Field and problem, one per entry.
        Vec<String>,
    ),
}

fn list(problems: &[String]) -> String {
    let mut text: String = problems.iter().take(MOST_PROBLEMS).map(|problem| format!("\n  {problem}")).collect();
    if problems.len() > MOST_PROBLEMS {
        text.push_str(&format!("\n  and {} more", problems.len() - MOST_PROBLEMS));
    }
    text
}

/// Reads the one comparison in YAML documents or a JSON document. A status is ignored: the object may come from a cluster.
///
/// # Errors
/// Every field that is unknown, missing or out of range, and every rule that is broken.
pub fn read_comparison(text: &str) -> Result<BenchmarkComparison, FileError> {
    read_file(text).map(|content| content.comparison)
}

/// Reads the one comparison and the ConfigMaps beside it; other objects are passed over.
///
/// # Errors
/// As of [`read_comparison`].
pub fn read_file(text: &str) -> Result<FileContent, FileError> {
    let documents = yaml_documents(text).map_err(FileError::Syntax)?;
    let objects: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).flat_map(items).collect();
    let config_maps = objects.iter().filter_map(config_map).collect();
    let comparison = checked(Value::Object(only_comparison(objects)?))?;
    Ok(FileContent { comparison, config_maps })
}

/// The objects of a List, or the object itself.
fn items(mut object: Value) -> Vec<Value> {
    let is_list = object["apiVersion"] == "v1" && object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        _ => vec![object],
    }
}

fn config_map(object: &Value) -> Option<(String, BTreeMap<String, String>)> {
    if object["kind"] != "ConfigMap" {
        return None;
    }
    let entries = object["data"].as_object().into_iter().flatten();
    let texts = entries.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect();
    Some((object["metadata"]["name"].as_str()?.to_owned(), texts))
}

fn checked(mut object: Value) -> Result<BenchmarkComparison, FileError> {
    let crd = serde_json::to_value(crd()).map_err(|error| FileError::Syntax(error.to_string()))?;
    let mut schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default();
    for value in [&mut object, &mut schema["properties"]] {
        value.as_object_mut().and_then(|fields| fields.remove("status"));
    }
    default(&schema, &mut object);
    let problems = problems(schema, &object);
    if !problems.is_empty() {
        return Err(FileError::Invalid(problems));
    }
    serde_path_to_error::deserialize(object)
        .map_err(|error| FileError::Invalid(vec![format!("{}: {}", error.path(), error.inner())]))
}

fn problems(schema: Value, object: &Value) -> Vec<String> {
    let mut problems: Vec<String> =
        unknown_fields(&schema, object).iter().map(|field| unknown_field(&schema, field)).collect();
    if object.pointer("/metadata/name").and_then(Value::as_str).is_none() {
        problems.push("metadata.name: Required value".into());
    }
    problems.extend(hints::wrong_forms(&schema, object));
    let broken: Vec<String> = Schema::new(schema)
        .validate(object, None)
        .iter()
        .map(|problem| local(problem).to_owned())
        .filter(|problem| !problems.iter().any(|known| says_the_same(known, problem)))
        .collect();
    problems.extend(broken);
    problems
}

/// Whether a hint speaks of the field that breaks a rule, or of a misspelt one in the place of the one that is missing.
fn says_the_same(hint: &str, problem: &str) -> bool {
    let (misspelt, _) = hint.split_once(": ").unwrap_or((hint, ""));
    let (missing, what) = problem.split_once(": ").unwrap_or((problem, ""));
    let parent = |path: &str| path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    misspelt == missing || (what.starts_with("Required value") && parent(misspelt) == parent(missing))
}

fn unknown_field(schema: &Value, field: &str) -> String {
    if let Some(cure) = hints::gone(field) {
        return format!("{field}: no field any more: {cure}");
    }
    match hints::similar_field(schema, field) {
        Some(known) => format!("{field}: unknown field: did you mean {known}?"),
        None => format!("{field}: unknown field"),
    }
}

/// An API server begins problems of the object as a whole with `<nil>`, for the field they have not.
fn local(problem: &str) -> &str {
    problem.strip_prefix("<nil>: Invalid value: ").unwrap_or(problem)
}

fn only_comparison(objects: Vec<Value>) -> Result<Map<String, Value>, FileError> {
    let foreign = |found: String| FileError::Foreign { found };
    let text = |object: &Value, field: &str| object.get(field).and_then(Value::as_str).unwrap_or("none").to_owned();
    let is_comparison = |object: &Value| {
        (text(object, "apiVersion"), text(object, "kind")) == (format!("{GROUP}/{VERSION}"), KIND.to_owned())
    };
    let count = objects.len();
    let (mut ours, mut others): (Vec<Value>, Vec<Value>) = objects.into_iter().partition(is_comparison);
    match (ours.pop(), ours.len(), others.pop()) {
        (Some(Value::Object(object)), 0, _) => Ok(object),
        (Some(_), more, _) => Err(foreign(format!("{} comparisons", more + 1))),
        (None, _, None) => Err(foreign("nothing".into())),
        (None, _, Some(_)) if count > 1 => Err(foreign(format!("{count} objects, none of which is a comparison"))),
        (None, _, Some(object @ Value::Object(_))) => {
            let (version, kind) = (text(&object, "apiVersion"), text(&object, "kind"));
            Err(foreign(format!("an object with apiVersion {version} and kind {kind}")))
        }
        (None, _, Some(_)) => Err(foreign("a list or a single value".into())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::api::{Role, Statistic, default_variants};

    const SMALLEST: &str = "
apiVersion: bcmp.dev/v1alpha1
kind: BenchmarkComparison
metadata: {name: smallest}
spec:
  model: {name: Qwen/Qwen3-32B}
  hardware: {system: h200_sxm, gpusPerVariant: 8}
  workload: {inputTokens: 4000, outputTokens: 500}
  sla: {ttftMilliseconds: 500, tpotMilliseconds: \"6.5\"}
  runtime: {image: \"registry.example/runtime:0.5.0\"}
";

    fn said(text: &str) -> String {
        read_comparison(text).unwrap_err().to_string()
    }

    #[test]
    fn the_smallest_comparison_has_the_defaults_of_the_crd() {
        let spec = read_comparison(SMALLEST).unwrap().spec;
        assert_eq!(spec.workload.concurrency, [1, 2, 5, 10, 50, 100, 250]);
        assert_eq!(spec.variants, default_variants());
        assert_eq!(spec.variants[0].role, Role::Baseline);
        assert_eq!(spec.sla.tpot_limit().unwrap().statistic, Statistic::Mean);
        assert_eq!(spec.load.decision_trials, 2);
    }

    #[test]
    fn an_object_from_a_cluster_is_read_without_its_status() {
        let text = format!("{SMALLEST}status: {{observedGeneration: 3, anything: 1}}\n");
        assert_eq!(read_comparison(&text).unwrap(), read_comparison(SMALLEST).unwrap());
    }

    #[rstest]
    #[case::misspelt(
        "workload: {inputTokens",
        "workload: {concurency: [1], inputTokens",
        "spec.workload.concurency: unknown field: did you mean concurrency?"
    )]
    #[case::of_an_earlier_version(
        "workload:",
        "load: {decisionRepetitions: 5}\n  workload:",
        "spec.load.decisionRepetitions: no field any more: write decisionTrials"
    )]
    #[case::at_the_top("spec:", "sepc: {}\nspec:", "sepc: unknown field: did you mean spec?")]
    #[case::missing("inputTokens: 4000, ", "", "spec.workload.inputTokens: Required value")]
    #[case::range("gpusPerVariant: 8", "gpusPerVariant: 0", "spec.hardware.gpusPerVariant: Invalid value: 0")]
    #[case::kind_of_value(
        "gpusPerVariant: 8",
        "gpusPerVariant: many",
        "spec.hardware.gpusPerVariant in body must be of type integer"
    )]
    #[case::form(
        "h200_sxm",
        "H200",
        "spec.hardware.system: Invalid value: write the predictor's name of the GPU system"
    )]
    #[case::choice(
        "tpotMilliseconds: \"6.5\"",
        "tpot: {milliseconds: 7, statistic: Median}",
        "spec.sla.tpot.statistic: Unsupported value: \"Median\": supported values: \"Mean\""
    )]
    #[case::limit(
        "\"6.5\"",
        "six",
        "spec.sla.tpotMilliseconds: Invalid value: must be a positive number below 1000000000"
    )]
    #[case::fraction("\"6.5\"", "6.5", "spec.sla.tpotMilliseconds: 6.5 must be a string: write \"6.5\" in quotes")]
    #[case::list_as_text(
        "outputTokens: 500",
        "outputTokens: 500, concurrency: \"1,2,5\"",
        "spec.workload.concurrency: \"1,2,5\" must be a list: write [1,2,5]"
    )]
    #[case::number_in_quotes(
        "outputTokens: 500",
        "outputTokens: \"500\"",
        "spec.workload.outputTokens: \"500\" must be a number: write 500 without quotes"
    )]
    #[case::misspelt_in_a_list(
        "workload:",
        "variants: [{name: a, rol: Baseline, source: {type: Naive}}, {name: b, role: Candidate, source: {type: Naive}}]\n  workload:",
        "spec.variants[0].rol: unknown field: did you mean role?"
    )]
    #[case::rule(
        "workload:",
        "variants: [{name: a, role: Candidate, source: {type: Naive}}, {name: b, role: Candidate, source: {type: Naive}}]\n  workload:",
        "spec.variants: Invalid value: exactly one variant must have role Baseline"
    )]
    #[case::item(
        "outputTokens: 500",
        "outputTokens: 500, concurrency: [1, 0]",
        "spec.workload.concurrency[1]: Invalid value: 0"
    )]
    #[case::name("name: smallest", "name: Smallest", "\n  metadata.name must start with a lower-case letter")]
    #[case::no_name("name: smallest", "labels: {}", "metadata.name: Required value")]
    fn what_a_cluster_would_refuse_is_refused(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
        let changed = SMALLEST.replacen(from, to, 1);
        assert_ne!(changed, SMALLEST);
        let said = said(&changed);
        assert!(said.contains(expected), "{said}");
    }

    #[rstest]
    #[case::nothing("", "holds nothing; expected one object")]
    #[case::comments("# nothing\n---\n", "holds nothing")]
    #[case::several("apiVersion: a\n---\napiVersion: b\n", "holds 2 objects, none of which is a comparison")]
    #[case::a_list("- 1\n", "a list or a single value")]
    #[case::another_kind(
        "apiVersion: v1\nkind: Pod\n",
        "apiVersion v1 and kind Pod; expected one object with apiVersion bcmp.dev/v1alpha1"
    )]
    #[case::another_version("apiVersion: bcmp.dev/v9\nkind: BenchmarkComparison\n", "apiVersion bcmp.dev/v9")]
    #[case::broken("a: [1\n", "is neither YAML nor JSON: ")]
    fn what_is_no_comparison_is_said(#[case] text: &str, #[case] expected: &str) {
        let said = said(text);
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_comparison_among_other_objects_is_found() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {deploy.yaml: text}\n";
        let content = read_file(&format!("{map}---\n{SMALLEST}")).unwrap();
        assert_eq!(content.comparison, read_comparison(SMALLEST).unwrap());
        assert_eq!(content.config_maps["mine"]["deploy.yaml"], "text");
        let objects: Vec<Value> = yaml_documents(&format!("{map}---\n{SMALLEST}")).unwrap();
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        assert_eq!(read_file(&list).unwrap(), content);
        let two = said(&format!("{SMALLEST}---\n{SMALLEST}"));
        assert!(two.contains("holds 2 comparisons; expected one object"), "{two}");
    }

    #[test]
    fn many_problems_are_counted() {
        let problems: Vec<String> = (0..12).map(|n| format!("field{n}: wrong")).collect();
        assert!(FileError::Invalid(problems).to_string().ends_with("field9: wrong\n  and 2 more"));
    }
}
