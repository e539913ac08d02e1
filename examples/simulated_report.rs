//! Writes the report of a simulated comparison: `cargo run --example simulated_report -- DIR`. The page says that its
//! figures are simulated. The browser's tests open it.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../tests/report/fixture.rs"]
mod fixture;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "report".into()));
    std::fs::create_dir_all(&directory)?;
    for (name, content) in bcmp::report::render(&fixture::simulated()) {
        std::fs::write(directory.join(name), content)?;
    }
    println!("{}", directory.join(bcmp::report::HTML).display());
    Ok(())
}
