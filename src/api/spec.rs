//! `spec`: what to compare. The controller never writes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LocalObjectReference, Toleration};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{
    BenchmarkComparisonStatus, Decimal, Evidence, Execution, History, Judgement, Limit, Load, Results, Scheduling,
    Variant, default_variants,
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
    doc = "Compares how LLM serving configurations were predicted to perform with how they do perform.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progress.summary"}"#,
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict.result"}"#,
    printcolumn = r#"{"name":"Gain","type":"string","jsonPath":".status.verdict.gain"}"#,
    printcolumn = r#"{"name":"Pred-Err","type":"string","jsonPath":".status.verdict.predictionError"}"#,
    printcolumn = r#"{"name":"SLA","type":"string","jsonPath":".status.verdict.sla"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Model","type":"string","priority":1,"jsonPath":".spec.model.name"}"#,
    printcolumn = r#"{"name":"System","type":"string","priority":1,"jsonPath":".spec.hardware.system"}"#,
    printcolumn = r#"{"name":"Run","type":"integer","priority":1,"jsonPath":".status.run.number"}"#,
    printcolumn = r#"{"name":"GPUs","type":"integer","priority":1,"jsonPath":".spec.hardware.gpusPerVariant"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name must start with a letter, hold only lower-case letters, digits and dashes, and have at most 40 characters: names of Services are made from it"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.predictor) || !has(self.predictor.extraArguments) || self.variants.exists(v, v.source.type in ['Naive', 'Recommended'])").message("predictor.extraArguments are given but no variant is generated: remove them, or give a variant the source Naive or Recommended"),
    validation = Rule::new("self.variants.all(v, v.source.type in ['Manifests', 'Endpoint']) || has(self.runtime.image)").message("runtime.image is needed to deploy generated variants: name the image of the serving runtime")
)]
pub struct BenchmarkComparisonSpec {
    /// The model that is served.
    pub model: Model,
    /// The GPUs a variant runs on.
    pub hardware: Hardware,
    /// The requests that are sent.
    pub workload: Workload,
    /// The latencies to keep.
    pub sla: Sla,
    /// The serving runtime of generated variants.
    pub runtime: Runtime,
    /// Secrets for pulling the images of all pods of a run, in the comparison's namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// The tool that predicts and generates configurations.
    #[serde(default, skip_serializing_if = "Predictor::is_default")]
    pub predictor: Predictor,
    /// What is compared: one baseline and up to five candidates.
    #[serde(default = "default_variants")]
    #[schemars(length(min = 2, max = 6))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.exists_one(v, v.role == 'Baseline')").message("exactly one variant must have the role Baseline"),
        validation = Rule::new("self.all(v, self.exists_one(w, w.name == v.name))").message("the names of variants must differ")
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
    /// What a level must show to be used.
    #[serde(default)]
    pub evidence: Evidence,
    /// How the verdict is reached.
    #[serde(default)]
    pub judgement: Judgement,
    /// Where raw artifacts are kept, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// How many finished runs are kept.
    #[serde(default)]
    pub history: History,
    /// Tears the run down and holds it; what was measured is kept, and the run goes on at the next level when this is
    /// false again.
    #[serde(default)]
    pub suspend: bool,
    /// A changed value starts a new run: the way to ask for one in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub run_id: Option<String>,
}

/// The model that is served.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// The id the server answers to, and what the predictor is asked about, for example `Qwen/Qwen3-32B`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"))]
    pub name: String,
    /// Where the weights lie in the server's container. Unset: the server is started with `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^/[^\x00-\x1f]*$"))]
    pub path: Option<String>,
    /// A volume that holds weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<ModelCache>,
    /// Secret that the servers' environment is taken from (a Hugging Face token). Never read by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub token_secret_name: Option<String>,
}

/// A PersistentVolumeClaim that holds weights.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelCache {
    /// Name of the claim, in the comparison's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Where it is mounted in the servers' containers.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^/[^:\x00-\x1f]*$"))]
    pub mount_path: String,
    /// Directory of the claim that is mounted. Unset or empty: its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sub_path: Option<String>,
}

/// The GPUs a variant runs on.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// The predictor's name of the GPU system, for example `h200_sxm`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9][a-z0-9_]*$"))]
    pub system: String,
    /// GPUs each variant may use. What it holds in the end is in `status.variants[].gpus`.
    #[schemars(range(min = 1, max = 1024))]
    pub gpus_per_variant: Count,
    /// Extended resource that counts GPUs.
    #[serde(default = "default_gpu_resource_name")]
    #[schemars(length(min = 1, max = 253))]
    pub gpu_resource_name: String,
    /// Replaces the node selector of generated variants. Unset: generated ones are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: BTreeMap<String, String>,
    /// Added to the tolerations of generated variants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<Toleration>,
    /// Price of one GPU for one hour, in any currency; only used to show the cost of output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hourly_cost: Option<Decimal>,
}

fn default_gpu_resource_name() -> String {
    "nvidia.com/gpu".into()
}

/// The requests that are sent.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Tokens of each prompt.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub input_tokens: Count,
    /// Tokens of each answer.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub output_tokens: Count,
    /// The levels that are measured: requests in flight over the whole deployment. The points that the predictor
    /// advertises are added to them.
    #[serde(default = "default_concurrency")]
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 100_000)))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(c, self.exists_one(d, d == c))").message("the levels of workload.concurrency must differ")
    )]
    pub concurrency: Vec<Count>,
}

fn default_concurrency() -> Vec<Count> {
    vec![1, 2, 5, 10, 50, 100, 250]
}

/// The latencies a level has to keep.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sla {
    /// Time to first token, in milliseconds: an integer or a decimal string.
    pub ttft_milliseconds: Limit,
    /// Time per output token after the first, in milliseconds: an integer or a decimal string.
    pub tpot_milliseconds: Limit,
    /// Which statistic over the requests of a level has to keep the limits. A change re-judges what is stored.
    #[serde(default)]
    pub statistic: Statistic,
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
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Version of the runtime, which selects the predictor's templates. Unset: the image's tag when it is a version.
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

/// The tool that predicts and generates configurations.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predictor {
    /// Image with the tool. Unset: the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Version of the performance database. Unset: the tool's newest for the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub database_version: Option<String>,
    /// Further settings for the tool's generator, one `KEY=VALUE` an entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub extra_arguments: Vec<String>,
}

impl Predictor {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
