//! The Job that drives the load on one deployment of a variant.

use std::path::Path;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, ResourceRequirements, Volume, VolumeMount};

use super::agent_contract::{self as contract, containers};
use super::agent_pod::{
    AgentPod, References, config_map_volume, exchange_mounts, give_environment, given_resources, job, mount, read_only,
    resources, tool_container, variable, volume_claim,
};
use super::{Names, Ownership};
use crate::api::{BenchmarkComparisonSpec, Deadlines, ModelCache, Results};
use crate::plan::{Component, Plan};
use crate::sweep::most_trials;

const VOLUME_CONFIGURATIONS: &str = "bcmp-configurations";
const VOLUME_RESULTS: &str = "results";
const VOLUME_CACHE: &str = "model-cache";
/// Longest life of a load Job, thirty days.
const LONGEST_SECONDS: i64 = 2_592_000;

/// Which deployment a load Job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadTarget<'a> {
    pub variant: &'a str,
    /// Number of the deployment, from 1.
    pub deployment: u32,
    /// Round of deployment, from 1; a round that was disturbed takes more than one deployment.
    pub round: u32,
    /// Base URL of the server.
    pub url: &'a str,
}

/// The Job that fills the variant's results ConfigMap.
pub fn load_job(plan: &Plan, target: LoadTarget<'_>, deadlines: &Deadlines) -> Job {
    let names = Names::of(plan);
    let volumes = [config_map_volume(VOLUME_CONFIGURATIONS, names.configurations())];
    let pod = AgentPod {
        plan,
        ownership: Ownership::new(plan, Component::Load).variant(target.variant).deployment(target.deployment),
        output: names.results(target.variant),
        checks: vec![],
        tool: load_container(plan, target),
        volumes: volumes.into_iter().chain(results_volume(plan)).chain(tokenizer_volume(plan)).collect(),
        tolerations: vec![],
        references: References::default(),
    };
    job(names.load_job(target.variant, target.deployment), pod, deadline_seconds(deadlines, &plan.spec))
}

/// How long a load Job may live: a limit for the time that no operator runs, beyond all deadlines that the operator
/// keeps. The Job may be created before its server is scheduled, so it waits for nodes and for the server first.
pub fn deadline_seconds(deadlines: &Deadlines, spec: &BenchmarkComparisonSpec) -> i64 {
    let waiting = i64::from(deadlines.schedule_seconds) + i64::from(deadlines.ready_seconds);
    let measuring = i64::from(deadlines.trial_seconds).saturating_mul(i64::from(most_trials(spec)));
    waiting.saturating_add(measuring).min(LONGEST_SECONDS)
}

fn load_container(plan: &Plan, target: LoadTarget<'_>) -> Container {
    let (deployment, round) = (target.deployment.to_string(), target.round.to_string());
    let arguments = [
        contract::LOAD,
        contract::VARIANT_FLAG,
        target.variant,
        contract::DEPLOYMENT_FLAG,
        &deployment,
        contract::ROUND_FLAG,
        &round,
        contract::URL_FLAG,
        target.url,
    ];
    let mut container = tool_container(containers::LOAD, &plan.images.load, &arguments, load_resources(plan));
    let mounts = container.volume_mounts.get_or_insert_default();
    mounts.extend(exchange_mounts());
    mounts.push(read_only(VOLUME_CONFIGURATIONS, contract::CONFIGURATIONS_DIR));
    mounts.extend(results_mount(plan));
    mounts.extend(tokenizer_mount(plan));
    let artifacts = artifacts_directory(plan, target.variant).map(|path| variable(contract::ARTIFACTS_ENV, &path));
    container.env.get_or_insert_default().extend(artifacts);
    give_environment(&mut container, &plan.spec);
    container
}

fn load_resources(plan: &Plan) -> ResourceRequirements {
    match &plan.spec.load.pod.resources {
        None => resources(&[("cpu", "4"), ("memory", "4Gi")], &[]),
        Some(given) => given_resources(given),
    }
}

fn results_volume(plan: &Plan) -> Option<Volume> {
    plan.spec.results.as_ref().map(|results| volume_claim(VOLUME_RESULTS, &results.claim_name))
}

fn results_mount(plan: &Plan) -> Option<VolumeMount> {
    plan.spec.results.as_ref().map(|results| mount(VOLUME_RESULTS, &results_mount_path(&results.path)))
}

/// `/data` of `/data/results`, so that the path within the volume claim is the guide's.
/// If the first directory is one of the agent's, the claim is mounted at the path itself.
pub fn results_mount_path(path: &str) -> String {
    let first = format!("/{}", path.trim_start_matches('/').split('/').next().unwrap_or_default());
    let is_ours = first == contract::TEMPORARY_DIR || first.starts_with(contract::BINARY_DIR);
    if is_ours { path.to_owned() } else { first }
}

/// Directory for the raw artifacts of a variant. Eight characters of the UID keep a re-created comparison apart from its
/// predecessor.
pub fn artifacts_directory(plan: &Plan, variant: &str) -> Option<String> {
    let Results { path, .. } = plan.spec.results.as_ref()?;
    let comparison = &plan.comparison;
    let uid: String = comparison.uid.chars().take(8).collect();
    Some(format!("{path}/{}/{}/{uid}/r{}/{variant}", comparison.namespace, comparison.name, plan.run))
}

/// The volume claim of the weights, if the tokenizer is read from it.
fn tokenizer_cache(plan: &Plan) -> Option<&ModelCache> {
    let tokenizer = plan.spec.load.tokenizer.as_ref()?;
    plan.spec.model.cache.as_ref().filter(|cache| Path::new(tokenizer).starts_with(&cache.mount_path))
}

fn tokenizer_volume(plan: &Plan) -> Option<Volume> {
    tokenizer_cache(plan).map(|cache| volume_claim(VOLUME_CACHE, &cache.claim_name))
}

fn tokenizer_mount(plan: &Plan) -> Option<VolumeMount> {
    tokenizer_cache(plan).map(|cache| VolumeMount {
        sub_path: cache.sub_path.clone().filter(|path| !path.is_empty()),
        ..read_only(VOLUME_CACHE, &cache.mount_path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_job_outlives_all_it_waits_for() {
        let deadlines = Deadlines::default();
        let spec = crate::testing::spec();
        assert_eq!(deadline_seconds(&deadlines, &spec), 3600 + 3600 + 2 * (24 + 16 + 2 * 5) * 3600);
        assert_eq!(deadline_seconds(&Deadlines { trial_seconds: 86_400, ..deadlines }, &spec), LONGEST_SECONDS);
    }

    #[test]
    fn the_results_claim_is_mounted_beside_our_own_directories() {
        assert_eq!(results_mount_path("/data/results"), "/data");
        assert_eq!(results_mount_path("/data"), "/data");
        assert_eq!(results_mount_path("/tmp/results"), "/tmp/results");
    }
}
