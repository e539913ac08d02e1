//! Conditions: their types, and setting one without moving its time for nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

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
