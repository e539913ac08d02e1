//! bundle, compare, promote: what a run leaves for others.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bcmp::api::annotations;
use serde_json::{Value, json};

use crate::front;
use crate::harness::{bcmp, measured, measured_as, on_terminal, run_with};
use bcmp::simulation::api_server::Verb;
use bcmp::simulation::lab::{Lab, small};

fn files(archive: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(archive).unwrap()));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(path, text);
    }
    files
}

#[tokio::test(start_paused = true)]
async fn a_bundle_has_everything_but_secrets() {
    let lab = Lab::new(&[8]);
    lab.cluster
        .put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "default"},
        "stringData": {"HF_TOKEN": "hunter2-secret"}}));
    let mut spec = small();
    spec["model"] = json!({"tokenSecretName": "token"});
    spec["load"]["env"] = json!([{"name": "PROXY_PASSWORD", "value": "hunter2-token"}]);
    lab.apply("qwen", spec);
    lab.records("qwen", 1).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("support.tar.gz");
    let arguments = ["bundle", "qwen", "-o", path.to_str().unwrap()];
    lab.cluster.clear_log();
    let ran = run_with(&lab.cluster, front::client(&lab.cluster, |_, _| true), None, false, &arguments).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let secrets = lab.cluster.requests().iter().filter(|logged| logged.request.plural == "secrets").count();
    assert_eq!(secrets, 0, "no Secret is even asked for");
    let files = files(&path);
    for (name, text) in &files {
        assert!(!text.contains("hunter2"), "{name}: {text}");
    }
    for expected in [
        "qwen-r1/README.txt",
        "qwen-r1/comparison.yaml",
        "qwen-r1/events.yaml",
        "qwen-r1/configmaps/qwen-r1-plan.yaml",
        "qwen-r1/configmaps/qwen-r1-configurations.yaml",
        "qwen-r1/objects/dynamographdeployment-qwen-r1-baseline-d1.yaml",
        "qwen-r1/objects/job-qwen-r1-baseline-load-d1.yaml",
    ] {
        assert!(files.contains_key(expected), "no {expected} in {:#?}", files.keys());
    }
    assert!(files["qwen-r1/events.yaml"].contains("RunStarted"), "{}", files["qwen-r1/events.yaml"]);
    assert!(files["qwen-r1/configmaps/qwen-r1-plan.yaml"].contains("PROXY_PASSWORD"));
    let logs: Vec<&String> = files.keys().filter(|name| name.starts_with("qwen-r1/logs/")).collect();
    assert!(
        logs.iter().any(|name| name.ends_with("/load.log")) && logs.iter().any(|name| name.ends_with("/main.log")),
        "{logs:?}"
    );
    assert!(files["qwen-r1/README.txt"].contains("Not in here:\n  nothing\n"), "{}", files["qwen-r1/README.txt"]);
    // It is not written over by mistake.
    let again = bcmp(&lab.cluster, &arguments).await;
    assert!(
        again.code == 1 && again.err.contains("exists: name another file with -o, or replace it with --force"),
        "{}",
        again.err
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_bundle_lacks_is_said_in_it() {
    let lab = measured().await;
    lab.cluster.forbid(|request| request.plural == "jobs" && request.verb == Some(Verb::List));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("support.tar.gz");
    let ran = bcmp(&lab.cluster, &["bundle", "qwen", "-o", path.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, "README.txt in it lists 1 thing that could not be read\n"));
    let readme = &files(&path)["qwen-r1/README.txt"];
    assert!(readme.contains("Not in here:\n  list jobs: not allowed: "), "{readme}");
}

#[tokio::test(start_paused = true)]
async fn two_runs_stand_side_by_side() {
    let lab = measured().await;
    lab.annotate("qwen", annotations::RUN_REQUESTED, "again");
    lab.finished("qwen", 2).await;
    let out = on_terminal(&lab.cluster, 80, false, &["compare", "qwen:1", "qwen:2"]).await.ok();
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(out.contains("Both compare the same"), "{out}");
    let mut spec = small();
    spec["hardware"] = json!({"gpusPerVariant": 4});
    lab.apply("other", spec);
    lab.finished("other", 1).await;
    insta::assert_snapshot!(
        "compared",
        on_terminal(&lab.cluster, 80, false, &["compare", "qwen:1", "other"]).await.ok()
    );
    let csv = bcmp(&lab.cluster, &["compare", "qwen:1", "qwen:2", "-o", "csv"]).await.ok();
    assert!(csv.starts_with("variant,concurrency,tpot_ms_a,tpot_ms_b,tpot_change_percent,"), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with("optimized,24,")), "{csv}");
    let wrong = bcmp(&lab.cluster, &["compare", "qwen:x", "qwen"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("write NAME:RUN"), "{}", wrong.err);
}

#[tokio::test(start_paused = true)]
async fn the_winner_is_printed_as_somebody_would_deploy_it() {
    let lab = measured().await;
    let verdict = lab.status("qwen").verdict.unwrap();
    let winner = verdict.winner.unwrap();
    let text = bcmp(&lab.cluster, &["promote", "qwen"]).await.ok();
    assert!(
        text.starts_with(&format!("# Variant {winner} of comparison default/qwen, run 1, as it was measured.\n")),
        "{text}"
    );
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let graph = documents.iter().find(|document| document["kind"] == "DynamoGraphDeployment").unwrap();
    assert_eq!(graph["apiVersion"], "nvidia.com/v1beta1", "the version that was deployed, not the predictor's");
    let metadata = &graph["metadata"];
    assert!(metadata["ownerReferences"].is_null() && metadata["uid"].is_null(), "{metadata}");
    let manifests: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!manifests.contains("bcmp.dev/") && !manifests.contains("qwen-r1"), "{text}");
    // A cluster takes it as it is.
    for document in documents {
        lab.cluster.put(document);
    }
    let other = bcmp(&lab.cluster, &["promote", "qwen", "--variant", "optimized"]).await.ok();
    assert!(other.starts_with("# Variant optimized of"), "{other}");
    // Of an earlier run, its report knows the verdict.
    lab.annotate("qwen", annotations::RUN_REQUESTED, "again");
    lab.finished("qwen", 2).await;
    let earlier = bcmp(&lab.cluster, &["promote", "qwen", "--run", "1"]).await.ok();
    assert_eq!(earlier, text);
}

#[tokio::test(start_paused = true)]
async fn without_a_winner_nothing_is_promoted_unless_it_is_named() {
    let lab = measured_as(json!({"sla": {"ttftMilliseconds": 1, "tpotMilliseconds": 1}})).await;
    let ran = bcmp(&lab.cluster, &["promote", "qwen"]).await;
    insta::assert_snapshot!("no_winner", ran.seen());
    assert_eq!(bcmp(&lab.cluster, &["promote", "qwen", "--variant", "baseline"]).await.code, 0);
    let running = Lab::new(&[8]);
    running.apply("qwen", small());
    running.records("qwen", 1).await;
    insta::assert_snapshot!(bcmp(&running.cluster, &["promote", "qwen"]).await.seen());
}
