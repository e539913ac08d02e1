//! Facts → conditions.

use jiff::Timestamp;

use crate::api::conditions::{ConditionStatus, ConditionType, Statement};
use crate::api::{AnyReason, BenchmarkComparisonStatus, EarlyEnd, FailOn, Phase, Reason, Start};
use crate::judgement::Judgement;
use crate::lifecycle::facts::{active_run, all_measured, anything_deployed};
use crate::lifecycle::judge;
use crate::lifecycle::remains::nothing_left;
use crate::lifecycle::stages::teardown;
use crate::lifecycle::world::World;
use crate::prediction::configurations::GenerationOutcome;

use ConditionStatus::{False, True, Unknown};

/// How a run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunState {
    Active,
    Held,
    Idle,
    Well,
    Badly,
}

/// Every condition, in the order it is written. `judged` is set once all facts are in.
pub fn statements(
    status: &BenchmarkComparisonStatus,
    world: &World,
    judged: Option<&Judgement>,
    phase: Phase,
    message: &str,
    now: Timestamp,
) -> Vec<Statement> {
    let state = state(status, world, phase);
    let stuck = teardown::overdue(status, world, now);
    let reason = reason(status, phase, judge::caught(judged, world), stuck.is_some());
    let finished = matches!(state, RunState::Well | RunState::Badly);
    let mut statements = vec![
        Statement::new(ConditionType::Finished, if finished { True } else { False }, &reason, message),
        Statement::new(
            ConditionType::Succeeded,
            match state {
                RunState::Well => True,
                RunState::Badly => False,
                _ => Unknown,
            },
            &reason,
            message,
        ),
        Statement::new(
            ConditionType::Reconciling,
            if state == RunState::Active && stuck.is_none() { True } else { False },
            &reason,
            message,
        ),
        Statement::new(
            ConditionType::Stalled,
            if state == RunState::Badly || stuck.is_some() { True } else { False },
            &reason,
            message,
        ),
    ];
    statements.push(generated(status, world));
    statements.push(measured(status, world));
    statements.push(torn_down(status, world, stuck));
    statements.extend(judgements(judged));
    statements
}

fn state(status: &BenchmarkComparisonStatus, world: &World, phase: Phase) -> RunState {
    match phase {
        Phase::Succeeded => RunState::Well,
        Phase::Failed | Phase::Cancelled => RunState::Badly,
        Phase::Inconclusive if world.spec.judgement.fail_on.contains(&FailOn::Inconclusive) => RunState::Badly,
        Phase::Inconclusive => RunState::Well,
        Phase::Suspended => RunState::Held,
        Phase::Predicted if status.run.as_ref().is_some_and(|run| nothing_left(run.number, world)) => RunState::Well,
        Phase::Pending if status.run.is_none() && world.spec.execution.start == Start::OnRequest => RunState::Idle,
        _ => RunState::Active,
    }
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

fn generated(status: &BenchmarkComparisonStatus, world: &World) -> Statement {
    let kind = ConditionType::ConfigurationsGenerated;
    let statement = |status, reason: AnyReason, message: String| Statement::new(kind, status, reason, &message);
    if let Some(configurations) = world.configurations.present() {
        let refused = configurations.variants.iter().find_map(|c| match &c.outcome {
            GenerationOutcome::Refused { reason, message } => Some((c.variant.as_str(), reason, message)),
            GenerationOutcome::Ready(_) => None,
        });
        return match refused {
            Some((variant, reason, message)) => {
                statement(False, reason.clone(), format!("variant {variant}: {message}"))
            }
            None => {
                statement(True, Reason::Generated.into(), "predictions and manifests of all variants are ready".into())
            }
        };
    }
    match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
        Some(ended) if ended.outcome == EarlyEnd::Failed => {
            statement(False, ended.reason.clone(), ended.message.clone())
        }
        Some(ended) => statement(Unknown, ended.reason.clone(), ended.message.clone()),
        None => statement(Unknown, Reason::Generating.into(), "predictions and manifests are not ready yet".into()),
    }
}

fn measured(status: &BenchmarkComparisonStatus, world: &World) -> Statement {
    let kind = ConditionType::VariantsMeasured;
    let statement = |status, reason: AnyReason, message: String| Statement::new(kind, status, reason, &message);
    let failed = status.variants.iter().find_map(|v| v.failure.as_ref().map(|failure| (&v.name, failure)));
    match failed {
        Some((name, failure)) => {
            statement(False, failure.reason.clone(), format!("variant {name}: {}", failure.message))
        }
        None if all_measured(world, status) => {
            statement(True, Reason::Measured.into(), "all variants are measured".into())
        }
        None => match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
            Some(ended) => statement(False, ended.reason.clone(), ended.message.clone()),
            None => statement(Unknown, Reason::NotMeasured.into(), "not all variants are measured yet".into()),
        },
    }
}

fn torn_down(status: &BenchmarkComparisonStatus, world: &World, stuck: Option<String>) -> Statement {
    let kind = ConditionType::TornDown;
    let statement = |status, reason: AnyReason, message: String| Statement::new(kind, status, reason, &message);
    if let Some(message) = stuck {
        return statement(False, Reason::TeardownStuck.into(), message);
    }
    if let Some(name) = teardown::kept(status, world) {
        return statement(False, Reason::KeptForDebugging.into(), teardown::words_of_kept(name));
    }
    if anything_deployed(status) {
        return statement(False, Reason::Deployed.into(), "a variant is deployed and holds its GPUs".into());
    }
    match active_run(status) {
        Some(run) if run.ended.is_some() && !nothing_left(run.number, world) => {
            statement(False, Reason::TearingDown.into(), "the last objects of the run are being deleted".into())
        }
        _ => statement(True, Reason::Gone.into(), "nothing that holds GPUs is left".into()),
    }
}

fn judgements(judged: Option<&Judgement>) -> Vec<Statement> {
    let kinds = [ConditionType::EvidenceSufficient, ConditionType::PredictionAccurate, ConditionType::SlaMet];
    match judged {
        Some(judgement) => {
            let Judgement { evidence_sufficient, prediction_accurate, sla_met, .. } = judgement.clone();
            vec![evidence_sufficient, prediction_accurate, sla_met]
        }
        None => kinds
            .into_iter()
            .map(|kind| Statement::new(kind, Unknown, Reason::NotJudged, "judged when all variants are measured"))
            .collect(),
    }
}
