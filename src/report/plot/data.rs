//! What the pictures show: the five plots of NVIDIA's guide, throughput over load, and the advertised points.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::axis::{Axis, Scale};
use super::{Plot, Point, Series};
use crate::api::{Limit, Statistic, VariantStatus};
use crate::judgement::figures::{LevelFigures, Spread};
use crate::prediction::{Claim, Curve};
use crate::report::model::Report;

/// Points of a predicted line at most.
const LINE_POINTS: u32 = 40;

const CONCURRENCY: Axis = Axis { label: "requests in flight", scale: Scale::Logarithmic };

/// What is shown of a level: where it is, and how far its repetitions lie apart.
type Measured = fn(&LevelFigures) -> Option<(f64, Option<Spread>)>;
/// What is predicted at a concurrency: of latencies and throughput, with GPUs and output tokens for conversion.
type Predicted = fn(&crate::prediction::OperatingPoint, Scaling) -> f64;

#[derive(Clone, Copy)]
struct Scaling {
    gpus: f64,
    output_tokens: f64,
}

/// Every picture of the report, the most telling one first.
pub fn plots(report: &Report) -> Vec<Plot> {
    let mean = report.spec.sla.statistic == Statistic::Mean;
    let median = report.spec.sla.statistic == Statistic::P50;
    let (ttft, tpot) = (&report.spec.sla.ttft_milliseconds, &report.spec.sla.tpot_milliseconds);
    let limit =
        |shown: bool, limit: &Limit| limit.value().filter(|_| shown).map(|value| (value, format!("SLA {limit} ms")));
    vec![
        pareto(report),
        over_concurrency(
            report,
            Over {
                id: "throughput",
                title: "Throughput per GPU",
                caption: "Output tokens per second and GPU held.",
                y: Axis { label: "tokens/s/GPU", scale: Scale::Logarithmic },
                measured: |l| Some((l.tokens_per_second_per_gpu, Some(l.spread.tokens_per_second_per_gpu))),
                predicted: Some(|point, _| point.tokens_per_second_per_gpu.get()),
                limit: None,
            },
        ),
        over_concurrency(
            report,
            Over {
                id: "ttft",
                title: "Mean time to first token",
                caption: "The predictor's TTFT holds a heuristic for bursts: it is shown and not judged.",
                y: Axis { label: "TTFT, ms", scale: Scale::Logarithmic },
                measured: |l| Some((l.ttft?.mean.get(), Some(l.spread.ttft))),
                predicted: Some(|point, _| point.ttft.get()),
                limit: limit(mean, ttft),
            },
        ),
        over_concurrency(
            report,
            Over {
                id: "tpot",
                title: "Mean inter-token latency",
                caption: "Time per output token after the first (TPOT).",
                y: Axis { label: "TPOT, ms", scale: Scale::Linear },
                measured: |l| Some((l.tpot?.mean.get(), Some(l.spread.tpot))),
                predicted: Some(|point, _| point.tpot.get()),
                limit: limit(mean, tpot),
            },
        ),
        over_concurrency(
            report,
            Over {
                id: "tpot-p50",
                title: "Median inter-token latency",
                caption: "Median over requests, averaged over repetitions. Medians are not predicted.",
                y: Axis { label: "median TPOT, ms", scale: Scale::Linear },
                measured: |l| Some((l.tpot?.p50?.get(), l.spread.tpot_p50)),
                predicted: None,
                limit: limit(median, tpot),
            },
        ),
        over_concurrency(
            report,
            Over {
                id: "requests",
                title: "Request throughput",
                caption: "Completed requests per second of the whole deployment.",
                y: Axis { label: "requests/s", scale: Scale::Logarithmic },
                measured: |l| Some((l.requests_per_second?.get(), l.spread.requests_per_second)),
                predicted: Some(|point, by| point.tokens_per_second_per_gpu.get() * by.gpus / by.output_tokens),
                limit: None,
            },
        ),
    ]
}

struct Over {
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    y: Axis,
    measured: Measured,
    predicted: Option<Predicted>,
    limit: Option<(f64, String)>,
}

fn over_concurrency(report: &Report, over: Over) -> Plot {
    let series = each(report, |report, variant, series| {
        let by = scaling(report, variant);
        let (curve, claim) = prediction(report, variant);
        if let Some(predicted) = over.predicted {
            let at = |(c, point): &(u32, crate::prediction::OperatingPoint)| (f64::from(*c), predicted(point, by));
            let lines = curve.map(|curve| lines(curve, top(report))).unwrap_or_default();
            series.predicted = lines.iter().map(|line| line.iter().map(at).collect()).collect();
            series.claimed = claim.map(|claim| (f64::from(claim.concurrency), predicted(&claim.point, by)));
        }
        let levels = levels(report, variant).iter();
        series.measured = levels
            .filter_map(|level| {
                let (value, spread) = (over.measured)(level)?;
                let y = spread.map(|spread| (spread.low, spread.high));
                Some(Point { at: (f64::from(level.concurrency), value), x: None, y })
            })
            .collect();
    });
    Plot {
        id: over.id,
        title: over.title,
        caption: over.caption,
        x: CONCURRENCY,
        y: over.y,
        x_limit: None,
        y_limit: over.limit,
        series,
    }
}

/// What a GPU delivers over what a user gets: who is further up and to the right is better at both.
fn pareto(report: &Report) -> Plot {
    let at = |point: &crate::prediction::OperatingPoint| {
        (point.tokens_per_second_per_user(), point.tokens_per_second_per_gpu.get())
    };
    let series = each(report, |report, variant, series| {
        let (curve, claim) = prediction(report, variant);
        let lines = curve.map(|curve| lines(curve, top(report))).unwrap_or_default();
        series.predicted = lines.iter().map(|line| line.iter().map(|(_, point)| at(point)).collect()).collect();
        series.claimed = claim.map(|claim| at(&claim.point));
        series.measured = levels(report, variant)
            .iter()
            .filter_map(|level| {
                let tpot = level.tpot?.mean.get();
                let per_user = |tpot: f64| if tpot > 0.0 { 1000.0 / tpot } else { 0.0 };
                let Spread { low, high } = level.spread.tpot;
                let tokens = level.spread.tokens_per_second_per_gpu;
                Some(Point {
                    at: (per_user(tpot), level.tokens_per_second_per_gpu),
                    x: Some((per_user(high), per_user(low))),
                    y: Some((tokens.low, tokens.high)),
                })
            })
            .collect();
    });
    let tpot = &report.spec.sla.tpot_milliseconds;
    let limit = tpot.value().filter(|_| report.spec.sla.statistic == Statistic::Mean);
    Plot {
        id: "pareto",
        title: "Efficiency: what a GPU delivers over what a user gets",
        caption: "Each point is a level. Further up and to the right is better; the SLA on TPOT is kept to the right of its line.",
        x: Axis { label: "tokens/s/user", scale: Scale::Linear },
        y: Axis { label: "tokens/s/GPU", scale: Scale::Linear },
        x_limit: limit.map(|limit| (1000.0 / limit, format!("SLA: TPOT {tpot} ms"))),
        y_limit: None,
        series,
    }
}

fn each(report: &Report, fill: impl Fn(&Report, &VariantStatus, &mut Series)) -> Vec<Series> {
    let variants = report.variants.iter().zip(0..);
    variants
        .map(|(variant, index)| {
            let mut series = Series { index, name: variant.name.clone(), ..Series::default() };
            fill(report, variant, &mut series);
            series
        })
        .collect()
}

fn levels<'a>(report: &'a Report, variant: &VariantStatus) -> &'a [LevelFigures] {
    report.figures.variants.iter().find(|figures| figures.name == variant.name).map_or(&[], |f| &f.levels)
}

fn prediction<'a>(report: &'a Report, variant: &VariantStatus) -> (Option<&'a Curve>, Option<&'a Claim>) {
    let prediction = report.predictions.get(&variant.name);
    (prediction.and_then(|p| p.curve.as_ref()), prediction.and_then(|p| p.claim.as_ref()))
}

fn scaling(report: &Report, variant: &VariantStatus) -> Scaling {
    Scaling {
        gpus: f64::from(report.gpus(variant)),
        output_tokens: f64::from(report.spec.workload.output_tokens.max(1)),
    }
}

/// The highest level of any variant, measured or planned.
fn top(report: &Report) -> u32 {
    let levels = report.variants.iter().flat_map(|variant| &variant.levels);
    levels.filter_map(|level| u32::try_from(level.concurrency).ok()).max().unwrap_or(u32::MAX)
}

/// The prediction from one request in flight to the highest level, as lines: not beyond what the engines hold, nor where
/// nothing supports it, since there it would be a guess. Evenly spaced on a logarithmic axis.
fn lines(curve: &Curve, top: u32) -> Vec<Vec<(u32, crate::prediction::OperatingPoint)>> {
    let end = curve.end().min(top).max(1);
    let step = |n: u32| f64::from(end).powf(f64::from(n) / f64::from(LINE_POINTS)).round() as u32;
    let mut levels: BTreeSet<u32> = (0..=LINE_POINTS).map(step).collect();
    let covered = curve.covered();
    levels.extend(covered.iter().flat_map(|range| [*range.start(), (*range.end()).min(end)]));
    let line = |range: &RangeInclusive<u32>| {
        let within = levels.iter().filter(|concurrency| range.contains(concurrency) && **concurrency <= end);
        within.filter_map(|concurrency| Some((*concurrency, curve.at(*concurrency)?.point))).collect()
    };
    covered.iter().map(line).collect()
}
