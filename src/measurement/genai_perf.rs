//! genai-perf's summary (`profile_export_genai_perf.json`) → one measurement. AIPerf is its successor.

use crate::text;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{ParseError, Place};
use super::metric::{Metric, Reader};
use super::{Facts, Measurement, json};
use crate::units::RequestsPerSecond;

/// Name the tool gives the summary; a chosen name ends in the same way.
pub const SUMMARY_FILE: &str = "profile_export_genai_perf.json";

/// Reads one run. Its file speaks neither of errors nor of completeness nor of caches, and holds no records to take a
/// window from.
///
/// # Errors
/// A file that is empty, cut off or of another tool, or a run that was not made at a fixed concurrency.
pub fn read(summary: impl BufRead) -> Result<Measurement, ParseError> {
    let summary: Summary = json::read_summary(SUMMARY_FILE, summary)?;
    let Some(analyzer) = &summary.input_config.perf_analyzer else {
        let problem = "is missing; expected the summary of a genai-perf run";
        return Err(ParseError::new(SUMMARY_FILE, Place::field("input_config.perf_analyzer"), problem));
    };
    let mut reader = Reader::new(SUMMARY_FILE);
    let latency = reader.distribution("request_latency", &summary.request_latency)?;
    let rate: Option<RequestsPerSecond> = reader.quantity("request_throughput", &summary.request_throughput)?;
    let in_flight = || Some(rate?.get() * latency?.mean.get() / 1000.0);
    Ok(Measurement {
        tool: "genai-perf".into(),
        concurrency: analyzer.stimulus.users()?,
        requests: reader.count("request_count", &summary.request_count)?.unwrap_or(0),
        errors: 0,
        first_error: None,
        ttft: reader.distribution("time_to_first_token", &summary.time_to_first_token)?,
        tpot: reader.distribution("inter_token_latency", &summary.inter_token_latency)?,
        request_latency: latency,
        output_tokens_per_second: reader.quantity("output_token_throughput", &summary.output_token_throughput)?,
        requests_per_second: rate,
        good_requests_percent: None,
        facts: Facts {
            model: summary.input_config.model(),
            streaming: summary.input_config.endpoint.streaming,
            input_tokens: reader.average("input_sequence_length", &summary.input_sequence_length)?,
            output_tokens: reader.average("output_sequence_length", &summary.output_sequence_length)?,
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
    request_count: Option<Metric>,
    #[serde(default)]
    request_throughput: Option<Metric>,
    #[serde(default)]
    request_latency: Option<Metric>,
    #[serde(default)]
    time_to_first_token: Option<Metric>,
    #[serde(default)]
    inter_token_latency: Option<Metric>,
    #[serde(default)]
    output_token_throughput: Option<Metric>,
    #[serde(default)]
    output_sequence_length: Option<Metric>,
    #[serde(default)]
    input_sequence_length: Option<Metric>,
}

#[derive(Default, Deserialize)]
struct InputConfig {
    #[serde(default)]
    model_names: Vec<String>,
    #[serde(default)]
    endpoint: Endpoint,
    #[serde(default)]
    perf_analyzer: Option<PerfAnalyzer>,
}

impl InputConfig {
    fn model(&self) -> Option<String> {
        (!self.model_names.is_empty()).then(|| text::cut(&self.model_names.join(", "), 128))
    }
}

#[derive(Default, Deserialize)]
struct Endpoint {
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
    fn every_metric_may_be_absent() {
        let level = read(&br#"{"input_config": {"perf_analyzer": {"stimulus": {"concurrency": 5}}}}"#[..]).unwrap();
        assert_eq!((level.concurrency, level.requests, level.ttft, level.tpot), (5, 0, None, None));
        assert_eq!(level.facts, Facts::default());
    }
}
