//! Trials and rules in few words.

use std::num::NonZeroU32;

use bcmp::api::Statistic;
use bcmp::judgement::rules::{RoundLimits, Rules};
use bcmp::measurement::counted::LimitRatios;
use bcmp::measurement::counted::OverLimit;
use bcmp::measurement::record::{Purpose, TrialKey};
use bcmp::measurement::{CountedRequests, Distribution, Facts, Measurement};
use bcmp::method::sla::{LimitedMetric, SlaLimit, SlaLimits};
use bcmp::method::trial::{Trial, TrialFigures, TrialOutcome};
use bcmp::units::{Milliseconds, Percent, RequestsPerSecond, TokensPerSecond};

pub fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

pub fn limit(metric: LimitedMetric, limit: f64, statistic: Statistic) -> SlaLimit {
    SlaLimit { metric, limit: ms(limit), statistic }
}

/// Limits of the means of TTFT and TPOT.
pub fn means(ttft: f64, tpot: f64) -> SlaLimits {
    let limits = [(LimitedMetric::Ttft, ttft), (LimitedMetric::Tpot, tpot)]
        .map(|(metric, of)| limit(metric, of, Statistic::Mean));
    SlaLimits::new(limits.to_vec()).unwrap()
}

/// Requests of 500 tokens, all alike.
pub fn figures(concurrency: u32, ttft: f64, tpot: f64, tokens: f64) -> TrialFigures {
    let latency = ttft + 499.0 * tpot;
    TrialFigures {
        ttft: Distribution::constant(ms(ttft)),
        tpot: Distribution::constant(ms(tpot)),
        request_latency: Distribution::constant(ms(latency)),
        counted: Some(counted(100, 0)),
        requests_per_second: RequestsPerSecond::new(f64::from(concurrency) / latency * 1000.0).unwrap(),
        tokens_per_second_per_gpu: TokensPerSecond::new(tokens).unwrap(),
    }
}

/// Requests of which so many exceed the limit of TTFT.
pub fn counted(requests: u32, over: u32) -> CountedRequests {
    let over = OverLimit { ttft: over, any: over, ..OverLimit::default() };
    CountedRequests { requests, failed: 0, over, good_ratio: None, ratios: LimitRatios::default() }
}

pub fn accepted(round: u32, concurrency: u32, purpose: Purpose, number: u32, figures: TrialFigures) -> Trial {
    let key = TrialKey { round, concurrency, purpose, number, try_number: 1 };
    Trial { key, outcome: TrialOutcome::Accepted(figures) }
}

/// The rules of a specification that sets none.
pub fn rules(sla: SlaLimits, minimum: u32) -> Rules {
    let judgement = bcmp::api::Judgement::default();
    let percent = |of: &bcmp::api::Decimal| Percent::new(of.value().unwrap()).unwrap();
    Rules {
        sla,
        equivalence_margin: percent(&judgement.equivalence_margin_percent),
        accuracy_tolerance: percent(&judgement.accuracy_tolerance_percent),
        assumed_scatter: percent(&judgement.assumed_scatter_percent),
        rounds: RoundLimits { minimum, maximum: 8 },
        repeatable: true,
    }
}

/// What ten users measured: 2 requests/s of 500 tokens, each after 5 s.
pub fn measurement() -> Measurement {
    let rate = |value| RequestsPerSecond::new(value).ok();
    Measurement {
        tool: "by hand".into(),
        concurrency: 10,
        requests: 100,
        errors: Some(0),
        first_error: None,
        ttft: Some(Distribution::constant(ms(100.0))),
        tpot: Some(Distribution::constant(ms(9.8))),
        request_latency: Some(Distribution::constant(ms(5000.0))),
        output_tokens_per_second: TokensPerSecond::new(1000.0).ok(),
        requests_per_second: rate(2.0),
        good_requests_percent: None,
        counted: Some(counted(80, 0)),
        facts: Facts {
            model: Some("model".into()),
            streaming: Some(true),
            input_tokens: Some(4000.0),
            output_tokens: Some(500.0),
            effective_concurrency: Some(10.0),
            cached_prompt_percent: Some(0.0),
            cached_prompt_tokens: Some(0.0),
            ..Facts::default()
        },
    }
}

pub fn users(concurrency: u32) -> NonZeroU32 {
    NonZeroU32::new(concurrency).unwrap()
}
