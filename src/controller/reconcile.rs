//! observe → decide → act → record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action as Next;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::act::{act, rehearse};
use super::comparisons::{Listed, WaitingRun};
use super::context::Context;
use super::error::Error;
use super::fetch::{fetch, fetch_not_older};
use super::gauges::GaugeInput;
use super::observe::observe;
use super::status_write::{publish, publish_events, record};
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase};
use crate::lifecycle::decision::{Decision, Freshness, Wake};
use crate::lifecycle::facts::anything_deployed;
use crate::lifecycle::stages::{queue, stalled};
use crate::lifecycle::world::{Refusal, World};
use crate::lifecycle::{decide, remains};

/// Passes in one reconciliation: recording a fact leads straight to the actions that follow from it.
const PASSES: usize = 8;
/// Until a kind that the API server did not know yet is tried again.
const A_MOMENT: Duration = Duration::from_secs(2);
/// Reason of the event about a comparison that cannot be read. It cannot have a status, so no condition says it.
const UNREADABLE: &str = "Unreadable";

#[tracing::instrument(skip_all, fields(namespace = comparison.namespace(), name = comparison.name_any()))]
pub async fn reconcile(comparison: Arc<Listed>, context: Arc<Context>) -> Result<Next, Error> {
    let result = in_lane(&comparison, &context).await;
    let uid = comparison.uid().unwrap_or_default();
    match &result {
        Ok(_) => context.succeeded(&uid),
        Err(error @ Error::Unreadable { .. }) => name_unreadable(&comparison, &context, error).await,
        Err(_) => {}
    }
    result
}

/// Looks when it may.
async fn in_lane(comparison: &Listed, context: &Context) -> Result<Next, Error> {
    let uid = comparison.uid().unwrap_or_default();
    let _place = context.lanes.enter(&uid).await;
    let started = (context.clock)();
    // Until it is dropped: a look ends early where the lease is lost.
    let _active = context.metrics.begins();
    // Apart, as what waits is to take little room.
    let result = Box::pin(look_until_quiet(comparison, context)).await;
    let took = Duration::try_from((context.clock)().duration_since(started)).unwrap_or_default();
    context.metrics.reconciled(took, result.as_ref().err().map(Error::category));
    result
}

/// Whoever wrote the comparison learns that it cannot be read: once for each version of it.
async fn name_unreadable(comparison: &Listed, context: &Context, error: &Error) {
    context.metrics.left_out(&BenchmarkComparison::plural(&()));
    let version = comparison.resource_version().unwrap_or_default();
    if context.first_unreadable(&comparison.uid().unwrap_or_default(), &version) {
        let message = format!("{error}; correct it, or install a version of the operator that knows it");
        let reference = comparison.object_ref(&());
        publish(context, &reference, EventType::Warning, UNREADABLE, &message).await;
    }
}

async fn look_until_quiet(comparison: &Listed, context: &Context) -> Result<Next, Error> {
    let (mut wake, mut conflict, mut written) = (Wake::Now, None, None);
    for _ in 0..PASSES {
        let live = match written.take() {
            Some(written) => Some(written),
            None => live(comparison, context, conflict.is_some()).await?,
        };
        let Some(live) = live else {
            context.forget(&comparison.uid().unwrap_or_default());
            return Ok(Next::await_change());
        };
        context.comparisons.learn(&live);
        wake = match look(&live, comparison, context).await {
            Err(error @ Error::Conflict(_)) => {
                conflict = Some(error);
                Wake::Now
            }
            Err(early @ Error::TooEarly(_)) => {
                conflict = None;
                tracing::info!(%early, retry_in_seconds = A_MOMENT.as_secs(), "trying again");
                Wake::At((context.clock)() + A_MOMENT)
            }
            other => {
                conflict = None;
                let looked = other?;
                written = looked.written;
                looked.wake
            }
        };
        if wake != Wake::Now {
            break;
        }
    }
    // Who writes all the time, or refuses every status, is not asked without a pause.
    if let Some(conflict) = conflict {
        return Err(conflict);
    }
    Ok(next(wake, (context.clock)()))
}

/// The comparison, whole: the informer's copy shows metadata only. It is not older than that, and than what we wrote.
async fn live(listed: &Listed, context: &Context, now: bool) -> Result<Option<BenchmarkComparison>, Error> {
    let (namespace, name) = (listed.namespace().unwrap_or_default(), listed.name_any());
    if now {
        return fetch(&context.client, &namespace, &name).await;
    }
    let known = context.comparisons.version(&listed.uid().unwrap_or_default());
    let versions = [listed.resource_version(), known.or_else(|| listed.resource_version())];
    fetch_not_older(&context.client, &namespace, &name, &versions).await
}

/// What came of a pass.
struct Looked {
    wake: Wake,
    /// The comparison with the status that was written, if one was.
    written: Option<BenchmarkComparison>,
}

/// One pass.
async fn look(comparison: &BenchmarkComparison, listed: &Listed, context: &Context) -> Result<Looked, Error> {
    let mut world = observe(context, comparison, Freshness::AtHand).await?;
    rehearse(context, &world).await?;
    world.refusals = context.refusals(&world.object.uid);
    let mut decision = decide(&world, (context.clock)());
    let freshness = decision.needs(&world.status);
    if freshness > Freshness::AtHand {
        world = observe(context, comparison, freshness).await?;
        decision = decide(&world, (context.clock)());
    }
    let competes = queue::looks_at_others(&world.status, &world);
    context.lanes.learn(&world.object.uid, anything_deployed(&decision.status));
    context.comparisons.waits(&world.object.uid, competes.then(|| waiting(listed, &world, &decision, context)));
    let Decision { actions, status, events, wake } = decision;
    for action in &actions {
        tracing::info!(run = status.run.as_ref().map(|run| run.number), "{action}");
    }
    let acted = act(context, &world, &actions).await;
    if !actions.is_empty() {
        context.recall.changed(&world.object.uid);
    }
    let wake = if refusals_changed(context, &world) { Wake::Now } else { wake };
    let written = record(context, comparison, &status).await?;
    if written.is_some() {
        report(context, &world.status, &status);
        publish_events(context, comparison, &events).await;
    }
    acted?;
    // Only on success: a reconciliation that keeps failing then shows as one that is overdue.
    let now = (context.clock)();
    let leaked = remains::leaked(&status, &world);
    if !context.comparisons.exists(listed) {
        return Ok(Looked { wake, written });
    }
    let silent_since = stalled::silent_since(&status, &world);
    let seen = GaugeInput { status: &status, next_look: due(wake, now), leaked, silent_since, now };
    context.metrics.saw(&world.object, seen);
    Ok(Looked { wake, written })
}

fn waiting(listed: &Listed, world: &World, decision: &Decision, context: &Context) -> WaitingRun {
    WaitingRun {
        comparison: ObjectRef::from_obj(listed),
        gpu_resource: world.spec.hardware.gpu_resource_name.clone(),
        ahead: queue::ahead(&decision.status, world, (context.clock)()),
    }
}

/// Whether a creation was refused that was not before, or the other way round: the status is to say so at once.
fn refusals_changed(context: &Context, world: &World) -> bool {
    let objects = |refusals: &[Refusal]| refusals.iter().map(|refusal| refusal.object.clone()).collect::<BTreeSet<_>>();
    objects(&world.refusals) != objects(&context.refusals(&world.object.uid))
}

fn report(context: &Context, before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) {
    let run = after.run.as_ref();
    if before.phase != after.phase {
        let phase = after.phase.map(Phase::as_str);
        tracing::info!(run = run.map(|run| run.number), phase, message = after.message, "the phase changed");
    }
    report_teardowns(context, before, after);
    let completed = |status: &BenchmarkComparisonStatus| {
        status.run.as_ref().filter(|run| run.completion_time.is_some()).map(|run| run.number)
    };
    if completed(after).is_some() && completed(before) != completed(after) {
        let outcome = after.phase.map_or("Unknown", Phase::as_str);
        let seconds = after.gpu_seconds.as_ref();
        context.metrics.finished(outcome, seconds.map_or(0, |s| s.held), seconds.map_or(0, |s| s.measuring));
    }
}

/// Records how long the teardown of deployments took that are gone since the last look.
fn report_teardowns(context: &Context, before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) {
    let number = |status: &BenchmarkComparisonStatus| status.run.as_ref().map(|run| run.number);
    for (variant, past) in after.variants.iter().zip(&before.variants).filter(|_| number(before) == number(after)) {
        for (deployment, past) in variant.deployments.iter().zip(&past.deployments) {
            if let (Some(decided), Some(gone), None) = (&deployment.teardown, &deployment.gone, &past.gone) {
                context.metrics.torn_down(gone.0.as_second() - decided.0.as_second());
            }
        }
    }
}

fn due(wake: Wake, now: Timestamp) -> Option<Timestamp> {
    match wake {
        Wake::OnChange => None,
        Wake::Now => Some(now),
        Wake::At(time) => Some(time),
    }
}

fn next(wake: Wake, now: Timestamp) -> Next {
    match wake {
        Wake::OnChange => Next::await_change(),
        Wake::Now => Next::requeue(Duration::from_millis(100)),
        // The API keeps whole seconds: looking a moment later saves a look that is a moment early.
        Wake::At(time) => {
            let wait = Duration::try_from(time.duration_since(now)).unwrap_or_default();
            Next::requeue(wait + Duration::from_millis(200))
        }
    }
}

/// Backs off per object: 1 s, doubling to a minute. Deadlines of what holds GPUs are looked at no later than that.
pub fn on_error(comparison: Arc<Listed>, error: &Error, context: Arc<Context>) -> Next {
    let failures = context.failed(&comparison.meta().uid.clone().unwrap_or_default());
    let wait = Duration::from_secs((1_u64 << failures.saturating_sub(1).min(9)).min(60));
    tracing::warn!(
        namespace = comparison.namespace(),
        name = comparison.name_any(),
        %error,
        retry_in_seconds = wait.as_secs(),
        "reconciliation failed"
    );
    Next::requeue(wait)
}
