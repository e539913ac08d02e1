//! What a run is expected to cost, and what it has cost.

use crate::api::{BenchmarkComparisonStatus, Price, VariantStatus};
use crate::lifecycle::facts::{gpu_hours, planned, ready_seconds, rounds_over};
use crate::lifecycle::time::seconds_between;
use crate::lifecycle::world::World;
use crate::sweep::price::{RoundBudget, RoundsCost, budget};
use crate::verdict::Judged;
use crate::verdict::price::{RunPrice, shown};
use jiff::Timestamp;

/// What the status shows: expected and at most by what is predicted, once it is; actual over deployments that are gone.
pub fn price(status: &BenchmarkComparisonStatus, world: &World, judged: &Judged) -> Option<Price> {
    // As before anything was deployed: later rounds are priced anew, the promise stays.
    let earlier = |name: &str| minutes(variant(status, name)?.last_ready_seconds.map(u64::from)?);
    let promised = RunPrice::of(judged, planned(world), earlier).map(|price| price.status(&judged.evidence));
    let actual = actual(status, judged);
    (promised.is_some() || actual.is_some()).then(|| Price { actual, ..promised.unwrap_or_default() })
}

fn actual(status: &BenchmarkComparisonStatus, judged: &Judged) -> Option<crate::api::Cost> {
    let mut cost = RoundsCost { minutes: 0.0, gpu_hours: 0.0 };
    for variant in &status.variants {
        for deployment in &variant.deployments {
            let (Some(from), Some(gone)) = (&deployment.scheduled, &deployment.gone) else { continue };
            let to = deployment.freed.as_ref().unwrap_or(gone);
            let minutes = seconds_between(from, to) as f64 / 60.0;
            cost.minutes += minutes;
            cost.gpu_hours += minutes / 60.0 * f64::from(variant.gpus.unwrap_or(0));
        }
    }
    (cost.minutes > 0.0).then(|| shown(cost, rounds_over(status), judged.evidence.gpu_hourly_cost))
}

/// Whether a round that deploys these variants fits in what is left of the budget. What is not priced fits: the budget still
/// ends it.
pub fn fits(
    status: &BenchmarkComparisonStatus,
    world: &World,
    judged: &Judged,
    round: u32,
    variants: &[String],
    now: Timestamp,
) -> RoundBudget {
    let hours = gpu_hours_allowed(world);
    let ready = |name: &str| minutes(ready_seconds(variant(status, name)?)?);
    match RunPrice::of(judged, planned(world), ready) {
        Some(price) => budget(hours, gpu_hours(status, now), price.round(round, variants)),
        None => RoundBudget::Fits,
    }
}

/// `execution.budget.gpuHours`, where it is set.
pub fn gpu_hours_allowed(world: &World) -> Option<f64> {
    world.spec.execution.budget.as_ref().and_then(|budget| budget.gpu_hours.value())
}

fn variant<'a>(status: &'a BenchmarkComparisonStatus, name: &str) -> Option<&'a VariantStatus> {
    status.variants.iter().find(|variant| variant.name == name)
}

fn minutes(seconds: u64) -> Option<f64> {
    Some(seconds as f64 / 60.0)
}
