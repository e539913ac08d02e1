//! The estimate of what is deployed at any concurrency (METHOD §2).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::burst::Burst;
use super::claim::OperatingPoint;
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// The estimate of one replica as deployed with `concurrency` concurrent requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurvePoint {
    /// Concurrent requests in the replica, q ≥ 1.
    pub concurrency: u32,
    /// Mean time to first token.
    pub ttft: Milliseconds,
    /// Mean time per output token after the first.
    pub tpot: Milliseconds,
    /// Requests the replica completes each second.
    pub request_rate: RequestsPerSecond,
}

/// Estimates over the concurrent requests of one replica, and how many replicas share the load.
///
/// A disaggregated deployment is one "replica": its prefill and decode workers serve the same requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", try_from = "Unchecked")]
pub struct Curve {
    /// By `concurrency`, ascending.
    points: Vec<CurvePoint>,
    replicas: u32,
    gpus: u32,
    output_tokens: u32,
    #[serde(skip_serializing_if = "Extent::is_whole")]
    extent: Extent,
    #[serde(skip_serializing_if = "Burst::is_unknown")]
    burst: Burst,
}

/// What is known away from a curve's points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Extent {
    /// The points were estimated for this curve: they are close, from one request to the replica's capacity.
    #[default]
    Whole,
    /// The points are the rows of a table, and the last one is at capacity: nothing is known below the first and between
    /// points that are far apart.
    RowsToCapacity,
    /// The same, and the capacity is unknown too.
    Rows,
}

impl Extent {
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// Concurrent requests over a whole deployment. Every whole number up to a curve's capacity may be looked at, so it has to
/// have a bound; a thousand engines with two thousand requests each are within it.
const MOST_CONCURRENT: u64 = 4_000_000;

/// Two rows support what is between them if the second has at most this many times the requests of the first, plus one: 1 and 3 do,
/// 5 and 96 do not.
const NEAR: u32 = 2;

/// The prediction at one concurrency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedLevel {
    /// Latency and throughput.
    pub point: OperatingPoint,
    /// TTFT without the burst that the predictor's holds; absent where that is not known.
    pub steady_ttft: Option<Milliseconds>,
    /// Beyond what the engine holds (METHOD §2): shown, never judged, never "met".
    pub beyond_operating_point: bool,
}

/// Why estimates do not make a curve.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CurveError {
    #[error("there are no estimates")]
    Empty,
    /// Two estimates for the same concurrency, or out of order.
    #[error("the estimates are not ascending: {next} concurrent requests after {previous}")]
    NotAscending {
        /// Concurrent requests of a point.
        previous: u32,
        /// Concurrent requests of the next.
        next: u32,
    },
    /// A quantity that must be positive is zero.
    #[error("the estimate at {concurrency} concurrent requests has a {quantity} of 0")]
    NotPositive { quantity: &'static str, concurrency: u32 },
    /// More concurrent requests than any deployment holds.
    #[error("the estimates end at {0} concurrent requests; at most {MOST_CONCURRENT} are plausible")]
    TooLong(u64),
    /// Replicas, GPUs or output tokens are zero.
    #[error("an estimate needs at least one of its {0}")]
    NoScale(&'static str),
}

impl Curve {
    /// A curve of one replica's estimates, which are close and end at its capacity, for `replicas` of them on `gpus` GPUs in
    /// all, with requests of `output_tokens`.
    pub fn new(points: Vec<CurvePoint>, replicas: u32, gpus: u32, output_tokens: u32) -> Result<Self, CurveError> {
        if points.is_empty() {
            return Err(CurveError::Empty);
        }
        for (what, value) in [("replicas", replicas), ("GPUs", gpus), ("output tokens", output_tokens)] {
            if value == 0 {
                return Err(CurveError::NoScale(what));
            }
        }
        for point in &points {
            let quantities = [
                ("concurrency", f64::from(point.concurrency)),
                ("TTFT", point.ttft.get()),
                ("TPOT", point.tpot.get()),
                ("request rate", point.request_rate.get()),
            ];
            if let Some((quantity, _)) = quantities.into_iter().find(|(_, value)| *value <= 0.0) {
                return Err(CurveError::NotPositive { quantity, concurrency: point.concurrency });
            }
        }
        for (previous, next) in points.iter().zip(points.iter().skip(1)) {
            if previous.concurrency >= next.concurrency {
                return Err(CurveError::NotAscending { previous: previous.concurrency, next: next.concurrency });
            }
        }
        let capacity = points.last().map_or(0, |last| u64::from(last.concurrency) * u64::from(replicas));
        if capacity > MOST_CONCURRENT {
            return Err(CurveError::TooLong(capacity));
        }
        Ok(Self { points, replicas, gpus, output_tokens, extent: Extent::Whole, burst: Burst::Unknown })
    }

    /// A curve of the rows a table happens to hold, for replicas that hold `concurrency` requests each, where that is known.
    pub fn of_rows(
        points: Vec<CurvePoint>,
        replicas: u32,
        gpus: u32,
        output_tokens: u32,
        concurrency: Option<u32>,
    ) -> Result<Self, CurveError> {
        let rows = Self { extent: Extent::Rows, ..Self::new(points, replicas, gpus, output_tokens)? };
        concurrency.map_or(Ok(rows.clone()), |concurrency| rows.clipped(concurrency).ok_or(CurveError::Empty))
    }

    /// The same with what is known of the burst in its TTFT.
    #[must_use]
    pub fn with_burst(self, burst: Burst) -> Self {
        Self { burst, ..self }
    }

    /// One replica's estimates, ascending by concurrency.
    pub fn points(&self) -> &[CurvePoint] {
        &self.points
    }

    /// Engines that share the load.
    pub fn replicas(&self) -> u32 {
        self.replicas
    }

    /// GPUs held by the whole deployment.
    pub fn gpus(&self) -> u32 {
        self.gpus
    }

    /// Output tokens of each request.
    pub fn output_tokens(&self) -> u32 {
        self.output_tokens
    }

    /// What is known away from the points.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Requests the whole deployment works on at once: replicas × min(max batch size, what the KV cache holds). With
    /// [`Extent::Rows`] it is not known, and this is where the rows end.
    pub fn end(&self) -> u32 {
        self.points.last().map_or(0, |last| last.concurrency.saturating_mul(self.replicas))
    }

    /// Concurrencies there are predictions for, up to the end, as ranges.
    pub fn covered(&self) -> Vec<RangeInclusive<u32>> {
        if self.extent.is_whole() {
            return vec![1..=self.end()];
        }
        let mut ranges: Vec<RangeInclusive<u32>> = vec![];
        for concurrency in (1..=self.end()).filter(|concurrency| self.covers(*concurrency)) {
            match ranges.last_mut() {
                Some(last) if last.end() + 1 == concurrency => *last = *last.start()..=concurrency,
                _ => ranges.push(concurrency..=concurrency),
            }
        }
        ranges
    }

    /// The same for replicas that hold at most `concurrency` requests; `None` when they hold none, or no point is left.
    pub fn clipped(self, concurrency: u32) -> Option<Self> {
        let supported = self.supports(concurrency);
        let last = self.points.last()?.concurrency;
        let extent = match self.extent {
            Extent::Whole => Extent::Whole,
            Extent::RowsToCapacity if last < concurrency => Extent::RowsToCapacity,
            _ if supported => Extent::RowsToCapacity,
            _ => Extent::Rows,
        };
        if last <= concurrency {
            return Some(Self { extent, ..self });
        }
        let end = self.replica(concurrency);
        let end = CurvePoint {
            concurrency,
            ttft: Milliseconds::new(end.ttft).ok()?,
            tpot: Milliseconds::new(end.tpot).ok()?,
            request_rate: RequestsPerSecond::new(end.request_rate).ok()?,
        };
        let below = self.points.into_iter().filter(|point| point.concurrency < concurrency);
        let points = below.chain(supported.then_some(end)).collect();
        let burst = self.burst;
        Some(Self { extent, burst, ..Self::new(points, self.replicas, self.gpus, self.output_tokens).ok()? })
    }

    /// The estimate at `concurrency` concurrent requests over the whole deployment; 0 is read as 1.
    ///
    /// Requests are spread as evenly as whole numbers allow: of c = qR + r, r replicas hold q + 1 and the others q.
    /// Throughputs add; latencies are means over the requests that complete. Beyond capacity throughput and TPOT
    /// stay, and requests queue for (c − C) ÷ request rate. `None` where the points do not support an estimate.
    pub fn at(&self, concurrency: u32) -> Option<PredictedLevel> {
        let held = concurrency.clamp(1, self.end().max(1));
        let queued = concurrency.saturating_sub(held);
        if !self.covers(held) || (queued > 0 && self.extent == Extent::Rows) {
            return None;
        }
        let load = self.spread(held);
        let waiting = f64::from(queued) / load.request_rate * 1000.0;
        let tokens = load.request_rate * f64::from(self.output_tokens) / f64::from(self.gpus);
        Some(PredictedLevel {
            point: OperatingPoint {
                ttft: Milliseconds::new(load.ttft + waiting).unwrap_or_default(),
                tpot: Milliseconds::new(load.tpot).unwrap_or_default(),
                tokens_per_second_per_gpu: TokensPerSecond::new(tokens).unwrap_or_default(),
            },
            steady_ttft: load.steady_ttft.and_then(|ttft| Milliseconds::new(ttft + waiting).ok()),
            beyond_operating_point: queued > 0,
        })
    }

    /// Whether the points support an estimate for `held` ≤ capacity concurrent requests.
    fn covers(&self, held: u32) -> bool {
        self.busy(held).all(|(_, concurrency)| self.supports(concurrency))
    }

    /// Whether the points support an estimate of one replica: they were estimated for it, one is there, or two are near.
    fn supports(&self, concurrency: u32) -> bool {
        let above = self.points.partition_point(|point| point.concurrency < concurrency);
        let below = above.checked_sub(1).and_then(|below| self.points.get(below));
        match (below, self.points.get(above)) {
            _ if self.extent.is_whole() => true,
            (_, Some(above)) if above.concurrency == concurrency => true,
            (Some(below), Some(above)) => above.concurrency <= below.concurrency.saturating_mul(NEAR).saturating_add(1),
            _ => false,
        }
    }

    /// The factor for arriving together in the TTFT at a load, of the replica that has most of it; `None` where it is not known.
    pub fn burst_factor(&self, concurrency: u32) -> Option<f64> {
        self.burst.factor(concurrency.div_ceil(self.replicas))
    }

    /// Replicas that are busy with `held` requests over all, by how many each has.
    fn busy(&self, held: u32) -> impl Iterator<Item = (u32, u32)> {
        let (each, more) = (held / self.replicas, held % self.replicas);
        let parts = [(more, each + 1), (self.replicas - more, each)];
        parts.into_iter().filter(|(replicas, concurrency)| *replicas > 0 && *concurrency > 0)
    }

    /// All replicas together with `held` ≤ capacity concurrent requests.
    fn spread(&self, held: u32) -> ReplicaFigures {
        let mut sum = ReplicaFigures { steady_ttft: Some(0.0), ..ReplicaFigures::default() };
        for (replicas, concurrency) in self.busy(held) {
            let one = self.replica(concurrency);
            let rate = f64::from(replicas) * one.request_rate;
            sum.ttft += rate * one.ttft;
            let steady = self.burst.factor(concurrency).map(|factor| rate * one.ttft / factor);
            sum.steady_ttft = sum.steady_ttft.zip(steady).map(|(sum, more)| sum + more);
            sum.tpot += rate * one.tpot;
            sum.request_rate += rate;
        }
        let rate = sum.request_rate;
        ReplicaFigures {
            ttft: sum.ttft / rate,
            tpot: sum.tpot / rate,
            steady_ttft: sum.steady_ttft.map(|ttft| ttft / rate),
            ..sum
        }
    }

    /// One replica with `concurrency` requests, interpolated on log-log axes. Below the first point latencies are the
    /// first point's, and the rate is in proportion to the requests (Little's law).
    fn replica(&self, concurrency: u32) -> ReplicaFigures {
        let above = self.points.partition_point(|point| point.concurrency < concurrency);
        match (above.checked_sub(1).and_then(|below| self.points.get(below)), self.points.get(above)) {
            (Some(below), Some(above)) => between(below, above, f64::from(concurrency)),
            (None, Some(first)) => {
                let share = f64::from(concurrency) / f64::from(first.concurrency);
                let first = ReplicaFigures::from(first);
                ReplicaFigures { request_rate: first.request_rate * share, ..first }
            }
            (Some(last), None) => ReplicaFigures::from(last),
            (None, None) => ReplicaFigures::default(),
        }
    }
}

/// A point in plain numbers: milliseconds, milliseconds, requests per second.
#[derive(Clone, Copy, Default)]
struct ReplicaFigures {
    ttft: f64,
    /// Of several replicas together only.
    steady_ttft: Option<f64>,
    tpot: f64,
    request_rate: f64,
}

impl From<&CurvePoint> for ReplicaFigures {
    fn from(point: &CurvePoint) -> Self {
        let (ttft, tpot, request_rate) = (point.ttft.get(), point.tpot.get(), point.request_rate.get());
        Self { ttft, tpot, request_rate, steady_ttft: None }
    }
}

fn between(below: &CurvePoint, above: &CurvePoint, concurrency: f64) -> ReplicaFigures {
    let (x0, x1) = (f64::from(below.concurrency), f64::from(above.concurrency));
    let weight = (concurrency / x0).ln() / (x1 / x0).ln();
    let (a, b) = (ReplicaFigures::from(below), ReplicaFigures::from(above));
    // The points themselves are given back to the last digit.
    let mix = |y0: f64, y1: f64| if weight >= 1.0 { y1 } else { y0 * (y1 / y0).powf(weight) };
    ReplicaFigures {
        ttft: mix(a.ttft, b.ttft),
        tpot: mix(a.tpot, b.tpot),
        request_rate: mix(a.request_rate, b.request_rate),
        steady_ttft: None,
    }
}

/// A curve as it is read, before it is checked.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Unchecked {
    points: Vec<CurvePoint>,
    replicas: u32,
    gpus: u32,
    output_tokens: u32,
    #[serde(default)]
    extent: Extent,
    #[serde(default)]
    burst: Burst,
}

impl TryFrom<Unchecked> for Curve {
    type Error = CurveError;

    fn try_from(read: Unchecked) -> Result<Self, CurveError> {
        let whole = Self::new(read.points, read.replicas, read.gpus, read.output_tokens)?;
        Ok(Self { extent: read.extent, burst: read.burst, ..whole })
    }
}

#[cfg(test)]
mod tests;
