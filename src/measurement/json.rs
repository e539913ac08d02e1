//! JSON as the load tools write it: metrics that may be absent, null, NaN or infinite.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::{ParseError, Place};
use crate::text;

/// No summary of a run is larger (they are some 40 kB); more is another file.
const LARGEST_SUMMARY: u64 = 64 << 20;

/// What Windows programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A number in a result file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A finite number.
    Finite(f64),
    /// `null`, or one of Python's `NaN`, `Infinity` and `-Infinity`.
    NotFinite,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or null")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(if value.is_finite() { Number::Finite(value) } else { Number::NotFinite })
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number::Finite(value as f64))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number::Finite(value as f64))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number::NotFinite)
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// Keeps `null` apart from absence, which `Option` alone would not.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Reads a whole summary.
pub(super) fn read_summary<T: DeserializeOwned>(file: &str, reader: impl BufRead) -> Result<T, ParseError> {
    parse(file, None, &read_bytes(file, reader, LARGEST_SUMMARY)?)
}

/// Reads a whole file of bounded size, without the mark that some editors put before UTF-8.
pub(super) fn read_bytes(file: &str, reader: impl BufRead, largest: u64) -> Result<Vec<u8>, ParseError> {
    let mut bytes = Vec::new();
    reader
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ParseError::new(file, Place::whole(), format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > largest {
        let problem = format!("is larger than {} MiB; expected a summary of one run", largest >> 20);
        return Err(ParseError::new(file, Place::whole(), problem));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::new(file, Place::whole(), "is empty; expected a JSON object"));
    }
    Ok(bytes)
}

/// Parses one JSON document, with Python's `NaN` and `Infinity` taken for null.
/// `line` is the line of the file the document is on, where it is one of many.
pub(super) fn parse<T: DeserializeOwned>(file: &str, line: Option<u64>, bytes: &[u8]) -> Result<T, ParseError> {
    serde_json::from_slice(bytes).or_else(|_| parse_slowly(file, line, &without_nan(bytes)))
}

/// Parses with the name of the field at hand, for the error.
fn parse_slowly<T: DeserializeOwned>(file: &str, line: Option<u64>, bytes: &[u8]) -> Result<T, ParseError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| located(file, line, &error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| located(file, line, ".", &error))?;
    Ok(value)
}

pub(super) fn located(file: &str, line: Option<u64>, path: &str, error: &serde_json::Error) -> ParseError {
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or(&text);
    let cause = text::cut(cause, 200);
    let problem = if error.is_eof() { format!("is cut off ({cause})") } else { cause };
    let path = path.trim_end_matches(".?");
    let field = (!matches!(path, "." | "?")).then(|| text::cut(path, 200));
    let place = Place { line: line.or(Some(error.line() as u64)), field };
    ParseError::new(file, place, problem)
}

/// Replaces Python's `NaN`, `Infinity` and `-Infinity`, which are not JSON, by `null`; borrowed when there is none.
pub(super) fn without_nan(bytes: &[u8]) -> Cow<'_, [u8]> {
    const LITERALS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut clean: Vec<u8> = Vec::new();
    let (mut kept, mut position, mut in_string) = (0, 0, false);
    while position < bytes.len() {
        match bytes[position] {
            b'\\' if in_string => position += 1,
            b'"' => in_string = !in_string,
            b'N' | b'I' | b'-' if !in_string => {
                if let Some(word) = LITERALS.iter().find(|word| bytes[position..].starts_with(word)) {
                    clean.extend_from_slice(&bytes[kept..position]);
                    clean.extend_from_slice(b"null");
                    kept = position + word.len();
                    position = kept - 1;
                }
            }
            _ => {}
        }
        position += 1;
    }
    if kept == 0 {
        return Cow::Borrowed(bytes);
    }
    clean.extend_from_slice(&bytes[kept..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"a": NaN}"#, r#"{"a": null}"#)]
    #[case(r#"[Infinity,-Infinity,NaN]"#, "[null,null,null]")]
    #[case(r#"{"NaN": "Infinity \" NaN", "b": -1}"#, r#"{"NaN": "Infinity \" NaN", "b": -1}"#)]
    #[case(r#""\\" NaN"#, r#""\\" null"#)]
    #[case("", "")]
    fn literals_that_are_not_json_become_null(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(String::from_utf8_lossy(&without_nan(text.as_bytes())), expected);
    }

    #[rstest]
    #[case("1.5", Some(Number::Finite(1.5)))]
    #[case("-3", Some(Number::Finite(-3.0)))]
    #[case("null", Some(Number::NotFinite))]
    #[case("NaN", Some(Number::NotFinite))]
    #[case("\"fast\"", None)]
    #[case("[1]", None)]
    fn numbers_may_be_null(#[case] text: &str, #[case] expected: Option<Number>) {
        assert_eq!(parse::<Number>("f", None, text.as_bytes()).ok(), expected);
    }

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[allow(dead_code)]
        inner: std::collections::BTreeMap<String, Number>,
    }

    #[rstest]
    #[case(
        "{\"inner\": {\n\"a\": \"x\"}}",
        None,
        "f: line 2, field `inner.a`: invalid type: string \"x\", expected a number or null"
    )]
    #[case("{\"inner\": {\"a\": 1", Some(7), "f: line 7, field `inner`: is cut off (EOF while parsing an object)")]
    #[case("{} x", Some(3), "f: line 3: missing field `inner`")]
    fn errors_name_line_and_field(#[case] text: &str, #[case] line: Option<u64>, #[case] expected: &str) {
        assert_eq!(parse::<Outer>("f", line, text.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn empty_files_are_called_empty() {
        let error = read_summary::<Outer>("f", &b" \n"[..]).unwrap_err();
        assert_eq!(error.to_string(), "f: is empty; expected a JSON object");
    }

    proptest! {
        #[test]
        fn json_is_left_alone(bytes in "[\\[\\]{}\\\\\"a-zM-O0-9:, .-]{0,60}") {
            if serde_json::from_str::<serde_json::Value>(&bytes).is_ok() {
                prop_assert_eq!(&*without_nan(bytes.as_bytes()), bytes.as_bytes());
            }
        }
    }
}
