//! The lifecycle of a comparison, as pure functions of what was observed.
//!
//! ```text
//! requests    which run is wanted: start, supersede, cancel
//! holding     what is suspended, or asked for predictions only, waits without a deadline
//! generation  predictions and manifests, without a GPU
//! admission   the queue for GPUs; Sequential or Parallel
//! measuring   each variant is deployed, loaded, torn down
//! completion  nothing is finished before it was seen to be gone
//! reporting   the report of a run, written before the run is called finished
//! ```
//!
//! Each stage only records facts. Actions follow from stored facts, in another pass: whoever crashes, lags behind or
//! works twice, the next look at the world leads to the same place.

pub mod actions;
pub mod admission;
pub mod capacity;
pub mod completion;
pub mod decision;
pub mod facts;
pub mod fold;
pub mod generation;
pub mod holding;
pub mod inputs;
pub mod judged;
pub mod measuring;
pub mod notes;
pub mod plan;
pub mod reporting;
pub mod requests;
pub mod rivals;
pub mod statements;
pub mod sweep;
pub mod teardown;
#[cfg(test)]
mod testing;
pub mod time;
pub mod trouble;
pub mod wake;
pub mod words;
pub mod world;

use jiff::Timestamp;

use crate::api::BenchmarkComparisonStatus;
use decision::{Decision, Wake};
use world::World;

/// Decides what a look at the world leads to.
pub fn decide(world: &World, now: Timestamp) -> Decision {
    if world.object.going {
        let actions = actions::release(world);
        return Decision { actions, status: world.status.clone(), events: vec![], wake: Wake::OnChange };
    }
    let facts = advance(world.status.clone(), world, now);
    let recorded = facts != world.status;
    let actions = if recorded { vec![] } else { actions::actions(&facts, world, now) };
    // What was observed of a run says nothing about the one that begins now.
    let status = match begins(&facts, world) {
        true => fold::fold(facts, &world.clone().without_outputs(), now),
        false => fold::fold(facts, world, now),
    };
    let mut events = notes::notes(&world.status, &status);
    events.extend(reporting::note(&world.status, &status, world));
    let wake = if recorded { Wake::Now } else { wake::wake(&status, world, now) };
    Decision { actions, status, events, wake }
}

/// Whether a run begins in this very pass.
fn begins(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let number = |status: &BenchmarkComparisonStatus| status.run.as_ref().map(|run| run.number);
    number(status) != number(&world.status)
}

/// Records what happened, stage by stage.
fn advance(mut status: BenchmarkComparisonStatus, world: &World, now: Timestamp) -> BenchmarkComparisonStatus {
    requests::advance(&mut status, world, now);
    if begins(&status, world) {
        return status;
    }
    holding::advance(&mut status, world, now);
    generation::advance(&mut status, world, now);
    admission::advance(&mut status, world, now);
    measuring::advance(&mut status, world, now);
    completion::advance(&mut status, world, now);
    status
}
