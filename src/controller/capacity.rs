//! GPUs of the cluster and who uses them, from one watch of nodes and one of pods for all who wait.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node as ApiNode, Pod as ApiPod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use tokio::sync::Notify;

use super::comparisons::Comparisons;
use super::error::Error;
use super::metrics::Metrics;
use super::mirror::Mirror;
use crate::api::labels;
use crate::lifecycle::world::Node;

/// Pods that have ended hold nothing.
const NOT_OVER: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Pods of others come and go all the time: who waits is woken no more often than this.
const BETWEEN_WAKES: Duration = Duration::from_secs(30);

/// Extended resources: name → number.
type Devices = BTreeMap<String, u32>;

/// What is asked of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NodeDevices {
    labels: BTreeMap<String, String>,
    allocatable: Devices,
    unschedulable: bool,
}

/// What is asked of a pod that holds devices of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PodDevices {
    node: String,
    comparison: Option<String>,
    devices: Devices,
}

/// Nodes and the pods on them.
pub struct Capacity {
    nodes: Mirror<NodeDevices>,
    pods: Mirror<PodDevices>,
    changed: Notify,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { nodes: Mirror::new("nodes"), pods: Mirror::new("pods"), changed: Notify::new() }
    }
}

impl Capacity {
    /// Forgets everything.
    pub fn clear(&self) {
        self.nodes.clear();
        self.pods.clear();
    }

    /// Nodes with devices of this name. `uids` are those of comparisons, by namespace and name.
    pub async fn nodes(&self, resource: &str, uids: &HashMap<(String, String), String>) -> Result<Vec<Node>, Error> {
        let nodes = self.nodes.read(|nodes| {
            let with = nodes.iter().filter_map(|((_, name), node)| {
                let allocatable = *node.allocatable.get(resource).filter(|count| **count > 0)?;
                let (labels, unschedulable) = (node.labels.clone(), node.unschedulable);
                Some((
                    name.clone(),
                    Node { name: name.clone(), labels, allocatable, used: BTreeMap::new(), unschedulable },
                ))
            });
            with.collect::<BTreeMap<String, Node>>()
        });
        let mut nodes = nodes.await?;
        let count = |pods: &BTreeMap<(String, String), PodDevices>| {
            for ((namespace, _), pod) in pods {
                let (Some(count), Some(node)) = (pod.devices.get(resource), nodes.get_mut(&pod.node)) else { continue };
                let owner = pod.comparison.as_ref().and_then(|name| uids.get(&(namespace.clone(), name.clone())));
                *node.used.entry(owner.cloned().unwrap_or_default()).or_insert(0) += count;
            }
        };
        self.pods.read(count).await?;
        Ok(nodes.into_values().collect())
    }

    /// Follows nodes and pods for ever, and wakes who waits when devices become free or are taken.
    pub async fn follow(&self, client: &Client, metrics: &Metrics, comparisons: &Comparisons) {
        let nodes: Api<DeserializeGuard<ApiNode>> = Api::all(client.clone());
        let pods: Api<DeserializeGuard<ApiPod>> = Api::all(client.clone());
        let changed = || self.changed.notify_one();
        let config = watcher::Config::default();
        futures::join!(
            self.nodes.follow(nodes, config.clone(), metrics, node_devices, changed),
            self.pods.follow(pods, config.fields(NOT_OVER), metrics, pod_devices, changed),
            self.wake_queue(comparisons),
        );
    }

    async fn wake_queue(&self, comparisons: &Comparisons) {
        loop {
            self.changed.notified().await;
            comparisons.wake_queue();
            tokio::time::sleep(BETWEEN_WAKES).await;
        }
    }
}

fn node_devices(node: &ApiNode) -> Option<NodeDevices> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let allocatable = devices(allocatable);
    let unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    (!allocatable.is_empty()).then(|| NodeDevices { labels: node.labels().clone(), allocatable, unschedulable })
}

fn pod_devices(pod: &ApiPod) -> Option<PodDevices> {
    let spec = pod.spec.as_ref()?;
    let node = spec.node_name.clone()?;
    let mut sum = Devices::new();
    let limits = spec.containers.iter().filter_map(|container| container.resources.as_ref()?.limits.as_ref());
    for (name, count) in limits.flat_map(devices) {
        let of_name = sum.entry(name).or_insert(0);
        *of_name = of_name.saturating_add(count);
    }
    let comparison = pod.labels().get(labels::COMPARISON).cloned();
    (!sum.is_empty()).then_some(PodDevices { node, comparison, devices: sum })
}

/// Extended resources alone have a domain in their names.
fn devices(quantities: &BTreeMap<String, Quantity>) -> Devices {
    let extended = quantities.iter().filter(|(name, _)| name.contains('/'));
    extended.filter_map(|(name, quantity)| Some((name.clone(), quantity.0.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_pod_its_devices_are_kept_and_nothing_else() {
        let container =
            |gpus: &str| json!({"name": "c", "resources": {"limits": {"nvidia.com/gpu": gpus, "cpu": "4"}}});
        let pod = |node: Option<&str>, containers: Vec<serde_json::Value>| -> Option<PodDevices> {
            pod_devices(
                &serde_json::from_value(json!({"metadata": {"labels": {"bcmp.dev/comparison": "qwen"}},
                "spec": {"nodeName": node, "containers": containers}}))
                .unwrap(),
            )
        };
        let found = pod(Some("n"), vec![container("2"), container("6")]).unwrap();
        assert_eq!((found.node.as_str(), found.comparison.as_deref()), ("n", Some("qwen")));
        assert_eq!(found.devices, [("nvidia.com/gpu".to_owned(), 8)].into());
        assert_eq!(pod(None, vec![container("8")]), None, "not bound yet");
        assert_eq!(pod(Some("n"), vec![json!({"name": "c"})]), None, "no devices");
    }
}
