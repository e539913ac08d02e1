//! The predictor's output → what was predicted for the configuration that is deployed, at any concurrency.
//!
//! All figures here are of the whole deployment; per-replica units end at the parsers (METHOD §1).

pub mod configurations;
pub mod curve;

pub use curve::{Curve, CurveError, CurvePoint, PredictedLevel};

use serde::{Deserialize, Serialize};

use crate::api::Finding;
use crate::units::{Milliseconds, TokensPerSecond};

/// What is deployed, as read from its manifests (or hinted by the user).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Workers and their limits.
    pub serving: Serving,
    /// GPUs held: the sum of the pods' GPU limits.
    pub gpus: u32,
    /// Type of the weights, for example `bfloat16`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Type of the KV cache, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<String>,
    /// Image of the workers, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// How prefill and decode are spread over workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum Serving {
    /// Each worker does both.
    Aggregated {
        /// The workers.
        workers: Workers,
    },
    /// Separate workers.
    Disaggregated {
        /// Prefill.
        prefill: Workers,
        /// Decode.
        decode: Workers,
    },
}

/// Workers of one kind and the limits of each one's engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workers {
    /// GPUs that share each layer.
    pub tensor_parallel: u32,
    /// Pipeline stages.
    pub pipeline_parallel: u32,
    /// Engines that share the load.
    pub replicas: u32,
    /// Requests an engine works on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<u32>,
    /// Tokens an engine works on in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_tokens: Option<u32>,
    /// Whether a prompt may be spread over steps.
    #[serde(default)]
    pub chunked_prefill: bool,
    /// Share of free GPU memory given to the KV cache, 0…1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache_fraction: Option<f64>,
}

/// Latency and throughput of a whole deployment at one concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Mean time to first token.
    pub ttft: Milliseconds,
    /// Mean time per output token after the first.
    pub tpot: Milliseconds,
    /// Output tokens per second ÷ GPUs held.
    pub tokens_per_second_per_gpu: TokensPerSecond,
}

impl Point {
    /// 1000 ÷ TPOT; zero when TPOT is zero.
    pub fn tokens_per_second_per_user(&self) -> f64 {
        if self.tpot.get() > 0.0 { 1000.0 / self.tpot.get() } else { 0.0 }
    }
}

/// The row the predictor advertises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Requests in flight over the whole deployment.
    pub concurrency: u32,
    /// What is advertised there.
    pub point: Point,
}

/// What the predictor says of a variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// The advertised row, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// The estimate for what is deployed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// What is doubtful about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a prediction comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Tool and version, for example `aiconfigurator 0.12.0`.
    pub tool: String,
    /// Version of the performance database, for example `1.3.0rc20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_version: Option<String>,
    /// Type of the weights the prediction assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Type of the KV cache the prediction assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<String>,
}
