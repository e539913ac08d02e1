//! When to look again at the latest: the next deadline, and a regular look in case an event was missed.

use jiff::Timestamp;

use crate::api::BenchmarkComparisonStatus;
use crate::lifecycle::decision::Wake;
use crate::lifecycle::facts::{active_run, live, rests_predicted};
use crate::lifecycle::remains::is_torn_down;
use crate::lifecycle::report;
use crate::lifecycle::stages::{generate, half_held, measure, queue, teardown};
use crate::lifecycle::time::after;
use crate::lifecycle::world::World;

/// Between looks while a run is under way.
const ACTIVE_SECONDS: i64 = 30;
/// Between looks while a creation is refused: whatever refuses it may be back at any time, and says nothing.
const REFUSED_SECONDS: i64 = 12;
/// How long it is looked that often.
const REFUSED_FOR_SECONDS: i64 = 900;
/// Between looks at rest, and of a run that waits for GPUs: what it waits for wakes it.
const REST_SECONDS: i64 = 600;

/// The next time something can be due.
pub fn wake(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Wake {
    let resting = active_run(status).is_none() || world.spec.suspend || rests_predicted(world, status);
    let waiting = queue::waiting(status, world).is_some();
    let refused = world
        .refusals
        .iter()
        .any(|refusal| refusal.run == status.run_number() && now < after(refusal.since, REFUSED_FOR_SECONDS));
    let seconds = match (resting, refused) {
        (true, _) => REST_SECONDS,
        (false, true) => REFUSED_SECONDS,
        (false, false) if waiting => REST_SECONDS,
        (false, false) => ACTIVE_SECONDS,
    };
    let regular = after(now, seconds);
    let next = deadlines(status, world, now).into_iter().filter(|deadline| *deadline > now).min();
    Wake::At(next.map_or(regular, |deadline| deadline.min(regular)))
}

/// When a comparison that was deleted is looked at again: what is on its way out may be held by somebody who is away.
pub fn of_release(world: &World, now: Timestamp) -> Wake {
    let abandoned = world.children.iter().filter(|_| !world.object.orphans).filter_map(teardown::abandoned_at);
    abandoned.filter(|at| *at > now).min().map_or(Wake::OnChange, Wake::At)
}

fn deadlines(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Vec<Timestamp> {
    let Some(run) = active_run(status) else { return vec![] };
    let mut due = vec![];
    due.extend(queue::waiting(status, world).and_then(|run| queue::look(run, world)));
    if queue::looks_at_others(status, world) {
        due.extend(queue::passes(world));
    }
    due.extend(generate::problem(status, world, now).map(|problem| problem.fatal));
    if world.configurations.present().is_none() {
        due.push(generate::deadline(run, world));
    }
    due.extend(teardown::leftovers_due(status, world));
    due.extend(half_held::until(status, world));
    due.extend(is_torn_down(status, world).then(|| report::given_up_at(status, world)));
    for variant in &status.variants {
        due.extend(measure::trouble_of(variant, run, world, now).map(|problem| problem.fatal));
        due.extend(variant.failure.as_ref().map(|f| after(f.time.0, world.spec.execution.keep_on_failure_seconds)));
        let Some(deployment) = live(variant) else {
            due.extend(variant.deployments.last().map(|d| measure::retry_at(status, d.round)));
            continue;
        };
        due.extend(teardown::due(deployment, world));
        let children = world.deployment_children(run.number, &variant.name, deployment.number);
        due.extend(children.filter_map(teardown::abandoned_at));
        due.extend(measure::deadlines(variant, run, world));
    }
    due
}
