//! The ConfigMap with the report.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Names, Ownership};
use crate::plan::{Component, Plan};

/// What the report's ConfigMap holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFiles {
    /// File name → content.
    pub files: BTreeMap<&'static str, String>,
    /// See [`REPORT_EDITION`].
    pub edition: String,
}

/// Annotation with the state of the run and the rules that a report was written by: another edition replaces it.
pub const REPORT_EDITION: &str = "bcmp.dev/report-edition";

/// The ConfigMap with the report's files, by name. Immutable: a changed judging rule replaces it.
pub fn report_config_map(plan: &Plan, report: &ReportFiles) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some([(REPORT_EDITION.to_owned(), report.edition.clone())].into()),
            ..Ownership::new(plan, Component::Report).metadata(Names::of(plan).report())
        },
        data: Some(report.files.iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect()),
        immutable: Some(true),
        ..ConfigMap::default()
    }
}
