//! The GPUs that pods request.

use std::collections::BTreeMap;

/// Pods of one kind that must be scheduled at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    pub pods: u32,
    /// GPUs of each pod.
    pub gpus: u32,
    /// Labels a node must have.
    pub node_selector: BTreeMap<String, String>,
}

impl Demand {
    /// GPUs of all pods.
    pub fn total(&self) -> u32 {
        self.pods.saturating_mul(self.gpus)
    }
}
