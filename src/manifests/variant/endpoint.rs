//! Where a variant's server is reached.

use serde_json::Value;

use super::object::{ManifestKind, describe, is, name, service_ports};
use crate::dynamo::{FRONTEND_PORT, Layout, PodSet};
use crate::manifests::ManifestError;
use crate::pointer::{text, token};

/// Marks the Service that receives the load, if there are several.
pub const ENDPOINT_ANNOTATION: &str = "bcmp.dev/endpoint";

/// Where requests go, by the names in the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The frontend of a DynamoGraphDeployment: the Service has the names of both.
    Frontend { component: String },
    /// A Service of the manifests.
    Service { name: String, port: u16 },
}

impl Endpoint {
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Frontend { .. } => FRONTEND_PORT,
            Self::Service { port, .. } => *port,
        }
    }
}

/// Finds the endpoint of objects that were checked one by one.
pub(super) fn endpoint(objects: &[Value]) -> Result<Endpoint, ManifestError> {
    match objects.iter().find(|object| Layout::of(object).is_some_and(Layout::is_graph)) {
        Some(graph) => frontend(graph),
        None => service(objects),
    }
}

fn frontend(graph: &Value) -> Result<Endpoint, ManifestError> {
    let frontends: Vec<PodSet> =
        PodSet::of(graph).into_iter().filter(|pods| pods.role(graph) == Some("frontend")).collect();
    match frontends.as_slice() {
        [frontend] => Ok(Endpoint::Frontend { component: frontend.name.clone() }),
        [] => Err(ManifestError::incomplete(
            format!("{} has no component of type frontend", describe(graph)),
            "add one: it receives the load",
        )),
        several => Err(ManifestError::incomplete(
            format!("{} has {} components of type frontend", describe(graph), several.len()),
            "keep one: it receives the load",
        )),
    }
}

fn service(objects: &[Value]) -> Result<Endpoint, ManifestError> {
    let services: Vec<&Value> = objects.iter().filter(|object| is(object, ManifestKind::Service)).collect();
    let annotation = format!("/metadata/annotations/{}", token(ENDPOINT_ANNOTATION));
    let marked: Vec<&Value> = services.iter().copied().filter(|s| text(s, &annotation) == Some("true")).collect();
    let service = match (services.as_slice(), marked.as_slice()) {
        ([only], _) | (_, [only]) => *only,
        ([], _) => {
            return Err(ManifestError::incomplete(
                "there is no Service",
                "add one for the Deployment that answers requests",
            ));
        }
        _ => {
            return Err(ManifestError::incomplete(
                format!("there are {} Services", services.len()),
                format!("mark the one that answers requests with the annotation {ENDPOINT_ANNOTATION}: \"true\""),
            ));
        }
    };
    Ok(Endpoint::Service { name: name(service).to_owned(), port: port(service)? })
}

/// The only port, or the one called `http`.
fn port(service: &Value) -> Result<u16, ManifestError> {
    let ports = service_ports(service);
    let chosen = match ports.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|(name, _)| *name == Some("http")),
    };
    chosen
        .and_then(|(_, number)| *number)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number != 0)
        .ok_or_else(|| {
            ManifestError::refused(
                describe(service),
                "spec.ports",
                "does not show which port answers requests",
                "keep one port, or name one http",
            )
        })
}
