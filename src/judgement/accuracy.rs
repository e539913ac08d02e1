//! How far the predictor is off: its claim at its own level, and its estimates over levels (METHOD §7).

use super::level::{Level, Shown};
use crate::api::SlaState;
use crate::method::estimate::Estimates;

/// What the predictor advertises, at its own level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClaimFigures {
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// Time to first token, milliseconds.
    pub ttft: Option<f64>,
    /// Time per output token after the first, milliseconds.
    pub tpot: f64,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: f64,
}

/// Measured ÷ predicted − 1 at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelErrors {
    /// Of TTFT: shown and not judged, as the predictor's contains a burst.
    pub ttft: Option<f64>,
    pub tpot: f64,
    /// Of output tokens per second and GPU.
    pub tokens: f64,
}

impl LevelErrors {
    /// `None` where a prediction is zero.
    fn of(shown: &Shown, ttft: Option<f64>, tpot: f64, tokens: f64) -> Option<Self> {
        let error = |measured: f64, predicted: f64| Some(measured / predicted - 1.0).filter(|error| error.is_finite());
        Some(Self {
            ttft: ttft.and_then(|ttft| error(shown.ttft, ttft)),
            tpot: error(shown.tpot, tpot)?,
            tokens: error(shown.tokens_per_second_per_gpu, tokens)?,
        })
    }
}

/// Whether a claim is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClaimCheck {
    /// How far it is off.
    pub errors: LevelErrors,
    /// Whether its level meets the SLA.
    pub state: SlaState,
    /// At least as good as promised, within the tolerance, and its level does not miss the SLA.
    pub kept: bool,
}

impl ClaimCheck {
    /// By the levels of the variant; `None` where the claim's was not accepted.
    pub fn of(claim: &ClaimFigures, levels: &[Level], tolerance: f64) -> Option<Self> {
        let level = levels.iter().find(|level| level.concurrency == claim.concurrency)?;
        let shown = level.shown.as_ref()?;
        let errors = LevelErrors::of(shown, claim.ttft, claim.tpot, claim.tokens_per_second_per_gpu)?;
        let as_promised = errors.tokens >= -tolerance && errors.tpot <= tolerance;
        let kept = as_promised && shown.state != SlaState::Missed;
        Some(Self { errors, state: shown.state, kept })
    }
}

/// The errors of a variant's estimates over the levels that are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// At each level, ascending.
    pub levels: Vec<(u32, LevelErrors)>,
}

/// A metric that predictions are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedMetric {
    /// Time per output token.
    Tpot,
    /// Output tokens per second and GPU.
    Tokens,
}

impl Accuracy {
    /// Over the accepted levels up to capacity, beyond which nothing is judged, and up to where the SLA ends, beyond which
    /// nobody operates.
    pub fn of(estimates: &dyn Estimates, levels: &[Level], end: u32) -> Self {
        let last = estimates.capacity().unwrap_or(u32::MAX).min(end);
        let judged = levels.iter().filter(|level| level.concurrency <= last);
        let errors = judged.filter_map(|level| {
            let estimate = estimates.at(level.concurrency)?;
            let (tpot, tokens) = (estimate.tpot.get(), estimate.tokens_per_second_per_gpu.get());
            let shown = level.shown.as_ref()?;
            let ttft = estimate.ttft.map(f64::from).filter(|_| shown.is_ttft_counted);
            Some((level.concurrency, LevelErrors::of(shown, ttft, tpot, tokens)?))
        });
        Self { levels: errors.collect() }
    }

    /// Mean absolute error of a metric; `None` of no level.
    pub fn mean(&self, metric: JudgedMetric) -> Option<f64> {
        let sum: f64 = self.levels.iter().map(|(_, errors)| metric.of(errors).abs()).sum();
        Some(sum / self.levels.len() as f64).filter(|mean| mean.is_finite())
    }

    /// The factor that makes the estimates of TPOT right on average: exp(mean ln(measured ÷ estimated)).
    pub fn decode_correction(&self) -> Option<f64> {
        correction(self.levels.iter().map(|(_, errors)| errors.tpot))
    }

    /// The same of TTFT, the predictor's burst taken out; `None` where that is not known, or TTFT was not measured without its own.
    pub fn prefill_correction(&self) -> Option<f64> {
        correction(self.levels.iter().filter_map(|(_, errors)| errors.ttft))
    }

    /// The error that is largest by amount, of either metric, with its level.
    pub fn worst(&self) -> Option<(u32, JudgedMetric, f64)> {
        let all = self.levels.iter().flat_map(|(level, errors)| {
            [JudgedMetric::Tpot, JudgedMetric::Tokens].map(|metric| (*level, metric, metric.of(errors)))
        });
        all.max_by(|a, b| a.2.abs().total_cmp(&b.2.abs()))
    }

    /// Whether every mean is within the tolerance; `None` of no level.
    pub fn is_within(&self, tolerance: f64) -> Option<bool> {
        Some(self.mean(JudgedMetric::Tpot)?.max(self.mean(JudgedMetric::Tokens)?) <= tolerance)
    }
}

fn correction(errors: impl Iterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = errors.map(f64::ln_1p).collect();
    Some((logs.iter().sum::<f64>() / logs.len() as f64).exp()).filter(|factor| factor.is_finite())
}

impl JudgedMetric {
    fn of(self, errors: &LevelErrors) -> f64 {
        match self {
            Self::Tpot => errors.tpot,
            Self::Tokens => errors.tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::judgement::level::levels;
    use crate::method::estimate::Estimate;
    use crate::method::testing::{accepted, figures, key, means};
    use crate::method::trial::{Purpose, Trial};
    use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

    fn measured(rows: &[(u32, f64, f64)]) -> Vec<Level> {
        let trial = |(concurrency, tpot, tokens): &(u32, f64, f64)| {
            accepted(key(1, *concurrency, Purpose::Ladder, 1), figures(*concurrency, 200.0, *tpot, *tokens))
        };
        let trials: Vec<Trial> = rows.iter().map(trial).collect();
        levels(&means(500.0, 7.0), &trials.iter().collect::<Vec<_>>())
    }

    const CLAIM: ClaimFigures =
        ClaimFigures { concurrency: 10, ttft: Some(100.0), tpot: 6.2, tokens_per_second_per_gpu: 200.0 };

    #[rstest]
    #[case::as_promised(6.0, 200.0, true)]
    #[case::better_than_promised(3.0, 400.0, true)]
    #[case::slower_within_the_tolerance(6.7, 165.0, true)]
    #[case::too_little_throughput(6.0, 159.0, false)]
    #[case::within_the_tolerance_but_the_sla_is_missed(7.25, 200.0, false)]
    fn a_claim_is_kept_where_it_is_no_worse(#[case] tpot: f64, #[case] tokens: f64, #[case] kept: bool) {
        let check = ClaimCheck::of(&CLAIM, &measured(&[(10, tpot, tokens)]), 0.2).unwrap();
        assert_eq!(check.kept, kept, "{check:?}");
    }

    #[test]
    fn a_claim_with_too_slow_tokens_is_not_kept() {
        let slow = ClaimFigures { tpot: 5.0, ..CLAIM };
        let check = ClaimCheck::of(&slow, &measured(&[(10, 6.1, 200.0)]), 0.2).unwrap();
        assert!(!check.kept && (check.errors.tpot - 0.22).abs() < 1e-9);
        assert!((check.errors.ttft.unwrap() - 1.0).abs() < 1e-9, "TTFT is shown and not judged");
    }

    #[test]
    fn a_claim_whose_level_was_not_measured_is_not_checked() {
        assert_eq!(ClaimCheck::of(&CLAIM, &measured(&[(12, 6.0, 200.0)]), 0.2), None);
    }

    /// 5 ms and 20 tokens/s/GPU for each request, up to 10 of them.
    struct Ten;

    impl Estimates for Ten {
        fn at(&self, concurrency: u32) -> Option<Estimate> {
            let held = f64::from(concurrency.min(10));
            Some(Estimate {
                ttft: None,
                tpot: Milliseconds::new(5.0).unwrap(),
                requests_per_second: RequestsPerSecond::new(held / 2.5).unwrap(),
                tokens_per_second_per_gpu: TokensPerSecond::new(20.0 * held).unwrap(),
            })
        }

        fn capacity(&self) -> Option<u32> {
            Some(10)
        }
    }

    #[test]
    fn estimates_are_judged_up_to_capacity_and_to_the_slas_end() {
        let levels = measured(&[(1, 5.5, 20.0), (10, 4.5, 220.0), (20, 50.0, 10.0)]);
        let accuracy = Accuracy::of(&Ten, &levels, 100);
        assert_eq!(accuracy.levels.len(), 2);
        assert!((accuracy.mean(JudgedMetric::Tpot).unwrap() - 0.1).abs() < 1e-9, "errors do not cancel");
        assert!((accuracy.mean(JudgedMetric::Tokens).unwrap() - 0.05).abs() < 1e-9);
        let (level, _, worst) = accuracy.worst().unwrap();
        assert!(level <= 10 && (worst.abs() - 0.1).abs() < 1e-9);
        assert_eq!((accuracy.is_within(0.11), accuracy.is_within(0.09)), (Some(true), Some(false)));
        assert_eq!(Accuracy::of(&Ten, &levels, 1).levels.len(), 1);
        // Corrections cancel where errors do not: 1.1 and 0.9 times the estimate.
        assert!((accuracy.decode_correction().unwrap() - 0.99_f64.sqrt()).abs() < 1e-9);
        assert_eq!(Accuracy::of(&Ten, &[], 1).is_within(0.2), None);
    }
}
