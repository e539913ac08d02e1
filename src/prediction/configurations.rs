//! What generation hands over: for each variant the manifests to deploy and what is predicted for them.

use serde::{Deserialize, Serialize};

use super::predicted::Prediction;
use super::serving::Shape;
use crate::api::AnyReason;

/// Version of the document's layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// Key of the document in the configurations ConfigMap.
pub const KEY: &str = "configurations.json";

/// Output of the generate Job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configurations {
    /// Layout of this document.
    pub schema_version: u32,
    /// Load tool and version, as the load image reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_tool: Option<String>,
    /// One entry for each variant, in the order of the spec.
    pub variants: Vec<Configuration>,
}

impl Configurations {
    /// A variant that can be deployed.
    pub fn ready(&self, variant: &str) -> Option<&Ready> {
        self.variants.iter().find(|one| one.variant == variant).and_then(|one| match &one.outcome {
            GenerationOutcome::Ready(ready) => Some(ready.as_ref()),
            GenerationOutcome::Refused { .. } => None,
        })
    }

    /// The objects of a variant that can be deployed.
    pub fn objects(&self, variant: &str) -> Option<&[serde_json::Value]> {
        self.ready(variant).map(|ready| ready.objects.as_slice())
    }
}

/// One variant as it is to be deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// Name of the variant.
    pub variant: String,
    /// What came of it.
    pub outcome: GenerationOutcome,
}

/// What came of generating a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum GenerationOutcome {
    /// It can be deployed.
    Ready(Box<Ready>),
    /// It cannot: a result, not an accident.
    Refused {
        /// For example `NoFeasibleConfiguration`.
        reason: AnyReason,
        /// What was found, by how much it misses, and what to do.
        message: String,
    },
}

/// A variant that can be deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// Kubernetes objects, patched and checked, with the names they have in the manifests; empty for an endpoint.
    pub objects: Vec<serde_json::Value>,
    /// The manifests as the predictor wrote them, before the spec and its patches changed them; `bcmp render` applies
    /// those of another comparison to them. Absent for given manifests and endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// What is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    pub prediction: Prediction,
}
