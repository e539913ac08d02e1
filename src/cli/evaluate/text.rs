//! The answer of `bcmp evaluate` as text, for people who tune servers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kube::ResourceExt;

use crate::api::{BenchmarkComparison, CandidateComparison, EvidenceCode, Finding, Verdict};
use crate::explain;
use crate::measurement::record::Purpose;
use crate::offline::measured::{Inputs, LeftOut};
use crate::offline::{Evaluated, OfflineVariant};
use crate::prediction::{Extent, PredictionOrigin, Serving};
use crate::report::format::{ABSENT, counted, wrapped};
use crate::report::{Report, ReportSubject, ReportVariant, labels, levels, sentences};

/// Files named for each variant.
const MOST_LEFT_OUT: usize = 20;

pub fn text(
    comparison: &BenchmarkComparison,
    known: &BTreeMap<String, OfflineVariant>,
    evaluated: &Evaluated,
    width: usize,
) -> String {
    let subject = ReportSubject { namespace: comparison.namespace(), name: comparison.name_any() };
    let report = Report::new(subject, comparison.spec.clone(), &evaluated.judged, evaluated.variants.clone(), true);
    let verdict = &evaluated.verdict;
    let mut page = TextPage::new(width);
    page.line(&format!("{}: {}", report.comparison.name, labels::result(verdict.result).0));
    page.paragraph("", &verdict.summary);
    page.line("");
    subject_and_answer(&mut page, &report, verdict);
    if selects_and_decides(known) {
        page.field(
            "trials",
            "the trials that selected the deciding levels also decide, which flatters the result a little",
        );
    }
    for variant in &report.variants {
        page.line("");
        self::variant(&mut page, &report, variant, known.get(&variant.name));
    }
    codes(&mut page, &report.variants);
    page.text
}

/// Which runs were judged, and which files were met and not used, with the reason for each.
pub fn files(files: &BTreeMap<String, Inputs>, width: usize) -> String {
    let mut page = TextPage::new(width);
    if !files.is_empty() {
        page.line("");
        page.line("Results that were read");
    }
    for (variant, Inputs { taken, left_out }) in files {
        let mut levels: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        taken.iter().for_each(|trial| *levels.entry((trial.tool.as_str(), trial.concurrency)).or_default() += 1);
        let tools: BTreeSet<&str> = levels.keys().map(|(tool, _)| *tool).collect();
        let each = tools.iter().map(|tool| {
            let of = levels.iter().filter(|((name, _), _)| name == tool);
            let of = of.map(
                |((_, level), trials)| if *trials == 1 { level.to_string() } else { format!("{level} (×{trials})") },
            );
            format!("{tool}, c = {}", of.collect::<Vec<_>>().join(", "))
        });
        let each: Vec<String> = each.collect();
        page.field(variant, &format!("{}: {}", counted(taken.len(), "trial"), each.join("; ")));
        for LeftOut { file, reason } in left_out.iter().take(MOST_LEFT_OUT) {
            page.paragraph("    not used: ", &format!("{file}: {reason}"));
        }
        if left_out.len() > MOST_LEFT_OUT {
            page.line(&format!("    not used: {} more; -o json lists them all", left_out.len() - MOST_LEFT_OUT));
        }
    }
    page.text
}

/// Files of the load tool do not show which trials were made to decide.
fn selects_and_decides(known: &BTreeMap<String, OfflineVariant>) -> bool {
    let mut records = known.values().flat_map(|known| &known.records).peekable();
    records.peek().is_some() && records.all(|record| record.trial.key.purpose == Purpose::Ladder)
}

struct TextPage {
    text: String,
    /// Columns there are.
    width: usize,
}

impl TextPage {
    const fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A text after a start, broken at the width; further lines begin below its first word.
    fn paragraph(&mut self, start: &str, text: &str) {
        wrapped(start, start.chars().count(), text, self.width).iter().for_each(|line| self.line(line));
    }

    fn field(&mut self, name: &str, text: &str) {
        self.paragraph(&format!("  {name:<11} "), text);
    }
}

fn subject_and_answer(page: &mut TextPage, report: &Report, verdict: &Verdict) {
    page.field("model", &format!("{} on {}", report.spec.model.name, sentences::hardware(report)));
    page.field("workload", &sentences::workload(report));
    let meeting = verdict.sla.as_deref().unwrap_or(ABSENT);
    page.field("SLA", &format!("{}: {meeting}", sentences::sla(&report.spec.sla)));
    for compared in &verdict.comparisons {
        page.field("gain", &gain(compared));
        page.field("", &compared.reason);
        at_same_concurrency(page, compared);
    }
    if let Some(winner) = verdict.winner.as_ref().filter(|_| verdict.comparisons.len() > 1) {
        page.field("winner", winner);
    }
    if let Some(claim) = &verdict.claim {
        page.field("claim", &format!("{claim} in tokens/s/GPU at its own load"));
    }
    if let Some(error) = &verdict.estimate_error {
        let tolerance = &report.spec.judgement.accuracy_tolerance_percent;
        page.field("estimates", &format!("{error} off on average for the worst variant (tolerance {tolerance} %)"));
    }
}

fn gain(compared: &CandidateComparison) -> String {
    let (predicted, measured) = (sentences::predicted(&compared.predicted), sentences::measured(&compared.measured));
    format!("{} against the baseline: predicted: {predicted}; measured: {measured}", compared.candidate)
}

fn at_same_concurrency(page: &mut TextPage, compared: &CandidateComparison) {
    let gains = compared.at_same_concurrency.iter();
    let gains: Vec<String> = gains.map(|gain| format!("{}: {} %", gain.concurrency, gain.gain_percent)).collect();
    if !gains.is_empty() {
        page.field("", &format!("tokens/s/GPU with the same number of concurrent requests: {}", gains.join(", ")));
    }
}

fn variant(page: &mut TextPage, report: &Report, variant: &ReportVariant, known: Option<&OfflineVariant>) {
    let role = labels::role_beside(&variant.name, variant.role).map(|role| format!(", {role}")).unwrap_or_default();
    let gpus = variant.gpus.map(|gpus| format!(", {}", counted(gpus, "GPU"))).unwrap_or_default();
    page.line(&format!("{}{role}{gpus}", variant.name));
    page.field("deployed", &deployed(known));
    if variant.gpus.is_none() {
        let assumed = report.gpus_per_variant();
        page.field("GPUs", &format!("unknown; {assumed} assumed (hardware.gpusPerVariant)"));
    }
    page.field("estimated", &estimated(known));
    if let Some(claim) = report.claim(variant) {
        page.field("claim", &sentences::claim(claim));
    }
    if let Some(kept) = sentences::claim_kept(variant) {
        page.field("", &kept);
    }
    if let Some(errors) = sentences::estimate(variant) {
        page.field("estimates", &errors);
    }
    page.field(
        "at the SLA",
        &match sentences::at_sla(report, variant) {
            none if none.is_empty() => ABSENT.into(),
            lines => lines.join("; "),
        },
    );
    let table = levels::terminal(variant, page.width.saturating_sub(2));
    if !table.is_empty() {
        page.line("");
        table.lines().for_each(|line| page.line(&format!("  {line}")));
    }
    findings(page, variant);
}

fn deployed(known: Option<&OfflineVariant>) -> String {
    let Some(shape) = known.and_then(|known| known.shape.as_ref()) else {
        let findings = known.and_then(|known| known.prediction.as_ref()).map_or(&[][..], |of| &of.findings);
        let is_said = findings.iter().any(|finding| finding.code == EvidenceCode::NotPredicted);
        let why = if is_said { "see NotPredicted below" } else { "neither manifests nor a shape is given" };
        return format!("unknown ({why})");
    };
    let of = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} {value}"));
    let types = [of("weights", &shape.weights), of("KV cache", &shape.kv_cache), of("image", &shape.image)];
    let limits = match &shape.serving {
        Serving::Aggregated { workers } => [
            workers.max_batch_size.map(|batch| format!("batch ≤ {batch}")),
            workers.max_num_tokens.map(|tokens| format!("≤ {tokens} tokens per step")),
        ],
        Serving::Disaggregated { .. } => [None, None],
    };
    let parts = std::iter::once(Some(shape.serving.describe())).chain(limits).chain(types);
    parts.flatten().collect::<Vec<_>>().join(", ")
}

/// What the estimates are for, and where they come from.
fn estimated(known: Option<&OfflineVariant>) -> String {
    let Some(prediction) = known.and_then(|known| known.prediction.as_ref()) else { return "nothing".into() };
    let covered = match (&prediction.curve, &prediction.claim) {
        (Some(curve), _) if curve.extent() == Extent::Whole => {
            format!("what is deployed, up to {}", sentences::requests(curve.end()))
        }
        (Some(curve), claim) => {
            let ranges: Vec<String> = curve.covered().iter().map(range).collect();
            let claim = claim.as_ref().map_or("", |_| ", and the claim");
            format!("what is deployed, where the tables have rows: {} concurrent requests{claim}", ranges.join(", "))
        }
        (None, Some(_)) => "the claim alone".into(),
        (None, None) => "nothing".into(),
    };
    match &prediction.origin {
        Some(origin) => format!("{covered} ({})", self::origin(origin)),
        None => covered,
    }
}

fn origin(origin: &PredictionOrigin) -> String {
    let compared = match origin.engine_version {
        Some(_) => "",
        None => " (not compared with the deployed engine, whose version is unknown)",
    };
    let database = origin.database().map(|database| format!(", database {database}{compared}"));
    let weights = origin.weights.as_ref().map(|weights| format!(", weights {weights}"));
    format!("{}{}{}", origin.tool, database.unwrap_or_default(), weights.unwrap_or_default())
}

fn range(range: &RangeInclusive<u32>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}–{}", range.start(), range.end())
    }
}

/// What was found, once for each code and message: about the variant, then by level.
fn findings(page: &mut TextPage, variant: &ReportVariant) {
    if variant.levels.iter().any(|level| level.is_beyond_operating_point()) {
        page.paragraph("  ", sentences::BEYOND);
    }
    let about_levels = variant
        .levels
        .iter()
        .flat_map(|level| level.findings.iter().map(move |finding| (format!("c = {}", level.concurrency), finding)));
    let all: Vec<(String, &Finding)> =
        variant.findings.iter().map(|finding| (String::new(), finding)).chain(about_levels).collect();
    if all.is_empty() {
        return;
    }
    page.line("");
    for (about, finding) in all {
        let (severity, code) = (labels::severity(finding.severity).0, finding.code.as_str());
        page.paragraph(&format!("  {about:<8} {severity:<8} {code:<23} "), &finding.message);
    }
}

/// What the codes mean and what to do, once for each.
fn codes(page: &mut TextPage, variants: &[ReportVariant]) {
    let of_levels = variants.iter().flat_map(|variant| &variant.levels).flat_map(|level| &level.findings);
    let all = variants.iter().flat_map(|variant| &variant.findings).chain(of_levels);
    let codes: BTreeSet<EvidenceCode> = all.map(|finding| finding.code).collect();
    if codes.is_empty() {
        return;
    }
    page.line("");
    page.line("What this means, and what to do");
    for code in codes {
        let explanation = explain::code(code);
        page.line(&format!("  {code}"));
        page.paragraph("    ", &format!("{} {}", explanation.meaning, explanation.why.unwrap_or_default()));
        page.paragraph("    → ", explanation.remedy);
    }
}
