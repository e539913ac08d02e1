//! The load tool's output → one [`Measurement`] a trial, and the findings of its audit.

pub mod audit;
pub mod counted;
mod distribution;
pub mod error;
pub mod formats;
mod json;
pub mod ledger;
pub mod metric;
pub mod record;
mod statistics;
pub mod window;

use serde::{Deserialize, Serialize};

use crate::units::{RequestsPerSecond, TokensPerSecond};

pub use counted::CountedRequests;
pub use distribution::Distribution;
pub use error::ParseError;
pub use metric::Metric;

/// What one trial showed, before it is audited. What the tool did not report is `None`, which never stands for zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Output tokens per second over the whole deployment, by Little's law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_second: Option<TokensPerSecond>,
    /// Completed requests per second, by Little's law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests that meet all limits of the SLA, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_requests_percent: Option<f64>,
    /// The requests the figures are taken over; absent where only the tool's summary over all requests is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedRequests>,
    /// Facts the audit needs.
    pub facts: Facts,
}

/// Facts about a trial that the audit needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// From the start of the first request to the end of the last, warm-up included, in seconds. Absent where requests are not
    /// known one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_seconds: Option<f64>,
    /// Completions counted over whole waves ÷ those by Little's law − 1, signed percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsteadiness_percent: Option<f64>,
    /// Mean SM clock of the GPUs that the tool was told to watch, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm_clock_megahertz: Option<f64>,
    /// Share of the trial, in percent, for which the power limit held back the GPU that it held back most, of those watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_percent: Option<f64>,
    /// Energy that all GPUs took together that the tool was told to watch, in joules, over the trial without its warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_joules: Option<f64>,
    /// GPUs whose energy that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus_watched: Option<u32>,
    /// Set where the tool does not count completed requests: then `requests` stands for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_unknown: Option<bool>,
    /// Metrics that were NaN or infinite, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_finite: Vec<Metric>,
}

impl Measurement {
    /// Throughput by Little's law from concurrency, mean latency and mean output (METHOD §3), in the place of the tool's own: of
    /// a trial whose requests are not known one by one. The tool's own reads too low, since it counts the start and the end,
    /// when the deployment is not loaded in full.
    #[must_use]
    pub fn by_littles_law(mut self) -> Self {
        let answered = match self.facts.requests_unknown {
            Some(true) => 1.0,
            _ => f64::from(self.requests) / f64::from(self.sent().max(1)),
        };
        let throughput = self.request_latency.and_then(|latency| {
            let users = f64::from(self.concurrency) * answered;
            window::Throughput::by_littles_law(users, latency.mean.get(), self.facts.output_tokens)
        });
        if let Some(throughput) = throughput {
            self.requests_per_second = Some(throughput.requests_per_second);
            self.output_tokens_per_second = throughput.output_tokens_per_second.or(self.output_tokens_per_second);
        }
        self
    }

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
