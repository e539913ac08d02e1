//! Which side is better, as measured (METHOD §5, §6).

use bcmp::api::conditions::ConditionStatus;
use bcmp::api::{EvidenceCode, Outcome};
use bcmp::judgement::rules::Rules;
use bcmp::judgement::{Case, judge};
use bcmp::measurement::record::{Purpose, TrialRecord};
use rstest::rstest;

use crate::support::*;

#[rstest]
#[case::better(100.0, 123.4, Outcome::CandidateBetter, "+23.4")]
#[case::worse(100.0, 80.0, Outcome::BaselineBetter, "-20.0")]
#[case::the_same(100.0, 100.0, Outcome::NoDifference, "+0.0")]
#[case::within_the_margin_beyond_doubt(100.0, 102.0, Outcome::NoDifference, "+2.0")]
#[case::around_the_margin(100.0, 104.5, Outcome::Undetermined, "+4.5")]
fn throughput_at_the_sla_is_compared(
    #[case] baseline: f64,
    #[case] candidate: f64,
    #[case] outcome: Outcome,
    #[case] gain: &str,
) {
    let verdict = measured(sweep(baseline, &CALM), sweep(candidate, &CALM)).verdict;
    assert_eq!((verdict.measured.outcome, verdict.measured.gain_percent.as_deref()), (outcome, Some(gain)));
}

#[test]
fn the_run_that_chose_a_level_does_not_decide() {
    let mut lucky = sweep(100.0, &CALM);
    for record in lucky.iter_mut().filter(|record| record.step.purpose == Purpose::Ladder) {
        *record = run(record.step.concurrency, Purpose::Ladder, 1, f64::from(record.step.concurrency) / 15.0, 999.0);
    }
    let verdict = measured(sweep(100.0, &CALM), lucky).verdict;
    assert_eq!(verdict.measured.outcome, Outcome::NoDifference);
    assert_eq!(verdict.measured.gain_percent.as_deref(), Some("+0.0"));
}

#[rstest]
#[case::small_gains_need_more(110.0, Outcome::Undetermined, None)]
#[case::fifteen_percent_too(115.0, Outcome::Undetermined, None)]
#[case::large_ones_do_not(116.0, Outcome::CandidateBetter, Some("+16.0%"))]
#[case::no_gain_is_no_proof_of_equality(100.0, Outcome::Undetermined, None)]
fn a_single_repetition(#[case] candidate: f64, #[case] outcome: Outcome, #[case] column: Option<&str>) {
    // Results people already have: one run a level.
    let only_ladder = |tokens| sweep(tokens, &[]);
    let judgement = measured(only_ladder(100.0), only_ladder(candidate));
    assert_eq!(judgement.verdict.measured.outcome, outcome);
    assert_eq!(judgement.verdict.gain.as_deref(), column);
    assert!(judgement.variants.iter().all(|v| has(&v.findings, EvidenceCode::SingleRun)));
}

#[test]
fn repetitions_of_the_ladder_decide_where_nothing_was_repeated_anew() {
    let repeated = |tokens: f64| {
        let levels = [(10, 0.5, 0.5), (20, 2.0, 2.0)];
        let runs = |(concurrency, ratio, share): (u32, f64, f64)| {
            (1..).zip(CALM).map(move |(k, s)| run(concurrency, Purpose::Ladder, k, ratio, tokens * share * s))
        };
        levels.into_iter().flat_map(runs).collect::<Vec<_>>()
    };
    assert_eq!(measured(repeated(100.0), repeated(110.0)).verdict.measured.outcome, Outcome::CandidateBetter);
}

#[rstest]
#[case::neither(misses(1.5, &CALM), misses(1.2, &CALM), Outcome::NeitherMeetsSla)]
#[case::only_the_candidate(misses(1.5, &CALM), sweep(100.0, &CALM), Outcome::OnlyCandidateMeetsSla)]
#[case::only_the_baseline(sweep(100.0, &CALM), misses(1.5, &CALM), Outcome::OnlyBaselineMeetsSla)]
#[case::a_marginal_miss_is_no_miss(misses(1.003, &CALM), sweep(100.0, &CALM), Outcome::Undetermined)]
#[case::one_run_is_marginal_within_three_percent(misses(1.02, &[]), sweep(100.0, &CALM), Outcome::Undetermined)]
#[case::and_not_beyond(misses(1.04, &[]), sweep(100.0, &CALM), Outcome::OnlyCandidateMeetsSla)]
fn a_side_without_a_level_that_keeps_the_sla(
    #[case] baseline: Vec<TrialRecord>,
    #[case] candidate: Vec<TrialRecord>,
    #[case] outcome: Outcome,
) {
    assert_eq!(measured(baseline, candidate).verdict.measured.outcome, outcome);
}

/// A variant whose lowest level seemed to keep the SLA; repeated, it has these r.
fn narrowly(ratios: [f64; 5]) -> Vec<TrialRecord> {
    let mut records = vec![run(1, Purpose::Ladder, 1, 0.99, 10.0), run(2, Purpose::Ladder, 1, 1.5, 20.0)];
    for (repetition, ratio) in (1..).zip(ratios) {
        records.push(run(1, Purpose::Decision, repetition, ratio, 10.0));
        records.push(run(2, Purpose::Decision, repetition, 1.5, 20.0));
    }
    records
}

#[rstest]
#[case::it_does_not_keep_it_beyond_doubt([0.98, 1.01, 0.99, 1.0, 1.0], Outcome::Undetermined, Outcome::Undetermined)]
#[case::it_does([0.97, 0.96, 0.97, 0.98, 0.97], Outcome::OnlyCandidateMeetsSla, Outcome::OnlyBaselineMeetsSla)]
#[case::it_does_not([1.1, 1.11, 1.09, 1.1, 1.1], Outcome::NeitherMeetsSla, Outcome::NeitherMeetsSla)]
fn a_level_has_to_keep_the_sla_when_repeated(
    #[case] ratios: [f64; 5],
    #[case] as_candidate: Outcome,
    #[case] as_baseline: Outcome,
) {
    let missing = || misses(1.5, &CALM);
    assert_eq!(measured(missing(), narrowly(ratios)).verdict.measured.outcome, as_candidate);
    assert_eq!(measured(narrowly(ratios), missing()).verdict.measured.outcome, as_baseline);
    let known = measured(missing(), narrowly(ratios)).sla_met.status != ConditionStatus::Unknown;
    assert_eq!(known, as_candidate != Outcome::Undetermined);
}

/// Both sides have a throughput where r = 1, but on one of them only a marginal level is said to keep the SLA.
#[test]
fn what_rests_on_a_marginal_level_alone_is_undetermined() {
    let (marginal, clear) = (narrowly([0.98, 1.01, 0.99, 1.0, 1.0]), sweep(100.0, &CALM));
    for (baseline, candidate, doubtful) in [(&marginal, &clear, "baseline"), (&clear, &marginal, "optimized")] {
        let compared = measured(baseline.clone(), candidate.clone()).verdict.comparisons.remove(0);
        assert_eq!(compared.measured.outcome, Outcome::Undetermined);
        assert_eq!(compared.reason, format!("{doubtful}: no level keeps the SLA beyond the scatter"));
    }
}

/// A bracket is narrowed until it ends near the limit: that its lower end is marginal is no doubt of the throughput between.
#[test]
fn a_marginal_end_of_the_bracket_does_where_a_level_below_keeps_the_sla() {
    let mut marginal = narrowly([0.98, 1.01, 0.99, 1.0, 1.0]);
    marginal.iter_mut().for_each(|record| {
        record.step.concurrency *= 10;
        record.measurement.as_mut().unwrap().concurrency *= 10;
        record.measurement.as_mut().unwrap().requests *= 10;
        record.measurement.as_mut().unwrap().facts.effective_concurrency = Some(f64::from(record.step.concurrency));
    });
    marginal.push(run(1, Purpose::Ladder, 1, 0.5, 2.0));
    assert_eq!(measured(marginal, sweep(100.0, &CALM)).verdict.measured.outcome, Outcome::CandidateBetter);
}

#[test]
fn a_ceiling_of_the_number_of_levels_is_said_to_be_one() {
    let fast = (1..=24).map(|c| run(c, Purpose::Ladder, 1, 0.1, f64::from(c))).collect();
    let reason = measured(sweep(100.0, &CALM), fast).variants.remove(1).sla_reason.unwrap();
    assert!(reason.contains("24 levels are tried at most"), "{reason}");
}

#[test]
fn without_a_miss_there_is_a_ceiling_and_no_gain() {
    let fast = [1, 10, 20, 40, 80].map(|c| run(c, Purpose::Ladder, 1, 0.1, f64::from(c))).to_vec();
    let judgement = measured(sweep(100.0, &CALM), fast.clone());
    assert_eq!(judgement.verdict.measured.outcome, Outcome::Undetermined);
    assert!(
        judgement.variants[1]
            .sla_reason
            .as_ref()
            .unwrap()
            .starts_with("CeilingReached: every level keeps the SLA up to 80")
    );
    let judgement = measured(misses(1.5, &CALM), fast);
    assert_eq!(judgement.verdict.measured.outcome, Outcome::OnlyCandidateMeetsSla, "it keeps the SLA all the same");
}

#[test]
fn levels_too_much_alike_tell_no_throughput() {
    let mut alike = vec![run(1, Purpose::Ladder, 1, 0.99, 10.0), run(2, Purpose::Ladder, 1, 1.01, 20.0)];
    for k in 1..=5 {
        alike.push(run(1, Purpose::Decision, k, 1.0, 10.0));
        alike.push(run(2, Purpose::Decision, k, 1.0, 20.0));
    }
    let judgement = measured(sweep(100.0, &CALM), alike);
    assert_eq!(judgement.verdict.measured.outcome, Outcome::Undetermined);
    assert_eq!(judgement.variants[1].at_sla, None);
    assert!(judgement.variants[1].sla_reason.as_ref().unwrap().starts_with("Marginal: the runs with 1 and 2"));
}

#[test]
fn a_round_counts_once() {
    let with_rounds = |speeds: &[f64]| {
        let rules = Rules { decision_trials: 3, rounds: u32::try_from(speeds.len()).unwrap(), ..rules() };
        let variants =
            vec![variant("baseline", rounds(100.0, speeds), None), variant("optimized", rounds(110.0, speeds), None)];
        judge(&Case::new(rules, vec![], variants).unwrap())
    };
    // Six repetitions within ±0.1 %, but two deployments 10 % apart: that tells nothing of 10 %.
    let scattered = with_rounds(&[0.95, 1.05]);
    assert_eq!(scattered.verdict.measured.outcome, Outcome::Undetermined);
    let alike = with_rounds(&[0.999, 1.001]);
    assert_eq!(alike.verdict.measured.outcome, Outcome::CandidateBetter);
    assert!(!has(&alike.variants[0].findings, EvidenceCode::SingleDeployment));
    assert!(!alike.verdict.summary.contains("within one deployment"), "{}", alike.verdict.summary);
}

#[rstest]
#[case::beyond_doubt([100.0, 110.0, 130.0], Some("two"))]
#[case::the_baseline([130.0, 100.0, 110.0], Some("baseline"))]
#[case::two_alike([100.0, 130.0, 130.5], None)]
fn a_winner_beats_every_other(#[case] tokens: [f64; 3], #[case] winner: Option<&str>) {
    let verdict = three(tokens).verdict;
    assert_eq!(verdict.winner.as_deref(), winner);
    assert_eq!(verdict.comparisons.len(), 2);
    assert_eq!(verdict.comparisons[0].measured, verdict.measured, "the first candidate's stands at the top");
}

#[test]
fn several_candidates_share_the_risk() {
    let width = |verdict: &bcmp::api::Verdict| {
        let interval = verdict.measured.interval.clone().unwrap();
        let (low, high) = interval.split_once('…').unwrap();
        high.parse::<f64>().unwrap() - low.parse::<f64>().unwrap()
    };
    let alone = measured(sweep(100.0, &CALM), sweep(110.0, &CALM)).verdict;
    let among = three([100.0, 110.0, 130.0]).verdict;
    assert!(width(&among) > 1.15 * width(&alone), "97.5 % is wider than 95 %");
    assert!(among.summary.contains("97.5 % interval"), "{}", among.summary);
}

#[test]
fn the_same_concurrency_is_compared_where_both_were_measured() {
    // The only gain that is left when one side has no level that keeps the SLA.
    let judgement = measured(misses(1.5, &CALM), sweep(100.0, &CALM));
    let comparison = &judgement.verdict.comparisons[0];
    let gains: Vec<_> =
        comparison.at_same_concurrency.iter().map(|a| (a.concurrency, a.gain_percent.as_str())).collect();
    assert_eq!(gains, [(1, "+25.0"), (10, "+150.0")]);
}
