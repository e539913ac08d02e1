//! Trials for tests, in few words.

use super::sla::{LimitedMetric, SlaLimit, SlaLimits};
use super::trial::{Purpose, Rejection, Trial, TrialFigures, TrialKey, TrialOutcome};
use crate::api::Statistic;
use crate::measurement::counted::LimitRatios;
use crate::measurement::counted::OverLimit;
use crate::measurement::{CountedRequests, Distribution};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// Output tokens of a request.
pub const OUTPUT_TOKENS: u32 = 500;

/// A distribution without scatter.
pub fn constant(value: f64) -> Distribution {
    Distribution::constant(Milliseconds::new(value).unwrap())
}

/// 100 counted requests without scatter, none of them over a limit.
pub fn figures(concurrency: u32, ttft: f64, tpot: f64, tokens: f64) -> TrialFigures {
    let latency = ttft + f64::from(OUTPUT_TOKENS - 1) * tpot;
    TrialFigures {
        ttft: constant(ttft),
        tpot: constant(tpot),
        request_latency: constant(latency),
        counted: Some(CountedRequests {
            requests: 100,
            failed: 0,
            over: OverLimit::default(),
            good_ratio: None,
            ratios: LimitRatios::default(),
        }),
        requests_per_second: RequestsPerSecond::new(f64::from(concurrency) / latency * 1000.0).unwrap(),
        tokens_per_second_per_gpu: TokensPerSecond::new(tokens).unwrap(),
    }
}

/// Mean TTFT and mean TPOT, milliseconds.
pub fn means(ttft: f64, tpot: f64) -> SlaLimits {
    let limit =
        |metric, limit| SlaLimit { metric, limit: Milliseconds::new(limit).unwrap(), statistic: Statistic::Mean };
    SlaLimits::new(vec![limit(LimitedMetric::Ttft, ttft), limit(LimitedMetric::Tpot, tpot)]).unwrap()
}

/// The first try of a trial.
pub fn key(round: u32, concurrency: u32, purpose: Purpose, number: u32) -> TrialKey {
    TrialKey { round, concurrency, purpose, number, try_number: 1 }
}

pub fn accepted(key: TrialKey, figures: TrialFigures) -> Trial {
    Trial { key, outcome: TrialOutcome::Accepted(figures) }
}

pub fn rejected(key: TrialKey, rejection: Rejection) -> Trial {
    Trial { key, outcome: TrialOutcome::Rejected(rejection) }
}
