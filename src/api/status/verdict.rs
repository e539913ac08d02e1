//! The verdict of a run, as status shows it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr, VariantNames};

use crate::units::Count;

/// The verdict. The first candidate's comparison is repeated at the top level.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the measurement bears out the prediction.
    pub result: VerdictResult,
    /// One sentence that claims no more than the evidence supports.
    #[schemars(length(max = 512))]
    pub summary: String,
    /// The variant that is significantly better than every other, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 14))]
    pub winner: Option<String>,
    /// Measured gain as shown in the column GAIN, for example `+23.4%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub gain: Option<String>,
    /// Largest judged prediction error as shown in the column PRED-ERR, for example `-12.1%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub prediction_error: Option<String>,
    /// Outcome according to the predictions.
    pub predicted: OutcomeStatus,
    /// Outcome according to the measurements.
    pub measured: OutcomeStatus,
    /// How far off the predictions were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// How many variants have an accepted level that meets the SLA, for example `1/2 meet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub sla: Option<String>,
    /// One entry for each candidate, in the order of the spec.
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub comparisons: Vec<CandidateComparison>,
}

/// Whether the measurement bears out the prediction.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
pub enum VerdictResult {
    /// Same direction, and the errors are within the tolerance.
    Confirmed,
    /// Same direction, but errors exceed the tolerance, or the claim misses the SLA or was not measured.
    DirectionOnly,
    /// The directions differ.
    Refuted,
    /// The evidence is insufficient for a verdict.
    Inconclusive,
    /// There is no prediction to compare with.
    NotPredicted,
}

/// Which side is better.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
pub enum Outcome {
    /// The candidate has the higher throughput at the SLA.
    CandidateBetter,
    /// The baseline has the higher throughput at the SLA.
    BaselineBetter,
    /// They differ by no more than the margin.
    NoDifference,
    /// Only the candidate has a level that meets the SLA.
    OnlyCandidateMeetsSla,
    /// Only the baseline has a level that meets the SLA.
    OnlyBaselineMeetsSla,
    /// Neither has a level that meets the SLA.
    NeitherMeetsSla,
    /// The outcome cannot be determined.
    Undetermined,
}

/// Which side is better, and by how much.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeStatus {
    /// Which side is better.
    pub outcome: Outcome,
    /// Gain of the candidate over the baseline at the SLA, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub gain_percent: Option<String>,
    /// Confidence interval of the gain in signed percent, for example `+18.0…+29.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
}

/// How far off the predictions were at the judged levels.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accuracy {
    /// Within the tolerance, outside it, or not judged.
    pub result: AccuracyResult,
    /// Error of TPOT with the largest absolute value, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tpot_percent: Option<String>,
    /// Error of tokens per second per GPU with the largest absolute value, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tokens_per_second_per_gpu_percent: Option<String>,
    /// Number of levels that were judged.
    pub levels: Count,
}

/// Whether predictions were accurate.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
pub enum AccuracyResult {
    /// All judged errors are within the tolerance.
    Accurate,
    /// At least one judged error exceeds the tolerance.
    Inaccurate,
    /// There is nothing to judge, or the prediction is for something else.
    NotJudged,
}

/// One candidate against the baseline.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateComparison {
    /// Name of the candidate.
    #[schemars(length(max = 14))]
    pub candidate: String,
    /// Whether the measurement bears out the prediction.
    pub result: VerdictResult,
    /// Outcome according to the predictions.
    pub predicted: OutcomeStatus,
    /// Outcome according to the measurements.
    pub measured: OutcomeStatus,
    /// One sentence that explains the result.
    #[schemars(length(max = 512))]
    pub reason: String,
    /// Gain in tokens per second per GPU at each level that both sides measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub at_same_concurrency: Vec<AtSameConcurrency>,
}

/// Candidate over baseline at one concurrency.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtSameConcurrency {
    /// Concurrent requests over the whole deployment.
    pub concurrency: Count,
    /// Gain in tokens per second per GPU, candidate over baseline, in signed percent.
    #[schemars(length(max = 16))]
    pub gain_percent: String,
}
