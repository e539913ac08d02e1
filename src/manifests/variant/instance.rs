//! Prepared manifests → one deployment of a variant: names and labels of its own, and references that still fit.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, component_service, endpoint};
use super::gpus::gpus;
use super::hosts::Hosts;
use super::json::{ensure_object, set, text};
use super::object::{ManifestKind, Pods, name};
use super::references::{GraphRename, Renames};
use crate::api::labels::MANAGED_BY;
use crate::manifests::ManifestError;
use crate::manifests::labels::{self, Scope};
use crate::manifests::names::{DEPLOYMENT_LIMIT, LABEL_LIMIT, Names, OBJECT_LIMIT, dynamo_limit};
use crate::plan::Component;
use crate::plan::Plan;

/// One deployment of a variant, ready to be created.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instance {
    /// The objects, those that others refer to first. None for an endpoint.
    pub objects: Vec<Value>,
    /// Base URL of the server.
    pub endpoint_url: String,
    /// GPUs the pods hold together.
    pub gpus: u32,
    /// The object that stands for all: the DynamoGraphDeployment, or the Deployment that answers requests.
    pub main: Option<MainObject>,
}

/// The object that stands for a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MainObject {
    /// As in the manifest.
    pub api_version: String,
    /// `DynamoGraphDeployment` or `Deployment`.
    pub kind: String,
    /// Name of this deployment of it.
    pub name: String,
}

/// Makes prepared objects into deployment number `deployment` of a variant.
///
/// Nothing that two deployments create has the same name, and neither's Services select the other's pods.
///
/// # Errors
/// When names leave no room for what Kubernetes and Dynamo add to them, or `objects` were not prepared.
pub fn instantiate(objects: &[Value], plan: &Plan, variant: &str, deployment: u32) -> Result<Instance, ManifestError> {
    if let Some(endpoint) =
        plan.spec.variants.iter().find(|v| v.name == variant).and_then(|v| v.source.endpoint.as_ref())
    {
        return Ok(Instance { objects: vec![], endpoint_url: endpoint.url.clone(), gpus: endpoint.gpus, main: None });
    }
    let scope = Scope::new(plan, Component::Server).variant(variant).deployment(deployment);
    let endpoint = endpoint(objects)?;
    let names = new_names(objects, &endpoint, plan, variant, deployment)?;
    let renames = renames(objects, &names, plan);
    let mut created: Vec<(ManifestKind, Value)> = objects
        .iter()
        .filter_map(|object| Some((ManifestKind::of(object)?, object.clone())))
        .map(|(kind, mut object)| {
            renames.apply(&mut object);
            let name = names.get(&(kind, name(&object).to_owned()));
            own(&mut object, kind, name, &scope, plan);
            (kind, object)
        })
        .collect();
    created.sort_by_key(|(kind, _)| *kind);
    let objects: Vec<Value> = created.into_iter().map(|(_, object)| object).collect();
    let main = main_object(&objects, &endpoint, &renames.hosts);
    Ok(Instance {
        endpoint_url: url(&endpoint, main.as_ref(), &renames.hosts, &plan.comparison.namespace),
        gpus: gpus(&objects, &plan.spec.hardware.gpu_resource_name)?,
        main,
        objects,
    })
}

type NewNames = BTreeMap<(ManifestKind, String), String>;

/// A name for each object. The main one and the Service it answers through have the variant's own.
fn new_names(
    objects: &[Value],
    endpoint: &Endpoint,
    plan: &Plan,
    variant: &str,
    deployment: u32,
) -> Result<NewNames, ManifestError> {
    let names = Names::of(plan);
    let answering = answering_deployment(objects, endpoint).map(name);
    objects
        .iter()
        .filter_map(|object| Some((ManifestKind::of(object)?, object)))
        .map(|(kind, object)| {
            let old = name(object);
            let new = match kind {
                ManifestKind::GraphAlpha | ManifestKind::GraphBeta => {
                    graph_name(object, plan, &names, variant, deployment)?
                }
                ManifestKind::Deployment if Some(old) == answering => {
                    names.variant(variant, deployment, DEPLOYMENT_LIMIT)
                }
                ManifestKind::Deployment => names.variant_part(variant, deployment, old, DEPLOYMENT_LIMIT),
                ManifestKind::Service if matches!(endpoint, Endpoint::Service { name, .. } if name == old) => {
                    names.variant(variant, deployment, LABEL_LIMIT)
                }
                ManifestKind::Service => names.variant_part(variant, deployment, old, LABEL_LIMIT),
                ManifestKind::ConfigMap => names.variant_part(variant, deployment, old, OBJECT_LIMIT),
            };
            Ok(((kind, old.to_owned()), new))
        })
        .collect()
}

fn graph_name(
    graph: &Value,
    plan: &Plan,
    names: &Names,
    variant: &str,
    deployment: u32,
) -> Result<String, ManifestError> {
    let longest = Pods::of(graph).into_iter().map(|pods| pods.name).max_by_key(String::len).unwrap_or_default();
    let limit = dynamo_limit(&plan.comparison.namespace, longest.len());
    let name = names.variant(variant, deployment, limit);
    if name.len() > limit {
        return Err(ManifestError::incomplete(
            format!(
                "Dynamo's limits leave {limit} characters for the deployment's name beside the component {longest} in the namespace {}",
                plan.comparison.namespace
            ),
            "shorten the component's name, or use a namespace with a shorter name",
        ));
    }
    Ok(name)
}

/// The Deployment whose pods the endpoint's Service selects; the first one where labels do not tell.
fn answering_deployment<'a>(objects: &'a [Value], endpoint: &Endpoint) -> Option<&'a Value> {
    let Endpoint::Service { name: service, .. } = endpoint else { return None };
    let service = objects
        .iter()
        .find(|object| ManifestKind::of(object) == Some(ManifestKind::Service) && name(object) == service)?;
    let selector = service.pointer("/spec/selector").and_then(Value::as_object)?;
    let deployments = || objects.iter().filter(|object| ManifestKind::of(object) == Some(ManifestKind::Deployment));
    let is_selected = |deployment: &&Value| {
        let labels = deployment.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
        labels.is_some_and(|labels| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    };
    deployments().find(is_selected).or_else(|| deployments().next())
}

fn renames(objects: &[Value], names: &NewNames, plan: &Plan) -> Renames {
    let namespace = &plan.comparison.namespace;
    let mut renames = Renames { hosts: Hosts::new(namespace), ..Renames::default() };
    for object in objects {
        let Some(kind) = ManifestKind::of(object) else { continue };
        let old = name(object).to_owned();
        let Some(new) = names.get(&(kind, old.clone())).cloned() else { continue };
        match kind {
            ManifestKind::ConfigMap => {
                renames.config_maps.insert(old, new);
            }
            ManifestKind::Service => renames.hosts.insert(old, new),
            ManifestKind::Deployment => {}
            ManifestKind::GraphAlpha | ManifestKind::GraphBeta => {
                let pods = Pods::of(object);
                for pods in &pods {
                    renames.hosts.insert(component_service(&old, &pods.name), component_service(&new, &pods.name));
                }
                let field =
                    |pods: &Pods| text(object, &format!("{}/dynamoNamespace", pods.component())).map(str::to_owned);
                let dynamo_namespaces = pods.iter().filter_map(field).collect();
                renames.graph = Some(GraphRename { old, new, namespace: namespace.clone(), dynamo_namespaces });
            }
        }
    }
    renames
}

/// Makes an object the comparison's, and its pods too.
fn own(object: &mut Value, kind: ManifestKind, name: Option<&String>, scope: &Scope<'_>, plan: &Plan) {
    if let Some(name) = name {
        set(object, "/metadata", "name", name.as_str());
    }
    set(object, "/metadata", "namespace", plan.comparison.namespace.as_str());
    set(object, "/metadata", "ownerReferences", json!([labels::owner_reference(&plan.comparison)]));
    merge(object, "/metadata/labels", scope.labels());
    for pods in Pods::of(object) {
        merge_pod_labels(object, &format!("{}/labels", pods.metadata()), scope);
        merge(object, &format!("{}/annotations", pods.metadata()), labels::pod_annotations());
    }
    match kind {
        ManifestKind::ConfigMap => {}
        ManifestKind::Service => merge_selector(object, "/spec/selector", scope),
        ManifestKind::Deployment => merge_selector(object, "/spec/selector/matchLabels", scope),
        ManifestKind::GraphAlpha | ManifestKind::GraphBeta => {
            merge_pod_labels(object, "/spec/labels", scope);
            merge(object, "/spec/annotations", labels::pod_annotations());
        }
    }
}

fn merge(object: &mut Value, pointer: &str, pairs: BTreeMap<String, String>) {
    if let Some(map) = ensure_object(object, pointer) {
        map.extend(pairs.into_iter().map(|(key, value)| (key, Value::String(value))));
    }
}

/// A selector that goes by who manages the pods goes by us from now on.
fn merge_selector(object: &mut Value, pointer: &str, scope: &Scope<'_>) {
    let selects = object.pointer(pointer).and_then(Value::as_object).is_some_and(|map| map.contains_key(MANAGED_BY));
    let manager = scope.labels().into_iter().filter(|(key, _)| selects && key == MANAGED_BY);
    merge(object, pointer, scope.identifying_labels().into_iter().chain(manager).collect());
}

/// Ours identify pods, and we find them by who manages them; the other recommended ones only describe them, and the
/// manifests' own may be what selectors go by.
fn merge_pod_labels(object: &mut Value, pointer: &str, scope: &Scope<'_>) {
    let identifying = scope.identifying_labels();
    if let Some(map) = ensure_object(object, pointer) {
        for (key, value) in scope.labels() {
            if identifying.contains_key(&key) || key == MANAGED_BY || !map.contains_key(&key) {
                map.insert(key, Value::String(value));
            }
        }
    }
}

fn main_object(objects: &[Value], endpoint: &Endpoint, hosts: &Hosts) -> Option<MainObject> {
    let renamed = match endpoint {
        Endpoint::Service { name, port } => {
            Endpoint::Service { name: hosts.get(name).unwrap_or(name).to_owned(), port: *port }
        }
        frontend => frontend.clone(),
    };
    let graph = objects.iter().find(|object| ManifestKind::of(object).is_some_and(ManifestKind::is_graph));
    let main = graph.or_else(|| answering_deployment(objects, &renamed))?;
    Some(MainObject {
        api_version: text(main, "/apiVersion")?.to_owned(),
        kind: text(main, "/kind")?.to_owned(),
        name: name(main).to_owned(),
    })
}

fn url(endpoint: &Endpoint, main: Option<&MainObject>, hosts: &Hosts, namespace: &str) -> String {
    let host = match endpoint {
        Endpoint::Frontend { component } => {
            component_service(main.map(|main| main.name.as_str()).unwrap_or_default(), component)
        }
        Endpoint::Service { name, .. } => hosts.get(name).unwrap_or(name).to_owned(),
    };
    format!("http://{host}.{namespace}.svc:{}", endpoint.port())
}
