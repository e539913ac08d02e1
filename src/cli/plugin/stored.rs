//! What a run left in its ConfigMaps, and what it amounts to.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use super::cluster::NamespaceClient;
use super::error::PluginError;
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec, PastRun, Run, Settled, VariantStatus};
use crate::controller::{documents, observe};
use crate::judgement::rounds::TrialOrigin;
use crate::lifecycle::world::Output;
use crate::manifests::agent_contract::PLAN_KEY;
use crate::manifests::names::Names;
use crate::measurement::ledger::{Ledger, RAW_PREFIX};
use crate::measurement::record::TrialRecord;
use crate::offline::{Evaluated, OfflineVariant, evaluate};
use crate::plan::Plan;
use crate::prediction::configurations::{self, Configurations, GenerationOutcome, Ready};
use crate::verdict::{RunProgress, Stored, judged_now};

/// Everything that is stored of a run.
pub struct StoredRun {
    /// Its plan.
    pub plan: Plan,
    /// What generation handed over, once it has.
    pub configurations: Option<Configurations>,
    /// Records and marks by variant.
    pub ledgers: BTreeMap<String, Ledger>,
    /// Raw summaries by variant and trial: base64 of gzip.
    pub raw: BTreeMap<String, BTreeMap<String, String>>,
    /// ConfigMaps that were read: what is in them → name.
    pub config_maps: BTreeMap<String, String>,
    /// The run as status tells it; of an earlier one, what history and the plan tell.
    pub run: Option<Run>,
    /// Whether it is the run that status is about.
    pub is_current: bool,
}

/// The number of the run that is asked for; the last one when none is.
///
/// # Errors
/// There is no such run, or none at all.
pub fn number(comparison: &BenchmarkComparison, asked: Option<i64>) -> Result<i64, PluginError> {
    let name = comparison.name_any();
    let status = comparison.status.as_ref();
    let last = status.and_then(|status| status.run.as_ref()).map(|run| run.number);
    let Some(last) = last else {
        return Err(PluginError::failed(format!("comparison {name} has no run yet")));
    };
    let number = asked.unwrap_or(last);
    let past: Vec<i64> = status.into_iter().flat_map(|status| &status.history).map(|past| past.number).collect();
    if number == last || past.contains(&number) {
        return Ok(number);
    }
    let kept: Vec<String> = std::iter::once(last).chain(past).map(|number| number.to_string()).collect();
    let kept = kept.join(", ");
    Err(PluginError::failed(format!("comparison {name} has no run {number}: choose one of the stored runs {kept}")))
}

/// Names of the run's children.
pub fn names(comparison: &BenchmarkComparison, number: i64) -> Names {
    observe::names(comparison, number)
}

/// Reads what is stored of a run.
///
/// # Errors
/// A ConfigMap cannot be read, or the plan is gone.
pub async fn stored_run(
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    number: i64,
) -> Result<StoredRun, PluginError> {
    let names = names(comparison, number);
    let map = cluster.config_map(comparison, &names.plan()).await?;
    let planned = map.as_ref().and_then(ConfigMap::creation_timestamp);
    let plan = plan_of(map, comparison, number)?;
    let mut config_maps = BTreeMap::from([("plan".to_owned(), names.plan())]);
    let map = cluster.config_map(comparison, &names.configurations()).await?;
    if map.is_some() {
        config_maps.insert("configurations".into(), names.configurations());
    }
    let version = |document: &Configurations| document.schema_version;
    let configurations =
        present(documents::document(map, configurations::KEY, version, configurations::SCHEMA_VERSION))?;
    let (mut ledgers, mut raw) = (BTreeMap::new(), BTreeMap::new());
    for variant in &plan.spec.variants {
        let name = names.results(&variant.name);
        let Some(map) = cluster.config_map(comparison, &name).await? else { continue };
        let ledger = present(observe::ledger(&map))?.map(|results| results.ledger).unwrap_or_default();
        config_maps.insert(format!("results of {}", variant.name), name);
        ledgers.insert(variant.name.clone(), ledger);
        raw.insert(variant.name.clone(), raw_summaries(map));
    }
    let status = comparison.status.as_ref();
    let current = status.and_then(|status| status.run.as_ref()).filter(|run| run.number == number);
    let past = || past_run(comparison, &plan, planned);
    let run = current.cloned().or_else(past);
    let is_current = current.is_some();
    Ok(StoredRun { configurations, ledgers, raw, config_maps, run, is_current, plan })
}

/// The plan of a run.
///
/// # Errors
/// It cannot be read, is gone, or is not the run's.
pub async fn plan(
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    number: i64,
) -> Result<Plan, PluginError> {
    let map = cluster.config_map(comparison, &names(comparison, number).plan()).await?;
    plan_of(map, comparison, number)
}

/// The plan of a run, if the ConfigMap of its name holds that and nothing else.
fn plan_of(map: Option<ConfigMap>, comparison: &BenchmarkComparison, number: i64) -> Result<Plan, PluginError> {
    let (name, place) = (comparison.name_any(), names(comparison, number).plan());
    let unusable =
        |why: &str| PluginError::failed(format!("run {number} of {name} cannot be read: its ConfigMap {place} {why}"));
    let text = map.and_then(|map| map.data?.remove(PLAN_KEY)).ok_or_else(|| unusable("does not exist"))?;
    let status = comparison.status.as_ref();
    let current = status.and_then(|status| status.run.as_ref()).filter(|run| run.number == number);
    let hash = current.and_then(|run| run.plan_hash.as_deref());
    Plan::checked(&text, &observe::identity(comparison), number, hash)
        .map_err(|why| unusable(&format!("does not hold its plan: {why}")))
}

fn present<T>(output: Output<T>) -> Result<Option<T>, PluginError> {
    match output {
        Output::Present(value) => Ok(Some(value)),
        Output::Absent | Output::Empty => Ok(None),
        Output::Unreadable(why) | Output::Refused { message: why, .. } => Err(PluginError::failed(why)),
    }
}

fn raw_summaries(map: ConfigMap) -> BTreeMap<String, String> {
    let entries = map.data.into_iter().flatten();
    entries.filter_map(|(key, text)| Some((key.strip_prefix(RAW_PREFIX)?.to_owned(), text))).collect()
}

/// The history's entry of a run.
pub fn history(comparison: &BenchmarkComparison, number: i64) -> Option<&PastRun> {
    comparison.status.as_ref()?.history.iter().find(|past| past.number == number)
}

/// A run that is over: its plan was stored when it was queued.
fn past_run(
    comparison: &BenchmarkComparison,
    plan: &Plan,
    planned: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
) -> Option<Run> {
    Some(Run {
        number: plan.run,
        inputs_hash: plan.inputs_hash.clone(),
        plan_hash: Some(plan.hash()),
        configurations_hash: None,
        queued_time: planned?,
        generated_time: None,
        paused: None,
        start_time: None,
        completion_time: history(comparison, plan.run).and_then(|past| past.completion_time.clone()),
        mode: None,
        mode_reason: None,
        settled: None,
        ended: None,
    })
}

impl StoredRun {
    /// Records of a variant.
    pub fn records(&self, variant: &str) -> &[TrialRecord] {
        self.ledgers.get(variant).map_or(&[], |ledger| &ledger.records)
    }

    /// What generation made of a variant that can be deployed.
    fn ready(&self, variant: &str) -> Option<&Ready> {
        let all = self.configurations.as_ref()?.variants.iter();
        match &all.into_iter().find(|one| one.variant == variant)?.outcome {
            GenerationOutcome::Ready(ready) => Some(ready),
            GenerationOutcome::Refused { .. } => None,
        }
    }

    /// The spec its records are judged by: measured by the plan, judged by the rules of `live`.
    pub fn spec(&self, live: &BenchmarkComparisonSpec) -> BenchmarkComparisonSpec {
        judged_now(&self.plan.spec, live)
    }

    /// Its variants before they are judged: as status knows them, of an earlier run as its plan does.
    fn variants(&self, comparison: &BenchmarkComparison) -> Vec<VariantStatus> {
        match &comparison.status {
            Some(status) if self.is_current => status.variants.clone(),
            _ => self.plan.spec.variants.iter().map(|v| VariantStatus::new(v.name.as_str(), v.role)).collect(),
        }
    }

    /// Judges its records.
    ///
    /// # Errors
    /// The rules cannot be used.
    pub fn judged(
        &self,
        comparison: &BenchmarkComparison,
        spec: &BenchmarkComparisonSpec,
    ) -> Result<Evaluated, PluginError> {
        let stored = |variant: &str| Stored {
            prediction: self.ready(variant).map(|ready| &ready.prediction),
            records: self.records(variant),
            failure: None,
        };
        evaluate(spec, self.variants(comparison), stored, self.progress())
            .map_err(|error| PluginError::failed(error.to_string()))
    }

    /// The rounds that count: as the run says, else all there are records of.
    fn progress(&self) -> RunProgress {
        let settled = self.run.as_ref().and_then(|run| run.settled.as_ref());
        let last = self.ledgers.values().flat_map(|of| &of.records).map(|record| record.trial.key.round).max();
        RunProgress {
            rounds: settled.map_or(last.unwrap_or(0), |settled| settled.rounds),
            budget_spent: settled.is_some_and(Settled::is_budget_spent),
            origin: TrialOrigin::Sweep,
        }
    }

    /// What is known of its variants.
    pub fn known(&self) -> BTreeMap<String, OfflineVariant> {
        let of = |name: &String| {
            let ready = self.ready(name);
            OfflineVariant {
                prediction: ready.map(|ready| ready.prediction.clone()),
                shape: ready.and_then(|ready| ready.shape.clone()),
                gpus: ready.and_then(|ready| Some(ready.shape.as_ref()?.gpus)),
                records: self.records(name).to_vec(),
            }
        };
        self.plan.spec.variants.iter().map(|variant| (variant.name.clone(), of(&variant.name))).collect()
    }
}
