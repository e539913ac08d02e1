//! The Job that predicts and generates. It holds no GPU, and shows what is missing before any GPU is held.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, Toleration, Volume};

use super::agent_contract::{self as contract, containers};
use super::agent_pod::{
    AgentPod, References, empty_dir, exchange_mounts, give_environment, given_resources, job, mount, read_only,
    resources, secret_environment, tool_container, volume_claim,
};
use super::{Names, Ownership};
use crate::api::{BenchmarkComparisonSpec, Deadlines};
use crate::plan::{Component, Plan};

const VOLUME_PROBE: &str = "bcmp-probe";
const VOLUME_CACHE: &str = "model-cache";
const VOLUME_RESULTS: &str = "results";
const REFERENCES_DIR: &str = "/bcmp-references";

/// How much later than the operator the Job itself gives up: the operator can then still read from the pods what is
/// wrong. The Job's own limit is for the time that no operator runs.
const AFTER_THE_OPERATOR_SECONDS: i64 = 60;

/// The Job that fills the configurations ConfigMap within `deadlines.generateSeconds`, image pulls included.
pub fn generate_job(plan: &Plan, deadlines: &Deadlines) -> Job {
    let names = Names::of(plan);
    let (volumes, references) = references(&plan.spec);
    let pod = AgentPod {
        plan,
        ownership: Ownership::new(plan, Component::Generate),
        output: names.configurations(),
        checks: vec![probe_container(plan)],
        tool: predictor_container(plan),
        volumes: [empty_dir(VOLUME_PROBE, Some("1Mi"))].into_iter().chain(volumes).collect(),
        tolerations: gpu_node_tolerations(&plan.spec),
        references,
    };
    job(names.generate(), pod, i64::from(deadlines.generate_seconds) + AFTER_THE_OPERATOR_SECONDS)
}

fn predictor_container(plan: &Plan) -> Container {
    let given = plan.spec.predictor.pod.resources.as_ref();
    let usual = || resources(&[("cpu", "1"), ("memory", "1Gi")], &[("cpu", "4"), ("memory", "8Gi")]);
    let needs = given.map_or_else(usual, given_resources);
    let mut container = tool_container(containers::GENERATE, &plan.images.predictor, &[contract::GENERATE], needs);
    let mounts = container.volume_mounts.get_or_insert_default();
    mounts.extend(exchange_mounts());
    mounts.push(read_only(VOLUME_PROBE, contract::PROBE_DIR));
    // Models the predictor does not know are looked up at the hub.
    give_environment(&mut container, &plan.spec);
    container
}

/// Proves the load image while nothing waits for it yet.
fn probe_container(plan: &Plan) -> Container {
    let needs = resources(&[("cpu", "100m"), ("memory", "256Mi")], &[("cpu", "2"), ("memory", "2Gi")]);
    let arguments = [contract::PROBE_LOAD_TOOL];
    let mut container = tool_container(containers::PROBE_LOAD_TOOL, &plan.images.load, &arguments, needs);
    container.volume_mounts.get_or_insert_default().push(mount(VOLUME_PROBE, contract::PROBE_DIR));
    container
}

/// The Secrets and claims that servers and load pods will need.
fn references(spec: &BenchmarkComparisonSpec) -> (Vec<Volume>, References) {
    let cache = spec.model.cache.as_ref().map(|cache| (VOLUME_CACHE, cache.claim_name.as_str()));
    let results = spec.results.as_ref().map(|results| (VOLUME_RESULTS, results.claim_name.as_str()));
    let claims: Vec<_> = cache.into_iter().chain(results).collect();
    let references = References {
        secrets: spec.model.token_secret_name.iter().map(|name| secret_environment(name)).collect(),
        mounts: claims.iter().map(|(volume, _)| read_only(volume, &format!("{REFERENCES_DIR}/{volume}"))).collect(),
    };
    let volumes = claims.iter().map(|(volume, claim)| volume_claim(volume, claim)).collect();
    (volumes, references)
}

/// Weights may lie on a volume that only GPU nodes can mount; those commonly repel pods without GPUs.
fn gpu_node_tolerations(spec: &BenchmarkComparisonSpec) -> Vec<Toleration> {
    if spec.model.cache.is_none() {
        return vec![];
    }
    let usual = Toleration {
        key: Some(spec.hardware.gpu_resource_name.clone()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Toleration::default()
    };
    spec.hardware.tolerations.iter().cloned().chain([usual]).collect()
}
