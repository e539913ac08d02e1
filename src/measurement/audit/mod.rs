//! The audit of trials (METHOD §10): what speaks against using a measurement, each finding with its numbers.
//!
//! `rules` look at one trial, [`across`] at several. Neither knows which load tool was used.

pub mod across;
mod limits;
mod rules;

pub use limits::{EvidenceLimits, LimitError};

use super::Measurement;
use crate::api::Finding;

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
    let trial = rules::Trial { measurement, expected, limits };
    let mut findings: Vec<Finding> = rules::RULES.iter().filter_map(|rule| rule(&trial)).collect();
    findings.sort_by_key(|finding| finding.code);
    findings
}

/// Whether a trial with these findings must not be used.
pub fn rejected(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::rejects)
}
