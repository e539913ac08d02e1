//! `levels.csv`: one row for each variant and concurrency, for spreadsheets and scripts.

use super::model::Report;
use super::words;
use crate::api::{Figures, LevelStatus, VariantStatus};
use crate::measurement::Distribution;
use crate::units::Milliseconds;

const COLUMNS: [&str; 37] = [
    "variant",
    "role",
    "gpus",
    "concurrency",
    "runs_accepted",
    "runs_rejected",
    "requests",
    "sla",
    "ttft_ms_predicted",
    "ttft_ms_measured",
    "ttft_error_percent",
    "ttft_ms_p50",
    "ttft_ms_p90",
    "ttft_ms_p95",
    "ttft_ms_p99",
    "tpot_ms_predicted",
    "tpot_ms_measured",
    "tpot_error_percent",
    "tpot_ms_p50",
    "tpot_ms_p90",
    "tpot_ms_p95",
    "tpot_ms_p99",
    "tokens_per_second_per_gpu_predicted",
    "tokens_per_second_per_gpu_measured",
    "tokens_per_second_per_gpu_lowest",
    "tokens_per_second_per_gpu_highest",
    "tokens_per_second_per_gpu_error_percent",
    "tokens_per_second_per_gpu_of_gpus_per_variant",
    "tokens_per_second_per_user_predicted",
    "tokens_per_second_per_user_measured",
    "requests_per_second_measured",
    "request_latency_ms_measured",
    "request_latency_ms_p99",
    "good_requests_percent",
    "beyond_operating_point",
    "cost_per_million_output_tokens",
    "evidence",
];

/// The table. Empty fields: not known.
pub fn levels(report: &Report) -> String {
    let mut writer = csv::Writer::from_writer(vec![]);
    // Writing into memory cannot fail: every row has as many fields as the header.
    let _ = writer.write_record(COLUMNS);
    for variant in &report.variants {
        for level in &variant.levels {
            let _ = writer.write_record(row(report, variant, level));
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn row(report: &Report, variant: &VariantStatus, level: &LevelStatus) -> [String; 37] {
    let none = Figures::default();
    let predicted = level.predicted.as_ref().map_or(&none, |predicted| &predicted.figures);
    let measured = level.measured.as_ref().map_or(&none, |measured| &measured.figures);
    let error = level.error_percent.as_ref();
    let figures = report.figures.variants.iter().find(|figures| figures.name == variant.name);
    let figures = figures.and_then(|f| f.levels.iter().find(|l| i32::try_from(l.concurrency) == Ok(level.concurrency)));
    let spread = figures.map(|figures| figures.spread.tokens_per_second_per_gpu);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<f64>| number.map(|number| format!("{number:.3}")).unwrap_or_default();
    let [ttft50, ttft90, ttft95, ttft99] = percentiles(figures.and_then(|figures| figures.ttft));
    let [tpot50, tpot90, tpot95, tpot99] = percentiles(figures.and_then(|figures| figures.tpot));
    let latency = figures.and_then(|figures| figures.request_latency);
    let offered = report.share_of_gpus_per_variant(variant).zip(figures);
    let codes: Vec<&str> = level.evidence.reasons.iter().map(|finding| finding.code.as_str()).collect();
    [
        variant.name.clone(),
        words::role(variant.role).into(),
        report.gpus(variant).to_string(),
        level.concurrency.to_string(),
        level.evidence.accepted.to_string(),
        level.evidence.rejected.to_string(),
        level.measured.as_ref().map(|measured| measured.requests.to_string()).unwrap_or_default(),
        level.sla.map(|sla| words::sla(sla).0.to_owned()).unwrap_or_default(),
        text(&predicted.ttft_milliseconds),
        text(&measured.ttft_milliseconds),
        error.map(|error| text(&error.ttft)).unwrap_or_default(),
        ttft50,
        ttft90,
        ttft95,
        ttft99,
        text(&predicted.tpot_milliseconds),
        text(&measured.tpot_milliseconds),
        error.map(|error| text(&error.tpot)).unwrap_or_default(),
        tpot50,
        tpot90,
        tpot95,
        tpot99,
        text(&predicted.tokens_per_second_per_gpu),
        text(&measured.tokens_per_second_per_gpu),
        number(spread.map(|spread| spread.low)),
        number(spread.map(|spread| spread.high)),
        error.map(|error| text(&error.tokens_per_second_per_gpu)).unwrap_or_default(),
        number(offered.map(|(share, figures)| share * figures.tokens_per_second_per_gpu)),
        text(&predicted.tokens_per_second_per_user),
        text(&measured.tokens_per_second_per_user),
        number(figures.and_then(|figures| figures.requests_per_second).map(|rate| rate.get())),
        number(latency.map(|latency| latency.mean.get())),
        number(latency.and_then(|latency| latency.p99).map(|p99| p99.get())),
        number(figures.and_then(|figures| figures.good_requests_percent)),
        level.predicted.as_ref().map(|predicted| predicted.beyond_operating_point.to_string()).unwrap_or_default(),
        number(figures.and_then(|figures| figures.cost_per_million_output_tokens)),
        codes.join(" "),
    ]
}

/// P50, P90, P95 and P99, each the mean over the accepted runs.
fn percentiles(distribution: Option<Distribution>) -> [String; 4] {
    let of: [fn(&Distribution) -> Option<Milliseconds>; 4] = [|d| d.p50, |d| d.p90, |d| d.p95, |d| d.p99];
    of.map(|of| distribution.as_ref().and_then(of).map(|value| format!("{:.3}", value.get())).unwrap_or_default())
}
