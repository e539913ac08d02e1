//! suspend, resume, stop, tree, logs: looking after a run.

use bcmp::api::{EarlyEnd, Phase, annotations};
use rstest::rstest;
use serde_json::{Value, json};

use crate::front;
use crate::harness::{Ran, bcmp, measured, on_terminal, run_with, timeless};
use bcmp::simulation::api_server::{Cluster, Verb};
use bcmp::simulation::lab::{GRAPHS, Lab, seconds, small};

async fn running() -> Lab {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab
}

async fn with_logs(cluster: &Cluster, arguments: &[&str]) -> Ran {
    run_with(cluster, front::client(cluster, |_, _| true), None, false, arguments).await
}

#[tokio::test(start_paused = true)]
async fn a_run_is_stopped_and_its_gpus_are_seen_to_be_free() {
    let lab = running().await;
    assert!(!lab.gpus_held().is_empty());
    let out = bcmp(&lab.cluster, &["stop", "qwen"]).await.ok();
    insta::assert_snapshot!(timeless(&out), @r"
    requested cancellation of run 1 of qwen; what it measured is kept
    8 GPUs held: baseline 8 on node-0
    run 1 of qwen: its 8 GPUs were free (so long) after the request
    ");
    assert!(lab.gpus_held().is_empty());
    let run = lab.status("qwen").run.unwrap();
    assert_eq!(run.ended.unwrap().outcome, EarlyEnd::Cancelled);
    lab.finished("qwen", 1).await;
    // Asked again, it says that nothing is held and changes nothing.
    insta::assert_snapshot!(bcmp(&lab.cluster, &["stop", "qwen"]).await.ok(), @r"
    run 1 of qwen is over
    run 1 of qwen: no GPU is held
    ");
}

#[tokio::test(start_paused = true)]
async fn stopping_what_never_ran_is_no_error() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"execution": {"start": "OnRequest"}}));
    tokio::time::sleep(seconds(10)).await;
    let out = bcmp(&lab.cluster, &["stop", "qwen"]).await.ok();
    assert_eq!(out, "qwen has no run: nothing to stop, and no GPU is held\n");
}

type Change = fn(&mut Value);

/// GPUs that are free for a second only are worth nothing: what takes them again is said, with what prevents it.
#[rstest]
#[case::the_first_run(None, "its first run has not begun yet, and begins by itself")]
#[case::another_input(Some((|spec: &mut Value| spec["workload"]["concurrency"] = json!([1])) as Change), "run 2 has begun")]
#[case::another_run_id(Some((|spec: &mut Value| spec["runId"] = json!("again")) as Change), "run 2 has begun")]
#[tokio::test(start_paused = true)]
async fn a_run_that_takes_the_gpus_again_is_no_success(#[case] change: Option<Change>, #[case] why: &str) {
    let mut lab = Lab::new(&[8]);
    if change.is_none() {
        lab.kill();
    }
    lab.apply("qwen", json!({"execution": {"onChange": "FinishFirst"}}));
    if let Some(change) = change {
        lab.records("qwen", 1).await;
        lab.edit("qwen", |object| change(&mut object["spec"]));
    }
    let ran = bcmp(&lab.cluster, &["stop", "qwen"]).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    let expected =
        format!("kubectl bcmp: qwen may still take GPUs: {why}; to prevent it, run `kubectl bcmp suspend qwen`\n");
    assert_eq!(ran.err, expected);
    bcmp(&lab.cluster, &["suspend", "qwen"]).await.ok();
    assert_eq!(bcmp(&lab.cluster, &["stop", "qwen"]).await.code, 0);
}

/// It holds no GPU, and cancelled it could not be measured any more.
#[tokio::test(start_paused = true)]
async fn a_run_that_stays_at_its_predictions_is_not_cancelled() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"execution": {"until": "Predictions"}}));
    lab.phase("qwen", Phase::Predicted).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["stop", "qwen"]).await.ok(), @r"
    run 1 of qwen stays at its predictions and holds no GPU: nothing to stop
    ");
    assert!(lab.status("qwen").run.unwrap().ended.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_nobody_acts_on_ends_with_what_holds_gpus() {
    let mut lab = running().await;
    lab.kill();
    let ran = bcmp(&lab.cluster, &["stop", "qwen", "--timeout", "5m"]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "kubectl bcmp: run 1 of qwen is not down after 5 min 0 s: the operator has not acted on the request: check that it is running\n"
    );
    lab.start();
    // The operator deletes, and the node's kubelet does not answer: pods stay, and GPUs with them.
    lab.cast.lose_node("node-0");
    let ran = bcmp(&lab.cluster, &["stop", "qwen", "--timeout", "10m"]).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    let held = "run 1 of qwen is not down after 10 min 0 s: GPUs are still held by pod qwen-r1-baseline-d1-";
    assert!(ran.err.contains(held) && ran.err.contains(" on node-0 (terminating)"), "{}", ran.err);
    assert!(ran.err.ends_with(" and 5 more: see `kubectl bcmp tree qwen`\n"), "{}", ran.err);
    let tree = bcmp(&lab.cluster, &["tree", "qwen"]).await.ok();
    assert!(tree.contains("1 GPU, Running, terminating") && tree.contains("GPUs held: baseline 8 on node-0"), "{tree}");
}

/// Who may not list pods still learns from the status when everything is gone.
#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_pods_the_status_is_believed() {
    let lab = running().await;
    let server = front::client(&lab.cluster, |_, _| true);
    // The operator's own client is not told apart: it has what it needs in its next look once the rule is lifted.
    bcmp(&lab.cluster, &["cancel", "qwen"]).await.ok();
    lab.finished("qwen", 1).await;
    lab.cluster.forbid(|request| request.plural == "pods");
    let out = run_with(&lab.cluster, server, None, false, &["stop", "qwen"]).await.ok();
    insta::assert_snapshot!(out, @r"
    run 1 of qwen is over
    run 1 of qwen: everything it deployed is gone, by its status (pods cannot be listed with your rights)
    ");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_suspended_and_goes_on() {
    let lab = running().await;
    let out = bcmp(&lab.cluster, &["suspend", "qwen", "--wait"]).await.ok();
    insta::assert_snapshot!(timeless(&out), @r"
    suspended qwen: run 1 is torn down and keeps what it measured; use `kubectl bcmp resume qwen` to resume it
    8 GPUs held: baseline 8 on node-0
    run 1 of qwen: its 8 GPUs were free (so long) after the request
    ");
    assert!(lab.gpus_held().is_empty());
    lab.phase("qwen", Phase::Suspended).await;
    let again = bcmp(&lab.cluster, &["suspend", "qwen"]).await.ok();
    assert!(again.starts_with("already suspended: qwen: run 1 is torn down"), "{again}");
    let out = bcmp(&lab.cluster, &["resume", "qwen"]).await.ok();
    assert_eq!(out, "resumed qwen: run 1 goes on at its next level as soon as it gets GPUs\n");
    assert_eq!(bcmp(&lab.cluster, &["resume", "qwen"]).await.ok(), "qwen is not suspended\n");
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded));
    let out = bcmp(&lab.cluster, &["suspend", "qwen"]).await.ok();
    assert_eq!(
        out,
        "suspended qwen: no run starts while it is suspended; use `kubectl bcmp resume qwen` to resume it\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_objects_of_a_run_are_a_tree() {
    let lab = running().await;
    let ran = on_terminal(&lab.cluster, 80, false, &["tree", "qwen"]).await;
    let tree = ran.ok();
    assert!(tree.lines().all(|line| line.chars().count() <= 80), "{tree}");
    let ids = regex::Regex::new(r"(?m)(-[0-9a-f]{8})?-[0-9a-f]{5}$").unwrap();
    let ages = regex::Regex::new(r"\d+ (s|min|h) old").unwrap();
    insta::assert_snapshot!("tree", ages.replace_all(&ids.replace_all(&tree, "-(id)"), "(age)"));
    // What the run created is all of what holds GPUs.
    assert!(tree.ends_with("8 GPUs held: baseline 8 on node-0\n"), "{tree}");
    lab.finished("qwen", 1).await;
    let tree = bcmp(&lab.cluster, &["tree", "qwen"]).await.ok();
    assert!(tree.ends_with("No GPU is held.\n") && tree.contains("ConfigMap/qwen-r1-report"), "{tree}");
}

#[tokio::test(start_paused = true)]
async fn a_tree_names_what_it_may_not_show() {
    let lab = measured().await;
    lab.cluster
        .forbid(|request| matches!(request.plural.as_str(), "roles" | "pods") && request.verb == Some(Verb::List));
    let ran = bcmp(&lab.cluster, &["tree", "qwen"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let notes: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("not shown: list ")).collect();
    assert_eq!(notes.len(), 2, "{}", ran.err);
    assert!(ran.err.contains("create rolebinding bcmp-view --clusterrole=view"), "{}", ran.err);
    // A cluster without Dynamo has no graphs, and no error.
    lab.cluster.uninstall("nvidia.com", "dynamographdeployments");
    assert_eq!(bcmp(&lab.cluster, &["tree", "qwen"]).await.code, 0);
    assert!(lab.cluster.kind(GRAPHS).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_right_logs_are_found() {
    let lab = running().await;
    let ran = with_logs(&lab.cluster, &["logs", "qwen"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.starts_with("# load tool of baseline: pod qwen-r1-baseline-load-d1-"), "{}", ran.err);
    assert!(ran.err.trim_end().ends_with("container load"), "{}", ran.err);
    assert!(ran.out.contains("container=load"), "{}", ran.out);
    let servers = ["logs", "qwen", "--of", "server", "--variant", "baseline", "--tail", "5"];
    let ran = with_logs(&lab.cluster, &servers).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.lines().all(|line| line.starts_with("# server of baseline: pod qwen-r1-baseline-d1-")),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("container=main") && ran.out.contains("tailLines=5"), "{}", ran.out);
    let followed = with_logs(&lab.cluster, &["logs", "qwen", "-f"]).await;
    assert!(followed.code == 0 && followed.out.contains("follow=true"), "{}{}", followed.out, followed.err);
    insta::assert_snapshot!(with_logs(&lab.cluster, &["logs", "qwen", "-c", "no"]).await.seen());
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "1");
    lab.finished("qwen", 1).await;
    insta::assert_snapshot!(with_logs(&lab.cluster, &["logs", "qwen"]).await.seen());
}
