//! The verdict of a run, as status shows it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::units::Count;

/// The answer; the first candidate's comparison is repeated at the top.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the prediction held.
    pub result: VerdictResult,
    /// One sentence that says no more than the evidence.
    #[schemars(length(max = 512))]
    pub summary: String,
    /// The variant with the highest measured throughput at the SLA, when that is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 14))]
    pub winner: Option<String>,
    /// Measured gain as shown in the column, for example `+23.4%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub gain: Option<String>,
    /// Largest judged prediction error as shown in the column, for example `-12.1%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub prediction_error: Option<String>,
    /// What the predictions say.
    pub predicted: OutcomeStatus,
    /// What the measurements say.
    pub measured: OutcomeStatus,
    /// How far predictions were off.
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

/// Whether the prediction held.
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
pub enum VerdictResult {
    /// Same direction, and the figures are within the tolerance.
    Confirmed,
    /// Same direction; the figures are off, or the claimed point misses its SLA or was not measured.
    DirectionOnly,
    /// The directions differ.
    Refuted,
    /// The evidence does not suffice.
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
    /// The baseline has.
    BaselineBetter,
    /// They differ by no more than the margin.
    NoDifference,
    /// Only the candidate has a level that meets the SLA.
    OnlyCandidateMeetsSla,
    /// Only the baseline has.
    OnlyBaselineMeetsSla,
    /// Neither has.
    NeitherMeetsSla,
    /// It cannot be told.
    Undetermined,
}

/// Which side is better, and by how much.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeStatus {
    /// Which side is better.
    pub outcome: Outcome,
    /// Candidate over baseline at the SLA, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub gain_percent: Option<String>,
    /// Confidence interval of the gain, signed percent, for example `+18.0…+29.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
}

/// How far predictions were off over the judged levels.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accuracy {
    /// Within the tolerance, outside it, or not judged.
    pub result: AccuracyResult,
    /// Largest error of TPOT by amount, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tpot_percent: Option<String>,
    /// Largest error of tokens per second and GPU by amount, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tokens_per_second_per_gpu_percent: Option<String>,
    /// Levels that were judged.
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
    /// One is not.
    Inaccurate,
    /// Nothing to judge, or the prediction is for something else.
    NotJudged,
}

/// One candidate against the baseline.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateComparison {
    /// Name of the candidate.
    #[schemars(length(max = 14))]
    pub candidate: String,
    /// Whether the prediction held.
    pub result: VerdictResult,
    /// What the predictions say.
    pub predicted: OutcomeStatus,
    /// What the measurements say.
    pub measured: OutcomeStatus,
    /// Why the result is what it is, one sentence.
    #[schemars(length(max = 512))]
    pub reason: String,
    /// Ratio of tokens per second and GPU at each level both sides measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub at_same_concurrency: Vec<AtSameConcurrency>,
}

/// Candidate over baseline at one concurrency.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtSameConcurrency {
    /// Requests in flight over the whole deployment.
    pub concurrency: Count,
    /// Tokens per second and GPU, candidate over baseline, signed percent.
    #[schemars(length(max = 16))]
    pub gain_percent: String,
}
