//! A row of a predictor's ranking, in the units of one replica, and what it claims for a deployment.

use super::claim::{OperatingPoint, PredictedClaim};
use super::serving::Serving;
use crate::units::{LatencyLimits, Milliseconds, RequestsPerSecond, TokensPerSecond};

/// One row: a replica (the smallest unit that serves a request alone) at one operating point.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Workers of one replica. `max_batch_size` is the batch of the operating point.
    pub serving: Serving,
    /// GPUs of one replica.
    pub gpus: u32,
    /// Concurrent requests in one replica, waiting ones included.
    pub concurrency: u32,
    /// Mean time to first token.
    pub ttft: Milliseconds,
    /// Mean time per output token after the first.
    pub tpot: Milliseconds,
    pub request_latency: Milliseconds,
    /// Requests one replica completes each second.
    pub request_rate: RequestsPerSecond,
    /// Tokens per second and GPU as the tool prints them; it may count one token of each request less.
    pub advertised_tokens_per_second_per_gpu: TokensPerSecond,
    /// Tokens the engine works on in its fullest step, where the tool reports them.
    pub num_tokens: Option<u32>,
    /// Prompt tokens among them.
    pub context_tokens: Option<u32>,
    /// Tokens of each prompt.
    pub input_tokens: u32,
    /// Tokens of each answer.
    pub output_tokens: u32,
    /// Type of the weights.
    pub weights: Option<String>,
    /// Type of the KV cache.
    pub kv_cache: Option<String>,
    /// Inference engine, for example `trtllm`.
    pub backend: Option<String>,
    /// Version of the engine the performance database was measured with.
    pub database_version: Option<String>,
    /// Time per output token as the tool printed it, where that included the first.
    pub inclusive_tpot: Option<Milliseconds>,
}

impl Row {
    /// What the row claims for `replicas` replicas.
    pub fn claim(&self, replicas: u32) -> PredictedClaim {
        PredictedClaim {
            concurrency: self.concurrency.saturating_mul(replicas),
            point: OperatingPoint {
                ttft: self.ttft,
                tpot: self.tpot,
                tokens_per_second_per_gpu: self.tokens_per_second_per_gpu(),
            },
            advertised_tokens_per_second_per_gpu: Some(self.advertised_tokens_per_second_per_gpu),
            predictor: None,
        }
    }

    /// All output tokens of the requests that complete each second ÷ GPUs.
    pub fn tokens_per_second_per_gpu(&self) -> TokensPerSecond {
        let tokens = self.request_rate.get() * f64::from(self.output_tokens) / f64::from(self.gpus.max(1));
        TokensPerSecond::new(tokens).unwrap_or_default()
    }

    /// The larger of TTFT ÷ limit and TPOT ÷ limit: at most 1 when the row meets both.
    pub fn strain(&self, limits: LatencyLimits) -> f64 {
        (self.ttft.get() / limits.ttft.get()).max(self.tpot.get() / limits.tpot.get())
    }

    /// How many replicas `gpus` GPUs hold.
    pub fn replicas_on(&self, gpus: u32) -> u32 {
        gpus / self.gpus.max(1)
    }

    /// The row in a few words, for example `TP8, 12 concurrent requests: TTFT 347.4 ms, TPOT 6.57 ms`.
    pub fn describe(&self) -> String {
        let (ttft, tpot) = (self.ttft.get(), self.tpot.get());
        let (serving, requests) = (self.serving.describe(), self.concurrency);
        let requests =
            if requests == 1 { "1 concurrent request".into() } else { format!("{requests} concurrent requests") };
        format!("{serving}, {requests}: TTFT {ttft:.1} ms, TPOT {tpot:.2} ms")
    }
}
