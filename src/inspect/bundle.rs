//! Everything about a run in files for somebody who is to help: never a Secret, and no values that may be secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::BenchmarkComparisonSpec;
use crate::plan::secrets::{self, HIDDEN};
use crate::report::redact;

/// Shorter values are words like others: they are hidden where they stand, and not looked for in texts.
const SHORTEST_SECRET: usize = 8;
/// What a bundle is about, and what it lacks.
const README: &str = "README.txt";

/// The files of a bundle, as they are collected.
#[derive(Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, String>,
    /// Values that are looked for in every text.
    secrets: Vec<String>,
    /// What could not be read, and why.
    missing: Vec<String>,
}

impl Bundle {
    /// An empty bundle about a comparison. `specs`: as it is, and as it was when the run began.
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a BenchmarkComparisonSpec>) -> Self {
        let mut secrets: Vec<String> = specs.into_iter().flat_map(secrets_of).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets, ..Self::default() }
    }

    /// Adds an object as YAML. A Secret is never added.
    pub fn object(&mut self, path: &str, object: Value) {
        if object["kind"] == "Secret" {
            return;
        }
        let mut object = redact::object(object);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let text = serde_saphyr::to_string(&object).unwrap_or_else(|_| HIDDEN.to_owned());
        self.text(path, &text);
    }

    /// Adds a text, such as a log.
    pub fn text(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), secrets::masked(text, &self.secrets));
    }

    /// Notes what could not be read.
    pub fn missing(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    /// What could not be read.
    pub fn gaps(&self) -> &[String] {
        &self.missing
    }

    /// The files, with one that says what they are: path → content.
    pub fn finish(mut self, about: &str) -> BTreeMap<String, String> {
        let files: String = self.files.keys().map(|path| format!("  {path}\n")).collect();
        let missing: String = match self.missing.is_empty() {
            true => "  nothing\n".into(),
            false => self.missing.iter().map(|what| format!("  {what}\n")).collect(),
        };
        let readme = format!(
            "{about}\n\nSecrets are not in here, and these are replaced by \"{HIDDEN}\": values of environment variables, API keys\n\
             and headers among arguments. Read the logs before you hand them on: what an engine prints is not known.\n\n\
             Files:\n{files}\nNot in here:\n{missing}"
        );
        self.text(README, &readme);
        self.files
    }
}

fn secrets_of(spec: &BenchmarkComparisonSpec) -> Vec<String> {
    let of_arguments = secrets::secrets(&spec.load.extra_arguments);
    let of_variables = spec.load.env.iter().filter_map(|variable| variable.value.clone());
    of_variables.filter(|value| value.len() >= SHORTEST_SECRET).chain(of_arguments).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::spec;

    #[test]
    fn no_secret_is_in_any_file() {
        let mut value = json!(spec());
        value["load"]["env"] = json!([{"name": "TOKEN", "value": "hunter2-env"}, {"name": "SHORT", "value": "1"}]);
        value["load"]["extraArguments"] = json!(["--api-key", "hunter2-key"]);
        let spec: BenchmarkComparisonSpec = serde_json::from_value(value.clone()).unwrap();
        let mut bundle = Bundle::new([&spec]);
        bundle.object(
            "comparison.yaml",
            json!({"kind": "BenchmarkComparison", "spec": value.clone(), "metadata": {
            "managedFields": [{}], "annotations": {"last-applied": json!({"spec": value.clone()}).to_string()}}}),
        );
        bundle.object(
            "plan.yaml",
            json!({"kind": "ConfigMap", "data": {"plan.json": json!({"spec": value}).to_string()}}),
        );
        bundle.object("pod.yaml", json!({"kind": "Pod", "spec": {"containers": [
            {"name": "main", "args": ["serve", "--api-key=hunter2-arg"], "env": [{"name": "KEY", "value": "hunter2-pod"}]}]}}));
        bundle.object("secret.yaml", json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}}));
        bundle.text("logs/load.log", "using hunter2-env and hunter2-key, level 1");
        bundle.missing("nodes: not allowed");
        let files = bundle.finish("about");
        for (path, text) in &files {
            assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{path}: {text}");
        }
        assert_eq!(files["logs/load.log"], "using (not shown) and (not shown), level 1");
        assert!(files["pod.yaml"].contains("name: KEY") && files["plan.yaml"].contains("TOKEN"), "{files:#?}");
        assert!(!files.contains_key("secret.yaml") && !files["comparison.yaml"].contains("managedFields"));
        assert!(
            files[README].contains("  logs/load.log\n") && files[README].contains("  nodes: not allowed\n"),
            "{}",
            files[README]
        );
    }

    #[test]
    fn manifests_within_documents_have_no_values() {
        let manifest = "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - env:\n        - {name: KEY, value: hunter2}\n";
        let mut bundle = Bundle::new([&spec()]);
        bundle.object("a.yaml", json!({"kind": "ConfigMap", "data": {"k8s.yaml": manifest, "doc.json": json!({"inline": manifest}).to_string()}}));
        let files = bundle.finish("about");
        assert!(!files["a.yaml"].contains("hunter2") && files["a.yaml"].contains("KEY"), "{}", files["a.yaml"]);
    }
}
