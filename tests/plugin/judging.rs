//! evaluate: what follows from what is stored.

use std::fs;

use bcmp::api::FailOn;
use serde_json::{Value, json};

use bcmp::simulation::lab::{Lab, comparison, small};

use crate::harness::{bcmp, measured};

#[tokio::test(start_paused = true)]
async fn the_records_are_judged_as_the_operator_judged_them() {
    let lab = measured().await;
    let status = lab.status("qwen");
    let answer = bcmp(&lab.cluster, &["evaluate", "qwen", "-o", "json"]).await.json();
    assert_eq!(answer["verdict"], json!(status.verdict));
    assert_eq!(answer["variants"], json!(status.variants));
    let yaml: Value =
        serde_saphyr::from_str(&bcmp(&lab.cluster, &["evaluate", "qwen", "-o", "yaml"]).await.ok()).unwrap();
    assert_eq!(yaml, answer);
    insta::assert_snapshot!("evaluate", bcmp(&lab.cluster, &["evaluate", "qwen"]).await.seen());
}

#[tokio::test(start_paused = true)]
async fn other_rules_give_other_answers_and_write_nothing() {
    let lab = measured().await;
    let before = lab.cluster.everything();
    let verdict = async |arguments: &[&str]| {
        let ran = bcmp(&lab.cluster, &[&["evaluate", "qwen", "-o", "json"], arguments].concat()).await;
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        (answer["verdict"]["result"].as_str().unwrap().to_owned(), ran.code, ran.err)
    };
    let (result, code, _) = verdict(&[]).await;
    assert_eq!(code, 0);
    let (strict, code, said) = verdict(&["--accuracy-tolerance-percent", "0.001", "--fail-on", "Inaccurate"]).await;
    assert_ne!((strict.as_str(), result.as_str()), ("Confirmed", "DirectionOnly"));
    assert_eq!(code, 4);
    assert!(said.contains("estimates are off by more than the tolerance (Inaccurate)"), "{said}");
    let (doubtful, code, _) = verdict(&["--assumed-scatter-percent", "90"]).await;
    assert_eq!((doubtful.as_str(), code), ("Inconclusive", 3));
    assert_eq!(lab.cluster.everything(), before, "nothing is written");
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_a_file() {
    let lab = measured().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("changed.yaml");
    let path = file.to_str().unwrap();
    let write = |field: &str, value: Value| {
        let mut spec = small();
        spec[field] = value;
        fs::write(&file, comparison("qwen", spec).to_string()).unwrap();
    };
    write("judgement", json!({"assumedScatterPercent": "90"}));
    assert_eq!(bcmp(&lab.cluster, &["evaluate", "qwen", "-f", path]).await.code, 3);
    write("workload", json!({"outputTokens": 600}));
    let ran = bcmp(&lab.cluster, &["evaluate", "qwen", "-f", path]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("it changes what is measured, which needs a new run"), "{}", ran.err);
    fs::write(&file, "kind: Pod").unwrap();
    assert_eq!(bcmp(&lab.cluster, &["evaluate", "qwen", "-f", path]).await.code, 1);
    let ran = bcmp(&lab.cluster, &["evaluate", "qwen", "--accuracy-tolerance-percent", "many"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("write a number without %, for example 10"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_object_count_without_a_run() {
    let lab = measured().await;
    let mut lab = lab;
    lab.kill();
    lab.edit("qwen", |object| {
        object["spec"]["judgement"] = json!({"assumedScatterPercent": "90", "failOn": [FailOn::Refuted]});
    });
    assert_eq!(bcmp(&lab.cluster, &["evaluate", "qwen"]).await.code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_the_new_judgement_is_written() {
    let lab = measured().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").display().to_string();
    bcmp(&lab.cluster, &["evaluate", "qwen", "--assumed-scatter-percent", "90", "--report", &path]).await;
    let summary = fs::read_to_string(directory.path().join("new/SUMMARY.txt")).unwrap();
    assert!(summary.contains("Inconclusive: "), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn nothing_measured_is_nothing_to_judge() {
    let lab = Lab::new(&[0]);
    lab.apply("qwen", small());
    lab.phase("qwen", bcmp::api::Phase::Measuring).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["evaluate", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: run 1 of qwen has no trials yet: wait until it has measured
    exit code 1
    ");
}
