//! The plan of a run: everything that decides what is measured, fixed when the run starts.

pub mod checked;
pub mod child;
pub mod demand;
pub mod inputs;
pub mod pod_features;
pub mod secrets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::{BenchmarkComparisonSpec, Variant};
pub use checked::StoredPlanError;
pub use child::{ChildKind, Component};
pub use demand::Demand;
pub use pod_features::{AllowedPodFeatures, PodFeature, PodFeatures};

/// Version of the plan's layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// The plan of a run, stored in an immutable ConfigMap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub schema_version: u32,
    pub comparison: Identity,
    /// Number of the run, from 1.
    pub run: i64,
    /// See [`inputs::hash`].
    pub inputs_hash: String,
    /// The spec as it was when the run started. Deadlines and judging rules are read from the live object instead.
    pub spec: BenchmarkComparisonSpec,
    /// Pinned when the run started: an upgrade of the operator does not change a run.
    pub images: Images,
    /// Variant → YAML documents, of the variants that name a ConfigMap; read once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub manifests: BTreeMap<String, String>,
    /// Variant → the files of the claim that is given for it, by their names; read once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, BTreeMap<String, String>>,
    /// What the pods of variants may have beside the ordinary, as administrators allowed it when the run started.
    #[serde(default, skip_serializing_if = "PodFeatures::is_default")]
    pub pod_features: PodFeatures,
}

impl Plan {
    /// The plan with other features than the default ones allowed.
    pub fn allowing(self, pod_features: PodFeatures) -> Self {
        Self { pod_features, ..self }
    }

    /// The plan with claims that were given for variants.
    pub fn claiming(self, claims: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        Self { claims, ..self }
    }

    /// The plan of run number `run`, from 1. Images that the spec does not name are `defaults`; `manifests` are those that
    /// variants take from ConfigMaps.
    pub fn new(
        comparison: Identity,
        run: i64,
        spec: BenchmarkComparisonSpec,
        defaults: &Images,
        manifests: BTreeMap<String, String>,
    ) -> Self {
        let named = |image: &Option<String>, default: &String| match image.as_deref() {
            None | Some("") => default.clone(),
            Some(image) => image.to_owned(),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            comparison,
            run,
            inputs_hash: inputs::hash(&spec),
            images: Images {
                agent: defaults.agent.clone(),
                predictor: named(&spec.predictor.image, &defaults.predictor),
                load: named(&spec.load.image, &defaults.load),
            },
            spec,
            manifests,
            claims: BTreeMap::new(),
            pod_features: PodFeatures::default(),
        }
    }

    /// Variants whose claim the plan does not hold, with the ConfigMap that does.
    pub fn claims_missing(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.spec.variants.iter().filter(|variant| !self.claims.contains_key(&variant.name));
        given.filter_map(|variant| Some((variant.name.as_str(), variant.claim.as_ref()?.config_map_name.as_str())))
    }

    /// The manifests that a variant gives itself, inline or in a ConfigMap, as YAML documents.
    pub fn given_manifests<'a>(&'a self, variant: &'a Variant) -> Option<&'a str> {
        let inline = variant.source.manifests.as_ref().and_then(|manifests| manifests.inline.as_ref());
        inline.or_else(|| self.manifests.get(&variant.name)).map(String::as_str)
    }
}

/// The comparison a run belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Namespace of the comparison and of all its children.
    pub namespace: String,
    pub name: String,
    /// A re-created object has another.
    pub uid: String,
}

/// Images that do not come from manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The operator's own image, for the agent.
    pub agent: String,
    pub predictor: String,
    pub load: String,
}
