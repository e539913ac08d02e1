//! Fields of a DynamoGraphDeployment that a variant may set, per version of its API. What is not listed is refused by
//! name: a field that nobody has looked at may change the pods during the measurement, or outlive them.

use serde_json::{Map, Value};

use super::object::describe;
use crate::dynamo::{Layout, PodSet};
use crate::manifests::ManifestError;
use crate::pointer::{element_pointers, path, token};

/// Fields of `spec`, `services` of v1alpha1.
const ALPHA_GRAPH: [&str; 9] = [
    "annotations",
    "backendFramework",
    "envs",
    "experimental",
    "labels",
    "priorityClassName",
    "pvcs",
    "services",
    "topologyConstraint",
];
const ALPHA_COMPONENT: [&str; 26] = [
    "annotations",
    "componentType",
    "dynamoNamespace",
    "envFromSecret",
    "envs",
    "eppConfig",
    "extraPodMetadata",
    "extraPodSpec",
    "frontendSidecar",
    "globalDynamoNamespace",
    "ingress",
    "labels",
    "livenessProbe",
    "minAvailable",
    "modelRef",
    "multinode",
    "readinessProbe",
    "replicas",
    "resources",
    "runtimeVersionOverride",
    "scalingAdapter",
    "serviceName",
    "sharedMemory",
    "subComponentType",
    "topologyConstraint",
    "volumeMounts",
];
const BETA_GRAPH: [&str; 8] = [
    "annotations",
    "backendFramework",
    "components",
    "env",
    "experimental",
    "labels",
    "priorityClassName",
    "topologyConstraint",
];
const BETA_COMPONENT: [&str; 16] = [
    "compilationCache",
    "eppConfig",
    "experimental",
    "frontendSidecar",
    "globalDynamoNamespace",
    "minAvailable",
    "modelRef",
    "multinode",
    "name",
    "podTemplate",
    "replicas",
    "runtimeVersionOverride",
    "scalingAdapter",
    "sharedMemorySize",
    "topologyConstraint",
    "type",
];
/// Fields below others, in both versions.
const GRAPH_EXPERIMENTAL: [&str; 1] = ["kvTransferPolicy"];
const COMPONENT_EXPERIMENTAL: [&str; 1] = ["grove"];
const MULTINODE: [&str; 1] = ["nodeCount"];
/// A cache that exists, by its name; older releases could create one.
const COMPILATION_CACHE: [&str; 2] = ["mountPath", "pvcName"];
const VOLUME_MOUNT: [&str; 3] = ["mountPoint", "name", "useAsCompilationCache"];

/// Everything that is not allowed in a graph.
pub(super) fn refusals(object: &Value, refused: &mut Vec<ManifestError>) {
    let (graph, component) = match Layout::of(object) {
        Some(Layout::Alpha) => (&ALPHA_GRAPH[..], &ALPHA_COMPONENT[..]),
        Some(Layout::Beta) => (&BETA_GRAPH[..], &BETA_COMPONENT[..]),
        _ => return,
    };
    let mut only = |pointer: &str, allowed: &[&str]| {
        let fields = object.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::iter);
        let others = fields.filter(|(name, value)| !allowed.contains(&name.as_str()) && is_on(value));
        refused.extend(others.map(|(name, _)| refusal(object, pointer, name)));
    };
    only("/spec", graph);
    only("/spec/experimental", &GRAPH_EXPERIMENTAL);
    for pods in PodSet::of(object) {
        let at = pods.component();
        only(at, component);
        only(&format!("{at}/multinode"), &MULTINODE);
        only(&format!("{at}/compilationCache"), &COMPILATION_CACHE);
        only(&format!("{at}/experimental"), &COMPONENT_EXPERIMENTAL);
        if pods.layout() == Layout::Alpha {
            for mount in element_pointers(object, &format!("{at}/volumeMounts")) {
                only(&mount, &VOLUME_MOUNT);
            }
        }
    }
}

/// Whether a value asks for anything: nothing, `false`, and a switch that is off do not. An empty object does: in v1beta1
/// it turns a feature on.
fn is_on(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(map) => map.get("enabled") != Some(&Value::Bool(false)),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

fn refusal(object: &Value, pointer: &str, name: &str) -> ManifestError {
    let field = path(&format!("{pointer}/{}", token(name)));
    let (problem, cure) = match name {
        "checkpoint" => (
            "creates Jobs with GPUs of their own, and checkpoints that outlive the variant",
            "remove the field: start from the checkpoint's image where that is to be measured",
        ),
        "failover" => ("adds engines whose GPUs are not counted", "remove the field"),
        "gpuMemoryService" => {
            ("replaces the containers' limits of GPUs with shared claims, which are not counted", "remove the field")
        }
        "autoscaling" => {
            ("lets something else change the replicas during the measurement", "remove the field, and fix replicas")
        }
        "restart" => ("restarts the pods", "remove the field"),
        "providerOverride" | "leader" | "worker" => {
            ("changes the pods in a way that is not checked", "write it into the pods of the component")
        }
        "pvc" | "create" | "size" => {
            ("would create storage that outlives the variant", "create the PersistentVolumeClaim beforehand")
        }
        _ => (
            "is not a field that may be set: it could change the pods during the measurement, or outlive them",
            "remove the field, or correct its name",
        ),
    };
    ManifestError::refused(describe(object), field, problem, cure)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn alpha(component: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"services": {"W": component}}})
    }

    fn beta(component: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"components": [component]}})
    }

    fn fields(object: &Value) -> Vec<String> {
        let mut refused = vec![];
        refusals(object, &mut refused);
        let field = |error: ManifestError| match error {
            ManifestError::Refused { field, .. } => field,
            other => other.to_string(),
        };
        refused.into_iter().map(field).collect()
    }

    #[rstest]
    #[case::checkpoint(alpha(json!({"checkpoint": {"enabled": true}})), "spec.services.W.checkpoint")]
    #[case::failover(alpha(json!({"failover": {"enabled": true, "numShadows": 1}})), "spec.services.W.failover")]
    #[case::autoscaling(alpha(json!({"autoscaling": {"enabled": true}})), "spec.services.W.autoscaling")]
    #[case::claim_of_old_releases(alpha(json!({"pvc": {"create": true}})), "spec.services.W.pvc")]
    #[case::cache_of_old_releases(alpha(json!({"compilationCache": {"create": true}})), "spec.services.W.compilationCache")]
    #[case::nodes(alpha(json!({"multinode": {"nodeCount": 2, "leader": {"providerOverride": {"value": {}}}}})), "spec.services.W.multinode.leader")]
    #[case::misspelled(alpha(json!({"replica": 2})), "spec.services.W.replica")]
    #[case::experimental(beta(json!({"name": "w", "experimental": {"checkpoint": {"enabled": true}}})), "spec.components[0].experimental.checkpoint")]
    #[case::memory_service(beta(json!({"name": "w", "experimental": {"gpuMemoryService": {"mode": "InterPod"}}})), "spec.components[0].experimental.gpuMemoryService")]
    #[case::on_by_being_there(beta(json!({"name": "w", "experimental": {"gpuMemoryService": {}}})), "spec.components[0].experimental.gpuMemoryService")]
    #[case::field_of_the_other_version(beta(json!({"name": "w", "extraPodSpec": {"a": 1}})), "spec.components[0].extraPodSpec")]
    fn unknown_fields_are_refused_by_name(#[case] object: Value, #[case] field: &str) {
        assert!(fields(&object).contains(&field.to_owned()), "{:?}", fields(&object));
    }

    #[rstest]
    #[case(alpha(json!({"checkpoint": {"enabled": false}, "failover": null, "autoscaling": {"enabled": false}, "replicas": 2})))]
    #[case(beta(json!({"name": "w", "experimental": {"grove": {"forceScalingGroup": true}}, "multinode": {"nodeCount": 2}})))]
    #[case(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"paused": true}}))]
    fn what_is_off_or_listed_passes(#[case] object: Value) {
        assert_eq!(fields(&object), Vec::<String>::new());
    }

    /// A release of Dynamo with more fields fails here until somebody has decided about each.
    #[test]
    fn every_field_of_the_installed_kind_is_decided_on() {
        let text = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/dynamo/nvidia.com_dynamographdeployments.yaml"
        ));
        let definition: Value = serde_saphyr::from_str(text).unwrap();
        let refused = ["autoscaling", "checkpoint", "failover", "gpuMemoryService", "providerOverride", "restart"];
        for (version, graph, component, below) in [
            (0, &ALPHA_GRAPH[..], &ALPHA_COMPONENT[..], "services/additionalProperties"),
            (1, &BETA_GRAPH[..], &BETA_COMPONENT[..], "components/items"),
        ] {
            let spec = format!("/spec/versions/{version}/schema/openAPIV3Schema/properties/spec/properties");
            for (pointer, allowed) in [(spec.clone(), graph), (format!("{spec}/{below}/properties"), component)] {
                let known = definition.pointer(&pointer).unwrap().as_object().unwrap();
                let known: BTreeSet<&str> = known.keys().map(String::as_str).collect();
                let decided: BTreeSet<&str> = allowed.iter().copied().chain(refused).collect();
                assert_eq!(known.difference(&decided).collect::<Vec<_>>(), Vec::<&&str>::new(), "{pointer}");
                let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
                assert_eq!(allowed.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "{pointer}");
            }
        }
    }
}
