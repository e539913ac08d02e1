//! The GPUs that a variant's objects request.

use serde_json::Value;

use super::variant::gpu_pods;
use crate::plan::Demand;

/// Pods with GPUs that the objects create. Unreadable parts, which preparation refuses, count as nothing.
pub fn of(objects: &[Value], gpu_resource: &str) -> Vec<Demand> {
    gpu_pods(objects, gpu_resource).filter_map(Result::ok).filter(|demand| demand.pods > 0 && demand.gpus > 0).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn components_without_gpus_and_unreadable_ones_count_as_nothing() {
        let graph = json!({
            "apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
            "spec": {"services": {
                "Frontend": {"replicas": 1},
                "Broken": {"replicas": "two", "resources": {"limits": {"gpu": "1"}}},
                "Worker": {
                    "replicas": 2, "multinode": {"nodeCount": 2}, "resources": {"limits": {"gpu": "8"}},
                    "extraPodSpec": {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H200"}},
                },
            }},
        });
        let node_selector = [("nvidia.com/gpu.product".to_owned(), "NVIDIA-H200".to_owned())].into();
        assert_eq!(of(&[graph], "nvidia.com/gpu"), [Demand { pods: 4, gpus: 8, node_selector }]);
    }
}
