//! A page of all comparisons that somebody may see: how far they are, what they found, and their runs.

use askama::Template;
use jiff::Timestamp;
use kube::ResourceExt;

use super::labels;
use super::sentences;
use crate::api::{BenchmarkComparison, Phase};

/// Seconds after which a browser asks again.
const SECONDS: u32 = 10;

#[derive(Template)]
#[template(path = "overview.html", config = "src/report/askama.toml", escape = "html")]
struct OverviewPage<'a> {
    style: &'static str,
    seconds: u32,
    place: &'a str,
    time: String,
    rows: Vec<OverviewRow>,
    unreadable: &'a [String],
}

struct OverviewRow {
    namespace: String,
    name: String,
    phase: &'static str,
    tone: &'static str,
    /// Trials that ended, of those known to be needed; absent once the run is over.
    progress: Option<(u32, u32)>,
    message: String,
    facts: Vec<(&'static str, String)>,
    /// Number and outcome, newest first.
    runs: Vec<(i64, String)>,
}

/// The page. `place` is where they were looked for, `unreadable` what is wrong with those that are not among them.
pub fn page(place: &str, comparisons: &[BenchmarkComparison], unreadable: &[String], now: Timestamp) -> String {
    let rows = comparisons.iter().map(row).collect();
    let time = now.strftime("%H:%M:%S UTC").to_string();
    let page = OverviewPage { style: include_str!("report.css"), seconds: SECONDS, place, time, rows, unreadable };
    page.render().unwrap_or_default()
}

fn row(comparison: &BenchmarkComparison) -> OverviewRow {
    let status = comparison.status.clone().unwrap_or_default();
    let is_over = status.run.as_ref().is_none_or(|run| run.completion_time.is_some());
    let progress = status.progress.as_ref().filter(|_| !is_over);
    let current = status.run.as_ref().map(|run| (run.number, status.phase.map_or("", Phase::as_str).to_owned()));
    let past = status.history.iter().map(|past| {
        let gain = past.gain.as_ref().map(|gain| format!(" {gain}")).unwrap_or_default();
        let verdict = past.verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default();
        (past.number, format!("{}{verdict}{gain}", past.outcome))
    });
    OverviewRow {
        namespace: comparison.namespace().unwrap_or_default(),
        name: comparison.name_any(),
        phase: status.phase.map_or("not observed yet", Phase::as_str),
        tone: labels::phase(status.phase).class(),
        progress: progress.map(|of| (of.trials_done, of.trials_total)),
        message: status.message.clone().unwrap_or_default(),
        facts: facts(comparison),
        runs: current.into_iter().chain(past).collect(),
    }
}

fn facts(comparison: &BenchmarkComparison) -> Vec<(&'static str, String)> {
    let (spec, status) = (&comparison.spec, comparison.status.as_ref());
    let mut facts = vec![("Model", spec.model.name.clone()), ("System", spec.hardware.system.clone())];
    if let Some(verdict) = status.and_then(|status| status.verdict.as_ref()) {
        facts.push(("Verdict", labels::result(verdict.result).0.to_owned()));
        let figures = [("Gain", &verdict.gain), ("Claim", &verdict.claim), ("SLA", &verdict.sla)];
        facts.extend(figures.into_iter().filter_map(|(name, figure)| Some((name, figure.clone()?))));
    }
    facts.extend(status.and_then(|status| status.price.as_ref()).into_iter().flat_map(sentences::price));
    facts
}
