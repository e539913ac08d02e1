//! When to look again at the latest: the next deadline, and a regular look in case an event was missed.

use jiff::Timestamp;

use crate::api::BenchmarkComparisonStatus;
use crate::lifecycle::decision::Wake;
use crate::lifecycle::facts::{active_run, live, rests_predicted};
use crate::lifecycle::stages::{generate, measure, queue, teardown};
use crate::lifecycle::time::after;
use crate::lifecycle::world::World;

/// Between looks while a run is under way.
const ACTIVE_SECONDS: i64 = 30;
/// Between looks at rest.
const REST_SECONDS: i64 = 600;

/// The next time something can be due.
pub fn wake(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Wake {
    let resting = active_run(status).is_none() || world.spec.suspend || rests_predicted(world, status);
    let regular = after(now, if resting { REST_SECONDS } else { ACTIVE_SECONDS });
    let next = deadlines(status, world, now).into_iter().filter(|deadline| *deadline > now).min();
    Wake::At(next.map_or(regular, |deadline| deadline.min(regular)))
}

fn deadlines(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Vec<Timestamp> {
    let Some(run) = active_run(status) else { return vec![] };
    let limits = &world.spec.execution.deadlines;
    let mut due = vec![];
    due.extend(queue::waiting(status, world).and_then(|run| queue::look(run, world)));
    due.extend(generate::problem(status, world, now).map(|problem| problem.fatal));
    if world.configurations.present().is_none() {
        due.push(generate::deadline(run, world));
    }
    due.extend(teardown::leftovers_due(status, world));
    for variant in &status.variants {
        due.extend(measure::trouble_of(variant, run, world, now).map(|problem| problem.fatal));
        due.extend(variant.failure.as_ref().map(|f| after(f.time.0, world.spec.execution.keep_on_failure_seconds)));
        let Some(deployment) = live(variant) else {
            due.extend(variant.deployments.last().map(|d| measure::retry_at(status, d.round)));
            continue;
        };
        due.extend(teardown::due(deployment, world));
        due.push(match &deployment.scheduled {
            None => after(deployment.created.0, limits.schedule_seconds),
            Some(scheduled) => after(scheduled.0, limits.ready_seconds),
        });
    }
    due
}
