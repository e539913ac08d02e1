//! What no manifest may contain, whoever wrote it: creating a comparison must not allow more than creating pods does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::graph_fields;
use super::object::{ManifestKind, describe, elsewhere, kind};
use super::parse::has_placeholder;
use crate::dynamo::{Layout, PodSet};
use crate::manifests::ManifestError;
use crate::manifests::error::allowing;
use crate::plan::{PodFeature, PodFeatures};
use crate::pointer::{element_pointers, path, text};

/// Everything that is refused in one object.
pub(super) fn check(object: &Value, namespace: &str, allowed: &PodFeatures) -> Vec<ManifestError> {
    let Some(kind) = kind(object) else { return vec![] };
    let mut refused = Refusals { object, allowed, list: vec![], not_allowed: BTreeMap::new() };
    refused.metadata(namespace);
    refused.list.extend(shape(object));
    if kind != ManifestKind::ConfigMap {
        refused.fields(object.get("spec").unwrap_or(&Value::Null), "spec");
    }
    match kind {
        ManifestKind::Service => refused.service(),
        ManifestKind::Graph => refused.graph(),
        ManifestKind::StatefulSet => refused.claims_that_stay("/spec"),
        ManifestKind::LeaderWorkerSet => refused.claims_that_stay("/spec/leaderWorkerTemplate"),
        _ => {}
    }
    refused.all()
}

/// The object's kind, if it has a name and is of a kind that may be deployed. `number` is its place among the documents,
/// from 1, for those without kind or name.
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
        let problem = format!("{version} {kind_name} cannot be part of a variant");
        ManifestError::refused(describe(object), "kind", problem, elsewhere(version, kind_name))
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The fields that are changed later and do not have the types they should have.
pub(super) fn shape(object: &Value) -> Vec<ManifestError> {
    let mut refused = vec![];
    let mut must = |pointer: &str, what: &str, fits: fn(&Value) -> bool| match object.pointer(pointer) {
        None | Some(Value::Null) => {}
        Some(value) if fits(value) => {}
        Some(value) => {
            let template = value.as_str().filter(|text| has_placeholder(text));
            let (problem, cure) = match template {
                Some(text) => (format!("is the placeholder {text}"), format!("fill the template in with a {what}")),
                None => (format!("is not a {what}"), format!("write a {what}")),
            };
            refused.push(ManifestError::refused(describe(object), path(pointer), problem, cure));
        }
    };
    must("/metadata", "map", Value::is_object);
    must("/metadata/labels", "map", Value::is_object);
    must("/metadata/annotations", "map", Value::is_object);
    must("/spec", "map", Value::is_object);
    match Layout::of(object) {
        Some(Layout::Alpha) => must("/spec/services", "map", Value::is_object),
        Some(Layout::Beta) => must("/spec/components", "list", Value::is_array),
        Some(Layout::Deployment | Layout::StatefulSet) => must("/spec/selector/matchLabels", "map", Value::is_object),
        Some(Layout::LeaderWorkerSet) => must("/spec/leaderWorkerTemplate", "map", Value::is_object),
        None => {}
    }
    match kind(object) {
        Some(ManifestKind::Service) => {
            must("/spec/selector", "map", Value::is_object);
            must("/spec/ports", "list", Value::is_array);
        }
        Some(ManifestKind::ConfigMap) => must("/data", "map", Value::is_object),
        _ => {}
    }
    for pods in PodSet::of(object) {
        must(pods.component(), "map", Value::is_object);
        must(&pods.metadata(), "map", Value::is_object);
        must(&format!("{}/labels", pods.metadata()), "map", Value::is_object);
        must(&format!("{}/annotations", pods.metadata()), "map", Value::is_object);
        must(&pods.spec(), "map", Value::is_object);
        for list in ["containers", "initContainers", "volumes", "tolerations", "imagePullSecrets", "resourceClaims"] {
            must(&format!("{}/{list}", pods.spec()), "list", Value::is_array);
        }
        for container in pods.containers(object) {
            must(&container, "map", Value::is_object);
            for list in ["env", "envFrom", "volumeMounts"] {
                must(&format!("{container}/{list}"), "list", Value::is_array);
            }
        }
    }
    refused
}

/// What a field that asks for a feature does.
fn effect(feature: &PodFeature) -> String {
    match feature {
        PodFeature::Rdma => "asks for network devices of the node".to_owned(),
        PodFeature::HostIpc => "shares a namespace of the node".to_owned(),
        PodFeature::Privileged => "gives the container full access to the node".to_owned(),
        PodFeature::Capability(name) => format!("adds the capability {name}"),
        PodFeature::HostPath(path) => format!("mounts {path} of the node"),
    }
}

/// What is refused in one object, as it is found.
struct Refusals<'a> {
    object: &'a Value,
    allowed: &'a PodFeatures,
    list: Vec<ManifestError>,
    /// Features that are not allowed, and the fields that ask for each.
    not_allowed: BTreeMap<PodFeature, Vec<String>>,
}

impl Refusals<'_> {
    fn all(mut self) -> Vec<ManifestError> {
        let allowed = self.allowed.to_string();
        let features = std::mem::take(&mut self.not_allowed);
        let error = match features.iter().next() {
            None => return self.list,
            Some((feature, fields)) if features.len() == 1 && fields.len() == 1 => {
                let cure = allowing(&BTreeMap::from([(feature.to_string(), ())]), &allowed);
                ManifestError::refused(describe(self.object), fields.concat(), effect(feature), cure)
            }
            Some(_) => {
                let features = features.into_iter().map(|(feature, fields)| (feature.to_string(), fields)).collect();
                ManifestError::NotAllowed { object: describe(self.object), features, allowed }
            }
        };
        self.list.insert(0, error);
        self.list
    }

    fn refuse(&mut self, field: impl Into<String>, problem: impl Into<String>, cure: impl Into<String>) {
        self.list.push(ManifestError::refused(describe(self.object), field, problem, cure));
    }

    fn metadata(&mut self, namespace: &str) {
        let object = self.object;
        if let Some(other) = object.pointer("/metadata/namespace").filter(|other| other.as_str() != Some(namespace)) {
            let problem =
                format!("is {other}, but everything of a comparison runs in the comparison's namespace, {namespace}");
            self.refuse("metadata.namespace", problem, "remove the field");
        }
        for field in ["finalizers", "ownerReferences"] {
            if object.pointer(&format!("/metadata/{field}")).is_some_and(|list| !is_empty(list)) {
                let problem = "would keep the object alive after its comparison is deleted";
                self.refuse(format!("metadata.{field}"), problem, "remove the field");
            }
        }
    }

    /// Fields that reach beyond the pod, wherever a pod or container is described.
    fn fields(&mut self, value: &Value, at: &str) {
        let allowed = self.allowed;
        match value {
            Value::Object(map) => map.iter().for_each(|(key, child)| {
                let field = format!("{at}.{key}");
                let features = features(key, child);
                for feature in features.into_iter().filter(|feature| !allowed.allow(feature)) {
                    self.not_allowed.entry(feature).or_default().push(field.clone());
                }
                if let Some(image) = unfinished_image(key, child) {
                    let cure = "write the name of the image, or set it with a patch";
                    self.refuse(field.clone(), format!("is {image}, which still has a placeholder"), cure);
                }
                match forbidden(key, child) {
                    Some((problem, cure)) => self.refuse(field, problem, cure),
                    // What is allowed may be the name of a component, which means something else below it.
                    None => self.fields(child, &field),
                }
            }),
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(index, child)| self.fields(child, &format!("{at}[{index}]")));
            }
            _ => {}
        }
    }

    fn service(&mut self) {
        let object = self.object;
        if let Some(other) = text(object, "/spec/type").filter(|other| *other != "ClusterIP") {
            self.refuse("spec.type", format!("is {other}"), "set it to ClusterIP: the load runs in the cluster");
        }
        let address = text(object, "/spec/clusterIP").filter(|address| !address.is_empty() && *address != "None");
        if let Some(address) = address {
            let problem = format!("is fixed to {address}");
            self.refuse("spec.clusterIP", problem, "remove the field: each deployment gets its own");
        }
        for field in ["externalIPs", "externalName", "loadBalancerIP", "loadBalancerSourceRanges"] {
            if object.pointer(&format!("/spec/{field}")).is_some_and(|value| !is_empty(value)) {
                self.refuse(format!("spec.{field}"), "is reachable from outside the cluster", "remove the field");
            }
        }
        for port in element_pointers(object, "/spec/ports") {
            let node_port = object.pointer(&format!("{port}/nodePort")).and_then(Value::as_u64);
            if node_port.is_some_and(|number| number != 0) {
                self.refuse(path(&port), "has a nodePort", "remove nodePort");
            }
        }
        if object.pointer("/spec/selector").is_none_or(is_empty) {
            self.refuse("spec.selector", "selects no pods", "select the pods that answer requests");
        }
    }

    /// Claims that a StatefulSet or the like creates stay unless it says otherwise.
    fn claims_that_stay(&mut self, at: &str) {
        let object = self.object;
        let creates = object.pointer(&format!("{at}/volumeClaimTemplates")).is_some_and(|list| !is_empty(list));
        let policy = format!("{at}/persistentVolumeClaimRetentionPolicy/whenDeleted");
        if creates && text(object, &policy) != Some("Delete") {
            let cure = format!("set {} to Delete", path(&policy));
            self.refuse(
                path(&format!("{at}/volumeClaimTemplates")),
                "creates volume claims that outlive the variant",
                cure,
            );
        }
    }

    /// What would make a DynamoGraphDeployment change by itself, mix with another, or outlive its deletion.
    fn graph(&mut self) {
        let object = self.object;
        for claim in element_pointers(object, "/spec/pvcs") {
            let pointer = format!("{claim}/create");
            if object.pointer(&pointer) == Some(&Value::Bool(true)) {
                let cure = "create the PersistentVolumeClaim beforehand, and set create to false";
                self.refuse(path(&pointer), "would create storage that outlives the variant", cure);
            }
        }
        graph_fields::refusals(object, &mut self.list);
        for pods in PodSet::of(object) {
            self.component(&pods);
        }
    }

    fn component(&mut self, pods: &PodSet) {
        let object = self.object;
        let at = |below: &str| format!("{}/{below}", pods.component());
        let is_true = |pointer: &str| object.pointer(pointer) == Some(&Value::Bool(true));
        if pods.name.is_empty() {
            self.refuse(path(pods.component()), "has no name", "give each component a name");
        }
        if is_true(&at("ingress/enabled")) {
            let problem = "is reachable from outside the cluster";
            self.refuse(path(&at("ingress")), problem, "remove the field: the load runs in the cluster");
        }
        if is_true(&at("globalDynamoNamespace")) {
            let problem = "shares workers with every other deployment that sets it";
            self.refuse(path(&at("globalDynamoNamespace")), problem, "remove the field");
        }
        let scaled = if pods.layout() == Layout::Alpha {
            is_true(&at("scalingAdapter/enabled"))
        } else {
            object.pointer(&at("scalingAdapter")).is_some()
        };
        if scaled {
            let problem = "lets something else change the replicas during the measurement";
            self.refuse(path(&at("scalingAdapter")), problem, "remove the field, and fix replicas");
        }
        if pods.role(object) == Some("planner") {
            let problem = "is a planner, which changes the replicas during the measurement";
            let cure = "remove the component, and fix the workers' replicas";
            self.refuse(path(pods.component()), problem, cure);
        }
    }
}

/// The features that a field of a pod or container uses.
fn features(key: &str, value: &Value) -> Vec<PodFeature> {
    let is_set = !matches!(value, Value::Null | Value::Bool(false));
    match key {
        "hostIPC" if is_set => vec![PodFeature::HostIpc],
        "privileged" if is_set => vec![PodFeature::Privileged],
        "hostPath" if value.is_object() => {
            vec![PodFeature::HostPath(text(value, "/path").unwrap_or_default().to_owned())]
        }
        "add" => {
            let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.map(|name| PodFeature::Capability(name.trim_start_matches("CAP_").to_owned())).collect()
        }
        "limits" | "requests" | "custom" => {
            let asks = value.as_object().into_iter().flatten().any(|(name, _)| is_rdma(name));
            if asks { vec![PodFeature::Rdma] } else { vec![] }
        }
        _ => vec![],
    }
}

/// Resources by which device plugins hand out network devices.
fn is_rdma(resource: &str) -> bool {
    ["rdma", "roce", "infiniband", "mellanox", "mlnx"].iter().any(|part| resource.contains(part))
        || resource.ends_with("/efa")
}

/// The name of an image as published manifests leave it to be filled in. Its pods would hold GPUs and never start.
fn unfinished_image<'a>(key: &str, value: &'a Value) -> Option<&'a str> {
    let name = value.as_str().filter(|_| key == "image")?;
    (has_placeholder(name) || name.contains(['<', '>'])).then_some(name)
}

fn forbidden(key: &str, value: &Value) -> Option<(&'static str, &'static str)> {
    let is_set = !matches!(value, Value::Null | Value::Bool(false));
    match key {
        "hostNetwork" | "hostPID" if is_set => Some((
            "shares a namespace of the node",
            "remove the field: the pods of a variant must not use the node's namespaces",
        )),
        "hostPort" if is_set && value.as_u64() != Some(0) => {
            Some(("occupies a port of the node", "remove the field: the load reaches the pods through a Service"))
        }
        "hostProcess" if is_set => Some(("gives the container full access to the node", "remove the field")),
        "procMount" if value.as_str() == Some("Unmasked") => Some(("exposes the node's /proc", "remove the field")),
        "finalizers" | "ownerReferences" if value.is_array() && !is_empty(value) => {
            Some(("would keep the object alive after its comparison is deleted", "remove the field"))
        }
        _ => None,
    }
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

    fn lws(template: Value) -> Value {
        json!({"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "l"},
               "spec": {"leaderWorkerTemplate": template}})
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
    #[case(beta(json!({"name": "w", "experimental": {"checkpoint": {"enabled": true}}})), "DynamoGraphDeployment g: spec.components[0].experimental.checkpoint: ")]
    #[case(json!({"apiVersion": "apps.nvidia.com/v1alpha1", "kind": "NIMService", "metadata": {"name": "n"}}), "NIMService n: kind: apps.nvidia.com/v1alpha1 NIMService cannot be part of a variant; deploy it yourself, and measure it with source.type Endpoint")]
    #[case(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"}}), "ClusterRoleBinding b: kind: rbac.authorization.k8s.io/v1 ClusterRoleBinding cannot be part of a variant; create it beforehand, and leave it out")]
    #[case(json!({"apiVersion": "grove.io/v1alpha1", "kind": "PodCliqueSet", "metadata": {"name": "p"}}), "PodCliqueSet p: kind: grove.io/v1alpha1 PodCliqueSet cannot be part of a variant; give the DynamoGraphDeployment that belongs to it")]
    #[case(json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoModel", "metadata": {"name": "l"}}), "DynamoModel l: kind: nvidia.com/v1alpha1 DynamoModel cannot be part of a variant; create it beforehand, and leave it out; it finds the workers")]
    #[case(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {"volumeClaimTemplates": [{}]}}), "StatefulSet s: spec.volumeClaimTemplates: ")]
    #[case(lws(json!({"volumeClaimTemplates": [{}]})), "LeaderWorkerSet l: spec.leaderWorkerTemplate.volumeClaimTemplates: creates volume claims that outlive the variant; set spec.leaderWorkerTemplate.persistentVolumeClaimRetentionPolicy.whenDeleted to Delete")]
    #[case(beta(json!({"name": "w", "podTemplate": {"metadata": {"finalizers": ["a/b"]}}})), "DynamoGraphDeployment g: spec.components[0].podTemplate.metadata.finalizers: ")]
    #[case(service(json!({"type": "NodePort"})), "Service s: spec.type: is NodePort")]
    #[case(service(json!({"type": "LoadBalancer"})), "Service s: spec.type: is LoadBalancer")]
    #[case(service(json!({"clusterIP": "10.0.0.1"})), "Service s: spec.clusterIP: ")]
    #[case(service(json!({"externalIPs": ["1.2.3.4"]})), "Service s: spec.externalIPs: ")]
    #[case(service(json!({"ports": [{"port": 80, "nodePort": 30080}]})), "Service s: spec.ports[0]: has a nodePort")]
    #[case(service(json!({"selector": {}})), "Service s: spec.selector: selects no pods")]
    fn refusals_name_object_and_field(#[case] object: Value, #[case] start: &str) {
        let refused = match identity(&object, 3) {
            Ok(_) => check(&object, "llm", &PodFeatures::default()),
            Err(error) => vec![error],
        };
        let errors: Vec<String> = refused.iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.starts_with(start)), "{errors:?}");
        assert!(errors.iter().all(|error| error.contains("; ")), "no cure: {errors:?}");
    }

    #[rstest]
    #[case(with_metadata(json!({"name": "c", "namespace": "llm"})))]
    #[case(with_metadata(json!({"name": "c", "finalizers": [], "labels": null})))]
    #[case(deployment(json!({"hostNetwork": false, "containers": [{"ports": [{"containerPort": 80, "hostPort": 0}]}]})))]
    #[case(alpha(json!({"ingress": {"enabled": false}, "scalingAdapter": {"enabled": false}})))]
    #[case(beta(json!({"name": "w"})))]
    #[case(service(json!({"type": "ClusterIP", "clusterIP": "None"})))]
    fn what_does_no_harm_passes(#[case] object: Value) {
        assert!(identity(&object, 1).is_ok());
        assert_eq!(check(&object, "llm", &PodFeatures::default()), []);
    }

    #[test]
    fn all_that_is_refused_is_told_at_once() {
        let object =
            deployment(json!({"hostNetwork": true, "hostPID": true, "volumes": [{"hostPath": {"path": "/dev/mem"}}]}));
        assert_eq!(check(&object, "llm", &PodFeatures::default()).len(), 3);
    }

    /// What is allowed by its name hides nothing below it: components of v1alpha1 have the names that people give them.
    #[rstest]
    #[case("limits", "rdma")]
    #[case("requests", "rdma")]
    #[case("custom", "rdma")]
    #[case("hostIPC", "hostIPC")]
    #[case("privileged", "privileged")]
    fn a_component_is_checked_whatever_it_is_called(#[case] name: &str, #[case] allowed: &str) {
        let pod = json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}],
                         "mainContainer": {"securityContext": {"procMount": "Unmasked"}, "ports": [{"hostPort": 80}]}});
        let mut object = alpha(json!({"rdma": null, "extraPodSpec": pod}));
        object["spec"]["services"] = json!({name: object["spec"]["services"]["W"]});
        let features = PodFeatures::new([allowed.parse().unwrap()]);
        let told: Vec<String> = check(&object, "llm", &features).iter().map(ToString::to_string).collect();
        for field in ["volumes[0].hostPath", "securityContext.procMount", "ports[0].hostPort"] {
            assert!(told.iter().any(|error| error.contains(field)), "{field} is missing in {told:#?}");
        }
    }

    #[rstest]
    #[case(json!({"hostIPC": true}), "hostIPC")]
    #[case(json!({"containers": [{"securityContext": {"privileged": true}}]}), "privileged")]
    #[case(json!({"containers": [{"securityContext": {"capabilities": {"add": ["CAP_SYS_ADMIN", "CHOWN"]}}}]}), "capability:SYS_ADMIN")]
    #[case(json!({"volumes": [{"name": "v", "hostPath": {"path": "/dev/infiniband"}}]}), "hostPath:/dev/infiniband")]
    #[case(json!({"containers": [{"resources": {"limits": {"vpc.amazonaws.com/efa": 4}}}]}), "rdma")]
    #[case(json!({"containers": [{"resources": {"limits": {"rdma/ib": 4}}}]}), "rdma")]
    fn an_administrator_may_allow_what_reaches_beyond_the_pod(#[case] pod: Value, #[case] feature: &str) {
        let refused = check(&deployment(pod.clone()), "llm", &PodFeatures::new([]));
        let told = refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(
            told.contains(&format!("add `{feature}` to the namespace's allowedPodFeatures (now: nothing)")),
            "{told}"
        );
        assert_eq!(check(&deployment(pod), "llm", &PodFeatures::new([feature.parse().unwrap()])), []);
    }
}
