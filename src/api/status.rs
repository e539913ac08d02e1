//! `status`: facts first; phase, message and conditions are folded from them and never read back.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, IntoStaticStr};

use super::conditions::LONGEST_MESSAGE;
use super::{AnyReason, Finding, Mode, Role, Verdict, VerdictResult};
use crate::text;

/// What was predicted, what was measured, how far apart they are, and what follows.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkComparisonStatus {
    /// Generation of the spec this status speaks about; -1 before the first look.
    #[serde(default = "unobserved")]
    pub observed_generation: i64,
    /// Where the run is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is happening, for people; stable text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// Levels done of levels planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The current run, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Finished, Succeeded, Reconciling, Stalled, and one for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// One entry for each variant, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub variants: Vec<VariantStatus>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// GPU-seconds of the run; closed intervals only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_seconds: Option<GpuSeconds>,
    /// Where the report of the run is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportReference>,
    /// Earlier runs, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub history: Vec<PastRun>,
    /// Value of `bcmp.dev/run-requested` that was acted upon last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_run_request: Option<String>,
}

impl Default for BenchmarkComparisonStatus {
    fn default() -> Self {
        Self {
            observed_generation: unobserved(),
            phase: None,
            message: None,
            progress: None,
            run: None,
            conditions: vec![],
            variants: vec![],
            verdict: None,
            gpu_seconds: None,
            report: None,
            history: vec![],
            last_handled_run_request: None,
        }
    }
}

fn unobserved() -> i64 {
    -1
}

/// Where a run is. Output only.
#[derive(
    Clone, Copy, Debug, Display, EnumIter, IntoStaticStr, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// Not started.
    Pending,
    /// Waiting for its turn.
    Queued,
    /// Predictions and manifests are made.
    Generating,
    /// Predictions and manifests are ready and nothing more was asked for.
    Predicted,
    /// Variants are deployed and measured.
    Measuring,
    /// The last objects are going.
    TearingDown,
    /// Finished well.
    Succeeded,
    /// Finished without an answer.
    Failed,
    /// Finished; the evidence does not suffice for an answer.
    Inconclusive,
    /// Cancelled on request.
    Cancelled,
    /// Held; nothing runs.
    Suspended,
}

impl Phase {
    /// The phase as it is written in status.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Levels done of levels planned; recomputed when a level ends.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// For example `11/18`.
    #[schemars(length(max = 32))]
    pub summary: String,
    /// Repetitions of levels that ended, over all variants.
    pub trials_done: i32,
    /// Repetitions of levels planned as far as known.
    pub trials_total: i32,
    /// When the measurement is expected to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion_time: Option<Time>,
}

/// One run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Number, from 1.
    pub number: i64,
    /// Hash of the measured inputs, with the version of the hash: `v1:…`.
    #[schemars(length(max = 80))]
    pub inputs_hash: String,
    /// When it entered the queue.
    pub queued_time: Time,
    /// When its predictions and manifests were there: from then on it waits for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_time: Option<Time>,
    /// When it was held last, by `suspend` or `until: Predictions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// When its turn came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When everything was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The mode that was chosen: Sequential or Parallel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub mode_reason: Option<String>,
    /// Why the run ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// A time in which a run was held.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When it began.
    pub since: Time,
    /// When the run went on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// Why a run ended before its verdict. A write-once fact.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How it counts.
    pub outcome: EarlyEnd,
    /// CamelCase reason.
    pub reason: AnyReason,
    /// Names the object and the cure.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was decided.
    pub time: Time,
}

/// How a run ended before its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum EarlyEnd {
    /// Something went wrong that only a person can mend.
    Failed,
    /// A person cancelled it.
    Cancelled,
    /// Its inputs changed in mid-run.
    Superseded,
}

/// One variant in the current run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantStatus {
    /// Name in the spec.
    #[schemars(length(max = 14))]
    pub name: String,
    /// Role in the spec.
    pub role: Role,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<VariantPhase>,
    /// GPUs it holds when deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<i32>,
    /// What is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// The point the predictor advertises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Findings about the prediction or the variant as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub findings: Vec<Finding>,
    /// One row for each concurrency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub levels: Vec<LevelStatus>,
    /// Throughput at the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_sla: Option<AtSla>,
    /// Why there is no throughput at the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sla_reason: Option<String>,
    /// When its objects were created, each round anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub deployments: Vec<DeploymentStatus>,
    /// Why it failed. A write-once fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl VariantStatus {
    /// A variant of which nothing is known yet.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self {
            name: name.into(),
            role,
            phase: None,
            gpus: None,
            deployed: None,
            claim: None,
            findings: vec![],
            levels: vec![],
            at_sla: None,
            sla_reason: None,
            deployments: vec![],
            failure: None,
        }
    }
}

/// Where a variant is. Output only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum VariantPhase {
    /// Its turn has not come.
    Waiting,
    /// Its pods are coming up.
    Deploying,
    /// Levels are measured.
    Measuring,
    /// Its objects are going.
    TearingDown,
    /// All levels are measured and everything is gone.
    Done,
    /// It could not be measured.
    Failed,
}

/// One deployment of a variant: write-once facts, from which deadlines and GPU-seconds follow.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// Its number within the run, from 1; part of the objects' names.
    pub number: i32,
    /// Round it belongs to, from 1.
    pub round: i32,
    /// Its creation was decided.
    pub created: Time,
    /// All pods had a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Time>,
    /// All pods were Ready, and load may begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Time>,
    /// The first request was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Time>,
    /// All its levels were published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Time>,
    /// Server containers restarted while it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub restarts: Vec<Time>,
    /// Deletion was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Time>,
    /// Everything was seen to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
}

/// Why a variant failed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// CamelCase reason.
    pub reason: AnyReason,
    /// Names the object, what was found and the cure.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was seen.
    pub time: Time,
}

impl Failure {
    /// A failure, in as much space as a status gives it: the message may come from anywhere.
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
    pub tensor_parallel: Option<i32>,
    /// Pipeline stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_parallel: Option<i32>,
    /// Engines that share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Requests an engine works on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<i32>,
    /// Tokens an engine works on in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_tokens: Option<i32>,
    /// Type of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub weights: Option<String>,
    /// Type of the KV cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub kv_cache: Option<String>,
    /// Image of the engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Digest the image resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image_id: Option<String>,
    /// Digests the same image resolved to in earlier deployments, where its tag was pushed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(length(max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub earlier_image_ids: Vec<String>,
    /// Nodes its pods ran on; of more than 10, the first that were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub nodes: Vec<String>,
    /// What the nodes' label `nvidia.com/gpu.product` calls their GPUs; empty where the operator may not see nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(length(max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gpu_products: Vec<String>,
}

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

/// The point the predictor advertises.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Requests in flight over the whole deployment.
    pub concurrency: i32,
    /// What is advertised there.
    #[serde(flatten)]
    pub figures: Figures,
}

/// One concurrency of one variant.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelStatus {
    /// Requests in flight over the whole deployment.
    pub concurrency: i32,
    /// Accepted repetitions the measured figures are the mean of.
    pub runs: i32,
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
    pub requests: i32,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    pub accepted: i32,
    /// Repetitions that are not.
    pub rejected: i32,
    /// Findings, rejecting ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reasons: Vec<Finding>,
}

/// Throughput at the SLA.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtSla {
    /// Output tokens per second and GPU where the SLA is just met.
    #[schemars(length(max = 24))]
    pub tokens_per_second_per_gpu: String,
    /// 95 % interval over repetitions, for example `198.2…203.9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
}

/// GPU-seconds of the run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuSeconds {
    /// From a node for all pods to everything gone. GPUs of an endpoint count while it is measured.
    pub held: i64,
    /// Of these, while levels were measured.
    pub measuring: i64,
}

/// Where the report of a run is.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportReference {
    /// ConfigMap in the comparison's namespace.
    #[schemars(length(max = 253))]
    pub config_map_name: String,
}

/// An earlier run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastRun {
    /// Number.
    pub number: i64,
    /// How it ended: Succeeded, Failed, Inconclusive, Cancelled or Superseded.
    #[schemars(length(max = 32))]
    pub outcome: String,
    /// Its verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictResult>,
    /// Its gain as shown in the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub gain: Option<String>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// ConfigMap with its report, while kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub config_map_name: Option<String>,
}
