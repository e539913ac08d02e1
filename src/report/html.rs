//! `report.html`: one page that needs nothing else. What the template shows, prepared as text; the template escapes it.

use std::collections::BTreeSet;

use askama::Template;

use super::fit::Omission;
use super::model::Report;
use super::plot::{self, data};
use super::provenance;
use super::words::{self, ABSENT, percent, stored};
use crate::api::{EvidenceCode, Figures, Finding, LevelStatus, OutcomeStatus, Severity, VariantStatus};
use crate::measurement::explain::explain;

/// The page, ready to be filled in.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/askama.toml", escape = "html")]
struct Page<'a> {
    style: &'static str,
    name: String,
    run: Option<i64>,
    note: Option<&'a str>,
    badge: &'static str,
    tone: &'static str,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    failures: Vec<(String, String)>,
    comparisons: Vec<Compared>,
    same: Vec<Same>,
    points: Vec<At>,
    variants: Vec<Shown>,
    plots: Vec<Picture>,
    markers: Vec<(usize, &'static str)>,
    levels: bool,
    evidence: Vec<Row>,
    more_evidence: usize,
    meanings: Vec<Meaning>,
    conditions: Vec<(String, String, String)>,
    provenance: Vec<(String, String)>,
    config_maps: Vec<(String, String)>,
    left_out: &'a [String],
    manifest: Option<String>,
    version: &'static str,
}

struct Compared {
    candidate: String,
    badge: &'static str,
    tone: &'static str,
    predicted: Side,
    measured: Side,
    reason: String,
}

struct Side {
    outcome: &'static str,
    gain: String,
    interval: String,
}

/// Gains at the same concurrency of one candidate.
struct Same {
    candidate: String,
    gains: Vec<(i32, String)>,
}

/// One quantity of one variant at a point that was advertised.
struct At {
    variant: String,
    first: bool,
    concurrency: i32,
    quantity: &'static str,
    advertised: String,
    predicted: String,
    measured: String,
    error: String,
}

struct Shown {
    index: usize,
    name: String,
    role: &'static str,
    gpus: i32,
    at_sla: String,
    facts: Vec<(&'static str, String)>,
    levels: Vec<Level>,
}

struct Level {
    concurrency: i32,
    sla: &'static str,
    tone: &'static str,
    beyond: bool,
    /// TTFT, TPOT, tokens/s/GPU.
    figures: [Trio; 3],
    user: (String, String),
    p99: (String, String),
    requests_per_second: String,
    cost: String,
    runs: String,
    codes: String,
}

/// Predicted, measured, error.
struct Trio {
    predicted: String,
    measured: String,
    error: String,
}

struct Picture {
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    description: String,
    elements: String,
    marks: Vec<usize>,
}

struct Row {
    place: String,
    tone: &'static str,
    severity: &'static str,
    code: &'static str,
    message: String,
}

struct Meaning {
    code: &'static str,
    meaning: &'static str,
    why: &'static str,
    remedy: &'static str,
}

/// The page of a report.
pub fn page(report: &Report, omission: Omission) -> String {
    let headline = words::headline(report);
    let findings = findings(report);
    let shown = findings.len().min(omission.evidence_rows());
    let place = report.comparison.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let page = Page {
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
        same: same(report),
        points: points(report),
        variants: report.variants.iter().enumerate().map(|(index, v)| variant(report, index, v)).collect(),
        plots: if omission < Omission::Tables { pictures(report) } else { vec![] },
        markers: (0..report.variants.len()).map(|index| (index, plot::marker(index))).collect(),
        levels: omission < Omission::Tables,
        more_evidence: findings.len() - shown,
        meanings: meanings(&findings),
        evidence: findings.iter().take(shown).map(|(place, finding)| row(place, finding)).collect(),
        conditions: conditions(report),
        provenance: provenance::facts(report),
        config_maps: report.provenance.config_maps.iter().map(|(what, name)| (what.clone(), name.clone())).collect(),
        left_out: &report.left_out,
        manifest: (omission < Omission::Figures).then(|| provenance::manifest(report)),
        version: env!("CARGO_PKG_VERSION"),
    };
    // A template that is filled in from memory cannot fail to be written.
    page.render().unwrap_or_default()
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let spec = &report.spec;
    let statistic = words::statistic(spec.sla.statistic);
    let mut facts = vec![
        ("Model", spec.model.name.clone()),
        ("System", format!("{}, {} GPUs a variant", spec.hardware.system, spec.hardware.gpus_per_variant)),
        ("Workload", format!("{} input, {} output tokens", spec.workload.input_tokens, spec.workload.output_tokens)),
        (
            "SLA",
            format!("{statistic} TTFT ≤ {} ms, TPOT ≤ {} ms", spec.sla.ttft_milliseconds, spec.sla.tpot_milliseconds),
        ),
    ];
    if let Some(verdict) = &report.verdict {
        facts.push(("Keep the SLA", verdict.sla.clone().unwrap_or_else(|| ABSENT.into())));
        facts.push(("Winner", verdict.winner.clone().unwrap_or_else(|| "none beyond doubt".into())));
        facts.push(("Gain, measured", verdict.gain.clone().unwrap_or_else(|| ABSENT.into())));
        facts.push(("Prediction off by", verdict.prediction_error.clone().unwrap_or_else(|| ABSENT.into())));
        facts.extend(report.figures.ordering.as_ref().map(|of| ("Predicted order", words::ordering(of))));
    }
    facts
}

fn failures(report: &Report) -> Vec<(String, String)> {
    let failed = report.variants.iter().filter_map(|v| Some((v.name.clone(), v.failure.as_ref()?.message.clone())));
    failed.collect()
}

fn comparisons(report: &Report) -> Vec<Compared> {
    let side = |outcome: &OutcomeStatus| Side {
        outcome: words::outcome(outcome.outcome),
        gain: percent(outcome.gain_percent.as_ref()),
        interval: outcome.interval.as_ref().map_or_else(|| ABSENT.into(), |interval| format!("{interval} %")),
    };
    let all = report.verdict.iter().flat_map(|verdict| &verdict.comparisons);
    all.map(|comparison| {
        let (badge, tone) = words::result(comparison.result);
        Compared {
            candidate: comparison.candidate.clone(),
            badge,
            tone: tone.class(),
            predicted: side(&comparison.predicted),
            measured: side(&comparison.measured),
            reason: comparison.reason.clone(),
        }
    })
    .collect()
}

fn same(report: &Report) -> Vec<Same> {
    let all = report.verdict.iter().flat_map(|verdict| &verdict.comparisons);
    let gains = all.map(|comparison| Same {
        candidate: comparison.candidate.clone(),
        gains: comparison
            .at_same_concurrency
            .iter()
            .map(|gain| (gain.concurrency, format!("{}%", gain.gain_percent)))
            .collect(),
    });
    gains.filter(|same| !same.gains.is_empty()).collect()
}

/// Each variant at the point that is advertised for it; one for which none is, at the first that is.
fn points(report: &Report) -> Vec<At> {
    let first = report.variants.iter().find_map(|variant| variant.claim.as_ref());
    let Some(first) = first else { return vec![] };
    report.variants.iter().flat_map(|variant| point(variant, first.concurrency)).collect()
}

fn point(variant: &VariantStatus, other: i32) -> Vec<At> {
    let claim = variant.claim.as_ref();
    let concurrency = claim.map_or(other, |claim| claim.concurrency);
    let level = variant.levels.iter().find(|level| level.concurrency == concurrency);
    let predicted = level.and_then(|level| level.predicted.as_ref()).map(|predicted| &predicted.figures);
    let measured = level.and_then(|level| level.measured.as_ref()).map(|measured| &measured.figures);
    let error = level.and_then(|level| level.error_percent.as_ref());
    type Of = fn(&Figures) -> Option<&String>;
    let quantities: [(&'static str, Of, Option<&String>); 4] = [
        (
            "tokens/s/GPU",
            |f| f.tokens_per_second_per_gpu.as_ref(),
            error.and_then(|e| e.tokens_per_second_per_gpu.as_ref()),
        ),
        ("tokens/s/user", |f| f.tokens_per_second_per_user.as_ref(), None),
        ("TTFT, ms", |f| f.ttft_milliseconds.as_ref(), error.and_then(|e| e.ttft.as_ref())),
        ("TPOT, ms", |f| f.tpot_milliseconds.as_ref(), error.and_then(|e| e.tpot.as_ref())),
    ];
    let each = quantities.into_iter().enumerate().map(|(index, (quantity, of, error))| At {
        variant: variant.name.clone(),
        first: index == 0,
        concurrency,
        quantity,
        advertised: stored(claim.and_then(|claim| of(&claim.figures))),
        predicted: stored(predicted.and_then(of)),
        measured: stored(measured.and_then(of)),
        error: percent(error),
    });
    each.collect()
}

fn variant(report: &Report, index: usize, variant: &VariantStatus) -> Shown {
    let at_sla = match (&variant.at_sla, &variant.sla_reason) {
        (Some(at), _) => {
            let interval = at.interval.as_ref().map(|interval| format!(" (95 % interval {interval})"));
            let value = stored(Some(&at.tokens_per_second_per_gpu));
            let at_sla = format!("{value} tokens/s/GPU{}", interval.unwrap_or_default());
            std::iter::once(at_sla).chain(words::beside_the_sla(report, variant)).collect::<Vec<_>>().join("; ")
        }
        (None, Some(why)) => why.clone(),
        (None, None) => ABSENT.into(),
    };
    Shown {
        index,
        name: variant.name.clone(),
        role: words::role(variant.role),
        gpus: report.gpus(variant),
        at_sla,
        facts: provenance::deployed(report, variant),
        levels: variant.levels.iter().map(|l| level(report, variant, l)).collect(),
    }
}

fn level(report: &Report, variant: &VariantStatus, level: &LevelStatus) -> Level {
    let none = Figures::default();
    let predicted = level.predicted.as_ref().map_or(&none, |predicted| &predicted.figures);
    let measured = level.measured.as_ref().map_or(&none, |measured| &measured.figures);
    let error = level.error_percent.as_ref();
    let trio = |p: &Option<String>, m: &Option<String>, e: Option<&String>| Trio {
        predicted: stored(p.as_ref()),
        measured: stored(m.as_ref()),
        error: percent(e),
    };
    let figures = report.figures.variants.iter().find(|figures| figures.name == variant.name);
    let figures = figures.and_then(|f| f.levels.iter().find(|l| i32::try_from(l.concurrency) == Ok(level.concurrency)));
    let number = |number: Option<f64>| number.map_or_else(|| ABSENT.into(), words::figure);
    let (sla, tone) = level.sla.map_or((ABSENT, words::Tone::Plain), words::sla);
    let codes: Vec<&str> = level.evidence.reasons.iter().map(|finding| finding.code.as_str()).collect();
    Level {
        concurrency: level.concurrency,
        sla,
        tone: tone.class(),
        beyond: level.predicted.as_ref().is_some_and(|predicted| predicted.beyond_operating_point),
        figures: [
            trio(&predicted.ttft_milliseconds, &measured.ttft_milliseconds, error.and_then(|e| e.ttft.as_ref())),
            trio(&predicted.tpot_milliseconds, &measured.tpot_milliseconds, error.and_then(|e| e.tpot.as_ref())),
            trio(
                &predicted.tokens_per_second_per_gpu,
                &measured.tokens_per_second_per_gpu,
                error.and_then(|e| e.tokens_per_second_per_gpu.as_ref()),
            ),
        ],
        user: (
            stored(predicted.tokens_per_second_per_user.as_ref()),
            stored(measured.tokens_per_second_per_user.as_ref()),
        ),
        p99: (
            number(figures.and_then(|f| f.ttft?.p99).map(|p99| p99.get())),
            number(figures.and_then(|f| f.tpot?.p99).map(|p99| p99.get())),
        ),
        requests_per_second: number(figures.and_then(|f| f.requests_per_second).map(|rate| rate.get())),
        cost: number(figures.and_then(|f| f.cost_per_million_output_tokens)),
        runs: format!("{} of {}", level.evidence.accepted, level.evidence.accepted + level.evidence.rejected),
        codes: codes.join(", "),
    }
}

fn pictures(report: &Report) -> Vec<Picture> {
    let picture = |plot: plot::Plot| Picture {
        id: plot.id,
        title: plot.title,
        caption: plot.caption,
        description: plot.description(),
        elements: plot.elements(),
        marks: (0..plot.series.len()).collect(),
    };
    data::plots(report).into_iter().map(picture).collect()
}

/// Every finding and what it is about, rejecting ones first.
fn findings(report: &Report) -> Vec<(String, &Finding)> {
    let of_variants = report
        .variants
        .iter()
        .flat_map(|variant| variant.findings.iter().map(|finding| (variant.name.clone(), finding)));
    let of_levels = report.variants.iter().flat_map(|variant| {
        variant.levels.iter().flat_map(move |level| {
            let place = format!("{}, {} in flight", variant.name, level.concurrency);
            level.evidence.reasons.iter().map(move |finding| (place.clone(), finding))
        })
    });
    let mut all: Vec<_> = of_variants.chain(of_levels).collect();
    all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    all
}

fn row(place: &str, finding: &Finding) -> Row {
    let (severity, tone) = match finding.severity {
        Severity::Reject => ("rejected", "bad"),
        Severity::Warn => ("warning", "fair"),
    };
    Row { place: place.into(), tone, severity, code: finding.code.as_str(), message: finding.message.clone() }
}

fn meanings(findings: &[(String, &Finding)]) -> Vec<Meaning> {
    let codes: BTreeSet<EvidenceCode> = findings.iter().map(|(_, finding)| finding.code).collect();
    let meaning = |code: EvidenceCode| {
        let words = explain(code);
        Meaning { code: code.as_str(), meaning: words.meaning, why: words.why, remedy: words.remedy }
    };
    codes.into_iter().map(meaning).collect()
}

fn conditions(report: &Report) -> Vec<(String, String, String)> {
    report.conditions.iter().map(|said| (said.kind.clone(), said.status.clone(), said.message.clone())).collect()
}
