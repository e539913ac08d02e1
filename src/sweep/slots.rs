//! Trials that are wanted, and what became of them.

use crate::method::sla::SlaLimits;
use crate::method::trial::{Purpose, Trial, TrialFigures, TrialKey};

/// A trial that is rejected for something that may pass is tried once more (METHOD §3).
const MOST_TRIES: u32 = 2;

/// A trial that is wanted, whatever its try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Absent: it is run once in all rounds together.
    pub round: Option<u32>,
    /// Concurrent requests.
    pub concurrency: u32,
    /// What for.
    pub purpose: Purpose,
    /// Among the trials of the level and purpose in a round, from 1.
    pub number: u32,
}

impl Slot {
    /// One that finds the levels that decide.
    pub fn selecting(concurrency: u32, purpose: Purpose) -> Self {
        Self { round: None, concurrency, purpose, number: 1 }
    }

    /// A new trial of a level that decides.
    pub fn decision(round: u32, concurrency: u32, number: u32) -> Self {
        Self { round: Some(round), concurrency, purpose: Purpose::Decision, number }
    }

    /// Its number among all trials of the level in a round, whatever their purpose: no two have a seed in common.
    pub fn seed_number(&self) -> u32 {
        match self.purpose {
            Purpose::Ladder | Purpose::Refinement => 1,
            Purpose::Recheck => 2,
            Purpose::Decision => self.number.saturating_add(2),
        }
    }

    fn holds(&self, key: &TrialKey) -> bool {
        self.round.is_none_or(|round| round == key.round)
            && (self.concurrency, self.purpose, self.number) == (key.concurrency, key.purpose, key.number)
    }
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate<'a> {
    /// It is to be run, as this try.
    Open {
        /// From 1.
        try_number: u32,
    },
    /// It is over; what it showed, if the audit accepts it.
    Closed(Option<&'a TrialFigures>),
}

impl<'a> Fate<'a> {
    /// Of the trials of a variant, in any order. A trial without a usable figure counts as rejected.
    pub fn of(slot: Slot, sla: &SlaLimits, trials: &'a [Trial]) -> Self {
        let held = || trials.iter().filter(|trial| slot.holds(&trial.key));
        let order = |trial: &&Trial| (trial.key.try_number, trial.key.round);
        let usable = |trial: &&Trial| trial.accepted().is_some_and(|figures| sla.log_ratios(figures).is_some());
        if let Some(trial) = held().filter(usable).min_by_key(order) {
            return Self::Closed(trial.accepted());
        }
        match held().max_by_key(order) {
            None => Self::Open { try_number: 1 },
            Some(last) if last.key.try_number < MOST_TRIES && last.rejected().is_some_and(|why| why.may_pass()) => {
                Self::Open { try_number: last.key.try_number + 1 }
            }
            Some(_) => Self::Closed(None),
        }
    }

    /// Whether it is to be run.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::testing::{accepted, figures, key, means, rejected};
    use crate::method::trial::Rejection;

    fn fate(trials: &[Trial]) -> (Option<u32>, bool) {
        match Fate::of(Slot::selecting(10, Purpose::Ladder), &means(500.0, 7.0), trials) {
            Fate::Open { try_number } => (Some(try_number), false),
            Fate::Closed(figures) => (None, figures.is_some()),
        }
    }

    #[rstest]
    #[case::may_pass(Rejection::ErrorRate, (Some(2), false))]
    #[case::the_pod_was_lost(Rejection::LoadPodLost, (Some(2), false))]
    #[case::would_be_late_again(Rejection::DeadlineReached, (None, false))]
    #[case::is_so(Rejection::Other, (None, false))]
    fn a_trial_is_tried_once_more_if_that_may_help(#[case] why: Rejection, #[case] expected: (Option<u32>, bool)) {
        let first = rejected(key(1, 10, Purpose::Ladder, 1), why);
        assert_eq!(fate(std::slice::from_ref(&first)), expected);
        let second = rejected(TrialKey { try_number: 2, ..first.key }, why);
        assert_eq!(fate(&[first, second]), (None, false), "and no more than once");
    }

    #[test]
    fn a_slot_is_closed_by_its_own_trial_alone() {
        let other = accepted(key(1, 10, Purpose::Decision, 1), figures(10, 200.0, 6.0, 100.0));
        assert_eq!(fate(&[other]), (Some(1), false));
        let own = accepted(key(2, 10, Purpose::Ladder, 1), figures(10, 200.0, 6.0, 100.0));
        assert_eq!(fate(&[own]), (None, true), "in whatever round");
        let unusable = accepted(key(1, 10, Purpose::Ladder, 1), figures(10, 0.0, 6.0, 100.0));
        assert_eq!(fate(&[unusable]), (None, false));
    }

    #[test]
    fn every_trial_of_a_level_in_a_round_has_its_own_number() {
        let slots = [
            Slot::selecting(10, Purpose::Ladder),
            Slot::selecting(10, Purpose::Recheck),
            Slot::decision(1, 10, 1),
            Slot::decision(1, 10, 2),
        ];
        assert_eq!(slots.map(|slot| slot.seed_number()), [1, 2, 3, 4]);
    }
}
