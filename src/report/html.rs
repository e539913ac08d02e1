//! `report.html`: one page that needs nothing else. Here everything becomes text; the template escapes it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use askama::Template;

use super::fit::Omission;
use super::format::ABSENT;
use super::labels::{self, Tone};
use super::levels::{self, LevelRow};
use super::model::{Report, ReportVariant};
use super::plot::{self, Plot};
use super::table::{self, Cell, Digits, Heads};
use super::{plots, provenance, sentences, svg};
use crate::api::{EvidenceCode, Finding, MeasuredOutcome};
use crate::explain::{self, Explanation};
use crate::prediction::OperatingPoint;
use crate::verdict::figures::ErrorFigures;

/// The page, ready to be filled in.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/askama.toml", escape = "html")]
struct ReportPage<'a> {
    style: &'static str,
    name: String,
    run: Option<i64>,
    note: Option<&'a str>,
    badge: &'static str,
    tone: &'static str,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    failures: Vec<(&'a str, &'a str)>,
    comparisons: Vec<ComparisonCard>,
    rounds: Vec<RoundRow>,
    gains: Vec<Gains>,
    claims: Vec<ClaimRow>,
    variants: Vec<VariantSection>,
    level_heads: Heads,
    level_tables: bool,
    beyond: &'static str,
    burst: String,
    plot_size: (u32, u32),
    plots: Vec<PlotFigure>,
    markers: Vec<(usize, &'static str)>,
    findings: Vec<FindingRow>,
    more_findings: usize,
    meanings: Vec<Meaning>,
    conditions: Vec<(&'a str, &'a str, &'a str)>,
    provenance: Vec<(String, String)>,
    config_maps: Vec<(&'a str, &'a str)>,
    left_out: &'a [String],
    manifest: Option<String>,
    version: &'static str,
}

struct ComparisonCard {
    candidate: String,
    badge: &'static str,
    tone: &'static str,
    predicted: SideText,
    measured: SideText,
    rounds: u32,
    stopped: &'static str,
    reason: String,
}

/// What was known after a round.
struct RoundRow {
    number: u32,
    gain: String,
    interval: String,
}

struct SideText {
    outcome: &'static str,
    gain: String,
    interval: String,
}

/// Gains of one candidate at the same load.
struct Gains {
    candidate: String,
    at: Vec<(u32, String)>,
}

/// One quantity of one variant at a claim's concurrency.
struct ClaimRow {
    /// On the first row of a variant: its name, its load, and how many rows it has.
    variant: Option<(String, String, usize)>,
    quantity: &'static str,
    claimed: String,
    estimated: String,
    measured: String,
    error: String,
}

struct VariantSection {
    index: usize,
    name: String,
    role: Option<&'static str>,
    gpus: u32,
    at_sla: String,
    estimate: String,
    facts: Vec<(&'static str, String)>,
    levels: Vec<Vec<TableCell>>,
}

struct TableCell {
    text: String,
    /// Class of a badge.
    tone: Option<&'static str>,
}

struct PlotFigure {
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    description: String,
    elements: String,
}

struct FindingRow {
    about: String,
    severity: &'static str,
    tone: &'static str,
    code: &'static str,
    message: String,
}

struct Meaning {
    code: &'static str,
    meaning: String,
    why: String,
    remedy: String,
}

pub fn page(report: &Report, omission: Omission) -> String {
    let headline = sentences::headline(report);
    let findings = findings(report);
    let shown = findings.len().min(omission.findings());
    let place = report.comparison.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let has_tables = omission < Omission::Tables;
    let page = ReportPage {
        style: include_str!("report.css"),
        name: format!("{place}{}", report.comparison.name),
        run: report.run.as_ref().map(|run| run.number),
        note: report.note.as_deref(),
        badge: headline.badge,
        tone: headline.tone.class(),
        sentence: headline.sentence,
        facts: facts(report),
        failures: failures(report),
        comparisons: comparisons(report),
        rounds: rounds(report),
        gains: gains(report),
        claims: claims(report),
        variants: report.variants.iter().enumerate().map(|(index, v)| variant(report, index, v)).collect(),
        level_heads: table::heads(&LevelRow::PAGE),
        level_tables: has_tables,
        beyond: sentences::BEYOND,
        burst: sentences::burst(report),
        plot_size: plot::SIZE,
        plots: if has_tables { drawn(report) } else { vec![] },
        markers: (0..report.variants.len()).map(|index| (index, svg::marker_shape(index))).collect(),
        more_findings: findings.len() - shown,
        meanings: meanings(&findings),
        findings: findings.iter().take(shown).map(|(about, finding)| finding_row(about, finding)).collect(),
        conditions: report.conditions.iter().map(|c| (&*c.kind, &*c.status, &*c.message)).collect(),
        provenance: provenance::facts(report),
        config_maps: report.provenance.config_maps.iter().map(|(what, name)| (&**what, &**name)).collect(),
        left_out: &report.left_out,
        manifest: (omission < Omission::Figures).then(|| provenance::manifest(report)),
        version: env!("CARGO_PKG_VERSION"),
    };
    // A template that is filled in from memory cannot fail.
    page.render().unwrap_or_default()
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Model", report.spec.model.name.clone()),
        ("System", sentences::hardware(report)),
        ("Workload", sentences::workload(report)),
        ("SLA", sentences::sla(&report.spec.sla)),
    ];
    if let Some(verdict) = &report.verdict {
        let known = |value: Option<String>| value.unwrap_or_else(|| ABSENT.into());
        facts.push(("Variants", known(sentences::meeting(report))));
        facts.push(("Winner", known(sentences::winner(report))));
        facts.push(("Measured gain", known(verdict.gain.clone())));
        facts.push(("Claim → measured, tokens/s/GPU", known(sentences::claimed(report))));
        facts.push(("Estimate → measured, tokens/s/GPU", known(sentences::estimated(report))));
        facts.push(("Mean error of estimates", known(verdict.estimate_error.clone())));
        facts.extend(report.ordering.as_ref().map(|of| ("Predicted order", sentences::ordering(of))));
    }
    facts.extend(report.price.iter().flat_map(sentences::price));
    facts
}

fn failures(report: &Report) -> Vec<(&str, &str)> {
    report.variants.iter().filter_map(|v| Some((v.name.as_str(), v.failure.as_ref()?.message.as_str()))).collect()
}

fn comparisons(report: &Report) -> Vec<ComparisonCard> {
    let percent = |of: &Option<String>| of.as_ref().map_or_else(|| ABSENT.into(), |of| format!("{of} %"));
    let side = |outcome, gain, interval| SideText { outcome: labels::outcome(outcome), gain, interval };
    let all = report.verdict.iter().flat_map(|verdict| &verdict.comparisons);
    all.map(|comparison| {
        let (badge, tone) = labels::result(comparison.result);
        ComparisonCard {
            candidate: comparison.candidate.clone(),
            badge,
            tone: tone.class(),
            predicted: side(comparison.predicted.outcome, percent(&comparison.predicted.gain_percent), ABSENT.into()),
            measured: side(
                comparison.measured.outcome,
                bounded(&comparison.measured, percent(&comparison.measured.gain_percent)),
                match comparison.measured.gain_percent {
                    Some(_) => sentences::interval(comparison.measured.interval.as_deref()),
                    None => ABSENT.into(),
                },
            ),
            rounds: comparison.measured.rounds,
            stopped: comparison.measured.stopped.map(labels::stopped).unwrap_or_default(),
            reason: comparison.reason.clone(),
        }
    })
    .collect()
}

fn bounded(measured: &MeasuredOutcome, gain: String) -> String {
    if measured.at_least { format!("at least {gain}") } else { gain }
}

/// What was known after each round.
fn rounds(report: &Report) -> Vec<RoundRow> {
    let known = report.rounds.iter().filter_map(|round| {
        let interval = sentences::interval(round.interval.as_deref());
        Some(RoundRow { number: round.number, gain: format!("{} %", round.gain_percent.as_ref()?), interval })
    });
    known.collect()
}

fn gains(report: &Report) -> Vec<Gains> {
    let all = report.verdict.iter().flat_map(|verdict| &verdict.comparisons);
    let gains = all.map(|comparison| Gains {
        candidate: comparison.candidate.clone(),
        at: comparison
            .at_same_concurrency
            .iter()
            .map(|of| (of.concurrency, format!("{} %", of.gain_percent)))
            .collect(),
    });
    gains.filter(|gains| !gains.at.is_empty()).collect()
}

/// Each variant at the concurrency of its claim; one without a claim at that of the first claim.
fn claims(report: &Report) -> Vec<ClaimRow> {
    let first = report.variants.iter().find_map(|variant| report.claim(variant));
    let Some(first) = first else { return vec![] };
    report.variants.iter().flat_map(|variant| claim_rows(report, variant, first.concurrency)).collect()
}

fn claim_rows(report: &Report, variant: &ReportVariant, otherwise: u32) -> Vec<ClaimRow> {
    let claim = report.claim(variant);
    let concurrency = claim.map_or(otherwise, |claim| claim.concurrency);
    let level = variant.levels.iter().find(|level| level.concurrency == concurrency);
    let advertised = claim.map(|claim| claim.advertised());
    let estimate = level.and_then(|level| level.estimate).map(|estimate| estimate.point);
    let measured = level.and_then(|level| level.measured).map(|measured| measured.point);
    let error = measured.zip(claim).map(|(measured, claim)| ErrorFigures::of(&measured, &claim.point));
    let kept = variant.claim.as_ref().map(|claim| format!(", {}", labels::kept(claim.kept).0)).unwrap_or_default();
    type Of = fn(&OperatingPoint) -> f64;
    let quantities: [(&'static str, Of, Option<f64>); 4] = [
        ("tokens/s/GPU", |of| of.tokens_per_second_per_gpu.get(), error.and_then(|error| error.tokens)),
        ("tokens/s/user", OperatingPoint::tokens_per_second_per_user, None),
        ("TTFT, ms", |of| of.ttft.get(), error.and_then(|error| error.ttft)),
        ("TPOT, ms", |of| of.tpot.get(), error.and_then(|error| error.tpot)),
    ];
    let rows = quantities.len();
    let each = quantities.into_iter().enumerate().map(|(index, (quantity, of, error))| {
        let shown = |point: Option<OperatingPoint>| Cell::number(point.as_ref().map(of)).shown(Digits::Readable);
        ClaimRow {
            variant: (index == 0)
                .then(|| (variant.name.clone(), format!("{}{kept}", sentences::requests(concurrency)), rows)),
            quantity,
            claimed: shown(advertised),
            estimated: shown(estimate),
            measured: shown(measured),
            error: Cell::percent(error).shown(Digits::Readable),
        }
    });
    each.collect()
}

fn variant(report: &Report, index: usize, variant: &ReportVariant) -> VariantSection {
    let at_sla = sentences::at_sla(report, variant).join("; ");
    let row = |row: &LevelRow| LevelRow::PAGE.iter().map(|column| table_cell((column.cell)(row))).collect();
    VariantSection {
        index,
        name: variant.name.clone(),
        role: labels::role_beside(&variant.name, variant.role),
        gpus: report.gpus(variant),
        at_sla: if at_sla.is_empty() { ABSENT.into() } else { at_sla },
        estimate: sentences::estimate(variant).unwrap_or_default(),
        facts: provenance::deployed(report, variant),
        levels: levels::rows(report, variant).iter().map(row).collect(),
    }
}

fn table_cell(cell: Cell) -> TableCell {
    TableCell { text: cell.shown(Digits::Readable), tone: cell.tone().map(Tone::class) }
}

/// The plots that have anything to show.
fn drawn(report: &Report) -> Vec<PlotFigure> {
    plots::plots(report).into_iter().filter(|plot| !plot.is_empty()).map(figure).collect()
}

fn figure(plot: Plot) -> PlotFigure {
    PlotFigure {
        id: plot.id,
        title: plot.title,
        caption: plot.caption,
        description: plot.description(),
        elements: plot.elements(),
    }
}

/// Every finding and what it is about, rejecting ones first.
fn findings(report: &Report) -> Vec<(String, &Finding)> {
    let of_variants = report.variants.iter().flat_map(|v| v.findings.iter().map(|finding| (v.name.clone(), finding)));
    let of_levels = report.variants.iter().flat_map(|variant| {
        variant.levels.iter().flat_map(move |level| {
            let about = format!("{}, {}", variant.name, sentences::requests(level.concurrency));
            level.findings.iter().map(move |finding| (about.clone(), finding))
        })
    });
    let mut all: Vec<_> = of_variants.chain(of_levels).collect();
    all.sort_by_key(|(_, finding)| Reverse(finding.severity));
    all
}

fn finding_row(about: &str, finding: &Finding) -> FindingRow {
    let (severity, tone) = labels::severity(finding.severity);
    FindingRow {
        about: about.into(),
        severity,
        tone: tone.class(),
        code: finding.code.as_str(),
        message: finding.message.clone(),
    }
}

fn meanings(findings: &[(String, &Finding)]) -> Vec<Meaning> {
    let codes: BTreeSet<EvidenceCode> = findings.iter().map(|(_, finding)| finding.code).collect();
    let meaning = |code: EvidenceCode| {
        let Explanation { meaning, why, remedy, .. } = explain::code(code);
        let plain = |text: &str| text.replace('`', "");
        let (meaning, why) = (plain(meaning), plain(why.unwrap_or_default()));
        Meaning { code: code.as_str(), meaning, why, remedy: plain(remedy) }
    };
    codes.into_iter().map(meaning).collect()
}
