//! The search for the levels that decide: the ladder, then up, down or into the bracket (METHOD §4).

use super::deciding::Rated;
use super::slots::{Fate, Slot};
use crate::method::sla::SlaLimits;
use crate::method::trial::{Purpose, Trial};

/// How often the highest level is doubled while none misses the SLA (METHOD §4).
const MOST_DOUBLINGS: u32 = 2;
/// A bracket wider than this is narrowed further, beyond the number of refinements wanted: across it latency is not a power of
/// load (METHOD §4).
const WIDE: f64 = 2.3;
/// Refinements of a wide bracket at most (METHOD §4).
const MOST_REFINEMENTS: u32 = 5;
/// A bracket narrower than this is not narrowed: the scatter of trials would blur its slopes (METHOD §4).
const NARROW: f64 = 1.2;
/// TTFT that grows more than so many times within the bracket tells of requests that wait: a capacity lies between (METHOD §4).
const WAITING: f64 = 2.0;
/// So many times Ĉ has the upper end to be, before Ĉ is believed: elsewhere TTFT grows because prompts are in each other's way,
/// and Ĉ, a little below the upper end, would use up a refinement and leave the bracket wide.
const LEAST_WAITING: f64 = 1.2;

/// What a search depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchRules<'a> {
    /// The SLA whose end is looked for.
    pub sla: &'a SlaLimits,
    /// Levels to climb, ascending.
    pub ladder: &'a [u32],
    /// Levels to add within the bracket; with 0 it stays as it is.
    pub refinements: u32,
    /// The climb ends after so many misses in a row; with 0 it never does.
    pub stop_after_misses: u32,
    /// Output tokens of a request.
    pub output_tokens: u32,
}

/// How far a search has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Levels that were accepted, ascending; none above a level that misses the SLA for good.
    pub levels: Vec<Rated>,
    /// The trial without which no more can be said, and its try.
    pub open: Option<(Slot, u32)>,
    /// Levels added within the bracket so far.
    pub refined: u32,
    /// Ĉ: the capacity that latencies tell of, where they do.
    pub estimated_capacity: Option<u32>,
    /// A level that misses the SLA although a higher one meets it.
    pub not_monotone: Option<u32>,
}

/// What a step of the search led to.
enum Went {
    On,
    NoFurther,
}

struct LevelSearch<'a> {
    rules: SearchRules<'a>,
    trials: &'a [Trial],
    found: Selection,
    /// Levels that were tried and rejected.
    rejected: Vec<u32>,
    doublings: u32,
}

impl Selection {
    /// What these trials, in any order, have shown. It is worked out anew each time: nothing is remembered.
    pub fn of(rules: SearchRules, trials: &[Trial]) -> Self {
        let mut search = LevelSearch { rules, trials, found: Self::default(), rejected: vec![], doublings: 0 };
        search.climb();
        while search.found.open.is_none() {
            if let Went::NoFurther = search.step() {
                break;
            }
        }
        search.found
    }

    fn first_miss(&self) -> Option<usize> {
        self.levels.iter().position(|level| !level.meets())
    }
}

impl LevelSearch<'_> {
    fn climb(&mut self) {
        let mut misses = 0;
        for &concurrency in self.rules.ladder {
            let stop = self.rules.stop_after_misses;
            if stop > 0 && misses >= stop {
                return;
            }
            match self.run(concurrency, Purpose::Ladder) {
                Some(Some(level)) => {
                    misses = if level.meets() { 0 } else { misses + 1 };
                    self.found.levels.push(level);
                }
                // A level that could not be measured is not a miss, and does not end a row of them either.
                Some(None) => {}
                None => return,
            }
        }
    }

    fn step(&mut self) -> Went {
        match self.found.first_miss() {
            Some(at) if self.found.levels[at..].iter().any(Rated::meets) => self.look_again(at),
            Some(0) => self.go_down(),
            Some(at) => self.refine(at),
            None => self.go_up(),
        }
    }

    /// A level misses that a higher one meets: it is run again, and if it misses again it is the end.
    fn look_again(&mut self, at: usize) -> Went {
        let concurrency = self.found.levels[at].concurrency;
        let Some(again) = self.run(concurrency, Purpose::Recheck) else { return Went::NoFurther };
        if let Some(level) = again {
            self.found.levels[at] = level;
        }
        if !self.found.levels[at].meets() {
            self.found.levels.truncate(at + 1);
            self.found.not_monotone = Some(concurrency);
        }
        Went::On
    }

    /// None meets the SLA: half the lowest level, down to 1.
    fn go_down(&mut self) -> Went {
        let lowest = self.found.levels.iter().map(|level| level.concurrency).chain(self.rejected.iter().copied()).min();
        let Some(lower) = lowest.map(|lowest| lowest / 2).filter(|lower| *lower > 0) else { return Went::NoFurther };
        match self.run(lower, Purpose::Ladder) {
            Some(Some(level)) => self.found.levels.insert(0, level),
            Some(None) => {}
            None => return Went::NoFurther,
        }
        Went::On
    }

    /// None misses it: twice the highest.
    fn go_up(&mut self) -> Went {
        let higher = self.found.levels.last().and_then(|top| top.concurrency.checked_mul(2));
        let Some(higher) = higher.filter(|_| self.doublings < MOST_DOUBLINGS) else { return Went::NoFurther };
        match self.run(higher, Purpose::Ladder) {
            Some(Some(level)) => {
                self.doublings += 1;
                self.found.levels.push(level);
                Went::On
            }
            _ => Went::NoFurther,
        }
    }

    fn refine(&mut self, at: usize) -> Went {
        let (lo, hi) = (self.found.levels[at - 1], self.found.levels[at]);
        if !self.is_worth_refining(&lo, &hi) {
            return Went::NoFurther;
        }
        let following = f64::from(self.rules.output_tokens.saturating_sub(1));
        let known = capacity_below(&lo, &hi, following);
        self.found.estimated_capacity = self.found.estimated_capacity.or(known);
        let capacity = known.filter(|known| lo.concurrency < *known && !self.rejected.contains(known));
        let middle = capacity.unwrap_or_else(|| middle(lo.concurrency, hi.concurrency));
        if self.rejected.contains(&middle) {
            return Went::NoFurther;
        }
        match self.run(middle, Purpose::Refinement) {
            Some(Some(level)) => {
                self.found.refined += 1;
                self.found.levels.insert(at, level);
            }
            Some(None) => {}
            None => return Went::NoFurther,
        }
        Went::On
    }

    fn is_worth_refining(&self, lo: &Rated, hi: &Rated) -> bool {
        let width = f64::from(hi.concurrency) / f64::from(lo.concurrency);
        let wanted = self.rules.refinements;
        let more = self.found.refined < wanted || (wanted > 0 && width > WIDE && self.found.refined < MOST_REFINEMENTS);
        more && width >= NARROW && hi.concurrency - lo.concurrency > 1
    }

    /// What a level shows, once it is run; `Some(None)` where it was rejected, `None` where it is still to be run.
    fn run(&mut self, concurrency: u32, purpose: Purpose) -> Option<Option<Rated>> {
        let slot = Slot::selecting(concurrency, purpose);
        match Fate::of(slot, self.rules.sla, self.trials) {
            Fate::Open { try_number } => {
                self.found.open = Some((slot, try_number));
                None
            }
            Fate::Closed(figures) => {
                let level = figures.and_then(|figures| Rated::of(self.rules.sla, concurrency, &[figures]));
                if level.is_none() {
                    self.rejected.push(concurrency);
                }
                Some(level)
            }
        }
    }
}

/// Ĉ, where it is above the lower level.
pub fn capacity_between(lo: &Rated, hi: &Rated, following: f64) -> Option<u32> {
    capacity_below(lo, hi, following).filter(|capacity| lo.concurrency < *capacity)
}

/// Ĉ: where requests wait at the upper end, it is beyond capacity, and works on as many as its rate and the latency without
/// waiting say (Little's law), and on no fewer than at the lower level, where none wait. `following`: output tokens of a
/// request after the first.
fn capacity_below(lo: &Rated, hi: &Rated, following: f64) -> Option<u32> {
    if hi.ttft <= WAITING * lo.ttft {
        return None;
    }
    let latency = (lo.ttft + following * hi.tpot) / 1000.0;
    // A float beyond u32 saturates.
    let capacity = (hi.requests_per_second * latency).round() as u32;
    let waits = f64::from(hi.concurrency) >= LEAST_WAITING * f64::from(capacity);
    waits.then_some(capacity.max(lo.concurrency))
}

/// The whole number nearest the geometric mean. Of two levels that are not neighbours it lies strictly between.
fn middle(lo: u32, hi: u32) -> u32 {
    (f64::from(lo) * f64::from(hi)).sqrt().round() as u32
}
