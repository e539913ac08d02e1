//! Other comparisons' runs that want GPUs or hold them, as their status tells.

use kube::ResourceExt;

use crate::api::{BenchmarkComparison, Mode, SourceKind, Until, VariantStatus};
use crate::lifecycle::facts::{active_run, anything_deployed, live};
use crate::lifecycle::world::Rival;

/// The run of another comparison, if it competes for GPUs.
pub fn rival(comparison: &BenchmarkComparison) -> Option<Rival> {
    let status = comparison.status.as_ref()?;
    let run = active_run(status)?;
    let wants = run.ended.is_none() && !comparison.spec.suspend && comparison.spec.execution.until == Until::Verdict;
    if !wants && !anything_deployed(status) {
        return None;
    }
    let terminating = comparison.metadata.deletion_timestamp.is_some();
    if terminating && !anything_deployed(status) {
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
    let holds =
        |v: &&VariantStatus| !endpoints.contains(&v.name.as_str()) && (v.failure.is_none() || live(v).is_some());
    let demands: Vec<Vec<(u32, u32)>> = status.variants.iter().filter(holds).map(|v| demand(v, fallback)).collect();
    let demand = match mode {
        Mode::Parallel => demands.into_iter().flatten().collect(),
        _ => demands.into_iter().max_by_key(|demand| total(demand)).unwrap_or_default(),
    };
    Some(Rival {
        name: format!("{}/{}", comparison.namespace().unwrap_or_default(), comparison.name_any()),
        uid: comparison.uid().unwrap_or_default(),
        queued: run.queued_time.0,
        admitted: run.start_time.as_ref().map(|time| time.0),
        deployed: anything_deployed(status),
        demand,
    })
}

/// Variants that run anyway: their GPUs are not what runs wait for.
fn endpoints(comparison: &BenchmarkComparison) -> impl Iterator<Item = &str> {
    let endpoints = comparison.spec.variants.iter().filter(|variant| variant.source.kind == SourceKind::Endpoint);
    endpoints.map(|variant| variant.name.as_str())
}

fn total(demand: &[(u32, u32)]) -> u64 {
    demand.iter().map(|(pods, gpus)| u64::from(*pods) * u64::from(*gpus)).fold(0, u64::saturating_add)
}

/// Pods of one variant: (count, GPUs each). What is not generated yet is taken as one pod with everything, and engines of
/// several sizes as pods with one GPU each, as no node may have room for all of them.
fn demand(variant: &VariantStatus, fallback: u32) -> Vec<(u32, u32)> {
    let positive = |number: Option<u32>| number.filter(|n| *n > 0);
    let total = positive(variant.gpus).unwrap_or(fallback);
    let deployed = variant.deployed.as_ref();
    match (deployed.and_then(|d| positive(d.replicas)), deployed.and_then(|d| positive(d.tensor_parallel))) {
        (Some(replicas), Some(tensor)) => {
            let stages = deployed.and_then(|d| positive(d.pipeline_parallel)).unwrap_or(1);
            let each = tensor.saturating_mul(stages);
            if replicas.saturating_mul(each) == total { vec![(replicas, each)] } else { vec![(total, 1)] }
        }
        _ => vec![(1, total)],
    }
}
