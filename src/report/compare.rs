//! Two runs side by side: what differs between them, what each found, and their levels in one table.

use super::format::wrapped;
use super::labels;
use super::model::{Report, ReportLevel};
use super::sentences;
use super::table::{self, Cell, Column, Digits};
use crate::plan::inputs;
use crate::prediction::OperatingPoint;

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct ComparedRun<'a> {
    /// How it is called, for example `qwen3-32b, run 2`.
    pub title: &'a str,
    pub report: &'a Report,
}

/// A level of a variant in both runs.
#[derive(Clone, Copy, Debug)]
struct ComparedLevel<'a> {
    variant: &'a str,
    concurrency: u32,
    a: Option<&'a ReportLevel>,
    b: Option<&'a ReportLevel>,
}

const TPOT: &str = "TPOT, ms";
const PER_GPU: &str = "tokens/s/GPU";

impl ComparedLevel<'_> {
    const COLUMNS: [Column<Self>; 10] = [
        Column::text("variant", "variant", |row| Cell::Text(row.variant.into())),
        Column::number("concurrency", "", "conc.", |row| Cell::Count(row.concurrency.into())),
        Column::number("tpot_ms_a", TPOT, "A", |row| measured(row.a, tpot)),
        Column::number("tpot_ms_b", TPOT, "B", |row| measured(row.b, tpot)),
        Column::number("tpot_change_percent", TPOT, "B to A", |row| row.change(tpot)),
        Column::number("tokens_per_second_per_gpu_a", PER_GPU, "A", |row| measured(row.a, per_gpu)),
        Column::number("tokens_per_second_per_gpu_b", PER_GPU, "B", |row| measured(row.b, per_gpu)),
        Column::number("tokens_per_second_per_gpu_change_percent", PER_GPU, "B to A", |row| row.change(per_gpu)),
        Column::text("sla_a", "SLA A", |row| sla(row.a)),
        Column::text("sla_b", "SLA B", |row| sla(row.b)),
    ];

    fn change(&self, of: fn(&OperatingPoint) -> f64) -> Cell {
        let (a, b) = (value(self.a, of), value(self.b, of));
        Cell::percent(a.zip(b).filter(|(a, _)| *a > 0.0).map(|(a, b)| (b / a - 1.0) * 100.0))
    }
}

fn tpot(point: &OperatingPoint) -> f64 {
    point.tpot.get()
}

fn per_gpu(point: &OperatingPoint) -> f64 {
    point.tokens_per_second_per_gpu.get()
}

fn value(level: Option<&ReportLevel>, of: fn(&OperatingPoint) -> f64) -> Option<f64> {
    Some(of(&level?.measured?.point))
}

fn measured(level: Option<&ReportLevel>, of: fn(&OperatingPoint) -> f64) -> Cell {
    Cell::number(value(level, of))
}

fn sla(level: Option<&ReportLevel>) -> Cell {
    match level.and_then(|level| level.sla).map(labels::sla) {
        Some((text, tone)) => Cell::Badge(text, tone),
        None => Cell::Absent,
    }
}

/// The levels that either of them measured, by variant.
fn rows<'a>(a: ComparedRun<'a>, b: ComparedRun<'a>) -> Vec<ComparedLevel<'a>> {
    let mut names: Vec<&str> = a.report.variants.iter().map(|variant| variant.name.as_str()).collect();
    names.extend(b.report.variants.iter().map(|variant| variant.name.as_str()).filter(|name| !a.has(name)));
    let of = |name: &'a str| {
        let (a, b) = (a.levels(name), b.levels(name));
        let mut loads: Vec<u32> = a.iter().chain(&b).map(|level| level.concurrency).collect();
        loads.sort_unstable();
        loads.dedup();
        let at = |levels: &[&'a ReportLevel], load: u32| levels.iter().copied().find(|level| level.concurrency == load);
        loads
            .into_iter()
            .map(|concurrency| ComparedLevel {
                variant: name,
                concurrency,
                a: at(&a, concurrency),
                b: at(&b, concurrency),
            })
            .collect::<Vec<_>>()
    };
    names.into_iter().flat_map(of).collect()
}

impl<'a> ComparedRun<'a> {
    fn has(&self, name: &str) -> bool {
        self.report.variants.iter().any(|variant| variant.name == name)
    }

    /// Levels of a variant that were measured.
    fn levels(&self, name: &str) -> Vec<&'a ReportLevel> {
        let variant = self.report.variants.iter().find(|variant| variant.name == name);
        variant.iter().flat_map(|variant| &variant.levels).filter(|level| level.measured.is_some()).collect()
    }

    /// What the run found.
    fn answer(&self) -> String {
        let headline = sentences::headline(self.report);
        let sentence = headline.sentence.trim_end_matches('.');
        let figures = self.report.verdict.iter().flat_map(|verdict| {
            let named =
                [("gain", &verdict.gain), ("claim", &verdict.claim), ("estimates off by", &verdict.estimate_error)];
            named.into_iter().filter_map(|(name, figure)| Some(format!("{name} {}", figure.as_ref()?)))
        });
        let figures: Vec<String> = figures.collect();
        let figures = if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) };
        format!("{}: {sentence}{figures}", headline.badge)
    }

    /// What was compared: its name, the section of the spec it is of, and a text.
    fn facts(&self) -> [(&'static str, &'static str, String); 7] {
        let (spec, provenance) = (&self.report.spec, &self.report.provenance);
        let predictor = provenance.images.as_ref().map(|images| images.predictor.clone());
        [
            ("model", "spec.model", spec.model.name.clone()),
            ("hardware", "spec.hardware", sentences::hardware(self.report)),
            ("workload", "spec.workload", sentences::workload(self.report)),
            ("SLA", "spec.sla", sentences::sla(&spec.sla)),
            ("runtime image", "spec.runtime", spec.runtime.image.clone().unwrap_or_default()),
            ("predictor image", "spec.predictor", predictor.unwrap_or_default()),
            ("load tool", "", provenance.load_tool.clone().unwrap_or_default()),
        ]
    }
}

/// Both, for a terminal.
pub fn text(a: ComparedRun, b: ComparedRun, width: usize) -> String {
    let mut lines = vec![];
    for (letter, side) in [("A", a), ("B", b)] {
        lines.push(format!("{letter}  {}", side.title));
        lines.extend(wrapped("   ", 3, &side.answer(), width));
    }
    lines.push(String::new());
    lines.extend(differences(a, b, width));
    let rows = rows(a, b);
    if rows.is_empty() {
        lines.push("Neither has measured anything.".into());
        return lines.join("\n") + "\n";
    }
    lines.join("\n") + "\n\n" + &table::text(&ComparedLevel::COLUMNS, &rows, Digits::Readable)
}

/// The levels of both, for spreadsheets.
pub fn csv(a: ComparedRun, b: ComparedRun) -> String {
    table::csv(&ComparedLevel::COLUMNS, &rows(a, b), Digits::Decimals)
}

/// What was compared differently. Figures of different things are not comparable, and a reader must see that first.
fn differences(a: ComparedRun, b: ComparedRun, width: usize) -> Vec<String> {
    let pairs: Vec<_> = a.facts().into_iter().zip(b.facts()).filter(|(a, b)| a.2 != b.2).collect();
    let shown_below = |name: &str, text: &str| wrapped(&format!("  {name:<16} "), 19, text, width);
    let mut lines: Vec<String> =
        pairs.iter().flat_map(|(a, b)| shown_below(a.0, &format!("{} → {}", shown(&a.2), shown(&b.2)))).collect();
    // Sections of which a line was shown are not repeated.
    let mut others = inputs::changed(&a.report.spec, &b.report.spec);
    others.retain(|section| !pairs.iter().any(|(a, _)| a.1 == section));
    if !others.is_empty() {
        lines.extend(shown_below("and in", &others.join(", ")));
    }
    match lines.is_empty() {
        true => vec!["Both compare the same: model, hardware, workload, SLA, variants and images.".into()],
        false => std::iter::once("They differ (A → B) in:".to_owned()).chain(lines).collect(),
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "not known" } else { text }
}
