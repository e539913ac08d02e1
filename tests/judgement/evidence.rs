//! What counts as evidence, and what is said of it.

use bcmp::api::conditions::ConditionStatus;
use bcmp::api::{EvidenceCode, Finding, Outcome, Reason, SlaState, Statistic, VerdictResult};
use bcmp::judgement::rules::Rules;
use bcmp::judgement::{Case, judge};
use bcmp::measurement::record::{Purpose, TrialRecord};
use proptest::prelude::*;
use rstest::rstest;

use crate::support::*;

#[test]
fn a_rejected_deciding_level_makes_it_inconclusive() {
    let rejected = reject(sweep(150.0, &CALM), |step| step.purpose == Purpose::Decision && step.concurrency == 20);
    let judgement = judge(&case(vec![
        variant("baseline", sweep(100.0, &CALM), None),
        variant("optimized", rejected, claimed(150.0)),
    ]));
    assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
    assert_eq!(judgement.verdict.gain, None);
    assert_eq!(judgement.evidence_sufficient.status, ConditionStatus::False);
    assert_eq!(judgement.evidence_sufficient.reason, Reason::DecidingLevelLost);
    assert!(judgement.verdict.comparisons[0].reason.contains("20 in flight was rejected (ClientSaturated)"));
}

#[rstest]
#[case::two_of_five(2, VerdictResult::NotPredicted)]
#[case::three_of_five(3, VerdictResult::Inconclusive)]
fn a_level_decides_while_more_than_half_of_its_repetitions_count(#[case] lost: u32, #[case] result: VerdictResult) {
    let records = reject(sweep(150.0, &CALM), |step| step.purpose == Purpose::Decision && step.repetition <= lost);
    assert_eq!(measured(sweep(100.0, &CALM), records).verdict.result, result);
}

#[test]
fn a_spoilt_run_that_was_made_up_for_is_not_lost() {
    let mut records = sweep(150.0, &CALM);
    let spoilt: Vec<TrialRecord> = records.iter().filter(|r| r.step.purpose == Purpose::Decision).cloned().collect();
    for record in records.iter_mut().filter(|record| record.step.purpose == Purpose::Decision) {
        record.step.attempt = 2;
    }
    records.extend(reject(spoilt, |_| true));
    let judgement = measured(sweep(100.0, &CALM), records);
    assert_eq!(judgement.verdict.measured.outcome, Outcome::CandidateBetter);
    let row = judgement.variants[1].levels.iter().find(|level| level.concurrency == 10).unwrap();
    assert_eq!((row.runs, row.evidence.accepted, row.evidence.rejected), (6, 6, 5), "both attempts are shown");
    assert_eq!(row.evidence.reasons[0].message, "5 of 11 runs: the client was too slow");
}

/// Judged by a percentile. The deciding levels have 200 requests, and 400 whose median misses already.
fn judged_by(
    statistic: Statistic,
    baseline: Vec<TrialRecord>,
    candidate: Vec<TrialRecord>,
) -> bcmp::judgement::Judgement {
    let mut rules = rules();
    rules.limits.statistic = statistic;
    let variants = vec![variant("baseline", baseline, None), variant("optimized", candidate, None)];
    judge(&Case::new(rules, vec![], variants).unwrap())
}

#[rstest]
#[case(Statistic::Mean, Outcome::CandidateBetter)]
#[case(Statistic::P50, Outcome::CandidateBetter)]
#[case(Statistic::P90, Outcome::CandidateBetter)]
#[case(Statistic::P95, Outcome::CandidateBetter)]
#[case(Statistic::P99, Outcome::Undetermined)]
fn a_percentile_is_told_from_enough_requests_only(#[case] statistic: Statistic, #[case] outcome: Outcome) {
    let judgement = judged_by(statistic, sweep(100.0, &CALM), sweep(150.0, &CALM));
    assert_eq!(judgement.verdict.measured.outcome, outcome);
    if outcome == Outcome::Undetermined {
        assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
        assert_eq!(judgement.evidence_sufficient.reason, Reason::DecidingLevelLost);
        let reason = &judgement.verdict.comparisons[0].reason;
        assert!(reason.contains("10 in flight has 200 requests, P99 needs 1000"), "{reason}");
        let states: Vec<_> = judgement.variants[0].levels.iter().map(|level| level.sla).collect();
        assert_eq!(states, [SlaState::Marginal, SlaState::Marginal, SlaState::Missed].map(Some));
    }
}

#[test]
fn requests_that_failed_were_sent_all_the_same() {
    let mut records = sweep(100.0, &CALM);
    for record in records.iter_mut().filter(|record| record.step.concurrency == 10) {
        let measurement = record.measurement.as_mut().unwrap();
        (measurement.requests, measurement.errors) = (199, Some(1));
    }
    let judgement = judged_by(Statistic::P95, records, sweep(150.0, &CALM));
    assert_eq!(judgement.verdict.measured.outcome, Outcome::CandidateBetter);
}

#[test]
fn that_every_level_keeps_a_percentile_takes_its_requests_too() {
    let keeps = |levels: &[u32]| levels.iter().map(|c| run(*c, Purpose::Ladder, 1, 0.1, f64::from(*c))).collect();
    let of = |levels| judged_by(Statistic::P99, misses(1.5, &CALM), keeps(levels)).verdict.measured.outcome;
    assert_eq!(of(&[1, 10, 40]), Outcome::Undetermined, "800 requests at most");
    assert_eq!(of(&[1, 10, 50]), Outcome::OnlyCandidateMeetsSla, "1000 at the top");
}

#[rstest]
#[case::close_to_the_baseline_and_to_each_other(1004.0, 996.0, Some("two"))]
#[case::close_to_the_baseline_only(1009.0, 991.0, None)]
fn the_winner_did_the_same_work_as_all_others(#[case] one: f64, #[case] two: f64, #[case] winner: Option<&str>) {
    let with_prompts = |name: &str, tokens: f64, prompt: f64| {
        let mut records = sweep(tokens, &CALM);
        records.iter_mut().for_each(|record| record.measurement.as_mut().unwrap().facts.input_tokens = Some(prompt));
        variant(name, records, None)
    };
    let variants =
        vec![with_prompts("baseline", 100.0, 1000.0), with_prompts("one", 120.0, one), with_prompts("two", 150.0, two)];
    let judgement = judge(&case(variants));
    assert_eq!(judgement.verdict.winner.as_deref(), winner);
    let better = |outcome| outcome == Outcome::CandidateBetter;
    assert!(judgement.verdict.comparisons.iter().all(|compared| better(compared.measured.outcome)));
}

#[test]
fn findings_of_one_code_that_say_different_things_are_all_shown() {
    let mut prediction = claimed(100.0).unwrap();
    for message in [
        "the row needs more tokens in a step",
        "the engine will refuse the prompts",
        "the engine will refuse the prompts",
    ] {
        prediction.findings.push(Finding::new(EvidenceCode::RowNotDeployable, message));
    }
    let judgement = judge(&case(vec![
        variant("baseline", sweep(100.0, &CALM), None),
        variant("optimized", sweep(100.0, &CALM), Some(prediction)),
    ]));
    let of_row = judgement.variants[1].findings.iter().filter(|finding| finding.code == EvidenceCode::RowNotDeployable);
    let messages: Vec<&str> = of_row.map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["the row needs more tokens in a step", "the engine will refuse the prompts"]);
}

#[rstest]
#[case::nothing(0)]
#[case::within_the_ladder(1)]
#[case::before_the_deciding_levels(3)]
#[case::within_the_deciding_levels(7)]
fn what_failed_before_its_end_is_inconclusive(#[case] published: usize) {
    let mut failed = variant("optimized", sweep(150.0, &CALM), None);
    failed.records.truncate(published);
    failed.failure = Some("its pods were evicted".into());
    let judgement = judge(&case(vec![variant("baseline", sweep(100.0, &CALM), None), failed]));
    assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
    assert!(judgement.verdict.summary.contains("its pods were evicted"), "{}", judgement.verdict.summary);
    assert!(judgement.variants[0].at_sla.is_some(), "the other side is shown all the same");
}

#[test]
fn a_round_that_is_missing_makes_it_inconclusive() {
    let rules = Rules { decision_trials: 3, rounds: 2, ..rules() };
    let variants =
        vec![variant("baseline", rounds(100.0, &[1.0, 1.0]), None), variant("optimized", rounds(150.0, &[1.0]), None)];
    assert_eq!(judge(&Case::new(rules, vec![], variants).unwrap()).verdict.result, VerdictResult::Inconclusive);
}

#[test]
fn rejected_runs_are_in_no_figure() {
    let records = reject(sweep(100.0, &CALM), |step| step.concurrency == 1);
    let judgement = measured(records, sweep(100.0, &CALM));
    let row = &judgement.variants[0].levels[0];
    assert_eq!((row.concurrency, row.runs, &row.measured, row.sla), (1, 0, &None, None));
    assert!(judgement.verdict.comparisons[0].at_same_concurrency.iter().all(|same| same.concurrency != 1));
}

#[test]
fn variants_with_prompts_of_different_length_are_not_compared() {
    let mut longer = sweep(150.0, &CALM);
    for record in &mut longer {
        record.measurement.as_mut().unwrap().facts.input_tokens = Some(1015.0);
    }
    let judgement = measured(sweep(100.0, &CALM), longer);
    assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
    assert!(judgement.verdict.summary.contains("InputLengthMismatch"), "{}", judgement.verdict.summary);
    assert!(judgement.variants[0].levels.iter().all(|level| level.evidence.rejected == 0));
}

#[rstest]
#[case::calm(1.02, false)]
#[case::warmer(0.96, true)]
fn the_first_level_is_compared_with_itself_at_the_end(#[case] factor: f64, #[case] drifted: bool) {
    let mut records = sweep(100.0, &CALM);
    *records.last_mut().unwrap() = run(1, Purpose::Drift, 1, 0.25 / factor, 100.0 / 8.0 * factor);
    let judgement = measured(records, sweep(100.0, &CALM));
    assert_eq!(has(&judgement.variants[0].findings, EvidenceCode::Drift), drifted);
}

#[test]
fn a_level_that_was_slower_than_a_fuller_one_says_so() {
    let mut records = sweep(100.0, &CALM);
    records[0] = run(1, Purpose::Ladder, 1, 1.4, 2.0);
    let judgement = measured(records, sweep(100.0, &CALM));
    let said = |variant: usize| -> Vec<u32> {
        let levels = judgement.variants[variant].levels.iter();
        let slower = levels.filter(|level| has(&level.evidence.reasons, EvidenceCode::SlowerThanFuller));
        slower.map(|level| level.concurrency).collect()
    };
    assert_eq!((said(0), said(1)), (vec![1], vec![]));
}

#[test]
fn what_is_known_of_a_variant_is_said_once() {
    let mut records = sweep(100.0, &CALM);
    records.last_mut().unwrap().deployment = 2;
    let mut again = variant("baseline", records, claimed(100.0));
    again.findings = vec![
        Finding::new(EvidenceCode::SharedNodes, "another pod held GPUs of node-1"),
        Finding::new(EvidenceCode::Redeployed, "the node was drained"),
    ];
    let unlike = Finding::new(EvidenceCode::PredictionInconsistent, "throughput and latency disagree");
    again.prediction.as_mut().unwrap().findings.push(unlike);
    let judgement = judge(&case(vec![again, variant("optimized", sweep(100.0, &CALM), None)]));
    let codes: Vec<EvidenceCode> = judgement.variants[0].findings.iter().map(|finding| finding.code).collect();
    let expected = [
        EvidenceCode::SharedNodes,
        EvidenceCode::Redeployed,
        EvidenceCode::PredictionInconsistent,
        EvidenceCode::SingleDeployment,
    ];
    assert_eq!(codes, expected);
    let own: Vec<EvidenceCode> = judgement.variants[1].findings.iter().map(|finding| finding.code).collect();
    assert_eq!(own, [EvidenceCode::SingleDeployment]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_the_records_in_any_order_is_judged_alike(
        (base, over) in (50.0_f64..200.0, 50.0_f64..200.0),
        keep in prop::collection::vec(any::<bool>(), 28),
        rejected in prop::collection::vec(0_u8..10, 28),
        reversed: bool,
    ) {
        let part = |tokens: f64, offset: usize| {
            let records = sweep(tokens, &CALM).into_iter().enumerate().filter(|(i, _)| keep[i + offset]);
            records
                .map(|(i, record)| if rejected[i + offset] == 0 { reject(vec![record], |_| true).remove(0) } else { record })
                .collect::<Vec<_>>()
        };
        let (mut baseline, mut candidate) = (part(base, 0), part(over, 14));
        let first = measured(baseline.clone(), candidate.clone());
        if reversed {
            baseline.reverse();
            candidate.reverse();
        }
        prop_assert_eq!(&measured(baseline, candidate), &first);
        prop_assert!(first.verdict.result == VerdictResult::Inconclusive || first.verdict.measured.outcome != Outcome::Undetermined);
    }

    #[test]
    fn swapping_the_sides_mirrors_the_answer((base, over) in (50.0_f64..200.0, 50.0_f64..200.0)) {
        let there = measured(sweep(base, &CALM), sweep(over, &CALM)).verdict.measured.outcome;
        let back = measured(sweep(over, &CALM), sweep(base, &CALM)).verdict.measured.outcome;
        // Beyond the margin one way is up to 0.3 points less the other way.
        let far = !(4.7..5.3).contains(&(100.0 * (base / over - 1.0).abs())) && !(4.7..5.3).contains(&(100.0 * (over / base - 1.0).abs()));
        match there {
            Outcome::CandidateBetter if far => prop_assert_eq!(back, Outcome::BaselineBetter),
            Outcome::BaselineBetter if far => prop_assert_eq!(back, Outcome::CandidateBetter),
            _ => {}
        }
    }
}
