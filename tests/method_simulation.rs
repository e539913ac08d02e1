//! How often a comparison says what is true: a fixed-seed share of `cargo run --example method`, held to what METHOD promises.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../examples/method/simulation/mod.rs"]
mod simulation;

use bcmp::api::Statistic;
use rstest::rstest;
use simulation::campaign::{Setting, USUAL};
use simulation::first_method;
use simulation::many::{tally, verdicts};
use simulation::server::End;
use statrs::distribution::{Binomial, DiscreteCDF};

const COMPARISONS: usize = 120;
const SEED: u64 = 1;
/// A count that is rarer than this, were the promise true, breaks it: with other random numbers one test in ten thousand would.
const RARE: f64 = 1e-4;

/// Asserts that `count` of `all` may be chance if `percent` of them are promised at most.
fn at_most(count: usize, all: usize, percent: f64, what: &str) {
    let binomial = Binomial::new(percent / 100.0, all as u64).unwrap();
    let rarer = if count == 0 { 1.0 } else { binomial.sf(count as u64 - 1) };
    assert!(rarer > RARE, "{what}: {count} of {all}, promised {percent} % at most");
}

/// The same for a promise of so many at least.
fn at_least(count: usize, all: usize, percent: f64, what: &str) {
    at_most(all - count, all, 100.0 - percent, what);
}

#[rstest]
fn the_same_variant_twice_is_hardly_ever_called_different(
    #[values(End::Random, End::OnALevel, End::Flat)] end: End,
    #[values((0.01, 0.0, 0.0), (0.01, 0.02, 0.0), (0.01, 0.0, 0.02), (0.03, 0.02, 0.02))] scatter: (f64, f64, f64),
) {
    let (run, deployment, drift) = scatter;
    let tally = tally(&Setting { run, deployment, drift, ..USUAL }, 1.0, end, COMPARISONS, SEED);
    at_most(tally.better + tally.worse, tally.all, 5.0, "called different");
    at_least(tally.covering, tally.intervals, 93.0, "intervals that hold the truth");
}

#[rstest]
#[case::ten_per_cent(1.1, 0.01, 92.0, 3.0)]
#[case::ten_per_cent_of_scattered_deployments(1.1, 0.02, 78.0, 3.3)]
#[case::twenty_per_cent(1.2, 0.02, 96.0, 2.5)]
#[case::half_as_much_again(1.5, 0.01, 99.0, 1.7)]
fn a_better_variant_is_found(#[case] gain: f64, #[case] deployment: f64, #[case] found: f64, #[case] hours: f64) {
    let tally = tally(&Setting { deployment, ..USUAL }, gain, End::Random, COMPARISONS, SEED);
    at_least(tally.better, tally.all, found, "found");
    assert_eq!(tally.worse, 0, "nothing is called the wrong way");
    assert!(tally.mean_hours() < hours, "{} h", tally.mean_hours());
}

/// With a quarter of an hour of loading it is close to that, and so few comparisons do not tell.
#[rstest]
fn a_clear_gain_costs_three_fifths_of_what_it_did_at_most(#[values(1.0, 5.0, 10.0)] loading_minutes: f64) {
    let setting = Setting { deployment: 0.01, loading_minutes, ..USUAL };
    let hours = tally(&setting, 1.5, End::Random, COMPARISONS, SEED).mean_hours();
    let before = first_method::mean_hours(1.5, loading_minutes, COMPARISONS, SEED);
    assert!(hours <= 0.6 * before, "{hours:.2} h, before {before:.2} h");
}

#[test]
fn a_percentile_is_decided_as_a_mean_is() {
    let setting = Setting { run: 0.005, deployment: 0.01, percentile: Some((Statistic::P99, 0.3)), ..USUAL };
    let tally = tally(&setting, 1.2, End::Random, COMPARISONS, SEED);
    at_most(tally.open, tally.all, 5.0, "undetermined");
}

#[test]
fn a_variant_that_fails_is_called_unstable_and_not_slow() {
    let setting = Setting { deployment: 0.01, failing: 0.4, ..USUAL };
    let tally = tally(&setting, 1.2, End::Random, COMPARISONS, SEED);
    at_least(tally.unstable, tally.all, 94.0, "unstable");
    at_most(tally.worse, tally.all, 0.5, "called worse");
}

#[test]
fn a_prediction_that_is_right_is_not_refuted_and_one_that_is_wrong_not_confirmed() {
    let setting = Setting { deployment: 0.01, ..USUAL };
    let (all, [confirmed, _, refuted]) = verdicts([1.0, 1.0], 1.1, &setting, COMPARISONS, SEED);
    at_most(refuted, all, 0.1, "refuted although right");
    at_least(confirmed, all, 88.0, "confirmed");
    let (_, [confirmed, ..]) = verdicts([1.0, 1.0 / 1.43], 1.1, &setting, COMPARISONS, SEED);
    assert_eq!(confirmed, 0, "a candidate is predicted to be 30 % faster than it is");
}
