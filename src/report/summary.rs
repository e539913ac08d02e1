//! `SUMMARY.txt`: what matters, in plain text of 80 columns.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::model::Report;
use super::provenance;
use super::words::{self, ABSENT, percent, stored};
use crate::api::{CandidateComparison, EvidenceCode, LevelStatus, OutcomeStatus, Severity, VariantStatus};
use crate::explain;

const WIDTH: usize = 80;

/// The summary.
pub fn summary(report: &Report) -> String {
    let mut text = Text::default();
    head(report, &mut text);
    for comparison in report.verdict.iter().flat_map(|verdict| &verdict.comparisons) {
        compared(comparison, &mut text);
    }
    for variant in &report.variants {
        levels(report, variant, &mut text);
    }
    evidence(report, &mut text);
    origin(report, &mut text);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    fn title(&mut self, title: &str, rule: char) {
        if !self.0.is_empty() {
            self.line("");
        }
        self.line(title);
        self.line(&rule.to_string().repeat(title.chars().count().min(WIDTH)));
    }

    /// Words from `first` on, further lines indented.
    fn words(&mut self, first: &str, indent: usize, words: &str) {
        words::wrapped(first, indent, words, WIDTH).iter().for_each(|line| self.line(line));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.words(&format!("{name:<21} "), 22, value);
    }
}

fn head(report: &Report, text: &mut Text) {
    let place = report.comparison.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let run = report.run.as_ref().map(|run| format!(", run {}", run.number)).unwrap_or_default();
    text.title(&format!("Benchmark comparison {place}{}{run}", report.comparison.name), '=');
    if let Some(note) = &report.note {
        text.words("NOTE: ", 6, note);
    }
    let headline = words::headline(report);
    text.words(&format!("{}: ", headline.badge), 0, &headline.sentence);
    text.line("");
    let spec = &report.spec;
    text.field("Model", &spec.model.name);
    text.field(
        "System",
        &format!("{}, {} GPUs for each variant", spec.hardware.system, spec.hardware.gpus_per_variant),
    );
    text.field(
        "Workload",
        &format!("{} input tokens, {} output tokens", spec.workload.input_tokens, spec.workload.output_tokens),
    );
    let statistic = words::statistic(spec.sla.statistic);
    text.field(
        "SLA",
        &format!("{statistic} TTFT <= {} ms, TPOT <= {} ms", spec.sla.ttft_milliseconds, spec.sla.tpot_milliseconds),
    );
    if let Some(verdict) = &report.verdict {
        text.field("Variants with the SLA", verdict.sla.as_deref().unwrap_or(ABSENT));
        text.field("Winner", verdict.winner.as_deref().unwrap_or("none beyond doubt"));
        if let Some(error) = &verdict.prediction_error {
            text.field("Prediction off by", &format!("{error} at most, of TPOT and tokens/s/GPU"));
        }
        if let Some(ordering) = &report.figures.ordering {
            text.field("Predicted order", &words::ordering(ordering));
        }
    }
    for variant in report.variants.iter().filter(|variant| variant.failure.is_some()) {
        let failure = variant.failure.as_ref().map_or("", |failure| &failure.message);
        text.field("Failed", &format!("{}: {failure}", variant.name));
    }
}

fn compared(comparison: &CandidateComparison, text: &mut Text) {
    text.title(&format!("{} against the baseline: {}", comparison.candidate, words::result(comparison.result).0), '-');
    for (what, outcome) in [("Predicted", &comparison.predicted), ("Measured", &comparison.measured)] {
        text.field(what, &outcome_words(outcome));
    }
    text.field("Why", &comparison.reason);
    let gains = &comparison.at_same_concurrency;
    if !gains.is_empty() {
        let all = gains.iter().map(|gain| format!("{}: {}%", gain.concurrency, gain.gain_percent));
        text.field("At same concurrency", &all.collect::<Vec<_>>().join(", "));
    }
}

fn outcome_words(outcome: &OutcomeStatus) -> String {
    let gain = outcome.gain_percent.as_ref().map(|gain| format!(", {gain}% tokens/s/GPU at the SLA"));
    let interval = outcome.interval.as_ref().map(|interval| format!(" ({interval} %)"));
    format!("{}{}{}", words::outcome(outcome.outcome), gain.unwrap_or_default(), interval.unwrap_or_default())
}

fn levels(report: &Report, variant: &VariantStatus, text: &mut Text) {
    let role = Some(words::role(variant.role)).filter(|role| *role != variant.name);
    let role = role.map(|role| format!(" ({role})")).unwrap_or_default();
    text.title(&format!("{}{role}, {} GPUs", variant.name, report.gpus(variant)), '-');
    if let Some(claim) = &variant.claim {
        text.field(
            "Advertised",
            &format!(
                "{} tokens/s/GPU, {} tokens/s/user with {} in flight (TTFT {} ms, TPOT {} ms)",
                stored(claim.figures.tokens_per_second_per_gpu.as_ref()),
                stored(claim.figures.tokens_per_second_per_user.as_ref()),
                claim.concurrency,
                stored(claim.figures.ttft_milliseconds.as_ref()),
                stored(claim.figures.tpot_milliseconds.as_ref()),
            ),
        );
    }
    match (&variant.at_sla, &variant.sla_reason) {
        (Some(at), _) => {
            let interval = at.interval.as_ref().map(|interval| format!(" ({interval})")).unwrap_or_default();
            let value = stored(Some(&at.tokens_per_second_per_gpu));
            text.field("At the SLA", &format!("{value} tokens/s/GPU{interval}"));
        }
        (None, Some(why)) => text.field("At the SLA", why),
        (None, None) => {}
    }
    words::beside_the_sla(report, variant).iter().for_each(|words| text.field("", words));
    if variant.levels.is_empty() {
        text.line("No levels.");
        return;
    }
    text.line("");
    text.line("  in       TTFT, ms          TPOT, ms        tokens/s/GPU          runs");
    text.line("flight  pred.    meas.    pred.    meas.    pred.    meas.  error  good SLA");
    for level in &variant.levels {
        text.line(&row(level));
    }
}

fn row(level: &LevelStatus) -> String {
    let predicted = level.predicted.as_ref().map(|predicted| &predicted.figures);
    let measured = level.measured.as_ref().map(|measured| &measured.figures);
    let beyond = level.predicted.as_ref().is_some_and(|predicted| predicted.beyond_operating_point);
    let runs = level.evidence.accepted + level.evidence.rejected;
    format!(
        "{:>6} {:>6}{}{:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>5} {}",
        level.concurrency,
        stored(predicted.and_then(|f| f.ttft_milliseconds.as_ref())),
        if beyond { "*" } else { " " },
        stored(measured.and_then(|f| f.ttft_milliseconds.as_ref())),
        stored(predicted.and_then(|f| f.tpot_milliseconds.as_ref())),
        stored(measured.and_then(|f| f.tpot_milliseconds.as_ref())),
        stored(predicted.and_then(|f| f.tokens_per_second_per_gpu.as_ref())),
        stored(measured.and_then(|f| f.tokens_per_second_per_gpu.as_ref())),
        percent(level.error_percent.as_ref().and_then(|error| error.tokens_per_second_per_gpu.as_ref())),
        format!("{}/{runs}", level.evidence.accepted),
        level.sla.map_or(ABSENT, |sla| words::sla(sla).0),
    )
}

fn evidence(report: &Report, text: &mut Text) {
    let of_levels = report.variants.iter().flat_map(|v| &v.levels).flat_map(|level| &level.evidence.reasons);
    let of_variants = report.variants.iter().flat_map(|variant| &variant.findings);
    let all: Vec<_> = of_variants.chain(of_levels).collect();
    let codes: BTreeSet<(std::cmp::Reverse<Severity>, EvidenceCode)> =
        all.iter().map(|finding| (std::cmp::Reverse(finding.severity), finding.code)).collect();
    text.title("Evidence", '-');
    if codes.is_empty() {
        text.line("Nothing speaks against any level or prediction.");
    }
    for (severity, code) in codes {
        let same: Vec<_> =
            all.iter().filter(|finding| (finding.severity, finding.code) == (severity.0, code)).collect();
        let mark = if severity.0 == Severity::Reject { "rejected" } else { "warning " };
        let first = same.first().map_or("", |finding| &finding.message);
        text.words(&format!("{mark} "), 9, &format!("{code} ({}): {first}", same.len()));
        text.words("         -> ", 12, explain::code(code).remedy);
    }
    let beyond = report
        .variants
        .iter()
        .flat_map(|variant| &variant.levels)
        .any(|level| level.predicted.as_ref().is_some_and(|predicted| predicted.beyond_operating_point));
    if beyond {
        text.line("* predicted for more requests than the engines hold: not judged");
    }
}

fn origin(report: &Report, text: &mut Text) {
    text.title("Where this comes from", '-');
    for (what, value) in provenance::facts(report) {
        text.field(&what, &value);
    }
    for (what, name) in &report.provenance.config_maps {
        text.field(&format!("ConfigMap, {what}"), name);
    }
    for left_out in &report.left_out {
        text.field("Left out", left_out);
    }
    text.line("");
    text.line(&format!("bcmp {}", env!("CARGO_PKG_VERSION")));
}
