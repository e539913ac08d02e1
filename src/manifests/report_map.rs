//! The ConfigMap with the report.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::{Component, Names, Scope};
use crate::engine::plan::Plan;

/// The ConfigMap with the report's files, by name. Not immutable: a changed judging rule re-judges stored results.
pub fn report_config_map(plan: &Plan, files: BTreeMap<String, String>) -> ConfigMap {
    ConfigMap {
        metadata: Scope::new(plan, Component::Report).metadata(Names::of(plan).report()),
        data: Some(files),
        ..ConfigMap::default()
    }
}
