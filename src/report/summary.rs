//! `SUMMARY.txt`: what matters, in plain text of 80 columns.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::format::{ABSENT, counted, wrapped};
use super::levels::{self, LevelRow};
use super::model::{Report, ReportVariant};
use super::table::{self, Digits};
use super::{labels, provenance, sentences};
use crate::api::{CandidateComparison, EvidenceCode, Finding, Severity};
use crate::explain;

const WIDTH: usize = 80;
/// Where the values of fields begin.
const INDENT: usize = 22;

pub fn summary(report: &Report) -> String {
    let mut text = Text::default();
    head(report, &mut text);
    for comparison in report.verdict.iter().flat_map(|verdict| &verdict.comparisons) {
        compared(comparison, &mut text);
    }
    rounds(report, &mut text);
    for variant in &report.variants {
        self::variant(report, variant, &mut text);
    }
    evidence(report, &mut text);
    origin(report, &mut text);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn title(&mut self, title: &str, rule: char) {
        if !self.0.is_empty() {
            self.line("");
        }
        self.line(title);
        self.line(&rule.to_string().repeat(title.chars().count().min(WIDTH)));
    }

    /// A paragraph that begins with `start`; further lines are indented.
    fn paragraph(&mut self, start: &str, indent: usize, text: &str) {
        wrapped(start, indent, text, WIDTH).iter().for_each(|line| self.line(line));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.paragraph(&format!("{name:<width$} ", width = INDENT - 1), INDENT, value);
    }
}

fn head(report: &Report, text: &mut Text) {
    let place = report.comparison.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let run = report.run.as_ref().map(|run| format!(", run {}", run.number)).unwrap_or_default();
    text.title(&format!("Benchmark comparison {place}{}{run}", report.comparison.name), '=');
    if let Some(note) = &report.note {
        text.paragraph("NOTE: ", 6, note);
    }
    let headline = sentences::headline(report);
    text.paragraph(&format!("{}: ", headline.badge), 0, &headline.sentence);
    text.line("");
    text.field("Model", &report.spec.model.name);
    text.field("System", &sentences::hardware(report));
    text.field("Workload", &sentences::workload(report));
    text.field("SLA", &sentences::sla(&report.spec.sla));
    if let Some(verdict) = &report.verdict {
        text.field("Variants", &sentences::meeting(report).unwrap_or_else(|| ABSENT.into()));
        text.field("Winner", &sentences::winner(report).unwrap_or_else(|| ABSENT.into()));
        let held =
            [("Claim → measured", sentences::claimed(report)), ("Estimate → meas.", sentences::estimated(report))];
        for (name, value) in held {
            value.iter().for_each(|value| text.field(name, &format!("{value} (tokens/s/GPU)")));
        }
        if let Some(error) = &verdict.estimate_error {
            text.field("Estimates", &format!("{error} off on average for the worst variant"));
        }
        if let Some(ordering) = &report.ordering {
            text.field("Predicted order", &sentences::ordering(ordering));
        }
    }
    for (name, cost) in report.price.iter().flat_map(sentences::price) {
        text.field(name, &cost);
    }
    for variant in &report.variants {
        if let Some(failure) = &variant.failure {
            text.field("Failed", &format!("{}: {}", variant.name, failure.message));
        }
    }
}

fn compared(comparison: &CandidateComparison, text: &mut Text) {
    text.title(&format!("{} against the baseline: {}", comparison.candidate, labels::result(comparison.result).0), '-');
    text.field("Predicted", &sentences::predicted(&comparison.predicted));
    text.field("Measured", &sentences::measured(&comparison.measured));
    text.field("Why", &comparison.reason);
    let gains = &comparison.at_same_concurrency;
    if !gains.is_empty() {
        let all = gains.iter().map(|gain| format!("{}: {}%", gain.concurrency, gain.gain_percent));
        text.field("At the same load", &all.collect::<Vec<_>>().join(", "));
    }
}

/// What was known of the first candidate's gain after each round.
fn rounds(report: &Report, text: &mut Text) {
    for round in report.rounds.iter().filter(|round| round.gain_percent.is_some()) {
        let gain = round.gain_percent.as_deref().unwrap_or(ABSENT);
        let interval = sentences::interval(round.interval.as_deref());
        text.field(&format!("After round {}", round.number), &format!("{gain} % ({interval})"));
    }
}

fn variant(report: &Report, variant: &ReportVariant, text: &mut Text) {
    let role = labels::role_beside(&variant.name, variant.role).map(|role| format!(" ({role})")).unwrap_or_default();
    text.title(&format!("{}{role}, {}", variant.name, counted(report.gpus(variant), "GPU")), '-');
    if let Some(claim) = report.claim(variant) {
        text.field("Claim", &sentences::claim(claim));
    }
    for (name, value) in [("", sentences::claim_kept(variant)), ("Estimates", sentences::estimate(variant))] {
        value.iter().for_each(|value| text.field(name, value));
    }
    let mut name = "At the SLA";
    for line in sentences::at_sla(report, variant) {
        text.field(name, &line);
        name = "";
    }
    if variant.levels.is_empty() {
        text.line("No levels.");
        return;
    }
    text.line("");
    table::text(&LevelRow::SUMMARY, &levels::rows(report, variant), Digits::Readable)
        .lines()
        .for_each(|line| text.line(line));
}

fn evidence(report: &Report, text: &mut Text) {
    let of_levels = report.variants.iter().flat_map(|v| &v.levels).flat_map(|level| &level.findings);
    let of_variants = report.variants.iter().flat_map(|variant| &variant.findings);
    let all: Vec<&Finding> = of_variants.chain(of_levels).collect();
    let kinds: BTreeSet<(Reverse<Severity>, EvidenceCode)> =
        all.iter().map(|finding| (Reverse(finding.severity), finding.code)).collect();
    text.title("Evidence", '-');
    if kinds.is_empty() {
        text.line("Nothing casts doubt on any level or prediction.");
    }
    for (Reverse(severity), code) in kinds {
        let same: Vec<_> = all.iter().filter(|finding| (finding.severity, finding.code) == (severity, code)).collect();
        let first = same.first().map_or("", |finding| &finding.message);
        let start = format!("{:<8} ", labels::severity(severity).0);
        text.paragraph(&start, 9, &format!("{code} ({}): {first}", same.len()));
        text.paragraph("         -> ", 12, explain::code(code).remedy);
    }
    let mut levels = report.variants.iter().flat_map(|variant| &variant.levels);
    if levels.any(|level| level.is_beyond_operating_point()) {
        text.line(sentences::BEYOND);
    }
    text.paragraph("", 2, &sentences::burst(report));
}

fn origin(report: &Report, text: &mut Text) {
    text.title("Provenance", '-');
    for (what, value) in provenance::facts(report) {
        text.field(&what, &value);
    }
    for (what, name) in &report.provenance.config_maps {
        text.field("ConfigMap", &format!("{name} ({what})"));
    }
    for left_out in &report.left_out {
        text.field("Left out", left_out);
    }
    text.line("");
    text.line(&format!("bcmp {}", env!("CARGO_PKG_VERSION")));
}
