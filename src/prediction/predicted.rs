//! A prediction, and what it is based on.

use serde::{Deserialize, Serialize};

use super::claim::PredictedClaim;
use super::curve::Curve;
use crate::api::Finding;

/// The claim and the estimate for a variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// The advertised row, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<PredictedClaim>,
    /// The estimate for what is deployed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// What is doubtful about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PredictionOrigin>,
}

/// Where a prediction comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredictionOrigin {
    /// Tool and version, for example `aiconfigurator 0.12.0`.
    pub tool: String,
    /// Inference engine the performance database is of, for example `trtllm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Version of the performance database, for example `1.3.0rc20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_version: Option<String>,
    /// Version of the deployed engine, with which the database's is compared; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// Type of the weights the prediction assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Type of the KV cache the prediction assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<String>,
}

impl PredictionOrigin {
    /// The performance database in a few words, for example `trtllm 1.3.0rc20`.
    pub fn database(&self) -> Option<String> {
        let version = self.database_version.as_ref()?;
        Some(self.backend.as_ref().map_or_else(|| version.clone(), |backend| format!("{backend} {version}")))
    }
}
