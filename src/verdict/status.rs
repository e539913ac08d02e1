//! The verdict and the rounds, as the status shows them.

use super::decimals::{gain_interval, signed, signed_log, signed_share};
use super::judged::{Judged, JudgedVariant};
use super::sentences::Compared;
use crate::api::{
    AtSameConcurrency, CandidateComparison, MeasuredOutcome, Outcome, PredictedOutcome, RoundStatus, SlaState, Verdict,
    VerdictResult,
};
use crate::judgement::CandidateJudgement;
use crate::judgement::accuracy::JudgedMetric;
use crate::judgement::comparison::{Look, Standing};
use crate::judgement::gain::IntervalEstimate;
use crate::judgement::level::Level;
use crate::judgement::side::Side;
use crate::units::count;

/// Levels at which gains at the same load are shown.
const MOST_LEVELS: usize = 24;
/// Candidates up to which a status has room for them.
const MOST_WITH_GAINS: usize = 2;

pub fn verdict(judged: &Judged) -> Verdict {
    let of_candidate = |variant: JudgedVariant| Some(comparison(judged, variant, variant.candidate?));
    let comparisons: Vec<CandidateComparison> = judged.variants().filter_map(of_candidate).collect();
    let first = judged.variants().find_map(|variant| Some((variant, variant.candidate?)));
    let compared = first.map(|(variant, of)| Compared::new(judged, variant, of));
    let meeting = judged.variants().filter(|variant| meets(*variant).is_some()).count();
    let undetermined = || MeasuredOutcome {
        outcome: Outcome::Undetermined,
        gain_percent: None,
        at_least: false,
        interval: None,
        rounds: 0,
        stopped: None,
    };
    let is_measured = judged.evidence.variants.iter().any(|of| of.accepted().next().is_some());
    Verdict {
        result: comparisons.first().map_or(VerdictResult::Inconclusive, |of| of.result),
        summary: compared.as_ref().map(Compared::summary).unwrap_or_default(),
        winner: judged.winner(),
        gain: first.and_then(|(_, of)| gain_column(of)),
        claim: claim_column(judged),
        estimate_error: estimate_column(judged),
        predicted: comparisons.first().map_or_else(|| predicted(None), |of| of.predicted.clone()),
        measured: comparisons.first().map_or_else(undetermined, |of| of.measured.clone()),
        // Of what was not measured, nobody knows.
        sla: is_measured.then(|| format!("{meeting}/{} meet", judged.evidence.variants.len())),
        comparisons,
    }
}

/// As far as an object in the store needs it, gains at the same load are left to the report: they follow from the levels.
pub fn shorten(mut verdict: Verdict) -> Verdict {
    if verdict.comparisons.len() > MOST_WITH_GAINS {
        verdict.comparisons.iter_mut().for_each(|comparison| comparison.at_same_concurrency.clear());
    }
    verdict
}

/// The highest level of a variant that meets the SLA beyond doubt.
pub fn meets(variant: JudgedVariant<'_>) -> Option<&Level> {
    let met = |level: &&Level| level.shown.as_ref().is_some_and(|shown| shown.state == SlaState::Met);
    variant.shown.levels.iter().rfind(met)
}

fn comparison(judged: &Judged, variant: JudgedVariant, of: &CandidateJudgement) -> CandidateComparison {
    CandidateComparison {
        candidate: variant.records.name.clone(),
        result: of.verdict.result,
        predicted: predicted(Some(of)),
        measured: measured(of),
        reason: Compared::new(judged, variant, of).reason(),
        at_same_concurrency: at_same_concurrency(judged, of),
    }
}

fn predicted(of: Option<&CandidateJudgement>) -> PredictedOutcome {
    let first = of.and_then(|of| of.predicted.first());
    PredictedOutcome {
        outcome: first.map_or(Outcome::Undetermined, |predicted| predicted.outcome),
        gain_percent: first.and_then(|predicted| predicted.gain).map(signed_share),
    }
}

fn measured(of: &CandidateJudgement) -> MeasuredOutcome {
    let (last, outcome) = (of.comparison.last(), of.comparison.outcome());
    let gain = last.filter(|look| tells(look, outcome)).and_then(|look| look.gain.as_ref());
    MeasuredOutcome {
        outcome,
        gain_percent: gain.map(|gain| signed_log(gain.log)),
        at_least: gain.is_some() && last.is_some_and(is_bound),
        interval: gain.and_then(IntervalEstimate::telling_interval).map(gain_interval),
        rounds: count(last.map_or(0, |look| look.shared_rounds)),
        stopped: match of.comparison.standing {
            Standing::Closed { stopped, .. } => Some(stopped),
            Standing::Open => None,
        },
    }
}

/// Whether a look's gain may be shown: one between bounds speaks in one direction, and only once that is what is decided.
fn tells(look: &Look, outcome: Outcome) -> bool {
    !is_bound(look) || outcome != Outcome::Undetermined
}

fn is_bound(look: &Look) -> bool {
    let exact = |side: &Side| matches!(side, Side::Value(_));
    !exact(&look.baseline.side) || !exact(&look.candidate.side)
}

/// `+14.2 %`, or `≥ +32.0 %` where a side is known as a bound only; nothing while it is not decided.
fn gain_column(of: &CandidateJudgement) -> Option<String> {
    let look = of.comparison.last().filter(|_| of.comparison.outcome() != Outcome::Undetermined)?;
    let gain = look.gain.as_ref()?.log;
    let bound = match is_bound(look) {
        true if gain < 0.0 => "≤ ",
        true => "≥ ",
        false => "",
    };
    Some(format!("{bound}{} %", signed_log(gain)))
}

/// The first candidate's claim: how far it is off in throughput, and whether it was missed.
fn claim_column(judged: &Judged) -> Option<String> {
    let check = judged.variants().find_map(|variant| variant.candidate?.variant.claim)?;
    let missed = if check.kept { "" } else { " missed" };
    Some(format!("{} %{missed}", signed_share(check.errors.tokens)))
}

/// The largest mean error of any variant, in either figure.
fn estimate_column(judged: &Judged) -> Option<String> {
    let means = judged.variants().filter_map(|variant| variant.shown.accuracy.as_ref()).flat_map(|accuracy| {
        [JudgedMetric::Tpot, JudgedMetric::Tokens].into_iter().filter_map(|metric| accuracy.mean(metric))
    });
    means.max_by(f64::total_cmp).map(|mean| format!("{:.1} %", 100.0 * mean))
}

fn at_same_concurrency(judged: &Judged, of: &CandidateJudgement) -> Vec<AtSameConcurrency> {
    let baseline = &judged.judgement.baseline.levels;
    let gains = of.variant.levels.iter().filter_map(|level| {
        let base = baseline.iter().find(|base| base.concurrency == level.concurrency)?.shown.as_ref()?;
        let gain = level.shown.as_ref()?.tokens_per_second_per_gpu / base.tokens_per_second_per_gpu - 1.0;
        gain.is_finite()
            .then(|| AtSameConcurrency { concurrency: count(level.concurrency), gain_percent: signed(100.0 * gain) })
    });
    gains.take(MOST_LEVELS).collect()
}

/// Fills in what is known after each round that is over: the first candidate's gain by all rounds up to it.
pub fn write_rounds(judged: &Judged, rounds: &mut [RoundStatus]) {
    let looks = judged.judgement.candidates.first().map_or(&[][..], |of| &of.comparison.looks);
    for round in rounds {
        let look = looks.iter().find(|look| look.round == round.number);
        let told = look.filter(|look| tells(look, look.outcome.unwrap_or(Outcome::Undetermined)));
        let gain = told.and_then(|look| look.gain.as_ref());
        round.gain_percent = gain.map(|gain| signed_log(gain.log));
        round.interval = gain.and_then(IntervalEstimate::telling_interval).map(gain_interval);
    }
}
