//! What one variant reaches within the SLA: the four kinds of side (METHOD §5).

use super::crossing::{CrossingThroughput, NotKnown, crossing};
use super::rounds::{Means, Round};
use super::statistics::Scatter;
use crate::method::sla::SlaLimits;
use crate::sweep::Deciding;

/// What a variant reaches within the SLA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Value(CrossingThroughput),
    /// This throughput or more: no level misses the SLA.
    AtLeast(CrossingThroughput),
    /// This throughput or less: the lowest level misses the SLA, within doubt.
    AtMost(CrossingThroughput),
    /// Nothing: even a single request misses the SLA, beyond doubt.
    None {
        /// How much of the SLA's limits a single request uses; above 1.
        r: f64,
    },
    NotKnown {
        why: WhyNotKnown,
        /// The lower level that decides meets the SLA: something is reached, only not how much.
        meets: bool,
    },
}

/// Why a side is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WhyNotKnown {
    /// The levels that decide do not tell.
    Levels(NotKnown),
    /// No round has an accepted trial of every deciding level.
    NoRound,
    /// No level was accepted.
    NoLevel,
}

impl Side {
    /// Its throughput, exact or as a bound.
    pub fn throughput(&self) -> Option<&CrossingThroughput> {
        match self {
            Self::Value(throughput) | Self::AtLeast(throughput) | Self::AtMost(throughput) => Some(throughput),
            Self::None { .. } | Self::NotKnown { .. } => None,
        }
    }

    /// Whether some level meets the SLA beyond what a bound can say.
    pub fn meets_sla(&self) -> bool {
        match self {
            Self::Value(_) | Self::AtLeast(_) => true,
            Self::NotKnown { meets, .. } => *meets,
            Self::AtMost(_) | Self::None { .. } => false,
        }
    }
}

/// How a throughput is read off the levels that decide. It is chosen by all rounds and then applied to any of them, so that
/// leaving one out changes figures and not the question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Between two levels.
    Crossing(u32, u32),
    /// At one level, by its place among those that decide.
    Level(u32),
}

/// How doubts about a side are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// σ: standard deviation of a deployment's log speed.
    pub assumed_scatter: f64,
    /// Candidates of the comparison; they share the error.
    pub candidates: usize,
    /// Nothing can follow the first round, so σ is taken as known.
    pub alone: bool,
}

impl Doubt {
    /// Half-width of an estimate whose rounds scatter so, with these leverages.
    pub fn half_width(&self, scatter: &Scatter) -> f64 {
        if self.alone && scatter.rounds == 1 {
            scatter.half_width_alone(self.candidates)
        } else {
            scatter.half_width(self.candidates)
        }
    }

    /// Variance of one round as assumed, for sides of these leverages.
    pub fn variance(&self, leverages: &[f64]) -> f64 {
        self.assumed_scatter.powi(2) * leverages.iter().map(|leverage| leverage.powi(2)).sum::<f64>()
    }

    /// Whether a logarithm is above 0 beyond doubt by these rounds: boundary (a), a single side.
    pub fn is_above_zero(&self, logs: &[f64]) -> bool {
        let scatter = Scatter::of(logs, self.variance(&[1.0]));
        let half_width = if self.alone && scatter.rounds == 1 {
            scatter.half_width_alone(self.candidates)
        } else {
            scatter.half_width_assumed(self.candidates)
        };
        mean(logs) > half_width
    }

    /// Whether ln r may still be above 0 beyond doubt after so many rounds.
    pub fn may_miss_beyond_doubt(&self, rounds: &[Round], maximum: usize) -> bool {
        let log_ratios = lower_log_ratios(rounds);
        let scatter = Scatter::of(&log_ratios, self.variance(&[1.0]));
        mean(&log_ratios) + scatter.reach(maximum) > scatter.half_width_assumed_at(maximum, self.candidates)
    }
}

/// What a variant reaches by these rounds, and how it was read.
pub fn side(sla: &SlaLimits, deciding: Deciding, rounds: &[Round], doubt: &Doubt) -> (Side, Option<Reading>) {
    let Some(means) = means(rounds) else {
        return (Side::NotKnown { why: WhyNotKnown::NoRound, meets: false }, None);
    };
    match (deciding, means.as_slice()) {
        (Deciding::Bracket { lo, hi }, [below, above]) => {
            let (misses, crossing) = (below.ratios.log_r() > 0.0, crossing(sla, (lo, hi), below, above));
            // Below a single request there is no level: where it misses, and the line does not say how narrowly, it is the
            // lowest level that misses.
            if lo == 1 && misses && (crossing.is_err() || doubt.is_above_zero(&lower_log_ratios(rounds))) {
                return (lowest(1, false, below, rounds, doubt), Some(Reading::Level(1)));
            }
            let side = match crossing {
                Ok(throughput) => Side::Value(throughput),
                Err(why) => Side::NotKnown { why: WhyNotKnown::Levels(why), meets: !misses },
            };
            (side, Some(Reading::Crossing(lo, hi)))
        }
        (Deciding::Peak { at, .. }, [level]) => {
            (Side::Value(CrossingThroughput::at_level(at, level)), Some(Reading::Level(at)))
        }
        (Deciding::Top { at } | Deciding::Lowest { at, .. }, [level]) => {
            let hopeless = matches!(deciding, Deciding::Lowest { hopeless: true, .. });
            let side = match level.ratios.log_r() > 0.0 {
                true => lowest(at, hopeless, level, rounds, doubt),
                false => Side::AtLeast(CrossingThroughput::at_level(at, level)),
            };
            (side, Some(Reading::Level(at)))
        }
        _ => (Side::NotKnown { why: WhyNotKnown::NoRound, meets: false }, None),
    }
}

/// A level that misses with none that meets below it. Only of a single request can it be said that nothing meets the SLA.
fn lowest(at: u32, hopeless: bool, means: &Means, rounds: &[Round], doubt: &Doubt) -> Side {
    if at == 1 && (hopeless || doubt.is_above_zero(&lower_log_ratios(rounds))) {
        return Side::None { r: means.ratios.r() };
    }
    Side::AtMost(CrossingThroughput::at_level(at, means))
}

/// ln r of the lower level that decides, round by round.
fn lower_log_ratios(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().filter_map(|round| round.levels.first()).map(|means| means.ratios.log_r()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// For each level that decides, the mean over rounds.
fn means(rounds: &[Round]) -> Option<Vec<Means>> {
    let levels = rounds.first()?.levels.len();
    (0..levels).map(|at| Means::mean(rounds.iter().filter_map(|round| round.levels.get(at)))).collect()
}

/// The throughput by these rounds, read in this way; `None` where they do not tell.
pub fn throughput(sla: &SlaLimits, reading: Reading, rounds: &[Round]) -> Option<CrossingThroughput> {
    let means = means(rounds)?;
    match (reading, means.as_slice()) {
        (Reading::Crossing(lo, hi), [below, above]) => crossing(sla, (lo, hi), below, above).ok(),
        (Reading::Level(at), [level, ..]) => Some(CrossingThroughput::at_level(at, level)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::testing::means as limits;

    const DOUBT: Doubt = Doubt { assumed_scatter: 0.025, candidates: 1, alone: false };

    fn means(r: f64, tokens: f64) -> Means {
        Means { ratios: crate::method::sla::LogRatios::of(vec![r / 2.0, r]).unwrap(), log_tokens: f64::ln(tokens) }
    }

    fn at(deciding: Deciding, levels: &[Means], rounds: u32) -> Side {
        let rounds: Vec<Round> = (1..=rounds).map(|number| Round { number, levels: levels.to_vec() }).collect();
        side(&limits(500.0, 7.0), deciding, &rounds, &DOUBT).0
    }

    #[test]
    fn a_bracket_has_a_value() {
        let bracket = Deciding::Bracket { lo: 10, hi: 20 };
        assert!(matches!(at(bracket, &[means(0.8, 100.0), means(1.2, 150.0)], 1), Side::Value(_)));
    }

    #[test]
    fn a_peak_has_the_value_of_its_level() {
        let Side::Value(found) = at(Deciding::Peak { at: 8, hi: 64 }, &[means(0.5, 123.0)], 1) else { panic!() };
        assert!((found.tokens_per_second_per_gpu() - 123.0).abs() < 1e-9);
        assert_eq!((found.leverage, found.binding), (1.0, None));
    }

    #[rstest]
    #[case::meets(0.9, true)]
    #[case::misses_after_all(1.02, false)]
    fn a_top_is_a_lower_bound_while_it_meets(#[case] r: f64, #[case] at_least: bool) {
        let side = at(Deciding::Top { at: 32 }, &[means(r, 100.0)], 1);
        assert_eq!(matches!(side, Side::AtLeast(_)), at_least, "{side:?}");
        assert_eq!(matches!(side, Side::AtMost(_)), !at_least, "{side:?}");
    }

    /// METHOD §5: after one round, a miss by 23 % is beyond doubt.
    #[rstest]
    #[case::within_doubt(1.22, false)]
    #[case::beyond_doubt(1.24, true)]
    fn a_single_request_that_misses_beyond_doubt_leaves_nothing(#[case] r: f64, #[case] none: bool) {
        let side = at(Deciding::Lowest { at: 1, hopeless: false }, &[means(r, 100.0)], 1);
        assert_eq!(matches!(side, Side::None { .. }), none, "{side:?}");
        assert_eq!(matches!(side, Side::AtMost(_)), !none, "{side:?}");
    }

    #[test]
    fn more_rounds_make_a_smaller_miss_certain() {
        let lowest = Deciding::Lowest { at: 1, hopeless: false };
        assert!(matches!(at(lowest, &[means(1.05, 100.0)], 2), Side::AtMost(_)));
        assert!(matches!(at(lowest, &[means(1.05, 100.0)], 4), Side::None { .. }));
    }

    #[test]
    fn where_lower_levels_were_not_tried_nothing_is_not_known() {
        assert!(matches!(at(Deciding::Lowest { at: 8, hopeless: false }, &[means(2.0, 100.0)], 8), Side::AtMost(_)));
    }

    #[test]
    fn a_bracket_from_one_whose_lower_end_misses_is_read_while_that_is_possible() {
        let of = |lo, hi| at(Deciding::Bracket { lo: 1, hi: 2 }, &[means(lo, 100.0), means(hi, 190.0)], 1);
        assert!(matches!(of(0.99, 1.1), Side::Value(_)));
        assert!(matches!(of(1.01, 1.1), Side::Value(_)));
        assert!(matches!(of(1.01, 1.02), Side::AtMost(_)), "latency is flat");
        assert!(matches!(of(1.24, 1.5), Side::None { .. }));
    }

    #[test]
    fn no_round_says_nothing() {
        let side = at(Deciding::Bracket { lo: 1, hi: 2 }, &[], 0);
        assert_eq!(side, Side::NotKnown { why: WhyNotKnown::NoRound, meets: false });
    }
}
