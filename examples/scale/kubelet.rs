//! Kubelets of all nodes: pods of runs start, get ready, end and go.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bcmp::api::labels;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::agents;
use crate::tell;

/// Until a pod that was bound runs, and until one that was deleted has ended.
const A_MOMENT: Duration = Duration::from_millis(300);

/// Namespace, comparison, variant and deployment.
pub type ServerKey = [String; 4];

/// Shared by all pods.
#[derive(Clone)]
pub struct Kubelets {
    pub client: Client,
    /// Load pods end as far as this lets them.
    pub gate: Arc<Semaphore>,
    /// How long a trial takes, in milliseconds.
    pub trial: Arc<AtomicU64>,
    servers: Arc<Mutex<HashMap<ServerKey, HashMap<String, bool>>>>,
}

impl Kubelets {
    pub fn new(client: Client, gate: Arc<Semaphore>, trial: Arc<AtomicU64>) -> Self {
        Self { client, gate, trial, servers: Arc::default() }
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<ServerKey, HashMap<String, bool>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all pods of a deployment are ready.
    pub fn serves(&self, key: &ServerKey) -> bool {
        self.servers().get(key).is_some_and(|pods| pods.len() > 1 && pods.values().all(|ready| *ready))
    }

    pub async fn run(self) {
        let api: Api<Pod> = Api::all(self.client.clone());
        let of_runs = watcher::Config::default().labels(labels::COMPARISON);
        let mut events = watch_objects(api, of_runs).default_backoff().boxed();
        let mut lives: HashMap<String, JoinHandle<()>> = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::InitApply(pod) | Event::Apply(pod)) => self.see(pod, &mut lives),
                Ok(Event::Delete(pod)) => self.gone(&pod, &mut lives),
                Ok(Event::Init | Event::InitDone) => {}
                Err(error) => tracing::warn!(%error, "pods cannot be watched"),
            }
        }
    }

    fn see(&self, pod: Pod, lives: &mut HashMap<String, JoinHandle<()>>) {
        let uid = pod.uid().unwrap_or_default();
        if is_server(&pod) {
            self.servers().entry(server_key(&pod)).or_default().insert(uid.clone(), is_ready(&pod));
        }
        let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        let going = pod.metadata.deletion_timestamp.is_some();
        if going {
            if let Some(life) = lives.remove(&uid) {
                life.abort();
            }
            // Told again for each change on its way out: deleting it twice does no harm.
            tokio::spawn(end(self.api(&pod), pod.name_any()));
        } else if bound && !lives.contains_key(&uid) {
            lives.insert(uid, tokio::spawn(live(self.clone(), pod)));
        }
    }

    fn gone(&self, pod: &Pod, lives: &mut HashMap<String, JoinHandle<()>>) {
        let uid = pod.uid().unwrap_or_default();
        lives.remove(&uid);
        if is_server(pod)
            && let Some(pods) = self.servers().get_mut(&server_key(pod))
        {
            pods.remove(&uid);
        }
        if holds_gpus(pod) {
            let of = format!("{}/{}", pod.namespace().unwrap_or_default(), label(pod, labels::COMPARISON));
            tell(json!({"gone": pod.name_any(), "of": of}));
        }
    }

    fn api(&self, pod: &Pod) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default())
    }
}

pub fn label(pod: &Pod, key: &str) -> String {
    pod.labels().get(key).cloned().unwrap_or_default()
}

fn is_server(pod: &Pod) -> bool {
    label(pod, labels::COMPONENT) == "server"
}

fn holds_gpus(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut limits = containers.filter_map(|container| container.resources.as_ref()?.limits.as_ref());
    limits.any(|limits| limits.contains_key("nvidia.com/gpu"))
}

pub fn server_key(pod: &Pod) -> ServerKey {
    let of = |key| label(pod, key);
    [pod.namespace().unwrap_or_default(), of(labels::COMPARISON), of(labels::VARIANT), of(labels::DEPLOYMENT)]
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn end(api: Api<Pod>, name: String) {
    tokio::time::sleep(A_MOMENT).await;
    // It may have gone by itself.
    let _ = api.delete(&name, &DeleteParams::default().grace_period(0)).await;
}

async fn live(kubelets: Kubelets, pod: Pod) {
    tokio::time::sleep(A_MOMENT).await;
    let (api, name) = (kubelets.api(&pod), pod.name_any());
    let report = |status: Value| {
        let (api, name) = (api.clone(), name.clone());
        async move {
            let patch = Patch::Merge(json!({ "status": status }));
            api.patch_status(&name, &PatchParams::default(), &patch).await.map(drop)
        }
    };
    let lived: kube::Result<()> = async {
        report(status(&pod, "Running", &json!({"running": {"startedAt": Timestamp::now()}}))).await?;
        if agents::works(&kubelets, &pod).await? {
            let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": Timestamp::now()}});
            report(status(&pod, "Succeeded", &ended)).await?;
        }
        Ok(())
    }
    .await;
    if let Err(error) = lived {
        tracing::warn!(%error, name, "a pod does not live as it should");
    }
}

fn status(pod: &Pod, phase: &str, state: &Value) -> Value {
    let ready = phase == "Running";
    let containers = |init: bool| -> Vec<Value> {
        let spec = pod.spec.as_ref();
        let all = spec
            .map(|spec| if init { spec.init_containers.clone().unwrap_or_default() } else { spec.containers.clone() });
        let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        let one = |container: k8s_openapi::api::core::v1::Container| {
            let sidecar = container.restart_policy.is_some();
            json!({"name": container.name, "image": container.image, "ready": ready, "restartCount": 0, "started": ready,
                   "imageID": format!("registry.example/image@sha256:{}", "5a".repeat(32)),
                   "state": if init && !sidecar { &ended } else { state }})
        };
        all.unwrap_or_default().into_iter().map(one).collect()
    };
    let now = Timestamp::now();
    let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": now});
    json!({
        "phase": phase, "startTime": now, "containerStatuses": containers(false), "initContainerStatuses": containers(true),
        "conditions": [condition("PodScheduled", true), condition("Initialized", true), condition("ContainersReady", ready), condition("Ready", ready)],
    })
}
