//! The load tool's output → one [`Measurement`] a trial, and the findings of its audit.

pub mod aiperf;
pub mod audit;
pub mod error;
pub mod format;
pub mod formats;
pub mod genai_perf;
mod json;
pub mod ledger;
pub mod metric;
pub mod record;
mod statistics;
pub mod window;

use serde::{Deserialize, Serialize};

use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

pub use error::ParseError;
pub use metric::Metric;

/// Statistics over the requests of a trial. Tools differ in the percentiles they report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    pub mean: Milliseconds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<Milliseconds>,
}

impl Distribution {
    /// The same after a change of every statistic; `None` where the mean cannot be changed so.
    pub fn map(self, change: impl Fn(Milliseconds) -> Option<Milliseconds>) -> Option<Self> {
        let [p50, p90, p95, p99] = [self.p50, self.p90, self.p95, self.p99].map(|of| of.and_then(&change));
        Some(Self { mean: change(self.mean)?, p50, p90, p95, p99 })
    }
}

/// What one trial showed, before it is audited. What the tool did not report is `None`, which never stands for zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// Tool and version, for example `aiperf 0.13.0`.
    pub tool: String,
    /// Concurrent requests over the whole deployment, as the load tool was configured.
    pub concurrency: u32,
    /// Completed requests.
    pub requests: u32,
    /// Failed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u32>,
    /// The most frequent error, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Time to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Distribution>,
    /// Time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Distribution>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_latency: Option<Distribution>,
    /// Output tokens per second over the whole deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_second: Option<TokensPerSecond>,
    /// Completed requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests that meet both SLA limits, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_requests_percent: Option<f64>,
    /// Facts the audit needs.
    pub facts: Facts,
}

/// Facts about a trial that the audit needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The model the requests named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tool's own mark of completeness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The tool's own mark of cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<bool>,
    /// Whether answers were streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// Mean input tokens of a request, the server's count first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<f64>,
    /// Mean output tokens of a request, the server's count first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<f64>,
    /// Mean number of concurrent requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_concurrency: Option<f64>,
    /// Waiting in the client ÷ request latency, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_wait_percent: Option<f64>,
    /// Prompt tokens served from a cache, in percent; absent when the server does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_prompt_percent: Option<f64>,
    /// Prompt tokens served from a cache, per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_prompt_tokens: Option<f64>,
    /// Warm-up requests before the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_requests: Option<u32>,
    /// Whether figures come from the window (METHOD §3) and not from the tool's summary.
    pub windowed: bool,
    /// Throughput of the window's second half ÷ its first half − 1, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_drift_percent: Option<f64>,
    /// Metrics that were NaN or infinite, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_finite: Vec<Metric>,
}

impl Measurement {
    /// Requests that were sent and ended, well or not.
    pub fn sent(&self) -> u32 {
        self.requests.saturating_add(self.errors.unwrap_or(0))
    }
}

/// One number as percent of another; `None` where the result is not finite.
fn percent(part: f64, whole: f64) -> Option<f64> {
    Some(100.0 * part / whole).filter(|percent| percent.is_finite())
}

/// Whether a computed figure is above a limit by more than rounding.
pub(crate) fn exceeds(value: f64, limit: f64) -> bool {
    value > limit + 1e-9 * limit.abs().max(1.0)
}
