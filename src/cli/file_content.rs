//! What is read from a file of people, whichever way it is checked.

use std::collections::BTreeMap;

use crate::api::BenchmarkComparison;

/// What a file holds: one comparison, and the ConfigMaps beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileContent {
    pub comparison: BenchmarkComparison,
    pub config_maps: FileConfigMaps,
}

/// Name → key → text.
pub type FileConfigMaps = BTreeMap<String, BTreeMap<String, String>>;
