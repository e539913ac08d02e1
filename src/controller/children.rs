//! API objects → children and pods as the lifecycle knows them. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as ApiPod};
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::api::labels;
use crate::dynamo;
use crate::lifecycle::world::{Child, Container, JobState, Pod, Termination};
use crate::manifests::report_map::REPORT_EDITION;
use crate::plan::{ChildKind, Component};

/// Reads an object with the comparison's label; `None` when it carries no component of ours.
pub fn child(object: &DynamicObject, kind: ChildKind, owner_uid: &str) -> Option<Child> {
    let label = |key: &str| object.labels().get(key).cloned();
    Some(Child {
        kind,
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        component: Component::parse(&label(labels::COMPONENT)?)?,
        run: label(labels::RUN)?.parse().ok()?,
        variant: label(labels::VARIANT),
        deployment: label(labels::DEPLOYMENT).and_then(|deployment| deployment.parse().ok()),
        ours: object.owner_references().iter().any(|owner| owner.uid == owner_uid),
        terminating: object.metadata.deletion_timestamp.is_some(),
        finalizers: object.finalizers().to_vec(),
        created: object.creation_timestamp().map_or(Timestamp::MIN, |time| time.0),
        job: (kind == ChildKind::Job).then(|| job_state(&object.data)),
        has_pods: ["active", "succeeded", "failed"].iter().any(|count| object.data["status"][count].as_i64() > Some(0)),
        edition: object.annotations().get(REPORT_EDITION).cloned(),
        complaint: complaint(&object.data, kind),
    })
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
    match true_condition(data, "Failed") {
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
/// only the labels of Dynamo's operator.
pub fn pod(
    pod: &ApiPod,
    gpu_resource: &str,
    since: Timestamp,
    graphs: impl Fn(&str) -> Option<(i64, String, u32)>,
) -> Option<Pod> {
    let label = |key: &str| pod.labels().get(key).cloned();
    let own = label(labels::RUN).and_then(|run| run.parse().ok()).map(|run| {
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
        over: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        bound: scheduled
            .filter(|c| c.status == "True")
            .map(|c| c.last_transition_time.as_ref().map_or(created, |time| time.0)),
        ready: condition("Ready").is_some_and(|c| c.status == "True"),
        created,
        unschedulable: scheduled.filter(|c| c.status == "False").map(|c| c.message.clone().unwrap_or_default()),
        gpus: gpus(pod, gpu_resource),
        containers: containers(&status),
    })
}

/// GPUs a pod requests.
pub fn gpus(pod: &ApiPod, gpu_resource: &str) -> u32 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let limits = containers.filter_map(|c| c.resources.as_ref()?.limits.as_ref()?.get(gpu_resource));
    limits.filter_map(|quantity| quantity.0.parse::<u32>().ok()).sum()
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
