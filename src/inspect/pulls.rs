//! Whether an image can be pulled: a Job that starts it for a moment, and what is said of its pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, LocalObjectReference, Pod, Toleration};
use serde_json::{Value, json};

use super::findings::{CheckOutcome, CheckRow};
use crate::api::BenchmarkComparisonSpec;

/// Who created the Jobs.
pub const MANAGER: &str = "kubectl-bcmp";
/// How long a Job is kept that nobody deletes, because whoever asked is gone.
const KEPT_SECONDS: u32 = 60;
/// What the kubelet says once an image is there that it was to pull, and that does not have the command.
const PULLED: [&str; 2] = ["CreateContainerError", "RunContainerError"];

/// An image, where it is to run and with which credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedImage<'a> {
    pub image: &'a str,
    pub node_selector: &'a BTreeMap<String, String>,
    pub tolerations: &'a [Toleration],
    pub pull_secrets: &'a [LocalObjectReference],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// With the last that was said, empty before.
    Pending(String),
    /// The node has it.
    Done { node: String },
    /// It cannot be pulled; the kubelet's words.
    Refused(String),
}

impl Pull {
    /// What the pods of its Job say.
    pub fn of(pods: &[Pod]) -> Self {
        let Some(pod) = pods.first() else { return Self::Pending("no pod was created for it".into()) };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        let status = pod.status.as_ref();
        let Some(node) = node else {
            let conditions = status.and_then(|status| status.conditions.as_ref());
            let unscheduled = conditions.into_iter().flatten().find(|condition| condition.type_ == "PodScheduled");
            let said = unscheduled.and_then(|condition| condition.message.clone());
            return Self::Pending(said.unwrap_or_else(|| "its pod has no node yet".into()));
        };
        let containers = status.and_then(|status| status.container_statuses.as_ref());
        containers.and_then(|all| all.first()).map_or(Self::Pending(String::new()), |one| Self::of_container(one, node))
    }

    fn of_container(container: &ContainerStatus, node: String) -> Self {
        let state = container.state.as_ref();
        if state.is_some_and(|state| state.running.is_some() || state.terminated.is_some()) {
            return Self::Done { node };
        }
        let waiting = state.and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
        let message = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
        match reason {
            reason if PULLED.contains(&reason) => Self::Done { node },
            "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => Self::Refused(message),
            "ErrImagePull" => Self::Pending(message),
            _ => Self::Pending(String::new()),
        }
    }

    pub const fn is_over(&self) -> bool {
        !matches!(self, Self::Pending(_))
    }

    /// As a row of the check, `seconds` after it was begun.
    pub fn row(&self, field: &str, image: &str, seconds: u64) -> CheckRow {
        match self {
            Self::Done { node } => CheckRow::good(field, format!("{image} was pulled on node {node}")),
            Self::Refused(why) => CheckRow::other(
                CheckOutcome::Bad,
                field,
                format!("{image} cannot be pulled: {why}"),
                "correct the name, or name a Secret that may pull it in imagePullSecrets",
            ),
            Self::Pending(why) => {
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                let found = format!("{image} was not pulled within {seconds} s{why}");
                CheckRow::other(CheckOutcome::Bad, field, found, "look at the nodes, or wait longer with --timeout")
            }
        }
    }
}

/// A Job that ends at once where the image has `true`, and holds no GPU. It goes by itself, should nobody delete it.
pub fn job(wanted: &WantedImage, seconds: u64) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"generateName": "bcmp-check-", "labels": {"app.kubernetes.io/managed-by": MANAGER}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds + u64::from(KEPT_SECONDS),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/managed-by": MANAGER}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 0,
                    "nodeSelector": wanted.node_selector,
                    "tolerations": wanted.tolerations,
                    "imagePullSecrets": wanted.pull_secrets,
                    "securityContext":
                        {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "image",
                        "image": wanted.image,
                        "command": ["true"],
                        "resources": {
                            "requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                            "capabilities": {"drop": ["ALL"]}
                        },
                    }],
                },
            },
        },
    })
}

/// The images that a comparison names, by field, each where it is to run.
pub fn named(spec: &BenchmarkComparisonSpec) -> Vec<(&'static str, WantedImage<'_>)> {
    let secrets = spec.image_pull_secrets.as_slice();
    let of = |selector, tolerations| {
        move |image| WantedImage { image, node_selector: selector, tolerations, pull_secrets: secrets }
    };
    let on_gpus = of(&spec.hardware.node_selector, spec.hardware.tolerations.as_slice());
    let elsewhere = of(&spec.load.pod.node_selector, spec.load.pod.tolerations.as_slice());
    let images = [
        ("runtime.image", spec.runtime.image.as_deref().map(on_gpus)),
        ("predictor.image", spec.predictor.image.as_deref().map(elsewhere)),
        ("load.image", spec.load.image.as_deref().map(elsewhere)),
    ];
    images.into_iter().filter_map(|(field, wanted)| Some((field, wanted?))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn pod(node: Option<&str>, state: Value) -> Pod {
        let conditions = json!([{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]);
        serde_json::from_value(json!({
            "metadata": {"name": "p"}, "spec": {"nodeName": node, "containers": []},
            "status": {"conditions": conditions, "containerStatuses": [
                {"name": "image", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}
            ]},
        }))
        .unwrap()
    }

    fn waiting(reason: &str) -> Value {
        json!({"waiting": {"reason": reason, "message": "not found"}})
    }

    fn done() -> Pull {
        Pull::Done { node: "n".into() }
    }

    #[rstest]
    #[case::no_node(pod(None, Value::Null), Pull::Pending("0/3 nodes are available".into()))]
    #[case::being_pulled(pod(Some("n"), json!({"waiting": {"reason": "ContainerCreating"}})), Pull::Pending(String::new()))]
    #[case::refused_once(pod(Some("n"), waiting("ErrImagePull")), Pull::Pending("not found".into()))]
    #[case::refused_again(pod(Some("n"), waiting("ImagePullBackOff")), Pull::Refused("not found".into()))]
    #[case::no_image_has_such_a_name(pod(Some("n"), waiting("InvalidImageName")), Pull::Refused("not found".into()))]
    #[case::ended(pod(Some("n"), json!({"terminated": {"exitCode": 0}})), done())]
    #[case::without_the_command(pod(Some("n"), waiting("RunContainerError")), done())]
    fn a_pod_tells_whether_its_image_was_pulled(#[case] pod: Pod, #[case] expected: Pull) {
        assert_eq!(Pull::of(&[pod]), expected);
    }

    #[test]
    fn what_was_not_pulled_in_time_is_missing() {
        let row = Pull::Pending(String::new()).row("load.image", "a:1", 600);
        assert_eq!((row.outcome, row.found.as_str()), (CheckOutcome::Bad, "a:1 was not pulled within 600 s"));
        let row = Pull::Refused("manifest unknown".into()).row("load.image", "a:1", 600);
        assert_eq!((row.outcome, row.found.as_str()), (CheckOutcome::Bad, "a:1 cannot be pulled: manifest unknown"));
    }
}
