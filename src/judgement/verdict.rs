//! Candidate against baseline: which side is better as predicted and as measured, and whether the prediction held
//! (METHOD §7).

use super::Assessed;
use super::accuracy::{error_percent, predicted_at};
use super::decimals::{gain_interval, signed, signed_ratio};
use super::gain::{Call, call, call_predicted, confidence, percent};
use super::position::Standing;
use super::rules::Rules;
use super::statistics::{Estimate, ratio};
use crate::api::{AtSameConcurrency, CandidateComparison, Outcome, OutcomeStatus, SlaState, VerdictResult};
use crate::measurement::exceeds;
use crate::text;
use crate::units::count;

const MARGINAL: &str = "no level keeps the SLA beyond the scatter";

/// Which side is better, and by how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Which side is better.
    pub outcome: Outcome,
    /// Candidate over baseline where r = 1.
    pub gain: Option<Estimate>,
    /// Why it cannot be told, where it cannot.
    pub why: Option<String>,
}

impl Side {
    fn plain(outcome: Outcome) -> Self {
        Self { outcome, gain: None, why: None }
    }

    fn undetermined(why: String) -> Self {
        Self { outcome: Outcome::Undetermined, gain: None, why: Some(why) }
    }

    /// As the status shows it.
    pub fn status(&self) -> OutcomeStatus {
        OutcomeStatus {
            outcome: self.outcome,
            gain_percent: self.gain.map(|gain| signed_ratio(gain.value)),
            interval: self.gain.as_ref().and_then(gain_interval),
        }
    }
}

/// One candidate against the baseline.
pub struct Compared<'a> {
    /// The baseline.
    pub baseline: &'a Assessed<'a>,
    /// The candidate.
    pub candidate: &'a Assessed<'a>,
    /// What the measurements say.
    pub measured: Side,
    /// What the predictions say, where there are some on both sides.
    pub predicted: Option<Side>,
    /// Whether the prediction held.
    pub result: VerdictResult,
    /// Why, one sentence.
    pub reason: String,
}

/// Compares one of so many candidates with the baseline.
pub fn compare<'a>(rules: &Rules, baseline: &'a Assessed, candidate: &'a Assessed, candidates: usize) -> Compared<'a> {
    let measured = measured(rules, baseline, candidate, candidates);
    let predicted = predicted(rules, baseline, candidate);
    let (result, reason) = result(rules, candidate, &measured, predicted.as_ref());
    Compared { baseline, candidate, measured, predicted, result, reason }
}

/// What the measurements say of any two variants.
pub fn measured(rules: &Rules, baseline: &Assessed, candidate: &Assessed, candidates: usize) -> Side {
    let names = [baseline.name(), candidate.name()];
    outcome([&baseline.standing, &candidate.standing], names, rules.margin_percent, |base, over| {
        let gain = ratio(over, base, confidence(candidates))?;
        Some((gain, call(&gain, rules.margin_percent)))
    })
}

fn predicted(rules: &Rules, baseline: &Assessed, candidate: &Assessed) -> Option<Side> {
    let standings = [baseline.predicted.as_ref()?, candidate.predicted.as_ref()?];
    Some(outcome(standings, [baseline.name(), candidate.name()], rules.margin_percent, |base, over| {
        let gain = ratio(over, base, confidence(1))?;
        Some((gain, call_predicted(gain.value, rules.margin_percent)))
    }))
}

fn outcome(
    [baseline, candidate]: [&Standing; 2],
    [base_name, name]: [&str; 2],
    margin_percent: f64,
    gain: impl Fn(&[f64], &[f64]) -> Option<(Estimate, Call)>,
) -> Side {
    use Standing::{Blurred, Ceiling, Insufficient, Misses, Reaches};
    let unclear = |name: &str, standing: &Standing| {
        let why = standing.reason().map_or_else(|| MARGINAL.to_owned(), |reason| reason.text);
        Side::undetermined(format!("{name}: {why}"))
    };
    let marginal = |name: &str| Side::undetermined(format!("{name}: {MARGINAL}"));
    match (baseline, candidate) {
        (Insufficient { .. }, _) => unclear(base_name, baseline),
        (_, Insufficient { .. }) => unclear(name, candidate),
        (Misses { certain: false, .. }, _) => unclear(base_name, baseline),
        (_, Misses { certain: false, .. }) => unclear(name, candidate),
        (Misses { .. }, Misses { .. }) => Side::plain(Outcome::NeitherMeetsSla),
        (Misses { .. }, Reaches { certain, .. } | Ceiling { certain, .. } | Blurred { certain, .. }) => {
            if *certain {
                Side::plain(Outcome::OnlyCandidateMeetsSla)
            } else {
                marginal(name)
            }
        }
        (Reaches { certain, .. } | Ceiling { certain, .. } | Blurred { certain, .. }, Misses { .. }) => {
            if *certain {
                Side::plain(Outcome::OnlyBaselineMeetsSla)
            } else {
                marginal(base_name)
            }
        }
        (Ceiling { .. } | Blurred { .. }, _) => unclear(base_name, baseline),
        (_, Ceiling { .. } | Blurred { .. }) => unclear(name, candidate),
        (Reaches { certain: false, .. }, _) => marginal(base_name),
        (_, Reaches { certain: false, .. }) => marginal(name),
        (Reaches { logs: base, .. }, Reaches { logs: over, .. }) => match gain(base, over) {
            Some((gain, call)) => called(gain, call, margin_percent),
            None => Side::undetermined("no repetition counts on both sides".into()),
        },
    }
}

fn called(gain: Estimate, call: Call, margin_percent: f64) -> Side {
    let (outcome, why) = match call {
        Call::Better => (Outcome::CandidateBetter, None),
        Call::Worse => (Outcome::BaselineBetter, None),
        Call::NoDifference => (Outcome::NoDifference, None),
        Call::Undetermined => (Outcome::Undetermined, Some(why_open(&gain, margin_percent))),
    };
    Side { outcome, gain: Some(gain), why }
}

fn why_open(gain: &Estimate, margin_percent: f64) -> String {
    let measured = signed_ratio(gain.value);
    match gain.interval {
        Some((low, high)) => format!(
            "{measured} % was measured, from {} to {} % all fit, and up to ±{margin_percent} % counts as no difference",
            signed_ratio(low),
            signed_ratio(high)
        ),
        None => format!("{measured} % was measured in a single run, which tells only of large differences"),
    }
}

/// What an outcome has to agree in for a prediction to hold.
#[derive(PartialEq, Eq)]
enum Direction {
    Candidate,
    Baseline,
    Neither,
    NoneMeets,
}

fn direction(outcome: Outcome) -> Option<Direction> {
    match outcome {
        Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla => Some(Direction::Candidate),
        Outcome::BaselineBetter | Outcome::OnlyBaselineMeetsSla => Some(Direction::Baseline),
        Outcome::NoDifference => Some(Direction::Neither),
        Outcome::NeitherMeetsSla => Some(Direction::NoneMeets),
        Outcome::Undetermined => None,
    }
}

fn result(rules: &Rules, candidate: &Assessed, measured: &Side, predicted: Option<&Side>) -> (VerdictResult, String) {
    let Some(found) = direction(measured.outcome) else {
        let why = measured.why.clone().unwrap_or_default();
        return (VerdictResult::Inconclusive, why);
    };
    let Some(predicted) = predicted else {
        return (VerdictResult::NotPredicted, "There is no prediction for both sides to compare with.".into());
    };
    if direction(predicted.outcome) != Some(found) {
        let reason = format!("Predicted was {}, measured is {}.", words(predicted), words(measured));
        return (VerdictResult::Refuted, reason);
    }
    match doubts(rules, candidate, measured, predicted) {
        doubts if doubts.is_empty() => {
            let reason = format!("Direction and figures are as predicted, within {} %.", rules.tolerance_percent);
            (VerdictResult::Confirmed, reason)
        }
        doubts => (VerdictResult::DirectionOnly, format!("The direction is as predicted, but {}.", doubts.join("; "))),
    }
}

fn words(side: &Side) -> String {
    let gain = side.gain.map(|gain| format!(" ({} %)", signed_ratio(gain.value))).unwrap_or_default();
    format!("{}{gain}", side.outcome)
}

/// What keeps a prediction of the right direction from being confirmed.
fn doubts(rules: &Rules, candidate: &Assessed, measured: &Side, predicted: &Side) -> Vec<String> {
    let mut doubts = vec![];
    // A candidate that is predicted to miss the SLA advertises nothing that could be kept.
    if let Some(Standing::Reaches { .. }) = candidate.predicted {
        doubts.extend(advertised(rules, candidate));
    }
    let gains = measured.gain.zip(predicted.gain);
    let error = gains.and_then(|(measured, predicted)| error_percent(measured.value, predicted.value));
    doubts.extend(
        error
            .filter(|error| exceeds(error.abs(), rules.tolerance_percent))
            .map(|error| format!("the ratio of the sides is {} % off the predicted one", signed(error))),
    );
    doubts
}

/// What is wrong with the candidate's advertised point, or with its throughput at the SLA where no point is advertised.
fn advertised(rules: &Rules, candidate: &Assessed) -> Option<String> {
    let off = |what: &str, measured: f64, predicted: f64| {
        let error = error_percent(measured, predicted).filter(|error| exceeds(error.abs(), rules.tolerance_percent))?;
        Some(format!("tokens/s/GPU at {what} is {} % off", signed(error)))
    };
    let prediction = candidate.variant.prediction.as_ref()?;
    let Some(claim) = &prediction.claim else {
        let throughput = |standing: &Standing| standing.throughput().map(|estimate| estimate.value);
        return off("the SLA", throughput(&candidate.standing)?, throughput(candidate.predicted.as_ref()?)?);
    };
    let what = format!("the advertised point ({} in flight)", claim.concurrency);
    let measured = candidate.level(claim.concurrency).and_then(|level| Some((level, level.mean(|v| v.tokens)?)));
    let Some((level, tokens)) = measured else { return Some(format!("{what} was not measured")) };
    if level.state() == Some(SlaState::Missed) {
        return Some(format!("{what} misses the SLA"));
    }
    let predicted = predicted_at(prediction, claim.concurrency).filter(|level| !level.beyond_operating_point);
    let point = predicted.map_or(claim.point, |level| level.point);
    off(&what, tokens, point.tokens_per_second_per_gpu.get())
}

impl Compared<'_> {
    /// Whether all that decides comes from one deployment a side.
    pub fn single_deployment(&self) -> bool {
        self.baseline.rounds() < 2 || self.candidate.rounds() < 2
    }

    /// Whether what decides on a side was measured once.
    pub fn single_run(&self) -> bool {
        self.baseline.single_run() || self.candidate.single_run()
    }

    /// tokens/s/GPU of the candidate over the baseline at each level both sides measured, in signed percent.
    pub fn at_same_concurrency(&self) -> Vec<(u32, f64)> {
        let tokens = |side: &Assessed, level: u32| side.level(level)?.mean(|values| values.tokens);
        let gain = |level: u32| {
            Some(percent(tokens(self.candidate, level)? / tokens(self.baseline, level).filter(|tokens| *tokens > 0.0)?))
        };
        let levels = self.candidate.levels.iter().map(|level| level.concurrency);
        levels.filter_map(|level| Some((level, gain(level)?))).collect()
    }

    /// As the status shows it.
    pub fn status(&self) -> CandidateComparison {
        let unpredicted = OutcomeStatus { outcome: Outcome::Undetermined, gain_percent: None, interval: None };
        CandidateComparison {
            candidate: self.candidate.name().into(),
            result: self.result,
            predicted: self.predicted.as_ref().map_or(unpredicted, Side::status),
            measured: self.measured.status(),
            reason: text::cut(&self.reason, 512),
            at_same_concurrency: self
                .at_same_concurrency()
                .into_iter()
                .map(|(concurrency, gain)| AtSameConcurrency {
                    concurrency: count(concurrency),
                    gain_percent: signed(gain),
                })
                .collect(),
        }
    }
}
