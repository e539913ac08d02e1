//! Live reads → the world. Nothing is decided here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node as ApiNode, Pod as ApiPod};
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use kube::{Client, ResourceExt};
use strum::IntoEnumIterator;

use super::call::{call, optional};
use super::children;
use super::context::{Context, Scope};
use super::error::Error;
use super::kinds;
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec, annotations, labels};
use crate::dynamo;
use crate::lifecycle::stages::queue::rivals;
use crate::lifecycle::stages::{queue, teardown};
use crate::lifecycle::status::deployed;
use crate::lifecycle::world::{Child, JobState, Node, Object, Output, Pod, Results, World};
use crate::manifests::agent_contract::PLAN_KEY;
use crate::manifests::labels::{comparison_selector, dynamo_selector};
use crate::manifests::names::Names;
use crate::measurement::ledger::Ledger;
use crate::plan::{self, ChildKind, Component, Identity, Plan};
use crate::prediction::configurations::{self, Configurations};

/// Reads everything one decision is made from.
pub async fn observe(context: &Context, comparison: &BenchmarkComparison) -> Result<World, Error> {
    let object = object(comparison);
    let status = comparison.status.clone().unwrap_or_default();
    let graph_version = context.graph_version().await?;
    let mut children = list_children(context, &object, graph_version).await?;
    explain_jobs(context, &object, &mut children).await?;
    let documents = Documents { client: &context.client, namespace: &object.namespace, children: &children };
    let run = status.run_number();
    let plan = documents.plan(run).await?;
    let configurations = documents.configurations(run).await?;
    let results = documents.results(run, &comparison.spec).await?;
    let sources =
        if plan == Output::Absent && run > 0 { documents.sources(&comparison.spec).await? } else { BTreeMap::new() };
    let highest_plan = children.iter().filter(|c| c.ours && c.component == Component::Plan).map(|c| c.run).max();
    let mut world = World {
        pods: list_pods(context, comparison, &object, &plan).await?,
        highest_plan: highest_plan.unwrap_or(0),
        refusals: context.refusals(&object.uid),
        spec: comparison.spec.clone(),
        settings: context.settings.clone(),
        dynamo_served: graph_version.is_some(),
        rivals: vec![],
        nodes: None,
        object,
        status,
        plan,
        sources,
        configurations,
        results,
        children,
    };
    let competes = queue::looks_at_others(&world.status, &world);
    if competes {
        world.rivals = list_rivals(context, &world.object.uid).await?;
    }
    if competes || deployed::on_new_nodes(&world) {
        world.nodes = list_nodes(context, &world.spec.hardware.gpu_resource_name).await?;
    }
    Ok(world)
}

fn object(comparison: &BenchmarkComparison) -> Object {
    let annotation = |key: &str| comparison.annotations().get(key).filter(|value| !value.is_empty()).cloned();
    Object {
        namespace: comparison.namespace().unwrap_or_default(),
        name: comparison.name_any(),
        uid: comparison.uid().unwrap_or_default(),
        generation: comparison.metadata.generation.unwrap_or(0),
        terminating: comparison.metadata.deletion_timestamp.is_some(),
        orphans: comparison.finalizers().iter().any(|finalizer| finalizer == teardown::ORPHAN),
        run_requested: comparison.run_request().map(str::to_owned),
        cancel_requested: annotation(annotations::CANCEL_REQUESTED),
    }
}

async fn list_children(context: &Context, object: &Object, graph_version: Option<&str>) -> Result<Vec<Child>, Error> {
    let parameters = ListParams::default().labels(&comparison_selector(&object.name));
    let lists = ChildKind::iter().filter(|kind| *kind != ChildKind::DynamoGraphDeployment || graph_version.is_some());
    let lists = lists.map(|kind| list_kind(context, object, kind, graph_version.unwrap_or_default(), &parameters));
    Ok(futures::future::try_join_all(lists).await?.into_iter().flatten().collect())
}

async fn list_kind(
    context: &Context,
    object: &Object,
    kind: ChildKind,
    graph_version: &str,
    parameters: &ListParams,
) -> Result<Vec<Child>, Error> {
    let resource = kinds::resource(kind, graph_version);
    let api = kinds::api(&context.client, &object.namespace, &resource);
    let what = format!("list {}", resource.plural);
    // Contents of ConfigMaps are read one by one; status is needed of workloads only.
    let objects: Vec<DynamicObject> =
        if matches!(kind, ChildKind::Job | ChildKind::Deployment | ChildKind::DynamoGraphDeployment) {
            call(what, api.list(parameters)).await?.items
        } else {
            let metadata = call(what, api.list_metadata(parameters)).await?.items;
            let bare = |meta: kube::core::PartialObjectMeta<DynamicObject>| DynamicObject {
                types: meta.types,
                metadata: meta.metadata,
                data: serde_json::Value::Null,
            };
            metadata.into_iter().map(bare).collect()
        };
    Ok(objects.iter().filter_map(|listed| children::child(listed, kind, &object.uid)).collect())
}

/// When the API server refuses a Job's pods, only events say so.
async fn explain_jobs(context: &Context, object: &Object, children: &mut [Child]) -> Result<(), Error> {
    let events: Api<Event> = Api::namespaced(context.client.clone(), &object.namespace);
    let podless = |c: &&mut Child| c.ours && !c.terminating && c.job == Some(JobState::Running) && !c.has_pods;
    for job in children.iter_mut().filter(podless) {
        let about = ListParams::default().fields(&format!("involvedObject.uid={},reason=FailedCreate", job.uid));
        let failed = call("list events of a Job", events.list(&about)).await?.items;
        job.complaint =
            failed.into_iter().max_by_key(|event| event.last_timestamp.clone()).and_then(|event| event.message);
    }
    Ok(())
}

async fn list_pods(
    context: &Context,
    comparison: &BenchmarkComparison,
    object: &Object,
    plan: &Output<Plan>,
) -> Result<Vec<Pod>, Error> {
    let api: Api<ApiPod> = Api::namespaced(context.client.clone(), &object.namespace);
    let since = comparison.creation_timestamp().map_or(Timestamp::MIN, |time| time.0);
    let spec = plan.present().map_or(&comparison.spec, |plan| &plan.spec);
    let graphs = graphs(comparison, plan);
    let graph = |name: &str| graphs.get(name).cloned();
    let read = |pod: &ApiPod| children::pod(pod, &spec.hardware.gpu_resource_name, since, graph);
    let labelled = ListParams::default().labels(&comparison_selector(&object.name));
    let mut pods: Vec<Pod> = call("list pods", api.list(&labelled)).await?.items.iter().filter_map(read).collect();
    for name in graphs.keys() {
        let of_graph = ListParams::default().labels(&dynamo_selector(name));
        let more = call("list pods of a DynamoGraphDeployment", api.list(&of_graph)).await?.items;
        pods.extend(more.iter().filter(|pod| !pod.labels().contains_key(labels::RUN)).filter_map(read));
    }
    Ok(pods)
}

/// Names of the DynamoGraphDeployments of deployments that are not gone. In the background such an object vanishes
/// before its pods: its name then still shows whose they are.
fn graphs(comparison: &BenchmarkComparison, plan: &Output<Plan>) -> BTreeMap<String, (i64, String, u32)> {
    let Some(plan) = plan.present() else { return BTreeMap::new() };
    let variants = comparison.status.iter().flat_map(|status| &status.variants);
    let live = variants.filter_map(|variant| {
        let deployment = crate::lifecycle::facts::live(variant)?.number;
        let name = variant.deployed.as_ref().filter(|d| d.kind.as_deref() == Some(dynamo::KIND))?.name.clone()?;
        Some((name, (plan.run, variant.name.clone(), deployment)))
    });
    live.collect()
}

/// Reads the documents of a run.
struct Documents<'a> {
    client: &'a Client,
    namespace: &'a str,
    children: &'a [Child],
}

impl Documents<'_> {
    fn api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    async fn get(&self, run: i64, component: Component, variant: Option<&str>) -> Result<Option<ConfigMap>, Error> {
        let ours = |c: &&Child| {
            c.ours
                && c.kind == ChildKind::ConfigMap
                && c.component == component
                && c.run == run
                && c.variant.as_deref() == variant
        };
        match self.children.iter().find(ours) {
            Some(child) => optional(format!("get ConfigMap {}", child.name), self.api().get(&child.name)).await,
            None => Ok(None),
        }
    }

    async fn plan(&self, run: i64) -> Result<Output<Plan>, Error> {
        let map = self.get(run, Component::Plan, None).await?;
        Ok(document(map, PLAN_KEY, |plan: &Plan| plan.schema_version, plan::SCHEMA_VERSION))
    }

    async fn configurations(&self, run: i64) -> Result<Output<Configurations>, Error> {
        let map = self.get(run, Component::Configurations, None).await?;
        let version = |document: &Configurations| document.schema_version;
        Ok(document(map, configurations::KEY, version, configurations::SCHEMA_VERSION))
    }

    async fn results(
        &self,
        run: i64,
        spec: &BenchmarkComparisonSpec,
    ) -> Result<BTreeMap<String, Output<Results>>, Error> {
        let mut results = BTreeMap::new();
        let listed = self.children.iter().filter(|c| c.ours && c.run == run && c.component == Component::Results);
        let names = listed.filter_map(|c| c.variant.clone()).chain(spec.variants.iter().map(|v| v.name.clone()));
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let output = match self.get(run, Component::Results, Some(&name)).await? {
                None => Output::Absent,
                Some(map) => ledger(&map),
            };
            results.insert(name, output);
        }
        Ok(results)
    }

    /// The manifests that variants take from ConfigMaps.
    async fn sources(&self, spec: &BenchmarkComparisonSpec) -> Result<BTreeMap<String, Result<String, String>>, Error> {
        let mut sources = BTreeMap::new();
        for variant in &spec.variants {
            let Some(manifests) = &variant.source.manifests else { continue };
            let Some(name) = &manifests.config_map_name else { continue };
            let map = optional(format!("get ConfigMap {name}"), self.api().get(name)).await?;
            sources.insert(variant.name.clone(), source(map, name, manifests.key.as_deref(), &variant.name));
        }
        Ok(sources)
    }
}

fn source(map: Option<ConfigMap>, name: &str, key: Option<&str>, variant: &str) -> Result<String, String> {
    let place = format!("variant {variant}: ConfigMap {name}");
    let data = map.ok_or_else(|| format!("{place} does not exist; create it"))?.data.unwrap_or_default();
    match key {
        Some(key) => data.get(key).cloned().ok_or_else(|| {
            format!(
                "{place} has no key {key}, only {}; correct source.manifests.key",
                data.keys().cloned().collect::<Vec<_>>().join(", ")
            )
        }),
        None if data.len() == 1 => Ok(data.into_values().next().unwrap_or_default()),
        None => Err(format!("{place} has {} keys; name one in source.manifests.key", data.len())),
    }
}

/// Reads what load pods published into a ConfigMap.
pub fn ledger(map: &ConfigMap) -> Output<Results> {
    let entries = map.data.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    match Ledger::parse(entries) {
        Ok(ledger) => Output::Present(Results { ledger, sealed: map.immutable == Some(true) }),
        Err(error) => Output::Unreadable(error.to_string()),
    }
}

/// Reads a versioned document; this version reads its own and the one before.
pub fn document<T: serde::de::DeserializeOwned>(
    map: Option<ConfigMap>,
    key: &str,
    version: impl Fn(&T) -> u32,
    newest: u32,
) -> Output<T> {
    let Some(map) = map else { return Output::Absent };
    let Some(text) = map.data.as_ref().and_then(|data| data.get(key)) else { return Output::Empty };
    match serde_json::from_str::<T>(text) {
        Ok(document) if (newest.saturating_sub(1)..=newest).contains(&version(&document)) => Output::Present(document),
        Ok(document) => Output::Unreadable(format!(
            "ConfigMap {}: {key} has schemaVersion {}; this version reads {} to {newest}",
            map.name_any(),
            version(&document),
            newest.saturating_sub(1)
        )),
        Err(error) => Output::Unreadable(format!("ConfigMap {}: {key}: {error}", map.name_any())),
    }
}

async fn list_rivals(context: &Context, own_uid: &str) -> Result<Vec<crate::lifecycle::world::Rival>, Error> {
    let mut rivals = vec![];
    let apis: Vec<Api<BenchmarkComparison>> = match &context.scope {
        Scope::Cluster => vec![Api::all(context.client.clone())],
        Scope::Namespaces(names) => names.iter().map(|n| Api::namespaced(context.client.clone(), n)).collect(),
    };
    for api in apis {
        let listed = match call("list benchmarkcomparisons", api.list(&ListParams::default())).await {
            // A watched namespace was deleted, and the operator's Role with it: it has no rivals. A refusal for the
            // whole cluster is an error.
            Err(error) if context.scope != Scope::Cluster && error.is_forbidden() => {
                tracing::warn!(%error, "a watched namespace cannot be read: assuming that it was deleted");
                continue;
            }
            listed => listed?,
        };
        rivals.extend(listed.items.iter().filter(|c| c.uid().as_deref() != Some(own_uid)).filter_map(rivals::rival));
    }
    Ok(rivals)
}

/// Nodes with GPUs and the GPUs in use there; `None` where the operator may not list nodes.
async fn list_nodes(context: &Context, gpu_resource: &str) -> Result<Option<Vec<Node>>, Error> {
    if context.scope != Scope::Cluster {
        return Ok(None);
    }
    let nodes: Api<ApiNode> = Api::all(context.client.clone());
    let pods: Api<ApiPod> = Api::all(context.client.clone());
    let nodes = call("list nodes", nodes.list(&ListParams::default())).await?;
    let over = "status.phase!=Succeeded,status.phase!=Failed";
    let pods = call("list pods of all namespaces", pods.list(&ListParams::default().fields(over))).await?;
    let comparisons: Api<BenchmarkComparison> = Api::all(context.client.clone());
    let comparisons = call("list benchmarkcomparisons", comparisons.list_metadata(&ListParams::default())).await?;
    let uid = |namespace: &str, name: &str| {
        let found =
            comparisons.items.iter().find(|c| c.namespace().as_deref() == Some(namespace) && c.name_any() == name);
        found.and_then(|c| c.uid()).unwrap_or_default()
    };
    let node = |node: &ApiNode| {
        let name = node.name_any();
        let quantity = node.status.as_ref().and_then(|s| s.allocatable.as_ref()?.get(gpu_resource));
        let allocatable = quantity.and_then(|q| q.0.parse().ok()).unwrap_or(0);
        let mut used = BTreeMap::new();
        let here = pods.items.iter().filter(|p| p.spec.as_ref().and_then(|s| s.node_name.as_ref()) == Some(&name));
        for pod in here {
            let owner = pod.labels().get(labels::COMPARISON).map(|c| uid(&pod.namespace().unwrap_or_default(), c));
            *used.entry(owner.unwrap_or_default()).or_insert(0) += children::gpus(pod, gpu_resource);
        }
        let unschedulable = node.spec.as_ref().and_then(|s| s.unschedulable).unwrap_or(false);
        Node { labels: node.labels().clone(), name, allocatable, used, unschedulable }
    };
    Ok(Some(nodes.items.iter().map(node).filter(|node| node.allocatable > 0).collect()))
}

/// The comparison as its children refer to it.
pub fn identity(comparison: &BenchmarkComparison) -> Identity {
    let object = object(comparison);
    Identity { namespace: object.namespace, name: object.name, uid: object.uid }
}

/// Names of a run's children.
pub fn names(comparison: &BenchmarkComparison, run: i64) -> Names {
    Names::new(&identity(comparison), run)
}
