//! How far a run is.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BenchmarkComparisonStatus, Progress};
use crate::lifecycle::facts::{active_run, is_settled, is_wanted, planned};
use crate::lifecycle::judge::records;
use crate::lifecycle::world::World;
use crate::measurement::record::TrialRecord;
use crate::sweep::VariantSweep;
use crate::units::count;

/// Trials done of trials planned in the rounds that began; changes when a trial ends, not with time.
pub fn progress(status: &BenchmarkComparisonStatus, world: &World) -> Option<Progress> {
    let run = status.run.as_ref()?;
    world.configurations.present()?;
    let round = status.rounds.last().map_or(1, |round| round.number);
    let counted: Vec<(usize, usize)> = status
        .variants
        .iter()
        .filter_map(|variant| {
            let records = records(world, &variant.name);
            let over = variant.failure.is_some() || run.ended.is_some() || is_settled(status);
            let is_left_out = !status.rounds.is_empty() && !is_wanted(status, variant);
            let left = if over || is_left_out { 0 } else { left(world, &variant.name, round, records)? };
            Some((records.len(), records.len() + left))
        })
        .collect();
    let done: usize = counted.iter().map(|(done, _)| done).sum();
    let total: usize = counted.iter().map(|(_, total)| total).sum();
    Some(Progress {
        summary: format!("{done}/{total}"),
        trials_done: count(done),
        trials_total: count(total),
        estimated_completion_time: active_run(status).and_then(|_| estimate(status, world, total.checked_sub(done)?)),
    })
}

/// Trials the round of a variant still has, as far as can be said.
fn left(world: &World, variant: &str, round: u32, records: &[TrialRecord]) -> Option<usize> {
    let sweep = VariantSweep::new(planned(world), world.configurations.present()?, variant, round).ok()?;
    let progress = sweep.progress(records);
    Some(progress.expected.saturating_sub(progress.done) as usize)
}

/// The last trial's end, and for each one left the mean of those done.
fn estimate(status: &BenchmarkComparisonStatus, world: &World, left: usize) -> Option<Time> {
    let all = || status.variants.iter().flat_map(|variant| records(world, &variant.name));
    let last = all().map(|record| record.completion_time).max()?;
    let seconds: i64 = all().map(|r| r.completion_time.as_second() - r.start_time.as_second()).sum();
    let mean = seconds / i64::try_from(all().count()).ok()?.max(1);
    let left = i64::try_from(left).ok()?;
    let end = last.checked_add(SignedDuration::from_secs(mean.checked_mul(left)?)).ok()?;
    Timestamp::from_second(end.as_second()).ok().map(Time)
}
