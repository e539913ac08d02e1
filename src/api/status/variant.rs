//! One variant in the current run: what is deployed, when, and what the predictor advertises for it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{Figures, LevelStatus};
use crate::api::conditions::{LONGEST_MESSAGE, LONGEST_REASON};
use crate::api::{Finding, Role};
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
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<VariantPhase>,
    /// GPUs it holds when deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Count>,
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
    pub number: Count,
    /// Round it belongs to, from 1.
    pub round: Count,
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
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Names the object, what was found and the cure.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was seen.
    pub time: Time,
}

impl Failure {
    /// A failure, in as much space as a status gives it: reason and message may come from anywhere.
    pub fn new(reason: &str, message: &str, time: Time) -> Self {
        Self { reason: text::reason(reason, LONGEST_REASON), message: text::cut(message, LONGEST_MESSAGE), time }
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
    /// Engines that share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Count>,
    /// Requests an engine works on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<Count>,
    /// Tokens an engine works on in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_tokens: Option<Count>,
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

/// The point the predictor advertises.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Requests in flight over the whole deployment.
    pub concurrency: Count,
    /// What is advertised there.
    #[serde(flatten)]
    pub figures: Figures,
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
