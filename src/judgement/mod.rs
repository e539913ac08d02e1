//! From trials to a verdict (METHOD §5–§7): three answers, always beside each other. Which variant is better and by how much;
//! whether the predictor's claim was kept; and how good its estimates are for what was really deployed.

pub mod accuracy;
pub mod certainty;
pub mod comparison;
pub mod crossing;
pub mod gain;
pub mod level;
pub mod predicted;
pub mod rounds;
pub mod rules;
pub mod side;
pub mod statistics;
pub mod verdict;
mod waiting;

#[cfg(test)]
mod worked_example;

use accuracy::{Accuracy, ClaimCheck, ClaimFigures};
use comparison::{Comparison, Look, RoundsSoFar, Standing, Standpoint, VariantEvidence, compare};
use level::{Level, levels};
use predicted::{OutcomeForecast, PredictedSide, predicted_outcomes, predicted_side};
use rules::Rules;
use side::Side;
use verdict::{Findings, ReachedVerdict};

use crate::api::Outcome;
use crate::method::estimate::Estimates;
use crate::method::sla::{Criterion, LimitedMetric};
use crate::method::trial::Trial;

/// What is known of a variant.
#[derive(Clone, Copy)]
pub struct VariantCase<'a> {
    /// What was measured.
    pub evidence: VariantEvidence<'a>,
    /// What is estimated of it, where something is.
    pub estimates: Option<&'a dyn Estimates>,
    /// Whether the estimates' errors are judged: they are for what was measured.
    pub estimates_are_judged: bool,
    /// What the predictor advertises, where it does.
    pub claim: Option<ClaimFigures>,
}

/// A baseline, its candidates, and the rounds that are over.
pub struct Case<'a> {
    /// How it is judged.
    pub rules: &'a Rules,
    pub baseline: VariantCase<'a>,
    /// The candidates, in the specification's order.
    pub candidates: &'a [VariantCase<'a>],
    /// Rounds that are over.
    pub rounds: u32,
    /// No further round fits in what is left of the budget.
    pub budget_spent: bool,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedCase {
    /// Of the baseline alone.
    pub baseline: VariantJudgement,
    /// Of each candidate, in the case's order.
    pub candidates: Vec<CandidateJudgement>,
}

/// What a variant shows by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantJudgement {
    /// Its levels, ascending.
    pub levels: Vec<Level>,
    /// What it reaches within the SLA by all its rounds, and more.
    pub standpoint: Standpoint,
    pub predicted: Option<PredictedSide>,
    /// How its claim was kept; none where there is none, or its level was not measured.
    pub claim: Option<ClaimCheck>,
    /// How far its estimates are off.
    pub accuracy: Option<Accuracy>,
}

/// What a candidate shows beside the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateJudgement {
    /// By itself.
    pub variant: VariantJudgement,
    /// Against the baseline.
    pub comparison: Comparison,
    /// The outcomes that are predicted; empty where none is.
    pub predicted: Vec<OutcomeForecast>,
    /// How that goes together.
    pub verdict: ReachedVerdict,
}

/// Judges what has been measured so far.
pub fn judge(case: &Case) -> JudgedCase {
    let baseline = judge_variant(case, &case.baseline);
    let candidates = case.candidates.iter().map(|candidate| judge_candidate(case, &baseline, candidate)).collect();
    JudgedCase { baseline, candidates }
}

impl JudgedCase {
    /// The variants that the next round deploys, in no order: 0 is the baseline, candidates count from 1. Empty when it is over.
    pub fn next_round(&self) -> Vec<usize> {
        let open = |judged: &&CandidateJudgement| judged.comparison.standing == Standing::Open;
        let is_open = self.candidates.iter().any(|judged| open(&judged));
        let baseline = (is_open && self.baseline.standpoint.can_go_on()).then_some(0);
        let candidates = (1..).zip(&self.candidates);
        let candidates =
            candidates.filter(|(_, judged)| open(judged) && judged.variant.standpoint.can_go_on()).map(|(at, _)| at);
        baseline.into_iter().chain(candidates).collect()
    }
}

fn judge_variant(case: &Case, variant: &VariantCase) -> VariantJudgement {
    let trials: Vec<&Trial> = variant.evidence.trials.iter().filter(|trial| trial.key.round <= case.rounds).collect();
    let levels = levels(&case.rules.sla, &trials);
    let doubt = case.rules.doubt(case.candidates.len());
    let standpoint = Standpoint::of(case.rules, &variant.evidence, case.rounds, &doubt);
    let end = standpoint.deciding.map_or(0, |deciding| deciding.end());
    VariantJudgement {
        claim: variant.claim.and_then(|claim| ClaimCheck::of(&claim, &levels, case.rules.tolerance())),
        accuracy: variant
            .estimates
            .filter(|_| variant.estimates_are_judged)
            .map(|estimates| Accuracy::of(estimates, &levels, end)),
        predicted: variant.estimates.and_then(|estimates| predicted_side(&case.rules.sla, estimates)),
        levels,
        standpoint,
    }
}

fn judge_candidate(case: &Case, baseline: &VariantJudgement, candidate: &VariantCase) -> CandidateJudgement {
    let variant = judge_variant(case, candidate);
    let progress =
        RoundsSoFar { candidates: case.candidates.len(), rounds: case.rounds, budget_spent: case.budget_spent };
    let comparison = compare(case.rules, &case.baseline.evidence, &candidate.evidence, progress);
    let predicted = predicted(case, baseline, (candidate, &variant));
    let verdict = verdict(case, baseline, candidate, (&variant, &comparison, &predicted));
    CandidateJudgement { variant, comparison, predicted, verdict }
}

/// The outcomes that are predicted. Where the burst in the predictor's TTFT is not known, and TTFT is what ended a side, the
/// predictor has not said where it would.
fn predicted(
    case: &Case,
    baseline: &VariantJudgement,
    candidate: (&VariantCase, &VariantJudgement),
) -> Vec<OutcomeForecast> {
    let sides = [(&case.baseline, baseline), candidate];
    if sides.iter().any(|(variant, judged)| is_ended_by_unknown_ttft(variant, &judged.standpoint.side)) {
        return vec![];
    }
    match (baseline.predicted, candidate.1.predicted) {
        (Some(baseline), Some(candidate)) => {
            predicted_outcomes(&baseline, &candidate, case.rules.equivalence_margin.get() / 100.0)
        }
        _ => vec![],
    }
}

fn is_ended_by_unknown_ttft(variant: &VariantCase, side: &Side) -> bool {
    let Some(estimates) = variant.estimates else { return false };
    let Some(throughput) = side.throughput() else { return false };
    let within_capacity = estimates.capacity().is_none_or(|capacity| throughput.concurrency < f64::from(capacity));
    // Tables may have no row for a single request.
    let there = estimates.at(throughput.concurrency.round() as u32).or_else(|| estimates.at(1));
    let unknown = there.is_some_and(|estimate| estimate.ttft.is_none());
    throughput.binding == Some(Criterion::Limit(LimitedMetric::Ttft)) && within_capacity && unknown
}

fn verdict(
    case: &Case,
    baseline: &VariantJudgement,
    candidate: &VariantCase,
    (variant, comparison, predicted): (&VariantJudgement, &Comparison, &[OutcomeForecast]),
) -> ReachedVerdict {
    let exact = |look: &Look| matches!((&look.baseline.side, &look.candidate.side), (Side::Value(_), Side::Value(_)));
    let gain = comparison.last().and_then(|look| look.gain.as_ref());
    ReachedVerdict::of(&Findings {
        outcome: comparison.outcome(),
        gain: gain.map(|gain| (gain.log, gain.interval())),
        gain_is_exact: comparison.last().is_some_and(exact),
        predicted,
        claim: candidate.claim.map(|_| variant.claim),
        baseline: baseline.accuracy.as_ref(),
        candidate: variant.accuracy.as_ref(),
        margin: case.rules.equivalence_margin.get() / 100.0,
        tolerance: case.rules.tolerance(),
    })
}

/// The outcomes of all comparisons.
pub fn outcomes(judgement: &JudgedCase) -> impl Iterator<Item = Outcome> + '_ {
    judgement.candidates.iter().map(|judged| judged.comparison.outcome())
}
