//! AIPerf's `profile_export.jsonl`, one record a request: read line by line, with memory for a few numbers of each.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{self, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

use crate::measurement::error::{ParseError, Place};
use crate::measurement::json::{self, Number};
use crate::measurement::metric::{note, wrong_unit};
use crate::measurement::window::{Answer, Request};

/// Name the tool gives the file.
pub const FILE: &str = "profile_export.jsonl";

/// A record holds the time between any two chunks of an answer: some 17 bytes a token.
const LONGEST_LINE: u64 = 32 << 20;

/// More than a level can have; bounds the memory a hostile file can take.
const MOST_REQUESTS: usize = 5_000_000;

/// What the records of a run say.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Requests of the measured phase.
    pub requests: Vec<Request>,
    /// Requests of the warm-up.
    pub warmup: u32,
    /// Names of metrics that were not finite, each once.
    pub not_finite: Vec<String>,
}

impl Records {
    /// Completed requests of the measured phase.
    pub fn completed(&self) -> usize {
        self.requests.iter().filter(|request| request.answer.is_some()).count()
    }
}

/// Reads all records.
pub(super) fn read(mut reader: impl BufRead) -> Result<Records, ParseError> {
    let mut collector = Collector::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = reader
            .by_ref()
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut line)
            .map_err(|error| problem(number, format!("cannot be read: {error}")))?;
        if length == 0 {
            break;
        }
        if length as u64 > LONGEST_LINE {
            let text = format!("is longer than {} MiB; expected one JSON record a line", LONGEST_LINE >> 20);
            return Err(problem(number, text));
        }
        if !line.iter().all(u8::is_ascii_whitespace) {
            collector.take(json::parse(FILE, Some(number), &line)?, number)?;
        }
    }
    Ok(collector.records)
}

fn problem(line: u64, text: impl Into<String>) -> ParseError {
    ParseError::new(FILE, Place::line(line), text)
}

#[derive(Default)]
struct Collector {
    records: Records,
    /// First time stamp: differences to it keep nanoseconds in a float.
    origin: Option<u64>,
}

impl Collector {
    fn take(&mut self, record: Record, line: u64) -> Result<(), ParseError> {
        match record.metadata.benchmark_phase {
            Phase::Warmup => self.records.warmup += 1,
            Phase::Profiling if self.records.requests.len() >= MOST_REQUESTS => {
                return Err(problem(line, format!("is one more than the {MOST_REQUESTS} requests a level may have")));
            }
            Phase::Profiling => {
                let request = self.request(&record, line)?;
                self.records.requests.push(request);
            }
            Phase::Other => {}
        }
        Ok(())
    }

    fn request(&mut self, record: &Record, line: u64) -> Result<Request, ParseError> {
        let times = &record.metadata;
        let origin = *self.origin.get_or_insert(times.request_start_ns);
        let after_origin = |time: u64| (i128::from(time) - i128::from(origin)) as f64 / 1e6;
        let (start, end) = (after_origin(times.request_start_ns), after_origin(times.request_end_ns));
        if end < start {
            return Err(problem(line, "the request ends before it starts: request_end_ns < request_start_ns"));
        }
        let wait = times.credit_issued_ns.map(|issued| (start - after_origin(issued)).max(0.0));
        let answer =
            if record.error.is_some() { None } else { Some(self.answer(&record.metrics, end - start, line)?) };
        Ok(Request { start, end, wait, answer })
    }

    fn answer(&mut self, metrics: &Metrics, elapsed: f64, line: u64) -> Result<Answer, ParseError> {
        let mut number = |name: &str, metric: &Option<Value>| self.number(name, metric, line);
        let usage = number("usage_completion_tokens", &metrics.usage_completion_tokens)?;
        let client = number("output_sequence_length", &metrics.output_sequence_length)?;
        Ok(Answer {
            ttft: number("time_to_first_token", &metrics.time_to_first_token)?,
            latency: number("request_latency", &metrics.request_latency)?.unwrap_or(elapsed),
            output_tokens: usage.or(client),
        })
    }

    fn number(&mut self, name: &str, metric: &Option<Value>, line: u64) -> Result<Option<f64>, ParseError> {
        if let Some(wrong) = wrong_unit(name, metric.as_ref().and_then(|metric| metric.unit.as_deref())) {
            let place = Place { line: Some(line), field: Some(format!("metrics.{name}.unit")) };
            return Err(ParseError::new(FILE, place, wrong));
        }
        match metric.as_ref().map(|metric| metric.value) {
            None => Ok(None),
            Some(Number::Finite(value)) if value >= 0.0 => Ok(Some(value)),
            Some(Number::Finite(value)) => {
                let place = Place { line: Some(line), field: Some(format!("metrics.{name}.value")) };
                Err(ParseError::new(FILE, place, format!("found {value}; expected a number from 0 up")))
            }
            Some(Number::NotFinite) => {
                note(&mut self.records.not_finite, name);
                Ok(None)
            }
        }
    }
}

/// Only what is used; the rest, its long arrays above all, is skipped without being stored.
#[derive(Deserialize)]
struct Record {
    metadata: Metadata,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    benchmark_phase: Phase,
    request_start_ns: u64,
    request_end_ns: u64,
    #[serde(default)]
    credit_issued_ns: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Metrics {
    #[serde(default)]
    time_to_first_token: Option<Value>,
    #[serde(default)]
    request_latency: Option<Value>,
    #[serde(default)]
    output_sequence_length: Option<Value>,
    #[serde(default)]
    usage_completion_tokens: Option<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: Number,
    #[serde(default)]
    unit: Option<String>,
}

enum Phase {
    Warmup,
    Profiling,
    Other,
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PhaseVisitor;
        impl Visitor<'_> for PhaseVisitor {
            type Value = Phase;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a phase")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Phase, E> {
                Ok(match name {
                    "warmup" => Phase::Warmup,
                    "profiling" => Phase::Profiling,
                    _ => Phase::Other,
                })
            }
        }
        deserializer.deserialize_str(PhaseVisitor)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn record(phase: &str, start: u64, end: u64, rest: &str) -> String {
        format!(
            r#"{{"metadata":{{"benchmark_phase":"{phase}","request_start_ns":{start},"request_end_ns":{end}}},"metrics":{{{rest}}}}}"#
        )
    }

    #[test]
    fn warmup_is_counted_apart_and_arrays_are_skipped() {
        let chunks = format!(r#""inter_chunk_latency":{{"value":[{}1],"unit":"ms"}}"#, "1.5,".repeat(5000));
        let ttft = r#""time_to_first_token":{"value":3.5,"unit":"ms"}"#;
        let text = [
            record("warmup", 0, 5, ""),
            String::new(),
            record("profiling", 1_795_521_071_442_106_005, 1_795_521_072_718_918_803, &format!("{chunks},{ttft}")),
            record("cooldown", 0, 5, ""),
        ]
        .join("\r\n");
        let records = read(text.as_bytes()).unwrap();
        assert_eq!((records.warmup, records.completed()), (1, 1));
        let answer = records.requests[0].answer.unwrap();
        assert_eq!((answer.ttft, answer.output_tokens), (Some(3.5), None));
        assert!((answer.latency - 1276.812798).abs() < 1e-9, "{answer:?}");
    }

    #[rstest]
    #[case::usage_first(
        r#""usage_completion_tokens":{"value":500},"output_sequence_length":{"value":510}"#,
        Some(500.0)
    )]
    #[case::own_count(r#""output_sequence_length":{"value":510}"#, Some(510.0))]
    #[case::null(r#""output_sequence_length":{"value":null}"#, None)]
    #[case::nan(r#""output_sequence_length":{"value":NaN}"#, None)]
    fn tokens_are_the_servers_first(#[case] metrics: &str, #[case] tokens: Option<f64>) {
        let records = read(record("profiling", 0, 5, metrics).as_bytes()).unwrap();
        assert_eq!(records.requests[0].answer.unwrap().output_tokens, tokens);
        assert_eq!(records.not_finite.is_empty(), tokens.is_some());
    }

    #[rstest]
    #[case::text("hello", "line 2: expected value")]
    #[case::cut_off(r#"{"metadata":{"benchmark_phase":"prof"#, "line 2, field `metadata.benchmark_phase`: is cut off")]
    #[case::no_times(
        r#"{"metadata":{"benchmark_phase":"profiling"}}"#,
        "line 2, field `metadata`: missing field `request_start_ns`"
    )]
    #[case::foreign(r#"{"prompt": 3}"#, "line 2: missing field `metadata`")]
    #[case::backwards(&record("profiling", 9, 5, ""), "line 2: the request ends before it starts")]
    #[case::negative(
        &record("profiling", 0, 5, r#""time_to_first_token":{"value":-1}"#),
        "line 2, field `metrics.time_to_first_token.value`: found -1; expected a number from 0 up"
    )]
    #[case::seconds(
        &record("profiling", 0, 5, r#""time_to_first_token":{"value":0.08,"unit":"s"}"#),
        "line 2, field `metrics.time_to_first_token.unit`: found the unit `s`; expected `ms`"
    )]
    fn errors_name_the_line(#[case] second: &str, #[case] expected: &str) {
        let text = format!("{}\n{second}", record("profiling", 0, 5, ""));
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{FILE}: {expected}")), "{error}");
    }

    #[test]
    fn endless_lines_are_refused() {
        let endless = std::io::BufReader::new(std::io::repeat(b' '));
        let error = read(endless).unwrap_err().to_string();
        assert_eq!(error, "profile_export.jsonl: line 1: is longer than 32 MiB; expected one JSON record a line");
    }
}
