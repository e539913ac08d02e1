//! The ConfigMap with the report.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Names, Scope};
use crate::plan::Component;
use crate::plan::Plan;

/// Annotation that tells what a report tells of: another edition replaces it.
pub const REPORT_EDITION: &str = "bcmp.dev/report-edition";

/// The ConfigMap with the report's files, by name. Immutable: a changed judging rule replaces it.
pub fn report_config_map(plan: &Plan, files: BTreeMap<&'static str, String>, edition: String) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some([(REPORT_EDITION.to_owned(), edition)].into()),
            ..Scope::new(plan, Component::Report).metadata(Names::of(plan).report())
        },
        data: Some(files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect()),
        immutable: Some(true),
        ..ConfigMap::default()
    }
}
