use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn point(concurrency: u32, ttft: f64, tpot: f64, request_rate: f64) -> CurvePoint {
    CurvePoint {
        concurrency,
        ttft: Milliseconds::new(ttft).unwrap(),
        tpot: Milliseconds::new(tpot).unwrap(),
        request_rate: RequestsPerSecond::new(request_rate).unwrap(),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// The guide's baseline, 8 × TP1: concurrent requests, TTFT, TPOT and tokens per second of one worker at 4000/500, as
/// aiconfigurator 0.12.0 estimates them. It counts 499 tokens a request.
const BASELINE: [(u32, f64, f64, f64); 5] = [
    (1, 718.855, 18.769, 51.209),
    (2, 739.8, 20.04, 96.2),
    (7, 841.0, 24.94, 258.0),
    (13, 960.5, 30.60, 396.6),
    (32, 1344.5, 49.14, 623.9),
];

fn baseline() -> Curve {
    let points = BASELINE.map(|(q, ttft, tpot, tokens)| point(q, ttft, tpot, tokens / 499.0)).to_vec();
    Curve::new(points, 8, 8, 500).unwrap()
}

#[rstest]
// c = 10 on 8 replicas: two hold 2, six hold 1. With ⌈c/R⌉ everywhere it would be 769, with everything at 1, 410.
#[case(10, 2.0 * 96.2 + 6.0 * 51.209)]
#[case(8, 8.0 * 51.209)]
#[case(3, 3.0 * 51.209)]
#[case(1, 51.209)]
#[case(16, 8.0 * 96.2)]
#[case(256, 8.0 * 623.9)]
fn throughputs_of_unevenly_loaded_replicas_add(#[case] concurrency: u32, #[case] worker_tokens: f64) {
    let level = baseline().at(concurrency).unwrap();
    let tokens = level.point.tokens_per_second_per_gpu.get() * 8.0;
    assert!(close(tokens, worker_tokens * 500.0 / 499.0), "{tokens} for c = {concurrency}");
    assert!(!level.beyond_operating_point);
}

#[test]
fn the_method_s_example_is_500_tokens_per_second() {
    let tokens = baseline().at(10).unwrap().point.tokens_per_second_per_gpu.get() * 8.0;
    assert_eq!(tokens.round(), 501.0, "500 within the tool's rounding and its 499 tokens a request");
}

#[test]
fn latencies_are_means_over_completed_requests() {
    let level = baseline().at(10).unwrap();
    let (fast, slow) = (6.0 * 51.209, 2.0 * 96.2);
    assert!(close(level.point.tpot.get(), (fast * 18.769 + slow * 20.04) / (fast + slow)));
    assert!(close(level.point.ttft.get(), (fast * 718.855 + slow * 739.8) / (fast + slow)));
}

#[test]
fn idle_replicas_do_not_count() {
    assert!(close(baseline().at(3).unwrap().point.tpot.get(), 18.769));
}

#[test]
fn between_points_a_power_law_holds() {
    let law = |q: u32| {
        let x = f64::from(q);
        point(q, 100.0 * x.powf(0.3), 5.0 * x.powf(0.2), 0.2 * x.powf(0.7))
    };
    let curve = Curve::new(vec![law(1), law(4), law(64)], 1, 8, 500).unwrap();
    for q in 1..=64 {
        let level = curve.at(q).unwrap();
        assert!(close(level.point.ttft.get(), law(q).ttft.get()));
        assert!(close(level.point.tpot.get(), law(q).tpot.get()));
        assert!(close(level.point.tokens_per_second_per_gpu.get(), law(q).request_rate.get() * 500.0 / 8.0));
    }
}

#[test]
fn below_the_first_point_latency_stays_and_the_rate_is_in_proportion() {
    let curve = Curve::new(vec![point(4, 100.0, 5.0, 2.0)], 1, 1, 10).unwrap();
    let level = curve.at(1).unwrap();
    assert_eq!(level.point.ttft.get(), 100.0);
    assert_eq!(level.point.tokens_per_second_per_gpu.get(), 5.0);
}

#[test]
fn beyond_capacity_only_the_queue_grows() {
    let curve = baseline();
    let full = curve.at(256).unwrap();
    let beyond = curve.at(300).unwrap();
    assert_eq!(curve.end(), 256);
    assert_eq!(beyond.point.tpot, full.point.tpot);
    assert_eq!(beyond.point.tokens_per_second_per_gpu, full.point.tokens_per_second_per_gpu);
    let rate = 8.0 * 623.9 / 499.0;
    assert!(close(beyond.point.ttft.get() - full.point.ttft.get(), 44.0 / rate * 1000.0));
    assert!(beyond.beyond_operating_point && !full.beyond_operating_point);
}

#[rstest]
#[case(5, 40)]
#[case(7, 56)]
#[case(1, 8)]
#[case(99, 256)]
fn a_smaller_engine_ends_the_curve(#[case] concurrency: u32, #[case] capacity: u32) {
    let clipped = baseline().clipped(concurrency).unwrap();
    assert_eq!(clipped.end(), capacity);
    let (clipped, whole) = (clipped.at(capacity).unwrap(), baseline().at(capacity).unwrap());
    assert!(close(clipped.point.tpot.get(), whole.point.tpot.get()));
    assert!(close(clipped.point.ttft.get(), whole.point.ttft.get()));
}

#[test]
fn an_engine_that_holds_nothing_has_no_curve() {
    assert_eq!(baseline().clipped(0), None);
}

fn rows(concurrency: &[u32], holds: Option<u32>) -> Curve {
    let law = |q: &u32| point(*q, 100.0 + f64::from(*q), 5.0 + f64::from(*q), 0.2 * f64::from(*q).sqrt());
    Curve::of_rows(concurrency.iter().map(law).collect(), 1, 8, 500, holds).unwrap()
}

/// Which concurrencies of one replica are covered, and whether 1000 are beyond its capacity.
#[rstest]
#[case::near(&[1, 3, 7, 15], None, vec![1..=15], false)]
#[case::gap(&[3, 4, 5, 96, 112], None, vec![3..=5, 96..=112], false)]
#[case::ends_in_the_gap(&[3, 4, 5, 96, 112], Some(12), vec![3..=5], false)]
#[case::ends_between_near_rows(&[3, 4, 5, 96, 112], Some(100), vec![3..=5, 96..=100], true)]
#[case::ends_at_a_row(&[3, 4, 5, 96, 112], Some(5), vec![3..=5], true)]
#[case::ends_at_the_last_row(&[3, 4, 5], Some(5), vec![3..=5], true)]
#[case::holds_more_than_the_rows_tell(&[3, 4, 5], Some(12), vec![3..=5], false)]
#[case::alone(&[8], None, vec![8..=8], false)]
fn rows_are_believed_near_each_other(
    #[case] concurrency: &[u32],
    #[case] holds: Option<u32>,
    #[case] covered: Vec<RangeInclusive<u32>>,
    #[case] ends: bool,
) {
    let curve = rows(concurrency, holds);
    assert_eq!(curve.covered(), covered);
    for c in 1..=curve.end() {
        assert_eq!(curve.at(c).is_some(), covered.iter().any(|range| range.contains(&c)), "{c}");
    }
    assert_eq!(curve.at(1000).map(|level| level.beyond_operating_point), ends.then_some(true));
    let json = serde_json::to_string(&curve).unwrap();
    assert_eq!(serde_json::from_str::<Curve>(&json).unwrap(), curve);
}

#[test]
fn every_busy_replica_needs_a_row() {
    let points = vec![point(1, 100.0, 5.0, 1.0), point(4, 110.0, 6.0, 3.0), point(5, 110.0, 6.0, 3.0)];
    let curve = Curve::of_rows(points, 2, 2, 10, None).unwrap();
    assert_eq!(curve.covered(), [1..=2, 8..=10]);
}

#[test]
fn rows_above_what_an_engine_holds_are_no_curve() {
    let points = vec![point(8, 100.0, 5.0, 1.0)];
    assert_eq!(Curve::of_rows(points, 1, 1, 10, Some(4)), Err(CurveError::Empty));
}

#[test]
fn zero_is_read_as_one() {
    assert_eq!(baseline().at(0), baseline().at(1));
}

#[rstest]
#[case(vec![], 1, 1, 1, CurveError::Empty)]
#[case(vec![point(1, 1.0, 1.0, 1.0)], 0, 1, 1, CurveError::NoScale("replicas"))]
#[case(vec![point(1, 1.0, 1.0, 1.0)], 1, 0, 1, CurveError::NoScale("GPUs"))]
#[case(vec![point(1, 1.0, 1.0, 1.0)], 1, 1, 0, CurveError::NoScale("output tokens"))]
#[case(vec![point(0, 1.0, 1.0, 1.0)], 1, 1, 1, CurveError::NotPositive { quantity: "concurrency", concurrency: 0 })]
#[case(vec![point(3, 0.0, 1.0, 1.0)], 1, 1, 1, CurveError::NotPositive { quantity: "TTFT", concurrency: 3 })]
#[case(vec![point(3, 1.0, 0.0, 1.0)], 1, 1, 1, CurveError::NotPositive { quantity: "TPOT", concurrency: 3 })]
#[case(vec![point(3, 1.0, 1.0, 0.0)], 1, 1, 1, CurveError::NotPositive { quantity: "request rate", concurrency: 3 })]
#[case(vec![point(2, 1.0, 1.0, 1.0), point(2, 1.0, 1.0, 1.0)], 1, 1, 1, CurveError::NotAscending { previous: 2, next: 2 })]
#[case(vec![point(4001, 1.0, 1.0, 1.0)], 1000, 1, 1, CurveError::TooLong(4_001_000))]
fn what_is_no_curve_is_refused(
    #[case] points: Vec<CurvePoint>,
    #[case] replicas: u32,
    #[case] gpus: u32,
    #[case] output_tokens: u32,
    #[case] expected: CurveError,
) {
    assert_eq!(Curve::new(points.clone(), replicas, gpus, output_tokens), Err(expected));
    let json = serde_json::json!({"points": points, "replicas": replicas, "gpus": gpus, "outputTokens": output_tokens});
    let error = serde_json::from_value::<Curve>(json).unwrap_err();
    assert_eq!(error.to_string(), expected.to_string());
}

#[test]
fn a_curve_survives_json() {
    let json = serde_json::to_string(&baseline()).unwrap();
    assert_eq!(serde_json::from_str::<Curve>(&json).unwrap(), baseline());
}

/// Curves as an engine has them: with more concurrent requests, more throughput and higher latencies.
fn engine() -> impl Strategy<Value = Curve> {
    let steps = prop::collection::vec((1u32..40, 0.0..0.9f64, 1.0..1.5f64, 1.0..1.5f64), 1..12);
    (steps, 1u32..20, 1u32..9, 2u32..2000).prop_map(|(steps, replicas, gpus_each, output_tokens)| {
        let mut last = (1u32, 100.0, 5.0, 0.2);
        let mut points = vec![point(last.0, last.1, last.2, last.3)];
        for (more, growth, ttft, tpot) in steps {
            let concurrency = last.0 + more;
            let ratio = f64::from(concurrency) / f64::from(last.0);
            last = (concurrency, last.1 * ttft, last.2 * tpot, last.3 * ratio.powf(growth));
            points.push(point(last.0, last.1, last.2, last.3));
        }
        Curve::new(points, replicas, replicas * gpus_each, output_tokens).unwrap()
    })
}

proptest! {
    #[test]
    fn more_load_is_never_less_throughput(curve in engine(), c in 1u32..8000) {
        let (one, more) = (curve.at(c).unwrap().point, curve.at(c + 1).unwrap().point);
        let slack = 1.0 - 1e-12;
        prop_assert!(more.tokens_per_second_per_gpu.get() >= one.tokens_per_second_per_gpu.get() * slack);
    }

    #[test]
    fn latencies_lie_between_those_of_the_fullest_and_the_emptiest_replica(curve in engine(), c in 1u32..800) {
        let c = c.min(curve.end());
        let one = Curve::new(curve.points().to_vec(), 1, 1, 2).unwrap();
        let (low, high) = (one.at((c / curve.replicas()).max(1)).unwrap().point, one.at(c.div_ceil(curve.replicas())).unwrap().point);
        let mean = curve.at(c).unwrap().point;
        prop_assert!(mean.tpot.get() >= low.tpot.get() * (1.0 - 1e-12) && mean.tpot.get() <= high.tpot.get() * (1.0 + 1e-12));
        prop_assert!(mean.ttft.get() >= low.ttft.get() * (1.0 - 1e-12) && mean.ttft.get() <= high.ttft.get() * (1.0 + 1e-12));
    }

    #[test]
    fn at_capacity_nothing_jumps(curve in engine()) {
        let (full, one_more) = (curve.at(curve.end()).unwrap(), curve.at(curve.end() + 1).unwrap());
        let rate = full.point.tokens_per_second_per_gpu.get() * f64::from(curve.gpus()) / f64::from(curve.output_tokens());
        prop_assert!(!full.beyond_operating_point && one_more.beyond_operating_point);
        prop_assert!(close(one_more.point.ttft.get(), full.point.ttft.get() + 1000.0 / rate));
        prop_assert_eq!(one_more.point.tpot, full.point.tpot);
    }

    #[test]
    fn twice_the_deployment_carries_twice_the_load(curve in engine(), c in 1u32..4000) {
        let twice = Curve::new(curve.points().to_vec(), curve.replicas() * 2, curve.gpus() * 2, curve.output_tokens()).unwrap();
        let (one, two) = (curve.at(c).unwrap(), twice.at(2 * c).unwrap());
        prop_assert!(close(one.point.tpot.get(), two.point.tpot.get()));
        prop_assert!(close(one.point.ttft.get(), two.point.ttft.get()));
        prop_assert!(close(one.point.tokens_per_second_per_gpu.get(), two.point.tokens_per_second_per_gpu.get()));
        prop_assert_eq!(one.beyond_operating_point, two.beyond_operating_point);
    }

    #[test]
    fn estimates_themselves_are_given_back(curve in engine()) {
        for point in curve.points() {
            let level = curve.at(point.concurrency * curve.replicas()).unwrap();
            prop_assert!(close(level.point.ttft.get(), point.ttft.get()));
            prop_assert!(close(level.point.tpot.get(), point.tpot.get()));
        }
    }
}
