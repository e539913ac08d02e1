//! What kinds of objects a variant may consist of.

use serde_json::Value;

use crate::dynamo::Layout;
use crate::pointer::{elements, text};

/// A kind of object that a variant may consist of, in the order of creation: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ManifestKind {
    ConfigMap,
    /// Claims for devices, one per pod.
    ClaimTemplate,
    /// A group of nodes whose GPUs share memory; makes a claim template of its own.
    ComputeDomain,
    Service,
    Deployment,
    StatefulSet,
    LeaderWorkerSet,
    Graph,
}

impl ManifestKind {
    /// Whether its pods are described by pod templates of Kubernetes, and reached through a Service of the manifests.
    pub(super) fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::LeaderWorkerSet)
    }
}

/// The kind of an object that may be deployed; `None` for other kinds, and for versions that are not supported.
pub(super) fn kind(object: &Value) -> Option<ManifestKind> {
    match (text(object, "/apiVersion")?, text(object, "/kind")?) {
        ("v1", "ConfigMap") => Some(ManifestKind::ConfigMap),
        ("v1", "Service") => Some(ManifestKind::Service),
        ("resource.k8s.io/v1" | "resource.k8s.io/v1beta1" | "resource.k8s.io/v1beta2", "ResourceClaimTemplate") => {
            Some(ManifestKind::ClaimTemplate)
        }
        ("resource.nvidia.com/v1beta1", "ComputeDomain") => Some(ManifestKind::ComputeDomain),
        _ => Layout::of(object).map(|layout| match layout {
            Layout::Deployment => ManifestKind::Deployment,
            Layout::StatefulSet => ManifestKind::StatefulSet,
            Layout::LeaderWorkerSet => ManifestKind::LeaderWorkerSet,
            Layout::Alpha | Layout::Beta => ManifestKind::Graph,
        }),
    }
}

/// Whether an object is a volume claim. Recipes bring the claim for the weights along; what is in it outlives variants, so
/// that it is not one of their objects.
pub(super) fn is_volume_claim(object: &Value) -> bool {
    text(object, "/apiVersion") == Some("v1") && text(object, "/kind") == Some("PersistentVolumeClaim")
}

/// What to do with an object of a kind that cannot be part of a variant.
pub(super) fn elsewhere(version: &str, kind: &str) -> String {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let serves = ["serving.kserve.io", "apps.nvidia.com", "ray.io", "llm-d.ai"].contains(&group)
        || group.starts_with("inference.networking.");
    match (group, kind) {
        _ if serves => "deploy it yourself, and measure it with source.type Endpoint".to_owned(),
        ("gateway.networking.k8s.io", _) => {
            "deploy it yourself, and measure what is behind it with source.type Endpoint".to_owned()
        }
        ("", "Secret" | "ServiceAccount") | ("rbac.authorization.k8s.io", _) => {
            "create it beforehand, and leave it out; the manifests may refer to it".to_owned()
        }
        ("nvidia.com", "DynamoGraphDeploymentRequest" | "DynamoComponentDeployment") | ("grove.io", _) => {
            "give the DynamoGraphDeployment that belongs to it".to_owned()
        }
        ("nvidia.com", "DynamoModel") => {
            "create it beforehand, and leave it out; it finds the workers by the name of its base model".to_owned()
        }
        ("batch", "Job") => "run it beforehand".to_owned(),
        ("resource.k8s.io", "ResourceClaim") => {
            "give a ResourceClaimTemplate, so that each pod has devices of its own".to_owned()
        }
        _ => "use DynamoGraphDeployment (nvidia.com/v1alpha1 or v1beta1), Deployment or StatefulSet (apps/v1), \
              LeaderWorkerSet (leaderworkerset.x-k8s.io/v1), Service or ConfigMap (v1), ResourceClaimTemplate or \
              ComputeDomain"
            .to_owned(),
    }
}

pub(super) fn is(object: &Value, wanted: ManifestKind) -> bool {
    kind(object) == Some(wanted)
}

/// Kind and name of an object, for messages.
pub(super) fn describe(object: &Value) -> String {
    let kind = text(object, "/kind").unwrap_or("object without kind");
    match text(object, "/metadata/name") {
        Some(name) => format!("{kind} {name}"),
        None => format!("{kind} without name"),
    }
}

/// The object's name in its manifest; empty where there is none.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

/// Names of the ports of a Service, with their numbers.
pub(super) fn service_ports(service: &Value) -> Vec<(Option<&str>, Option<u64>)> {
    elements(service, "/spec/ports")
        .iter()
        .map(|port| (text(port, "/name"), port.get("port").and_then(Value::as_u64)))
        .collect()
}
