//! The answer as a report for people who tune servers.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Column, table};
use crate::api::{
    BenchmarkComparison, BenchmarkComparisonSpec, CandidateComparison, EvidenceCode, Figures, Finding, LevelStatus,
    OutcomeStatus, Severity, VariantStatus, Verdict,
};
use crate::explain;
use crate::measurement::record::Purpose;
use crate::offline::{Evaluated, Known};
use crate::prediction::Extent;
use crate::report::words::{self, ABSENT, wrapped};
use crate::units::count;

const WIDTH: usize = 110;

/// The report.
pub fn text(comparison: &BenchmarkComparison, known: &BTreeMap<String, Known>, evaluated: &Evaluated) -> String {
    let name = comparison.metadata.name.as_deref().unwrap_or_default();
    let verdict = &evaluated.judgement.verdict;
    let mut page = Page::default();
    page.line(&format!("{name}: {}", verdict.result));
    page.words("", &verdict.summary);
    page.line("");
    subject(&mut page, &comparison.spec, verdict);
    if chosen_by_what_decides(known) {
        page.field(
            "runs",
            "all count alike: those that choose the deciding levels also decide, which flatters a little",
        );
    }
    for variant in &evaluated.variants {
        page.line("");
        self::variant(&mut page, &comparison.spec, variant, known.get(&variant.name));
    }
    codes(&mut page, &evaluated.variants);
    page.0
}

/// Files of the load tool do not tell which runs were made anew to decide.
fn chosen_by_what_decides(known: &BTreeMap<String, Known>) -> bool {
    let mut records = known.values().flat_map(|known| &known.records).peekable();
    records.peek().is_some() && records.all(|record| record.step.purpose == Purpose::Ladder)
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Words after a start, broken at the width; further lines begin below the first word.
    fn words(&mut self, start: &str, words: &str) {
        wrapped(start, start.chars().count(), words, WIDTH).iter().for_each(|line| self.line(line));
    }

    fn field(&mut self, name: &str, words: &str) {
        self.words(&format!("  {name:<11} "), words);
    }
}

fn subject(page: &mut Page, spec: &BenchmarkComparisonSpec, verdict: &Verdict) {
    let (hardware, workload, sla) = (&spec.hardware, &spec.workload, &spec.sla);
    let gpus = hardware.gpus_per_variant;
    page.field("model", &format!("{} on {}, {} GPU{} a variant", spec.model.name, hardware.system, gpus, plural(gpus)));
    page.field("workload", &format!("{} input and {} output tokens", workload.input_tokens, workload.output_tokens));
    let statistic = words::statistic(sla.statistic);
    let meet = verdict.sla.as_deref().unwrap_or(ABSENT);
    let (ttft, tpot) = (&sla.ttft_milliseconds, &sla.tpot_milliseconds);
    page.field("SLA", &format!("{statistic} TTFT ≤ {ttft} ms and {statistic} TPOT ≤ {tpot} ms: {meet}"));
    for compared in &verdict.comparisons {
        page.field("gain", &gain(compared));
        page.field("", &compared.reason);
        at_same_concurrency(page, compared);
    }
    if let Some(winner) = verdict.winner.as_ref().filter(|_| verdict.comparisons.len() > 1) {
        page.field("winner", winner);
    }
    if let Some(accuracy) = &verdict.accuracy {
        let worst = |name: &str, error: &Option<String>| error.as_ref().map(|error| format!("{name} {error} %"));
        let errors =
            [worst("TPOT", &accuracy.tpot_percent), worst("tokens/s/GPU", &accuracy.tokens_per_second_per_gpu_percent)];
        let errors: Vec<String> = errors.into_iter().flatten().collect();
        let tolerance = &spec.judgement.accuracy_tolerance_percent;
        let detail = match errors.is_empty() {
            true => String::new(),
            false => format!(
                ": {} at worst over {} level{}; {tolerance} % are tolerated",
                errors.join(", "),
                accuracy.levels,
                plural(accuracy.levels)
            ),
        };
        page.field("accuracy", &format!("{}{detail}", accuracy.result));
    }
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn gain(compared: &CandidateComparison) -> String {
    let side = |side: &OutcomeStatus| {
        let gain = side.gain_percent.as_ref().map(|gain| format!(" {gain} %")).unwrap_or_default();
        let interval = side.interval.as_ref().map(|interval| format!(" ({interval} %)")).unwrap_or_default();
        format!("{}{gain}{interval}", side.outcome)
    };
    let (predicted, measured) = (side(&compared.predicted), side(&compared.measured));
    format!("{} at the SLA, over the baseline: predicted {predicted}, measured {measured}", compared.candidate)
}

fn at_same_concurrency(page: &mut Page, compared: &CandidateComparison) {
    let gains = compared.at_same_concurrency.iter();
    let gains: Vec<String> =
        gains.map(|gain| format!("{} % with {} in flight", gain.gain_percent, gain.concurrency)).collect();
    if !gains.is_empty() {
        page.field("", &format!("tokens/s/GPU at the same concurrency: {}", gains.join(", ")));
    }
}

fn variant(page: &mut Page, spec: &BenchmarkComparisonSpec, variant: &VariantStatus, known: Option<&Known>) {
    let role = words::role(variant.role);
    let gpus = variant.gpus.map(|gpus| format!(", {gpus} GPU{}", plural(gpus))).unwrap_or_default();
    let role = if role == variant.name { String::new() } else { format!(", {role}") };
    page.line(&format!("{}{role}{gpus}", variant.name));
    page.field("deployed", &deployed(known));
    if variant.gpus.is_none() {
        let assumed = spec.hardware.gpus_per_variant;
        page.field(
            "GPUs",
            &format!("{assumed} assumed (hardware.gpusPerVariant): nothing given tells how many it held"),
        );
    }
    page.field("predicted", &predicted(known));
    if let Some(claim) = &variant.claim {
        page.field("advertised", &format!("{} in flight: {}", claim.concurrency, figures(&claim.figures)));
    }
    let at_sla = match (&variant.at_sla, &variant.sla_reason) {
        (Some(at), _) => {
            let interval = at.interval.as_ref().map(|interval| format!(" ({interval})")).unwrap_or_default();
            format!("{} tokens/s/GPU{interval}", at.tokens_per_second_per_gpu)
        }
        (None, reason) => reason.clone().unwrap_or_else(|| ABSENT.into()),
    };
    page.field("at the SLA", &at_sla);
    let shown: Vec<&LevelStatus> = variant.levels.iter().filter(|level| is_shown(level)).collect();
    if !shown.is_empty() {
        page.line("");
        levels(&shown).lines().for_each(|line| page.line(&format!("  {line}")));
    }
    findings(page, variant);
}

/// A level of the ladder that was neither run nor predicted has nothing to show.
pub fn is_shown(level: &LevelStatus) -> bool {
    level.predicted.is_some() || level.evidence.accepted + level.evidence.rejected > 0
}

fn deployed(known: Option<&Known>) -> String {
    let Some(shape) = known.and_then(|known| known.shape.as_ref()) else {
        return "not known (no manifests and no shape)".into();
    };
    let of = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} {value}"));
    let types = [of("weights", &shape.weights), of("KV cache", &shape.kv_cache), of("image", &shape.image)];
    let limits = match &shape.serving {
        crate::prediction::Serving::Aggregated { workers } => [
            workers.max_batch_size.map(|batch| format!("batch ≤ {batch}")),
            workers.max_num_tokens.map(|tokens| format!("≤ {tokens} tokens a step")),
        ],
        crate::prediction::Serving::Disaggregated { .. } => [None, None],
    };
    let parts = std::iter::once(Some(shape.serving.describe())).chain(limits).chain(types);
    parts.flatten().collect::<Vec<_>>().join(", ")
}

fn predicted(known: Option<&Known>) -> String {
    let Some(prediction) = known.and_then(|known| known.prediction.as_ref()) else { return "nothing".into() };
    let origin = prediction.origin.as_ref().map(|origin| {
        let compared = match origin.engine_version {
            Some(_) => "",
            None => " (not compared with the deployed engine, whose version is not known)",
        };
        let database = origin.database().map(|database| format!(", database {database}{compared}"));
        let weights = origin.weights.as_ref().map(|weights| format!(", weights {weights}"));
        format!("{}{}{}", origin.tool, database.unwrap_or_default(), weights.unwrap_or_default())
    });
    let covers = match (&prediction.curve, &prediction.claim) {
        (Some(curve), _) if curve.extent() == Extent::Whole => {
            format!("what is deployed, up to {} in flight", curve.end())
        }
        (Some(curve), claim) => {
            let ranges: Vec<String> = curve.covered().iter().map(range).collect();
            let claim = claim.as_ref().map_or("", |_| ", and the advertised point");
            format!("what is deployed, where the tables have rows: {} in flight{claim}", ranges.join(", "))
        }
        (None, Some(_)) => "the advertised point alone".into(),
        (None, None) => "nothing".into(),
    };
    origin.map_or(covers.clone(), |origin| format!("{covers} ({origin})"))
}

fn range(range: &std::ops::RangeInclusive<u32>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}–{}", range.start(), range.end())
    }
}

fn figures(figures: &Figures) -> String {
    let of = |value: &Option<String>| value.clone().unwrap_or_else(|| ABSENT.into());
    format!(
        "TTFT {} ms, TPOT {} ms, {} tokens/s/GPU, {} tokens/s/user",
        of(&figures.ttft_milliseconds),
        of(&figures.tpot_milliseconds),
        of(&figures.tokens_per_second_per_gpu),
        of(&figures.tokens_per_second_per_user)
    )
}

/// Levels as a table.
pub fn levels(levels: &[&LevelStatus]) -> String {
    let head = |group, name| Column { group, name, is_text: false };
    let columns = [
        head("", "c"),
        head("", "runs"),
        head("TTFT, ms", "predicted"),
        head("TTFT, ms", "measured"),
        head("TTFT, ms", "error %"),
        head("TPOT, ms", "predicted"),
        head("TPOT, ms", "measured"),
        head("TPOT, ms", "error %"),
        head("tokens/s/GPU", "predicted"),
        head("tokens/s/GPU", "measured"),
        head("tokens/s/GPU", "error %"),
        Column { group: "", name: "SLA", is_text: true },
        Column { group: "", name: "evidence", is_text: true },
    ];
    table(&columns, &levels.iter().map(|level| row(level)).collect::<Vec<_>>())
}

fn row(level: &LevelStatus) -> Vec<String> {
    let predicted = level.predicted.as_ref().map(|predicted| &predicted.figures);
    let measured = level.measured.as_ref().map(|measured| &measured.figures);
    let errors = level.error_percent.as_ref();
    let beyond = level.predicted.as_ref().is_some_and(|predicted| predicted.beyond_operating_point);
    let text = |value: Option<&String>| value.cloned().unwrap_or_else(|| ABSENT.into());
    let foretold = |value: Option<&String>| match value {
        Some(value) if beyond => format!("{value}*"),
        value => text(value),
    };
    let of =
        |read: fn(&Figures) -> Option<&String>| [foretold(predicted.and_then(read)), text(measured.and_then(read))];
    let [ttft, ttft_measured] = of(|figures| figures.ttft_milliseconds.as_ref());
    let [tpot, tpot_measured] = of(|figures| figures.tpot_milliseconds.as_ref());
    let [tokens, tokens_measured] = of(|figures| figures.tokens_per_second_per_gpu.as_ref());
    vec![
        level.concurrency.to_string(),
        level.runs.to_string(),
        ttft,
        ttft_measured,
        text(errors.and_then(|errors| errors.ttft.as_ref())),
        tpot,
        tpot_measured,
        text(errors.and_then(|errors| errors.tpot.as_ref())),
        tokens,
        tokens_measured,
        text(errors.and_then(|errors| errors.tokens_per_second_per_gpu.as_ref())),
        level.sla.map_or(ABSENT, |sla| words::sla(sla).0).into(),
        evidence(level),
    ]
}

fn evidence(level: &LevelStatus) -> String {
    let warnings = level.evidence.reasons.iter().filter(|finding| !finding.rejects()).count();
    match (level.evidence.accepted, level.evidence.rejected) {
        (0, 0) => "not measured".into(),
        (0, _) => "rejected".into(),
        (_, 0) if warnings == 0 => "good".into(),
        (_, 0) => format!("good, {warnings} warning{}", plural(count(warnings))),
        (_, rejected) => format!("{rejected} run{} rejected", plural(rejected)),
    }
}

/// What was found, once for each code and message: about the variant, then by level.
fn findings(page: &mut Page, variant: &VariantStatus) {
    let beyond = variant.levels.iter().any(|level| level.predicted.as_ref().is_some_and(|p| p.beyond_operating_point));
    if beyond {
        page.line("  * beyond what the engines hold at once: requests wait; not part of accuracy");
    }
    let about_levels = variant.levels.iter().flat_map(|level| {
        level.evidence.reasons.iter().map(move |finding| (format!("c = {}", level.concurrency), finding))
    });
    let all: Vec<(String, &Finding)> =
        variant.findings.iter().map(|finding| (String::new(), finding)).chain(about_levels).collect();
    if all.is_empty() {
        return;
    }
    page.line("");
    for (place, finding) in all {
        let severity = match finding.severity {
            Severity::Reject => "rejected",
            Severity::Warn => "warning",
        };
        page.words(&format!("  {place:<8} {severity:<8} {:<23} ", finding.code.as_str()), &finding.message);
    }
}

/// What the codes mean and what to do, once for each.
fn codes(page: &mut Page, variants: &[VariantStatus]) {
    let of_levels = variants.iter().flat_map(|variant| &variant.levels).flat_map(|level| &level.evidence.reasons);
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
        page.words("    ", &format!("{} {}", explanation.meaning, explanation.why.unwrap_or_default()));
        page.words("    → ", explanation.remedy);
    }
}
