//! The table of levels: one row for each level of a variant. Every file of the report and `bcmp evaluate` take their columns
//! from here.

use super::format::counted;
use super::labels;
use super::model::{Report, ReportLevel, ReportVariant};
use super::table::{self, Cell, Column, Digits};
use crate::api::Severity;
use crate::measurement::Distribution;
use crate::prediction::OperatingPoint;
use crate::units::Milliseconds;
use crate::verdict::figures::{ErrorFigures, LevelFigures, Spreads};

/// A level, and what its figures are relative to.
#[derive(Clone, Copy, Debug)]
pub struct LevelRow<'a> {
    variant: &'a ReportVariant,
    level: &'a ReportLevel,
    /// GPUs the variant holds.
    gpus: u32,
    /// Their share of `hardware.gpusPerVariant`, where some are left unused.
    share: Option<f64>,
}

const TTFT: &str = "TTFT, ms";
const TPOT: &str = "TPOT, ms";
const PER_GPU: &str = "tokens/s/GPU";
const PER_USER: &str = "tokens/s/user";

/// The levels of all variants.
pub fn csv(report: &Report) -> String {
    let rows: Vec<LevelRow> = report.variants.iter().flat_map(|variant| rows(report, variant)).collect();
    table::csv(&LevelRow::CSV, &rows, Digits::Decimals)
}

/// Columns that a narrow terminal does without, in this order: the answer is in tokens/s/GPU.
const EXPENDABLE: [&str; 6] = [
    "ttft_error_percent",
    "ttft_ms_estimated",
    "tpot_error_percent",
    "trials",
    "tpot_ms_estimated",
    "ttft_ms_measured",
];

/// The levels of a variant that have anything to show, for a terminal of so many columns; nothing where none has.
pub fn terminal(variant: &ReportVariant, width: usize) -> String {
    let shown = variant.levels.iter().filter(|level| level.is_shown());
    let rows: Vec<LevelRow> = shown.map(|level| LevelRow { variant, level, gpus: 0, share: None }).collect();
    if rows.is_empty() { String::new() } else { table::within(&LevelRow::TERMINAL, &rows, width, &EXPENDABLE) }
}

pub fn rows<'a>(report: &'a Report, variant: &'a ReportVariant) -> Vec<LevelRow<'a>> {
    let (gpus, share) = (report.gpus(variant), report.share_of_gpus_per_variant(variant));
    variant.levels.iter().map(|level| LevelRow { variant, level, gpus, share }).collect()
}

impl<'a> LevelRow<'a> {
    pub const CONCURRENCY: Column<Self> =
        Column::number("concurrency", "", "conc.", |row| Cell::Count(row.level.concurrency.into()));
    pub const SLA: Column<Self> = Column::text("sla", "SLA", |row| match row.level.sla.map(labels::sla) {
        Some((text, tone)) => Cell::Badge(text, tone),
        None => Cell::Absent,
    });
    /// Accepted trials of all.
    pub const TRIALS: Column<Self> = Column::number("trials", "", "trials", |row| {
        let level = row.level;
        Cell::Text(format!("{}/{}", level.accepted, level.accepted + level.rejected))
    });
    /// The evidence in a few words.
    pub const EVIDENCE: Column<Self> = Column::text("evidence", "evidence", |row| Cell::Text(evidence(row.level)));
    /// The codes of all findings.
    pub const CODES: Column<Self> = Column::text("evidence", "evidence", |row| {
        let codes = row.level.findings.iter().map(|finding| finding.code.as_str());
        Cell::Text(codes.collect::<Vec<_>>().join(" "))
    });

    pub const TTFT_ESTIMATED: Column<Self> =
        Column::number("ttft_ms_estimated", TTFT, "est.", |row| row.estimate(|point| point.ttft.get()));
    pub const TTFT_MEASURED: Column<Self> =
        Column::number("ttft_ms_measured", TTFT, "meas.", |row| row.measured(|point| point.ttft.get()));
    pub const TTFT_ERROR: Column<Self> =
        Column::number("ttft_error_percent", TTFT, "error", |row| row.error(|error| error.ttft));
    pub const TTFT_P99: Column<Self> =
        Column::number("ttft_ms_p99", TTFT, "P99", |row| row.of(|of| of.ttft, |ttft| ttft.p99));

    pub const TPOT_ESTIMATED: Column<Self> =
        Column::number("tpot_ms_estimated", TPOT, "est.", |row| row.estimate(|point| point.tpot.get()));
    pub const TPOT_MEASURED: Column<Self> =
        Column::number("tpot_ms_measured", TPOT, "meas.", |row| row.measured(|point| point.tpot.get()));
    pub const TPOT_ERROR: Column<Self> =
        Column::number("tpot_error_percent", TPOT, "error", |row| row.error(|error| error.tpot));
    pub const TPOT_P99: Column<Self> =
        Column::number("tpot_ms_p99", TPOT, "P99", |row| row.of(|of| of.tpot, |tpot| tpot.p99));

    pub const PER_GPU_ESTIMATED: Column<Self> =
        Column::number("tokens_per_second_per_gpu_estimated", PER_GPU, "est.", |row| {
            row.estimate(|point| point.tokens_per_second_per_gpu.get())
        });
    pub const PER_GPU_MEASURED: Column<Self> =
        Column::number("tokens_per_second_per_gpu_measured", PER_GPU, "meas.", |row| {
            row.measured(|point| point.tokens_per_second_per_gpu.get())
        });
    pub const PER_GPU_ERROR: Column<Self> =
        Column::number("tokens_per_second_per_gpu_error_percent", PER_GPU, "error", |row| {
            row.error(|error| error.tokens)
        });
    pub const PER_USER_ESTIMATED: Column<Self> =
        Column::number("tokens_per_second_per_user_estimated", PER_USER, "est.", |row| {
            row.estimate(OperatingPoint::tokens_per_second_per_user)
        });
    pub const PER_USER_MEASURED: Column<Self> =
        Column::number("tokens_per_second_per_user_measured", PER_USER, "meas.", |row| {
            row.measured(OperatingPoint::tokens_per_second_per_user)
        });
    pub const REQUESTS_PER_SECOND: Column<Self> =
        Column::number("requests_per_second_measured", "", "requests/s", |row| {
            row.figure(|figures| Some(figures.requests_per_second?.get()))
        });
    pub const COST: Column<Self> = Column::number("cost_per_million_output_tokens", "", "cost / 10⁶ tokens", |row| {
        row.figure(|figures| figures.cost_per_million_output_tokens)
    });

    pub const ENERGY: Column<Self> =
        Column::number("joules_per_output_token", "", "J / token", |row| row.figure(|of| of.joules_per_output_token));

    /// For a terminal or a plain file of 80 columns.
    pub const SUMMARY: [Column<Self>; 10] = [
        Self::CONCURRENCY,
        Self::TTFT_ESTIMATED.titled("est. †"),
        Self::TTFT_MEASURED,
        Self::TPOT_ESTIMATED,
        Self::TPOT_MEASURED,
        Self::PER_GPU_ESTIMATED,
        Self::PER_GPU_MEASURED,
        Self::PER_GPU_ERROR,
        Self::TRIALS,
        Self::SLA,
    ];

    /// For a terminal of 110 columns.
    pub const TERMINAL: [Column<Self>; 13] = [
        Self::CONCURRENCY,
        Self::TRIALS,
        Self::TTFT_ESTIMATED,
        Self::TTFT_MEASURED,
        Self::TTFT_ERROR,
        Self::TPOT_ESTIMATED,
        Self::TPOT_MEASURED,
        Self::TPOT_ERROR,
        Self::PER_GPU_ESTIMATED,
        Self::PER_GPU_MEASURED,
        Self::PER_GPU_ERROR,
        Self::SLA,
        Self::EVIDENCE,
    ];

    pub const PAGE: [Column<Self>; 19] = [
        Self::CONCURRENCY.titled("concurrent requests"),
        Self::SLA,
        Self::TTFT_ESTIMATED,
        Self::TTFT_MEASURED,
        Self::TTFT_ERROR.titled("error †"),
        Self::TTFT_P99,
        Self::TPOT_ESTIMATED,
        Self::TPOT_MEASURED,
        Self::TPOT_ERROR,
        Self::TPOT_P99,
        Self::PER_GPU_ESTIMATED,
        Self::PER_GPU_MEASURED,
        Self::PER_GPU_ERROR,
        Self::PER_USER_ESTIMATED,
        Self::PER_USER_MEASURED,
        Self::REQUESTS_PER_SECOND,
        Self::COST,
        Self::TRIALS.titled("accepted trials"),
        Self::CODES,
    ];

    /// For `levels.csv`: everything.
    pub const CSV: [Column<Self>; 38] = [
        Column::text("variant", "variant", |row| Cell::Text(row.variant.name.clone())),
        Column::text("role", "role", |row| Cell::Text(labels::role(row.variant.role).into())),
        Column::number("gpus", "", "GPUs", |row| Cell::Count(row.gpus.into())),
        Self::CONCURRENCY,
        Column::number("trials_accepted", "", "accepted", |row| Cell::Count(row.level.accepted.into())),
        Column::number("trials_rejected", "", "rejected", |row| Cell::Count(row.level.rejected.into())),
        Column::number("requests", "", "requests", |row| Cell::count(row.level.measured.map(|of| of.requests))),
        Self::SLA,
        Self::TTFT_ESTIMATED,
        Self::TTFT_MEASURED,
        Self::TTFT_ERROR,
        Column::number("ttft_ms_p50", TTFT, "P50", |row| row.of(|of| of.ttft, |ttft| ttft.p50)),
        Column::number("ttft_ms_p90", TTFT, "P90", |row| row.of(|of| of.ttft, |ttft| ttft.p90)),
        Column::number("ttft_ms_p95", TTFT, "P95", |row| row.of(|of| of.ttft, |ttft| ttft.p95)),
        Self::TTFT_P99,
        Self::TPOT_ESTIMATED,
        Self::TPOT_MEASURED,
        Self::TPOT_ERROR,
        Column::number("tpot_ms_p50", TPOT, "P50", |row| row.of(|of| of.tpot, |tpot| tpot.p50)),
        Column::number("tpot_ms_p90", TPOT, "P90", |row| row.of(|of| of.tpot, |tpot| tpot.p90)),
        Column::number("tpot_ms_p95", TPOT, "P95", |row| row.of(|of| of.tpot, |tpot| tpot.p95)),
        Self::TPOT_P99,
        Self::PER_GPU_ESTIMATED,
        Self::PER_GPU_MEASURED,
        Column::number("tokens_per_second_per_gpu_lowest", PER_GPU, "lowest", |row| {
            row.spread(|spread| spread.tokens_per_second_per_gpu.low)
        }),
        Column::number("tokens_per_second_per_gpu_highest", PER_GPU, "highest", |row| {
            row.spread(|spread| spread.tokens_per_second_per_gpu.high)
        }),
        Self::PER_GPU_ERROR,
        Column::number("tokens_per_second_per_gpu_of_gpus_per_variant", PER_GPU, "of all", |row| {
            Cell::number(
                row.share
                    .zip(row.level.measured)
                    .map(|(share, measured)| share * measured.point.tokens_per_second_per_gpu.get()),
            )
        }),
        Self::PER_USER_ESTIMATED,
        Self::PER_USER_MEASURED,
        Self::REQUESTS_PER_SECOND,
        Column::number("request_latency_ms_measured", "latency, ms", "meas.", |row| {
            row.of(|of| of.request_latency, |latency| Some(latency.mean))
        }),
        Column::number("request_latency_ms_p99", "latency, ms", "P99", |row| {
            row.of(|of| of.request_latency, |latency| latency.p99)
        }),
        Column::number("good_requests_percent", "", "good, %", |row| row.figure(|of| of.good_requests_percent)),
        Column::text("beyond_operating_point", "beyond", |row| match row.level.estimate {
            Some(estimate) => Cell::Text(estimate.beyond_operating_point.to_string()),
            None => Cell::Absent,
        }),
        Self::COST,
        Self::ENERGY,
        Self::CODES,
    ];

    fn estimate(&self, of: fn(&OperatingPoint) -> f64) -> Cell {
        match self.level.estimate {
            None => Cell::Absent,
            Some(estimate) if estimate.beyond_operating_point => Cell::Marked(of(&estimate.point)),
            Some(estimate) => Cell::Number(of(&estimate.point)),
        }
    }

    fn measured(&self, of: fn(&OperatingPoint) -> f64) -> Cell {
        Cell::number(self.level.measured.map(|measured| of(&measured.point)))
    }

    fn error(&self, of: fn(&ErrorFigures) -> Option<f64>) -> Cell {
        Cell::percent(self.level.error_percent.as_ref().and_then(of))
    }

    fn figure(&self, of: fn(&LevelFigures) -> Option<f64>) -> Cell {
        Cell::number(self.level.figures.as_ref().and_then(of))
    }

    fn of(
        &self,
        what: fn(&LevelFigures) -> Option<Distribution>,
        statistic: fn(&Distribution) -> Option<Milliseconds>,
    ) -> Cell {
        let of = self.level.figures.as_ref().and_then(what);
        Cell::number(of.as_ref().and_then(statistic).map(Milliseconds::get))
    }

    fn spread(&self, of: fn(&Spreads) -> f64) -> Cell {
        Cell::number(self.level.figures.as_ref().map(|figures| of(&figures.spread)))
    }
}

fn evidence(level: &ReportLevel) -> String {
    let warnings = level.findings.iter().filter(|finding| finding.severity == Severity::Warn).count();
    match (level.accepted, level.rejected) {
        (0, 0) => "not measured".into(),
        (0, _) => "rejected".into(),
        (_, 0) if warnings == 0 => "good".into(),
        (_, 0) => format!("good, {}", counted(warnings, "warning")),
        (_, rejected) => format!("{} rejected", counted(rejected, "trial")),
    }
}
