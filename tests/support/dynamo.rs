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
