//! Facts → conditions.

use jiff::Timestamp;

use super::completion::nothing_left;
use super::facts::{active_run, all_measured, anything_deployed, rests_predicted};
use super::world::World;
use super::{judged, requests, teardown};
use crate::api::conditions::{ConditionStatus, ConditionType, Statement};
use crate::api::{BenchmarkComparisonStatus, EarlyEnd, FailOn, Phase, Start};
use crate::judgement::Judgement;
use crate::prediction::configurations::GenerationOutcome;

use ConditionStatus::{False, True, Unknown};

/// How a run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
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
    let standing = standing(status, world, phase);
    let stuck = teardown::overdue(status, world, now);
    let say = |kind, status, reason: &str, message: &str| Statement {
        kind,
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let reason = reason(status, phase, judged::caught(judged, world), stuck.is_some());
    let finished = matches!(standing, Standing::Well | Standing::Badly);
    let mut statements = vec![
        say(ConditionType::Finished, if finished { True } else { False }, &reason, message),
        say(
            ConditionType::Succeeded,
            match standing {
                Standing::Well => True,
                Standing::Badly => False,
                _ => Unknown,
            },
            &reason,
            message,
        ),
        say(
            ConditionType::Reconciling,
            if standing == Standing::Active && stuck.is_none() { True } else { False },
            &reason,
            message,
        ),
        say(
            ConditionType::Stalled,
            if standing == Standing::Badly || stuck.is_some() { True } else { False },
            &reason,
            message,
        ),
    ];
    statements.push(generated(status, world));
    statements.push(measured(status, world));
    statements.push(torn_down(status, world, stuck));
    statements.extend(judgements(judged));
    statements.into_iter().map(fitting).collect()
}

/// As a condition may hold it: what others say can be anything, of any length.
fn fitting(statement: Statement) -> Statement {
    let (reason, message) = (requests::word(&statement.reason), requests::fitting(&statement.message));
    Statement { reason, message, ..statement }
}

fn standing(status: &BenchmarkComparisonStatus, world: &World, phase: Phase) -> Standing {
    match phase {
        Phase::Succeeded => Standing::Well,
        Phase::Failed | Phase::Cancelled => Standing::Badly,
        Phase::Inconclusive if world.spec.judgement.fail_on.contains(&FailOn::Inconclusive) => Standing::Badly,
        Phase::Inconclusive => Standing::Well,
        Phase::Suspended => Standing::Held,
        Phase::Predicted if status.run.as_ref().is_some_and(|run| nothing_left(run.number, world)) => Standing::Well,
        Phase::Pending if status.run.is_none() && world.spec.execution.start == Start::OnRequest => Standing::Idle,
        _ => Standing::Active,
    }
}

fn reason(status: &BenchmarkComparisonStatus, phase: Phase, caught: Option<FailOn>, stuck: bool) -> String {
    if stuck {
        return "TeardownStuck".into();
    }
    let run = status.run.as_ref();
    if let Some(ended) = run.and_then(|run| run.ended.as_ref()) {
        return ended.reason.clone();
    }
    let failure = status.variants.iter().find_map(|v| v.failure.as_ref());
    match (phase, failure, caught) {
        (Phase::Failed, Some(failure), _) => failure.reason.clone(),
        (Phase::Failed, None, Some(_)) => "CaughtByFailOn".into(),
        (Phase::Pending, _, _) if run.is_none() => "NotRequested".into(),
        (phase, _, _) => phase.as_str().into(),
    }
}

fn generated(status: &BenchmarkComparisonStatus, world: &World) -> Statement {
    let kind = ConditionType::ConfigurationsGenerated;
    let statement = |status, reason: &str, message: String| Statement { kind, status, reason: reason.into(), message };
    if let Some(configurations) = world.configurations.present() {
        let refused = configurations.variants.iter().find_map(|c| match &c.outcome {
            GenerationOutcome::Refused { reason, message } => Some((c.variant.as_str(), reason, message)),
            GenerationOutcome::Ready(_) => None,
        });
        return match refused {
            Some((variant, reason, message)) => statement(False, reason, format!("variant {variant}: {message}")),
            None => statement(True, "Generated", "predictions and manifests of all variants are ready".into()),
        };
    }
    match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
        Some(ended) if ended.outcome == EarlyEnd::Failed => statement(False, &ended.reason, ended.message.clone()),
        Some(ended) => statement(Unknown, &ended.reason, ended.message.clone()),
        None => statement(Unknown, "Generating", "predictions and manifests are not ready yet".into()),
    }
}

fn measured(status: &BenchmarkComparisonStatus, world: &World) -> Statement {
    let kind = ConditionType::VariantsMeasured;
    let statement = |status, reason: &str, message: String| Statement { kind, status, reason: reason.into(), message };
    let failed = status.variants.iter().find_map(|v| v.failure.as_ref().map(|failure| (&v.name, failure)));
    match failed {
        Some((name, failure)) => statement(False, &failure.reason, format!("variant {name}: {}", failure.message)),
        None if all_measured(world, status) => statement(True, "Measured", "all variants are measured".into()),
        None => match status.run.as_ref().and_then(|run| run.ended.as_ref()) {
            Some(ended) => statement(False, &ended.reason, ended.message.clone()),
            None => statement(Unknown, "NotMeasured", "not all variants are measured yet".into()),
        },
    }
}

fn torn_down(status: &BenchmarkComparisonStatus, world: &World, stuck: Option<String>) -> Statement {
    let kind = ConditionType::TornDown;
    let statement = |status, reason: &str, message: String| Statement { kind, status, reason: reason.into(), message };
    if let Some(message) = stuck {
        return statement(False, "TeardownStuck", message);
    }
    if let Some(name) = teardown::kept(status, world) {
        return statement(False, "KeptForDebugging", teardown::words_of_kept(name));
    }
    if anything_deployed(status) {
        return statement(False, "Deployed", "a variant is deployed and holds its GPUs".into());
    }
    match active_run(status) {
        Some(run) if run.ended.is_some() && !nothing_left(run.number, world) => {
            statement(False, "TearingDown", "the last objects of the run are being deleted".into())
        }
        _ => statement(True, "Gone", "nothing that holds GPUs is left".into()),
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
            .map(|kind| Statement {
                kind,
                status: Unknown,
                reason: "NotJudged".into(),
                message: "judged when all variants are measured".into(),
            })
            .collect(),
    }
}

/// Whether all facts for a verdict are in.
pub fn is_judged(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let Some(run) = &status.run else { return false };
    run.start_time.is_some() && run.ended.is_none() && all_measured(world, status) && !rests_predicted(world, status)
}
