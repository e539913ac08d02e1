//! Which level is measured next: a pure function of the plan and of the set of records already published
//! (METHOD §3 and §5).
//!
//! A sweep climbs the ladder, narrows the bracket in which the SLA stops being kept, runs the deciding levels anew,
//! in turns, and repeats the first level at the end. Nothing is remembered: asked again with the same records, whatever
//! their order, it gives the same answer, so a lost load pod changes no number.

use serde::{Deserialize, Serialize};

use crate::api::codes::Effect;
use crate::api::{BenchmarkComparisonSpec, Finding, Load};
use crate::judgement::rules::AuditRules;
use crate::judgement::sla::{Bracket, InvalidNumber, Rated, SELECTING, SINGLE_RUN_MARGIN, SlaLimits, requests_needed};
pub use crate::judgement::stored::MAXIMUM_LEVELS;
use crate::judgement::stored::ladder;
use crate::measurement::audit::LimitError;
use crate::measurement::record::{Purpose, Step, TrialRecord};
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use crate::prediction::{Curve, PredictedLevel};

/// How often the top of the ladder is doubled when no level misses the SLA.
const MAXIMUM_DOUBLINGS: u32 = 2;
/// Measured requests of a deciding level for each user.
const DECISION_REQUESTS_PER_CONCURRENCY: u32 = 20;
/// Size of a level that is only shown: beyond capacity, or after two misses in a row.
const SHOWN_REQUESTS: u32 = 100;
const SHOWN_REQUESTS_PER_CONCURRENCY: u32 = 3;
const MISSES_UNTIL_ONLY_SHOWN: u32 = 2;
/// Seconds a request may take for each second it is predicted to take.
const TIMEOUT_FACTOR: f64 = 5.0;
/// A spoilt run is tried once more.
const MAXIMUM_ATTEMPTS: u32 = 2;
/// What the sweep of one variant in one round depends on besides its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepPlan {
    /// Variant that is loaded.
    pub variant: String,
    /// Round that is measured, from 1.
    pub round: u32,
    /// Rounds of the run.
    pub rounds: u32,
    /// The spec's levels and the claimed points of all variants, ascending, without repeats.
    pub ladder: Vec<u32>,
    /// When a level counts as a miss.
    pub limits: SlaLimits,
    /// When a run is rejected.
    pub audit: AuditRules,
    /// Sizes and numbers of repetitions.
    pub load: LoadRules,
    /// What is predicted for the variant, where something is: sizes timeouts and levels beyond capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

/// The numbers of `spec.load` a sweep needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadRules {
    /// Measured requests of a level for each user.
    pub requests_per_concurrency: u32,
    /// Measured requests of a level at least.
    pub minimum_requests: u32,
    /// Warm-up requests before a level for each user.
    pub warmup_per_concurrency: u32,
    /// New runs of the levels that decide, in each round.
    pub decision_trials: u32,
    /// Levels added within the bracket.
    pub refinements: u32,
    /// Ends the climb after so many misses in a row; 0 never does.
    pub stop_after_misses: u32,
    /// How long one request may take at least, in seconds.
    pub request_timeout_seconds: u32,
    /// Start of the sequence of seeds.
    pub seed: u32,
}

impl From<&Load> for LoadRules {
    fn from(load: &Load) -> Self {
        Self {
            requests_per_concurrency: load.requests_per_concurrency.max(1),
            minimum_requests: load.minimum_requests.max(1),
            warmup_per_concurrency: load.warmup_per_concurrency,
            decision_trials: load.decision_trials.max(1),
            refinements: load.refinements,
            stop_after_misses: load.stop_after_misses,
            request_timeout_seconds: load.request_timeout_seconds.max(1),
            seed: load.seed,
        }
    }
}

/// Why there is no sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// A limit of the SLA is no number.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
    /// A limit of the evidence is no number.
    #[error(transparent)]
    Evidence(#[from] LimitError),
    /// The ladder is empty.
    #[error("workload.concurrency has no level of at least 1: give one")]
    NoLevel,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Run the load tool.
    Run(Step),
    /// The sweep is over.
    Done,
}

impl SweepPlan {
    /// The sweep of `variant` in `round` (from 1). A variant that was not generated has no prediction; its sweep is
    /// the same ladder.
    pub fn new(
        spec: &BenchmarkComparisonSpec,
        configurations: &Configurations,
        variant: &str,
        round: u32,
    ) -> Result<Self, SweepError> {
        let predictions = configurations.variants.iter().filter_map(ready).map(|ready| &ready.prediction);
        let ladder = ladder(spec, predictions);
        if ladder.is_empty() {
            return Err(SweepError::NoLevel);
        }
        let own = configurations.variants.iter().find(|configuration| configuration.variant == variant);
        Ok(Self {
            variant: variant.into(),
            round,
            rounds: spec.execution.rounds.max(1),
            ladder,
            limits: SlaLimits::from_spec(&spec.sla)?,
            audit: AuditRules::from_spec(spec)?,
            load: LoadRules::from(&spec.load),
            curve: own.and_then(ready).and_then(|ready| ready.prediction.curve.clone()),
        })
    }
}

fn ready(configuration: &Configuration) -> Option<&Ready> {
    match &configuration.outcome {
        GenerationOutcome::Ready(ready) => Some(ready),
        GenerationOutcome::Refused { .. } => None,
    }
}

/// The next step of the sweep, given every record of the variant in this run (other rounds' too), in any order.
///
/// What selects the deciding levels (ladder and refinements) is run once in all rounds together; a later round runs
/// what an earlier one left open, and then the deciding levels anew.
pub fn next(plan: &SweepPlan, published: &[TrialRecord]) -> NextStep {
    let sweep = Sweep::new(plan, published);
    let step = match sweep.select() {
        Selection { open: Some(step), .. } => Some(step),
        Selection { levels, .. } => sweep.decisions(&levels, plan.round).into_iter().next().or_else(|| sweep.drift()),
    };
    step.map_or(NextStep::Done, NextStep::Run)
}

/// Records the variant will have in the end, over all rounds, as far as can be told: those published and those still
/// expected. Once every round is over it is the number of records.
pub fn planned_total(plan: &SweepPlan, published: &[TrialRecord]) -> usize {
    let sweep = Sweep::new(plan, published);
    let selection = sweep.select();
    let expected = if selection.open.is_some() {
        let climb = plan.ladder.iter().filter(|level| sweep.selecting(**level, Purpose::Ladder).is_open());
        let decisions = 2 * u64::from(plan.load.decision_trials) * u64::from(plan.rounds);
        climb.count() + wide(u64::from(selection.refinements_left) + decisions) + 1
    } else {
        let decisions = (1..=plan.rounds).map(|round| sweep.decisions(&selection.levels, round).len());
        decisions.sum::<usize>() + usize::from(sweep.drift().is_some())
    };
    published.len() + expected
}

fn wide(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The run of a level for one purpose, whatever the attempt.
#[derive(Clone, Copy)]
struct Slot {
    /// Absent: it is run once in all rounds together.
    round: Option<u32>,
    concurrency: u32,
    purpose: Purpose,
    repetition: u32,
}

/// What became of a slot.
enum Fate<'a> {
    /// It is to be run, as this attempt.
    Open { attempt: u32 },
    /// It is over; the run that counts, if one does.
    Closed(Option<&'a TrialRecord>),
}

impl Fate<'_> {
    fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// What the ladder and its refinements have shown.
struct Selection {
    /// Levels that were tried, ascending.
    levels: Vec<Rated>,
    /// A step without which no more can be said.
    open: Option<Step>,
    /// Levels that may still be added within the bracket, the open one included.
    refinements_left: u32,
}

/// Measured requests and warm-up requests of a step.
struct Size {
    requests: u32,
    warmup: u32,
}

/// A record and what the audit makes of it.
struct Audited<'a> {
    record: &'a TrialRecord,
    accepted: bool,
    /// Rejected for something that may not happen again.
    spoilt: bool,
}

struct Sweep<'a> {
    plan: &'a SweepPlan,
    published: Vec<Audited<'a>>,
}

impl<'a> Sweep<'a> {
    fn new(plan: &'a SweepPlan, published: &'a [TrialRecord]) -> Self {
        let audited = |record: &'a TrialRecord| {
            let rejecting: Vec<Finding> = plan.audit.findings(record).into_iter().filter(Finding::rejects).collect();
            let rated = record.measurement.as_ref().and_then(|measurement| plan.limits.measured_ratio(measurement));
            Audited {
                record,
                accepted: rejecting.is_empty() && rated.is_some(),
                spoilt: rejecting.iter().any(|finding| finding.code.effect() == Effect::Repeat),
            }
        };
        Self { plan, published: published.iter().map(audited).collect() }
    }

    /// Climbs the ladder, then goes past its top or narrows the bracket.
    fn select(&self) -> Selection {
        let mut selection = Selection { levels: vec![], open: None, refinements_left: self.plan.load.refinements };
        self.climb(&mut selection);
        if selection.open.is_none() {
            self.refine(&mut selection);
        }
        selection
    }

    fn climb(&self, selection: &mut Selection) {
        let mut misses = 0;
        for &concurrency in &self.plan.ladder {
            let stop = self.plan.load.stop_after_misses;
            if stop > 0 && misses >= stop {
                return;
            }
            match self.selecting(concurrency, Purpose::Ladder) {
                Fate::Open { attempt } => {
                    let slot = Slot { round: None, concurrency, purpose: Purpose::Ladder, repetition: 1 };
                    let size = self.size(concurrency, misses >= MISSES_UNTIL_ONLY_SHOWN);
                    selection.open = Some(self.step(slot, attempt, size));
                    return;
                }
                Fate::Closed(run) => {
                    let level = self.rated(concurrency, run);
                    // A level that could not be measured is no miss, and does not end a row of them either.
                    misses = match level.ratio {
                        Some(ratio) if ratio > 1.0 => misses + 1,
                        Some(_) => 0,
                        None => misses,
                    };
                    selection.levels.push(level);
                }
            }
        }
    }

    fn refine(&self, selection: &mut Selection) {
        let mut doublings = 0;
        for _ in self.plan.ladder.len()..MAXIMUM_LEVELS {
            let added = match Bracket::of(&selection.levels) {
                Bracket::NoMiss { top } if doublings < MAXIMUM_DOUBLINGS => top.checked_mul(2),
                Bracket::Between { met, missed } if selection.refinements_left > 0 => midpoint(met, missed),
                _ => None,
            };
            let tried = |level: u32| selection.levels.iter().any(|rated| rated.concurrency == level);
            let Some(concurrency) = added.filter(|level| !tried(*level)) else { break };
            match self.selecting(concurrency, Purpose::Refinement) {
                Fate::Open { attempt } => {
                    let slot = Slot { round: None, concurrency, purpose: Purpose::Refinement, repetition: 1 };
                    selection.open = Some(self.step(slot, attempt, self.size(concurrency, false)));
                    return;
                }
                Fate::Closed(run) => {
                    let place = selection.levels.partition_point(|level| level.concurrency < concurrency);
                    if place == selection.levels.len() {
                        doublings += 1;
                    } else {
                        selection.refinements_left -= 1;
                    }
                    selection.levels.insert(place, self.rated(concurrency, run));
                }
            }
        }
    }

    /// New runs of the deciding levels that a round still lacks, in turns: what changes with time falls on all alike.
    fn decisions(&self, levels: &[Rated], round: u32) -> Vec<Step> {
        let repetitions = self.plan.load.decision_trials;
        let deciding = Bracket::of(levels).deciding_levels();
        let slot =
            |concurrency, repetition| Slot { round: Some(round), concurrency, purpose: Purpose::Decision, repetition };
        let lost = |concurrency: &u32| {
            let rejected = |repetition: &u32| matches!(self.fate(slot(*concurrency, *repetition)), Fate::Closed(None));
            !usable(repetitions, (1..=repetitions).filter(rejected).count())
        };
        if deciding.iter().any(lost) {
            return vec![];
        }
        let slots = (1..=repetitions).flat_map(|repetition| deciding.iter().map(move |level| slot(*level, repetition)));
        slots
            .filter_map(|slot| match self.fate(slot) {
                Fate::Open { attempt } => Some(self.step(slot, attempt, self.deciding_size(slot.concurrency))),
                Fate::Closed(_) => None,
            })
            .collect()
    }

    /// The first level once more, in the deployment that ran it first.
    fn drift(&self) -> Option<Step> {
        let concurrency = *self.plan.ladder.first()?;
        let Fate::Closed(Some(first)) = self.selecting(concurrency, Purpose::Ladder) else { return None };
        let round = Some(first.step.round).filter(|round| *round == self.plan.round)?;
        let slot = Slot { round: Some(round), concurrency, purpose: Purpose::Drift, repetition: 1 };
        match self.fate(slot) {
            Fate::Open { attempt } => Some(self.step(slot, attempt, self.size(concurrency, false))),
            Fate::Closed(_) => None,
        }
    }

    fn selecting(&self, concurrency: u32, purpose: Purpose) -> Fate<'a> {
        self.fate(Slot { round: None, concurrency, purpose, repetition: 1 })
    }

    fn fate(&self, slot: Slot) -> Fate<'a> {
        let runs = || self.published.iter().filter(|run| slot.holds(&run.record.step));
        let order = |run: &&Audited| (run.record.step.attempt, run.record.step.round);
        if let Some(accepted) = runs().filter(|run| run.accepted).min_by_key(order) {
            return Fate::Closed(Some(accepted.record));
        }
        match runs().max_by_key(order) {
            None => Fate::Open { attempt: 1 },
            Some(last) if last.spoilt && last.record.step.attempt < MAXIMUM_ATTEMPTS => {
                Fate::Open { attempt: last.record.step.attempt + 1 }
            }
            Some(_) => Fate::Closed(None),
        }
    }

    fn rated(&self, concurrency: u32, run: Option<&TrialRecord>) -> Rated {
        let measurement = run.and_then(|record| record.measurement.as_ref());
        Rated { concurrency, ratio: measurement.and_then(|measurement| self.plan.limits.measured_ratio(measurement)) }
    }

    /// Size of a level that does not decide; `only_shown`: two levels below it missed the SLA.
    fn size(&self, concurrency: u32, only_shown: bool) -> Size {
        let load = &self.plan.load;
        let requests = load.minimum_requests.max(load.requests_per_concurrency.saturating_mul(concurrency));
        let warmup = load.warmup_per_concurrency.saturating_mul(concurrency);
        let beyond = self.predicted(concurrency).is_some_and(|level| level.beyond_operating_point);
        if !(only_shown || beyond) {
            return Size { requests, warmup };
        }
        let shown = SHOWN_REQUESTS.max(SHOWN_REQUESTS_PER_CONCURRENCY.saturating_mul(concurrency));
        Size { requests: requests.min(shown), warmup: warmup.min(concurrency) }
    }

    /// Size of a level that decides: enough requests for the statistic, unless even its median misses.
    fn deciding_size(&self, concurrency: u32) -> Size {
        let load = &self.plan.load;
        let median_misses = SELECTING.into_iter().any(|purpose| match self.selecting(concurrency, purpose) {
            // The new runs have to miss as well: so far off the limit they will.
            Fate::Closed(Some(run)) => {
                let misses = |run| self.plan.limits.median_misses(run, SINGLE_RUN_MARGIN);
                run.measurement.as_ref().is_some_and(misses)
            }
            _ => false,
        });
        let needed = if median_misses { 0 } else { requests_needed(self.plan.limits.statistic) };
        let spread = DECISION_REQUESTS_PER_CONCURRENCY.saturating_mul(concurrency);
        Size {
            requests: load.minimum_requests.max(spread).max(needed),
            warmup: load.warmup_per_concurrency.saturating_mul(concurrency),
        }
    }

    fn step(&self, slot: Slot, attempt: u32, size: Size) -> Step {
        let round = slot.round.unwrap_or(self.plan.round);
        Step {
            round,
            concurrency: slot.concurrency,
            purpose: slot.purpose,
            repetition: slot.repetition,
            attempt,
            requests: size.requests,
            warmup: size.warmup,
            seed: seed(self.plan.load.seed, round, slot, attempt),
            request_timeout_seconds: self.timeout_seconds(slot.concurrency),
        }
    }

    fn predicted(&self, concurrency: u32) -> Option<PredictedLevel> {
        self.plan.curve.as_ref()?.at(concurrency)
    }

    fn timeout_seconds(&self, concurrency: u32) -> u32 {
        let later = self.plan.curve.as_ref().map_or(0, |curve| curve.output_tokens().saturating_sub(1));
        let latency = |level: PredictedLevel| level.point.ttft.get() + level.point.tpot.get() * f64::from(later);
        let predicted = self.predicted(concurrency).map_or(0.0, latency);
        // A float beyond u32 saturates.
        let patient = (TIMEOUT_FACTOR * predicted / 1000.0).ceil() as u32;
        self.plan.load.request_timeout_seconds.max(patient)
    }
}

impl Slot {
    fn holds(&self, step: &Step) -> bool {
        self.round.is_none_or(|round| round == step.round)
            && (self.concurrency, self.purpose, self.repetition) == (step.concurrency, step.purpose, step.repetition)
    }
}

/// Whether a level of which so many of its planned repetitions were rejected still decides: more than half must count.
pub fn usable(planned: u32, rejected: usize) -> bool {
    wide(u64::from(planned)).saturating_sub(rejected) * 2 > wide(u64::from(planned))
}

/// The whole number nearest the geometric mean, if it lies strictly between.
fn midpoint(low: u32, high: u32) -> Option<u32> {
    let middle = (f64::from(low) * f64::from(high)).sqrt().round() as u32;
    (low < middle && middle < high).then_some(middle)
}

/// The seed of a step's prompts: the same for all variants, different for any two steps of a variant, so that no
/// prompt is answered from a cache.
fn seed(start: u32, round: u32, slot: Slot, attempt: u32) -> u64 {
    let digits = [
        (u64::from(slot.purpose as u8), 4),
        (u64::from(slot.repetition.saturating_sub(1)), 20),
        (u64::from(attempt.saturating_sub(1)), u64::from(MAXIMUM_ATTEMPTS)),
        (u64::from(round.saturating_sub(1)), 10),
    ];
    let place = digits.into_iter().fold(u64::from(slot.concurrency), |sum, (digit, base)| sum * base + digit);
    u64::from(start) + place
}
