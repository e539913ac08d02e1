//! The requests of a trial that count, and how they stand to the SLA (METHOD §3, §5).

use serde::{Deserialize, Serialize};

use super::window::{Answer, Counted};
use crate::units::{LatencyLimits, Milliseconds};

/// The requests that the figures of a trial are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountedRequests {
    /// All of them, failed ones included.
    pub requests: u32,
    /// Failed ones.
    pub failed: u32,
    /// How many exceed each limit.
    pub over: OverLimit,
    /// Where the SLA asks for a share of good requests: the quantile at that share of each request's largest
    /// figure ÷ limit; 1,000,000 where that request failed. Absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_ratio: Option<f64>,
    /// Where the SLA limits percentiles: those ÷ limit.
    #[serde(default, skip_serializing_if = "LimitRatios::is_empty")]
    pub ratios: LimitRatios,
}

/// Percentiles over the counted requests, as the SLA names them, ÷ limit; 1,000,000 where that request failed. Absent where
/// a mean is held against the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitRatios {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpot: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_latency: Option<f64>,
}

impl LimitRatios {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The ratio of a request that failed: it misses every limit by more than any that was answered.
const FAILED: f64 = 1e6;

/// Counted requests that exceed a limit; a failed request exceeds all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverLimit {
    pub ttft: u32,
    pub tpot: u32,
    pub request_latency: u32,
    pub any: u32,
}

impl CountedRequests {
    /// Holds the counted requests of a trial against the limits.
    pub fn of(counted: &Counted, limits: &LatencyLimits) -> Self {
        let requests = counted.requests();
        let failed = requests.iter().filter(|request| request.answer.is_none()).count();
        let at = |share: Option<f64>, part: fn(&Answer, &LatencyLimits) -> Option<f64>| {
            let ratio = counted.quantile(share?, |answer| part(answer, limits))?;
            Some(if ratio.is_finite() { ratio } else { FAILED })
        };
        let shares = limits.shares;
        let exceeds = |part: fn(&Answer, &LatencyLimits) -> Option<f64>| {
            counted.over(|answer| part(answer, limits).is_none_or(|ratio| ratio > 1.0))
        };
        Self {
            requests: requests.len() as u32,
            failed: failed as u32,
            over: OverLimit {
                ttft: exceeds(ttft),
                tpot: exceeds(tpot),
                request_latency: limits.request_latency.map_or(0, |_| exceeds(latency)),
                any: exceeds(ratio),
            },
            good_ratio: at(limits.good_share, ratio),
            ratios: LimitRatios {
                ttft: at(shares.ttft, ttft),
                tpot: at(shares.tpot, tpot),
                request_latency: at(shares.request_latency, latency),
            },
        }
    }

    /// Requests that meet all limits, in percent.
    pub fn good_percent(&self) -> f64 {
        100.0 * f64::from(self.requests - self.over.any.min(self.requests)) / f64::from(self.requests.max(1))
    }
}

fn share(figure: Option<f64>, limit: Milliseconds) -> Option<f64> {
    Some(figure? / limit.get())
}

fn ttft(answer: &Answer, limits: &LatencyLimits) -> Option<f64> {
    share(answer.ttft, limits.ttft)
}

fn tpot(answer: &Answer, limits: &LatencyLimits) -> Option<f64> {
    share(answer.tpot(), limits.tpot)
}

fn latency(answer: &Answer, limits: &LatencyLimits) -> Option<f64> {
    limits.request_latency.map_or(Some(0.0), |limit| share(Some(answer.latency), limit))
}

/// The largest figure ÷ limit of a request.
fn ratio(answer: &Answer, limits: &LatencyLimits) -> Option<f64> {
    Some(ttft(answer, limits)?.max(tpot(answer, limits)?).max(latency(answer, limits)?))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::measurement::window::Request;
    use crate::units::LimitShares;

    fn limits() -> LatencyLimits {
        let ms = |value| Milliseconds::new(value).unwrap();
        let shares = LimitShares { ttft: Some(0.75), ..LimitShares::default() };
        LatencyLimits {
            ttft: ms(100.0),
            tpot: ms(10.0),
            request_latency: Some(ms(400.0)),
            good_share: Some(0.5),
            shares,
        }
    }

    /// One user: the first and the last request do not count. Answers have 11 tokens.
    fn counted(answers: &[Option<(f64, f64)>]) -> CountedRequests {
        let around = [Some((1e6, 1e6))];
        let mut clock = 0.0;
        let request = |answer: &Option<(f64, f64)>| {
            let latency = answer.map_or(50.0, |(ttft, tpot)| ttft + 10.0 * tpot);
            let start = clock;
            clock += latency;
            let answer = answer.map(|(ttft, _)| Answer { ttft: Some(ttft), latency, output_tokens: Some(11.0) });
            Request { start, end: clock, wait: None, answer }
        };
        let mut requests: Vec<Request> = around.iter().chain(answers).chain(&around).map(request).collect();
        let counted = Counted::of(&mut requests, NonZeroU32::MIN).unwrap();
        CountedRequests::of(&counted, &limits())
    }

    #[test]
    fn each_limit_counts_the_requests_that_exceed_it() {
        let of = counted(&[Some((50.0, 5.0)), Some((150.0, 5.0)), Some((50.0, 12.0)), Some((150.0, 30.0)), None]);
        assert_eq!((of.requests, of.failed), (5, 1));
        assert_eq!(of.over, OverLimit { ttft: 3, tpot: 3, request_latency: 2, any: 4 });
        assert!((of.good_percent() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn the_share_of_good_requests_has_a_quantile_of_its_own() {
        let of = counted(&[Some((50.0, 5.0)), Some((120.0, 5.0)), Some((90.0, 9.0))]);
        assert!((of.good_ratio.unwrap() - 0.9).abs() < 1e-9);
        assert_eq!(counted(&[None, None, Some((50.0, 5.0))]).good_ratio, Some(FAILED), "the median request failed");
    }

    /// Of five, the fourth decides: with two that fail it is one of them.
    #[test]
    fn a_failed_request_misses_the_percentile() {
        let fast = Some((50.0, 5.0));
        assert_eq!(counted(&[fast, fast, fast, Some((90.0, 5.0)), None]).ratios.ttft, Some(0.9));
        assert_eq!(counted(&[fast, fast, fast, None, None]).ratios.ttft, Some(FAILED));
        assert_eq!(counted(&[fast, fast, fast]).ratios.tpot, None, "its mean is limited");
    }
}
