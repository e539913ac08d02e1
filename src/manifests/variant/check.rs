//! What no manifest may contain, whoever wrote it: creating a comparison must not allow more than creating pods does.

use serde_json::Value;

use super::object::{ManifestKind, describe, kind};
use crate::dynamo::{Layout, PodSet};
use crate::manifests::ManifestError;
use crate::pointer::{element_pointers, path, text};

/// Checks one object. `number` is its place among the documents, from 1, for those without kind or name.
pub(super) fn check(object: &Value, number: usize, namespace: &str) -> Result<ManifestKind, ManifestError> {
    let kind = identity(object, number)?;
    metadata(object, namespace)?;
    shape(object)?;
    if kind != ManifestKind::ConfigMap {
        fields(object, object.get("spec").unwrap_or(&Value::Null), "spec")?;
    }
    match kind {
        ManifestKind::Service => service(object)?,
        ManifestKind::Graph => graph(object)?,
        _ => {}
    }
    Ok(kind)
}

/// The object's kind, if it has a name and is of a kind that may be deployed.
pub(super) fn identity(object: &Value, number: usize) -> Result<ManifestKind, ManifestError> {
    let place = || format!("document {number}");
    let field = |name: &str| {
        text(object, &format!("/{name}")).filter(|text| !text.is_empty()).ok_or_else(|| {
            ManifestError::refused(place(), name, "is missing", "give each document apiVersion, kind and metadata.name")
        })
    };
    let (version, kind_name) = (field("apiVersion")?, field("kind")?);
    if text(object, "/metadata/name").is_none_or(str::is_empty) {
        return Err(ManifestError::refused(place(), "metadata.name", "is missing", "give the object a name"));
    }
    kind(object).ok_or_else(|| {
        ManifestError::refused(
            describe(object),
            "kind",
            format!("{version} {kind_name} cannot be part of a variant"),
            "use DynamoGraphDeployment (nvidia.com/v1alpha1 or v1beta1), Deployment (apps/v1), Service or ConfigMap (v1)",
        )
    })
}

fn metadata(object: &Value, namespace: &str) -> Result<(), ManifestError> {
    let refuse = |field: &str, problem: String, cure: &str| {
        Err(ManifestError::refused(describe(object), format!("metadata.{field}"), problem, cure))
    };
    if let Some(other) = object.pointer("/metadata/namespace").filter(|other| other.as_str() != Some(namespace)) {
        return refuse(
            "namespace",
            format!("is {other}, but everything of a comparison runs in the comparison's namespace, {namespace}"),
            "remove the field",
        );
    }
    for field in ["finalizers", "ownerReferences"] {
        if object.pointer(&format!("/metadata/{field}")).is_some_and(|list| !is_empty(list)) {
            return refuse(
                field,
                "would keep the object alive after its comparison is deleted".into(),
                "remove the field",
            );
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The fields that are changed later have the types they should have.
pub(super) fn shape(object: &Value) -> Result<(), ManifestError> {
    let must = |pointer: &str, what: &str, fits: fn(&Value) -> bool| match object.pointer(pointer) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if fits(value) => Ok(()),
        Some(_) => Err(ManifestError::refused(
            describe(object),
            path(pointer),
            format!("is not a {what}"),
            format!("write a {what}"),
        )),
    };
    must("/metadata", "map", Value::is_object)?;
    must("/metadata/labels", "map", Value::is_object)?;
    must("/metadata/annotations", "map", Value::is_object)?;
    must("/spec", "map", Value::is_object)?;
    match Layout::of(object) {
        Some(Layout::Alpha) => must("/spec/services", "map", Value::is_object)?,
        Some(Layout::Beta) => must("/spec/components", "list", Value::is_array)?,
        Some(Layout::Deployment) => must("/spec/selector/matchLabels", "map", Value::is_object)?,
        None => {}
    }
    match kind(object) {
        Some(ManifestKind::Service) => {
            must("/spec/selector", "map", Value::is_object)?;
            must("/spec/ports", "list", Value::is_array)?;
        }
        Some(ManifestKind::ConfigMap) => must("/data", "map", Value::is_object)?,
        _ => {}
    }
    for pods in PodSet::of(object) {
        must(pods.component(), "map", Value::is_object)?;
        must(&pods.metadata(), "map", Value::is_object)?;
        must(&format!("{}/labels", pods.metadata()), "map", Value::is_object)?;
        must(&format!("{}/annotations", pods.metadata()), "map", Value::is_object)?;
        must(&pods.spec(), "map", Value::is_object)?;
        for list in ["containers", "initContainers", "volumes", "tolerations", "imagePullSecrets"] {
            must(&format!("{}/{list}", pods.spec()), "list", Value::is_array)?;
        }
        for container in pods.containers(object) {
            must(&container, "map", Value::is_object)?;
            for list in ["env", "envFrom", "volumeMounts"] {
                must(&format!("{container}/{list}"), "list", Value::is_array)?;
            }
        }
    }
    Ok(())
}

/// Fields that reach beyond the pod, wherever a pod or container is described.
fn fields(object: &Value, value: &Value, at: &str) -> Result<(), ManifestError> {
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, child)| {
            let field = format!("{at}.{key}");
            match forbidden(key, child) {
                Some((problem, cure)) => Err(ManifestError::refused(describe(object), field, problem, cure)),
                None => fields(object, child, &field),
            }
        }),
        Value::Array(list) => {
            list.iter().enumerate().try_for_each(|(index, child)| fields(object, child, &format!("{at}[{index}]")))
        }
        _ => Ok(()),
    }
}

fn forbidden(key: &str, value: &Value) -> Option<(&'static str, &'static str)> {
    let is_set = !matches!(value, Value::Null | Value::Bool(false));
    match key {
        "hostNetwork" | "hostPID" | "hostIPC" if is_set => Some((
            "shares a namespace of the node",
            "remove the field: the pods of a variant must not use the node's namespaces",
        )),
        "hostPath" if value.is_object() => {
            Some(("mounts a directory of the node", "use a PersistentVolumeClaim or an emptyDir"))
        }
        "hostPort" if is_set && value.as_u64() != Some(0) => {
            Some(("occupies a port of the node", "remove the field: the load reaches the pods through a Service"))
        }
        "privileged" if is_set => Some(("gives the container full access to the node", "remove the field")),
        "hostProcess" if is_set => Some(("gives the container full access to the node", "remove the field")),
        "procMount" if value.as_str() == Some("Unmasked") => Some(("exposes the node's /proc", "remove the field")),
        "finalizers" | "ownerReferences" if value.is_array() && !is_empty(value) => {
            Some(("would keep the object alive after its comparison is deleted", "remove the field"))
        }
        _ => None,
    }
}

fn service(object: &Value) -> Result<(), ManifestError> {
    let refuse = |field: &str, problem: String, cure: &str| {
        Err(ManifestError::refused(describe(object), format!("spec.{field}"), problem, cure))
    };
    if let Some(other) = text(object, "/spec/type").filter(|other| *other != "ClusterIP") {
        return refuse("type", format!("is {other}"), "set it to ClusterIP: the load runs in the cluster");
    }
    if let Some(address) = text(object, "/spec/clusterIP").filter(|address| !address.is_empty() && *address != "None") {
        return refuse("clusterIP", format!("is fixed to {address}"), "remove the field: each deployment gets its own");
    }
    for field in ["externalIPs", "externalName", "loadBalancerIP", "loadBalancerSourceRanges"] {
        if object.pointer(&format!("/spec/{field}")).is_some_and(|value| !is_empty(value)) {
            return refuse(field, "is reachable from outside the cluster".into(), "remove the field");
        }
    }
    for port in element_pointers(object, "/spec/ports") {
        if object.pointer(&format!("{port}/nodePort")).and_then(Value::as_u64).is_some_and(|number| number != 0) {
            return refuse(&path(&port)["spec.".len()..], "has a nodePort".into(), "remove nodePort");
        }
    }
    if object.pointer("/spec/selector").is_none_or(is_empty) {
        return refuse("selector", "selects no pods".into(), "select the pods of the variant's Deployment");
    }
    Ok(())
}

/// What would make a DynamoGraphDeployment change by itself, mix with another, or outlive its deletion.
fn graph(object: &Value) -> Result<(), ManifestError> {
    let refuse = |pointer: &str, problem: &str, cure: &str| {
        Err(ManifestError::refused(describe(object), path(pointer), problem, cure))
    };
    for claim in element_pointers(object, "/spec/pvcs") {
        let pointer = format!("{claim}/create");
        if object.pointer(&pointer) == Some(&Value::Bool(true)) {
            let cure = "create the PersistentVolumeClaim beforehand, and set create to false";
            return refuse(&pointer, "would create storage that outlives the variant", cure);
        }
    }
    for pods in PodSet::of(object) {
        let at = |below: &str| format!("{}/{below}", pods.component());
        let is_true = |pointer: &str| object.pointer(pointer) == Some(&Value::Bool(true));
        if pods.name.is_empty() {
            return refuse(pods.component(), "has no name", "give each component a name");
        }
        if is_true(&at("ingress/enabled")) {
            return refuse(
                &at("ingress"),
                "is reachable from outside the cluster",
                "remove the field: the load runs in the cluster",
            );
        }
        if is_true(&at("globalDynamoNamespace")) {
            let problem = "shares workers with every other deployment that sets it";
            return refuse(&at("globalDynamoNamespace"), problem, "remove the field");
        }
        let scaled = if pods.layout() == Layout::Alpha {
            is_true(&at("scalingAdapter/enabled"))
        } else {
            object.pointer(&at("scalingAdapter")).is_some()
        };
        if scaled {
            let problem = "lets something else change the replicas during the measurement";
            return refuse(&at("scalingAdapter"), problem, "remove the field, and fix replicas");
        }
        if pods.role(object) == Some("planner") {
            let problem = "is a planner, which changes the replicas during the measurement";
            return refuse(pods.component(), problem, "remove the component, and fix the workers' replicas");
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn deployment(pod: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": pod}}})
    }

    fn alpha(service: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"services": {"W": service}}})
    }

    fn beta(component: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"components": [component]}})
    }

    fn service(spec: Value) -> Value {
        let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
                                "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}});
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        object
    }

    fn with_metadata(metadata: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    }

    #[rstest]
    #[case(json!({}), "document 3: apiVersion: is missing")]
    #[case(json!([1]), "document 3: apiVersion: is missing")]
    #[case(json!({"apiVersion": "v1", "kind": "ConfigMap"}), "document 3: metadata.name: is missing")]
    #[case(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}), "Secret s: kind: v1 Secret cannot be part")]
    #[case(json!({"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "s"}}), "Deployment s: kind: ")]
    #[case(with_metadata(json!({"name": "c", "namespace": "other"})), "ConfigMap c: metadata.namespace: is \"other\"")]
    #[case(with_metadata(json!({"name": "c", "finalizers": ["x/y"]})), "ConfigMap c: metadata.finalizers: ")]
    #[case(with_metadata(json!({"name": "c", "ownerReferences": [{}]})), "ConfigMap c: metadata.ownerReferences: ")]
    #[case(with_metadata(json!({"name": "c", "labels": []})), "ConfigMap c: metadata.labels: is not a map")]
    #[case(deployment(json!({"hostNetwork": true})), "Deployment d: spec.template.spec.hostNetwork: ")]
    #[case(deployment(json!({"hostPID": true})), "Deployment d: spec.template.spec.hostPID: ")]
    #[case(deployment(json!({"hostIPC": true})), "Deployment d: spec.template.spec.hostIPC: ")]
    #[case(deployment(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})), "Deployment d: spec.template.spec.volumes[0].hostPath: ")]
    #[case(deployment(json!({"containers": [{"securityContext": {"privileged": true}}]})), "Deployment d: spec.template.spec.containers[0].securityContext.privileged: ")]
    #[case(deployment(json!({"containers": [{"ports": [{"hostPort": 80}]}]})), "Deployment d: spec.template.spec.containers[0].ports[0].hostPort: ")]
    #[case(deployment(json!({"containers": {}})), "Deployment d: spec.template.spec.containers: is not a list")]
    #[case(alpha(json!({"extraPodSpec": {"mainContainer": {"securityContext": {"privileged": true}}}})), "DynamoGraphDeployment g: spec.services.W.extraPodSpec.mainContainer.securityContext.privileged: ")]
    #[case(alpha(json!({"ingress": {"enabled": true}})), "DynamoGraphDeployment g: spec.services.W.ingress: ")]
    #[case(alpha(json!({"globalDynamoNamespace": true})), "DynamoGraphDeployment g: spec.services.W.globalDynamoNamespace: ")]
    #[case(alpha(json!({"scalingAdapter": {"enabled": true}})), "DynamoGraphDeployment g: spec.services.W.scalingAdapter: ")]
    #[case(alpha(json!({"componentType": "planner"})), "DynamoGraphDeployment g: spec.services.W: is a planner")]
    #[case(alpha(json!("text")), "DynamoGraphDeployment g: spec.services.W: is not a map")]
    #[case(beta(json!({"name": "w", "scalingAdapter": {}})), "DynamoGraphDeployment g: spec.components[0].scalingAdapter: ")]
    #[case(beta(json!({"podTemplate": {}})), "DynamoGraphDeployment g: spec.components[0]: has no name")]
    #[case(beta(json!({"name": "w", "podTemplate": {"metadata": {"finalizers": ["a/b"]}}})), "DynamoGraphDeployment g: spec.components[0].podTemplate.metadata.finalizers: ")]
    #[case(service(json!({"type": "NodePort"})), "Service s: spec.type: is NodePort")]
    #[case(service(json!({"type": "LoadBalancer"})), "Service s: spec.type: is LoadBalancer")]
    #[case(service(json!({"clusterIP": "10.0.0.1"})), "Service s: spec.clusterIP: ")]
    #[case(service(json!({"externalIPs": ["1.2.3.4"]})), "Service s: spec.externalIPs: ")]
    #[case(service(json!({"ports": [{"port": 80, "nodePort": 30080}]})), "Service s: spec.ports[0]: has a nodePort")]
    #[case(service(json!({"selector": {}})), "Service s: spec.selector: selects no pods")]
    fn refusals_name_object_and_field(#[case] object: Value, #[case] start: &str) {
        let error = check(&object, 3, "llm").unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
        assert!(error.contains("; "), "no cure: {error}");
    }

    #[rstest]
    #[case(with_metadata(json!({"name": "c", "namespace": "llm"})))]
    #[case(with_metadata(json!({"name": "c", "finalizers": [], "labels": null})))]
    #[case(deployment(json!({"hostNetwork": false, "containers": [{"ports": [{"containerPort": 80, "hostPort": 0}]}]})))]
    #[case(alpha(json!({"ingress": {"enabled": false}, "scalingAdapter": {"enabled": false}})))]
    #[case(beta(json!({"name": "w"})))]
    #[case(service(json!({"type": "ClusterIP", "clusterIP": "None"})))]
    fn what_does_no_harm_passes(#[case] object: Value) {
        assert!(check(&object, 1, "llm").is_ok());
    }
}
