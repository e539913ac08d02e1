//! How often does a comparison say what is true? Thousands of synthetic comparisons, by the real sweep and judgement.
//!
//! `cargo run --release --example simulate [COMPARISONS]` prints a table; the seed is fixed, the table reproducible. A line
//! that breaks its promise ends the program with 1.
#![allow(clippy::unwrap_used)]

mod model;

use std::process::ExitCode;

use model::{End, Noise, Setting, Tally};

const SEED: u64 = 20_251_124;
const NOISES: [Noise; 4] = [
    Noise { run: 0.01, deployment: 0.0 },
    Noise { run: 0.03, deployment: 0.0 },
    Noise { run: 0.01, deployment: 0.02 },
    Noise { run: 0.03, deployment: 0.02 },
];

/// Where a gain is looked for.
#[derive(Clone, Copy)]
enum At {
    /// Where the SLA ends, wherever that is.
    Sla(End),
    /// One level, the same for both.
    Level,
}

/// What is promised of a line, in percent of its comparisons.
enum Promise {
    DifferentAtMost(f64),
    BetterAtLeast(f64),
}

fn main() -> ExitCode {
    let comparisons = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(4000);
    println!("{comparisons} comparisons a line; percent of them that were called so");
    println!();
    println!(
        "| truth | at | run noise | deployment noise | n | rounds | better | worse | no difference | undetermined | different | promised |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let broken = lines().filter(|(at, setting)| !print_line(*at, setting, comparisons)).count();
    if broken > 0 {
        eprintln!("promises broken in {broken} lines");
    }
    ExitCode::from(u8::from(broken > 0))
}

fn lines() -> impl Iterator<Item = (At, Setting)> {
    let settings = [1.0, 1.1].into_iter().flat_map(|gain| {
        NOISES.into_iter().flat_map(move |noise| {
            [3, 5].into_iter().flat_map(move |repetitions| {
                let rounds = if noise.deployment > 0.0 { &[1, 3][..] } else { &[1] };
                rounds.iter().map(move |&rounds| Setting { noise, repetitions, rounds, gain, end: End::Random })
            })
        })
    });
    settings.flat_map(|setting| {
        let slas = [End::Random, End::OnALevel, End::Flat].map(|end| (At::Sla(end), Setting { end, ..setting }));
        // A fixed level has no rounds to speak of.
        let level = (setting.rounds == 1).then_some((At::Level, setting));
        slas.into_iter().chain(level)
    })
}

fn promise(at: At, setting: &Setting) -> Option<Promise> {
    if setting.noise.deployment > 0.0 {
        return None;
    }
    match (at, setting.gain > 1.0, setting.repetitions, setting.noise.run) {
        (_, false, _, _) => Some(Promise::DifferentAtMost(5.0)),
        (At::Level, true, 5, _) => Some(Promise::BetterAtLeast(95.0)),
        (At::Sla(End::Random | End::OnALevel), true, _, run) if run <= 0.01 => Some(Promise::BetterAtLeast(90.0)),
        _ => None,
    }
}

/// Prints a line; false if its promise is broken.
fn print_line(at: At, setting: &Setting, comparisons: usize) -> bool {
    let (name, tally) = match at {
        At::Sla(end) => (sla_name(end), Tally::of(setting, comparisons, SEED)),
        At::Level => ("fixed level", Tally::at_a_level(setting, comparisons, SEED)),
    };
    let (better, different) = (100.0 * tally.share(tally.better), 100.0 * tally.different());
    let (promised, kept) = match promise(at, setting) {
        None => (String::new(), true),
        Some(Promise::DifferentAtMost(most)) => (format!("different ≤ {most}"), different <= most),
        Some(Promise::BetterAtLeast(least)) => (format!("better ≥ {least}"), better >= least),
    };
    println!(
        "| {} | {name} | {} % | {} % | {} | {} | {better:.1} | {:.1} | {:.1} | {:.1} | {different:.1} | {promised}{} |",
        if setting.gain > 1.0 { "+10 %" } else { "A/A" },
        100.0 * setting.noise.run,
        100.0 * setting.noise.deployment,
        setting.repetitions,
        setting.rounds,
        100.0 * tally.share(tally.worse),
        100.0 * tally.share(tally.same),
        100.0 * tally.share(tally.open),
        if kept { "" } else { " BROKEN" },
    );
    kept
}

fn sla_name(end: End) -> &'static str {
    match end {
        End::Random => "SLA at random",
        End::OnALevel => "SLA on a level",
        End::Flat => "flat latency",
    }
}
