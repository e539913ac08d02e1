//! The rest of a cluster, played on virtual time: scheduler, kubelets, the controllers of Jobs, Deployments and
//! namespaces, garbage collection, and Dynamo's operator.
//!
//! ```ignore
//! let cluster = Cluster::new();
//! let cast = Cast::new(&cluster).node("gpu-a", 8);
//! cast.script(|pod| has_label(pod, "bcmp.dev/variant", "optimized").then(PodScript::never_ready));
//! ```
//!
//! Each actor looks at everything whenever something changed, a moment later, and after its own delays.

mod deployments;
mod dynamo_operator;
mod garbage;
mod jobs;
mod kubelet;
mod namespaces;
mod scheduler;
mod script;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::simulation::api_server::{Cluster, DeleteOptions, meta, time};
pub use script::{Life, PodContext, PodScript, Work};

/// How long an actor takes to notice a change.
const REACTION: Duration = Duration::from_millis(20);

/// An actor that can be stopped and started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Binds pods to nodes.
    Scheduler,
    /// Runs pods.
    Kubelet,
    /// Makes pods of Jobs.
    Jobs,
    /// Makes pods of Deployments.
    Deployments,
    /// Deletes what has lost its owner.
    Garbage,
    /// Empties namespaces that are deleted.
    Namespaces,
    /// Makes Deployments and Services of DynamoGraphDeployments.
    Dynamo,
}

impl Actor {
    const ALL: [Self; 7] =
        [Self::Scheduler, Self::Kubelet, Self::Jobs, Self::Deployments, Self::Garbage, Self::Namespaces, Self::Dynamo];
}

type ScriptRule = Arc<dyn Fn(&Value) -> Option<PodScript> + Send + Sync>;

/// What the scripts say, shared by the actors.
#[derive(Clone, Default)]
pub(crate) struct Scripts {
    rules: Arc<Mutex<Vec<ScriptRule>>>,
    chosen: Arc<Mutex<HashMap<String, PodScript>>>,
}

impl Scripts {
    /// The script of a pod: chosen when it is first seen, by the newest rule that knows it.
    pub(crate) fn of(&self, pod: &Value) -> PodScript {
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = chosen.get(meta(pod, "uid")) {
            return script.clone();
        }
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let script = rules.iter().rev().find_map(|rule| rule(pod)).unwrap_or_else(|| PodScript::usual(pod));
        chosen.insert(meta(pod, "uid").to_owned(), script.clone());
        script
    }
}

/// The actors. Dropping the last handle ends them.
pub struct Cast {
    cluster: Cluster,
    scripts: Scripts,
    tasks: Mutex<HashMap<Actor, JoinHandle<()>>>,
}

impl Cast {
    /// All actors on a cluster without nodes.
    pub fn new(cluster: &Cluster) -> Self {
        let cast = Self { cluster: cluster.clone(), scripts: Scripts::default(), tasks: Mutex::default() };
        Actor::ALL.into_iter().for_each(|actor| cast.resume(actor));
        cast
    }

    /// Adds a node with this many GPUs.
    pub fn node(self, name: &str, gpus: u32) -> Self {
        self.add_node(name, gpus);
        self
    }

    /// Adds a node with this many GPUs.
    pub fn add_node(&self, name: &str, gpus: u32) {
        self.cluster.put(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": "NVIDIA-H200"}},
        }));
        let amount = json!({"nvidia.com/gpu": gpus.to_string(), "cpu": "192", "memory": "2Ti", "pods": "110"});
        self.cluster.edit("nodes", "", name, |node| {
            node["status"]["capacity"] = amount.clone();
            node["status"]["allocatable"] = amount;
            node["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "KubeletReady"}]);
        });
    }

    /// How pods live from now on; the newest rule that returns a script decides. Pods already seen keep theirs.
    pub fn script(&self, rule: impl Fn(&Value) -> Option<PodScript> + Send + Sync + 'static) {
        self.scripts.rules.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(rule));
    }

    /// Gives all pods of a label value this script.
    pub fn script_for(&self, label: &str, value: &str, script: PodScript) {
        let (label, value) = (label.to_owned(), value.to_owned());
        self.script(move |pod| has_label(pod, &label, &value).then(|| script.clone()));
    }

    /// Stops an actor; what it controls stays as it is. Without Dynamo's operator, v1alpha1 is not served.
    pub fn stop(&self, actor: Actor) {
        if let Some(task) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(&actor) {
            task.abort();
        }
        if actor == Actor::Dynamo {
            self.cluster.conversion(false);
        }
    }

    /// Starts an actor again. A kubelet that starts again starts all containers anew.
    pub fn resume(&self, actor: Actor) {
        if actor == Actor::Dynamo {
            self.cluster.conversion(true);
        }
        let (cluster, scripts) = (self.cluster.clone(), self.scripts.clone());
        let task = match actor {
            Actor::Scheduler => level(cluster, move |c, timers| scheduler::step(c, &scripts, timers)),
            Actor::Kubelet => tokio::spawn(kubelet::run(cluster, scripts)),
            Actor::Jobs => {
                let mut counted = jobs::CountedFailures::default();
                level(cluster, move |c, timers| jobs::step(c, timers, &mut counted))
            }
            Actor::Deployments => level(cluster, deployments::step),
            Actor::Garbage => level(cluster, garbage::step),
            Actor::Namespaces => level(cluster, namespaces::step),
            Actor::Dynamo => level(cluster, dynamo_operator::step),
        };
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(actor, task);
    }

    /// A pod ends by force at once: no grace, no last status, as when its node is removed from the cluster.
    pub fn lose_pod(&self, namespace: &str, name: &str) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.cluster.delete_with("pods", namespace, name, &options);
    }

    /// A pod is evicted: it fails with the condition `DisruptionTarget`, and is then deleted.
    pub fn evict_pod(&self, namespace: &str, name: &str) {
        self.cluster.edit("pods", namespace, name, |pod| {
            set_condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting", "");
        });
        self.cluster.delete("pods", namespace, name, "Background");
    }

    /// A node goes away without a word: its pods keep their last status until they are deleted by force.
    pub fn lose_node(&self, name: &str) {
        self.cluster.edit("nodes", "", name, |node| {
            node["spec"]["unschedulable"] = json!(true);
            set_condition(node, "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", "");
        });
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).values() {
            task.abort();
        }
    }
}

/// Times at which an actor acts by itself, by what they are for.
pub(crate) struct Timers {
    now: Instant,
    due: HashMap<String, Instant>,
    next: Option<Instant>,
}

impl Timers {
    /// Whether this much time has passed since the question was first asked.
    pub(crate) fn passed(&mut self, what: impl Into<String>, delay: Duration) -> bool {
        let due = *self.due.entry(what.into()).or_insert(self.now + delay);
        if due > self.now {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
        due <= self.now
    }

    /// Starts anew the next time it is asked for.
    pub(crate) fn forget(&mut self, what: &str) {
        self.due.remove(what);
    }
}

fn level(cluster: Cluster, mut step: impl FnMut(&Cluster, &mut Timers) + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut changes = cluster.changes();
        let mut timers = Timers { now: Instant::now(), due: HashMap::new(), next: None };
        loop {
            changes.mark_unchanged();
            timers.now = Instant::now();
            timers.next = None;
            step(&cluster, &mut timers);
            match timers.next {
                Some(next) => drop(tokio::time::timeout_at(next, changes.changed()).await),
                None => drop(changes.changed().await),
            }
            tokio::time::sleep(REACTION).await;
        }
    })
}

pub fn has_label(object: &Value, label: &str, value: &str) -> bool {
    object["metadata"]["labels"][label] == value
}

/// Whether an object is controlled by another.
pub(crate) fn is_controlled_by(object: &Value, owner: &Value) -> bool {
    let uid = &owner["metadata"]["uid"];
    object["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|list| list.iter().any(|o| o["uid"] == *uid && o["controller"] == true))
}

/// The reference a controller puts on what it makes.
pub(crate) fn owner_reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }])
}

/// Sets a condition; its transition time moves only when the status does.
pub(crate) fn set_condition(object: &mut Value, kind: &str, status: &str, reason: &str, message: &str, now: &str) {
    if !object["status"]["conditions"].is_array() {
        object["status"]["conditions"] = json!([]);
    }
    let Some(list) = object["status"]["conditions"].as_array_mut() else { return };
    let before = list.iter().find(|c| c["type"] == kind);
    let kept = before.filter(|c| c["status"] == status).map(|c| c["lastTransitionTime"].clone());
    let mut condition = json!({"type": kind, "status": status, "reason": reason, "message": message});
    let time = kept.unwrap_or_else(|| if now.is_empty() { Value::Null } else { json!(now) });
    if !time.is_null() {
        condition["lastTransitionTime"] = time;
    }
    match list.iter_mut().find(|c| c["type"] == kind) {
        Some(slot) => *slot = condition,
        None => list.push(condition),
    }
}

/// Status of a condition, or empty.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let list = object["status"]["conditions"].as_array();
    list.into_iter().flatten().find(|c| c["type"] == kind).and_then(|c| c["status"].as_str()).unwrap_or_default()
}

pub(crate) fn has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default())
}

/// Records an Event as controllers do, once for each object, reason and message.
pub(crate) fn emit_event(cluster: &Cluster, about: &Value, kind: &str, reason: &str, message: &str) {
    let same = |event: &Value| {
        event["involvedObject"]["uid"] == about["metadata"]["uid"]
            && event["reason"] == reason
            && event["message"] == message
    };
    if cluster.list("events").iter().any(|event| same(event)) {
        return;
    }
    let number = cluster.list("events").len();
    let now = time(cluster.now());
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.{number:x}", meta(about, "name")), "namespace": about["metadata"]["namespace"]},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": about["metadata"]["name"],
                           "namespace": about["metadata"]["namespace"], "uid": about["metadata"]["uid"]},
        "type": kind, "reason": reason, "message": message, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    });
    // A namespace that is going takes no Events.
    let _ = cluster.try_put(event);
}
