//! The kinds of children as the API server knows them.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

use crate::dynamo;
use crate::plan::ChildKind;

/// The DynamoGraphDeployment in one of its versions.
pub fn graph(version: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(dynamo::GROUP, version, dynamo::KIND), dynamo::PLURAL)
}

/// The resource of a kind. `graph_version` is the version in which DynamoGraphDeployments are served.
pub fn resource(kind: ChildKind, graph_version: &str) -> ApiResource {
    match kind {
        ChildKind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        ChildKind::Service => ApiResource::erase::<Service>(&()),
        ChildKind::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
        ChildKind::Role => ApiResource::erase::<Role>(&()),
        ChildKind::RoleBinding => ApiResource::erase::<RoleBinding>(&()),
        ChildKind::Job => ApiResource::erase::<Job>(&()),
        ChildKind::Deployment => ApiResource::erase::<Deployment>(&()),
        ChildKind::DynamoGraphDeployment => graph(graph_version),
    }
}

/// Objects of a kind in a namespace.
pub fn api(client: &Client, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}
