//! Prepared manifests → one deployment of a variant, with its own names and labels and references that follow them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::claims::CHANNEL_TEMPLATE;
use super::endpoint::{LocatedEndpoint, endpoint};
use super::gpus::gpus;
use super::hosts::Hosts;
use super::object::{ManifestKind, is, kind, name};
use super::references::{GraphRename, Renames};
use crate::api::labels::MANAGED_BY;
use crate::dynamo::{self, Layout, PodSet, component_service};
use crate::manifests::ManifestError;
use crate::manifests::labels::{self, Ownership};
use crate::manifests::names::{DEPLOYMENT_LIMIT, LABEL_LIMIT, Names, OBJECT_LIMIT};
use crate::plan::{Component, Plan};
use crate::pointer::{ensure_object, set, text};

/// One deployment of a variant, ready to be created.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantDeployment {
    /// Those that others refer to come first. Empty for an endpoint.
    pub objects: Vec<Value>,
    /// Base URL of the server.
    pub endpoint_url: String,
    /// GPUs the pods hold together.
    pub gpus: u32,
    /// The DynamoGraphDeployment, or the Deployment or the like that answers requests; none for an endpoint.
    pub main: Option<MainObject>,
}

/// The object by which a deployment is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MainObject {
    pub api_version: String,
    /// For example `DynamoGraphDeployment` or `Deployment`.
    pub kind: String,
    pub name: String,
}

/// Turns prepared objects into deployment number `deployment` of a variant.
///
/// Nothing that two deployments create has the same name, and neither's Services select the other's pods.
///
/// # Errors
/// When names leave no room for what Kubernetes and Dynamo add to them, or `objects` were not prepared.
pub fn instantiate(
    objects: &[Value],
    plan: &Plan,
    variant: &str,
    deployment: u32,
) -> Result<VariantDeployment, ManifestError> {
    if let Some(endpoint) =
        plan.spec.variants.iter().find(|v| v.name == variant).and_then(|v| v.source.endpoint.as_ref())
    {
        return Ok(VariantDeployment {
            objects: vec![],
            endpoint_url: endpoint.url.clone(),
            gpus: endpoint.gpus,
            main: None,
        });
    }
    let ownership = Ownership::new(plan, Component::Server).variant(variant).deployment(deployment);
    let endpoint = endpoint(objects)?;
    let names = new_names(objects, &endpoint, plan, variant, deployment)?;
    let renames = renames(objects, &names, plan);
    let mut created: Vec<(ManifestKind, Value)> = objects
        .iter()
        .filter_map(|object| Some((kind(object)?, object.clone())))
        .map(|(kind, mut object)| {
            renames.apply(&mut object);
            let name = names.get(&(kind, name(&object).to_owned()));
            own(&mut object, kind, name, &ownership, plan);
            (kind, object)
        })
        .collect();
    created.sort_by_key(|(kind, _)| *kind);
    let objects: Vec<Value> = created.into_iter().map(|(_, object)| object).collect();
    let main = main_object(&objects, &endpoint, &renames.hosts);
    Ok(VariantDeployment {
        endpoint_url: url(&endpoint, main.as_ref(), &renames.hosts, &plan.comparison.namespace),
        gpus: gpus(&objects, &plan.spec.hardware.gpu_resource_name)?,
        main,
        objects,
    })
}

type NewNames = BTreeMap<(ManifestKind, String), String>;

/// A name for each object. The main object and, as a rule, the Service in front of it are named after the variant.
fn new_names(
    objects: &[Value],
    endpoint: &LocatedEndpoint,
    plan: &Plan,
    variant: &str,
    deployment: u32,
) -> Result<NewNames, ManifestError> {
    let names = Names::of(plan);
    let answering = answering_workload(objects, endpoint);
    let is_in_front = |service: &str| matches!(endpoint, LocatedEndpoint::Service { name, .. } if name == service);
    // The pods of a group find their leader by a Service that is called as their LeaderWorkerSet is, and that its controller
    // creates if there is none of that name.
    let leads_groups = answering.is_some_and(|object| is(object, ManifestKind::LeaderWorkerSet));
    objects
        .iter()
        .filter_map(|object| Some((kind(object)?, object)))
        .map(|(kind, object)| {
            let old = name(object);
            let new = match kind {
                ManifestKind::Graph => graph_name(object, plan, &names, variant, deployment)?,
                kind if kind.is_workload() && Some(object) == answering => {
                    names.variant(variant, deployment, DEPLOYMENT_LIMIT)
                }
                ManifestKind::Deployment | ManifestKind::StatefulSet | ManifestKind::LeaderWorkerSet => {
                    names.variant_part(variant, deployment, old, DEPLOYMENT_LIMIT)
                }
                ManifestKind::Service if is_in_front(old) && !leads_groups => {
                    names.variant(variant, deployment, LABEL_LIMIT)
                }
                ManifestKind::Service | ManifestKind::ComputeDomain => {
                    names.variant_part(variant, deployment, old, LABEL_LIMIT)
                }
                ManifestKind::ConfigMap | ManifestKind::ClaimTemplate => {
                    names.variant_part(variant, deployment, old, OBJECT_LIMIT)
                }
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
    let longest = PodSet::of(graph).into_iter().map(|pods| pods.name).max_by_key(String::len).unwrap_or_default();
    let limit = dynamo::name_limit(&plan.comparison.namespace, graph);
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

/// The Deployment, or the like, whose pods the endpoint's Service selects; the first one if labels select none.
fn answering_workload<'a>(objects: &'a [Value], endpoint: &LocatedEndpoint) -> Option<&'a Value> {
    let LocatedEndpoint::Service { name: service, .. } = endpoint else { return None };
    let service = objects.iter().find(|object| is(object, ManifestKind::Service) && name(object) == service)?;
    let selector = service.pointer("/spec/selector").and_then(Value::as_object)?;
    let workloads = || objects.iter().filter(|object| kind(object).is_some_and(ManifestKind::is_workload));
    let is_selected = |workload: &&Value| {
        PodSet::of(workload).iter().any(|pods| {
            let labels = workload.pointer(&format!("{}/labels", pods.metadata())).and_then(Value::as_object);
            labels.is_some_and(|labels| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
        })
    };
    workloads().find(is_selected).or_else(|| workloads().next())
}

fn renames(objects: &[Value], names: &NewNames, plan: &Plan) -> Renames {
    let namespace = &plan.comparison.namespace;
    let mut renames = Renames { hosts: Hosts::new(namespace), ..Renames::default() };
    for object in objects {
        let Some(kind) = kind(object) else { continue };
        let old = name(object).to_owned();
        let Some(new) = names.get(&(kind, old.clone())).cloned() else { continue };
        match kind {
            ManifestKind::ConfigMap => {
                renames.config_maps.insert(old, new);
            }
            ManifestKind::Service => renames.hosts.insert(old, new),
            ManifestKind::ClaimTemplate => {
                renames.claim_templates.insert(old, new);
            }
            ManifestKind::ComputeDomain => {
                if let Some(template) = text(object, &format!("{CHANNEL_TEMPLATE}/name")) {
                    // Beside the domain's own new name there is nothing of the same beginning.
                    renames.claim_templates.insert(template.to_owned(), format!("{new}-channel"));
                }
            }
            ManifestKind::Deployment => {}
            ManifestKind::StatefulSet => renames.hosts.insert_set(old, new),
            ManifestKind::LeaderWorkerSet => renames.hosts.insert_groups(old, new),
            ManifestKind::Graph => {
                let pods = PodSet::of(object);
                for pods in &pods {
                    renames.hosts.insert(component_service(&old, &pods.name), component_service(&new, &pods.name));
                }
                let field =
                    |pods: &PodSet| text(object, &format!("{}/dynamoNamespace", pods.component())).map(str::to_owned);
                let dynamo_namespaces = pods.iter().filter_map(field).collect();
                renames.graph = Some(GraphRename { old, new, namespace: namespace.clone(), dynamo_namespaces });
            }
        }
    }
    renames
}

/// Makes the comparison own an object, and labels its pods.
fn own(object: &mut Value, kind: ManifestKind, name: Option<&String>, ownership: &Ownership<'_>, plan: &Plan) {
    if let Some(name) = name {
        set(object, "/metadata", "name", name.as_str());
    }
    set(object, "/metadata", "namespace", plan.comparison.namespace.as_str());
    set(object, "/metadata", "ownerReferences", json!([labels::owner_reference(&plan.comparison)]));
    merge(object, "/metadata/labels", ownership.labels());
    for pods in PodSet::of(object) {
        merge_pod_labels(object, &format!("{}/labels", pods.metadata()), ownership);
        merge(object, &format!("{}/annotations", pods.metadata()), labels::pod_annotations());
    }
    match kind {
        ManifestKind::ConfigMap | ManifestKind::ComputeDomain | ManifestKind::LeaderWorkerSet => {}
        // The claims that are made of it have these labels: whose GPUs they hold is seen by them.
        ManifestKind::ClaimTemplate => merge(object, "/spec/metadata/labels", ownership.labels()),
        ManifestKind::Service => merge_selector(object, "/spec/selector", ownership),
        ManifestKind::Deployment | ManifestKind::StatefulSet => {
            merge_selector(object, "/spec/selector/matchLabels", ownership);
        }
        ManifestKind::Graph => {
            merge_pod_labels(object, "/spec/labels", ownership);
            merge(object, "/spec/annotations", labels::pod_annotations());
        }
    }
}

fn merge(object: &mut Value, pointer: &str, pairs: BTreeMap<String, String>) {
    if let Some(map) = ensure_object(object, pointer) {
        map.extend(pairs.into_iter().map(|(key, value)| (key, Value::String(value))));
    }
}

/// A selector by `managed-by` must select the operator's value, which the pods get.
fn merge_selector(object: &mut Value, pointer: &str, ownership: &Ownership<'_>) {
    let selects = object.pointer(pointer).and_then(Value::as_object).is_some_and(|map| map.contains_key(MANAGED_BY));
    let manager = ownership.labels().into_iter().filter(|(key, _)| selects && key == MANAGED_BY);
    merge(object, pointer, ownership.identifying_labels().into_iter().chain(manager).collect());
}

/// The identifying labels and `managed-by` are the operator's. The other recommended labels only describe pods: where the
/// manifests set them, selectors may depend on them.
fn merge_pod_labels(object: &mut Value, pointer: &str, ownership: &Ownership<'_>) {
    let identifying = ownership.identifying_labels();
    if let Some(map) = ensure_object(object, pointer) {
        for (key, value) in ownership.labels() {
            if identifying.contains_key(&key) || key == MANAGED_BY || !map.contains_key(&key) {
                map.insert(key, Value::String(value));
            }
        }
    }
}

fn main_object(objects: &[Value], endpoint: &LocatedEndpoint, hosts: &Hosts) -> Option<MainObject> {
    let renamed = match endpoint {
        LocatedEndpoint::Service { name, port } => {
            LocatedEndpoint::Service { name: hosts.get(name).unwrap_or(name).to_owned(), port: *port }
        }
        frontend => frontend.clone(),
    };
    let graph = objects.iter().find(|object| Layout::of(object).is_some_and(Layout::is_graph));
    let main = graph.or_else(|| answering_workload(objects, &renamed))?;
    Some(MainObject {
        api_version: text(main, "/apiVersion")?.to_owned(),
        kind: text(main, "/kind")?.to_owned(),
        name: name(main).to_owned(),
    })
}

fn url(endpoint: &LocatedEndpoint, main: Option<&MainObject>, hosts: &Hosts, namespace: &str) -> String {
    let host = match endpoint {
        LocatedEndpoint::Frontend { component } => {
            component_service(main.map(|main| main.name.as_str()).unwrap_or_default(), component)
        }
        LocatedEndpoint::Service { name, .. } => hosts.get(name).unwrap_or(name).to_owned(),
    };
    format!("http://{host}.{namespace}.svc:{}", endpoint.port())
}
