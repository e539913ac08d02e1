//! What the predictor says will come out (METHOD §2 and §7).

use crate::api::Outcome;
use crate::method::estimate::{Estimate, Estimates};
use crate::method::sla::{Criterion, LimitedMetric, LogRatios, SlaLimits};

/// A side predicted so near its limits at a single request counts as meeting the SLA and as missing it: |r − 1| (METHOD §7).
const NEAR: f64 = 0.05;
/// A level with so much more throughput than both ends of the bracket decides, as when it is measured (METHOD §4).
const PEAK: f64 = 1.03;
/// A level beyond which no estimate is looked at, where a curve does not say where it ends.
const FARTHEST: u32 = 100_000;

/// What is predicted of one variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PredictedSide {
    /// A throughput at the SLA.
    Value {
        /// ln of output tokens per second and GPU.
        log_tokens: f64,
        /// Concurrent requests at which it is read.
        concurrency: f64,
        /// What ends it; none where throughput falls before, or stays the same beyond capacity.
        binding: Option<Criterion>,
        /// r of a single request.
        r_at_one: f64,
    },
    /// A single request misses the SLA.
    None {
        /// r of a single request.
        r_at_one: f64,
        /// ln of output tokens per second and GPU there.
        log_tokens: f64,
    },
}

/// What is predicted of a variant by its estimates; `None` where they do not tell.
///
/// Estimates are means: held against a limit for a percentile they promise too much. Where the predictor's TTFT is not known
/// without its burst, TPOT alone speaks; where the SLA limits neither, nothing does.
pub fn predicted_side(sla: &SlaLimits, estimates: &dyn Estimates) -> Option<PredictedSide> {
    let end = estimates.capacity().unwrap_or(FARTHEST);
    let level = |concurrency: u32| RatedEstimate::of(sla, concurrency, &estimates.at(concurrency)?);
    let first = (1..=end).find_map(level)?;
    let r_at_one = first.ratios().r();
    if first.log_r() > 0.0 {
        let at_one = first.concurrency == 1;
        return at_one.then_some(PredictedSide::None { r_at_one, log_tokens: first.log_tokens });
    }
    let value = |log_tokens, concurrency, binding| PredictedSide::Value { log_tokens, concurrency, binding, r_at_one };
    let (mut last, mut best) = (first.clone(), first.clone());
    for level in (first.concurrency + 1..=end).filter_map(level) {
        if level.log_r() > 0.0 {
            // Where in between the SLA ends, nothing is said of.
            if level.concurrency > last.concurrency + 1 {
                return None;
            }
            let (log_tokens, concurrency, binding) = between(&last, &level);
            let is_peak = best.log_tokens > PEAK.ln() + last.log_tokens.max(level.log_tokens);
            return Some(match is_peak {
                true => value(best.log_tokens, f64::from(best.concurrency), None),
                false => value(log_tokens, concurrency, Some(binding)),
            });
        }
        if level.log_tokens > best.log_tokens {
            best = level.clone();
        }
        last = level;
    }
    // Beyond capacity throughput stays as it is, so it does not matter where requests wait too long.
    estimates.capacity()?;
    let at = if best.log_tokens > PEAK.ln() + last.log_tokens { best } else { last };
    Some(value(at.log_tokens, f64::from(at.concurrency), None))
}

/// r of an estimate at a level (METHOD §3); `None` where no limit can be held against it.
pub fn estimated_r(sla: &SlaLimits, concurrency: u32, estimate: &Estimate) -> Option<f64> {
    RatedEstimate::of(sla, concurrency, estimate).map(|rated| rated.ratios().r())
}

/// An estimate held against the limits.
#[derive(Clone, Debug)]
struct RatedEstimate {
    concurrency: u32,
    criteria: Vec<Criterion>,
    ratios: LogRatios,
    log_tokens: f64,
}

impl RatedEstimate {
    fn of(sla: &SlaLimits, concurrency: u32, estimate: &Estimate) -> Option<Self> {
        let known = sla.limits().iter().filter_map(|limit| {
            let figure = match limit.metric {
                LimitedMetric::Ttft => estimate.ttft?.get(),
                LimitedMetric::Tpot => estimate.tpot.get(),
                LimitedMetric::RequestLatency => 1000.0 * estimate.latency_seconds(concurrency)?,
            };
            Some((Criterion::Limit(limit.metric), figure / limit.limit.get()))
        });
        let (criteria, ratios): (Vec<Criterion>, Vec<f64>) = known.unzip();
        let log_tokens = Some(estimate.tokens_per_second_per_gpu.get().ln()).filter(|log| log.is_finite())?;
        Some(Self { concurrency, criteria, ratios: LogRatios::of(ratios)?, log_tokens })
    }

    fn ratios(&self) -> &LogRatios {
        &self.ratios
    }

    fn log_r(&self) -> f64 {
        self.ratios.log_r()
    }
}

/// Throughput where the first limit is reached between a level that meets the SLA and one that misses it.
fn between(below: &RatedEstimate, above: &RatedEstimate) -> (f64, f64, Criterion) {
    let ends = below.ratios.each().iter().zip(above.ratios.each());
    let crossings = above.criteria.iter().zip(ends).filter(|(_, (_, above))| **above > 0.0);
    // Of the way from one level to the other.
    let shares = crossings.map(|(criterion, (below, above))| (*criterion, -below / (above - below)));
    let first = shares.min_by(|a, b| a.1.total_cmp(&b.1));
    let (criterion, share) = first.unwrap_or((Criterion::GoodRequests, 1.0));
    let mix = |below: f64, above: f64| below + share * (above - below);
    let concurrency = mix(f64::from(below.concurrency).ln(), f64::from(above.concurrency).ln()).exp();
    (mix(below.log_tokens, above.log_tokens), concurrency, criterion)
}

impl PredictedSide {
    /// ln of its throughput, if it meets the SLA.
    pub fn throughput(&self) -> Option<f64> {
        match self {
            Self::Value { log_tokens, .. } => Some(*log_tokens),
            Self::None { .. } => None,
        }
    }

    /// The ways in which it is to be read: what is predicted, and its contrary where that is a hair away.
    fn readings(&self) -> Vec<Option<f64>> {
        let (r_at_one, log_tokens) = match self {
            Self::Value { r_at_one, log_tokens, .. } | Self::None { r_at_one, log_tokens } => (*r_at_one, *log_tokens),
        };
        let contrary = match self {
            Self::Value { .. } => None,
            Self::None { .. } => Some(log_tokens),
        };
        let is_near = (r_at_one - 1.0).abs() <= NEAR;
        let mut readings = vec![self.throughput()];
        readings.extend(is_near.then_some(contrary));
        readings
    }
}

/// An outcome that is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutcomeForecast {
    pub outcome: Outcome,
    /// g: candidate ÷ baseline − 1, where both are predicted to meet the SLA.
    pub gain: Option<f64>,
}

/// The outcomes that are predicted, with m as a share: the first is what the estimates say, the others what they also allow,
/// where a side is predicted near its limits at a single request.
pub fn predicted_outcomes(baseline: &PredictedSide, candidate: &PredictedSide, margin: f64) -> Vec<OutcomeForecast> {
    let outcome = |baseline: Option<f64>, candidate: Option<f64>| {
        let gain = candidate.zip(baseline).map(|(candidate, baseline)| (candidate - baseline).exp_m1());
        let outcome = match (baseline, candidate, gain) {
            (None, None, _) => Outcome::NeitherMeetsSla,
            (None, Some(_), _) => Outcome::OnlyCandidateMeetsSla,
            (Some(_), None, _) => Outcome::OnlyBaselineMeetsSla,
            (_, _, Some(gain)) if gain > margin => Outcome::CandidateBetter,
            (_, _, Some(gain)) if gain < -margin => Outcome::BaselineBetter,
            _ => Outcome::NoDifference,
        };
        OutcomeForecast { outcome, gain }
    };
    let candidates = candidate.readings();
    baseline.readings().into_iter().flat_map(|one| candidates.iter().map(move |other| outcome(one, *other))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::testing::means;
    use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

    /// TPOT and TTFT in milliseconds, as functions of the requests worked on; TTFT grows beyond capacity.
    struct Curve<'a> {
        tpot: &'a dyn Fn(f64) -> f64,
        ttft: Option<f64>,
        capacity: u32,
    }

    impl Estimates for Curve<'_> {
        fn at(&self, concurrency: u32) -> Option<Estimate> {
            let held = f64::from(concurrency.min(self.capacity));
            let tpot = (self.tpot)(held);
            let rate = held / (499.0 * tpot) * 1000.0;
            Some(Estimate {
                ttft: self.ttft.map(|ttft| Milliseconds::new(ttft).unwrap()),
                tpot: Milliseconds::new(tpot).unwrap(),
                requests_per_second: RequestsPerSecond::new(rate).unwrap(),
                tokens_per_second_per_gpu: TokensPerSecond::new(rate * 62.5).unwrap(),
            })
        }

        fn capacity(&self) -> Option<u32> {
            Some(self.capacity)
        }
    }

    fn side(tpot: &dyn Fn(f64) -> f64, ttft: Option<f64>, capacity: u32) -> Option<PredictedSide> {
        predicted_side(&means(500.0, 7.0), &Curve { tpot, ttft, capacity })
    }

    #[test]
    fn the_throughput_is_read_where_the_first_limit_is_reached() {
        // TPOT reaches 7 at 20.5.
        let Some(PredictedSide::Value { concurrency, binding, .. }) = side(&|c| 7.0 * c / 20.5, Some(100.0), 100)
        else {
            panic!()
        };
        assert!((concurrency - 20.5).abs() < 1e-9);
        assert_eq!(binding, Some(Criterion::Limit(LimitedMetric::Tpot)));
    }

    #[test]
    fn a_variant_that_meets_the_sla_up_to_its_capacity_has_what_it_has_there() {
        let found = side(&|_| 5.0, Some(100.0), 32);
        let Some(PredictedSide::Value { concurrency, binding, .. }) = found else { panic!("{found:?}") };
        assert_eq!((concurrency, binding), (32.0, None));
    }

    #[test]
    fn throughput_that_falls_is_read_at_its_peak() {
        // Throughput c ÷ TPOT is largest at 10.
        let found = side(&|c| if c <= 10.0 { 2.0 } else { 2.0 * (c / 10.0).powi(2) }, Some(100.0), 100);
        let Some(PredictedSide::Value { concurrency, .. }) = found else { panic!("{found:?}") };
        assert_eq!(concurrency, 10.0);
    }

    #[test]
    fn a_ttft_that_is_not_known_does_not_speak() {
        assert!(matches!(side(&|_| 5.0, Some(600.0), 32), Some(PredictedSide::None { .. })));
        assert!(matches!(side(&|_| 5.0, None, 32), Some(PredictedSide::Value { .. })));
        let ttft_alone = SlaLimits::new(means(500.0, 7.0).limits()[..1].to_vec()).unwrap();
        assert_eq!(predicted_side(&ttft_alone, &Curve { tpot: &|_| 5.0, ttft: None, capacity: 32 }), None);
    }

    fn value(tokens: f64, r_at_one: f64) -> PredictedSide {
        PredictedSide::Value { log_tokens: f64::ln(tokens), concurrency: 10.0, binding: None, r_at_one }
    }

    fn none(r_at_one: f64) -> PredictedSide {
        PredictedSide::None { r_at_one, log_tokens: 0.0 }
    }

    #[rstest]
    #[case(value(100.0, 0.5), value(106.0, 0.5), Outcome::CandidateBetter)]
    #[case(value(100.0, 0.5), value(94.0, 0.5), Outcome::BaselineBetter)]
    #[case(value(100.0, 0.5), value(104.0, 0.5), Outcome::NoDifference)]
    #[case(none(2.0), value(104.0, 0.5), Outcome::OnlyCandidateMeetsSla)]
    #[case(value(100.0, 0.5), none(2.0), Outcome::OnlyBaselineMeetsSla)]
    #[case(none(2.0), none(1.5), Outcome::NeitherMeetsSla)]
    fn two_sides_predict_an_outcome(
        #[case] baseline: PredictedSide,
        #[case] candidate: PredictedSide,
        #[case] expected: Outcome,
    ) {
        let outcomes: Vec<Outcome> =
            predicted_outcomes(&baseline, &candidate, 0.05).iter().map(|predicted| predicted.outcome).collect();
        assert_eq!(outcomes, [expected]);
    }

    #[rstest]
    #[case::hardly_misses(none(1.04))]
    #[case::hardly_meets(value(1.0, 0.96))]
    fn near_its_limits_a_single_request_counts_both_ways(#[case] baseline: PredictedSide) {
        let outcomes = predicted_outcomes(&baseline, &value(300.0, 0.5), 0.05);
        let mut outcomes: Vec<Outcome> = outcomes.iter().map(|predicted| predicted.outcome).collect();
        outcomes.sort_by_key(|outcome| *outcome as u8);
        assert_eq!(outcomes, [Outcome::CandidateBetter, Outcome::OnlyCandidateMeetsSla]);
    }
}
