//! Live reads → the world. Nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod as ApiPod};
use kube::ResourceExt;
use kube::api::{Api, GetParams, ListParams};
use kube::core::{ApiResource, DeserializeGuard, DynamicObject};
use strum::IntoEnumIterator;

use super::call::optional;
use super::children::{self, PodOwners};
use super::context::Context;
use super::documents;
use super::error::{Error, is_not_found};
use super::kinds;
use super::lists::{Fresh, Least, fresh, list};
use super::sources::sources;
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec, BenchmarkComparisonStatus, annotations, labels};
use crate::dynamo;
use crate::lifecycle::decision::Freshness;
use crate::lifecycle::facts::anything_deployed;
use crate::lifecycle::stages::{queue, teardown};
use crate::lifecycle::status::deployed;
use crate::lifecycle::world::{Child, Complaint, JobState, Object, Output, Pod, PublishedResults, Sources, World};
use crate::manifests::labels::{comparison_selector, dynamo_selector};
use crate::manifests::names::Names;
use crate::measurement::ledger::Ledger;
use crate::plan::{ChildKind, Component, Identity, Plan};
use crate::prediction::configurations::{Configurations, GenerationOutcome};

/// Runs of a comparison that are believed to have been.
const MOST_RUNS: i64 = 1_000_000;

/// Reads everything one decision is made from.
pub async fn observe(
    context: &Context,
    comparison: &BenchmarkComparison,
    freshness: Freshness,
) -> Result<World, Error> {
    let object = object(comparison);
    let status = comparison.status.clone().unwrap_or_default();
    let graph_version = context.graph_version().await?;
    // What holds GPUs is looked at all the time.
    let recalls = anything_deployed(&status);
    if !recalls {
        context.recall.rest(&object.uid);
    }
    let of = Lists { context, object: &object, graph_version, freshness, recalls };
    let kinds = common_kinds();
    let graphs = async { Ok(of.children(&[ChildKind::DynamoGraphDeployment]).await) };
    let (mut children, graphs, quiet) = futures::try_join!(of.children(&kinds), graphs, of.quiet_children())?;
    children.extend(quiet);
    let unlisted = match graphs {
        Ok(graphs) => {
            children.extend(graphs);
            None
        }
        Err(error) => Some(error),
    };
    explain_jobs(context, &object, &mut children).await?;
    context.complaining(&object.uid, &mut children);
    let documents = Documents { context, object: &object, children: &children, freshness, recalls };
    let run = status.run_number();
    // Where it matters, each is not older than what it is judged with: results than Jobs that ended, pods than results that
    // they may have spoilt. What is decided for good is looked at again, as it is now.
    let (plan, configurations, results) = futures::try_join!(
        documents.get(run, Component::Plan, None),
        documents.get(run, Component::Configurations, None),
        documents.results(run, &comparison.spec),
    )?;
    let pods = list_pods(context, comparison, &object, freshness).await?;
    let plan = documents::plan(plan, &object.identity(), &status);
    let own_account = context.settings.own_account.as_ref();
    let (configurations, configurations_seal) =
        documents::configurations(configurations, &status, plan.present(), own_account);
    let sources = match plan {
        Output::Absent if run > 0 => {
            sources(&context.client, &object.namespace, &comparison.spec, graph_version).await?
        }
        _ => Sources::default(),
    };
    if let Some(error) = unlisted {
        without_graphs(&status, &configurations, error)?;
    }
    let rare = rare_kinds(&configurations);
    children.extend(of.children(&rare).await?);
    // A number that nobody counts to is somebody's joke: the next run would have none.
    let plans = children.iter().filter(|c| c.ours && c.component == Component::Plan && c.run < MOST_RUNS);
    let highest_plan = plans.map(|c| c.run).max();
    let mut world = World {
        pods: own_pods(&pods, comparison, &plan, &configurations, &children),
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
        configurations_seal,
        results,
        children,
    };
    let competes = queue::looks_at_others(&world.status, &world);
    if competes {
        world.rivals = context.comparisons.rivals(&context.client, &world.object.uid).await?;
    }
    world.nodes = match competes {
        true => context.nodes(&world.spec.hardware.gpu_resource_name).await?,
        // For a label only: without an answer the status does not say what product the nodes have, and nothing waits for it.
        false if deployed::on_unknown_nodes(&world) && context.capacity.is_listed() => {
            context.nodes(&world.spec.hardware.gpu_resource_name).await.unwrap_or_default()
        }
        false => None,
    };
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

/// Kinds of which every run has children that hold or publish something; graphs apart.
fn common_kinds() -> Vec<ChildKind> {
    let is_common = |kind: &ChildKind| {
        !ChildKind::RARE.contains(kind) && !ChildKind::QUIET.contains(kind) && *kind != ChildKind::DynamoGraphDeployment
    };
    ChildKind::iter().filter(is_common).collect()
}

/// Graphs cannot be listed, as while a webhook that converts one of them does not answer. A run that has none goes on; to any
/// other, what is not seen would look as if it were gone.
fn without_graphs(
    status: &BenchmarkComparisonStatus,
    configurations: &Output<Configurations>,
    error: Error,
) -> Result<(), Error> {
    let first = status.run.as_ref().is_some_and(|run| run.number == 1);
    let has_none = || !kinds_of(configurations).contains(&ChildKind::DynamoGraphDeployment);
    if first && configurations.present().is_some() && has_none() {
        tracing::warn!(%error, "DynamoGraphDeployments cannot be listed; this run has none");
        return Ok(());
    }
    Err(error)
}

/// The other kinds that the run's variants consist of.
fn rare_kinds(configurations: &Output<Configurations>) -> Vec<ChildKind> {
    kinds_of(configurations).into_iter().filter(|kind| ChildKind::RARE.contains(kind)).collect()
}

/// The kinds that the run's variants consist of.
fn kinds_of(configurations: &Output<Configurations>) -> BTreeSet<ChildKind> {
    let ready = configurations.present().into_iter().flat_map(|all| &all.variants).filter_map(|variant| match &variant
        .outcome
    {
        GenerationOutcome::Ready(ready) => Some(&ready.objects),
        GenerationOutcome::Refused { .. } => None,
    });
    ready.flatten().filter_map(|object| ChildKind::parse(object["kind"].as_str()?)).collect()
}

/// Lists of a comparison's children.
struct Lists<'a> {
    context: &'a Context,
    object: &'a Object,
    graph_version: Option<&'a str>,
    freshness: Freshness,
    recalls: bool,
}

impl Lists<'_> {
    async fn children(&self, kinds: &[ChildKind]) -> Result<Vec<Child>, Error> {
        let is_served = |kind: &&ChildKind| **kind != ChildKind::DynamoGraphDeployment || self.graph_version.is_some();
        let lists = kinds.iter().filter(is_served).map(|kind| self.of_kind(*kind));
        Ok(futures::future::try_join_all(lists).await?.into_iter().flatten().collect())
    }

    /// Those that hold and publish nothing, as they were not long ago.
    async fn quiet_children(&self) -> Result<Vec<Child>, Error> {
        let (recall, uid, now) = (&self.context.recall, &self.object.uid, (self.context.clock)());
        if let Some(known) = recall.quiet(uid, now).filter(|_| self.freshness == Freshness::AtHand) {
            return Ok(known);
        }
        let children = self.children(&ChildKind::QUIET).await?;
        if self.recalls {
            recall.keep_quiet(uid, now, &children);
        }
        Ok(children)
    }

    async fn of_kind(&self, kind: ChildKind) -> Result<Vec<Child>, Error> {
        for resource in kinds::resources(kind, self.graph_version.unwrap_or_default()) {
            match self.of_resource(kind, &resource).await {
                // A kind that the cluster does not serve, in this version or at all, has no objects.
                Err(Error::Api { source, .. }) if ChildKind::RARE.contains(&kind) && is_not_found(&source) => {}
                listed => return listed,
            }
        }
        Ok(vec![])
    }

    async fn of_resource(&self, kind: ChildKind, resource: &ApiResource) -> Result<Vec<Child>, Error> {
        let (client, namespace) = (&self.context.client, &self.object.namespace);
        let (what, of) = (
            format!("list {}", resource.plural),
            ListParams::default().labels(&comparison_selector(&self.object.name)),
        );
        // Contents of ConfigMaps are read one by one; status is needed of workloads only.
        let (recall, uid) = (&self.context.recall, &self.object.uid);
        let least = recall.least(uid, kind);
        let listed: Fresh<DynamicObject> = if kind == ChildKind::Job || ChildKind::SERVERS.contains(&kind) {
            let api = &kinds::lean(client, namespace, resource);
            let lean = fresh(self.freshness, least, &what, &of, |page| async move { api.list(&page).await }).await?;
            Fresh { items: lean.items.into_iter().map(DynamicObject::from).collect(), anew: lean.anew }
        } else {
            let api = &kinds::api(client, namespace, resource);
            let metadata =
                fresh(self.freshness, least, &what, &of, |page| async move { api.list_metadata(&page).await }).await?;
            let bare = |meta: kube::core::PartialObjectMeta<DynamicObject>| DynamicObject {
                types: meta.types,
                metadata: meta.metadata,
                data: serde_json::Value::Null,
            };
            Fresh { items: metadata.items.into_iter().map(bare).collect(), anew: metadata.anew }
        };
        if listed.anew {
            recall.read_anew(uid, kind, Least::of_all(&listed.items));
        }
        Ok(listed.items.iter().filter_map(|listed| children::child(listed, kind, self.object)).collect())
    }
}

/// When the API server refuses a Job's pods, only events say so.
async fn explain_jobs(context: &Context, object: &Object, children: &mut [Child]) -> Result<(), Error> {
    let events: Api<DeserializeGuard<Event>> = Api::namespaced(context.client.clone(), &object.namespace);
    let podless = |c: &&mut Child| c.ours && !c.terminating() && c.job == Some(JobState::Running) && !c.has_pods;
    for job in children.iter_mut().filter(podless) {
        let about = ListParams::default().fields(&format!("involvedObject.uid={},reason=FailedCreate", job.uid));
        let failed = list(&context.metrics, Freshness::AtHand, "list events of a Job", &events, &about).await?;
        let last = failed.into_iter().max_by_key(|event| event.last_timestamp.clone());
        let message = last.and_then(|event| event.message);
        job.complaint = message.map(|message| Complaint { message, since: Timestamp::MAX });
    }
    Ok(())
}

/// Pods with the comparison's label, and those of its DynamoGraphDeployments that carry only the labels of Dynamo's operator.
async fn list_pods(
    context: &Context,
    comparison: &BenchmarkComparison,
    object: &Object,
    freshness: Freshness,
) -> Result<Vec<ApiPod>, Error> {
    let api: Api<DeserializeGuard<ApiPod>> = Api::namespaced(context.client.clone(), &object.namespace);
    let listed = |what, of| list(&context.metrics, freshness, what, &api, of);
    let labelled = ListParams::default().labels(&comparison_selector(&object.name));
    let graphs = graphs(comparison);
    let of_graphs: Vec<ListParams> =
        graphs.keys().map(|name| ListParams::default().labels(&dynamo_selector(name))).collect();
    let more = of_graphs.iter().map(|of| listed("list pods of a DynamoGraphDeployment", of));
    let (mut pods, more) = futures::try_join!(listed("list pods", &labelled), futures::future::try_join_all(more))?;
    pods.extend(more.into_iter().flatten().filter(|pod| !pod.labels().contains_key(labels::RUN)));
    Ok(pods)
}

/// Those of them that are the comparison's.
fn own_pods(
    pods: &[ApiPod],
    comparison: &BenchmarkComparison,
    plan: &Output<Plan>,
    configurations: &Output<Configurations>,
    children: &[Child],
) -> Vec<Pod> {
    let since = comparison.creation_timestamp().map_or(Timestamp::MIN, |time| time.0);
    let spec = plan.present().map_or(&comparison.spec, |plan| &plan.spec);
    let graphs = graphs(comparison);
    let graph = |name: &str| graphs.get(name).cloned();
    let status = comparison.status.clone().unwrap_or_default();
    let owners = PodOwners::new(children, graphs.keys(), &status, plan.present(), configurations.present());
    let read = |pod: &ApiPod| children::pod(pod, &spec.hardware.gpu_resource_name, since, graph, &owners);
    pods.iter().filter_map(read).collect()
}

/// Names of the DynamoGraphDeployments of deployments that are not gone. In the background such an object vanishes
/// before its pods: its name then still shows whose they are.
fn graphs(comparison: &BenchmarkComparison) -> BTreeMap<String, (i64, String, u32)> {
    let run = comparison.status.as_ref().map_or(0, |status| status.run_number());
    let variants = comparison.status.iter().flat_map(|status| &status.variants);
    let live = variants.filter_map(|variant| {
        let deployment = crate::lifecycle::facts::live(variant)?.number;
        let name = variant.deployed.as_ref().filter(|d| d.kind.as_deref() == Some(dynamo::KIND))?.name.clone()?;
        Some((name, (run, variant.name.clone(), deployment)))
    });
    live.collect()
}

/// Reads the documents of a run.
struct Documents<'a> {
    context: &'a Context,
    object: &'a Object,
    children: &'a [Child],
    freshness: Freshness,
    recalls: bool,
}

impl Documents<'_> {
    async fn get(&self, run: i64, component: Component, variant: Option<&str>) -> Result<Option<ConfigMap>, Error> {
        let ours = |c: &&Child| {
            c.ours
                && c.kind == ChildKind::ConfigMap
                && c.component == component
                && c.run == run
                && c.variant.as_deref() == variant
        };
        let Some(child) = self.children.iter().find(ours) else { return Ok(None) };
        let (recall, comparison) = (&self.context.recall, &self.object.uid);
        if let Some(known) = recall.document(comparison, &child.uid) {
            return Ok(Some(known));
        }
        let api: Api<ConfigMap> = Api::namespaced(self.context.client.clone(), &self.object.namespace);
        let parameters = match self.freshness {
            Freshness::AtHand => GetParams::any(),
            Freshness::Certain | Freshness::Now => GetParams::default(),
        };
        let read = optional(format!("get ConfigMap {}", child.name), api.get_with(&child.name, &parameters)).await?;
        if let Some(map) = read.as_ref().filter(|_| self.recalls) {
            recall.keep_document(comparison, map);
        }
        Ok(read)
    }

    async fn results(
        &self,
        run: i64,
        spec: &BenchmarkComparisonSpec,
    ) -> Result<BTreeMap<String, Output<PublishedResults>>, Error> {
        let listed = self.children.iter().filter(|c| c.ours && c.run == run && c.component == Component::Results);
        let names = listed.filter_map(|c| c.variant.clone()).chain(spec.variants.iter().map(|v| v.name.clone()));
        let read = names.collect::<BTreeSet<_>>().into_iter().map(|name| async move {
            let map = self.get(run, Component::Results, Some(&name)).await?;
            Ok((name, map.as_ref().map_or(Output::Absent, ledger)))
        });
        Ok(futures::future::try_join_all(read).await?.into_iter().collect())
    }
}

/// Reads what load pods published into a ConfigMap.
pub fn ledger(map: &ConfigMap) -> Output<PublishedResults> {
    let entries = map.data.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    match Ledger::parse(entries) {
        Ok(ledger) => Output::Present(PublishedResults { ledger, sealed: map.immutable == Some(true) }),
        Err(error) => Output::Unreadable(error.to_string()),
    }
}

/// The comparison as its children refer to it.
pub fn identity(comparison: &BenchmarkComparison) -> Identity {
    object(comparison).identity()
}

/// Names of a run's children.
pub fn names(comparison: &BenchmarkComparison, run: i64) -> Names {
    Names::new(&identity(comparison), run)
}
