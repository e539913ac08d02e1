//! `status`: facts first; phase, message and conditions are folded from them and never read back.

mod level;
mod run;
mod variant;
mod verdict;

pub use level::*;
pub use run::*;
pub use variant::*;
pub use verdict::*;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr, VariantNames};

use crate::api::conditions::{ConditionStatus, ConditionType};
use crate::api::{BenchmarkComparison, annotations};
use crate::text;
use crate::units::Count;

/// What was predicted, what was measured, how far apart they are, and the verdict.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkComparisonStatus {
    /// Generation of the spec that this status describes; -1 before the operator has observed the object.
    #[serde(default = "unobserved")]
    pub observed_generation: i64,
    /// Phase of the run, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is happening, for people. It changes only when something happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// Trials done and planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The current run or, if none is active, the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Finished, Succeeded, Reconciling and Stalled, and one for each stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// One entry for each variant, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub variants: Vec<VariantStatus>,
    /// What the run is expected to cost, at most, and what it has cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// One entry for each round that began: the deployments it makes, and what is known after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rounds: Vec<RoundStatus>,
    /// The verdict of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// GPU-seconds of the run, over intervals that have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_seconds: Option<GpuSeconds>,
    /// Reference to the report of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportReference>,
    /// Earlier runs, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub history: Vec<PastRun>,
    /// The last value of `bcmp.dev/run-requested` for which a run was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_run_request: Option<String>,
    /// The last value of `bcmp.dev/cancel-requested` that was acted on, or answered by an event because it names no active run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_cancel_request: Option<String>,
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
            price: None,
            rounds: vec![],
            verdict: None,
            gpu_seconds: None,
            report: None,
            history: vec![],
            last_handled_run_request: None,
            last_handled_cancel_request: None,
        }
    }
}

fn unobserved() -> i64 {
    -1
}

/// Bytes of a request that the status has room for.
const LONGEST_REQUEST: usize = 256;

/// A request as `status.lastHandledRunRequest` and `lastHandledCancelRequest` store it.
pub fn stored_request(request: &str) -> String {
    text::cut(request, LONGEST_REQUEST)
}

impl BenchmarkComparisonStatus {
    /// Whether a run was started for this run request.
    pub fn has_handled(&self, request: &str) -> bool {
        self.last_handled_run_request.as_deref() == Some(stored_request(request).as_str())
    }

    /// Whether a condition is True.
    pub fn is_true(&self, kind: ConditionType) -> bool {
        let condition = self.conditions.iter().find(|condition| condition.type_ == kind.as_str());
        condition.is_some_and(|condition| condition.status == ConditionStatus::True.as_str())
    }

    /// Number of the current run, or of the last one; 0 before the first.
    pub fn run_number(&self) -> i64 {
        self.run.as_ref().map_or(0, |run| run.number)
    }
}

impl BenchmarkComparison {
    /// The run that the annotation `bcmp.dev/run-requested` asks for, until it is started.
    pub fn pending_run_request(&self) -> Option<&str> {
        let request = self.run_request()?;
        let handled = self.status.as_ref().is_some_and(|status| status.has_handled(request));
        (!handled).then_some(request)
    }

    /// The annotation `bcmp.dev/run-requested`, when it is not empty.
    pub fn run_request(&self) -> Option<&str> {
        let request = self.metadata.annotations.as_ref()?.get(annotations::RUN_REQUESTED)?;
        (!request.is_empty()).then_some(request.as_str())
    }
}

/// Phase of a run. Output only.
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
pub enum Phase {
    /// Not started.
    Pending,
    /// Waiting for GPUs behind other comparisons.
    Queued,
    /// Predictions and manifests are being generated.
    Generating,
    /// Predictions and manifests are ready, and the run stops there.
    Predicted,
    /// Variants are being deployed and measured.
    Measuring,
    /// The last objects are being deleted.
    TearingDown,
    /// Finished with a verdict.
    Succeeded,
    /// Finished: something went wrong, or `judgement.failOn` lists the outcome.
    Failed,
    /// Finished, but the evidence is insufficient for a verdict.
    Inconclusive,
    /// Cancelled on request.
    Cancelled,
    /// Suspended; nothing runs.
    Suspended,
}

/// Trials done and planned; updated when a trial ends.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// For example `11/18`.
    #[schemars(length(max = 32))]
    pub summary: String,
    /// Trials that have ended, over all variants.
    pub trials_done: Count,
    /// Trials planned, as far as known.
    pub trials_total: Count,
    /// When the measurement is expected to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion_time: Option<Time>,
}

/// GPU-seconds of the run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuSeconds {
    /// From all pods being scheduled until no pod is left. The GPUs of an endpoint count while it is measured.
    pub held: i64,
    /// The part of it during which requests of trials were under way.
    pub measuring: i64,
    /// The part of it during which an engine was serving and no request was under way: starts of the load tool, what it does
    /// after its last request, and the time until the deployment is told to go.
    pub idle: i64,
}

/// What a run costs. Of deployments that were queued or suspended, only the time during which GPUs are held counts.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// By what is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Cost>,
    /// With as many rounds as are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Cost>,
    /// Over deployments that are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Cost>,
    /// What each variant is expected to take, over the expected rounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    pub variants: Vec<VariantCost>,
}

/// What a variant is expected to take.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantCost {
    /// Name in the spec.
    #[schemars(length(max = 40))]
    pub name: String,
    /// Minutes during which it holds GPUs.
    pub minutes: Count,
    /// GPUs held × hours, for example `3.4`.
    #[schemars(length(max = 16))]
    pub gpu_hours: String,
}

/// What rounds cost.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Rounds.
    pub rounds: Count,
    /// Minutes during which GPUs are held, with variants one after the other.
    pub minutes: Count,
    /// GPUs held × hours, for example `6.8`.
    #[schemars(length(max = 16))]
    pub gpu_hours: String,
    /// In the currency of `hardware.gpuHourlyCost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    pub cost: Option<String>,
}

/// Reference to the report of a run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportReference {
    /// Name of a ConfigMap in the comparison's namespace.
    #[schemars(length(max = 253))]
    pub config_map_name: String,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A longer request is stored shortened, and handled all the same: the operator and the plugin ask here.
    #[rstest]
    #[case::short("2026-11-28")]
    #[case::too_long_to_be_stored(&"x".repeat(300))]
    #[case::of_wide_characters(&"é".repeat(400))]
    fn a_request_that_started_a_run_is_handled(#[case] request: &str) {
        let stored = Some(stored_request(request));
        assert!(stored.as_ref().is_some_and(|stored| stored.len() <= LONGEST_REQUEST));
        let status = BenchmarkComparisonStatus { last_handled_run_request: stored, ..Default::default() };
        assert!(status.has_handled(request));
        assert!(!status.has_handled("another"));
        assert!(!BenchmarkComparisonStatus::default().has_handled(request));
    }
}
