//! Objects for the engine's tests.

use serde_json::json;

use crate::api::BenchmarkComparisonSpec;

/// The guide's experiment.
pub fn spec() -> BenchmarkComparisonSpec {
    serde_json::from_value(json!({
        "model": {"name": "Qwen/Qwen3-32B"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
        "workload": {"inputTokens": 4000, "outputTokens": 500},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
        "runtime": {"image": "nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:1.3.0"},
    }))
    .unwrap()
}
