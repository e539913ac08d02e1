//! The layout of AIPerf's summary, as far as it is used, through its versions.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::measurement::error::{ParseError, Place};
use crate::measurement::formats::Asked;
use crate::measurement::json::Number;
use crate::measurement::statistics::Statistics;
use crate::text;

/// Name the tool gives the file.
pub const FILE: &str = "profile_export_aiperf.json";

#[derive(Default, Deserialize)]
pub(super) struct Summary {
    /// From 0.4.0.
    #[serde(default)]
    pub aiperf_version: Option<String>,
    /// The metrics of 0.1.1, which later versions write beside everything else.
    #[serde(default)]
    records: Option<Box<Summary>>,
    #[serde(default)]
    pub input_config: InputConfig,
    #[serde(default)]
    pub is_complete: Option<bool>,
    #[serde(default)]
    pub was_cancelled: Option<bool>,
    #[serde(default)]
    pub error_summary: Vec<ErrorCount>,
    #[serde(default)]
    pub warmup_metrics: Option<WarmupMetrics>,
    #[serde(default)]
    pub request_count: Option<Statistics>,
    #[serde(default)]
    pub error_request_count: Option<Statistics>,
    #[serde(default)]
    benchmark_duration: Option<Statistics>,
    #[serde(default)]
    pub request_throughput: Option<Statistics>,
    #[serde(default)]
    pub request_latency: Option<Statistics>,
    /// 0.1.1 abbreviates it.
    #[serde(default, alias = "ttft")]
    pub time_to_first_token: Option<Statistics>,
    #[serde(default)]
    pub inter_token_latency: Option<Statistics>,
    #[serde(default)]
    pub output_token_throughput: Option<Statistics>,
    #[serde(default)]
    pub output_sequence_length: Option<Statistics>,
    #[serde(default)]
    pub input_sequence_length: Option<Statistics>,
    #[serde(default)]
    pub usage_completion_tokens: Option<Statistics>,
    #[serde(default)]
    pub usage_prompt_tokens: Option<Statistics>,
    #[serde(default)]
    pub usage_prompt_cache_read_tokens: Option<Statistics>,
    #[serde(default)]
    pub overall_usage_prompt_cache_read_pct: Option<Statistics>,
    #[serde(default)]
    pub effective_concurrency: Option<Statistics>,
    #[serde(default)]
    pub credit_to_start_latency: Option<Statistics>,
    /// What GPUs were like meanwhile, where the tool was told to watch them.
    #[serde(default)]
    telemetry_data: Value,
}

impl Summary {
    /// The version, or what is known of one that does not name itself.
    ///
    /// # Errors
    /// The file has no load of AIPerf's.
    pub fn version(&self) -> Result<&str, ParseError> {
        match &self.aiperf_version {
            Some(version) => Ok(version),
            None if self.input_config.loadgen.is_some() => Ok("before 0.4"),
            None => {
                let problem = "is missing; expected the summary of an AIPerf run";
                Err(ParseError::new(FILE, Place::field("aiperf_version"), problem))
            }
        }
    }

    /// The same with its metrics at the top, where newer versions have them.
    pub fn flat(mut self) -> Self {
        let Some(metrics) = self.records.take() else { return self };
        let Self { aiperf_version, input_config, is_complete, was_cancelled, error_summary, telemetry_data, .. } = self;
        Self {
            aiperf_version,
            input_config,
            is_complete,
            was_cancelled,
            error_summary,
            telemetry_data,
            records: None,
            ..*metrics
        }
    }

    /// Mean SM clock of all GPUs that were watched. What cannot be read says nothing.
    pub fn sm_clock_megahertz(&self) -> Option<f64> {
        let clocks = self.watched("nvidia_sm_clock");
        Some(clocks.iter().sum::<f64>() / clocks.len() as f64).filter(|mean| mean.is_finite() && *mean > 0.0)
    }

    /// The share of the trial, in percent, for which the power limit held back the GPU that it held back most.
    pub fn throttled_percent(&self) -> Option<f64> {
        let Some(Number::Finite(seconds)) = self.benchmark_duration.as_ref()?.avg else { return None };
        let microseconds = self.watched("nvidia_power_violation").into_iter().reduce(f64::max)?;
        Some(100.0 * microseconds / 1e6 / seconds).filter(|percent| percent.is_finite() && *percent >= 0.0)
    }

    /// Mean power of each GPU that was watched, in watts. Versions before 0.13 name no vendor.
    fn watts(&self) -> Vec<f64> {
        let [watts, of_older] = ["nvidia_power_usage", "gpu_power_usage"].map(|metric| self.watched(metric));
        if watts.is_empty() { of_older } else { watts }
    }

    /// How many GPUs' power was watched.
    pub fn gpus_watched(&self) -> Option<u32> {
        u32::try_from(self.watts().len()).ok().filter(|gpus| *gpus > 0)
    }

    /// Energy of all GPUs that were watched: mean power × duration.
    pub fn gpu_joules(&self) -> Option<f64> {
        let Some(Number::Finite(seconds)) = self.benchmark_duration.as_ref()?.avg else { return None };
        let joules = self.watts().iter().sum::<f64>() * seconds;
        Some(joules).filter(|joules| joules.is_finite() && *joules > 0.0)
    }

    /// What was seen of each GPU that was watched: the mean of a gauge, or how far a counter moved.
    fn watched(&self, metric: &str) -> Vec<f64> {
        let each = |of: &Value, name: &str| {
            of[name].as_object().into_iter().flat_map(Map::values).cloned().collect::<Vec<_>>()
        };
        let gpus = each(&self.telemetry_data, "endpoints").into_iter().flat_map(|endpoint| each(&endpoint, "gpus"));
        gpus.filter_map(|gpu| gpu["metrics"][metric]["avg"].as_f64()).collect()
    }

    pub fn most_frequent_error(&self) -> Option<String> {
        let worst = self.error_summary.iter().max_by_key(|error| error.count)?;
        let ErrorDetails { code, r#type, message } = &worst.error_details;
        let code = code.map(|code| format!("{code} ")).unwrap_or_default();
        let kind = r#type.as_deref().unwrap_or("error");
        Some(text::cut(&format!("{code}{kind}: {}", message.as_deref().unwrap_or("no message")), 120))
    }
}

#[derive(Deserialize)]
pub(super) struct ErrorCount {
    pub error_details: ErrorDetails,
    pub count: u32,
}

#[derive(Deserialize)]
pub(super) struct ErrorDetails {
    #[serde(default)]
    pub code: Option<i64>,
    #[serde(default)]
    pub r#type: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WarmupMetrics {
    #[serde(default)]
    pub request_count: Option<Statistics>,
}

#[derive(Default, Deserialize)]
pub(super) struct InputConfig {
    #[serde(default)]
    pub models: ModelList,
    #[serde(default)]
    pub endpoint: EndpointConfig,
    #[serde(default)]
    pub phases: Vec<LoadPhase>,
    /// Up to version 0.9 or so, in place of phases.
    #[serde(default)]
    pub loadgen: Option<LoadGenerator>,
    /// The lengths asked for, up to version 0.9 or so.
    #[serde(default)]
    input: Value,
    /// The lengths asked for, later.
    #[serde(default)]
    datasets: Value,
}

#[derive(Deserialize)]
pub(super) struct LoadGenerator {
    #[serde(default)]
    pub concurrency: Option<u32>,
    #[serde(default)]
    pub request_rate: Option<IgnoredAny>,
    #[serde(default)]
    pub warmup_request_count: Option<u32>,
}

#[derive(Default, Deserialize)]
pub(super) struct ModelList {
    #[serde(default)]
    pub items: Vec<ModelName>,
}

#[derive(Deserialize)]
pub(super) struct ModelName {
    pub name: String,
}

#[derive(Default, Deserialize)]
pub(super) struct EndpointConfig {
    #[serde(default)]
    pub streaming: Option<bool>,
    /// Up to version 0.9 or so, in place of models.
    #[serde(default)]
    pub model_names: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct LoadPhase {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub exclude_from_results: bool,
    #[serde(default)]
    pub r#type: Option<String>,
    #[serde(default)]
    pub concurrency: Option<u32>,
    #[serde(default)]
    pub requests: Option<u32>,
    /// Set where requests are sent at a pace instead of one after the other by each user.
    #[serde(default)]
    pub rate: Option<IgnoredAny>,
}

impl LoadPhase {
    fn is_warmup(&self) -> bool {
        self.exclude_from_results || self.kind.as_deref().unwrap_or(&self.name) == "warmup"
    }

    pub fn concurrency(&self) -> Result<u32, ParseError> {
        let kind = self.r#type.as_deref().unwrap_or("concurrency");
        match self.concurrency {
            Some(users) if users > 0 && self.rate.is_none() && kind == "concurrency" => Ok(users),
            _ => Err(not_concurrent("phases", &format!("load of the type `{}` without users", text::cut(kind, 40)))),
        }
    }
}

impl InputConfig {
    /// All models the requests named.
    pub fn model(&self) -> Option<String> {
        let items = self.models.items.iter().map(|model| model.name.as_str());
        let names: Vec<&str> = items.chain(self.endpoint.model_names.iter().map(String::as_str)).collect();
        (!names.is_empty()).then(|| text::cut(&names.join(", "), 128))
    }

    /// The number of users, where requests are sent by users and not at a pace.
    pub fn concurrency(&self) -> Result<u32, ParseError> {
        match &self.loadgen {
            Some(LoadGenerator { concurrency: Some(users), request_rate: None, .. }) if *users > 0 => Ok(*users),
            Some(_) => Err(not_concurrent("loadgen", "load without a concurrency, or at a pace")),
            None => self.measured_phase()?.concurrency(),
        }
    }

    /// The lengths of prompts and answers asked for; absent where there are several, or prompts of the user's own.
    pub fn asked(&self) -> Asked {
        let old = |length: &str| self.input.pointer(&format!("/prompt/{length}/mean"));
        let only = self.datasets.as_array().filter(|all| all.len() == 1).and_then(|all| all.first());
        let new = |length: &str| only?.pointer(&format!("/prompts/{length}/mean"));
        let length = |old: Option<&Value>, new: Option<&Value>| old.or(new)?.as_f64().filter(|mean| *mean > 0.0);
        Asked {
            input_tokens: length(old("input_tokens"), new("isl")),
            output_tokens: length(old("output_tokens"), new("osl")),
        }
    }

    fn measured_phase(&self) -> Result<&LoadPhase, ParseError> {
        let mut measured = self.phases.iter().filter(|phase| !phase.is_warmup());
        match (measured.next(), measured.next()) {
            (Some(phase), None) => Ok(phase),
            (None, _) => Err(not_concurrent("phases", "no measured phase")),
            (Some(_), Some(_)) => Err(not_concurrent("phases", "several measured phases")),
        }
    }

    /// Configured warm-up requests; absent when the file lists no phases, or one of them has no number.
    pub fn warmup(&self) -> Option<u32> {
        if let Some(loadgen) = &self.loadgen {
            return Some(loadgen.warmup_request_count.unwrap_or(0));
        }
        let asked = || self.phases.iter().filter(|phase| phase.is_warmup()).map(|phase| phase.requests);
        (!self.phases.is_empty()).then(|| asked().try_fold(0_u32, |sum, n| Some(sum.saturating_add(n?)))).flatten()
    }
}

fn not_concurrent(field: &str, found: &str) -> ParseError {
    let place = Place::field(format!("input_config.{field}"));
    ParseError::other_load(FILE, place, format!("found {found}; expected one phase with a fixed concurrency"))
}
