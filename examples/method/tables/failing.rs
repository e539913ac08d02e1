//! A candidate whose trials fail now and then.

use super::{Beside, Fault, SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL};
use crate::simulation::many::tally;
use crate::simulation::server::End;

const USUALLY: usize = 600;
const PROMISED_OF: usize = 600;

/// Share of trials that fail; at A/A and at +20 %: better, worse and undetermined for instability, in percent.
const PROMISED: [(f64, [[f64; 3]; 2]); 6] = [
    (0.02, [[0.2, 0.0, 0.0], [98.8, 0.0, 0.0]]),
    (0.1, [[0.2, 0.0, 11.5], [93.3, 0.0, 6.5]]),
    (0.2, [[0.0, 0.7, 62.0], [56.0, 0.0, 43.8]]),
    (0.3, [[0.2, 0.0, 87.3], [22.5, 0.0, 77.5]]),
    (0.4, [[0.0, 0.0, 98.2], [4.0, 0.0, 95.8]]),
    (0.5, [[0.0, 0.3, 97.7], [1.5, 0.0, 97.0]]),
];

/// Prints the table.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!("Failing trials: {comparisons} comparisons a line, promised numbers in brackets");
    head(&title, &["fail", "truth", "better %", "worse %", "unstable %", "h"]);
    let mut off = 0;
    for (failing, promised) in PROMISED {
        for (gain, promised) in [1.0, 1.2].into_iter().zip(promised) {
            let setting = Setting { deployment: 0.01, failing, ..USUAL };
            let tally = tally(&setting, gain, End::Random, comparisons, SEED);
            let of = (tally.all, PROMISED_OF);
            let beside = |count, at: usize| Beside::new(tally.percent(count), promised[at], of);
            // A variant that is called unstable more often than promised is not a fault.
            let unstable = Beside { fault: Fault::Less, ..beside(tally.unstable, 2) };
            let shares = [beside(tally.better, 0), beside(tally.worse, 1), unstable];
            off += shares.iter().filter(|share| !share.is_chance()).count();
            row(&[
                format!("{:.0} %", 100.0 * failing),
                named(gain),
                shares[0].to_string(),
                shares[1].to_string(),
                shares[2].to_string(),
                format!("{:.1}", tally.mean_hours()),
            ]);
        }
    }
    off
}
