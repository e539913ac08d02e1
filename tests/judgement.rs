//! The judgement, rule by rule (METHOD §5 to §7).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::num::NonZeroU32;

use bcmp::api::conditions::ConditionStatus;
use bcmp::api::{AccuracyResult, EvidenceCode, Finding, Outcome, Role, SlaState, Statistic, VerdictResult};
use bcmp::judgement::rules::{AuditRules, Rules};
use bcmp::judgement::sla::SlaLimits;
use bcmp::judgement::{Case, CaseError, Judgement, VariantEvidence, judge, judge_rows};
use bcmp::measurement::audit::EvidenceLimits;
use bcmp::measurement::record::{LevelRecord, Purpose, SCHEMA_VERSION, Step};
use bcmp::measurement::{Distribution, Facts, Measurement};
use bcmp::prediction::{Claim, Curve, CurvePoint, Prediction};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

const GPUS: u32 = 8;
const OUTPUT_TOKENS: u32 = 100;
/// Scatter of five repetitions: ±1 %.
const CALM: [f64; 5] = [0.99, 0.995, 1.0, 1.005, 1.01];

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

/// Limits of 100 ms, so that r × 100 is TPOT.
fn rules() -> Rules {
    Rules {
        limits: SlaLimits { ttft: ms(100.0), tpot: ms(100.0), statistic: Statistic::Mean },
        audit: AuditRules {
            model: "model".into(),
            input_tokens: 1000,
            output_tokens: OUTPUT_TOKENS,
            limits: EvidenceLimits { maximum_error_percent: 1.0, minimum_requests: 10, length_tolerance_percent: 2.0 },
        },
        margin_percent: 5.0,
        tolerance_percent: 20.0,
        decision_repetitions: 5,
        rounds: 1,
        gpu_hourly_cost: None,
    }
}

/// A run with a given r and tokens/s/GPU that nothing speaks against.
fn run(concurrency: u32, purpose: Purpose, repetition: u32, ratio: f64, tokens: f64) -> LevelRecord {
    let same = |value: f64| {
        Some(Distribution { mean: ms(value), p50: ms(value), p90: ms(value), p95: ms(value), p99: ms(value) })
    };
    let total = tokens * f64::from(GPUS);
    LevelRecord {
        schema_version: SCHEMA_VERSION,
        step: Step {
            round: 1,
            concurrency,
            purpose,
            repetition,
            attempt: 1,
            requests: 20 * concurrency,
            warmup: 2 * concurrency,
            seed: 1,
            request_timeout_seconds: 600,
        },
        deployment: 1,
        pod_uid: "pod".into(),
        start_time: Timestamp::UNIX_EPOCH,
        completion_time: Timestamp::UNIX_EPOCH,
        measurement: Some(Measurement {
            tool: "aiperf 0.13.0".into(),
            concurrency,
            requests: 20 * concurrency,
            errors: 0,
            first_error: None,
            ttft: same(50.0 * ratio),
            tpot: same(100.0 * ratio),
            request_latency: same(10_000.0 * ratio),
            output_tokens_per_second: TokensPerSecond::new(total).ok(),
            requests_per_second: RequestsPerSecond::new(total / f64::from(OUTPUT_TOKENS)).ok(),
            good_requests_percent: None,
            facts: Facts {
                model: Some("model".into()),
                complete: Some(true),
                cancelled: Some(false),
                streaming: Some(true),
                input_tokens: Some(1000.0),
                output_tokens: Some(f64::from(OUTPUT_TOKENS)),
                effective_concurrency: Some(f64::from(concurrency)),
                client_wait_percent: Some(0.1),
                cached_prompt_percent: Some(0.0),
                cached_prompt_tokens: Some(0.0),
                warmup_requests: Some(2 * concurrency),
                windowed: true,
                window_drift_percent: Some(0.0),
                not_finite: vec![],
            },
        }),
        findings: vec![],
    }
}

/// A sweep whose throughput at the SLA is `tokens`, halfway (on a logarithmic scale) between 10 and 20 in flight,
/// with one repetition of the deciding levels for each factor.
fn sweep(tokens: f64, scatter: &[f64]) -> Vec<LevelRecord> {
    let mut records = vec![
        run(1, Purpose::Ladder, 1, 0.25, tokens / 8.0),
        run(10, Purpose::Ladder, 1, 0.5, tokens / 2.0),
        run(20, Purpose::Ladder, 1, 2.0, tokens * 2.0),
    ];
    for (repetition, factor) in (1..).zip(scatter) {
        records.push(run(10, Purpose::Decision, repetition, 0.5, tokens / 2.0 * factor));
        records.push(run(20, Purpose::Decision, repetition, 2.0, tokens * 2.0 * factor));
    }
    records.push(run(1, Purpose::Drift, 1, 0.25, tokens / 8.0));
    records
}

/// A ladder of single runs with these r, and decision runs of the lowest level.
fn misses(ratio: f64, scatter: &[f64]) -> Vec<LevelRecord> {
    let mut records = vec![run(1, Purpose::Ladder, 1, ratio, 10.0), run(10, Purpose::Ladder, 1, 2.0 * ratio, 20.0)];
    for (repetition, factor) in (1..).zip(scatter) {
        records.push(run(1, Purpose::Decision, repetition, ratio * factor, 10.0));
    }
    records
}

/// A curve with the same form as [`sweep`], for a throughput at the SLA of `tokens`.
fn curve(tokens: f64) -> Curve {
    let point = |in_flight, ratio: f64, tokens: f64| CurvePoint {
        in_flight,
        ttft: ms(50.0 * ratio),
        tpot: ms(100.0 * ratio),
        request_rate: RequestsPerSecond::new(tokens * f64::from(GPUS) / f64::from(OUTPUT_TOKENS)).unwrap(),
    };
    let points = vec![point(1, 0.25, tokens / 8.0), point(10, 0.5, tokens / 2.0), point(20, 2.0, tokens * 2.0)];
    Curve::new(points, 1, GPUS, OUTPUT_TOKENS).unwrap()
}

/// A curve that misses the SLA everywhere.
fn hopeless() -> Curve {
    let point = CurvePoint {
        in_flight: 1,
        ttft: ms(50.0),
        tpot: ms(300.0),
        request_rate: RequestsPerSecond::new(1.0).unwrap(),
    };
    Curve::new(vec![point], 1, GPUS, OUTPUT_TOKENS).unwrap()
}

fn predicted(curve: Curve) -> Option<Prediction> {
    Some(Prediction { curve: Some(curve), ..Prediction::default() })
}

/// A prediction with the advertised point at 10 in flight.
fn claimed(tokens: f64) -> Option<Prediction> {
    let curve = curve(tokens);
    let claim = Claim { concurrency: 10, point: curve.at(10).point, advertised_tokens_per_second_per_gpu: None };
    Some(Prediction { curve: Some(curve), claim: Some(claim), ..Prediction::default() })
}

fn variant(name: &str, records: Vec<LevelRecord>, prediction: Option<Prediction>) -> VariantEvidence {
    VariantEvidence {
        name: name.into(),
        role: if name == "baseline" { Role::Baseline } else { Role::Candidate },
        gpus: NonZeroU32::new(GPUS).unwrap(),
        prediction,
        records,
        findings: vec![],
        failure: None,
    }
}

fn case(variants: Vec<VariantEvidence>) -> Case {
    Case::new(rules(), vec![1, 10, 20], variants).unwrap()
}

/// Baseline and candidate without predictions.
fn measured(baseline: Vec<LevelRecord>, candidate: Vec<LevelRecord>) -> Judgement {
    judge(&case(vec![variant("baseline", baseline, None), variant("optimized", candidate, None)]))
}

/// Rejects the runs that are chosen.
fn reject(mut records: Vec<LevelRecord>, chosen: impl Fn(&Step) -> bool) -> Vec<LevelRecord> {
    for record in records.iter_mut().filter(|record| chosen(&record.step)) {
        record.findings.push(Finding::new(EvidenceCode::ClientSaturated, "the client was too slow"));
    }
    records
}

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

fn has(findings: &[Finding], code: EvidenceCode) -> bool {
    findings.iter().any(|finding| finding.code == code)
}

#[rstest]
#[case::neither(misses(1.5, &CALM), misses(1.2, &CALM), Outcome::NeitherMeetsSla)]
#[case::only_the_candidate(misses(1.5, &CALM), sweep(100.0, &CALM), Outcome::OnlyCandidateMeetsSla)]
#[case::only_the_baseline(sweep(100.0, &CALM), misses(1.5, &CALM), Outcome::OnlyBaselineMeetsSla)]
#[case::a_marginal_miss_is_no_miss(misses(1.003, &CALM), sweep(100.0, &CALM), Outcome::Undetermined)]
#[case::one_run_is_marginal_within_three_percent(misses(1.02, &[]), sweep(100.0, &CALM), Outcome::Undetermined)]
#[case::and_not_beyond(misses(1.04, &[]), sweep(100.0, &CALM), Outcome::OnlyCandidateMeetsSla)]
fn a_side_without_a_level_that_keeps_the_sla(
    #[case] baseline: Vec<LevelRecord>,
    #[case] candidate: Vec<LevelRecord>,
    #[case] outcome: Outcome,
) {
    assert_eq!(measured(baseline, candidate).verdict.measured.outcome, outcome);
}

#[test]
fn a_level_that_keeps_the_sla_only_marginally_does_not_beat_one_that_misses() {
    let marginal = vec![
        run(1, Purpose::Ladder, 1, 0.99, 10.0),
        run(2, Purpose::Ladder, 1, 1.5, 20.0),
        run(1, Purpose::Decision, 1, 0.98, 10.0),
        run(1, Purpose::Decision, 2, 1.01, 10.0),
        run(1, Purpose::Decision, 3, 0.99, 10.0),
        run(2, Purpose::Decision, 1, 1.5, 20.0),
        run(2, Purpose::Decision, 2, 1.5, 20.0),
        run(2, Purpose::Decision, 3, 1.5, 20.0),
    ];
    let judgement = measured(misses(1.5, &CALM), marginal);
    assert_eq!(judgement.verdict.measured.outcome, Outcome::Undetermined);
    assert_eq!(judgement.sla_met.status, ConditionStatus::Unknown);
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
fn a_rejected_deciding_level_makes_it_inconclusive() {
    let rejected = reject(sweep(150.0, &CALM), |step| step.purpose == Purpose::Decision && step.concurrency == 20);
    let judgement = judge(&case(vec![
        variant("baseline", sweep(100.0, &CALM), None),
        variant("optimized", rejected, claimed(150.0)),
    ]));
    assert_eq!(judgement.verdict.result, VerdictResult::Inconclusive);
    assert_eq!(judgement.verdict.gain, None);
    assert_eq!(judgement.evidence_sufficient.status, ConditionStatus::False);
    assert_eq!(judgement.evidence_sufficient.reason, "DecidingLevelLost");
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
    let spoilt: Vec<LevelRecord> = records.iter().filter(|r| r.step.purpose == Purpose::Decision).cloned().collect();
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
    #[case] baseline_runs: Vec<LevelRecord>,
    #[case] candidate_runs: Vec<LevelRecord>,
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
        assert_eq!(judgement.evidence_sufficient.reason, "Undetermined");
    }
}

/// Five rounds of one repetition each, as if every deployment had its own speed.
fn rounds(tokens: f64, speeds: &[f64]) -> Vec<LevelRecord> {
    let mut records = sweep(tokens, &[]);
    for (round, speed) in (1..).zip(speeds) {
        for (repetition, factor) in (1..).zip([0.999, 1.0, 1.001]) {
            for (level, ratio, share) in [(10, 0.5, 0.5), (20, 2.0, 2.0)] {
                let mut record = run(level, Purpose::Decision, repetition, ratio, tokens * share * speed * factor);
                (record.step.round, record.deployment) = (round, round);
                records.push(record);
            }
        }
    }
    records
}

#[test]
fn a_round_counts_once() {
    let with_rounds = |speeds: &[f64]| {
        let rules = Rules { decision_repetitions: 3, rounds: u32::try_from(speeds.len()).unwrap(), ..rules() };
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

#[test]
fn a_round_that_is_missing_makes_it_inconclusive() {
    let rules = Rules { decision_repetitions: 3, rounds: 2, ..rules() };
    let variants =
        vec![variant("baseline", rounds(100.0, &[1.0, 1.0]), None), variant("optimized", rounds(150.0, &[1.0]), None)];
    assert_eq!(judge(&Case::new(rules, vec![], variants).unwrap()).verdict.result, VerdictResult::Inconclusive);
}

fn three(tokens: [f64; 3]) -> Judgement {
    let names = ["baseline", "one", "two"];
    let variants = names.into_iter().zip(tokens).map(|(name, tokens)| variant(name, sweep(tokens, &CALM), None));
    judge(&case(variants.collect()))
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

fn accuracy_of(prediction: Prediction) -> (AccuracyResult, Option<String>, i32) {
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

#[rstest]
#[case(EvidenceCode::NotTheDeployedShape)]
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

#[rstest]
#[case::kept(sweep(100.0, &CALM), ConditionStatus::True, "SlaMet", "2/2 meet")]
#[case::missed(misses(1.5, &CALM), ConditionStatus::False, "SlaMissed", "1/2 meet")]
#[case::marginal(misses(1.003, &CALM), ConditionStatus::Unknown, "NotKnown", "1/2 meet")]
#[case::nothing(vec![], ConditionStatus::Unknown, "NotKnown", "1/2 meet")]
fn whether_a_candidate_keeps_the_sla(
    #[case] candidate: Vec<LevelRecord>,
    #[case] status: ConditionStatus,
    #[case] reason: &str,
    #[case] column: &str,
) {
    let judgement = measured(sweep(100.0, &CALM), candidate);
    assert_eq!((judgement.sla_met.status, judgement.sla_met.reason.as_str()), (status, reason));
    assert_eq!(judgement.verdict.sla.as_deref(), Some(column));
}

#[rstest]
#[case::exactly_on_the_limit(1.0, SlaState::Marginal)]
#[case::three_percent_below(0.97, SlaState::Met)]
#[case::a_little_less_below(0.972, SlaState::Marginal)]
#[case::a_little_above(1.03, SlaState::Marginal)]
#[case::further_above(1.032, SlaState::Missed)]
fn one_run_is_sure_to_three_percent(#[case] ratio: f64, #[case] state: SlaState) {
    let mut records = sweep(100.0, &CALM);
    records.push(run(5, Purpose::Ladder, 1, ratio, 50.0));
    let judgement = measured(records, sweep(100.0, &CALM));
    let row = judgement.variants[0].levels.iter().find(|level| level.concurrency == 5).unwrap();
    assert_eq!(row.sla, Some(state));
}

#[test]
fn the_statistic_of_the_sla_is_what_counts() {
    let mut records = misses(0.5, &CALM);
    records.truncate(1);
    for record in &mut records {
        record.measurement.as_mut().unwrap().tpot.as_mut().unwrap().p99 = ms(150.0);
    }
    let with = |statistic| {
        let limits = SlaLimits { statistic, ..rules().limits };
        let variants = vec![variant("baseline", records.clone(), None), variant("optimized", vec![], None)];
        judge(&Case::new(Rules { limits, ..rules() }, vec![], variants).unwrap()).variants[0].levels[0].sla
    };
    assert_eq!(with(Statistic::Mean), Some(SlaState::Met));
    assert_eq!(with(Statistic::P95), Some(SlaState::Met));
    assert_eq!(with(Statistic::P99), Some(SlaState::Missed));
}

#[test]
fn rows_of_a_run_under_way_conclude_nothing() {
    let mut first = variant("baseline", sweep(100.0, &CALM), claimed(100.0));
    first.records.truncate(2);
    let rows = judge_rows(&case(vec![first, variant("optimized", vec![], claimed(150.0))]));
    assert!(rows.iter().all(|variant| variant.at_sla.is_none() && variant.findings.is_empty()));
    let runs: Vec<i32> = rows[0].levels.iter().map(|level| level.runs).collect();
    assert_eq!(runs, [1, 1, 0]);
    let levels: Vec<(i32, bool)> = rows[1].levels.iter().map(|l| (l.concurrency, l.predicted.is_some())).collect();
    assert_eq!(levels, [(1, true), (10, true), (20, true)], "predictions stand there from the start");
}

#[test]
fn a_variant_as_the_status_shows_it() {
    let mut records = reject(sweep(150.0, &CALM), |step| step.purpose == Purpose::Ladder && step.concurrency == 20);
    for record in &mut records {
        record.measurement.as_mut().unwrap().facts.windowed = false;
    }
    let variants = vec![variant("baseline", sweep(100.0, &CALM), None), variant("optimized", records, claimed(140.0))];
    let judgement = judge(&case(variants));
    let shown = &judgement.variants[1];
    insta::assert_yaml_snapshot!(serde_json::json!({
        "levels": shown.levels,
        "claimedPoint": shown.claimed_point,
        "findings": shown.findings,
        "atSla": shown.at_sla,
        "slaReason": shown.sla_reason,
        "verdict": judgement.verdict,
    }));
}

#[test]
fn summaries() {
    let calm = |tokens| sweep(tokens, &CALM);
    let cases: Vec<(&str, Vec<VariantEvidence>)> = vec![
        (
            "confirmed",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(150.0), claimed(150.0))],
        ),
        (
            "direction only",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(150.0), claimed(250.0))],
        ),
        (
            "refuted",
            vec![variant("baseline", calm(150.0), claimed(100.0)), variant("optimized", calm(100.0), claimed(150.0))],
        ),
        (
            "refuted, only one meets",
            vec![
                variant("baseline", calm(100.0), predicted(hopeless())),
                variant("optimized", misses(1.5, &CALM), claimed(150.0)),
            ],
        ),
        ("no difference", vec![variant("baseline", calm(100.0), None), variant("optimized", calm(101.0), None)]),
        (
            "single run",
            vec![variant("baseline", sweep(100.0, &[]), None), variant("optimized", sweep(150.0, &[]), None)],
        ),
        (
            "neither, single run",
            vec![variant("baseline", misses(1.5, &[]), None), variant("optimized", misses(1.5, &CALM), None)],
        ),
        (
            "only the candidate",
            vec![
                variant("baseline", misses(1.5, &CALM), predicted(hopeless())),
                variant("optimized", calm(150.0), claimed(150.0)),
            ],
        ),
        (
            "neither",
            vec![variant("baseline", misses(1.5, &CALM), None), variant("optimized", misses(1.2, &CALM), None)],
        ),
        (
            "undetermined",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(104.5), claimed(150.0))],
        ),
        (
            "lost",
            vec![
                variant("baseline", calm(100.0), None),
                variant("optimized", reject(calm(100.0), |s| s.concurrency == 20), None),
            ],
        ),
        ("nothing", vec![variant("baseline", vec![], None), variant("optimized", vec![], None)]),
        (
            "ceiling",
            vec![
                variant("baseline", calm(100.0), None),
                variant("optimized", vec![run(1, Purpose::Ladder, 1, 0.1, 9.0)], None),
            ],
        ),
        ("marginal", vec![variant("baseline", calm(100.0), None), variant("optimized", misses(1.003, &CALM), None)]),
        (
            "several",
            vec![
                variant("baseline", calm(100.0), None),
                variant("one", calm(110.0), None),
                variant("two", calm(150.0), None),
            ],
        ),
        (
            "several, no winner",
            vec![
                variant("baseline", calm(100.0), None),
                variant("one", calm(150.0), None),
                variant("two", calm(150.0), None),
            ],
        ),
    ];
    let mut text = String::new();
    for (name, variants) in cases {
        let verdict = judge(&case(variants)).verdict;
        assert!(verdict.summary.chars().count() <= 512);
        writeln!(text, "{name}\n  {:?}: {}", verdict.result, verdict.summary).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_comparison_needs_one_baseline_and_a_candidate() {
    let of = |names: &[&str]| {
        let variants = names.iter().map(|name| variant(name, vec![], None)).collect();
        Case::new(rules(), vec![], variants).map(|_| ())
    };
    assert_eq!(of(&[]), Err(CaseError::Baselines(0)));
    assert_eq!(of(&["optimized"]), Err(CaseError::Baselines(0)));
    assert_eq!(of(&["baseline"]), Err(CaseError::NoCandidate));
    assert_eq!(of(&["baseline", "baseline"]), Err(CaseError::Baselines(2)));
    assert_eq!(of(&["optimized", "baseline"]), Ok(()));
}

#[test]
fn rules_are_read_from_the_spec_once() {
    let spec = |change: &str| {
        let text = format!(
            "
model: {{name: Qwen/Qwen3-32B}}
hardware: {{system: h200_sxm, gpusPerVariant: 8, gpuHourlyCost: \"2.5\"}}
workload: {{inputTokens: 4000, outputTokens: 500}}
sla: {{ttftMilliseconds: 500, tpotMilliseconds: \"6.5\", statistic: P90}}
runtime: {{image: runtime}}
{change}
"
        );
        Rules::from_spec(&serde_saphyr::from_str(&text).unwrap())
    };
    let rules = spec("judgement: {equivalenceMarginPercent: \"3\"}").unwrap();
    assert_eq!((rules.margin_percent, rules.tolerance_percent, rules.gpu_hourly_cost), (3.0, 20.0, Some(2.5)));
    assert_eq!((rules.decision_repetitions, rules.rounds), (5, 1));
    assert_eq!(rules.limits.statistic, Statistic::P90);
    assert_eq!(
        spec("judgement: {accuracyTolerancePercent: \"-3\"}").unwrap_err().to_string(),
        "judgement.accuracyTolerancePercent is \"-3\", which is not a decimal number from 0 up, such as \"5\": \
         correct it in the comparison"
    );
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
