//! Stage four: nothing is called finished before it was seen to be gone.

use jiff::Timestamp;

use super::facts::{active_run, all_measured, anything_deployed, rests_predicted};
use super::requests::end;
use super::time::stamp;
use super::world::{Component, Output, World};
use crate::api::{BenchmarkComparisonStatus, EarlyEnd};

/// Records that the run is over.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    lost_results(status, world, now);
    let Some(run) = active_run(status) else { return };
    let over = run.ended.is_some() || (run.start_time.is_some() && all_measured(world, status));
    let finished = over && !anything_deployed(status) && nothing_left(run.number, world);
    if let Some(run) = status.run.as_mut().filter(|_| finished) {
        run.completion_time = Some(stamp(now));
    }
}

/// Whether only the records of a run are left.
pub fn nothing_left(run: i64, world: &World) -> bool {
    let children = world.children.iter().filter(|c| c.ours && c.run == run);
    let pods = world.pods.iter().filter(|p| p.ours && p.run == run);
    children.filter(|c| !c.component.is_record()).count() == 0 && pods.count() == 0
}

/// Whether the run, or what it asked for so far, is over and leftovers may go.
pub fn is_over(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let Some(run) = &status.run else { return true };
    run.ended.is_some()
        || run.completion_time.is_some()
        || rests_predicted(world, status)
        || (run.start_time.is_some() && all_measured(world, status) && !anything_deployed(status))
}

/// What was measured and is gone is never measured again.
fn lost_results(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let lost = status.variants.iter().find(|variant| {
        let measured = variant.deployments.iter().any(|d| d.measured.is_some()) || !variant.levels.is_empty();
        let rows = variant.levels.iter().any(|level| level.evidence.accepted + level.evidence.rejected > 0);
        let none = match world.results.get(&variant.name) {
            Some(Output::Present(results)) => results.ledger.records.is_empty(),
            Some(Output::Unreadable(_)) => false,
            _ => true,
        };
        measured && rows && none
    });
    if let Some(name) = lost.map(|variant| variant.name.clone()) {
        let message = format!("results of variant {name} were measured but their ConfigMap is gone; start another run");
        end(status, EarlyEnd::Failed, "ResultsLost", message, now);
    }
}

/// Components that go when a run is over.
pub fn goes(component: Component) -> bool {
    !component.is_record()
}
