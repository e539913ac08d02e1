//! Other comparisons' runs that want GPUs or hold them, as their status tells.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::codes::ReasonGroup;
use crate::api::conditions::ConditionType;
use crate::api::{
    BenchmarkComparison, BenchmarkComparisonStatus, DeploymentStatus, Mode, Reason, SourceKind, Until, VariantStatus,
};
use crate::lifecycle::facts::{active_run, live};
use crate::lifecycle::world::Rival;
use crate::plan::Demand;

/// The run of another comparison, if it competes for GPUs.
pub fn rival(comparison: &BenchmarkComparison) -> Option<Rival> {
    let status = comparison.status.as_ref()?;
    let run = active_run(status)?;
    let is_over = run.ended.is_some() || run.settled.is_some() || comparison.metadata.deletion_timestamp.is_some();
    let wants = !is_over
        && !comparison.spec.suspend
        && comparison.spec.execution.until == Until::Verdict
        && (run.start_time.is_some() || !is_refused(status));
    let holds_any = status.variants.iter().any(holds);
    if !wants && !holds_any {
        return None;
    }
    let endpoints: Vec<&str> = endpoints(comparison).collect();
    let all = &comparison.spec.variants;
    if !all.is_empty() && endpoints.len() == all.len() {
        return None;
    }
    let mode = run.mode.unwrap_or(comparison.spec.execution.mode);
    let fallback = comparison.spec.hardware.gpus_per_variant;
    // A failed variant may be kept for debugging, or be terminating.
    let counts =
        |v: &&VariantStatus| !endpoints.contains(&v.name.as_str()) && (holds(v) || (wants && v.failure.is_none()));
    let selector = &comparison.spec.hardware.node_selector;
    let counted = status.variants.iter().filter(counts);
    let demands: Vec<Vec<Demand>> = counted.map(|variant| demand(variant, fallback, selector)).collect();
    let demand = match mode {
        Mode::Parallel => demands.into_iter().flatten().collect(),
        _ => demands.into_iter().max_by_key(|demand| total(demand)).unwrap_or_default(),
    };
    Some(Rival {
        name: format!("{}/{}", comparison.namespace().unwrap_or_default(), comparison.name_any()),
        uid: comparison.uid().unwrap_or_default(),
        queued: run.queued_time.0,
        admitted: run.start_time.as_ref().map(|time| time.0),
        deployed: holds_any,
        pending_since: status.variants.iter().filter_map(pending_since).min(),
        gpu_resource: comparison.spec.hardware.gpu_resource_name.clone(),
        demand,
    })
}

/// Whether the API server would not take what the run is to deploy: it is not admitted before that changes, and has another
/// look itself.
fn is_refused(status: &BenchmarkComparisonStatus) -> bool {
    let reconciling = ConditionType::Reconciling.as_str();
    let condition = status.conditions.iter().find(|condition| condition.type_ == reconciling);
    let reason = condition.and_then(|condition| condition.reason.parse::<Reason>().ok());
    reason.is_some_and(|reason| reason.group() == ReasonGroup::Failure)
}

/// Whether a variant holds GPUs, or may: objects that stay when their pods are gone hold none.
fn holds(variant: &VariantStatus) -> bool {
    live(variant).is_some_and(|deployment| deployment.freed.is_none())
}

/// Since when a variant's pods wait for nodes, if some do.
fn pending_since(variant: &VariantStatus) -> Option<Timestamp> {
    let waits = |deployment: &&DeploymentStatus| deployment.scheduled.is_none() && deployment.teardown.is_none();
    live(variant).filter(waits).map(|deployment| deployment.created.0)
}

/// Variants that run anyway: their GPUs are not what runs wait for.
fn endpoints(comparison: &BenchmarkComparison) -> impl Iterator<Item = &str> {
    let endpoints = comparison.spec.variants.iter().filter(|variant| variant.source.kind == SourceKind::Endpoint);
    endpoints.map(|variant| variant.name.as_str())
}

fn total(demand: &[Demand]) -> u64 {
    demand.iter().map(|demand| u64::from(demand.total())).fold(0, u64::saturating_add)
}

/// Pods of one variant. What is not generated yet is taken as one pod with everything.
fn demand(variant: &VariantStatus, fallback: u32, node_selector: &BTreeMap<String, String>) -> Vec<Demand> {
    let of = |pods: u32, gpus: u32| Demand { pods, gpus, node_selector: node_selector.clone() };
    if variant.gpu_pods.is_empty() {
        return vec![of(1, variant.gpus.filter(|gpus| *gpus > 0).unwrap_or(fallback))];
    }
    variant.gpu_pods.iter().map(|pods| of(pods.pods, pods.gpus)).collect()
}
