//! What a comparison makes of predictions that are right and of those that are not.

use super::{Beside, Fault, SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL};
use crate::simulation::many::verdicts;

const USUALLY: usize = 500;
const PROMISED_OF: usize = 500;
const GAINS: [f64; 6] = [1.0, 1.03, 1.049, 1.055, 1.1, 1.3];

/// Confirmed, direction only, refuted, in percent, for each gain.
type Promised = [[f64; 3]; 6];

/// Predicted latencies ÷ true ones, of baseline and candidate, and what is promised with deployments that scatter by 1 and 2 %.
const PREDICTIONS: [(&str, f64, f64, [Promised; 2]); 6] = [
    (
        "exactly right",
        1.0,
        1.0,
        [
            [
                [49.8, 0.0, 0.0],
                [20.2, 0.0, 0.0],
                [46.4, 0.4, 0.0],
                [64.0, 0.2, 0.0],
                [92.4, 0.2, 0.0],
                [100.0, 0.0, 0.0],
            ],
            [
                [17.4, 0.0, 0.0],
                [13.2, 0.0, 0.2],
                [29.4, 0.2, 0.0],
                [37.4, 0.6, 0.0],
                [82.6, 0.6, 0.0],
                [97.4, 0.8, 0.0],
            ],
        ],
    ),
    (
        "both 10 % too fast",
        1.0 / 1.1,
        1.0 / 1.1,
        [
            [
                [0.6, 58.0, 0.0],
                [0.4, 21.6, 0.0],
                [1.0, 48.4, 0.0],
                [0.6, 66.8, 0.0],
                [1.0, 90.8, 0.0],
                [1.4, 98.4, 0.0],
            ],
            [
                [1.0, 16.8, 0.2],
                [0.4, 13.4, 0.0],
                [2.0, 33.6, 0.0],
                [2.4, 37.8, 0.0],
                [4.4, 77.8, 0.0],
                [2.8, 95.6, 0.0],
            ],
        ],
    ),
    (
        "both 30 % too fast",
        1.0 / 1.43,
        1.0 / 1.43,
        [
            [
                [0.0, 59.2, 0.0],
                [0.0, 18.0, 0.0],
                [0.0, 45.4, 0.0],
                [0.0, 66.6, 0.0],
                [0.0, 91.0, 0.0],
                [0.0, 100.0, 0.0],
            ],
            [
                [0.0, 14.8, 0.0],
                [0.0, 13.4, 0.0],
                [0.0, 34.8, 0.0],
                [0.0, 44.8, 0.0],
                [0.0, 84.6, 0.0],
                [0.0, 99.8, 0.0],
            ],
        ],
    ),
    (
        "both 30 % too slow",
        1.3,
        1.3,
        [
            [
                [0.0, 60.3, 0.0],
                [0.0, 22.0, 0.0],
                [0.0, 52.4, 0.0],
                [0.0, 69.7, 0.0],
                [0.0, 98.3, 0.0],
                [0.0, 100.0, 0.0],
            ],
            [
                [0.0, 20.0, 0.0],
                [0.0, 14.0, 0.0],
                [0.0, 34.8, 0.0],
                [0.0, 44.7, 0.0],
                [0.0, 87.4, 0.0],
                [0.0, 100.0, 0.0],
            ],
        ],
    ),
    (
        "candidate 30 % too fast",
        1.0,
        1.0 / 1.43,
        [
            [
                [0.0, 0.2, 51.0],
                [0.0, 6.0, 13.2],
                [0.0, 46.6, 1.4],
                [0.0, 63.2, 0.0],
                [0.0, 93.6, 0.0],
                [0.0, 100.0, 0.0],
            ],
            [[0.0, 1.0, 14.6], [0.0, 9.0, 3.2], [0.0, 29.4, 0.6], [0.0, 44.8, 0.4], [0.0, 83.4, 0.0], [0.0, 98.6, 0.0]],
        ],
    ),
    (
        "baseline 30 % too fast",
        1.0 / 1.43,
        1.0,
        [
            [
                [0.0, 0.2, 51.0],
                [0.0, 0.0, 20.2],
                [0.0, 0.0, 51.2],
                [0.0, 0.0, 69.2],
                [0.0, 0.0, 93.4],
                [0.0, 0.0, 99.8],
            ],
            [
                [0.0, 0.8, 14.8],
                [0.0, 0.0, 13.2],
                [0.0, 0.0, 31.8],
                [0.0, 0.0, 47.2],
                [0.0, 0.0, 81.2],
                [0.0, 0.0, 99.0],
            ],
        ],
    ),
];

/// Prints the table.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title =
        format!("Results: {comparisons} comparisons a line, the rest is inconclusive, promised numbers in brackets");
    head(&title, &["prediction", "truth", "deployments", "Confirmed %", "DirectionOnly %", "Refuted %"]);
    let mut off = 0;
    for (at, deployment) in [0.01, 0.02].into_iter().enumerate() {
        for (name, baseline, candidate, promised) in PREDICTIONS {
            for (gain, promised) in GAINS.into_iter().zip(promised[at]) {
                let setting = Setting { deployment, ..USUAL };
                let (all, counts) = verdicts([baseline, candidate], gain, &setting, comparisons, SEED);
                let percent = |count: usize| 100.0 * count as f64 / all as f64;
                let beside = |at: usize| Beside::new(percent(counts[at]), promised[at], (all, PROMISED_OF));
                // A prediction that is wrong may be confirmed less often than promised, and be right in direction only more often.
                let wrong = (baseline, candidate) != (1.0, 1.0);
                let judged = |at, fault| if wrong { Beside { fault, ..beside(at) } } else { beside(at) };
                let shares = [judged(0, Fault::More), judged(1, Fault::Less), beside(2)];
                off += shares.iter().filter(|share| !share.is_chance()).count();
                let [confirmed, direction, refuted] = shares.map(|share| share.to_string());
                row(&[name.into(), named(gain), format!("{:.0} %", 100.0 * deployment), confirmed, direction, refuted]);
            }
        }
    }
    off
}
