//! What waiting costs, and who waits for whom.

use std::collections::BTreeMap;

use bcmp::api::{BenchmarkComparisonStatus, Phase, labels};
use bcmp::lifecycle::world::Settings;
use bcmp::plan::Images;
use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use serde_json::{Value, json};

use bcmp::simulation::api_server::{Fault, Logged, Verb};
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds, small};
use bcmp::simulation::truth;

/// Reads of the operator since the log was cleared: what is read, and in all namespaces or in one → how often.
fn reads(lab: &Lab) -> BTreeMap<String, usize> {
    let mut reads = BTreeMap::new();
    for logged in lab.cluster.requests() {
        let request = &logged.request;
        let Some(verb @ (Verb::Get | Verb::List | Verb::Watch)) = request.verb else { continue };
        let place = if request.namespace.is_some() { "in a namespace" } else { "of the cluster" };
        *reads.entry(format!("{} {} {place}", verb.as_str(), request.resource())).or_default() += 1;
    }
    reads
}

/// Every variant is one Deployment of one pod with that many GPUs.
pub fn of_one_pod(configurations: Configurations, gpus: u32) -> Configurations {
    let mut configurations = configurations;
    for variant in &mut configurations.variants {
        let GenerationOutcome::Ready(ready) = &mut variant.outcome else { continue };
        let name = format!("server-{}", variant.variant);
        // Nothing is known of the engines, as of manifests that say nothing: it is one pod with everything.
        ready.shape = None;
        let pod = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main",
            "image": "registry.example/runtime:1.3.0", "resources": {"limits": {"nvidia.com/gpu": gpus.to_string()}}}]}});
        ready.objects = vec![
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8000}]}}),
        ];
    }
    configurations
}

/// A run of hours.
fn long() -> Value {
    let mut spec = small();
    spec["workload"]["concurrency"] = json!([1, 2, 4, 8, 12, 16, 20, 24]);
    spec["load"]["decisionTrials"] = json!(20);
    spec
}

/// So many comparisons that wait behind the one that is measured.
async fn wait_behind(lab: &Lab, count: usize) {
    let names: Vec<_> = (0..count).map(|number| format!("waiting-{number:02}")).collect();
    for name in &names {
        lab.apply(name, small());
    }
    for name in &names {
        lab.until(name, "queued", 3600, |status| status.phase == Some(Phase::Queued)).await;
    }
}

/// A pod of somebody else.
fn stranger(name: &str, gpus: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "registry.example/other:1",
            "resources": {"limits": {"nvidia.com/gpu": gpus.to_string()}}}]}})
}

/// Forty comparisons that wait behind one: ten minutes in which nothing happens. `--nocapture` prints what is read.
#[tokio::test(start_paused = true)]
async fn who_waits_reads_next_to_nothing() {
    let lab = Lab::new(&[8]);
    lab.apply("head", long());
    lab.until("head", "measuring", 3600, |status| status.phase == Some(Phase::Measuring)).await;
    wait_behind(&lab, 40).await;
    tokio::time::sleep(seconds(60)).await;
    lab.cluster.clear_log();
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(lab.status("head").phase, Some(Phase::Measuring), "the head was too short");
    let reads = reads(&lab);
    println!("{} reads in ten minutes, 40 comparisons wait", reads.values().sum::<usize>());
    reads.iter().for_each(|(what, count)| println!("{count:6} {what}"));
    let count = |what: &str| reads.get(what).copied().unwrap_or(0);
    assert!(count("list pods of the cluster") <= 1, "{reads:#?}");
    assert!(count("list nodes of the cluster") <= 1, "{reads:#?}");
    assert!(count("list benchmarkcomparisons.bcmp.dev of the cluster") <= 8, "{reads:#?}");
}

/// The head ends: whoever comes next learns it from that change and not from a timer.
#[tokio::test(start_paused = true)]
async fn the_next_in_the_queue_is_admitted_when_the_head_ends() {
    let lab = Lab::new(&[8]);
    lab.apply("head", small());
    tokio::time::sleep(seconds(2)).await;
    lab.apply("next", small());
    let head = lab.finished("head", 1).await.run.unwrap().completion_time.unwrap().0;
    lab.until("next", "admitted", 600, |status| status.run.as_ref().is_some_and(|run| run.start_time.is_some())).await;
    let next = lab.status("next").run.unwrap().start_time.unwrap().0;
    let after = next.as_second() - head.as_second();
    assert!(after <= 3, "{after} s after the head ended");
}

/// GPUs of a stranger's pod become free: that is seen too.
#[tokio::test(start_paused = true)]
async fn gpus_that_a_stranger_frees_are_seen() {
    let lab = Lab::new(&[8, 8]);
    lab.cluster.put(stranger("busy", 8));
    tokio::time::sleep(seconds(5)).await;
    lab.apply("head", long());
    lab.until("head", "measuring", 3600, |status| status.phase == Some(Phase::Measuring)).await;
    lab.apply("next", small());
    lab.until("next", "queued", 600, |status| status.phase == Some(Phase::Queued)).await;
    tokio::time::sleep(seconds(40)).await;
    lab.cluster.delete("pods", "default", "busy", "Background");
    lab.until("next", "measuring", 300, |status| status.phase == Some(Phase::Measuring)).await;
    assert_eq!(lab.status("head").phase, Some(Phase::Measuring), "the head was too short");
}

/// The same pods with GPUs by claims.
fn by_claims(configurations: Configurations, gpus: u32) -> Configurations {
    let mut configurations = of_one_pod(configurations, gpus);
    for variant in &mut configurations.variants {
        let GenerationOutcome::Ready(ready) = &mut variant.outcome else { continue };
        let pod = &mut ready.objects[0]["spec"]["template"]["spec"];
        pod["containers"][0]["resources"] = json!({"claims": [{"name": "gpus"}]});
        pod["resourceClaims"] = json!([{"name": "gpus", "resourceClaimTemplateName": "gpus"}]);
        let request = json!({"name": "gpus", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": gpus}});
        ready.objects.push(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate",
            "metadata": {"name": "gpus"}, "spec": {"spec": {"devices": {"requests": [request]}}}}));
    }
    configurations
}

const CLAIMS: &str = "resourceclaims.resource.k8s.io";

/// A node's GPUs as NVIDIA's driver publishes them.
fn slice(node: &str, gpus: u32) -> Value {
    let device = |number: u32| json!({"name": format!("gpu-{number}"), "attributes": {"type": {"string": "gpu"}}});
    json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": format!("{node}-gpus")},
        "spec": {"driver": "gpu.nvidia.com", "nodeName": node, "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": (0..gpus).map(device).collect::<Vec<_>>()}})
}

/// A claim that holds GPUs of a node, and has these labels.
fn hold(lab: &Lab, name: &str, node: &str, gpus: u32, labels: &Value) {
    let held = |number: u32| json!({"driver": "gpu.nvidia.com", "pool": node, "device": format!("gpu-{number}"), "request": "r"});
    let results: Vec<Value> = (0..gpus).map(held).collect();
    lab.cluster.put(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "spec": {"devices": {}},
        "metadata": {"name": name, "namespace": "default", "labels": labels}}));
    lab.cluster.edit(CLAIMS, "default", name, |claim| {
        claim["status"] = json!({"allocation": {"devices": {"results": results}}});
    });
}

/// Two nodes with eight GPUs each, by claims alone, and a run of hours that takes those of one.
async fn beside_a_run_by_claims() -> Lab {
    let lab = Lab::predicting(&[0, 0], |plan| by_claims(truth::configurations(&plan.spec), 8));
    for node in ["node-0", "node-1"] {
        lab.cluster.put(slice(node, 8));
    }
    lab.apply("head", long());
    lab.records("head", 1).await;
    lab
}

/// Where GPUs are handed out by claims, the queue counts what drivers publish and what claims hold.
#[tokio::test(start_paused = true)]
async fn gpus_by_claims_are_waited_for() {
    let lab = beside_a_run_by_claims().await;
    hold(&lab, "busy", "node-1", 1, &json!({}));
    tokio::time::sleep(seconds(5)).await;
    lab.apply("next", small());
    lab.until("next", "queued", 600, |status| status.phase == Some(Phase::Queued)).await;
    tokio::time::sleep(seconds(120)).await;
    assert_eq!(lab.status("next").phase, Some(Phase::Queued));
    assert!(lab.cluster.delete(CLAIMS, "default", "busy", "Background"));
    lab.until("next", "measuring", 300, |status| status.phase == Some(Phase::Measuring)).await;
    assert_eq!(lab.status("head").phase, Some(Phase::Measuring), "the head was too short");
}

/// What a comparison's own claims hold is its own, by the labels that its template hands on: it is not counted twice.
#[tokio::test(start_paused = true)]
async fn own_claims_are_no_strangers() {
    let lab = beside_a_run_by_claims().await;
    let template = lab.cluster.list("resourceclaimtemplates.resource.k8s.io").remove(0);
    let handed_on = &template["spec"]["metadata"]["labels"];
    assert_eq!(handed_on[labels::COMPARISON], "head");
    hold(&lab, "own", "node-0", 8, handed_on);
    tokio::time::sleep(seconds(5)).await;
    lab.apply("next", small());
    lab.until("next", "measuring", 600, |status| status.phase == Some(Phase::Measuring)).await;
    assert_eq!(lab.status("head").phase, Some(Phase::Measuring), "the head was too short");
}

/// No node is as large as what the first one asks for: after ten minutes the others go past.
#[tokio::test(start_paused = true)]
async fn a_claim_that_no_node_can_take_is_passed() {
    let lab = Lab::predicting(&[8, 8], |plan| {
        let configurations = truth::configurations(&plan.spec);
        if plan.comparison.name == "greedy" { of_one_pod(configurations, 16) } else { configurations }
    });
    let mut spec = small();
    spec["hardware"]["gpusPerVariant"] = json!(16);
    lab.apply("greedy", spec);
    tokio::time::sleep(seconds(2)).await;
    let applied = lab.cluster.now();
    lab.apply("good", small());
    lab.until("good", "admitted", 20_000, |status| status.run.as_ref().is_some_and(|run| run.start_time.is_some()))
        .await;
    let waited = lab.cluster.now().as_second() - applied.as_second();
    assert!((500..900).contains(&waited), "{waited} s");
    // The first stays first: a node that is large enough is kept for it.
    let greedy = lab.status("greedy");
    assert!(greedy.run.as_ref().unwrap().start_time.is_some() && greedy.phase != Some(Phase::Failed));
    lab.cast.add_node("large", 16);
    let large = |lab: &Lab| {
        lab.cluster
            .objects("pods")
            .iter()
            .any(|pod| pod["metadata"]["labels"][labels::COMPARISON] == "greedy" && pod["spec"]["nodeName"] == "large")
    };
    lab.cluster.until("the large node is taken", seconds(600), |_| large(&lab)).await;
}

/// Nobody answers for those that wait: one after the other they take all places that there are for them. The one that holds GPUs
/// is the last one of several pages.
#[tokio::test(start_paused = true)]
async fn after_a_restart_who_holds_gpus_does_not_wait_for_who_waits() {
    let mut lab = Lab::new(&[8]);
    lab.apply("z-head", long());
    lab.until("z-head", "measuring", 3600, |status| status.phase == Some(Phase::Measuring)).await;
    wait_behind(&lab, 60).await;
    lab.kill();
    lab.cluster.faults(|request| {
        let waits = request.resource() == COMPARISONS && request.name.as_deref().is_some_and(|name| name != "z-head");
        waits.then(|| Fault::Delay(seconds(86_400)))
    });
    lab.cluster.clear_log();
    lab.start();
    tokio::time::sleep(seconds(10)).await;
    let of_head = |logged: &Logged| {
        logged.request.resource() == "pods" && logged.request.query.values().any(|value| value.contains("z-head"))
    };
    assert!(lab.cluster.requests().iter().any(of_head), "the head was not looked at");
}

/// Half of the GPUs are free all the time; the namespace may have one run at a time.
#[tokio::test(start_paused = true)]
async fn a_namespace_has_no_more_runs_at_a_time_than_it_may() {
    let mut lab = Lab::new(&[8, 8]);
    let images = Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() };
    let run_limits = r#"{"*": 1}"#.parse().unwrap();
    lab.configure(Settings { images, pod_features: Default::default(), run_limits, own_account: None });
    // Both come to the queue together.
    lab.apply("first", small());
    tokio::time::sleep(seconds(1)).await;
    lab.apply("second", small());
    let says =
        |status: &BenchmarkComparisonStatus| status.message.as_ref().is_some_and(|said| said.contains("runLimits"));
    lab.until("second", "waiting for its namespace", 600, says).await;
    let first = lab.finished("first", 1).await.run.unwrap().completion_time.unwrap().0;
    lab.until("second", "admitted", 600, |status| status.run.as_ref().is_some_and(|run| run.start_time.is_some()))
        .await;
    let second = lab.status("second").run.unwrap().start_time.unwrap().0;
    let after = second.as_second() - first.as_second();
    // Its GPUs are free a moment before it is complete.
    assert!((-3..=3).contains(&after), "{after} s after the first one ended");
}
