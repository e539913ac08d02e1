//! The evidence, judged.

use super::evidence::{RunEvidence, VariantRecords};
use crate::api::codes::Effect;
use crate::api::{Finding, Outcome, Role, Stopped, VerdictResult};
use crate::judgement::accuracy::ClaimFigures;
use crate::judgement::comparison::{RoundsSoFar, Standing, VariantEvidence, compare};
use crate::judgement::{CandidateJudgement, Case, JudgedCase, VariantCase, VariantJudgement, judge};
use crate::measurement::audit::across;
use crate::method::estimate::Estimates;

/// A judgement with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What it rests on.
    pub evidence: RunEvidence,
    /// What came out.
    pub judgement: JudgedCase,
}

/// One variant: what is known of it, and what it shows.
#[derive(Clone, Copy)]
pub struct JudgedVariant<'a> {
    /// What is known of it.
    pub records: &'a VariantRecords,
    /// What it shows by itself.
    pub shown: &'a VariantJudgement,
    /// What it shows beside the baseline; none of the baseline itself.
    pub candidate: Option<&'a CandidateJudgement>,
}

impl From<RunEvidence> for Judged {
    fn from(evidence: RunEvidence) -> Self {
        let candidates: Vec<VariantCase> = evidence.candidates().map(|of| case(&evidence, of)).collect();
        let judgement = judge(&Case {
            rules: &evidence.rules,
            baseline: case(&evidence, &evidence.variants[evidence.baseline]),
            candidates: &candidates,
            rounds: evidence.progress.rounds,
            budget_spent: evidence.progress.budget_spent,
        });
        Self { evidence, judgement }
    }
}

fn case<'a>(evidence: &RunEvidence, variant: &'a VariantRecords) -> VariantCase<'a> {
    let prediction = variant.prediction.as_ref();
    let curve = prediction.and_then(|prediction| prediction.curve.as_ref());
    let is_doubtful = |finding: &Finding| finding.code.effect() == Effect::NotJudged;
    VariantCase {
        evidence: measured(evidence, variant),
        estimates: curve.map(|curve| curve as &dyn Estimates),
        estimates_are_judged: prediction.is_some_and(|prediction| !prediction.findings.iter().any(is_doubtful)),
        claim: prediction.and_then(|prediction| prediction.claim.as_ref()).map(|claim| ClaimFigures {
            concurrency: claim.concurrency,
            ttft: Some(claim.point.ttft.get()),
            tpot: claim.point.tpot.get(),
            tokens_per_second_per_gpu: claim.point.tokens_per_second_per_gpu.get(),
        }),
    }
}

fn measured<'a>(evidence: &RunEvidence, variant: &'a VariantRecords) -> VariantEvidence<'a> {
    VariantEvidence { trials: &variant.trials, origin: evidence.progress.origin, failed_rounds: &variant.failed_rounds }
}

impl Judged {
    /// The variants, in the order of the spec.
    pub fn variants(&self) -> impl Iterator<Item = JudgedVariant<'_>> {
        let mut candidates = self.judgement.candidates.iter();
        self.evidence.variants.iter().map(move |records| {
            let candidate = if records.role == Role::Candidate { candidates.next() } else { None };
            let shown = candidate.map_or(&self.judgement.baseline, |candidate| &candidate.variant);
            JudgedVariant { records, shown, candidate }
        })
    }

    /// Its candidates, in the order of the spec.
    pub fn candidates(&self) -> impl Iterator<Item = (&VariantRecords, &CandidateJudgement)> {
        self.variants().filter_map(|of| Some((of.records, of.candidate?)))
    }

    pub fn baseline(&self) -> &VariantRecords {
        &self.evidence.variants[self.evidence.baseline]
    }

    /// The variants that another round would deploy, by name, in the order of the spec; empty when all is settled.
    pub fn next_round(&self) -> Vec<String> {
        let wanted = self.judgement.next_round();
        let number = |name: &str| self.candidates().position(|(of, _)| of.name == name).map_or(0, |at| at + 1);
        let is_wanted = |of: &&VariantRecords| wanted.contains(&number(&of.name));
        self.evidence.variants.iter().filter(is_wanted).map(|of| of.name.clone()).collect()
    }

    /// Whether more rounds might tell more, and `execution.rounds.maximum` allows none.
    pub fn is_stopped_by_maximum(&self) -> bool {
        // What is futile is so by the rounds that are left; and where there is one round only, doubts weigh differently.
        let by_maximum = |of: &CandidateJudgement| {
            matches!(of.comparison.standing, Standing::Closed { stopped: Stopped::MaximumRounds | Stopped::Futile, .. })
        };
        let rules = &self.evidence.rules;
        rules.repeatable && (rules.rounds.maximum <= 1 || self.judgement.candidates.iter().any(by_maximum))
    }

    /// The variant that is better than every other one, beyond doubt and at the same work: two candidates may be as far apart
    /// in their prompts as each may be from the baseline on either side.
    pub fn winner(&self) -> Option<String> {
        let variants = &self.evidence.variants;
        let same_work = |a: &VariantRecords, b: &VariantRecords| {
            let lengths = a.input_tokens().zip(b.input_tokens());
            lengths.is_none_or(|(own, other)| across::input_lengths(&[(&a.name, own), (&b.name, other)]).is_none())
        };
        let beats = |a: &VariantRecords, b: &VariantRecords| {
            same_work(a, b) && matches!(self.outcome(b, a), Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla)
        };
        let best = |a: &&VariantRecords| variants.iter().all(|b| a.name == b.name || beats(a, b));
        variants.iter().find(best).map(|best| best.name.clone())
    }

    /// How any two variants compare.
    fn outcome(&self, baseline: &VariantRecords, candidate: &VariantRecords) -> Outcome {
        let progress = RoundsSoFar {
            candidates: self.judgement.candidates.len(),
            rounds: self.evidence.progress.rounds,
            budget_spent: self.evidence.progress.budget_spent,
        };
        let evidence = &self.evidence;
        compare(&evidence.rules, &measured(evidence, baseline), &measured(evidence, candidate), progress).outcome()
    }

    /// The first candidate's result.
    pub fn result(&self) -> VerdictResult {
        self.judgement.candidates.first().map_or(VerdictResult::Inconclusive, |of| of.verdict.result)
    }
}
