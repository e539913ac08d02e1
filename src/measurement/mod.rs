//! The load tool's output → one `Measurement` a level and repetition, and what the audit says of it.

pub mod across;
pub mod aiperf;
pub mod audit;
pub mod error;
pub mod find;
pub mod genai_perf;
mod json;
pub mod ledger;
mod metric;
pub mod record;
pub mod window;

use serde::{Deserialize, Serialize};

use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

pub use error::ParseError;

/// What a request must keep to be a good one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Time to first token.
    pub ttft: Milliseconds,
    /// Time per output token after the first.
    pub tpot: Milliseconds,
}

/// Statistics over the requests of a level, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Arithmetic mean.
    pub mean: Milliseconds,
    /// Median.
    pub p50: Milliseconds,
    /// 90th percentile.
    pub p90: Milliseconds,
    /// 95th percentile.
    pub p95: Milliseconds,
    /// 99th percentile.
    pub p99: Milliseconds,
}

/// What one run of the load tool at one concurrency showed, before it is audited.
/// Absent means that the tool did not say; it never means zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// Tool and version, for example `aiperf 0.13.0`.
    pub tool: String,
    /// Requests in flight over the whole deployment, as the file says.
    pub concurrency: u32,
    /// Completed requests.
    pub requests: u32,
    /// Failed requests.
    pub errors: u32,
    /// The most frequent error, shortened, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Time to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Distribution>,
    /// Time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Distribution>,
    /// Request latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_latency: Option<Distribution>,
    /// Output tokens per second over the whole deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_second: Option<TokensPerSecond>,
    /// Completed requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests that keep both SLA limits, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_requests_percent: Option<f64>,
    /// Facts the audit needs.
    pub facts: Facts,
}

/// Facts about a run of the load tool that the audit needs.
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
    /// Mean requests in flight.
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
    /// Names of metrics that were NaN or infinite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_finite: Vec<String>,
}

/// One number as percent of another; `None` where that is no number.
fn percent(part: f64, whole: f64) -> Option<f64> {
    Some(100.0 * part / whole).filter(|percent| percent.is_finite())
}

/// Whether a reckoned figure is above a limit, and not only by rounding.
pub(crate) fn exceeds(value: f64, limit: f64) -> bool {
    value > limit + 1e-9 * limit.abs().max(1.0)
}
