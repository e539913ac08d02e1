//! What is left of deployments and runs: the one place that says whether something is gone.

use crate::api::BenchmarkComparisonStatus;
use crate::lifecycle::facts::{active_run, all_measured, anything_deployed, rests_predicted};
use crate::lifecycle::stages::view::View;
use crate::lifecycle::world::World;

/// Whether nothing of a deployment holds a GPU any more. Containers that ended hold none, though their pods may stay.
pub fn is_freed(deployment: &View<'_>) -> bool {
    deployment.servers().all(|pod| pod.over)
}

/// Whether neither an object nor a pod of a deployment is left.
pub fn is_gone(deployment: &View<'_>) -> bool {
    let pods = deployment.servers().chain(deployment.loaders());
    deployment.children().next().is_none() && pods.count() == 0
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
    let children = world.children.iter().filter(|c| over(c.ours, c.run) && !c.component.is_record()).count();
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
