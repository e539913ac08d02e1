//! Objects for the lifecycle's unit tests.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus};
use crate::lifecycle::world::{Object, Output, Rival, Seal, Settings, Sources, World};
use crate::plan::Demand;
use crate::testing::images;

/// The run of another comparison, `NAMESPACE/NAME`, which was admitted and holds these pods: (count, GPUs each).
pub fn rival(name: &str, pods: &[(u32, u32)]) -> Rival {
    let demand = |&(pods, gpus): &(u32, u32)| Demand { pods, gpus, node_selector: BTreeMap::new() };
    Rival {
        name: name.into(),
        uid: name.into(),
        queued: Timestamp::UNIX_EPOCH,
        admitted: Some(Timestamp::UNIX_EPOCH),
        deployed: true,
        pending_since: None,
        gpu_resource: "nvidia.com/gpu".into(),
        demand: pods.iter().map(demand).collect(),
    }
}

/// A comparison, and nothing else.
pub fn world(spec: BenchmarkComparisonSpec) -> World {
    World {
        object: Object { generation: 1, ..Object::default() },
        spec,
        status: BenchmarkComparisonStatus::default(),
        settings: Settings {
            images: images(),
            pod_features: Default::default(),
            run_limits: Default::default(),
            own_account: None,
        },
        highest_plan: 0,
        plan: Output::Absent,
        sources: Sources::default(),
        configurations: Output::Absent,
        configurations_seal: Seal::default(),
        results: BTreeMap::new(),
        children: vec![],
        pods: vec![],
        refusals: vec![],
        rivals: vec![],
        nodes: None,
        dynamo_served: true,
    }
}
