//! genai-perf's summary (`profile_export_genai_perf.json`) → one measurement. AIPerf is its successor.

use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{ParseError, Place};
use super::format::{Part, ResultFormat, has_key};
use super::statistics::{self, Reader, Statistics};
use super::{Facts, Measurement, json};
use crate::text;
use crate::units::{LatencyLimits, RequestsPerSecond};

/// Default name of the summary; every other ends in the same way.
pub const SUMMARY_FILE: &str = "profile_export_genai_perf.json";
/// How the tool ends every name.
const SUFFIX: &str = "_genai_perf.json";

/// NVIDIA's former load tool.
pub struct GenaiPerf;

impl ResultFormat for GenaiPerf {
    fn name(&self) -> &'static str {
        "genai-perf"
    }

    fn file(&self) -> &'static str {
        "*_genai_perf.json"
    }

    fn claims(&self, path: &Path) -> Option<Part> {
        path.file_name()?.to_str()?.ends_with(SUFFIX).then_some(Part::Result)
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        has_key(beginning, "perf_analyzer") && has_key(beginning, "input_config")
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Measurement>, ParseError> {
        read(result).map(|measurement| vec![measurement])
    }
}

/// Reads one trial. The file reports no failed requests, completeness or caches, and has no records to take a window from.
///
/// # Errors
/// A file that is empty, cut off or of another tool, or a trial that did not have a fixed concurrency.
pub fn read(summary: impl BufRead) -> Result<Measurement, ParseError> {
    let summary: Summary = json::read_summary(SUMMARY_FILE, summary)?;
    let Some(analyzer) = &summary.input_config.perf_analyzer else {
        let problem = "is missing; expected the summary of a genai-perf run";
        return Err(ParseError::new(SUMMARY_FILE, Place::field("input_config.perf_analyzer"), problem));
    };
    let mut reader = Reader::new(SUMMARY_FILE);
    let latency = reader.distribution(statistics::REQUEST_LATENCY, &summary.request_latency)?;
    let rate: Option<RequestsPerSecond> =
        reader.quantity(statistics::REQUEST_THROUGHPUT, &summary.request_throughput)?;
    let in_flight = || Some(rate?.get() * latency?.mean.get() / 1000.0);
    Ok(Measurement {
        tool: "genai-perf".into(),
        concurrency: analyzer.stimulus.users()?,
        requests: reader.count(statistics::REQUEST_COUNT, &summary.request_count)?.unwrap_or(0),
        errors: None,
        first_error: None,
        ttft: reader.distribution(statistics::TIME_TO_FIRST_TOKEN, &summary.time_to_first_token)?,
        tpot: reader.distribution(statistics::INTER_TOKEN_LATENCY, &summary.inter_token_latency)?,
        request_latency: latency,
        output_tokens_per_second: reader
            .quantity(statistics::OUTPUT_TOKEN_THROUGHPUT, &summary.output_token_throughput)?,
        requests_per_second: rate,
        good_requests_percent: None,
        facts: Facts {
            model: summary.input_config.model(),
            streaming: summary.input_config.endpoint.streaming,
            input_tokens: reader.average(statistics::INPUT_SEQUENCE_LENGTH, &summary.input_sequence_length)?,
            output_tokens: reader.average(statistics::OUTPUT_SEQUENCE_LENGTH, &summary.output_sequence_length)?,
            effective_concurrency: in_flight().filter(|users: &f64| users.is_finite()),
            warmup_requests: analyzer.warmup_request_count,
            not_finite: reader.not_finite,
            ..Facts::default()
        },
    })
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    input_config: InputConfig,
    #[serde(default)]
    request_count: Option<Statistics>,
    #[serde(default)]
    request_throughput: Option<Statistics>,
    #[serde(default)]
    request_latency: Option<Statistics>,
    #[serde(default)]
    time_to_first_token: Option<Statistics>,
    #[serde(default)]
    inter_token_latency: Option<Statistics>,
    #[serde(default)]
    output_token_throughput: Option<Statistics>,
    #[serde(default)]
    output_sequence_length: Option<Statistics>,
    #[serde(default)]
    input_sequence_length: Option<Statistics>,
}

#[derive(Default, Deserialize)]
struct InputConfig {
    #[serde(default)]
    model_names: Vec<String>,
    #[serde(default)]
    endpoint: EndpointConfig,
    #[serde(default)]
    perf_analyzer: Option<PerfAnalyzer>,
}

impl InputConfig {
    fn model(&self) -> Option<String> {
        (!self.model_names.is_empty()).then(|| text::cut(&self.model_names.join(", "), 128))
    }
}

#[derive(Default, Deserialize)]
struct EndpointConfig {
    #[serde(default)]
    streaming: Option<bool>,
}

#[derive(Deserialize)]
struct PerfAnalyzer {
    #[serde(default)]
    stimulus: Stimulus,
    #[serde(default)]
    warmup_request_count: Option<u32>,
}

#[derive(Default, Deserialize)]
struct Stimulus {
    #[serde(default)]
    concurrency: Option<u32>,
    /// Set where requests are sent at a pace instead of one after the other by each user.
    #[serde(default)]
    request_rate: Option<IgnoredAny>,
}

impl Stimulus {
    fn users(&self) -> Result<u32, ParseError> {
        let problem = |text: &str| {
            let place = Place::field("input_config.perf_analyzer.stimulus");
            ParseError::new(SUMMARY_FILE, place, format!("found {text}; expected a fixed concurrency"))
        };
        match (self.concurrency, &self.request_rate) {
            (_, Some(_)) => Err(problem("a request rate")),
            (None | Some(0), None) => Err(problem("no concurrency")),
            (Some(users), None) => Ok(users),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty("", "is empty")]
    #[case::of_aiperf(
        r#"{"aiperf_version": "0.13.0", "input_config": {"phases": []}}"#,
        "field `input_config.perf_analyzer`: is missing"
    )]
    #[case::paced(
        r#"{"input_config": {"perf_analyzer": {"stimulus": {"request_rate": 3.5}}}}"#,
        "field `input_config.perf_analyzer.stimulus`: found a request rate; expected a fixed concurrency"
    )]
    #[case::no_load(
        r#"{"input_config": {"perf_analyzer": {}}}"#,
        "field `input_config.perf_analyzer.stimulus`: found no concurrency"
    )]
    #[case::seconds(
        r#"{"request_latency": {"unit": "s", "avg": 3}, "input_config": {"perf_analyzer": {"stimulus": {"concurrency": 5}}}}"#,
        "field `request_latency.unit`: found the unit `s`; expected `ms`"
    )]
    #[case::cut_off(
        r#"{"request_throughput": {"unit": "requests/sec""#,
        "line 1, field `request_throughput`: is cut off"
    )]
    fn errors_name_what_was_found_and_expected(#[case] summary: &str, #[case] expected: &str) {
        let error = read(summary.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{SUMMARY_FILE}: {expected}")), "{error}");
    }

    #[test]
    fn percentiles_may_be_absent_one_by_one() {
        let summary = br#"{"request_latency": {"unit": "ms", "avg": 3, "p99": 9}, "input_config": {"perf_analyzer": {"stimulus": {"concurrency": 5}}}}"#;
        let latency = read(&summary[..]).unwrap().request_latency.unwrap();
        assert_eq!((latency.mean.get(), latency.p50, latency.p99.map(|p99| p99.get())), (3.0, None, Some(9.0)));
    }

    #[test]
    fn every_metric_may_be_absent() {
        let level = read(&br#"{"input_config": {"perf_analyzer": {"stimulus": {"concurrency": 5}}}}"#[..]).unwrap();
        assert_eq!((level.concurrency, level.requests, level.ttft, level.tpot), (5, 0, None, None));
        assert_eq!(level.facts, Facts::default());
    }
}
