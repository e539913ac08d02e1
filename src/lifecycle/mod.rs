//! The life of a comparison, as pure functions of what was observed.
//!
//! One deployment of a variant, from left to right; every arrow is a fact with its time in `status.variants[].deployments[]`:
//!
//! ```text
//! created ──► scheduled ──► ready ──► serving ──► measured ──► teardown ──► freed ──► gone
//!    │        all pods      all pods   first       load Job     decided:     no pod    no object
//!    │        have nodes    are Ready  request     is complete  objects are  of it is  of it is
//!    │            │            │       completed                deleted      left      left
//!    └────────────┴────────────┴──────────┴── a failure decides on teardown too ──┘
//!                 └──────────────── GPUs are held ───────────────────────────┘
//! ```
//!
//! Each state ends by itself or by a deadline of the operator's own, whatever anybody else does or does not do:
//!
//! ```text
//! created    scheduleSeconds                    serving   the last record + trialSeconds + a new load pod (`stalled`)
//! scheduled  readySeconds                       failed    keepOnFailureSeconds
//! ready      readySeconds, since scheduled      teardown  teardownSeconds: then it is said what holds it up
//! ```
//!
//! One run, by the stages that record its facts, each in a file of its own:
//!
//! ```text
//! start ─► suspend ─► generate ─► queue ─► measure (the picture above, for each variant of a round) ◄─► rounds ─► finish
//! ```
//!
//! Facts come first: a pass that records one takes no action, and actions follow from stored facts in the next pass. So
//! a crash, a stale list or a second operator changes nothing: the next look at the world leads to the same place.

pub mod actions;
pub mod decision;
pub mod facts;
pub mod judge;
pub mod price;
pub mod problem;
pub mod remains;
pub mod report;
pub mod run_limits;
pub mod stages;
pub mod status;
#[cfg(test)]
mod testing;
pub mod time;
pub mod wake;
pub mod world;

use jiff::Timestamp;

use crate::api::BenchmarkComparisonStatus;
use decision::{Decision, Wake};
use world::World;

/// Decides what a look at the world leads to, at a time of the operator's clock.
pub fn decide(world: &World, clock: Timestamp) -> Decision {
    let now = time::not_before_what_is_recorded(&world.status, clock);
    if world.object.terminating {
        let actions = actions::release(world, now);
        let wake = wake::of_release(world, now);
        return Decision { actions, status: world.status.clone(), events: vec![], wake };
    }
    let facts = advance(world.status.clone(), world, now);
    let recorded = facts != world.status;
    let actions = if recorded { vec![] } else { actions::actions(&facts, world, now) };
    // What was observed of a run says nothing about the one that begins now.
    let status = match begins(&facts, world) {
        true => status::fold(facts, &world.clone().without_outputs(), now),
        false => status::fold(facts, world, now),
    };
    let status = status::fit::fit(status);
    let mut events = status::events::events(&world.status, &status);
    events.extend(status::events::cancel_missed(&world.status, &status));
    events.extend(status::events::report_refused(&world.status, &status, world));
    let wake = if recorded { Wake::Now } else { wake::wake(&status, world, clock) };
    Decision { actions, status, events, wake }
}

/// Whether a run begins in this very pass.
fn begins(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let number = |status: &BenchmarkComparisonStatus| status.run.as_ref().map(|run| run.number);
    number(status) != number(&world.status)
}

/// Records what happened, stage by stage.
fn advance(mut status: BenchmarkComparisonStatus, world: &World, now: Timestamp) -> BenchmarkComparisonStatus {
    stages::start::advance(&mut status, world, now);
    if begins(&status, world) {
        return status;
    }
    stages::rounds::resume(&mut status, world, now);
    stages::suspend::advance(&mut status, world, now);
    stages::generate::advance(&mut status, world, now);
    stages::queue::advance(&mut status, world, now);
    stages::measure::advance(&mut status, world, now);
    stages::rounds::advance(&mut status, world, now);
    stages::finish::advance(&mut status, world, now);
    status
}
