//! Failures told apart: each with its reason, what it is about, and the other variant's result kept.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use bcmp::api::{BenchmarkComparisonStatus, EvidenceCode, Phase, Reason, VariantPhase, VariantStatus, labels};
use bcmp::prediction::configurations::GenerationOutcome;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::{Value, json};

use crate::access::with_own_objects;
use bcmp::simulation::actors::{Actor, PodScript, has_label};
use bcmp::simulation::api_server::{ApiFailure, Cluster, Fault, Verb, meta};
use bcmp::simulation::lab::{COMPARISONS, GRAPHS, Lab, condition, gpus_held, seconds, small};
use bcmp::simulation::truth;

const UNKNOWN_OWNER: &str = "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion \
    bcmp.dev/v1alpha1 Kind BenchmarkComparison: no matches for kind \"BenchmarkComparison\" in version \"bcmp.dev/v1alpha1\"";

fn failure(status: &BenchmarkComparisonStatus, variant: usize) -> (&str, &str) {
    status.variants[variant].failure.as_ref().map_or(("", ""), |f| (f.reason.as_str(), f.message.as_str()))
}

fn server_of(variant: &'static str) -> impl Fn(&Value) -> bool {
    move |pod| {
        has_label(pod, labels::VARIANT, variant)
            && !has_label(pod, labels::COMPONENT, "load")
            && pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"].is_string()
    }
}

#[rstest]
#[case::crash_loop(PodScript::crash_loop(), "CrashLoop", "exit code")]
#[case::out_of_memory(PodScript::out_of_memory(), "OutOfMemory", "raise its memory limit")]
#[case::image_pull(PodScript::image_pull_error(), "ImagePullFailed", "imagePullSecrets")]
#[case::unschedulable(
    PodScript::unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."),
    "Unschedulable",
    "Insufficient nvidia.com/gpu"
)]
#[case::never_ready(PodScript::never_ready(), "NotReady", "more are not")]
#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_named_and_the_other_variant_is_measured(
    #[case] script: PodScript,
    #[case] reason: &str,
    #[case] says: &str,
) {
    let lab = Lab::new(&[8]);
    let is_server = server_of("baseline");
    lab.cast.script(move |pod| is_server(pod).then(|| script.clone()));
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Failed));
    let (found, message) = failure(&status, 0);
    assert_eq!(found, reason, "{message}");
    assert!(message.contains(says), "{message}");
    assert_eq!((condition(&status, "Stalled"), condition(&status, "Succeeded").1), (("True", reason), reason));
    assert!(status.variants[1].failure.is_none());
    assert!(status.variants[1].levels.iter().any(|level| level.measured.is_some()), "the other result is kept");
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}

/// One of eight comes up long after the others have answered: the levels would be those of seven.
#[tokio::test(start_paused = true)]
async fn load_waits_for_the_last_server_to_be_ready() {
    let lab = Lab::new(&[8]);
    let is_server = server_of("baseline");
    let first = AtomicBool::new(true);
    lab.cast.script(move |pod| {
        let late = is_server(pod) && first.swap(false, Relaxed);
        late.then(|| PodScript::serve(seconds(900)))
    });
    lab.apply("qwen", small());
    lab.until("qwen", "starts up", 300, |status| status.message.as_deref() == Some("baseline starts up")).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let deployment = &status.variants[0].deployments[0];
    let time = |time: &Option<Time>| time.as_ref().unwrap().0;
    let waited = time(&deployment.serving).duration_since(time(&deployment.scheduled)).as_secs();
    assert!(waited >= 900, "measured after {waited} s");
    assert!(deployment.ready.as_ref().unwrap() <= deployment.serving.as_ref().unwrap());
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_ready_and_answer_nothing_are_not_serving() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| {
        let baseline = has_label(pod, labels::COMPONENT, "load") && has_label(pod, labels::VARIANT, "baseline");
        baseline.then(|| PodScript::succeed(seconds(1_000_000)))
    });
    lab.apply("qwen", small());
    lab.until("qwen", "ready", 300, |status| {
        status.message.as_deref() == Some("baseline is ready; waiting for its first completed request")
    })
    .await;
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = failure(&status, 0);
    assert_eq!(reason, "NotServing", "{message}");
    assert!(message.contains("readySeconds"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_first_names_the_cause() {
    let lab = Lab::new(&[8]);
    let is_server = server_of("baseline");
    lab.cast.script(move |pod| is_server(pod).then(PodScript::image_pull_error));
    let mut spec = small();
    spec["execution"] = json!({"deadlines": {"readySeconds": 60}});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = failure(&status, 0);
    assert_eq!(reason, "ImagePullFailed", "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_variant_stops_the_run_when_asked_to() {
    let lab = Lab::new(&[8]);
    let is_server = server_of("baseline");
    lab.cast.script(move |pod| is_server(pod).then(PodScript::crash_loop));
    let mut spec = small();
    spec["execution"] = json!({"onVariantFailure": "Stop"});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, failure(&status, 0).0), (Some(Phase::Failed), "CrashLoop"));
    assert!(status.variants[1].deployments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_variant_is_kept_for_debugging_as_long_as_asked_for() {
    let lab = Lab::new(&[8]);
    let is_server = server_of("baseline");
    lab.cast.script(move |pod| is_server(pod).then(PodScript::crash_loop));
    let mut spec = small();
    spec["execution"] = json!({"keepOnFailureSeconds": 3600});
    lab.apply("qwen", spec);
    lab.until("qwen", "kept", 3600, |status| condition(status, "TornDown").1 == "KeptForDebugging").await;
    let failed = lab.cluster.now();
    let status = lab.finished("qwen", 1).await;
    assert!(lab.cluster.now().duration_since(failed).as_secs() >= 3590);
    assert!(status.variants[1].levels.iter().any(|level| level.measured.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shown_at_once_and_final_after_five_minutes() {
    let lab = Lab::new(&[8]);
    lab.cluster.admission(|plural, object| {
        (plural == "dynamographdeployments" && meta(object, "name").contains("baseline")).then(|| {
            ApiFailure::quota_exceeded(
                "dynamographdeployments",
                meta(object, "name"),
                "gpus",
                "requests.nvidia.com/gpu",
            )
        })
    });
    lab.apply("qwen", small());
    let refused =
        |status: &BenchmarkComparisonStatus| status.message.as_ref().is_some_and(|m| m.contains("exceeded quota"));
    lab.until("qwen", "the refusal is shown", 60, refused).await;
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = failure(&status, 0);
    assert_eq!(reason, "QuotaExceeded", "{message}");
    assert!(message.contains("raise the quota"), "{message}");
    // The quota is raised: what was refused once is not held against the next run, which takes longer than five minutes.
    lab.cluster.admit_all();
    lab.edit("qwen", |comparison| {
        comparison["spec"]["runId"] = json!("again");
        comparison["spec"]["load"]["decisionTrials"] = json!(20);
    });
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// What has the name may be on its way out: it has as long as a teardown has.
#[tokio::test(start_paused = true)]
async fn a_taken_name_is_final_when_a_teardown_would_be_overdue() {
    let lab = Lab::new(&[8]);
    lab.cluster.put(json!({
        "apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment",
        "metadata": {"name": "qwen-r1-baseline-d1", "namespace": "default"}, "spec": {"services": {}},
    }));
    let mut spec = small();
    spec["execution"] = json!({"deadlines": {"teardownSeconds": 1200}});
    lab.apply("qwen", spec);
    lab.until("qwen", "the refusal is shown", 600, |status| {
        status.message.as_ref().is_some_and(|message| message.contains("delete or rename"))
    })
    .await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 0).0, "NameTaken", "{}", failure(&status, 0).1);
    let (failed, created) = (&status.variants[0].failure.as_ref().unwrap().time, &status.variants[0].deployments[0]);
    let waited = failed.0.duration_since(created.created.0).as_secs();
    assert!((1200..1260).contains(&waited), "final after {waited} s");
}

/// The API server does not let anybody own by a kind it has just been given; for a person there is nothing to do.
#[tokio::test(start_paused = true)]
async fn a_kind_that_was_just_installed_is_waited_for_without_a_word() {
    let lab = Lab::new(&[8]);
    let refusals = AtomicU32::new(3);
    lab.cluster.admission(move |plural, object| {
        let left = |left: u32| left.checked_sub(1);
        let not_yet = plural == "configmaps" && refusals.fetch_update(Relaxed, Relaxed, left).is_ok();
        not_yet.then(|| {
            let name = meta(object, "name");
            ApiFailure::new(403, "Forbidden", format!("configmaps {name:?} is forbidden: {UNKNOWN_OWNER}"))
        })
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let said = lab.cluster.history().into_iter().filter_map(|record| record.after);
    assert_eq!(said.filter(|object| object["status"].to_string().contains("was refused")).count(), 0);
    let metrics = lab.metrics.text();
    let errors = metrics.lines().filter(|line| line.starts_with("controller_runtime_reconcile_errors_total"));
    let counted: Vec<&str> = errors.filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(counted, Vec::<&str>::new());
}

/// What refuses the load's first pod is mended at once; the servers have loaded for longer than a refusal may last.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_late_in_a_deployment_is_no_failure() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| server_of("baseline")(pod).then(|| PodScript::serve(seconds(600))));
    let refusals = AtomicU32::new(1);
    lab.cluster.admission(move |plural, object| {
        let left = |left: u32| left.checked_sub(1);
        let is_load = plural == "pods" && has_label(object, labels::COMPONENT, "load");
        let refuses = is_load && refusals.fetch_update(Relaxed, Relaxed, left).is_ok();
        refuses.then(|| ApiFailure::pod_security(meta(object, "name")))
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", failure(&status, 0));
}

/// Pods wait for nodes that are being added, and Dynamo's operator meets an error meanwhile.
#[tokio::test(start_paused = true)]
async fn a_passing_complaint_about_servers_that_wait_is_no_failure() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| {
        let waits = PodScript { schedule_after: seconds(900), ..PodScript::serve(seconds(1)) };
        server_of("baseline")(pod).then_some(waits)
    });
    lab.apply("qwen", small());
    lab.until("qwen", "deployed", 7200, |status| status.variants.first().is_some_and(|v| !v.deployments.is_empty()))
        .await;
    tokio::time::sleep(seconds(400)).await;
    let say = |state: &str, status: &str| {
        lab.cluster.edit("dynamographdeployments.nvidia.com", "default", "qwen-r1-baseline-d1", |graph| {
            graph["status"]["state"] = json!(state);
            graph["status"]["conditions"] =
                json!([{"type": "Ready", "status": status, "reason": "x", "message": "the server was busy"}]);
        })
    };
    lab.cast.stop(Actor::Dynamo);
    assert!(say("failed", "False").is_some());
    tokio::time::sleep(seconds(20)).await;
    say("pending", "False");
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", failure(&status, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_pods_are_refused_says_why() {
    let lab = Lab::new(&[8]);
    lab.cluster.admission(|plural, object| {
        (plural == "pods" && has_label(object, labels::COMPONENT, "generate"))
            .then(|| ApiFailure::pod_security(meta(object, "name")))
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!(ended.reason, Reason::PodSecurityRefused, "{}", ended.message);
}

#[tokio::test(start_paused = true)]
async fn no_feasible_configuration_is_a_result_and_holds_no_gpu() {
    let lab = Lab::predicting(&[8], |plan| {
        let mut configurations = truth::configurations(&plan.spec);
        configurations.variants[1].outcome = GenerationOutcome::Refused {
            reason: Reason::NoFeasibleConfiguration.into(),
            message: "the nearest row misses TPOT by 12 %".into(),
        };
        configurations
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, failure(&status, 1).0), (Some(Phase::Failed), "NoFeasibleConfiguration"));
    assert_eq!(condition(&status, "ConfigurationsGenerated"), ("False", "NoFeasibleConfiguration"));
    assert!(status.message.as_ref().unwrap().contains("by 12 %"));
    assert!(!lab.cluster.history().iter().any(|r| r.key.resource == "dynamographdeployments.nvidia.com"));
}

#[tokio::test(start_paused = true)]
async fn generation_that_fails_ends_the_run() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| has_label(pod, labels::COMPONENT, "generate").then(|| PodScript::fail(seconds(5), 1)));
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!((status.phase, ended.reason.as_str()), (Some(Phase::Failed), "GenerationFailed"), "{}", ended.message);
}

#[tokio::test(start_paused = true)]
async fn generation_that_hangs_ends_at_its_deadline() {
    let lab = Lab::new(&[8]);
    lab.cast
        .script(|pod| has_label(pod, labels::COMPONENT, "generate").then(|| PodScript::succeed(seconds(1_000_000))));
    let mut spec = small();
    spec["execution"] = json!({"deadlines": {"generateSeconds": 120}});
    lab.apply("qwen", spec);
    let start = lab.cluster.now();
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Failed), "{:?}", status.message);
    assert!(lab.cluster.now().duration_since(start).as_secs() < 300);
}

#[tokio::test(start_paused = true)]
async fn a_load_tool_that_fails_is_told_from_a_server_that_does() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| {
        let baseline = has_label(pod, labels::COMPONENT, "load") && has_label(pod, labels::VARIANT, "baseline");
        baseline.then(|| PodScript::fail(seconds(20), 1))
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 0).0, "LoadFailed", "{}", failure(&status, 0).1);
}

/// A server that does not say whether DynamoGraphDeployments are served has not said that they are not.
#[tokio::test(start_paused = true)]
async fn a_discovery_that_fails_takes_no_server_away() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cluster.faults(|request| {
        let discovers = request.verb.is_none() && request.path.starts_with("/apis/nvidia.com/");
        discovers.then(|| {
            Fault::Refuse(ApiFailure::new(503, "ServiceUnavailable", "the server is currently unable to handle it"))
        })
    });
    tokio::time::sleep(seconds(600)).await;
    assert_eq!((lab.gpus_held().len(), failure(&lab.status("qwen"), 0)), (1, ("", "")));
    lab.cluster.no_faults();
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let in_round = |variant: &VariantStatus, round| variant.deployments.iter().filter(|d| d.round == round).count();
    assert!(status.variants.iter().all(|variant| in_round(variant, 1) == 1), "none is deployed again");
}

/// Garbage collection waits for a finalizer that somebody else put on the comparison; the GPUs cost meanwhile.
#[tokio::test(start_paused = true)]
async fn a_deleted_comparison_that_somebody_holds_frees_its_gpus() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["metadata"]["finalizers"] = json!(["example.com/audit"]));
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Background");
    let servers_and_load = |cluster: &Cluster| cluster.list(GRAPHS).len() + cluster.list("jobs.batch").len();
    lab.cluster
        .until("freed", seconds(300), |cluster| servers_and_load(cluster) == 0 && gpus_held(cluster).is_empty())
        .await;
    tokio::time::sleep(seconds(7200)).await;
    assert_eq!((servers_and_load(&lab.cluster), lab.cluster.list(COMPARISONS).len()), (0, 1), "nothing comes back");
    lab.edit("qwen", |object| object["metadata"]["finalizers"] = json!([]));
    lab.cluster.until("gone", seconds(60), |cluster| cluster.list(COMPARISONS).is_empty()).await;
}

/// The graph was deleted in the background; nobody but Dynamo's operator lets its pods go.
#[tokio::test(start_paused = true)]
async fn a_deleted_comparison_frees_its_gpus_while_dynamo_is_away() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["metadata"]["finalizers"] = json!(["example.com/audit"]));
    lab.cast.stop(Actor::Dynamo);
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Background");
    lab.cluster.until("freed", seconds(120), |cluster| gpus_held(cluster).is_empty()).await;
}

/// Who deletes with `--cascade=orphan` keeps what is deployed.
#[tokio::test(start_paused = true)]
async fn children_that_are_asked_to_stay_are_left_alone() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Orphan");
    lab.cluster.until("gone", seconds(60), |cluster| cluster.list(COMPARISONS).is_empty()).await;
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(lab.gpus_held().len(), 1);
}

/// Whatever another variant's creation meets, what is to go holds GPUs.
#[tokio::test(start_paused = true)]
async fn a_creation_that_fails_keeps_nobody_from_going() {
    let lab = Lab::new(&[8, 8]);
    lab.cluster.faults(|request| {
        let load_of_optimized = request.verb == Some(Verb::Create)
            && request.plural == "jobs"
            && request.name.as_ref().is_some_and(|name| name.contains("optimized"));
        load_of_optimized.then(|| Fault::Refuse(ApiFailure::new(500, "InternalError", "etcdserver: request timed out")))
    });
    let mut spec = small();
    spec["execution"] = json!({"mode": "Parallel"});
    lab.apply("qwen", spec);
    lab.until("qwen", "baseline is gone", 1800, |status| {
        status.variants.first().and_then(|v| v.deployments.first()).is_some_and(|d| d.gone.is_some())
    })
    .await;
    let status = lab.status("qwen");
    assert!(status.variants[1].deployments[0].gone.is_none(), "the other one still waits for its load");
    lab.cluster.no_faults();
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// What was published is there whether its ConfigMap accepts more or not; the GPUs cost.
#[tokio::test(start_paused = true)]
async fn results_that_cannot_be_sealed_hold_no_gpus_for_ever() {
    let lab = Lab::new(&[8]);
    lab.cluster.forbid(|request| request.verb == Some(Verb::Patch) && request.plural == "configmaps");
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
    let deployment = &status.variants[0].deployments[0];
    let kept = deployment.gone.as_ref().unwrap().0.duration_since(deployment.teardown.as_ref().unwrap().0).as_secs();
    assert!(kept < 1260, "{kept} s");
}

/// No GPU is held, but the run does not end, and nobody would learn why.
#[tokio::test(start_paused = true)]
async fn a_pod_left_on_a_lost_node_is_named_whatever_it_was_for() {
    let lab = Lab::new(&[8]);
    lab.cast
        .script(|pod| has_label(pod, labels::COMPONENT, "generate").then(|| PodScript::succeed(seconds(1_000_000))));
    lab.apply("qwen", small());
    lab.until("qwen", "generating", 300, |_| {
        lab.cluster.objects("pods").iter().any(|pod| pod["status"]["phase"] == "Running")
    })
    .await;
    lab.cast.lose_node("node-0");
    lab.annotate("qwen", "bcmp.dev/cancel-requested", "1");
    lab.until("qwen", "stuck", 1800, |status| condition(status, "Stalled") == ("True", "TeardownStuck")).await;
    let message = lab.status("qwen").message.unwrap();
    assert!(message.contains("on node node-0"), "{message}");
    assert!(message.contains("kubelet"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn half_held_gpus_are_given_back() {
    let lab = Lab::new(&[8, 8]);
    lab.cast.script(|pod| {
        let first = has_label(pod, labels::VARIANT, "optimized") && has_label(pod, labels::DEPLOYMENT, "1");
        (first && server_of("optimized")(pod)).then(|| PodScript::unschedulable("0/2 nodes are available"))
    });
    let mut spec = small();
    spec["execution"] = json!({"mode": "Auto"});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    assert_eq!(status.run.unwrap().mode_reason.as_deref(), Some("Auto: only some of the variants found GPUs at once"));
}

#[tokio::test(start_paused = true)]
async fn results_that_vanish_are_never_measured_again() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.until("qwen", "baseline measured", 3600, |status| {
        status.variants.first().is_some_and(|v| v.deployments.iter().any(|d| d.measured.is_some()))
    })
    .await;
    assert!(lab.cluster.delete("configmaps", "default", "qwen-r1-baseline-results", "Background"));
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!((status.phase, ended.reason.as_str()), (Some(Phase::Failed), "ResultsLost"));
    assert_eq!(status.variants[0].deployments.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_deleted_by_someone_is_a_failure_and_no_second_deployment() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    assert!(lab.cluster.delete("dynamographdeployments.nvidia.com", "default", "qwen-r1-baseline-d1", "Background"));
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 0).0, "ObjectsDeleted", "{}", failure(&status, 0).1);
    assert_eq!(status.variants[0].deployments.len(), 1);
}

/// Manifests of one's own bring more than what runs the pods: it alone is missed.
#[tokio::test(start_paused = true)]
async fn a_deployment_deleted_beside_its_service_is_missed() {
    let lab = Lab::predicting(&[8], |plan| with_own_objects(truth::configurations(&plan.spec)));
    lab.apply("qwen", small());
    let measuring = |status: &BenchmarkComparisonStatus| {
        status.variants.get(1).is_some_and(|variant| variant.phase == Some(VariantPhase::Measuring))
    };
    lab.until("qwen", "measuring", 7200, measuring).await;
    let deployments = lab.cluster.objects("deployments.apps");
    assert!(lab.cluster.delete("deployments.apps", "default", meta(&deployments[0], "name"), "Background"));
    let status = lab.finished("qwen", 1).await;
    assert_eq!(failure(&status, 1).0, "ObjectsDeleted", "{}", failure(&status, 1).1);
}

/// Dynamo's operator reports any error of a pass as the state of the graph, and takes it back in the next.
#[tokio::test(start_paused = true)]
async fn a_passing_complaint_about_running_servers_is_no_failure() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"load": {"decisionTrials": 20}}));
    lab.records("qwen", 1).await;
    tokio::time::sleep(seconds(600)).await;
    let say = |state: &str, status: &str| {
        let (state, status) = (state.to_owned(), status.to_owned());
        lab.cluster.edit("dynamographdeployments.nvidia.com", "default", "qwen-r1-baseline-d1", |graph| {
            graph["status"]["state"] = json!(state);
            graph["status"]["conditions"] =
                json!([{"type": "Ready", "status": status, "reason": "x", "message": "the server was busy"}]);
        })
    };
    lab.cast.stop(Actor::Dynamo);
    assert!(say("failed", "False").is_some());
    tokio::time::sleep(seconds(20)).await;
    say("successful", "True");
    lab.cast.resume(Actor::Dynamo);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}

/// A server's pod that takes the place of another in mid-level has no restart to its name.
#[tokio::test(start_paused = true)]
async fn a_replaced_server_spoils_the_level_it_was_in() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    lab.records("qwen", 2).await;
    let pods = lab.cluster.objects("pods");
    let server = pods.iter().find(|pod| server_of("baseline")(pod) && !pod["spec"]["nodeName"].is_null()).unwrap();
    assert!(lab.cluster.delete("pods", "default", meta(server, "name"), "Background"));
    let status = lab.finished("qwen", 1).await;
    let reasons = status.variants[0].levels.iter().flat_map(|level| &level.evidence.reasons);
    let restarted = reasons.filter(|finding| finding.code == EvidenceCode::ServerRestarted).count();
    assert_eq!(restarted, 1, "{:#?}", status.variants[0].levels);
}

/// A server that does not answer has not said that there are no graphs.
#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_a_while_changes_nothing() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({"load": {"decisionTrials": 20}}));
    lab.records("qwen", 1).await;
    for outage in [31, 47, 90, 33] {
        tokio::time::sleep(seconds(outage)).await;
        lab.cluster.faults(|_| Some(Fault::Drop));
        // Somebody makes the operator look in the middle of it.
        lab.edit("qwen", |comparison| comparison["metadata"]["labels"]["outage"] = json!(outage.to_string()));
        tokio::time::sleep(seconds(10)).await;
        lab.cluster.no_faults();
    }
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
}
