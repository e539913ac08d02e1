//! Objects for the lifecycle's unit tests.

use std::collections::BTreeMap;

use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus};
use crate::lifecycle::world::{Object, Output, Settings, World};
use crate::testing::images;

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
