//! AIPerf's summary (`profile_export_aiperf.json`) and, where there are, its per-request records → one measurement.

mod records;
mod summary;

use std::io::{BufRead, Empty};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use self::records::Records;
use self::summary::Summary;
use super::format::{FileRole, ResultFormat, ResultTrial, Tells, Told, has_key};
use super::genai_perf;
use crate::measurement::error::{ParseError, Place};
use crate::measurement::statistics::{self, Field, Reader, note};
use crate::measurement::window::{Counted, Request};
use crate::measurement::{CountedRequests, Distribution, Facts, Measurement, json, percent};
use crate::text;
use crate::units::{LatencyLimits, Milliseconds, TokensPerSecond};

/// Name the tool gives the summary.
pub const SUMMARY_FILE: &str = summary::FILE;
/// Name the tool gives the records.
pub const RECORDS_FILE: &str = records::FILE;
/// For a trial whose records were not kept.
pub const NO_RECORDS: Option<Empty> = None;

/// What the names of all its exports begin with.
const EXPORT_PREFIX: &str = "profile_export_aiperf";
/// How the names of its summaries end, `--profile-export-prefix` or not.
const SUFFIX: &str = "_aiperf.json";
/// Keys of its summaries over several runs.
const AGGREGATE_KEYS: [&str; 2] = ["num_profile_runs", "per_combination_metrics"];

/// NVIDIA's load tool, which the operator drives.
pub struct Aiperf;

impl ResultFormat for Aiperf {
    fn name(&self) -> &'static str {
        "AIPerf"
    }

    fn file(&self) -> &'static str {
        SUMMARY_FILE
    }

    fn claims(&self, path: &Path) -> Option<FileRole> {
        let name = path.file_name()?.to_str()?;
        match name {
            RECORDS_FILE => Some(FileRole::Records),
            _ if name.ends_with(SUFFIX) => Some(FileRole::Result),
            _ => name.starts_with(EXPORT_PREFIX).then_some(FileRole::Other),
        }
    }

    fn records_of(&self, result: &Path) -> Option<PathBuf> {
        let prefix = result.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
        Some(result.with_file_name(format!("{prefix}.jsonl")))
    }

    /// Versions before 0.4 do not name themselves.
    fn recognizes(&self, beginning: &[u8]) -> bool {
        let any = |keys: &[&str]| keys.iter().any(|key| has_key(beginning, key));
        has_key(beginning, "input_config")
            && any(&["aiperf_version", "loadgen", "phases"])
            && !any(&AGGREGATE_KEYS)
            && !genai_perf::is_of_genai_perf(beginning)
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "0.1.1 to 0.13",
            concurrency: "`input_config.phases` or `.loadgen`",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::Yes,
            warmup: Told::Yes,
            cached_tokens: Told::If("in newer versions, where the server reports them"),
            records: Told::If("with `profile_export.jsonl` beside it"),
        }
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        records: Option<&mut dyn BufRead>,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let summary: Summary = json::read_summary(SUMMARY_FILE, result)?;
        let asked = summary.input_config.asked();
        let measurement = read_parsed(&summary.flat(), records, limits)?;
        Ok(vec![Ok(ResultTrial { asked, ..measurement.into() })])
    }
}

/// Whether a file is one of AIPerf's summaries over runs that are there themselves.
pub(super) fn is_aggregate(beginning: &[u8]) -> bool {
    AGGREGATE_KEYS.iter().any(|key| has_key(beginning, key))
}

/// Reads one trial.
///
/// With records, figures are taken over the requests that count (METHOD §3); without, from the summary, as for a
/// trial that was cancelled. Token counts are the server's where it reports them.
///
/// # Errors
/// A file that is empty, cut off, of another tool, or whose summary and records do not belong together. A metric that
/// is missing or not finite is left to the audit.
pub fn read(
    summary: impl BufRead,
    records: Option<impl BufRead>,
    limits: Option<LatencyLimits>,
) -> Result<Measurement, ParseError> {
    let summary: Summary = json::read_summary(SUMMARY_FILE, summary)?;
    read_parsed(&summary.flat(), records, limits)
}

fn read_parsed(
    summary: &Summary,
    records: Option<impl BufRead>,
    limits: Option<LatencyLimits>,
) -> Result<Measurement, ParseError> {
    let mut measurement = from_summary(summary)?;
    // A trial that was cancelled ends before the tool has counted all its records or written the last. It is rejected anyway.
    let over = summary.was_cancelled != Some(true) && summary.is_complete != Some(false);
    if let Some(reader) = records.filter(|_| over) {
        let mut records = records::read(reader)?;
        complete(&mut measurement, &records, summary.request_count.is_some())?;
        narrow(&mut measurement, &mut records.requests, limits.as_ref());
    }
    Ok(measurement)
}

/// Fills in what the summary leaves open, and checks that both are of one trial.
fn complete(measurement: &mut Measurement, records: &Records, counted: bool) -> Result<(), ParseError> {
    let completed = records.completed() as u32;
    if !counted {
        measurement.requests = completed;
        measurement.errors = measurement.errors.max(Some(records.requests.len() as u32 - completed));
    } else if completed != measurement.requests {
        let problem = format!(
            "holds {completed} completed requests of the measured phase; expected {} as in {SUMMARY_FILE}: \
             copy it again, or remove it to use the summary alone",
            measurement.requests
        );
        return Err(ParseError::new(RECORDS_FILE, Place::whole(), problem));
    }
    let facts = &mut measurement.facts;
    facts.warmup_requests = facts.warmup_requests.max((records.warmup > 0).then_some(records.warmup));
    facts.loaded_seconds = records.loaded_seconds();
    records.not_finite.iter().for_each(|metric| note(&mut facts.not_finite, *metric));
    Ok(())
}

/// Replaces figures over all requests by those over the requests that count.
pub(super) fn narrow(measurement: &mut Measurement, requests: &mut [Request], limits: Option<&LatencyLimits>) {
    let Some(users) = NonZeroU32::new(measurement.concurrency) else { return };
    let Ok(counted) = Counted::of(requests, users) else { return };
    let Ok(window) = counted.window() else { return };
    let counted = CountedRequests::of(&counted, limits.unwrap_or(&LatencyLimits::NONE));
    measurement.ttft = window.ttft;
    measurement.tpot = window.tpot;
    measurement.request_latency = window.request_latency;
    measurement.output_tokens_per_second = window.throughput.output_tokens_per_second;
    measurement.requests_per_second = Some(window.throughput.requests_per_second);
    measurement.good_requests_percent = limits.map(|_| counted.good_percent());
    measurement.counted = Some(counted);
    let facts = &mut measurement.facts;
    facts.effective_concurrency = Some(window.mean_concurrency);
    facts.unsteadiness_percent = window.unsteadiness_percent;
    facts.client_wait_percent = window.client_wait_percent.or(facts.client_wait_percent);
}

fn from_summary(summary: &Summary) -> Result<Measurement, ParseError> {
    let version = summary.version()?;
    let mut reader = Reader::new(SUMMARY_FILE);
    let requests = reader.count(statistics::REQUEST_COUNT, &summary.request_count)?.unwrap_or(0);
    let latency = reader.distribution(statistics::REQUEST_LATENCY, &summary.request_latency)?;
    let rate = reader.quantity(statistics::REQUEST_THROUGHPUT, &summary.request_throughput)?;
    let tokens = Tokens::read(&mut reader, summary)?;
    let tpot = reader.distribution(statistics::INTER_TOKEN_LATENCY, &summary.inter_token_latency)?;
    let throughput = reader.average(statistics::OUTPUT_TOKEN_THROUGHPUT, &summary.output_token_throughput)?;
    let (cached_tokens, cached_percent) = cached(&mut reader, summary, requests, tokens.input)?;
    let latency_mean = latency.map(|latency| latency.mean.get());
    Ok(Measurement {
        tool: format!("aiperf {}", text::cut(version, 24)),
        concurrency: summary.input_config.concurrency()?,
        requests,
        errors: Some(errors(&mut reader, summary)?),
        first_error: summary.most_frequent_error(),
        ttft: reader.distribution(statistics::TIME_TO_FIRST_TOKEN, &summary.time_to_first_token)?,
        tpot: tpot.and_then(|tpot| tokens.corrected(tpot)),
        request_latency: latency,
        output_tokens_per_second: throughput
            .and_then(|throughput| TokensPerSecond::new(throughput * tokens.ratio()).ok()),
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: summary.input_config.model(),
            complete: summary.is_complete,
            cancelled: summary.was_cancelled,
            streaming: summary.input_config.endpoint.streaming,
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            effective_concurrency: reader
                .average(statistics::EFFECTIVE_CONCURRENCY, &summary.effective_concurrency)?
                .or_else(|| Some(rate?.get() * latency_mean? / 1000.0))
                .filter(|users| users.is_finite()),
            client_wait_percent: reader
                .average(statistics::CREDIT_TO_START_LATENCY, &summary.credit_to_start_latency)?
                .and_then(|wait| percent(wait, latency_mean?)),
            cached_prompt_percent: cached_percent,
            cached_prompt_tokens: cached_tokens,
            warmup_requests: warmup(&mut reader, summary)?,
            unsteadiness_percent: None,
            loaded_seconds: None,
            sm_clock_megahertz: summary.sm_clock_megahertz(),
            throttled_percent: summary.throttled_percent(),
            gpu_joules: summary.gpu_joules(),
            gpus_watched: summary.gpus_watched(),
            requests_unknown: None,
            not_finite: reader.not_finite,
        },
    }
    .by_littles_law())
}

/// Mean tokens of a request: the server's count, and how the tool's own count of the output differs from it.
struct Tokens {
    input: Option<f64>,
    output: Option<f64>,
    output_counted_by_client: Option<f64>,
}

impl Tokens {
    fn read(reader: &mut Reader, summary: &Summary) -> Result<Self, ParseError> {
        let server_input = reader.average(statistics::USAGE_PROMPT_TOKENS, &summary.usage_prompt_tokens)?;
        let server_output = reader.average(statistics::USAGE_COMPLETION_TOKENS, &summary.usage_completion_tokens)?;
        let client_input = reader.average(statistics::INPUT_SEQUENCE_LENGTH, &summary.input_sequence_length)?;
        let client_output = reader.average(statistics::OUTPUT_SEQUENCE_LENGTH, &summary.output_sequence_length)?;
        Ok(Self {
            input: server_input.or(client_input),
            output: server_output.or(client_output),
            output_counted_by_client: client_output,
        })
    }

    /// Server's count ÷ client's count of output tokens: the tool computes its throughput from the latter.
    fn ratio(&self) -> f64 {
        match (self.output, self.output_counted_by_client) {
            (Some(server), Some(client)) if client > 0.0 => server / client,
            _ => 1.0,
        }
    }

    /// The tool's time per token, if it had counted as the server does. Exact where all answers are equally long.
    fn corrected(&self, tpot: Distribution) -> Option<Distribution> {
        let factor = match (self.output, self.output_counted_by_client) {
            (Some(server), Some(client)) if server > 1.0 && client > 1.0 => (client - 1.0) / (server - 1.0),
            _ => 1.0,
        };
        tpot.map(|time| Milliseconds::new(time.get() * factor).ok())
    }
}

/// Cached prompt tokens per request, and as percent of the prompts.
fn cached(
    reader: &mut Reader,
    summary: &Summary,
    requests: u32,
    input: Option<f64>,
) -> Result<(Option<f64>, Option<f64>), ParseError> {
    const FIELD: Field = statistics::USAGE_PROMPT_CACHE_READ_TOKENS;
    let cached = &summary.usage_prompt_cache_read_tokens;
    let average = reader.average(FIELD, cached)?;
    // The average is over the requests that report it; servers may report it only where it is not zero.
    let sum = reader.sum(FIELD, cached)?.filter(|_| requests > 0);
    let tokens = sum.map(|sum| sum / f64::from(requests)).or(average);
    let share = reader
        .average(statistics::OVERALL_USAGE_PROMPT_CACHE_READ_PCT, &summary.overall_usage_prompt_cache_read_pct)?
        .or_else(|| percent(tokens?, input?));
    Ok((tokens, share))
}

fn errors(reader: &mut Reader, summary: &Summary) -> Result<u32, ParseError> {
    let counted = reader.count(statistics::ERROR_REQUEST_COUNT, &summary.error_request_count)?;
    let listed = || summary.error_summary.iter().fold(0_u32, |sum, error| sum.saturating_add(error.count));
    Ok(counted.unwrap_or_else(listed))
}

fn warmup(reader: &mut Reader, summary: &Summary) -> Result<Option<u32>, ParseError> {
    let done = summary.warmup_metrics.as_ref().map(|metrics| &metrics.request_count);
    let done = done.map(|count| reader.count(statistics::WARMUP_REQUEST_COUNT, count)).transpose()?.flatten();
    Ok(done.or_else(|| summary.input_config.warmup()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::measurement::Metric;

    fn smallest() -> Value {
        json!({"aiperf_version": "0.13.0", "input_config": {"phases": [{"name": "profiling", "concurrency": 4}]}})
    }

    fn parse(summary: &str) -> Result<Measurement, ParseError> {
        read(summary.as_bytes(), NO_RECORDS, None)
    }

    #[test]
    fn every_metric_may_be_absent() {
        let level = parse(&smallest().to_string()).unwrap();
        assert_eq!((level.concurrency, level.requests, level.errors), (4, 0, Some(0)));
        assert_eq!((level.ttft, level.tpot, level.request_latency), (None, None, None));
        assert_eq!((level.output_tokens_per_second, level.requests_per_second), (None, None));
        assert_eq!(level.facts, Facts { warmup_requests: Some(0), ..Facts::default() });
    }

    /// As AIPerf 0.13.0 writes what a DCGM exporter tells: GPUs by endpoint, each with statistics of its metrics. The clock is
    /// there where a file of metrics asks for `DCGM_FI_DEV_SM_CLOCK`.
    #[test]
    fn the_clock_is_the_mean_over_all_gpus_that_were_watched() {
        let gpu = |clock: Value| json!({"gpu_name": "NVIDIA H200", "metrics": {"nvidia_sm_clock": clock}});
        let clock = |endpoints: Value| {
            let mut summary = smallest();
            summary["telemetry_data"] = json!({"summary": {}, "endpoints": endpoints});
            parse(&summary.to_string()).unwrap().facts.sm_clock_megahertz
        };
        let two = json!({"gpu_0": gpu(json!({"unit": "MHz", "avg": 1980.0})), "gpu_1": gpu(json!({"unit": "MHz", "avg": 1800.0}))});
        let idle = json!({"gpu_0": gpu(json!({"unit": "MHz", "avg": null})), "gpu_1": {"gpu_name": "NVIDIA H200"}});
        assert_eq!(clock(json!({"a:9400": {"gpus": two}, "b:9400": {"gpus": idle}})), Some(1890.0));
        assert_eq!(clock(json!({})), None);
        assert_eq!(clock(Value::Null), None);
    }

    /// Microseconds over the trial, as a counter's difference.
    #[test]
    fn throttling_is_that_of_the_gpu_that_was_held_back_most() {
        let gpu =
            |microseconds: f64| json!({"metrics": {"nvidia_power_violation": {"unit": "us", "avg": microseconds}}});
        let throttled = |duration: Value| {
            let mut summary = smallest();
            summary["benchmark_duration"] = duration;
            summary["telemetry_data"] = json!({"endpoints": {"a:9400": {"gpus": {"0": gpu(0.0), "1": gpu(3e6)}}}});
            parse(&summary.to_string()).unwrap().facts.throttled_percent
        };
        assert_eq!(throttled(json!({"unit": "sec", "avg": 60.0})), Some(5.0));
        assert_eq!(throttled(Value::Null), None);
    }

    #[rstest]
    #[case::nvidia("nvidia_power_usage")]
    #[case::before_0_13("gpu_power_usage")]
    fn energy_is_that_of_all_gpus_that_were_watched(#[case] metric: &str) {
        let gpu = |watts: Value| json!({"metrics": {metric: {"unit": "W", "avg": watts}}});
        let facts = |gpus: Value| {
            let mut summary = smallest();
            summary["benchmark_duration"] = json!({"unit": "sec", "avg": 60.0});
            summary["telemetry_data"] = json!({"endpoints": {"a:9400": {"gpus": gpus}}});
            let facts = parse(&summary.to_string()).unwrap().facts;
            (facts.gpus_watched, facts.gpu_joules)
        };
        assert_eq!(facts(json!({"0": gpu(json!(500.0)), "1": gpu(json!(300.0))})), (Some(2), Some(48_000.0)));
        assert_eq!(facts(json!({"0": gpu(Value::Null)})), (None, None));
        assert_eq!(facts(Value::Null), (None, None));
    }

    #[rstest]
    #[case::null("null")]
    #[case::nan("NaN")]
    #[case::infinite("-Infinity")]
    fn numbers_that_are_none_are_named_once(#[case] number: &str) {
        let metric =
            r#","time_to_first_token": {"avg": X, "p50": X, "p90": 1, "p95": 1, "p99": 1}}"#.replace('X', number);
        let level = parse(&smallest().to_string().replacen("}]}}", &format!("}}]}}{metric}"), 1)).unwrap();
        assert_eq!(level.ttft, None);
        assert_eq!(level.facts.not_finite, [Metric::Ttft]);
    }

    #[rstest]
    #[case::empty("", "is empty; expected a JSON object")]
    #[case::text("No results", "line 1: expected value")]
    #[case::cut_off(
        r#"{"aiperf_version": "0.13.0", "request_count": {"av"#,
        "line 1, field `request_count`: is cut off"
    )]
    #[case::another_tool(
        r#"{"input_config": {}}"#,
        "field `aiperf_version`: is missing; expected the summary of an AIPerf run"
    )]
    #[case::list("[]", "field `aiperf_version`: is missing; expected the summary of an AIPerf run")]
    #[case::bad_metric(
        r#"{"aiperf_version": "1", "request_count": {"avg": "many"}}"#,
        "line 1, field `request_count.avg`: invalid type: string \"many\", expected a number or null"
    )]
    #[case::negative(
        r#"{"aiperf_version": "1", "request_throughput": {"avg": -2}}"#,
        "field `request_throughput.avg`: found -2; expected a number from 0 up"
    )]
    #[case::seconds(
        r#"{"aiperf_version": "1", "request_latency": {"unit": "s", "avg": 3.6, "p50": 1, "p90": 1, "p95": 1, "p99": 1}}"#,
        "field `request_latency.unit`: found the unit `s`; expected `ms`"
    )]
    #[case::nanoseconds(
        r#"{"aiperf_version": "1", "inter_token_latency": {"unit": "ns", "avg": 7e6}}"#,
        "field `inter_token_latency.unit`: found the unit `ns`; expected `ms`"
    )]
    #[case::tokens_a_minute(
        r#"{"aiperf_version": "1", "output_token_throughput": {"unit": "tokens/min", "avg": 7}}"#,
        "field `output_token_throughput.unit`: found the unit `tokens/min`; expected `tokens/sec`"
    )]
    #[case::share(
        r#"{"aiperf_version": "1", "overall_usage_prompt_cache_read_pct": {"unit": "ratio", "avg": 0.5}}"#,
        "field `overall_usage_prompt_cache_read_pct.unit`: found the unit `ratio`; expected `%`"
    )]
    #[case::users(
        r#"{"aiperf_version": "1", "request_count": {"unit": "users", "avg": 1}}"#,
        "field `request_count.unit`: found the unit `users`; expected `requests` or `count`"
    )]
    #[case::half_a_request(
        r#"{"aiperf_version": "1", "request_count": {"avg": 2.5}}"#,
        "field `request_count.avg`: found 2.5; expected a whole number"
    )]
    #[case::no_phase(
        r#"{"aiperf_version": "1"}"#,
        "field `input_config.phases`: found no measured phase; expected one phase with a fixed concurrency"
    )]
    fn errors_name_what_was_found_and_expected(#[case] summary: &str, #[case] expected: &str) {
        let error = parse(summary).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{SUMMARY_FILE}: {expected}")), "{error}");
    }

    #[rstest]
    #[case::plain(json!([{"name": "profiling", "concurrency": 8}]), Ok(8))]
    #[case::after_warmup(json!([{"name": "w", "kind": "warmup", "concurrency": 2}, {"name": "p", "kind": "profiling", "concurrency": 8}]), Ok(8))]
    #[case::excluded(json!([{"name": "x", "exclude_from_results": true, "concurrency": 2}, {"name": "p", "concurrency": 8}]), Ok(8))]
    #[case::only_warmup(json!([{"name": "warmup", "concurrency": 8}]), Err("found no measured phase"))]
    #[case::two(json!([{"name": "a", "concurrency": 8}, {"name": "b", "concurrency": 9}]), Err("found several measured phases"))]
    #[case::zero(json!([{"name": "a", "concurrency": 0}]), Err("found load of the type `concurrency` without users"))]
    #[case::paced(json!([{"name": "a", "type": "poisson", "rate": 3.0, "concurrency": 8}]), Err("found load of the type `poisson`"))]
    fn concurrency_is_that_of_the_one_measured_phase(#[case] phases: Value, #[case] expected: Result<u32, &str>) {
        let mut summary = smallest();
        summary["input_config"]["phases"] = phases;
        match (parse(&summary.to_string()), expected) {
            (Ok(level), Ok(concurrency)) => assert_eq!(level.concurrency, concurrency),
            (Err(error), Err(text)) => assert!(error.problem.starts_with(text), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[rstest]
    #[case::users(json!({"concurrency": 8, "warmup_request_count": 3}), Some((8, Some(3))))]
    #[case::no_warmup(json!({"concurrency": 8}), Some((8, Some(0))))]
    #[case::paced(json!({"concurrency": 8, "request_rate": 2.5}), None)]
    #[case::no_users(json!({"request_count": 10}), None)]
    fn older_versions_name_the_load_generator(
        #[case] loadgen: Value,
        #[case] users_and_warmup: Option<(u32, Option<u32>)>,
    ) {
        let mut summary = smallest();
        summary["input_config"] = json!({"loadgen": loadgen, "endpoint": {"model_names": ["m"]}});
        let level = parse(&summary.to_string());
        assert_eq!(level.clone().ok().map(|level| (level.concurrency, level.facts.warmup_requests)), users_and_warmup);
        if let Err(error) = level {
            assert_eq!(error.place, Place::field("input_config.loadgen"));
        }
    }

    #[test]
    fn cached_tokens_are_spread_over_all_requests() {
        let mut summary = smallest();
        summary["request_count"] = json!({"avg": 10});
        summary["usage_prompt_tokens"] = json!({"avg": 400});
        // Reported by two of ten requests only.
        summary["usage_prompt_cache_read_tokens"] = json!({"avg": 200, "sum": 400});
        let facts = parse(&summary.to_string()).unwrap().facts;
        assert_eq!((facts.cached_prompt_tokens, facts.cached_prompt_percent), (Some(40.0), Some(10.0)));
    }

    #[test]
    fn without_a_summarys_count_the_records_count() {
        let line = |rest: &str| {
            format!(
                r#"{{"metadata":{{"benchmark_phase":"profiling","request_start_ns":0,"request_end_ns":1}},{rest}}}"#
            )
        };
        let records =
            [line(r#""metrics":{}"#), line(r#""metrics":{},"error":{}"#), line(r#""metrics":{},"error":null"#)];
        let level = read(smallest().to_string().as_bytes(), Some(records.join("\n").as_bytes()), None).unwrap();
        assert_eq!((level.requests, level.errors), (2, Some(1)));
    }

    #[rstest]
    #[case("was_cancelled", true)]
    #[case("is_complete", false)]
    fn records_of_a_cancelled_run_are_left_aside(#[case] mark: &str, #[case] value: bool) {
        let mut summary = smallest();
        summary["request_count"] = json!({"avg": 7});
        let with = |summary: &Value| read(summary.to_string().as_bytes(), Some(&b"{\"metadata\": {"[..]), None);
        assert!(with(&summary).is_err());
        summary[mark] = json!(value);
        let level = with(&summary).unwrap();
        assert_eq!((level.requests, level.counted), (7, None));
    }

    #[test]
    fn the_commonest_error_is_shortened_to_one_line() {
        let mut summary = smallest();
        let details = |message: &str| json!({"code": 503, "type": "HTTP", "message": message});
        summary["error_summary"] = json!([
            {"error_details": details("rare"), "count": 1},
            {"error_details": details(&format!("busy\n{}", "é".repeat(400))), "count": 9},
        ]);
        let level = parse(&summary.to_string()).unwrap();
        let error = level.first_error.unwrap();
        assert!(error.starts_with("503 HTTP: busy é") && error.ends_with('…'), "{error}");
        assert_eq!((level.errors, error.len()), (Some(10), 120));
    }
}
