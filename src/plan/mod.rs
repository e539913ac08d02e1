//! The plan of a run: everything that decides what is measured, fixed when the run starts.

pub mod child;
pub mod demand;
pub mod inputs;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::BenchmarkComparisonSpec;
pub use child::{ChildKind, Component};
pub use demand::Demand;

/// Version of the plan's layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// The plan of a run, stored in an immutable ConfigMap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Layout of this document.
    pub schema_version: u32,
    /// The comparison the run belongs to.
    pub comparison: Identity,
    /// Number of the run, from 1.
    pub run: i64,
    /// Hash of the measured inputs.
    pub inputs_hash: String,
    /// The spec as it was when the run started. Deadlines and judging rules are read from the live object instead.
    pub spec: BenchmarkComparisonSpec,
    /// Images that were pinned when the run started.
    pub images: Images,
    /// Manifests of variants that name a ConfigMap, read once: variant → YAML documents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub manifests: BTreeMap<String, String>,
}

/// The comparison a run belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Namespace of the comparison and of all its children.
    pub namespace: String,
    /// Name of the comparison.
    pub name: String,
    /// UID of the comparison; a re-created object has another.
    pub uid: String,
}

/// Images that do not come from manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The operator's own image, for the agent.
    pub agent: String,
    /// Image with the predictor.
    pub predictor: String,
    /// Image with the load tool.
    pub load: String,
}
