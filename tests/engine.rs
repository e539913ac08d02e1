//! The simulated engine and the window against what others got: a share of `cargo run --release --example engine`, and
//! recorded trials.
#![allow(clippy::unwrap_used)]

#[path = "../examples/engine/arrivals.rs"]
mod arrivals;
#[path = "../examples/engine/guide.rs"]
mod guide;
#[path = "../examples/engine/reference.rs"]
mod reference;
#[path = "../examples/engine/steps.rs"]
mod steps;
#[path = "../examples/engine/window.rs"]
mod window;

use bcmp::measurement::window::{Answer, Request, Window};
use bcmp::simulation::engine::{Length, Routing, Topology, Traffic, trial};
use guide::{LongRun, closed_loop, count, percent, tokens_per_second, tp1x8, tp8, waves};
use reference::Case;
use rstest::rstest;
use window::{Bias, SummaryBias};

fn differing(cases: Vec<Case>) -> Vec<String> {
    let differs = |case: Case| {
        let (ours, off) = case.compare();
        let Case { name, concurrency, theirs, within, .. } = case;
        let outside = off.iter().any(|percent| percent.abs() > within);
        outside.then(|| format!("{name}, c = {concurrency}: {ours:?} instead of {theirs:?}"))
    };
    cases.into_iter().filter_map(differs).collect()
}

#[test]
fn a_closed_loop_lasts_where_another_simulator_says() {
    assert_eq!(differing(reference::cases()), Vec::<String>::new());
}

#[test]
fn a_closed_loop_with_predicted_steps_lasts_where_another_simulator_says() {
    let cases: Vec<Case> = steps::cases().into_iter().filter(|case| case.concurrency <= 104).collect();
    assert_eq!(cases.len(), 10);
    assert_eq!(differing(cases), Vec::<String>::new());
}

#[test]
fn open_arrivals_wait_as_long_as_another_simulator_says() {
    // Near saturation a few seeds say little: the example runs more.
    for case in arrivals::cases().iter().filter(|case| case.within <= 3.0) {
        let means = case.means(2);
        assert!(case.agrees(means), "{} at {}: {means:?}", case.name, case.share);
    }
}

#[test]
fn every_rule_for_throughput_errs_as_another_engine_says() {
    let rows = window::rows();
    let rows: Vec<_> = rows.iter().filter(|row| row.concurrency == 50).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let ours = Bias::of(&row.pool, row.concurrency, 4, 0.0, 16).means();
        for (rule, ours) in ours.into_iter().enumerate() {
            let (theirs, within) = (row.theirs[rule], row.within[rule]);
            assert!((ours - theirs).abs() <= within, "{}, rule {rule}: {ours} instead of {theirs}", row.name);
        }
    }
}

/// What METHOD §3 promises of four waves within capacity.
#[rstest]
#[case::one_engine(tp8(256), 0.3, 0.3)]
#[case::least_loaded(tp1x8(Routing::LeastLoaded), 0.2, 0.3)]
#[case::random_routing(tp1x8(Routing::Random), 0.9, 1.6)]
fn four_waves_tell_the_throughput_of_the_long_run(
    #[case] pool: bcmp::simulation::engine::Pool,
    #[case] within: f64,
    #[case] deviation: f64,
) {
    let off = Bias::of(&pool, 100, 4, 0.0, 12).ramp;
    assert!(off.mean.abs() <= within && off.deviation <= deviation, "{off:?}");
}

#[test]
fn unequal_lengths_need_ten_waves() {
    let [four, ten] = [4, 10].map(|waves| Bias::of(&tp8(256), 50, waves, 50.0, 16).ramp);
    assert!(ten.mean.abs() <= 1.3 && ten.deviation <= 2.5, "{ten:?}");
    assert!(ten.deviation < four.deviation, "{four:?} {ten:?}");
}

#[test]
fn a_summary_tells_the_throughput_and_not_the_ttft() {
    let bias = SummaryBias::of(&tp8(256), 50, 5, 8);
    assert!((-0.6..=0.2).contains(&bias.throughput), "{bias:?}");
    assert!((-1.0..=0.0).contains(&bias.tool), "{bias:?}");
    assert!((bias.tpot + 5.7).abs() < 0.3, "{bias:?}");
    assert!(bias.ttft > 400.0, "{bias:?}");
}

/// Of a trial that another engine recorded: the figures that an independent program takes from the records, and the
/// throughput of a long run.
#[rstest]
#[case::spread_over_eight(include_str!("fixtures/engine/drain-tp1x8-c250.csv"), 250, [782.3, 44.520, 5435.3, 5334.9], 5431.0)]
#[case::half_as_many(include_str!("fixtures/engine/drain-tp1x8-c100.csv"), 100, [723.4, 28.212, 3378.1, 3328.4], 3369.0)]
#[case::a_quarter(include_str!("fixtures/engine/drain-tp1x8-c50.csv"), 50, [695.8, 22.789, 2071.7, 2017.1], 2074.0)]
#[case::one_engine(include_str!("fixtures/engine/drain-tp8-c12.csv"), 12, [92.4, 7.396, 1586.0, 1586.1], 1585.9)]
fn a_recorded_trial_tells_the_throughput_of_the_long_run(
    #[case] records: &str,
    #[case] concurrency: u32,
    #[case] figures: [f64; 4],
    #[case] truth: f64,
) {
    let [ttft, tpot, tokens, counted] = figures;
    let mut requests: Vec<Request> = records.lines().skip(1).map(recorded).collect();
    let window = Window::of(&mut requests, count(concurrency)).unwrap();
    let found = tokens_per_second(&window);
    let close = |figure: f64, expected: f64, decimals: i32| (figure - expected).abs() <= 0.51 * 10_f64.powi(-decimals);
    assert!(close(window.mean_concurrency, f64::from(concurrency), 2), "{window:?}");
    assert!(close(window.ttft.unwrap().mean.get(), ttft, 1), "{window:?}");
    assert!(close(window.tpot.unwrap().mean.get(), tpot, 3), "{window:?}");
    assert!(close(found, tokens, 1), "{window:?}");
    assert!(close(found * (1.0 + window.unsteadiness_percent.unwrap() / 100.0), counted, 1), "{window:?}");
    assert!((found / truth - 1.0).abs() <= 0.003, "{found} instead of {truth}");
    assert!(window.is_steady());
}

fn recorded(line: &str) -> Request {
    let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
    let (start, end) = (fields[0] / 1e6, fields[1] / 1e6);
    let answer = Answer { ttft: Some(fields[2]), latency: end - start, output_tokens: Some(500.0) };
    Request { start, end, wait: None, answer: Some(answer) }
}

#[test]
fn the_long_run_agrees_with_littles_law() {
    let run = LongRun::of(&tp1x8(Routing::LeastLoaded), 50, true, 0.0, 1);
    let little = 50.0 / run.latency * 1000.0 * 500.0;
    assert!((run.tokens_per_second / little - 1.0).abs() < 0.003, "{run:?} {little}");
}

#[test]
fn two_deployments_get_the_same_requests_from_a_seed() {
    let arrivals = bcmp::simulation::engine::Arrivals::Poisson(bcmp::units::RequestsPerSecond::new(2.0).unwrap());
    let output = Length::LogNormal { mean: count(200), variation: percent(50.0) };
    let traffic = Traffic { requests: count(200), prompt: Length::Fixed(count(4000)), output, arrivals };
    let asked = |topology: Topology| -> Vec<_> {
        let served = trial(&topology, &traffic, 7).unwrap();
        served.iter().map(|served| (served.start, served.prompt, served.output)).collect()
    };
    assert_eq!(asked(Topology::Aggregated(tp8(12))), asked(Topology::Aggregated(tp1x8(Routing::Random))));
}

#[test]
fn the_same_seed_gives_the_same_trial_and_another_does_not() {
    let run = |seed| closed_loop(&tp1x8(Routing::Random), 12, waves(12, 4), 500.0, 0.0, seed);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
