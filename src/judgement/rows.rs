//! What the status shows of a variant: one row for each concurrency, predictions beside measurements.

use std::collections::BTreeSet;

use super::Assessed;
use super::accuracy::{errors, predicted_at};
use super::decimals::{fixed, signed};
use super::level::Level;
use crate::api::codes::About;
use crate::api::{
    Claim, ErrorPercent, EvidenceCode, Figures, Finding, LevelEvidence, LevelStatus, Measured, Predicted, Severity,
};
use crate::measurement::audit::across;
use crate::prediction::{OperatingPoint, Prediction};
use crate::units::count;

/// Findings a row can hold.
const MAXIMUM_REASONS: usize = 8;

/// The rows of a variant: measured levels and those of the ladder, ascending.
pub fn rows(assessed: &Assessed, ladder: &[u32]) -> Vec<LevelStatus> {
    let measured = assessed.levels.iter().map(|level| level.concurrency);
    let concurrencies: BTreeSet<u32> = measured.chain(ladder.iter().copied()).collect();
    let prediction = assessed.variant.prediction.as_ref();
    let steps: Vec<(u32, f64)> = assessed.levels.iter().filter_map(step).collect();
    let row = |concurrency| row(concurrency, assessed.level(concurrency), prediction, &steps);
    concurrencies.into_iter().map(row).collect()
}

/// A level and its mean TPOT, ms.
fn step(level: &Level) -> Option<(u32, f64)> {
    Some((level.concurrency, level.mean(|values| values.tpot)?))
}

/// `steps`: mean TPOT of all levels.
fn row(concurrency: u32, level: Option<&Level>, prediction: Option<&Prediction>, steps: &[(u32, f64)]) -> LevelStatus {
    let predicted = prediction.and_then(|prediction| predicted_at(prediction, concurrency));
    let off = level.zip(predicted).and_then(|(level, predicted)| errors(level, &predicted));
    LevelStatus {
        concurrency: count(concurrency),
        runs: level.map_or(0, |level| count(level.accepted().count())),
        predicted: predicted.map(|level| Predicted {
            figures: of_point(&level.point),
            beyond_operating_point: level.beyond_operating_point,
        }),
        measured: level.and_then(measured),
        error_percent: off.map(|errors| ErrorPercent {
            ttft: errors.ttft.map(signed),
            tpot: errors.tpot.map(signed),
            tokens_per_second_per_gpu: errors.tokens.map(signed),
        }),
        sla: level.and_then(Level::state),
        evidence: level.map(|level| evidence(level, steps)).unwrap_or_default(),
    }
}

/// The point the predictor advertises.
pub fn claim(prediction: &Prediction) -> Option<Claim> {
    let claim = prediction.claim.as_ref()?;
    Some(Claim { concurrency: count(claim.concurrency), figures: of_point(&claim.advertised()) })
}

fn of_point(point: &OperatingPoint) -> Figures {
    figures(point.ttft.get(), point.tpot.get(), point.tokens_per_second_per_gpu.get())
}

fn figures(ttft: f64, tpot: f64, tokens: f64) -> Figures {
    Figures {
        ttft_milliseconds: Some(fixed(ttft)),
        tpot_milliseconds: Some(fixed(tpot)),
        tokens_per_second_per_gpu: Some(fixed(tokens)),
        tokens_per_second_per_user: (tpot > 0.0).then(|| fixed(1000.0 / tpot)),
    }
}

fn measured(level: &Level) -> Option<Measured> {
    let mean = |figure| level.mean(figure);
    let requests: u64 = level.measurements().iter().map(|measurement| u64::from(measurement.requests)).sum();
    Some(Measured {
        figures: figures(mean(|v| v.ttft)?, mean(|v| v.tpot)?, mean(|v| v.tokens)?),
        requests: count(requests),
    })
}

fn evidence(level: &Level, steps: &[(u32, f64)]) -> LevelEvidence {
    let accepted = level.accepted().count();
    let mut findings: Vec<Finding> = level.runs.iter().flat_map(|run| &run.findings).cloned().collect();
    let scatter = across::repetitions(&level.measurements());
    findings.extend(scatter.into_iter().filter(|finding| finding.code != EvidenceCode::SingleRun));
    findings.extend(step(level).and_then(|own| across::slower_than_fuller(own, steps)));
    LevelEvidence {
        accepted: count(accepted),
        rejected: count(level.runs.len() - accepted),
        reasons: digest(&findings, level.runs.len(), MAXIMUM_REASONS),
    }
}

/// One finding for each code, rejecting ones first; says how many of several runs it is about.
fn digest(findings: &[Finding], runs: usize, maximum: usize) -> Vec<Finding> {
    let mut codes: Vec<(std::cmp::Reverse<Severity>, EvidenceCode)> =
        findings.iter().map(|finding| (std::cmp::Reverse(finding.severity), finding.code)).collect();
    codes.sort_unstable();
    codes.dedup();
    let same = |severity, code| findings.iter().filter(move |f| f.severity == severity && f.code == code);
    let digested = codes.into_iter().filter_map(|(severity, code)| {
        let first = same(severity.0, code).next()?;
        let times = same(severity.0, code).count();
        let whole = times == runs || code.about() == About::Level;
        let message = if whole { first.message.clone() } else { format!("{times} of {runs} runs: {}", first.message) };
        Some(Finding::with_severity(first.code, first.severity, message))
    });
    digested.take(maximum).collect()
}
