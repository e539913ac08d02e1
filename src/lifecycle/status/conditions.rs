//! Facts → conditions.

use jiff::Timestamp;

use crate::api::conditions::{ConditionStatus, ConditionType, NewCondition};
use crate::api::{AnyReason, BenchmarkComparisonStatus, EarlyEnd, FailOn, Phase, Reason, Start};
use crate::lifecycle::facts::{active_run, all_measured, anything_deployed, live};
use crate::lifecycle::judge;
use crate::lifecycle::remains::nothing_left;
use crate::lifecycle::stages::{queue, teardown};
use crate::lifecycle::world::World;
use crate::prediction::configurations::GenerationOutcome;
use crate::verdict::{Judged, conditions};

use ConditionStatus::{False, True, Unknown};

/// How a run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunState {
    Active,
    Paused,
    Idle,
    Well,
    Badly,
}

/// Every condition, in the order it is written. `judged` is set once all facts are in.
pub fn all(
    status: &BenchmarkComparisonStatus,
    world: &World,
    judged: Option<&Judged>,
    phase: Phase,
    message: &str,
    now: Timestamp,
) -> Vec<NewCondition> {
    let state = state(status, world, phase);
    let stuck = teardown::overdue(status, world, now);
    let reason =
        refused(status, world).unwrap_or_else(|| reason(status, phase, judge::caught(judged, world), stuck.is_some()));
    let finished = matches!(state, RunState::Well | RunState::Badly);
    let mut all = vec![
        NewCondition::new(ConditionType::Finished, if finished { True } else { False }, &reason, message),
        NewCondition::new(
            ConditionType::Succeeded,
            match state {
                RunState::Well => True,
                RunState::Badly => False,
                _ => Unknown,
            },
            &reason,
            message,
        ),
        NewCondition::new(
            ConditionType::Reconciling,
            if state == RunState::Active && stuck.is_none() { True } else { False },
            &reason,
            message,
        ),
        NewCondition::new(
            ConditionType::Stalled,
            if state == RunState::Badly || stuck.is_some() { True } else { False },
            &reason,
            message,
        ),
    ];
    all.push(generated(status, world));
    all.push(measured(status, world));
    all.push(torn_down(status, world, stuck));
    all.extend(judgements(judged));
    all
}

fn state(status: &BenchmarkComparisonStatus, world: &World, phase: Phase) -> RunState {
    match phase {
        Phase::Succeeded => RunState::Well,
        Phase::Failed | Phase::Cancelled => RunState::Badly,
        Phase::Inconclusive if world.spec.judgement.fail_on.contains(&FailOn::Inconclusive) => RunState::Badly,
        Phase::Inconclusive => RunState::Well,
        Phase::Suspended => RunState::Paused,
        Phase::Predicted if status.run.as_ref().is_some_and(|run| nothing_left(run.number, world)) => RunState::Well,
        Phase::Pending if status.run.is_none() && world.spec.execution.start == Start::OnRequest => RunState::Idle,
        _ => RunState::Active,
    }
}

/// Why the API server would not take what a waiting run is to deploy. Others in the queue read it, too.
fn refused(status: &BenchmarkComparisonStatus, world: &World) -> Option<AnyReason> {
    let run = queue::waiting(status, world)?;
    queue::refused(status, run, world).map(|(_, problem)| problem.reason.into())
}

fn reason(status: &BenchmarkComparisonStatus, phase: Phase, caught: Option<FailOn>, stuck: bool) -> AnyReason {
    if stuck {
        return Reason::TeardownStuck.into();
    }
    let run = status.run.as_ref();
    if let Some(ended) = run.and_then(|run| run.ended.as_ref()) {
        return ended.reason.clone();
    }
    let failure = status.variants.iter().find_map(|v| v.failure.as_ref());
    match (phase, failure, caught) {
        (Phase::Failed, Some(failure), _) => failure.reason.clone(),
        (Phase::Failed, None, Some(_)) => Reason::CaughtByFailOn.into(),
        (Phase::Pending, _, _) if run.is_none() => Reason::NotRequested.into(),
        (phase, _, _) => Reason::from(phase).into(),
    }
}

fn generated(status: &BenchmarkComparisonStatus, world: &World) -> NewCondition {
    let kind = ConditionType::ConfigurationsGenerated;
    let new = |status, reason: AnyReason, message: String| NewCondition::new(kind, status, reason, &message);
    if let Some(configurations) = world.configurations.present() {
        let refused = configurations.variants.iter().find_map(|c| match &c.outcome {
            GenerationOutcome::Refused { reason, message } => Some((c.variant.as_str(), reason, message)),
            GenerationOutcome::Ready(_) => None,
        });
        return match refused {
            Some((variant, reason, message)) => new(False, reason.clone(), format!("variant {variant}: {message}")),
            None => new(True, Reason::Generated.into(), "predictions and manifests of all variants are ready".into()),
        };
    }
    match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
        Some(ended) if ended.outcome == EarlyEnd::Failed => new(False, ended.reason.clone(), ended.message.clone()),
        Some(ended) => new(Unknown, ended.reason.clone(), ended.message.clone()),
        None => new(Unknown, Reason::Generating.into(), "predictions and manifests are not ready yet".into()),
    }
}

fn measured(status: &BenchmarkComparisonStatus, world: &World) -> NewCondition {
    let kind = ConditionType::VariantsMeasured;
    let new = |status, reason: AnyReason, message: String| NewCondition::new(kind, status, reason, &message);
    let failed = status.variants.iter().find_map(|v| v.failure.as_ref().map(|failure| (&v.name, failure)));
    match failed {
        Some((name, failure)) => new(False, failure.reason.clone(), format!("variant {name}: {}", failure.message)),
        None if all_measured(world, status) => new(True, Reason::Measured.into(), "all variants are measured".into()),
        None => match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
            Some(ended) => new(False, ended.reason.clone(), ended.message.clone()),
            None => new(Unknown, Reason::NotMeasured.into(), "not all variants are measured yet".into()),
        },
    }
}

fn torn_down(status: &BenchmarkComparisonStatus, world: &World, stuck: Option<String>) -> NewCondition {
    let kind = ConditionType::TornDown;
    let new = |status, reason: AnyReason, message: String| NewCondition::new(kind, status, reason, &message);
    if let Some(message) = stuck {
        return new(False, Reason::TeardownStuck.into(), message);
    }
    if let Some(name) = teardown::kept(status, world) {
        return new(False, Reason::KeptForDebugging.into(), teardown::kept_message(name));
    }
    let freed = status.variants.iter().filter_map(live).all(|deployment| deployment.freed.is_some());
    if anything_deployed(status) && freed {
        let message = "no pod is left and the GPUs are free; the last objects of a variant are being deleted";
        return new(False, Reason::TearingDown.into(), message.into());
    }
    if anything_deployed(status) {
        return new(False, Reason::Deployed.into(), "a variant is deployed and holds its GPUs".into());
    }
    match active_run(status) {
        Some(run) if run.ended.is_some() && !nothing_left(run.number, world) => {
            new(False, Reason::TearingDown.into(), "the last objects of the run are being deleted".into())
        }
        _ => new(True, Reason::Gone.into(), "nothing that holds GPUs is left".into()),
    }
}

fn judgements(judged: Option<&Judged>) -> Vec<NewCondition> {
    match judged {
        Some(judged) => conditions::conditions(judged).into(),
        None => conditions::TYPES
            .into_iter()
            .map(|kind| NewCondition::new(kind, Unknown, Reason::NotJudged, "judged when no further round follows"))
            .collect(),
    }
}
