//! Objects for the unit tests of several modules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::api::{BenchmarkComparisonSpec, DeploymentStatus};
use crate::plan::inputs;
use crate::plan::{Identity, Images, Plan};

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

pub fn images() -> Images {
    Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() }
}

/// The plan of run 1.
pub fn plan(spec: BenchmarkComparisonSpec) -> Plan {
    let comparison = Identity { namespace: "default".into(), name: "qwen".into(), uid: "u".into() };
    let inputs_hash = inputs::hash(&spec);
    Plan {
        schema_version: 1,
        comparison,
        run: 1,
        inputs_hash,
        spec,
        images: images(),
        manifests: BTreeMap::new(),
        claims: Default::default(),
        pod_features: Default::default(),
    }
}

/// So many seconds after the epoch.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The first deployment of a run, decided on at second 0.
pub fn deployment() -> DeploymentStatus {
    DeploymentStatus::new(1, 1, Time(at(0)))
}
