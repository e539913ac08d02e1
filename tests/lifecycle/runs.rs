//! What starts, changes, holds and ends a run.

use bcmp::api::{BenchmarkComparisonStatus, Phase, Reason, annotations, labels};
use rstest::rstest;
use serde_json::json;

use bcmp::simulation::actors::{Actor, PodScript, has_label};
use bcmp::simulation::lab::{COMPARISONS, Lab, condition, is_finished, seconds, small};

#[tokio::test(start_paused = true)]
async fn applying_the_same_again_changes_nothing() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    lab.edit("qwen", |object| object["metadata"]["labels"]["team"] = json!("inference"));
    tokio::time::sleep(seconds(3600)).await;
    assert!(is_finished(&lab.status("qwen"), 1));
}

#[tokio::test(start_paused = true)]
async fn changed_inputs_supersede_the_run() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["workload"]["concurrency"] = json!([2, 24]));
    lab.until("qwen", "run 2", 600, |status| status.run.as_ref().is_some_and(|run| run.number == 2)).await;
    assert_eq!(lab.gpus_held().len(), 0, "the next run starts when the last is gone");
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?} {:?}", status.message, status.run);
    let past: Vec<_> = status.history.iter().map(|past| (past.number, past.outcome.as_str())).collect();
    assert_eq!(past, [(1, "Superseded")]);
}

#[tokio::test(start_paused = true)]
async fn back_to_the_old_value_still_runs_again() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["workload"]["concurrency"] = json!([2, 24]));
    lab.until("qwen", "superseded", 600, |status| status.run.as_ref().is_some_and(|run| run.ended.is_some())).await;
    lab.edit("qwen", |object| object["spec"]["workload"]["concurrency"] = json!([1, 24]));
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?} {:?}", status.message, status.run);
    tokio::time::sleep(seconds(3600)).await;
    assert!(is_finished(&lab.status("qwen"), 2), "and only once");
}

#[tokio::test(start_paused = true)]
async fn finish_first_finishes_first() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"onChange": "FinishFirst"});
    lab.apply("qwen", spec);
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["runId"] = json!("again"));
    let status = lab.finished("qwen", 2).await;
    let past: Vec<_> = status.history.iter().map(|past| (past.number, past.outcome.as_str())).collect();
    assert_eq!(past, [(1, "Succeeded")]);
}

/// A run that has no plan yet is planned with the spec of then: it is begun anew, or it would be measured twice, and with other
/// variants than its status names.
#[rstest]
#[case::the_file_was_misspelt("FinishFirst", "Automatic", "optimized")]
#[case::a_variant_was_renamed("Supersede", "OnRequest", "better")]
#[tokio::test(start_paused = true)]
async fn a_spec_that_changes_before_the_plan_is_measured_once(
    #[case] on_change: &str,
    #[case] start: &str,
    #[case] candidate: &str,
) {
    let lab = Lab::new(&[8]);
    let source = |map: &str| json!({"type": "Manifests", "manifests": {"configMapName": map}});
    let mut spec = small();
    spec["execution"] = json!({"onChange": on_change, "start": start});
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "optimized", "role": "Candidate", "source": source("mising")},
    ]);
    lab.apply("qwen", spec);
    if start == "OnRequest" {
        lab.annotate("qwen", "bcmp.dev/run-requested", "now");
    }
    lab.until("qwen", "a run", 60, |status| status.run.is_some()).await;
    tokio::time::sleep(seconds(60)).await;
    lab.edit("qwen", |object| {
        object["spec"]["variants"][1]["source"] = json!({"type": "Recommended"});
        object["spec"]["variants"][1]["name"] = json!(candidate);
    });
    let status = lab.finished("qwen", 2).await;
    let names: Vec<&str> = status.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!((status.phase, names), (Some(Phase::Succeeded), vec!["baseline", candidate]), "{:?}", status.message);
    assert_eq!(status.history[0].outcome, "Superseded", "nothing was measured for it");
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(lab.status("qwen").run_number(), 2, "it is not measured again");
}

#[tokio::test(start_paused = true)]
async fn deadlines_and_judging_rules_start_no_run() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| {
        object["spec"]["execution"]["deadlines"]["readySeconds"] = json!(1800);
        object["spec"]["judgement"]["accuracyTolerancePercent"] = json!("10");
        object["spec"]["hardware"]["gpuHourlyCost"] = json!("2.5");
    });
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, status.history.len()), (Some(Phase::Succeeded), 0));
}

#[tokio::test(start_paused = true)]
async fn a_changed_tolerance_judges_again_without_measuring() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let before = lab.finished("qwen", 1).await;
    assert_eq!(condition(&before, "PredictionAccurate").0, "True", "{:?}", before.conditions);
    lab.edit("qwen", |object| object["spec"]["judgement"]["accuracyTolerancePercent"] = json!("0.01"));
    lab.until("qwen", "judged again", 60, |status| condition(status, "PredictionAccurate").0 == "False").await;
    let after = lab.status("qwen");
    assert_eq!(after.run.as_ref().unwrap().number, 1);
    assert_eq!(after.progress, before.progress);
}

#[tokio::test(start_paused = true)]
async fn an_annotation_runs_again_once() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    lab.annotate("qwen", annotations::RUN_REQUESTED, "2026-03-02");
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.last_handled_run_request.as_deref(), Some("2026-03-02"));
    tokio::time::sleep(seconds(3600)).await;
    assert!(is_finished(&lab.status("qwen"), 2));
}

#[tokio::test(start_paused = true)]
async fn cancelling_tears_down_and_says_so() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "1");
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Cancelled));
    assert_eq!((condition(&status, "Succeeded").0, condition(&status, "Stalled").0), ("False", "True"));
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
    lab.annotate("qwen", annotations::RUN_REQUESTED, "after-all");
    assert_eq!(lab.finished("qwen", 2).await.phase, Some(Phase::Succeeded), "the annotation names run 1 only");
}

#[tokio::test(start_paused = true)]
async fn suspended_and_resumed_goes_on_at_the_next_level() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["suspend"] = json!(true));
    lab.phase("qwen", Phase::Suspended).await;
    let held = lab.status("qwen");
    assert_eq!(lab.gpus_held().len(), 0);
    assert_eq!((condition(&held, "Reconciling").0, condition(&held, "Stalled").0), ("False", "False"));
    tokio::time::sleep(seconds(7200)).await;
    let done = held.progress.unwrap().trials_done;
    lab.edit("qwen", |object| object["spec"]["suspend"] = json!(false));
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    assert!(status.progress.unwrap().trials_done > done);
    assert_eq!(lab.measured_twice(), Vec::<String>::new());
    assert_eq!(status.variants[0].deployments.len(), status.rounds.len() + 1);
}

/// Who began meanwhile has the GPUs; both are measured, never at once, and nobody is told that pods find no node.
#[tokio::test(start_paused = true)]
async fn a_resumed_run_waits_for_the_one_at_work() {
    let lab = Lab::new(&[8]);
    lab.apply("first", small());
    lab.records("first", 1).await;
    lab.edit("first", |object| object["spec"]["suspend"] = json!(true));
    lab.phase("first", Phase::Suspended).await;
    lab.apply("second", small());
    lab.records("second", 1).await;
    lab.edit("first", |object| object["spec"]["suspend"] = json!(false));
    lab.until("first", "waits", 60, |status| status.message.as_deref() == Some("waits for GPUs behind default/second"))
        .await;
    let (first, second) = (lab.finished("first", 1).await, lab.finished("second", 1).await);
    assert_eq!((first.phase, second.phase), (Some(Phase::Succeeded), Some(Phase::Succeeded)));
    let times = |status: &BenchmarkComparisonStatus| {
        let deployments = status.variants.iter().flat_map(|variant| &variant.deployments);
        deployments.map(|d| (d.created.0, d.gone.as_ref().unwrap().0)).collect::<Vec<_>>()
    };
    for (created, gone) in times(&first) {
        let beside = times(&second).into_iter().find(|(other, end)| created < *end && *other < gone);
        assert_eq!(beside, None, "deployed from {created} to {gone}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_request_waits_for_the_request() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"start": "OnRequest"});
    lab.apply("qwen", spec);
    tokio::time::sleep(seconds(3600)).await;
    let status = lab.status("qwen");
    assert_eq!((status.phase, status.run.is_none()), (Some(Phase::Pending), true));
    assert_eq!((condition(&status, "Reconciling").0, condition(&status, "Stalled").0), ("False", "False"));
    lab.annotate("qwen", annotations::RUN_REQUESTED, "go");
    assert_eq!(lab.finished("qwen", 1).await.phase, Some(Phase::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn predictions_first_then_the_same_run_goes_on() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"until": "Predictions"});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, condition(&status, "Succeeded").0), (Some(Phase::Predicted), "True"));
    assert!(status.variants[1].claim.is_some());
    assert!(!lab.cluster.history().iter().any(|r| r.key.resource == "dynamographdeployments.nvidia.com"));
    lab.edit("qwen", |object| object["spec"]["execution"]["until"] = json!("Verdict"));
    lab.phase("qwen", Phase::Measuring).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, status.history.len()), (Some(Phase::Succeeded), 0));
}

/// Somebody looks at the predictions for two hours, and then GPUs are busy: the time in the queue begins when the run may be admitted.
#[tokio::test(start_paused = true)]
async fn the_wait_for_a_turn_is_counted_from_when_it_may_come() {
    let lab = Lab::new(&[8]);
    let mut patient = small();
    patient["execution"] = json!({"until": "Predictions", "deadlines": {"queueSeconds": 600}});
    lab.apply("patient", patient);
    lab.phase("patient", Phase::Predicted).await;
    tokio::time::sleep(seconds(7200)).await;
    lab.cast.script(|pod| {
        (has_label(pod, labels::COMPONENT, "load") && has_label(pod, labels::COMPARISON, "busy"))
            .then(|| PodScript::succeed(seconds(1_000_000)))
    });
    lab.apply("busy", small());
    lab.phase("busy", Phase::Measuring).await;
    lab.edit("patient", |object| object["spec"]["execution"]["until"] = json!("Verdict"));
    lab.phase("patient", Phase::Queued).await;
    let run = lab.finished("patient", 1).await.run.unwrap();
    let (ended, hold) = (run.ended.unwrap(), run.paused.unwrap());
    assert_eq!(ended.reason, Reason::QueueDeadline, "{}", ended.message);
    assert!(ended.message.contains("within 600 s"), "{}", ended.message);
    let waited = ended.time.0.duration_since(hold.until.unwrap().0).as_secs();
    assert!((600..660).contains(&waited), "{waited} s");
    assert!(hold.since.0.duration_since(run.generated_time.unwrap().0).as_secs() <= 1);
}

#[tokio::test(start_paused = true)]
async fn history_keeps_what_it_was_told_to() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["history"] = json!({"runs": 1});
    lab.apply("qwen", spec);
    for run in 1..=3 {
        lab.edit("qwen", |object| object["spec"]["runId"] = json!(format!("run-{run}")));
        tokio::time::sleep(seconds(5)).await;
        lab.finished("qwen", lab.status("qwen").run.unwrap().number).await;
    }
    let status = lab.status("qwen");
    let number = status.run.as_ref().unwrap().number;
    let kept: Vec<i64> = status.history.iter().filter(|past| past.verdict.is_some()).map(|past| past.number).collect();
    assert_eq!(kept, [number - 1]);
    tokio::time::sleep(seconds(700)).await;
    let plans = lab.cluster.objects("configmaps").iter().filter(|m| m["data"]["plan.json"].is_string()).count();
    let others = status.history.len() - 1;
    assert_eq!(plans, 2 + others, "records of runs that are not kept are deleted");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_comparison_leaves_nothing_and_its_successor_starts_at_one() {
    for policy in ["Background", "Foreground"] {
        let lab = Lab::new(&[8]);
        lab.apply("qwen", small());
        lab.records("qwen", 1).await;
        lab.cluster.delete(COMPARISONS, "default", "qwen", policy);
        if policy == "Background" {
            lab.apply("qwen", small());
            let status = lab.finished("qwen", 1).await;
            assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
            assert_eq!(lab.status("qwen").history.len(), 0);
            continue;
        }
        lab.cluster.until("all is gone", seconds(120), |c| c.object(COMPARISONS, "default", "qwen").is_none()).await;
        tokio::time::sleep(seconds(60)).await;
        assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
        assert_eq!(lab.cluster.objects("configmaps").len(), 0);
    }
}

/// Its predecessor's graph has a finalizer that nobody removes: the wait has an end, and says what is in the way.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_deleted_comparison_is_not_waited_for_for_ever() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.cast.stop(Actor::Dynamo);
    lab.cluster.delete(COMPARISONS, "default", "qwen", "Background");
    let mut spec = small();
    spec["execution"] = json!({"deadlines": {"teardownSeconds": 1200}});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    let ended = status.run.as_ref().unwrap().ended.as_ref().unwrap();
    assert_eq!((status.phase, ended.reason.as_str()), (Some(Phase::Failed), "NameTaken"), "{}", ended.message);
    assert!(ended.message.contains("qwen-r1-baseline-d1"), "{}", ended.message);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_with_other_images_changes_no_run() {
    let mut lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.upgrade(bcmp::plan::Images { agent: "bcmp:2".into(), predictor: "tools:2".into(), load: "tools:2".into() });
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?} {:?}", status.message, status.run);
    let images: std::collections::BTreeSet<String> = lab
        .cluster
        .history()
        .into_iter()
        .filter(|record| record.key.resource == "jobs.batch")
        .filter_map(|record| record.after)
        .filter_map(|job| job["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(images.into_iter().collect::<Vec<_>>(), ["tools:1"], "images are pinned in the plan");
    tokio::time::sleep(seconds(3600)).await;
    assert!(is_finished(&lab.status("qwen"), 1), "and no run is started");
}

/// Without its number nobody can name the wrong one; and a run that begins later was not meant.
#[tokio::test(start_paused = true)]
async fn the_active_run_is_cancelled_whatever_its_number() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "active");
    assert_eq!(lab.finished("qwen", 1).await.phase, Some(Phase::Cancelled));
    lab.annotate("qwen", annotations::RUN_REQUESTED, "again");
    lab.records("qwen", 2).await;
    assert!(lab.status("qwen").run.unwrap().ended.is_none(), "the request was for the run before");
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "active-again");
    assert_eq!(lab.finished("qwen", 2).await.phase, Some(Phase::Cancelled));
}

/// Whoever names the wrong run believes that GPUs are being freed: an event contradicts, once for each request.
#[tokio::test(start_paused = true)]
async fn a_request_to_cancel_that_names_no_active_run_is_answered_by_an_event() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "2");
    tokio::time::sleep(seconds(5)).await;
    assert!(lab.status("qwen").run.unwrap().ended.is_none());
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "1");
    lab.finished("qwen", 1).await;
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "now");
    tokio::time::sleep(seconds(3600)).await;
    let events = lab.cluster.objects("events.events.k8s.io");
    let missed = events.iter().filter(|event| event["reason"] == "CancelMissed");
    let mut notes: Vec<&str> = missed.map(|event| event["note"].as_str().unwrap()).collect();
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "bcmp.dev/cancel-requested=2 names no active run, and nothing was cancelled: run 1 is active; to cancel it, set \
             the annotation to active; remove the annotation, or run 2 is cancelled when it starts",
            "bcmp.dev/cancel-requested=now names no active run, and nothing was cancelled: run 1 is over",
        ]
    );
}
