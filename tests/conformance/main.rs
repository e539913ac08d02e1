//! What the product relies on in a cluster. Where a case can run on both, it runs on the simulated API server and, when
//! `BCMP_TEST_KUBECONFIG` names a kubeconfig, on a real one. `server` and `actors` hold the simulation to what was seen
//! on real clusters.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actors;
mod applying;
mod bed;
mod crd;
mod deleting;
mod devices;
mod dynamo_standin;
mod operating;
mod reading;
mod refusing;
mod server;
mod watching;
mod writing;

use bcmp::simulation::api_server::meta;
use serde_json::{Value, json};

/// The product's resource.
pub const COMPARISONS: &str = "benchmarkcomparisons.bcmp.dev";

pub fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"first": "1"}})
}

pub fn owned_by(mut object: Value, owner: &Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    object
}

pub fn comparison(name: &str) -> Value {
    json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": name},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
            "runtime": {"image": "registry.example/runtime:0.5.0"},
        },
    })
}

pub fn status(status: Value) -> Value {
    json!({"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {}, "status": status})
}

pub fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"containers": [{"name": "main", "image": "registry.example/none:1"}]}})
}

pub fn job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/none:1"}]}}}})
}

pub fn version(object: &Value) -> u64 {
    meta(object, "resourceVersion").parse().expect("a number")
}

pub fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().map(|item| meta(item, "name")).collect()
}
