//! One level of one variant: estimated, measured, and how far apart.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::api::Finding;
use crate::units::Count;

/// Latency and throughput of one operating point, as decimal strings. Tokens per second and user are 1000 ÷ TPOT.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Time to first token, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub ttft_milliseconds: Option<String>,
    /// Time per output token after the first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tpot_milliseconds: Option<String>,
    /// Output tokens per second per GPU held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_gpu: Option<String>,
}

/// One level of one variant.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelStatus {
    /// Concurrent requests over the whole deployment.
    pub concurrency: Count,
    /// The predictor's estimate for what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<Estimated>,
    /// Mean over the accepted trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Measured ÷ estimated − 1, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<ErrorPercent>,
    /// Whether the level meets the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaState>,
    /// Result of the audit.
    pub evidence: LevelEvidence,
}

/// The predictor's estimate for what is deployed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimated {
    /// Latency and throughput.
    #[serde(flatten)]
    pub figures: Figures,
    /// The level has more requests than the engines work on at once, so its error is not judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beyond_capacity: bool,
}

/// What was measured.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Latency and throughput.
    #[serde(flatten)]
    pub figures: Figures,
    /// Completed requests of all accepted trials.
    pub requests: Count,
}

/// Signed percent, for example `+4.1`.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorPercent {
    /// Of TTFT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub ttft: Option<String>,
    /// Of TPOT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tpot: Option<String>,
    /// Of tokens per second per GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tokens_per_second_per_gpu: Option<String>,
}

/// Whether a level meets the SLA.
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
pub enum SlaState {
    /// It meets all limits beyond doubt.
    Met,
    /// It exceeds a limit beyond doubt.
    Missed,
    /// Within doubt it meets or misses them.
    Marginal,
}

/// Result of the audit of a level.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelEvidence {
    /// Trials that are used.
    pub accepted: Count,
    /// Trials that are not used.
    pub rejected: Count,
    /// Findings, rejecting ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reasons: Vec<Finding>,
}
