//! What a measurement consists of, by names that no load tool chose.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

/// A figure of a trial. Every result format names these in its own way; the audit knows them by this type alone.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    Display,
    IntoStaticStr,
)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Time to first token.
    #[strum(serialize = "time to first token")]
    Ttft,
    /// Time per output token after the first.
    #[strum(serialize = "time per output token")]
    Tpot,
    /// From sending a request to its last token.
    #[strum(serialize = "request latency")]
    RequestLatency,
    /// Output tokens per second over the whole deployment.
    #[strum(serialize = "output tokens per second")]
    OutputTokensPerSecond,
    /// Completed requests per second.
    #[strum(serialize = "requests per second")]
    RequestsPerSecond,
    /// Tokens of an answer.
    #[strum(serialize = "output length")]
    OutputTokens,
    /// Tokens of a prompt.
    #[strum(serialize = "input length")]
    InputTokens,
    /// Completed requests.
    #[strum(serialize = "completed requests")]
    Requests,
    /// Failed requests.
    #[strum(serialize = "failed requests")]
    Errors,
    /// Requests of the warm-up.
    #[strum(serialize = "warm-up requests")]
    WarmupRequests,
    /// Mean number of concurrent requests.
    #[strum(serialize = "effective concurrency")]
    EffectiveConcurrency,
    /// Waiting in the client before a request is sent.
    #[strum(serialize = "waiting time in the client")]
    ClientWait,
    /// Prompt tokens that came from a prefix cache.
    #[strum(serialize = "cached prompt tokens")]
    CachedPromptTokens,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_shown_by_its_label_and_stored_by_its_name() {
        assert_eq!(Metric::OutputTokensPerSecond.to_string(), "output tokens per second");
        assert_eq!(serde_json::to_string(&Metric::Ttft).ok().as_deref(), Some("\"ttft\""));
    }
}
