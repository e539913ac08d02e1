//! `spec.variants`: what is compared, and where each configuration comes from.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr, VariantNames};

use crate::units::Count;

/// One configuration under test.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.claim) || self.source.type in ['Manifests', 'Endpoint']").message("claim is allowed only with source.type Manifests or Endpoint, as the predictor claims for generated variants: remove it, or change the type"))]
pub struct Variant {
    /// Name, unique within the comparison; part of the names of Services.
    #[schemars(length(min = 1, max = 14), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Baseline or candidate.
    pub role: Role,
    /// Where the configuration comes from.
    pub source: Source,
    /// What cannot be read from the manifests or the endpoint. Values that can be read take precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeHint>,
    /// What a predictor that was run beforehand claims for it: beside the estimate, which is the run's own predictor's.
    /// Only with the source types Manifests and Endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<GivenClaim>,
    /// Changes to the manifests, applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub patches: Vec<Patch>,
}

/// Role of a variant in the comparison.
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
pub enum Role {
    /// The candidates are compared with it.
    Baseline,
    /// It is compared with the baseline.
    Candidate,
}

/// Where a configuration comes from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type == 'Recommended' || !has(self.recommended)").message("source.recommended is allowed only with type Recommended: remove it, or change the type"),
    validation = Rule::new("(self.type == 'Manifests') == has(self.manifests)").message("source.manifests is required with type Manifests and not allowed otherwise: set manifests.configMapName, manifests.requestName or manifests.inline, or remove it"),
    validation = Rule::new("(self.type == 'Endpoint') == has(self.endpoint)").message("source.endpoint is required with type Endpoint and not allowed otherwise: set endpoint.url and endpoint.gpus, or remove it")
)]
pub struct Source {
    /// Type of the source.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// Settings of type Recommended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Recommended>,
    /// Settings of type Manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Manifests>,
    /// Settings of type Endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// Type of a source.
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
pub enum SourceKind {
    /// The smallest shape that fits the model according to the predictor, with as many replicas as the GPUs allow.
    Naive,
    /// A configuration from the predictor's ranking.
    Recommended,
    /// Your own manifests.
    Manifests,
    /// A server that already runs. It is measured and never changed.
    Endpoint,
}

/// A configuration from the predictor's ranking.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommended {
    /// The ranking.
    #[serde(default)]
    pub serving_mode: ServingMode,
    /// Rank; 1 is best.
    #[serde(default = "default_rank")]
    #[schemars(range(min = 1, max = 10))]
    pub rank: Count,
}

fn default_rank() -> Count {
    1
}

/// How prefill and decode are spread over workers.
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
pub enum ServingMode {
    /// Every worker does both.
    #[default]
    Aggregated,
    /// Separate workers for prefill and decode.
    Disaggregated,
    /// Whichever the predictor ranks higher.
    Best,
}

/// Your own manifests: a DynamoGraphDeployment, or Deployments, Services and ConfigMaps.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.inline), has(self.configMapName), has(self.requestName)].filter(given, given).size() == 1").message("set exactly one of manifests.inline, manifests.configMapName and manifests.requestName"),
    validation = Rule::new("!has(self.key) || has(self.configMapName)").message("manifests.key requires manifests.configMapName: set it, or remove the key")
)]
pub struct Manifests {
    /// Name of the ConfigMap with the manifests. It is read once, when a run starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub config_map_name: Option<String>,
    /// Key in the ConfigMap. Unset: its only key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
    /// Name of a DynamoGraphDeploymentRequest whose generated graph is deployed. It is read once, when a run starts. Give
    /// the request `autoApply: false`: otherwise Dynamo deploys the graph too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub request_name: Option<String>,
    /// The manifests, as YAML documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub inline: Option<String>,
}

/// A server that already runs.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Base URL of an OpenAI-compatible API, for example `http://frontend.models.svc:8000`.
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"))]
    pub url: String,
    /// GPUs that the server holds. Throughput is divided by this number.
    #[schemars(range(min = 1, max = 1024))]
    pub gpus: Count,
}

/// A claim in files that a predictor wrote.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenClaim {
    /// The predictor that wrote them.
    pub predictor: ClaimPredictor,
    /// Name of the ConfigMap that holds them, a key for each file, as `kubectl create configmap NAME --from-file=DIRECTORY`
    /// makes it. It is read once, when a run starts.
    #[schemars(length(min = 1, max = 253))]
    pub config_map_name: String,
}

/// A predictor, by the files it writes.
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
pub enum ClaimPredictor {
    /// `best_config_topn.csv` and, where they are, `pareto.csv` and `exp_config.yaml` of one serving mode's directory.
    #[serde(rename = "AIConfigurator")]
    #[strum(serialize = "AIConfigurator")]
    Aiconfigurator,
    /// `prediction.json`, and the YAML that was its `--config`, which says for what it was computed.
    #[serde(rename = "AISimulate")]
    #[strum(serialize = "AISimulate")]
    Aisimulate,
}

/// The shape of a deployment, as far as it cannot be read from manifests or an endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShapeHint {
    /// GPUs that share each layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub tensor_parallel: Option<Count>,
    /// Pipeline stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub pipeline_parallel: Option<Count>,
    /// Engines that share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub replicas: Option<Count>,
    /// Requests that an engine processes at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_batch_size: Option<Count>,
    /// Tokens that an engine processes in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_num_tokens: Option<Count>,
    /// Data type of the weights, for example `bfloat16` or `fp8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub weights: Option<String>,
    /// Data type of the KV cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub kv_cache: Option<String>,
}

/// A change to one object in a variant's manifests.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.operations) != has(self.removeLines)").message("set exactly one of operations (JSON Patch) and removeLines"))]
pub struct Patch {
    /// The object to change. Exactly one must match.
    pub target: PatchTarget,
    /// JSON Patch (RFC 6902) operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub operations: Option<Vec<PatchOperation>>,
    /// Removes lines from a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_lines: Option<RemoveLines>,
}

/// The object that a patch changes.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatchTarget {
    /// Kind of the object, for example `DynamoGraphDeployment`.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name in the manifests. Unset: the only object of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// One JSON Patch operation.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(self.op in ['move', 'copy']) || has(self.from)").message("the operations move and copy require from"),
    validation = Rule::new("!has(self.value) || !has(self.yaml)").message("set value for a string or an integer, or yaml for anything else, not both")
)]
pub struct PatchOperation {
    /// Operation.
    pub op: PatchOp,
    /// JSON pointer to the value to change.
    #[schemars(length(max = 512), regex(pattern = r"^(/.*)?$"))]
    pub path: String,
    /// JSON pointer to the source, for move and copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^(/.*)?$"))]
    pub from: Option<String>,
    /// A string or an integer, for add, replace and test. With neither `value` nor `yaml`: null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Scalar>,
    /// Any other value as YAML, for example a list, for add, replace and test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub yaml: Option<String>,
}

/// A string or an integer. A value without a type would have no bound: an API server takes JSON nested ten thousand deep,
/// and whoever lists such an object could read none of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `8`.
    Integer(i64),
    /// `"8"`.
    Text(String),
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    /// The integers are those that every JSON reader keeps exact.
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "x-kubernetes-int-or-string": true, "maxLength": 16384,
            "minimum": -9_007_199_254_740_991_i64, "maximum": 9_007_199_254_740_991_i64
        })
    }
}

/// Name of a JSON Patch operation.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
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
pub enum PatchOp {
    /// Adds a value.
    Add,
    /// Removes the value.
    Remove,
    /// Replaces the value.
    Replace,
    /// Moves the value from another place.
    Move,
    /// Copies the value from another place.
    Copy,
    /// Fails unless the value is equal.
    Test,
}

/// Removes the lines of a string that contain a text.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveLines {
    /// JSON pointer to the string.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^/.*$"))]
    pub pointer: String,
    /// Text of the lines to remove. At least one line must contain it.
    #[schemars(length(min = 1, max = 256))]
    pub matching: String,
}

/// The guide's two: a naive baseline and the predictor's best.
pub fn default_variants() -> Vec<Variant> {
    let variant = |name: &str, role, source| Variant {
        name: name.into(),
        role,
        source,
        shape: None,
        claim: None,
        patches: vec![],
    };
    vec![
        variant(
            "baseline",
            Role::Baseline,
            Source { kind: SourceKind::Naive, recommended: None, manifests: None, endpoint: None },
        ),
        variant(
            "optimized",
            Role::Candidate,
            Source {
                kind: SourceKind::Recommended,
                recommended: Some(Recommended { serving_mode: ServingMode::Aggregated, rank: 1 }),
                manifests: None,
                endpoint: None,
            },
        ),
    ]
}
