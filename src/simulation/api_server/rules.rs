//! What the server itself does to built-in kinds: reading as the type, defaults, validation, immutable fields.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::failure::ApiFailure;
use super::kinds::Kind;

/// Reads an object as its type: fields the type does not know are dropped, wrong types are refused.
pub fn decode(kind: &Kind, object: Value) -> Result<Value, ApiFailure> {
    fn as_type<T: DeserializeOwned + Serialize>(kind: &Kind, object: Value) -> Result<Value, ApiFailure> {
        let typed: T = serde_json::from_value(object).map_err(|error| {
            let name = &kind.kind;
            ApiFailure::bad_request(format!("{name} in version \"v1\" cannot be handled as a {name}: {error}"))
        })?;
        serde_json::to_value(typed).map_err(|error| ApiFailure::internal(&error.to_string()))
    }
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "ConfigMap") => as_type::<ConfigMap>(kind, object),
        ("", "Pod") => as_type::<Pod>(kind, object),
        ("", "Service") => as_type::<Service>(kind, object),
        ("", "ServiceAccount") => as_type::<ServiceAccount>(kind, object),
        ("batch", "Job") => as_type::<Job>(kind, object),
        ("apps", "Deployment") => as_type::<Deployment>(kind, object),
        ("rbac.authorization.k8s.io", "Role") => as_type::<Role>(kind, object),
        ("rbac.authorization.k8s.io", "RoleBinding") => as_type::<RoleBinding>(kind, object),
        _ => Ok(object),
    }
}

/// Fills in what the server fills in when an object is created.
pub fn complete(kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "Namespace" => {
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"]["phase"] = json!("Active");
        }
        "Pod" => {
            pod_defaults(&mut object["spec"]);
            object["status"]["phase"] = json!("Pending");
        }
        "Job" => job_defaults(object),
        "Deployment" => {
            set(&mut object["spec"], "replicas", json!(1));
            set(&mut object["spec"], "progressDeadlineSeconds", json!(600));
            pod_defaults(&mut object["spec"]["template"]["spec"]);
        }
        "Service" => {
            set(&mut object["spec"], "type", json!("ClusterIP"));
            set(&mut object["spec"], "clusterIP", json!("10.96.7.7"));
        }
        "PersistentVolumeClaim" => object["status"]["phase"] = json!("Pending"),
        _ => {}
    }
}

fn set(target: &mut Value, name: &str, value: Value) {
    if target[name].is_null() {
        target[name] = value;
    }
}

fn pod_defaults(spec: &mut Value) {
    set(spec, "restartPolicy", json!("Always"));
    set(spec, "terminationGracePeriodSeconds", json!(30));
    set(spec, "schedulerName", json!("default-scheduler"));
    set(spec, "dnsPolicy", json!("ClusterFirst"));
    set(spec, "securityContext", json!({}));
}

fn job_defaults(object: &mut Value) {
    let (uid, name) = (object["metadata"]["uid"].clone(), object["metadata"]["name"].clone());
    let spec = &mut object["spec"];
    for (field, value) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("selector", json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})),
    ] {
        set(spec, field, value);
    }
    for label in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
        spec["template"]["metadata"]["labels"][label] = uid.clone();
    }
    for label in ["batch.kubernetes.io/job-name", "job-name"] {
        spec["template"]["metadata"]["labels"][label] = name.clone();
    }
    pod_defaults(&mut spec["template"]["spec"]);
}

/// What the server has against a new or changed object of a built-in kind (and the metadata of any kind).
pub fn validate(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<String> {
    let mut causes = metadata(kind, object);
    match kind.kind.as_str() {
        "ConfigMap" => causes.extend(config_map(object, old)),
        "Job" => causes.extend(job(object, old)),
        _ => {}
    }
    causes
}

fn metadata(kind: &Kind, object: &Value) -> Vec<String> {
    let mut causes = vec![];
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let (limit, dots, letter_first) = match kind.kind.as_str() {
        "Service" => (63, false, true),
        "Namespace" => (63, false, false),
        _ => (253, true, false),
    };
    // Names of RBAC objects are free path segments.
    if kind.group != "rbac.authorization.k8s.io" {
        if name.len() > limit {
            causes.push(format!("metadata.name: Invalid value: {name:?}: must be no more than {limit} bytes"));
        }
        if !dns_name(name, dots, letter_first) {
            let what = if letter_first { "a DNS-1035 label" } else { "a lowercase RFC 1123 subdomain" };
            causes.push(format!(
                "metadata.name: Invalid value: {name:?}: {what} must consist of lower case alphanumeric characters"
            ));
        }
    }
    for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        if let Some(cause) = label_value(text) {
            causes.push(format!("metadata.labels: Invalid value: {text:?}: {cause}"));
        }
        if !label_key(key) {
            causes.push(format!(
                "metadata.labels: Invalid value: {key:?}: name part must consist of alphanumeric characters"
            ));
        }
    }
    for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                causes.push(format!("metadata.ownerReferences.{field}: Invalid value: \"\": must not be empty"));
            }
        }
    }
    causes
}

fn dns_name(name: &str, dots: bool, letter_first: bool) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.first().is_some_and(|b| alphanumeric(b) && !(letter_first && b.is_ascii_digit()))
            && bytes.last().is_some_and(alphanumeric)
            && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
    };
    if dots { name.split('.').all(part) } else { part(name) }
}

fn label_value(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        return Some("must be no more than 63 bytes");
    }
    (!value.is_empty() && !qualified_part(value))
        .then_some("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'")
}

fn label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(|p| p.len() <= 253 && dns_name(p, true, false)) && name.len() <= 63 && qualified_part(name)
}

fn qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn config_map(object: &Value, old: Option<&Value>) -> Vec<String> {
    let mut causes = vec![];
    if let Some(old) = old.filter(|old| old["immutable"] == true) {
        if object["immutable"] != true {
            causes.push("immutable: Forbidden: field is immutable when `immutable` is set".into());
        }
        for field in ["data", "binaryData"] {
            if object[field] != old[field] {
                causes.push(format!("{field}: Forbidden: field is immutable when `immutable` is set"));
            }
        }
    }
    let mut size = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in object[field].as_object().into_iter().flatten() {
            if key.is_empty()
                || key.len() > 253
                || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            {
                causes.push(format!("{field}[{key}]: Invalid value: {key:?}: a valid config key must consist of alphanumeric characters, '-', '_' or '.'"));
            }
            let length = value.as_str().unwrap_or_default().len();
            size += if field == "data" { length } else { length / 4 * 3 };
        }
    }
    if size > 1024 * 1024 {
        causes.push("[]: Too long: may not be more than 1048576 bytes".into());
    }
    causes
}

fn job(object: &Value, old: Option<&Value>) -> Vec<String> {
    let mut causes = vec![];
    if let Some(old) = old {
        for field in ["template", "selector", "completions"] {
            if object["spec"][field] != old["spec"][field] {
                causes.push(format!("spec.{field}: Invalid value: {}: field is immutable", object["spec"][field]));
            }
        }
        return causes;
    }
    let labels: BTreeMap<String, String> =
        serde_json::from_value(object["spec"]["template"]["metadata"]["labels"].clone()).unwrap_or_default();
    for value in labels.values() {
        if let Some(cause) = label_value(value) {
            causes.push(format!("spec.template.labels: Invalid value: {value:?}: {cause}"));
        }
    }
    let policy = object["spec"]["template"]["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    if !["Never", "OnFailure"].contains(&policy) {
        causes.push(format!("spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\" (found {policy:?})"));
    }
    if object["spec"]["podFailurePolicy"].is_object() && policy != "Never" {
        causes.push("spec.template.spec.restartPolicy: Invalid value: only \"Never\" is supported when podFailurePolicy is specified".into());
    }
    causes
}
