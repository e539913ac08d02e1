//! "No GPU left behind" and "nothing measured is lost", when things go wrong that nobody reports.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bcmp::api::{BenchmarkComparisonStatus, Phase, VariantStatus, labels};
use bcmp::measurement::ledger::{Mark, serving_key};
use bcmp::measurement::record::SCHEMA_VERSION;
use bcmp::prediction::configurations::GenerationOutcome;
use bcmp::simulation::actors::{Actor, PodContext, PodScript, condition as condition_of, has_label};
use bcmp::simulation::api_server::{ApiFailure, Cluster, Fault, Verb, meta};
use bcmp::simulation::lab::{GRAPHS, Lab, condition, gpus_held, seconds, small};
use bcmp::simulation::truth;
use bcmp::units::Milliseconds;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::{Value, json};

use crate::access::with_own_objects;

fn failure(status: &BenchmarkComparisonStatus, variant: usize) -> (&str, &str) {
    status.variants[variant].failure.as_ref().map_or(("", ""), |f| (f.reason.as_str(), f.message.as_str()))
}

fn loads(pod: &Value, variant: &str) -> bool {
    has_label(pod, labels::COMPONENT, "load") && has_label(pod, labels::VARIANT, variant)
}

fn message(status: &BenchmarkComparisonStatus) -> String {
    status.message.clone().unwrap_or_default()
}

/// Deadlines of five minutes each, ten for a trial.
fn impatient() -> Value {
    let mut spec = small();
    spec["execution"] = json!({"deadlines": {"scheduleSeconds": 300, "readySeconds": 300, "trialSeconds": 600, "teardownSeconds": 300}});
    spec
}

/// Says that its server serves, and then nothing more.
async fn falls_silent(pod: PodContext) -> i32 {
    tokio::time::sleep(seconds(20)).await;
    let mark = Mark { schema_version: SCHEMA_VERSION, deployment: 1, pod_uid: pod.uid(), time: pod.cluster.now() };
    pod.cluster.edit("configmaps", "default", "qwen-r1-baseline-results", |map| {
        map["data"][serving_key(1)] = json!(serde_json::to_string(&mark).unwrap());
    });
    std::future::pending().await
}

fn silent() -> PodScript {
    PodScript::run(falls_silent)
}

fn serving(status: &BenchmarkComparisonStatus) -> Option<Timestamp> {
    status.variants.first()?.deployments.first()?.serving.as_ref().map(|time| time.0)
}

/// Waits until the first variant has no GPU any more; how long that took since it served.
async fn freed(lab: &Lab) -> i64 {
    lab.until("qwen", "serving", 3600, |status| serving(status).is_some()).await;
    let held = |cluster: &Cluster| gpus_held(cluster).contains_key("qwen/baseline");
    lab.cluster.until("no GPU is held", seconds(200_000), |cluster| !held(cluster)).await;
    lab.cluster.now().duration_since(serving(&lab.status("qwen")).unwrap()).as_secs()
}

/// Whatever the load pod does or does not do, nothing that was published for as long as a trial and a new load pod may take
/// means that nothing will be.
#[rstest]
#[case::hangs(silent(), "LoadStalled")]
#[case::hangs_and_cannot_be_ended(silent().deaf(), "LoadStalled")]
#[tokio::test(start_paused = true)]
async fn a_load_pod_that_falls_silent_holds_no_gpu_for_ever(#[case] script: PodScript, #[case] reason: &str) {
    let lab = Lab::new(&[8]);
    let deaf = script.ignores_deletion;
    lab.cast.script(move |pod| loads(pod, "baseline").then(|| script.clone()));
    lab.apply("qwen", impatient());
    let held = freed(&lab).await;
    assert!(held < 2400, "held for {held} s");
    let status = lab.status("qwen");
    let (found, message) = failure(&status, 0);
    assert_eq!(found, reason, "{message}");
    assert!(message.contains("trialSeconds"), "{message}");
    if deaf {
        return;
    }
    let status = lab.finished("qwen", 1).await;
    assert!(status.variants[1].levels.iter().any(|level| level.measured.is_some()), "the other result is kept");
}

/// The node of the load pod is lost: the pod is told to go, does not, and the Job makes no other before it has.
#[tokio::test(start_paused = true)]
async fn a_lost_load_pod_is_named_and_frees_the_gpus() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| loads(pod, "baseline").then(|| silent().deaf()));
    let mut spec = impatient();
    spec["execution"]["deadlines"]["trialSeconds"] = json!(86_400);
    lab.apply("qwen", spec);
    lab.until("qwen", "serving", 3600, |status| serving(status).is_some()).await;
    let pods = lab.cluster.objects("pods");
    let lost = pods.iter().find(|pod| loads(pod, "baseline")).unwrap();
    let name = meta(lost, "name").to_owned();
    lab.cluster.delete("pods", "default", &name, "Background");
    lab.until("qwen", "it is named", 600, |status| {
        message(status).contains(&name) && message(status).contains("kubelet")
    })
    .await;
    let held = freed(&lab).await;
    assert!(held < 3600, "held for {held} s");
    let status = lab.status("qwen");
    assert_eq!(failure(&status, 0).0, "LoadPodStuck", "{}", failure(&status, 0).1);
}

/// The volume of the results is still attached to another node: the next load pod never starts.
#[tokio::test(start_paused = true)]
async fn a_load_pod_that_never_starts_is_named_and_frees_the_gpus() {
    let lab = Lab::new(&[8]);
    let first = AtomicBool::new(true);
    lab.cast.script(move |pod| {
        let later = loads(pod, "baseline") && !first.swap(false, Relaxed);
        later.then(|| PodScript { create: Duration::from_secs(1_000_000), ..PodScript::succeed(seconds(1)) })
    });
    let mut spec = impatient();
    spec["execution"]["deadlines"]["trialSeconds"] = json!(86_400);
    lab.apply("qwen", spec);
    lab.records("qwen", 1).await;
    let pods = lab.cluster.objects("pods");
    let lost = pods.iter().find(|pod| loads(pod, "baseline")).unwrap();
    lab.cast.evict_pod("default", meta(lost, "name"));
    lab.until("qwen", "it is named", 900, |status| message(status).contains("does not start")).await;
    let held = freed(&lab).await;
    assert!(held < 3600, "held for {held} s");
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 0).0, "LoadPodStuck", "{}", failure(&status, 0).1);
    assert!(status.variants[0].levels.iter().any(|level| level.measured.is_some()), "what was measured is kept");
    assert_eq!(status.phase, Some(Phase::Failed));
}

/// A status that holds absurd texts and figures, as tools and manifests may bring them.
#[tokio::test(start_paused = true)]
async fn texts_and_figures_that_a_status_has_no_room_for_hold_no_run_up() {
    let lab = Lab::predicting(&[8], |plan| {
        let mut made = truth::configurations(&plan.spec);
        for configuration in &mut made.variants {
            let GenerationOutcome::Ready(ready) = &mut configuration.outcome else { continue };
            let Some(shape) = &mut ready.shape else { continue };
            shape.weights = Some("${QUANTIZATION_METHOD:-compressed-tensors}".into());
            shape.image = Some(format!("registry.example/{}:1", "x".repeat(600)));
            if let Some(claim) = &mut ready.prediction.claim {
                claim.point.ttft = Milliseconds::new(1e25).unwrap();
            }
        }
        made
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let weights = status.variants[0].deployed.as_ref().and_then(|deployed| deployed.weights.clone());
    assert_eq!(weights.as_deref(), Some("${QUANTIZATION_METHOD:-compress…"));
}

/// Whatever the API server has against the status, what is deployed goes, and who waits behind it is admitted.
#[tokio::test(start_paused = true)]
async fn a_status_that_is_refused_ends_the_run() {
    let lab = Lab::new(&[8]);
    lab.cluster.faults(|request| {
        let levels = &request.body["status"]["variants"][0]["levels"];
        let refused = request.subresource == "status" && request.name.as_deref() == Some("qwen") && levels.is_array();
        let message =
            "BenchmarkComparison.bcmp.dev \"qwen\" is invalid: status.variants[0].levels[0].sla: Unsupported value";
        refused.then(|| Fault::Refuse(ApiFailure::new(422, "Invalid", message)))
    });
    lab.apply("qwen", small());
    lab.until("qwen", "queued", 300, |status| status.run.is_some()).await;
    lab.apply("other", small());
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!((status.phase, ended.reason.as_str()), (Some(Phase::Failed), "StatusRefused"), "{}", ended.message);
    assert!(ended.message.contains("Unsupported value"), "{}", ended.message);
    let left = lab.leftovers("qwen").into_iter().filter(|left| left.contains("qwen"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
    let other = lab.finished("other", 1).await;
    assert_eq!(other.phase, Some(Phase::Succeeded), "{:?}", other.message);
}

/// Somebody tidies up a Job that was complete while no operator looked: the records say what was measured.
#[tokio::test(start_paused = true)]
async fn what_was_measured_is_measured_whatever_became_of_its_job() {
    let mut lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.kill();
    let complete = |cluster: &Cluster| {
        cluster
            .list("jobs.batch")
            .iter()
            .any(|job| has_label(job, labels::COMPONENT, "load") && condition_of(job, "Complete") == "True")
    };
    lab.cluster.until("complete", seconds(100_000), complete).await;
    let jobs = lab.cluster.objects("jobs.batch");
    let load = jobs.iter().find(|job| has_label(job, labels::COMPONENT, "load")).unwrap();
    assert!(lab.cluster.delete("jobs.batch", "default", meta(load, "name"), "Background"));
    tokio::time::sleep(seconds(60)).await;
    lab.start();
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, failure(&status, 0)), (Some(Phase::Succeeded), ("", "")), "{:?}", status.message);
    assert_eq!(status.variants[0].deployments.len(), status.rounds.len(), "nothing was measured twice");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_gone_ends_the_run_at_once() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    assert!(lab.cluster.delete("configmaps", "default", "qwen-r1-plan", "Background"));
    let lost = lab.cluster.now();
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!((status.phase, ended.reason.as_str()), (Some(Phase::Failed), "PlanLost"), "{}", ended.message);
    assert!(ended.time.0.duration_since(lost).as_secs() < 60);
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}

const WEBHOOK_DOWN: &str = "Internal error occurred: failed calling webhook \"mdynamographdeployment.kb.io\": failed to call webhook: \
    Post \"https://dynamo-operator-webhook-service:443/mutate?timeout=10s\": dial tcp 10.0.0.7:443: connect: connection refused";

fn webhook_is_down(lab: &Lab) {
    lab.cluster.faults(|request| {
        let creates = request.verb == Some(Verb::Create) && request.plural == "dynamographdeployments";
        creates.then(|| Fault::Refuse(ApiFailure::new(500, "InternalError", WEBHOOK_DOWN)))
    });
}

/// Dynamo's operator is being upgraded while a variant is to be deployed.
#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_down_is_said_at_once_and_waited_for() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    webhook_is_down(&lab);
    let creating =
        |status: &BenchmarkComparisonStatus| status.variants.get(1).is_some_and(|v| !v.deployments.is_empty());
    lab.until("qwen", "the other variant is deployed", 7200, creating).await;
    let since = lab.cluster.now();
    lab.until("qwen", "it is said", 5, |status| message(status).contains("connection refused")).await;
    let said = message(&lab.status("qwen"));
    assert!(said.contains("Dynamo's operator") && !said.contains("free GPUs"), "{said}");
    tokio::time::sleep(seconds(200)).await;
    let tries = lab.cluster.writes().iter().filter(|entry| entry.code == Some(500)).count();
    assert!((14..25).contains(&tries), "tried {tries} times in 200 s");
    lab.cluster.no_faults();
    let back = lab.cluster.now();
    assert!(back.duration_since(since).as_secs() < 300);
    lab.cluster.until("created", seconds(15), |cluster| !cluster.list(GRAPHS).is_empty()).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_stays_down_is_final_after_the_grace() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    webhook_is_down(&lab);
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = failure(&status, 1);
    assert_eq!(reason, "WebhookUnavailable", "{message}");
    let failed = status.variants[1].failure.as_ref().unwrap().time.0;
    let waited = failed.duration_since(status.variants[1].deployments[0].created.0).as_secs();
    assert!((300..330).contains(&waited), "final after {waited} s");
}

/// Nobody makes pods of what was created: there is nothing for which GPUs could be freed.
#[tokio::test(start_paused = true)]
async fn pods_that_nobody_creates_want_no_gpus() {
    let lab = Lab::new(&[8]);
    lab.cast.stop(Actor::Deployments);
    lab.apply("qwen", impatient());
    lab.until("qwen", "it is said", 300, |status| message(status) == "baseline waits for its pods to be created").await;
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = failure(&status, 0);
    assert_eq!(reason, "PodsNotCreated", "{message}");
    assert!(
        message.contains("DynamoGraphDeployment qwen-r1-baseline-d1") && !message.contains("free GPUs"),
        "{message}"
    );
}

/// What only a finalizer holds costs nobody a GPU.
#[tokio::test(start_paused = true)]
async fn gpu_seconds_end_with_the_pods() {
    let lab = Lab::predicting(&[8], |plan| with_own_objects(truth::configurations(&plan.spec)));
    lab.apply("qwen", small());
    let serves = |variant: &VariantStatus| variant.deployments.first().is_some_and(|d| d.serving.is_some());
    lab.until("qwen", "the other variant serves", 7200, |status| status.variants.get(1).is_some_and(serves)).await;
    let maps = lab.cluster.objects("configmaps");
    let own = maps.iter().find(|map| has_label(map, labels::COMPONENT, "server")).unwrap();
    let finalizers = |list: Value| {
        lab.cluster.edit("configmaps", "default", meta(own, "name"), |map| map["metadata"]["finalizers"] = list);
    };
    finalizers(json!(["example.com/audit"]));
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.cluster.until("no GPU is held", seconds(600), |cluster| gpus_held(cluster).is_empty()).await;
    tokio::time::sleep(seconds(7200)).await;
    let torn_down = |status: &BenchmarkComparisonStatus| {
        let found = status.conditions.iter().find(|c| c.type_ == "TornDown");
        found.map(|c| c.message.clone()).unwrap_or_default()
    };
    assert!(torn_down(&lab.status("qwen")).contains("no GPU is held"), "{}", torn_down(&lab.status("qwen")));
    finalizers(json!([]));
    let status = lab.finished("qwen", 1).await;
    let seconds = |from: &Option<Time>, to: &Option<Time>| {
        to.as_ref().unwrap().0.duration_since(from.as_ref().unwrap().0).as_secs()
    };
    let held_up = &status.variants[1].deployments[0];
    assert!(seconds(&held_up.freed, &held_up.gone) > 7000);
    let deployments = status.variants.iter().flat_map(|variant| &variant.deployments);
    let held: i64 = deployments.map(|of| 8 * seconds(&of.scheduled, &of.freed)).sum();
    assert_eq!(status.gpu_seconds.unwrap().held, held);
    let actual = status.price.unwrap().actual.unwrap();
    assert_eq!(actual.gpu_hours, format!("{:.1}", held as f64 / 3600.0), "what is paid for is what is held");
}

/// What admission refuses is known before the run is queued for GPUs, and nobody else waits for it.
#[tokio::test(start_paused = true)]
async fn what_the_api_server_would_not_take_asks_for_no_gpus() {
    let lab = Lab::new(&[8]);
    lab.cluster.admission(|plural, object| {
        let refused = plural == "dynamographdeployments" && meta(object, "name").contains("qwen-r1-baseline");
        let message = "admission webhook \"vdynamographdeployment.kb.io\" denied the request: runtimeVersionOverride: Required value";
        refused.then(|| ApiFailure::new(403, "Forbidden", message))
    });
    lab.apply("qwen", small());
    lab.until("qwen", "it is said", 60, |status| message(status).contains("runtimeVersionOverride")).await;
    assert_eq!(lab.status("qwen").phase, Some(Phase::Queued));
    assert_eq!(condition(&lab.status("qwen"), "Reconciling"), ("True", "AdmissionRefused"));
    lab.apply("mistral", small());
    lab.until("mistral", "it is admitted", 120, |status| {
        status.run.as_ref().is_some_and(|run| run.start_time.is_some())
    })
    .await;
    assert_eq!(lab.status("qwen").phase, Some(Phase::Queued), "the refusal is not final yet");
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 0).0, "AdmissionRefused", "{}", failure(&status, 0).1);
    assert!(status.run.as_ref().unwrap().start_time.is_none(), "it was admitted");
    let history = lab.cluster.history();
    let mut graphs = history.iter().filter(|record| record.key.resource == GRAPHS);
    assert!(graphs.all(|record| !record.key.name.starts_with("qwen")), "nothing was deployed");
}

/// A webhook that is away while a run waits may be back in time.
#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_down_for_a_while_holds_no_gpu() {
    let lab = Lab::new(&[8]);
    webhook_is_down(&lab);
    lab.apply("qwen", small());
    lab.until("qwen", "it is said", 60, |status| message(status).contains("connection refused")).await;
    tokio::time::sleep(seconds(100)).await;
    lab.cluster.no_faults();
    lab.cluster.until("created", seconds(15), |cluster| !cluster.list(GRAPHS).is_empty()).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}
