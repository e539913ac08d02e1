//! What a run with known configurations is predicted to cost and to tell, without a cluster.

use super::predicted::gpus_of;
use crate::api::{BenchmarkComparisonSpec, Price, VariantStatus};
use crate::judgement::rounds::TrialOrigin;
use crate::prediction::configurations::Configurations;
use crate::units::count;
use crate::verdict::forecast::forecast;
use crate::verdict::price::RunPrice;
use crate::verdict::{EvidenceError, Judged, RunProgress, Stored, evidence};

/// What is said of a run before it begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Absent where a variant has no estimate for a level of the ladder.
    pub price: Option<Price>,
    /// Absent where nothing is predicted.
    pub forecast: Option<String>,
}

/// By the same functions as in a run whose configurations are ready.
///
/// # Errors
/// A number of the spec cannot be used, or there is not exactly one baseline.
pub fn outlook(spec: &BenchmarkComparisonSpec, configurations: &Configurations) -> Result<Outlook, EvidenceError> {
    let ready = |name: &str| configurations.ready(name);
    let variants = spec.variants.iter().map(|variant| VariantStatus {
        gpus: ready(&variant.name).and_then(|ready| gpus_of(ready, spec)).map(count),
        ..VariantStatus::new(variant.name.as_str(), variant.role)
    });
    let variants: Vec<VariantStatus> = variants.collect();
    let stored = |name: &str| Stored { prediction: ready(name).map(|ready| &ready.prediction), ..Stored::default() };
    let progress = RunProgress { rounds: 0, budget_spent: false, origin: TrialOrigin::Sweep };
    let judged = Judged::from(evidence(spec, &variants, stored, progress)?);
    let price = RunPrice::of(&judged, spec, |_| None).map(|price| price.status(&judged.evidence));
    Ok(Outlook { price, forecast: forecast(&judged) })
}
