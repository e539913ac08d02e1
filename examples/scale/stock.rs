//! What lies in the cluster: namespaces, nodes, pods of others, comparisons.

use std::ops::Range;
use std::time::Duration;

use bcmp::api::BenchmarkComparison;
use bcmp::simulation::lab::{comparison, small};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Requests at a time.
const AT_ONCE: usize = 48;
/// Namespaces of teams, and as many of others.
const NAMESPACES: usize = 20;
/// A node whose Lease was not renewed for 50 s is lost.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Tries of a creation: what it needs, such as a namespace's account, may come a moment later.
const TRIES: usize = 60;

/// Creates what a benchmark needs.
pub struct Stock {
    pub client: Client,
    /// Nodes whose GPUs others hold.
    pub holders: usize,
}

fn team(index: usize) -> String {
    format!("team-{:02}", index % NAMESPACES)
}

fn others(index: usize) -> String {
    format!("others-{:02}", index % NAMESPACES)
}

fn node_name(index: usize) -> String {
    format!("gpu-{index:03}")
}

/// Does something for each, many at a time.
async fn each<F>(range: Range<usize>, work: impl Fn(usize) -> F) -> kube::Result<()>
where
    F: Future<Output = kube::Result<()>>,
{
    stream::iter(range.map(work).collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

/// Creates an object; one that is there already is left as it is.
async fn create<K>(api: &Api<K>, object: Value) -> kube::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    let mut tries = 0;
    loop {
        match api.create(&PostParams::default(), &object).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(()),
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        tries += 1;
    }
}

impl Stock {
    pub async fn namespaces(&self) -> kube::Result<()> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        each(0..NAMESPACES, |index| {
            let api = api.clone();
            async move {
                create(&api, json!({"metadata": {"name": team(index)}})).await?;
                create(&api, json!({"metadata": {"name": others(index)}})).await
            }
        })
        .await
    }

    pub async fn nodes(&self, count: usize) -> kube::Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), "kube-node-lease");
        each(0..count, |index| {
            let (api, leases) = (api.clone(), leases.clone());
            async move {
                create(&leases, lease(&node_name(index))).await?;
                create(&api, node(&node_name(index))).await
            }
        })
        .await?;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                let renewed = each(0..count, |index| renew(leases.clone(), node_name(index))).await;
                if let Err(error) = renewed {
                    tracing::warn!(%error, "a node's Lease is not renewed");
                }
            }
        });
        Ok(())
    }

    /// Pods of others, which run already.
    pub async fn pods(&self, range: Range<usize>) -> kube::Result<()> {
        let nodes = Api::<Node>::all(self.client.clone()).list_metadata(&ListParams::default()).await?.items.len();
        each(range, |index| async move {
            let api: Api<Pod> = Api::namespaced(self.client.clone(), &others(index));
            let (name, holds) = (format!("other-{index:05}"), index < self.holders);
            // Those that hold GPUs have the last nodes.
            let on = if holds { nodes - 1 - index } else { index % nodes };
            create(&api, pod(&name, &node_name(on), holds)).await?;
            let status = json!({"status": {"phase": "Running", "startTime": Timestamp::now(), "conditions": [
                {"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}});
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.map(drop)
        })
        .await
    }

    pub async fn comparisons(&self, range: Range<usize>) -> kube::Result<()> {
        each(range, |index| async move {
            let api: Api<BenchmarkComparison> = Api::namespaced(self.client.clone(), &team(index));
            let mut object = comparison(&format!("c-{index:04}"), one_round());
            object["metadata"]["namespace"] = json!(team(index));
            create(&api, object).await
        })
        .await
    }

    pub async fn clear(&self) -> kube::Result<()> {
        each(0..NAMESPACES, |index| async move {
            let api: Api<BenchmarkComparison> = Api::namespaced(self.client.clone(), &team(index));
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.map(drop)
        })
        .await
    }
}

/// A run that is over while one watches.
fn one_round() -> Value {
    let mut spec = small();
    spec["execution"] = json!({"rounds": {"minimum": 1, "maximum": 1}});
    spec
}

fn node(name: &str) -> Value {
    let amount = json!({"nvidia.com/gpu": "8", "cpu": "192", "memory": "2Ti", "pods": "250"});
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": "NVIDIA-H200"}},
        "status": {"capacity": amount, "allocatable": amount, "conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": Timestamp::now()}]},
    })
}

fn lease(node: &str) -> Value {
    json!({
        "metadata": {"name": node},
        "spec": {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": micros()},
    })
}

async fn renew(leases: Api<Lease>, node: String) -> kube::Result<()> {
    let patch = Patch::Merge(json!({"spec": {"renewTime": micros()}}));
    leases.patch(&node, &PatchParams::default(), &patch).await.map(drop)
}

fn micros() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn pod(name: &str, node: &str, holds: bool) -> Value {
    let mut limits = json!({"cpu": "1", "memory": "1Gi"});
    if holds {
        limits["nvidia.com/gpu"] = json!("8");
    }
    json!({
        "metadata": {"name": name, "labels": {"app": "other", "team": "others"}},
        "spec": {"nodeName": node, "automountServiceAccountToken": false, "containers": [
            {"name": "main", "image": "registry.example/service:1", "env": [{"name": "MODE", "value": "production"}],
             "resources": {"limits": limits}, "ports": [{"containerPort": 8080}]}]},
    })
}
