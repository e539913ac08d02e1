//! How often does a comparison say what is true? Thousands of synthetic comparisons, by the real sweep and judgement.
//!
//! `cargo run --release --example simulate [COMPARISONS]` prints a table; the seed is fixed, the table reproducible.
#![allow(clippy::unwrap_used)]

mod model;

use model::{End, Noise, Setting, Tally};

const SEED: u64 = 20_251_124;

fn main() {
    let comparisons = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(4000);
    println!("{comparisons} comparisons a line; percent of them that were called");
    println!();
    println!(
        "| truth | at | run noise | deployment noise | n | rounds | better | worse | no difference | undetermined | different |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for gain in [1.0, 1.1] {
        for (run, deployment) in [(0.01, 0.0), (0.03, 0.0), (0.01, 0.02)] {
            for repetitions in [3, 5] {
                for rounds in [1, 3] {
                    if deployment == 0.0 && rounds > 1 {
                        continue;
                    }
                    let setting = |end| Setting { noise: Noise { run, deployment }, repetitions, rounds, gain, end };
                    for (name, end) in
                        [("SLA at random", End::Random), ("SLA on a level", End::OnALevel), ("flat latency", End::Flat)]
                    {
                        print_line(name, &setting(end), Tally::of(&setting(end), comparisons, SEED));
                    }
                    if rounds == 1 {
                        let setting = setting(End::Random);
                        print_line("fixed level", &setting, Tally::at_a_level(&setting, comparisons, SEED));
                    }
                }
            }
        }
    }
}

fn print_line(at: &str, setting: &Setting, tally: Tally) {
    let percent = |part: usize| format!("{:.1}", 100.0 * tally.share(part));
    println!(
        "| {} | {at} | {} % | {} % | {} | {} | {} | {} | {} | {} | {:.1} |",
        if setting.gain > 1.0 { "+10 %" } else { "A/A" },
        100.0 * setting.noise.run,
        100.0 * setting.noise.deployment,
        setting.repetitions,
        setting.rounds,
        percent(tally.better),
        percent(tally.worse),
        percent(tally.same),
        percent(tally.open),
        100.0 * tally.different(),
    );
}
