//! Binds pods to nodes where their GPUs fit, and says with the scheduler's message where they do not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Scripts, Timers, condition, emit_event, has_ended, set_condition};
use crate::simulation::api_server::{Cluster, meta, time};

/// GPUs a pod asks for: those of containers and sidecars, or of an init container and the sidecars before it, if those are
/// more; an extended resource's limit is its request.
pub(crate) fn gpus(pod: &Value) -> u64 {
    let amount = |container: &Value| -> u64 {
        let limit = &container["resources"]["limits"]["nvidia.com/gpu"];
        limit.as_u64().or_else(|| limit.as_str()?.parse().ok()).unwrap_or(0)
    };
    let list = |name: &str| pod["spec"][name].as_array().into_iter().flatten();
    let (mut sidecars, mut before) = (0, 0);
    for container in list("initContainers") {
        match container["restartPolicy"].as_str() {
            Some("Always") => sidecars += amount(container),
            _ => before = before.max(sidecars + amount(container)),
        }
    }
    before.max(sidecars + list("containers").map(amount).sum::<u64>())
}

pub(super) fn step(cluster: &Cluster, scripts: &Scripts, timers: &mut Timers) {
    for pod in cluster.list("pods") {
        let bound = pod["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
        let gated = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
        if bound || gated || !meta(&pod, "deletionTimestamp").is_empty() {
            continue;
        }
        let script = scripts.of(&pod);
        if let Some(message) = &script.unschedulable {
            refuse(cluster, &pod, message);
        } else if timers.passed(meta(&pod, "uid"), script.schedule_after) {
            match place(cluster, &pod) {
                Ok(node) => bind(cluster, &pod, &node),
                Err(message) => refuse(cluster, &pod, &message),
            }
        }
    }
}

fn bind(cluster: &Cluster, pod: &Value, node: &str) {
    let now = time(cluster.now());
    cluster.edit_as("kube-scheduler", "pods", meta(pod, "namespace"), meta(pod, "name"), |pod| {
        pod["spec"]["nodeName"] = json!(node);
        set_condition(pod, "PodScheduled", "True", "", "", &now);
    });
}

fn refuse(cluster: &Cluster, pod: &Value, message: &str) {
    let now = time(cluster.now());
    cluster.edit_as("kube-scheduler", "pods", meta(pod, "namespace"), meta(pod, "name"), |pod| {
        set_condition(pod, "PodScheduled", "False", "Unschedulable", message, &now);
    });
    emit_event(cluster, pod, "Warning", "FailedScheduling", message);
}

fn place(cluster: &Cluster, pod: &Value) -> Result<String, String> {
    missing_claim(cluster, pod)?;
    let (nodes, pods) = (cluster.list("nodes"), cluster.list("pods"));
    let mut reasons: Vec<&str> = vec![];
    for node in &nodes {
        match why_not(node, pod, &pods) {
            None => return Ok(meta(node, "name").to_owned()),
            Some(reason) => reasons.push(reason),
        }
    }
    if nodes.is_empty() {
        return Err("no nodes available to schedule pods".into());
    }
    let mut kinds = reasons.clone();
    kinds.sort_unstable();
    kinds.dedup();
    let total = nodes.len();
    let list: Vec<String> =
        kinds.iter().map(|kind| format!("{} {kind}", reasons.iter().filter(|r| *r == kind).count())).collect();
    Err(format!(
        "0/{total} nodes are available: {}. preemption: 0/{total} nodes are available: {total} No preemption victims found for incoming pod.",
        list.join(", ")
    ))
}

fn missing_claim(cluster: &Cluster, pod: &Value) -> Result<(), String> {
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str()
            && cluster.object("persistentvolumeclaims", meta(pod, "namespace"), claim).is_none()
        {
            return Err(format!("persistentvolumeclaim {claim:?} not found"));
        }
    }
    Ok(())
}

fn why_not(node: &Value, pod: &Value, pods: &[Arc<Value>]) -> Option<&'static str> {
    if node["spec"]["unschedulable"] == true || condition(node, "Ready") != "True" {
        return Some("node(s) were unschedulable");
    }
    let selector = pod["spec"]["nodeSelector"].as_object();
    if selector.into_iter().flatten().any(|(key, value)| node["metadata"]["labels"][key] != *value) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    if untolerated(node, pod) {
        return Some("node(s) had untolerated taint(s)");
    }
    let capacity = node["status"]["allocatable"]["nvidia.com/gpu"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
    let here = |other: &&Arc<Value>| other["spec"]["nodeName"] == node["metadata"]["name"] && !has_ended(other);
    let used: u64 = pods.iter().filter(here).map(|other| gpus(other)).sum();
    (used + gpus(pod) > capacity).then_some("Insufficient nvidia.com/gpu")
}

fn untolerated(node: &Value, pod: &Value) -> bool {
    let tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let tolerates = |taint: &Value| {
        tolerations.iter().any(|toleration| {
            let any_key = toleration["key"].is_null();
            let same_value = toleration["operator"] == "Exists" || toleration["value"] == taint["value"];
            (any_key || toleration["key"] == taint["key"]) && same_value
        })
    };
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.iter().any(|taint| taint["effect"] != "PreferNoSchedule" && !tolerates(taint))
}
