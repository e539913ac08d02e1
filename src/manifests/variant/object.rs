//! What kinds of objects a variant may consist of.

use serde_json::Value;

use crate::dynamo::Layout;
use crate::pointer::{elements, text};

/// A kind of object that a variant may consist of, in the order of creation: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ManifestKind {
    ConfigMap,
    Service,
    Deployment,
    Graph,
}

/// The kind of an object that may be deployed; `None` for other kinds, and for versions that are not supported.
pub(super) fn kind(object: &Value) -> Option<ManifestKind> {
    match (text(object, "/apiVersion")?, text(object, "/kind")?) {
        ("v1", "ConfigMap") => Some(ManifestKind::ConfigMap),
        ("v1", "Service") => Some(ManifestKind::Service),
        _ => Layout::of(object).map(|layout| match layout {
            Layout::Deployment => ManifestKind::Deployment,
            Layout::Alpha | Layout::Beta => ManifestKind::Graph,
        }),
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
