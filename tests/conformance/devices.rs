//! GPUs by claims: what the real scheduler allocates is what the queue counts. The simulation has no allocator, so this runs
//! on a real API server alone.

use std::collections::{BTreeMap, HashMap};

use bcmp::api::labels;
use bcmp::controller::capacity::Capacity;
use bcmp::controller::comparisons::Comparisons;
use bcmp::controller::metrics::Metrics;
use serde_json::json;

use crate::bed::Bed;

const ALLOCATION: &str = "/apis/resource.k8s.io/v1";

/// A node that nobody runs: pods are bound to it, and stay as they are.
async fn add_node(bed: &Bed, name: &str) {
    // Pods of other cases, which nobody would end there, keep away.
    let taints = json!([{"key": "bcmp.dev/test", "effect": "NoSchedule"}]);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": taints}});
    bed.post("/api/v1/nodes", node).await.ok();
    let status = json!({"status": {
        "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}]}});
    bed.merge(&format!("/api/v1/nodes/{name}/status"), status).await.ok();
    let device = |number: u32| json!({"name": format!("gpu-{number}"), "attributes": {"type": {"string": "gpu"}}});
    let slice = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": format!("{name}-gpus")},
        "spec": {"driver": "gpu.nvidia.com", "nodeName": name, "devices": (0..8).map(device).collect::<Vec<_>>(),
                 "pool": {"name": name, "generation": 1, "resourceSliceCount": 1}}});
    bed.post(&format!("{ALLOCATION}/resourceslices"), slice).await.ok();
}

async fn add_class(bed: &Bed) {
    let expression = "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'";
    let class = json!({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu.nvidia.com"},
        "spec": {"selectors": [{"cel": {"expression": expression}}]}});
    bed.post(&format!("{ALLOCATION}/deviceclasses"), class).await.ok();
}

/// A pod with GPUs by a claim that is made from a template. The template hands the comparison's name on.
async fn add_pod(bed: &Bed, name: &str, node: &str, gpus: u32, comparison: Option<&str>) {
    let labels = comparison.map_or(json!({}), |name| json!({labels::COMPARISON: name}));
    let request = json!({"name": "gpus", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": gpus}});
    let template = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": name},
        "spec": {"metadata": {"labels": labels}, "spec": {"devices": {"requests": [request]}}}});
    bed.post(&bed.path("resourceclaimtemplates.resource.k8s.io"), template).await.ok();
    let mut pod = crate::pod(name);
    pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
    pod["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    pod["spec"]["resourceClaims"] = json!([{"name": "gpus", "resourceClaimTemplateName": name}]);
    pod["spec"]["containers"][0]["resources"] = json!({"claims": [{"name": "gpus"}]});
    bed.post(&bed.path("pods"), pod).await.ok();
    bed.eventually(&format!("pod {name} is bound"), || async {
        !bed.get(&bed.object("pods", name)).await.ok()["spec"]["nodeName"].is_null()
    })
    .await;
}

/// A node's GPUs: all, and those in use by owner.
type Seen = BTreeMap<String, (u32, BTreeMap<String, u32>)>;

async fn seen(capacity: &Capacity, bed: &Bed) -> Seen {
    let uids = HashMap::from([((bed.namespace.clone(), "qwen".to_owned()), "uid-of-qwen".to_owned())]);
    let nodes = capacity.nodes("nvidia.com/gpu", &uids).await.unwrap();
    nodes.into_iter().map(|node| (node.name, (node.allocatable, node.used))).collect()
}

mod real {
    use super::*;

    #[tokio::test]
    async fn gpus_are_counted_as_the_scheduler_allocates_them() {
        let Some(bed) = Bed::real("devices").await else { return };
        if !bed.allocates_devices().await {
            return bed.clean_up().await;
        }
        let [first, second] = ["first", "second"].map(|name| format!("{}-{name}", bed.namespace));
        add_class(&bed).await;
        add_node(&bed, &first).await;
        add_node(&bed, &second).await;
        add_pod(&bed, "ours", &first, 8, Some("qwen")).await;
        add_pod(&bed, "theirs", &second, 3, None).await;

        let capacity = Capacity::default();
        let (metrics, comparisons) = (Metrics::default(), Comparisons::default());
        let expected: Seen = [
            (first.clone(), (8, [("uid-of-qwen".to_owned(), 8)].into())),
            (second.clone(), (8, [(String::new(), 3)].into())),
        ]
        .into();
        let look = async {
            bed.eventually("both claims are counted", || async { seen(&capacity, &bed).await == expected }).await;
            bed.delete(&bed.object("pods", "theirs"), json!({"gracePeriodSeconds": 0})).await.ok();
            let freed = || async { seen(&capacity, &bed).await.get(&second) == Some(&(8, BTreeMap::new())) };
            bed.eventually("GPUs are free once the claim is gone", freed).await;
        };
        tokio::select! {
            () = capacity.follow(&bed.client, &metrics, &comparisons) => panic!("the watches ended"),
            () = look => {}
        }
        for path in [
            format!("{ALLOCATION}/resourceslices/{first}-gpus"),
            format!("{ALLOCATION}/resourceslices/{second}-gpus"),
            format!("{ALLOCATION}/deviceclasses/gpu.nvidia.com"),
            format!("/api/v1/nodes/{first}"),
            format!("/api/v1/nodes/{second}"),
        ] {
            bed.delete(&path, json!({})).await.ok();
        }
        bed.clean_up().await;
    }
}
