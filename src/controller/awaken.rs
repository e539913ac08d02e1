//! Which comparisons that wait are reconciled when the queue, or what is free, has changed.

use std::collections::{BTreeMap, HashMap};

use kube::runtime::reflector::ObjectRef;

use super::comparisons::{Listed, WaitingRun};
use super::context::Context;
use crate::lifecycle::stages::queue::awaken::{Waiting, awaken};
use crate::lifecycle::world::Rival;

/// Those of a namespace, or of all, that are to look again.
pub async fn awakened(context: &Context, namespace: Option<&str>) -> Vec<ObjectRef<Listed>> {
    let waiting = context.comparisons.waiting();
    if waiting.is_empty() {
        return vec![];
    }
    let rivals = context.comparisons.known_rivals();
    let mut awakened = vec![];
    for (gpu_resource, runs) in by_resource(&waiting) {
        // Without an answer none that only waits for room is awakened: it looks from time to time anyway.
        let nodes = context.nodes(gpu_resource).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is free is not known");
            None
        });
        let rivals: Vec<Rival> = rivals.iter().filter(|rival| rival.gpu_resource == gpu_resource).cloned().collect();
        awakened.extend(awaken(&runs, &rivals, &context.settings.run_limits, nodes.as_deref(), (context.clock)()));
    }
    // GPUs that are free cost as much as those in use.
    awakened.iter().for_each(|uid| context.lanes.hurry(uid));
    let comparisons = awakened.into_iter().filter_map(|uid| Some(waiting.get(uid)?.comparison.clone()));
    comparisons.filter(|one| namespace.is_none_or(|namespace| one.namespace.as_deref() == Some(namespace))).collect()
}

/// What waits for GPUs of each kind.
fn by_resource(waiting: &HashMap<String, WaitingRun>) -> BTreeMap<&str, Vec<Waiting<'_>>> {
    let mut by_resource: BTreeMap<&str, Vec<Waiting>> = BTreeMap::new();
    for (uid, run) in waiting {
        let waiting = Waiting { uid, ahead: run.ahead.as_ref() };
        by_resource.entry(&run.gpu_resource).or_default().push(waiting);
    }
    by_resource
}
