//! How often a comparison says what is true, by the scatter of trials and deployments, drift, and where the SLA ends.

use super::{Beside, SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL};
use crate::simulation::many::tally;
use crate::simulation::server::End;

const USUALLY: usize = 3000;
/// Comparisons behind each promised number.
const PROMISED_OF: usize = 3000;

/// Scatter of trials, of deployments, drift in an hour, gain.
const SETTINGS: [(f64, f64, f64, f64); 15] = [
    (0.01, 0.00, 0.00, 1.0),
    (0.01, 0.01, 0.00, 1.0),
    (0.01, 0.02, 0.00, 1.0),
    (0.03, 0.00, 0.00, 1.0),
    (0.03, 0.02, 0.00, 1.0),
    (0.01, 0.00, 0.02, 1.0),
    (0.01, 0.02, 0.02, 1.0),
    (0.03, 0.02, 0.02, 1.0),
    (0.01, 0.01, 0.00, 1.1),
    (0.01, 0.02, 0.00, 1.1),
    (0.03, 0.02, 0.00, 1.1),
    (0.01, 0.01, 0.00, 1.2),
    (0.01, 0.02, 0.00, 1.2),
    (0.01, 0.01, 0.00, 1.5),
    (0.01, 0.02, 0.00, 1.5),
];

/// Called different, no difference, intervals that hold the truth, in percent; hours.
type Promised = (f64, f64, f64, f64);

const RANDOM: [Promised; 15] = [
    (0.1, 88.4, 99., 3.0),
    (0.2, 55.1, 99., 3.3),
    (1.2, 13.7, 98., 2.9),
    (1.1, 24.9, 98., 3.2),
    (2.7, 5.4, 97., 2.9),
    (0.4, 76.0, 99., 3.3),
    (1.8, 11.9, 98., 3.0),
    (3.4, 4.5, 97., 2.9),
    (94.1, 0.0, 99., 2.7),
    (83.9, 0.0, 100., 3.0),
    (71.2, 0.1, 99., 3.1),
    (99.6, 0.0, 100., 2.0),
    (96.8, 0.0, 100., 2.1),
    (100.0, 0.0, 100., 1.4),
    (99.6, 0.0, 100., 1.5),
];
const ON_A_LEVEL: [Promised; 15] = [
    (0.0, 79.8, 99., 3.9),
    (0.6, 48.3, 99., 4.2),
    (0.9, 12.5, 99., 3.7),
    (1.2, 12.7, 99., 3.8),
    (3.2, 3.2, 97., 3.6),
    (0.5, 61.5, 99., 4.1),
    (2.8, 7.2, 97., 3.8),
    (4.3, 2.6, 95., 3.8),
    (92.8, 0.0, 99., 3.6),
    (78.7, 0.0, 99., 3.8),
    (69.3, 0.0, 99., 3.8),
    (99.4, 0.0, 100., 2.7),
    (96.5, 0.0, 99., 2.9),
    (99.9, 0.0, 100., 2.2),
    (99.9, 0.0, 100., 2.1),
];
const FLAT: [Promised; 15] = [
    (0.8, 42.0, 99., 3.0),
    (1.4, 25.8, 98., 3.0),
    (2.2, 8.8, 97., 2.9),
    (2.1, 8.3, 97., 3.0),
    (3.9, 2.7, 95., 2.9),
    (1.9, 39.1, 97., 3.2),
    (3.1, 7.7, 96., 2.9),
    (4.5, 2.7, 93., 2.9),
    (54.1, 0.0, 99., 2.9),
    (42.7, 0.0, 99., 2.9),
    (40.9, 0.1, 98., 3.0),
    (68.8, 0.0, 99., 2.5),
    (59.6, 0.0, 99., 2.6),
    (82.6, 0.0, 99., 2.1),
    (72.4, 0.0, 100., 2.2),
];

/// Prints the table.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!("Replication: {comparisons} comparisons a line, promised numbers in brackets");
    head(
        &title,
        &[
            "SLA ends",
            "truth",
            "trials",
            "deployments",
            "drift/h",
            "different %",
            "no difference %",
            "covers %",
            "h",
            "rounds",
        ],
    );
    let ends =
        [(End::Random, "at random", RANDOM), (End::OnALevel, "on a level", ON_A_LEVEL), (End::Flat, "flat", FLAT)];
    let mut off = 0;
    for (end, name, promised) in ends {
        for ((run, deployment, drift, gain), (different, alike, covers, hours)) in SETTINGS.into_iter().zip(promised) {
            let setting = Setting { run, deployment, drift, ..USUAL };
            let tally = tally(&setting, gain, end, comparisons, SEED);
            let beside = |ours, promised| Beside::new(ours, promised, (tally.all, PROMISED_OF));
            let shares = [beside(tally.different(), different), beside(tally.percent(tally.alike), alike)];
            off += shares.iter().filter(|share| !share.is_chance()).count();
            row(&[
                name.into(),
                named(gain),
                format!("{:.0} %", 100.0 * run),
                format!("{:.0} %", 100.0 * deployment),
                format!("{:.0} %", 100.0 * drift),
                shares[0].to_string(),
                shares[1].to_string(),
                format!("{:.0} ({covers:.0})", tally.covers()),
                format!("{:.1} ({hours:.1})", tally.mean_hours()),
                format!("{:.1}", tally.mean_rounds()),
            ]);
        }
    }
    off
}
