//! What a graph's status says of its Deployments.

use serde_json::{Map, Value, json};

use super::{child_name, text, to_beta};

/// What a graph's status says.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphStatus {
    /// `initializing`, `pending`, `successful` or `failed`.
    pub state: &'static str,
    /// Status of the condition `Ready`.
    pub ready: &'static str,
    pub reason: &'static str,
    pub message: String,
    /// Replica counts by component.
    pub components: Value,
}

/// The status of a graph, in either version, whose Deployments are as given. Crash loops and unschedulable pods stay `pending` for ever,
/// and a worker with no replicas is as good as ready.
pub fn status(graph: &Value, deployments: &[Value], failure: Option<&str>) -> GraphStatus {
    let graph = &to_beta(graph);
    let mut components = Map::new();
    let mut lacking = vec![];
    for component in graph["spec"]["components"].as_array().into_iter().flatten() {
        let name = child_name(graph, component);
        let wanted = component["replicas"].as_u64().unwrap_or(1);
        let found = deployments.iter().find(|d| d["metadata"]["name"] == *name);
        let count = |field: &str| found.and_then(|d| d["status"][field].as_u64()).unwrap_or(0);
        if found.is_none() || count("readyReplicas") < wanted {
            lacking.push(format!("{}: ready replicas {}/{wanted}", text(component, "name"), count("readyReplicas")));
        }
        components.insert(
            text(component, "name").to_owned(),
            json!({
                "componentKind": "Deployment", "componentName": name, "componentNames": [name], "replicas": count("replicas"),
                "updatedReplicas": count("updatedReplicas"), "readyReplicas": count("readyReplicas"),
                "availableReplicas": count("availableReplicas"),
            }),
        );
    }
    let (state, ready, reason, message) = match failure {
        Some(message) => ("failed", "False", "failed_to_reconcile_the_resources", message.to_owned()),
        None if lacking.is_empty() && !components.is_empty() => {
            ("successful", "True", "all_resources_are_ready", "All resources are ready".into())
        }
        None => {
            let message = format!("Resources not ready: {}", lacking.join("; "));
            ("pending", "False", "some_resources_are_not_ready", message)
        }
    };
    GraphStatus { state, ready, reason, message, components: Value::Object(components) }
}
