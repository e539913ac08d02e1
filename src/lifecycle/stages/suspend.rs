//! Runs that are held: suspended, or resting at their predictions. No deadline of theirs passes meanwhile.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, Pause, Run};
use crate::lifecycle::facts::rests_predicted;
use crate::lifecycle::time::stamp;
use crate::lifecycle::world::World;

/// Records when the run is held, and when it goes on.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let is_held = world.spec.suspend || rests_predicted(world, status);
    let Some(run) = status.run.as_mut().filter(|run| run.ended.is_none() && run.completion_time.is_none()) else {
        return;
    };
    match &mut run.paused {
        Some(hold) if hold.until.is_none() && is_held => {}
        Some(hold) if hold.until.is_none() => hold.until = Some(stamp(now)),
        last if is_held => *last = Some(Pause { since: stamp(now), until: None }),
        _ => {}
    }
}

/// Since when a run waits for something that it first waited for at `begin`: what it was held for does not count.
pub fn waits_since(run: &Run, begin: Timestamp) -> Timestamp {
    let resumed = run.paused.as_ref().and_then(|hold| hold.until.as_ref());
    resumed.map_or(begin, |resumed| resumed.0.max(begin))
}
