//! The tables, each beside the numbers METHOD promises.

mod cost;
mod failing;
mod percentiles;
mod price;
mod replication;
mod results;
mod shapes;

/// Seed of every line: lines differ in their setting alone.
const SEED: u64 = 20_261_128;

/// Prints a table of so many comparisons a line, or of its usual number; the number of figures that are further from those
/// promised than chance explains.
type Print = fn(Option<usize>) -> usize;

/// By name.
pub const TABLES: [(&str, Print); 7] = [
    ("replication", replication::print),
    ("shapes", shapes::print),
    ("results", results::print),
    ("percentiles", percentiles::print),
    ("failing", failing::print),
    ("price", price::print),
    ("cost", cost::print),
];

/// Two shares are not the same when chance alone would set them as far apart, in that direction, less often than this: with
/// some three hundred figures, one is by chance in about one call of seven.
const CHANCE: f64 = 0.0005;

/// A share beside the one it is to come near, both in percent, of so many comparisons each.
struct Beside {
    ours: f64,
    promised: f64,
    of: (usize, usize),
    fault: Fault,
}

/// Which way a share may not be apart.
#[derive(PartialEq)]
enum Fault {
    Either,
    Less,
    More,
}

impl Beside {
    fn new(ours: f64, promised: f64, of: (usize, usize)) -> Self {
        Self { ours, promised, of, fault: Fault::Either }
    }

    /// How often chance alone gives as many or more, and as many or fewer, as ours are, were both of the same kind (Fisher's
    /// exact test: a normal approximation is too sharp where counts are small).
    fn by_chance(&self) -> (f64, f64) {
        let (n, m) = self.of;
        let counted = |percent: f64, of: usize| (percent / 100.0 * of as f64).round() as usize;
        let (ours, promised) = (counted(self.ours, n), counted(self.promised, m));
        let all = ours + promised;
        let logs: Vec<f64> = std::iter::once(0.0)
            .chain((1..=n + m).scan(0.0, |sum, k| {
                *sum += (k as f64).ln();
                Some(*sum)
            }))
            .collect();
        let choose = |of: usize, some: usize| logs[of] - logs[some] - logs[of - some];
        let exactly = |k: usize| (choose(n, k) + choose(m, all - k) - choose(n + m, all)).exp();
        let possible = all.saturating_sub(m)..=all.min(n);
        let sum = |wanted: &dyn Fn(usize) -> bool| possible.clone().filter(|k| wanted(*k)).map(exactly).sum::<f64>();
        (sum(&|k| k >= ours), sum(&|k| k <= ours))
    }

    fn is_chance(&self) -> bool {
        let (more, fewer) = self.by_chance();
        let no_less = self.fault == Fault::More || fewer >= CHANCE;
        let no_more = self.fault == Fault::Less || more >= CHANCE;
        no_less && no_more
    }
}

impl std::fmt::Display for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.is_chance() { "" } else { " !" };
        write!(f, "{:.1} ({:.1}){mark}", self.ours, self.promised)
    }
}

/// A line of a Markdown table.
fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// The head of a Markdown table.
fn head(title: &str, cells: &[&str]) {
    println!("\n## {title}\n");
    row(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(cells.len()));
}

/// A gain as people write it.
fn named(gain: f64) -> String {
    if gain == 1.0 { "A/A".into() } else { format!("+{:.1} %", 100.0 * (gain - 1.0)) }
}
