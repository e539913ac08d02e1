//! The sweep, rule by rule (METHOD §3 and §5), and what holds for every sweep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use bcmp::api::{EvidenceCode, Finding, Reason, Statistic};
use bcmp::judgement::rules::AuditRules;
use bcmp::judgement::sla::SlaLimits;
use bcmp::measurement::audit::EvidenceLimits;
use bcmp::measurement::record::{Purpose, SCHEMA_VERSION, Step, TrialRecord};
use bcmp::measurement::{Distribution, Facts, Measurement};
use bcmp::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use bcmp::prediction::{Claim, Curve, CurvePoint, OperatingPoint, Prediction};
use bcmp::sweep::{LoadRules, MAXIMUM_LEVELS, NextStep, SweepPlan, next, planned_total};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

fn same(value: f64) -> Distribution {
    Distribution {
        mean: ms(value),
        p50: Some(ms(value)),
        p90: Some(ms(value)),
        p95: Some(ms(value)),
        p99: Some(ms(value)),
    }
}

/// The limits are 100 ms each, so that r × 100 is a latency.
fn plan(ladder: &[u32]) -> SweepPlan {
    SweepPlan {
        variant: "optimized".into(),
        round: 1,
        rounds: 1,
        ladder: ladder.to_vec(),
        limits: SlaLimits { ttft: ms(100.0), tpot: ms(100.0), statistic: Statistic::Mean },
        audit: AuditRules {
            model: "model".into(),
            input_tokens: 4000,
            output_tokens: 100,
            limits: EvidenceLimits { maximum_error_percent: 1.0, minimum_requests: 1, length_tolerance_percent: 2.0 },
        },
        load: LoadRules {
            requests_per_concurrency: 10,
            minimum_requests: 30,
            warmup_per_concurrency: 2,
            decision_trials: 2,
            refinements: 0,
            stop_after_misses: 0,
            request_timeout_seconds: 600,
            seed: 100,
        },
        curve: None,
    }
}

/// A record of a level with a given r; a code rejects it.
fn record(step: &Step, ratio: f64, rejected: Option<EvidenceCode>) -> TrialRecord {
    let time = Timestamp::UNIX_EPOCH;
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        step: step.clone(),
        deployment: 1,
        pod_uid: "pod".into(),
        start_time: time,
        completion_time: time,
        measurement: Some(Measurement {
            tool: "aiperf 0.13.0".into(),
            concurrency: step.concurrency,
            requests: step.requests.max(5 * step.concurrency),
            errors: Some(0),
            first_error: None,
            ttft: Some(same(ratio * 50.0)),
            tpot: Some(same(ratio * 100.0)),
            request_latency: Some(same(ratio * 10_000.0)),
            output_tokens_per_second: TokensPerSecond::new(100.0).ok(),
            requests_per_second: RequestsPerSecond::new(1.0).ok(),
            good_requests_percent: None,
            facts: Facts { input_tokens: Some(4000.0), output_tokens: Some(100.0), ..Facts::default() },
        }),
        findings: rejected.map(|code| Finding::new(code, "as the test wants it")).into_iter().collect(),
    }
}

/// Runs the sweep to its end against a server, from what is already published.
fn run_from(
    plan: &SweepPlan,
    mut published: Vec<TrialRecord>,
    server: impl Fn(&Step) -> (f64, Option<EvidenceCode>),
) -> Vec<TrialRecord> {
    for _ in 0..500 {
        match next(plan, &published) {
            NextStep::Run(step) => {
                let (ratio, rejected) = server(&step);
                published.push(record(&step, ratio, rejected));
            }
            NextStep::Done => return published,
        }
    }
    panic!("the sweep does not end: {:?}", keys(&published));
}

fn run(plan: &SweepPlan, server: impl Fn(&Step) -> (f64, Option<EvidenceCode>)) -> Vec<TrialRecord> {
    run_from(plan, vec![], server)
}

fn keys(records: &[TrialRecord]) -> String {
    let short = |record: &TrialRecord| {
        let step = &record.step;
        let purpose = match step.purpose {
            Purpose::Ladder => "",
            Purpose::Refinement => "r",
            Purpose::Decision => "d",
            Purpose::Drift => "f",
        };
        let attempt = if step.attempt > 1 { "'" } else { "" };
        format!("{}{purpose}{attempt}", step.concurrency)
    };
    records.iter().map(short).collect::<Vec<_>>().join(" ")
}

/// r = c ÷ limit.
fn misses_above(limit: f64) -> impl Fn(&Step) -> (f64, Option<EvidenceCode>) {
    move |step| (f64::from(step.concurrency) / limit, None)
}

#[rstest]
#[case::the_bracket_decides_in_turns_and_the_first_level_comes_last(&[1, 2, 5, 10], 0, 4.0, "1 2 5 10 2d 5d 2d 5d 1f")]
#[case::a_level_on_the_limit_keeps_it(&[1, 2, 4, 8], 0, 4.0, "1 2 4 8 4d 8d 4d 8d 1f")]
#[case::geometric_midpoints(&[1, 10, 50], 2, 20.0, "1 10 50 22r 15r 15d 22d 15d 22d 1f")]
#[case::no_midpoint_between_neighbours(&[1, 2, 3], 2, 2.5, "1 2 3 2d 3d 2d 3d 1f")]
#[case::neighbours_end_the_refining(&[1, 2, 4], 5, 2.5, "1 2 4 3r 2d 3d 2d 3d 1f")]
#[case::no_level_keeps_it(&[4, 8], 2, 3.0, "4 8 4d 4d 4f")]
#[case::the_top_is_doubled(&[1, 10], 0, 15.0, "1 10 20r 10d 20d 10d 20d 1f")]
#[case::twice(&[1, 10], 0, 30.0, "1 10 20r 40r 20d 40d 20d 40d 1f")]
#[case::at_most(&[1, 10], 2, 50.0, "1 10 20r 40r 1f")]
#[case::and_then_refined(&[1, 10], 1, 15.0, "1 10 20r 14r 14d 20d 14d 20d 1f")]
fn the_order_of_steps(#[case] ladder: &[u32], #[case] refinements: u32, #[case] limit: f64, #[case] expected: &str) {
    let mut plan = plan(ladder);
    plan.load.refinements = refinements;
    assert_eq!(keys(&run(&plan, misses_above(limit))), expected);
}

#[rstest]
#[case::never(0, "1 2 5 10 50 2d 5d 2d 5d 1f")]
#[case::at_once(1, "1 2 5 2d 5d 2d 5d 1f")]
#[case::after_two(2, "1 2 5 10 2d 5d 2d 5d 1f")]
fn misses_in_a_row_end_the_climb(#[case] stop: u32, #[case] expected: &str) {
    let mut plan = plan(&[1, 2, 5, 10, 50]);
    plan.load.stop_after_misses = stop;
    assert_eq!(keys(&run(&plan, misses_above(2.0))), expected);
}

#[test]
fn a_level_that_keeps_the_sla_again_starts_a_new_row_of_misses() {
    let mut plan = plan(&[1, 2, 3, 4, 5]);
    plan.load.stop_after_misses = 2;
    let server = |step: &Step| (if [2, 4, 5].contains(&step.concurrency) { 1.2 } else { 0.9 }, None);
    assert_eq!(keys(&run(&plan, server)), "1 2 3 4 5 3d 4d 3d 4d 1f", "3 is the last that keeps it");
}

#[rstest]
#[case(EvidenceCode::Incomplete)]
#[case(EvidenceCode::Cancelled)]
#[case(EvidenceCode::ErrorRate)]
#[case(EvidenceCode::ConcurrencyNotReached)]
#[case(EvidenceCode::LoadPodLost)]
#[case(EvidenceCode::LoadToolFailed)]
fn what_may_not_happen_again_is_tried_once_more(#[case] code: EvidenceCode) {
    let spoilt = |step: &Step| (f64::from(step.concurrency) / 2.0, (step.concurrency == 2).then_some(code));
    assert_eq!(keys(&run(&plan(&[1, 2, 4]), spoilt)), "1 2 2' 4 1d 4d 1d 4d 1f");
    let at_first = |step: &Step| {
        let first = step.attempt == 1 && step.concurrency == 2;
        (f64::from(step.concurrency) / 2.0, first.then_some(code))
    };
    assert_eq!(keys(&run(&plan(&[1, 2, 4]), at_first)), "1 2 2' 4 2d 2d' 4d 2d 2d' 4d 1f");
}

#[rstest]
#[case(EvidenceCode::OutputLengthMismatch)]
#[case(EvidenceCode::ClientSaturated)]
#[case(EvidenceCode::NotStreaming)]
fn what_would_only_happen_again_is_not(#[case] code: EvidenceCode) {
    let rejected = |step: &Step| (f64::from(step.concurrency) / 2.0, (step.concurrency == 2).then_some(code));
    assert_eq!(keys(&run(&plan(&[1, 2, 4]), rejected)), "1 2 4 1d 4d 1d 4d 1f");
}

#[test]
fn a_warning_changes_nothing() {
    let warned = |step: &Step| (f64::from(step.concurrency) / 2.0, Some(EvidenceCode::RampIncluded));
    assert_eq!(keys(&run(&plan(&[1, 2, 4]), warned)), "1 2 4 2d 4d 2d 4d 1f");
}

#[test]
fn a_level_that_cannot_be_measured_closes_the_bracket_when_none_above_says_more() {
    let overloaded =
        |step: &Step| (f64::from(step.concurrency) / 20.0, (step.concurrency > 40).then_some(EvidenceCode::ErrorRate));
    let mut plan = plan(&[1, 10, 60]);
    plan.load.refinements = 1;
    // No doubling of a top that fails; the midpoint misses, so everything that decides can be measured.
    assert_eq!(keys(&run(&plan, overloaded)), "1 10 60 60' 24r 10d 24d 10d 24d 1f");
}

#[test]
fn a_deciding_level_lost_for_good_is_not_run_on() {
    let mut plan = plan(&[1, 2]);
    plan.load.decision_trials = 5;
    let server = |step: &Step| {
        let lost = step.purpose == Purpose::Decision && step.concurrency == 2;
        (f64::from(step.concurrency) / 1.5, lost.then_some(EvidenceCode::ClientSaturated))
    };
    // After three of five nothing can make the level count.
    assert_eq!(keys(&run(&plan, server)), "1 2 1d 2d 1d 2d 1d 2d 1f");
}

#[test]
fn the_audit_of_what_was_measured_counts_too() {
    let mut records = run(&plan(&[2, 4]), misses_above(3.0));
    records.truncate(1);
    if let Some(measurement) = &mut records[0].measurement {
        measurement.errors = Some(measurement.requests);
    }
    assert_eq!(keys(&run_from(&plan(&[2, 4]), records, misses_above(3.0))), "2 2' 4 2d 4d 2d 4d 2f");
}

#[test]
fn nothing_measurable_ends_with_the_ladder() {
    let server = |_: &Step| (0.5, Some(EvidenceCode::NotStreaming));
    assert_eq!(keys(&run(&plan(&[1, 2]), server)), "1 2");
}

#[test]
fn a_later_round_runs_the_deciding_levels_only() {
    let mut first = plan(&[1, 2, 5]);
    first.rounds = 2;
    let published = run(&first, misses_above(3.0));
    assert_eq!(planned_total(&first, &published), published.len() + 4);
    let second = SweepPlan { round: 2, ..first };
    let all = run_from(&second, published, misses_above(3.0));
    assert_eq!(keys(&all), "1 2 5 2d 5d 2d 5d 1f 2d 5d 2d 5d");
    assert!(all.iter().skip(8).all(|record| record.step.round == 2));
    assert_eq!(planned_total(&second, &all), all.len());
}

#[test]
fn a_later_round_makes_up_for_what_an_earlier_one_left_open() {
    let mut first = plan(&[1, 2, 5]);
    first.rounds = 2;
    let mut published = run(&first, misses_above(3.0));
    published.truncate(2);
    let second = SweepPlan { round: 2, ..first };
    assert_eq!(keys(&run_from(&second, published, misses_above(3.0))), "1 2 5 2d 5d 2d 5d");
}

fn step_of(records: &[TrialRecord], concurrency: u32, purpose: Purpose) -> &Step {
    let found = records.iter().find(|record| (record.step.concurrency, record.step.purpose) == (concurrency, purpose));
    &found.unwrap().step
}

/// One replica that holds 32 requests, 10 ms a token, 101 tokens a request.
fn curve() -> Curve {
    let point = |in_flight, rate| CurvePoint {
        in_flight,
        ttft: ms(500.0),
        tpot: ms(10.0),
        request_rate: RequestsPerSecond::new(rate).unwrap(),
    };
    Curve::new(vec![point(1, 1.0), point(32, 10.0)], 1, 8, 101).unwrap()
}

#[rstest]
#[case::minimum(1, 30, 2)]
#[case::per_user(5, 50, 10)]
#[case::at_capacity(32, 320, 64)]
#[case::beyond_capacity_one_wave(40, 120, 40)]
#[case::beyond_capacity_at_least_a_hundred(33, 100, 33)]
fn sizes_of_the_ladder(#[case] concurrency: u32, #[case] requests: u32, #[case] warmup: u32) {
    let mut plan = plan(&[1, 5, 32, 33, 40]);
    plan.curve = Some(curve());
    let records = run(&plan, misses_above(35.0));
    let step = step_of(&records, concurrency, Purpose::Ladder);
    assert_eq!((step.requests, step.warmup), (requests, warmup));
}

#[test]
fn after_two_misses_a_level_is_only_shown() {
    let records = run(&plan(&[1, 2, 50, 60, 70]), misses_above(10.0));
    let size = |concurrency| step_of(&records, concurrency, Purpose::Ladder).requests;
    assert_eq!((size(50), size(60), size(70)), (500, 600, 210));
}

#[test]
fn a_level_that_is_only_shown_is_never_larger_for_it() {
    let records = run(&plan(&[4, 5, 6]), misses_above(1.0));
    assert_eq!(step_of(&records, 6, Purpose::Ladder).requests, 60);
}

#[rstest]
#[case(Statistic::Mean, 240)]
#[case(Statistic::P50, 240)]
#[case(Statistic::P90, 240)]
#[case(Statistic::P95, 240)]
#[case(Statistic::P99, 1000)]
fn deciding_levels_are_larger(#[case] statistic: Statistic, #[case] requests: u32) {
    let mut plan = plan(&[12, 20]);
    plan.limits.statistic = statistic;
    let records = run(&plan, misses_above(15.0));
    assert_eq!(step_of(&records, 12, Purpose::Decision).requests, requests);
    assert_eq!(step_of(&records, 20, Purpose::Decision).requests, 400, "its median misses: no more are needed");
}

#[test]
fn small_deciding_levels_get_what_the_percentile_needs() {
    let mut plan = plan(&[1, 2]);
    plan.limits.statistic = Statistic::P90;
    assert_eq!(step_of(&run(&plan, misses_above(1.5)), 1, Purpose::Decision).requests, 100);
}

#[rstest]
#[case::as_the_spec_says(600, 1, 600)]
#[case::five_times_the_prediction(3, 1, 8)]
#[case::the_queue_included(3, 132, 58)]
fn a_request_may_take_its_time(#[case] at_least: u32, #[case] concurrency: u32, #[case] seconds: u32) {
    let mut plan = plan(&[1, 132]);
    plan.load.request_timeout_seconds = at_least;
    plan.curve = Some(curve());
    let records = run(&plan, misses_above(35.0));
    // 0.5 s + 100 × 10 ms; at 132, 100 requests wait for 10 a second.
    assert_eq!(step_of(&records, concurrency, Purpose::Ladder).request_timeout_seconds, seconds);
}

#[test]
fn every_variant_climbs_the_claimed_points_of_all() {
    let spec = serde_saphyr::from_str(
        "
model: {name: Qwen/Qwen3-32B}
hardware: {system: h200_sxm, gpusPerVariant: 8}
workload: {inputTokens: 4000, outputTokens: 500, concurrency: [50, 1, 10]}
sla: {ttftMilliseconds: 500, tpotMilliseconds: \"6.5\"}
runtime: {image: runtime}
execution: {rounds: 3}
load: {seed: 7}
",
    )
    .unwrap();
    let claimed = |variant: &str, concurrency| Configuration {
        variant: variant.into(),
        outcome: GenerationOutcome::Ready(Box::new(Ready {
            objects: vec![],
            generated: None,
            shape: None,
            prediction: Prediction {
                claim: Some(Claim {
                    concurrency,
                    point: OperatingPoint {
                        ttft: ms(347.0),
                        tpot: ms(6.5),
                        tokens_per_second_per_gpu: TokensPerSecond::new(199.6).unwrap(),
                    },
                    advertised_tokens_per_second_per_gpu: None,
                }),
                curve: (variant == "optimized").then(curve),
                ..Prediction::default()
            },
        })),
    };
    let refused = Configuration {
        variant: "third".into(),
        outcome: GenerationOutcome::Refused { reason: Reason::NoFeasibleConfiguration.into(), message: String::new() },
    };
    let configurations = Configurations {
        schema_version: 1,
        load_tool: None,
        variants: vec![claimed("baseline", 10), claimed("optimized", 12), refused],
    };
    let plan = SweepPlan::new(&spec, &configurations, "optimized", 2).unwrap();
    assert_eq!(plan.ladder, [1, 10, 12, 50]);
    assert_eq!((plan.round, plan.rounds, plan.load.seed), (2, 3, 7));
    assert_eq!((plan.limits.ttft, plan.limits.tpot), (ms(500.0), ms(6.5)));
    assert_eq!(plan.curve, Some(curve()));
    let baseline = SweepPlan::new(&spec, &configurations, "baseline", 2).unwrap();
    assert_eq!((&baseline.ladder, &baseline.curve), (&plan.ladder, &None));
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<SweepPlan>(&json).unwrap(), plan, "it travels to the load pod");
}

prop_compose! {
    fn any_plan()(
        ladder in prop::collection::btree_set(1_u32..=100_000, 1..=22),
        (requests, minimum, warmup, repetitions) in (1_u32..=20, 1_u32..=50, 0_u32..=3, 1_u32..=6),
        (refinements, stop, rounds, seed) in (0_u32..=5, 0_u32..=4, 1_u32..=3, 0_u32..=i32::MAX as u32),
    ) -> SweepPlan {
        let mut plan = plan(&ladder.into_iter().collect::<Vec<_>>());
        plan.rounds = rounds;
        plan.load = LoadRules {
            requests_per_concurrency: requests,
            minimum_requests: minimum,
            warmup_per_concurrency: warmup,
            decision_trials: repetitions,
            refinements,
            stop_after_misses: stop,
            request_timeout_seconds: 600,
            seed,
        };
        plan
    }
}

/// A server with noise and accidents that depend on nothing but the step.
fn moody(limit: f64, accidents: u64, mood: u64) -> impl Fn(&Step) -> (f64, Option<EvidenceCode>) {
    move |step| {
        let dice =
            (step.seed ^ mood).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
                >> 33;
        let noise = 0.9 + 0.2 * (dice % 1000) as f64 / 1000.0;
        let code = match dice / 1000 % 100 {
            roll if roll < accidents => Some(EvidenceCode::ErrorRate),
            roll if roll < 2 * accidents => Some(EvidenceCode::ClientSaturated),
            _ => None,
        };
        (f64::from(step.concurrency) / limit * noise, code)
    }
}

/// All rounds, one after the other.
fn run_rounds(plan: &SweepPlan, server: impl Fn(&Step) -> (f64, Option<EvidenceCode>)) -> Vec<TrialRecord> {
    (1..=plan.rounds).fold(vec![], |records, round| run_from(&SweepPlan { round, ..plan.clone() }, records, &server))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_sweep_ends_without_repeating_itself(
        plan in any_plan(), limit in 0.5_f64..500_000.0, accidents in 0_u64..30, mood: u64,
    ) {
        let records = run_rounds(&plan, moody(limit, accidents, mood));
        let bound = 2 * (MAXIMUM_LEVELS + 1 + (plan.rounds * plan.load.decision_trials) as usize * 2);
        prop_assert!(records.len() <= bound, "{} steps", records.len());
        let different: BTreeSet<String> = records.iter().map(|record| record.step.key()).collect();
        prop_assert_eq!(different.len(), records.len(), "a key twice");
        let seeds: BTreeSet<u64> = records.iter().map(|record| record.step.seed).collect();
        prop_assert_eq!(seeds.len(), records.len(), "prompts twice");
        prop_assert!(seeds.iter().all(|seed| *seed <= u64::from(u32::MAX)), "tools take 32 bits");
    }

    #[test]
    fn levels_stay_within_bounds(
        plan in any_plan(), limit in 0.5_f64..500_000.0, accidents in 0_u64..30, mood: u64,
    ) {
        let records = run_rounds(&plan, moody(limit, accidents, mood));
        let (low, high) = (plan.ladder[0], plan.ladder[plan.ladder.len() - 1]);
        let levels: BTreeSet<u32> = plan.ladder.iter().copied().chain(records.iter().map(|r| r.step.concurrency)).collect();
        prop_assert!(levels.len() <= MAXIMUM_LEVELS);
        prop_assert!(levels.iter().all(|level| (low..=4 * high).contains(level)));
        prop_assert!(records.iter().all(|record| record.step.requests >= plan.load.minimum_requests.min(100)));
    }

    #[test]
    fn the_order_of_records_does_not_matter(
        plan in any_plan(), limit in 0.5_f64..500_000.0, accidents in 0_u64..30, mood: u64,
        (cut, turn) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let records = run_rounds(&plan, moody(limit, accidents, mood));
        let mut some = records[..cut.index(records.len())].to_vec();
        let (inorder, total) = (next(&plan, &some), planned_total(&plan, &some));
        some.reverse();
        let middle = if some.is_empty() { 0 } else { turn.index(some.len()) };
        some.rotate_left(middle);
        prop_assert_eq!(next(&plan, &some), inorder);
        prop_assert_eq!(planned_total(&plan, &some), total);
    }

    #[test]
    fn resumed_is_uninterrupted(
        plan in any_plan(), limit in 0.5_f64..500_000.0, accidents in 0_u64..30, mood: u64, cut: prop::sample::Index,
    ) {
        let server = moody(limit, accidents, mood);
        let whole = run_rounds(&plan, &server);
        let part = whole[..cut.index(whole.len())].to_vec();
        let interrupted = part.last().map_or(1, |last| last.step.round);
        let resumed = (interrupted..=plan.rounds)
            .fold(part, |records, round| run_from(&SweepPlan { round, ..plan.clone() }, records, &server));
        let steps = |records: Vec<TrialRecord>| records.into_iter().map(|record| record.step).collect::<Vec<_>>();
        prop_assert_eq!(steps(resumed), steps(whole));
    }

    #[test]
    fn all_variants_get_the_same_prompts(plan in any_plan(), limits in (0.5_f64..500_000.0, 0.5_f64..500_000.0)) {
        let key = |record: &TrialRecord| (record.step.key(), record.step.seed);
        let one: BTreeMap<_, _> = run_rounds(&plan, misses_above(limits.0)).iter().map(key).collect();
        let other = run_rounds(&plan, misses_above(limits.1));
        for (key, seed) in other.iter().map(key) {
            prop_assert!(one.get(&key).is_none_or(|there| *there == seed), "{}", key);
        }
    }

    #[test]
    fn progress_ends_at_its_total(
        plan in any_plan(), limit in 0.5_f64..500_000.0, accidents in 0_u64..30, mood: u64,
    ) {
        let records = run_rounds(&plan, moody(limit, accidents, mood));
        let last = SweepPlan { round: plan.rounds, ..plan };
        prop_assert_eq!(planned_total(&last, &records), records.len());
        prop_assert!(planned_total(&last, &[]) >= last.ladder.len());
    }
}
