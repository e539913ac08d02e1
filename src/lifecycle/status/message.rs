//! Facts → phase and the sentence that says what is happening.

use crate::text;
use jiff::Timestamp;

use crate::api::conditions::LONGEST_MESSAGE;
use crate::api::{BenchmarkComparisonStatus, DeploymentStatus, Phase, Run, Start, VariantStatus};
use crate::lifecycle::facts::{active_run, all_measured, is_endpoint, live};
use crate::lifecycle::judge;
use crate::lifecycle::stages::queue::{self, Admission};
use crate::lifecycle::stages::{generate, measure, start, teardown};
use crate::lifecycle::world::World;
use crate::plan::Component;
use crate::verdict::Judged;
use crate::verdict::forecast::forecast;

/// What is judged of the run.
#[derive(Clone, Copy)]
pub struct JudgedSoFar<'a> {
    /// By what is known so far.
    pub all: Option<&'a Judged>,
    /// The same, once all facts for a verdict are in.
    pub complete: Option<&'a Judged>,
}

/// What is happening, for people, no longer than a status may hold. Stable text: no times, no counters that tick.
pub fn message(
    status: &BenchmarkComparisonStatus,
    world: &World,
    shown: JudgedSoFar,
    phase: Phase,
    now: Timestamp,
) -> String {
    text::cut(&happening(status, world, shown, phase, now), LONGEST_MESSAGE)
}

fn happening(
    status: &BenchmarkComparisonStatus,
    world: &World,
    shown: JudgedSoFar,
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
        Phase::Suspended => "suspended; set spec.suspend to false to resume".into(),
        Phase::Predicted => predicted(status, shown.all),
        Phase::Generating => match generate::problem(status, world, now) {
            Some(problem) => problem.message,
            None => "predictions and manifests are being generated".into(),
        },
        Phase::Queued => queued(status, world, now),
        Phase::Measuring | Phase::TearingDown => at_work(status, world, now),
        Phase::Succeeded | Phase::Inconclusive | Phase::Failed | Phase::Cancelled => {
            over(status, world, shown.complete, phase)
        }
    }
}

/// What is predicted to come out, and what it would cost to know.
fn predicted(status: &BenchmarkComparisonStatus, judged: Option<&Judged>) -> String {
    let outcome = judged.and_then(forecast).map(|outcome| format!("by the predictions, {outcome}"));
    let expected = status.price.as_ref().and_then(|price| price.expected.as_ref());
    let price =
        expected.map(|cost| format!("measuring takes about {} GPU-hours, {} min", cost.gpu_hours, cost.minutes));
    let known: Vec<String> = outcome.into_iter().chain(price).collect();
    let known = if known.is_empty() { "predictions and manifests are ready".into() } else { known.join("; ") };
    format!("{known}; set spec.execution.until to Verdict to measure")
}

fn pending(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> String {
    match (&status.run, world.spec.execution.start) {
        (Some(run), _) => match generate::problem(status, world, now) {
            Some(problem) => problem.message,
            None => format!("run {} begins: its plan is being written", run.number),
        },
        (None, Start::OnRequest) => {
            "waits for the annotation bcmp.dev/run-requested (execution.start is OnRequest)".into()
        }
        (None, Start::Automatic) => "the first run is about to begin".into(),
    }
}

fn queued(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> String {
    let waiting = queue::waiting(status, world);
    if let Some((index, problem)) = waiting.and_then(|run| queue::refused(status, run, world)) {
        return format!("variant {}: {}", status.variants[index].name, problem.message);
    }
    match waiting.map(|run| queue::admission(run, world, now)) {
        Some(Admission::Wait(why)) => why,
        _ => "the run is first in the queue for GPUs".into(),
    }
}

fn at_work(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> String {
    let Some(run) = active_run(status) else { return String::new() };
    if let Some(name) = teardown::kept(status, world) {
        return teardown::kept_message(name);
    }
    let problem = status.variants.iter().find_map(|v| measure::trouble_of(v, run, world, now));
    if let Some(problem) = problem {
        return problem.message;
    }
    let busy = status.variants.iter().filter_map(|v| Some((v, live(v)?)));
    let doing = busy.map(|(variant, deployment)| {
        let doing = match (&deployment.teardown, &deployment.serving, &deployment.scheduled) {
            (Some(_), _, _) => "is being torn down",
            (None, Some(_), _) => "is being measured",
            (None, None, Some(_)) if deployment.ready.is_some() => "is ready; waiting for its first completed request",
            (None, None, Some(_)) => "starts up",
            (None, None, None) if is_podless(world, run, variant, deployment) => "waits for its pods to be created",
            (None, None, None) => "waits for nodes",
        };
        format!("{} {doing}", variant.name)
    });
    let doing: Vec<String> = doing.collect();
    let next = if start::waits_for_next(status, world) { "; another run begins after this one" } else { "" };
    match doing.is_empty() {
        true if all_measured(world, status) => format!("the last objects of the run are being deleted{next}"),
        true => match queue::must_wait_behind(run, world, now) {
            Some(behind) => format!("{behind}{next}"),
            None => format!("the next variant is about to be deployed{next}"),
        },
        false => format!("{}{next}", doing.join(", ")),
    }
}

fn is_podless(world: &World, run: &Run, variant: &VariantStatus, deployment: &DeploymentStatus) -> bool {
    let mut pods = world.deployment_pods(run.number, &variant.name, deployment.number, Component::Server);
    pods.next().is_none() && !is_endpoint(world, &variant.name)
}

fn over(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judged>, phase: Phase) -> String {
    let failure = status.variants.iter().find_map(|v| v.failure.as_ref().map(|f| (&v.name, &f.message)));
    let caught = judge::caught(judged, world).filter(|_| phase == Phase::Failed);
    // Where something was judged, the verdict in status is the one of this judgement.
    let verdict = status.verdict.as_ref().filter(|_| judged.is_some());
    match (failure, verdict, caught) {
        (Some((name, message)), ..) => format!("variant {name} failed: {message}"),
        (None, Some(verdict), Some(outcome)) => format!("judgement.failOn names {outcome}: {}", verdict.summary),
        (None, Some(verdict), None) => verdict.summary.clone(),
        (None, None, _) => status.message.clone().unwrap_or_default(),
    }
}
