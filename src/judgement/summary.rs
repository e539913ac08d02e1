//! The verdict in one sentence that says no more than the evidence.

use super::decimals::{gain_interval, signed_ratio};
use super::gain::{confidence, percent};
use super::rules::Rules;
use super::verdict::{Compared, Side};
use crate::api::{Outcome, VerdictResult};
use crate::text;

/// The sentence about one candidate of several; `winner` is named when there are more.
pub fn sentence(rules: &Rules, compared: &Compared, candidates: usize, winner: Option<&str>) -> String {
    let names = Names { candidate: compared.candidate.name(), baseline: compared.baseline.name() };
    let mut sentence = names.measured(rules, &compared.measured);
    if compared.measured.outcome != Outcome::Undetermined {
        sentence.push_str(&limits(compared, candidates));
    }
    sentence.push_str(&names.prediction(compared));
    if candidates > 1 {
        sentence.push_str(&match winner {
            Some(winner) => format!("; the best of all variants is {winner}"),
            None => "; which variant is the best of all cannot be told".into(),
        });
    }
    sentence.push('.');
    text::cut(&sentence, 512)
}

/// What limits the statement, in brackets.
fn limits(compared: &Compared, candidates: usize) -> String {
    let level = (1000.0 * confidence(candidates)).round() / 10.0;
    let interval = compared.measured.gain.as_ref().and_then(gain_interval);
    let interval = interval.map(|interval| format!("{level} % interval {interval} %"));
    let scope = match (compared.single_run(), compared.single_deployment()) {
        (true, _) => Some("single run".to_owned()),
        (false, true) => Some("within one deployment".to_owned()),
        (false, false) => None,
    };
    let limits: Vec<String> = interval.into_iter().chain(scope).collect();
    if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) }
}

struct Names<'a> {
    candidate: &'a str,
    baseline: &'a str,
}

impl Names<'_> {
    fn measured(&self, rules: &Rules, side: &Side) -> String {
        let Self { candidate, baseline } = self;
        let amount = side.gain.map_or(0.0, |gain| percent(gain.value).abs());
        match side.outcome {
            Outcome::CandidateBetter => {
                format!("{candidate} delivers {amount:.1} % more tokens/s/GPU than {baseline} at the SLA")
            }
            Outcome::BaselineBetter => {
                format!("{candidate} delivers {amount:.1} % fewer tokens/s/GPU than {baseline} at the SLA")
            }
            Outcome::NoDifference => format!(
                "{candidate} and {baseline} deliver the same tokens/s/GPU at the SLA to within {} %",
                rules.margin_percent
            ),
            Outcome::OnlyCandidateMeetsSla => {
                format!("{candidate} keeps the SLA, {baseline} at no measured concurrency")
            }
            Outcome::OnlyBaselineMeetsSla => {
                format!("{baseline} keeps the SLA, {candidate} at no measured concurrency")
            }
            Outcome::NeitherMeetsSla => {
                format!("Neither {candidate} nor {baseline} keeps the SLA at any measured concurrency")
            }
            Outcome::Undetermined => {
                let why = side.why.as_deref().unwrap_or("the evidence does not suffice");
                format!("Whether {candidate} is better than {baseline} cannot be told: {}", why.trim_end_matches('.'))
            }
        }
    }

    fn prediction(&self, compared: &Compared) -> String {
        let predicted = compared.predicted.as_ref();
        let gain = predicted.and_then(|side| side.gain).map(|gain| format!("{} %", signed_ratio(gain.value)));
        match compared.result {
            VerdictResult::Confirmed => match gain {
                Some(gain) => format!(", as predicted ({gain})"),
                None => ", as predicted".into(),
            },
            VerdictResult::DirectionOnly => {
                let doubts = compared.reason.trim_start_matches("The direction is as predicted, but ");
                let gain = gain.map(|gain| format!(" ({gain})")).unwrap_or_default();
                format!("; the prediction{gain} is right in direction only: {}", doubts.trim_end_matches('.'))
            }
            VerdictResult::Refuted => {
                let said = predicted.map_or_else(String::new, |side| self.said(side));
                format!("; this refutes the prediction, {said}")
            }
            VerdictResult::Inconclusive | VerdictResult::NotPredicted => match gain {
                Some(gain) => format!("; predicted was {gain}"),
                None => String::new(),
            },
        }
    }

    fn said(&self, side: &Side) -> String {
        let Self { candidate, baseline } = self;
        let gain = side.gain.map(|gain| format!("{} %", signed_ratio(gain.value))).unwrap_or_default();
        match side.outcome {
            Outcome::CandidateBetter | Outcome::BaselineBetter | Outcome::NoDifference => {
                format!("which was {gain}")
            }
            Outcome::OnlyCandidateMeetsSla => format!("that only {candidate} would keep the SLA"),
            Outcome::OnlyBaselineMeetsSla => format!("that only {baseline} would keep the SLA"),
            Outcome::NeitherMeetsSla => "that neither would keep the SLA".into(),
            Outcome::Undetermined => "which said nothing".into(),
        }
    }
}
