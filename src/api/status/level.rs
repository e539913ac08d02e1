//! One level of one variant: estimated, measured, and how far apart.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::api::Finding;
use crate::units::Count;

/// Latency and throughput of one operating point; decimal strings, shown as stored.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Time to first token, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub ttft_milliseconds: Option<String>,
    /// Time per output token after the first, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tpot_milliseconds: Option<String>,
    /// Output tokens per second and GPU held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_gpu: Option<String>,
    /// 1000 ÷ mean TPOT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_user: Option<String>,
}

/// One concurrency of one variant.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelStatus {
    /// Requests in flight over the whole deployment.
    pub concurrency: Count,
    /// Accepted repetitions the measured figures are the mean of.
    pub runs: Count,
    /// The estimate for what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
    /// Mean over accepted repetitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// (measured − predicted) ÷ predicted, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<ErrorPercent>,
    /// Whether the level keeps the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaState>,
    /// What the audit said.
    pub evidence: LevelEvidence,
}

/// The estimate for what is deployed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicted {
    /// Latency and throughput.
    #[serde(flatten)]
    pub figures: Figures,
    /// Beyond what the engine holds: not part of accuracy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beyond_operating_point: bool,
}

/// What was measured.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Latency and throughput.
    #[serde(flatten)]
    pub figures: Figures,
    /// Completed requests of all accepted repetitions.
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
    /// Of tokens per second and GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tokens_per_second_per_gpu: Option<String>,
}

/// Whether a level keeps the SLA.
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
    /// Both limits are kept.
    Met,
    /// A limit is exceeded.
    Missed,
    /// The interval of the repetitions contains the limit.
    Marginal,
}

/// What the audit said of a level.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelEvidence {
    /// Repetitions that are used.
    pub accepted: Count,
    /// Repetitions that are not.
    pub rejected: Count,
    /// Findings, rejecting ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reasons: Vec<Finding>,
}
