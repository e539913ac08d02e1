//! What a report is made from: all that is known of a run, as one value that JSON carries there and back. Figures are
//! numbers; how they are written is up to each file of the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::redact::redacted;
use crate::api::conditions::NewCondition;
use crate::api::{
    self, AtSla, AtSlaKind, BenchmarkComparisonSpec, Deployed, DeploymentStatus, ErrorPercent, EstimateErrors,
    Estimated, Failure, Figures, Finding, GpuSeconds, LevelStatus, Price, Role, RoundStatus, Run, SlaState,
    VariantStatus, Verdict,
};
use crate::measurement::record::TrialRecord;
use crate::plan::Images;
use crate::prediction::{OperatingPoint, PredictedClaim, Prediction};
use crate::units::{Milliseconds, TokensPerSecond};
use crate::verdict::figures::{ErrorFigures, LevelFigures, Ordering, VariantFigures, figures};
use crate::verdict::forecast::forecast;
use crate::verdict::rows::estimated_at;
use crate::verdict::{Judged, VariantRecords, conditions, status};

/// Version of the report's layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// Above a report whose figures are simulated.
const SIMULATED: &str = "The figures are simulated. No GPU was measured: this page shows what a report looks like.";

/// Everything a report shows. There is no clock in it: the same evidence under the same rules is the same report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub schema_version: u32,
    pub comparison: ReportSubject,
    /// A sentence above everything else, for example that the figures are simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// No GPU was measured: each picture says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// The run, without the time of its completion: the report is written before. Absent offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What was compared, and the rules it was judged by.
    pub spec: BenchmarkComparisonSpec,
    /// In the order of the spec.
    pub variants: Vec<ReportVariant>,
    /// Absent while the run is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Evidence, accuracy and SLA, as the judgement sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ReportCondition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_seconds: Option<GpuSeconds>,
    /// What was predicted to come out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<String>,
    /// What the run was expected to cost, and what it has cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What was known after each round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<RoundStatus>,
    /// How well the predictor ordered the candidates; from three on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering: Option<Ordering>,
    /// Variant → its claim and its estimates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub predictions: BTreeMap<String, Prediction>,
    /// Variant → the records of all its trials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Vec<TrialRecord>>,
    #[serde(default)]
    pub provenance: Provenance,
    /// What was dropped to save space, and where to find it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The comparison a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportSubject {
    /// Absent offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

/// One variant in the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportVariant {
    pub name: String,
    pub role: Role,
    /// GPUs it holds. Absent where they are not known: then it is taken to hold `hardware.gpusPerVariant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// Ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<ReportLevel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_sla: Option<SlaThroughput>,
    /// What is claimed for it, and whether it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<api::Claim>,
    /// How far its estimates are off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateErrors>,
    /// About the prediction or the variant as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One level of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportLevel {
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// The estimate for what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<LevelEstimate>,
    /// Means over the accepted trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<LevelMeans>,
    /// Signed percent by which measurements are off the estimate. Absent beyond what the engines hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<ErrorFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaState>,
    /// Trials that count.
    pub accepted: u32,
    /// Trials that do not.
    pub rejected: u32,
    /// Rejecting ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Percentiles, rates, cost, and how far trials lie apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<LevelFigures>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelEstimate {
    #[serde(flatten)]
    pub point: OperatingPoint,
    /// More requests than the engines hold at once: shown, never judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beyond_operating_point: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelMeans {
    #[serde(flatten)]
    pub point: OperatingPoint,
    /// Completed requests of all accepted trials.
    pub requests: u32,
}

/// Throughput where the SLA is just met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlaThroughput {
    /// How it is known.
    pub kind: AtSlaKind,
    /// Output tokens per second and GPU held; absent where it is not known, or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second_per_gpu: Option<f64>,
    /// Its interval over rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Why it is a bound, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportCondition {
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl From<&NewCondition> for ReportCondition {
    fn from(statement: &NewCondition) -> Self {
        Self {
            kind: statement.kind.as_str().into(),
            status: statement.status.as_str().into(),
            reason: statement.reason.to_string(),
            message: statement.message.clone(),
        }
    }
}

/// Where predictions and measurements come from, beyond spec and variants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// Images that were pinned when the run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Load tool and version, as its image reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_tool: Option<String>,
    /// What a ConfigMap holds → its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config_maps: BTreeMap<String, String>,
}

impl Report {
    /// A report of a judgement and of what its status shows; `over`: no further round follows, so that there is a verdict. What
    /// only a cluster knows is to be added: run, rounds, GPU-seconds, provenance.
    pub fn new(
        comparison: ReportSubject,
        spec: BenchmarkComparisonSpec,
        judged: &Judged,
        variants: Vec<VariantStatus>,
        over: bool,
    ) -> Self {
        let spec = redacted(spec);
        let figures = figures(judged);
        let prediction = |of: &VariantRecords| Some((of.name.clone(), of.prediction.clone()?));
        let predictions: BTreeMap<_, _> = judged.evidence.variants.iter().filter_map(prediction).collect();
        let measured = judged.evidence.variants.iter().filter(|of| !of.records.is_empty());
        let records = |of: &VariantRecords| of.records.iter().map(|of| of.record.clone()).collect();
        let conditions = over.then(|| conditions::conditions(judged));
        let variants = variants.into_iter().map(|status| {
            let figures = figures.variants.iter().find(|figures| figures.name == status.name);
            let prediction = predictions.get(&status.name);
            ReportVariant::new(status, figures, prediction)
        });
        Self {
            schema_version: SCHEMA_VERSION,
            comparison,
            note: None,
            simulated: false,
            run: None,
            spec,
            variants: variants.collect(),
            verdict: over.then(|| status::verdict(judged)),
            conditions: conditions.iter().flatten().map(ReportCondition::from).collect(),
            gpu_seconds: None,
            forecast: forecast(judged),
            price: None,
            rounds: vec![],
            ordering: figures.ordering,
            records: measured.map(|of| (of.name.clone(), records(of))).collect(),
            predictions,
            provenance: Provenance::default(),
            left_out: vec![],
        }
    }

    /// The same, of figures that are simulated.
    #[must_use]
    pub fn simulated(self) -> Self {
        Self { note: Some(SIMULATED.into()), simulated: true, ..self }
    }

    /// What is advertised for a variant, at its own concurrency.
    pub fn claim(&self, variant: &ReportVariant) -> Option<&PredictedClaim> {
        self.predictions.get(&variant.name)?.claim.as_ref()
    }

    /// `hardware.gpusPerVariant`.
    pub fn gpus_per_variant(&self) -> u32 {
        self.spec.hardware.gpus_per_variant
    }

    /// GPUs a variant holds.
    pub fn gpus(&self, variant: &ReportVariant) -> u32 {
        variant.gpus.unwrap_or_else(|| self.gpus_per_variant())
    }

    /// The share of `hardware.gpusPerVariant` that a variant holds; `None` where it leaves none unused.
    pub fn share_of_gpus_per_variant(&self, variant: &ReportVariant) -> Option<f64> {
        let (held, all) = (self.gpus(variant), self.gpus_per_variant());
        (0 < held && held < all).then(|| f64::from(held) / f64::from(all))
    }
}

impl ReportVariant {
    /// A variant of a status, with the numbers of the judgement in the place of the status's text.
    fn new(status: VariantStatus, figures: Option<&VariantFigures>, prediction: Option<&Prediction>) -> Self {
        let level = |level: LevelStatus| ReportLevel::new(level, figures, prediction);
        let at_sla = status.at_sla.map(|at| SlaThroughput::new(at, figures.and_then(|figures| figures.at_sla)));
        Self {
            gpus: status.gpus,
            levels: status.levels.into_iter().map(level).collect(),
            at_sla,
            claim: status.claim,
            estimate: status.estimate,
            name: status.name,
            role: status.role,
            deployed: status.deployed,
            findings: status.findings,
            deployments: status.deployments,
            failure: status.failure,
        }
    }

    /// A variant as its status shows it, for those who have nothing else.
    pub fn of_status(status: &VariantStatus) -> Self {
        Self {
            levels: status.levels.iter().map(ReportLevel::of_status).collect(),
            ..Self::new(status.clone(), None, None)
        }
    }
}

impl SlaThroughput {
    /// Of a status, with the numbers of the judgement where there are some.
    fn new(status: AtSla, figures: Option<(f64, Option<(f64, f64)>)>) -> Self {
        let (tokens, interval) = figures.map_or((None, None), |(tokens, interval)| (Some(tokens), interval));
        Self {
            kind: status.kind,
            tokens_per_second_per_gpu: tokens.or_else(|| read(status.tokens_per_second_per_gpu.as_ref())),
            interval,
            reason: status.reason,
        }
    }
}

impl ReportLevel {
    /// A level as its status shows it: what the API carries as decimal text, read once.
    fn of_status(status: &LevelStatus) -> Self {
        let estimate = |of: &Estimated| {
            Some(LevelEstimate { point: read_point(&of.figures)?, beyond_operating_point: of.beyond_capacity })
        };
        let measured = |of: &api::Measured| Some(LevelMeans { point: read_point(&of.figures)?, requests: of.requests });
        let errors = |of: &ErrorPercent| ErrorFigures {
            ttft: read(of.ttft.as_ref()),
            tpot: read(of.tpot.as_ref()),
            tokens: read(of.tokens_per_second_per_gpu.as_ref()),
        };
        Self {
            estimate: status.estimated.as_ref().and_then(estimate),
            measured: status.measured.as_ref().and_then(measured),
            error_percent: status.error_percent.as_ref().map(errors),
            ..Self::new(status.clone(), None, None)
        }
    }

    fn new(status: LevelStatus, figures: Option<&VariantFigures>, prediction: Option<&Prediction>) -> Self {
        let concurrency = status.concurrency;
        let of_level = figures.and_then(|of| of.levels.iter().find(|level| level.concurrency == concurrency));
        let means = figures.and_then(|of| of.means.get(&concurrency));
        let requests = status.measured.map_or(0, |measured| measured.requests);
        let estimate = estimated_at(prediction, concurrency);
        Self {
            concurrency,
            estimate: estimate
                .map(|at| LevelEstimate { point: at.point, beyond_operating_point: at.beyond_operating_point }),
            measured: means.map(|means| LevelMeans { point: means.point, requests }),
            error_percent: means.and_then(|means| means.errors),
            sla: status.sla,
            accepted: status.evidence.accepted,
            rejected: status.evidence.rejected,
            findings: status.evidence.reasons,
            figures: of_level.cloned(),
        }
    }

    /// Whether there is anything to show: a level of the ladder may have neither a trial nor an estimate.
    pub fn is_shown(&self) -> bool {
        self.estimate.is_some() || self.accepted + self.rejected > 0
    }

    pub fn is_beyond_operating_point(&self) -> bool {
        self.estimate.is_some_and(|estimate| estimate.beyond_operating_point)
    }
}

fn read_point(figures: &Figures) -> Option<OperatingPoint> {
    let ms = |text: &Option<String>| Milliseconds::new(read(text.as_ref())?).ok();
    Some(OperatingPoint {
        ttft: ms(&figures.ttft_milliseconds)?,
        tpot: ms(&figures.tpot_milliseconds)?,
        tokens_per_second_per_gpu: TokensPerSecond::new(read(figures.tokens_per_second_per_gpu.as_ref())?).ok()?,
    })
}

fn read(decimal: Option<&String>) -> Option<f64> {
    decimal?.parse().ok().filter(|number: &f64| number.is_finite())
}
