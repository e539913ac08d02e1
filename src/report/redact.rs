//! What of a spec may be handed on: a report leaves the namespace. One place for every secret that a spec may hold.

use serde_json::{Map, Value};

use crate::api::{BenchmarkComparisonSpec, Scalar};
use crate::plan::secrets::{HIDDEN, hidden};

/// The spec without values that may be secrets, and that measure nothing: those of variables, wherever they are given, and
/// those of keys and headers among arguments.
pub fn redacted(spec: BenchmarkComparisonSpec) -> BenchmarkComparisonSpec {
    let mut spec = spec;
    for variable in spec.load.env.iter_mut().filter(|variable| variable.value.is_some()) {
        variable.value = Some(HIDDEN.into());
    }
    spec.load.extra_arguments = hidden(&spec.load.extra_arguments);
    for variant in &mut spec.variants {
        let manifests = variant.source.manifests.as_mut();
        if let Some(inline) = manifests.and_then(|manifests| manifests.inline.as_mut()) {
            *inline = without_values(inline);
        }
        for operation in variant.patches.iter_mut().filter_map(|patch| patch.operations.as_mut()).flatten() {
            if let Some(Scalar::Text(text)) = operation.value.as_mut()
                && sets_a_variable(&operation.path)
            {
                *text = HIDDEN.into();
            }
            operation.yaml = operation.yaml.take().map(|yaml| without_values_at(&operation.path, yaml));
        }
    }
    spec
}

/// An object of a cluster without values that may be secrets: those of variables, of keys and headers among arguments, and the
/// same within documents that its texts are.
pub fn object(mut value: Value) -> Value {
    hide(&mut value, false);
    texts(&mut value);
    value
}

/// Hides values in texts that are documents themselves: plans, manifests, what kubectl applied last.
fn texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(texts),
        Value::Object(fields) => fields.values_mut().for_each(texts),
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(document) = serde_json::from_str::<Value>(text) {
                *text = object(document).to_string();
            }
        }
        Value::String(text) if text.contains('\n') && SUSPICIOUS.iter().any(|word| text.contains(word)) => {
            *text = without_values(text);
        }
        _ => {}
    }
}

/// What texts over several lines contain that may set variables or keys.
const SUSPICIOUS: [&str; 4] = ["env:", "envs:", "--api-key", "--header"];

fn is_list_of_variables(key: Option<&str>) -> bool {
    matches!(key, Some("env" | "envs"))
}

/// `…/env/0/value`.
fn sets_a_variable(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    parts.next() == Some("value") && is_list_of_variables(parts.nth(1))
}

/// What an operation sets at a path as it is, but for the values; what cannot be read is not shown.
fn without_values_at(path: &str, yaml: String) -> String {
    let Ok(mut value) = serde_saphyr::from_str::<Value>(&yaml) else { return HIDDEN.to_owned() };
    let before = value.clone();
    hide_at(path, &mut value);
    if value == before {
        return yaml;
    }
    serde_saphyr::to_string(&value).unwrap_or_else(|_| HIDDEN.to_owned())
}

/// Manifests as they are, but for the values; one that cannot be read is not shown.
fn without_values(manifests: &str) -> String {
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(manifests);
    let Ok(mut documents) = documents else { return format!("{HIDDEN}: it cannot be read as YAML") };
    let before = documents.clone();
    documents.iter_mut().for_each(|document| hide(document, false));
    if documents == before {
        return manifests.to_owned();
    }
    let written: Result<Vec<String>, _> = documents.iter().map(serde_saphyr::to_string).collect();
    written.map_or_else(|_| HIDDEN.to_owned(), |written| written.join("---\n"))
}

/// Hides values in an object that is an operation of a patch.
fn hide_in_operation(fields: &mut Map<String, Value>) {
    let Some(path) = fields.get("path").and_then(Value::as_str).map(str::to_owned) else { return };
    if !fields.contains_key("op") {
        return;
    }
    if let Some(value) = fields.get_mut("value") {
        hide_at(&path, value);
    }
    if let Some(Value::String(yaml)) = fields.get_mut("yaml") {
        *yaml = without_values_at(&path, std::mem::take(yaml));
    }
}

/// Hides values in what stands, or is set, at a path.
fn hide_at(path: &str, value: &mut Value) {
    if sets_a_variable(path) && value.is_string() {
        *value = HIDDEN.into();
    }
    let (of, _) = path.rsplit_once('/').unwrap_or_default();
    let list = [path, of].iter().any(|path| is_list_of_variables(path.rsplit('/').next()));
    hide(value, list);
}

/// Hides values of variables below `env` and `envs`, and secrets among arguments. `variables`: the value is such a list, or
/// an entry of one.
fn hide(value: &mut Value, variables: bool) {
    match value {
        Value::Array(items) => {
            if items.iter().all(Value::is_string) {
                let texts: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
                *items = hidden(&texts).into_iter().map(Value::String).collect();
            }
            items.iter_mut().for_each(|item| hide(item, variables));
        }
        Value::Object(fields) => {
            hide_in_operation(fields);
            for (key, field) in fields {
                if variables && key == "value" && field.is_string() {
                    *field = HIDDEN.into();
                }
                hide(field, is_list_of_variables(Some(key.as_str())));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::spec;

    fn with_secrets() -> Value {
        let inline = "# mine\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        \
                      args: [serve, --api-key, hunter2-argument]\n        env:\n        - name: KEY\n          value: hunter2-inline\n";
        let mut document = json!(spec());
        document["load"]["env"] = json!([{"name": "TOKEN", "value": "hunter2-env"}]);
        document["load"]["extraArguments"] = json!(["--api-key", "hunter2", "--header=Authorization: Bearer hunter2"]);
        document["variants"][0]["source"] = json!({"type": "Manifests", "manifests": {"inline": inline}});
        document["variants"][0]["patches"] = json!([{"target": {"kind": "Deployment"}, "operations": [
            {"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "hunter2-patch"},
            {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "yaml": "{name: B, value: hunter2-added}"},
            {"op": "add", "path": "/spec/template/spec/containers/0/env", "yaml": "- {name: C, value: hunter2-list}"},
            {"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "yaml": "hunter2-yaml"},
            {"op": "replace", "path": "/spec/replicas", "value": 2},
        ]}]);
        document
    }

    /// As a spec, and as what stands in objects: in the comparison, in its plan, and in what kubectl applied last.
    #[test]
    fn no_secret_of_a_spec_is_left_in_any_object() {
        let spec = with_secrets();
        let stored = object(json!({"spec": spec, "data": {"plan.json": json!({"spec": spec}).to_string()}}));
        assert!(!stored.to_string().contains("hunter2"), "{stored}");
        assert_eq!(stored["spec"]["variants"][0]["patches"][0]["operations"][4]["value"], 2);
    }

    #[test]
    fn no_secret_of_a_spec_is_left() {
        let redacted = json!(redacted(serde_json::from_value(with_secrets()).unwrap()));
        let text = redacted.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(redacted["load"]["extraArguments"], json!(["--api-key", HIDDEN, format!("--header={HIDDEN}")]));
        assert_eq!(redacted["variants"][0]["patches"][0]["operations"][4]["value"], 2);
        assert!(text.contains("kind: Deployment") && text.contains("name: KEY"), "{text}");
    }

    #[test]
    fn manifests_without_secrets_are_shown_as_they_were_written() {
        let inline = "# mine\nkind: A\n---\nkind: B\n";
        assert_eq!(without_values(inline), inline);
        assert_eq!(without_values("a: [1\nb"), "(not shown): it cannot be read as YAML");
    }
}
