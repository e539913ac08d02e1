//! How far predictions were off at the levels that were measured (METHOD §1, §4).

use serde::{Deserialize, Serialize};

use super::decimals::signed;
use super::level::Level;
use crate::api::codes::Effect;
use crate::api::{Accuracy, AccuracyResult, EvidenceCode, Finding};
use crate::measurement::exceeds;
use crate::prediction::{PredictedLevel, Prediction};
use crate::units::count;

/// (measured − predicted) ÷ predicted at one level, in percent. TTFT is reported, not judged: the predictor's contains
/// a burst that the measured one does not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Of TTFT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<f64>,
    /// Of TPOT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<f64>,
    /// Of tokens/s/GPU.
    #[serde(default, rename = "tokensPerSecondPerGpu", skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
}

/// Signed percent by which a measured figure is off a predicted one.
pub fn error_percent(measured: f64, predicted: f64) -> Option<f64> {
    (predicted > 0.0).then(|| 100.0 * (measured / predicted - 1.0))
}

/// The errors at a level; `None` beyond capacity, where nothing is judged, and without accepted runs.
pub fn errors(level: &Level, predicted: &PredictedLevel) -> Option<Errors> {
    if predicted.beyond_operating_point {
        return None;
    }
    let point = &predicted.point;
    Some(Errors {
        ttft: error_percent(level.mean(|values| values.ttft)?, point.ttft.get()),
        tpot: error_percent(level.mean(|values| values.tpot)?, point.tpot.get()),
        tokens: error_percent(level.mean(|values| values.tokens)?, point.tokens_per_second_per_gpu.get()),
    })
}

/// What is judged of one variant.
pub struct Judged<'a> {
    /// What was predicted.
    pub prediction: &'a Prediction,
    /// What was measured.
    pub levels: &'a [Level<'a>],
    /// What was found about the variant, its prediction included.
    pub findings: &'a [Finding],
}

/// The errors that are largest by amount, over all judged levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// Of TPOT, signed percent.
    pub tpot: Option<f64>,
    /// Of tokens/s/GPU, signed percent.
    pub tokens: Option<f64>,
    /// Levels that were judged.
    pub levels: usize,
    /// Whether they are within the tolerance.
    pub result: AccuracyResult,
}

impl Worst {
    /// Over all levels of all variants whose prediction is for what was measured.
    pub fn of(variants: &[Judged], tolerance_percent: f64) -> Self {
        let comparable = variants.iter().filter(|variant| comparable(variant.findings));
        let errors: Vec<Errors> = comparable.flat_map(level_errors).collect();
        let (tpot, tokens) =
            (worst(errors.iter().filter_map(|e| e.tpot)), worst(errors.iter().filter_map(|e| e.tokens)));
        let result = match worst(tpot.into_iter().chain(tokens)) {
            None => AccuracyResult::NotJudged,
            Some(error) if exceeds(error.abs(), tolerance_percent) => AccuracyResult::Inaccurate,
            Some(_) => AccuracyResult::Accurate,
        };
        Self { tpot, tokens, levels: errors.len(), result }
    }

    /// The largest of all, signed percent.
    pub fn largest(&self) -> Option<f64> {
        worst(self.tpot.into_iter().chain(self.tokens))
    }

    /// As the status shows it.
    pub fn status(&self) -> Accuracy {
        Accuracy {
            result: self.result,
            tpot_percent: self.tpot.map(signed),
            tokens_per_second_per_gpu_percent: self.tokens.map(signed),
            levels: count(self.levels),
        }
    }
}

fn worst(errors: impl Iterator<Item = f64>) -> Option<f64> {
    errors.max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

fn comparable(findings: &[Finding]) -> bool {
    !findings.iter().any(|finding| finding.code.effect() == Effect::NotJudged)
}

/// The shape in doubt is the advertised row's: an estimate is for what is deployed, whatever the row is for.
fn level_errors(variant: &Judged) -> Vec<Errors> {
    let prediction = variant.prediction;
    let of_another_shape = variant.findings.iter().any(|finding| finding.code == EvidenceCode::NotTheDeployedShape);
    let is_estimated = |level: &&Level| estimated_at(prediction, level.concurrency).is_some();
    let judged = variant.levels.iter().filter(|level| !of_another_shape || is_estimated(level));
    judged.filter_map(|level| errors(level, &predicted_at(prediction, level.concurrency)?)).collect()
}

fn estimated_at(prediction: &Prediction, concurrency: u32) -> Option<PredictedLevel> {
    prediction.curve.as_ref().and_then(|curve| curve.at(concurrency))
}

/// The estimate for what is deployed; where there is none, the advertised point at its own concurrency.
pub fn predicted_at(prediction: &Prediction, concurrency: u32) -> Option<PredictedLevel> {
    let claim = prediction.claim.as_ref().filter(|claim| claim.concurrency == concurrency);
    estimated_at(prediction, concurrency)
        .or_else(|| Some(PredictedLevel { point: claim?.point, beyond_operating_point: false }))
}
