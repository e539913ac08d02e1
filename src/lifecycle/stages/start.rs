//! Which run is wanted: starting, superseding and cancelling.

use jiff::Timestamp;

use crate::api::{
    BenchmarkComparisonStatus, EarlyEnd, OnChange, PastRun, Reason, Run, Start, Variant, VariantPhase, VariantStatus,
    stored_request,
};
use crate::lifecycle::facts::{self, active_run, end, rests_predicted};
use crate::lifecycle::time::stamp;
use crate::lifecycle::world::{Output, World};
use crate::plan::inputs;
use crate::units::count;

/// Records cancellation, supersession and the start of the next run.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    cancel(status, world, now);
    if changed_before_its_plan(status, world) {
        let message: String = "the spec changed before the run had a plan: another run begins with it".into();
        end(status, EarlyEnd::Superseded, Reason::InputsChanged, message, now);
        return;
    }
    let Some(wish) = wish(status, world) else { return };
    if may_begin(status, world) {
        begin(status, world, now);
    } else if let Wish::Another { reason, message } = wish
        && world.spec.execution.on_change == OnChange::Supersede
    {
        end(status, EarlyEnd::Superseded, reason, message, now);
    }
}

/// Why a run is wanted.
enum Wish {
    /// There is no run to end for it: it is the first, or follows one that was superseded.
    Next,
    /// Something was asked for or has changed: a run that is active ends for it.
    Another { reason: Reason, message: String },
}

/// Why a run other than the one in status is wanted, if so. With `start: OnRequest` somebody must have asked for it, by the
/// annotation or by another `runId`: a cluster that is built anew, and has no run yet, cannot tell a new `runId` from an old.
fn wish(status: &BenchmarkComparisonStatus, world: &World) -> Option<Wish> {
    let another = |reason, message: &str| Some(Wish::Another { reason, message: message.to_owned() });
    if world.object.run_requested.as_deref().is_some_and(|request| !status.has_handled(request)) {
        return another(Reason::RunRequested, "another run was requested by the annotation bcmp.dev/run-requested");
    }
    let automatic = world.spec.execution.start == Start::Automatic;
    let Some(run) = &status.run else {
        return automatic.then_some(Wish::Next);
    };
    let plan = world.plan.present();
    if plan.is_some_and(|plan| plan.spec.run_id != world.spec.run_id) {
        return another(Reason::RunIdChanged, "spec.runId changed: another run is requested");
    }
    if automatic && inputs_changed(run, world) {
        let changed = plan.map_or(vec![], |plan| inputs::changed(&plan.spec, &world.spec));
        let what = if changed.is_empty() { "what is measured".into() } else { changed.join(", ") };
        return another(Reason::InputsChanged, &format!("{what} changed: another run is needed"));
    }
    let superseded = run.ended.as_ref().is_some_and(|ended| ended.outcome == EarlyEnd::Superseded);
    superseded.then_some(Wish::Next)
}

/// Whether the active run was begun with another spec than it would be planned with now. Nothing was generated for it, so it
/// gives way whatever `start` and `onChange` say.
fn changed_before_its_plan(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let unplanned = |run: &&Run| run.ended.is_none() && run.generated_time.is_none() && world.plan == Output::Absent;
    active_run(status).filter(unplanned).is_some_and(|run| {
        let today = inputs::hash(&world.spec);
        inputs::comparable(&today, &run.inputs_hash) && today != run.inputs_hash
    })
}

fn inputs_changed(run: &Run, world: &World) -> bool {
    let today = inputs::hash(&world.spec);
    if inputs::comparable(&today, &run.inputs_hash) {
        return today != run.inputs_hash;
    }
    // A hash by other rules says nothing: hash the stored inputs by today's. Without a plan, nothing is known to differ.
    world.plan.present().is_some_and(|plan| inputs::hash(&plan.spec) != today)
}

/// Whether an unfinished run's inputs differ from the spec, or a new run waits for it to end.
pub fn waits_for_next(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    active_run(status).is_some() && wish(status, world).is_some()
}

fn may_begin(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    !world.spec.suspend && (active_run(status).is_none() || rests_predicted(world, status))
}

fn begin(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let number = 1 + status.run_number().max(world.highest_plan);
    let mut history = std::mem::take(&mut status.history);
    if let Some(past) = past_run(status) {
        history.insert(0, past);
    }
    let variants = world.spec.variants.iter().map(|of| waiting(of, &status.variants)).collect();
    let request = world.object.run_requested.as_deref().map(stored_request);
    let handled = request.or(status.last_handled_run_request.take());
    *status = BenchmarkComparisonStatus {
        observed_generation: world.object.generation,
        run: Some(Run::new(number, inputs::hash(&world.spec), stamp(now))),
        variants,
        history: retained(history, world.spec.history.runs),
        last_handled_run_request: handled,
        last_handled_cancel_request: status.last_handled_cancel_request.take(),
        ..BenchmarkComparisonStatus::default()
    };
}

fn waiting(variant: &Variant, before: &[VariantStatus]) -> VariantStatus {
    let last = before.iter().find(|of| of.name == variant.name);
    VariantStatus {
        phase: Some(VariantPhase::Waiting),
        last_ready_seconds: last.and_then(facts::ready_seconds).map(count),
        ..VariantStatus::new(variant.name.as_str(), variant.role)
    }
}

fn past_run(status: &BenchmarkComparisonStatus) -> Option<PastRun> {
    let run = status.run.as_ref()?;
    Some(PastRun {
        number: run.number,
        outcome: facts::outcome(status),
        verdict: status.verdict.as_ref().map(|v| v.result),
        gain: status.verdict.as_ref().and_then(|v| v.gain.clone()),
        completion_time: run.completion_time.clone(),
        config_map_name: status.report.as_ref().map(|report| report.config_map_name.clone()),
    })
}

/// The newest `keep` runs with a verdict, and the newest other one beside.
pub fn retained(history: Vec<PastRun>, keep: u32) -> Vec<PastRun> {
    let mut answered = 0;
    let mut others = 0;
    history
        .into_iter()
        .filter(|past| {
            let (count, limit) = if past.verdict.is_some() { (&mut answered, keep) } else { (&mut others, 1) };
            *count += 1;
            *count <= limit
        })
        .collect()
}

/// Ends the active run if the request names it: by its number, or as the one that is active when the request is first seen.
/// Whether it does or not, the request is recorded as seen, so that one that misses is answered once, by an event.
fn cancel(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(request) = &world.object.cancel_requested else { return };
    let seen = Some(stored_request(request));
    let is_new = status.last_handled_cancel_request != seen;
    status.last_handled_cancel_request = seen;
    let Some(number) = active_run(status).map(|run| run.number) else { return };
    if *request == number.to_string() || (is_new && facts::means_the_active_run(request)) {
        end(
            status,
            EarlyEnd::Cancelled,
            Reason::CancelRequested,
            format!("run {number} was cancelled by annotation"),
            now,
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lifecycle::testing::world;
    use crate::testing::{plan, spec};

    use Start::{Automatic, OnRequest};

    fn why(wish: &Wish) -> &'static str {
        match wish {
            Wish::Next => "Next",
            Wish::Another { reason, .. } => reason.as_str(),
        }
    }

    /// What is different since run 1, which is over.
    const NOTHING: &[&str] = &[];
    const INPUT: &[&str] = &["input"];
    const RUN_ID: &[&str] = &["runId"];
    const BOTH: &[&str] = &["input", "runId"];

    #[rstest]
    #[case(Automatic, NOTHING, [Some("Next"), None])]
    #[case(Automatic, INPUT, [Some("Next"), Some("InputsChanged")])]
    #[case(Automatic, RUN_ID, [Some("Next"), Some("RunIdChanged")])]
    #[case(Automatic, BOTH, [Some("Next"), Some("RunIdChanged")])]
    #[case(OnRequest, NOTHING, [None, None])]
    #[case(OnRequest, INPUT, [None, None])]
    #[case(OnRequest, RUN_ID, [None, Some("RunIdChanged")])]
    #[case(OnRequest, BOTH, [None, Some("RunIdChanged")])]
    fn what_starts_a_run(
        #[case] start: Start,
        #[case] changed: &[&str],
        #[case] without_and_after_a_run: [Option<&str>; 2],
        #[values(None, Some("handled"), Some("new"))] requested: Option<&str>,
        #[values(false, true)] ran: bool,
    ) {
        let mut world = world(spec());
        world.spec.execution.start = start;
        let mut status = BenchmarkComparisonStatus::default();
        if ran {
            begin(&mut status, &world, Timestamp::UNIX_EPOCH);
            status.run.as_mut().unwrap().completion_time = Some(stamp(Timestamp::UNIX_EPOCH));
            world.plan = Output::Present(plan(world.spec.clone()));
        }
        status.last_handled_run_request = Some("handled".into());
        world.object.run_requested = requested.map(str::to_owned);
        if changed.contains(&"input") {
            world.spec.workload.concurrency = vec![1, 2];
        }
        if changed.contains(&"runId") {
            world.spec.run_id = Some("again".into());
        }
        let otherwise = without_and_after_a_run[usize::from(ran)];
        let expected = if requested == Some("new") { Some("RunRequested") } else { otherwise };
        assert_eq!(wish(&status, &world).map(|wish| why(&wish)), expected);
        advance(&mut status, &world, Timestamp::UNIX_EPOCH);
        assert_eq!(status.run_number(), i64::from(ran) + i64::from(expected.is_some()));
    }

    #[test]
    fn a_long_request_is_handled_once_and_can_be_stored() {
        let mut world = world(spec());
        world.object.run_requested = Some("é".repeat(400));
        let mut status = BenchmarkComparisonStatus::default();
        begin(&mut status, &world, Timestamp::UNIX_EPOCH);
        assert!(status.last_handled_run_request.as_ref().is_some_and(|value| value.len() <= 256));
        assert!(wish(&status, &world).is_none());
    }

    #[test]
    fn a_superseded_run_names_what_changed() {
        let mut world = world(spec());
        let mut status = BenchmarkComparisonStatus::default();
        begin(&mut status, &world, Timestamp::UNIX_EPOCH);
        world.plan = Output::Present(plan(world.spec.clone()));
        world.spec.workload.concurrency = vec![1, 2];
        world.spec.load.seed = 7;
        let Some(Wish::Another { message, .. }) = wish(&status, &world) else { panic!("nothing is wanted") };
        assert_eq!(message, "spec.load, spec.workload changed: another run is needed");
    }
}
