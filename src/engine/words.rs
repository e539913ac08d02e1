//! Facts → phase and the sentence that says what is happening.

use jiff::Timestamp;

use super::admission::{self, Turn};
use super::facts::{active_run, all_measured, anything_deployed, live, rests_predicted};
use super::world::{Output, World};
use super::{generation, judged, measuring, requests, teardown};
use crate::api::{BenchmarkComparisonStatus, EarlyEnd, Phase, Start, VariantPhase, VariantStatus, VerdictResult};
use crate::judgement::Judgement;

/// The phase, from facts.
pub fn phase(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judgement>) -> Phase {
    let Some(run) = &status.run else {
        return if world.spec.suspend { Phase::Suspended } else { Phase::Pending };
    };
    if run.completion_time.is_some() {
        return match run.ended.as_ref().map(|ended| ended.outcome) {
            Some(EarlyEnd::Failed) => Phase::Failed,
            Some(EarlyEnd::Cancelled | EarlyEnd::Superseded) => Phase::Cancelled,
            None => final_phase(status, world, judged),
        };
    }
    if run.ended.is_some() || (run.start_time.is_some() && all_measured(world, status)) {
        return Phase::TearingDown;
    }
    if world.spec.suspend {
        return if anything_deployed(status) { Phase::TearingDown } else { Phase::Suspended };
    }
    if rests_predicted(world, status) {
        return Phase::Predicted;
    }
    match (&world.plan, world.configurations.present(), &run.start_time) {
        (Output::Absent, _, None) => Phase::Pending,
        (_, None, _) => Phase::Generating,
        (_, Some(_), None) => Phase::Queued,
        (_, Some(_), Some(_)) => Phase::Measuring,
    }
}

fn final_phase(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judgement>) -> Phase {
    if status.variants.iter().any(|v| v.failure.is_some()) {
        return Phase::Failed;
    }
    // Rules that cannot be used judge nothing: what was said before them stands.
    let Some(judgement) = judged else {
        let said = status.phase.filter(|phase| matches!(phase, Phase::Succeeded | Phase::Inconclusive));
        return said.unwrap_or(Phase::Failed);
    };
    if judgement.verdict.result == VerdictResult::Inconclusive {
        return Phase::Inconclusive;
    }
    if judgement.caught_by(&world.spec.judgement.fail_on).is_some() { Phase::Failed } else { Phase::Succeeded }
}

/// The phase of a variant, from facts.
pub fn variant_phase(variant: &VariantStatus, status: &BenchmarkComparisonStatus, world: &World) -> VariantPhase {
    let deployment = live(variant);
    match deployment {
        Some(deployment) if deployment.teardown.is_some() => VariantPhase::TearingDown,
        _ if variant.failure.is_some() => VariantPhase::Failed,
        Some(deployment) if deployment.serving.is_some() => VariantPhase::Measuring,
        Some(_) => VariantPhase::Deploying,
        None if super::facts::all_rounds_over(world, variant) => VariantPhase::Done,
        None if status.run.as_ref().is_some_and(|run| run.ended.is_some()) => VariantPhase::Failed,
        None => VariantPhase::Waiting,
    }
}

/// What is happening, for people, in as many words as a status holds. Stable text: no times, no counters that tick.
pub fn message(
    status: &BenchmarkComparisonStatus,
    world: &World,
    judged: Option<&Judgement>,
    phase: Phase,
    now: Timestamp,
) -> String {
    requests::fitting(&happening(status, world, judged, phase, now))
}

fn happening(
    status: &BenchmarkComparisonStatus,
    world: &World,
    judged: Option<&Judgement>,
    phase: Phase,
    now: Timestamp,
) -> String {
    if let Some(stuck) = teardown::overdue(status, world, now) {
        return stuck;
    }
    let run = status.run.as_ref();
    if let Some(ended) = run.and_then(|run| run.ended.as_ref()) {
        return ended.message.clone();
    }
    match phase {
        Phase::Pending => pending(status, world, now),
        Phase::Suspended => "suspended; set spec.suspend to false to go on".into(),
        Phase::Predicted => {
            "predictions and manifests are ready; set spec.execution.until to Verdict to measure".into()
        }
        Phase::Generating => match generation::trouble(status, world, now) {
            Some(trouble) => trouble.message,
            None => "predictions and manifests are being made".into(),
        },
        Phase::Queued => queued(status, world),
        Phase::Measuring | Phase::TearingDown => at_work(status, world, now),
        Phase::Succeeded | Phase::Inconclusive | Phase::Failed | Phase::Cancelled => over(status, world, judged, phase),
    }
}

fn pending(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> String {
    match (&status.run, world.spec.execution.start) {
        (Some(run), _) => match generation::trouble(status, world, now) {
            Some(trouble) => trouble.message,
            None => format!("run {} begins: its plan is being written", run.number),
        },
        (None, Start::OnRequest) => {
            "waits for the annotation bcmp.dev/run-requested (execution.start is OnRequest)".into()
        }
        (None, Start::Automatic) => "the first run is about to begin".into(),
    }
}

fn queued(status: &BenchmarkComparisonStatus, world: &World) -> String {
    match admission::waiting(status, world).map(|run| admission::turn(run, world)) {
        Some(Turn::Wait(why)) => why,
        _ => "the run is next to get GPUs".into(),
    }
}

fn at_work(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> String {
    let Some(run) = active_run(status) else { return String::new() };
    if let Some(name) = teardown::kept(status, world) {
        return teardown::words_of_kept(name);
    }
    let trouble = status.variants.iter().find_map(|v| measuring::trouble_of(v, run, world, now));
    if let Some(trouble) = trouble {
        return trouble.message;
    }
    let busy = status.variants.iter().filter_map(|v| Some((v, live(v)?)));
    let doing = busy.map(|(variant, deployment)| {
        let doing = match (&deployment.teardown, &deployment.serving, &deployment.scheduled) {
            (Some(_), _, _) => "is being torn down",
            (None, Some(_), _) => "is being measured",
            (None, None, Some(_)) if deployment.ready.is_some() => "is ready; its first request is awaited",
            (None, None, Some(_)) => "starts up",
            (None, None, None) => "waits for nodes",
        };
        format!("{} {doing}", variant.name)
    });
    let doing: Vec<String> = doing.collect();
    let next = if requests::waits_for_next(status, world) { "; another run begins after this one" } else { "" };
    match doing.is_empty() {
        true if all_measured(world, status) => format!("the last objects of the run are being deleted{next}"),
        true => match admission::stands_back(run, world) {
            Some(behind) => format!("{behind}{next}"),
            None => format!("the next variant is about to be deployed{next}"),
        },
        false => format!("{}{next}", doing.join(", ")),
    }
}

fn over(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judgement>, phase: Phase) -> String {
    let failure = status.variants.iter().find_map(|v| v.failure.as_ref().map(|f| (&v.name, &f.message)));
    let caught = judged::caught(judged, world).filter(|_| phase == Phase::Failed);
    match (failure, judged, caught) {
        (Some((name, message)), ..) => format!("variant {name} failed: {message}"),
        (None, Some(judgement), Some(outcome)) => {
            format!("judgement.failOn names {outcome:?}: {}", judgement.verdict.summary)
        }
        (None, Some(judgement), None) => judgement.verdict.summary.clone(),
        (None, None, _) => status.message.clone().unwrap_or_default(),
    }
}
