//! watch: what is shown while a comparison runs, and how it ends.

use bcmp::api::{Phase, annotations};
use serde_json::json;

use crate::harness::{bcmp, measured, on_terminal, timeless};
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds, small};

#[tokio::test(start_paused = true)]
async fn a_line_whenever_something_changes() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    insta::assert_snapshot!("lines", timeless(&bcmp(&lab.cluster, &["watch", "qwen"]).await.seen()));
}

/// The pictures, one after the other, as a terminal shows them.
fn pictures(out: &str) -> Vec<String> {
    let up = regex::Regex::new("(\u{1b}\\[[0-9]+A)?\r\u{1b}\\[J").unwrap();
    up.split(out).filter(|picture| !picture.is_empty()).map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_picture_with_bars_on_a_terminal() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let ran = on_terminal(&lab.cluster, 80, false, &["watch", "qwen"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let pictures = pictures(&ran.out);
    let shows = |text: &str| pictures.iter().rev().find(|p| p.contains(text)).cloned().unwrap_or_default();
    insta::assert_snapshot!(
        "pictures",
        timeless(&format!("{}\n{}\n{}", shows("Generating"), shows("13/15 trials"), pictures.last().unwrap()))
    );
    assert!(pictures.iter().flat_map(|picture| picture.lines()).all(|line| line.chars().count() <= 80));
}

#[tokio::test(start_paused = true)]
async fn closed_and_expired_watches_are_taken_up_again() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let cluster = lab.cluster.clone();
    let disturbed = tokio::spawn(async move {
        for round in 0..200 {
            tokio::time::sleep(seconds(7)).await;
            if round % 2 == 0 { cluster.close_watches() } else { cluster.expire_watches() }
        }
    });
    let ran = bcmp(&lab.cluster, &["watch", "qwen"]).await;
    disturbed.abort();
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.lines().last().unwrap().contains("Succeeded"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_said_once_and_taken_up_again() {
    use bcmp::simulation::api_server::Fault;
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let cluster = lab.cluster.clone();
    let disturbed = tokio::spawn(async move {
        tokio::time::sleep(seconds(5)).await;
        cluster.faults(|request| (request.plural == "benchmarkcomparisons").then_some(Fault::Drop));
        cluster.close_watches();
        tokio::time::sleep(seconds(40)).await;
        cluster.no_faults();
    });
    let ran = bcmp(&lab.cluster, &["watch", "qwen"]).await;
    disturbed.await.unwrap();
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("trying again").count(), 1, "{}", ran.err);
    assert!(ran.err.ends_with("connected again\n"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn the_exit_code_says_how_it_ended() {
    let ended = async |change: fn(&mut serde_json::Value)| {
        let mut lab = measured().await;
        lab.kill();
        lab.edit("qwen", |object| change(&mut object["status"]));
        bcmp(&lab.cluster, &["watch", "qwen"]).await.code
    };
    assert_eq!(ended(|_| {}).await, 0);
    assert_eq!(ended(|status| failed(status, "Failed")).await, 4, "an answer that failOn names");
    assert_eq!(ended(|status| failed(status, "Inconclusive")).await, 3);
    assert_eq!(ended(|status| failed(status, "Cancelled")).await, 1);
    let failure = |status: &mut serde_json::Value| {
        failed(status, "Failed");
        status["variants"][0]["failure"] =
            json!({"reason": "CrashLoop", "message": "it crashes", "time": "2026-03-02T09:30:00Z"});
    };
    assert_eq!(ended(failure).await, 1);
}

fn failed(status: &mut serde_json::Value, phase: &str) {
    status["phase"] = json!(phase);
    for condition in status["conditions"].as_array_mut().unwrap() {
        if condition["type"] == "Succeeded" {
            condition["status"] = json!("False");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_has_an_end() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"execution": {"start": "OnRequest"}}));
    let ran = bcmp(&lab.cluster, &["watch", "qwen", "--timeout", "2m"]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "kubectl bcmp: qwen has not finished within 120 s and continues: run the command again to follow it\n"
    );
    assert!(ran.out.contains("waits for the annotation bcmp.dev/run-requested"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_comparison_ends_the_watch() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let cluster = lab.cluster.clone();
    let deletion = tokio::spawn(async move {
        tokio::time::sleep(seconds(90)).await;
        cluster.delete(COMPARISONS, "default", "qwen", "Background");
    });
    let ran = bcmp(&lab.cluster, &["watch", "qwen"]).await;
    deletion.await.unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (1, "kubectl bcmp: qwen was deleted\n"));
}

/// The end of the run before is no end.
#[tokio::test(start_paused = true)]
async fn a_requested_run_is_waited_for() {
    let mut lab = measured().await;
    lab.kill();
    lab.annotate("qwen", annotations::RUN_REQUESTED, "again");
    let ran = bcmp(&lab.cluster, &["watch", "qwen", "--timeout", "60s"]).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    lab.start();
    assert_eq!(bcmp(&lab.cluster, &["watch", "qwen"]).await.code, 0);
    let status = lab.status("qwen");
    assert_eq!((status.run.unwrap().number, status.phase), (2, Some(Phase::Succeeded)));
}

/// A run that is superseded makes room for another.
#[tokio::test(start_paused = true)]
async fn a_superseded_run_is_no_end() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let cluster = lab.cluster.clone();
    let change = tokio::spawn(async move {
        tokio::time::sleep(seconds(5)).await;
        cluster.edit(COMPARISONS, "default", "qwen", |o| o["spec"]["runId"] = json!("again"));
    });
    let ran = bcmp(&lab.cluster, &["watch", "qwen"]).await;
    change.await.unwrap();
    assert_eq!((ran.code, lab.status("qwen").run.unwrap().number), (0, 2), "{}", ran.out);
}
