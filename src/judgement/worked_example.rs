//! A comparison worked out by hand, in three rounds: TTFT 500 ms, TPOT 7.0 ms.

use super::comparison::{Comparison, RoundsSoFar, Standing, VariantEvidence, compare};
use super::rounds::TrialOrigin;
use super::rules::{RoundLimits, Rules};
use super::side::Side;
use crate::api::{Outcome, Stopped};
use crate::method::testing::{accepted, figures, key, means};
use crate::method::trial::{Purpose, Trial};
use crate::units::Percent;

/// Concurrent requests, TTFT, TPOT, tokens/s/GPU.
type WorkedLevel = (u32, f64, f64, f64);

const BASELINE: [[WorkedLevel; 2]; 3] = [
    [(10, 207.0, 6.58, 176.6), (14, 224.0, 7.75, 210.0)],
    [(10, 205.0, 6.50, 178.8), (14, 225.0, 7.80, 208.6)],
    [(10, 209.0, 6.62, 175.5), (14, 222.0, 7.69, 211.6)],
];
const CANDIDATE: [[WorkedLevel; 2]; 3] = [
    [(12, 190.0, 6.35, 219.0), (17, 210.0, 7.60, 259.0)],
    [(12, 192.0, 6.41, 217.0), (17, 207.0, 7.52, 261.8)],
    [(12, 188.0, 6.30, 220.7), (17, 211.0, 7.66, 257.0)],
];

fn trials(rounds: &[[WorkedLevel; 2]]) -> Vec<Trial> {
    let trial = |round, purpose, (concurrency, ttft, tpot, tokens): WorkedLevel| {
        accepted(key(round, concurrency, purpose, 1), figures(concurrency, ttft, tpot, tokens))
    };
    let found = rounds[0].iter().map(|row| trial(1, Purpose::Ladder, *row));
    let anew = (1..).zip(rounds).flat_map(|(round, rows)| rows.map(|row| trial(round, Purpose::Decision, row)));
    found.chain(anew).collect()
}

/// After so many rounds; `minimum` of them are wanted.
fn after(rounds: u32, minimum: u32) -> Comparison {
    let percent = |value| Percent::new(value).unwrap();
    let rules = Rules {
        sla: means(500.0, 7.0),
        equivalence_margin: percent(5.0),
        accuracy_tolerance: percent(20.0),
        assumed_scatter: percent(2.5),
        rounds: RoundLimits { minimum, maximum: 8 },
        repeatable: true,
    };
    let (baseline, candidate) = (trials(&BASELINE), trials(&CANDIDATE));
    let evidence = |trials| VariantEvidence { trials, origin: TrialOrigin::Sweep, failed_rounds: &[] };
    let progress = RoundsSoFar { candidates: 1, rounds, budget_spent: false };
    compare(&rules, &evidence(&baseline), &evidence(&candidate), progress)
}

/// Printed with so many digits.
fn close(value: f64, printed: f64, digits: i32) {
    assert!((value - printed).abs() <= 0.5001 * 10f64.powi(-digits), "{value} is not {printed}");
}

struct Expected {
    baseline: (f64, f64, f64),
    candidate: (f64, f64, f64),
    gain: f64,
    pseudo_values: &'static [f64],
    assumed: f64,
    observed: Option<f64>,
    interval: (f64, f64),
}

fn check(rounds: u32, expected: &Expected) {
    let comparison = after(rounds, 3);
    let look = comparison.last().unwrap();
    for (side, (tokens, concurrency, leverage)) in
        [(&look.baseline.side, expected.baseline), (&look.candidate.side, expected.candidate)]
    {
        let Side::Value(found) = side else { panic!("{side:?}") };
        close(found.tokens_per_second_per_gpu(), tokens, 3);
        close(found.concurrency, concurrency, 3);
        close(found.leverage, leverage, 3);
    }
    let gain = look.gain.as_ref().unwrap();
    close(100.0 * gain.log.exp_m1(), expected.gain, 2);
    close(gain.scatter.half_width_assumed(1), expected.assumed, 4);
    assert_eq!(gain.scatter.half_width_observed(1).is_some(), expected.observed.is_some());
    if let Some(observed) = expected.observed {
        close(gain.scatter.half_width_observed(1).unwrap(), observed, 4);
    }
    for (value, printed) in gain.pseudo_values.iter().zip(expected.pseudo_values) {
        close(*value, *printed, 5);
    }
    let (low, high) = gain.interval();
    close(100.0 * low.exp_m1(), expected.interval.0, 1);
    close(100.0 * high.exp_m1(), expected.interval.1, 1);
}

#[test]
fn after_the_first_round() {
    check(
        1,
        &Expected {
            baseline: (188.553, 11.357, 2.058),
            candidate: (239.859, 14.495, 1.934),
            gain: 27.21,
            pseudo_values: &[],
            assumed: 0.5904,
            observed: None,
            interval: (-29.5, 129.6),
        },
    );
}

#[test]
fn after_the_second_round() {
    check(
        2,
        &Expected {
            baseline: (189.504, 11.414, 1.946),
            candidate: (240.236, 14.516, 2.047),
            gain: 26.77,
            pseudo_values: &[0.23997, 0.23374],
            assumed: 0.2112,
            observed: None,
            interval: (2.6, 56.6),
        },
    );
}

#[test]
fn after_the_third_round() {
    check(
        3,
        &Expected {
            baseline: (189.098, 11.390, 2.038),
            candidate: (239.997, 14.503, 1.949),
            gain: 26.92,
            pseudo_values: &[0.24062, 0.23297, 0.24066],
            assumed: 0.1203,
            observed: Some(0.0329),
            interval: (22.8, 31.2),
        },
    );
}

#[test]
fn the_second_round_decides() {
    assert_eq!(after(1, 1).standing, Standing::Open);
    let closed = Standing::Closed { outcome: Outcome::CandidateBetter, stopped: Stopped::Decided };
    assert_eq!(after(2, 1).standing, closed);
    let later = after(3, 1);
    assert_eq!((later.standing, later.looks.len()), (closed, 2), "what is decided stays decided");
    assert_eq!(after(2, 3).standing, Standing::Open, "three rounds were asked for");
}
