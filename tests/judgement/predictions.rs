//! Whether a prediction held, and how far it was off (METHOD §7).

use bcmp::api::conditions::ConditionStatus;
use bcmp::api::{AccuracyResult, EvidenceCode, Finding, Reason, VerdictResult};
use bcmp::judgement::judge;
use bcmp::measurement::record::{Purpose, TrialRecord};
use bcmp::prediction::Prediction;
use rstest::rstest;

use crate::support::*;

#[rstest]
#[case::as_predicted(claimed(100.0), claimed(150.0), 150.0, VerdictResult::Confirmed, "as predicted")]
#[case::within_the_tolerance(claimed(100.0), claimed(150.0), 130.0, VerdictResult::Confirmed, "within 20 %")]
#[case::too_large_a_promise(
    claimed(100.0),
    claimed(200.0),
    150.0,
    VerdictResult::DirectionOnly,
    "the ratio of the sides is -25.0 % off"
)]
#[case::too_small_a_promise(
    claimed(100.0),
    claimed(110.0),
    150.0,
    VerdictResult::DirectionOnly,
    "10 in flight) is +36.4 % off"
)]
#[case::the_other_way(
    claimed(150.0),
    claimed(100.0),
    150.0,
    VerdictResult::Refuted,
    "Predicted was BaselineBetter (-33.3 %)"
)]
#[case::promised_and_not_there(
    claimed(100.0),
    claimed(150.0),
    100.0,
    VerdictResult::Refuted,
    "measured is NoDifference"
)]
#[case::equal_as_predicted(claimed(100.0), claimed(103.0), 100.0, VerdictResult::Confirmed, "as predicted")]
#[case::no_prediction_for_the_baseline(None, claimed(150.0), 150.0, VerdictResult::NotPredicted, "no prediction")]
#[case::no_prediction_for_the_candidate(claimed(100.0), None, 150.0, VerdictResult::NotPredicted, "no prediction")]
#[case::only_one_was_to_keep_the_sla(
    predicted(hopeless()),
    claimed(150.0),
    150.0,
    VerdictResult::Confirmed,
    "as predicted"
)]
#[case::none_advertised_the_sla_counts(
    predicted(curve(100.0)),
    predicted(curve(150.0)),
    150.0,
    VerdictResult::Confirmed,
    "as predicted"
)]
#[case::none_advertised_and_off(
    predicted(curve(60.0)),
    predicted(curve(90.0)),
    150.0,
    VerdictResult::DirectionOnly,
    "at the SLA is +66.7 % off"
)]
fn whether_a_prediction_held(
    #[case] baseline: Option<Prediction>,
    #[case] candidate: Option<Prediction>,
    #[case] tokens: f64,
    #[case] result: VerdictResult,
    #[case] reason: &str,
) {
    // A baseline at 100.
    let variants =
        vec![variant("baseline", sweep(100.0, &CALM), baseline), variant("optimized", sweep(tokens, &CALM), candidate)];
    let comparison = judge(&case(variants)).verdict.comparisons.remove(0);
    assert_eq!(comparison.result, result, "{}", comparison.reason);
    assert!(comparison.reason.contains(reason), "{}", comparison.reason);
}

#[rstest]
#[case::both_ways_of_winning_agree(predicted(curve(100.0)), misses(1.5, &CALM), sweep(150.0, &CALM), VerdictResult::Confirmed)]
#[case::neither_as_predicted(predicted(hopeless()), misses(1.5, &CALM), misses(1.5, &CALM), VerdictResult::Refuted)]
fn only_one_side_keeping_the_sla_is_a_direction(
    #[case] baseline: Option<Prediction>,
    #[case] baseline_runs: Vec<TrialRecord>,
    #[case] candidate_runs: Vec<TrialRecord>,
    #[case] result: VerdictResult,
) {
    let variants =
        vec![variant("baseline", baseline_runs, baseline), variant("optimized", candidate_runs, claimed(150.0))];
    assert_eq!(judge(&case(variants)).verdict.result, result);
}

#[test]
fn that_neither_keeps_the_sla_can_be_confirmed() {
    let variant = |name: &str| variant(name, misses(1.5, &CALM), predicted(hopeless()));
    assert_eq!(judge(&case(vec![variant("baseline"), variant("optimized")])).verdict.result, VerdictResult::Confirmed);
}

#[rstest]
#[case::not_measured(12, None, "(12 in flight) was not measured")]
#[case::rejected(10, Some(10), "(10 in flight) was not measured")]
#[case::missed(20, None, "(20 in flight) misses the SLA")]
fn an_advertised_point_has_to_hold(#[case] at: u32, #[case] rejected: Option<u32>, #[case] reason: &str) {
    let mut prediction = claimed(150.0).unwrap();
    prediction.claim.as_mut().unwrap().concurrency = at;
    // A bracket that is refined, so that the advertised level does not decide.
    let refined = |tokens: f64| {
        let mut records = sweep(tokens, &[]);
        for (level, ratio, share) in [(13, 0.8, 0.8), (16, 1.25, 1.25)] {
            records.push(run(level, Purpose::Refinement, 1, ratio, tokens * share));
            let repeated = (1..).zip(CALM);
            records.extend(repeated.map(|(k, s)| run(level, Purpose::Decision, k, ratio, tokens * share * s)));
        }
        records
    };
    let candidate = reject(refined(150.0), |step| Some(step.concurrency) == rejected);
    let variants =
        vec![variant("baseline", refined(100.0), claimed(100.0)), variant("optimized", candidate, Some(prediction))];
    let judgement = judge(&case(variants));
    assert_eq!(judgement.verdict.result, VerdictResult::DirectionOnly);
    let said = &judgement.verdict.comparisons[0].reason;
    assert!(said.contains(reason), "{said}");
    let unmeasured = has(&judgement.variants[1].findings, EvidenceCode::ClaimedPointNotMeasured);
    assert_eq!(unmeasured, reason.contains("not measured"));
}

#[test]
fn an_unclear_measurement_is_inconclusive_whatever_was_predicted() {
    for prediction in [None, claimed(104.5)] {
        let variants = vec![
            variant("baseline", sweep(100.0, &CALM), claimed(100.0)),
            variant("optimized", sweep(104.5, &CALM), prediction),
        ];
        let judgement = judge(&case(variants));
        assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
        assert_eq!(judgement.evidence_sufficient.reason, Reason::Undetermined);
    }
}

fn accuracy_of(prediction: Prediction) -> (AccuracyResult, Option<String>, u32) {
    let variants = vec![
        variant("baseline", sweep(100.0, &CALM), None),
        variant("optimized", sweep(100.0, &CALM), Some(prediction)),
    ];
    let judgement = judge(&case(variants));
    let accuracy = judgement.verdict.accuracy.unwrap();
    let status = match accuracy.result {
        AccuracyResult::Accurate => ConditionStatus::True,
        AccuracyResult::Inaccurate => ConditionStatus::False,
        AccuracyResult::NotJudged => ConditionStatus::Unknown,
    };
    assert_eq!(judgement.prediction_accurate.status, status);
    (accuracy.result, judgement.verdict.prediction_error, accuracy.levels)
}

#[rstest]
#[case::exact(100.0, AccuracyResult::Accurate, "+0.0%")]
#[case::up_to_the_tolerance(125.0, AccuracyResult::Accurate, "-20.0%")]
#[case::beyond(126.0, AccuracyResult::Inaccurate, "-20.6%")]
fn predictions_are_accurate_within_the_tolerance(
    #[case] predicted: f64,
    #[case] result: AccuracyResult,
    #[case] error: &str,
) {
    assert_eq!(accuracy_of(claimed(predicted).unwrap()), (result, Some(error.into()), 3));
}

/// The curve is for what is deployed, whatever the advertised row is for.
#[test]
fn a_row_for_another_shape_is_not_judged_and_the_curve_is() {
    let mut prediction = claimed(100.0).unwrap();
    prediction.findings.push(Finding::new(EvidenceCode::NotTheDeployedShape, "the advertised point is for TP8"));
    assert_eq!(accuracy_of(prediction.clone()), (AccuracyResult::Accurate, Some("+0.0%".into()), 3));
    prediction.curve = None;
    assert_eq!(accuracy_of(prediction.clone()), (AccuracyResult::NotJudged, None, 0));
    prediction.findings.clear();
    assert_eq!(accuracy_of(prediction), (AccuracyResult::Accurate, Some("+0.0%".into()), 1));
}

#[rstest]
#[case(EvidenceCode::QuantizationMismatch)]
#[case(EvidenceCode::DatabaseVersionMismatch)]
fn a_prediction_for_something_else_is_not_judged(#[case] code: EvidenceCode) {
    let mut prediction = claimed(100.0).unwrap();
    prediction.findings.push(Finding::new(code, "another"));
    assert_eq!(accuracy_of(prediction), (AccuracyResult::NotJudged, None, 0));
}

#[test]
fn an_advertised_point_that_was_not_measured_is_not_judged() {
    let mut prediction = claimed(100.0).unwrap();
    prediction.claim.as_mut().unwrap().concurrency = 12;
    assert_eq!(accuracy_of(prediction), (AccuracyResult::NotJudged, None, 0));
}

#[rstest]
#[case(EvidenceCode::RowNotDeployable)]
#[case(EvidenceCode::PredictionInconsistent)]
fn a_doubtful_prediction_is_judged(#[case] code: EvidenceCode) {
    let mut prediction = claimed(100.0).unwrap();
    prediction.findings.push(Finding::new(code, "doubtful"));
    assert_eq!(accuracy_of(prediction), (AccuracyResult::Accurate, Some("+0.0%".into()), 3));
}

#[test]
fn beyond_capacity_a_prediction_is_shown_and_not_judged() {
    let mut records = sweep(100.0, &CALM);
    records.push(run(50, Purpose::Ladder, 1, 9.0, 1.0));
    let variants =
        vec![variant("baseline", records, predicted(curve(100.0))), variant("optimized", sweep(100.0, &CALM), None)];
    let judgement = judge(&case(variants));
    let row = judgement.variants[0].levels.last().unwrap();
    assert!(row.predicted.as_ref().unwrap().beyond_operating_point);
    assert_eq!(row.error_percent, None);
    assert_eq!(judgement.verdict.accuracy.unwrap().levels, 3);
}

#[test]
fn the_error_of_ttft_is_shown_and_not_judged() {
    let mut records = sweep(100.0, &CALM);
    for record in &mut records {
        let ttft = record.measurement.as_mut().unwrap().ttft.as_mut().unwrap();
        ttft.mean = ms(ttft.mean.get() / 10.0);
    }
    let variants =
        vec![variant("baseline", records, predicted(curve(100.0))), variant("optimized", sweep(100.0, &CALM), None)];
    let judgement = judge(&case(variants));
    let errors = judgement.variants[0].levels[0].error_percent.clone().unwrap();
    assert_eq!((errors.ttft.as_deref(), errors.tpot.as_deref()), (Some("-90.0"), Some("+0.0")));
    assert_eq!(judgement.verdict.accuracy.unwrap().result, AccuracyResult::Accurate);
}
