//! What the audit found: a code, what it does to the evidence, and a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::codes::{EvidenceCode, Severity};
use crate::text;

/// The longest message of a finding, in bytes.
pub const LONGEST_FINDING: usize = 300;

/// One finding: the code for machines, the message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was found.
    pub code: EvidenceCode,
    /// What it does to the evidence.
    pub severity: Severity,
    /// Names what was found and what was expected, with units. At most 300 characters.
    #[schemars(length(max = 300))]
    pub message: String,
}

impl Finding {
    /// A finding with the code's own severity.
    pub fn new(code: EvidenceCode, message: impl Into<String>) -> Self {
        Self::with_severity(code, code.severity(), message)
    }

    /// A finding whose rule lowers or raises the severity.
    pub fn with_severity(code: EvidenceCode, severity: Severity, message: impl Into<String>) -> Self {
        Self { code, severity, message: text::cut(&message.into(), LONGEST_FINDING) }
    }

    /// Whether the evidence must not be used.
    pub fn rejects(&self) -> bool {
        self.severity == Severity::Reject
    }
}
