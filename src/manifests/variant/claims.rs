//! GPUs that pods get by claims for devices (dynamic resource allocation) instead of extended resources.

use serde_json::Value;

use super::object::{ManifestKind, describe, is, name};
use crate::dynamo::PodSet;
use crate::manifests::ManifestError;
use crate::pointer::{element_pointers, elements, path, text};

/// Device classes of the vendors' drivers, by the extended resource (or its beginning) that stands for the same GPUs.
const CLASSES: [(&str, &str); 4] = [
    ("nvidia.com/gpu", "gpu.nvidia.com"),
    ("nvidia.com/mig-", "mig.nvidia.com"),
    ("amd.com/gpu", "gpu.amd.com"),
    ("gpu.intel.com/", "gpu.intel.com"),
];

/// Where the claim template of a ComputeDomain is named.
pub(super) const CHANNEL_TEMPLATE: &str = "/spec/channel/resourceClaimTemplate";

/// Whether a device class hands out what `resource` counts. A comparison may also count by the class itself.
pub fn is_gpu_class(class: &str, resource: &str) -> bool {
    class == resource || CLASSES.iter().any(|(begin, name)| *name == class && resource.starts_with(begin))
}

/// GPUs that one pod claims. `has_others`: its containers request GPUs in the other way, so that a template which the
/// manifests do not hold is one for something else.
pub(super) fn gpus(
    objects: &[Value],
    object: &Value,
    pods: &PodSet,
    resource: &str,
    has_others: bool,
) -> Result<u64, ManifestError> {
    let mut total = 0_u64;
    for claim in element_pointers(object, &format!("{}/resourceClaims", pods.spec())) {
        let refuse = |field: &str, problem: String, cure: &str| {
            Err(ManifestError::refused(describe(object), path(&format!("{claim}/{field}")), problem, cure))
        };
        if let Some(shared) = text(object, &format!("{claim}/resourceClaimName")) {
            let problem = format!("is {shared}, which all pods share: its GPUs cannot be counted");
            return refuse("resourceClaimName", problem, "set resourceClaimTemplateName instead");
        }
        let Some(wanted) = text(object, &format!("{claim}/resourceClaimTemplateName")) else { continue };
        let has_name = |object: &&Value| is(object, ManifestKind::ClaimTemplate) && name(object) == wanted;
        if let Some(template) = objects.iter().find(has_name) {
            total = total.saturating_add(of_template(template, resource)?);
        } else if !has_others && !is_channel(objects, wanted) {
            let problem = format!("is {wanted}, which is not among the manifests: its GPUs cannot be counted");
            return refuse("resourceClaimTemplateName", problem, "add the ResourceClaimTemplate to the manifests");
        }
    }
    Ok(total)
}

/// Whether a ComputeDomain of the manifests makes the template: its claims are for channels between GPUs.
fn is_channel(objects: &[Value], template: &str) -> bool {
    let makes = |object: &Value| text(object, &format!("{CHANNEL_TEMPLATE}/name")) == Some(template);
    objects.iter().any(|object| is(object, ManifestKind::ComputeDomain) && makes(object))
}

fn of_template(template: &Value, resource: &str) -> Result<u64, ManifestError> {
    let mut total = 0_u64;
    for request in element_pointers(template, "/spec/spec/devices/requests") {
        total = total.saturating_add(of_request(template, &request, resource)?);
    }
    Ok(total)
}

/// A request names its devices itself (v1beta1), below `exactly`, or as alternatives of which the first one that is free
/// is taken.
fn of_request(template: &Value, request: &str, resource: &str) -> Result<u64, ManifestError> {
    let alternatives = element_pointers(template, &format!("{request}/firstAvailable"));
    let exactly = format!("{request}/exactly");
    let places = match (alternatives.is_empty(), template.pointer(&exactly).is_some()) {
        (false, _) => alternatives,
        (true, true) => vec![exactly],
        (true, false) => vec![request.to_owned()],
    };
    let counts: Result<Vec<u64>, _> = places.iter().map(|place| of_devices(template, place, resource)).collect();
    let counts = counts?;
    match counts.first() {
        Some(first) if counts.iter().all(|count| count == first) => Ok(*first),
        None => Ok(0),
        Some(_) => Err(ManifestError::refused(
            describe(template),
            path(&format!("{request}/firstAvailable")),
            "has alternatives of different numbers of GPUs",
            "keep one: throughput is counted per GPU held",
        )),
    }
}

fn of_devices(template: &Value, place: &str, resource: &str) -> Result<u64, ManifestError> {
    let class = text(template, &format!("{place}/deviceClassName")).unwrap_or_default();
    if !is_gpu_class(class, resource) {
        return Ok(0);
    }
    let refuse = |field: &str, problem: String, cure: &str| {
        Err(ManifestError::refused(describe(template), path(&format!("{place}/{field}")), problem, cure))
    };
    if text(template, &format!("{place}/allocationMode")) == Some("All") {
        return refuse("allocationMode", "asks for all GPUs of a node".into(), "set ExactCount, and a count");
    }
    match template.pointer(&format!("{place}/count")) {
        None | Some(Value::Null) => Ok(1),
        Some(count) => match count.as_u64() {
            Some(count) => Ok(count),
            None => refuse("count", format!("{count} is not a whole number"), "write a number without quotes"),
        },
    }
}

/// Device classes that the templates among the objects ask for, for messages.
pub(super) fn classes(objects: &[Value]) -> Vec<String> {
    let templates = objects.iter().filter(|object| is(object, ManifestKind::ClaimTemplate));
    let requests = templates.flat_map(|template| elements(template, "/spec/spec/devices/requests"));
    let class = |request: &Value| {
        let place = ["/exactly/deviceClassName", "/deviceClassName", "/firstAvailable/0/deviceClassName"];
        place.iter().find_map(|pointer| text(request, pointer)).map(str::to_owned)
    };
    requests.filter_map(class).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn template(request: Value) -> Value {
        json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "t"},
               "spec": {"spec": {"devices": {"requests": [request]}}}})
    }

    fn graph(claim: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"components": [{"name": "w", "podTemplate": {"spec": {"resourceClaims": [claim]}}}]}})
    }

    fn counted(objects: &[Value], resource: &str, has_others: bool) -> Result<u64, String> {
        let graph = &objects[0];
        gpus(objects, graph, &PodSet::of(graph)[0], resource, has_others).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case::exactly(json!({"exactly": {"deviceClassName": "gpu.nvidia.com", "count": 4}}), "nvidia.com/gpu", 4)]
    #[case::one(json!({"exactly": {"deviceClassName": "gpu.nvidia.com"}}), "nvidia.com/gpu", 1)]
    #[case::inline(json!({"deviceClassName": "gpu.nvidia.com", "count": 2}), "nvidia.com/gpu", 2)]
    #[case::by_its_class(json!({"exactly": {"deviceClassName": "gpu.example.com", "count": 2}}), "gpu.example.com", 2)]
    #[case::another_device(json!({"exactly": {"deviceClassName": "rdma.example.com", "count": 2}}), "nvidia.com/gpu", 0)]
    #[case::another_vendor(json!({"exactly": {"deviceClassName": "gpu.intel.com"}}), "nvidia.com/gpu", 0)]
    #[case::alternatives(json!({"firstAvailable": [{"deviceClassName": "gpu.nvidia.com", "count": 2}, {"deviceClassName": "gpu.nvidia.com", "count": 2}]}), "nvidia.com/gpu", 2)]
    fn claims_are_counted(#[case] request: Value, #[case] resource: &str, #[case] expected: u64) {
        let objects = [graph(json!({"name": "gpu", "resourceClaimTemplateName": "t"})), template(request)];
        assert_eq!(counted(&objects, resource, false), Ok(expected));
    }

    #[rstest]
    #[case::all(json!({"exactly": {"deviceClassName": "gpu.nvidia.com", "allocationMode": "All"}}), "spec.spec.devices.requests[0].exactly.allocationMode: asks for all GPUs")]
    #[case::uneven(json!({"firstAvailable": [{"deviceClassName": "gpu.nvidia.com", "count": 2}, {"deviceClassName": "gpu.nvidia.com"}]}), "has alternatives of different numbers of GPUs")]
    fn what_cannot_be_counted_is_refused(#[case] request: Value, #[case] expected: &str) {
        let objects = [graph(json!({"name": "gpu", "resourceClaimTemplateName": "t"})), template(request)];
        let error = counted(&objects, "nvidia.com/gpu", false).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn templates_of_others_are_for_gpus_unless_there_are_some() {
        let unknown = [graph(json!({"name": "gpu", "resourceClaimTemplateName": "theirs"}))];
        assert!(counted(&unknown, "nvidia.com/gpu", false).unwrap_err().contains("is not among the manifests"));
        assert_eq!(counted(&unknown, "nvidia.com/gpu", true), Ok(0));
        let shared = [graph(json!({"name": "gpu", "resourceClaimName": "theirs"}))];
        assert!(counted(&shared, "nvidia.com/gpu", true).unwrap_err().contains("which all pods share"));
    }

    #[test]
    fn channels_of_a_compute_domain_are_no_gpus() {
        let domain = json!({"apiVersion": "resource.nvidia.com/v1beta1", "kind": "ComputeDomain", "metadata": {"name": "d"},
                            "spec": {"numNodes": 2, "channel": {"resourceClaimTemplate": {"name": "d-channel"}}}});
        let objects = [graph(json!({"name": "c", "resourceClaimTemplateName": "d-channel"})), domain];
        assert_eq!(counted(&objects, "nvidia.com/gpu", false), Ok(0));
    }
}
