//! The ConfigMap that the generate Job fills.

use k8s_openapi::api::core::v1::ConfigMap;

use super::agent_contract::CREATED_KEY;
use super::{Names, Ownership};
use crate::plan::{Component, Plan};

/// The ConfigMap for the generated configurations, empty but for the marker that makes JSON Patch possible.
pub fn configurations_config_map(plan: &Plan) -> ConfigMap {
    let name = Names::of(plan).configurations();
    output_config_map(Ownership::new(plan, Component::Configurations), name, plan.run)
}

/// An output ConfigMap: JSON Patch `add /data/KEY` fails where `/data` is missing, so it starts with one key.
pub(super) fn output_config_map(ownership: Ownership<'_>, name: String, run: i64) -> ConfigMap {
    ConfigMap {
        metadata: ownership.metadata(name),
        data: Some([(CREATED_KEY.to_owned(), format!("run {run}"))].into()),
        ..ConfigMap::default()
    }
}
