//! How often does a comparison say what is true? Thousands of comparisons of servers whose truth is known, by the product's
//! own sweep and judgement, beside what METHOD promises.
//!
//! `cargo run --release --example method [TABLE…] [COMPARISONS]`; tables: replication shapes results percentiles failing price cost.
//! Seeds are fixed, so tables are reproducible. A figure that is further from the promised one than chance explains is marked
//! with an exclamation mark, and the program ends with 1.
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
    let off: usize = tables::TABLES.iter().filter(|(name, _)| chosen(name)).map(|(_, print)| print(comparisons)).sum();
    println!();
    println!("{off} figures are further from the promised ones than chance explains");
    ExitCode::from(u8::from(off > 0))
}
