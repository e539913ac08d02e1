//! What a comparison costs, beside the method that this one replaced.

use super::{SEED, head, named, row};
use crate::simulation::campaign::{Setting, USUAL};
use crate::simulation::first_method;
use crate::simulation::many::tally;
use crate::simulation::server::End;

const USUALLY: usize = 1500;
const LOADING_MINUTES: [f64; 4] = [1.0, 5.0, 10.0, 15.0];
/// Hours by the first method.
const FIRST: [f64; 4] = [2.9, 3.0, 3.2, 3.3];
/// Scatter of deployments, gain, hours.
const PROMISED: [(f64, f64, [f64; 4]); 3] =
    [(0.02, 1.0, [1.6, 2.2, 2.9, 3.7]), (0.01, 1.1, [1.5, 2.1, 2.7, 3.5]), (0.01, CLEAR, [0.9, 1.1, 1.4, 1.8])];
/// A clear gain, and the share of what it cost before that it may cost, in percent.
const CLEAR: f64 = 1.5;
const MOST: f64 = 60.0;

/// Prints the table: how many figures of a clear gain are above the share it may cost.
pub fn print(comparisons: Option<usize>) -> usize {
    let comparisons = comparisons.unwrap_or(USUALLY);
    let title = format!(
        "Cost: mean hours of {comparisons} comparisons a figure, by minutes of loading; the promised hours in brackets, and \
         the share of what the first method took"
    );
    head(&title, &["method", "truth", "deployments", "1", "5", "10", "15"]);
    let first = |gain| LOADING_MINUTES.map(|minutes| first_method::mean_hours(gain, minutes, comparisons, SEED));
    let cells = first(1.0).into_iter().zip(FIRST).map(|(hours, promised)| format!("{hours:.1} ({promised:.1})"));
    row(&["first".into(), named(1.0), "one".into()].into_iter().chain(cells).collect::<Vec<_>>());
    let mut off = 0;
    for (deployment, gain, promised) in PROMISED {
        let mut cells = vec!["this".to_owned(), named(gain), format!("± {:.0} %", 100.0 * deployment)];
        for ((minutes, promised), before) in LOADING_MINUTES.into_iter().zip(promised).zip(first(gain)) {
            let setting = Setting { deployment, loading_minutes: minutes, ..USUAL };
            let hours = tally(&setting, gain, End::Random, comparisons, SEED).mean_hours();
            let share = 100.0 * hours / before;
            let is_off = gain == CLEAR && share > MOST;
            off += usize::from(is_off);
            cells.push(format!("{hours:.1} ({promised:.1}), {share:.0} %{}", if is_off { " !" } else { "" }));
        }
        row(&cells);
    }
    off
}
