//! One bad object harms only itself: what cannot be read is named and left out, what is refused is asked for again
//! with growing pauses, and what is gone is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bcmp::api::Phase;
use rstest::rstest;
use serde_json::{Value, json};

use crate::access::requests;
use crate::queueing::of_one_pod;

use bcmp::simulation::api_server::{ApiFailure, Fault, Verb, meta};
use bcmp::simulation::lab::{COMPARISONS, Lab, comparison, seconds, small};
use bcmp::simulation::truth;

/// The server accepts what this version of the operator cannot read, as after a downgrade.
fn accept_any_seed(lab: &Lab) {
    let mut crd = serde_json::to_value(bcmp::api::crd::crd()).unwrap();
    let seed = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/load/properties/seed";
    *crd.pointer_mut(seed).unwrap() = json!({"x-kubernetes-preserve-unknown-fields": true});
    lab.cluster.install(&crd);
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("deep"), |inner, _| json!([inner]))
}

/// A comparison of another team that cannot be read.
fn poison(lab: &Lab, seed: Value) {
    lab.cluster.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mallory"}}));
    let mut object = comparison("poison", json!({"load": {"seed": seed}}));
    object["metadata"]["namespace"] = json!("mallory");
    lab.cluster.put(object);
}

fn warnings_about(lab: &Lab, name: &str) -> Vec<String> {
    let events = lab.cluster.objects("events.events.k8s.io");
    let about = events.iter().filter(|e| e["regarding"]["name"] == name && e["type"] == "Warning");
    about.map(|event| format!("{}: {}", event["reason"].as_str().unwrap(), event["note"].as_str().unwrap())).collect()
}

#[rstest]
#[case::of_another_type(json!("many"))]
#[case::nested_deeply(nested(200))]
#[tokio::test(start_paused = true)]
async fn a_comparison_that_cannot_be_read_harms_only_itself(#[case] seed: Value) {
    let mut lab = Lab::new(&[8]);
    accept_any_seed(&lab);
    poison(&lab, seed);
    lab.apply("first", small());
    tokio::time::sleep(seconds(2)).await;
    lab.apply("second", small());
    lab.until("first", "measuring", 3600, |status| status.phase == Some(Phase::Measuring)).await;
    // A new process lists everything again.
    lab.kill();
    lab.start();
    for name in ["first", "second"] {
        let status = lab.finished(name, 1).await;
        assert_eq!(status.phase, Some(Phase::Succeeded), "{name}: {:?}", status.message);
    }
    let warnings = warnings_about(&lab, "poison");
    assert!(warnings.iter().any(|warning| warning.contains("spec.load.seed")), "{warnings:?}");
    assert!(warnings.len() <= 2, "once for each process: {warnings:?}");
    assert!(lab.metrics.text().contains("bcmp_unreadable_objects_total{resource=\"benchmarkcomparisons\"}"));
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_can_be_read_again_runs() {
    let lab = Lab::new(&[8]);
    accept_any_seed(&lab);
    poison(&lab, json!("many"));
    tokio::time::sleep(seconds(600)).await;
    lab.cluster.edit(COMPARISONS, "mallory", "poison", |object| object["spec"]["load"]["seed"] = json!(7));
    lab.cluster
        .until("it runs", seconds(60), |cluster| {
            let poison = cluster.object(COMPARISONS, "mallory", "poison").unwrap();
            !poison["status"]["run"].is_null()
        })
        .await;
}

/// Nobody's schema checks these: an aggregated API server, or a version that is ahead, may serve them.
#[tokio::test(start_paused = true)]
async fn a_pod_a_node_or_an_event_that_cannot_be_read_is_left_out() {
    let lab = Lab::new(&[8]);
    lab.cluster.store_unchecked(json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "bad", "namespace": "default", "labels": {"bcmp.dev/comparison": "qwen"}},
        "spec": {"hostNetwork": "yes", "schedulingGates": [{"name": "never"}], "containers": [{"name": "main"}]}}));
    lab.cluster.store_unchecked(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bad"},
        "spec": {"unschedulable": "perhaps"}, "status": {"allocatable": {"nvidia.com/gpu": "8"}}}));
    lab.cluster.store_unchecked(
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "bad", "namespace": "default"},
        "reason": "FailedCreate", "count": "several", "involvedObject": {"kind": "Job", "uid": "x"}}),
    );
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// A role without `watch`, a conversion that fails for one object: the list works and the watch does not.
#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_is_not_tried_again_at_once() {
    let lab = Lab::new(&[8]);
    let refused = Arc::new(AtomicUsize::new(0));
    let counter = refused.clone();
    lab.cluster.faults(move |request| {
        let graphs = request.plural == "dynamographdeployments" && request.verb == Some(Verb::Watch);
        if !graphs {
            return None;
        }
        // A loop without a pause never lets virtual time pass: it is stopped here.
        let count = counter.fetch_add(1, Ordering::Relaxed);
        if count > 1000 {
            return Some(Fault::Delay(seconds(86_400)));
        }
        Some(Fault::Refuse(ApiFailure::new(403, "Forbidden", "no verb watch")))
    });
    lab.cluster.close_watches();
    tokio::time::sleep(seconds(600)).await;
    let count = refused.load(Ordering::Relaxed);
    assert!((1..100).contains(&count), "{count} watches in ten minutes");
}

/// A graph in which somebody nested fields as deeply as the server takes them; who wrote them is noted as deeply.
fn deep_graph(name: &str, labels: Value) -> Value {
    let deep = (0..200).fold(json!("deep"), |inner, _| json!({"a": inner}));
    json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels}, "spec": {"components": [], "other": deep}})
}

#[tokio::test(start_paused = true)]
async fn a_graph_nested_without_a_limit_hides_no_other() {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    lab.cluster.put(deep_graph("aaa", json!({})));
    let ours = json!({"app.kubernetes.io/managed-by": "bcmp", "app.kubernetes.io/part-of": "bcmp", "bcmp.dev/comparison": "qwen"});
    lab.cluster.put(deep_graph("planted", ours));
    lab.start();
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let watched = |logged: &bcmp::simulation::api_server::Logged| {
        let request = &logged.request;
        request.plural == "dynamographdeployments" && request.verb == Some(Verb::Watch) && logged.code == Some(200)
    };
    assert!(lab.cluster.requests().iter().any(watched), "graphs are not watched");
}

/// A driver's parameters may be anything, and stand in the spec of a claim and again in its status.
#[tokio::test(start_paused = true)]
async fn a_claim_for_devices_nested_without_a_limit_hides_no_other() {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    let deep = (0..200).fold(json!("deep"), |inner, _| json!({"a": inner}));
    let config = json!([{"opaque": {"driver": "gpu.example.com", "parameters": deep}}]);
    lab.cluster.put(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
        "metadata": {"name": "deep", "namespace": "default"}, "spec": {"devices": {"config": config}},
        "status": {"allocation": {"devices": {"config": config, "results": []}}}}));
    lab.cluster.put(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "a"},
        "spec": {"driver": "gpu.example.com", "nodeName": "node-0", "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1},
            "devices": null}}));
    lab.start();
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// An operator with an older role, or a server in the middle of an upgrade: what no claim can be seen of is nobody's.
#[rstest]
#[case::forbidden(403)]
#[case::served_and_not_found(404)]
#[tokio::test(start_paused = true)]
async fn devices_that_cannot_be_listed_hold_up_nobody(#[case] code: u16) {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    lab.cluster.faults(move |request| {
        let listed = request.group == "resource.k8s.io" && request.verb == Some(Verb::List);
        listed.then(|| {
            counter.fetch_add(1, Ordering::Relaxed);
            Fault::Refuse(ApiFailure::new(code, "Refused", "not this one"))
        })
    });
    lab.start();
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    assert!((1..1000).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

/// A webhook of Dynamo's that converts a graph does not answer: whoever has no graph goes on.
#[tokio::test(start_paused = true)]
async fn graphs_that_cannot_be_listed_hold_up_nobody_without_one() {
    let lab = Lab::predicting(&[8], |plan| of_one_pod(truth::configurations(&plan.spec), 8));
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cluster.faults(|request| {
        let listed = request.plural == "dynamographdeployments" && request.verb == Some(Verb::List);
        listed.then(|| Fault::Refuse(ApiFailure::new(500, "InternalError", "conversion webhook failed")))
    });
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// What a comparison refers to may be nested as deeply: it ends that comparison, by its deadline, and no other.
#[tokio::test(start_paused = true)]
async fn a_request_for_a_graph_nested_without_a_limit_harms_its_own_comparison_only() {
    let lab = Lab::new(&[8]);
    let deep = (0..200).fold(json!("deep"), |inner, _| json!({"a": inner}));
    lab.cluster.install(&requests());
    lab.cluster.put(json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeploymentRequest",
        "metadata": {"name": "deep", "namespace": "default"}, "spec": {"other": deep}}));
    lab.cluster.edit("dynamographdeploymentrequests.nvidia.com", "default", "deep", |request| {
        request["status"] = json!({"phase": "Ready", "profilingResults": {"selectedConfig": deep}});
    });
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "optimized", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"requestName": "deep"}}},
    ]);
    lab.apply("deep", spec);
    lab.apply("qwen", small());
    assert_eq!(lab.finished("qwen", 1).await.phase, Some(Phase::Succeeded));
    let status = lab.finished("deep", 1).await;
    let ended = status.run.unwrap().ended.unwrap();
    assert!(ended.message.contains("DynamoGraphDeploymentRequest deep cannot be read"), "{}", ended.message);
}

fn gauge(lab: &Lab, name: &str) -> f64 {
    let text = lab.metrics.text();
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[rstest]
#[case::in_the_background("Background")]
#[case::in_the_foreground("Foreground")]
#[tokio::test(start_paused = true)]
async fn gauges_forget_a_comparison_that_is_deleted(#[case] policy: &str) {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    assert_eq!(gauge(&lab, "bcmp_gpus_held{"), 8.0);
    lab.cluster.delete(COMPARISONS, "default", "qwen", policy);
    tokio::time::sleep(seconds(7200)).await;
    assert!(lab.cluster.object(COMPARISONS, "default", "qwen").is_none());
    for name in ["bcmp_comparisons{", "bcmp_gpus_held{", "bcmp_next_look_timestamp_seconds"] {
        assert_eq!(gauge(&lab, name), 0.0, "{name}\n{}", lab.metrics.text());
    }
}

/// One that vanishes while the watch is broken is missed by its events.
#[tokio::test(start_paused = true)]
async fn gauges_forget_a_comparison_whose_deletion_nobody_saw() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.until("qwen", "measuring", 3600, |status| status.phase == Some(Phase::Measuring)).await;
    lab.cluster.drop_events(|record| record.after.is_none() && record.key.name == "qwen");
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Background");
    tokio::time::sleep(seconds(60)).await;
    lab.cluster.expire_watches();
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(gauge(&lab, "bcmp_comparisons{"), 0.0, "{}", lab.metrics.text());
}

/// What is listed anew is compared with what was known; nothing is said of one that is still there.
#[tokio::test(start_paused = true)]
async fn gauges_keep_a_comparison_through_a_new_list() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    lab.cluster.expire_watches();
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(gauge(&lab, "bcmp_comparisons{"), 1.0, "{}", lab.metrics.text());
    assert!(lab.cluster.objects(COMPARISONS).iter().all(|object| meta(object, "name") == "qwen"));
}
