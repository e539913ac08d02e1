//! A run in words, tables and pictures: what was predicted, what was measured, and what follows.
//!
//! [`render`] is a pure function of a [`Report`]: no clock, no environment, no network. It is asked by the operator for the
//! report's ConfigMap, and by the command line for a directory.

mod csv;
mod fit;
mod html;
pub mod model;
pub mod plot;
mod provenance;
mod summary;
pub mod words;

use std::collections::BTreeMap;

pub use csv::COLUMNS;
use fit::Omission;
pub use model::{Provenance, Report, SCHEMA_VERSION, Said, Subject};

/// The summary in plain text.
pub const SUMMARY: &str = "SUMMARY.txt";
/// Everything, for programs: a [`Report`].
pub const JSON: &str = "report.json";
/// One row for each variant and concurrency.
pub const LEVELS: &str = "levels.csv";
/// The page.
pub const HTML: &str = "report.html";

/// Bytes of all files together at most: a ConfigMap may have 1 MiB, and reports of several runs are kept.
pub const LIMIT: usize = 400 * 1024;

/// Writes a report: file name → content. Where everything does not fit into [`LIMIT`], the least telling is left out, and
/// what and where it is stands in every file.
pub fn render(report: &Report) -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::new();
    for omission in Omission::ALL {
        files = written(report, omission);
        let size: usize = files.iter().map(|(name, content)| name.len() + content.len()).sum();
        if size <= LIMIT {
            break;
        }
    }
    files
}

fn written(report: &Report, omission: Omission) -> BTreeMap<&'static str, String> {
    let reduced = fit::reduced(report, omission);
    // What is left out of the document is still there to be drawn and counted.
    let mut shown = Report { left_out: reduced.left_out.clone(), ..report.clone() };
    let json = serde_json::to_string(&reduced).unwrap_or_default();
    let levels = csv::levels(&shown);
    if omission >= Omission::Words {
        shown.variants = reduced.variants;
    }
    BTreeMap::from([
        (SUMMARY, summary::summary(&shown)),
        (JSON, json),
        (LEVELS, levels),
        (HTML, html::page(&shown, omission)),
    ])
}
