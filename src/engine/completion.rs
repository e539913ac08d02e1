//! Stage four: nothing is called finished before it was seen to be gone.

use jiff::Timestamp;

use super::facts::{active_run, all_measured, anything_deployed, rests_predicted};
use super::judged;
use super::reporting;
use super::requests::end;
use super::time::stamp;
use super::world::{Component, Output, World};
use crate::api::{BenchmarkComparisonStatus, EarlyEnd};

/// Records that the run is over.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    lost_results(status, world, now);
    let finished = active_run(status).is_some() && is_torn_down(status, world) && reporting::is_settled(status, world);
    if let Some(run) = status.run.as_mut().filter(|_| finished) {
        run.completion_time = Some(stamp(now));
    }
}

/// Whether the run has come to its end, and only its records are left.
pub fn is_torn_down(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let Some(run) = &status.run else { return false };
    let over = run.ended.is_some() || (run.start_time.is_some() && all_measured(world, status));
    over && !anything_deployed(status) && nothing_left(run.number, world)
}

/// Whether only the records of a run are left.
pub fn nothing_left(run: i64, world: &World) -> bool {
    let children = world.children.iter().filter(|c| c.ours && c.run == run);
    let pods = world.pods.iter().filter(|p| p.ours && p.run == run);
    children.filter(|c| !c.component.is_record()).count() == 0 && pods.count() == 0
}

/// Objects and pods of runs that are over and not the current one's, records excepted: what should be gone.
pub fn leaked(status: &BenchmarkComparisonStatus, world: &World) -> usize {
    let under_way = active_run(status).map(|run| run.number);
    let over = |ours: bool, run: i64| ours && Some(run) != under_way;
    let children = world.children.iter().filter(|c| over(c.ours, c.run) && goes(c.component)).count();
    children + world.pods.iter().filter(|p| over(p.ours, p.run)).count()
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
    let lost = status.variants.iter().filter(|variant| judged::has_rows(variant)).find_map(|variant| {
        let name = &variant.name;
        match world.results.get(name) {
            Some(Output::Present(results)) if !results.ledger.records.is_empty() => None,
            // The variant has failed for it, the others go on.
            Some(Output::Unreadable(_)) if variant.failure.is_some() => None,
            Some(Output::Unreadable(why)) => Some(unreadable(name, why)),
            _ => Some(gone(name)),
        }
    });
    if let Some((reason, message)) = lost {
        end(status, EarlyEnd::Failed, reason, message, now);
    }
}

fn gone(variant: &str) -> (&'static str, String) {
    let message = format!("the ConfigMap with what was measured of variant {variant} is gone; start another run");
    ("ResultsLost", message)
}

/// What is said of results that cannot be read, for the variant or the whole run.
pub fn unreadable(variant: &str, why: &str) -> (&'static str, String) {
    let message = format!("the results of variant {variant} cannot be read: {why}; start another run");
    ("ResultsUnreadable", message)
}

/// Components that go when a run is over.
pub fn goes(component: Component) -> bool {
    !component.is_record()
}
