//! What the report shows (METHOD §8), as numbers: throughput at the SLA, errors, percentiles, request latency, good requests,
//! cost, and how well the predictor ordered the candidates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accuracy::{Errors, errors, predicted_at};
use super::level::{Level, Values};
use super::position::Standing;
use super::statistics::{Estimate, mean};
use super::{Assessed, Case, assess};
use crate::api::Role;
use crate::measurement::{Distribution, Measurement};
use crate::prediction::OperatingPoint;
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

const SECONDS_PER_HOUR: f64 = 3600.0;
const TOKENS_OF_COST: f64 = 1e6;
/// Candidates from which on their order says something.
const ORDERED_CANDIDATES: usize = 3;

/// The judgement as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// In the order of the spec.
    pub variants: Vec<VariantFigures>,
    /// How well the predictor ordered the candidates; from three on.
    pub ordering: Option<Ordering>,
}

/// Figures of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantFigures {
    /// Name in the spec.
    pub name: String,
    /// Output tokens per second and GPU where the SLA is just met.
    pub at_sla: Option<Estimate>,
    /// Levels with accepted runs, ascending.
    pub levels: Vec<LevelFigures>,
    /// Concurrency → what was judged there.
    pub means: BTreeMap<u32, Means>,
}

/// Means over the accepted runs of a level, not rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Means {
    /// Latency and throughput.
    pub point: OperatingPoint,
    /// How far the prediction is off.
    pub errors: Option<Errors>,
}

/// Figures of one level. Each is the mean over the accepted runs: a percentile here is the mean of their percentiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelFigures {
    /// Requests in flight over the whole deployment.
    pub concurrency: u32,
    /// Accepted runs.
    pub runs: usize,
    /// Time to first token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Distribution>,
    /// Time per output token after the first, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Distribution>,
    /// Request latency, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_latency: Option<Distribution>,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: f64,
    /// How far the accepted runs lie apart.
    pub spread: Spreads,
    /// Completed requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests that keep both limits, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_requests_percent: Option<f64>,
    /// Cost of a million output tokens, in the currency of `hardware.gpuHourlyCost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_million_output_tokens: Option<f64>,
}

/// How far the accepted runs of a level lie apart, for each figure that is plotted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spreads {
    /// Mean time to first token, ms.
    pub ttft: Spread,
    /// Mean time per output token, ms.
    pub tpot: Spread,
    /// Median time per output token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_p50: Option<Spread>,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: Spread,
    /// Completed requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Spread>,
}

/// The lowest and the highest of several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
}

impl Spread {
    /// Of some values; `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |spread: Option<Self>, value| {
            let value = rounded(value);
            let Self { low, high } = spread.unwrap_or(Self { low: value, high: value });
            Some(Self { low: low.min(value), high: high.max(value) })
        })
    }
}

/// How many pairs of candidates stand in the predicted order, by throughput at the SLA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ordering {
    /// Pairs in the predicted order.
    pub agreeing: usize,
    /// Pairs with a throughput on both sides, predicted and measured.
    pub pairs: usize,
}

/// The figures of a case.
pub fn figures(case: &Case) -> Figures {
    let assessed = assess(case);
    let cost = case.rules.gpu_hourly_cost;
    let variants = assessed.iter().map(|assessed| VariantFigures {
        name: assessed.name().into(),
        at_sla: assessed.standing.throughput(),
        levels: assessed.levels.iter().filter_map(|level| level_figures(level, cost)).collect(),
        means: assessed.levels.iter().filter_map(|level| means(assessed, level)).collect(),
    });
    Figures { variants: variants.collect(), ordering: ordering(&assessed) }
}

fn means(assessed: &Assessed, level: &Level) -> Option<(u32, Means)> {
    let prediction = assessed.variant.prediction.as_ref();
    let predicted = prediction.and_then(|prediction| predicted_at(prediction, level.concurrency));
    let point = OperatingPoint {
        ttft: Milliseconds::new(level.mean(|values| values.ttft)?).ok()?,
        tpot: Milliseconds::new(level.mean(|values| values.tpot)?).ok()?,
        tokens_per_second_per_gpu: TokensPerSecond::new(level.mean(|values| values.tokens)?).ok()?,
    };
    Some((level.concurrency, Means { point, errors: predicted.and_then(|predicted| errors(level, &predicted)) }))
}

fn level_figures(level: &Level, gpu_hourly_cost: Option<f64>) -> Option<LevelFigures> {
    let runs = level.measurements();
    let tokens = level.mean(|values| values.tokens)?;
    let of =
        |figure: fn(&Measurement) -> Option<f64>| mean(&runs.iter().filter_map(|run| figure(run)).collect::<Vec<_>>());
    Some(LevelFigures {
        concurrency: level.concurrency,
        runs: runs.len(),
        tokens_per_second_per_gpu: rounded(tokens),
        spread: spreads(level, &runs)?,
        ttft: distribution(&runs, |run| run.ttft),
        tpot: distribution(&runs, |run| run.tpot),
        request_latency: distribution(&runs, |run| run.request_latency),
        requests_per_second: of(|run| run.requests_per_second.map(RequestsPerSecond::get))
            .and_then(|rate| RequestsPerSecond::new(rounded(rate)).ok()),
        good_requests_percent: of(|run| run.good_requests_percent).map(rounded),
        cost_per_million_output_tokens: gpu_hourly_cost
            .filter(|_| tokens > 0.0)
            .map(|cost| rounded(cost_per_million_tokens(cost, tokens))),
    })
}

/// What a million output tokens cost at so many tokens/s/GPU.
pub fn cost_per_million_tokens(gpu_hourly_cost: f64, tokens_per_second_per_gpu: f64) -> f64 {
    gpu_hourly_cost / (tokens_per_second_per_gpu * SECONDS_PER_HOUR) * TOKENS_OF_COST
}

/// To three decimals, as the status shows figures: more are noise, and take room.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn spreads(level: &Level, runs: &[&Measurement]) -> Option<Spreads> {
    let judged = |figure: fn(&Values) -> f64| Spread::of(level.accepted().map(|(_, values)| figure(&values)));
    let shown = |figure: fn(&Measurement) -> Option<f64>| Spread::of(runs.iter().filter_map(|run| figure(run)));
    Some(Spreads {
        ttft: judged(|values| values.ttft)?,
        tpot: judged(|values| values.tpot)?,
        tpot_p50: shown(|run| run.tpot.and_then(|tpot| tpot.p50).map(Milliseconds::get)),
        tokens_per_second_per_gpu: judged(|values| values.tokens)?,
        requests_per_second: shown(|run| run.requests_per_second.map(RequestsPerSecond::get)),
    })
}

fn distribution(runs: &[&Measurement], of: fn(&Measurement) -> Option<Distribution>) -> Option<Distribution> {
    let all: Vec<Distribution> = runs.iter().filter_map(|run| of(run)).collect();
    let mean_of = |statistic: fn(&Distribution) -> Option<Milliseconds>| {
        let values: Option<Vec<f64>> = all.iter().map(|of| statistic(of).map(Milliseconds::get)).collect();
        Milliseconds::new(rounded(mean(&values?)?)).ok()
    };
    Some(Distribution {
        mean: mean_of(|d| Some(d.mean))?,
        p50: mean_of(|d| d.p50),
        p90: mean_of(|d| d.p90),
        p95: mean_of(|d| d.p95),
        p99: mean_of(|d| d.p99),
    })
}

fn ordering(assessed: &[Assessed]) -> Option<Ordering> {
    let candidates = assessed.iter().filter(|variant| variant.variant.role == Role::Candidate);
    if candidates.clone().filter(|variant| variant.predicted.is_some()).count() < ORDERED_CANDIDATES {
        return None;
    }
    let value = |standing: &Standing| standing.throughput().map(|throughput| throughput.value);
    let both: Vec<(f64, f64)> = candidates
        .filter_map(|variant| Some((value(variant.predicted.as_ref()?)?, value(&variant.standing)?)))
        .collect();
    let agrees = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0) == a.1.total_cmp(&b.1);
    let pairs = both.iter().enumerate().flat_map(|(i, a)| both.iter().skip(i + 1).map(move |b| agrees(a, b)));
    let agreeing: Vec<bool> = pairs.collect();
    Some(Ordering { agreeing: agreeing.iter().filter(|agrees| **agrees).count(), pairs: agreeing.len() })
}
