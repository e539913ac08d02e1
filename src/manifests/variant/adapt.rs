//! How the spec changes manifests: generated ones in many fields, all of them in scheduling and pull secrets.

use serde_json::{Map, Value, json};

use super::probes;
use crate::api::{BenchmarkComparisonSpec, ModelCache, Probes, Scheduling};
use crate::dynamo::{self, Layout, PodSet};
use crate::manifests::labels::KUEUE_QUEUE;
use crate::pointer::{add_element, put_element, remove, set, token};

/// Resource that the predictor asks for.
const GENERATED_GPU: &str = "nvidia.com/gpu";
/// Name of the volume with the weights.
const CACHE_VOLUME: &str = "model-cache";

/// Labels and annotations by which other tools track what they created: copies of them would be pruned or adopted.
///
/// Dynamo's operator keeps notes of its own in annotations: copied, they make a new graph look like one that is being
/// updated.
const TRACKING_PREFIXES: [&str; 10] = [
    "nvidia.com/current-worker-hash",
    // From these Dynamo's conversion restores fields that are not checked.
    "nvidia.com/dgd-",
    "argocd.argoproj.io/",
    "helm.sh/",
    "meta.helm.sh/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "kapp.k14s.io/",
    "config.kubernetes.io/",
    "config.k8s.io/",
];
const TRACKING_KEYS: [&str; 5] = [
    "nvidia.com/dynamo-operator-origin-version",
    "nvidia.com/workload-provider",
    "app.kubernetes.io/instance",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
];

/// Removes the status and all metadata that do not belong in a manifest.
///
/// AIConfigurator before 0.12 writes the namespace `None` when it was given none.
pub(super) fn strip(object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) else { return };
    let kept = ["name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"];
    metadata.retain(|key, value| kept.contains(&key.as_str()) && !value.is_null());
    if metadata.get("namespace").is_some_and(|namespace| namespace == "None") {
        metadata.remove("namespace");
    }
    if let Some(Value::Array(finalizers)) = metadata.get_mut("finalizers") {
        finalizers.retain(|finalizer| finalizer != dynamo::FINALIZER);
    }
    for map in ["labels", "annotations"] {
        if let Some(Value::Object(map)) = metadata.get_mut(map) {
            map.retain(|key, _| !is_tracking(key));
        }
        if metadata.get(map) == Some(&Value::Object(Map::new())) {
            metadata.remove(map);
        }
    }
}

fn is_tracking(key: &str) -> bool {
    TRACKING_KEYS.contains(&key) || TRACKING_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Changes an object that the predictor wrote to what the spec asks for.
pub(super) fn generated(object: &mut Value, spec: &BenchmarkComparisonSpec) {
    for pods in PodSet::of(object) {
        if let Some(image) = &spec.runtime.image {
            set_image(object, &pods, image, spec.runtime.version.as_deref());
        }
        set_token_secret(object, &pods, spec.model.token_secret_name.as_deref());
        if let Some(cache) = &spec.model.cache {
            mount_cache(object, &pods, cache);
        }
        if !spec.hardware.node_selector.is_empty() {
            set(object, &pods.spec(), "nodeSelector", json!(spec.hardware.node_selector));
        }
        for toleration in &spec.hardware.tolerations {
            add_element(object, &format!("{}/tolerations", pods.spec()), json!(toleration));
        }
        if spec.hardware.gpu_resource_name != GENERATED_GPU {
            set_gpu_resource(object, &pods, &spec.hardware.gpu_resource_name);
        }
        if spec.execution.probes == Probes::Prompt {
            let ready_seconds = spec.execution.deadlines.ready_seconds;
            make_probes_prompt(object, &pods, ready_seconds.into());
        }
    }
}

/// Adds the spec's pull secrets and scheduling to any object.
pub(super) fn all(object: &mut Value, spec: &BenchmarkComparisonSpec) {
    // A new field does not compile until it is decided here what it does.
    let Scheduling { priority_class_name, scheduler_name, queue_name } = &spec.scheduling;
    let pods = PodSet::of(object);
    for pods in &pods {
        for secret in &spec.image_pull_secrets {
            put_element(object, &format!("{}/imagePullSecrets", pods.spec()), "name", json!(secret));
        }
        for (field, name) in [("priorityClassName", priority_class_name), ("schedulerName", scheduler_name)] {
            if let Some(name) = name {
                set(object, &pods.spec(), field, name.as_str());
            }
        }
        if let Some(queue) = queue_name {
            set(object, &format!("{}/labels", pods.metadata()), KUEUE_QUEUE, queue.as_str());
        }
    }
    if let Some(queue) = queue_name
        && !pods.is_empty()
    {
        set(object, "/metadata/labels", KUEUE_QUEUE, queue.as_str());
    }
}

/// Dynamo's operator reads the runtime's version from a tag that is a semantic version, and wants it in a field otherwise:
/// there it takes three numbers, and nothing behind them.
fn set_image(object: &mut Value, pods: &PodSet, image: &str, version: Option<&str>) {
    for container in pods.main_containers(object) {
        set(object, &container, "image", image);
    }
    let tag = tag(image).filter(|_| pods.layout().is_graph());
    if pods.layout().is_graph()
        && !tag.is_some_and(is_semantic)
        && let Some(version) = version.or(tag).and_then(release)
    {
        set(object, pods.component(), "runtimeVersionOverride", version);
    }
}

fn tag(image: &str) -> Option<&str> {
    let without_digest = image.split('@').next().unwrap_or_default();
    let last = without_digest.rsplit('/').next().unwrap_or_default();
    last.split_once(':').map(|(_, tag)| tag)
}

/// Whether a tag is a semantic version, with or without a `v`.
fn is_semantic(tag: &str) -> bool {
    let version = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let (core, candidate) = version.split_once('-').map_or((version, None), |(core, rest)| (core, Some(rest)));
    let numbers: Vec<&str> = core.split('.').collect();
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && (!part.bytes().all(|byte| byte.is_ascii_digit()) || is_number(part))
    };
    numbers.len() == 3
        && numbers.into_iter().all(is_number)
        && candidate.is_none_or(|candidate| candidate.split('.').all(is_part))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// The three numbers a version begins with.
fn release(version: &str) -> Option<String> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let mut numbers = vec![];
    for place in 0..3 {
        if place > 0 {
            rest = rest.strip_prefix('.')?;
        }
        let (number, after) = rest.split_at(digits(rest));
        numbers.push(number);
        rest = after;
    }
    numbers.iter().all(|number| is_number(number) && number.len() <= 4).then(|| numbers.join("."))
}

/// Every server gets its environment from this Secret; without one, from no Secret at all.
fn set_token_secret(object: &mut Value, pods: &PodSet, secret: Option<&str>) {
    if pods.layout() == Layout::Alpha {
        let component = pods.component().to_owned();
        match secret {
            Some(secret) => set(object, &component, "envFromSecret", secret),
            None => {
                remove(object, &component, "envFromSecret");
                remove(object, &format!("{component}/frontendSidecar"), "envFromSecret");
            }
        }
        return;
    }
    for container in pods.main_containers(object) {
        if let Some(sources) = object.pointer_mut(&format!("{container}/envFrom")).and_then(Value::as_array_mut) {
            sources.retain(|source| source.get("secretRef").is_none());
        }
        if let Some(secret) = secret {
            add_element(object, &format!("{container}/envFrom"), json!({"secretRef": {"name": secret}}));
        }
        if object.pointer(&format!("{container}/envFrom")) == Some(&Value::Array(vec![])) {
            remove(object, &container, "envFrom");
        }
    }
}

/// The frontend needs the weights' directory as well: it reads the tokenizer there.
fn mount_cache(object: &mut Value, pods: &PodSet, cache: &ModelCache) {
    let volume = json!({"name": CACHE_VOLUME, "persistentVolumeClaim": {"claimName": cache.claim_name}});
    let mut mount = json!({"name": CACHE_VOLUME, "mountPath": cache.mount_path});
    if let Some(directory) = cache.sub_path.as_deref().filter(|directory| !directory.is_empty()) {
        mount["subPath"] = directory.into();
    }
    put_element(object, &format!("{}/volumes", pods.spec()), "name", volume);
    for container in pods.main_containers(object) {
        put_element(object, &format!("{container}/volumeMounts"), "mountPath", mount.clone());
    }
}

fn set_gpu_resource(object: &mut Value, pods: &PodSet, resource: &str) {
    for list in pods.component_resources() {
        if object.pointer(&format!("{list}/gpu")).is_some() {
            set(object, &list, "gpuType", resource);
        }
    }
    for list in ["limits", "requests"] {
        for container in pods.containers(object) {
            let resources = format!("{container}/resources/{list}");
            let Some(amount) = object.pointer(&format!("{resources}/{}", token(GENERATED_GPU))).cloned() else {
                continue;
            };
            remove(object, &resources, GENERATED_GPU);
            set(object, &resources, resource, amount);
        }
    }
}

fn make_probes_prompt(object: &mut Value, pods: &PodSet, ready_seconds: u64) {
    let holders = [pods.component().to_owned()]
        .into_iter()
        .filter(|_| pods.layout() == Layout::Alpha)
        .chain(pods.containers(object));
    for holder in holders.collect::<Vec<_>>() {
        if let Some(holder) = object.pointer_mut(&holder).and_then(Value::as_object_mut) {
            probes::make_prompt(holder, ready_seconds);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A tag, a version in the spec, and what Dynamo's operator is told.
    #[rstest]
    #[case("nvcr.io/nvidia/runtime:0.5.0", None, None)]
    #[case("localhost:5000/runtime:v1.3.0-rc.1", None, None)]
    #[case("runtime:V1.3.0", None, None)]
    #[case("runtime:1.3.0@sha256:abc", None, None)]
    #[case("runtime:0.8.1.post1", None, Some("0.8.1"))]
    #[case("runtime:1.0.0rc6", None, Some("1.0.0"))]
    #[case("runtime:1.3.0-", None, Some("1.3.0"))]
    #[case("runtime:1.3.0-rc..1", None, Some("1.3.0"))]
    #[case("runtime:1.3.0-01", None, Some("1.3.0"))]
    #[case("runtime:01.3.0", None, None)]
    #[case("runtime:nightly", None, None)]
    #[case("runtime:nightly", Some("v1.3.0-rc.6"), Some("1.3.0"))]
    #[case("runtime:dev", Some("0.7.0.post1"), Some("0.7.0"))]
    #[case("runtime:dev", Some("1.3"), None)]
    #[case("localhost:5000/runtime", Some("1.3.0"), Some("1.3.0"))]
    #[case("runtime@sha256:abc", Some("1.3.0"), Some("1.3.0"))]
    fn the_runtimes_version_is_told_where_the_tag_does_not(
        #[case] image: &str,
        #[case] version: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let mut graph = json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
                               "spec": {"services": {"W": {"extraPodSpec": {"mainContainer": {}}}}}});
        let pods = PodSet::of(&graph);
        set_image(&mut graph, &pods[0], image, version);
        let told = graph.pointer("/spec/services/W/runtimeVersionOverride").and_then(Value::as_str);
        assert_eq!(told, expected);
    }

    #[test]
    fn what_dynamos_operator_notes_on_its_graphs_is_stripped() {
        let mut object = json!({"metadata": {
            "name": "a", "finalizers": ["nvidia.com/finalizer"],
            "annotations": {"nvidia.com/current-worker-hash-v2": "x", "nvidia.com/dgd-spec": "{}", "nvidia.com/dgd-comp-w": "{}", "nvidia.com/kept": "y"},
        }});
        strip(&mut object);
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "finalizers": [], "annotations": {"nvidia.com/kept": "y"}}})
        );
    }

    #[test]
    fn what_other_tools_track_by_is_stripped() {
        let mut object = json!({
            "metadata": {
                "name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [], "creationTimestamp": null, "generation": 3,
                "namespace": "None",
                "labels": {"app": "x", "app.kubernetes.io/instance": "y", "helm.sh/chart": "z"},
                "annotations": {"argocd.argoproj.io/tracking-id": "t", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            },
            "status": {"state": "successful"},
        });
        strip(&mut object);
        assert_eq!(object, json!({"metadata": {"name": "a", "labels": {"app": "x"}}}));
    }
}
