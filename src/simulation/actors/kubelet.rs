//! Runs the containers of pods that have a node: one task for each pod.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::script::{Life, PodContext, PodScript, Work};
use super::{REACTION, Scripts, condition, has_ended, set_condition};
use crate::simulation::api_server::{Cluster, DeleteOptions, meta, time};

/// Starts a life for each pod that gets a node.
pub(super) async fn run(cluster: Cluster, scripts: Scripts) {
    let mut changes = cluster.changes();
    let mut started: HashSet<String> = HashSet::new();
    let mut lives = JoinSet::new();
    loop {
        changes.mark_unchanged();
        for pod in cluster.list("pods") {
            let bound = pod["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
            if bound && !has_ended(&pod) && started.insert(meta(&pod, "uid").to_owned()) {
                lives.spawn(live(KubeletPod::new(&cluster, &pod), scripts.of(&pod)));
            }
        }
        while lives.try_join_next().is_some() {}
        let _ = changes.changed().await;
        tokio::time::sleep(REACTION).await;
    }
}

/// A pod as its kubelet sees it.
#[derive(Clone)]
struct KubeletPod {
    cluster: Cluster,
    namespace: String,
    name: String,
    uid: String,
    node: String,
}

async fn live(container: KubeletPod, script: PodScript) {
    let end = tokio::select! {
        code = container.work(&script) => Some(code),
        () = container.told_to_stop(&script) => None,
    };
    if let Some(code) = end {
        container.finish(code, "Completed");
        container.told_to_stop(&script).await;
    } else {
        let grace = container.pod().and_then(|p| p["metadata"]["deletionGracePeriodSeconds"].as_u64()).unwrap_or(30);
        tokio::time::sleep(script.stop_after.min(Duration::from_secs(grace))).await;
        container.finish(143, "Error");
    }
    let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    if container.pod().is_some() {
        container.cluster.delete_with("pods", &container.namespace, &container.name, &options);
    }
}

impl KubeletPod {
    fn new(cluster: &Cluster, pod: &Value) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: meta(pod, "namespace").to_owned(),
            name: meta(pod, "name").to_owned(),
            uid: meta(pod, "uid").to_owned(),
            node: pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The pod, unless it is gone or another of its name is there.
    fn pod(&self) -> Option<Value> {
        self.cluster.object("pods", &self.namespace, &self.name).filter(|pod| meta(pod, "uid") == self.uid)
    }

    fn node_is_lost(&self) -> bool {
        self.cluster.object("nodes", "", &self.node).is_none_or(|node| condition(&node, "Ready") != "True")
    }

    /// Resolves when the pod is deleted and the kubelet can act on it.
    async fn told_to_stop(&self, script: &PodScript) {
        loop {
            match self.pod() {
                None => return,
                Some(pod) if !meta(&pod, "deletionTimestamp").is_empty() => {
                    if !script.ignores_deletion && !self.node_is_lost() {
                        return;
                    }
                }
                Some(_) => {}
            }
            self.cluster.changed().await;
        }
    }

    /// Writes the pod's status; a lost node says nothing any more.
    fn report(&self, change: impl FnOnce(&mut Value, &str)) {
        if self.pod().is_none() || self.node_is_lost() {
            return;
        }
        let now = time(self.cluster.now());
        self.cluster.edit_as("kubelet", "pods", &self.namespace, &self.name, |pod| change(pod, &now));
    }

    async fn work(&self, script: &PodScript) -> i32 {
        self.waiting("ContainerCreating", "");
        self.until_references_exist().await;
        tokio::time::sleep(script.create).await;
        if let Some(message) = &script.pull_error {
            self.waiting("ErrImagePull", message);
            tokio::time::sleep(Duration::from_secs(15)).await;
            self.waiting("ImagePullBackOff", &format!(r#"Back-off pulling image "missing": ErrImagePull: {message}"#));
            std::future::pending::<()>().await;
        }
        self.running(script, 0);
        match &script.life {
            Life::Serve { ready_after } => {
                tokio::time::sleep(*ready_after).await;
                self.ready(true);
            }
            Life::NeverReady => {}
            Life::ReadyThenNot { ready_after, lost_after } => {
                tokio::time::sleep(*ready_after).await;
                self.ready(true);
                tokio::time::sleep(*lost_after).await;
                self.ready(false);
            }
            Life::CrashLoop { after, exit_code, reason } => {
                return self.crash_loop(script, *after, *exit_code, reason).await;
            }
            Life::Run(work) => {
                self.ready(true);
                return self.run(work).await;
            }
        }
        std::future::pending().await
    }

    async fn run(&self, work: &Work) -> i32 {
        let Some(pod) = self.pod() else { return 1 };
        work(PodContext { cluster: self.cluster.clone(), pod }).await
    }

    /// A container whose Secret or ConfigMap is missing is not created until it is there.
    async fn until_references_exist(&self) {
        while let Some((reason, message)) = self.pod().and_then(|pod| self.missing_reference(&pod)) {
            self.waiting(reason, &message);
            self.cluster.changed().await;
        }
    }

    fn missing_reference(&self, pod: &Value) -> Option<(&'static str, String)> {
        let missing = |resource: &str, kind: &str, reference: &Value| -> Option<String> {
            let name = reference["name"].as_str().filter(|_| reference["optional"] != true)?;
            self.cluster.object(resource, &self.namespace, name).is_none().then(|| format!("{kind} {name:?} not found"))
        };
        let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
        for container in &containers {
            for source in container["envFrom"].as_array().into_iter().flatten() {
                let message = missing("secrets", "secret", &source["secretRef"])
                    .or_else(|| missing("configmaps", "configmap", &source["configMapRef"]));
                if let Some(message) = message {
                    return Some(("CreateContainerConfigError", message));
                }
            }
            for variable in container["env"].as_array().into_iter().flatten() {
                let from = &variable["valueFrom"];
                let message = missing("secrets", "secret", &from["secretKeyRef"])
                    .or_else(|| missing("configmaps", "configmap", &from["configMapKeyRef"]));
                if let Some(message) = message {
                    return Some(("CreateContainerConfigError", message));
                }
            }
        }
        // A volume that cannot be mounted keeps the pod in ContainerCreating; the kubelet says so in Events only.
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let secret = json!({"name": volume["secret"]["secretName"], "optional": volume["secret"]["optional"]});
            let message = missing("configmaps", "configmap", &volume["configMap"])
                .or_else(|| missing("secrets", "secret", &secret));
            if let Some(message) = message {
                let about = format!("MountVolume.SetUp failed for volume {}: {message}", volume["name"]);
                super::emit_event(&self.cluster, pod, "Warning", "FailedMount", &about);
                return Some(("ContainerCreating", String::new()));
            }
        }
        None
    }

    async fn crash_loop(&self, script: &PodScript, after: Duration, exit_code: i32, reason: &str) -> i32 {
        let restarts = self.pod().is_some_and(|pod| pod["spec"]["restartPolicy"] != "Never");
        let mut backoff = Duration::from_secs(10);
        for count in 1.. {
            tokio::time::sleep(after).await;
            if !restarts {
                self.terminated(exit_code, reason);
                return exit_code;
            }
            let message = "back-off restarting failed container";
            self.report(|pod, now| {
                let ended = json!({"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": now}});
                each_status(pod, |status| {
                    status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
                    status["lastState"] = ended.clone();
                    status["restartCount"] = json!(count - 1);
                    status["ready"] = json!(false);
                });
                set_condition(pod, "Ready", "False", "ContainersNotReady", "", now);
            });
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(Duration::from_secs(300));
            self.running(script, count);
        }
        exit_code
    }

    fn waiting(&self, reason: &str, message: &str) {
        self.report(|pod, now| {
            fill_statuses(pod);
            pod["status"]["phase"] = json!("Pending");
            pod["status"]["startTime"] = pod["status"]["startTime"].as_str().map_or(json!(now), |t| json!(t));
            each_status(pod, |status| {
                let mut waiting = json!({"reason": reason});
                if !message.is_empty() {
                    waiting["message"] = json!(message);
                }
                status["state"] = json!({"waiting": waiting});
            });
            set_condition(pod, "Ready", "False", "ContainersNotReady", "", now);
        });
    }

    fn running(&self, script: &PodScript, restarts: u32) {
        self.report(|pod, now| {
            fill_statuses(pod);
            pod["status"]["phase"] = json!("Running");
            each_status(pod, |status| {
                status["state"] = json!({"running": {"startedAt": now}});
                status["restartCount"] = json!(restarts);
                status["imageID"] = json!(script.image_id);
                status["started"] = json!(true);
            });
            finish_init_containers(pod, now);
            set_condition(pod, "Initialized", "True", "", "", now);
        });
    }

    fn ready(&self, ready: bool) {
        self.report(|pod, now| {
            each_status(pod, |status| status["ready"] = json!(ready));
            let (status, reason) = if ready { ("True", "") } else { ("False", "ContainersNotReady") };
            set_condition(pod, "ContainersReady", status, reason, "", now);
            set_condition(pod, "Ready", status, reason, "", now);
        });
    }

    fn terminated(&self, exit_code: i32, reason: &str) {
        self.report(|pod, now| {
            each_status(pod, |status| {
                let started = status["state"]["running"]["startedAt"].clone();
                status["state"] = json!({"terminated": {"exitCode": exit_code, "reason": reason, "startedAt": started, "finishedAt": now}});
                status["ready"] = json!(false);
            });
        });
    }

    /// The pod's last status.
    fn finish(&self, exit_code: i32, reason: &str) {
        let reason = if exit_code == 0 {
            "Completed"
        } else if reason == "Completed" {
            "Error"
        } else {
            reason
        };
        let already =
            self.pod().is_some_and(|pod| !pod["status"]["containerStatuses"][0]["state"]["terminated"].is_null());
        if !already {
            self.terminated(exit_code, reason);
        }
        self.report(|pod, now| {
            pod["status"]["phase"] = json!(if exit_code == 0 { "Succeeded" } else { "Failed" });
            set_condition(pod, "Ready", "False", if exit_code == 0 { "PodCompleted" } else { "PodFailed" }, "", now);
        });
    }
}

fn fill_statuses(pod: &mut Value) {
    for (spec, status) in [("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")] {
        let containers = pod["spec"][spec].as_array().cloned().unwrap_or_default();
        if containers.is_empty() || !pod["status"][status].is_null() {
            continue;
        }
        let list: Vec<Value> = containers
            .iter()
            .map(|c| {
                json!({"name": c["name"], "image": c["image"], "imageID": "", "ready": false, "restartCount": 0,
                            "state": {"waiting": {"reason": "PodInitializing"}}})
            })
            .collect();
        pod["status"][status] = Value::Array(list);
    }
}

fn each_status(pod: &mut Value, mut change: impl FnMut(&mut Value)) {
    if let Some(list) = pod["status"]["containerStatuses"].as_array_mut() {
        list.iter_mut().for_each(&mut change);
    }
}

/// Sidecars run on, other initContainers have ended well.
fn finish_init_containers(pod: &mut Value, now: &str) {
    let policies: HashMap<String, Value> = pod["spec"]["initContainers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| (c["name"].as_str().unwrap_or_default().to_owned(), c["restartPolicy"].clone()))
        .collect();
    for status in pod["status"]["initContainerStatuses"].as_array_mut().into_iter().flatten() {
        let sidecar =
            policies.get(status["name"].as_str().unwrap_or_default()).is_some_and(|policy| policy == "Always");
        status["ready"] = json!(true);
        status["started"] = json!(sidecar);
        status["state"] = if sidecar {
            json!({"running": {"startedAt": now}})
        } else {
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}})
        };
    }
}
