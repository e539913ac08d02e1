//! AIPerf's `profile_export.jsonl`, one record a request: read line by line, with memory for a few numbers of each.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{self, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

use crate::measurement::Metric;
use crate::measurement::error::{ParseError, Place};
use crate::measurement::json::{self, Number};
use crate::measurement::statistics::{self, Field};
use crate::measurement::window::{Answer, Request};

/// Name the tool gives the file.
pub const FILE: &str = "profile_export.jsonl";

/// A record holds the time between any two chunks of an answer: some 17 bytes a token.
const LONGEST_LINE: u64 = 32 << 20;

/// More than a level can have; bounds the memory a hostile file can take.
const MOST_REQUESTS: usize = 5_000_000;

/// The records of a trial.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Requests of the measured phase.
    pub requests: Vec<Request>,
    /// Requests of the warm-up.
    pub warmup: u32,
    /// When the first request of all phases started and the last one ended, as the tool's time stamps.
    span: Option<(u64, u64)>,
    /// RecordMetrics that were not finite, each once.
    pub not_finite: Vec<Metric>,
}

impl Records {
    /// Completed requests of the measured phase.
    pub fn completed(&self) -> usize {
        self.requests.iter().filter(|request| request.answer.is_some()).count()
    }

    /// Time during which there was load, warm-up included.
    pub fn loaded_seconds(&self) -> Option<f64> {
        self.span.map(|(start, end)| end.saturating_sub(start) as f64 / 1e9)
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
    fn take(&mut self, record: RequestRecord, line: u64) -> Result<(), ParseError> {
        let times = &record.metadata;
        let (first, last) = self.records.span.unwrap_or((times.request_start_ns, times.request_end_ns));
        self.records.span = Some((first.min(times.request_start_ns), last.max(times.request_end_ns)));
        match times.benchmark_phase {
            RecordPhase::Warmup => self.records.warmup += 1,
            RecordPhase::Profiling if self.records.requests.len() >= MOST_REQUESTS => {
                return Err(problem(line, format!("is one more than the {MOST_REQUESTS} requests a level may have")));
            }
            RecordPhase::Profiling => {
                let request = self.request(&record, line)?;
                self.records.requests.push(request);
            }
            RecordPhase::Other => {}
        }
        Ok(())
    }

    fn request(&mut self, record: &RequestRecord, line: u64) -> Result<Request, ParseError> {
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

    fn answer(&mut self, metrics: &RecordMetrics, elapsed: f64, line: u64) -> Result<Answer, ParseError> {
        let mut number = |field: Field, value: &Option<Value>| self.number(field, value, line);
        let usage = number(statistics::USAGE_COMPLETION_TOKENS, &metrics.usage_completion_tokens)?;
        let client = number(statistics::OUTPUT_SEQUENCE_LENGTH, &metrics.output_sequence_length)?;
        Ok(Answer {
            ttft: number(statistics::TIME_TO_FIRST_TOKEN, &metrics.time_to_first_token)?,
            latency: number(statistics::REQUEST_LATENCY, &metrics.request_latency)?.unwrap_or(elapsed),
            output_tokens: usage.or(client),
        })
    }

    fn number(&mut self, field: Field, value: &Option<Value>, line: u64) -> Result<Option<f64>, ParseError> {
        let problem = |part: &str, text: String| {
            let place = Place { line: Some(line), field: Some(format!("metrics.{}.{part}", field.name())) };
            ParseError::new(FILE, place, text)
        };
        if let Some(wrong) = field.wrong_unit(value.as_ref().and_then(|value| value.unit.as_deref())) {
            return Err(problem("unit", wrong));
        }
        let number = value.as_ref().map(|value| value.value);
        field.number(number, &mut self.records.not_finite, |text| problem("value", text))
    }
}

/// Only what is used; the rest, its long arrays above all, is skipped without being stored.
#[derive(Deserialize)]
struct RequestRecord {
    metadata: RecordMetadata,
    #[serde(default)]
    metrics: RecordMetrics,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RecordMetadata {
    benchmark_phase: RecordPhase,
    request_start_ns: u64,
    request_end_ns: u64,
    #[serde(default)]
    credit_issued_ns: Option<u64>,
}

#[derive(Default, Deserialize)]
struct RecordMetrics {
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

enum RecordPhase {
    Warmup,
    Profiling,
    Other,
}

impl<'de> Deserialize<'de> for RecordPhase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PhaseVisitor;
        impl Visitor<'_> for PhaseVisitor {
            type Value = RecordPhase;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a phase")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<RecordPhase, E> {
                Ok(match name {
                    "warmup" => RecordPhase::Warmup,
                    "profiling" => RecordPhase::Profiling,
                    _ => RecordPhase::Other,
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

    #[test]
    fn load_lasts_from_the_first_start_to_the_last_end_of_all_phases() {
        let text = [
            record("profiling", 3_000_000_000, 7_000_000_000, ""),
            record("warmup", 1_000_000_000, 2_000_000_000, ""),
            record("profiling", 4_000_000_000, 6_000_000_000, ""),
        ];
        assert_eq!(read(text.join("\n").as_bytes()).unwrap().loaded_seconds(), Some(6.0));
        assert_eq!(read("".as_bytes()).unwrap().loaded_seconds(), None);
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
