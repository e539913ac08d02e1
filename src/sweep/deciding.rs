//! Which levels decide where the SLA ends (METHOD §4).

use std::collections::BTreeSet;

use crate::method::sla::{LogRatios, SlaLimits};
use crate::method::trial::{Purpose, Trial, TrialFigures};

/// A level with so much more throughput than both ends of the bracket decides alone: throughput fell before the SLA
/// ended (METHOD §4).
const PEAK: f64 = 1.03;
/// Levels that may join the deciding ones, when both of these turn out on one side of the SLA (METHOD §4).
const MOST_JOINING: u32 = 3;
/// A level that joins lies at least so many times above or below (METHOD §4).
const LEAST_STRIDE: f64 = 1.2;
/// A lowest level that misses by so much is never run again: no scatter explains it (METHOD §4).
pub(crate) const HOPELESS: f64 = 1.5;

/// What one level has shown, as far as it matters to which levels decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rated {
    /// Concurrent requests.
    pub concurrency: u32,
    /// How much of the SLA's limits it uses.
    pub r: f64,
    /// Mean TTFT, milliseconds.
    pub ttft: f64,
    /// Mean TPOT, milliseconds.
    pub tpot: f64,
    /// Over the whole deployment.
    pub requests_per_second: f64,
    /// Output tokens per second and GPU.
    pub tokens_per_second_per_gpu: f64,
}

impl Rated {
    /// Geometric means of accepted trials of one level; `None` of none, or where one has no r.
    pub fn of(sla: &SlaLimits, concurrency: u32, figures: &[&TrialFigures]) -> Option<Self> {
        let ratios: Option<Vec<LogRatios>> = figures.iter().map(|figures| sla.log_ratios(figures)).collect();
        let mean = |of: fn(&TrialFigures) -> f64| {
            (figures.iter().map(|figures| of(figures).ln()).sum::<f64>() / figures.len() as f64).exp()
        };
        Some(Self {
            concurrency,
            r: LogRatios::mean(ratios?.iter())?.r(),
            ttft: mean(|figures| figures.ttft.mean.get()),
            tpot: mean(|figures| figures.tpot.mean.get()),
            requests_per_second: mean(|figures| figures.requests_per_second.get()),
            tokens_per_second_per_gpu: mean(|figures| figures.tokens_per_second_per_gpu.get()),
        })
    }

    /// Whether it meets the SLA, as far as its trials show.
    pub fn meets(&self) -> bool {
        self.r <= 1.0
    }
}

/// The levels that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deciding {
    /// The last level that meets the SLA and the first that misses it.
    Bracket {
        /// Meets it.
        lo: u32,
        /// Misses it.
        hi: u32,
    },
    /// One level that meets the SLA, with more throughput than either end of the bracket.
    Peak {
        /// The level.
        at: u32,
        /// The first that misses the SLA.
        hi: u32,
    },
    /// The highest level: none misses the SLA.
    Top {
        /// The level.
        at: u32,
    },
    /// The lowest level: none meets the SLA.
    Lowest {
        /// The level.
        at: u32,
        /// It misses by so much that it is not run again.
        hopeless: bool,
    },
}

impl Deciding {
    /// What these levels, ascending, say. The first miss ends the SLA, whatever higher levels show. `None` of no level.
    pub fn of(levels: &[Rated]) -> Option<Self> {
        let Some(end) = levels.iter().position(|level| !level.meets()) else {
            return levels.last().map(|top| Self::Top { at: top.concurrency });
        };
        let hi = levels[end];
        let Some(lo) = levels[..end].last() else {
            return Some(Self::Lowest { at: hi.concurrency, hopeless: hi.r > HOPELESS });
        };
        let tokens = |level: &Rated| level.tokens_per_second_per_gpu;
        let best = levels[..end].iter().max_by(|a, b| tokens(a).total_cmp(&tokens(b)));
        let peak = best.filter(|best| tokens(best) > PEAK * tokens(lo).max(tokens(&hi)));
        Some(match peak {
            Some(peak) => Self::Peak { at: peak.concurrency, hi: hi.concurrency },
            None => Self::Bracket { lo: lo.concurrency, hi: hi.concurrency },
        })
    }

    /// The levels that are run anew in each round, ascending.
    pub fn levels(self) -> Vec<u32> {
        match self {
            Self::Bracket { lo, hi } => vec![lo, hi],
            Self::Peak { at, .. } | Self::Top { at } | Self::Lowest { at, hopeless: false } => vec![at],
            Self::Lowest { hopeless: true, .. } => vec![],
        }
    }

    /// The highest level at which estimates are held against measurements: where the SLA ends.
    pub fn end(self) -> u32 {
        match self {
            Self::Bracket { hi, .. } | Self::Peak { hi, .. } => hi,
            Self::Top { at } | Self::Lowest { at, .. } => at,
        }
    }

    /// What decides once the first round's new trials are in, given r of a level by these trials (`None`: not known yet).
    ///
    /// New trials may put both levels on one side of the SLA: chance chose them. Then the next level joins on the other
    /// side, and its neighbour stays. A single level is a bracket whose ends coincide.
    pub fn settled(self, r: impl Fn(u32) -> Option<f64>) -> Self {
        let mut deciding = self;
        for _ in 0..MOST_JOINING {
            match deciding.joined(&r) {
                Some(joined) => deciding = joined,
                None => break,
            }
        }
        deciding
    }

    fn joined(self, r: &impl Fn(u32) -> Option<f64>) -> Option<Self> {
        let (lo, hi) = match self {
            Self::Bracket { lo, hi } => (lo, hi),
            Self::Top { at } | Self::Lowest { at, hopeless: false } => (at, at),
            Self::Peak { .. } | Self::Lowest { hopeless: true, .. } => return None,
        };
        let (lo_meets, hi_meets) = (r(lo)? <= 1.0, r(hi)? <= 1.0);
        let stride = (f64::from(hi) / f64::from(lo)).max(LEAST_STRIDE);
        match (lo_meets, hi_meets) {
            (true, true) if !matches!(self, Self::Top { .. }) => Some(Self::Bracket { lo: hi, hi: above(hi, stride) }),
            (false, false) if lo > 1 && !matches!(self, Self::Lowest { .. }) => {
                Some(Self::Bracket { lo: below(lo, stride), hi: lo })
            }
            _ => None,
        }
    }
}

fn above(level: u32, stride: f64) -> u32 {
    // A float beyond u32 saturates.
    ((f64::from(level) * stride).round() as u32).max(level.saturating_add(1))
}

/// Of a level above 1.
fn below(level: u32, stride: f64) -> u32 {
    ((f64::from(level) / stride).round() as u32).clamp(1, level - 1)
}

/// The levels that trials of ladder and bracket have shown, ascending; a second look at an odd level replaces the first. Where
/// what chose a level was rejected afterwards (a server had restarted meanwhile), its new trials say that it is there.
pub fn rated(sla: &SlaLimits, trials: &[&Trial]) -> Vec<Rated> {
    let mut concurrencies: Vec<u32> = trials.iter().map(|trial| trial.key.concurrency).collect();
    concurrencies.sort_unstable();
    concurrencies.dedup();
    let of = |concurrency: u32, counts: fn(Purpose) -> bool| {
        let here = trials.iter().filter(|trial| trial.key.concurrency == concurrency && counts(trial.key.purpose));
        let figures: Vec<&TrialFigures> =
            here.filter_map(|trial| trial.accepted()).filter(|figures| sla.log_ratios(figures).is_some()).collect();
        Rated::of(sla, concurrency, &figures)
    };
    let again = |purpose| purpose == Purpose::Recheck;
    let first = |purpose: Purpose| purpose.selects() && purpose != Purpose::Recheck;
    let anew = |purpose| purpose == Purpose::Decision;
    let rated = |at| of(at, again).or_else(|| of(at, first)).or_else(|| of(at, anew));
    // A level that joined, or was run for a claim, was not chosen. Files may have nothing that chooses.
    let choosing = trials.iter().filter(|trial| trial.key.purpose.selects());
    let chosen: BTreeSet<u32> = choosing.map(|trial| trial.key.concurrency).collect();
    let counts = |at: &u32| chosen.is_empty() || chosen.contains(at);
    concurrencies.into_iter().filter(counts).filter_map(rated).collect()
}

/// What decides, by all trials of a variant; `None` while no level is accepted.
pub fn deciding(sla: &SlaLimits, trials: &[&Trial]) -> Option<Deciding> {
    let first = Deciding::of(&rated(sla, trials))?;
    let Some(round) = joining_round(first, trials) else { return Some(first) };
    Some(first.settled(|level| {
        let here = trials.iter().filter(|trial| is_decision(trial, round, level));
        let figures: Vec<&TrialFigures> = here.filter_map(|trial| trial.accepted()).collect();
        Rated::of(sla, level, &figures).map(|rated| rated.r)
    }))
}

/// The round whose new trials say whether levels join: the first in which each level that decides has an accepted one.
pub fn joining_round(first: Deciding, trials: &[&Trial]) -> Option<u32> {
    let mut rounds: Vec<u32> = trials.iter().map(|trial| trial.key.round).collect();
    rounds.sort_unstable();
    rounds.dedup();
    let accepted =
        |round, level| trials.iter().any(|trial| is_decision(trial, round, level) && trial.accepted().is_some());
    let levels = first.levels();
    rounds.into_iter().find(|round| !levels.is_empty() && levels.iter().all(|level| accepted(*round, *level)))
}

fn is_decision(trial: &Trial, round: u32, level: u32) -> bool {
    (trial.key.purpose, trial.key.round, trial.key.concurrency) == (Purpose::Decision, round, level)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::testing::{accepted, figures, key, means, rejected};
    use crate::method::trial::Rejection;

    fn level(concurrency: u32, r: f64, tokens: f64) -> Rated {
        Rated { concurrency, r, ttft: 1.0, tpot: 1.0, requests_per_second: 1.0, tokens_per_second_per_gpu: tokens }
    }

    fn of(levels: &[(u32, f64, f64)]) -> Deciding {
        let levels: Vec<Rated> = levels.iter().map(|(at, r, tokens)| level(*at, *r, *tokens)).collect();
        Deciding::of(&levels).unwrap()
    }

    #[rstest]
    #[case::the_bracket(&[(1, 0.5, 10.), (5, 0.9, 40.), (10, 1.1, 60.)], Deciding::Bracket { lo: 5, hi: 10 })]
    #[case::the_first_miss_ends_it(&[(1, 0.5, 10.), (5, 1.1, 40.), (10, 0.9, 60.)], Deciding::Bracket { lo: 1, hi: 5 })]
    #[case::none_misses(&[(1, 0.5, 10.), (5, 1.0, 40.)], Deciding::Top { at: 5 })]
    #[case::none_meets(&[(1, 1.4, 10.), (5, 3.0, 40.)], Deciding::Lowest { at: 1, hopeless: false })]
    #[case::nor_ever_will(&[(1, 1.6, 10.), (5, 3.0, 40.)], Deciding::Lowest { at: 1, hopeless: true })]
    #[case::throughput_falls_before(&[(1, 0.5, 10.), (5, 0.6, 40.), (10, 0.9, 38.), (20, 1.1, 30.)], Deciding::Peak { at: 5, hi: 20 })]
    #[case::hardly_more_is_no_peak(&[(1, 0.5, 10.), (5, 0.6, 40.), (10, 0.9, 39.), (20, 1.1, 30.)], Deciding::Bracket { lo: 10, hi: 20 })]
    #[case::the_miss_has_more(&[(1, 0.5, 10.), (5, 0.6, 40.), (10, 0.9, 38.), (20, 1.1, 41.)], Deciding::Bracket { lo: 10, hi: 20 })]
    fn the_levels_say_which_decide(#[case] levels: &[(u32, f64, f64)], #[case] expected: Deciding) {
        assert_eq!(of(levels), expected);
    }

    #[test]
    fn nothing_measured_decides_nothing() {
        assert_eq!(Deciding::of(&[]), None);
    }

    /// r by the new trials is `level ÷ end`: the SLA really ends at `end`.
    #[rstest]
    #[case::as_found(Deciding::Bracket { lo: 10, hi: 14 }, 12.0, Deciding::Bracket { lo: 10, hi: 14 })]
    #[case::one_up(Deciding::Bracket { lo: 10, hi: 14 }, 15.0, Deciding::Bracket { lo: 14, hi: 20 })]
    #[case::one_down(Deciding::Bracket { lo: 10, hi: 14 }, 9.0, Deciding::Bracket { lo: 7, hi: 10 })]
    #[case::at_least_a_fifth_further(Deciding::Bracket { lo: 10, hi: 11 }, 12.0, Deciding::Bracket { lo: 11, hi: 13 })]
    #[case::at_least_one_further(Deciding::Bracket { lo: 1, hi: 2 }, 3.0, Deciding::Bracket { lo: 2, hi: 4 })]
    #[case::three_at_most(Deciding::Bracket { lo: 10, hi: 12 }, 1e6, Deciding::Bracket { lo: 17, hi: 21 })]
    #[case::not_below_one(Deciding::Bracket { lo: 1, hi: 2 }, 0.9, Deciding::Bracket { lo: 1, hi: 2 })]
    #[case::a_top_that_misses(Deciding::Top { at: 100 }, 90.0, Deciding::Bracket { lo: 83, hi: 100 })]
    #[case::a_top_that_meets(Deciding::Top { at: 100 }, 110.0, Deciding::Top { at: 100 })]
    #[case::a_lowest_that_meets(Deciding::Lowest { at: 1, hopeless: false }, 1.5, Deciding::Bracket { lo: 1, hi: 2 })]
    #[case::a_lowest_that_misses(Deciding::Lowest { at: 1, hopeless: false }, 0.9, Deciding::Lowest { at: 1, hopeless: false })]
    #[case::a_peak_stays(Deciding::Peak { at: 5, hi: 20 }, 30.0, Deciding::Peak { at: 5, hi: 20 })]
    fn new_trials_may_let_levels_join(#[case] first: Deciding, #[case] end: f64, #[case] expected: Deciding) {
        assert_eq!(first.settled(|level| Some(f64::from(level) / end)), expected);
    }

    /// The agent does not see that a server restarted; it has run the level anew by the time the operator rejects the first trial.
    #[test]
    fn a_level_whose_first_trial_is_rejected_afterwards_still_decides() {
        let run = |concurrency, purpose, number, tpot| {
            accepted(key(1, concurrency, purpose, number), figures(concurrency, 200.0, tpot, 100.0))
        };
        let mut trials = vec![
            run(5, Purpose::Ladder, 1, 5.0),
            run(10, Purpose::Ladder, 1, 6.0),
            run(15, Purpose::Ladder, 1, 7.5),
            run(10, Purpose::Decision, 1, 6.1),
            run(15, Purpose::Decision, 1, 7.4),
        ];
        let decides = |trials: &[Trial]| deciding(&means(500.0, 7.0), &trials.iter().collect::<Vec<_>>());
        assert_eq!(decides(&trials), Some(Deciding::Bracket { lo: 10, hi: 15 }));
        trials[1] = rejected(trials[1].key, Rejection::Other);
        assert_eq!(decides(&trials), Some(Deciding::Bracket { lo: 10, hi: 15 }));
    }

    /// As the sweep has it: from 8 to 11 first, from 7 to 9 as both had missed, and 9 is no level that was looked for.
    #[test]
    fn levels_that_joined_choose_nothing() {
        let run = |concurrency, purpose, tpot| {
            accepted(key(1, concurrency, purpose, 1), figures(concurrency, 200.0, tpot, 100.0))
        };
        let trials = [
            run(8, Purpose::Ladder, 6.79),
            run(11, Purpose::Refinement, 6.99),
            run(13, Purpose::Refinement, 7.09),
            run(11, Purpose::Decision, 7.17),
            run(13, Purpose::Decision, 7.3),
            run(9, Purpose::Decision, 7.03),
            run(8, Purpose::Decision, 6.9),
        ];
        let trials: Vec<&Trial> = trials.iter().collect();
        let levels: Vec<u32> = rated(&means(500.0, 7.0), &trials).iter().map(|level| level.concurrency).collect();
        assert_eq!(levels, [8, 11, 13]);
        let joined: Vec<&Trial> = trials.iter().filter(|trial| !trial.key.purpose.selects()).copied().collect();
        assert_eq!(rated(&means(500.0, 7.0), &joined).len(), 4, "files of deciding trials alone");
    }

    #[test]
    fn a_level_not_run_yet_lets_nothing_join() {
        let first = Deciding::Bracket { lo: 10, hi: 14 };
        assert_eq!(first.settled(|level| (level == 10).then_some(0.9)), first);
    }
}
