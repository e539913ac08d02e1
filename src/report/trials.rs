//! The table of trials: one row for each record of the load tool, for `kubectl bcmp results`.

use super::table::{self, Cell, Column, Digits};
use crate::api::EvidenceCode;
use crate::measurement::record::{Purpose, TrialRecord};
use crate::measurement::{Distribution, Measurement};
use crate::units::Milliseconds;

/// A record and the variant it is of.
#[derive(Clone, Copy, Debug)]
pub struct TrialRow<'a> {
    pub variant: &'a str,
    pub record: &'a TrialRecord,
}

/// Columns that a narrow terminal does without, in this order.
const EXPENDABLE: [&str; 10] = [
    "ttft_ms_p50",
    "tpot_ms_p50",
    "request_latency_ms_p99",
    "request_latency_ms_mean",
    "requests_per_second",
    "errors",
    "try",
    "ttft_ms_p99",
    "tpot_ms_p99",
    "requests",
];

/// For a terminal of so many columns; `None`: as wide as it is.
pub fn text(rows: &[TrialRow], width: Option<usize>) -> String {
    match width {
        None => table::text(&TrialRow::TERMINAL, rows, Digits::Readable),
        Some(width) => table::within(&TrialRow::TERMINAL, rows, width, &EXPENDABLE),
    }
}

/// Numbers as they are in the records.
pub fn csv(rows: &[TrialRow]) -> String {
    table::csv(&TrialRow::CSV, rows, Digits::All)
}

const TTFT: &str = "TTFT, ms";
const TPOT: &str = "TPOT, ms";
const LATENCY: &str = "LATENCY, ms";

type Read = fn(&Measurement) -> Option<Distribution>;
type Pick = fn(&Distribution) -> Option<Milliseconds>;

const READ_TTFT: Read = |measurement| measurement.ttft;
const READ_TPOT: Read = |measurement| measurement.tpot;
const READ_LATENCY: Read = |measurement| measurement.request_latency;

impl<'a> TrialRow<'a> {
    const VARIANT: Column<Self> = Column::text("variant", "VARIANT", |row| Cell::Text(row.variant.into()));
    const CONCURRENCY: Column<Self> =
        Column::number("concurrency", "", "C", |row| Cell::Count(row.record.trial.key.concurrency.into()));
    const PURPOSE: Column<Self> =
        Column::text("purpose", "PURPOSE", |row| Cell::Text(purpose(row.record.trial.key.purpose).into()));
    const ROUND: Column<Self> =
        Column::number("round", "", "ROUND", |row| Cell::Count(row.record.trial.key.round.into()));
    const TRIAL: Column<Self> =
        Column::number("trial", "", "TRIAL", |row| Cell::Count(row.record.trial.key.number.into()));
    const TRY: Column<Self> =
        Column::number("try", "", "TRY", |row| Cell::Count(row.record.trial.key.try_number.into()));
    const REQUESTS: Column<Self> =
        Column::number("requests", "", "REQUESTS", |row| Cell::count(row.measured().map(|of| of.requests)));
    const ERRORS: Column<Self> =
        Column::number("errors", "", "ERRORS", |row| Cell::count(row.measured().and_then(|of| of.errors)));
    const TOKENS_PER_SECOND: Column<Self> = Column::number("output_tokens_per_second", "", "TOKENS/S", |row| {
        Cell::number(row.measured().and_then(|of| of.output_tokens_per_second).map(|rate| rate.get()))
    });
    const REQUESTS_PER_SECOND: Column<Self> = Column::number("requests_per_second", "", "REQUESTS/S", |row| {
        Cell::number(row.measured().and_then(|of| of.requests_per_second).map(|rate| rate.get()))
    });
    const FINDINGS: Column<Self> = Column::text("findings", "FINDINGS", |row| Cell::Text(row.codes()));

    const TTFT_MEAN: Column<Self> =
        Column::number("ttft_ms_mean", TTFT, "MEAN", |row| row.of(READ_TTFT, |of| Some(of.mean)));
    const TTFT_P50: Column<Self> = Column::number("ttft_ms_p50", TTFT, "P50", |row| row.of(READ_TTFT, |of| of.p50));
    const TTFT_P99: Column<Self> = Column::number("ttft_ms_p99", TTFT, "P99", |row| row.of(READ_TTFT, |of| of.p99));
    const TPOT_MEAN: Column<Self> =
        Column::number("tpot_ms_mean", TPOT, "MEAN", |row| row.of(READ_TPOT, |of| Some(of.mean)));
    const TPOT_P50: Column<Self> = Column::number("tpot_ms_p50", TPOT, "P50", |row| row.of(READ_TPOT, |of| of.p50));
    const TPOT_P99: Column<Self> = Column::number("tpot_ms_p99", TPOT, "P99", |row| row.of(READ_TPOT, |of| of.p99));

    const TERMINAL: [Column<Self>; 18] = [
        Self::VARIANT,
        Self::CONCURRENCY,
        Self::PURPOSE,
        Self::ROUND,
        Self::TRIAL,
        Self::TRY,
        Self::REQUESTS,
        Self::ERRORS,
        Self::TTFT_MEAN,
        Self::TTFT_P50,
        Self::TTFT_P99,
        Self::TPOT_MEAN,
        Self::TPOT_P50,
        Self::TPOT_P99,
        Self::TOKENS_PER_SECOND,
        Self::REQUESTS_PER_SECOND,
        Column::number("seconds", "", "SECONDS", |row| Cell::Text(row.seconds().to_string())),
        Self::FINDINGS,
    ];

    const CSV: [Column<Self>; 33] = [
        Self::VARIANT,
        Self::CONCURRENCY,
        Self::PURPOSE,
        Self::ROUND,
        Self::TRIAL,
        Self::TRY,
        Column::number("deployment", "", "DEPLOYMENT", |row| Cell::Count(row.record.deployment.into())),
        Column::number("seed", "", "SEED", |row| Cell::Count(row.record.trial.seed)),
        Column::text("start_time", "START", |row| Cell::Text(row.record.start_time.to_string())),
        Column::text("completion_time", "END", |row| Cell::Text(row.record.completion_time.to_string())),
        Column::text("tool", "TOOL", |row| row.measured().map_or(Cell::Absent, |of| Cell::Text(of.tool.clone()))),
        Self::REQUESTS,
        Self::ERRORS,
        Self::TTFT_MEAN,
        Self::TTFT_P50,
        Column::number("ttft_ms_p90", TTFT, "P90", |row| row.of(READ_TTFT, |of| of.p90)),
        Column::number("ttft_ms_p95", TTFT, "P95", |row| row.of(READ_TTFT, |of| of.p95)),
        Self::TTFT_P99,
        Self::TPOT_MEAN,
        Self::TPOT_P50,
        Column::number("tpot_ms_p90", TPOT, "P90", |row| row.of(READ_TPOT, |of| of.p90)),
        Column::number("tpot_ms_p95", TPOT, "P95", |row| row.of(READ_TPOT, |of| of.p95)),
        Self::TPOT_P99,
        Column::number("request_latency_ms_mean", LATENCY, "MEAN", |row| row.of(READ_LATENCY, |of| Some(of.mean))),
        Column::number("request_latency_ms_p50", LATENCY, "P50", |row| row.of(READ_LATENCY, |of| of.p50)),
        Column::number("request_latency_ms_p90", LATENCY, "P90", |row| row.of(READ_LATENCY, |of| of.p90)),
        Column::number("request_latency_ms_p95", LATENCY, "P95", |row| row.of(READ_LATENCY, |of| of.p95)),
        Column::number("request_latency_ms_p99", LATENCY, "P99", |row| row.of(READ_LATENCY, |of| of.p99)),
        Self::TOKENS_PER_SECOND,
        Self::REQUESTS_PER_SECOND,
        Column::number("good_requests_percent", "", "GOOD, %", |row| {
            Cell::number(row.measured().and_then(|of| of.good_requests_percent))
        }),
        Column::text("raw_key", "KEY", |row| Cell::Text(row.record.trial.key.to_string())),
        Self::FINDINGS,
    ];

    fn measured(&self) -> Option<&'a Measurement> {
        self.record.measurement.as_ref()
    }

    fn of(&self, read: Read, pick: Pick) -> Cell {
        Cell::number(self.measured().and_then(read).and_then(|of| pick(&of)).map(Milliseconds::get))
    }

    fn seconds(&self) -> i64 {
        self.record.completion_time.as_second() - self.record.start_time.as_second()
    }

    fn codes(&self) -> String {
        let codes = self.record.findings.iter().map(|finding| finding.code.as_str());
        let is_lost = self.record.measurement.is_none() && self.record.findings.is_empty();
        codes.chain(is_lost.then_some(EvidenceCode::LoadToolFailed.as_str())).collect::<Vec<_>>().join(" ")
    }
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Ladder => "ladder",
        Purpose::Refinement => "refinement",
        Purpose::Recheck => "recheck",
        Purpose::Decision => "decision",
    }
}
