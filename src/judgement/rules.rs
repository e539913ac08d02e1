//! The rules of a judgement, parsed from the spec once.

use serde::{Deserialize, Serialize};

use super::sla::{InvalidNumber, SlaLimits};
use crate::api::{BenchmarkComparisonSpec, Decimal, Finding};
use crate::measurement::audit::{EvidenceLimits, Expectation, LimitError, audit};
use crate::measurement::record::TrialRecord;

/// What a comparison is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Latencies a level has to keep.
    pub limits: SlaLimits,
    /// What a run must show to be used.
    pub audit: AuditRules,
    /// Gains up to this are no difference, in percent.
    pub margin_percent: f64,
    /// How far predictions may be off and still be called accurate, in percent.
    pub tolerance_percent: f64,
    /// New runs of the deciding levels that were planned, in each round.
    pub decision_trials: u32,
    /// Deployments of each variant that were planned.
    pub rounds: u32,
    /// Price of one GPU for one hour, where given.
    pub gpu_hourly_cost: Option<f64>,
}

/// A number of the spec that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A limit of the SLA, a margin or a price.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
    /// A limit of the evidence.
    #[error(transparent)]
    Evidence(#[from] LimitError),
}

impl Rules {
    /// Reads the rules; an error names the field that is no number.
    pub fn from_spec(spec: &BenchmarkComparisonSpec) -> Result<Self, RulesError> {
        let percent = |field, text| number(field, text, "a decimal number from 0 up, such as \"5\"");
        Ok(Self {
            limits: SlaLimits::from_spec(&spec.sla)?,
            audit: AuditRules::from_spec(spec)?,
            margin_percent: percent("judgement.equivalenceMarginPercent", &spec.judgement.equivalence_margin_percent)?,
            tolerance_percent: percent(
                "judgement.accuracyTolerancePercent",
                &spec.judgement.accuracy_tolerance_percent,
            )?,
            decision_trials: spec.load.decision_trials.max(1),
            rounds: spec.execution.rounds.max(1),
            gpu_hourly_cost: match &spec.hardware.gpu_hourly_cost {
                Some(cost) => Some(number("hardware.gpuHourlyCost", cost, "a decimal number from 0 up")?),
                None => None,
            },
        })
    }
}

fn number(field: &'static str, text: &Decimal, expected: &'static str) -> Result<f64, InvalidNumber> {
    text.value().ok_or_else(|| InvalidNumber { field, found: text.to_string(), expected })
}

/// What the audit of a variant's runs needs to know of the spec.
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
    /// Reads the rules; an error names the field that is no number.
    pub fn from_spec(spec: &BenchmarkComparisonSpec) -> Result<Self, LimitError> {
        Ok(Self {
            model: spec.model.name.clone(),
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
            concurrency: record.step.concurrency,
        };
        let audited = record.measurement.iter().flat_map(|measurement| audit(measurement, &expected, &self.limits));
        record.findings.iter().cloned().chain(audited).collect()
    }
}
