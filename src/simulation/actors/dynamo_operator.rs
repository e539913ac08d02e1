//! Dynamo's operator: a DynamoGraphDeployment becomes Deployments and Services, and shows how its pods are.

use std::time::Duration;

use serde_json::{Value, json};

use super::garbage::remove_finalizer;
use super::{Timers, set_condition};
use crate::simulation::api_server::{Cluster, ObjectKey, finalizers, meta, time};
use crate::simulation::dynamo::{self, Environment};

const RESOURCE: &str = "dynamographdeployments.nvidia.com";

pub(super) fn step(cluster: &Cluster, timers: &mut Timers) {
    for graph in cluster.list(RESOURCE) {
        let key = ObjectKey {
            resource: RESOURCE.into(),
            namespace: meta(&graph, "namespace").into(),
            name: meta(&graph, "name").into(),
        };
        if !meta(&graph, "deletionTimestamp").is_empty() {
            let kept = dynamo::annotated(&graph).keep_finalizer;
            if !kept && timers.passed(format!("finalizer of {}", meta(&graph, "uid")), Duration::from_millis(400)) {
                remove_finalizer(cluster, &key, dynamo::FINALIZER);
            }
            continue;
        }
        if !timers.passed(meta(&graph, "uid"), Duration::from_millis(100)) {
            continue;
        }
        let failure = make_children(cluster, &graph);
        report(cluster, timers, &graph, failure);
    }
}

fn make_children(cluster: &Cluster, graph: &Value) -> Option<String> {
    if !finalizers(graph).iter().any(|f| f == dynamo::FINALIZER) {
        cluster.edit_as("dynamo-operator", RESOURCE, meta(graph, "namespace"), meta(graph, "name"), |graph| {
            let mut list = finalizers(graph);
            list.push(dynamo::FINALIZER.into());
            graph["metadata"]["finalizers"] = json!(list);
        });
    }
    for child in dynamo::children(graph, &Environment::default()) {
        let resource = if child["kind"] == "Service" { "services" } else { "deployments.apps" };
        if cluster.object(resource, meta(&child, "namespace"), meta(&child, "name")).is_some() {
            continue;
        }
        if let Err(failure) = cluster.create_as("dynamo-operator", child) {
            return Some(failure.message);
        }
    }
    None
}

fn report(cluster: &Cluster, timers: &mut Timers, graph: &Value, failure: Option<String>) {
    let deployments: Vec<Value> = dynamo::children(graph, &Environment::default())
        .iter()
        .filter(|child| child["kind"] == "Deployment")
        .filter_map(|child| cluster.object("deployments.apps", meta(child, "namespace"), meta(child, "name")))
        .collect();
    let now = time(cluster.now());
    let faults = dynamo::annotated(graph);
    if faults != dynamo::Readiness::default() {
        // What annotations ask for changes with time alone.
        let second = format!("{} {}", meta(graph, "uid"), cluster.now().as_second());
        timers.passed(second, Duration::from_secs(1));
    }
    let status = dynamo::status(graph, &deployments, failure.as_deref());
    let status = faults.apply(graph, status, cluster.now().as_second());
    cluster.edit_as("dynamo-operator", RESOURCE, meta(graph, "namespace"), meta(graph, "name"), |stored| {
        let components = if stored["apiVersion"] == "nvidia.com/v1alpha1" { "services" } else { "components" };
        stored["status"]["state"] = json!(status.state);
        stored["status"]["observedGeneration"] = stored["metadata"]["generation"].clone();
        stored["status"][components] = status.components.clone();
        set_condition(stored, "Ready", status.ready, status.reason, &status.message, &now);
    });
}
