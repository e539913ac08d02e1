//! The statistics of a metric as AIPerf and its predecessor genai-perf write them, read into their units.

use serde::Deserialize;

use super::error::{ParseError, Place};
use super::json::{Number, present};
use super::{Distribution, Metric};
use crate::text;
use crate::units::{Milliseconds, NotAQuantity};

/// Statistics of one metric; a scalar has only `avg`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Statistics {
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

/// A field of a summary or of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: &'static str,
    metric: Metric,
    /// The units that versions of the tools give it in. Read as another unit it would be off by a factor.
    units: &'static [&'static str],
}

macro_rules! fields {
    ($($constant:ident: $name:literal, $metric:ident, $units:expr;)*) => {
        $(pub(super) const $constant: Field = Field { name: $name, metric: Metric::$metric, units: &$units };)*
    };
}

fields! {
    REQUEST_COUNT: "request_count", Requests, ["requests", "count"];
    ERROR_REQUEST_COUNT: "error_request_count", Errors, ["requests", "count"];
    WARMUP_REQUEST_COUNT: "warmup_metrics.request_count", WarmupRequests, ["requests", "count"];
    REQUEST_THROUGHPUT: "request_throughput", RequestsPerSecond, ["requests/sec"];
    REQUEST_LATENCY: "request_latency", RequestLatency, ["ms"];
    TIME_TO_FIRST_TOKEN: "time_to_first_token", Ttft, ["ms"];
    INTER_TOKEN_LATENCY: "inter_token_latency", Tpot, ["ms"];
    CREDIT_TO_START_LATENCY: "credit_to_start_latency", ClientWait, ["ms"];
    OUTPUT_TOKEN_THROUGHPUT: "output_token_throughput", OutputTokensPerSecond, ["tokens/sec"];
    OUTPUT_SEQUENCE_LENGTH: "output_sequence_length", OutputTokens, ["tokens"];
    INPUT_SEQUENCE_LENGTH: "input_sequence_length", InputTokens, ["tokens"];
    USAGE_COMPLETION_TOKENS: "usage_completion_tokens", OutputTokens, ["tokens"];
    USAGE_PROMPT_TOKENS: "usage_prompt_tokens", InputTokens, ["tokens"];
    USAGE_PROMPT_CACHE_READ_TOKENS: "usage_prompt_cache_read_tokens", CachedPromptTokens, ["tokens"];
    OVERALL_USAGE_PROMPT_CACHE_READ_PCT: "overall_usage_prompt_cache_read_pct", CachedPromptTokens, ["%"];
    EFFECTIVE_CONCURRENCY: "effective_concurrency", EffectiveConcurrency, ["requests"];
}

impl Field {
    /// The number of this field, if it is one from 0 up. NaN, infinities and null are noted in `not_finite`.
    ///
    /// # Errors
    /// A negative number: what `problem` makes of the message.
    pub(super) fn number(
        self,
        number: Option<Number>,
        not_finite: &mut Vec<Metric>,
        problem: impl FnOnce(String) -> ParseError,
    ) -> Result<Option<f64>, ParseError> {
        match number {
            None => Ok(None),
            Some(Number::Finite(value)) if value >= 0.0 => Ok(Some(value)),
            Some(Number::Finite(value)) => Err(problem(format!("found {value}; expected a number from 0 up"))),
            Some(Number::NotFinite) => {
                note(not_finite, self.metric);
                Ok(None)
            }
        }
    }

    /// What is wrong with the unit of a value; a value may come without one.
    pub(super) fn wrong_unit(self, unit: Option<&str>) -> Option<String> {
        let unit = unit.filter(|unit| !self.units.contains(unit))?;
        Some(format!("found the unit `{}`; expected `{}`", text::cut(unit, 40), self.units.join("` or `")))
    }

    pub(super) const fn name(self) -> &'static str {
        self.name
    }
}

/// Takes numbers out of a summary and remembers which were not finite.
pub(super) struct Reader {
    file: &'static str,
    pub not_finite: Vec<Metric>,
}

impl Reader {
    pub fn new(file: &'static str) -> Self {
        Self { file, not_finite: Vec::new() }
    }

    /// The mean (or the one value) of a metric.
    pub fn average(&mut self, field: Field, statistics: &Option<Statistics>) -> Result<Option<f64>, ParseError> {
        self.check_unit(field, statistics.as_ref())?;
        self.number(field, "avg", statistics.as_ref().and_then(|statistics| statistics.avg))
    }

    /// The sum over all requests.
    pub fn sum(&mut self, field: Field, statistics: &Option<Statistics>) -> Result<Option<f64>, ParseError> {
        self.check_unit(field, statistics.as_ref())?;
        self.number(field, "sum", statistics.as_ref().and_then(|statistics| statistics.sum))
    }

    /// The mean as a count of things.
    pub fn count(&mut self, field: Field, statistics: &Option<Statistics>) -> Result<Option<u32>, ParseError> {
        let Some(value) = self.average(field, statistics)? else { return Ok(None) };
        if value.fract() != 0.0 || value > f64::from(u32::MAX) {
            return Err(self.problem(field, "avg", format!("found {value}; expected a whole number")));
        }
        Ok(Some(value as u32))
    }

    /// The mean in its unit.
    pub fn quantity<Q: TryFrom<f64, Error = NotAQuantity>>(
        &mut self,
        field: Field,
        statistics: &Option<Statistics>,
    ) -> Result<Option<Q>, ParseError> {
        let value = self.average(field, statistics)?;
        value.map(|v| Q::try_from(v).map_err(|error| self.problem(field, "avg", error.to_string()))).transpose()
    }

    /// Mean and percentiles; absent without a mean.
    pub fn distribution(
        &mut self,
        field: Field,
        statistics: &Option<Statistics>,
    ) -> Result<Option<Distribution>, ParseError> {
        let Some(statistics) = statistics else { return Ok(None) };
        self.check_unit(field, Some(statistics))?;
        let mut take = |statistic: &str, number: Option<Number>| -> Result<Option<Milliseconds>, ParseError> {
            let Some(value) = self.number(field, statistic, number)? else { return Ok(None) };
            Milliseconds::new(value).map(Some).map_err(|error| self.problem(field, statistic, error.to_string()))
        };
        let (mean, p50, p90) =
            (take("avg", statistics.avg)?, take("p50", statistics.p50)?, take("p90", statistics.p90)?);
        let (p95, p99) = (take("p95", statistics.p95)?, take("p99", statistics.p99)?);
        Ok(mean.map(|mean| Distribution { mean, p50, p90, p95, p99 }))
    }

    fn problem(&self, field: Field, statistic: &str, text: String) -> ParseError {
        ParseError::new(self.file, Place::field(format!("{}.{statistic}", field.name)), text)
    }

    fn check_unit(&self, field: Field, statistics: Option<&Statistics>) -> Result<(), ParseError> {
        let wrong = field.wrong_unit(statistics.and_then(|statistics| statistics.unit.as_deref()));
        wrong.map_or(Ok(()), |wrong| Err(self.problem(field, "unit", wrong)))
    }

    fn number(&mut self, field: Field, statistic: &str, number: Option<Number>) -> Result<Option<f64>, ParseError> {
        let file = self.file;
        field.number(number, &mut self.not_finite, |text| {
            ParseError::new(file, Place::field(format!("{}.{statistic}", field.name)), text)
        })
    }
}

/// Adds a metric once.
pub(super) fn note(metrics: &mut Vec<Metric>, metric: Metric) {
    if !metrics.contains(&metric) {
        metrics.push(metric);
    }
}
