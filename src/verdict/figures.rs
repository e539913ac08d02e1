//! What the report shows (METHOD §11), as numbers: throughput at the SLA, errors, percentiles, request latency, good requests,
//! cost, and how well the predictor ordered the candidates.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::judged::{Judged, JudgedVariant};
use super::rows::estimated_at;
use crate::api::Role;
use crate::judgement::gain::IntervalEstimate;
use crate::judgement::level::levels;
use crate::judgement::side::Side;
use crate::measurement::{Distribution, Measurement};
use crate::method::trial::Trial;
use crate::prediction::OperatingPoint;
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

const SECONDS_PER_HOUR: f64 = 3600.0;
const TOKENS_OF_COST: f64 = 1e6;
/// Candidates from which on their order says something.
const ORDERED_CANDIDATES: usize = 3;

/// The judgement as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgementFigures {
    /// In the order of the spec.
    pub variants: Vec<VariantFigures>,
    /// How well the predictor ordered the candidates; from three on.
    pub ordering: Option<Ordering>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VariantFigures {
    /// Name in the spec.
    pub name: String,
    /// Output tokens per second and GPU where the SLA is just met, exact or as a bound, and its interval where it is exact.
    pub at_sla: Option<(f64, Option<(f64, f64)>)>,
    /// Levels with accepted trials, ascending.
    pub levels: Vec<LevelFigures>,
    /// Concurrency → what was judged there.
    pub means: BTreeMap<u32, JudgedMeans>,
}

/// Means over the accepted trials of a level, not rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedMeans {
    /// Latency and throughput.
    pub point: OperatingPoint,
    /// How far the estimate is off.
    pub errors: Option<ErrorFigures>,
}

/// Measured ÷ predicted − 1, in percent. TTFT is reported, not judged: the predictor's contains a burst that the measured one
/// does not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErrorFigures {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<f64>,
    /// Of tokens/s/GPU.
    #[serde(default, rename = "tokensPerSecondPerGpu", skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
}

impl ErrorFigures {
    /// How far one point is off another.
    pub fn of(measured: &OperatingPoint, predicted: &OperatingPoint) -> Self {
        let error = |measured: f64, predicted: f64| {
            Some(100.0 * (measured / predicted - 1.0)).filter(|error| error.is_finite())
        };
        let tokens = |point: &OperatingPoint| point.tokens_per_second_per_gpu.get();
        Self {
            ttft: error(measured.ttft.get(), predicted.ttft.get()),
            tpot: error(measured.tpot.get(), predicted.tpot.get()),
            tokens: error(tokens(measured), tokens(predicted)),
        }
    }
}

/// Figures of one level. Each is the mean over the accepted trials: a percentile here is the mean of their percentiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelFigures {
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// Accepted trials.
    pub trials: usize,
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
    /// How far the accepted trials lie apart.
    pub spread: Spreads,
    /// Completed requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests that meet all limits, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_requests_percent: Option<f64>,
    /// Cost of a million output tokens, in the currency of `hardware.gpuHourlyCost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_million_output_tokens: Option<f64>,
    /// Energy that the variant's GPUs took, per output token, where the load tool watched all of them and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_output_token: Option<f64>,
}

/// How far the accepted trials of a level lie apart, for each figure that is plotted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ordering {
    /// Pairs in the predicted order.
    pub agreeing: usize,
    /// Pairs with a throughput on both sides, predicted and measured.
    pub pairs: usize,
}

pub fn figures(judged: &Judged) -> JudgementFigures {
    JudgementFigures {
        variants: judged.variants().map(|variant| of_variant(judged, variant)).collect(),
        ordering: ordering(judged),
    }
}

fn of_variant(judged: &Judged, variant: JudgedVariant) -> VariantFigures {
    let trials: Vec<&Trial> = variant.records.trials.iter().collect();
    let shown = levels(&judged.evidence.rules.sla, &trials);
    let prediction = variant.records.prediction.as_ref();
    let means = shown.iter().filter_map(|level| {
        let shown = level.shown.as_ref()?;
        let point = OperatingPoint {
            ttft: Milliseconds::new(shown.ttft).ok()?,
            tpot: Milliseconds::new(shown.tpot).ok()?,
            tokens_per_second_per_gpu: TokensPerSecond::new(shown.tokens_per_second_per_gpu).ok()?,
        };
        let estimate = estimated_at(prediction, level.concurrency).filter(|at| !at.beyond_operating_point);
        let errors = estimate.map(|at| ErrorFigures::of(&point, &at.point));
        Some((level.concurrency, JudgedMeans { point, errors }))
    });
    let standpoint = &variant.shown.standpoint;
    let exact = matches!(standpoint.side, Side::Value(_));
    let interval = standpoint.own.as_ref().filter(|_| exact).and_then(IntervalEstimate::telling_interval);
    let cost = judged.evidence.gpu_hourly_cost;
    VariantFigures {
        name: variant.records.name.clone(),
        at_sla: standpoint
            .side
            .throughput()
            .map(|at| (at.tokens_per_second_per_gpu(), interval.map(|(low, high)| (low.exp(), high.exp())))),
        levels: shown.iter().filter_map(|level| level_figures(level.concurrency, variant, cost)).collect(),
        means: means.collect(),
    }
}

fn level_figures(concurrency: u32, variant: JudgedVariant, gpu_hourly_cost: Option<f64>) -> Option<LevelFigures> {
    let accepted = variant.records.accepted().filter(|(of, _)| of.record.trial.key.concurrency == concurrency);
    let trials: Vec<&Measurement> = accepted.map(|(_, measured)| measured).collect();
    let gpus = f64::from(variant.records.gpus.get());
    let per_gpu = |trial: &Measurement| Some(trial.output_tokens_per_second?.get() / gpus);
    let of = |figure: &dyn Fn(&Measurement) -> Option<f64>| {
        mean(&trials.iter().filter_map(|trial| figure(trial)).collect::<Vec<_>>())
    };
    let tokens = of(&per_gpu)?;
    Some(LevelFigures {
        concurrency,
        trials: trials.len(),
        tokens_per_second_per_gpu: rounded(tokens),
        spread: spreads(&trials, gpus)?,
        ttft: distribution(&trials, |trial| trial.ttft),
        tpot: distribution(&trials, |trial| trial.tpot),
        request_latency: distribution(&trials, |trial| trial.request_latency),
        requests_per_second: of(&|trial| trial.requests_per_second.map(RequestsPerSecond::get))
            .and_then(|rate| RequestsPerSecond::new(rounded(rate)).ok()),
        good_requests_percent: of(&|trial| trial.good_requests_percent).map(rounded),
        cost_per_million_output_tokens: gpu_hourly_cost
            .filter(|_| tokens > 0.0)
            .map(|cost| rounded(cost_per_million_tokens(cost, tokens))),
        joules_per_output_token: of(&|trial| joules_per_output_token(trial, variant.records.gpus)).map(rounded),
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    Some(values.iter().sum::<f64>() / values.len() as f64).filter(|mean| mean.is_finite())
}

/// What a million output tokens cost at so many tokens/s/GPU.
pub fn cost_per_million_tokens(gpu_hourly_cost: f64, tokens_per_second_per_gpu: f64) -> f64 {
    gpu_hourly_cost / (tokens_per_second_per_gpu * SECONDS_PER_HOUR) * TOKENS_OF_COST
}

/// Energy per output token in joules, from the start to the end of a trial. Both have the times in them in which the
/// deployment is not loaded in full.
pub fn joules_per_token(joules: f64, requests: u32, output_tokens: f64) -> f64 {
    joules / (f64::from(requests) * output_tokens)
}

/// None where others' GPUs were watched, too, or not all of the variant's.
fn joules_per_output_token(trial: &Measurement, gpus: NonZeroU32) -> Option<f64> {
    let facts = &trial.facts;
    if facts.gpus_watched != Some(gpus.get()) || facts.requests_unknown == Some(true) {
        return None;
    }
    Some(joules_per_token(facts.gpu_joules?, trial.requests, facts.output_tokens?)).filter(|joules| joules.is_finite())
}

/// To three decimals, as the status shows figures: more are noise, and take room.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn spreads(trials: &[&Measurement], gpus: f64) -> Option<Spreads> {
    let shown =
        |figure: &dyn Fn(&Measurement) -> Option<f64>| Spread::of(trials.iter().filter_map(|trial| figure(trial)));
    Some(Spreads {
        ttft: shown(&|trial| Some(trial.ttft?.mean.get()))?,
        tpot: shown(&|trial| Some(trial.tpot?.mean.get()))?,
        tpot_p50: shown(&|trial| trial.tpot.and_then(|tpot| tpot.p50).map(Milliseconds::get)),
        tokens_per_second_per_gpu: shown(&|trial| Some(trial.output_tokens_per_second?.get() / gpus))?,
        requests_per_second: shown(&|trial| trial.requests_per_second.map(RequestsPerSecond::get)),
    })
}

fn distribution(trials: &[&Measurement], of: fn(&Measurement) -> Option<Distribution>) -> Option<Distribution> {
    let all: Vec<Distribution> = trials.iter().filter_map(|trial| of(trial)).collect();
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

fn ordering(judged: &Judged) -> Option<Ordering> {
    let candidates = || judged.variants().filter(|variant| variant.records.role == Role::Candidate);
    if candidates().filter(|variant| variant.shown.predicted.is_some()).count() < ORDERED_CANDIDATES {
        return None;
    }
    let predicted = |variant: &JudgedVariant| variant.shown.predicted.as_ref()?.throughput();
    let measured = |variant: &JudgedVariant| Some(variant.shown.standpoint.side.throughput()?.log_tokens);
    let both: Vec<(f64, f64)> =
        candidates().filter_map(|variant| Some((predicted(&variant)?, measured(&variant)?))).collect();
    let agrees = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0) == a.1.total_cmp(&b.1);
    let pairs = both.iter().enumerate().flat_map(|(i, a)| both.iter().skip(i + 1).map(move |b| agrees(a, b)));
    let agreeing: Vec<bool> = pairs.collect();
    Some(Ordering { agreeing: agreeing.iter().filter(|agrees| **agrees).count(), pairs: agreeing.len() })
}
