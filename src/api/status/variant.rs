//! One variant in the current run: what is deployed, when, and what the predictor advertises for it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{ErrorPercent, Figures, LevelStatus, SlaState};
use crate::api::conditions::LONGEST_MESSAGE;
use crate::api::{AnyReason, ClaimPredictor, Finding, Role};
use crate::text;
use crate::units::Count;

/// One variant in the current run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantStatus {
    /// Name in the spec.
    #[schemars(length(max = 14))]
    pub name: String,
    /// Role in the spec.
    pub role: Role,
    /// Phase of the variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<VariantPhase>,
    /// GPUs that it holds when deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Count>,
    /// Its pods that hold GPUs, by how many each holds. By them other comparisons know what it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gpu_pods: Vec<GpuPods>,
    /// What is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// What the predictor advertises for it, and whether it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// How far the predictor's estimates for what is deployed are off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateErrors>,
    /// Findings about its prediction, or about the variant as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub findings: Vec<Finding>,
    /// One entry for each level. Of more than 24, those that are furthest from where the SLA ends are in the report alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub levels: Vec<LevelStatus>,
    /// Throughput at the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_sla: Option<AtSla>,
    /// Seconds from its nodes to its first request, in the last deployment of an earlier run. By it rounds are priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ready_seconds: Option<Count>,
    /// Its deployments, at least one per round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub deployments: Vec<DeploymentStatus>,
    /// Why it failed. A write-once fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl VariantStatus {
    /// A variant that nothing is known of yet.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self {
            name: name.into(),
            role,
            phase: None,
            gpus: None,
            gpu_pods: vec![],
            deployed: None,
            claim: None,
            estimate: None,
            findings: vec![],
            levels: vec![],
            at_sla: None,
            last_ready_seconds: None,
            deployments: vec![],
            failure: None,
        }
    }
}

/// Pods that hold the same number of GPUs.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuPods {
    pub pods: Count,
    /// GPUs of each.
    pub gpus: Count,
}

/// Phase of a variant. Output only.
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
pub enum VariantPhase {
    /// Not deployed yet.
    Waiting,
    /// Its pods are starting.
    Deploying,
    /// Its levels are being measured.
    Measuring,
    /// Its objects are being deleted.
    TearingDown,
    /// Its levels are measured, and everything is gone.
    Done,
    /// It could not be measured.
    Failed,
}

/// One deployment of a variant: facts that are written once, and from which deadlines and GPU-seconds are computed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// Number within the run, from 1; part of the objects' names.
    pub number: Count,
    /// Round it belongs to, from 1.
    pub round: Count,
    /// When its creation was decided.
    pub created: Time,
    /// When all pods were scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Time>,
    /// Other variants whose pods had nodes when its own got theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(max = 14)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub beside: Vec<String>,
    /// When all pods were Ready, so that load may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Time>,
    /// When the first request was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Time>,
    /// When all its levels were published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Time>,
    /// When server containers restarted during the measurement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub restarts: Vec<Time>,
    /// When its deletion was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Time>,
    /// When none of its pods was left: its GPUs are free from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed: Option<Time>,
    /// When everything was verified to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
}

impl DeploymentStatus {
    /// A deployment that was decided on, and of which nothing is known yet.
    pub fn new(number: Count, round: Count, created: Time) -> Self {
        Self {
            number,
            round,
            created,
            scheduled: None,
            beside: vec![],
            ready: None,
            serving: None,
            measured: None,
            restarts: vec![],
            teardown: None,
            freed: None,
            gone: None,
        }
    }
}

/// Why a variant failed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// CamelCase reason.
    pub reason: AnyReason,
    /// The object, the finding and the remedy.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was detected.
    pub time: Time,
}

impl Failure {
    /// A failure, its message cut to the space in a status: it may come from anywhere.
    pub fn new(reason: impl Into<AnyReason>, message: &str, time: Time) -> Self {
        Self { reason: reason.into(), message: text::cut(message, LONGEST_MESSAGE), time }
    }
}

/// What is deployed.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// Kind of the main object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub kind: Option<String>,
    /// Name of the main object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// For example `aggregated` or `disaggregated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub serving_mode: Option<String>,
    /// GPUs that share each layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor_parallel: Option<Count>,
    /// Pipeline stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_parallel: Option<Count>,
    /// Groups of GPUs in an engine that each attend to their own requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_parallel: Option<Count>,
    /// Groups of GPUs that hold different experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert_parallel: Option<Count>,
    /// Engines that share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Count>,
    /// Requests that an engine processes at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<Count>,
    /// Tokens that an engine processes in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_tokens: Option<Count>,
    /// Tokens that a request may have, prompt and response together, where the manifests say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<Count>,
    /// Data type of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub weights: Option<String>,
    /// Data type of the KV cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub kv_cache: Option<String>,
    /// How the engines guess tokens ahead (speculative decoding).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub speculation: Option<String>,
    /// Whether prompts that begin alike share their KV cache, where the manifests say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_caching: Option<bool>,
    /// Image of the engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Digest the image resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image_id: Option<String>,
    /// Digests that the image resolved to in earlier deployments, if its tag has been pushed again since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(length(max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub earlier_image_ids: Vec<String>,
    /// Nodes on which its pods ran; the first ten, if there are more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub nodes: Vec<String>,
    /// GPU product from the nodes' label `nvidia.com/gpu.product`; empty if the operator may not read nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(length(max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gpu_products: Vec<String>,
}

/// What a predictor advertises, at its own level, and what came of it.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Concurrent requests over the whole deployment.
    pub concurrency: Count,
    /// The advertised figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// 1000 ÷ TPOT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_user: Option<String>,
    /// Measured ÷ advertised − 1, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<ErrorPercent>,
    /// The predictor whose files were given (`spec.variants[].claim`). Unset: the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictor: Option<ClaimPredictor>,
    /// Whether its level meets the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaState>,
    /// Whether it was kept: at least as good as advertised, within the tolerance, and its level does not miss the SLA.
    pub kept: Kept,
}

/// Whether a claim was kept.
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
pub enum Kept {
    /// It was.
    True,
    /// It was not.
    False,
    /// Its level is not measured.
    Unknown,
}

/// How far the predictor's estimates are off, over the levels up to capacity and up to where the SLA ends.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EstimateErrors {
    /// Mean absolute errors, percent.
    pub mean_error_percent: MeanErrorPercent,
    /// The error that is largest by amount, of either, in signed percent.
    #[schemars(length(max = 16))]
    pub worst_error_percent: String,
    /// Levels that are judged.
    pub levels: Count,
    /// Factors that would have made the estimated latencies right on average, over these levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_correction: Option<LatencyCorrection>,
}

/// Factors of latencies, measured ÷ estimated, as AIConfigurator takes them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyCorrection {
    /// Of time per output token: AIConfigurator's `decode_latency_correction`.
    #[schemars(length(max = 16))]
    pub decode: String,
    /// Of time to first token: its `prefill_latency_correction`. Absent where the burst in a TTFT is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub prefill: Option<String>,
}

/// Mean absolute errors, percent.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeanErrorPercent {
    /// Of TPOT.
    #[schemars(length(max = 16))]
    pub tpot: String,
    /// Of tokens per second per GPU.
    #[schemars(length(max = 16))]
    pub tokens_per_second_per_gpu: String,
}

/// Throughput at the SLA: the most output tokens per second and GPU with all limits kept.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtSla {
    /// How it is known.
    pub kind: AtSlaKind,
    /// Output tokens per second and GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_gpu: Option<String>,
    /// Its interval over rounds, for example `198.2…203.9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
    /// Why it is a bound, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub reason: Option<String>,
}

/// How a throughput at the SLA is known.
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
pub enum AtSlaKind {
    /// It is this.
    Value,
    /// It is this or more: no level misses the SLA.
    AtLeast,
    /// It is this or less: the lowest level misses the SLA, within doubt.
    AtMost,
    /// There is none: even a single request misses the SLA.
    None,
    /// It is not known.
    Unknown,
}
