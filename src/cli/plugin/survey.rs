//! What `check` and `init` read of a cluster. Whatever the user may not see is an answer of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolumeClaim, Pod, ResourceQuota, Secret};
use kube::api::{Api, ListParams, PostParams};
use kube::client::Body;
use kube::{Client, ResourceExt};

use super::cluster::NamespaceClient;
use super::error::PluginError;
use crate::api::GROUP;
use crate::controller::call::{call, optional};
use crate::controller::error::Error;
use crate::controller::lists::pages;
use crate::dynamo;
use crate::inspect::check::{Lookup, Quota, RIGHTS, Right, VolumeClaim};
use crate::inspect::nodes::GpuNode;
use crate::inspect::systems::PRODUCT_LABEL;

fn refusal<T>(error: Error) -> Lookup<T> {
    Err(PluginError::from(error).message)
}

/// The cluster's version.
pub async fn version(client: &Client) -> Lookup<String> {
    call("ask for the version", client.apiserver_version()).await.map(|info| info.git_version).or_else(refusal)
}

/// The served versions of a kind; none where its group is not served.
pub async fn served(client: &Client, group: &str, kind: &str) -> Lookup<Vec<String>> {
    let groups = call("ask for API groups", client.list_api_groups()).await.or_else(refusal)?;
    let versions = groups.groups.into_iter().filter(|one| one.name == group).flat_map(|one| one.versions);
    let mut found = vec![];
    for version in versions {
        let listed = optional("ask for API resources", client.list_api_group_resources(&version.group_version)).await;
        let listed = listed.or_else(refusal)?;
        if listed.is_some_and(|list| list.resources.iter().any(|resource| resource.kind == kind)) {
            found.push(version.version);
        }
    }
    Ok(found)
}

pub async fn comparisons(client: &Client) -> Lookup<Vec<String>> {
    served(client, GROUP, crate::api::KIND).await
}

/// Whether the cluster serves the version that Dynamo's operator stores. Where nobody says so, the predictor's will do.
pub async fn serves_newest_graphs(client: &Client) -> bool {
    graphs(client).await.is_ok_and(|versions| versions.iter().any(|version| version == dynamo::VERSIONS[0]))
}

pub async fn graphs(client: &Client) -> Lookup<Vec<String>> {
    served(client, dynamo::GROUP, dynamo::KIND).await
}

/// Which of the rights the user has in the namespace.
pub async fn rights(client: &Client, namespace: &str) -> Vec<(Right, Lookup<bool>)> {
    let mut answers = vec![];
    for right in RIGHTS {
        answers.push((right, allowed(client, namespace, right).await));
    }
    answers
}

async fn allowed(client: &Client, namespace: &str, right: Right) -> Lookup<bool> {
    let (resource, subresource) = right.resource.split_once('/').map_or((right.resource, None), |(a, b)| (a, Some(b)));
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.into()),
                verb: Some(right.verb.into()),
                group: Some(right.group.into()),
                resource: Some(resource.into()),
                subresource: subresource.map(Into::into),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = call("ask for rights", api.create(&PostParams::default(), &review)).await.or_else(refusal)?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

pub async fn namespace_exists(client: &Client, name: &str) -> Lookup<bool> {
    let api: Api<Namespace> = Api::all(client.clone());
    optional(format!("get namespace {name}"), api.get_metadata(name))
        .await
        .map(|found| found.is_some())
        .or_else(refusal)
}

/// The nodes with GPUs.
pub async fn nodes(client: &Client, gpu_resource: &str) -> Lookup<Vec<GpuNode>> {
    let api: Api<Node> = Api::all(client.clone());
    let api = &api;
    let listed = pages("list nodes", &ListParams::default(), |page| async move { api.list(&page).await }).await;
    Ok(listed.or_else(refusal)?.iter().filter_map(|node| gpu_node(node, gpu_resource)).collect())
}

fn gpu_node(node: &Node, gpu_resource: &str) -> Option<GpuNode> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let gpus: u32 = allocatable.get(gpu_resource)?.0.parse().ok()?;
    let spec = node.spec.clone().unwrap_or_default();
    (gpus > 0).then(|| GpuNode {
        name: node.name_any(),
        product: node.labels().get(PRODUCT_LABEL).cloned(),
        labels: node.labels().clone(),
        gpus,
        taints: spec.taints.unwrap_or_default(),
        unschedulable: spec.unschedulable == Some(true),
    })
}

pub async fn quotas(cluster: &NamespaceClient) -> Lookup<Vec<Quota>> {
    let api: Api<ResourceQuota> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let list = call("list resourcequotas", api.list(&ListParams::default())).await.or_else(refusal)?;
    let of = |quota: &ResourceQuota| {
        let status = quota.status.clone().unwrap_or_default();
        let used = status.used.unwrap_or_default();
        let hard = status.hard.or_else(|| quota.spec.as_ref()?.hard.clone()).unwrap_or_default();
        let entry = |(resource, hard): (String, k8s_openapi::apimachinery::pkg::api::resource::Quantity)| Quota {
            name: quota.name_any(),
            used: used.get(&resource).map_or_else(|| "0".into(), |used| used.0.clone()),
            resource,
            hard: hard.0,
        };
        hard.into_iter().map(entry).collect::<Vec<_>>()
    };
    Ok(list.items.iter().flat_map(of).collect())
}

fn volume_claim(claim: &PersistentVolumeClaim) -> VolumeClaim {
    let (spec, status) = (claim.spec.clone().unwrap_or_default(), claim.status.clone().unwrap_or_default());
    let size = |quantities: Option<BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>| {
        quantities.and_then(|mut all| all.remove("storage")).map(|quantity| quantity.0)
    };
    let asked = spec.resources.and_then(|resources| resources.requests);
    VolumeClaim {
        name: claim.name_any(),
        phase: status.phase.unwrap_or_else(|| "Pending".into()),
        access_modes: spec.access_modes.unwrap_or_default(),
        size: size(status.capacity).or_else(|| size(asked)).unwrap_or_else(|| "unknown size".into()),
    }
}

pub async fn claim(cluster: &NamespaceClient, name: &str) -> Lookup<Option<VolumeClaim>> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let found = optional(format!("get persistentvolumeclaim {name}"), api.get(name)).await.or_else(refusal)?;
    Ok(found.as_ref().map(volume_claim))
}

pub async fn claims(cluster: &NamespaceClient) -> Lookup<Vec<VolumeClaim>> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let list = call("list persistentvolumeclaims", api.list(&ListParams::default())).await.or_else(refusal)?;
    Ok(list.items.iter().map(volume_claim).collect())
}

/// Whether a Secret is there. Only its metadata is asked for.
pub async fn secret_exists(cluster: &NamespaceClient, name: &str) -> Lookup<bool> {
    let api: Api<Secret> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    optional(format!("get secret {name}"), api.get_metadata(name)).await.map(|found| found.is_some()).or_else(refusal)
}

/// Images of pods with GPUs in the namespace: the runtimes that serve there. None where pods cannot be read.
pub async fn runtime_images(cluster: &NamespaceClient, gpu_resource: &str) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let api = &api;
    let listed = pages("list pods", &ListParams::default(), |page| async move { api.list(&page).await }).await;
    let has_gpus = |container: &&k8s_openapi::api::core::v1::Container| {
        container
            .resources
            .as_ref()
            .and_then(|r| r.limits.as_ref())
            .is_some_and(|limits| limits.contains_key(gpu_resource))
    };
    let pods = listed.unwrap_or_default();
    let containers = pods.iter().filter_map(|pod| pod.spec.as_ref()).flat_map(|spec| &spec.containers);
    let mut images: Vec<String> = containers.filter(has_gpus).filter_map(|container| container.image.clone()).collect();
    images.sort_unstable();
    images.dedup();
    images
}

/// Seconds by which the API server's clock is ahead, by the Date of its answer.
pub async fn clock(client: &Client, now: impl Fn() -> Timestamp) -> Option<i64> {
    let request = http::Request::get("/version").body(Body::empty()).ok()?;
    let answer = call("ask for the time", client.send(request)).await.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let theirs = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(theirs.as_second() - now().as_second())
}
