//! The pods that hold GPUs, as a variant's objects ask for them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::capacity::Demand;

/// Pods with GPUs that the objects will have. Unreadable parts ask for nothing.
pub fn of(objects: &[Value], gpu_resource: &str) -> Vec<Demand> {
    objects.iter().flat_map(|object| of_object(object, gpu_resource)).filter(|d| d.pods > 0 && d.gpus > 0).collect()
}

fn of_object(object: &Value, gpu_resource: &str) -> Vec<Demand> {
    match object["kind"].as_str() {
        Some("DynamoGraphDeployment") => {
            let services = object["spec"]["services"].as_object().into_iter().flatten().map(|(_, service)| service);
            let components = object["spec"]["components"].as_array().into_iter().flatten();
            let old = services.map(|service| of_service(service, gpu_resource));
            old.chain(components.map(|component| of_component(component, gpu_resource))).collect()
        }
        Some("Deployment") => {
            let pod = &object["spec"]["template"]["spec"];
            vec![demand(replicas(&object["spec"]), container_gpus(pod, gpu_resource), &pod["nodeSelector"])]
        }
        _ => vec![],
    }
}

/// A component of v1alpha1.
fn of_service(service: &Value, gpu_resource: &str) -> Demand {
    let nodes = count(&service["multinode"]["nodeCount"]).unwrap_or(1);
    let resources = &service["resources"];
    let own = ["limits", "requests"].iter().find_map(|which| count(&resources[which]["gpu"]));
    let pod = &service["extraPodSpec"];
    let gpus = own.unwrap_or_else(|| limit(&pod["mainContainer"], gpu_resource));
    demand(replicas(service) * nodes, gpus, &pod["nodeSelector"])
}

/// A component of v1beta1.
fn of_component(component: &Value, gpu_resource: &str) -> Demand {
    let nodes = count(&component["multinode"]["nodeCount"]).unwrap_or(1);
    let pod = &component["podTemplate"]["spec"];
    demand(replicas(component) * nodes, container_gpus(pod, gpu_resource), &pod["nodeSelector"])
}

fn container_gpus(pod: &Value, gpu_resource: &str) -> u32 {
    pod["containers"].as_array().into_iter().flatten().map(|container| limit(container, gpu_resource)).sum()
}

fn limit(container: &Value, gpu_resource: &str) -> u32 {
    let resources = &container["resources"];
    ["limits", "requests"].iter().find_map(|which| count(&resources[which][gpu_resource])).unwrap_or(0)
}

fn replicas(spec: &Value) -> u32 {
    count(&spec["replicas"]).unwrap_or(1)
}

/// A count as manifests write it: a number or a string.
fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).or_else(|| value.as_str()?.parse().ok())
}

fn demand(pods: u32, gpus: u32, node_selector: &Value) -> Demand {
    let selector = node_selector.as_object().into_iter().flatten();
    let selector = selector.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Demand { pods, gpus, node_selector: selector.collect::<BTreeMap<_, _>>() }
}
