//! render: what is shown is what the operator creates.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{bcmp, measured, uid};
use bcmp::simulation::api_server::{ApiRequest, Verb};
use bcmp::simulation::lab::{Lab, comparison, small};

/// Kind and name of each object.
fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(identity).collect()
}

fn identity(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// Bodies of all objects that the operator created for a comparison, in that order.
fn created(lab: &Lab) -> Vec<Value> {
    let requests = lab.cluster.requests();
    let is_meant = |request: &ApiRequest| request.verb == Some(Verb::Create) && !request.query.contains_key("dryRun");
    let creates = requests.iter().filter(|logged| is_meant(&logged.request));
    let bodies = creates.filter(|logged| logged.code == Some(201)).map(|logged| logged.request.body.clone());
    bodies.filter(|body| !body["metadata"]["labels"]["bcmp.dev/comparison"].is_null()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_object_is_shown_as_the_operator_creates_it() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["scheduling"] = json!({"queueName": "gpus", "priorityClassName": "benchmarks"});
    spec["imagePullSecrets"] = json!([{"name": "registry"}]);
    spec["execution"] = json!({"rounds": {"maximum": 1}, "deadlines": {"trialSeconds": 1200, "generateSeconds": 900}});
    lab.apply("qwen", spec);
    lab.finished("qwen", 1).await;
    let (rendered, _) = bcmp(&lab.cluster, &["render", "qwen", "-o", "json"]).await.noted();
    let rendered: Value = serde_json::from_str(&rendered).unwrap();
    let mut created = created(&lab);
    let report = created.pop().unwrap();
    assert_eq!(identity(&report), "ConfigMap qwen-r1-report", "the report is not known before");
    let mut shown = rendered["items"].as_array().unwrap().clone();
    // The second variant is deployed after the first one is gone; its results are there when it is.
    for objects in [&mut created, &mut shown] {
        objects.sort_by_key(identity);
    }
    let identities = |objects: &[Value]| objects.iter().map(identity).collect::<Vec<_>>();
    assert_eq!(identities(&shown), identities(&created));
    for (shown, created) in shown.iter().zip(&created) {
        assert_eq!(shown, created, "{}", identity(created));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_creates_is_rendered_with_what_was_generated() {
    let lab = measured().await;
    let (list, notes) = bcmp(&lab.cluster, &["render", "qwen", "-o", "json"]).await.noted();
    assert!(notes.starts_with("by the predictions, ") && notes.contains("\nexpected cost: "), "{notes}");
    let list: Value = serde_json::from_str(&list).unwrap();
    insta::assert_snapshot!("rendered", names(&list).join("\n"));
    assert_eq!(list["items"][0]["metadata"]["ownerReferences"][0]["uid"], uid(&lab, "qwen"));
    let (yaml, _) = bcmp(&lab.cluster, &["render", "qwen"]).await.noted();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
    assert_eq!(json!(documents), list["items"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_yet_is_left_out_with_a_reason() {
    let lab = Lab::new(&[]);
    lab.apply("qwen", json!({"execution": {"start": "OnRequest"}}));
    let ran = bcmp(&lab.cluster, &["render", "qwen", "-o", "json"]).await;
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.err, @r"
    qwen has had no run yet: this is what one would create
    variant baseline is left out: its configuration is not generated yet
    variant optimized is left out: its configuration is not generated yet
    predictions and price are not known before a run; `bcmp simulate` estimates them
    ");
}

const GRAPH: &str = r#"
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: mine}
spec:
  services:
    Frontend: {componentType: frontend, replicas: 1, extraPodSpec: {mainContainer: {image: "registry.example/runtime:1"}}}
    Worker:
      componentType: worker
      replicas: 1
      resources: {limits: {gpu: "8"}}
      extraPodSpec: {mainContainer: {image: "registry.example/runtime:1"}}
"#;

#[tokio::test(start_paused = true)]
async fn a_file_is_rendered_without_a_cluster() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("comparison.yaml");
    let variants = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "mine", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"inline": GRAPH}}},
    ]);
    fs::write(&file, comparison("qwen", json!({"variants": variants})).to_string()).unwrap();
    let ran = bcmp(&cluster, &["render", "-f", file.to_str().unwrap(), "-o", "json"]).await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            0,
            "variant baseline is left out: its configuration is not generated yet\n\
             predictions and price are not known before a run; `bcmp simulate` estimates them\n"
        )
    );
    insta::assert_snapshot!("rendered_file", names(&serde_json::from_str(&ran.out).unwrap()).join("\n"));
    let ran = bcmp(&cluster, &["render", "-f", "/nowhere/at/all.yaml"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("/nowhere/at/all.yaml: cannot be read"), "{}", ran.err);
}

/// A comparison of one generated variant beside an endpoint, and what the predictor wrote for it in another run.
fn generated(directory: &Path, fields: Value, patches: Value, generated: Option<&str>) -> [String; 2] {
    let objects: Vec<Value> = serde_saphyr::from_multiple(GRAPH).unwrap();
    let mut ready = json!({"result": "ready", "objects": objects, "prediction": {"findings": []}});
    if let Some(manifests) = generated {
        ready["generated"] = json!(manifests);
    }
    let configurations =
        json!({"schemaVersion": 1, "variants": [{"variant": "optimized", "outcome": ready}]}).to_string();
    let mut spec = fields;
    spec["variants"] = json!([
        {"name": "running", "role": "Baseline", "source": {"type": "Endpoint", "endpoint": {"url": "http://f.models.svc:8000", "gpus": 8}}},
        {"name": "optimized", "role": "Candidate", "source": {"type": "Recommended"}, "patches": patches},
    ]);
    let texts = [comparison("qwen", spec).to_string(), configurations];
    let paths = ["comparison.yaml", "configurations.yaml"].map(|name| directory.join(name));
    paths.iter().zip(texts).for_each(|(path, text)| fs::write(path, text).unwrap());
    paths.map(|path| path.display().to_string())
}

fn at<'a>(list: &'a Value, pointer: &str) -> &'a Value {
    let items = list["items"].as_array().unwrap();
    let graph = items.iter().find(|object| object["kind"] == "DynamoGraphDeployment").unwrap();
    graph.pointer(pointer).unwrap_or(&Value::Null)
}

#[tokio::test(start_paused = true)]
async fn the_spec_and_the_patches_of_the_file_are_applied_to_what_the_predictor_wrote() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let directory = tempfile::tempdir().unwrap();
    let fields = json!({
        "hardware": {"nodeSelector": {"gpu": "h200"}},
        "imagePullSecrets": [{"name": "registry"}],
        "scheduling": {"queueName": "gpus"},
        "runtime": {"image": "registry.example/runtime:2.0.0"},
    });
    let patches = json!([{"target": {"kind": "DynamoGraphDeployment"}, "operations": [
        {"op": "add", "path": "/spec/services/Worker/extraPodSpec/runtimeClassName", "value": "nvidia"},
        {"op": "remove", "path": "/spec/services/Frontend/replicas"},
    ]}]);
    let [file, configurations] = generated(directory.path(), fields, patches, Some(GRAPH));
    let arguments = ["render", "-f", &file, "--configurations", &configurations, "-o", "json"];
    let (list, notes) = bcmp(&cluster, &arguments).await.noted();
    assert_eq!(notes, "predictions and price are not known before a run; `bcmp simulate` estimates them\n");
    let list: Value = serde_json::from_str(&list).unwrap();
    // The patches are for what the predictor wrote; what is created of it is the newest version.
    let component = |name: &str| {
        let components = at(&list, "/spec/components").as_array().unwrap();
        components.iter().find(|component| component["name"] == name).unwrap().clone()
    };
    let (worker, pod) = (component("Worker"), component("Worker")["podTemplate"]["spec"].clone());
    assert_eq!(pod["nodeSelector"], json!({"gpu": "h200"}));
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(pod["runtimeClassName"], "nvidia");
    assert_eq!(pod["containers"][0]["image"], "registry.example/runtime:2.0.0");
    assert_eq!(worker["podTemplate"]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], "gpus");
    assert_eq!(*at(&list, "/metadata/labels/kueue.x-k8s.io~1queue-name"), "gpus");
    assert_eq!(component("Frontend")["replicas"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_does_not_fit_is_an_error() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let directory = tempfile::tempdir().unwrap();
    let patches = json!([{"target": {"kind": "DynamoGraphDeployment"}, "operations": [
        {"op": "replace", "path": "/spec/services/NoSuchWorker/replicas", "value": 2},
    ]}]);
    let [file, configurations] = generated(directory.path(), json!({}), patches, Some(GRAPH));
    let ran = bcmp(&cluster, &["render", "-f", &file, "--configurations", &configurations]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("variant optimized: patches[0]: DynamoGraphDeployment mine: "), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn configurations_without_what_the_predictor_wrote_are_refused() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let directory = tempfile::tempdir().unwrap();
    let [file, configurations] = generated(directory.path(), json!({}), json!([]), None);
    let ran = bcmp(&cluster, &["render", "-f", &file, "--configurations", &configurations]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("do not contain what the predictor wrote"), "{}", ran.err);
}

/// As people write it for Git: the manifests in a ConfigMap beside the comparison.
#[tokio::test]
async fn a_file_with_the_manifests_beside_the_comparison_is_rendered() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples/own-manifests.yaml");
    let ran = bcmp(&cluster, &["render", "-f", sample]).await;
    let note = "predictions and price are not known before a run; `bcmp simulate` estimates them\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, note));
    let rendered: Vec<serde_json::Value> = serde_saphyr::from_multiple(&ran.out).unwrap();
    let graphs = rendered.iter().filter(|object| object["kind"] == "DynamoGraphDeployment");
    assert_eq!(graphs.count(), 2, "one from the ConfigMap, one inline");
}

/// A claim beside the comparison is part of the plan; one that is in the cluster alone is told.
#[tokio::test]
async fn a_claim_beside_the_comparison_is_in_the_plan() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples/claim-of-aisimulate.yaml");
    let ran = bcmp(&cluster, &["render", "-f", sample]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rendered: Vec<serde_json::Value> = serde_saphyr::from_multiple(&ran.out).unwrap();
    let plan = rendered.iter().find_map(|object| object["data"]["plan.json"].as_str()).unwrap();
    let plan: serde_json::Value = serde_json::from_str(plan).unwrap();
    let files: Vec<&String> = plan["claims"]["tp8"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["prediction.json", "settings.yaml"]);
    let text = std::fs::read_to_string(sample).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("comparison.yaml");
    std::fs::write(&alone, text.split("---\n").nth(1).unwrap()).unwrap();
    let ran = bcmp(&cluster, &["render", "-f", &alone.display().to_string()]).await;
    let said = "the plan is shown without the claim of variant tp8, which is in ConfigMap aisimulate-tp8: put that into the file";
    assert!(ran.code == 0 && ran.err.contains(said), "{}", ran.err);
}
