//! The result: how the measurement and the prediction go together (METHOD §7).

use super::accuracy::{Accuracy, ClaimCheck, JudgedMetric};
use super::predicted::OutcomeForecast;
use crate::api::{Outcome, SlaState, VerdictResult};

/// How the measurement and the prediction go together.
#[derive(Clone, Debug, PartialEq)]
pub struct ReachedVerdict {
    /// In one name.
    pub result: VerdictResult,
    /// Why a prediction of the right direction is not confirmed.
    pub reservations: Vec<Reservation>,
}

/// One of two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Baseline,
    Candidate,
}

/// Why a prediction is not confirmed although its direction is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reservation {
    /// The claim's level was not measured.
    ClaimNotMeasured,
    /// The claim's level misses the SLA it was made for.
    ClaimMissesSla,
    /// The claim is off by more than the tolerance.
    ClaimOff {
        /// By what.
        metric: JudgedMetric,
        /// Measured ÷ predicted − 1.
        error: f64,
    },
    /// No level of a side has an estimate to compare with.
    NoEstimate(Who),
    /// The estimates of a side are off by more than the tolerance.
    EstimatesOff {
        /// Whose.
        who: Who,
        /// By what.
        metric: JudgedMetric,
        /// Mean absolute error.
        mean: f64,
    },
    /// The gain is off by more than the tolerance.
    GainOff {
        /// (1 + measured) ÷ (1 + predicted) − 1.
        error: f64,
    },
}

/// What a verdict rests on.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    /// What was measured.
    pub outcome: Outcome,
    /// ln(candidate ÷ baseline) and its interval, where there is one.
    pub gain: Option<(f64, (f64, f64))>,
    /// Both sides have an exact throughput, so their gain is one.
    pub gain_is_exact: bool,
    /// What was predicted; the first is what the estimates say, the others what they also allow. Empty where nothing was.
    pub predicted: &'a [OutcomeForecast],
    /// Whether the predictor claims something of the candidate, and how that was kept where it was measured.
    pub claim: Option<Option<ClaimCheck>>,
    /// Errors of the baseline's estimates.
    pub baseline: Option<&'a Accuracy>,
    /// Errors of the candidate's estimates.
    pub candidate: Option<&'a Accuracy>,
    /// m, as a share.
    pub margin: f64,
    /// tol, as a share.
    pub tolerance: f64,
}

impl ReachedVerdict {
    /// By these findings: the first that applies.
    pub fn of(findings: &Findings) -> Self {
        let plain = |result| Self { result, reservations: vec![] };
        if findings.outcome == Outcome::Undetermined {
            return plain(VerdictResult::Inconclusive);
        }
        let Some(first) = findings.predicted.first() else { return plain(VerdictResult::NotPredicted) };
        let Some(predicted) = findings.predicted.iter().find(|predicted| findings.allow(predicted)) else {
            return plain(VerdictResult::Refuted);
        };
        // What agrees counts: a side predicted a hair beside its limits is not a reason for a doubt.
        let predicted = if findings.allow(first) { first } else { predicted };
        let reservations = findings.reservations(predicted);
        match reservations.is_empty() {
            true => plain(VerdictResult::Confirmed),
            false => Self { result: VerdictResult::DirectionOnly, reservations },
        }
    }
}

impl Findings<'_> {
    /// Whether what is measured leaves a prediction possible: the direction is the same, or the predicted gain lies in the
    /// measured interval, widened by the margin on both ends.
    fn allow(&self, predicted: &OutcomeForecast) -> bool {
        if direction(self.outcome) == direction(predicted.outcome) {
            return true;
        }
        let Some((gain, (_, (low, high)))) = predicted.gain.zip(self.gain) else { return false };
        (low.exp_m1() - self.margin..=high.exp_m1() + self.margin).contains(&gain)
    }

    fn reservations(&self, predicted: &OutcomeForecast) -> Vec<Reservation> {
        let mut reservations = vec![];
        match &self.claim {
            None => {}
            Some(None) => reservations.push(Reservation::ClaimNotMeasured),
            Some(Some(check)) => reservations.extend(self.reservations_on_claim(check)),
        }
        reservations.extend(self.reservations_on_estimates(Who::Baseline, self.baseline));
        reservations.extend(self.reservations_on_estimates(Who::Candidate, self.candidate));
        let gains = self.gain.filter(|_| self.gain_is_exact).zip(predicted.gain);
        reservations.extend(gains.and_then(|((measured, _), predicted)| {
            let error = measured.exp() / (1.0 + predicted) - 1.0;
            (error.abs() > self.tolerance).then_some(Reservation::GainOff { error })
        }));
        reservations
    }

    fn reservations_on_claim(&self, check: &ClaimCheck) -> Vec<Reservation> {
        let errors = [(JudgedMetric::Tokens, check.errors.tokens), (JudgedMetric::Tpot, check.errors.tpot)];
        let off = errors.into_iter().filter(|(_, error)| error.abs() > self.tolerance);
        let off = off.map(|(metric, error)| Reservation::ClaimOff { metric, error });
        let missed = (check.state == SlaState::Missed).then_some(Reservation::ClaimMissesSla);
        missed.into_iter().chain(off).collect()
    }

    fn reservations_on_estimates(&self, who: Who, accuracy: Option<&Accuracy>) -> Vec<Reservation> {
        let mean = |metric| Some((metric, accuracy?.mean(metric)?));
        let means: Vec<(JudgedMetric, f64)> =
            [JudgedMetric::Tokens, JudgedMetric::Tpot].into_iter().filter_map(mean).collect();
        if means.is_empty() {
            return vec![Reservation::NoEstimate(who)];
        }
        let off = means.into_iter().filter(|(_, mean)| *mean > self.tolerance);
        off.map(|(metric, mean)| Reservation::EstimatesOff { who, metric, mean }).collect()
    }
}

/// Which way an outcome points. That both are alike and that neither meets the SLA are directions of their own.
#[derive(PartialEq, Eq)]
enum Direction {
    Candidate,
    Baseline,
    Alike,
    Neither,
    Unknown,
}

fn direction(outcome: Outcome) -> Direction {
    match outcome {
        Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla => Direction::Candidate,
        Outcome::BaselineBetter | Outcome::OnlyBaselineMeetsSla => Direction::Baseline,
        Outcome::NoDifference => Direction::Alike,
        Outcome::NeitherMeetsSla => Direction::Neither,
        Outcome::Undetermined => Direction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::judgement::accuracy::LevelErrors;

    fn accuracy(error: f64) -> Accuracy {
        Accuracy { levels: vec![(10, LevelErrors { ttft: None, tpot: error, tokens: -error })] }
    }

    fn kept(error: f64, state: SlaState) -> Option<Option<ClaimCheck>> {
        Some(Some(ClaimCheck { errors: LevelErrors { ttft: None, tpot: error, tokens: -error }, state, kept: false }))
    }

    fn predicted(outcome: Outcome, gain: Option<f64>) -> OutcomeForecast {
        OutcomeForecast { outcome, gain }
    }

    struct Answers {
        outcome: Outcome,
        gain: Option<(f64, f64, f64)>,
        predicted: Vec<OutcomeForecast>,
        claim: Option<Option<ClaimCheck>>,
        errors: (f64, f64),
    }

    impl Answers {
        fn verdict(&self) -> ReachedVerdict {
            let (baseline, candidate) = (accuracy(self.errors.0), accuracy(self.errors.1));
            ReachedVerdict::of(&Findings {
                outcome: self.outcome,
                gain: self.gain.map(|(gain, low, high)| (gain.ln_1p(), (low.ln_1p(), high.ln_1p()))),
                gain_is_exact: true,
                predicted: &self.predicted,
                claim: self.claim,
                baseline: Some(&baseline),
                candidate: Some(&candidate),
                margin: 0.05,
                tolerance: 0.2,
            })
        }
    }

    fn measured(outcome: Outcome, gain: Option<(f64, f64, f64)>, predicted: OutcomeForecast) -> Answers {
        Answers { outcome, gain, predicted: vec![predicted], claim: None, errors: (0.05, 0.05) }
    }

    use Outcome::{BaselineBetter, CandidateBetter, NeitherMeetsSla, NoDifference, OnlyCandidateMeetsSla};

    #[rstest]
    #[case::both_better(CandidateBetter, Some((0.1, 0.05, 0.15)), CandidateBetter, Some(0.12), true)]
    #[case::only_one_meets_it_points_the_same_way(OnlyCandidateMeetsSla, None, CandidateBetter, Some(0.5), true)]
    #[case::the_other_is_better(BaselineBetter, Some((-0.1, -0.15, -0.06)), CandidateBetter, Some(0.12), false)]
    #[case::the_margins_edge_refutes_nothing(CandidateBetter, Some((0.057, 0.04, 0.08)), NoDifference, Some(0.049), true)]
    #[case::within_five_points_of_the_interval(CandidateBetter, Some((0.10, 0.08, 0.12)), NoDifference, Some(0.031), true)]
    #[case::further(CandidateBetter, Some((0.10, 0.09, 0.12)), NoDifference, Some(0.031), false)]
    #[case::neither_meets_it_is_no_gain(NoDifference, Some((0.0, -0.02, 0.02)), NeitherMeetsSla, None, false)]
    #[case::neither_twice(NeitherMeetsSla, None, NeitherMeetsSla, None, true)]
    fn what_is_measured_refutes_what_it_excludes(
        #[case] outcome: Outcome,
        #[case] gain: Option<(f64, f64, f64)>,
        #[case] prediction: Outcome,
        #[case] predicted_gain: Option<f64>,
        #[case] stands: bool,
    ) {
        let verdict = measured(outcome, gain, predicted(prediction, predicted_gain)).verdict();
        assert_eq!(verdict.result, if stands { VerdictResult::Confirmed } else { VerdictResult::Refuted });
    }

    #[test]
    fn an_open_outcome_comes_before_all() {
        let case = measured(Outcome::Undetermined, None, predicted(CandidateBetter, Some(0.1)));
        assert_eq!(case.verdict().result, VerdictResult::Inconclusive);
        let mut case = measured(CandidateBetter, Some((0.1, 0.05, 0.15)), predicted(CandidateBetter, Some(0.1)));
        case.predicted.clear();
        assert_eq!(case.verdict().result, VerdictResult::NotPredicted);
    }

    #[test]
    fn a_reading_that_agrees_is_enough() {
        let mut case = measured(OnlyCandidateMeetsSla, None, predicted(BaselineBetter, Some(-0.1)));
        assert_eq!(case.verdict().result, VerdictResult::Refuted);
        case.predicted.push(predicted(OnlyCandidateMeetsSla, None));
        assert_eq!(case.verdict().result, VerdictResult::Confirmed);
    }

    fn right() -> Answers {
        measured(CandidateBetter, Some((0.1, 0.05, 0.15)), predicted(CandidateBetter, Some(0.1)))
    }

    #[rstest]
    #[case::not_measured(Some(None), vec![Reservation::ClaimNotMeasured])]
    #[case::kept(kept(0.1, SlaState::Marginal), vec![])]
    #[case::missed(kept(0.1, SlaState::Missed), vec![Reservation::ClaimMissesSla])]
    #[case::off(
        kept(0.21, SlaState::Met),
        vec![Reservation::ClaimOff { metric: JudgedMetric::Tokens, error: -0.21 }, Reservation::ClaimOff { metric: JudgedMetric::Tpot, error: 0.21 }]
    )]
    fn a_claim_that_is_not_as_promised_is_a_doubt(
        #[case] claim: Option<Option<ClaimCheck>>,
        #[case] reservations: Vec<Reservation>,
    ) {
        let verdict = Answers { claim, ..right() }.verdict();
        let result = if reservations.is_empty() { VerdictResult::Confirmed } else { VerdictResult::DirectionOnly };
        assert_eq!(verdict, ReachedVerdict { result, reservations });
    }

    #[test]
    fn estimates_that_are_off_are_a_doubt_on_either_side() {
        let verdict = Answers { errors: (0.3, 0.1), ..right() }.verdict();
        let off = |metric| Reservation::EstimatesOff { who: Who::Baseline, metric, mean: 0.3 };
        assert_eq!(
            verdict,
            ReachedVerdict {
                result: VerdictResult::DirectionOnly,
                reservations: vec![off(JudgedMetric::Tokens), off(JudgedMetric::Tpot)]
            }
        );
    }

    #[test]
    fn a_gain_that_is_off_is_a_doubt() {
        let case = measured(CandidateBetter, Some((0.5, 0.4, 0.6)), predicted(CandidateBetter, Some(0.1)));
        let ReachedVerdict { reservations, .. } = case.verdict();
        assert!(
            matches!(reservations[..], [Reservation::GainOff { error }] if (error - (1.5 / 1.1 - 1.0)).abs() < 1e-9)
        );
    }

    #[test]
    fn without_a_figure_nothing_is_confirmed() {
        let none = Accuracy { levels: vec![] };
        let case = right();
        let verdict = ReachedVerdict::of(&Findings {
            outcome: case.outcome,
            gain: None,
            gain_is_exact: false,
            predicted: &case.predicted,
            claim: None,
            baseline: Some(&none),
            candidate: None,
            margin: 0.05,
            tolerance: 0.2,
        });
        let reservations = vec![Reservation::NoEstimate(Who::Baseline), Reservation::NoEstimate(Who::Candidate)];
        assert_eq!(verdict, ReachedVerdict { result: VerdictResult::DirectionOnly, reservations });
    }
}
