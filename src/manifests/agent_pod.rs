//! The pod of both Jobs: installs the agent, publishes beside the tool, and runs the tool under the agent.
//!
//! It fits the Pod Security profile "restricted".

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapProjection, ConfigMapVolumeSource, Container, DownwardAPIProjection, DownwardAPIVolumeFile,
    EmptyDirVolumeSource, EnvFromSource, EnvVar, EnvVarSource, ExecAction, KeyToPath, ObjectFieldSelector,
    PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ProjectedVolumeSource,
    ResourceRequirements, SeccompProfile, SecretEnvSource, SecurityContext, ServiceAccountTokenProjection, Toleration,
    Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::agent_contract::{self as contract, containers};
use super::{Names, Ownership};
use crate::api::{BenchmarkComparisonSpec, PodUser, Resources};
use crate::plan::Plan;

/// Retries after the first try: a pod may be lost with its node.
const BACKOFF_LIMIT: i32 = 4;
/// Group and user of pods unless the spec sets others: not the user of any image, without privileges anywhere.
const DEFAULT_USER: i64 = 65532;
/// Prefix of the variables that users cannot set.
const OWN_VARIABLES: &str = "BCMP_";
/// Where clients in a pod look for their identity.
const TOKEN_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The kubelet renews the token when 80 % of this is over.
const TOKEN_SECONDS: i64 = 3600;

/// What differs between the Jobs.
pub(super) struct AgentPod<'a> {
    pub plan: &'a Plan,
    pub ownership: Ownership<'a>,
    /// Output ConfigMap the sidecar publishes to.
    pub output: String,
    /// Runs between `install` and `publish`.
    pub checks: Vec<Container>,
    /// See [`tool_container`].
    pub tool: Container,
    /// Volumes beside those that every pod of ours has.
    pub volumes: Vec<Volume>,
    /// Tolerations beside the spec's for such pods.
    pub tolerations: Vec<Toleration>,
    pub references: References,
}

/// What the `install` container refers to, so that a missing Secret or volume claim shows before any GPU is held.
/// It runs the operator's binary only: the tool has no access to them.
#[derive(Default)]
pub(super) struct References {
    pub secrets: Vec<EnvFromSource>,
    pub mounts: Vec<VolumeMount>,
}

/// A Job of one such pod.
pub(super) fn job(name: String, pod: AgentPod<'_>, active_deadline_seconds: i64) -> Job {
    let metadata = pod.ownership.metadata(name);
    Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(BACKOFF_LIMIT),
            active_deadline_seconds: Some(active_deadline_seconds),
            // Only once the old pod has ended: two load tools on one server would measure each other.
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: Some(pod_failure_policy()),
            template: template(pod),
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// A pod lost to a drain or preemption does not count as a retry; a permanent failure is not retried.
fn pod_failure_policy() -> PodFailurePolicy {
    let disruption = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
        ..PodFailurePolicyRule::default()
    };
    let permanent = PodFailurePolicyRule {
        action: "FailJob".to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            operator: "In".to_owned(),
            values: vec![contract::EXIT_PERMANENT],
            ..PodFailurePolicyOnExitCodesRequirement::default()
        }),
        ..PodFailurePolicyRule::default()
    };
    PodFailurePolicy { rules: vec![disruption, permanent] }
}

fn template(pod: AgentPod<'_>) -> PodTemplateSpec {
    let spec = &pod.plan.spec;
    let tolerations: Vec<_> = spec.load.pod.tolerations.iter().cloned().chain(pod.tolerations).collect();
    let install = install_container(pod.plan, pod.references);
    let init = [install].into_iter().chain(pod.checks).chain([publish_container(pod.plan, pod.output)]);
    let node_selector = &spec.load.pod.node_selector;
    PodTemplateSpec {
        metadata: Some(pod.ownership.pod_metadata()),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            containers: vec![pod.tool],
            enable_service_links: Some(false),
            image_pull_secrets: Some(spec.image_pull_secrets.clone()).filter(|secrets| !secrets.is_empty()),
            init_containers: Some(init.collect()),
            node_selector: Some(node_selector.clone()).filter(|selector| !selector.is_empty()),
            priority_class_name: spec.scheduling.priority_class_name.clone(),
            restart_policy: Some("Never".to_owned()),
            security_context: Some(pod_security_context(spec.load.pod.security_context.as_ref())),
            service_account_name: Some(Names::of(pod.plan).publish()),
            termination_grace_period_seconds: Some(contract::GRACE_SECONDS),
            tolerations: Some(tolerations).filter(|tolerations| !tolerations.is_empty()),
            volumes: Some(common_volumes(pod.plan).into_iter().chain(pod.volumes).collect()),
            ..PodSpec::default()
        }),
    }
}

fn install_container(plan: &Plan, references: References) -> Container {
    Container {
        name: containers::INSTALL.to_owned(),
        image: Some(plan.images.agent.clone()),
        args: Some(strings(&[contract::AGENT, contract::INSTALL, contract::BINARY_DIR])),
        env_from: Some(references.secrets).filter(|secrets| !secrets.is_empty()),
        resources: Some(small_resources()),
        security_context: Some(container_security_context()),
        termination_message_policy: fallback_to_logs(),
        volume_mounts: Some(
            [mount(VOLUME_BINARY, contract::BINARY_DIR)].into_iter().chain(references.mounts).collect(),
        ),
        ..Container::default()
    }
}

fn publish_container(plan: &Plan, output: String) -> Container {
    let namespace = plan.comparison.namespace.as_str();
    Container {
        name: containers::PUBLISH.to_owned(),
        image: Some(plan.images.agent.clone()),
        command: Some(strings(&[contract::BINARY])),
        args: Some(strings(&[
            contract::AGENT,
            contract::PUBLISH,
            contract::NAMESPACE_FLAG,
            namespace,
            contract::CONFIG_MAP_FLAG,
            &output,
        ])),
        env: Some(vec![pod_uid()]),
        resources: Some(small_resources()),
        restart_policy: Some("Always".to_owned()),
        security_context: Some(container_security_context()),
        startup_probe: Some(Probe {
            exec: Some(ExecAction {
                command: Some(strings(&[
                    contract::BINARY,
                    contract::AGENT,
                    contract::PUBLISH,
                    contract::PUBLISH_CHECK,
                ])),
            }),
            period_seconds: Some(1),
            timeout_seconds: Some(5),
            failure_threshold: Some(300),
            ..Probe::default()
        }),
        termination_message_policy: fallback_to_logs(),
        volume_mounts: Some(vec![
            read_only(VOLUME_BINARY, contract::BINARY_DIR),
            read_only(VOLUME_OUTBOX, contract::OUTBOX_DIR),
            mount(VOLUME_PUBLISHED, contract::PUBLISHED_DIR),
            read_only(VOLUME_TOKEN, TOKEN_DIR),
        ]),
        ..Container::default()
    }
}

/// The container that runs the tool under the agent. `arguments` follow `agent`; what the caller adds comes after ours.
pub(super) fn tool_container(
    name: &str,
    image: &str,
    arguments: &[&str],
    resources: ResourceRequirements,
) -> Container {
    let arguments: Vec<&str> = [contract::AGENT].into_iter().chain(arguments.iter().copied()).collect();
    Container {
        name: name.to_owned(),
        image: Some(image.to_owned()),
        command: Some(strings(&[contract::BINARY])),
        args: Some(strings(&arguments)),
        env: Some(tool_environment()),
        resources: Some(resources),
        security_context: Some(container_security_context()),
        termination_message_policy: fallback_to_logs(),
        volume_mounts: Some(vec![
            read_only(VOLUME_BINARY, contract::BINARY_DIR),
            mount(VOLUME_WORK, contract::WORK_DIR),
            mount(VOLUME_TEMPORARY, contract::TEMPORARY_DIR),
        ]),
        working_dir: Some(contract::WORK_DIR.to_owned()),
        ..Container::default()
    }
}

/// Mounts of the tool's own container beside those of [`tool_container`], which checks have as well.
pub(super) fn exchange_mounts() -> Vec<VolumeMount> {
    vec![
        read_only(VOLUME_PLAN, contract::PLAN_DIR),
        mount(VOLUME_OUTBOX, contract::OUTBOX_DIR),
        read_only(VOLUME_PUBLISHED, contract::PUBLISHED_DIR),
    ]
}

/// A writable home: tools look for one, and write caches there.
fn tool_environment() -> Vec<EnvVar> {
    let fixed = [("HOME", contract::HOME_DIR), ("TMPDIR", contract::TEMPORARY_DIR), ("USER", contract::USER)];
    fixed.into_iter().map(|(name, value)| variable(name, value)).chain([pod_uid()]).collect()
}

/// Gives a tool the variables of `load.env`. They replace HOME and the like, but not the variables of the agent.
/// Configuration and tokenizer of a gated model need the same token as its weights.
pub(super) fn give_environment(container: &mut Container, spec: &BenchmarkComparisonSpec) {
    let given = &spec.load.env;
    let is_ours = |variable: &EnvVar| variable.name.starts_with(OWN_VARIABLES);
    let is_given = |variable: &EnvVar| given.iter().any(|other| other.name == variable.name);
    let variables = container.env.get_or_insert_default();
    variables.retain(|variable| is_ours(variable) || !is_given(variable));
    variables.extend(given.iter().filter(|variable| !is_ours(variable)).cloned());
    container.env_from = spec.model.token_secret_name.as_ref().map(|name| vec![secret_environment(name)]);
}

/// A Secret that must exist.
pub(super) fn secret_environment(name: &str) -> EnvFromSource {
    let secret = SecretEnvSource { name: name.to_owned(), optional: Some(false) };
    EnvFromSource { secret_ref: Some(secret), ..EnvFromSource::default() }
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}

fn pod_uid() -> EnvVar {
    let field = ObjectFieldSelector { field_path: "metadata.uid".to_owned(), ..ObjectFieldSelector::default() };
    EnvVar {
        name: contract::POD_UID_ENV.to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

/// On each container: the profile checks each one, and the pod's own context has no fields for some of it.
pub(super) fn container_security_context() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(strings(&["ALL"])), ..Capabilities::default() }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

/// User and groups of agent pods, as the profile "restricted" asks for them. What a given user leaves out is the cluster's:
/// OpenShift gives each namespace a range of its own.
pub fn pod_security_context(user: Option<&PodUser>) -> PodSecurityContext {
    let id = Some(DEFAULT_USER);
    let usual = PodUser { run_as_user: id, run_as_group: id, fs_group: id };
    let user = user.unwrap_or(&usual);
    PodSecurityContext {
        fs_group: user.fs_group,
        // Without it the ownership of every file of a large results volume is set at each start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        run_as_group: user.run_as_group,
        run_as_non_root: Some(true),
        run_as_user: user.run_as_user,
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..PodSecurityContext::default()
    }
}

/// With limits of both: a quota may ask for them, and nothing in the spec could give them.
fn small_resources() -> ResourceRequirements {
    resources(&[("cpu", "10m"), ("memory", "32Mi")], &[("cpu", "1"), ("memory", "256Mi")])
}

/// Requests and limits as the spec gives them.
pub(super) fn given_resources(given: &Resources) -> ResourceRequirements {
    ResourceRequirements {
        requests: Some(given.requests.clone()).filter(|map| !map.is_empty()),
        limits: Some(given.limits.clone()).filter(|map| !map.is_empty()),
        ..ResourceRequirements::default()
    }
}

pub(super) fn resources(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())));
        Some(pairs.collect::<BTreeMap<_, _>>()).filter(|map| !map.is_empty())
    };
    ResourceRequirements {
        requests: quantities(requests),
        limits: quantities(limits),
        ..ResourceRequirements::default()
    }
}

fn fallback_to_logs() -> Option<String> {
    Some("FallbackToLogsOnError".to_owned())
}

const VOLUME_BINARY: &str = "bcmp";
const VOLUME_PLAN: &str = "bcmp-plan";
const VOLUME_OUTBOX: &str = "bcmp-outbox";
const VOLUME_PUBLISHED: &str = "bcmp-published";
const VOLUME_TOKEN: &str = "bcmp-token";
const VOLUME_WORK: &str = "bcmp-work";
const VOLUME_TEMPORARY: &str = "tmp";

fn common_volumes(plan: &Plan) -> Vec<Volume> {
    vec![
        empty_dir(VOLUME_BINARY, None),
        config_map_volume(VOLUME_PLAN, Names::of(plan).plan()),
        empty_dir(VOLUME_OUTBOX, Some(contract::OUTBOX_LIMIT)),
        empty_dir(VOLUME_PUBLISHED, Some(contract::OUTBOX_LIMIT)),
        token_volume(),
        empty_dir(VOLUME_WORK, None),
        empty_dir(VOLUME_TEMPORARY, None),
    ]
}

pub(super) fn empty_dir(name: &str, limit: Option<&str>) -> Volume {
    let source = EmptyDirVolumeSource {
        size_limit: limit.map(|limit| Quantity(limit.to_owned())),
        ..EmptyDirVolumeSource::default()
    };
    Volume { name: name.to_owned(), empty_dir: Some(source), ..Volume::default() }
}

pub(super) fn config_map_volume(name: &str, config_map: String) -> Volume {
    let source = ConfigMapVolumeSource { name: config_map, ..ConfigMapVolumeSource::default() };
    Volume { name: name.to_owned(), config_map: Some(source), ..Volume::default() }
}

pub(super) fn volume_claim(name: &str, claim: &str) -> Volume {
    let source = PersistentVolumeClaimVolumeSource { claim_name: claim.to_owned(), read_only: None };
    Volume { name: name.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() }
}

/// Token, certificate and namespace, as in the mount that Kubernetes adds by itself.
fn token_volume() -> Volume {
    let token = ServiceAccountTokenProjection {
        expiration_seconds: Some(TOKEN_SECONDS),
        path: "token".to_owned(),
        ..ServiceAccountTokenProjection::default()
    };
    let authority = ConfigMapProjection {
        name: "kube-root-ca.crt".to_owned(),
        items: Some(vec![KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), mode: None }]),
        ..ConfigMapProjection::default()
    };
    let namespace = DownwardAPIProjection {
        items: Some(vec![DownwardAPIVolumeFile {
            path: "namespace".to_owned(),
            field_ref: Some(ObjectFieldSelector {
                field_path: "metadata.namespace".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..DownwardAPIVolumeFile::default()
        }]),
    };
    let source = ProjectedVolumeSource {
        sources: Some(vec![
            VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
            VolumeProjection { config_map: Some(authority), ..VolumeProjection::default() },
            VolumeProjection { downward_api: Some(namespace), ..VolumeProjection::default() },
        ]),
        ..ProjectedVolumeSource::default()
    };
    Volume { name: VOLUME_TOKEN.to_owned(), projected: Some(source), ..Volume::default() }
}

pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

pub(super) fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
