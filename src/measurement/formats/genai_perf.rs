//! genai-perf's summary (`profile_export_genai_perf.json`) → one measurement. AIPerf is its successor.
//!
//! | Versions | `input_config` |
//! |---|---|
//! | to 0.0.12 | flat, as the command line: `model`, `concurrency`, `streaming` |
//! | from 0.0.13 | in parts: `model_names`, `perf_analyzer.stimulus`, `endpoint.streaming` |

use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::format::{Asked, FileRole, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::{ParseError, Place};
use crate::measurement::statistics::{self, Reader, Statistics};
use crate::measurement::{Facts, Measurement, json};
use crate::text;
use crate::units::{LatencyLimits, RequestsPerSecond};

/// Default name of the summary; every other ends in the same way.
pub const SUMMARY_FILE: &str = "profile_export_genai_perf.json";
/// How the tool ends every name.
const SUFFIX: &str = "_genai_perf.json";
/// Keys that only its `input_config` has: the first in parts, the others flat.
const OWN_KEYS: [&str; 3] = ["perf_analyzer", "stability_percentage", "formatted_model_name"];

/// NVIDIA's former load tool.
pub struct GenaiPerf;

impl ResultFormat for GenaiPerf {
    fn name(&self) -> &'static str {
        "genai-perf"
    }

    fn file(&self) -> &'static str {
        "*_genai_perf.json"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "0.0.8 to 0.0.16",
            concurrency: "`input_config`",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::No,
            warmup: Told::Yes,
            cached_tokens: Told::No,
            records: Told::No,
        }
    }

    fn claims(&self, path: &Path) -> Option<FileRole> {
        path.file_name()?.to_str()?.ends_with(SUFFIX).then_some(FileRole::Result)
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        is_of_genai_perf(beginning)
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let summary: GenaiPerfSummary = json::read_summary(SUMMARY_FILE, result)?;
        let asked = GenaiPerfConfig(&summary.input_config).asked();
        Ok(vec![Ok(ResultTrial { asked, ..measurement(&summary)?.into() })])
    }
}

/// Whether a summary is this tool's and not its successor's.
pub(super) fn is_of_genai_perf(beginning: &[u8]) -> bool {
    has_key(beginning, "input_config") && OWN_KEYS.iter().any(|key| has_key(beginning, key))
}

/// Reads one trial. The file reports no failed requests, completeness or caches, and has no records to take a window from.
///
/// # Errors
/// A file that is empty, cut off or of another tool, or a trial that did not have a fixed concurrency.
pub fn read(summary: impl BufRead) -> Result<Measurement, ParseError> {
    measurement(&json::read_summary(SUMMARY_FILE, summary)?)
}

fn measurement(summary: &GenaiPerfSummary) -> Result<Measurement, ParseError> {
    let config = GenaiPerfConfig(&summary.input_config);
    let concurrency = config.users()?;
    let mut reader = Reader::new(SUMMARY_FILE);
    let latency = reader.distribution(statistics::REQUEST_LATENCY, &summary.request_latency)?;
    let rate: Option<RequestsPerSecond> =
        reader.quantity(statistics::REQUEST_THROUGHPUT, &summary.request_throughput)?;
    let effective = || Some(rate?.get() * latency?.mean.get() / 1000.0);
    let requests = reader.count(statistics::REQUEST_COUNT, &summary.request_count)?;
    Ok(Measurement {
        tool: "genai-perf".into(),
        concurrency,
        requests: requests.unwrap_or(0),
        errors: None,
        first_error: None,
        ttft: reader.distribution(statistics::TIME_TO_FIRST_TOKEN, &summary.time_to_first_token)?,
        tpot: reader.distribution(statistics::INTER_TOKEN_LATENCY, &summary.inter_token_latency)?,
        request_latency: latency,
        output_tokens_per_second: reader
            .quantity(statistics::OUTPUT_TOKEN_THROUGHPUT, &summary.output_token_throughput)?,
        requests_per_second: rate,
        good_requests_percent: None,
        counted: None,
        facts: Facts {
            model: config.model(),
            streaming: config.streaming(),
            input_tokens: reader.average(statistics::INPUT_SEQUENCE_LENGTH, &summary.input_sequence_length)?,
            output_tokens: reader.average(statistics::OUTPUT_SEQUENCE_LENGTH, &summary.output_sequence_length)?,
            effective_concurrency: effective().filter(|users: &f64| users.is_finite()),
            warmup_requests: config.warmup(),
            requests_unknown: requests.is_none().then_some(true),
            not_finite: reader.not_finite,
            ..Facts::default()
        },
    }
    .by_littles_law())
}

#[derive(Deserialize)]
struct GenaiPerfSummary {
    #[serde(default)]
    input_config: Value,
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

/// The settings of a run, in either of the forms they have had.
struct GenaiPerfConfig<'a>(&'a Value);

impl GenaiPerfConfig<'_> {
    /// A setting: where it stands in parts, else where it stood flat.
    fn at(&self, parts: &str, flat: &str) -> Option<&Value> {
        let found = self.0.pointer(parts).or_else(|| self.0.get(flat))?;
        (!found.is_null()).then_some(found)
    }

    fn is_in_parts(&self) -> bool {
        self.0.get("perf_analyzer").is_some()
    }

    fn model(&self) -> Option<String> {
        let names = match self.at("/model_names", "model")? {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            name => name.as_str()?.to_owned(),
        };
        (!names.is_empty()).then(|| text::cut(&names, 128))
    }

    fn streaming(&self) -> Option<bool> {
        self.at("/endpoint/streaming", "streaming")?.as_bool()
    }

    fn warmup(&self) -> Option<u32> {
        let count = self.at("/perf_analyzer/warmup_request_count", "warmup_request_count")?.as_u64()?;
        u32::try_from(count).ok()
    }

    /// Lengths that are not set are -1.
    fn asked(&self) -> Asked {
        let length = |parts, flat| self.at(parts, flat)?.as_f64().filter(|length| *length > 0.0);
        Asked {
            input_tokens: length("/input/synthetic_tokens/mean", "synthetic_input_tokens_mean"),
            output_tokens: length("/input/output_tokens/mean", "output_tokens_mean"),
        }
    }

    /// The number of users, where requests are sent by users and not at a pace.
    fn users(&self) -> Result<u32, ParseError> {
        let is_flat = self.0.get("concurrency").is_some() || self.0.get("stability_percentage").is_some();
        if !self.is_in_parts() && !is_flat {
            let problem = "is missing; expected the summary of a genai-perf run";
            return Err(ParseError::new(SUMMARY_FILE, Place::field("input_config.perf_analyzer"), problem));
        }
        let place = if self.is_in_parts() { "input_config.perf_analyzer.stimulus" } else { "input_config.concurrency" };
        let problem = |text: &str| {
            ParseError::other_load(
                SUMMARY_FILE,
                Place::field(place),
                format!("found {text}; expected a fixed concurrency"),
            )
        };
        let rate = self.at("/perf_analyzer/stimulus/request_rate", "request_rate");
        let users = self.at("/perf_analyzer/stimulus/concurrency", "concurrency");
        let users = users.and_then(Value::as_u64).and_then(|users| u32::try_from(users).ok());
        match (users, rate) {
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

    /// Versions before 0.0.13 have the command line's options there.
    #[rstest]
    #[case::users(r#""concurrency": 32, "request_rate": null"#, Ok(32))]
    #[case::paced(r#""concurrency": null, "request_rate": 3.5"#, Err("found a request rate"))]
    #[case::neither(r#""concurrency": null"#, Err("found no concurrency"))]
    fn settings_may_be_flat(#[case] load: &str, #[case] expected: Result<u32, &str>) {
        let summary = format!(
            r#"{{"input_config": {{"model": ["a", "b"], "endpoint": "v1/chat/completions", "streaming": true,
                "warmup_request_count": 3, {load}}}}}"#
        );
        match (read(summary.as_bytes()), expected) {
            (Ok(level), Ok(users)) => {
                assert_eq!((level.concurrency, level.facts.model.as_deref()), (users, Some("a, b")));
                assert_eq!((level.facts.streaming, level.facts.warmup_requests), (Some(true), Some(3)));
            }
            (Err(error), Err(text)) => assert!(error.problem.starts_with(text) && error.skippable, "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
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
        assert_eq!(level.facts, Facts { requests_unknown: Some(true), ..Facts::default() });
    }
}
