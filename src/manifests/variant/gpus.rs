//! GPUs that manifests ask for, as extended resources or by claims for devices.

use std::collections::BTreeMap;

use serde_json::Value;

use super::claims;
use super::object::describe;
use crate::dynamo::{Layout, NotWhole, PodSet};
use crate::manifests::ManifestError;
use crate::plan::Demand;
use crate::pointer::{element_pointers, path, text, token};

/// GPUs that all pods of the objects hold together, counted by the extended resource called `resource` and the device
/// class that goes with it.
pub(super) fn gpus(objects: &[Value], resource: &str) -> Result<u32, ManifestError> {
    let (mut total, mut refused) = (0_u32, vec![]);
    for demand in gpu_pods(objects, resource) {
        match demand {
            Ok(Demand { pods, gpus, .. }) => total = total.saturating_add(pods.saturating_mul(gpus)),
            Err(error) => refused.push(error),
        }
    }
    ManifestError::all(refused)?;
    Ok(total)
}

/// The pods of each component, with the GPUs of each pod; an error for a component whose numbers cannot be read.
pub fn gpu_pods<'a>(
    objects: &'a [Value],
    resource: &'a str,
) -> impl Iterator<Item = Result<Demand, ManifestError>> + 'a {
    let components = objects.iter().flat_map(|object| PodSet::of(object).into_iter().map(move |pods| (object, pods)));
    components.map(move |(object, pods)| {
        Ok(Demand {
            pods: clamp(pod_count(object, &pods)?),
            gpus: clamp(per_pod(objects, object, &pods, resource)?),
            node_selector: node_selector(object, &pods),
        })
    })
}

/// Pods of all replicas.
fn pod_count(object: &Value, pods: &PodSet) -> Result<u64, ManifestError> {
    let refused = |NotWhole { field, found }: NotWhole| {
        let problem = format!("{found} is not a whole number");
        ManifestError::refused(describe(object), field, problem, "write a number without quotes")
    };
    let replicas = pods.replicas(object).map_err(refused)?;
    Ok(replicas.saturating_mul(pods.nodes(object).map_err(refused)?))
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn node_selector(object: &Value, pods: &PodSet) -> BTreeMap<String, String> {
    let selector = object.pointer(&format!("{}/nodeSelector", pods.spec())).and_then(Value::as_object);
    let pairs = selector.into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// What the scheduler sets aside for one pod.
fn per_pod(objects: &[Value], object: &Value, pods: &PodSet, resource: &str) -> Result<u64, ManifestError> {
    let requested = of_containers(object, pods, resource)?;
    Ok(requested.saturating_add(claims::gpus(objects, object, pods, resource, requested > 0)?))
}

/// Containers run together with sidecars, the other init containers one after the other beside the sidecars before them.
fn of_containers(object: &Value, pods: &PodSet, resource: &str) -> Result<u64, ManifestError> {
    let spec = pods.spec();
    let mut together = main_of_alpha(object, pods, resource)?;
    let (mut sidecars, mut before) = (0, 0);
    for container in element_pointers(object, &format!("{spec}/containers")) {
        together += of_container(object, &container, resource)?;
    }
    for container in element_pointers(object, &format!("{spec}/initContainers")) {
        let gpus = of_container(object, &container, resource)?;
        match text(object, &format!("{container}/restartPolicy")) {
            Some("Always") => sidecars += gpus,
            _ => before = before.max(sidecars + gpus),
        }
    }
    Ok(before.max(together + sidecars))
}

/// The main container of v1alpha1: the component's `resources`, else the container's own.
fn main_of_alpha(object: &Value, pods: &PodSet, resource: &str) -> Result<u64, ManifestError> {
    if pods.layout() != Layout::Alpha {
        return Ok(0);
    }
    for pointer in pods.component_gpus(object, resource) {
        if let Some(gpus) = whole(object, &pointer)? {
            return Ok(gpus);
        }
    }
    of_container(object, &format!("{}/mainContainer", pods.spec()), resource)
}

fn of_container(object: &Value, container: &str, resource: &str) -> Result<u64, ManifestError> {
    for list in ["limits", "requests"] {
        let pointer = format!("{container}/resources/{list}/{}", token(resource));
        if let Some(gpus) = whole(object, &pointer)? {
            return Ok(gpus);
        }
    }
    Ok(0)
}

fn whole(object: &Value, pointer: &str) -> Result<Option<u64>, ManifestError> {
    let number = match object.pointer(pointer) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().parse::<u32>().ok(),
        Some(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    number.map(|number| Some(u64::from(number))).ok_or_else(|| {
        let found = object.pointer(pointer).map(Value::to_string).unwrap_or_default();
        let problem = format!("{found} is not a whole number of GPUs");
        ManifestError::refused(describe(object), path(pointer), problem, "write a whole number, for example \"8\"")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn alpha(service: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"services": {"Worker": service}}})
    }

    fn beta(component: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"components": [component]}})
    }

    fn limits(gpus: u64) -> Value {
        json!({"limits": {"nvidia.com/gpu": gpus}})
    }

    #[rstest]
    #[case::text(alpha(json!({"replicas": 2, "resources": {"limits": {"gpu": "4"}}})), 8)]
    #[case::number_and_default_replicas(alpha(json!({"resources": {"limits": {"gpu": 4}}})), 4)]
    #[case::requests(alpha(json!({"resources": {"requests": {"gpu": "2"}}})), 2)]
    #[case::custom(alpha(json!({"resources": {"limits": {"custom": {"nvidia.com/gpu": "3"}}}})), 3)]
    #[case::another_kind(alpha(json!({"resources": {"limits": {"gpu": "4", "gpuType": "gpu.intel.com/xe"}}})), 0)]
    #[case::own_container(alpha(json!({"extraPodSpec": {"mainContainer": {"resources": limits(5)}}})), 5)]
    #[case::nodes(alpha(json!({"replicas": 2, "multinode": {"nodeCount": 3}, "resources": {"limits": {"gpu": "8"}}})), 48)]
    #[case::sidecar(alpha(json!({"resources": {"limits": {"gpu": "1"}}, "extraPodSpec": {"containers": [{"resources": limits(1)}]}})), 2)]
    #[case::none(alpha(json!({"replicas": 0, "resources": {"limits": {"gpu": "8"}}})), 0)]
    #[case::beta(beta(json!({"name": "w", "replicas": 2, "podTemplate": {"spec": {"containers": [{"name": "main", "resources": limits(4)}]}}})), 8)]
    #[case::init(beta(json!({"name": "w", "podTemplate": {"spec": {"containers": [{"resources": limits(1)}], "initContainers": [{"resources": limits(2)}]}}})), 2)]
    #[case::init_beside_a_sidecar(beta(json!({"name": "w", "podTemplate": {"spec": {"initContainers": [{"restartPolicy": "Always", "resources": limits(4)}, {"resources": limits(4)}]}}})), 8)]
    fn gpus_are_counted(#[case] object: Value, #[case] expected: u32) {
        assert_eq!(gpus(&[object], "nvidia.com/gpu").unwrap(), expected);
    }

    #[rstest]
    #[case(alpha(json!({"resources": {"limits": {"gpu": "many"}}})), "spec.services.Worker.resources.limits.gpu")]
    #[case(alpha(json!({"resources": {"limits": {"gpu": 1.5}}})), "spec.services.Worker.resources.limits.gpu")]
    #[case(alpha(json!({"replicas": "2"})), "spec.services.Worker.replicas")]
    fn what_is_no_number_is_named(#[case] object: Value, #[case] field: &str) {
        let error = gpus(&[object], "nvidia.com/gpu").unwrap_err().to_string();
        assert!(error.starts_with(&format!("DynamoGraphDeployment g: {field}: ")), "{error}");
    }
}
