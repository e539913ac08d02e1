//! What is stored of a run, audited: all that a judgement rests on.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::surroundings;
use crate::api::{BenchmarkComparisonSpec, Decimal, Finding, Role, SourceKind, VariantStatus};
use crate::judgement::rounds::TrialOrigin;
use crate::judgement::rules::{RoundLimits, Rules};
use crate::measurement::Measurement;
use crate::measurement::audit::{AuditRules, LimitError, across};
use crate::measurement::record::TrialRecord;
use crate::method::sla::{SlaError, SlaLimits};
use crate::method::trial::Trial;
use crate::prediction::Prediction;
use crate::sweep::ladder_of;
use crate::units::Percent;

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

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunProgress {
    /// Rounds that count: those that are over.
    pub rounds: u32,
    /// No further round fits in what is left of the budget.
    pub budget_spent: bool,
    /// Where the trials come from.
    pub origin: TrialOrigin,
}

/// Everything a judgement rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvidence {
    /// How it is judged.
    pub rules: Rules,
    /// Whether the limit on TTFT is left out of it, as of some trial only the tool's summary is there.
    pub without_ttft: bool,
    /// Levels that have a row before they are measured, ascending.
    pub ladder: Vec<u32>,
    /// In the order of the spec, one of them the baseline.
    pub variants: Vec<VariantRecords>,
    pub baseline: usize,
    /// How far the run is.
    pub progress: RunProgress,
    /// Price of one GPU for one hour, where given.
    pub gpu_hourly_cost: Option<f64>,
}

/// What is known of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRecords {
    /// Name in the spec.
    pub name: String,
    /// Role in the spec.
    pub role: Role,
    /// GPUs it holds: throughput is divided by them.
    pub gpus: NonZeroU32,
    /// What was predicted, where something was.
    pub prediction: Option<Prediction>,
    /// GPU-hours that its last deployment held which is over.
    pub round_gpu_hours: Option<f64>,
    /// Everything its load pods published in this run, audited.
    pub records: Vec<AuditedRecord>,
    /// The same, as the method sees them.
    pub trials: Vec<Trial>,
    /// Rounds in which it was deployed and no trial came of it, ascending.
    pub failed_rounds: Vec<u32>,
    /// What was found about the variant as a whole, the prediction's own findings aside.
    pub findings: Vec<Finding>,
    /// Why its sweep did not come to its end, if it did not.
    pub failure: Option<String>,
}

/// A record with all that was found about it.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedRecord {
    /// What was published.
    pub record: TrialRecord,
    /// What speaks against it.
    pub findings: Vec<Finding>,
}

/// Why what is stored cannot be judged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvidenceError {
    /// A limit of the SLA.
    #[error(transparent)]
    Sla(#[from] SlaError),
    #[error(transparent)]
    Evidence(#[from] LimitError),
    /// A margin, a tolerance or a price.
    #[error("{field} is \"{found}\": give a decimal number from 0 up, such as \"5\"")]
    Number {
        /// Field of the spec.
        field: &'static str,
        /// What it holds.
        found: String,
    },
    /// There is none, or several.
    #[error("a comparison needs exactly one variant with the role Baseline, and has {0}")]
    Baselines(usize),
    /// There is none.
    #[error("a comparison needs at least one variant with the role Candidate")]
    NoCandidate,
}

/// What was measured goes by the plan; how it is judged goes by the live spec, so that a changed tolerance re-judges, and a
/// raised maximum of rounds or budget lets the run go on. After how many rounds it may be decided stays as planned: another
/// number would decide anew by fewer rounds than were measured, or leave open what was decided.
pub fn judged_now(planned: &BenchmarkComparisonSpec, live: &BenchmarkComparisonSpec) -> BenchmarkComparisonSpec {
    let mut spec = planned.clone();
    spec.evidence = live.evidence.clone();
    spec.judgement = live.judgement.clone();
    spec.execution.rounds.maximum = live.execution.rounds.maximum;
    spec.execution.budget = live.execution.budget.clone();
    spec.hardware.gpu_hourly_cost = live.hardware.gpu_hourly_cost.clone();
    spec
}

/// The evidence on the variants of a status. `spec`: what was measured, and how it is to be judged now.
///
/// # Errors
/// A number of the spec cannot be used, or there is not exactly one baseline.
pub fn evidence<'a>(
    spec: &BenchmarkComparisonSpec,
    variants: &[VariantStatus],
    stored: impl Fn(&str) -> Stored<'a>,
    progress: RunProgress,
) -> Result<RunEvidence, EvidenceError> {
    let Terms { audit, mut rules, baseline, gpu_hourly_cost } = Terms::of(spec, variants, progress.origin)?;
    // A maximum that is lowered takes back no round that was measured.
    rules.rounds.maximum = rules.rounds.maximum.max(progress.rounds);
    let predictions: Vec<&Prediction> = variants.iter().filter_map(|of| stored(&of.name).prediction).collect();
    let mut records: Vec<VariantRecords> = variants
        .iter()
        .map(|variant| of_variant(variant, variants, spec, stored(&variant.name), &audit, progress))
        .collect();
    reject_other_work(&mut records, baseline);
    compare_clocks(&mut records, baseline);
    let is_summary = |record: &&AuditedRecord| record.record.measurement.as_ref().is_some_and(|m| m.counted.is_none());
    let has_summaries = records.iter().flat_map(|of| &of.records).filter(|of| !rejects(of)).any(|of| is_summary(&of));
    let without_ttft = rules.sla.without_ttft().filter(|sla| has_summaries && *sla != rules.sla);
    let is_left_out = without_ttft.is_some();
    Ok(RunEvidence {
        rules: Rules { sla: without_ttft.unwrap_or_else(|| rules.sla.clone()), ..rules },
        without_ttft: is_left_out,
        ladder: ladder_of(spec, predictions.into_iter()),
        variants: records,
        baseline,
        progress,
        gpu_hourly_cost,
    })
}

/// Whether a spec and its variants can be judged at all, whatever was measured.
///
/// # Errors
/// As [`evidence`].
pub fn can_be_judged(spec: &BenchmarkComparisonSpec, variants: &[VariantStatus]) -> Result<(), EvidenceError> {
    Terms::of(spec, variants, TrialOrigin::Sweep).map(|_| ())
}

/// What of a judgement follows from the spec alone.
struct Terms {
    audit: AuditRules,
    rules: Rules,
    baseline: usize,
    gpu_hourly_cost: Option<f64>,
}

impl Terms {
    fn of(
        spec: &BenchmarkComparisonSpec,
        variants: &[VariantStatus],
        origin: TrialOrigin,
    ) -> Result<Self, EvidenceError> {
        let cost = spec.hardware.gpu_hourly_cost.as_ref();
        Ok(Self {
            baseline: baseline(variants)?,
            audit: AuditRules::from_spec(spec)?,
            rules: rules(spec, origin)?,
            gpu_hourly_cost: cost.map(|cost| number("hardware.gpuHourlyCost", cost)).transpose()?,
        })
    }
}

fn baseline(variants: &[VariantStatus]) -> Result<usize, EvidenceError> {
    let baselines = variants.iter().filter(|variant| variant.role == Role::Baseline).count();
    match variants.iter().position(|variant| variant.role == Role::Baseline) {
        Some(_) if variants.len() < 2 => Err(EvidenceError::NoCandidate),
        Some(baseline) if baselines == 1 => Ok(baseline),
        _ => Err(EvidenceError::Baselines(baselines)),
    }
}

fn rules(spec: &BenchmarkComparisonSpec, origin: TrialOrigin) -> Result<Rules, EvidenceError> {
    let sla = SlaLimits::from_spec(&spec.sla)?;
    let percent = |field, text: &Decimal| -> Result<Percent, EvidenceError> {
        Ok(Percent::new(number(field, text)?).unwrap_or_default())
    };
    let judgement = &spec.judgement;
    let is_endpoint = |variant: &crate::api::Variant| variant.source.kind == SourceKind::Endpoint;
    let rounds = &spec.execution.rounds;
    Ok(Rules {
        sla,
        equivalence_margin: percent("judgement.equivalenceMarginPercent", &judgement.equivalence_margin_percent)?,
        accuracy_tolerance: percent("judgement.accuracyTolerancePercent", &judgement.accuracy_tolerance_percent)?,
        assumed_scatter: percent("judgement.assumedScatterPercent", &judgement.assumed_scatter_percent)?,
        rounds: RoundLimits { minimum: rounds.minimum.max(1), maximum: rounds.maximum.max(rounds.minimum).max(1) },
        repeatable: origin == TrialOrigin::Sweep && !spec.variants.iter().any(is_endpoint),
    })
}

fn number(field: &'static str, text: &Decimal) -> Result<f64, EvidenceError> {
    text.value().ok_or_else(|| EvidenceError::Number { field, found: text.to_string() })
}

fn of_variant(
    variant: &VariantStatus,
    all: &[VariantStatus],
    spec: &BenchmarkComparisonSpec,
    stored: Stored,
    audit: &AuditRules,
    progress: RunProgress,
) -> VariantRecords {
    let gpus = NonZeroU32::new(variant.gpus.unwrap_or(spec.hardware.gpus_per_variant)).unwrap_or(NonZeroU32::MIN);
    let audited = |record: &TrialRecord| {
        let mut findings = audit.findings(record);
        findings.extend(surroundings::restarted(record, variant));
        AuditedRecord { record: record.clone(), findings }
    };
    let records: Vec<AuditedRecord> = stored.records.iter().map(audited).collect();
    let trial = |of: &AuditedRecord| Trial::of(&of.record, &of.findings, gpus);
    let failure = variant.failure.as_ref().map(|failure| failure.message.as_str()).or(stored.failure);
    let deployed: BTreeSet<u32> = variant.deployments.iter().map(|d| d.round).collect();
    let tried: BTreeSet<u32> = stored.records.iter().map(|record| record.trial.key.round).collect();
    let failed = deployed.difference(&tried).filter(|round| **round <= progress.rounds);
    VariantRecords {
        name: variant.name.clone(),
        role: variant.role,
        gpus,
        prediction: stored.prediction.cloned(),
        round_gpu_hours: round_gpu_hours(variant, gpus),
        trials: records.iter().map(trial).collect(),
        failed_rounds: failed.copied().collect(),
        findings: surroundings::findings(variant, all)
            .into_iter()
            .chain(surroundings::redeployed(stored.records))
            .collect(),
        records,
        failure: failure.map(str::to_owned),
    }
}

/// Work is the same only where prompts are as long as the baseline's.
fn reject_other_work(variants: &mut [VariantRecords], baseline: usize) {
    let Some((name, tokens)) = variants.get(baseline).and_then(|of| Some((of.name.clone(), of.input_tokens()?))) else {
        return;
    };
    for variant in variants.iter_mut().filter(|variant| variant.name != name) {
        let own = variant.input_tokens();
        let apart = own.and_then(|own| across::input_lengths(&[(&name, tokens), (&variant.name, own)]));
        let Some(apart) = apart else { continue };
        variant.records.iter_mut().for_each(|of| of.findings.push(apart.clone()));
        let gpus = variant.gpus;
        variant.trials = variant.records.iter().map(|of| Trial::of(&of.record, &of.findings, gpus)).collect();
    }
}

/// Part of a difference may be the clocks', and not the configurations'.
fn compare_clocks(variants: &mut [VariantRecords], baseline: usize) {
    for variant in &mut *variants {
        let throttled = variant.throttled().and_then(across::throttling);
        variant.findings.extend(throttled);
    }
    let Some(base) = variants.get(baseline).and_then(VariantRecords::sm_clock) else { return };
    for variant in variants.iter_mut().filter(|variant| variant.role == Role::Candidate) {
        let apart = variant.sm_clock().and_then(|own| across::clocks(own, base));
        variant.findings.extend(apart);
    }
}

fn rejects(record: &AuditedRecord) -> bool {
    record.findings.iter().any(Finding::rejects)
}

/// GPU-hours of a variant's last deployment that holds none any more.
fn round_gpu_hours(variant: &VariantStatus, gpus: NonZeroU32) -> Option<f64> {
    let seconds = variant.deployments.iter().rev().find_map(|deployment| {
        let freed = deployment.freed.as_ref().or(deployment.gone.as_ref())?;
        Some(freed.0.duration_since(deployment.scheduled.as_ref()?.0).as_secs_f64().max(0.0))
    })?;
    Some(seconds / 3600.0 * f64::from(gpus.get()))
}

impl VariantRecords {
    /// Its accepted records and what they measured.
    pub fn accepted(&self) -> impl Iterator<Item = (&AuditedRecord, &Measurement)> {
        let accepted = self.records.iter().zip(&self.trials).filter(|(_, trial)| trial.accepted().is_some());
        accepted.filter_map(|(of, _)| Some((of, of.record.measurement.as_ref()?)))
    }

    /// Mean prompt length over its accepted records.
    pub fn input_tokens(&self) -> Option<f64> {
        self.mean(|measured| measured.facts.input_tokens)
    }

    /// Mean SM clock over its accepted records, where it is known.
    fn sm_clock(&self) -> Option<f64> {
        self.mean(|measured| measured.facts.sm_clock_megahertz)
    }

    /// The most that a GPU was throttled in any accepted trial, in percent of its time, where it is known.
    fn throttled(&self) -> Option<f64> {
        self.accepted().filter_map(|(_, measured)| measured.facts.throttled_percent).reduce(f64::max)
    }

    fn mean(&self, of: fn(&Measurement) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.accepted().filter_map(|(_, measured)| of(measured)).collect();
        Some(values.iter().sum::<f64>() / values.len() as f64).filter(|mean| mean.is_finite())
    }
}

impl RunEvidence {
    /// The candidates, in the order of the spec.
    pub fn candidates(&self) -> impl Iterator<Item = &VariantRecords> {
        self.variants.iter().filter(|variant| variant.role == Role::Candidate)
    }
}
