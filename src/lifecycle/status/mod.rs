//! Facts → status: phase, message, conditions, progress, levels, verdict. Nothing here is read back.

pub mod conditions;
pub mod deployed;
pub mod events;
pub mod fit;
pub mod message;
pub mod phase;
pub mod progress;
pub mod refused;

use jiff::Timestamp;

use crate::api::conditions::conditions;
use crate::api::{BenchmarkComparisonStatus, ReportReference};
use crate::lifecycle::facts::{gpu_seconds, is_judged};
use crate::lifecycle::judge;
use crate::lifecycle::price::price;
use crate::lifecycle::time::stamp;
use crate::lifecycle::world::World;
use crate::verdict::status::{shorten, verdict};

/// Folds the facts of `status` into a complete status. The same facts and world give the same status.
pub fn fold(mut status: BenchmarkComparisonStatus, world: &World, now: Timestamp) -> BenchmarkComparisonStatus {
    if judge::stands(&status, world) {
        return unchanged(status, world.object.generation);
    }
    let before = status.conditions.clone();
    status.observed_generation = world.object.generation;
    for index in 0..status.variants.len() {
        let mut variant = status.variants[index].clone();
        deployed::describe(&mut variant, &status, world);
        variant.phase = Some(phase::variant_phase(&variant, &status));
        status.variants[index] = variant;
    }
    let complete = is_judged(&status, world);
    let shown = judge::judged(&status, world);
    if let Some(shown) = &shown {
        judge::fold_rows(&mut status, world, shown, complete);
    }
    let judged = shown.as_ref().filter(|_| complete);
    if let Some(judgement) = judged {
        // A verdict stands until another is reached: records may be gone, the answer is not.
        status.verdict = Some(shorten(verdict(judgement)));
    }
    status.progress = progress::progress(&status, world).or(status.progress);
    status.gpu_seconds = gpu_seconds(&status, world);
    status.price = shown.as_ref().and_then(|shown| price(&status, world, shown)).or(status.price);
    let report = world.report(&status).map(|child| ReportReference { config_map_name: child.name.clone() });
    status.report = report.or(status.report);
    let phase = phase::phase(&status, world, judged);
    let message =
        message::message(&status, world, message::JudgedSoFar { all: shown.as_ref(), complete: judged }, phase, now);
    let new = conditions::all(&status, world, judged, phase, &message, now);
    status.conditions = conditions(new, &before, world.object.generation, &stamp(now));
    status.phase = Some(phase);
    status.message = Some(message);
    status
}

/// What was said stands; it speaks about this generation too.
fn unchanged(mut status: BenchmarkComparisonStatus, generation: i64) -> BenchmarkComparisonStatus {
    status.observed_generation = generation;
    status.conditions.iter_mut().for_each(|condition| condition.observed_generation = Some(generation));
    status
}
