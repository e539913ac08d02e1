//! A metric of a summary, as both load tools write it, and the reading of it.

use crate::text;
use serde::Deserialize;

use super::Distribution;
use super::error::{ParseError, Place};
use super::json::{Number, present};
use crate::units::{Milliseconds, NotAQuantity};

/// Statistics of one metric; a scalar has only `avg`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Metric {
    #[serde(default, deserialize_with = "present")]
    pub avg: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    sum: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    p50: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    p90: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    p95: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    p99: Option<Number>,
    #[serde(default)]
    unit: Option<String>,
}

/// What the tools give a metric in.
fn units(name: &str) -> &'static [&'static str] {
    match name {
        "request_latency" | "time_to_first_token" | "inter_token_latency" | "credit_to_start_latency" => &["ms"],
        "request_throughput" => &["requests/sec"],
        "output_token_throughput" => &["tokens/sec"],
        "overall_usage_prompt_cache_read_pct" => &["%"],
        "effective_concurrency" => &["requests"],
        _ if name.ends_with("request_count") => &["requests", "count"],
        _ => &["tokens"],
    }
}

/// What is wrong with the unit of a metric: taken for another it would be off by a factor. A metric may have none.
pub(super) fn wrong_unit(name: &str, unit: Option<&str>) -> Option<String> {
    let expected = units(name);
    let unit = unit.filter(|unit| !expected.contains(unit))?;
    Some(format!("found the unit `{}`; expected `{}`", text::cut(unit, 40), expected.join("` or `")))
}

/// Takes numbers out of a summary and remembers which were not finite.
pub(super) struct Reader {
    file: &'static str,
    pub not_finite: Vec<String>,
}

impl Reader {
    pub fn new(file: &'static str) -> Self {
        Self { file, not_finite: Vec::new() }
    }

    /// The mean (or the one value) of a metric.
    pub fn average(&mut self, name: &str, metric: &Option<Metric>) -> Result<Option<f64>, ParseError> {
        self.check_unit(name, metric.as_ref())?;
        self.number(name, "avg", metric.as_ref().and_then(|metric| metric.avg))
    }

    /// The sum over all requests.
    pub fn sum(&mut self, name: &str, metric: &Option<Metric>) -> Result<Option<f64>, ParseError> {
        self.check_unit(name, metric.as_ref())?;
        self.number(name, "sum", metric.as_ref().and_then(|metric| metric.sum))
    }

    /// The mean as a count of things.
    pub fn count(&mut self, name: &str, metric: &Option<Metric>) -> Result<Option<u32>, ParseError> {
        let Some(value) = self.average(name, metric)? else { return Ok(None) };
        if value.fract() != 0.0 || value > f64::from(u32::MAX) {
            return Err(self.problem(name, "avg", format!("found {value}; expected a whole number")));
        }
        Ok(Some(value as u32))
    }

    /// The mean in its unit.
    pub fn quantity<Q: TryFrom<f64, Error = NotAQuantity>>(
        &mut self,
        name: &str,
        metric: &Option<Metric>,
    ) -> Result<Option<Q>, ParseError> {
        let value = self.average(name, metric)?;
        value.map(|v| Q::try_from(v).map_err(|error| self.problem(name, "avg", error.to_string()))).transpose()
    }

    /// Mean and percentiles; absent unless all are there.
    pub fn distribution(&mut self, name: &str, metric: &Option<Metric>) -> Result<Option<Distribution>, ParseError> {
        let Some(metric) = metric else { return Ok(None) };
        self.check_unit(name, Some(metric))?;
        let mut take = |statistic: &str, number: Option<Number>| -> Result<Option<Milliseconds>, ParseError> {
            let Some(value) = self.number(name, statistic, number)? else { return Ok(None) };
            Milliseconds::new(value).map(Some).map_err(|error| self.problem(name, statistic, error.to_string()))
        };
        let statistics = (
            take("avg", metric.avg)?,
            take("p50", metric.p50)?,
            take("p90", metric.p90)?,
            take("p95", metric.p95)?,
            take("p99", metric.p99)?,
        );
        Ok(match statistics {
            (Some(mean), Some(p50), Some(p90), Some(p95), Some(p99)) => Some(Distribution { mean, p50, p90, p95, p99 }),
            _ => None,
        })
    }

    /// An error at a statistic of a metric.
    pub fn problem(&self, name: &str, statistic: &str, text: String) -> ParseError {
        ParseError::new(self.file, Place::field(format!("{name}.{statistic}")), text)
    }

    fn check_unit(&self, name: &str, metric: Option<&Metric>) -> Result<(), ParseError> {
        let wrong = wrong_unit(name, metric.and_then(|metric| metric.unit.as_deref()));
        wrong.map_or(Ok(()), |wrong| Err(self.problem(name, "unit", wrong)))
    }

    fn number(&mut self, name: &str, statistic: &str, number: Option<Number>) -> Result<Option<f64>, ParseError> {
        match number {
            None => Ok(None),
            Some(Number::Finite(value)) if value >= 0.0 => Ok(Some(value)),
            Some(Number::Finite(value)) => {
                Err(self.problem(name, statistic, format!("found {value}; expected a number from 0 up")))
            }
            Some(Number::NotFinite) => {
                note(&mut self.not_finite, name);
                Ok(None)
            }
        }
    }
}

/// Names that are kept: a record has little room, and the first ones say enough.
const MOST_NAMES: usize = 8;

/// Adds a name once.
pub(super) fn note(names: &mut Vec<String>, name: &str) {
    if names.len() < MOST_NAMES && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}
