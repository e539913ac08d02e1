//! Between deployments: which round begins next, and when no further one does (METHOD §6, §9).

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, Decimal, EarlyEnd, Reason, Role, RoundStatus, Run, Settled, Until};
use crate::lifecycle::facts::{self, active_run, end, is_over, may_deploy, rounds_over, stops};
use crate::lifecycle::judge::{self, records};
use crate::lifecycle::price::{self, fits};
use crate::lifecycle::time::stamp;
use crate::lifecycle::world::{Output, World};
use crate::sweep::price::RoundBudget;

/// Records the round that begins, or that none does any more.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = active_run(status) else { return };
    if run.start_time.is_none() || run.ended.is_some() || run.settled.is_some() || stops(world, status) {
        return;
    }
    if !may_deploy(world, run) {
        return;
    }
    if let Some(last) = status.rounds.last() {
        if !is_over(status, last) {
            return overrun(status, world, now);
        }
        // What was published is what decides: it has to be read first, unless its variant has failed for good.
        let failed = |name: &String| status.variants.iter().any(|of| of.name == *name && of.failure.is_some());
        let is_read = |name: &String| world.results.get(name).is_none_or(|results| results.present().is_some());
        if !last.variants.iter().all(|name| failed(name) || is_read(name)) {
            return;
        }
    }
    next(status, world, now);
}

fn next(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let over = rounds_over(status);
    match after_last(status, world, now) {
        AfterRounds::Round(variants) => status.rounds.push(RoundStatus {
            number: over.saturating_add(1),
            variants,
            start_time: stamp(now),
            gain_percent: None,
            interval: None,
        }),
        AfterRounds::TooExpensive(needed) if over == 0 => too_small(status, world, needed, now),
        AfterRounds::TooExpensive(_) => settle(status, over, Limits { budget: budget_of(world), maximum: None }, now),
        AfterRounds::Nothing { by_maximum } => {
            let maximum = by_maximum.then_some(world.spec.execution.rounds.maximum);
            settle(status, over, Limits { budget: None, maximum }, now);
        }
    }
}

/// What follows the rounds that are over.
enum AfterRounds {
    /// A round that deploys these variants.
    Round(Vec<String>),
    /// A round that is expected to need so many GPU-hours, which are not left.
    TooExpensive(f64),
    /// None. `by_maximum`: because `execution.rounds.maximum` allows none.
    Nothing { by_maximum: bool },
}

fn after_last(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> AfterRounds {
    let Some(judged) = judge::judged(status, world) else { return AfterRounds::Nothing { by_maximum: false } };
    let number = rounds_over(status).saturating_add(1);
    let wanted = if number == 1 { names(status) } else { judged.next_round() };
    let variants = alive(status, wanted);
    if variants.is_empty() {
        return AfterRounds::Nothing { by_maximum: judged.is_stopped_by_maximum() };
    }
    match fits(status, world, &judged, number, &variants, now) {
        RoundBudget::Fits => AfterRounds::Round(variants),
        RoundBudget::TooSmall { needed, .. } => AfterRounds::TooExpensive(needed),
    }
}

/// A run that stopped for a limit goes on when the limit is raised, with the same number and all it measured (METHOD §9).
pub fn resume(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = &status.run else { return };
    if !is_raised(run, world) || world.spec.suspend || world.spec.execution.until != Until::Verdict {
        return;
    }
    // What it would go on from must be there.
    if judge::stands(status, world) || stops(world, status) {
        return;
    }
    let mut open = status.clone();
    if let Some(run) = open.run.as_mut() {
        (run.settled, run.ended, run.completion_time) = (None, None, None);
    }
    let may_grow = |name: &String| world.results.get(name).and_then(Output::present).is_none_or(|of| !of.sealed);
    if matches!(after_last(&open, world, now), AfterRounds::Round(variants) if variants.iter().all(may_grow)) {
        *status = open;
    }
}

/// Whether a limit for which the run stopped is higher now, or gone.
fn is_raised(run: &Run, world: &World) -> bool {
    let execution = &world.spec.execution;
    match (&run.ended, &run.settled) {
        // Nothing was deployed: what is allowed now is held against the price again.
        (Some(ended), _) => ended.reason == Reason::BudgetTooSmall,
        (None, Some(settled)) => {
            let spent = settled.budget_gpu_hours.as_ref().and_then(Decimal::value);
            let is_more = |spent: f64| price::gpu_hours_allowed(world).is_none_or(|allowed| allowed > spent);
            spent.is_some_and(is_more) || settled.maximum_rounds.is_some_and(|most| execution.rounds.maximum > most)
        }
        (None, None) => false,
    }
}

fn names(status: &BenchmarkComparisonStatus) -> Vec<String> {
    status.variants.iter().map(|variant| variant.name.clone()).collect()
}

/// Those of a round that can still be deployed; none where the baseline or all candidates cannot.
fn alive(status: &BenchmarkComparisonStatus, wanted: Vec<String>) -> Vec<String> {
    if !facts::comparable(status) {
        return vec![];
    }
    let of = |name: &String| status.variants.iter().find(|variant| variant.name == *name && variant.failure.is_none());
    let alive: Vec<_> = wanted.iter().filter_map(of).collect();
    // The baseline alone is compared with nothing.
    let has_candidate = alive.iter().any(|variant| variant.role == Role::Candidate);
    let names = alive.iter().map(|variant| variant.name.clone());
    if has_candidate || only_the_baseline_is_open(status, &wanted) { names.collect() } else { vec![] }
}

/// A candidate that meets the SLA nowhere is deployed once; the baseline may need another round all the same.
fn only_the_baseline_is_open(status: &BenchmarkComparisonStatus, wanted: &[String]) -> bool {
    let role = |name: &String| status.variants.iter().find(|variant| variant.name == *name).map(|variant| variant.role);
    !wanted.is_empty() && wanted.iter().all(|name| role(name) == Some(Role::Baseline))
}

fn too_small(status: &mut BenchmarkComparisonStatus, world: &World, needed: f64, now: Timestamp) {
    let allowed = price::gpu_hours_allowed(world).unwrap_or_default();
    let message = format!(
        "the first round is expected to need {needed:.1} GPU-hours, and execution.budget.gpuHours is {allowed}; no GPU was held. \
         Raise the budget, and the run goes on; or measure fewer levels"
    );
    end(status, EarlyEnd::Failed, Reason::BudgetTooSmall, message, now);
}

/// A round that runs past the budget ends with the trial that was under way when it was spent, and does not count.
fn overrun(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let spent = price::gpu_hours_allowed(world).and_then(|allowed| facts::spent_at(status, allowed, now));
    if spent.is_some_and(|spent| !is_trial_under_way(status, world, spent)) {
        settle(status, rounds_over(status), Limits { budget: budget_of(world), maximum: None }, now);
    }
}

/// Whether a trial that had begun by then is not over. The next one begins as soon as one is: there is hardly a moment without.
fn is_trial_under_way(status: &BenchmarkComparisonStatus, world: &World, by: Timestamp) -> bool {
    let live = status.variants.iter().filter(|variant| facts::live(variant).is_some_and(|d| d.teardown.is_none()));
    live.into_iter().any(|variant| {
        let Some(results) = world.results.get(&variant.name).and_then(Output::present) else { return false };
        let over = records(world, &variant.name);
        let is_over = |name: &String| over.iter().any(|record| record.trial.key.to_string() == *name);
        let starts = results.ledger.starts.iter();
        starts.filter(|(name, _)| !is_over(name)).any(|(_, marks)| marks.iter().any(|mark| mark.time <= by))
    })
}

/// What keeps a run from another round.
struct Limits {
    budget: Option<Decimal>,
    maximum: Option<u32>,
}

fn budget_of(world: &World) -> Option<Decimal> {
    world.spec.execution.budget.as_ref().map(|budget| budget.gpu_hours.clone())
}

fn settle(status: &mut BenchmarkComparisonStatus, rounds: u32, limits: Limits, now: Timestamp) {
    let Limits { budget, maximum } = limits;
    if let Some(run) = status.run.as_mut() {
        run.settled = Some(Settled { rounds, budget_gpu_hours: budget, maximum_rounds: maximum, time: stamp(now) });
    }
}
