//! The audit of trials (METHOD §10): what speaks against using a measurement, each finding with its numbers.
//!
//! `rules` look at one trial, [`across`] at several. Neither knows which load tool was used.

pub mod across;
mod limits;
mod rules;

pub use limits::{EvidenceLimits, LimitError};

use serde::{Deserialize, Serialize};

use super::Measurement;
use super::record::TrialRecord;
use crate::api::{BenchmarkComparisonSpec, Finding};

/// What a trial was meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Id the server answers to.
    pub model: String,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
}

/// The findings about a measurement taken at face value, in the order of the codes; none for a clean one.
///
/// Some things cannot be seen in a measurement: a server that restarted, a load pod that was lost, shared nodes. Others
/// take several measurements: see [`across`].
pub fn audit(measurement: &Measurement, expected: &Expectation, limits: &EvidenceLimits) -> Vec<Finding> {
    let trial = rules::AuditedTrial { measurement, expected, limits };
    let mut findings: Vec<Finding> = rules::RULES.iter().filter_map(|rule| rule(&trial)).collect();
    findings.sort_by_key(|finding| finding.code);
    findings
}

/// Whether a trial with these findings must not be used.
pub fn rejected(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::rejects)
}

/// What the audit of a variant's trials needs to know of the spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRules {
    /// Id the server answers to.
    pub model: String,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// `spec.evidence`, parsed.
    pub limits: EvidenceLimits,
}

impl AuditRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// A limit of the evidence that is not a number.
    pub fn from_spec(spec: &BenchmarkComparisonSpec) -> Result<Self, LimitError> {
        Ok(Self {
            model: spec.model.served_name().to_owned(),
            input_tokens: spec.workload.input_tokens.max(1),
            output_tokens: spec.workload.output_tokens.max(1),
            limits: EvidenceLimits::parse(&spec.evidence)?,
        })
    }

    /// What the agent saw and what the audit of the measurement finds.
    pub fn findings(&self, record: &TrialRecord) -> Vec<Finding> {
        let expected = Expectation {
            model: self.model.clone(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            concurrency: record.trial.key.concurrency,
        };
        let audited = record.measurement.iter().flat_map(|measurement| audit(measurement, &expected, &self.limits));
        record.findings.iter().cloned().chain(audited).collect()
    }
}
