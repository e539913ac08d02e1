//! Dynamo's API as far as its operator's neighbours see it: the CRD, its two versions, and what a
//! DynamoGraphDeployment becomes.

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// A CustomResourceDefinition of DynamoGraphDeployments without a schema, serving these versions; the first is stored.
pub fn crd(versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({"name": name, "served": true, "storage": index == 0, "subresources": {"status": {}},
                   "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "dynamographdeployments.nvidia.com"},
        "spec": {
            "group": "nvidia.com", "scope": "Namespaced", "versions": versions,
            "names": {"kind": "DynamoGraphDeployment", "plural": "dynamographdeployments", "shortNames": ["dgd"]},
        },
    })
}

/// Finalizer of Dynamo's operator on what it controls.
pub const FINALIZER: &str = "nvidia.com/finalizer";

/// The object in another version of its API. Only DynamoGraphDeployments differ between versions.
pub fn convert(kind: &Kind, mut object: Value, api_version: &str) -> Value {
    if kind.kind != "DynamoGraphDeployment" || object["apiVersion"] == api_version {
        return object;
    }
    match (object["apiVersion"].as_str(), api_version) {
        (Some("nvidia.com/v1alpha1"), "nvidia.com/v1beta1") => {
            rename_status(&mut object, "services", "components");
            to_beta(&mut object);
        }
        (Some("nvidia.com/v1beta1"), "nvidia.com/v1alpha1") => {
            rename_status(&mut object, "components", "services");
            to_alpha(&mut object);
        }
        _ => {}
    }
    object["apiVersion"] = json!(api_version);
    object
}

/// The v1alpha1 form is kept beside, so that a way back loses nothing.
const KEPT: &str = "nvidia.com/kept-v1alpha1-spec";

fn rename_status(object: &mut Value, from: &str, to: &str) {
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
        && let Some(value) = status.remove(from)
    {
        status.insert(to.into(), value);
    }
}

fn to_beta(object: &mut Value) {
    let spec = object["spec"].clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations[KEPT] = json!(spec.to_string());
    }
    let mut beta = spec.as_object().cloned().unwrap_or_default();
    let services = beta.remove("services").and_then(|s| s.as_object().cloned()).unwrap_or_default();
    let components: Vec<Value> = services.iter().map(|(name, service)| component(name, service)).collect();
    beta.remove("envs").map(|envs| beta.insert("env".into(), envs));
    beta.insert("components".into(), Value::Array(components));
    object["spec"] = Value::Object(beta);
}

fn to_alpha(object: &mut Value) {
    let kept = object["metadata"]["annotations"][KEPT].as_str().and_then(|text| serde_json::from_str(text).ok());
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(KEPT);
    }
    object["spec"] = kept.unwrap_or_else(|| {
        let mut alpha = object["spec"].as_object().cloned().unwrap_or_default();
        let components = alpha.remove("components").and_then(|c| c.as_array().cloned()).unwrap_or_default();
        let services: Map<String, Value> = components
            .iter()
            .map(|component| (component["name"].as_str().unwrap_or_default().to_owned(), service(component)))
            .collect();
        alpha.insert("services".into(), Value::Object(services));
        Value::Object(alpha)
    });
}

/// A v1alpha1 service as a v1beta1 component.
fn component(name: &str, service: &Value) -> Value {
    let mut pod = service["extraPodSpec"].as_object().cloned().unwrap_or_default();
    let mut main = pod.remove("mainContainer").unwrap_or_else(|| json!({}));
    main["name"] = json!("main");
    let gpus = &service["resources"]["limits"]["gpu"];
    if !gpus.is_null() {
        for list in ["limits", "requests"] {
            main["resources"][list]["nvidia.com/gpu"] = gpus.clone();
        }
    }
    let mut env = service["envs"].as_array().cloned().unwrap_or_default();
    env.extend(main["env"].as_array().cloned().unwrap_or_default());
    if !env.is_empty() {
        main["env"] = Value::Array(env);
    }
    if let Some(secret) = service["envFromSecret"].as_str() {
        main["envFrom"] = json!([{"secretRef": {"name": secret}}]);
    }
    pod.insert("containers".into(), json!([main]));
    let kind = match (service["componentType"].as_str(), service["subComponentType"].as_str()) {
        (_, Some(sub)) => sub,
        (Some(kind), None) => kind,
        _ => "worker",
    };
    let mut component = json!({"name": name, "type": kind, "podTemplate": {"spec": pod}});
    for field in ["replicas", "multinode"] {
        if !service[field].is_null() {
            component[field] = service[field].clone();
        }
    }
    component
}

/// A v1beta1 component as a v1alpha1 service.
fn service(component: &Value) -> Value {
    let mut pod = component["podTemplate"]["spec"].as_object().cloned().unwrap_or_default();
    let containers = pod.remove("containers").and_then(|c| c.as_array().cloned()).unwrap_or_default();
    let main = containers.into_iter().find(|c| c["name"] == "main").unwrap_or_else(|| json!({}));
    let gpus = main["resources"]["limits"]["nvidia.com/gpu"].clone();
    pod.insert("mainContainer".into(), main);
    let mut service = json!({"componentType": component["type"], "extraPodSpec": pod});
    if !gpus.is_null() {
        service["resources"] = json!({"limits": {"gpu": gpus}});
    }
    for field in ["replicas", "multinode"] {
        if !component[field].is_null() {
            service[field] = component[field].clone();
        }
    }
    service
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// The Deployments and Services a graph (in v1beta1) becomes, one of each for each component.
pub fn children(graph: &Value) -> Vec<Value> {
    let components = graph["spec"]["components"].as_array().cloned().unwrap_or_default();
    components.iter().flat_map(|component| [deployment(graph, component), service_object(graph, component)]).collect()
}

/// Name of what a component becomes: frontend `<graph>-frontend`, workers with a hash of their spec behind.
pub fn child_name(graph: &Value, component: &Value) -> String {
    let name = format!("{}-{}", text(&graph["metadata"], "name"), text(component, "name").to_lowercase());
    if ["frontend", "planner", "epp"].contains(&text(component, "type")) {
        return name;
    }
    format!("{name}-{}", hash(component))
}

fn hash(component: &Value) -> String {
    let number =
        component.to_string().bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    format!("{number:08x}")
}

fn labels(graph: &Value, component: &Value) -> Value {
    let (namespace, name) = (text(&graph["metadata"], "namespace"), text(&graph["metadata"], "name"));
    let mut labels = json!({
        "nvidia.com/dynamo-graph-deployment-name": name,
        "nvidia.com/dynamo-component": component["name"],
        "nvidia.com/dynamo-component-type": component["type"],
        "nvidia.com/dynamo-namespace": format!("{namespace}-{name}"),
    });
    if text(component, "type") != "frontend" {
        labels["nvidia.com/dynamo-worker-hash"] = json!(hash(component));
    }
    labels
}

fn owned(graph: &Value, name: &str, labels: &Value) -> Value {
    json!({
        "name": name, "namespace": graph["metadata"]["namespace"], "labels": labels,
        "ownerReferences": [{
            "apiVersion": graph["apiVersion"], "kind": graph["kind"], "name": graph["metadata"]["name"],
            "uid": graph["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

/// Labels and annotations of the graph's own metadata do not reach pods; those of `spec` and of the template do.
fn pod_metadata(graph: &Value, component: &Value, labels: &Value) -> Value {
    let mut metadata = json!({"labels": {}, "annotations": {}});
    for field in ["labels", "annotations"] {
        for source in [&graph["spec"][field], &component["podTemplate"]["metadata"][field]] {
            for (key, value) in source.as_object().into_iter().flatten() {
                metadata[field][key] = value.clone();
            }
        }
    }
    for (key, value) in labels.as_object().into_iter().flatten() {
        metadata["labels"][key] = value.clone();
    }
    metadata
}

fn deployment(graph: &Value, component: &Value) -> Value {
    let labels = labels(graph, component);
    let mut pod = component["podTemplate"]["spec"].clone();
    let graph_env = graph["spec"]["env"].as_array().cloned().unwrap_or_default();
    for container in pod["containers"].as_array_mut().into_iter().flatten().filter(|c| c["name"] == "main") {
        let own = container["env"].as_array().cloned().unwrap_or_default();
        let all = [graph_env.clone(), own].concat();
        if !all.is_empty() {
            container["env"] = Value::Array(all);
        }
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": owned(graph, &child_name(graph, component), &labels),
        "spec": {
            "replicas": component["replicas"].as_u64().unwrap_or(1),
            "selector": {"matchLabels": {
                "nvidia.com/dynamo-graph-deployment-name": graph["metadata"]["name"],
                "nvidia.com/dynamo-component": component["name"],
            }},
            "template": {"metadata": pod_metadata(graph, component, &labels), "spec": pod},
        },
    })
}

fn service_object(graph: &Value, component: &Value) -> Value {
    let labels = labels(graph, component);
    let (port, name) = if text(component, "type") == "frontend" { (8000, "http") } else { (9090, "system") };
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": owned(graph, &child_name(graph, component), &labels),
        "spec": {
            "selector": {
                "nvidia.com/dynamo-graph-deployment-name": graph["metadata"]["name"],
                "nvidia.com/dynamo-component": component["name"],
            },
            "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    })
}

/// What a graph's status says.
pub struct GraphStatus {
    /// `initializing`, `pending`, `successful` or `failed`.
    pub state: &'static str,
    /// Status of the condition `Ready`.
    pub ready: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
    /// Replica counts by component.
    pub components: Value,
}

/// The status of a graph whose Deployments are as given. Crash loops and unschedulable pods stay `pending` for ever,
/// and a worker with no replicas is as good as ready.
pub fn status(graph: &Value, deployments: &[Value], failure: Option<&str>) -> GraphStatus {
    let mut components = Map::new();
    let mut lacking = vec![];
    for component in graph["spec"]["components"].as_array().into_iter().flatten() {
        let name = child_name(graph, component);
        let wanted = component["replicas"].as_u64().unwrap_or(1);
        let found = deployments.iter().find(|d| d["metadata"]["name"] == *name);
        let count = |field: &str| found.and_then(|d| d["status"][field].as_u64()).unwrap_or(0);
        if found.is_none() || count("readyReplicas") < wanted {
            lacking.push(format!("{}: ready replicas {}/{wanted}", text(component, "name"), count("readyReplicas")));
        }
        components.insert(
            text(component, "name").to_owned(),
            json!({
                "componentKind": "Deployment", "componentNames": [name], "replicas": count("replicas"),
                "updatedReplicas": count("updatedReplicas"), "readyReplicas": count("readyReplicas"),
                "availableReplicas": count("availableReplicas"),
            }),
        );
    }
    let (state, ready, reason, message) = match failure {
        Some(words) => ("failed", "False", "failed_to_reconcile_the_resources", words.to_owned()),
        None if lacking.is_empty() => {
            ("successful", "True", "all_resources_are_ready", "All resources are ready".into())
        }
        None => {
            let message = format!("Resources not ready: {}", lacking.join("; "));
            ("pending", "False", "some_resources_are_not_ready", message)
        }
    };
    GraphStatus { state, ready, reason, message, components: Value::Object(components) }
}
