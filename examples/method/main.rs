//! How often does a comparison say what is true? Thousands of comparisons of servers whose truth is known, by the product's
//! own sweep and judgement, beside what METHOD promises.
//!
//! `cargo run --release --example method [TABLE…] [COMPARISONS]`; tables: replication shapes results percentiles failing price.
#![allow(clippy::unwrap_used)]

mod simulation;
mod tables;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let comparisons = arguments.iter().find_map(|argument| argument.parse().ok());
    let wanted: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| argument.parse::<usize>().is_err()).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.contains(&name);
    if let Some(unknown) = wanted.iter().find(|name| !tables::TABLES.iter().any(|(table, _)| table == *name)) {
        eprintln!("no table {unknown}; there are {}", tables::TABLES.map(|(name, _)| name).join(", "));
        return ExitCode::from(2);
    }
    for (_, print) in tables::TABLES.iter().filter(|(name, _)| chosen(name)) {
        print(comparisons);
    }
    ExitCode::SUCCESS
}
