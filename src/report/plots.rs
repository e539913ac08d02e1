//! The plots of a report: the five of NVIDIA's guide, the Pareto view, and how the measurements relate to the estimates.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::axis::{Axis, Scale};
use super::model::{Report, ReportVariant};
use super::plot::{LimitLine, Plot, PlotPoint, Series};
use crate::api::{LatencyLimit, Statistic};
use crate::prediction::{self, Curve};
use crate::verdict::figures::{LevelFigures, Spread};

/// Points of an estimated line at most.
const LINE_POINTS: u32 = 40;

const CONCURRENCY: Axis = Axis { label: "concurrent requests", scale: Scale::Logarithmic };

/// What is shown of a measured level, and how far its trials lie apart.
type MeasuredFigure = fn(&LevelFigures) -> Option<(f64, Option<Spread>)>;
/// What is shown of an estimate or a claim.
type EstimatedFigure = fn(&prediction::OperatingPoint, Scaling) -> f64;

/// What turns throughput per GPU into requests per second.
#[derive(Clone, Copy)]
struct Scaling {
    gpus: f64,
    output_tokens: f64,
}

/// One quantity over the load.
struct PlottedQuantity {
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    y: Axis,
    measured: MeasuredFigure,
    estimated: Option<EstimatedFigure>,
    limit: Option<LimitLine>,
}

/// Every plot of the report, the most telling one first.
pub fn plots(report: &Report) -> Vec<Plot> {
    let over = [throughput(), ttft(report), tpot(report), median_tpot(report), requests()];
    let over = over.into_iter().map(|over| over_concurrency(report, over));
    [pareto(report), over_estimated(report)].into_iter().chain(over).collect()
}

fn throughput() -> PlottedQuantity {
    PlottedQuantity {
        id: "throughput",
        title: "Throughput per GPU",
        caption: "Output tokens per second and GPU held.",
        y: Axis { label: "tokens/s/GPU", scale: Scale::Logarithmic },
        measured: |level| Some((level.tokens_per_second_per_gpu, Some(level.spread.tokens_per_second_per_gpu))),
        estimated: Some(|point, _| point.tokens_per_second_per_gpu.get()),
        limit: None,
    }
}

fn ttft(report: &Report) -> PlottedQuantity {
    PlottedQuantity {
        id: "ttft",
        title: "Mean time to first token",
        caption: "The predictor's TTFT includes a heuristic for bursts, so it is shown but not judged.",
        y: Axis { label: "TTFT, ms", scale: Scale::Logarithmic },
        measured: |level| Some((level.ttft?.mean.get(), Some(level.spread.ttft))),
        estimated: Some(|point, _| point.ttft.get()),
        limit: limit(report, Statistic::Mean, report.spec.sla.ttft_limit()),
    }
}

fn tpot(report: &Report) -> PlottedQuantity {
    PlottedQuantity {
        id: "tpot",
        title: "Mean inter-token latency",
        caption: "Time per output token after the first (TPOT).",
        y: Axis { label: "TPOT, ms", scale: Scale::Linear },
        measured: |level| Some((level.tpot?.mean.get(), Some(level.spread.tpot))),
        estimated: Some(|point, _| point.tpot.get()),
        limit: limit(report, Statistic::Mean, report.spec.sla.tpot_limit()),
    }
}

fn median_tpot(report: &Report) -> PlottedQuantity {
    PlottedQuantity {
        id: "tpot-p50",
        title: "Median inter-token latency",
        caption: "Median over requests, averaged over trials. There are no estimates of medians.",
        y: Axis { label: "median TPOT, ms", scale: Scale::Linear },
        measured: |level| Some((level.tpot?.p50?.get(), level.spread.tpot_p50)),
        estimated: None,
        limit: limit(report, Statistic::P50, report.spec.sla.tpot_limit()),
    }
}

fn requests() -> PlottedQuantity {
    PlottedQuantity {
        id: "requests",
        title: "Request throughput",
        caption: "Completed requests per second of the whole deployment.",
        y: Axis { label: "requests/s", scale: Scale::Logarithmic },
        measured: |level| Some((level.requests_per_second?.get(), level.spread.requests_per_second)),
        estimated: Some(|point, by| point.tokens_per_second_per_gpu.get() * by.gpus / by.output_tokens),
        limit: None,
    }
}

/// A limit of the SLA, where it applies to the statistic that is shown.
fn limit(report: &Report, shown: Statistic, limit: Option<LatencyLimit>) -> Option<LimitLine> {
    let is_shown = |limit: &LatencyLimit| limit.statistic == shown && report.spec.sla.good_percent.is_none();
    let limit = limit.filter(is_shown)?.milliseconds;
    Some(LimitLine { value: limit.value()?, text: format!("SLA {limit} ms") })
}

fn over_concurrency(report: &Report, over: PlottedQuantity) -> Plot {
    let series = |variant: &ReportVariant, series: &mut Series| {
        let by = scaling(report, variant);
        if let Some(estimated) = over.estimated {
            let at = |(c, point): &(u32, prediction::OperatingPoint)| (f64::from(*c), estimated(point, by));
            series.estimate = lines(report, variant).iter().map(|line| line.iter().map(at).collect()).collect();
            series.claim =
                report.claim(variant).map(|claim| (f64::from(claim.concurrency), estimated(&claim.point, by)));
        }
        let point = |level: &LevelFigures| {
            let (value, spread) = (over.measured)(level)?;
            let y = spread.map(|spread| (spread.low, spread.high));
            Some(PlotPoint { at: (f64::from(level.concurrency), value), x: None, y })
        };
        series.measured = measured(variant).filter_map(point).collect();
    };
    Plot {
        id: over.id,
        title: over.title,
        caption: over.caption,
        x: CONCURRENCY,
        y: over.y,
        x_limit: None,
        y_limit: over.limit.clone(),
        series: of_variants(report, series),
        about: about(report),
        mark: report.simulated.then_some("simulated"),
    }
}

/// What a GPU delivers over what a user gets: further up and to the right is better at both.
fn pareto(report: &Report) -> Plot {
    let at = |point: &prediction::OperatingPoint| {
        (point.tokens_per_second_per_user(), point.tokens_per_second_per_gpu.get())
    };
    let series = |variant: &ReportVariant, series: &mut Series| {
        let lines = lines(report, variant);
        series.estimate = lines.iter().map(|line| line.iter().map(|(_, point)| at(point)).collect()).collect();
        let claim = report.claim(variant);
        series.claim = claim.map(|claim| at(&claim.point));
        let kept = claim.and_then(|claim| measured(variant).find(|level| level.concurrency == claim.concurrency));
        series.outcome = kept.and_then(pareto_point).map(|point| point.at);
        series.measured = measured(variant).filter_map(pareto_point).collect();
    };
    let limit = limit(report, Statistic::Mean, report.spec.sla.tpot_limit());
    Plot {
        id: "pareto",
        title: "Efficiency: what a GPU delivers over what a user gets",
        caption: "Each point is a level. Further up and to the right is better; points to the right of the line meet the SLA on TPOT. An arrow leads from a claim to what was measured at its load.",
        x: Axis { label: "tokens/s/user", scale: Scale::Linear },
        y: Axis { label: "tokens/s/GPU", scale: Scale::Linear },
        x_limit: limit
            .map(|limit| LimitLine { value: 1000.0 / limit.value, text: limit.text.replace("SLA ", "SLA: TPOT ") }),
        y_limit: None,
        series: of_variants(report, series),
        about: about(report),
        mark: report.simulated.then_some("simulated"),
    }
}

/// Measured ÷ estimated throughput: how far each estimate is off, whatever its size.
fn over_estimated(report: &Report) -> Plot {
    let series = |variant: &ReportVariant, series: &mut Series| {
        let curve = report.predictions.get(&variant.name).and_then(|prediction| prediction.curve.as_ref());
        let ratio = |level: &LevelFigures| {
            let estimated = curve?.at(level.concurrency)?.point.tokens_per_second_per_gpu.get();
            let (tokens, spread) = (level.tokens_per_second_per_gpu, level.spread.tokens_per_second_per_gpu);
            let y = Some((spread.low / estimated, spread.high / estimated));
            let point = PlotPoint { at: (f64::from(level.concurrency), tokens / estimated), x: None, y };
            (estimated > 0.0).then_some(point)
        };
        series.measured = measured(variant).filter_map(ratio).collect();
    };
    Plot {
        id: "ratio",
        title: "Measured over estimated throughput",
        caption: "Tokens per second and GPU as measured, divided by the estimate at the same load. Below the line, the estimate promises more than was measured.",
        x: CONCURRENCY,
        y: Axis { label: "measured ÷ estimated", scale: Scale::Linear },
        x_limit: None,
        y_limit: Some(LimitLine { value: 1.0, text: "as estimated".into() }),
        series: of_variants(report, series),
        about: about(report),
        mark: report.simulated.then_some("simulated"),
    }
}

/// What was measured where, and when.
fn about(report: &Report) -> String {
    let run = report.run.as_ref();
    let day = run.map(|run| run.start_time.as_ref().unwrap_or(&run.queued_time).0.strftime("%F").to_string());
    let system = report.spec.hardware.system.clone();
    let parts = [Some(report.spec.model.name.clone()), Some(system), run.map(|run| format!("run {}", run.number)), day];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn pareto_point(level: &LevelFigures) -> Option<PlotPoint> {
    let per_user = |tpot: f64| if tpot > 0.0 { 1000.0 / tpot } else { 0.0 };
    let (tpot, tokens) = (level.spread.tpot, level.spread.tokens_per_second_per_gpu);
    Some(PlotPoint {
        at: (per_user(level.tpot?.mean.get()), level.tokens_per_second_per_gpu),
        x: Some((per_user(tpot.high), per_user(tpot.low))),
        y: Some((tokens.low, tokens.high)),
    })
}

/// One series for each variant, filled in.
fn of_variants(report: &Report, fill: impl Fn(&ReportVariant, &mut Series)) -> Vec<Series> {
    let series = report.variants.iter().enumerate().map(|(index, variant)| {
        let mut series = Series { index, name: variant.name.clone(), ..Series::default() };
        fill(variant, &mut series);
        series
    });
    series.collect()
}

fn measured(variant: &ReportVariant) -> impl Iterator<Item = &LevelFigures> {
    variant.levels.iter().filter_map(|level| level.figures.as_ref())
}

fn scaling(report: &Report, variant: &ReportVariant) -> Scaling {
    Scaling {
        gpus: f64::from(report.gpus(variant)),
        output_tokens: f64::from(report.spec.workload.output_tokens.max(1)),
    }
}

/// The highest level of any variant, measured or planned.
fn top(report: &Report) -> u32 {
    let levels = report.variants.iter().flat_map(|variant| &variant.levels);
    levels.map(|level| level.concurrency).max().unwrap_or(u32::MAX)
}

/// The estimates from one request to the highest level, as lines: not beyond what the engines hold, nor where nothing
/// supports them, since there they would be guesses.
fn lines(report: &Report, variant: &ReportVariant) -> Vec<Vec<(u32, prediction::OperatingPoint)>> {
    let curve = report.predictions.get(&variant.name).and_then(|prediction| prediction.curve.as_ref());
    let Some(curve) = curve else { return vec![] };
    let end = curve.end().min(top(report)).max(1);
    let levels = shown_levels(curve, end);
    let line = |range: &RangeInclusive<u32>| {
        let within = levels.iter().filter(|concurrency| range.contains(concurrency));
        within.filter_map(|concurrency| Some((*concurrency, curve.at(*concurrency)?.point))).collect()
    };
    curve.covered().iter().map(line).collect()
}

/// Evenly spaced on a logarithmic axis, and the ends of each covered range.
fn shown_levels(curve: &Curve, end: u32) -> BTreeSet<u32> {
    let step = |n: u32| f64::from(end).powf(f64::from(n) / f64::from(LINE_POINTS)).round() as u32;
    let ends = curve.covered();
    let ends = ends.iter().flat_map(|range| [*range.start(), (*range.end()).min(end)]);
    (0..=LINE_POINTS).map(step).chain(ends).filter(|concurrency| *concurrency <= end).collect()
}
