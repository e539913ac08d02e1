//! At which levels a variant surely meets or misses the SLA.

use super::rounds::{Means, numbers};
use super::side::{Doubt, Side};
use crate::method::sla::SlaLimits;
use crate::method::trial::Trial;

/// Where a variant surely meets and where it surely misses the SLA. Latencies grow with load, so what meets it at a level meets
/// it below, and what misses it misses it above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Certainty {
    /// The highest level that meets the SLA beyond doubt.
    pub meets_up_to: Option<u32>,
    /// The lowest level that misses it beyond doubt.
    pub misses_from: Option<u32>,
}

impl Certainty {
    /// By all accepted trials of each level, whatever they were run for: boundary (a) of a single side.
    pub fn of(sla: &SlaLimits, trials: &[&Trial], doubt: &Doubt) -> Self {
        let mut levels: Vec<u32> = trials.iter().map(|trial| trial.key.concurrency).collect();
        levels.sort_unstable();
        levels.dedup();
        let sure = |level: &u32, sign: f64| {
            let rounds = numbers(trials).into_iter().filter_map(|round| {
                let here = |trial: &&&Trial| (trial.key.round, trial.key.concurrency) == (round, *level);
                Means::of(sla, &trials.iter().filter(here).collect::<Vec<_>>())
            });
            let log_ratios: Vec<f64> = rounds.map(|means| sign * means.ratios.log_r()).collect();
            !log_ratios.is_empty() && doubt.is_above_zero(&log_ratios)
        };
        Self {
            meets_up_to: levels.iter().rev().copied().find(|level| sure(level, -1.0)),
            misses_from: levels.iter().copied().find(|level| sure(level, 1.0)),
        }
    }
}

/// Whether a bound tells anything beside the other side.
///
/// A bound holds where its level surely meets or misses the SLA. Within doubt it may hold or not, and where latency hardly
/// depends on load the throughput at the SLA may be far away: two deployments of one variant, both a hair from their limits,
/// would be called different. It then tells only if the other side surely does the contrary at the same level.
pub fn bound_tells(side: &Side, own: Certainty, other: Certainty) -> bool {
    let up_to = |limit: Option<u32>, level: f64| limit.is_some_and(|limit| f64::from(limit) >= level);
    let from = |limit: Option<u32>, level: f64| limit.is_some_and(|limit| f64::from(limit) <= level);
    match side {
        Side::AtLeast(bound) => up_to(own.meets_up_to, bound.concurrency) || from(other.misses_from, bound.concurrency),
        Side::AtMost(bound) => from(own.misses_from, bound.concurrency) || up_to(other.meets_up_to, bound.concurrency),
        Side::Value(_) => true,
        Side::None { .. } | Side::NotKnown { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::judgement::crossing::CrossingThroughput;
    use crate::method::testing::{accepted, figures, key, means};
    use crate::method::trial::Purpose;

    const DOUBT: Doubt = Doubt { assumed_scatter: 0.025, candidates: 1, alone: false };

    /// r at each level, by one trial in each of so many rounds.
    fn of(levels: &[(u32, f64)], rounds: u32) -> Certainty {
        let trial = |round: u32, (level, r): (u32, f64)| {
            accepted(key(round, level, Purpose::Ladder, 1), figures(level, 100.0, 7.0 * r, 100.0))
        };
        let trials: Vec<Trial> =
            (1..=rounds).flat_map(|round| levels.iter().map(move |at| trial(round, *at))).collect();
        Certainty::of(&means(500.0, 7.0), &trials.iter().collect::<Vec<_>>(), &DOUBT)
    }

    /// One round tells 23 per cent.
    #[test]
    fn one_trial_is_sure_far_from_the_limits() {
        let certainty = of(&[(1, 0.7), (2, 0.8), (5, 0.85), (10, 1.1), (50, 1.2), (100, 1.3)], 1);
        assert_eq!(certainty, Certainty { meets_up_to: Some(2), misses_from: Some(100) });
    }

    #[test]
    fn more_rounds_are_sure_nearer_to_them() {
        let certainty = of(&[(1, 0.7), (2, 0.8), (5, 0.85), (10, 1.1), (50, 1.2), (100, 1.3)], 3);
        assert_eq!(certainty, Certainty { meets_up_to: Some(5), misses_from: Some(10) });
    }

    fn throughput(concurrency: f64) -> CrossingThroughput {
        CrossingThroughput { log_tokens: 5.0, concurrency, leverage: 1.0, binding: None }
    }

    fn certainty(meets_up_to: Option<u32>, misses_from: Option<u32>) -> Certainty {
        Certainty { meets_up_to, misses_from }
    }

    #[rstest]
    #[case::the_top_surely_meets(
        Side::AtLeast(throughput(32.0)),
        certainty(Some(32), None),
        certainty(None, None),
        true
    )]
    #[case::only_lower_levels_surely_meet(
        Side::AtLeast(throughput(32.0)),
        certainty(Some(16), None),
        certainty(None, None),
        false
    )]
    #[case::the_other_surely_misses_there(
        Side::AtLeast(throughput(32.0)),
        certainty(None, None),
        certainty(None, Some(32)),
        true
    )]
    #[case::the_other_surely_misses_above(
        Side::AtLeast(throughput(32.0)),
        certainty(None, None),
        certainty(None, Some(50)),
        false
    )]
    #[case::the_other_surely_meets_it(
        Side::AtMost(throughput(1.0)),
        certainty(None, None),
        certainty(Some(1), None),
        true
    )]
    #[case::both_are_a_hair_away(
        Side::AtMost(throughput(1.0)),
        certainty(None, None),
        certainty(None, Some(50)),
        false
    )]
    #[case::it_surely_misses(Side::AtMost(throughput(8.0)), certainty(None, Some(8)), certainty(None, None), true)]
    fn a_bound_tells_where_the_sides_surely_differ(
        #[case] side: Side,
        #[case] own: Certainty,
        #[case] other: Certainty,
        #[case] tells: bool,
    ) {
        assert_eq!(bound_tells(&side, own, other), tells);
    }
}
