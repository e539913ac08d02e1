//! Where a variant's server is reached.

use serde_json::Value;

use super::object::{ManifestKind, describe, is, name, service_ports};
use crate::dynamo::{FRONTEND_PORT, Layout, PodSet};
use crate::manifests::ManifestError;
use crate::pointer::{path, text, token};

/// Marks the Service that receives the load, if there are several.
pub const ENDPOINT_ANNOTATION: &str = "bcmp.dev/endpoint";

/// Where requests go, by the names in the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LocatedEndpoint {
    /// The frontend of a DynamoGraphDeployment: the Service has the names of both.
    Frontend { component: String },
    /// A Service of the manifests.
    Service { name: String, port: u16 },
}

impl LocatedEndpoint {
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Frontend { .. } => FRONTEND_PORT,
            Self::Service { port, .. } => *port,
        }
    }
}

/// Finds the endpoint of objects that were checked one by one.
pub(super) fn endpoint(objects: &[Value]) -> Result<LocatedEndpoint, ManifestError> {
    let graph = objects.iter().find(|object| Layout::of(object).is_some_and(Layout::is_graph));
    match (graph, marked(objects).as_slice()) {
        (None, _) => service(objects),
        // Where frontends are sidecars, or something else stands in front of them.
        (Some(_), [service]) => of_service(service),
        (Some(graph), []) => frontend(graph),
        (Some(_), several) => Err(ManifestError::incomplete(
            format!("{} Services have the annotation {ENDPOINT_ANNOTATION}: \"true\"", several.len()),
            "keep it on the one that answers requests",
        )),
    }
}

/// Services that are marked as the one that answers requests.
fn marked(objects: &[Value]) -> Vec<&Value> {
    let annotation = format!("/metadata/annotations/{}", token(ENDPOINT_ANNOTATION));
    let is_marked = |object: &&Value| is(object, ManifestKind::Service) && text(object, &annotation) == Some("true");
    objects.iter().filter(is_marked).collect()
}

fn of_service(service: &Value) -> Result<LocatedEndpoint, ManifestError> {
    Ok(LocatedEndpoint::Service { name: name(service).to_owned(), port: port(service)? })
}

fn frontend(graph: &Value) -> Result<LocatedEndpoint, ManifestError> {
    let frontends: Vec<PodSet> =
        PodSet::of(graph).into_iter().filter(|pods| pods.role(graph) == Some("frontend")).collect();
    let of_old = PodSet::of(graph).into_iter().find(|pods| pods.role(graph) == Some("main"));
    if let Some(pods) = of_old.filter(|_| frontends.is_empty()) {
        let problem = "is of the type main, which was the frontend's in early versions of Dynamo";
        return Err(ManifestError::refused(
            describe(graph),
            path(pods.component()),
            problem,
            "set its type to frontend",
        ));
    }
    match frontends.as_slice() {
        [frontend] => Ok(LocatedEndpoint::Frontend { component: frontend.name.clone() }),
        [] => Err(ManifestError::incomplete(
            format!("{} has no component of type frontend", describe(graph)),
            format!(
                "add one, or a Service with the annotation {ENDPOINT_ANNOTATION}: \"true\" that selects the pods which \
                 answer requests, such as workers with frontends as sidecars; a server behind a gateway is measured with \
                 source.type Endpoint"
            ),
        )),
        several => Err(ManifestError::incomplete(
            format!("{} has {} components of type frontend", describe(graph), several.len()),
            "keep one: it receives the load",
        )),
    }
}

fn service(objects: &[Value]) -> Result<LocatedEndpoint, ManifestError> {
    let services: Vec<&Value> = objects.iter().filter(|object| is(object, ManifestKind::Service)).collect();
    let service = match (services.as_slice(), marked(objects).as_slice()) {
        ([only], _) | (_, [only]) => *only,
        ([], _) => {
            return Err(ManifestError::incomplete("there is no Service", "add one for the pods that answer requests"));
        }
        _ => {
            return Err(ManifestError::incomplete(
                format!("there are {} Services", services.len()),
                format!("mark the one that answers requests with the annotation {ENDPOINT_ANNOTATION}: \"true\""),
            ));
        }
    };
    of_service(service)
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
