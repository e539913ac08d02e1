//! A judgement in sentences that say no more than the evidence.

use std::collections::BTreeSet;

use super::decimals::{gain_interval, signed_log, signed_share};
use super::evidence::VariantRecords;
use super::judged::{Judged, JudgedVariant};
use super::open::{Known, OpenAnswer};
use crate::api::{EvidenceCode, MOST_ROUNDS, Outcome, Stopped, VerdictResult};
use crate::judgement::CandidateJudgement;
use crate::judgement::accuracy::JudgedMetric;
use crate::judgement::comparison::{Look, Standing, Standpoint};
use crate::judgement::crossing::NotKnown;
use crate::judgement::gain::IntervalEstimate;
use crate::judgement::side::{Side, WhyNotKnown};
use crate::judgement::verdict::{Reservation, Who};
use crate::method::sla::{Criterion, LimitedMetric};
use crate::text;

/// What a sentence has room for, in bytes.
const LONGEST: usize = 512;
/// A gain of which it is said how many rounds would tell it.
const GAIN_TO_TELL: f64 = 0.10;
/// Reservations that the summary names; the reason of the result names all.
const FIRST_RESERVATIONS: usize = 2;
const QUANTITY: &str = "tokens/s per GPU";

/// One candidate beside the baseline.
pub struct Compared<'a> {
    judged: &'a Judged,
    /// The baseline's name.
    baseline: &'a str,
    candidate: &'a str,
    of: &'a CandidateJudgement,
    /// What is known of it.
    records: &'a VariantRecords,
}

impl<'a> Compared<'a> {
    pub fn new(judged: &'a Judged, variant: JudgedVariant<'a>, of: &'a CandidateJudgement) -> Self {
        Self {
            judged,
            baseline: &judged.baseline().name,
            candidate: &variant.records.name,
            of,
            records: variant.records,
        }
    }

    /// The sentence about it; with several candidates the winner is named.
    pub fn summary(&self) -> String {
        let mut sentence = self.measured();
        sentence.push_str(&self.prediction());
        if self.judged.judgement.candidates.len() > 1 {
            sentence.push_str(&match self.judged.winner() {
                Some(winner) => format!("; the best of all variants is {winner}"),
                None => "; which variant is the best of all is not known".into(),
            });
        }
        sentence.push('.');
        sentence.push_str(&self.beside());
        text::cut(&sentence, LONGEST)
    }

    /// Why its result is what it is.
    pub fn reason(&self) -> String {
        let predicted = || self.of.predicted.first().map(|predicted| self.said(predicted.outcome, predicted.gain));
        let reason = match self.of.verdict.result {
            VerdictResult::Confirmed => {
                format!("Direction, claim and estimates are as predicted, within {} %.", self.tolerance())
            }
            VerdictResult::DirectionOnly => {
                format!("The direction is as predicted, but {}.", self.reservations(usize::MAX))
            }
            VerdictResult::Refuted => {
                let measured = self.said(self.of.comparison.outcome(), self.gain().map(|gain| gain.log.exp_m1()));
                format!("Predicted: {}; measured: {measured}.", predicted().unwrap_or_default())
            }
            VerdictResult::Inconclusive => self.why_open(),
            VerdictResult::NotPredicted => "There is no prediction for both sides to compare with.".into(),
        };
        text::cut(&reason, LONGEST)
    }

    fn tolerance(&self) -> f64 {
        self.judged.evidence.rules.accuracy_tolerance.get()
    }

    fn last(&self) -> Option<&Look> {
        self.of.comparison.last()
    }

    fn gain(&self) -> Option<&IntervalEstimate> {
        self.last()?.gain.as_ref()
    }

    fn measured(&self) -> String {
        let Self { candidate, baseline, .. } = self;
        let amount = self.gain().map_or(0.0, |gain| 100.0 * gain.log.exp_m1().abs());
        let bound = if self.is_bound() { "at least " } else { "" };
        match self.of.comparison.outcome() {
            Outcome::CandidateBetter => format!(
                "{candidate} delivers {bound}{amount:.1} % more {QUANTITY} than {baseline} within the SLA{}",
                self.surely()
            ),
            Outcome::BaselineBetter => format!(
                "{candidate} delivers {bound}{amount:.1} % fewer {QUANTITY} than {baseline} within the SLA{}",
                self.surely()
            ),
            Outcome::NoDifference => format!(
                "{candidate} and {baseline} deliver the same {QUANTITY} within the SLA, to within {} %{}",
                self.judged.evidence.rules.equivalence_margin.get(),
                self.surely()
            ),
            Outcome::OnlyCandidateMeetsSla => format!("{candidate} meets the SLA; {baseline} misses it at every load"),
            Outcome::OnlyBaselineMeetsSla => format!("{baseline} meets the SLA; {candidate} misses it at every load"),
            Outcome::NeitherMeetsSla => format!("Neither {candidate} nor {baseline} meets the SLA at any load"),
            Outcome::Undetermined => {
                format!("It is not known whether {candidate} is better than {baseline}: {}", lower(&self.why_open()))
            }
        }
    }

    /// Whether a side is known as a bound only, so that the gain is one.
    pub fn is_bound(&self) -> bool {
        let exact = |side: &Standpoint| matches!(side.side, Side::Value(_));
        self.last().is_some_and(|look| !exact(&look.baseline) || !exact(&look.candidate))
    }

    /// The interval and the rounds it rests on.
    fn surely(&self) -> String {
        let Some((look, gain)) = self.last().zip(self.gain()) else { return String::new() };
        let interval = match gain.telling_interval() {
            Some((low, high)) => format!("interval {} to {} %", signed_log(low), signed_log(high)),
            None => "interval too wide to state".into(),
        };
        let rounds = match look.shared_rounds {
            1 if self.judged.evidence.rules.doubt(1).alone => format!(
                "one deployment each, if deployments repeat within {} %",
                self.judged.evidence.rules.assumed_scatter.get()
            ),
            1 => "one deployment each".into(),
            rounds => format!("{rounds} deployments each"),
        };
        match self.is_bound() {
            true => format!(" ({rounds})"),
            false => format!(", {interval} ({rounds})"),
        }
    }

    fn why_open(&self) -> String {
        let stopped = match self.of.comparison.standing {
            Standing::Closed { stopped: Stopped::Unstable, .. } => return format!("{}.", self.unstable()),
            Standing::Closed { stopped, .. } => Some(stopped),
            Standing::Open => match self.judged.baseline().failure.as_ref().or(self.records.failure.as_ref()) {
                Some(failure) => return failure.clone(),
                None => None,
            },
        };
        let (rounds, shared_rounds) = self.last().map_or((0, 0), |look| (look.round, look.shared_rounds));
        OpenAnswer { known: self.known(), rounds, shared_rounds, more: self.would_tell() }.because(stopped)
    }

    /// Of a bound that does not decide, its gain says nothing.
    fn known(&self) -> Known {
        match self.gain().filter(|_| !self.is_bound()) {
            Some(gain) => {
                let interval = gain.telling_interval().map_or("interval too wide to state".into(), gain_interval);
                Known::SoFar(format!("{} % ({interval})", signed_log(gain.log)))
            }
            None => Known::Nothing(self.unknown_side().unwrap_or_else(|| "no throughput at the SLA is known".into())),
        }
    }

    /// How many rounds more would tell a gain of 10 %, and what they would hold.
    fn would_tell(&self) -> String {
        let candidates = self.judged.judgement.candidates.len();
        let more = self.last().zip(self.gain()).and_then(|(look, gain)| {
            let rounds = gain.rounds_to_tell(GAIN_TO_TELL, candidates, usize::try_from(MOST_ROUNDS).ok()?)?;
            rounds.checked_sub(look.shared_rounds).filter(|more| *more > 0)
        });
        let hours = |more: usize| {
            let both = self.judged.baseline().round_gpu_hours? + self.records.round_gpu_hours?;
            Some(format!(" (about {:.1} GPU-hours)", both * more as f64))
        };
        more.map(|more| format!("; {more} more{} could detect +10 %", hours(more).unwrap_or_default()))
            .unwrap_or_default()
    }

    /// The side without a throughput, and why it has none.
    fn unknown_side(&self) -> Option<String> {
        let look = self.last()?;
        let sides = [(self.judged.baseline(), &look.baseline), (self.records, &look.candidate)];
        sides.iter().find_map(|(records, side)| {
            let why = why(&side.side)?;
            Some(match &records.failure {
                Some(failure) => format!("{}: {failure}", records.name),
                None => format!("for {}, {why}", records.name),
            })
        })
    }

    fn unstable(&self) -> String {
        let look = self.last();
        let sides = look.map(|look| [(self.baseline, &look.baseline), (self.candidate, &look.candidate)]);
        let unstable = sides.iter().flatten().find(|(_, side)| side.failures.are_too_many());
        match unstable {
            Some((name, side)) => {
                format!("{name} is unstable: {} of {} trials failed", side.failures.failed, side.failures.trials)
            }
            None => "trials fail too often".into(),
        }
    }

    fn prediction(&self) -> String {
        let first = self.of.predicted.first();
        let gain = first.and_then(|predicted| predicted.gain).map(|gain| format!("{} %", signed_share(gain)));
        match self.of.verdict.result {
            VerdictResult::Confirmed => match gain {
                Some(gain) => format!(", as predicted ({gain})"),
                None => ", as predicted".into(),
            },
            VerdictResult::DirectionOnly => {
                let gain = gain.map(|gain| format!(" ({gain})")).unwrap_or_default();
                format!("; the prediction{gain} is right in direction only: {}", self.reservations(FIRST_RESERVATIONS))
            }
            VerdictResult::Refuted => {
                let said = first.map(|predicted| self.said(predicted.outcome, predicted.gain)).unwrap_or_default();
                format!("; this refutes the prediction: {said}")
            }
            VerdictResult::Inconclusive | VerdictResult::NotPredicted => match gain {
                Some(gain) => format!("; predicted: {gain}"),
                None => String::new(),
            },
        }
    }

    /// An outcome, with its gain where it has one.
    pub fn said(&self, outcome: Outcome, gain: Option<f64>) -> String {
        let Self { candidate, baseline, .. } = self;
        let gain = gain.map(|gain| format!(" ({} %)", signed_share(gain))).unwrap_or_default();
        match outcome {
            Outcome::CandidateBetter => format!("{candidate} is better{gain}"),
            Outcome::BaselineBetter => format!("{baseline} is better{gain}"),
            Outcome::NoDifference => format!("no difference{gain}"),
            Outcome::OnlyCandidateMeetsSla => format!("only {candidate} meets the SLA"),
            Outcome::OnlyBaselineMeetsSla => format!("only {baseline} meets the SLA"),
            Outcome::NeitherMeetsSla => "neither meets the SLA".into(),
            Outcome::Undetermined => "not known".into(),
        }
    }

    fn reservations(&self, most: usize) -> String {
        let each = self.of.verdict.reservations.iter().map(|reservation| self.reservation(reservation));
        text::listed(&each.collect::<Vec<_>>(), "; ", most)
    }

    fn reservation(&self, reservation: &Reservation) -> String {
        let name = |who: &Who| match who {
            Who::Baseline => self.baseline,
            Who::Candidate => self.candidate,
        };
        match reservation {
            Reservation::ClaimNotMeasured => "the claim was not measured".into(),
            Reservation::ClaimMissesSla => "the claim misses the SLA at its own level".into(),
            Reservation::ClaimOff { metric, error } => {
                format!("the claim is off by {} % in {}", signed_share(*error), metric_name(*metric))
            }
            Reservation::NoEstimate(who) => format!("nothing is estimated for the levels of {}", name(who)),
            Reservation::EstimatesOff { who, metric, mean } => {
                format!("the estimates of {} are off by {:.1} % in {}", name(who), 100.0 * mean, metric_name(*metric))
            }
            Reservation::GainOff { error } => {
                format!("the ratio of the sides is {} % off the predicted one", signed_share(*error))
            }
        }
    }

    /// What the comparison does not tell, where the sides differ in more than speed.
    fn beside(&self) -> String {
        let has = |code| self.records.findings.iter().any(|finding| finding.code == code);
        let differences = [
            (EvidenceCode::PrecisionDiffers, " Weights or KV cache differ in precision: answers were not compared."),
            (
                EvidenceCode::SpeculationDiffers,
                " Speculative decoding differs: its gain with random prompts is not that with real text.",
            ),
            (EvidenceCode::ContextDiffers, " The longest request that they accept differs."),
            (EvidenceCode::ClocksDiffer, " The GPUs ran at other clocks."),
            (EvidenceCode::ImageDiffers, " The engines' images differ."),
        ];
        let without_ttft = " The limit on TTFT was not judged: some results are a load tool's summary only.";
        let differ = differences.into_iter().filter(|(code, _)| has(*code)).map(|(_, sentence)| sentence);
        differ.chain(self.judged.evidence.without_ttft.then_some(without_ttft)).collect()
    }
}

fn metric_name(metric: JudgedMetric) -> &'static str {
    match metric {
        JudgedMetric::Tpot => "TPOT",
        JudgedMetric::Tokens => QUANTITY,
    }
}

fn lower(sentence: &str) -> String {
    sentence.trim_end_matches('.').to_owned()
}

/// Why a side has no exact throughput; `None` where it has one.
fn why(side: &Side) -> Option<String> {
    Some(match side {
        Side::Value(_) => return None,
        Side::AtLeast(at) => format!(
            "every level up to {:.0} concurrent requests meets the SLA: add higher ones to workload.concurrency",
            at.concurrency
        ),
        Side::AtMost(_) => "the lowest level misses the SLA, within doubt".into(),
        Side::None { r } => format!("a single request is already at {r:.1} times the SLA's limit"),
        Side::NotKnown { why: WhyNotKnown::Levels(NotKnown::FlatLatency { criterion, slope }), .. } => format!(
            "{} hardly grows with load where the SLA ends (slope {slope:.3}), so its limit does not fix a throughput",
            criterion_name(*criterion)
        ),
        Side::NotKnown { why: WhyNotKnown::Levels(NotKnown::OutsideBracket), .. } => {
            "the SLA ends too far outside the deciding levels to be read off them".into()
        }
        Side::NotKnown { why: WhyNotKnown::NoRound, .. } => {
            "no round has an accepted trial of every deciding level".into()
        }
        Side::NotKnown { why: WhyNotKnown::NoLevel, .. } => "no level was accepted".into(),
    })
}

fn criterion_name(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Limit(LimitedMetric::Ttft) => "TTFT",
        Criterion::Limit(LimitedMetric::Tpot) => "TPOT",
        Criterion::Limit(LimitedMetric::RequestLatency) => "request latency",
        Criterion::GoodRequests => "the share of good requests",
    }
}

/// Why a variant has no exact throughput at the SLA; `None` where it has one.
pub fn why_not_known(variant: JudgedVariant) -> Option<String> {
    let side = &variant.shown.standpoint.side;
    let rejecting: BTreeSet<&str> = variant
        .records
        .records
        .iter()
        .flat_map(|of| &of.findings)
        .filter(|finding| finding.rejects())
        .map(|finding| finding.code.as_str())
        .collect();
    match (side, &variant.records.failure) {
        (Side::NotKnown { .. }, Some(failure)) => Some(failure.clone()),
        (Side::NotKnown { why: WhyNotKnown::NoLevel, .. }, None) if !rejecting.is_empty() => {
            let codes: Vec<&str> = rejecting.into_iter().collect();
            Some(format!("no level was accepted ({})", codes.join(", ")))
        }
        (Side::NotKnown { why: WhyNotKnown::NoLevel, .. }, None) => Some("no level was measured".into()),
        (side, _) => why(side),
    }
}
