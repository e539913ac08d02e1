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
    /// The variant that is better than every other, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 14))]
    pub winner: Option<String>,
    /// Measured gain as shown in the column GAIN, for example `+23.4 %` or `≥ +32.0 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub gain: Option<String>,
    /// How the claim was kept, as shown in the column CLAIM, for example `-25.0 % missed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub claim: Option<String>,
    /// Largest mean error of the estimates as shown in the column EST-ERR, for example `12.1 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub estimate_error: Option<String>,
    /// Outcome according to the predictions.
    pub predicted: PredictedOutcome,
    /// Outcome according to the measurements.
    pub measured: MeasuredOutcome,
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
    /// Direction, claim and estimates are all as predicted, within the tolerance.
    Confirmed,
    /// The better one is better; some figure is not as predicted.
    DirectionOnly,
    /// The measurement excludes the prediction.
    Refuted,
    /// It is not known which variant is better.
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

/// What the predictions say.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PredictedOutcome {
    /// Which side is better.
    pub outcome: Outcome,
    /// Gain of the candidate over the baseline at the SLA, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub gain_percent: Option<String>,
}

/// What the measurements say.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredOutcome {
    /// Which side is better.
    pub outcome: Outcome,
    /// Gain of the candidate over the baseline at the SLA, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub gain_percent: Option<String>,
    /// The gain is a bound: it is as large as that, or larger in the direction of its sign.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Interval of the gain in signed percent, for example `+18.0…+29.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
    /// Rounds that both sides were measured in.
    pub rounds: Count,
    /// Why no further round was run; absent while another may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Why no further round was run.
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
pub enum Stopped {
    /// The answer is known.
    Decided,
    /// More rounds would hardly bring an answer.
    Futile,
    /// As many rounds were run as are allowed.
    MaximumRounds,
    /// What is left of the budget is not enough for another round.
    BudgetSpent,
    /// Levels that decide could not be measured.
    RoundsLost,
    /// A variant's trials failed too often.
    Unstable,
    /// What was measured cannot be deployed again.
    CannotRepeat,
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
    pub predicted: PredictedOutcome,
    /// Outcome according to the measurements.
    pub measured: MeasuredOutcome,
    /// One sentence that explains the result.
    #[schemars(length(max = 512))]
    pub reason: String,
    /// Gain in tokens per second per GPU at each level that both sides measured. Of more than two candidates it is in the report
    /// alone.
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
