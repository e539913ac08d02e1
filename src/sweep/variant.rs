//! The sweep of a variant, as spec, generation and published records say.

use super::{MOST_LEVELS, Next, SizeRules, SweepPlan, SweepProgress, ladder, next, progress};
use crate::api::BenchmarkComparisonSpec;
use crate::measurement::audit::{AuditRules, LimitError};
use crate::measurement::record::TrialRecord;
use crate::method::estimate::Estimates;
use crate::method::sla::{SlaError, SlaLimits};
use crate::method::trial::Trial;
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome};
use crate::prediction::{Curve, Prediction};
use std::num::NonZeroU32;

/// Why there is no sweep.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// A limit of the SLA is not a number.
    #[error(transparent)]
    Sla(#[from] SlaError),
    /// A limit of the evidence is not a number.
    #[error(transparent)]
    Evidence(#[from] LimitError),
    /// The ladder is empty.
    #[error("workload.concurrency has no level of at least 1: give one")]
    NoLevel,
}

/// The sweep of one variant in one round.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantSweep {
    plan: SweepPlan,
    audit: AuditRules,
    curve: Option<Curve>,
}

impl VariantSweep {
    /// The sweep of `variant` in `round` (from 1). A variant that was not generated has no prediction; its sweep is the same
    /// ladder.
    ///
    /// # Errors
    /// A number of the spec cannot be used.
    pub fn new(
        spec: &BenchmarkComparisonSpec,
        configurations: &Configurations,
        variant: &str,
        round: u32,
    ) -> Result<Self, SweepError> {
        let ladder = ladder_of(spec, configurations.variants.iter().filter_map(prediction));
        if ladder.is_empty() {
            return Err(SweepError::NoLevel);
        }
        let own = configurations.variants.iter().find(|configuration| configuration.variant == variant);
        let curve = own.and_then(prediction).and_then(|prediction| prediction.curve.clone());
        let plan = SweepPlan {
            round,
            ladder,
            sla: SlaLimits::from_spec(&spec.sla)?,
            capacity: curve.as_ref().and_then(Estimates::capacity),
            output_tokens: spec.workload.output_tokens.max(1),
            decision_trials: spec.load.decision_trials.max(1),
            refinements: spec.load.refinements,
            stop_after_misses: spec.load.stop_after_misses,
            size: SizeRules::of(&spec.load),
            warm: false,
        };
        Ok(Self { plan, audit: AuditRules::from_spec(spec)?, curve })
    }

    /// The next trial, given all that was published of the variant in this run, for a deployment of it.
    pub fn next(&self, records: &[TrialRecord], deployment: u32) -> Next {
        let warm = records.iter().any(|record| record.deployment == deployment && record.measurement.is_some());
        let plan = SweepPlan { warm, ..self.plan.clone() };
        next(&plan, self.curve.as_ref().map(|curve| curve as &dyn Estimates), &self.trials(records))
    }

    /// Whether the round is over, given all that was published of the variant in this run.
    pub fn is_over(&self, records: &[TrialRecord]) -> bool {
        self.next(records, 0) == Next::Done
    }

    /// How far the round is.
    pub fn progress(&self, records: &[TrialRecord]) -> SweepProgress {
        progress(&self.plan, &self.trials(records))
    }

    /// Levels of one variant are compared with each other, so it does not matter how many GPUs their throughput is divided by.
    fn trials(&self, records: &[TrialRecord]) -> Vec<Trial> {
        let trial = |record| Trial::of(record, &self.audit.findings(record), NonZeroU32::MIN);
        records.iter().map(trial).collect()
    }
}

/// The levels every variant is loaded with: the spec's, and the claims and capacities of what is predicted for the variants.
pub fn ladder_of<'a>(
    spec: &BenchmarkComparisonSpec,
    predictions: impl Iterator<Item = &'a Prediction> + Clone,
) -> Vec<u32> {
    let claims: Vec<u32> = predictions.clone().filter_map(|of| Some(of.claim.as_ref()?.concurrency)).collect();
    let capacities: Vec<u32> = predictions.filter_map(|of| of.curve.as_ref()?.capacity()).collect();
    ladder(&spec.workload.concurrency, &claims, &capacities)
}

fn prediction(configuration: &Configuration) -> Option<&Prediction> {
    match &configuration.outcome {
        GenerationOutcome::Ready(ready) => Some(&ready.prediction),
        GenerationOutcome::Refused { .. } => None,
    }
}

/// Trials of the load tool in one deployment at most, whatever the search does: a bound for the load Job's deadline.
pub fn most_trials(spec: &BenchmarkComparisonSpec) -> u32 {
    // Ladder, refinements, doublings, rechecks and what joins, each twice; new trials of two levels, each twice.
    let selecting = u32::try_from(MOST_LEVELS).unwrap_or(u32::MAX).saturating_add(16);
    selecting.saturating_add(spec.load.decision_trials.saturating_mul(5)).saturating_mul(2)
}
