//! Decimal numbers as the API carries them: strings or whole numbers, never floats.

use std::fmt;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A non-negative decimal number, written as a string such as `"6.5"` or as a whole number. Whichever it was, it is the same
/// value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal(#[serde(deserialize_with = "text")] String);

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match IntOrString::deserialize(deserializer)? {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text,
    })
}

impl Decimal {
    /// How one is written as text.
    pub const PATTERN: &'static str = r"^[0-9]{1,9}(\.[0-9]{1,6})?$";

    /// Wraps text that is known to be a decimal; the schema checks what people write.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The number, or `None` when the text is not a non-negative decimal.
    pub fn value(&self) -> Option<f64> {
        parse(&self.0)
    }

    /// The schema of one that the operator writes: text.
    pub fn written(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN, "maxLength": 16})
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "x-kubernetes-validations": [{
                "rule": "string(self).matches('^[0-9]{1,9}([.][0-9]{1,6})?$')",
                "message": "must be a number from 0 to below 1000000000 with at most 6 decimals: an integer such as 20, or a string such as \"2.5\""
            }]
        })
    }
}

/// A limit people write as an integer or as a decimal string: `7` or `"6.5"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(IntOrString);

impl Limit {
    /// A whole-number limit.
    pub fn integer(value: i32) -> Self {
        Self(IntOrString::Int(value))
    }

    /// A limit from text such as `"6.5"`.
    pub fn decimal(text: impl Into<String>) -> Self {
        Self(IntOrString::String(text.into()))
    }

    /// The number, or `None` when it is not a positive decimal.
    pub fn value(&self) -> Option<f64> {
        let number = match &self.0 {
            IntOrString::Int(value) => f64::from(*value),
            IntOrString::String(text) => parse(text)?,
        };
        (number > 0.0).then_some(number)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            IntOrString::Int(value) => write!(f, "{value}"),
            IntOrString::String(text) => f.write_str(text),
        }
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "x-kubernetes-validations": [{
                "rule": "string(self).matches('^[0-9]{1,9}([.][0-9]{1,6})?$') && string(self).matches('[1-9]')",
                "message": "must be a positive number below 1000000000 with at most 6 decimals: an integer such as 500, or a string such as \"6.5\""
            }]
        })
    }
}

fn parse(text: &str) -> Option<f64> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (digits(whole) && digits(fraction)).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("6.5", Some(6.5))]
    #[case("0", Some(0.0))]
    #[case("7", Some(7.0))]
    #[case("", None)]
    #[case("-1", None)]
    #[case("1e3", None)]
    #[case("NaN", None)]
    #[case("1.", None)]
    fn decimals_are_plain(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(Decimal::new(text).value(), expected);
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let read = |value: serde_json::Value| serde_json::from_value::<Decimal>(value);
        assert_eq!(read(serde_json::json!(20)).unwrap(), read(serde_json::json!("20")).unwrap());
        assert!(read(serde_json::json!(2.5)).is_err(), "floats are not exact");
    }

    #[rstest]
    #[case(Limit::integer(7), Some(7.0))]
    #[case(Limit::integer(0), None)]
    #[case(Limit::integer(-3), None)]
    #[case(Limit::decimal("6.5"), Some(6.5))]
    #[case(Limit::decimal("0.0"), None)]
    #[case(Limit::decimal("fast"), None)]
    fn limits_are_positive(#[case] limit: Limit, #[case] expected: Option<f64>) {
        assert_eq!(limit.value(), expected);
    }
}
