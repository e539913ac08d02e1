//! JSON of tools whose files are flat, or deep and mostly beside the point: looked into by paths.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::{Map, Value};

use crate::measurement::error::{ParseError, Place};
use crate::measurement::json::{self, located, without_nan};
use crate::measurement::statistics::note;
use crate::measurement::{Distribution, Metric};
use crate::text;
use crate::units::{Milliseconds, NotAQuantity};

/// Reports that hold every request of every level are large; what is kept of them is small.
const LARGEST: u64 = 256 << 20;

/// Statistics of a distribution, by the names they have here.
const STATISTICS: [&str; 5] = ["mean", "p50", "p90", "p95", "p99"];

/// Milliseconds of the unit a tool counts time in.
pub(super) const SECONDS: f64 = 1000.0;
pub(super) const MILLISECONDS: f64 = 1.0;

/// Reads one JSON document, without what stands under the keys in `skipped`: texts and single requests.
pub(super) fn read(file: &str, reader: impl BufRead, skipped: &[&str]) -> Result<Value, ParseError> {
    parse(file, None, &json::read_bytes(file, reader, LARGEST)?, skipped)
}

/// The number of a line, and the document on it.
type NumberedLine = (u64, Result<Value, ParseError>);

/// Reads JSON documents, one a line.
pub(super) fn read_lines(file: &str, reader: impl BufRead, skipped: &[&str]) -> Result<Vec<NumberedLine>, ParseError> {
    let bytes = json::read_bytes(file, reader, LARGEST)?;
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let written = lines.filter(|(line, _)| !line.iter().all(u8::is_ascii_whitespace));
    Ok(written.map(|(line, number)| (number, parse(file, Some(number), line, skipped))).collect())
}

fn parse(file: &str, line: Option<u64>, bytes: &[u8], skipped: &[&str]) -> Result<Value, ParseError> {
    let document = |bytes: &[u8]| {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = Without(skipped).deserialize(&mut deserializer)?;
        deserializer.end().map(|()| value)
    };
    let value = document(bytes).or_else(|_| document(&without_nan(bytes)));
    value.map_err(|error| located(file, line, ".", &error))
}

/// A JSON value without what stands under some keys.
#[derive(Clone, Copy)]
struct Without<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Without<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Without<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = vec![];
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if self.0.contains(&key.as_str()) {
                entries.next_value::<IgnoredAny>()?;
            } else {
                all.insert(key, entries.next_value_seed(self)?);
            }
        }
        Ok(Value::Object(all))
    }
}

/// Takes numbers out of a document by JSON pointers and remembers which were not finite.
pub(super) struct Fields<'a> {
    file: &'static str,
    line: Option<u64>,
    root: &'a Value,
    pub not_finite: Vec<Metric>,
}

impl<'a> Fields<'a> {
    pub fn new(file: &'static str, root: &'a Value) -> Self {
        Self { file, line: None, root, not_finite: vec![] }
    }

    pub fn on_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    pub fn at(&self, path: &str) -> Option<&'a Value> {
        self.root.pointer(path).filter(|value| !value.is_null())
    }

    pub fn text(&self, path: &str) -> Option<&'a str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// A text that is stored: shortened.
    pub fn name(&self, path: &str) -> Option<String> {
        self.text(path).map(|name| text::cut(name, 128))
    }

    pub fn flag(&self, path: &str) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    /// Numbers of an array; absent where one is none.
    pub fn numbers(&self, path: &str) -> Option<Vec<f64>> {
        self.at(path)?.as_array()?.iter().map(Value::as_f64).collect()
    }

    /// A number from 0 up. What is not finite is null, and noted.
    pub fn number(&mut self, path: &str, metric: Metric) -> Result<Option<f64>, ParseError> {
        match self.root.pointer(path) {
            None => Ok(None),
            Some(Value::Null) => {
                note(&mut self.not_finite, metric);
                Ok(None)
            }
            Some(value) => self.positive(path, value).map(Some),
        }
    }

    /// A number from 0 up that may be null where it does not apply.
    pub fn optional(&self, path: &str) -> Result<Option<f64>, ParseError> {
        self.at(path).map(|value| self.positive(path, value)).transpose()
    }

    fn positive(&self, path: &str, value: &Value) -> Result<f64, ParseError> {
        match value.as_f64() {
            Some(number) if number >= 0.0 && number.is_finite() => Ok(number),
            Some(number) => Err(self.problem(path, format!("found {number}; expected a number from 0 up"))),
            None => Err(self.problem(path, format!("found {}; expected a number", kind(value)))),
        }
    }

    /// A count of things; `null` is absence.
    pub fn count(&self, path: &str) -> Result<Option<u32>, ParseError> {
        let Some(number) = self.optional(path)? else { return Ok(None) };
        if number.fract() != 0.0 || number > f64::from(u32::MAX) {
            return Err(self.problem(path, format!("found {number}; expected a whole number")));
        }
        Ok(Some(number as u32))
    }

    /// A number in its unit.
    pub fn quantity<Q: TryFrom<f64, Error = NotAQuantity>>(
        &mut self,
        path: &str,
        metric: Metric,
    ) -> Result<Option<Q>, ParseError> {
        let number = self.number(path, metric)?;
        number.map(|n| Q::try_from(n).map_err(|error| self.problem(path, error.to_string()))).transpose()
    }

    /// Mean and percentiles of times, whose unit is `scale` milliseconds; absent without a mean. `path` makes a pointer of
    /// `mean`, `p50` and so on.
    pub fn distribution(
        &mut self,
        metric: Metric,
        scale: f64,
        path: impl Fn(&str) -> String,
    ) -> Result<Option<Distribution>, ParseError> {
        let [mean, percentiles @ ..] = STATISTICS.map(path);
        let Some(mean) = self.number(&mean, metric)? else { return Ok(None) };
        let milliseconds = |path: &str, number: f64| {
            Milliseconds::new(number * scale).map_err(|error| self.problem(path, error.to_string()))
        };
        let mean = milliseconds(STATISTICS[0], mean)?;
        let mut others = [None; 4];
        for (other, path) in others.iter_mut().zip(&percentiles) {
            *other = self.optional(path)?.map(|number| milliseconds(path, number)).transpose()?;
        }
        let [p50, p90, p95, p99] = others;
        Ok(Some(Distribution { mean, p50, p90, p95, p99 }))
    }

    pub fn problem(&self, path: &str, problem: impl Into<String>) -> ParseError {
        ParseError::new(self.file, self.place(path), problem)
    }

    /// The run is of another load than a fixed number of concurrent requests.
    pub fn other_load(&self, path: &str, found: &str) -> ParseError {
        ParseError::other_load(self.file, self.place(path), format!("found {found}; expected a fixed concurrency"))
    }

    fn place(&self, path: &str) -> Place {
        Place { line: self.line, field: Some(path.trim_start_matches('/').replace('/', ".")) }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Concurrent requests on average: those that come each second × the time each takes.
pub(super) fn effective_concurrency(requests_per_second: Option<f64>, latency: Option<Distribution>) -> Option<f64> {
    Some(requests_per_second? * latency?.mean.get() / 1000.0).filter(|users| users.is_finite())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_skipped_is_not_kept() {
        let text = br#"{"a": {"requests": [1, 2], "b": NaN}, "requests": {"x": 1}, "c": [1.5, "t", true, -3]}"#;
        assert_eq!(read("f", &text[..], &["requests"]).unwrap(), json!({"a": {"b": null}, "c": [1.5, "t", true, -3]}));
    }

    #[rstest]
    #[case::cut_off("{\"a\": 1", "f: line 1: is cut off (EOF while parsing an object)")]
    #[case::empty(" ", "f: is empty; expected a JSON object")]
    #[case::two("{} {}", "f: line 1: trailing characters")]
    fn broken_documents_are_named(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(read("f", text.as_bytes(), &[]).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_mark_of_windows_is_passed_over() {
        assert_eq!(read("f", "\u{feff}{}".as_bytes(), &[]).unwrap(), json!({}));
    }

    #[test]
    fn each_line_is_a_document_of_its_own() {
        let lines = read_lines("f", &b"{\"a\": 1}\n\n{\"a\": \n"[..], &[]).unwrap();
        let found: Vec<_> = lines.iter().map(|(line, value)| (*line, value.is_ok())).collect();
        assert_eq!(found, [(1, true), (3, false)]);
        assert!(lines[1].1.as_ref().unwrap_err().to_string().starts_with("f: line 3: is cut off"));
    }

    #[rstest]
    #[case(json!({"a": {"b": "fast"}}), "f: line 7, field `a.b`: found text; expected a number")]
    #[case(json!({"a": {"b": -1}}), "f: line 7, field `a.b`: found -1; expected a number from 0 up")]
    #[case(json!({"a": {"b": 1.5}}), "f: line 7, field `a.b`: found 1.5; expected a whole number")]
    fn wrong_numbers_are_named(#[case] root: Value, #[case] expected: &str) {
        let error = Fields::new("f", &root).on_line(7).count("/a/b").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_mean_that_is_no_number_is_noted_and_a_percentile_may_be_absent() {
        let root = json!({"mean": 0.5, "p50": null, "p99": 0.75, "lost": null});
        let mut fields = Fields::new("f", &root);
        let found = fields.distribution(Metric::Ttft, SECONDS, |s| format!("/{s}")).unwrap().unwrap();
        assert_eq!((found.mean.get(), found.p50, found.p99.map(|p| p.get())), (500.0, None, Some(750.0)));
        assert_eq!(fields.distribution(Metric::Tpot, SECONDS, |_| "/lost".into()).unwrap(), None);
        assert_eq!(fields.not_finite, [Metric::Tpot]);
    }
}
