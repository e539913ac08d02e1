//! What waiting costs, and who waits for whom.

use std::collections::BTreeMap;

use bcmp::api::{Phase, labels};
use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use serde_json::{Value, json};

use bcmp::simulation::api_server::Verb;
use bcmp::simulation::lab::{Lab, seconds, small};
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
fn of_one_pod(configurations: Configurations, gpus: u32) -> Configurations {
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
    for number in 0..40 {
        lab.apply(&format!("waiting-{number:02}"), small());
    }
    for number in 0..40 {
        let name = format!("waiting-{number:02}");
        lab.until(&name, "queued", 3600, |status| status.phase == Some(Phase::Queued)).await;
    }
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
