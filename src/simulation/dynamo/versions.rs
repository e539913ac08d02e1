//! v1alpha1 (`spec.services`, a map) and v1beta1 (`spec.components`, a list): the same graph in both.

use serde_json::{Map, Value, json};

use super::{list, text};

/// The v1alpha1 form is kept beside, so that a way back loses nothing.
const KEPT: &str = "nvidia.com/kept-v1alpha1-spec";

/// The object in another version of its API. Only DynamoGraphDeployments differ between versions.
pub fn convert(mut object: Value, api_version: &str) -> Value {
    if object["kind"] != "DynamoGraphDeployment" || object["apiVersion"] == api_version {
        return object;
    }
    match (object["apiVersion"].as_str(), api_version) {
        (Some("nvidia.com/v1alpha1"), "nvidia.com/v1beta1") => {
            rename_status(&mut object, "services", "components");
            keep(&mut object);
            object["spec"] = beta_spec(&object["spec"]);
        }
        (Some("nvidia.com/v1beta1"), "nvidia.com/v1alpha1") => {
            rename_status(&mut object, "components", "services");
            object["spec"] = alpha_spec(&mut object);
        }
        _ => {}
    }
    object["apiVersion"] = json!(api_version);
    object
}

/// A graph with its spec as v1beta1 would have it, and all else as it is.
pub fn to_beta(graph: &Value) -> Value {
    let mut beta = graph.clone();
    if graph["apiVersion"] == "nvidia.com/v1alpha1" {
        beta["spec"] = beta_spec(&graph["spec"]);
    }
    beta
}

fn rename_status(object: &mut Value, from: &str, to: &str) {
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
        && let Some(value) = status.remove(from)
    {
        status.insert(to.into(), value);
    }
}

fn keep(object: &mut Value) {
    let spec = object["spec"].to_string();
    object["metadata"]["annotations"][KEPT] = json!(spec);
}

fn beta_spec(alpha: &Value) -> Value {
    let mut beta = alpha.as_object().cloned().unwrap_or_default();
    let services = beta.remove("services").and_then(|s| s.as_object().cloned()).unwrap_or_default();
    let claims = beta.remove("pvcs").unwrap_or_default();
    let components: Vec<Value> = services.iter().map(|(name, service)| component(name, service, &claims)).collect();
    if let Some(envs) = beta.remove("envs") {
        beta.insert("env".into(), envs);
    }
    beta.insert("components".into(), Value::Array(components));
    Value::Object(beta)
}

/// A v1alpha1 service as a v1beta1 component.
fn component(name: &str, service: &Value, claims: &Value) -> Value {
    let mut pod = service["extraPodSpec"].as_object().cloned().unwrap_or_default();
    let mut main = pod.remove("mainContainer").unwrap_or_else(|| json!({}));
    main["name"] = json!("main");
    resources(&mut main, &service["resources"]);
    let env = [list(&service["envs"]), list(&main["env"])].concat();
    if !env.is_empty() {
        main["env"] = Value::Array(env);
    }
    if let Some(secret) = service["envFromSecret"].as_str() {
        main["envFrom"] = json!([{"secretRef": {"name": secret}}]);
    }
    for probe in ["livenessProbe", "readinessProbe"] {
        if service[probe].is_object() {
            main[probe] = service[probe].clone();
        }
    }
    let mut pod = Value::Object(pod);
    volumes(&mut pod, &mut main, &service["volumeMounts"], claims);
    let sidecars = list(&pod["containers"]);
    pod["containers"] = Value::Array([vec![main], sidecars].concat());
    let kind = match (service["componentType"].as_str(), service["subComponentType"].as_str()) {
        (_, Some(sub)) => sub,
        (Some(kind), None) => kind,
        _ => "worker",
    };
    let mut component = json!({"name": name, "type": kind, "podTemplate": {"spec": pod}});
    for field in ["labels", "annotations"] {
        for source in [&service[field], &service["extraPodMetadata"][field]] {
            for (key, value) in source.as_object().into_iter().flatten() {
                component["podTemplate"]["metadata"][field][key] = value.clone();
            }
        }
    }
    for field in ["replicas", "multinode"] {
        if !service[field].is_null() {
            component[field] = service[field].clone();
        }
    }
    if service["sharedMemory"]["disabled"] != true && !service["sharedMemory"]["size"].is_null() {
        component["sharedMemorySize"] = service["sharedMemory"]["size"].clone();
    }
    component
}

/// `gpu: "8"` is limit and request of `nvidia.com/gpu`; what `custom` holds has its own name.
fn resources(main: &mut Value, resources: &Value) {
    for list in ["requests", "limits"] {
        for name in ["cpu", "memory"] {
            if !resources[list][name].is_null() {
                main["resources"][list][name] = resources[list][name].clone();
            }
        }
        for (name, amount) in resources[list]["custom"].as_object().into_iter().flatten() {
            main["resources"][list][name] = amount.clone();
        }
    }
    let gpus =
        [&resources["limits"]["gpu"], &resources["requests"]["gpu"]].into_iter().find(|amount| !amount.is_null());
    if let Some(gpus) = gpus {
        let name = resources["limits"]["gpuType"].as_str().unwrap_or("nvidia.com/gpu").to_owned();
        for list in ["limits", "requests"] {
            main["resources"][list][&name] = gpus.clone();
        }
    }
}

fn volumes(pod: &mut Value, main: &mut Value, mounts: &Value, claims: &Value) {
    let known: Vec<&str> = claims.as_array().into_iter().flatten().map(|claim| text(claim, "name")).collect();
    let mut all = list(&pod["volumes"]);
    let mut main_mounts = list(&main["volumeMounts"]);
    for mount in list(mounts) {
        let name = text(&mount, "name");
        if known.contains(&name) {
            all.push(json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
            main_mounts.push(json!({"name": name, "mountPath": mount["mountPoint"]}));
        }
    }
    if !all.is_empty() {
        pod["volumes"] = Value::Array(all);
    }
    if !main_mounts.is_empty() {
        main["volumeMounts"] = Value::Array(main_mounts);
    }
}

fn alpha_spec(object: &mut Value) -> Value {
    let kept = object["metadata"]["annotations"][KEPT].as_str().and_then(|text| serde_json::from_str(text).ok());
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(KEPT);
    }
    kept.unwrap_or_else(|| {
        let mut alpha = object["spec"].as_object().cloned().unwrap_or_default();
        let components = alpha.remove("components").unwrap_or_default();
        let services: Map<String, Value> = list(&components)
            .iter()
            .map(|component| (text(component, "name").to_owned(), service(component)))
            .collect();
        alpha.insert("services".into(), Value::Object(services));
        Value::Object(alpha)
    })
}

/// A v1beta1 component as a v1alpha1 service.
fn service(component: &Value) -> Value {
    let mut pod = component["podTemplate"]["spec"].as_object().cloned().unwrap_or_default();
    let containers = list(&pod.remove("containers").unwrap_or_default());
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
