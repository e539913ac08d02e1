//! What kinds of objects a variant may consist of, and where their pods are described.

use serde_json::Value;

use super::json::{element_pointers, elements, text, token};
use crate::manifests::ManifestError;

/// A kind that may be deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ManifestKind {
    ConfigMap,
    Service,
    Deployment,
    /// DynamoGraphDeployment v1alpha1: a map of services.
    GraphAlpha,
    /// DynamoGraphDeployment v1beta1: a list of components.
    GraphBeta,
}

impl ManifestKind {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let field = |name: &str| object.get(name).and_then(Value::as_str);
        match (field("apiVersion")?, field("kind")?) {
            ("v1", "ConfigMap") => Some(Self::ConfigMap),
            ("v1", "Service") => Some(Self::Service),
            ("apps/v1", "Deployment") => Some(Self::Deployment),
            ("nvidia.com/v1alpha1", "DynamoGraphDeployment") => Some(Self::GraphAlpha),
            ("nvidia.com/v1beta1", "DynamoGraphDeployment") => Some(Self::GraphBeta),
            _ => None,
        }
    }

    pub(super) const fn is_graph(self) -> bool {
        matches!(self, Self::GraphAlpha | Self::GraphBeta)
    }
}

/// ManifestKind and name of an object, for messages.
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

/// The pods of one component: where they are described in their object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pods {
    /// The component's name; of a Deployment its own.
    pub name: String,
    kind: ManifestKind,
    base: String,
}

impl Pods {
    /// Pods described by an object, one entry per component.
    pub(super) fn of(object: &Value) -> Vec<Self> {
        let Some(kind) = ManifestKind::of(object) else { return vec![] };
        match kind {
            ManifestKind::ConfigMap | ManifestKind::Service => vec![],
            ManifestKind::Deployment => vec![Self { name: name(object).to_owned(), kind, base: "/spec".into() }],
            ManifestKind::GraphAlpha => {
                let services = object.pointer("/spec/services").and_then(Value::as_object);
                let names = services.into_iter().flat_map(|services| services.keys());
                names
                    .map(|name| Self { name: name.clone(), kind, base: format!("/spec/services/{}", token(name)) })
                    .collect()
            }
            ManifestKind::GraphBeta => element_pointers(object, "/spec/components")
                .into_iter()
                .map(|base| Self {
                    name: text(object, &format!("{base}/name")).unwrap_or_default().to_owned(),
                    kind,
                    base,
                })
                .collect(),
        }
    }

    /// Pointer of the component.
    pub(super) fn component(&self) -> &str {
        &self.base
    }

    /// Pointer of the pod's spec.
    pub(super) fn spec(&self) -> String {
        let below = match self.kind {
            ManifestKind::GraphAlpha => "extraPodSpec",
            ManifestKind::GraphBeta => "podTemplate/spec",
            _ => "template/spec",
        };
        format!("{}/{below}", self.base)
    }

    /// Pointer of the pod's metadata.
    pub(super) fn metadata(&self) -> String {
        let below = match self.kind {
            ManifestKind::GraphAlpha => "extraPodMetadata",
            ManifestKind::GraphBeta => "podTemplate/metadata",
            _ => "template/metadata",
        };
        format!("{}/{below}", self.base)
    }

    /// Pointers of the containers that serve: `main` of a component, all of a Deployment.
    pub(super) fn main_containers(&self, object: &Value) -> Vec<String> {
        let spec = self.spec();
        match self.kind {
            ManifestKind::GraphAlpha => vec![format!("{spec}/mainContainer")],
            ManifestKind::GraphBeta => element_pointers(object, &format!("{spec}/containers"))
                .into_iter()
                .filter(|container| text(object, &format!("{container}/name")) == Some("main"))
                .collect(),
            _ => element_pointers(object, &format!("{spec}/containers")),
        }
    }

    /// Pointers of all containers that are there, those that run before the others included.
    pub(super) fn containers(&self, object: &Value) -> Vec<String> {
        let spec = self.spec();
        let main = Some(format!("{spec}/mainContainer")).filter(|main| object.pointer(main).is_some());
        let lists = ["containers", "initContainers"].map(|list| element_pointers(object, &format!("{spec}/{list}")));
        main.into_iter().chain(lists.into_iter().flatten()).collect()
    }

    /// Pods of the component, the nodes of each replica multiplied in.
    pub(super) fn count(&self, object: &Value) -> Result<u64, ManifestError> {
        let replicas = self.whole(object, "replicas")?.unwrap_or(1);
        let nodes = match object.pointer(&format!("{}/multinode", self.base)) {
            // Both versions default to two nodes where multinode is asked for.
            Some(Value::Object(_)) => self.whole(object, "multinode/nodeCount")?.unwrap_or(2),
            _ => 1,
        };
        Ok(replicas.saturating_mul(nodes))
    }

    fn whole(&self, object: &Value, below: &str) -> Result<Option<u64>, ManifestError> {
        let pointer = format!("{}/{below}", self.base);
        match object.pointer(&pointer) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(ManifestError::refused(
                    describe(object),
                    super::json::path(&pointer),
                    format!("{value} is not a whole number"),
                    "write a number without quotes",
                )),
            },
        }
    }

    /// What the component is for, in Dynamo's words: `frontend`, `worker`, `prefill`, `decode`, `planner`, `epp`.
    pub(super) fn role<'a>(&self, object: &'a Value) -> Option<&'a str> {
        match self.kind {
            ManifestKind::GraphAlpha => text(object, &format!("{}/componentType", self.base)),
            ManifestKind::GraphBeta => text(object, &format!("{}/type", self.base)),
            _ => None,
        }
    }

    /// Whether the layout is that of v1alpha1, which has fields of its own beside the pod's spec.
    pub(super) fn is_alpha(&self) -> bool {
        self.kind == ManifestKind::GraphAlpha
    }

    /// Whether the pods belong to a DynamoGraphDeployment.
    pub(super) fn is_graph(&self) -> bool {
        self.kind.is_graph()
    }
}

/// Names of the ports of a Service, with their numbers.
pub(super) fn service_ports(service: &Value) -> Vec<(Option<&str>, Option<u64>)> {
    elements(service, "/spec/ports")
        .iter()
        .map(|port| (text(port, "/name"), port.get("port").and_then(Value::as_u64)))
        .collect()
}
