//! ConfigMaps → the documents of a run, or why they are not used. Pure: whoever may write ConfigMaps in the namespace may
//! have written them.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::api::{BenchmarkComparisonStatus, Reason};
use crate::lifecycle::stages::measure::MOST_DEPLOYMENTS;
use crate::lifecycle::world::{Output, Seal};
use crate::manifests::agent_contract::PLAN_KEY;
use crate::manifests::checked::{ReservedAccount, checked};
use crate::plan::{Identity, Plan, StoredPlanError, inputs};
use crate::prediction::configurations::{self, Configurations};

/// The plan of the run that a status is about: immutable, of this comparison, and with the hash in that status.
pub fn plan(map: Option<ConfigMap>, comparison: &Identity, status: &BenchmarkComparisonStatus) -> Output<Plan> {
    let (Some(map), Some(run)) = (map, &status.run) else { return Output::Absent };
    let Some(text) = map.data.as_ref().and_then(|data| data.get(PLAN_KEY)) else {
        return another_plan(&map, format!("it has no key {PLAN_KEY}"));
    };
    if map.immutable != Some(true) {
        return another_plan(&map, "it can be changed".to_owned());
    }
    // Nobody but the operator stores a plan, and it records the hash first.
    let hash = run.plan_hash.as_deref().unwrap_or_default();
    match Plan::checked(text, comparison, run.number, Some(hash)) {
        Ok(plan) => Output::Present(plan),
        Err(StoredPlanError::Unreadable(why)) => {
            Output::Unreadable(format!("ConfigMap {}: {PLAN_KEY}: {why}", map.name_any()))
        }
        Err(StoredPlanError::Foreign(why)) => another_plan(&map, why),
    }
}

fn another_plan<T>(map: &ConfigMap, why: String) -> Output<T> {
    let message = format!(
        "ConfigMap {} is not the plan that this run began with: {why}; delete it, check who may write ConfigMaps in the \
         namespace, and start another run",
        map.name_any()
    );
    Output::Refused { reason: Reason::PlanChanged, message }
}

/// What generation published for the run that a status is about, checked as generation itself checks it, and how it is
/// stored.
pub fn configurations(
    map: Option<ConfigMap>,
    status: &BenchmarkComparisonStatus,
    plan: Option<&Plan>,
    own_account: Option<&ReservedAccount>,
) -> (Output<Configurations>, Seal) {
    let text = map.as_ref().and_then(|map| map.data.as_ref()?.get(configurations::KEY));
    let hash = text.map(|text| format!("v1:{}", inputs::digest(text)));
    let sealed = map.as_ref().is_some_and(|map| map.immutable == Some(true));
    let known = status.run.as_ref().and_then(|run| run.configurations_hash.as_ref());
    let name = map.as_ref().map(ResourceExt::name_any).unwrap_or_default();
    let has_changed = known.is_some() && hash.is_some() && known != hash.as_ref();
    let seal = Seal { hash, sealed };
    if has_changed {
        let message = format!(
            "ConfigMap {name} was changed after the run began to use it: nothing more is created from it; check who may \
             write ConfigMaps in the namespace, and start another run"
        );
        return (Output::Refused { reason: Reason::ConfigurationsChanged, message }, seal);
    }
    let version = |document: &Configurations| document.schema_version;
    let read = document(map, configurations::KEY, version, configurations::SCHEMA_VERSION);
    let (Output::Present(published), Some(plan)) = (&read, plan) else {
        return (read, seal);
    };
    let deployments = u32::try_from(MOST_DEPLOYMENTS).unwrap_or(u32::MAX);
    let used = match checked(plan, published.clone(), deployments, own_account) {
        Ok(configurations) => Output::Present(configurations),
        Err(why) => Output::Refused {
            reason: Reason::ConfigurationsRefused,
            message: format!(
                "what ConfigMap {name} says is to be created was refused, and nothing of it was created: {why}; check what \
                 wrote it ({}), and start another run",
                plan.images.predictor
            ),
        },
    };
    (used, seal)
}

/// Reads a versioned document; this version reads its own and the one before.
pub fn document<T: serde::de::DeserializeOwned>(
    map: Option<ConfigMap>,
    key: &str,
    version: impl Fn(&T) -> u32,
    newest: u32,
) -> Output<T> {
    let Some(map) = map else { return Output::Absent };
    let Some(text) = map.data.as_ref().and_then(|data| data.get(key)) else { return Output::Empty };
    match serde_json::from_str::<T>(text) {
        Ok(document) if (newest.saturating_sub(1)..=newest).contains(&version(&document)) => Output::Present(document),
        Ok(document) => Output::Unreadable(format!(
            "ConfigMap {}: {key} has schemaVersion {}; this version reads {} to {newest}",
            map.name_any(),
            version(&document),
            newest.saturating_sub(1)
        )),
        Err(error) => Output::Unreadable(format!("ConfigMap {}: {key}: {error}", map.name_any())),
    }
}
