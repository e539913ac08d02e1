//! The report of a run: what was predicted, what was measured, and what follows.
//!
//! [`render`] is a pure function of a [`Report`]: no clock, no environment, no network. The operator renders the ConfigMap of
//! a run with it, the command line a directory.

pub mod axis;
pub mod compare;
mod fit;
pub mod format;
mod html;
pub mod labels;
pub mod levels;
pub mod model;
pub mod overview;
pub mod plot;
pub mod plots;
mod provenance;
pub mod redact;
pub mod sentences;
mod summary;
pub mod svg;
pub mod table;
pub mod trials;

use std::collections::BTreeMap;

use fit::Omission;
pub use model::{Provenance, Report, ReportCondition, ReportSubject, ReportVariant, SCHEMA_VERSION};

/// The summary in plain text.
pub const SUMMARY: &str = "SUMMARY.txt";
/// Everything, for programs: a [`Report`].
pub const JSON: &str = "report.json";
/// One row for each level of each variant.
pub const LEVELS: &str = "levels.csv";
/// The page.
pub const HTML: &str = "report.html";

/// Bytes of all files together at most: a ConfigMap holds 1 MiB, and the reports of several runs are kept.
pub const LIMIT: usize = 400 * 1024;

/// Writes a report: file name → content. If it exceeds [`LIMIT`], the least important parts are dropped; each file then says
/// what is missing and where to find it.
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
    let document = fit::document(report, omission);
    // What the document lacks is still there to be drawn and counted.
    let shown = fit::shown(report, omission, document.left_out.clone());
    BTreeMap::from([
        (SUMMARY, summary::summary(&shown)),
        (JSON, serde_json::to_string(&document).unwrap_or_default()),
        (LEVELS, levels::csv(&shown)),
        (HTML, html::page(&shown, omission)),
    ])
}
