//! The rules that take several trials: those of a level and round, and those of several variants.

use super::super::{Measurement, exceeds};
use crate::api::{EvidenceCode, Finding};

/// Coefficient of variation of the trials of a level and round at most, in percent.
const VARIATION_PERCENT: f64 = 5.0;
/// How far mean prompt lengths of variants may be apart, in percent.
const INPUT_LENGTH_PERCENT: f64 = 1.0;

/// For how much of a trial the power limit may hold a GPU back, in percent. METHOD names none.
const THROTTLED_PERCENT: f64 = 1.0;
/// How far mean SM clocks of variants may be apart, in percent.
const CLOCKS_PERCENT: f64 = 3.0;

/// Name and value of a figure that is judged.
type JudgedFigure = (&'static str, fn(&Measurement) -> Option<f64>);

/// TTFT is left out: it is not judged, and scatters by nature.
const JUDGED: [JudgedFigure; 2] =
    [("tokens/s", |m| Some(m.output_tokens_per_second?.get())), ("TPOT", |m| Some(m.tpot?.mean.get()))];

/// Accepted trials of one level and round: `HighVariance` where they scatter.
pub fn scatter(trials: &[&Measurement]) -> Option<Finding> {
    let variations = JUDGED.iter().filter_map(|(name, figure)| {
        let values: Vec<f64> = trials.iter().filter_map(|trial| figure(trial)).collect();
        Some((*name, variation_percent(&values)?)).filter(|(_, percent)| exceeds(*percent, VARIATION_PERCENT))
    });
    let texts: Vec<String> = variations.map(|(name, percent)| format!("{name} by {percent:.1} %")).collect();
    (!texts.is_empty()).then(|| {
        let message =
            format!("{} trials scatter: {}; up to {VARIATION_PERCENT} % is normal", trials.len(), texts.join(", "));
        Finding::new(EvidenceCode::HighVariance, message)
    })
}

/// Standard deviation ÷ mean, in percent; `None` with fewer than two values or a mean of zero.
fn variation_percent(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1 && mean > 0.0).then(|| 100.0 * (squares / (count - 1.0)).sqrt() / mean)
}

/// Mean prompt lengths of variants at one level: `InputLengthMismatch` where two are more than 1 % apart, since their work
/// then differs.
pub fn input_lengths(variants: &[(&str, f64)]) -> Option<Finding> {
    let shortest = variants.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let longest = variants.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let apart = 100.0 * (longest.1 / shortest.1 - 1.0);
    exceeds(apart, INPUT_LENGTH_PERCENT).then(|| {
        let message = format!(
            "prompts of {1} have {0:.1} tokens on average, those of {3} {2:.1}: {apart:.1} % apart; up to \
             {INPUT_LENGTH_PERCENT} % is allowed",
            longest.1, longest.0, shortest.1, shortest.0
        );
        Finding::new(EvidenceCode::InputLengthMismatch, message)
    })
}

/// Mean SM clocks of a variant and the baseline: `ClocksDiffer` where they are more than 3 % apart.
pub fn clocks(own: f64, baseline: f64) -> Option<Finding> {
    let apart = 100.0 * (own.max(baseline) / own.min(baseline) - 1.0);
    exceeds(apart, CLOCKS_PERCENT).then(|| {
        let message = format!(
            "the GPUs ran at {own:.0} MHz here and at {baseline:.0} MHz for the baseline on average: {apart:.1} % apart; \
             up to {CLOCKS_PERCENT} % is normal"
        );
        Finding::new(EvidenceCode::ClocksDiffer, message)
    })
}

/// The largest share of a trial for which the power limit held a GPU back: `ClocksDiffer` where it is more than 1 %.
pub fn throttling(percent: f64) -> Option<Finding> {
    exceeds(percent, THROTTLED_PERCENT).then(|| {
        let message = format!(
            "the power limit held a GPU back for {percent:.1} % of a trial; up to {THROTTLED_PERCENT} % is normal: its clock is not \
             the one of a GPU that is cooler or draws less"
        );
        Finding::new(EvidenceCode::ClocksDiffer, message)
    })
}

/// `SingleDeployment` where all trials come from one.
pub fn deployments(count: usize) -> Option<Finding> {
    (count == 1).then(|| {
        let message = "all trials come from one deployment: how much deployments differ is assumed, not seen";
        Finding::new(EvidenceCode::SingleDeployment, message)
    })
}
