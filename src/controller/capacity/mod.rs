//! GPUs of the cluster and who uses them, from one watch of each kind for all who wait: nodes and pods, and where the cluster
//! allocates devices by claims, ResourceSlices and ResourceClaims.

mod claims;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node as ApiNode, Pod as ApiPod};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::{Client, ResourceExt};
use tokio::sync::Notify;

use self::claims::{AllocatedClaim, DeviceClaim, Gpus, PublishedSlice, Slice};
use super::children::{Devices, devices, set_aside};
use super::comparisons::Comparisons;
use super::error::Error;
use super::kinds;
use super::lists::watched_whole;
use super::metrics::Metrics;
use super::mirror::{Mirror, NamespacedName};
use crate::api::labels;
use crate::lifecycle::world::Node;

/// Pods that have ended hold nothing.
const NOT_OVER: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Pods of others come and go all the time: who waits is woken no more often than this.
const BETWEEN_WAKES: Duration = Duration::from_secs(2);

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

/// Nodes, and what holds their devices.
pub struct Capacity {
    nodes: Mirror<NodeDevices>,
    pods: Mirror<PodDevices>,
    slices: Mirror<Slice>,
    claims: Mirror<DeviceClaim>,
    changed: Notify,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            nodes: Mirror::new("nodes"),
            pods: Mirror::new("pods"),
            slices: Mirror::new("resourceslices"),
            claims: Mirror::new("resourceclaims"),
            changed: Notify::new(),
        }
    }
}

impl Capacity {
    /// Forgets everything.
    pub fn clear(&self) {
        self.nodes.clear();
        self.pods.clear();
        self.slices.clear();
        self.claims.clear();
    }

    /// Whether all of it is known, so that nobody has to wait.
    pub fn is_listed(&self) -> bool {
        self.nodes.is_listed() && self.pods.is_listed() && self.slices.is_listed() && self.claims.is_listed()
    }

    /// Nodes with devices of this name. `uids` are those of comparisons, by namespace and name.
    pub async fn nodes(&self, resource: &str, uids: &HashMap<(String, String), String>) -> Result<Vec<Node>, Error> {
        let owner = |namespace: &str, comparison: Option<&String>| {
            let uid = comparison.and_then(|name| uids.get(&(namespace.to_owned(), name.clone())));
            uid.cloned().unwrap_or_default()
        };
        let slices = self.slices.read(Clone::clone).await?;
        let gpus = Gpus::of(slices.values(), resource);
        let of_pods = self.pods.read(|pods| {
            let held = pods.iter().filter_map(|((namespace, _), pod)| {
                let count = *pod.devices.get(resource)?;
                Some((pod.node.clone(), owner(namespace, pod.comparison.as_ref()), count))
            });
            held.collect::<Vec<_>>()
        });
        let of_claims = self.claims.read(|claims| {
            let held = claims.iter().flat_map(|((namespace, _), claim)| {
                let owner = owner(namespace, claim.comparison.as_ref());
                gpus.held_by(claim).map(move |node| (node.to_owned(), owner.clone(), 1))
            });
            held.collect::<Vec<_>>()
        });
        let held = [of_pods.await?, of_claims.await?].concat();
        let mut nodes = self.nodes.read(|nodes| nodes_with(nodes, resource, &gpus.by_node())).await?;
        for (node, owner, count) in held {
            if let Some(node) = nodes.get_mut(&node) {
                let used = node.used.entry(owner).or_insert(0);
                *used = count.saturating_add(*used);
            }
        }
        Ok(nodes.into_values().collect())
    }

    /// Follows all for ever, and wakes who waits when devices become free or are taken.
    pub async fn follow(&self, client: &Client, metrics: &Metrics, comparisons: &Comparisons) {
        let nodes: Api<DeserializeGuard<ApiNode>> = Api::all(client.clone());
        let pods: Api<DeserializeGuard<ApiPod>> = Api::all(client.clone());
        let (slices, claims) = (kinds::slices(), kinds::claims());
        let changed = || self.changed.notify_one();
        let config = watched_whole();
        futures::join!(
            self.nodes.follow(nodes, config.clone(), metrics, node_devices, changed),
            self.pods.follow(pods, config.fields(NOT_OVER), metrics, pod_devices, changed),
            self.slices.follow_served(client, &slices, metrics, |slice: &PublishedSlice| claims::slice(slice), changed),
            self.claims.follow_served(client, &claims, metrics, |claim: &AllocatedClaim| claims::claim(claim), changed),
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

/// Nodes that have devices of a name in either way. Where both publish the same GPUs, they count once.
fn nodes_with(
    nodes: &BTreeMap<NamespacedName, NodeDevices>,
    resource: &str,
    published: &BTreeMap<&str, u32>,
) -> BTreeMap<String, Node> {
    let with = nodes.iter().filter_map(|((_, name), node)| {
        let extended = node.allocatable.get(resource).copied().unwrap_or(0);
        let allocatable = extended.max(published.get(name.as_str()).copied().unwrap_or(0));
        let (labels, unschedulable) = (node.labels.clone(), node.unschedulable);
        let node = Node { name: name.clone(), labels, allocatable, used: BTreeMap::new(), unschedulable };
        (allocatable > 0).then(|| (name.clone(), node))
    });
    with.collect()
}

/// Nodes without extended resources too: their devices may be in a ResourceSlice.
fn node_devices(node: &ApiNode) -> Option<NodeDevices> {
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref()).map(devices);
    let unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    Some(NodeDevices { labels: node.labels().clone(), allocatable: allocatable.unwrap_or_default(), unschedulable })
}

fn pod_devices(pod: &ApiPod) -> Option<PodDevices> {
    let spec = pod.spec.as_ref()?;
    let node = spec.node_name.clone()?;
    let devices = set_aside(spec);
    let comparison = pod.labels().get(labels::COMPARISON).cloned();
    (!devices.is_empty()).then_some(PodDevices { node, comparison, devices })
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
        let sidecar = json!({"name": "s", "restartPolicy": "Always", "resources": {"limits": {"nvidia.com/gpu": "4"}}});
        let pod_of = |init: Vec<serde_json::Value>| {
            let spec = json!({"nodeName": "n", "initContainers": init, "containers": [container("2")]});
            pod_devices(&serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()).unwrap().devices["nvidia.com/gpu"]
        };
        assert_eq!(pod_of(vec![sidecar.clone()]), 6, "sidecars run beside the containers");
        assert_eq!(pod_of(vec![container("5")]), 5, "init containers before them");
        assert_eq!(pod_of(vec![sidecar.clone(), container("5")]), 9, "and beside the sidecars that began before");
        assert_eq!(pod_of(vec![container("5"), sidecar]), 6);
        assert_eq!(pod(Some("n"), vec![json!({"name": "c"})]), None, "no devices");
    }
}
