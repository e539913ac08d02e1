//! What GitOps tools look at: comparisons in every state, as the operator leaves them.
//!
//! The objects are kept under `config/argocd` for the tests of the Lua health check and of kstatus. Set `BCMP_CAPTURE=1`
//! to write them anew; without it, a test fails when the operator now says something else of such an object.

use std::path::PathBuf;

use bcmp::api::{BenchmarkComparisonStatus, Phase, annotations, labels};
use serde_json::{Value, json};

use bcmp::simulation::actors::{Actor, PodScript, has_label};
use bcmp::simulation::lab::{COMPARISONS, Lab, condition, seconds, small};

/// Compares the object with the kept one of that name, or keeps it.
fn keep(lab: &Lab, case: &str) {
    let mut object = lab.cluster.object(COMPARISONS, "default", "qwen").expect("the comparison is there");
    object["metadata"]["uid"] = json!("6f1b3c0e-0d53-4c55-9a39-5b8c7d6e0f11");
    object["metadata"]["resourceVersion"] = json!("1");
    object["metadata"].as_object_mut().expect("metadata").remove("managedFields");
    let directory = "config/argocd/resource_customizations/bcmp.dev/BenchmarkComparison/testdata";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory).join(format!("{case}.yaml"));
    if std::env::var_os("BCMP_CAPTURE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("the directory can be made");
        std::fs::write(&path, serde_saphyr::to_string(&object).expect("YAML")).expect("the file can be written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let kept: Value = serde_saphyr::from_str(&text).expect("YAML");
    assert_eq!(said(&kept), said(&object), "{}: run with BCMP_CAPTURE=1 if this is meant", path.display());
}

/// What is said of a comparison, without times.
fn said(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let shown = |c: &Value| json!([c["type"], c["status"], c["reason"], c["message"]]);
    json!({
        "observed": [object["metadata"]["generation"], object["status"]["observedGeneration"]],
        "deleted": object["metadata"]["deletionTimestamp"].is_null(),
        "spec": object["spec"],
        "phase": object["status"]["phase"],
        "message": object["status"]["message"],
        "conditions": conditions.iter().map(shown).collect::<Vec<_>>(),
    })
}

fn with(fields: &Value) -> Value {
    let mut spec = small();
    for (key, value) in fields.as_object().expect("fields") {
        spec[key] = value.clone();
    }
    spec
}

fn baseline_crashes(lab: &Lab) {
    lab.cast.script(|pod| {
        let baseline = has_label(pod, labels::VARIANT, "baseline");
        let server = has_label(pod, labels::COMPONENT, "server");
        (baseline && server).then(PodScript::crash_loop)
    });
}

#[tokio::test(start_paused = true)]
async fn before_the_operator_has_looked() {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    lab.apply("qwen", small());
    keep(&lab, "progressing-not-observed");
    lab.start();
    lab.finished("qwen", 1).await;
    keep(&lab, "healthy-succeeded");
    lab.kill();
    lab.edit("qwen", |object| object["spec"]["runId"] = json!("again"));
    keep(&lab, "progressing-changed");
}

#[tokio::test(start_paused = true)]
async fn under_way() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.phase("qwen", Phase::Generating).await;
    keep(&lab, "progressing-generating");
    lab.phase("qwen", Phase::Measuring).await;
    keep(&lab, "progressing-deploying");
    lab.records("qwen", 1).await;
    keep(&lab, "progressing-measuring");
    lab.phase("qwen", Phase::TearingDown).await;
    keep(&lab, "progressing-tearing-down");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_its_turn() {
    let lab = Lab::new(&[8]);
    lab.apply("first", small());
    lab.records("first", 1).await;
    lab.apply("qwen", small());
    let waits = |status: &BenchmarkComparisonStatus| status.phase == Some(Phase::Queued);
    lab.until("qwen", "queued", 600, waits).await;
    keep(&lab, "progressing-queued");
}

#[tokio::test(start_paused = true)]
async fn at_rest_without_a_verdict() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", with(&json!({"execution": {"start": "OnRequest", "until": "Predictions"}})));
    lab.phase("qwen", Phase::Pending).await;
    keep(&lab, "suspended-not-requested");
    lab.annotate("qwen", annotations::RUN_REQUESTED, "argocd-run-1");
    lab.until("qwen", "predicted", 600, |status| condition(status, "Finished").0 == "True").await;
    keep(&lab, "healthy-predicted");
}

#[tokio::test(start_paused = true)]
async fn held_and_cancelled() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["suspend"] = json!(true));
    lab.phase("qwen", Phase::Suspended).await;
    keep(&lab, "suspended-held");
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "1");
    lab.finished("qwen", 1).await;
    keep(&lab, "degraded-cancelled");
}

#[tokio::test(start_paused = true)]
async fn evidence_that_does_not_suffice() {
    let lab = Lab::new(&[8]);
    let doubtful = json!({"assumedScatterPercent": "90", "failOn": ["Inconclusive"]});
    lab.apply("qwen", with(&json!({"judgement": doubtful, "execution": {"rounds": {"maximum": 1}}})));
    lab.finished("qwen", 1).await;
    keep(&lab, "degraded-inconclusive");
    lab.edit("qwen", |object| object["spec"]["judgement"]["failOn"] = json!([]));
    lab.until("qwen", "judged again", 600, |status| condition(status, "Succeeded").0 == "True").await;
    keep(&lab, "healthy-inconclusive");
}

#[tokio::test(start_paused = true)]
async fn caught_by_a_rule() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", with(&json!({"judgement": {"failOn": ["Inaccurate"], "accuracyTolerancePercent": "0.01"}})));
    let status = lab.finished("qwen", 1).await;
    assert_eq!(condition(&status, "Stalled"), ("True", "CaughtByFailOn"));
    assert!(status.message.as_ref().expect("a message").starts_with("judgement.failOn names Inaccurate: "));
    keep(&lab, "degraded-inaccurate");
}

#[tokio::test(start_paused = true)]
async fn failed_and_kept_for_debugging() {
    let lab = Lab::new(&[8]);
    baseline_crashes(&lab);
    lab.apply("qwen", with(&json!({"execution": {"keepOnFailureSeconds": 3600}})));
    lab.until("qwen", "kept", 3600, |status| condition(status, "TornDown").1 == "KeptForDebugging").await;
    keep(&lab, "progressing-kept-for-debugging");
    lab.finished("qwen", 1).await;
    keep(&lab, "degraded-variant-failed");
}

#[tokio::test(start_paused = true)]
async fn generation_that_fails() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| has_label(pod, labels::COMPONENT, "generate").then(|| PodScript::fail(seconds(5), 1)));
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    keep(&lab, "degraded-generation-failed");
}

#[tokio::test(start_paused = true)]
async fn a_teardown_that_is_stuck() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cast.stop(Actor::Dynamo);
    lab.until("qwen", "stuck", 7200, |status| condition(status, "Stalled") == ("True", "TeardownStuck")).await;
    keep(&lab, "degraded-teardown-stuck");
}

#[tokio::test(start_paused = true)]
async fn going() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Foreground");
    tokio::time::sleep(seconds(1)).await;
    keep(&lab, "progressing-deleted");
}
