//! Conditions: their types, and setting one without moving its time for nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use strum::{Display, EnumIter, IntoStaticStr};

use super::AnyReason;
use crate::text;

/// The longest message of a condition, a failure or a run, in bytes. Kubernetes allows 32768: an object in the store should
/// not weigh that much.
pub const LONGEST_MESSAGE: usize = 1024;

/// The types of conditions a comparison carries, in the order they are written.
#[derive(Clone, Copy, Debug, Display, EnumIter, IntoStaticStr, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// The run is over and everything it created for measuring is gone.
    Finished,
    /// The run ended well.
    Succeeded,
    /// A run is under way or queued (kstatus).
    Reconciling,
    /// Nothing moves without a change by a person (kstatus).
    Stalled,
    /// Predictions and manifests are there.
    ConfigurationsGenerated,
    /// All variants are measured.
    VariantsMeasured,
    /// Nothing that holds GPUs is left.
    TornDown,
    /// The evidence suffices for a verdict.
    EvidenceSufficient,
    /// Every candidate's claim is kept.
    ClaimKept,
    /// The estimates are within the tolerance.
    PredictionAccurate,
    /// Some candidate has an accepted level that meets the SLA.
    SlaMet,
}

impl ConditionType {
    /// The type as it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known yet.
    Unknown,
}

impl ConditionStatus {
    /// The status as it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A condition before its times are attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCondition {
    /// Type.
    pub kind: ConditionType,
    /// Status.
    pub status: ConditionStatus,
    /// Why it is so, for programs.
    pub reason: AnyReason,
    /// For people; stable text.
    pub message: String,
}

impl NewCondition {
    /// A condition, in as much space as a condition gives it: the message may come from anywhere.
    pub fn new(kind: ConditionType, status: ConditionStatus, reason: impl Into<AnyReason>, message: &str) -> Self {
        Self { kind, status, reason: reason.into(), message: text::cut(message, LONGEST_MESSAGE) }
    }
}

/// Attaches times. A condition whose status does not flip keeps its transition time,
/// one that is not among them any more is dropped.
pub fn conditions(new: Vec<NewCondition>, before: &[Condition], generation: i64, now: &Time) -> Vec<Condition> {
    new.into_iter()
        .map(|new| {
            let kept = before
                .iter()
                .find(|c| c.type_ == new.kind.as_str() && c.status == new.status.as_str())
                .map(|c| c.last_transition_time.clone());
            Condition {
                type_: new.kind.as_str().into(),
                status: new.status.as_str().into(),
                reason: new.reason.to_string(),
                message: new.message,
                observed_generation: Some(generation),
                last_transition_time: kept.unwrap_or_else(|| now.clone()),
            }
        })
        .collect()
}
