//! A comparison judged from what people have: results and predictions in files, or what a finished run stored.
//!
//! `judgement` decides, as it does for the operator.

pub mod measured;
pub mod outlook;
pub mod predicted;
pub mod results;
pub mod silicon;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::measured::Inputs;
use crate::api::{BenchmarkComparisonSpec, Deployed, Variant, VariantStatus, Verdict};
use crate::judgement::rounds::TrialOrigin;
use crate::measurement::record::TrialRecord;
use crate::prediction::{Prediction, Shape};
use crate::units::count;
use crate::verdict::rows::{rows, write_rows};
use crate::verdict::status::verdict;
use crate::verdict::{EvidenceError, Judged, RunProgress, Stored, evidence};

/// Version of the answer's layout.
pub const SCHEMA_VERSION: u32 = 1;
const NO_RESULTS: &str = "no results were given";

/// A variant without a cluster: whatever was found in files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfflineVariant {
    /// What is predicted, where something is.
    pub prediction: Option<Prediction>,
    /// What was deployed, where it can be determined.
    pub shape: Option<Shape>,
    /// GPUs it held, where they can be determined. Otherwise it counts as holding all it may, which the answer shows.
    pub gpus: Option<u32>,
    pub records: Vec<TrialRecord>,
}

/// A comparison that was judged.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub judged: Judged,
    pub verdict: Verdict,
    /// The variants as a status shows them, in the order of the spec.
    pub variants: Vec<VariantStatus>,
}

/// The answer, as it is printed: `verdict` and `variants` of a status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineAnswer {
    pub schema_version: u32,
    /// As in `status.verdict`.
    pub verdict: Verdict,
    pub variants: Vec<VariantStatus>,
    /// The files behind each variant's figures, where they come from files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, Inputs>,
}

impl Evaluated {
    /// The answer, as it is printed.
    pub fn answer(&self, results: &BTreeMap<String, Inputs>) -> OfflineAnswer {
        OfflineAnswer {
            schema_version: SCHEMA_VERSION,
            verdict: self.verdict.clone(),
            variants: self.variants.clone(),
            results: results.clone(),
        }
    }
}

/// Judges variants of a status by what is stored of them: the way for a run that has records.
///
/// # Errors
/// A number of the spec cannot be used, or there is not exactly one baseline.
pub fn evaluate<'a>(
    spec: &BenchmarkComparisonSpec,
    mut variants: Vec<VariantStatus>,
    stored: impl Fn(&str) -> Stored<'a>,
    progress: RunProgress,
) -> Result<Evaluated, EvidenceError> {
    let judged = Judged::from(evidence(spec, &variants, stored, progress)?);
    write_rows(rows(&judged, true), &mut variants);
    Ok(Evaluated { verdict: verdict(&judged), judged, variants })
}

/// Judges a comparison by what is known of its variants, by name. A variant of which nothing is known has no results.
///
/// # Errors
/// As of [`evaluate`].
pub fn evaluate_known(
    spec: &BenchmarkComparisonSpec,
    known: &BTreeMap<String, OfflineVariant>,
) -> Result<Evaluated, EvidenceError> {
    let variants = spec.variants.iter().map(|variant| status(variant, known.get(&variant.name))).collect();
    let last = known.values().flat_map(|of| &of.records).map(|record| record.trial.key.round).max();
    let progress = RunProgress { rounds: last.unwrap_or(0), budget_spent: false, origin: TrialOrigin::Files };
    let stored = |name: &str| {
        let Some(OfflineVariant { prediction, records, .. }) = known.get(name) else {
            return Stored { failure: Some(NO_RESULTS), ..Stored::default() };
        };
        let failure = records.is_empty().then_some(NO_RESULTS);
        Stored { prediction: prediction.as_ref(), records, failure }
    };
    evaluate(spec, variants, stored, progress)
}

fn status(variant: &Variant, known: Option<&OfflineVariant>) -> VariantStatus {
    let shape = known.and_then(|known| known.shape.as_ref());
    let endpoint = variant.source.endpoint.as_ref().map(|endpoint| endpoint.gpus);
    VariantStatus {
        gpus: endpoint.or(known.and_then(|known| known.gpus.map(count))),
        deployed: shape.map(|shape| {
            let mut deployed = Deployed::default();
            shape.show_in(&mut deployed);
            deployed
        }),
        ..VariantStatus::new(variant.name.as_str(), variant.role)
    }
}
