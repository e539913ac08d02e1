//! Trials for tests, in few words.

use super::sla::{Limit, Metric, Sla};
use super::trial::{Figures, Purpose, Rejection, Trial, TrialKey, TrialOutcome};
use crate::api::Statistic;
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
pub fn figures(concurrency: u32, ttft: f64, tpot: f64, tokens: f64) -> Figures {
    let latency = ttft + f64::from(OUTPUT_TOKENS - 1) * tpot;
    Figures {
        ttft: constant(ttft),
        tpot: constant(tpot),
        request_latency: constant(latency),
        counted: Some(CountedRequests { requests: 100, failed: 0, over: OverLimit::default(), good_ratio: None }),
        requests_per_second: RequestsPerSecond::new(f64::from(concurrency) / latency * 1000.0).unwrap(),
        tokens_per_second_per_gpu: TokensPerSecond::new(tokens).unwrap(),
    }
}

/// Mean TTFT and mean TPOT, milliseconds.
pub fn means(ttft: f64, tpot: f64) -> Sla {
    let limit = |metric, limit| Limit { metric, limit: Milliseconds::new(limit).unwrap(), statistic: Statistic::Mean };
    Sla::new(vec![limit(Metric::Ttft, ttft), limit(Metric::Tpot, tpot)]).unwrap()
}

/// The first attempt of a trial.
pub fn key(round: u32, concurrency: u32, purpose: Purpose, repetition: u32) -> TrialKey {
    TrialKey { round, concurrency, purpose, repetition, attempt: 1 }
}

/// An accepted trial.
pub fn accepted(key: TrialKey, figures: Figures) -> Trial {
    Trial { key, outcome: TrialOutcome::Accepted(figures) }
}

/// A rejected trial.
pub fn rejected(key: TrialKey, rejection: Rejection) -> Trial {
    Trial { key, outcome: TrialOutcome::Rejected(rejection) }
}
