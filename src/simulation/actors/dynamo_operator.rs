//! Dynamo's operator: a DynamoGraphDeployment becomes components, Deployments and Services, and shows how its pods are.

use std::time::Duration;

use serde_json::{Value, json};

use super::garbage::remove_finalizer;
use super::{Timers, set_condition};
use crate::simulation::api_server::{Cluster, ObjectKey, finalizers, meta, time};
use crate::simulation::dynamo::{self, Environment};

const RESOURCE: &str = "dynamographdeployments.nvidia.com";
const MANAGER: &str = "dynamo-operator";

pub(super) fn step(cluster: &Cluster, timers: &mut Timers) {
    for graph in cluster.list(RESOURCE) {
        if !meta(&graph, "deletionTimestamp").is_empty() {
            if !dynamo::annotated(&graph).keep_finalizer {
                let_go(cluster, timers, RESOURCE, &graph);
            }
            continue;
        }
        if !timers.passed(meta(&graph, "uid"), Duration::from_millis(100)) {
            continue;
        }
        let failure = make_children(cluster, &graph);
        report(cluster, timers, &graph, failure);
    }
    for component in cluster.list(dynamo::COMPONENTS) {
        if !meta(&component, "deletionTimestamp").is_empty() {
            let_go(cluster, timers, dynamo::COMPONENTS, &component);
        }
    }
}

/// Takes the finalizer off an object that is being deleted.
fn let_go(cluster: &Cluster, timers: &mut Timers, resource: &str, object: &Value) {
    if timers.passed(format!("finalizer of {}", meta(object, "uid")), Duration::from_millis(400)) {
        let (namespace, name) = (meta(object, "namespace").into(), meta(object, "name").into());
        remove_finalizer(cluster, &ObjectKey { resource: resource.into(), namespace, name }, dynamo::FINALIZER);
    }
}

fn make_children(cluster: &Cluster, graph: &Value) -> Option<String> {
    if !finalizers(graph).iter().any(|f| f == dynamo::FINALIZER) {
        cluster.edit_as(MANAGER, RESOURCE, meta(graph, "namespace"), meta(graph, "name"), |graph| {
            let mut list = finalizers(graph);
            list.push(dynamo::FINALIZER.into());
            graph["metadata"]["finalizers"] = json!(list);
        });
    }
    let namespace = meta(graph, "namespace");
    for child in dynamo::left_behind(namespace).into_iter().chain(dynamo::children(graph)) {
        if let Some(refusal) = create(cluster, &child) {
            return Some(refusal);
        }
    }
    let components = dynamo::children(graph).into_iter().filter(|child| child["kind"] == dynamo::COMPONENT_KIND);
    let stored =
        components.filter_map(|component| cluster.object(dynamo::COMPONENTS, namespace, meta(&component, "name")));
    stored
        .flat_map(|component| dynamo::grandchildren(graph, &component, &Environment::default()))
        .find_map(|child| create(cluster, &child))
}

/// Creates what is not there. The refusal, if there is one.
fn create(cluster: &Cluster, object: &Value) -> Option<String> {
    let kind = cluster.kind_of(object)?;
    let key = ObjectKey::new(&kind, meta(object, "namespace"), meta(object, "name"));
    if cluster.object(&key.resource, &key.namespace, &key.name).is_some() {
        return None;
    }
    cluster.create_as(MANAGER, object.clone()).err().map(|failure| failure.message)
}

fn report(cluster: &Cluster, timers: &mut Timers, graph: &Value, failure: Option<String>) {
    // A Deployment has the name of its component.
    let deployments: Vec<Value> = dynamo::children(graph)
        .iter()
        .filter(|child| child["kind"] == dynamo::COMPONENT_KIND)
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
    cluster.edit_as(MANAGER, RESOURCE, meta(graph, "namespace"), meta(graph, "name"), |stored| {
        let components = if stored["apiVersion"] == "nvidia.com/v1alpha1" { "services" } else { "components" };
        stored["status"]["state"] = json!(status.state);
        stored["status"]["observedGeneration"] = stored["metadata"]["generation"].clone();
        stored["status"][components] = status.components.clone();
        set_condition(stored, "Ready", status.ready, status.reason, &status.message, &now);
    });
}
