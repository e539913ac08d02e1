//! The YAML of `aisimulate predict --config`, as far as it tells what a report is for.

use serde_json::Value;

use crate::prediction::like::RowSubject;
use crate::prediction::serving::{Serving, Workers};

/// What a prediction was computed for.
pub(super) struct Config {
    root: Value,
}

impl Config {
    /// A document with an engine; any other YAML is not one.
    pub fn read(value: &Value) -> Option<Self> {
        let engine = value.get("engine")?;
        engine.get("model")?.as_str()?;
        engine.get("hardware")?.as_str()?;
        Some(Self { root: value.clone() })
    }

    fn at(&self, path: &str) -> Option<&Value> {
        self.root.pointer(path).filter(|value| !value.is_null())
    }

    fn text(&self, path: &str) -> Option<String> {
        self.at(path)?.as_str().map(str::to_owned)
    }

    pub fn count(&self, path: &str) -> Option<u32> {
        self.at(path)?.as_u64().and_then(|count| u32::try_from(count).ok())
    }

    pub fn backend(&self) -> String {
        self.text("/engine/backend").unwrap_or_else(|| "vllm".into())
    }

    pub fn backend_version(&self) -> Option<String> {
        self.text("/engine/backend_version")
    }

    pub fn subject(&self) -> RowSubject {
        let paths = ["/engine/hardware", "/engine/workers/prefill/hardware", "/engine/workers/decode/hardware"];
        RowSubject {
            model: self.text("/engine/model"),
            systems: paths.iter().filter_map(|path| self.text(path)).collect(),
            cached_tokens: self.count("/traffic/source/cached_prefix_tokens").unwrap_or(0),
        }
    }

    /// Tokens guessed ahead, in either of the forms it is set.
    pub fn speculation(&self) -> Option<u32> {
        let set = self.at("/engine/speculation").map(|_| 1);
        self.count("/engine/nextn").filter(|nextn| *nextn > 0).or(set)
    }

    /// Concurrent requests over the deployment.
    ///
    /// # Errors
    /// The load is another one.
    pub fn concurrency(&self) -> Result<u32, String> {
        let Some(traffic) = self.at("/traffic") else {
            // The tool's own default.
            return Ok(10);
        };
        let kind =
            |path: &str, default: &str| traffic.pointer(path).and_then(Value::as_str).unwrap_or(default).to_owned();
        let (source, load) = (kind("/source/type", "synthetic"), kind("/load/type", "concurrency"));
        if source != "synthetic" || load != "concurrency" {
            return Err(format!(
                "is for traffic of the kind {source} under a load of the kind {load}; expected synthetic prompts and a \
                 concurrency"
            ));
        }
        let users = self.count("/traffic/load/concurrency").filter(|users| *users > 0);
        users.ok_or_else(|| "has no traffic.load.concurrency beside it".into())
    }

    /// Engines of the whole deployment.
    ///
    /// # Errors
    /// They are of a kind that is not deployed here.
    pub fn serving(&self) -> Result<Serving, String> {
        match self.text("/engine/mode").as_deref().unwrap_or("aggregated") {
            "aggregated" => Ok(Serving::Aggregated { workers: self.workers("aggregated") }),
            "disaggregated" => {
                Ok(Serving::Disaggregated { prefill: self.workers("prefill"), decode: self.workers("decode") })
            }
            other => Err(format!("is for engines of the mode {other}; expected aggregated or disaggregated")),
        }
    }

    fn workers(&self, role: &str) -> Workers {
        let of = |path: &str| self.count(&format!("/engine/workers/{role}/{path}"));
        let way = |name: &str| of(&format!("parallelism/{name}"));
        let one = |name: &str| way(name).unwrap_or(1).max(1);
        Workers {
            data_parallel: one("attention_data"),
            context_parallel: one("context"),
            moe_tensor_parallel: way("moe_tensor"),
            moe_expert_parallel: way("moe_expert"),
            max_batch_size: of("scheduler/max_sequences"),
            max_num_tokens: of("scheduler/max_batched_tokens"),
            ..Workers::new(one("tensor"), one("pipeline"), one("replicas"))
        }
    }
}
