//! `spec`: what to compare. The controller never writes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LocalObjectReference, Toleration};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{
    BenchmarkComparisonStatus, Decimal, Evidence, Execution, History, Judgement, Limit, Load, Resources, Results,
    Scheduling, Variant, default_variants,
};
use crate::units::Count;

/// What is compared, and how. The operator never writes it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "bcmp.dev",
    version = "v1alpha1",
    kind = "BenchmarkComparison",
    plural = "benchmarkcomparisons",
    shortname = "bcmp",
    category = "dynamo",
    namespaced,
    status = "BenchmarkComparisonStatus",
    derive = "PartialEq",
    doc = "Compares the predicted with the measured performance of LLM serving configurations.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progress.summary"}"#,
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict.result"}"#,
    printcolumn = r#"{"name":"Gain","type":"string","jsonPath":".status.verdict.gain"}"#,
    printcolumn = r#"{"name":"Claim","type":"string","jsonPath":".status.verdict.claim"}"#,
    printcolumn = r#"{"name":"Est-Err","type":"string","jsonPath":".status.verdict.estimateError"}"#,
    printcolumn = r#"{"name":"SLA","type":"string","jsonPath":".status.verdict.sla"}"#,
    printcolumn = r#"{"name":"GPU-H","type":"string","jsonPath":".status.price.actual.gpuHours"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Model","type":"string","priority":1,"jsonPath":".spec.model.name"}"#,
    printcolumn = r#"{"name":"System","type":"string","priority":1,"jsonPath":".spec.hardware.system"}"#,
    printcolumn = r#"{"name":"Run","type":"integer","priority":1,"jsonPath":".status.run.number"}"#,
    printcolumn = r#"{"name":"Rounds","type":"integer","priority":1,"jsonPath":".status.verdict.measured.rounds"}"#,
    printcolumn = r#"{"name":"GPUs","type":"integer","priority":1,"jsonPath":".spec.hardware.gpusPerVariant"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name must start with a lower-case letter, contain only lower-case letters, digits and dashes, end with a letter or digit, and have at most 40 characters, because names of Services are derived from it"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.predictor) || !has(self.predictor.extraArguments) || self.variants.exists(v, v.source.type in ['Naive', 'Recommended'])").message("predictor.extraArguments has no effect because no variant is generated: remove it, or set the source of a variant to Naive or Recommended"),
    validation = Rule::new("self.execution.rounds.minimum <= self.execution.rounds.maximum").message("execution.rounds.minimum must not exceed execution.rounds.maximum"),
    validation = Rule::new("self.variants.all(v, v.source.type in ['Manifests', 'Endpoint']) || has(self.runtime.image)").message("runtime.image is required for generated variants: set it to the image of the serving runtime")
)]
pub struct BenchmarkComparisonSpec {
    /// The model that is served.
    pub model: Model,
    /// The GPUs a variant runs on.
    pub hardware: Hardware,
    /// The requests to send.
    pub workload: Workload,
    /// The latency limits to meet.
    pub sla: Sla,
    /// The serving runtime of generated variants.
    pub runtime: Runtime,
    /// Secrets in the comparison's namespace with which all pods of a run pull their images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// The tool that generates configurations and predicts their performance.
    #[serde(default, skip_serializing_if = "PredictorSettings::is_default")]
    pub predictor: PredictorSettings,
    /// The configurations to compare: one baseline and up to five candidates.
    #[serde(default = "default_variants")]
    #[schemars(length(min = 2, max = 6))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.exists_one(v, v.role == 'Baseline')").message("exactly one variant must have role Baseline"),
        validation = Rule::new("self.all(v, self.exists_one(w, w.name == v.name))").message("variants must have different names")
    )]
    pub variants: Vec<Variant>,
    /// How the comparison is carried out.
    #[serde(default)]
    pub execution: Execution,
    /// How pods are scheduled.
    #[serde(default, skip_serializing_if = "Scheduling::is_default")]
    pub scheduling: Scheduling,
    /// How load is generated.
    #[serde(default)]
    pub load: Load,
    /// What a level needs to be accepted.
    #[serde(default)]
    pub evidence: Evidence,
    /// How the verdict is reached.
    #[serde(default)]
    pub judgement: Judgement,
    /// Where raw artifacts are kept. Unset: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// How many finished runs are kept.
    #[serde(default)]
    pub history: History,
    /// Tears the active run down and keeps what was measured. Set it to false to resume the run at its next level.
    #[serde(default)]
    pub suspend: bool,
    /// Change this value to start a new run, for example in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub run_id: Option<String>,
}

/// The model that is served.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// The model, for example `Qwen/Qwen3-32B`: what the servers answer to unless `servedName` says otherwise, and what the
    /// predictor is asked for unless `predictor.model` does. A path of weights, or a name with a colon, will do as well.
    #[schemars(length(min = 1, max = 256), regex(pattern = MODEL))]
    pub name: String,
    /// Name that the servers answer to, where it is not `name`: a path of weights, an adapter, the name of a checkpoint of
    /// another precision. Generated variants are served under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = MODEL))]
    pub served_name: Option<String>,
    /// Path of the weights in the servers' containers. Unset: the servers load the model by `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^/[^\x00-\x1f]*$"))]
    pub path: Option<String>,
    /// A volume that contains the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<ModelCache>,
    /// Secret whose keys become environment variables of the servers, for example a Hugging Face token. The operator never
    /// reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub token_secret_name: Option<String>,
}

impl BenchmarkComparisonSpec {
    /// The model that predictions are for, as the predictor knows it.
    pub fn predicted_model(&self) -> &str {
        self.predictor.model.as_deref().unwrap_or(&self.model.name)
    }
}

impl Model {
    /// The name that requests carry.
    pub fn served_name(&self) -> &str {
        self.served_name.as_deref().unwrap_or(&self.name)
    }
}

/// A PersistentVolumeClaim that contains weights.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelCache {
    /// Name of the PersistentVolumeClaim, in the comparison's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Where it is mounted in the servers' containers.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^/[^:\x00-\x1f]*$"))]
    pub mount_path: String,
    /// Directory of the volume to mount. Unset or empty: its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sub_path: Option<String>,
}

/// The GPUs a variant runs on.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// The predictor's name of the GPU system, for example `h200_sxm`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9_]*$')").message("write the predictor's name of the GPU system in lower-case letters, digits and underscores, for example h200_sxm"))]
    pub system: String,
    /// GPUs that each variant may use. `status.variants[].gpus` shows how many it actually holds.
    #[schemars(range(min = 1, max = 1024))]
    pub gpus_per_variant: Count,
    /// Extended resource that counts GPUs.
    #[serde(default = "default_gpu_resource_name")]
    #[schemars(length(min = 1, max = 253))]
    pub gpu_resource_name: String,
    /// Replaces the node selector of generated variants. Unset: the generated one is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: BTreeMap<String, String>,
    /// Added to the tolerations of generated variants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<Toleration>,
    /// Price of one GPU for one hour, in any currency. Used only to show what a run and output tokens cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hourly_cost: Option<Decimal>,
}

fn default_gpu_resource_name() -> String {
    "nvidia.com/gpu".into()
}

/// The requests to send.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Tokens in each prompt.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub input_tokens: Count,
    /// Tokens in each response.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub output_tokens: Count,
    /// The levels to measure: numbers of concurrent requests over the whole deployment. The concurrency of each claim
    /// and each capacity are added.
    #[serde(default = "default_concurrency")]
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 100_000)))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(c, self.exists_one(d, d == c))").message("workload.concurrency must not list a level twice")
    )]
    pub concurrency: Vec<Count>,
}

fn default_concurrency() -> Vec<Count> {
    vec![1, 2, 5, 10, 50, 100, 250]
}

/// The latency limits that a level has to meet. `ttftMilliseconds: 500` is short for `ttft: {milliseconds: 500}`, and likewise
/// for TPOT.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.ttftMilliseconds) != has(self.ttft)").message("sla needs one limit for the time to first token: set ttftMilliseconds, or ttft with milliseconds and a statistic"),
    validation = Rule::new("has(self.tpotMilliseconds) != has(self.tpot)").message("sla needs one limit for the time per output token: set tpotMilliseconds, or tpot with milliseconds and a statistic")
)]
pub struct Sla {
    /// Largest mean time to first token in milliseconds: an integer, or a decimal string such as `"6.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_milliseconds: Option<Limit>,
    /// Largest mean time per output token after the first, in milliseconds: an integer, or a decimal string such as `"6.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_milliseconds: Option<Limit>,
    /// Limit of the time to first token, in the place of `ttftMilliseconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<LatencyLimit>,
    /// Limit of the time per output token after the first, in the place of `tpotMilliseconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<LatencyLimit>,
    /// Limit of the time from sending a request to its last token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_latency: Option<LatencyLimit>,
    /// Share of the requests, in percent, that have to meet all limits at once. The limits' statistics do not count then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_percent: Option<Decimal>,
}

/// A limit of a latency.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyLimit {
    /// The limit in milliseconds: an integer, or a decimal string such as `"6.5"`.
    pub milliseconds: Limit,
    /// The statistic over the requests of a level that has to keep it.
    #[serde(default)]
    pub statistic: Statistic,
}

impl Sla {
    /// Limits of the means of TTFT and TPOT.
    pub fn of_means(ttft: Limit, tpot: Limit) -> Self {
        Self { ttft_milliseconds: Some(ttft), tpot_milliseconds: Some(tpot), ..Self::default() }
    }

    /// The limit of TTFT, in whichever form it is given.
    pub fn ttft_limit(&self) -> Option<LatencyLimit> {
        self.ttft.clone().or_else(|| short(self.ttft_milliseconds.as_ref()))
    }

    /// The limit of TPOT, in whichever form it is given.
    pub fn tpot_limit(&self) -> Option<LatencyLimit> {
        self.tpot.clone().or_else(|| short(self.tpot_milliseconds.as_ref()))
    }
}

fn short(milliseconds: Option<&Limit>) -> Option<LatencyLimit> {
    Some(LatencyLimit { milliseconds: milliseconds?.clone(), statistic: Statistic::Mean })
}

/// A statistic over the requests of a level.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
pub enum Statistic {
    /// Arithmetic mean.
    #[default]
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
}

/// The serving runtime of generated variants.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Inference engine.
    #[serde(default)]
    pub backend: Backend,
    /// Image of the servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = IMAGE))]
    pub image: Option<String>,
    /// Version of the runtime, which selects the predictor's templates. Unset: the tag of the image, if it is a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub version: Option<String>,
}

/// Inference engine.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Backend {
    /// TensorRT-LLM.
    #[default]
    Trtllm,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
}

/// The tool that generates configurations and predicts their performance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PredictorSettings {
    /// The tool: AIConfigurator, as no other can generate configurations yet. What another one claims for manifests or an
    /// endpoint is given by `variants[].claim`.
    #[serde(rename = "type", default)]
    pub kind: PredictorKind,
    /// Image of the predictor. Unset: the one in the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = IMAGE))]
    pub image: Option<String>,
    /// Model that the predictor is asked for, where it knows it by another name than `model.name`: for example the
    /// checkpoint whose precision is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = MODEL))]
    pub model: Option<String>,
    /// Version of the performance database. Unset: the newest for the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub database_version: Option<String>,
    /// Further settings for the predictor's generator, one `KEY=VALUE` per entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 512), regex(pattern = r"^[A-Za-z_][^=]*=")))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub extra_arguments: Vec<String>,
    /// Its pod, beside what `load.pod` says of all pods of ours.
    #[serde(default, skip_serializing_if = "PredictorPod::is_default")]
    pub pod: PredictorPod,
}

impl PredictorSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A predictor that can generate configurations.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
pub enum PredictorKind {
    /// The predictor of NVIDIA Dynamo.
    #[default]
    #[serde(rename = "AIConfigurator")]
    #[strum(serialize = "AIConfigurator")]
    Aiconfigurator,
}

/// The pod that generates and predicts.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PredictorPod {
    /// CPU and memory of the predictor. Unset: requests of 1 CPU and 1 GiB, limits of 4 CPUs and 8 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl PredictorPod {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The name of a model: an id of a hub, a path, or whatever a server calls it.
const MODEL: &str = r"^[A-Za-z0-9/][A-Za-z0-9._:/@+-]*$";

/// A reference to an image: `registry.example:5000/name:tag@sha256:…`. Empty is as good as unset.
pub const IMAGE: &str = r"^([A-Za-z0-9\[][A-Za-z0-9._:/@+\[\]-]*)?$";
