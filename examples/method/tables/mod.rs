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

/// Standard deviations beyond which two shares are not the same but for chance: about one figure in a thousand is by chance.
const CHANCE: f64 = 3.3;
/// Shares are known no better than by so many of all: none of 500 is not the same as never.
const FEW: f64 = 1.0;

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

    /// How many standard deviations they are apart.
    fn apart(&self) -> f64 {
        let (n, m) = (self.of.0 as f64, self.of.1 as f64);
        let pooled = (self.ours * n + self.promised * m) / (n + m) / 100.0;
        let least = FEW / n.min(m);
        let share = pooled.clamp(least, 1.0 - least);
        (self.ours - self.promised) / 100.0 / (share * (1.0 - share) * (1.0 / n + 1.0 / m)).sqrt()
    }

    fn is_chance(&self) -> bool {
        let apart = self.apart();
        let no_less = self.fault == Fault::More || apart >= -CHANCE;
        let no_more = self.fault == Fault::Less || apart <= CHANCE;
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
