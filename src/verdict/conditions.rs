//! What follows from a judgement, as conditions.

use super::decimals::signed_share;
use super::judged::{Judged, JudgedVariant};
use super::sentences::{Compared, why_not_known};
use super::status::meets;
use crate::api::conditions::{ConditionStatus, ConditionType, NewCondition};
use crate::api::{FailOn, Outcome, Reason, SlaState, VerdictResult};
use crate::judgement::CandidateJudgement;
use crate::judgement::accuracy::{Accuracy, JudgedMetric, LevelErrors};
use crate::judgement::side::Side;

use ConditionStatus::{False, True, Unknown};

/// All of them, in the order they are written.
pub fn conditions(judged: &Judged) -> [NewCondition; 4] {
    [evidence_sufficient(judged), claim_kept(judged), prediction_accurate(judged), sla_met(judged)]
}

/// The types of [`conditions`], while nothing is judged.
pub const TYPES: [ConditionType; 4] = [
    ConditionType::EvidenceSufficient,
    ConditionType::ClaimKept,
    ConditionType::PredictionAccurate,
    ConditionType::SlaMet,
];

/// Whether every candidate's outcome is known.
pub fn evidence_sufficient(judged: &Judged) -> NewCondition {
    let kind = ConditionType::EvidenceSufficient;
    let is_open = |of: &CandidateJudgement| of.comparison.outcome() == Outcome::Undetermined;
    let open = judged.variants().find_map(|variant| Some((variant, variant.candidate.filter(|of| is_open(of))?)));
    match open {
        None => NewCondition::new(kind, True, Reason::Sufficient, "every outcome is known beyond doubt"),
        Some((variant, of)) => {
            NewCondition::new(kind, False, Reason::Undetermined, &Compared::new(judged, variant, of).reason())
        }
    }
}

/// Whether every candidate's claim was kept.
pub fn claim_kept(judged: &Judged) -> NewCondition {
    let kind = ConditionType::ClaimKept;
    let claims = || judged.candidates().filter_map(|(of, judged)| Some((&of.name, judged.variant.claim?)));
    let is_claimed = judged.candidates().any(|(of, _)| of.prediction.as_ref().is_some_and(|p| p.claim.is_some()));
    let describe = |errors: &LevelErrors| {
        format!("{} % tokens/s per GPU, {} % TPOT", signed_share(errors.tokens), signed_share(errors.tpot))
    };
    if let Some((name, check)) = claims().find(|(_, check)| !check.kept) {
        let message =
            format!("the claim for {name} was missed: {}, and its level is {}", describe(&check.errors), check.state);
        return NewCondition::new(kind, False, Reason::ClaimMissed, &message);
    }
    match claims().next() {
        Some((name, check)) => {
            let message = format!("the claim for {name} was kept: {}", describe(&check.errors));
            NewCondition::new(kind, True, Reason::ClaimKept, &message)
        }
        None if is_claimed => {
            NewCondition::new(kind, Unknown, Reason::NotJudged, "no claim was measured at its own level")
        }
        None => NewCondition::new(kind, Unknown, Reason::NotJudged, "nothing is claimed"),
    }
}

/// Whether the mean errors of all estimates are within the tolerance.
pub fn prediction_accurate(judged: &Judged) -> NewCondition {
    let kind = ConditionType::PredictionAccurate;
    let tolerance = judged.evidence.rules.accuracy_tolerance.get();
    let means = |accuracy: &Accuracy| {
        [JudgedMetric::Tpot, JudgedMetric::Tokens]
            .into_iter()
            .filter_map(|metric| accuracy.mean(metric))
            .max_by(f64::total_cmp)
    };
    let of =
        |variant: JudgedVariant<'_>| Some((variant.records.name.clone(), means(variant.shown.accuracy.as_ref()?)?));
    let largest = judged.variants().filter_map(of).max_by(|a, b| a.1.total_cmp(&b.1));
    match largest {
        None => NewCondition::new(kind, Unknown, Reason::NotJudged, "no estimate is for what was measured"),
        Some((name, mean)) => {
            let percent = 100.0 * mean;
            let message = format!(
                "estimates are off by {percent:.1} % on average for {name}, the worst variant; up to {tolerance} % is tolerated"
            );
            match percent > tolerance {
                true => NewCondition::new(kind, False, Reason::OutsideTolerance, &message),
                false => NewCondition::new(kind, True, Reason::WithinTolerance, &message),
            }
        }
    }
}

/// Whether some candidate has an accepted level that meets the SLA.
pub fn sla_met(judged: &Judged) -> NewCondition {
    let kind = ConditionType::SlaMet;
    let candidates = || judged.variants().filter(|variant| variant.candidate.is_some());
    if let Some((candidate, level)) = candidates().find_map(|of| Some((of, meets(of)?))) {
        let message =
            format!("{} meets the SLA with {} concurrent requests", candidate.records.name, level.concurrency);
        return NewCondition::new(kind, True, Reason::SlaMet, &message);
    }
    match candidates().find(|candidate| !misses(*candidate)) {
        Some(candidate) => {
            let why = why_not_known(candidate).unwrap_or_else(|| "no level meets it beyond doubt".into());
            NewCondition::new(kind, Unknown, Reason::Marginal, &format!("{}: {why}", candidate.records.name))
        }
        None => NewCondition::new(kind, False, Reason::SlaMissed, "no candidate meets the SLA at any level"),
    }
}

/// Whether a candidate misses the SLA beyond doubt at the lowest of its levels, and so at every other.
fn misses(candidate: JudgedVariant<'_>) -> bool {
    let lowest = candidate.shown.levels.iter().find_map(|level| level.shown.as_ref());
    matches!(candidate.shown.standpoint.side, Side::None { .. })
        || lowest.is_some_and(|shown| shown.state == SlaState::Missed)
}

/// The first of these outcomes that has come about.
pub fn caught_by(judged: &Judged, outcomes: &[FailOn]) -> Option<FailOn> {
    let is_false = |condition: NewCondition| condition.status == False;
    let is_worse = |of: &CandidateJudgement| {
        matches!(of.comparison.outcome(), Outcome::BaselineBetter | Outcome::OnlyBaselineMeetsSla)
    };
    let has_come = |outcome: &FailOn| match outcome {
        FailOn::Inconclusive => judged.result() == VerdictResult::Inconclusive,
        FailOn::Refuted => judged.result() == VerdictResult::Refuted,
        FailOn::SlaMissed => is_false(sla_met(judged)),
        FailOn::Inaccurate => is_false(prediction_accurate(judged)),
        FailOn::ClaimMissed => is_false(claim_kept(judged)),
        FailOn::Regressed => judged.judgement.candidates.iter().any(is_worse),
    };
    outcomes.iter().copied().find(has_come)
}
