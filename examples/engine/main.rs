//! What the simulated engine says, beside what others got from the same constants.
//!
//! `cargo run --release --example engine [TRIALS]` prints the tables in half a minute; seeds are fixed, the tables
//! reproducible. A line outside its bounds is marked, and ends the program with 1.
#![allow(clippy::unwrap_used)]

mod arrivals;
mod guide;
mod reference;
mod steps;
mod window;

use std::process::ExitCode;
use std::time::Instant;

use arrivals::Open;
use bcmp::simulation::engine::Routing;
use guide::{closed_loop, tp1x8, tp8, waves};
use reference::Case;
use window::{Bias, SummaryBias};

fn main() -> ExitCode {
    let trials = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(24);
    let mut outside = 0;
    println!("Closed loop without scatter, against aisimulate-core 0.13.0");
    outside += lasting(&reference::cases());
    println!(
        "\nThe same with AIConfigurator's step times, against a prototype: parts added up, then mixed steps as it prices them"
    );
    outside += lasting(&steps::cases());
    outside += throughput(trials);
    summaries(trials);
    outside += open_loops();
    speed();
    if outside == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mark(inside: bool) -> &'static str {
    if inside { "" } else { "  OUTSIDE" }
}

fn lasting(cases: &[Case]) -> usize {
    println!("{:<32} {:>4} {:>19} {:>19}", "", "c", "TTFT ms (theirs)", "TPOT ms (theirs)");
    let print = |case: &Case| {
        let (ours, off) = case.compare();
        let inside = off.iter().all(|percent| percent.abs() <= case.within);
        println!(
            "{:<32} {:>4} {:>9.1} ({:>7.1}) {:>9.3} ({:>7.3}){}",
            case.name,
            case.concurrency,
            ours.ttft,
            case.theirs.ttft,
            ours.tpot,
            case.theirs.tpot,
            mark(inside)
        );
        inside
    };
    cases.iter().filter(|case| !print(case)).count()
}

fn throughput(trials: u64) -> usize {
    println!(
        "\nTokens/s of a trial of four waves, percent off the long run, mean (sd) of {trials} trials; theirs in brackets"
    );
    let heads = ["to the last end", "to the last start", "Little, ramp", "Little, no ramp"];
    println!("{:<22} {:>4}{}", "", "c", heads.map(|head| format!(" | {head:>20}")).concat());
    let mut outside = 0;
    for row in window::rows() {
        let bias = Bias::of(&row.pool, row.concurrency, 4, 0.0, trials);
        let inside = (0..4).all(|rule| (bias.means()[rule] - row.theirs[rule]).abs() <= row.within[rule]);
        let offs = [bias.last_completion, bias.last_start, bias.ramp, bias.no_ramp];
        let cells = offs.iter().zip(row.theirs).map(|(off, theirs)| format!(" | {off} [{theirs:+5.1}]"));
        println!("{:<22} {:>4}{}{}", row.name, row.concurrency, cells.collect::<String>(), mark(inside));
        outside += usize::from(!inside);
    }
    println!("\nThe same with lengths that vary by 50 %, four and ten waves, Little's law with a ramp");
    for row in window::rows().iter().filter(|row| row.concurrency <= 100 && row.name != "TP8, batch 12") {
        let [four, ten] = [4, 10].map(|waves| Bias::of(&row.pool, row.concurrency, waves, 50.0, trials).ramp);
        println!("{:<22} {:>4} | {four} | {ten}", row.name, row.concurrency);
    }
    outside
}

fn summaries(trials: u64) {
    println!(
        "\nA summary over all requests, users at once, percent off the long run: the tool's tokens/s, Little's, TTFT, TPOT"
    );
    for row in window::rows().iter().filter(|row| row.concurrency <= 100) {
        for waves in [5, 10] {
            let bias = SummaryBias::of(&row.pool, row.concurrency, waves, trials);
            let (name, c) = (row.name, row.concurrency);
            println!(
                "{name:<22} {c:>4} waves {waves:>2} | {:+.1} | {:+.1} | {:+.0} | {:+.1}",
                bias.tool, bias.throughput, bias.ttft, bias.tpot
            );
        }
    }
}

fn open_loops() -> usize {
    println!("\nOpen loop at a share of the rate that 12 users make, means of 24 seeds of 8000 requests");
    println!("{:<24} share | TTFT ms (theirs) | TPOT ms (theirs)", "");
    let print = |case: &Open| {
        let [ttft, tpot] = case.means(24);
        let agrees = case.agrees([ttft, tpot]);
        let arrivals = if case.poisson { "Poisson" } else { "constant" };
        println!(
            "{:<15} {arrivals:<8} {:>4.0}% | {ttft:.0} ({:.0}..{:.0}) | {tpot:.2} ({:.2}){}",
            case.name,
            100.0 * case.share,
            case.ttft[0],
            case.ttft[1],
            case.tpot,
            mark(agrees)
        );
        agrees
    };
    arrivals::cases().iter().filter(|case| !print(case)).count()
}

fn speed() {
    let start = Instant::now();
    let levels = [1, 2, 5, 10, 12, 50, 100, 250];
    let deployments = [tp8(12), tp1x8(Routing::RoundRobin)];
    let trial = |pool, concurrency| closed_loop(pool, concurrency, waves(concurrency, 4), 0.0, 0.0, 1).len();
    let requests: usize = deployments.iter().flat_map(|pool| levels.map(|level| trial(pool, level))).sum();
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    println!("\nThe guide's experiment, two deployments and eight levels: {requests} requests in {milliseconds:.0} ms");
}
