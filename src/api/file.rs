//! A comparison as people write it in a file → the type, with the defaults and the refusals of an API server.
//!
//! The schema is the one of the CRD, so a file that is read here is one that a cluster accepts, and the other way round;
//! in one thing this reader is stricter: a field that nobody knows is refused and not dropped, as strict clients do.

use serde_json::{Map, Value};

use super::crd::crd;
use super::{BenchmarkComparison, GROUP, KIND, VERSION};
use crate::schema::{Schema, default, unknown_fields};

/// Problems that are named; the rest is counted.
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
    /// A comparison that an API server would refuse.
    #[error("is refused:{}", list(.0))]
    Refused(
        /// Field and problem, one a line.
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

/// Reads the one comparison in a YAML or JSON document. A status is passed over: the object may come from a cluster.
///
/// # Errors
/// Every field that is unknown, missing or out of its range, and every rule that is not kept.
pub fn read_comparison(text: &str) -> Result<BenchmarkComparison, FileError> {
    let mut object = Value::Object(only_comparison(text)?);
    let crd = serde_json::to_value(crd()).map_err(|error| FileError::Syntax(error.to_string()))?;
    let mut schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default();
    for value in [&mut object, &mut schema["properties"]] {
        value.as_object_mut().and_then(|fields| fields.remove("status"));
    }
    default(&schema, &mut object);
    let problems = problems(schema, &object);
    if !problems.is_empty() {
        return Err(FileError::Refused(problems));
    }
    serde_path_to_error::deserialize(object)
        .map_err(|error| FileError::Refused(vec![format!("{}: {}", error.path(), error.inner())]))
}

fn problems(schema: Value, object: &Value) -> Vec<String> {
    let mut problems: Vec<String> =
        unknown_fields(&schema, object).iter().map(|field| format!("{field}: there is no such field")).collect();
    if object.pointer("/metadata/name").and_then(Value::as_str).is_none() {
        problems.push("metadata.name: Required value".into());
    }
    if problems.is_empty() { Schema::new(schema).validate(object, None) } else { problems }
}

fn only_comparison(text: &str) -> Result<Map<String, Value>, FileError> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| FileError::Syntax(error.to_string()))?;
    let mut documents: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
    let foreign = |found: &str| FileError::Foreign { found: found.to_owned() };
    match (documents.pop(), documents.len()) {
        (None, _) => Err(foreign("nothing")),
        (Some(_), 1..) => Err(foreign(&format!("{} objects", documents.len() + 1))),
        (Some(Value::Object(object)), _) => {
            let of = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or("none").to_owned();
            let (version, kind) = (of("apiVersion"), of("kind"));
            if (version.as_str(), kind.as_str()) == (&format!("{GROUP}/{VERSION}"), KIND) {
                Ok(object)
            } else {
                Err(foreign(&format!("an object with apiVersion {version} and kind {kind}")))
            }
        }
        (Some(_), _) => Err(foreign("a list or a single value")),
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
        assert_eq!(spec.sla.statistic, Statistic::Mean);
        assert_eq!(spec.load.decision_trials, 5);
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
        "spec.workload.concurency: there is no such field"
    )]
    #[case::at_the_top("spec:", "sepc: {}\nspec:", "sepc: there is no such field")]
    #[case::missing("inputTokens: 4000, ", "", "spec.workload.inputTokens: Required value")]
    #[case::range("gpusPerVariant: 8", "gpusPerVariant: 0", "spec.hardware.gpusPerVariant: Invalid value: 0")]
    #[case::kind_of_value(
        "gpusPerVariant: 8",
        "gpusPerVariant: many",
        "spec.hardware.gpusPerVariant in body must be of type integer"
    )]
    #[case::form("h200_sxm", "H200", "spec.hardware.system in body should match")]
    #[case::choice(
        "500, tpot",
        "500, statistic: Median, tpot",
        "spec.sla.statistic: Unsupported value: \"Median\": supported values: \"Mean\""
    )]
    #[case::limit(
        "\"6.5\"",
        "six",
        "spec.sla.tpotMilliseconds: Invalid value: must be a positive integer or a decimal string"
    )]
    #[case::rule(
        "workload:",
        "variants: [{name: a, role: Candidate, source: {type: Naive}}, {name: b, role: Candidate, source: {type: Naive}}]\n  workload:",
        "spec.variants: Invalid value: exactly one variant must have the role Baseline"
    )]
    #[case::item(
        "outputTokens: 500",
        "outputTokens: 500, concurrency: [1, 0]",
        "spec.workload.concurrency[1]: Invalid value: 0"
    )]
    #[case::name("name: smallest", "name: Smallest", "metadata.name must start with a letter")]
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
    #[case::several("apiVersion: a\n---\napiVersion: b\n", "holds 2 objects")]
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
    fn many_problems_are_counted() {
        let problems: Vec<String> = (0..12).map(|n| format!("field{n}: wrong")).collect();
        assert!(FileError::Refused(problems).to_string().ends_with("field9: wrong\n  and 2 more"));
    }
}
