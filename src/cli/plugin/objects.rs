//! The objects of a run in the cluster, as far as the user may see them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Resource, ResourceExt};
use strum::IntoEnumIterator;

use super::cluster::NamespaceClient;
use super::error::PluginError;
use crate::api::{BenchmarkComparison, labels};
use crate::controller::children;
use crate::controller::error::{Error, is_not_found};
use crate::controller::kinds;
use crate::controller::lists::pages;
use crate::dynamo;
use crate::inspect::logs::LogPod;
use crate::inspect::tree::Item;
use crate::manifests::labels::comparison_selector;
use crate::plan::{ChildKind, Component};

/// What was found, and what the user may not see.
#[derive(Default)]
pub struct FoundObjects {
    pub objects: Vec<DynamicObject>,
    pub pods: Vec<Pod>,
    /// Why kinds are missing.
    pub hidden: Vec<String>,
    /// Pods are among them.
    pub pods_are_hidden: bool,
}

/// What all objects of a run are labelled with.
fn selector(comparison: &BenchmarkComparison, run: i64) -> String {
    format!("{},{}={run}", comparison_selector(&comparison.name_any()), labels::RUN)
}

/// The objects of a run, but for their contents where those are large.
pub async fn objects(
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    run: i64,
) -> Result<FoundObjects, PluginError> {
    let selector = selector(comparison, run);
    let mut found = FoundObjects::default();
    for kind in ChildKind::iter() {
        found.of_kind(cluster, kind, &selector).await?;
    }
    let graphs: Vec<String> = found.graphs().map(ResourceExt::name_any).collect();
    let of_graphs = format!("{} in ({})", dynamo::GRAPH_LABEL, graphs.join(","));
    if !graphs.is_empty() {
        found.of_kind(cluster, ChildKind::Deployment, &of_graphs).await?;
    }
    let before = found.hidden.len();
    found.pods = pods(cluster, &selector, &of_graphs, &graphs, &mut found.hidden).await?;
    found.pods_are_hidden = found.hidden.len() > before;
    Ok(found)
}

impl FoundObjects {
    fn graphs(&self) -> impl Iterator<Item = &DynamicObject> {
        let is_graph = |object: &&DynamicObject| object.types.as_ref().is_some_and(|types| types.kind == dynamo::KIND);
        self.objects.iter().filter(is_graph)
    }

    /// Adds the objects of a kind. One that is not served has no objects, and one that is forbidden is noted.
    async fn of_kind(&mut self, cluster: &NamespaceClient, kind: ChildKind, selector: &str) -> Result<(), PluginError> {
        let versions: Vec<ApiResource> = match kind {
            ChildKind::DynamoGraphDeployment => dynamo::VERSIONS.map(kinds::graph).into(),
            _ => kinds::resources(kind, ""),
        };
        for resource in versions {
            match listed(cluster, &resource, selector).await {
                Ok(objects) => {
                    let known: BTreeSet<Option<String>> = self.objects.iter().map(ResourceExt::uid).collect();
                    self.objects.extend(objects.into_iter().filter(|object| !known.contains(&object.uid())));
                    break;
                }
                Err(Error::Api { source, .. }) if is_not_found(&source) => {}
                Err(error) if error.is_forbidden() => {
                    self.hidden.push(PluginError::from(error).message);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

async fn listed(
    cluster: &NamespaceClient,
    resource: &ApiResource,
    selector: &str,
) -> Result<Vec<DynamicObject>, Error> {
    let api: Api<DynamicObject> = kinds::api(cluster.client(), &cluster.namespace, resource);
    let parameters = ListParams::default().labels(selector);
    let api = &api;
    let mut objects =
        pages(&format!("list {}", resource.plural), &parameters, |page| async move { api.list(&page).await }).await?;
    for object in &mut objects {
        // Items of lists do not carry their kind.
        object.types.get_or_insert_with(|| kube::core::TypeMeta {
            api_version: resource.api_version.clone(),
            kind: resource.kind.clone(),
        });
    }
    Ok(objects)
}

async fn pods(
    cluster: &NamespaceClient,
    selector: &str,
    of_graphs: &str,
    graphs: &[String],
    hidden: &mut Vec<String>,
) -> Result<Vec<Pod>, PluginError> {
    let mut found: Vec<Pod> = vec![];
    let selectors = [Some(selector), Some(of_graphs).filter(|_| !graphs.is_empty())];
    for selector in selectors.into_iter().flatten() {
        match pods_with(cluster, selector).await {
            Ok(pods) => {
                let known: BTreeSet<Option<String>> = found.iter().map(ResourceExt::uid).collect();
                found.extend(pods.into_iter().filter(|pod| !known.contains(&pod.uid())));
            }
            Err(error) if error.is_forbidden() => {
                hidden.push(PluginError::from(error).message);
                return Ok(found);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

async fn pods_with(cluster: &NamespaceClient, selector: &str) -> Result<Vec<Pod>, Error> {
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let (parameters, api) = (ListParams::default().labels(selector), &api);
    pages("list pods", &parameters, |page| async move { api.list(&page).await }).await
}

/// The pods of a run, which hold its GPUs; `None` when the user may not see pods.
pub async fn pods_of_run(
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    run: i64,
) -> Result<Option<Vec<Pod>>, PluginError> {
    let selector = selector(comparison, run);
    match pods_with(cluster, &selector).await {
        Ok(pods) => Ok(Some(pods)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn owner(object: &impl ResourceExt) -> Option<(String, String)> {
    children::controller(object.meta()).map(|owner| (owner.uid.clone(), owner.name.clone()))
}

fn age(object: &impl ResourceExt, now: Timestamp) -> i64 {
    object.creation_timestamp().map_or(0, |created| now.as_second() - created.0.as_second())
}

/// An object in a tree.
pub fn item(object: &DynamicObject, now: Timestamp) -> Item {
    let state = object.data["status"]["state"].as_str().unwrap_or_default();
    Item {
        kind: object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        owner: owner(object),
        variant: object.labels().get(labels::VARIANT).cloned(),
        state: state.into(),
        age: age(object, now),
        finalizers: object.finalizers().to_vec(),
        terminating: object.metadata.deletion_timestamp.is_some(),
        ..Item::default()
    }
}

/// A pod in a tree.
pub fn pod_item(pod: &Pod, gpu_resource: &str, now: Timestamp) -> Item {
    let status = pod.status.as_ref();
    Item {
        kind: Pod::kind(&()).into(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        owner: owner(pod),
        variant: pod.labels().get(labels::VARIANT).cloned(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        gpus: children::gpus_or_claims(pod, gpu_resource),
        state: status.and_then(|status| status.phase.clone()).unwrap_or_default(),
        age: age(pod, now),
        finalizers: pod.finalizers().to_vec(),
        terminating: pod.metadata.deletion_timestamp.is_some(),
    }
}

/// A pod with logs.
pub fn log_pod(pod: &Pod) -> LogPod {
    let component = pod.labels().get(labels::COMPONENT).and_then(|label| Component::parse(label));
    let spec = pod.spec.as_ref();
    let main = spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.clone());
    let first = spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    LogPod {
        name: pod.name_any(),
        component: component.unwrap_or(Component::Server),
        variant: pod.labels().get(labels::VARIANT).cloned(),
        containers: main.chain(first.map(|container| container.name.clone())).collect(),
    }
}
