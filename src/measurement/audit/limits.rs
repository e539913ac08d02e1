//! The limits of the audit that people may set.

use serde::{Deserialize, Serialize};

use crate::api::{Decimal, Evidence};

/// `spec.evidence`, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceLimits {
    /// Failed requests at most, in percent of all.
    pub maximum_error_percent: f64,
    /// How far mean token counts may be off, in percent.
    pub length_tolerance_percent: f64,
}

/// A limit that is not a number. The schema refuses it, but files that are read offline may hold one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.evidence.{field}: found `{found}`; expected {expected}")]
pub struct LimitError {
    /// Field below `spec.evidence`.
    pub field: &'static str,
    pub found: String,
    pub expected: &'static str,
}

impl EvidenceLimits {
    /// Parses the limits once.
    ///
    /// # Errors
    /// The first field that is not a non-negative decimal.
    pub fn parse(evidence: &Evidence) -> Result<Self, LimitError> {
        let percent = |field, decimal: &Decimal| {
            let expected = "a decimal number from 0 up, such as \"2.5\"";
            decimal.value().ok_or_else(|| LimitError { field, found: decimal.to_string(), expected })
        };
        Ok(Self {
            maximum_error_percent: percent("maximumErrorPercent", &evidence.maximum_error_percent)?,
            length_tolerance_percent: percent("lengthTolerancePercent", &evidence.length_tolerance_percent)?,
        })
    }
}
