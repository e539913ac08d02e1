//! The controllers of Deployments and ReplicaSets, without rolling updates: a variant is never updated.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Timers, condition, emit_event, has_ended, is_controlled_by, owner_reference, set_condition};
use crate::simulation::api_server::{Cluster, meta, time};

pub(super) fn step(cluster: &Cluster, timers: &mut Timers) {
    let sets = cluster.list("replicasets.apps");
    let pods = cluster.list("pods");
    for deployment in cluster.list("deployments.apps") {
        let own: Vec<_> = sets.iter().filter(|set| is_controlled_by(set, &deployment)).cloned().collect();
        if own.is_empty() && meta(&deployment, "deletionTimestamp").is_empty() {
            create_set(cluster, &deployment);
        }
        write_deployment(cluster, &deployment, &own, &pods);
    }
    for set in sets {
        let own: Vec<_> = pods.iter().filter(|pod| is_controlled_by(pod, &set)).cloned().collect();
        fill(cluster, timers, &set, &own);
    }
}

fn create_set(cluster: &Cluster, deployment: &Value) {
    let hash = format!("{:08x}", deployment["spec"]["template"].to_string().len());
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", meta(deployment, "name")), "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"], "ownerReferences": owner_reference(deployment),
        },
        "spec": {"replicas": deployment["spec"]["replicas"], "selector": selector, "template": template},
    });
    // A namespace that is going takes no new content.
    let _ = cluster.create_as("kube-controller-manager", set);
}

fn wanted(object: &Value) -> usize {
    object["spec"]["replicas"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
}

fn fill(cluster: &Cluster, timers: &mut Timers, set: &Value, own: &[Arc<Value>]) {
    let alive: Vec<_> = own.iter().filter(|p| !has_ended(p) && meta(p, "deletionTimestamp").is_empty()).collect();
    let retry = format!("retry {}", meta(set, "uid"));
    let mut refusal = None;
    if meta(set, "deletionTimestamp").is_empty() {
        for _ in alive.len()..wanted(set) {
            if !timers.passed(retry.as_str(), Duration::ZERO) {
                return;
            }
            refusal = create_pod(cluster, set).err();
            if let Some(message) = &refusal {
                emit_event(cluster, set, "Warning", "FailedCreate", &format!("Error creating: {message}"));
                timers.forget(&retry);
                timers.passed(retry.as_str(), Duration::from_secs(15));
                break;
            }
        }
    }
    let now = time(cluster.now());
    let ready = alive.iter().filter(|pod| condition(pod, "Ready") == "True").count();
    cluster.edit_as("kube-controller-manager", "replicasets.apps", meta(set, "namespace"), meta(set, "name"), |set| {
        set["status"]["replicas"] = json!(alive.len());
        set["status"]["readyReplicas"] = json!(ready);
        set["status"]["observedGeneration"] = set["metadata"]["generation"].clone();
        match refusal {
            Some(message) => set_condition(set, "ReplicaFailure", "True", "FailedCreate", &message, &now),
            None => drop_condition(set, "ReplicaFailure"),
        }
    });
}

fn create_pod(cluster: &Cluster, set: &Value) -> Result<(), String> {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": set["spec"]["template"]["metadata"],
        "spec": set["spec"]["template"]["spec"],
    });
    pod["metadata"]["generateName"] = json!(format!("{}-", meta(set, "name")));
    pod["metadata"]["namespace"] = set["metadata"]["namespace"].clone();
    pod["metadata"]["ownerReferences"] = owner_reference(set);
    cluster.create_as("kube-controller-manager", pod).map(drop).map_err(|failure| failure.message)
}

fn drop_condition(object: &mut Value, kind: &str) {
    if let Some(list) = object["status"]["conditions"].as_array_mut() {
        list.retain(|c| c["type"] != kind);
    }
}

fn write_deployment(cluster: &Cluster, deployment: &Value, sets: &[Arc<Value>], pods: &[Arc<Value>]) {
    let now = time(cluster.now());
    let own = |pod: &&Arc<Value>| sets.iter().any(|set| is_controlled_by(pod, set));
    let alive: Vec<_> =
        pods.iter().filter(own).filter(|p| !has_ended(p) && meta(p, "deletionTimestamp").is_empty()).collect();
    let ready = alive.iter().filter(|pod| condition(pod, "Ready") == "True").count();
    let wanted = wanted(deployment);
    let failure = sets.iter().find_map(|set| {
        set["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == "ReplicaFailure").cloned()
    });
    let (namespace, name) = (meta(deployment, "namespace"), meta(deployment, "name"));
    cluster.edit_as("kube-controller-manager", "deployments.apps", namespace, name, |deployment| {
        let generation = deployment["metadata"]["generation"].clone();
        let status = &mut deployment["status"];
        status["observedGeneration"] = generation;
        for (field, number) in [
            ("replicas", alive.len()),
            ("updatedReplicas", alive.len()),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
            ("unavailableReplicas", wanted.saturating_sub(ready)),
        ] {
            status[field] = json!(number);
        }
        let (state, reason) = if ready >= wanted {
            ("True", "MinimumReplicasAvailable")
        } else {
            ("False", "MinimumReplicasUnavailable")
        };
        set_condition(deployment, "Available", state, reason, "", &now);
        match failure {
            Some(failure) => {
                let message = failure["message"].as_str().unwrap_or_default().to_owned();
                set_condition(deployment, "ReplicaFailure", "True", "FailedCreate", &message, &now);
            }
            None => drop_condition(deployment, "ReplicaFailure"),
        }
    });
}
