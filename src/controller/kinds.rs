//! The kinds of children as the API server knows them.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};

use super::lean::Lean;
use kube::{Api, Client};

use crate::dynamo;
use crate::plan::ChildKind;

/// The DynamoGraphDeployment in one of its versions.
pub fn graph(version: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(dynamo::GROUP, version, dynamo::KIND), dynamo::PLURAL)
}

/// The DynamoGraphDeploymentRequest in one of its versions.
pub fn graph_request(version: &str) -> ApiResource {
    foreign(dynamo::GROUP, version, dynamo::REQUEST_KIND, dynamo::REQUEST_PLURAL)
}

/// Group of dynamic resource allocation.
const ALLOCATION: &str = "resource.k8s.io";

/// Its versions, the preferred one first: Kubernetes 1.33 does not serve v1.
const CLAIM_VERSIONS: [&str; 3] = ["v1", "v1beta2", "v1beta1"];

/// A kind of others.
fn foreign(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// ResourceSlices in the versions in which a cluster may serve them, the preferred one first.
pub fn slices() -> Vec<ApiResource> {
    CLAIM_VERSIONS.iter().map(|version| foreign(ALLOCATION, version, "ResourceSlice", "resourceslices")).collect()
}

/// The same of ResourceClaims.
pub fn claims() -> Vec<ApiResource> {
    CLAIM_VERSIONS.iter().map(|version| foreign(ALLOCATION, version, "ResourceClaim", "resourceclaims")).collect()
}

/// The resource of a kind in the versions in which a cluster may serve it, the preferred one first. `graph_version` is the
/// version in which DynamoGraphDeployments are served.
pub fn resources(kind: ChildKind, graph_version: &str) -> Vec<ApiResource> {
    match kind {
        ChildKind::ResourceClaimTemplate => CLAIM_VERSIONS.iter().map(|version| resource(kind, version)).collect(),
        _ => vec![resource(kind, graph_version)],
    }
}

/// The resource of a kind. `version` is that of the kinds that have several.
pub fn resource(kind: ChildKind, version: &str) -> ApiResource {
    match kind {
        ChildKind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        ChildKind::Service => ApiResource::erase::<Service>(&()),
        ChildKind::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
        ChildKind::Role => ApiResource::erase::<Role>(&()),
        ChildKind::RoleBinding => ApiResource::erase::<RoleBinding>(&()),
        ChildKind::Job => ApiResource::erase::<Job>(&()),
        ChildKind::Deployment => ApiResource::erase::<Deployment>(&()),
        ChildKind::DynamoGraphDeployment => graph(version),
        ChildKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        ChildKind::LeaderWorkerSet => foreign("leaderworkerset.x-k8s.io", "v1", kind.as_str(), "leaderworkersets"),
        ChildKind::ResourceClaimTemplate => foreign(ALLOCATION, version, kind.as_str(), "resourceclaimtemplates"),
        ChildKind::ComputeDomain => foreign("resource.nvidia.com", "v1beta1", kind.as_str(), "computedomains"),
    }
}

/// Objects of a kind in a namespace.
pub fn api(client: &Client, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}

/// Objects of a namespace without what may be nested too deeply to be read.
pub fn lean(client: &Client, namespace: &str, resource: &ApiResource) -> Api<Lean> {
    Api::namespaced_with(client.clone(), namespace, resource)
}
