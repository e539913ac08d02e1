//! `kubectl bcmp stop`: cancels the active run and says when its GPUs are free.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use tokio::time::Instant;

use super::Plugin;
use super::arguments::{Patience, StopArguments};
use super::cluster::NamespaceClient;
use super::error::PluginError;
use super::objects::{pod_item, pods_of_run};
use super::stored;
use crate::api::{BenchmarkComparison, annotations};
use crate::inspect::stop::{freed, is_down, next_run, overdue, rests, to_cancel};
use crate::inspect::tree::{Item, holders};
use crate::plan::Plan;
use crate::report::format::counted;

/// How often the pods are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time beyond `execution.deadlines.teardownSeconds`, in which the operator acts and the last status is written.
const GRACE_SECONDS: u32 = 120;

/// Cancels, waits, and prints when the GPUs are free.
pub async fn stop(plugin: &mut Plugin, arguments: &StopArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let name = &arguments.comparison;
    let request = |comparison: &BenchmarkComparison| {
        let run = to_cancel(comparison).map(|number| number.to_string());
        Ok(run.map(|run| json!({"metadata": {"annotations": {annotations::CANCEL_REQUESTED: run}}})))
    };
    let (comparison, asked) = cluster.change(name, request).await?;
    let Some(run) = comparison.status.as_ref().and_then(|status| status.run.as_ref()) else {
        plugin.screen.document(&format!("{name} has no run: nothing to stop, and no GPU is held\n"))?;
        return stays_free(&comparison, None, None);
    };
    let number = run.number;
    let first = match (asked, run.completion_time.is_some()) {
        (true, _) => format!("requested cancellation of run {number} of {name}; what it measured is kept"),
        (false, true) => format!("run {number} of {name} is over"),
        (false, false) if rests(&comparison) => {
            format!("run {number} of {name} stays at its predictions and holds no GPU: nothing to stop")
        }
        (false, false) => format!("run {number} of {name} is already ending"),
    };
    plugin.screen.document(&format!("{first}\n"))?;
    let plan = stored::plan(&cluster, &comparison, number).await.ok();
    if !asked && rests(&comparison) {
        return stays_free(&comparison, Some(number), plan.as_ref());
    }
    match until_free(plugin, &cluster, &comparison, number, arguments.patience).await? {
        Some(last) => stays_free(&last, Some(number), plan.as_ref()),
        None => Ok(0),
    }
}

/// Exit code 0, or the error that another run takes GPUs without anybody's doing.
fn stays_free(comparison: &BenchmarkComparison, run: Option<i64>, plan: Option<&Plan>) -> Result<u8, PluginError> {
    let name = comparison.name_any();
    match next_run(comparison, run, plan) {
        None => Ok(0),
        Some(why) => Err(PluginError::failed(format!(
            "{name} may still take GPUs: {why}; to prevent it, run `kubectl bcmp suspend {name}`"
        ))),
    }
}

/// Waits until no pod of a run holds a GPU and everything it deployed is gone, and says so. The comparison as it is then;
/// `None`: nobody reads any more what is printed.
pub async fn until_free(
    plugin: &mut Plugin,
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    run: i64,
    patience: Patience,
) -> Result<Option<BenchmarkComparison>, PluginError> {
    let (name, gpu_resource) = (comparison.name_any(), comparison.spec.hardware.gpu_resource_name.clone());
    let limit = patience.timeout.unwrap_or_else(|| {
        let teardown = comparison.spec.execution.deadlines.teardown_seconds;
        Duration::from_secs(u64::from(teardown.saturating_add(GRACE_SECONDS)))
    });
    let (start, mut held_first) = (Instant::now(), None);
    let mut comparison = comparison.clone();
    loop {
        let now = plugin.now();
        let pods = pods_of_run(cluster, &comparison, run).await?;
        let items =
            pods.as_ref().map(|pods: &Vec<Pod>| pods.iter().map(|pod| pod_item(pod, &gpu_resource, now)).collect());
        let items: Option<Vec<Item>> = items;
        let held = items.as_deref().and_then(holders);
        if held_first.is_none()
            && let Some((gpus, who)) = &held
        {
            plugin.screen.document(&format!("{} held: {who}\n", counted(*gpus, "GPU")))?;
            held_first = Some(*gpus);
        }
        if held.is_none() && is_down(&comparison, run) {
            let waited = start.elapsed().as_secs();
            plugin.screen.document(&format!("{}\n", freed(&name, run, held_first, waited, items.is_some())))?;
            return Ok(Some(comparison));
        }
        if start.elapsed() >= limit {
            return Err(PluginError::failed(overdue(&comparison, run, limit, items.as_deref())));
        }
        tokio::time::sleep(INTERVAL).await;
        if plugin.screen.is_closed() {
            return Ok(None);
        }
        comparison = cluster.comparison(&name).await?;
    }
}
