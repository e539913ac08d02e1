//! What is stored of a run → a case, and what was judged → the status: the one way, for the operator and offline.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::rules::{Rules, RulesError};
use super::{Case, CaseError, JudgedVariant, VariantEvidence, surroundings};
use crate::api::{BenchmarkComparisonSpec, EvidenceCode, Finding, VariantStatus};
use crate::measurement::record::TrialRecord;
use crate::prediction::Prediction;
use crate::text;

/// Distinct concurrencies of a variant, at most: the rows of its status.
pub const MAXIMUM_LEVELS: usize = 24;
/// What is said of all levels together, at most, in bytes: the figures of the largest comparison take 90 KiB, and an object
/// in the store should not weigh more than 128.
const MAXIMUM_REASONS_BYTES: usize = 24 * 1024;
/// A reason without its message.
const REASON_BYTES: usize = 70;

/// What is stored of one variant beside its status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    /// What was predicted, where something was.
    pub prediction: Option<&'a Prediction>,
    /// What its load pods published, in any order.
    pub records: &'a [TrialRecord],
    /// Why its levels are not all there, if they are not. A failure in its status says so too.
    pub failure: Option<&'a str>,
}

/// Why what is stored cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// A number of the spec cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The variants cannot be compared.
    #[error(transparent)]
    Case(#[from] CaseError),
}

/// What was measured goes by the plan; how it is judged goes by the live spec, so that a changed tolerance re-judges.
pub fn judged_now(planned: &BenchmarkComparisonSpec, live: &BenchmarkComparisonSpec) -> BenchmarkComparisonSpec {
    let mut spec = planned.clone();
    spec.evidence = live.evidence.clone();
    spec.judgement = live.judgement.clone();
    spec.sla.statistic = live.sla.statistic;
    spec.hardware.gpu_hourly_cost = live.hardware.gpu_hourly_cost.clone();
    spec
}

/// The case of the variants of a status. `spec`: what was measured, and how it is to be judged now.
///
/// # Errors
/// A number of the spec cannot be used, or there is not exactly one baseline.
pub fn case<'a>(
    spec: &BenchmarkComparisonSpec,
    variants: &[VariantStatus],
    stored: impl Fn(&str) -> Stored<'a>,
) -> Result<Case, StoredError> {
    let ladder = ladder(spec, variants.iter().filter_map(|variant| stored(&variant.name).prediction));
    let evidence = variants.iter().map(|variant| evidence(variant, variants, spec, stored(&variant.name))).collect();
    Ok(Case::new(Rules::from_spec(spec)?, ladder, evidence)?)
}

/// The spec's levels and the claimed points of all variants, ascending, without repeats.
pub fn ladder<'a>(spec: &BenchmarkComparisonSpec, predictions: impl IntoIterator<Item = &'a Prediction>) -> Vec<u32> {
    let levels = spec.workload.concurrency.iter().copied();
    let claims = predictions.into_iter().filter_map(|prediction| prediction.claim.as_ref());
    let ladder: BTreeSet<u32> =
        levels.chain(claims.map(|claim| claim.concurrency)).filter(|level| *level > 0).collect();
    ladder.into_iter().take(MAXIMUM_LEVELS).collect()
}

/// Writes what was judged into the variants of a status.
pub fn write_rows(rows: Vec<JudgedVariant>, variants: &mut [VariantStatus]) {
    for row in rows {
        let Some(variant) = variants.iter_mut().find(|variant| variant.name == row.name) else { continue };
        let JudgedVariant { name: _, levels, claim, findings, at_sla, sla_reason } = row;
        variant.levels = levels;
        variant.claim = claim;
        variant.findings = findings;
        variant.at_sla = at_sla;
        variant.sla_reason = sla_reason;
    }
}

/// Cuts what is said of levels as far as an object in the store needs it: the words first, then the last ones of each level.
/// The report has them all.
pub fn shorten_reasons(variants: &mut [VariantStatus]) {
    for (longest, most) in [(300, 8), (150, 8), (80, 8), (80, 4), (40, 2), (20, 2)] {
        let reasons = |variant: &mut VariantStatus| {
            variant.levels.iter_mut().map(|level| &mut level.evidence.reasons).for_each(|reasons| {
                reasons.truncate(most);
                reasons.iter_mut().for_each(|reason| reason.message = text::cut(&reason.message, longest));
            });
        };
        variants.iter_mut().for_each(reasons);
        if reasons_bytes(variants) <= MAXIMUM_REASONS_BYTES {
            return;
        }
    }
}

/// What the reasons of all levels take in JSON, near enough.
fn reasons_bytes(variants: &[VariantStatus]) -> usize {
    let levels = variants.iter().flat_map(|variant| &variant.levels);
    levels.flat_map(|level| &level.evidence.reasons).map(|reason| REASON_BYTES + reason.message.len()).sum()
}

fn evidence(
    variant: &VariantStatus,
    all: &[VariantStatus],
    spec: &BenchmarkComparisonSpec,
    stored: Stored,
) -> VariantEvidence {
    let gpus = variant.gpus.unwrap_or(spec.hardware.gpus_per_variant);
    let mut records = stored.records.to_vec();
    for record in &mut records {
        record.findings.extend(restarted(record, variant));
    }
    let failure = variant.failure.as_ref().map(|failure| failure.message.as_str()).or(stored.failure);
    VariantEvidence {
        name: variant.name.clone(),
        role: variant.role,
        gpus: NonZeroU32::new(gpus).unwrap_or(NonZeroU32::MIN),
        prediction: stored.prediction.cloned(),
        findings: surroundings::findings(variant, all).into_iter().chain(redeployed(variant, &records)).collect(),
        records,
        failure: failure.map(str::to_owned),
    }
}

/// A server container restarted while the level ran.
fn restarted(record: &TrialRecord, variant: &VariantStatus) -> Option<Finding> {
    let deployment = variant.deployments.iter().find(|d| d.number == record.deployment)?;
    let during = |time: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| {
        (record.start_time..=record.completion_time).contains(&time.0)
    };
    deployment.restarts.iter().find(during).map(|_| {
        Finding::new(EvidenceCode::ServerRestarted, "a server container restarted while the level ran".to_owned())
    })
}

/// Records of one round come from more than one deployment.
fn redeployed(variant: &VariantStatus, records: &[TrialRecord]) -> Option<Finding> {
    let of_round = |round: u32| {
        let deployments = records.iter().filter(move |r| r.step.round == round).map(|r| r.deployment);
        deployments.collect::<BTreeSet<_>>().len()
    };
    let rounds = records.iter().map(|r| r.step.round).collect::<BTreeSet<_>>();
    rounds.into_iter().find(|round| of_round(*round) > 1).map(|round| {
        let message = format!("variant {} was deployed again within round {round}", variant.name);
        Finding::new(EvidenceCode::Redeployed, message)
    })
}
