//! What the generate pod published → what the operator uses of it. The pod runs an image that the comparison names, so
//! what it says is a claim: its objects are checked again, and what can be read from them is read again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ManifestError;
use super::variant::{instantiate, prepared};
use crate::api::{SourceKind, Variant};
use crate::plan::Plan;
use crate::prediction::configurations::{Configurations, GenerationOutcome, Ready};
use crate::prediction::{Shape, hinted_shape, read_shape};

/// A ServiceAccount that no variant may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedAccount {
    pub namespace: String,
    pub name: String,
}

/// Why published configurations are not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedConfigurations {
    #[error("variant {variant}: {source}")]
    Manifests { variant: String, source: ManifestError },
    #[error("variant {0} is in it twice")]
    Twice(String),
    #[error("it has a variant `{}`, which the run does not have", .0.escape_debug())]
    Unknown(String),
    #[error("variant {0} is not in it")]
    Missing(String),
    #[error("variant {0} is an endpoint, and it has objects to create for it")]
    ObjectsOfEndpoint(String),
}

/// Checks configurations as generation does, for a plan whose variants are deployed up to `deployments` times. GPUs are
/// counted anew; the shape is what the objects show, and of the claimed one only what they leave to the checkpoint.
///
/// # Errors
/// The first variant that must not be deployed: then none of them is, as all come from the same hand.
pub fn checked(
    plan: &Plan,
    configurations: Configurations,
    deployments: u32,
    reserved: Option<&ReservedAccount>,
) -> Result<Configurations, RefusedConfigurations> {
    let mut configurations = configurations;
    let mut seen = BTreeSet::new();
    for configuration in &mut configurations.variants {
        let name = &configuration.variant;
        if !seen.insert(name.clone()) {
            return Err(RefusedConfigurations::Twice(name.clone()));
        }
        let Some(variant) = plan.spec.variants.iter().find(|variant| variant.name == *name) else {
            return Err(RefusedConfigurations::Unknown(name.clone()));
        };
        if let GenerationOutcome::Ready(ready) = &mut configuration.outcome {
            check(plan, variant, ready, deployments, reserved)?;
        }
    }
    match plan.spec.variants.iter().find(|variant| !seen.contains(&variant.name)) {
        Some(variant) => Err(RefusedConfigurations::Missing(variant.name.clone())),
        None => Ok(configurations),
    }
}

fn check(
    plan: &Plan,
    variant: &Variant,
    ready: &mut Ready,
    deployments: u32,
    reserved: Option<&ReservedAccount>,
) -> Result<(), RefusedConfigurations> {
    if variant.source.kind == SourceKind::Endpoint {
        if !ready.objects.is_empty() {
            return Err(RefusedConfigurations::ObjectsOfEndpoint(variant.name.clone()));
        }
        let gpus = variant.source.endpoint.as_ref().map_or(1, |endpoint| endpoint.gpus);
        ready.shape = seen(hinted_shape(gpus, variant.shape.as_ref()), ready.shape.take());
        return Ok(());
    }
    let refused = |source| RefusedConfigurations::Manifests { variant: variant.name.clone(), source };
    let namespace = &plan.comparison.namespace;
    let objects =
        prepared(std::mem::take(&mut ready.objects), namespace, &plan.spec, &plan.pod_features).map_err(refused)?;
    if let Some(account) = reserved.filter(|account| account.namespace == *namespace) {
        objects.objects.iter().try_for_each(|object| without_account(object, account)).map_err(refused)?;
    }
    // The last deployment there may be has the longest name.
    instantiate(&objects.objects, plan, &variant.name, deployments).map_err(refused)?;
    let shape = read_shape(&objects.objects, objects.gpus, variant.shape.as_ref()).ok();
    ready.shape = seen(shape, ready.shape.take());
    ready.objects = objects.objects;
    Ok(())
}

/// The shape that can be read. Types of numbers that only the checkpoint says are taken from the claimed one.
fn seen(read: Option<Shape>, claimed: Option<Shape>) -> Option<Shape> {
    let (weights, kv_cache) = claimed.map_or((None, None), |claimed| (claimed.weights, claimed.kv_cache));
    read.map(|read| Shape { weights: read.weights.or(weights), kv_cache: read.kv_cache.or(kv_cache), ..read })
}

/// Refuses the operator's own ServiceAccount: its token is worth the rights in every namespace that the operator watches.
fn without_account(object: &Value, account: &ReservedAccount) -> Result<(), ManifestError> {
    let Some(field) = account_of(object, &account.name, "") else { return Ok(()) };
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    Err(ManifestError::refused(
        format!("{kind} {name}"),
        field,
        format!("is {}, the operator's own ServiceAccount", account.name),
        "name another ServiceAccount, and run comparisons in other namespaces than the operator's",
    ))
}

/// Path of the first field that names a ServiceAccount, at any depth.
fn account_of(value: &Value, name: &str, at: &str) -> Option<String> {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let names = matches!(key.as_str(), "serviceAccountName" | "serviceAccount") && value == name;
            if names { Some(below(key)) } else { account_of(value, name, &below(key)) }
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| account_of(item, name, &format!("{at}[{index}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::prediction::Prediction;
    use crate::prediction::configurations::{Configuration, SCHEMA_VERSION};
    use crate::testing::{plan, spec};

    fn worker(pod: Value) -> Value {
        let mut main = json!({
            "name": "main", "image": "runtime:1", "command": ["python3", "-m", "dynamo.trtllm"],
            "args": ["--tensor-parallel-size", "4"], "resources": {"limits": {"nvidia.com/gpu": "4"}},
        });
        let mut spec = pod;
        let container = spec.as_object_mut().and_then(|spec| spec.remove("container")).unwrap_or_default();
        main.as_object_mut().unwrap().extend(container.as_object().cloned().unwrap_or_default());
        spec["containers"] = json!([main]);
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "agg"},
               "spec": {"components": [
                   {"name": "Frontend", "type": "frontend", "podTemplate": {"spec": {"containers": [{"name": "main"}]}}},
                   {"name": "Worker", "type": "worker", "replicas": 2, "podTemplate": {"spec": spec}}]}})
    }

    fn published(objects: Vec<Value>) -> Configurations {
        let shape = serde_json::from_value(json!({
            "serving": {"mode": "aggregated", "workers": {"tensorParallel": 1, "pipelineParallel": 1, "dataParallel": 1, "replicas": 64,
                        "chunkedPrefill": false}},
            "gpus": 64, "weights": "fp8", "image": "other:1",
        }));
        let ready = |objects| Ready {
            objects,
            generated: None,
            shape: shape.as_ref().ok().cloned(),
            prediction: Prediction::default(),
        };
        let variant = |name: &str, objects| Configuration {
            variant: name.into(),
            outcome: GenerationOutcome::Ready(Box::new(ready(objects))),
        };
        Configurations {
            schema_version: SCHEMA_VERSION,
            load_tool: None,
            variants: vec![variant("baseline", objects), variant("optimized", vec![worker(json!({}))])],
        }
    }

    fn refusal(objects: Vec<Value>) -> String {
        let account = ReservedAccount { namespace: "default".into(), name: "bcmp-operator".into() };
        checked(&plan(spec()), published(objects), 24, Some(&account)).unwrap_err().to_string()
    }

    #[test]
    fn what_was_prepared_passes_and_its_shape_is_read_anew() {
        let passed = checked(&plan(spec()), published(vec![worker(json!({}))]), 24, None).unwrap();
        let GenerationOutcome::Ready(ready) = &passed.variants[0].outcome else { panic!("refused") };
        assert_eq!(ready.objects, [worker(json!({}))]);
        let shape = ready.shape.as_ref().unwrap();
        assert_eq!((shape.gpus, shape.image.as_deref()), (8, Some("runtime:1")));
        assert_eq!(shape.weights.as_deref(), Some("fp8"), "what only the checkpoint says");
    }

    #[rstest]
    #[case::node_network(json!({"hostNetwork": true}), "variant baseline: DynamoGraphDeployment agg: spec.components[1].podTemplate.spec.hostNetwork: ")]
    #[case::node_files(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), "variant baseline: DynamoGraphDeployment agg: ")]
    #[case::privileged(json!({"container": {"securityContext": {"privileged": true}}}), "variant baseline: ")]
    #[case::too_many_gpus(json!({"container": {"resources": {"limits": {"nvidia.com/gpu": "8"}}}}), "variant baseline: the manifests are not one server: its pods request 16")]
    #[case::the_operators_account(json!({"serviceAccountName": "bcmp-operator"}), "variant baseline: DynamoGraphDeployment agg: spec.components[1].podTemplate.spec.serviceAccountName: is bcmp-operator")]
    fn what_generation_would_refuse_is_refused(#[case] pod: Value, #[case] start: &str) {
        let message = refusal(vec![worker(pod)]);
        assert!(message.starts_with(start), "{message}");
        assert!(message.contains("; "), "no cure: {message}");
    }

    #[test]
    fn another_account_or_another_namespace_is_no_matter() {
        let objects = || vec![worker(json!({"serviceAccountName": "bcmp-operator"}))];
        let other = ReservedAccount { namespace: "bcmp".into(), name: "bcmp-operator".into() };
        assert!(checked(&plan(spec()), published(objects()), 24, Some(&other)).is_ok());
    }

    #[test]
    fn every_variant_is_there_once_and_no_other() {
        let with = |change: fn(&mut Configurations)| {
            let mut published = published(vec![worker(json!({}))]);
            change(&mut published);
            checked(&plan(spec()), published, 24, None).unwrap_err()
        };
        assert_eq!(
            with(|all| all.variants[1].variant = "baseline".into()),
            RefusedConfigurations::Twice("baseline".into())
        );
        assert_eq!(with(|all| all.variants[1].variant = "x".into()), RefusedConfigurations::Unknown("x".into()));
        assert_eq!(with(|all| drop(all.variants.pop())), RefusedConfigurations::Missing("optimized".into()));
    }
}
