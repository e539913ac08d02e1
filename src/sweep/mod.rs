//! Which trial comes next (METHOD §3 and §4), and what a run costs (§9).
//!
//! A sweep of one variant in one round is a pure function of its plan and of the trials already published. Nothing is
//! remembered: asked again after a crash, with the same trials in any order, it gives the same answer. The first round climbs
//! the ladder and narrows the bracket in which the SLA ends; every round runs the levels that decide anew.

pub mod deciding;
pub mod ladder;
pub mod price;
pub mod selection;
pub mod size;
pub mod slots;
pub mod variant;

pub(crate) use deciding::HOPELESS;
pub use deciding::{Deciding, deciding};
pub use ladder::{MOST_LEVELS, ladder};
pub use size::SizeRules;
pub use variant::{SweepError, VariantSweep, ladder_of, most_trials};

use deciding::{Rated, joining_round};
use selection::{SearchRules, Selection};
use size::Weight;
use slots::{Fate, Slot};

use crate::measurement::record::TrialPlan;
use crate::method::estimate::Estimates;
use crate::method::sla::SlaLimits;
use crate::method::trial::{Purpose, Trial, TrialFigures, TrialKey};

/// What the sweep of one variant in one round depends on, besides its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPlan {
    /// The round, from 1.
    pub round: u32,
    /// Levels to climb, ascending: those of [`ladder()`].
    pub ladder: Vec<u32>,
    /// The SLA whose end is looked for.
    pub sla: SlaLimits,
    /// C: requests the variant works on at once, where known.
    pub capacity: Option<u32>,
    /// Output tokens of a request.
    pub output_tokens: u32,
    /// New trials of each level that decides, in each round; at least 1.
    pub decision_trials: u32,
    /// Levels added within the bracket.
    pub refinements: u32,
    /// Ends the climb after so many misses in a row; 0 never does.
    pub stop_after_misses: u32,
    /// How large trials are.
    pub size: SizeRules,
    /// Whether a trial was run on this very deployment already, so that it needs no warm-up.
    pub warm: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    Run(TrialPlan),
    /// Nothing: the round is over for this variant.
    Done,
}

/// How far the sweep of a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepProgress {
    /// Trials of the round so far, rejected ones included.
    pub done: u32,
    /// Trials it will have, as far as is known.
    pub expected: u32,
}

/// The next trial of the sweep, given every trial of the variant in this run, of other rounds too.
pub fn next(plan: &SweepPlan, estimates: Option<&dyn Estimates>, trials: &[Trial]) -> Next {
    let sweep = Sweep { plan, estimates, trials };
    let selection = Selection::of(plan.search(), trials);
    let wanted = selection.open.or_else(|| sweep.decision(&selection.levels));
    wanted.map_or(Next::Done, |(slot, try_number)| Next::Run(sweep.trial(slot, try_number, &selection)))
}

/// How far the sweep is, given the same.
pub fn progress(plan: &SweepPlan, trials: &[Trial]) -> SweepProgress {
    let sweep = Sweep { plan, estimates: None, trials };
    let selection = Selection::of(plan.search(), trials);
    let done = count(trials.iter().filter(|trial| trial.key.round == plan.round).count());
    let each = plan.decision_trials.max(1);
    let left = if selection.open.is_some() {
        let unknown = |level: &&u32| Fate::of(Slot::selecting(**level, Purpose::Ladder), &plan.sla, trials).is_open();
        let climb = count(plan.ladder.iter().filter(unknown).count());
        let refinements = plan.refinements.saturating_sub(selection.refined);
        climb.saturating_add(refinements).max(1).saturating_add(2 * each)
    } else {
        count(sweep.decisions(&selection.levels).len())
    };
    SweepProgress { done, expected: done.saturating_add(left) }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl SweepPlan {
    fn search(&self) -> SearchRules<'_> {
        SearchRules {
            sla: &self.sla,
            ladder: &self.ladder,
            refinements: self.refinements,
            stop_after_misses: self.stop_after_misses,
            output_tokens: self.output_tokens,
        }
    }
}

struct Sweep<'a> {
    plan: &'a SweepPlan,
    estimates: Option<&'a dyn Estimates>,
    trials: &'a [Trial],
}

impl<'a> Sweep<'a> {
    fn decision(&self, levels: &[Rated]) -> Option<(Slot, u32)> {
        self.decisions(levels).into_iter().next()
    }

    /// New trials the round still lacks, in turns: lo hi hi lo, so that what changes with time falls on both alike. A level
    /// whose trials were all rejected loses the round, and the others need not be run.
    fn decisions(&self, levels: &[Rated]) -> Vec<(Slot, u32)> {
        let deciding = self.settled(levels).map(Deciding::levels).unwrap_or_default();
        let lost = |level: &u32| {
            let rejected = |number| matches!(self.fate(*level, number), Fate::Closed(None));
            self.trial_numbers().all(rejected)
        };
        if deciding.iter().any(lost) {
            return vec![];
        }
        let turns = self.trial_numbers().flat_map(|number| {
            let turn: Vec<u32> = match number % 2 {
                1 => deciding.clone(),
                _ => deciding.iter().rev().copied().collect(),
            };
            turn.into_iter().map(move |level| (level, number))
        });
        let open = turns.filter_map(|(level, number)| match self.fate(level, number) {
            Fate::Open { try_number } => Some((Slot::decision(self.plan.round, level, number), try_number)),
            Fate::Closed(_) => None,
        });
        open.collect()
    }

    /// The levels that decide: as the search found them, and with those that join by the first round's new trials.
    fn settled(&self, levels: &[Rated]) -> Option<Deciding> {
        let first = Deciding::of(levels)?;
        let all: Vec<&Trial> = self.trials.iter().collect();
        let round = joining_round(first, &all).unwrap_or(self.plan.round);
        Some(first.settled(|level| self.r_of_new_trials(round, level)))
    }

    /// By all new trials of a level; in this plan's round they have to be over.
    fn r_of_new_trials(&self, round: u32, level: u32) -> Option<f64> {
        if round == self.plan.round && self.trial_numbers().any(|number| self.fate(level, number).is_open()) {
            return None;
        }
        let here = |trial: &&Trial| {
            (trial.key.round, trial.key.concurrency, trial.key.purpose) == (round, level, Purpose::Decision)
        };
        let figures: Vec<&TrialFigures> = self.trials.iter().filter(here).filter_map(Trial::accepted).collect();
        Rated::of(&self.plan.sla, level, &figures).map(|rated| rated.r)
    }

    fn trial_numbers(&self) -> std::ops::RangeInclusive<u32> {
        1..=self.plan.decision_trials.max(1)
    }

    fn fate(&self, level: u32, number: u32) -> Fate<'a> {
        Fate::of(Slot::decision(self.plan.round, level, number), &self.plan.sla, self.trials)
    }

    fn trial(&self, slot: Slot, try_number: u32, selection: &Selection) -> TrialPlan {
        let SweepPlan { round, size, sla, .. } = self.plan;
        let (concurrency, latency) = (slot.concurrency, self.latency_seconds(slot.concurrency));
        let weight = if slot.purpose == Purpose::Ladder { Weight::Ladder } else { Weight::Bracket };
        let waves = size::waves(size, sla, concurrency, latency, weight);
        let capacity = self.plan.capacity.or(selection.estimated_capacity);
        TrialPlan {
            key: TrialKey { round: *round, concurrency, purpose: slot.purpose, number: slot.number, try_number },
            requests: waves.saturating_mul(concurrency),
            warmup: if self.plan.warm { 0 } else { concurrency },
            ramp_seconds: size::ramp_seconds(concurrency, capacity, latency),
            request_timeout_seconds: size::request_timeout_seconds(size, latency),
            seed: size::seed(size, *round, concurrency, slot.seed_number(), try_number),
        }
    }

    /// How long a request is expected to take: as estimated, else as the highest level up to this one showed.
    fn latency_seconds(&self, concurrency: u32) -> Option<f64> {
        let estimated = self.estimates.and_then(|estimates| estimates.at(concurrency)?.latency_seconds(concurrency));
        estimated.or_else(|| {
            let shown = self.trials.iter().filter(|trial| trial.key.concurrency <= concurrency);
            let shown = shown.filter_map(|trial| Some((trial.key, trial.accepted()?)));
            let (_, figures) = shown.max_by_key(|(key, _)| (key.concurrency, std::cmp::Reverse(*key)))?;
            Some(figures.request_latency.mean.get() / 1000.0)
        })
    }
}

#[cfg(test)]
mod tests;
