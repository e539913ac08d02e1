//! SLAs of percentiles.

use bcmp::api::Statistic;

use super::{Beside, SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL};
use crate::simulation::many::tally;
use crate::simulation::server::End;

const USUALLY: usize = 600;
const PROMISED_OF: usize = 600;

/// Percentile, scatter of log TTFT between requests; undetermined at +20 % and called different at A/A, in percent, and hours
/// at +20 %.
const PROMISED: [(Statistic, &str, f64, f64, f64, f64); 9] = [
    (Statistic::P90, "P90", 0.1, 0.7, 0.2, 2.0),
    (Statistic::P90, "P90", 0.3, 3.2, 1.0, 2.1),
    (Statistic::P90, "P90", 0.6, 12.0, 1.8, 2.3),
    (Statistic::P95, "P95", 0.1, 0.5, 0.2, 2.2),
    (Statistic::P95, "P95", 0.3, 3.7, 1.3, 2.3),
    (Statistic::P95, "P95", 0.6, 12.5, 1.2, 2.5),
    (Statistic::P99, "P99", 0.1, 0.3, 0.2, 3.4),
    (Statistic::P99, "P99", 0.3, 2.7, 0.7, 3.6),
    (Statistic::P99, "P99", 0.6, 9.8, 2.5, 3.9),
];

/// Prints the table.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!("Percentiles: {comparisons} comparisons a line, promised numbers in brackets");
    head(&title, &["statistic", "σ of ln TTFT", "truth", "different %", "undetermined %", "covers %", "h"]);
    let mut off = 0;
    for (statistic, name, deviation, undetermined, different, hours) in PROMISED {
        for gain in [1.0, 1.2] {
            let setting = Setting { run: 0.005, deployment: 0.01, percentile: Some((statistic, deviation)), ..USUAL };
            let tally = tally(&setting, gain, End::Random, comparisons, SEED);
            let beside = |ours, promised| Beside::new(ours, promised, (tally.all, PROMISED_OF));
            let [called, open] = match gain > 1.0 {
                true => [None, Some(beside(tally.percent(tally.open), undetermined))],
                false => [Some(beside(tally.different(), different)), None],
            };
            off += [&called, &open].into_iter().flatten().filter(|share| !share.is_chance()).count();
            let text = |share: Option<Beside>, ours: f64| share.map_or(format!("{ours:.1}"), |share| share.to_string());
            row(&[
                name.into(),
                format!("{deviation}"),
                named(gain),
                text(called, tally.different()),
                text(open, tally.percent(tally.open)),
                format!("{:.0}", tally.covers()),
                if gain > 1.0 {
                    format!("{:.1} ({hours:.1})", tally.mean_hours())
                } else {
                    format!("{:.1}", tally.mean_hours())
                },
            ]);
        }
    }
    off
}
