//! The ConfigMap with the plan.

use k8s_openapi::api::core::v1::ConfigMap;

use super::agent_contract::PLAN_KEY;
use super::{ManifestError, Names, Ownership};
use crate::plan::{Component, Plan};

/// Bytes a ConfigMap's data may take, with room for metadata below etcd's and the API server's 1 MiB.
const LIMIT: usize = 1_000_000;

/// The ConfigMap with the plan, immutable: what is measured does not change while it is measured.
pub fn plan_config_map(plan: &Plan) -> Result<ConfigMap, ManifestError> {
    let document = serde_json::to_string(plan)
        .map_err(|error| ManifestError::NotJson { object: "the plan".into(), problem: error.to_string() })?;
    if document.len() > LIMIT {
        return Err(ManifestError::TooLarge {
            document: "the run's plan",
            bytes: document.len(),
            limit: LIMIT,
            cure: "shorten the manifests of the variants: the plan contains them",
        });
    }
    Ok(ConfigMap {
        metadata: Ownership::new(plan, Component::Plan).metadata(Names::of(plan).plan()),
        data: Some([(PLAN_KEY.to_owned(), document)].into()),
        immutable: Some(true),
        ..ConfigMap::default()
    })
}
