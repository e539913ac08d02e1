//! API objects → children and pods as the lifecycle knows them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container as ApiContainer, ContainerStatus, Pod as ApiPod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::api::{BenchmarkComparisonStatus, GROUP, KIND, labels};
use crate::dynamo;
use crate::lifecycle::world::{Child, Complaint, Container, JobState, Object, Pod, Termination};
use crate::manifests::Names;
use crate::manifests::report_map::REPORT_EDITION;
use crate::manifests::variant::instantiate;
use crate::plan::{ChildKind, Component, Plan};
use crate::prediction::configurations::Configurations;

/// Reads an object with the comparison's label. Labels are anybody's: ours is what the comparison controls, of a kind and
/// with a name that a run has. `None` for what says it were, and for what only looks like a child of an earlier
/// comparison of the same name: without pods it is in nobody's way.
pub fn child(object: &DynamicObject, kind: ChildKind, comparison: &Object) -> Option<Child> {
    let label = |key: &str| object.labels().get(key).cloned();
    let (name, run) = (object.name_any(), run_number(&label(labels::RUN)?)?);
    let (component, variant) = (Component::parse(&label(labels::COMPONENT)?)?, label(labels::VARIANT));
    let deployment = label(labels::DEPLOYMENT).and_then(|deployment| deployment.parse().ok());
    let owner = controller(&object.metadata).filter(|owner| owner.kind == KIND && owner.name == comparison.name);
    let ours = owner.is_some_and(|owner| owner.uid == comparison.uid);
    let only = Names::new(&comparison.identity(), run).only(component, variant.as_deref(), deployment);
    let is_expected = component.may_be(kind) && only.is_none_or(|only| only == name);
    if (ours && !is_expected) || (owner.is_none() && !kind.creates_pods()) {
        return None;
    }
    Some(Child {
        kind,
        name,
        uid: object.uid().unwrap_or_default(),
        component,
        run,
        variant,
        deployment,
        ours,
        deleted: object.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        finalizers: object.finalizers().to_vec(),
        created: object.creation_timestamp().map_or(Timestamp::MIN, |time| time.0),
        job: (kind == ChildKind::Job).then(|| job_state(&object.data)),
        has_pods: ["active", "succeeded", "failed"].iter().any(|count| object.data["status"][count].as_i64() > Some(0)),
        edition: object.annotations().get(REPORT_EDITION).cloned(),
        complaint: complaint(&object.data, kind).map(|message| Complaint { message, since: Timestamp::MAX }),
    })
}

/// The number of a run, from its label. No comparison has so many runs that a number would be longer.
fn run_number(label: &str) -> Option<i64> {
    label.parse().ok().filter(|number| (1..1_000_000_000).contains(number))
}

pub fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn conditions(data: &Value) -> impl Iterator<Item = &Value> {
    data["status"]["conditions"].as_array().into_iter().flatten()
}

fn true_condition<'a>(data: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions(data).find(|c| c["type"] == kind && c["status"] == "True")
}

fn job_state(data: &Value) -> JobState {
    if true_condition(data, "Complete").is_some() {
        return JobState::Complete;
    }
    // `Failed` follows when the last pod has ended, which a pod on a lost node never does.
    match true_condition(data, "Failed").or_else(|| true_condition(data, "FailureTarget")) {
        Some(condition) => {
            let field = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
            JobState::Failed(format!("{}: {}", field("reason"), field("message")))
        }
        None => JobState::Running,
    }
}

/// The message of an object that cannot create its pods.
fn complaint(data: &Value, kind: ChildKind) -> Option<String> {
    let message = |condition: &Value| condition["message"].as_str().unwrap_or_default().to_owned();
    match kind {
        ChildKind::Deployment => true_condition(data, "ReplicaFailure").map(message),
        ChildKind::DynamoGraphDeployment if data["status"]["state"] == "failed" => {
            conditions(data).find(|c| c["type"] == "Ready").map(message)
        }
        _ => None,
    }
}

/// Reads a pod. `graphs` knows run, variant and deployment of a DynamoGraphDeployment by its name, for pods that carry
/// only the labels of Dynamo's operator. `None` for a pod that no workload controls, or another than `owners`: labels are
/// anybody's, and garbage collection takes a pod whose controller does not exist.
pub fn pod(
    pod: &ApiPod,
    gpu_resource: &str,
    since: Timestamp,
    graphs: impl Fn(&str) -> Option<(i64, String, u32)>,
    owners: &PodOwners,
) -> Option<Pod> {
    let label = |key: &str| pod.labels().get(key).cloned();
    let own = label(labels::RUN).and_then(|run| run_number(&run)).map(|run| {
        let deployment = label(labels::DEPLOYMENT).and_then(|deployment| deployment.parse().ok());
        let component = label(labels::COMPONENT).and_then(|c| Component::parse(&c)).unwrap_or(Component::Server);
        (run, label(labels::VARIANT), deployment, component)
    });
    let of_graph = || {
        let (run, variant, deployment) = graphs(&label(dynamo::GRAPH_LABEL)?)?;
        Some((run, Some(variant), Some(deployment), Component::Server))
    };
    let (run, variant, deployment, component) = own.or_else(of_graph)?;
    let created = pod.creation_timestamp().map_or(Timestamp::MIN, |time| time.0);
    let workload = controller(&pod.metadata).filter(|owner| is_workload(&owner.api_version))?;
    if created >= since && !owners.include(&workload.name) {
        return None;
    }
    let status = pod.status.clone().unwrap_or_default();
    let condition = |kind: &str| status.conditions.iter().flatten().find(|c| c.type_ == kind);
    let scheduled = condition("PodScheduled");
    Some(Pod {
        name: pod.name_any(),
        component,
        run,
        variant,
        deployment,
        ours: created >= since,
        terminating: pod.metadata.deletion_timestamp.is_some(),
        ends_by: pod.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        over: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        bound: scheduled
            .filter(|c| c.status == "True")
            .map(|c| c.last_transition_time.as_ref().map_or(created, |time| time.0)),
        ready: condition("Ready").is_some_and(|c| c.status == "True"),
        created,
        unschedulable: scheduled.filter(|c| c.status == "False").map(|c| c.message.clone().unwrap_or_default()),
        gpus: gpus_or_claims(pod, gpu_resource),
        containers: containers(&status),
    })
}

/// Whether a group may have kinds that control the pods of a run: the core group has none, and comparisons control no pod
/// themselves.
fn is_workload(api_version: &str) -> bool {
    api_version.split_once('/').is_some_and(|(group, _)| group != GROUP)
}

/// Names of the objects of which a run's pods come. What stands between those and a pod is called after them.
#[derive(Clone, Debug, Default)]
pub struct PodOwners(BTreeSet<String>);

impl PodOwners {
    /// Of the children that exist, of these graphs, and of the deployments in status, whose objects may be gone before
    /// their pods are.
    pub fn new<'a>(
        children: &[Child],
        graphs: impl IntoIterator<Item = &'a String>,
        status: &BenchmarkComparisonStatus,
        plan: Option<&Plan>,
        configurations: Option<&Configurations>,
    ) -> Self {
        let creating = children.iter().filter(|child| child.kind.creates_pods()).map(|child| child.name.clone());
        let mut names: BTreeSet<String> = creating.chain(graphs.into_iter().cloned()).collect();
        if let Some(plan) = plan {
            names.insert(Names::of(plan).generate());
            for variant in &status.variants {
                let objects = configurations.and_then(|all| all.objects(&variant.name)).unwrap_or_default();
                for deployment in variant.deployments.iter().filter(|deployment| deployment.gone.is_none()) {
                    names.insert(Names::of(plan).load_job(&variant.name, deployment.number));
                    let made = instantiate(objects, plan, &variant.name, deployment.number).ok();
                    let made = made.into_iter().flat_map(|made| made.objects);
                    names.extend(made.filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned)));
                }
            }
        }
        Self(names)
    }

    fn include(&self, owner: &str) -> bool {
        self.0.iter().any(|name| dynamo::is_called_after(owner, name))
    }
}

/// GPUs a pod requests.
pub fn gpus(pod: &ApiPod, gpu_resource: &str) -> u32 {
    pod.spec.as_ref().and_then(|spec| set_aside(spec).remove(gpu_resource)).unwrap_or(0)
}

/// Extended resources: name → number.
pub type Devices = BTreeMap<String, u32>;

/// What the scheduler sets aside for a pod: containers and sidecars run together, the other init containers one after the
/// other beside the sidecars that stand before them.
pub fn set_aside(spec: &PodSpec) -> Devices {
    let (mut sidecars, mut before) = (Devices::new(), Devices::new());
    for container in spec.init_containers.iter().flatten() {
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, devices_of(container));
            continue;
        }
        let mut meanwhile = sidecars.clone();
        add(&mut meanwhile, devices_of(container));
        raise(&mut before, meanwhile);
    }
    let mut together = sidecars;
    spec.containers.iter().for_each(|container| add(&mut together, devices_of(container)));
    raise(&mut together, before);
    together
}

fn add(to: &mut Devices, devices: Devices) {
    for (name, count) in devices {
        let of_name = to.entry(name).or_insert(0);
        *of_name = of_name.saturating_add(count);
    }
}

fn raise(to: &mut Devices, devices: Devices) {
    for (name, count) in devices {
        let of_name = to.entry(name).or_insert(0);
        *of_name = count.max(*of_name);
    }
}

fn devices_of(container: &ApiContainer) -> Devices {
    container.resources.as_ref().and_then(|resources| resources.limits.as_ref()).map(devices).unwrap_or_default()
}

/// Extended resources alone have a domain in their names.
pub fn devices(quantities: &BTreeMap<String, Quantity>) -> Devices {
    let extended = quantities.iter().filter(|(name, _)| name.contains('/'));
    extended.filter_map(|(name, quantity)| Some((name.clone(), quantity.0.parse().ok()?))).collect()
}

/// GPUs a pod requests; one at least where it gets devices by claims.
pub fn gpus_or_claims(pod: &ApiPod, gpu_resource: &str) -> u32 {
    gpus(pod, gpu_resource).max(u32::from(claims_devices(pod)))
}

/// Whether a pod gets devices by claims, which say how many only when they are allocated. Frontends have none.
fn claims_devices(pod: &ApiPod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.resource_claims.as_ref()).is_some_and(|claims| !claims.is_empty())
}

fn containers(status: &k8s_openapi::api::core::v1::PodStatus) -> Vec<Container> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten()).map(container).collect()
}

fn container(status: &ContainerStatus) -> Container {
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.clone().unwrap_or_default();
    let text = |text: Option<String>| text.unwrap_or_default();
    Container {
        name: status.name.clone(),
        image: status.image.clone(),
        image_id: status.image_id.clone(),
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        waiting: state.waiting.map(|waiting| (text(waiting.reason), text(waiting.message))),
        terminated: state.terminated.or(last.terminated).map(|ended| Termination {
            reason: text(ended.reason),
            exit_code: ended.exit_code,
            message: text(ended.message),
            finished: ended.finished_at.map(|time| time.0),
        }),
    }
}
