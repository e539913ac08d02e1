//! Graphs that Dynamo generated for a DynamoGraphDeploymentRequest. Dynamo's operator is not here: the test writes the
//! status it would write.

use bcmp::api::labels;
use serde_json::{Value, json};

use super::stage::{Stage, define};
use super::variants;

const REQUESTS: &str = "dynamographdeploymentrequests.nvidia.com";
const GRAPHS: &str = "dynamographdeployments.nvidia.com";

/// What Dynamo's profiler selects: a whole object.
fn graph() -> Value {
    let component = |name: &str, kind: &str, container: Value| {
        let mut main = json!({"name": "main", "image": "registry.example/runtime:1.3.0"});
        super::merge(&mut main, &container);
        json!({"name": name, "type": kind, "replicas": 1, "podTemplate": {"spec": {"containers": [main]}}})
    };
    let worker = json!({"command": ["python3", "-m", "dynamo.vllm", "--model", "Qwen/Qwen3-32B", "--tensor-parallel-size", "8"],
                        "resources": {"limits": {"nvidia.com/gpu": "8"}}});
    json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "profiled"},
           "spec": {"backendFramework": "vllm",
                    "components": [component("Frontend", "frontend", json!({})), component("Worker", "decode", worker)]}})
}

async fn message(stage: &Stage, namespace: &str) -> String {
    let comparison = stage.comparison(namespace, "requested").await;
    comparison["status"]["message"].as_str().unwrap_or_default().to_owned()
}

async fn case(stage: &Stage, namespace: &str) {
    let says = |words: &'static str| async move {
        stage.bed.eventually(words, || async { message(stage, namespace).await.contains(words) }).await;
    };
    stage.compare(namespace, "requested", variants(json!({"requestName": "qwen"}))).await;
    says("DynamoGraphDeploymentRequest qwen does not exist; create it").await;
    let request = json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeploymentRequest",
        "metadata": {"name": "qwen"}, "spec": {"model": "Qwen/Qwen3-32B", "autoApply": false}});
    stage.bed.post(&stage.bed.path(REQUESTS), request).await.ok();
    says("waits for the graph of DynamoGraphDeploymentRequest qwen").await;
    let status = format!("{}/status", stage.bed.object(REQUESTS, "qwen"));
    stage.bed.merge(&status, json!({"status": {"phase": "Profiling"}})).await.ok();
    says("waits for the graph of DynamoGraphDeploymentRequest qwen, which is Profiling").await;
    let ready = json!({"status": {"phase": "Ready", "profilingResults": {"selectedConfig": graph()}}});
    stage.bed.merge(&status, ready).await.ok();

    let selector = format!("labelSelector={}%3Drequested", labels::COMPARISON.replace('/', "%2F"));
    let graphs = format!("{}?{selector}", stage.bed.path(GRAPHS));
    let deployed = || async { stage.bed.get(&graphs).await.ok()["items"][0].clone() };
    stage.bed.eventually("the graph is deployed", || async { !deployed().await.is_null() }).await;
    let found = deployed().await;
    assert_ne!(found["metadata"]["name"], "profiled");
    assert_eq!(found["spec"]["backendFramework"], "vllm");
    let worker = &found["spec"]["components"][1]["podTemplate"]["spec"]["containers"][0];
    assert_eq!(worker["command"], graph()["spec"]["components"][1]["podTemplate"]["spec"]["containers"][0]["command"]);
    // What was asked for stays as it is.
    let request = stage.bed.get(&stage.bed.object(REQUESTS, "qwen")).await.ok();
    assert_eq!(request["spec"]["autoApply"], false);
    assert!(request["metadata"]["ownerReferences"].is_null() && request["metadata"]["labels"].is_null(), "{request}");
}

mod real {
    use super::*;

    #[tokio::test]
    async fn a_requests_graph_is_deployed_once_it_is_generated() {
        let Some(stage) = Stage::of("requests", [json!([]), json!([])]).await else { return };
        let fixtures = [
            include_str!("../../fixtures/dynamo/nvidia.com_dynamographdeployments.yaml"),
            include_str!("../../fixtures/dynamo/nvidia.com_dynamographdeploymentrequests.yaml"),
        ];
        for yaml in fixtures {
            define(&stage.bed, yaml, "v1beta1").await;
        }
        let namespace = stage.bed.namespace.clone();
        stage.play(case(&stage, &namespace)).await;
        stage.clear().await;
    }
}
