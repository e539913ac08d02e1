//! Questions to AIConfigurator's driver (`driver.py`) and its answers, as JSON.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::Backend;
use crate::prediction::predictors::predictor::{Ask, DriverError, Files};
use crate::prediction::serving::Workers;

/// A question to the driver.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "operation")]
pub(super) enum Question {
    Versions(PredictorSystem),
    Search(SearchQuestion),
    Naive(Naive),
    Estimate(Box<EstimateQuestion>),
}

/// Asks, and reads the answer as what it should be.
pub(super) fn ask<T: DeserializeOwned>(driver: &mut dyn Ask, question: &Question) -> Result<T, DriverError> {
    let answer = driver.ask(&json!(question))?;
    serde_json::from_value(answer).map_err(|error| DriverError::Unreadable(error.to_string()))
}

/// GPU system and inference engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PredictorSystem {
    pub system: String,
    pub backend: Backend,
}

/// What all generation is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationSubject {
    #[serde(flatten)]
    pub about: PredictorSystem,
    pub model: String,
    pub gpus: u32,
    /// Input tokens.
    pub isl: u32,
    /// Output tokens.
    pub osl: u32,
    /// Release of the runtime whose templates are used.
    pub runtime_version: String,
    /// `KEY=VALUE` for the tool's generator.
    pub settings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchQuestion {
    #[serde(flatten)]
    pub subject: GenerationSubject,
    /// `agg`, `disagg` or `auto`.
    pub serving_mode: &'static str,
    pub top_n: usize,
    /// Milliseconds.
    pub ttft: f64,
    /// Milliseconds.
    pub tpot: f64,
    pub strict: bool,
    pub database_version: String,
}

/// The smallest shape that holds the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Naive {
    #[serde(flatten)]
    pub subject: GenerationSubject,
}

/// Estimates of one replica.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EstimateQuestion {
    #[serde(flatten)]
    pub about: PredictorSystem,
    pub model: String,
    pub isl: u32,
    pub osl: u32,
    pub database_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<String>,
    #[serde(flatten)]
    pub serving: EstimatedServing,
    pub points: Vec<EstimatePoint>,
}

/// The engines of one replica.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub(super) enum EstimatedServing {
    Aggregated { workers: Engines },
    Disaggregated { prefill: Engines, decode: Engines },
}

/// Engines of one kind, as far as an estimate depends on them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Engines {
    pub tensor_parallel: u32,
    pub pipeline_parallel: u32,
    pub data_parallel: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moe_tensor_parallel: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moe_expert_parallel: Option<u32>,
    /// How many; 1 where each engine does everything, since engines share nothing then.
    pub count: u32,
    /// Share of memory for the KV cache, as the engine counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_cache_fraction: Option<f64>,
}

impl Engines {
    /// `count` engines cut up like these.
    pub(super) fn new(workers: &Workers, count: u32) -> Self {
        Self {
            tensor_parallel: workers.tensor_parallel,
            pipeline_parallel: workers.pipeline_parallel,
            data_parallel: workers.data_parallel,
            moe_tensor_parallel: workers.moe_tensor_parallel,
            moe_expert_parallel: workers.moe_expert_parallel,
            count,
            kv_cache_fraction: workers.kv_cache_fraction,
        }
    }
}

/// One operating point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EstimatePoint {
    /// Concurrent requests in one engine (in each of its attention groups); in a decode engine where prefill is separate.
    pub batch: u32,
    /// Prompt tokens in a step.
    pub context_tokens: u32,
    /// Prompts a separate prefill engine works on at once.
    pub prefill_batch: u32,
}

/// What the tool is and supports.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolVersions {
    pub tool: String,
    /// The runtime release it generates for by default.
    pub default_runtime: String,
    /// Runtime release → version of the inference engine in it.
    pub runtimes: BTreeMap<String, String>,
    pub systems: Vec<String>,
    /// Newest performance database for the system and engine, where there is one.
    pub database: Option<String>,
}

/// What a call of the tool's command line left behind.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommandOutput {
    pub files: Files,
    /// Errors, as the tool logged them.
    pub messages: Vec<String>,
    /// Its exit, where that was a failure.
    pub failed: Option<String>,
    /// Whether it reported that nothing meets the SLA.
    pub infeasible: bool,
}

/// Estimates, in the order of the questions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EstimateAnswers {
    pub points: Vec<EstimateAnswer>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EstimateAnswer {
    /// Whether memory or KV cache do not hold so many requests.
    pub full: bool,
    /// The tool's columns; absent where it gives no figures because of that.
    pub row: Option<Map<String, Value>>,
}
