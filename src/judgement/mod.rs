//! Prediction × measurement → SLA, gain, accuracy, verdict (METHOD §5–§8).
//!
//! [`judge`] is a pure function of a [`Case`]: the rules of a comparison and, for each variant, what was predicted and
//! what was published. Asked again with other rules it gives another answer, and nothing is measured anew.

pub mod accuracy;
pub mod at_limit;
pub mod decimals;
pub mod figures;
pub mod gain;
pub mod level;
pub mod position;
pub mod rows;
pub mod rules;
pub mod sla;
pub mod statistics;
pub mod stored;
pub mod summary;
pub mod surroundings;
pub mod verdict;

use crate::text;
use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::api::conditions::{ConditionStatus, ConditionType, Statement};
use crate::api::{
    AccuracyResult, AtSla, Claim, EvidenceCode, FailOn, Finding, LevelStatus, Outcome, OutcomeStatus, Reason, Role,
    SlaState, Verdict, VerdictResult,
};
use crate::measurement::audit::across;
use crate::measurement::record::{Purpose, TrialRecord};
use crate::prediction::Prediction;
use accuracy::{Judged, Worst};
use level::Level;
use position::Standing;
use rules::Rules;
use verdict::{Compared, compare};

/// Findings a variant's status can hold.
const MAXIMUM_FINDINGS: usize = 16;

/// What is known of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantEvidence {
    /// Name in the spec.
    pub name: String,
    /// Role in the spec.
    pub role: Role,
    /// GPUs it holds: throughput is divided by them.
    pub gpus: NonZeroU32,
    /// What was predicted, where something was.
    pub prediction: Option<Prediction>,
    /// Everything its load pods published in this run, in any order.
    pub records: Vec<TrialRecord>,
    /// What was found about the variant as a whole, the prediction's own findings aside.
    pub findings: Vec<Finding>,
    /// Why its sweep did not come to its end, if it did not.
    pub failure: Option<String>,
}

/// A comparison to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    rules: Rules,
    ladder: Vec<u32>,
    variants: Vec<VariantEvidence>,
    baseline: usize,
}

/// Variants that cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// None or several.
    #[error("a comparison needs exactly one variant with the role Baseline, and has {0}")]
    Baselines(usize),
    /// None.
    #[error("a comparison needs at least one variant with the role Candidate")]
    NoCandidate,
}

impl Case {
    /// Variants in the order of the spec, one of them the baseline. `ladder`: levels that have a row before they are
    /// measured.
    pub fn new(rules: Rules, ladder: Vec<u32>, variants: Vec<VariantEvidence>) -> Result<Self, CaseError> {
        let baselines = variants.iter().filter(|variant| variant.role == Role::Baseline).count();
        match variants.iter().position(|variant| variant.role == Role::Baseline) {
            Some(_) if variants.len() < 2 => Err(CaseError::NoCandidate),
            Some(baseline) if baselines == 1 => Ok(Self { rules, ladder, variants, baseline }),
            _ => Err(CaseError::Baselines(baselines)),
        }
    }

    /// The variants, in the order of the spec.
    pub fn variants(&self) -> &[VariantEvidence] {
        &self.variants
    }

    /// What they are judged by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// What a status shows of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedVariant {
    /// Name in the spec.
    pub name: String,
    /// One row for each concurrency.
    pub levels: Vec<LevelStatus>,
    /// The point the predictor advertises.
    pub claim: Option<Claim>,
    /// About its prediction or the variant as a whole.
    pub findings: Vec<Finding>,
    /// Throughput at the SLA.
    pub at_sla: Option<AtSla>,
    /// Why there is none.
    pub sla_reason: Option<String>,
}

/// The answer, with all it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// In the order of the spec.
    pub variants: Vec<JudgedVariant>,
    /// The answer.
    pub verdict: Verdict,
    /// Of the type EvidenceSufficient.
    pub evidence_sufficient: Statement,
    /// Of the type PredictionAccurate.
    pub prediction_accurate: Statement,
    /// Of the type SlaMet.
    pub sla_met: Statement,
}

impl Judgement {
    /// The first of these outcomes that has come about.
    pub fn caught_by(&self, outcomes: &[FailOn]) -> Option<FailOn> {
        let has_come = |outcome: &FailOn| match outcome {
            FailOn::Inconclusive => self.verdict.result == VerdictResult::Inconclusive,
            FailOn::Refuted => self.verdict.result == VerdictResult::Refuted,
            FailOn::SlaMissed => self.sla_met.status == ConditionStatus::False,
            FailOn::Inaccurate => self.prediction_accurate.status == ConditionStatus::False,
        };
        outcomes.iter().copied().find(has_come)
    }
}

/// One variant, audited and measured against the SLA.
pub struct Assessed<'a> {
    /// What is known of it.
    pub variant: &'a VariantEvidence,
    /// Its levels, ascending.
    pub levels: Vec<Level<'a>>,
    /// How it stands as measured.
    pub standing: Standing,
    /// How it stands as predicted, where something was predicted.
    pub predicted: Option<Standing>,
}

impl<'a> Assessed<'a> {
    fn new(rules: &Rules, variant: &'a VariantEvidence, about_all: Option<&Finding>) -> Self {
        let levels = level::levels(rules, variant.gpus, &variant.records, about_all);
        Self {
            standing: Standing::measured(rules, &levels, variant.failure.as_deref()),
            predicted: variant.prediction.as_ref().and_then(|p| Standing::predicted(&rules.limits, p)),
            variant,
            levels,
        }
    }

    /// Name in the spec.
    pub fn name(&self) -> &'a str {
        &self.variant.name
    }

    /// The level of a concurrency, if it was run.
    pub fn level(&self, concurrency: u32) -> Option<&Level<'a>> {
        self.levels.iter().find(|level| level.concurrency == concurrency)
    }

    /// Whether what decides how it stands was measured once.
    pub fn single_run(&self) -> bool {
        match &self.standing {
            Standing::Reaches { logs, .. } => logs.len() == 1,
            Standing::Misses { lowest, .. } => self.level(*lowest).is_some_and(|level| level.deciding().len() == 1),
            Standing::Ceiling { top, .. } => self.level(*top).is_some_and(|level| level.deciding().len() == 1),
            Standing::Blurred { .. } | Standing::Insufficient { .. } => false,
        }
    }

    /// Rounds with an accepted run.
    pub fn rounds(&self) -> usize {
        self.accepted_steps(|run| run.step.round)
    }

    fn accepted_steps<T: Ord>(&self, of: impl Fn(&TrialRecord) -> T) -> usize {
        let accepted = self.levels.iter().flat_map(Level::accepted);
        accepted.map(|(run, _)| of(run.record)).collect::<BTreeSet<T>>().len()
    }

    fn meets(&self) -> Option<&Level<'a>> {
        self.levels.iter().rfind(|level| level.state() == Some(SlaState::Met))
    }
}

/// Rows as far as there are records, for a run that is under way: nothing is concluded from them.
pub fn judge_rows(case: &Case) -> Vec<JudgedVariant> {
    assess(case)
        .iter()
        .map(|assessed| JudgedVariant {
            findings: known_findings(assessed.variant),
            at_sla: None,
            sla_reason: None,
            ..judged(case, assessed)
        })
        .collect()
}

/// The verdict on a run that is over.
pub fn judge(case: &Case) -> Judgement {
    let assessed = assess(case);
    let variants: Vec<JudgedVariant> = assessed.iter().map(|assessed| judged(case, assessed)).collect();
    let comparisons = comparisons(case, &assessed);
    let worst = worst(case, &assessed, &variants);
    Judgement {
        verdict: verdict(case, &assessed, &comparisons, &worst),
        evidence_sufficient: evidence_sufficient(&comparisons),
        prediction_accurate: prediction_accurate(&worst, case.rules.tolerance_percent),
        sla_met: sla_met(&assessed),
        variants,
    }
}

fn assess(case: &Case) -> Vec<Assessed<'_>> {
    let of = |variant| Assessed::new(&case.rules, variant, None);
    let first: Vec<Assessed> = case.variants.iter().map(of).collect();
    let Some(baseline) = first.get(case.baseline).and_then(input_tokens) else { return first };
    let name = &case.variants.get(case.baseline).map_or("", |variant| &variant.name);
    first
        .into_iter()
        .map(|assessed| {
            let own = input_tokens(&assessed);
            let apart = own.and_then(|own| across::input_lengths(&[(name, baseline), (assessed.name(), own)]));
            match apart {
                Some(apart) => Assessed::new(&case.rules, assessed.variant, Some(&apart)),
                None => assessed,
            }
        })
        .collect()
}

/// Mean prompt length over a variant's accepted runs.
fn input_tokens(assessed: &Assessed) -> Option<f64> {
    let runs = assessed.levels.iter().flat_map(Level::measurements);
    statistics::mean(&runs.filter_map(|run| run.facts.input_tokens).collect::<Vec<_>>())
}

fn judged(case: &Case, assessed: &Assessed) -> JudgedVariant {
    let throughput = assessed.standing.throughput();
    JudgedVariant {
        name: assessed.name().into(),
        levels: rows::rows(assessed, &case.ladder),
        claim: assessed.variant.prediction.as_ref().and_then(rows::claim),
        findings: findings(assessed),
        at_sla: throughput.map(|throughput| AtSla {
            tokens_per_second_per_gpu: decimals::fixed(throughput.value),
            interval: decimals::interval(&throughput),
        }),
        sla_reason: assessed.standing.reason().map(|why| text::cut(&format!("{}: {}.", why.reason, why.text), 256)),
    }
}

fn known_findings(variant: &VariantEvidence) -> Vec<Finding> {
    let predicted = variant.prediction.iter().flat_map(|prediction| &prediction.findings);
    once_each(variant.findings.iter().chain(predicted).cloned().collect())
}

/// What is known of a variant, and what follows from all its runs.
fn findings(assessed: &Assessed) -> Vec<Finding> {
    let mut findings = known_findings(assessed.variant);
    let said: BTreeSet<EvidenceCode> = findings.iter().map(|finding| finding.code).collect();
    findings.extend(following(assessed).into_iter().filter(|finding| !said.contains(&finding.code)));
    findings.truncate(MAXIMUM_FINDINGS);
    findings
}

fn following(assessed: &Assessed) -> Vec<Finding> {
    let single_run = assessed
        .single_run()
        .then(|| Finding::new(EvidenceCode::SingleRun, "one repetition decides: its scatter is not known"));
    let redeployed = (assessed.accepted_steps(|run| run.deployment) > assessed.rounds())
        .then(|| Finding::new(EvidenceCode::Redeployed, "deployed again within a round"));
    let deployments = across::deployments(assessed.rounds());
    let claim = unmeasured_claim(assessed);
    claim.into_iter().chain(drift(assessed)).chain(deployments).chain(single_run).chain(redeployed).collect()
}

/// Findings of one code may be about different things: what is the same in code and words is said once.
fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let is_new = |finding: &Finding| seen.insert((finding.code, finding.message.clone()));
    findings.into_iter().filter(is_new).take(MAXIMUM_FINDINGS).collect()
}

fn unmeasured_claim(assessed: &Assessed) -> Option<Finding> {
    let claim = assessed.variant.prediction.as_ref()?.claim.as_ref()?;
    let measured = assessed.level(claim.concurrency).is_some_and(|level| level.accepted().next().is_some());
    (!measured).then(|| {
        let message = format!("no accepted run with {} in flight, the advertised point", claim.concurrency);
        Finding::new(EvidenceCode::ClaimedPointNotMeasured, message)
    })
}

fn drift(assessed: &Assessed) -> Option<Finding> {
    let accepted = |purpose: Purpose| {
        let runs = assessed.levels.iter().flat_map(Level::accepted);
        runs.map(|(run, _)| run.record).find(|record| record.step.purpose == purpose)
    };
    let last = accepted(Purpose::Drift)?;
    let level = assessed.level(last.step.concurrency)?;
    let first = level.accepted().map(|(run, _)| run.record).find(|record| record.step.purpose == Purpose::Ladder)?;
    across::drift(first.measurement.as_ref()?, last.measurement.as_ref()?)
}

fn comparisons<'a>(case: &Case, assessed: &'a [Assessed<'a>]) -> Vec<Compared<'a>> {
    let Some(baseline) = assessed.get(case.baseline) else { return vec![] };
    let candidates = assessed.len() - 1;
    let candidate = |of: &&Assessed| of.variant.role == Role::Candidate;
    assessed.iter().filter(candidate).map(|of| compare(&case.rules, baseline, of, candidates)).collect()
}

fn worst(case: &Case, assessed: &[Assessed], variants: &[JudgedVariant]) -> Worst {
    let judged: Vec<Judged> = assessed
        .iter()
        .zip(variants)
        .filter_map(|(assessed, judged)| {
            let prediction = assessed.variant.prediction.as_ref()?;
            Some(Judged { prediction, levels: &assessed.levels, findings: &judged.findings })
        })
        .collect();
    Worst::of(&judged, case.rules.tolerance_percent)
}

fn verdict(case: &Case, assessed: &[Assessed], comparisons: &[Compared], worst: &Worst) -> Verdict {
    let winner = winner(case, assessed);
    let statuses: Vec<_> = comparisons.iter().map(Compared::status).collect();
    let nothing = OutcomeStatus { outcome: Outcome::Undetermined, gain_percent: None, interval: None };
    let first = statuses.first();
    let meeting = assessed.iter().filter(|assessed| assessed.meets().is_some()).count();
    let summary = comparisons
        .first()
        .map(|compared| summary::sentence(&case.rules, compared, comparisons.len(), winner.as_deref()));
    Verdict {
        result: first.map_or(VerdictResult::Inconclusive, |first| first.result),
        summary: summary.unwrap_or_default(),
        gain: first
            .filter(|first| first.measured.outcome != Outcome::Undetermined)
            .and_then(|first| first.measured.gain_percent.as_ref().map(|gain| format!("{gain}%"))),
        winner,
        prediction_error: worst.largest().map(|error| format!("{}%", decimals::signed(error))),
        predicted: first.map_or_else(|| nothing.clone(), |first| first.predicted.clone()),
        measured: first.map_or(nothing, |first| first.measured.clone()),
        accuracy: Some(worst.status()),
        sla: Some(format!("{meeting}/{} meet", assessed.len())),
        comparisons: statuses,
    }
}

/// The variant that is better than every other one, beyond doubt and at the same work: two candidates may be as far apart
/// in their prompts as each may be from the baseline on either side.
fn winner(case: &Case, assessed: &[Assessed]) -> Option<String> {
    let candidates = assessed.len() - 1;
    let same_work = |a: &Assessed, b: &Assessed| {
        let lengths = input_tokens(a).zip(input_tokens(b));
        lengths.is_none_or(|(own, other)| across::input_lengths(&[(a.name(), own), (b.name(), other)]).is_none())
    };
    let beats = |a: &Assessed, b: &Assessed| {
        let outcome = verdict::measured(&case.rules, b, a, candidates).outcome;
        same_work(a, b) && matches!(outcome, Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla)
    };
    let best = |a: &&Assessed| assessed.iter().all(|b| a.name() == b.name() || beats(a, b));
    assessed.iter().find(best).map(|best| best.name().to_owned())
}

fn evidence_sufficient(comparisons: &[Compared]) -> Statement {
    let kind = ConditionType::EvidenceSufficient;
    match comparisons.iter().find(|compared| compared.result == VerdictResult::Inconclusive) {
        None => {
            let message = "every deciding level was measured, and the outcome is beyond doubt";
            Statement::new(kind, ConditionStatus::True, Reason::Sufficient, message)
        }
        Some(compared) => {
            let lost = |side: &Assessed| matches!(side.standing, Standing::Insufficient { .. });
            let is_lost = lost(compared.baseline) || lost(compared.candidate);
            let reason = if is_lost { Reason::DecidingLevelLost } else { Reason::Undetermined };
            Statement::new(kind, ConditionStatus::False, reason, &compared.reason)
        }
    }
}

fn prediction_accurate(worst: &Worst, tolerance_percent: f64) -> Statement {
    let (status, reason) = match worst.result {
        AccuracyResult::Accurate => (ConditionStatus::True, Reason::WithinTolerance),
        AccuracyResult::Inaccurate => (ConditionStatus::False, Reason::OutsideTolerance),
        AccuracyResult::NotJudged => (ConditionStatus::Unknown, Reason::NotJudged),
    };
    let message = match worst.largest() {
        Some(error) => format!(
            "over {} levels predictions are at most {} % off; {tolerance_percent} % are tolerated",
            worst.levels,
            decimals::signed(error)
        ),
        None => "no prediction is for what was measured".into(),
    };
    Statement::new(ConditionType::PredictionAccurate, status, reason, &message)
}

fn sla_met(assessed: &[Assessed]) -> Statement {
    let kind = ConditionType::SlaMet;
    let candidates = || assessed.iter().filter(|assessed| assessed.variant.role == Role::Candidate);
    if let Some((candidate, level)) = candidates().find_map(|candidate| Some((candidate, candidate.meets()?))) {
        let message = format!("{} keeps the SLA with {} in flight", candidate.name(), level.concurrency);
        return Statement::new(kind, ConditionStatus::True, Reason::SlaMet, &message);
    }
    let open = |candidate: &Assessed| !matches!(candidate.standing, Standing::Misses { certain: true, .. });
    match candidates().find(|candidate| open(candidate)) {
        Some(candidate) => {
            let why = candidate.standing.reason().map_or("no level keeps it beyond the scatter".into(), |why| why.text);
            Statement::new(kind, ConditionStatus::Unknown, Reason::NotKnown, &format!("{}: {why}", candidate.name()))
        }
        None => {
            Statement::new(kind, ConditionStatus::False, Reason::SlaMissed, "no candidate keeps the SLA at any level")
        }
    }
}
