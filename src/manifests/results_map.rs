//! The ConfigMap that the load Jobs of a variant fill, one record a key.

use k8s_openapi::api::core::v1::ConfigMap;

use super::configurations_map::output_config_map;
use super::{Names, Ownership};
use crate::plan::{Component, Plan};

/// The ConfigMap for a variant's records, over all its deployments.
pub fn results_config_map(plan: &Plan, variant: &str) -> ConfigMap {
    let name = Names::of(plan).results(variant);
    output_config_map(Ownership::new(plan, Component::Results).variant(variant), name, plan.run)
}
