//! rerun and cancel: what is asked of the operator.

use bcmp::api::{EarlyEnd, Phase};
use serde_json::json;

use crate::harness::{bcmp, measured};
use bcmp::simulation::lab::{Lab, seconds, small};

#[tokio::test(start_paused = true)]
async fn another_run_is_asked_for_and_waited_for() {
    let lab = measured().await;
    let ran = bcmp(&lab.cluster, &["rerun", "qwen", "--wait"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("requested another run of qwen\n"), "{}", ran.out);
    let status = lab.status("qwen");
    assert_eq!((status.run.unwrap().number, status.phase), (2, Some(Phase::Succeeded)));
    assert_eq!(bcmp(&lab.cluster, &["rerun", "qwen"]).await.code, 0, "each request has a token of its own");
    lab.finished("qwen", 3).await;
}

/// Status has no room for such a token and keeps its beginning.
#[tokio::test(start_paused = true)]
async fn a_request_with_a_long_token_is_handled_like_any_other() {
    let lab = measured().await;
    lab.edit("qwen", |object| object["metadata"]["annotations"] = json!({"bcmp.dev/run-requested": "t".repeat(300)}));
    lab.finished("qwen", 2).await;
    let watched = bcmp(&lab.cluster, &["watch", "qwen", "--timeout", "1h"]).await;
    assert_eq!(watched.code, 0, "{}", watched.err);
    let ran = bcmp(&lab.cluster, &["rerun", "qwen"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn an_active_run_is_not_superseded_by_mistake() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["rerun", "qwen"]).await.seen());
    lab.edit("qwen", |object| object["spec"]["execution"] = json!({"onChange": "FinishFirst"}));
    insta::assert_snapshot!(bcmp(&lab.cluster, &["rerun", "qwen"]).await.seen());
    insta::assert_snapshot!(bcmp(&lab.cluster, &["rerun", "qwen", "--force"]).await.seen());
    insta::assert_snapshot!(bcmp(&lab.cluster, &["rerun", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: another run of qwen is already requested and has not started: follow it with `kubectl bcmp watch qwen`
    exit code 1
    ");
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.history[0].outcome, "Succeeded", "the first run ended first");
}

#[tokio::test(start_paused = true)]
async fn what_holds_a_requested_run_back_is_said() {
    let lab = measured().await;
    lab.edit("qwen", |object| object["spec"]["suspend"] = json!(true));
    let out = bcmp(&lab.cluster, &["rerun", "qwen"]).await.ok();
    assert_eq!(out, "requested another run of qwen: it starts once spec.suspend is false\n");
}

#[tokio::test(start_paused = true)]
async fn predictions_that_were_asked_for_are_no_active_run() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"execution": {"until": "Predictions"}}));
    lab.finished("qwen", 1).await;
    assert_eq!(bcmp(&lab.cluster, &["rerun", "qwen", "--wait"]).await.code, 0);
    assert_eq!(lab.status("qwen").run.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn the_active_run_is_cancelled() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let ran = bcmp(&lab.cluster, &["cancel", "qwen", "--wait"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with(
        "requested cancellation of run 1 of qwen: its variants are torn down, and what it measured is kept\n"
    ));
    let status = lab.status("qwen");
    assert_eq!(status.run.unwrap().ended.unwrap().outcome, EarlyEnd::Cancelled);
    assert!(lab.gpus_held().is_empty());
    insta::assert_snapshot!(bcmp(&lab.cluster, &["cancel", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: run 1 of qwen has already finished (Cancelled): nothing to cancel
    exit code 1
    ");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cancelled_is_said() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"execution": {"start": "OnRequest"}}));
    tokio::time::sleep(seconds(10)).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["cancel", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: qwen has no run yet: nothing to cancel
    exit code 1
    ");
    lab.apply("other", small());
    lab.records("other", 1).await;
    bcmp(&lab.cluster, &["cancel", "other"]).await.ok();
    lab.until("other", "it ends", 100, |status| status.run.as_ref().is_some_and(|run| run.ended.is_some())).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["cancel", "other"]).await.seen(), @r"
    ! kubectl bcmp: run 1 of other is already ending (CancelRequested): its variants are being torn down
    exit code 1
    ");
}

/// What is decided and what is written are about the same version of the object.
#[tokio::test(start_paused = true)]
async fn a_write_in_between_is_looked_at_again() {
    use bcmp::simulation::api_server::{ApiFailure, Fault, Verb};
    let lab = measured().await;
    let kind = lab.cluster.kind(bcmp::simulation::lab::COMPARISONS).unwrap();
    lab.cluster.clear_log();
    let mut tries = 0;
    lab.cluster.faults(move |request| {
        let ours = request.verb == Some(Verb::Patch) && request.content_type.starts_with("application/merge-patch");
        tries += i32::from(ours);
        (ours && tries == 1).then(|| Fault::Refuse(ApiFailure::modified(&kind, "qwen")))
    });
    assert_eq!(bcmp(&lab.cluster, &["rerun", "qwen"]).await.code, 0);
    let patches = lab.cluster.requests();
    let patches = patches.iter().filter(|logged| logged.request.content_type.starts_with("application/merge-patch"));
    assert_eq!(patches.map(|logged| logged.code).collect::<Vec<_>>(), [Some(409), Some(200)]);
}
