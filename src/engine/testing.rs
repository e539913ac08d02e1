//! Objects for the engine's tests.

use std::collections::BTreeMap;

use serde_json::json;

use super::plan::{Identity, Images, Plan};
use super::world::{Object, Output, Settings, World};
use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus};

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

fn images() -> Images {
    Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() }
}

/// The plan of run 1.
pub fn plan(spec: BenchmarkComparisonSpec) -> Plan {
    let comparison = Identity { namespace: "default".into(), name: "qwen".into(), uid: "u".into() };
    let inputs_hash = super::inputs::hash(&spec);
    Plan { schema_version: 1, comparison, run: 1, inputs_hash, spec, images: images(), manifests: BTreeMap::new() }
}

/// A comparison, and nothing else.
pub fn world(spec: BenchmarkComparisonSpec) -> World {
    World {
        object: Object { generation: 1, ..Object::default() },
        spec,
        status: BenchmarkComparisonStatus::default(),
        settings: Settings { images: images() },
        highest_plan: 0,
        plan: Output::Absent,
        sources: BTreeMap::new(),
        configurations: Output::Absent,
        results: BTreeMap::new(),
        children: vec![],
        pods: vec![],
        refusals: vec![],
        rivals: vec![],
        nodes: None,
        dynamo_served: true,
    }
}
