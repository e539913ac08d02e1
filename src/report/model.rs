//! What a report is made from: all that is known of a comparison's run, as one value that JSON carries there and back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::conditions::Statement;
use crate::api::{BenchmarkComparisonSpec, GpuSeconds, Run, VariantStatus, Verdict};
use crate::judgement::figures::{Figures, figures};
use crate::judgement::{Case, Judgement, VariantEvidence};
use crate::measurement::record::TrialRecord;
use crate::plan::Images;
use crate::prediction::Prediction;

/// Version of the report's layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything a report says. There is no clock in it: the same evidence under the same rules is the same report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Layout of this document.
    pub schema_version: u32,
    /// The comparison it is about.
    pub comparison: Subject,
    /// A sentence that stands above everything else, for example that the figures are simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The run, without the time at which it was over: the report is written before. Absent offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What was compared, and by which rules it was judged.
    pub spec: BenchmarkComparisonSpec,
    /// One entry for each variant, in the order of the spec.
    pub variants: Vec<VariantStatus>,
    /// The answer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the judgement says of evidence, predictions and SLA.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Said>,
    /// GPU-seconds of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_seconds: Option<GpuSeconds>,
    /// Percentiles, rates, costs, and how far repetitions lie apart.
    #[serde(default)]
    pub figures: Figures,
    /// What was predicted: variant → prediction, the curve included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub predictions: BTreeMap<String, Prediction>,
    /// Everything that was published: variant → records, all levels and repetitions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Vec<TrialRecord>>,
    /// Where it all comes from.
    #[serde(default)]
    pub provenance: Provenance,
    /// What was left out because there is no room, and where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The comparison a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Namespace; absent offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Type of the condition.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// CamelCase reason.
    pub reason: String,
    /// Words.
    pub message: String,
}

impl From<&Statement> for Said {
    fn from(statement: &Statement) -> Self {
        Self {
            kind: statement.kind.as_str().into(),
            status: statement.status.as_str().into(),
            reason: statement.reason.to_string(),
            message: statement.message.clone(),
        }
    }
}

/// Where predictions and measurements come from, beyond what spec and variants say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// Images that were pinned when the run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Load tool and version, as its image reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_tool: Option<String>,
    /// ConfigMaps that hold what this report was made from: what → name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config_maps: BTreeMap<String, String>,
}

impl Report {
    /// A report of what a case holds, with the rows that were made of it. What only a cluster knows (run, GPU-seconds,
    /// provenance) is to be added.
    pub fn new(
        comparison: Subject,
        spec: BenchmarkComparisonSpec,
        case: &Case,
        variants: Vec<VariantStatus>,
        judgement: Option<&Judgement>,
    ) -> Self {
        let mut spec = spec;
        // A page is handed on: values of the environment may be secrets, and measure nothing.
        for variable in spec.load.env.iter_mut().filter(|variable| variable.value.is_some()) {
            variable.value = Some("(not shown)".into());
        }
        let predicted = |of: &VariantEvidence| Some((of.name.clone(), of.prediction.clone()?));
        let published = case.variants().iter().filter(|of| !of.records.is_empty());
        let said = |judged: &Judgement| {
            [&judged.evidence_sufficient, &judged.prediction_accurate, &judged.sla_met].map(Said::from)
        };
        Self {
            schema_version: SCHEMA_VERSION,
            comparison,
            note: None,
            run: None,
            spec,
            variants,
            verdict: judgement.map(|judged| judged.verdict.clone()),
            conditions: judgement.into_iter().flat_map(said).collect(),
            gpu_seconds: None,
            figures: figures(case),
            predictions: case.variants().iter().filter_map(predicted).collect(),
            records: published.map(|of| (of.name.clone(), of.records.clone())).collect(),
            provenance: Provenance::default(),
            left_out: vec![],
        }
    }

    /// GPUs a variant holds.
    pub(super) fn gpus(&self, variant: &VariantStatus) -> u32 {
        variant.gpus.unwrap_or(self.spec.hardware.gpus_per_variant)
    }

    /// The share of `hardware.gpusPerVariant` that a variant holds; `None` where it leaves none unused.
    pub(super) fn share_of_gpus_per_variant(&self, variant: &VariantStatus) -> Option<f64> {
        let (held, all) = (self.gpus(variant), self.spec.hardware.gpus_per_variant);
        (0 < held && held < all).then(|| f64::from(held) / f64::from(all))
    }
}
