//! What is deployed: engines, how they are divided over GPUs, and their limits.

use serde::{Deserialize, Serialize};

use crate::api::Deployed;
use crate::units::count;

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
    /// How the engines guess tokens ahead, for example `mtp, 3 tokens ahead`; absent where they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speculation: Option<String>,
    /// Whether prompts that begin alike share their KV cache, where the manifests say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_caching: Option<bool>,
    /// Tokens that a request may have, prompt and response together, where the manifests say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u32>,
}

/// How prefill and decode are spread over workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum Serving {
    /// Each worker does both.
    Aggregated { workers: Workers },
    /// Separate workers.
    Disaggregated { prefill: Workers, decode: Workers },
}

/// Workers of one kind and the limits of each one's engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workers {
    /// GPUs that share each attention layer.
    pub tensor_parallel: u32,
    pub pipeline_parallel: u32,
    /// Groups of GPUs in an engine that each attend to their own requests (attention data parallelism); mostly 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub data_parallel: u32,
    /// GPUs that share each prompt (context parallelism); mostly 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub context_parallel: u32,
    /// GPUs that share each expert, in models with experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_tensor_parallel: Option<u32>,
    /// Groups of GPUs that hold different experts, in models with experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_expert_parallel: Option<u32>,
    /// Engines that share the load.
    pub replicas: u32,
    /// Requests an engine works on at once, for each of `data_parallel`.
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

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

impl Workers {
    /// Engines of a shape, without limits.
    pub fn new(tensor_parallel: u32, pipeline_parallel: u32, replicas: u32) -> Self {
        Self {
            tensor_parallel,
            pipeline_parallel,
            data_parallel: 1,
            context_parallel: 1,
            moe_tensor_parallel: None,
            moe_expert_parallel: None,
            replicas,
            max_batch_size: None,
            max_num_tokens: None,
            chunked_prefill: false,
            kv_cache_fraction: None,
        }
    }

    /// GPUs of one engine.
    pub fn gpus_per_replica(&self) -> u32 {
        [self.pipeline_parallel, self.data_parallel, self.context_parallel]
            .into_iter()
            .fold(self.tensor_parallel, u32::saturating_mul)
    }

    /// Whether engines of both are divided over GPUs in the same way, regardless of their number and limits.
    pub fn same_parallelism(&self, other: &Self) -> bool {
        let cut = |w: &Self| (w.tensor_parallel, w.pipeline_parallel, w.data_parallel, w.context_parallel);
        let both = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        cut(self) == cut(other)
            && both(self.moe_tensor_parallel, other.moe_tensor_parallel)
            && both(self.moe_expert_parallel, other.moe_expert_parallel)
    }

    /// The parallelism in a few characters, for example `TP8` or `TP1 PP2 DP4`.
    pub fn describe(&self) -> String {
        let more = [("PP", self.pipeline_parallel), ("DP", self.data_parallel), ("CP", self.context_parallel)];
        let more = more.iter().filter(|(_, n)| *n > 1).map(|(name, n)| format!(" {name}{n}")).collect::<String>();
        format!("TP{}{more}", self.tensor_parallel)
    }
}

impl Shape {
    /// Fills in what a status shows of it.
    pub fn show_in(&self, deployed: &mut Deployed) {
        let (mode, workers) = match &self.serving {
            Serving::Aggregated { workers } => ("aggregated", workers),
            Serving::Disaggregated { decode, .. } => ("disaggregated", decode),
        };
        deployed.serving_mode = Some(mode.into());
        deployed.tensor_parallel = Some(count(workers.tensor_parallel));
        deployed.pipeline_parallel = Some(count(workers.pipeline_parallel));
        deployed.data_parallel = Some(workers.data_parallel).filter(|groups| *groups > 1).map(count);
        deployed.expert_parallel = workers.moe_expert_parallel.map(count);
        deployed.replicas = Some(count(workers.replicas));
        deployed.max_batch_size = workers.max_batch_size.map(count);
        deployed.max_num_tokens = workers.max_num_tokens.map(count);
        deployed.context_length = self.context_length.map(count);
        deployed.weights = self.weights.clone();
        deployed.kv_cache = self.kv_cache.clone();
        deployed.image = self.image.clone();
        deployed.speculation = self.speculation.clone();
        deployed.prefix_caching = self.prefix_caching;
    }

    /// Why no predictor can be asked about it.
    pub fn beyond_prediction(&self) -> Option<String> {
        self.speculation.as_ref().map(|how| {
            format!("the engines decode speculatively ({how}), and no predictor is told how many guesses are right")
        })
    }
}

impl Serving {
    /// The workers in a few words, for example `8 × TP1` or `2 × TP2 prefill + 1 × TP4 decode`.
    pub fn describe(&self) -> String {
        let some = |w: &Workers| match w.replicas {
            1 => w.describe(),
            n => format!("{n} × {}", w.describe()),
        };
        match self {
            Self::Aggregated { workers } => some(workers),
            Self::Disaggregated { prefill, decode } => format!("{} prefill + {} decode", some(prefill), some(decode)),
        }
    }

    pub fn gpus(&self) -> u32 {
        let all = |w: &Workers| w.gpus_per_replica().saturating_mul(w.replicas);
        match self {
            Self::Aggregated { workers } => all(workers),
            Self::Disaggregated { prefill, decode } => all(prefill).saturating_add(all(decode)),
        }
    }
}
