//! What changed from one status to the next, as events for people.

use crate::api::annotations::CANCEL_REQUESTED;
use crate::api::conditions::ConditionType;
use crate::api::{AnyReason, BenchmarkComparisonStatus, Mode, Phase, Reason, VariantStatus};
use crate::lifecycle::decision::Event;
use crate::lifecycle::facts::{active_run, means_the_active_run};
use crate::lifecycle::report;
use crate::lifecycle::world::World;

/// The events that lead from `before` to `after`.
pub fn events(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) -> Vec<Event> {
    let mut events = vec![];
    let number = |status: &BenchmarkComparisonStatus| status.run.as_ref().map(|run| run.number);
    let same_run = number(before) == number(after);
    let blank = BenchmarkComparisonStatus::default();
    let before = if same_run { before } else { &blank };
    let Some(run) = &after.run else { return events };
    if !same_run {
        events.push(normal(Reason::RunStarted, format!("run {} started", run.number)));
    }
    run_events(before, after, &mut events);
    for (index, variant) in after.variants.iter().enumerate() {
        variant_events(before.variants.get(index), variant, &mut events);
    }
    end_events(before, after, &mut events);
    events
}

fn run_events(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus, events: &mut Vec<Event>) {
    let (Some(run), past) = (&after.run, before.run.as_ref()) else { return };
    if after.is_true(ConditionType::ConfigurationsGenerated) && !before.is_true(ConditionType::ConfigurationsGenerated)
    {
        events.push(normal(Reason::ConfigurationsGenerated, "predictions and manifests are ready".into()));
    }
    if after.phase == Some(Phase::Queued) && before.phase != Some(Phase::Queued) {
        events.push(normal(Reason::Queued, after.message.clone().unwrap_or_default()));
    }
    if run.start_time.is_some() && past.is_none_or(|past| past.start_time.is_none()) {
        let mode = run.mode.map(Mode::as_str).unwrap_or_default();
        events.push(normal(Reason::Admitted, format!("{mode}: {}", run.mode_reason.as_deref().unwrap_or_default())));
    } else if run.mode != past.and_then(|past| past.mode) {
        let mode = run.mode.map(Mode::as_str).unwrap_or_default();
        events
            .push(warning(Reason::ModeChanged, format!("{mode}: {}", run.mode_reason.as_deref().unwrap_or_default())));
    }
    for round in after.rounds.iter().skip(before.rounds.len()).filter(|round| round.number > 1) {
        let message = format!("round {} begins: {} deployed again", round.number, are(&round.variants));
        events.push(normal(Reason::RoundStarted, message));
    }
    if let Some(settled) = run.settled.as_ref().filter(|_| past.is_none_or(|past| past.settled.is_none())) {
        let why = match (settled.is_budget_spent(), settled.maximum_rounds) {
            (true, _) => "the budget is spent",
            (false, Some(_)) => "execution.rounds.maximum allows no further round",
            (false, None) => "another would add nothing",
        };
        let message = format!("no round follows round {}: {why}", settled.rounds);
        events.push(normal(Reason::RoundsSettled, message));
    }
    if let Some(ended) = &run.ended
        && past.is_none_or(|past| past.ended.is_none())
    {
        events.push(warning(&ended.reason, ended.message.clone()));
    }
    if after.phase == Some(Phase::Suspended) && before.phase != Some(Phase::Suspended) {
        events.push(normal(
            Reason::Suspended,
            "nothing runs; what was measured is kept; set spec.suspend to false to resume".into(),
        ));
    }
}

fn are(variants: &[String]) -> String {
    let verb = if variants.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", variants.join(", "))
}

fn variant_events(before: Option<&VariantStatus>, after: &VariantStatus, events: &mut Vec<Event>) {
    let name = &after.name;
    for deployment in &after.deployments {
        let past = before.and_then(|v| v.deployments.iter().find(|d| d.number == deployment.number));
        let gpus = after.gpus.map(|gpus| format!(" on {gpus} GPUs")).unwrap_or_default();
        if past.is_none() {
            events.push(normal(Reason::Deploying, format!("variant {name} is being deployed{gpus}")));
        }
        let new = |now: bool, then: fn(&crate::api::DeploymentStatus) -> bool| now && !past.is_some_and(then);
        if new(deployment.scheduled.is_some(), |d| d.scheduled.is_some()) {
            events.push(normal(Reason::Scheduled, format!("all pods of variant {name} have nodes")));
        }
        if new(deployment.serving.is_some(), |d| d.serving.is_some()) {
            events.push(normal(
                Reason::Serving,
                format!("variant {name} completed its first request: it is being measured"),
            ));
        }
        if new(deployment.measured.is_some(), |d| d.measured.is_some()) {
            events.push(normal(Reason::Measured, format!("variant {name} is measured: {} levels", after.levels.len())));
        }
        if new(deployment.gone.is_some(), |d| d.gone.is_some()) {
            events.push(normal(Reason::TornDown, format!("everything of variant {name} is gone")));
        }
    }
    if let Some(failure) = &after.failure
        && before.is_none_or(|v| v.failure.is_none())
    {
        events.push(warning(&failure.reason, format!("variant {name}: {}", failure.message)));
    }
}

fn end_events(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus, events: &mut Vec<Event>) {
    let stuck = |status: &BenchmarkComparisonStatus| {
        status
            .conditions
            .iter()
            .find(|c| c.type_ == ConditionType::Stalled.as_str() && c.reason == Reason::TeardownStuck.as_str())
            .map(|c| c.message.clone())
    };
    if let (Some(message), None) = (stuck(after), stuck(before)) {
        events.push(warning(Reason::TeardownStuck, message));
    }
    if after.is_true(ConditionType::Finished) && !before.is_true(ConditionType::Finished) {
        let phase = after.phase.map(Phase::as_str).unwrap_or_default();
        let message = after.message.clone().unwrap_or_default();
        let well = after.is_true(ConditionType::Succeeded);
        let event = if well { normal } else { warning };
        events.push(event(Reason::Finished, format!("{phase}: {message}")));
    }
}

/// A request to cancel that names no active run cancels nothing. Whoever made it believes that GPUs are being freed.
pub fn cancel_missed(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) -> Option<Event> {
    let request = after.last_handled_cancel_request.as_ref();
    let request = request.filter(|request| before.last_handled_cancel_request.as_ref() != Some(*request))?;
    let run = after.run.as_ref();
    let active = active_run(after).map(|run| run.number);
    if active.is_some_and(|active| *request == active.to_string() || means_the_active_run(request)) {
        return None;
    }
    let what = format!("{CANCEL_REQUESTED}={request} names no active run, and nothing was cancelled");
    let state = match (active, run) {
        (Some(active), _) => format!("run {active} is active; to cancel it, set the annotation to active"),
        (None, Some(run)) => format!("run {} is over", run.number),
        (None, None) => "there is no run yet".into(),
    };
    let is_ahead = request.parse().is_ok_and(|number: i64| number > after.run_number());
    let warning_of_next = if is_ahead {
        format!("; remove the annotation, or run {request} is cancelled when it starts")
    } else {
        String::new()
    };
    Some(warning(Reason::CancelMissed, format!("{what}: {state}{warning_of_next}")))
}

/// A run that ends without its report says why.
pub fn report_refused(
    before: &BenchmarkComparisonStatus,
    after: &BenchmarkComparisonStatus,
    world: &World,
) -> Option<Event> {
    let over =
        |status: &BenchmarkComparisonStatus| status.run.as_ref().is_some_and(|run| run.completion_time.is_some());
    if !over(after) || over(before) || report::is_there(after, world) {
        return None;
    }
    let why = match report::refusal(world) {
        Some(refused) => format!("{} was refused ({})", refused.object, refused.message),
        None => "its ConfigMap could not be written in execution.deadlines.teardownSeconds".into(),
    };
    let message = format!("{why}: the run ends without its report");
    Some(Event { warning: true, reason: Reason::ReportRefused.into(), message })
}

fn normal(reason: impl Into<AnyReason>, message: String) -> Event {
    Event { warning: false, reason: reason.into(), message }
}

fn warning(reason: impl Into<AnyReason>, message: String) -> Event {
    Event { warning: true, reason: reason.into(), message }
}
