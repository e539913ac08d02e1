//! Each actor does what the real one does, as far as research on real clusters noted it.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use bcmp::simulation::actors::{Actor, Cast, PodScript, condition, has_label};
use bcmp::simulation::api_server::{ApiFailure, Cluster, finalizers, meta};

const GRAPHS: &str = "dynamographdeployments.nvidia.com";
const GRAPH: &str = "nvidia.com/dynamo-graph-deployment-name";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn job(name: &str, extra: Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x:1"}]}}},
    });
    for (field, value) in extra.as_object().into_iter().flatten() {
        job["spec"][field] = value.clone();
    }
    job
}

fn graph(name: &str, workers: u32, gpus: u32) -> Value {
    json!({
        "apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": name},
        "spec": {"services": {
            "Frontend": {"componentType": "frontend", "replicas": 1, "extraPodSpec": {"mainContainer": {"image": "x:1.0.0"}}},
            "Worker": {"componentType": "worker", "replicas": workers, "resources": {"limits": {"gpu": gpus.to_string()}},
                       "extraPodSpec": {"mainContainer": {"image": "x:1.0.0"}}},
        }},
    })
}

fn pods_of(cluster: &Cluster, graph: &str) -> Vec<Value> {
    cluster.objects("pods").into_iter().filter(|pod| has_label(pod, GRAPH, graph)).collect()
}

fn job_condition(cluster: &Cluster, name: &str, kind: &str) -> Option<String> {
    let job: Job = cluster.find("default", name)?;
    let found = job.status?.conditions?.into_iter().find(|c| c.type_ == kind && c.status == "True")?;
    found.reason
}

fn graph_state(cluster: &Cluster, name: &str) -> String {
    let graph = cluster.object(GRAPHS, "default", name).unwrap_or_default();
    graph["status"]["state"].as_str().unwrap_or_default().to_owned()
}

async fn get_graph(cluster: &Cluster, version: &str) -> kube::Result<Value> {
    let path = format!("/apis/nvidia.com/{version}/namespaces/default/dynamographdeployments/qwen");
    cluster.client().request(http::Request::get(path).body(vec![]).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_its_work_and_completes() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script(|_| {
        Some(PodScript::run(|pod| async move {
            tokio::time::sleep(seconds(30)).await;
            pod.cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": pod.name()}}));
            0
        }))
    });
    cluster.put(job("load", json!({})));
    cluster.until("complete", seconds(60), |c| job_condition(c, "load", "Complete").is_some()).await;
    assert_eq!(cluster.objects("configmaps").len(), 1);
    let pod = cluster.objects("pods").remove(0);
    assert_eq!((pod["status"]["phase"].as_str(), finalizers(&pod)), (Some("Succeeded"), vec![]));
    assert!(has_label(&pod, "batch.kubernetes.io/job-name", "load"));
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_is_tried_again_up_to_its_limit() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script(|_| Some(PodScript::fail(seconds(1), 1)));
    cluster.put(job("load", json!({"backoffLimit": 2})));
    cluster.until("failed", seconds(300), |c| job_condition(c, "load", "Failed").is_some()).await;
    assert_eq!(job_condition(&cluster, "load", "Failed").as_deref(), Some("BackoffLimitExceeded"));
    assert_eq!(cluster.objects("pods").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn evictions_do_not_count_and_replacement_waits_for_the_end() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script(|_| Some(PodScript::succeed(seconds(100)).stopping_after(seconds(20))));
    cluster.put(job(
        "load",
        json!({"backoffLimit": 0, "podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}}),
    ));
    cluster
        .until("running", seconds(30), |c| c.objects("pods").iter().any(|p| p["status"]["phase"] == "Running"))
        .await;
    let pod = cluster.objects("pods").remove(0);
    cast.evict_pod("default", meta(&pod, "name"));
    tokio::time::sleep(seconds(10)).await;
    assert_eq!(cluster.objects("pods").len(), 1, "no second client while the first one ends");
    cluster.until("complete", seconds(300), |c| job_condition(c, "load", "Complete").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_at_its_deadline() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script(|_| Some(PodScript::succeed(seconds(10_000))));
    cluster.put(job("load", json!({"activeDeadlineSeconds": 600})));
    cluster.until("failed", seconds(700), |c| job_condition(c, "load", "Failed").is_some()).await;
    assert_eq!(job_condition(&cluster, "load", "Failed").as_deref(), Some("DeadlineExceeded"));
    assert!(cluster.objects("pods").iter().all(|pod| pod["status"]["phase"] == "Failed"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_job_says_so_in_events_only() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.admission(|plural, object| {
        (plural == "pods")
            .then(|| ApiFailure::quota_exceeded("pods", meta(object, "name"), "gpus", "requests.nvidia.com/gpu"))
    });
    cluster.put(job("load", json!({})));
    tokio::time::sleep(seconds(30)).await;
    let event = cluster.objects("events").into_iter().find(|e| e["reason"] == "FailedCreate").unwrap();
    assert!(event["message"].as_str().unwrap().contains("exceeded quota: gpus"), "{event}");
    cluster.admit_all();
    cluster.until("complete", seconds(60), |c| job_condition(c, "load", "Complete").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_graph_becomes_ready_after_its_pods() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("qwen", 8, 1));
    cluster.until("pending", seconds(5), |c| graph_state(c, "qwen") == "pending").await;
    let start = cluster.now();
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    assert!((11..20).contains(&cluster.now().duration_since(start).as_secs()));
    assert_eq!(pods_of(&cluster, "qwen").len(), 9);
    assert!(cluster.object("services", "default", "qwen-frontend").is_some());
    let seen = cluster.object(GRAPHS, "default", "qwen").unwrap();
    assert_eq!((condition(&seen, "Ready"), finalizers(&seen)), ("True", vec!["nvidia.com/finalizer".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn in_the_background_a_graph_vanishes_before_its_pods() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("qwen", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    cluster.delete(GRAPHS, "default", "qwen", "Background");
    cluster.until("graph gone", seconds(2), |c| c.objects(GRAPHS).is_empty()).await;
    assert_eq!(pods_of(&cluster, "qwen").len(), 2);
    let start = cluster.now();
    cluster.until("pods gone", seconds(10), |c| pods_of(c, "qwen").is_empty()).await;
    assert!((2..5).contains(&cluster.now().duration_since(start).as_secs()));
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_a_graph_stays_until_its_pods_are_gone() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script(|pod| has_label(pod, GRAPH, "qwen").then(|| PodScript::serve(seconds(1)).stopping_after(seconds(25))));
    cluster.put(graph("qwen", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    cluster.delete(GRAPHS, "default", "qwen", "Foreground");
    for _ in 0..20 {
        tokio::time::sleep(seconds(1)).await;
        assert_eq!((cluster.objects(GRAPHS).len(), pods_of(&cluster, "qwen").len()), (1, 2));
    }
    cluster.until("gone", seconds(15), |c| c.objects(GRAPHS).is_empty()).await;
    assert!(pods_of(&cluster, "qwen").is_empty() && cluster.objects("deployments.apps").is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_dynamos_operator_a_graph_keeps_its_finalizer_and_pods() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("qwen", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    cast.stop(Actor::Dynamo);
    cluster.delete(GRAPHS, "default", "qwen", "Background");
    tokio::time::sleep(seconds(600)).await;
    assert_eq!((cluster.objects(GRAPHS).len(), pods_of(&cluster, "qwen").len()), (1, 2));
    assert!(get_graph(&cluster, "v1beta1").await.is_ok());
    assert!(get_graph(&cluster, "v1alpha1").await.unwrap_err().to_string().contains("conversion webhook"));
    cast.resume(Actor::Dynamo);
    cluster.until("gone", seconds(10), |c| c.objects(GRAPHS).is_empty() && pods_of(c, "qwen").is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_a_graph_takes_it_along() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    let owner = cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plan"}}));
    let mut child = graph("qwen", 1, 8);
    child["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "plan", "uid": owner["metadata"]["uid"], "controller": true}]);
    cluster.put(child);
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    cluster.delete("configmaps", "default", "plan", "Background");
    cluster.until("gone", seconds(10), |c| c.objects(GRAPHS).is_empty() && pods_of(c, "qwen").is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_graphs_waits_for_the_gpus_of_the_first() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("first", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "first") == "successful").await;
    cluster.put(graph("second", 1, 8));
    tokio::time::sleep(seconds(60)).await;
    let waiting = pods_of(&cluster, "second").into_iter().find(|p| condition(p, "PodScheduled") == "False").unwrap();
    assert!(waiting.to_string().contains("0/1 nodes are available: 1 Insufficient nvidia.com/gpu"), "{waiting}");
    assert_eq!(graph_state(&cluster, "second"), "pending");
    cluster.delete(GRAPHS, "default", "first", "Foreground");
    cluster.until("ready", seconds(60), |c| graph_state(c, "second") == "successful").await;
}

#[tokio::test(start_paused = true)]
async fn trouble_of_pods_shows_as_on_a_real_node() {
    let cases: [(&str, PodScript, &str); 5] = [
        ("crash", PodScript::crash_loop(), "CrashLoopBackOff"),
        ("memory", PodScript::out_of_memory(), "OOMKilled"),
        ("pull", PodScript::image_pull_error(), "ImagePullBackOff"),
        ("never", PodScript::never_ready(), "ContainersNotReady"),
        ("message", PodScript::unschedulable("0/9 nodes are available: no luck"), "no luck"),
    ];
    for (name, script, sign) in cases {
        let cluster = Cluster::new();
        let cast = Cast::new(&cluster).node("a", 8);
        cast.script_for("nvidia.com/dynamo-component-type", "worker", script);
        cluster.put(graph(name, 1, 8));
        cluster
            .until(sign, seconds(120), |c| pods_of(c, name).iter().any(|p| p["status"].to_string().contains(sign)))
            .await;
        tokio::time::sleep(seconds(3600)).await;
        assert_eq!(graph_state(&cluster, name), "pending", "{name} never becomes failed");
        cluster.delete(GRAPHS, "default", name, "Foreground");
        cluster.until("gone", seconds(60), |c| c.objects("pods").is_empty() && c.objects(GRAPHS).is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_taken_back() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cast.script_for("nvidia.com/dynamo-component-type", "worker", PodScript::ready_then_not(seconds(5), seconds(60)));
    cluster.put(graph("qwen", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    cluster.until("taken back", seconds(120), |c| graph_state(c, "qwen") == "pending").await;
}

#[tokio::test(start_paused = true)]
async fn a_graph_without_workers_is_ready() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("qwen", 0, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_pod_is_replaced_and_a_lost_node_keeps_its_pods() {
    let cluster = Cluster::new();
    let cast = Cast::new(&cluster).node("a", 8);
    cluster.put(graph("qwen", 1, 8));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
    let names = |c: &Cluster| pods_of(c, "qwen").iter().map(|p| meta(p, "name").to_owned()).collect::<Vec<_>>();
    let before = names(&cluster);
    cast.lose_pod("default", &before[0]);
    let all_ready = |c: &Cluster| pods_of(c, "qwen").iter().all(|pod| condition(pod, "Ready") == "True");
    cluster.until("replaced", seconds(60), |c| names(c).len() == 2 && names(c) != before && all_ready(c)).await;
    cast.lose_node("a");
    cluster.delete(GRAPHS, "default", "qwen", "Foreground");
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(names(&cluster).len(), 2, "nobody can say that the containers have ended");
    for name in names(&cluster) {
        cast.lose_pod("default", &name);
    }
    cluster.until("gone", seconds(30), |c| c.objects(GRAPHS).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_holds_a_pod_until_it_is_there() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    let mut needy = graph("qwen", 1, 8);
    needy["spec"]["services"]["Worker"]["envFromSecret"] = json!("hf-token");
    cluster.put(needy);
    let message = "secret \\\"hf-token\\\" not found";
    cluster.until("message", seconds(30), |c| pods_of(c, "qwen").iter().any(|p| p.to_string().contains(message))).await;
    cluster.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hf-token"}}));
    cluster.until("ready", seconds(60), |c| graph_state(c, "qwen") == "successful").await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_ends_takes_everything_along_and_nothing_in() {
    let cluster = Cluster::new();
    let _cast = Cast::new(&cluster).node("a", 8);
    cluster.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}}));
    let mut child = graph("qwen", 1, 8);
    child["metadata"]["namespace"] = json!("bench");
    cluster.put(child);
    cluster.until("pods", seconds(60), |c| pods_of(c, "qwen").len() == 2).await;
    cluster.delete("namespaces", "", "bench", "Background");
    let refused = cluster
        .try_put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": "bench"}}))
        .unwrap_err();
    assert_eq!((refused.code, refused.reason.as_str()), (403, "Forbidden"));
    cluster.until("gone", seconds(120), |c| c.object("namespaces", "", "bench").is_none()).await;
    assert!(cluster.objects("pods").is_empty() && cluster.objects(GRAPHS).is_empty());
}
