//! How a comparison is carried out, loaded, audited and judged.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{Decimal, IMAGE};
use crate::units::Count;

/// Whether variants are deployed one after the other or side by side.
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
    /// Side by side if everything fits when the run is admitted, otherwise one after the other.
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
    /// Creating the comparison, and each change of what is measured.
    #[default]
    Automatic,
    /// Only a request: the annotation `bcmp.dev/run-requested` or, after the first run, a changed `runId`.
    OnRequest,
}

/// What happens if measured inputs change during a run.
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
    /// The run is torn down, and the next one starts.
    #[default]
    Supersede,
    /// The run finishes first.
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
    /// To the predictions and manifests; no GPU is held.
    Predictions,
}

/// What happens to the other variants if one fails.
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
    /// They are measured.
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
    /// Probe every 5 s from the start, with the same total budget, and let servers start for up to `deadlines.readySeconds`.
    #[default]
    Prompt,
    /// As the predictor wrote them. A server that takes longer to start than they allow is restarted.
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
    /// The evidence is insufficient for a verdict.
    #[default]
    Inconclusive,
    /// The measurement contradicts the prediction.
    Refuted,
    /// No candidate meets the SLA.
    SlaMissed,
    /// The mean error of an estimate exceeds the tolerance.
    Inaccurate,
    /// A candidate's claim is missed.
    ClaimMissed,
    /// A candidate is worse than the baseline.
    Regressed,
}

/// How the comparison is carried out.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Execution {
    /// Whether variants are deployed one after the other or side by side.
    pub mode: Mode,
    /// What starts a run.
    pub start: Start,
    /// What happens if measured inputs change during a run.
    pub on_change: OnChange,
    /// How far a run goes.
    pub until: Until,
    /// What happens to the other variants if one fails.
    pub on_variant_failure: OnVariantFailure,
    /// How often each variant is deployed: as often as the answer needs, within these bounds. The order alternates (ABBA).
    pub rounds: Rounds,
    /// What the run may cost. Unset: whatever its rounds need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Timing of the probes of generated variants.
    pub probes: Probes,
    /// How long each stage may take.
    pub deadlines: Deadlines,
    /// How long a failed variant is kept for debugging, GPUs included.
    #[schemars(range(min = 0, max = 86_400))]
    pub keep_on_failure_seconds: Count,
}

/// Rounds that a run may have.
pub const MOST_ROUNDS: Count = 8;

/// How many rounds a run has. In a round, each variant that is not decided yet is deployed once. For exactly three, write both:
/// `{minimum: 3, maximum: 3}`.
// An integer in the place of both is not a structural schema of Kubernetes, but for a field without a type
// (`x-kubernetes-preserve-unknown-fields`): its parts would have no defaults, any text would pass, and CEL, which does not see
// fields without a type, could not hold the minimum against the maximum.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rounds {
    /// Nothing is decided before so many. A change applies to the next run.
    #[schemars(range(min = 1, max = MOST_ROUNDS))]
    pub minimum: Count,
    /// The run ends after so many. Raised, a run that stopped for it goes on.
    #[schemars(range(min = 1, max = MOST_ROUNDS))]
    pub maximum: Count,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { minimum: 1, maximum: MOST_ROUNDS }
    }
}

/// What a run may cost.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// GPU-hours that the run may hold. No round begins that is not expected to fit in what is left. Raised, a run that stopped
    /// for it goes on.
    pub gpu_hours: Decimal,
}

/// How long each stage may take, in seconds.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deadlines {
    /// Time in the queue for GPUs; 0 means no limit.
    #[schemars(range(min = 0, max = 2_592_000))]
    pub queue_seconds: Count,
    /// Time for generating predictions and manifests; no GPU is held.
    #[schemars(range(min = 10, max = 86_400))]
    pub generate_seconds: Count,
    /// Time until all pods of a variant are scheduled.
    #[schemars(range(min = 10, max = 604_800))]
    pub schedule_seconds: Count,
    /// Time from then until the first completed request.
    #[schemars(range(min = 10, max = 86_400))]
    pub ready_seconds: Count,
    /// Time for one trial: one run of the load tool at one level.
    #[schemars(range(min = 10, max = 86_400))]
    pub trial_seconds: Count,
    /// Time until everything that belongs to a variant is gone.
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
    /// Scheduler for the servers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub scheduler_name: Option<String>,
    /// Kueue queue, set as its label on the servers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub queue_name: Option<String>,
}

impl Scheduling {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Entries that `load.extraArguments` allows: a value, or a flag that does not change the load.
pub const EXTRA_LOAD_ARGUMENT: &str = concat!(
    r"^([^-].*|(--(api-key|connection-reuse-strategy|gpu-telemetry|header|log-level|max-workers|record-processor-service-count",
    r"|record-processors|tokenizer-revision|transport|transport-type|wait-for-model-interval|wait-for-model-mode",
    r"|wait-for-model-timeout|workers-max)|-H)(=.*)?",
    r"|--(extra-verbose|tokenizer-trust-remote-code|use-legacy-max-tokens|verbose)|-v|-vv)$",
);

/// How load is generated.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Load {
    /// Image of the load tool. Unset: the one in the operator's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = IMAGE))]
    pub image: Option<String>,
    /// How long a trial may take before it makes do with fewer requests, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub trial_minutes: Count,
    /// New trials of each deciding level, in each round.
    #[schemars(range(min = 1, max = 20))]
    pub decision_trials: Count,
    /// Levels added between the last that meets the SLA and the first that misses it.
    #[schemars(range(min = 0, max = 5))]
    pub refinements: Count,
    /// Stops climbing after this many levels in a row that miss the SLA; 0 measures all levels.
    #[schemars(range(min = 0, max = 16))]
    pub stop_after_misses: Count,
    /// How long one request may take, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub request_timeout_seconds: Count,
    /// First of the sequence of seeds, which is the same for all variants.
    #[schemars(range(min = 0))]
    pub seed: Count,
    /// Tokenizer of the load tool: an id, or a path in its image or below `model.cache.mountPath`, which is then mounted.
    /// Unset: that of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub tokenizer: Option<String>,
    /// Environment variables of the load tool and the predictor, for example a proxy. Reports do not show their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub env: Vec<EnvVar>,
    /// Further arguments of the load tool: headers, API key, transport, workers, tokenizer, logging, DCGM exporters of the GPUs. Arguments that could
    /// change the load are rejected. `$(NAME)` stands for a variable of `load.env`, which may come from a Secret; `$$` for `$`.
    /// Reports and logs do not show the values of `--api-key`, `--header` and `-H`.
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
            trial_minutes: 10,
            decision_trials: 2,
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

/// A pod that runs the load tool or the predictor.
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
    /// CPU and memory of the load tool. Unset: requests of 4 CPUs and 4 GiB, and no limits, so that nothing slows the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// User and groups of the pods that run the load tool and the predictor. Unset: 65532. `{}` leaves them to the cluster,
    /// as OpenShift wants it.
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
    /// What the scheduler reserves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub limits: BTreeMap<String, Quantity>,
}

/// User and groups of a pod. What is left out is up to the cluster.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodUser {
    /// User id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub run_as_user: Option<i64>,
    /// Group id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub run_as_group: Option<i64>,
    /// Group that owns the volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub fs_group: Option<i64>,
}

/// What a level needs to be accepted.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// Largest share of failed requests, in percent.
    pub maximum_error_percent: Decimal,
    /// Largest deviation of mean token counts from the workload's, in percent.
    pub length_tolerance_percent: Decimal,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { maximum_error_percent: Decimal::new("1"), length_tolerance_percent: Decimal::new("2") }
    }
}

/// How the verdict is reached.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Judgement {
    /// Largest error with which a claim still counts as kept and an estimate as accurate, in percent.
    pub accuracy_tolerance_percent: Decimal,
    /// Gains up to this size count as no difference, in percent.
    pub equivalence_margin_percent: Decimal,
    /// How much the speed of deployments of the same variant is assumed to scatter, in percent (standard deviation), until
    /// several rounds have shown it.
    pub assumed_scatter_percent: Decimal,
    /// Outcomes that count as a failure of the comparison: its condition Succeeded is then False.
    #[schemars(length(max = 6))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub fail_on: Vec<FailOn>,
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            accuracy_tolerance_percent: Decimal::new("20"),
            equivalence_margin_percent: Decimal::new("5"),
            assumed_scatter_percent: Decimal::new("2.5"),
            fail_on: vec![FailOn::Inconclusive],
        }
    }
}

/// Where raw artifacts are kept.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Name of a PersistentVolumeClaim in the comparison's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Directory for the artifacts, as seen by the load pod. The volume is mounted at its first component.
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
    /// How many finished runs with a verdict are kept, with their reports. The newest run without a verdict is kept as well.
    #[schemars(range(min = 1, max = 10))]
    pub runs: Count,
}

impl Default for History {
    fn default() -> Self {
        Self { runs: 3 }
    }
}
