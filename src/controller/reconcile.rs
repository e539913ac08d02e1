//! observe → decide → act → record.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::Api;
use kube::runtime::controller::Action as Next;
use kube::{Resource, ResourceExt};

use super::act::act;
use super::call::optional;
use super::context::Context;
use super::error::Error;
use super::gauges::Seen;
use super::observe::observe;
use super::status_write::{publish_events, record};
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase};
use crate::lifecycle::decision::{Decision, Wake};
use crate::lifecycle::{decide, remains};

/// Passes in one reconciliation: recording a fact leads straight to the actions that follow from it.
const PASSES: usize = 8;
/// Until a kind that the API server did not know yet is tried again.
const A_MOMENT: Duration = Duration::from_secs(2);

/// Reconciles one comparison.
#[tracing::instrument(skip_all, fields(namespace = comparison.namespace(), name = comparison.name_any()))]
pub async fn reconcile(comparison: Arc<BenchmarkComparison>, context: Arc<Context>) -> Result<Next, Error> {
    let started = (context.clock)();
    context.metrics.begins();
    let result = look_until_quiet(&comparison, &context).await;
    let took = Duration::try_from((context.clock)().duration_since(started)).unwrap_or_default();
    context.metrics.reconciled(took, result.as_ref().err().map(Error::category));
    let uid = comparison.uid().unwrap_or_default();
    if result.is_ok() {
        context.succeeded(&uid);
    }
    result
}

async fn look_until_quiet(comparison: &BenchmarkComparison, context: &Context) -> Result<Next, Error> {
    let namespace = comparison.namespace().unwrap_or_default();
    let api: Api<BenchmarkComparison> = Api::namespaced(context.client.clone(), &namespace);
    let mut wake = Wake::Now;
    for _ in 0..PASSES {
        // The informer's copy may be older than our own last write.
        let get = optional("get benchmarkcomparison", api.get(&comparison.name_any())).await?;
        let Some(live) = get else {
            context.forget(&comparison.uid().unwrap_or_default());
            return Ok(Next::await_change());
        };
        wake = match look(&live, context).await {
            Err(Error::Conflict(_)) => Wake::Now,
            Err(early @ Error::TooEarly(_)) => {
                tracing::info!(%early, retry_in_seconds = A_MOMENT.as_secs(), "trying again");
                Wake::At((context.clock)() + A_MOMENT)
            }
            other => other?,
        };
        if wake != Wake::Now {
            break;
        }
    }
    Ok(next(wake, (context.clock)()))
}

/// One pass.
async fn look(comparison: &BenchmarkComparison, context: &Context) -> Result<Wake, Error> {
    let world = observe(context, comparison).await?;
    let Decision { actions, status, events, wake } = decide(&world, (context.clock)());
    for action in &actions {
        tracing::info!(run = status.run.as_ref().map(|run| run.number), "{action}");
    }
    let acted = act(context, &world, &actions).await;
    if record(context, comparison, &status).await? {
        report(context, &world.status, &status);
        publish_events(context, comparison, &events).await;
    }
    acted?;
    // Only on success: a reconciliation that keeps failing then shows as one that is overdue.
    let now = (context.clock)();
    let leaked = remains::leaked(&status, &world);
    context.metrics.saw(&world.object.uid, Seen { status: &status, next_look: due(wake, now), leaked, now });
    Ok(wake)
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

/// Backs off per object: 1 s, doubling to 5 minutes.
pub fn on_error(comparison: Arc<BenchmarkComparison>, error: &Error, context: Arc<Context>) -> Next {
    let failures = context.failed(&comparison.meta().uid.clone().unwrap_or_default());
    let wait = Duration::from_secs((1_u64 << failures.saturating_sub(1).min(9)).min(300));
    tracing::warn!(
        namespace = comparison.namespace(),
        name = comparison.name_any(),
        %error,
        retry_in_seconds = wait.as_secs(),
        "reconciliation failed"
    );
    Next::requeue(wait)
}
