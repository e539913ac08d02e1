//! Conditions: their types, and setting one without moving its time for nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::text;

/// The longest reason and the longest message of a condition, a failure or a run, in bytes. Kubernetes allows conditions
/// 1024 and 32768: an object in the store should not weigh that much.
pub const LONGEST_REASON: usize = 64;
/// See [`LONGEST_REASON`].
pub const LONGEST_MESSAGE: usize = 1024;

/// The types of conditions a comparison carries, in the order they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Predictions are within the tolerance.
    PredictionAccurate,
    /// Some candidate has an accepted level that meets the SLA.
    SlaMet,
}

impl ConditionType {
    /// Every type, in the order they are written.
    pub const ALL: [Self; 10] = [
        Self::Finished,
        Self::Succeeded,
        Self::Reconciling,
        Self::Stalled,
        Self::ConfigurationsGenerated,
        Self::VariantsMeasured,
        Self::TornDown,
        Self::EvidenceSufficient,
        Self::PredictionAccurate,
        Self::SlaMet,
    ];

    /// The type as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "Finished",
            Self::Succeeded => "Succeeded",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::ConfigurationsGenerated => "ConfigurationsGenerated",
            Self::VariantsMeasured => "VariantsMeasured",
            Self::TornDown => "TornDown",
            Self::EvidenceSufficient => "EvidenceSufficient",
            Self::PredictionAccurate => "PredictionAccurate",
            Self::SlaMet => "SlaMet",
        }
    }

    /// What is meant when it is True, what when it is not, and what to do then.
    pub const fn explained(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Finished => (
                "The run is over, and everything it created for measuring was seen to be gone.",
                "False: it goes on, or something is not gone yet. `kubectl wait --for=condition=Finished` waits for it.",
                "Wait; `kubectl bcmp watch NAME` shows how far it is.",
            ),
            Self::Succeeded => (
                "The run ended well: with an answer that judgement.failOn does not name.",
                "Unknown: it is not over. False: it failed, was cancelled, or failOn caught its answer; the reason says which.",
                "`kubectl bcmp explain REASON`, with the condition's reason.",
            ),
            Self::Reconciling => (
                "A run is under way or queued (kstatus: InProgress).",
                "False: it is over, held, or not asked for.",
                "Nothing.",
            ),
            Self::Stalled => (
                "Nothing moves without a person: the run failed, or a teardown is overdue (kstatus: Failed).",
                "False: it goes on, or ended well.",
                "The message says what to do; `kubectl bcmp explain REASON` says more.",
            ),
            Self::ConfigurationsGenerated => (
                "Predictions and manifests of all variants are ready.",
                "Unknown: they are being made. False: a variant has none, or generation failed. No GPU is held before.",
                "Correct what the message names in the spec.",
            ),
            Self::VariantsMeasured => (
                "All levels of all variants were measured.",
                "Unknown: not yet. False: a variant failed, or the run ended early.",
                "`kubectl bcmp explain REASON`, with the condition's reason.",
            ),
            Self::TornDown => (
                "Nothing that holds GPUs is left of this comparison.",
                "False: a variant is deployed, is going, or cannot go (TeardownStuck).",
                "Where it is stuck, the message names what holds it.",
            ),
            Self::EvidenceSufficient => (
                "Every deciding level was measured and accepted, and the outcome is beyond doubt.",
                "Unknown: not judged yet. False: a deciding level was lost, or the outcome could be chance.",
                "See the levels' evidence (`kubectl bcmp report NAME`), mend its cause and run again.",
            ),
            Self::PredictionAccurate => (
                "Predictions of TPOT and tokens/s/GPU are within judgement.accuracyTolerancePercent.",
                "Unknown: nothing to judge. False: a prediction is off by more.",
                "See the errors by level; `kubectl bcmp evaluate NAME` judges by another tolerance.",
            ),
            Self::SlaMet => (
                "A candidate has an accepted level that keeps the SLA.",
                "Unknown: not judged, or levels scatter around a limit. False: no candidate keeps it at any level.",
                "Add lower levels to workload.concurrency, or relax sla.",
            ),
        }
    }
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told yet.
    Unknown,
}

impl ConditionStatus {
    /// The status as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is said of one condition, before times are attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Type.
    pub kind: ConditionType,
    /// Status.
    pub status: ConditionStatus,
    /// One CamelCase word.
    pub reason: String,
    /// For people; stable text.
    pub message: String,
}

impl Statement {
    /// A statement, in as much space as a condition gives it: reason and message may come from anywhere.
    pub fn new(kind: ConditionType, status: ConditionStatus, reason: &str, message: &str) -> Self {
        Self {
            kind,
            status,
            reason: text::reason(reason, LONGEST_REASON),
            message: text::cut(message, LONGEST_MESSAGE),
        }
    }
}

/// Turns statements into conditions. A condition whose status does not flip keeps its transition time,
/// one that nobody states any more is dropped.
pub fn conditions(statements: Vec<Statement>, before: &[Condition], generation: i64, now: &Time) -> Vec<Condition> {
    statements
        .into_iter()
        .map(|statement| {
            let kept = before
                .iter()
                .find(|c| c.type_ == statement.kind.as_str() && c.status == statement.status.as_str())
                .map(|c| c.last_transition_time.clone());
            Condition {
                type_: statement.kind.as_str().into(),
                status: statement.status.as_str().into(),
                reason: statement.reason,
                message: statement.message,
                observed_generation: Some(generation),
                last_transition_time: kept.unwrap_or_else(|| now.clone()),
            }
        })
        .collect()
}
