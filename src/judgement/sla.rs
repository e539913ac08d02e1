//! Does a level keep the SLA, and between which levels does a variant stop keeping it (METHOD §5)?

use serde::{Deserialize, Serialize};

use crate::api::{Sla, Statistic};
use crate::measurement::record::Purpose;
use crate::measurement::{Distribution, Measurement};
use crate::units::Milliseconds;

/// How far one run may be off its true r: its scatter is not known.
pub const SINGLE_RUN_MARGIN: f64 = 0.03;

/// The latencies a level has to keep, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlaLimits {
    /// Time to first token.
    pub ttft: Milliseconds,
    /// Time per output token after the first.
    pub tpot: Milliseconds,
    /// Which statistic over the requests of a level has to keep them.
    pub statistic: Statistic,
}

/// A number of the spec that cannot be used; the CRD's schema refuses it too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found:?}, which is not {expected}: correct it in the comparison")]
pub struct InvalidNumber {
    /// Field of the spec.
    pub field: &'static str,
    /// What it holds.
    pub found: String,
    /// What it has to be.
    pub expected: &'static str,
}

impl SlaLimits {
    /// The limits of a spec; an error names the field that is no positive number.
    pub fn from_spec(sla: &Sla) -> Result<Self, InvalidNumber> {
        let limit = |field, limit: &crate::api::Limit| {
            limit.value().and_then(|value| Milliseconds::new(value).ok()).ok_or_else(|| InvalidNumber {
                field,
                found: limit.to_string(),
                expected: "a positive number of milliseconds",
            })
        };
        Ok(Self {
            ttft: limit("sla.ttftMilliseconds", &sla.ttft_milliseconds)?,
            tpot: limit("sla.tpotMilliseconds", &sla.tpot_milliseconds)?,
            statistic: sla.statistic,
        })
    }

    /// r: the larger of TTFT ÷ its limit and TPOT ÷ its limit. Kept up to and including 1.
    pub fn ratio(&self, ttft: Milliseconds, tpot: Milliseconds) -> f64 {
        (ttft.get() / self.ttft.get()).max(tpot.get() / self.tpot.get())
    }

    /// r of a measured level; `None` when a latency is missing.
    pub fn measured_ratio(&self, measurement: &Measurement) -> Option<f64> {
        self.ratio_of(measurement, self.statistic)
    }

    /// Whether even the median misses by so much of the limit: the level then misses whatever the statistic, and needs no
    /// more requests.
    pub fn median_misses(&self, measurement: &Measurement, by: f64) -> bool {
        self.ratio_of(measurement, Statistic::P50).is_some_and(|ratio| ratio > 1.0 + by)
    }

    /// The requests of a run where they are too few to tell the statistic and the median does not miss already. Those that
    /// failed were sent as well.
    pub fn too_few(&self, measurement: &Measurement) -> Option<u32> {
        let sent = measurement.sent();
        (sent < requests_needed(self.statistic) && !self.median_misses(measurement, 0.0)).then_some(sent)
    }

    fn ratio_of(&self, measurement: &Measurement, statistic: Statistic) -> Option<f64> {
        let ttft = pick(measurement.ttft.as_ref()?, statistic)?;
        let tpot = pick(measurement.tpot.as_ref()?, statistic)?;
        Some(self.ratio(ttft, tpot)).filter(|ratio| ratio.is_finite())
    }
}

/// One statistic of a distribution.
pub fn pick(distribution: &Distribution, statistic: Statistic) -> Option<Milliseconds> {
    match statistic {
        Statistic::Mean => Some(distribution.mean),
        Statistic::P50 => distribution.p50,
        Statistic::P90 => distribution.p90,
        Statistic::P95 => distribution.p95,
        Statistic::P99 => distribution.p99,
    }
}

/// Requests without which a statistic of a deciding level says nothing.
pub const fn requests_needed(statistic: Statistic) -> u32 {
    match statistic {
        Statistic::Mean | Statistic::P50 => 0,
        Statistic::P90 => 100,
        Statistic::P95 => 200,
        Statistic::P99 => 1000,
    }
}

/// Purposes whose runs select the deciding levels, and are not used again to decide.
pub const SELECTING: [Purpose; 2] = [Purpose::Ladder, Purpose::Refinement];

/// One level as the bracket sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rated {
    /// Requests in flight over the whole deployment.
    pub concurrency: u32,
    /// r; `None` when no run of the level was accepted.
    pub ratio: Option<f64>,
}

/// Where a variant stops keeping the SLA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// No level was measured, or none was accepted.
    Unknown,
    /// The last level that keeps it and the next that does not (or that could not be measured, when no higher one
    /// says more).
    Between {
        /// The last level with r ≤ 1.
        met: u32,
        /// The next with r > 1.
        missed: u32,
    },
    /// No level keeps it.
    NoneMeets {
        /// The lowest level.
        lowest: u32,
    },
    /// Every level up to the top keeps it.
    NoMiss {
        /// The highest level.
        top: u32,
    },
}

impl Bracket {
    /// The bracket of levels in ascending order.
    pub fn of(levels: &[Rated]) -> Self {
        let rated = |wanted: fn(f64) -> bool| move |level: &&Rated| level.ratio.is_some_and(wanted);
        let Some(lowest) = levels.first().filter(|_| levels.iter().any(|level| level.ratio.is_some())) else {
            return Self::Unknown;
        };
        let Some(last_met) = levels.iter().rfind(rated(|ratio| ratio <= 1.0)) else {
            return Self::NoneMeets { lowest: lowest.concurrency };
        };
        let met = last_met.concurrency;
        let above = || levels.iter().filter(|level| level.concurrency > met);
        match above().find(rated(|ratio| ratio > 1.0)).or_else(|| above().next()) {
            Some(missed) => Self::Between { met, missed: missed.concurrency },
            None => Self::NoMiss { top: met },
        }
    }

    /// The levels whose repetitions decide, ascending.
    pub fn deciding_levels(&self) -> Vec<u32> {
        match *self {
            Self::Between { met, missed } => vec![met, missed],
            Self::NoneMeets { lowest } => vec![lowest],
            Self::Unknown | Self::NoMiss { .. } => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Levels 1, 2, 3 … with these r; NaN stands for a level that was rejected.
    fn bracket(ratios: &[f64]) -> Bracket {
        let rated =
            |(concurrency, ratio): (u32, &f64)| Rated { concurrency, ratio: Some(*ratio).filter(|r| !r.is_nan()) };
        Bracket::of(&(1..).zip(ratios).map(rated).collect::<Vec<_>>())
    }

    const REJECTED: f64 = f64::NAN;

    #[rstest]
    #[case::nothing(&[], Bracket::Unknown)]
    #[case::nothing_accepted(&[REJECTED, REJECTED], Bracket::Unknown)]
    #[case::plain(&[0.5, 0.9, 1.1, 2.0], Bracket::Between { met: 2, missed: 3 })]
    #[case::a_level_on_the_limit_keeps_it(&[0.5, 1.0, 1.1], Bracket::Between { met: 2, missed: 3 })]
    #[case::the_last_that_keeps_it_counts(&[0.9, 1.1, 0.95, 1.2], Bracket::Between { met: 3, missed: 4 })]
    #[case::all_keep_it(&[0.5, 0.9], Bracket::NoMiss { top: 2 })]
    #[case::again_at_the_top(&[0.5, 1.1, 0.9], Bracket::NoMiss { top: 3 })]
    #[case::none_keeps_it(&[1.1, 2.0], Bracket::NoneMeets { lowest: 1 })]
    #[case::not_even_a_lowest_that_was_rejected(&[REJECTED, 2.0], Bracket::NoneMeets { lowest: 1 })]
    #[case::rejected_levels_are_passed_over(&[0.5, REJECTED, 1.1], Bracket::Between { met: 1, missed: 3 })]
    #[case::unless_none_above_says_more(&[0.5, REJECTED, REJECTED], Bracket::Between { met: 1, missed: 2 })]
    #[case::below_they_do_not_matter(&[REJECTED, 0.9, 1.1], Bracket::Between { met: 2, missed: 3 })]
    fn where_the_sla_stops_being_kept(#[case] ratios: &[f64], #[case] expected: Bracket) {
        assert_eq!(bracket(ratios), expected);
    }
}
