//! A v1alpha1 graph as v1beta1, the version that Dynamo's operator stores: what is created in it needs no conversion webhook.

use serde_json::{Map, Value, json};

use crate::pointer::{elements, set, text};

/// Fields of a component that have a counterpart. `dynamoNamespace` and `serviceName` have none and no effect any more.
const COMPONENT: [&str; 20] = [
    "annotations",
    "componentType",
    "dynamoNamespace",
    "envFromSecret",
    "envs",
    "extraPodMetadata",
    "extraPodSpec",
    "labels",
    "livenessProbe",
    "minAvailable",
    "modelRef",
    "multinode",
    "readinessProbe",
    "replicas",
    "resources",
    "runtimeVersionOverride",
    "serviceName",
    "sharedMemory",
    "subComponentType",
    "volumeMounts",
];
/// Those that stay as they are.
const UNCHANGED: [&str; 5] = ["minAvailable", "modelRef", "multinode", "replicas", "runtimeVersionOverride"];
/// Fields of the graph that stay as they are.
const GRAPH_UNCHANGED: [&str; 4] = ["annotations", "backendFramework", "labels", "priorityClassName"];
/// What `gpu` counts unless `gpuType` names another.
const DEFAULT_GPU: &str = "nvidia.com/gpu";
const TYPES: [&str; 4] = ["frontend", "worker", "prefill", "decode"];

/// The same graph in v1beta1; `None` for one that is not v1alpha1, or holds something that has no certain counterpart.
pub fn to_beta(graph: &Value) -> Option<Value> {
    if (text(graph, "/apiVersion"), text(graph, "/kind"))
        != (Some("nvidia.com/v1alpha1"), Some("DynamoGraphDeployment"))
    {
        return None;
    }
    let spec = graph.get("spec")?.as_object()?;
    let known = |name: &str| GRAPH_UNCHANGED.contains(&name) || ["envs", "pvcs", "services"].contains(&name);
    if spec.iter().any(|(name, value)| !known(name) && !value.is_null()) {
        return None;
    }
    let mut beta = pick(spec, &GRAPH_UNCHANGED);
    if let Some(variables) = spec.get("envs") {
        beta.insert("env".into(), variables.clone());
    }
    let services = spec.get("services")?.as_object()?;
    let components: Option<Vec<Value>> = services.iter().map(|(name, service)| component(name, service)).collect();
    beta.insert("components".into(), Value::Array(components?));
    let mut graph = graph.clone();
    graph["apiVersion"] = json!("nvidia.com/v1beta1");
    graph["spec"] = Value::Object(beta);
    Some(graph)
}

fn pick(from: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let some = from.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    some.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn component(name: &str, service: &Value) -> Option<Value> {
    let fields = service.as_object()?;
    if fields.iter().any(|(name, value)| !COMPONENT.contains(&name.as_str()) && !value.is_null()) {
        return None;
    }
    let kind = text(service, "/subComponentType").or_else(|| text(service, "/componentType"))?;
    if !TYPES.contains(&kind) {
        return None;
    }
    let mut pod = service.get("extraPodSpec").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut main = pod.remove("mainContainer").and_then(|main| main.as_object().cloned()).unwrap_or_default();
    main.insert("name".into(), json!("main"));
    container(&mut main, service)?;
    mounts(&mut pod, &mut main, service)?;
    let sidecars = pod.remove("containers").and_then(|list| list.as_array().cloned()).unwrap_or_default();
    pod.insert("containers".into(), Value::Array([vec![Value::Object(main)], sidecars].concat()));
    let mut template = json!({"spec": pod});
    for field in ["labels", "annotations"] {
        let own = [service.get(field), service.pointer(&format!("/extraPodMetadata/{field}"))];
        for (key, value) in own.into_iter().flatten().filter_map(Value::as_object).flatten() {
            template["metadata"][field][key] = value.clone();
        }
    }
    let mut component = pick(fields, &UNCHANGED);
    component.insert("name".into(), json!(name));
    component.insert("type".into(), json!(kind));
    component.insert("podTemplate".into(), template);
    if service.pointer("/sharedMemory/disabled") == Some(&Value::Bool(true)) {
        component.insert("sharedMemorySize".into(), json!("0"));
    } else if let Some(size) = service.pointer("/sharedMemory/size") {
        component.insert("sharedMemorySize".into(), size.clone());
    }
    Some(Value::Object(component))
}

/// What v1alpha1 gives the main container from outside the pod's spec.
fn container(main: &mut Map<String, Value>, service: &Value) -> Option<()> {
    resources(main, service)?;
    let own = main.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
    let variables = [elements(service, "/envs").to_vec(), own].concat();
    if !variables.is_empty() {
        main.insert("env".into(), Value::Array(variables));
    }
    if let Some(secret) = text(service, "/envFromSecret").filter(|secret| !secret.is_empty()) {
        let own = main.get("envFrom").and_then(Value::as_array).cloned().unwrap_or_default();
        let secret = vec![json!({"secretRef": {"name": secret}})];
        main.insert("envFrom".into(), Value::Array([own, secret].concat()));
    }
    for probe in ["livenessProbe", "readinessProbe"] {
        if let Some(probe_of_service) = service.get(probe).filter(|probe| probe.is_object()) {
            main.insert(probe.into(), probe_of_service.clone());
        }
    }
    Some(())
}

/// `gpu: "8"` is limit and request of `nvidia.com/gpu`, or of `gpuType`; what `custom` holds has its own name.
fn resources(main: &mut Map<String, Value>, service: &Value) -> Option<()> {
    let Some(given) = service.get("resources").filter(|given| !given.is_null()) else { return Some(()) };
    let mut all = main.get("resources").cloned().unwrap_or_else(|| json!({}));
    for list in ["requests", "limits"] {
        for (name, amount) in given.get(list).and_then(Value::as_object).into_iter().flatten() {
            match name.as_str() {
                "cpu" | "memory" => set(&mut all, &format!("/{list}"), name, amount.clone()),
                "custom" => {
                    for (name, amount) in amount.as_object()? {
                        set(&mut all, &format!("/{list}"), name, amount.clone());
                    }
                }
                "gpu" | "gpuType" => {}
                _ => return None,
            }
        }
    }
    if let Some(gpus) = ["/limits/gpu", "/requests/gpu"].iter().find_map(|at| given.pointer(at)) {
        let name = ["/limits/gpuType", "/requests/gpuType"].iter().find_map(|at| text(given, at));
        let name = name.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_GPU);
        for list in ["limits", "requests"] {
            set(&mut all, &format!("/{list}"), name, gpus.clone());
        }
    }
    if let Some(claims) = given.get("claims") {
        set(&mut all, "", "claims", claims.clone());
    }
    main.insert("resources".into(), all);
    Some(())
}

/// Volume claims that a component mounts by name.
fn mounts(pod: &mut Map<String, Value>, main: &mut Map<String, Value>, service: &Value) -> Option<()> {
    let list =
        |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut volumes, mut mounts) = (list(pod, "volumes"), list(main, "volumeMounts"));
    for mount in elements(service, "/volumeMounts") {
        let (name, path) = (text(mount, "/name")?, text(mount, "/mountPoint")?);
        if mount.get("useAsCompilationCache") == Some(&Value::Bool(true)) {
            return None;
        }
        volumes.push(json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        mounts.push(json!({"name": name, "mountPath": path}));
    }
    for (map, key, list) in [(pod, "volumes", volumes), (main, "volumeMounts", mounts)] {
        if !list.is_empty() {
            map.insert(key.into(), Value::Array(list));
        }
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn alpha(component: Value) -> Value {
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
               "spec": {"backendFramework": "trtllm", "envs": [{"name": "A", "value": "1"}], "services": {"W": component}}})
    }

    #[test]
    fn a_component_is_the_same_in_the_newer_version() {
        let graph = alpha(json!({
            "componentType": "worker", "subComponentType": "prefill", "replicas": 2, "envFromSecret": "hf",
            "resources": {"limits": {"gpu": "2", "memory": "1Gi", "custom": {"rdma/ib": "1"}}},
            "sharedMemory": {"size": "64Gi"}, "envs": [{"name": "B", "value": "2"}],
            "volumeMounts": [{"name": "weights", "mountPoint": "/w"}],
            "extraPodMetadata": {"labels": {"x": "y"}},
            "extraPodSpec": {"nodeSelector": {"a": "b"}, "mainContainer": {"image": "i", "args": ["z"]}},
        }));
        let expected = json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
        "spec": {"backendFramework": "trtllm", "env": [{"name": "A", "value": "1"}], "components": [{
            "name": "W", "type": "prefill", "replicas": 2, "sharedMemorySize": "64Gi", "podTemplate": {
                "metadata": {"labels": {"x": "y"}},
                "spec": {
                    "nodeSelector": {"a": "b"},
                    "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}],
                    "containers": [{
                        "name": "main", "image": "i", "args": ["z"], "env": [{"name": "B", "value": "2"}],
                        "envFrom": [{"secretRef": {"name": "hf"}}],
                        "volumeMounts": [{"name": "weights", "mountPath": "/w"}],
                        "resources": {
                            "limits": {"nvidia.com/gpu": "2", "memory": "1Gi", "rdma/ib": "1"},
                            "requests": {"nvidia.com/gpu": "2"},
                        },
                    }],
                },
            },
        }]}});
        assert_eq!(to_beta(&graph), Some(expected));
    }

    #[rstest]
    #[case::unknown_field(alpha(json!({"componentType": "worker", "eppConfig": {"config": {}}})))]
    #[case::unknown_kind(alpha(json!({"componentType": "main"})))]
    #[case::cache(alpha(json!({"componentType": "worker", "volumeMounts": [{"name": "c", "mountPoint": "/c", "useAsCompilationCache": true}]})))]
    #[case::newer(json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "spec": {"components": []}}))]
    fn what_has_no_certain_counterpart_stays(#[case] graph: Value) {
        assert_eq!(to_beta(&graph), None);
    }

    #[rstest]
    #[case(include_str!("../../tests/fixtures/manifests/aiconfigurator-0.12.0-agg.yaml"))]
    #[case(include_str!("../../tests/fixtures/manifests/aiconfigurator-0.12.0-disagg.yaml"))]
    #[case(include_str!("../../tests/fixtures/manifests/aiconfigurator-0.12.0-naive.yaml"))]
    fn what_the_predictor_writes_has_a_counterpart(#[case] text: &str) {
        let graph: Value = serde_saphyr::from_str(text).unwrap();
        let beta = to_beta(&graph).unwrap();
        let services = graph["spec"]["services"].as_object().unwrap().len();
        assert_eq!(elements(&beta, "/spec/components").len(), services);
    }
}
