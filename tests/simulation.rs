//! How often a comparison says what is true: a fixed-seed share of `cargo run --example simulate`, with its bounds.
#![allow(clippy::unwrap_used)]

#[path = "../examples/simulate/model.rs"]
mod model;

use model::{End, Noise, Setting, Tally};
use rstest::rstest;

const COMPARISONS: usize = 250;
const SEED: u64 = 1;

fn setting(run: f64, repetitions: u32, gain: f64, end: End) -> Setting {
    Setting { noise: Noise { run, deployment: 0.0 }, repetitions, rounds: 1, gain, end }
}

/// One in twenty is allowed. Of 250 that may be up to 8 % by chance; of all six kinds together it may not.
#[rstest]
fn the_same_variant_twice_is_hardly_ever_called_different(#[values(0.01, 0.03)] noise: f64) {
    let kinds = [3, 5].into_iter().flat_map(|n| [End::Random, End::OnALevel, End::Flat].map(|end| (n, end)));
    let different = kinds.map(|(repetitions, end)| {
        let share = Tally::of(&setting(noise, repetitions, 1.0, end), COMPARISONS, SEED).different();
        assert!(share <= 0.08, "{end:?}, n = {repetitions}: {share}");
        share
    });
    let shares: Vec<f64> = different.collect();
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!(mean <= 0.05, "{shares:?}");
}

#[test]
fn repetitions_say_nothing_of_how_deployments_differ() {
    let with_rounds = |rounds| {
        let noise = Noise { run: 0.01, deployment: 0.02 };
        let setting = Setting { noise, repetitions: 3, rounds, gain: 1.0, end: End::Random };
        Tally::of(&setting, COMPARISONS, SEED).different()
    };
    let (one, three) = (with_rounds(1), with_rounds(3));
    assert!(one > 0.2, "within one deployment chance looks like a difference: {one}");
    assert!(three <= 0.05, "rounds tell: {three}");
}

#[test]
fn ten_percent_are_found_at_the_sla() {
    for end in [End::Random, End::OnALevel] {
        let tally = Tally::of(&setting(0.01, 3, 1.1, end), COMPARISONS, SEED);
        assert!(tally.share(tally.better) >= 0.88, "the full simulation shows 90 % and more: {end:?} {tally:?}");
        assert!(tally.share(tally.worse) <= 0.01, "{tally:?}");
    }
}

#[test]
fn ten_percent_are_found_at_a_fixed_level() {
    let tally = Tally::at_a_level(&setting(0.03, 5, 1.1, End::Random), 4000, SEED);
    assert!(tally.share(tally.better) >= 0.95, "{tally:?}");
}
