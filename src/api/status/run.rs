//! Runs: the current one and those before it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::VerdictResult;
use crate::api::{AnyReason, Decimal, MOST_ROUNDS, Mode};
use crate::units::Count;

/// One run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Number, from 1.
    pub number: i64,
    /// Hash of the measured inputs, prefixed with the version of the hash: `v1:…`.
    #[schemars(length(max = 80))]
    pub inputs_hash: String,
    /// Hash of the run's plan. A ConfigMap that holds another one is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub plan_hash: Option<String>,
    /// Hash of the predictions and manifests that the run uses. If they change, the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub configurations_hash: Option<String>,
    /// When it entered the queue.
    pub queued_time: Time,
    /// When its predictions and manifests were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_time: Option<Time>,
    /// When it was last paused, by `suspend` or `until: Predictions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// When it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it was over and everything was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The chosen mode: Sequential or Parallel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub mode_reason: Option<String>,
    /// That no further round begins. It stands until a limit that it names is raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// Why the run ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Run {
    /// A run that is queued now, and of which nothing is known yet.
    pub const fn new(number: i64, inputs_hash: String, queued_time: Time) -> Self {
        Self {
            number,
            inputs_hash,
            plan_hash: None,
            configurations_hash: None,
            queued_time,
            generated_time: None,
            paused: None,
            start_time: None,
            completion_time: None,
            mode: None,
            mode_reason: None,
            settled: None,
            ended: None,
        }
    }
}

/// A time during which a run was paused.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When it began.
    pub since: Time,
    /// When the run resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// That a run needs no further round.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// Rounds that count.
    pub rounds: Count,
    /// `execution.budget.gpuHours`, where another round would not have fitted in what was left of it. Raised, the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "Decimal::written")]
    pub budget_gpu_hours: Option<Decimal>,
    /// `execution.rounds.maximum`, where it allowed no further round. Raised, the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_rounds: Option<Count>,
    /// When it was decided.
    pub time: Time,
}

impl Settled {
    /// Whether a further round would not have fitted in what was left of the budget.
    pub fn is_budget_spent(&self) -> bool {
        self.budget_gpu_hours.is_some()
    }

    /// Whether the run would go on if a limit were raised.
    pub fn may_go_on(&self) -> bool {
        self.is_budget_spent() || self.maximum_rounds.is_some_and(|rounds| rounds < MOST_ROUNDS)
    }
}

/// One round of a run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundStatus {
    /// Number, from 1.
    pub number: Count,
    /// The variants it deploys: those that are not decided yet.
    #[schemars(length(max = 6), inner(length(max = 14)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub variants: Vec<String>,
    /// When it began.
    pub start_time: Time,
    /// The first candidate's gain by all rounds up to this one, in signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub gain_percent: Option<String>,
    /// Its interval, for example `+18.0…+29.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48))]
    pub interval: Option<String>,
}

/// Why a run ended before its verdict. A write-once fact.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How the run counts.
    pub outcome: EarlyEnd,
    /// CamelCase reason.
    pub reason: AnyReason,
    /// The object, the finding and the remedy.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was decided.
    pub time: Time,
}

/// How a run ended before its verdict.
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
pub enum EarlyEnd {
    /// Something went wrong that only a person can fix.
    Failed,
    /// A person cancelled it.
    Cancelled,
    /// Its inputs changed during the run, or another run was requested.
    Superseded,
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
