//! The operator at work on a real API server, with the rights and under the policies it is installed with. No pod ever runs
//! there, so runs go as far as the deployment of their variants, and back.

mod features;
mod kinds;
mod requests;
mod stage;

use bcmp::api::labels;
use serde_json::{Value, json};

/// A server of eight GPUs with something in its pods' specification.
fn server(name: &str, pod: &Value) -> [Value; 2] {
    let mut spec = json!({
        "nodeSelector": {"bcmp.dev/test": "no-node"},
        "containers": [{"name": "main", "image": "registry.example/runtime:1.3.0",
                        "command": ["vllm", "serve", "Qwen/Qwen3-32B", "--tensor-parallel-size", "8"],
                        "resources": {"limits": {"nvidia.com/gpu": "8"}}}],
    });
    merge(&mut spec, pod);
    let (selector, labels) = (json!({"matchLabels": {"app": name}}), json!({"app": name}));
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    [
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
               "spec": {"replicas": 1, "selector": selector, "template": template}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
               "spec": {"selector": labels, "ports": [{"name": "http", "port": 8000}]}}),
    ]
}

/// Fields are added, and those of the first element of a list to the first that is there.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(from)) if !into.is_empty() => merge(&mut into[0], &from[0]),
        (into, from) => *into = from.clone(),
    }
}

/// The same Deployment as the operator would write it.
fn own_deployment(name: &str, pod: &Value) -> Value {
    let [mut deployment, _] = server(name, pod);
    deployment["metadata"]["labels"] = json!({labels::MANAGED_BY: "bcmp"});
    deployment["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "name": "c", "uid": "u"}]);
    deployment
}

/// A baseline of these manifests, and a candidate that is never reached.
fn variants(baseline: Value) -> Value {
    json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Manifests", "manifests": baseline}},
        {"name": "other", "role": "Candidate", "source": {"type": "Endpoint",
            "endpoint": {"url": "http://nobody.example:8000", "gpus": 8}}},
    ])
}

/// The same of these objects.
fn variants_of(objects: &[Value]) -> Value {
    let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
    variants(json!({"inline": documents.join("\n---\n")}))
}
