//! Objects for the lifecycle's unit tests.

use std::collections::BTreeMap;

use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus};
use crate::lifecycle::world::{Object, Output, Seal, Settings, Sources, World};
use crate::testing::images;

/// A comparison, and nothing else.
pub fn world(spec: BenchmarkComparisonSpec) -> World {
    World {
        object: Object { generation: 1, ..Object::default() },
        spec,
        status: BenchmarkComparisonStatus::default(),
        settings: Settings { images: images(), pod_features: Default::default(), own_account: None },
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
