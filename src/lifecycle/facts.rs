//! Questions asked of the facts in status.

use jiff::{SignedDuration, Timestamp};

use crate::api::{
    AnyReason, BenchmarkComparisonSpec, BenchmarkComparisonStatus, DeploymentStatus, EarlyEnd, Ended, Failure,
    GpuSeconds, Mode, OnVariantFailure, Role, RoundStatus, Run, SourceKind, Until, VariantStatus,
};
use crate::lifecycle::time::{seconds_between, stamp};
use crate::lifecycle::world::{Output, World};
use crate::measurement::record::TrialRecord;
use crate::units::count;

/// The spec a run goes by: the plan's once there is one.
pub fn planned(world: &World) -> &BenchmarkComparisonSpec {
    world.plan.present().map_or(&world.spec, |plan| &plan.spec)
}

/// The run, while it is not over.
pub fn active_run(status: &BenchmarkComparisonStatus) -> Option<&Run> {
    status.run.as_ref().filter(|run| run.completion_time.is_none())
}

/// Whether a run may deploy: admitted, not over, not ended, not held.
pub fn may_deploy(world: &World, run: &Run) -> bool {
    run.start_time.is_some()
        && run.ended.is_none()
        && run.completion_time.is_none()
        && !world.spec.suspend
        && world.spec.execution.until == Until::Verdict
}

/// Whether a run was asked for predictions only and has them.
pub fn rests_predicted(world: &World, status: &BenchmarkComparisonStatus) -> bool {
    world.spec.execution.until == Until::Predictions
        && active_run(status).is_some_and(|run| run.ended.is_none())
        && world.configurations.present().is_some()
        && !anything_deployed(status)
}

/// Whether the deployment still has, or may still have, objects.
pub fn is_live(deployment: &DeploymentStatus) -> bool {
    deployment.gone.is_none()
}

/// The deployment of a variant that is not gone.
pub fn live(variant: &VariantStatus) -> Option<&DeploymentStatus> {
    variant.deployments.iter().rev().find(|d| is_live(d))
}

/// Whether any variant has a deployment that is not gone.
pub fn anything_deployed(status: &BenchmarkComparisonStatus) -> bool {
    status.variants.iter().any(|v| live(v).is_some())
}

/// Whether a round of a variant needs no deployment any more.
pub fn round_over(variant: &VariantStatus, round: u32) -> bool {
    variant.failure.is_some() || variant.deployments.iter().any(|d| d.round == round && d.measured.is_some())
}

/// Whether a failed variant ends the whole run.
pub fn stops(world: &World, status: &BenchmarkComparisonStatus) -> bool {
    world.spec.execution.on_variant_failure == OnVariantFailure::Stop
        && status.variants.iter().any(|v| v.failure.is_some())
}

/// Whether nothing is left to deploy.
pub fn all_measured(world: &World, status: &BenchmarkComparisonStatus) -> bool {
    !status.variants.is_empty() && (stops(world, status) || is_settled(status))
}

/// Whether no further round begins.
pub fn is_settled(status: &BenchmarkComparisonStatus) -> bool {
    status.run.as_ref().is_some_and(|run| run.settled.is_some())
}

/// Whether nothing more is measured of the run, whatever limit is raised.
pub fn is_settled_for_good(status: &BenchmarkComparisonStatus) -> bool {
    let settled = status.run.as_ref().and_then(|run| run.settled.as_ref());
    settled.is_some_and(|settled| !settled.may_go_on())
}

/// Rounds that count: those in which each variant was measured, or failed.
pub fn rounds_over(status: &BenchmarkComparisonStatus) -> u32 {
    if let Some(settled) = status.run.as_ref().and_then(|run| run.settled.as_ref()) {
        return settled.rounds;
    }
    count(status.rounds.iter().take_while(|round| is_over(status, round)).count())
}

/// Whether a round needs no deployment any more.
pub fn is_over(status: &BenchmarkComparisonStatus, round: &RoundStatus) -> bool {
    let of_round = status.variants.iter().filter(|variant| round.variants.contains(&variant.name));
    of_round.into_iter().all(|variant| round_over(variant, round.number))
}

/// Whether the last round that began wants a variant.
pub fn is_wanted(status: &BenchmarkComparisonStatus, variant: &VariantStatus) -> bool {
    let last = status.rounds.last().filter(|_| !is_settled(status));
    last.is_some_and(|round| round.variants.contains(&variant.name) && !round_over(variant, round.number))
}

/// The mode the run goes by; Sequential until chosen.
pub fn mode(run: &Run) -> Mode {
    run.mode.unwrap_or(Mode::Sequential)
}

/// Whether a variant is measured where it already runs.
pub fn is_endpoint(world: &World, variant: &str) -> bool {
    planned(world).variants.iter().any(|v| v.name == variant && v.source.kind == SourceKind::Endpoint)
}

/// Whether both a baseline and a candidate can still be compared.
pub fn comparable(status: &BenchmarkComparisonStatus) -> bool {
    let alive = |role| status.variants.iter().any(|v| v.role == role && v.failure.is_none());
    alive(Role::Baseline) && alive(Role::Candidate)
}

/// How a run counts in history.
pub fn outcome(status: &BenchmarkComparisonStatus) -> String {
    let ended = status.run.as_ref().and_then(|run| run.ended.as_ref()).map(|ended| ended.outcome);
    match (ended, status.phase) {
        (Some(EarlyEnd::Superseded), _) => "Superseded".into(),
        (Some(EarlyEnd::Cancelled), _) => "Cancelled".into(),
        (Some(EarlyEnd::Failed), _) => "Failed".into(),
        (None, Some(phase)) => phase.as_str().into(),
        (None, None) => "Unknown".into(),
    }
}

/// Whether all facts for a verdict are in.
pub fn is_judged(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let Some(run) = &status.run else { return false };
    run.start_time.is_some() && run.ended.is_none() && all_measured(world, status) && !rests_predicted(world, status)
}

/// Over closed intervals only, so that it changes with facts and not with time.
pub fn gpu_seconds(status: &BenchmarkComparisonStatus, world: &World) -> Option<GpuSeconds> {
    status.run.as_ref().and_then(|run| run.start_time.as_ref())?;
    let mut total = GpuSeconds { held: 0, measuring: 0, idle: 0 };
    for variant in &status.variants {
        let gpus = i64::from(variant.gpus.unwrap_or(0));
        for deployment in &variant.deployments {
            let freed = deployment.freed.as_ref().or(deployment.gone.as_ref());
            if let (Some(from), Some(to)) = (&deployment.scheduled, freed) {
                total.held = total.held.saturating_add(gpus.saturating_mul(seconds_between(from, to)));
            }
            if let (Some(from), Some(to)) =
                (&deployment.serving, deployment.measured.as_ref().or(deployment.teardown.as_ref()))
            {
                let serving = seconds_between(from, to);
                let measuring = loaded_seconds(world, &variant.name, deployment.number).min(serving);
                total.measuring = total.measuring.saturating_add(gpus.saturating_mul(measuring));
                total.idle = total.idle.saturating_add(gpus.saturating_mul(serving - measuring));
            }
        }
    }
    Some(total)
}

/// Seconds from a variant's nodes to its first request: of its last deployment, or else of its last one in an earlier run.
pub fn ready_seconds(variant: &VariantStatus) -> Option<u64> {
    let took = |d: &DeploymentStatus| u64::try_from(seconds_between(d.scheduled.as_ref()?, d.serving.as_ref()?)).ok();
    variant.deployments.iter().rev().find_map(took).or(variant.last_ready_seconds.map(u64::from))
}

/// How long a deployment was loaded by trials.
fn loaded_seconds(world: &World, variant: &str, deployment: u32) -> i64 {
    let records = world.results.get(variant).and_then(Output::present).map_or(&[][..], |of| &of.ledger.records);
    let own = records.iter().filter(|record| record.deployment == deployment);
    own.map(TrialRecord::loaded_seconds).sum::<f64>().round() as i64
}

/// GPU-hours held until now, by deployments that are gone and by those that are not.
pub fn gpu_hours(status: &BenchmarkComparisonStatus, now: Timestamp) -> f64 {
    let of = |variant: &VariantStatus| {
        let gpus = f64::from(variant.gpus.unwrap_or(0));
        let held = variant.deployments.iter().filter_map(|d| {
            let until = d.freed.as_ref().or(d.gone.as_ref()).map_or(now, |freed| freed.0);
            Some((until.as_second() - d.scheduled.as_ref()?.0.as_second()).max(0))
        });
        gpus * held.sum::<i64>() as f64 / 3600.0
    };
    status.variants.iter().map(of).sum()
}

/// When so many GPU-hours had been held, if more have been by now; `None` where fewer have.
pub fn spent_at(status: &BenchmarkComparisonStatus, gpu_hours: f64, now: Timestamp) -> Option<Timestamp> {
    let beyond = self::gpu_hours(status, now) - gpu_hours;
    if beyond <= 0.0 {
        return None;
    }
    let holds = |variant: &&VariantStatus| live(variant).is_some_and(|d| d.scheduled.is_some() && d.freed.is_none());
    let held: u32 = status.variants.iter().filter(holds).filter_map(|variant| variant.gpus).sum();
    let ago = SignedDuration::try_from_secs_f64(3600.0 * beyond / f64::from(held)).unwrap_or_default();
    now.checked_sub(ago).ok()
}

/// Whether a request to cancel means whichever run is active: `active`, or `active-` and something that makes it another
/// request than the last one.
pub fn means_the_active_run(request: &str) -> bool {
    request.strip_prefix("active").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Ends the active run, unless it has ended already.
pub fn end(
    status: &mut BenchmarkComparisonStatus,
    outcome: EarlyEnd,
    reason: impl Into<AnyReason>,
    message: impl Into<String>,
    now: Timestamp,
) {
    if let Some(run) = status.run.as_mut().filter(|run| run.completion_time.is_none() && run.ended.is_none()) {
        let Failure { reason, message, time } = Failure::new(reason, &message.into(), stamp(now));
        run.ended = Some(Ended { outcome, reason, message, time });
    }
}
