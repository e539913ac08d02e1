//! How a comparison is carried out, loaded, audited and judged.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::Decimal;
use crate::units::Count;

/// Whether variants hold GPUs one after the other or side by side.
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
pub enum Mode {
    /// One after the other.
    #[default]
    Sequential,
    /// Side by side.
    Parallel,
    /// Side by side if everything fits when the run is admitted, else one after the other.
    Auto,
}

/// What starts a run.
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
pub enum Start {
    /// The object's existence, and each change of what is measured.
    #[default]
    Automatic,
    /// Only a request: the annotation `bcmp.dev/run-requested`, or after the first run another `runId`.
    OnRequest,
}

/// What a change of measured inputs in mid-run does.
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
pub enum OnChange {
    /// The run is torn down and the next one starts.
    #[default]
    Supersede,
    /// The run is finished first.
    FinishFirst,
}

/// How far a run goes.
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
pub enum Until {
    /// To the verdict.
    #[default]
    Verdict,
    /// To predictions and manifests; no GPU is held.
    Predictions,
}

/// What a failed variant does to the others.
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
pub enum OnVariantFailure {
    /// The others are measured.
    #[default]
    Continue,
    /// The run ends.
    Stop,
}

/// Timing of the probes of generated variants.
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
pub enum Probes {
    /// Look every 5 s from the start, with the same total budget; a server may start for `deadlines.readySeconds`.
    #[default]
    Prompt,
    /// As the predictor wrote them; a server that starts for longer than they allow begins anew.
    AsWritten,
}

/// An outcome that counts as a failure of the comparison.
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
pub enum FailOn {
    /// The evidence does not suffice.
    #[default]
    Inconclusive,
    /// The measurement contradicts the prediction.
    Refuted,
    /// No candidate meets the SLA.
    SlaMissed,
    /// Predictions are further off than the tolerance.
    Inaccurate,
}

/// How the comparison is carried out.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Execution {
    /// One after the other or side by side.
    pub mode: Mode,
    /// What starts a run.
    pub start: Start,
    /// What a change of measured inputs in mid-run does.
    pub on_change: OnChange,
    /// How far a run goes.
    pub until: Until,
    /// What a failed variant does to the others.
    pub on_variant_failure: OnVariantFailure,
    /// Deployments of each variant; from 2 on the order alternates (ABBA).
    #[schemars(range(min = 1, max = 10))]
    pub rounds: Count,
    /// Timing of generated probes.
    pub probes: Probes,
    /// How long each stage may take.
    pub deadlines: Deadlines,
    /// How long a failed variant is kept for debugging, GPUs included.
    #[schemars(range(min = 0, max = 86_400))]
    pub keep_on_failure_seconds: Count,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            start: Start::default(),
            on_change: OnChange::default(),
            until: Until::default(),
            on_variant_failure: OnVariantFailure::default(),
            rounds: 1,
            probes: Probes::default(),
            deadlines: Deadlines::default(),
            keep_on_failure_seconds: 0,
        }
    }
}

/// How long each stage may take, in seconds.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deadlines {
    /// Waiting for GPUs behind other comparisons; 0 is no limit.
    #[schemars(range(min = 0, max = 2_592_000))]
    pub queue_seconds: Count,
    /// Making predictions and manifests; no GPU is held.
    #[schemars(range(min = 10, max = 86_400))]
    pub generate_seconds: Count,
    /// Until all pods of a variant have a node.
    #[schemars(range(min = 10, max = 604_800))]
    pub schedule_seconds: Count,
    /// From the last pod's node to the first completed request.
    #[schemars(range(min = 10, max = 86_400))]
    pub ready_seconds: Count,
    /// One run of the load tool: one repetition of one level.
    #[schemars(range(min = 10, max = 86_400))]
    pub trial_seconds: Count,
    /// Until everything of a variant is gone.
    #[schemars(range(min = 10, max = 86_400))]
    pub teardown_seconds: Count,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            queue_seconds: 0,
            generate_seconds: 1800,
            schedule_seconds: 3600,
            ready_seconds: 3600,
            trial_seconds: 3600,
            teardown_seconds: 900,
        }
    }
}

/// How pods are scheduled.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Priority class of all pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub priority_class_name: Option<String>,
    /// Scheduler of the servers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub scheduler_name: Option<String>,
    /// Kueue queue: sets its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub queue_name: Option<String>,
}

impl Scheduling {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What an entry of `load.extraArguments` may be: a value, or a flag that leaves the load as it is.
pub const EXTRA_LOAD_ARGUMENT: &str = concat!(
    r"^([^-].*|(--(api-key|connection-reuse-strategy|header|log-level|max-workers|record-processor-service-count",
    r"|record-processors|tokenizer-revision|transport|transport-type|wait-for-model-interval|wait-for-model-mode",
    r"|wait-for-model-timeout|workers-max)|-H)(=.*)?",
    r"|--(extra-verbose|tokenizer-trust-remote-code|use-legacy-max-tokens|verbose)|-v|-vv)$",
);

/// How load is generated.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Load {
    /// Image with the load tool. Unset: the operator's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Measured requests of a level for each user. The audit rejects a level with fewer than three.
    #[schemars(range(min = 3, max = 1000))]
    pub requests_per_concurrency: Count,
    /// Measured requests of a level at least.
    #[schemars(range(min = 1, max = 100_000))]
    pub minimum_requests: Count,
    /// Warm-up requests before a level for each user.
    #[schemars(range(min = 0, max = 100))]
    pub warmup_per_concurrency: Count,
    /// New runs of the levels that decide.
    #[schemars(range(min = 1, max = 20))]
    pub decision_trials: Count,
    /// Levels added between the last that meets the SLA and the first that misses it.
    #[schemars(range(min = 0, max = 5))]
    pub refinements: Count,
    /// Ends the climb after so many levels in a row that miss the SLA; 0 measures all.
    #[schemars(range(min = 0, max = 16))]
    pub stop_after_misses: Count,
    /// How long one request may take, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub request_timeout_seconds: Count,
    /// Start of the sequence of seeds; the same for all variants.
    #[schemars(range(min = 0))]
    pub seed: Count,
    /// Tokenizer of the load tool: an id, or a path in its image or below `model.cache.mountPath`, which is then mounted.
    /// Unset: the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub tokenizer: Option<String>,
    /// Environment of the load tool and the predictor, such as a proxy. Values are not shown in reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub env: Vec<EnvVar>,
    /// Further arguments of the load tool: headers, API key, transport, workers, tokenizer, log. Those that might change the
    /// load are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 512), regex(pattern = EXTRA_LOAD_ARGUMENT)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_arguments: Vec<String>,
    /// The pods that run the load tool and the predictor.
    #[serde(skip_serializing_if = "LoadPod::is_default")]
    pub pod: LoadPod,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            image: None,
            requests_per_concurrency: 10,
            minimum_requests: 30,
            warmup_per_concurrency: 2,
            decision_trials: 5,
            refinements: 2,
            stop_after_misses: 0,
            request_timeout_seconds: 600,
            seed: 100,
            tokenizer: None,
            env: vec![],
            extra_arguments: vec![],
            pod: LoadPod::default(),
        }
    }
}

/// The pod that runs the load tool (and the predictor).
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPod {
    /// Nodes it may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints it tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<Toleration>,
    /// CPU and memory of the load tool. Unset: 4 CPUs and 4 GiB requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// User and groups. Unset: 65532.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<PodUser>,
}

impl LoadPod {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// CPU and memory of a container.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What the scheduler sets aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub limits: BTreeMap<String, Quantity>,
}

/// User and groups of a pod.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodUser {
    /// User id.
    #[schemars(range(min = 1))]
    pub run_as_user: i64,
    /// Group id.
    #[schemars(range(min = 1))]
    pub run_as_group: i64,
    /// Group that owns volumes.
    #[schemars(range(min = 1))]
    pub fs_group: i64,
}

/// What a level must show to be used.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// Failed requests of all, in percent.
    pub maximum_error_percent: Decimal,
    /// Completed requests of a level.
    #[schemars(range(min = 1, max = 100_000))]
    pub minimum_requests: Count,
    /// How far mean token counts may be off the workload's, in percent.
    pub length_tolerance_percent: Decimal,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            maximum_error_percent: Decimal::new("1"),
            minimum_requests: 10,
            length_tolerance_percent: Decimal::new("2"),
        }
    }
}

/// How the verdict is reached.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Judgement {
    /// How far predictions may be off and still be called accurate, in percent.
    pub accuracy_tolerance_percent: Decimal,
    /// Gains up to this are no difference, in percent.
    pub equivalence_margin_percent: Decimal,
    /// Outcomes that count as a failure of the comparison: the condition Succeeded is then False.
    #[schemars(length(max = 4))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub fail_on: Vec<FailOn>,
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            accuracy_tolerance_percent: Decimal::new("20"),
            equivalence_margin_percent: Decimal::new("5"),
            fail_on: vec![FailOn::Inconclusive],
        }
    }
}

/// Where raw artifacts are kept.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// PersistentVolumeClaim in the comparison's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Directory below which they are kept, as the load pod sees it; the claim is mounted at its first component.
    #[serde(default = "default_results_path")]
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"))]
    pub path: String,
}

fn default_results_path() -> String {
    "/data/results".into()
}

/// How many finished runs are kept.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// Finished runs with a verdict that are kept, with their report; the newest run without one is kept beside.
    #[schemars(range(min = 1, max = 10))]
    pub runs: Count,
}

impl Default for History {
    fn default() -> Self {
        Self { runs: 3 }
    }
}
