//! The report of a run: there before the run is called finished, and in step with how it is judged.

use bcmp::api::{Phase, Reason, VerdictResult, annotations, labels};
use bcmp::report::levels::terminal;
use bcmp::report::{HTML, JSON, LEVELS, Report, ReportVariant, SUMMARY};
use rstest::rstest;
use serde_json::{Value, json};

use bcmp::simulation::actors::has_label;
use bcmp::simulation::api_server::{ApiFailure, meta};
use bcmp::simulation::lab::{Lab, condition, is_finished, seconds, small};

fn maps(lab: &Lab) -> Vec<Value> {
    lab.cluster.objects("configmaps").into_iter().filter(|map| has_label(map, labels::COMPONENT, "report")).collect()
}

/// The report of a run, from the ConfigMap that status or history names.
fn report(lab: &Lab, name: &str) -> Report {
    let map = lab.cluster.object("configmaps", "default", name).unwrap_or_else(|| panic!("no ConfigMap {name}"));
    for key in [SUMMARY, JSON, LEVELS, HTML] {
        assert!(map["data"][key].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {key}");
    }
    serde_json::from_str(map["data"][JSON].as_str().unwrap()).unwrap()
}

fn named(lab: &Lab) -> String {
    lab.status("qwen").report.expect("status names the report").config_map_name
}

/// Writes of the report so far, by what was done.
fn writes(lab: &Lab) -> Vec<&'static str> {
    let of_report = |line: &String| line.contains("-report") || line.contains("\"report\"");
    let lines: Vec<String> = lab.cluster.writes().iter().map(|write| write.line()).filter(of_report).collect();
    lines.iter().map(|line| if line.to_lowercase().contains("delete") { "delete" } else { "create" }).collect()
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_has_its_report() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    let status = lab.finished("qwen", 1).await;
    assert_eq!(named(&lab), "qwen-r1-report");
    let report = report(&lab, "qwen-r1-report");
    assert_eq!(report.verdict, status.verdict);
    assert_eq!(report.gpu_seconds, status.gpu_seconds);
    let levels: Vec<String> = report.variants.iter().map(|variant| terminal(variant, usize::MAX)).collect();
    let of_status: Vec<String> =
        status.variants.iter().map(|of| terminal(&ReportVariant::of_status(of), usize::MAX)).collect();
    assert_eq!(levels, of_status);
    let records: usize = report.records.values().map(Vec::len).sum();
    assert_eq!(records, usize::try_from(status.progress.unwrap().trials_done).unwrap());
    let maps: Vec<&str> = report.provenance.config_maps.keys().map(String::as_str).collect();
    assert_eq!(maps, ["configurations", "plan", "results of baseline", "results of optimized"]);
}

#[tokio::test(start_paused = true)]
async fn the_report_is_there_before_the_run_is_called_finished() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    let history = lab.cluster.history();
    let finished = history.iter().position(|record| {
        record.after.as_ref().is_some_and(|after| after["status"]["run"]["completionTime"].is_string())
    });
    let written = history
        .iter()
        .position(|record| record.after.as_ref().is_some_and(|after| has_label(after, labels::COMPONENT, "report")));
    assert!(written.unwrap() < finished.unwrap());
}

#[tokio::test(start_paused = true)]
async fn other_rules_replace_the_report_and_others_do_not() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    assert_ne!(report(&lab, "qwen-r1-report").verdict.unwrap().result, VerdictResult::DirectionOnly);
    lab.cluster.clear_log();
    lab.edit("qwen", |object| object["spec"]["history"]["runs"] = json!(7));
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(writes(&lab), Vec::<&str>::new());
    lab.edit("qwen", |object| object["spec"]["judgement"]["accuracyTolerancePercent"] = json!("0.01"));
    lab.until("qwen", "judged again", 60, |status| condition(status, "PredictionAccurate").0 == "False").await;
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(writes(&lab), ["delete", "create"]);
    assert_eq!(report(&lab, "qwen-r1-report").verdict, lab.status("qwen").verdict);
}

#[tokio::test(start_paused = true)]
async fn predictions_are_reported_and_then_what_was_measured() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"until": "Predictions"});
    lab.apply("qwen", spec);
    lab.until("qwen", "the report", 600, |status| status.report.is_some()).await;
    let predicted = report(&lab, &named(&lab));
    assert!(predicted.verdict.is_none() && predicted.records.is_empty() && predicted.predictions.len() == 2);
    lab.edit("qwen", |object| object["spec"]["execution"]["until"] = json!("Verdict"));
    lab.phase("qwen", Phase::Measuring).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!(report(&lab, &named(&lab)).verdict, status.verdict);
}

#[tokio::test(start_paused = true)]
async fn runs_that_end_early_have_a_report_and_history_names_it() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    lab.annotate("qwen", annotations::CANCEL_REQUESTED, "1");
    lab.finished("qwen", 1).await;
    let cancelled = report(&lab, &named(&lab));
    assert_eq!(cancelled.run.unwrap().ended.unwrap().reason, Reason::CancelRequested);
    assert_eq!(cancelled.records.values().map(Vec::len).sum::<usize>(), 1, "what was measured is kept");
    lab.edit("qwen", |object| object["spec"]["runId"] = json!("again"));
    let status = lab.finished("qwen", 2).await;
    assert_eq!(status.history[0].config_map_name.as_deref(), Some("qwen-r1-report"));
    assert_eq!((named(&lab), maps(&lab).len()), ("qwen-r2-report".into(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_report_is_written_again() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.finished("qwen", 1).await;
    let before = report(&lab, "qwen-r1-report");
    assert!(lab.cluster.delete("configmaps", "default", "qwen-r1-report", "Background"));
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(report(&lab, "qwen-r1-report"), before);
}

#[tokio::test(start_paused = true)]
async fn a_refused_report_keeps_no_run_from_ending() {
    let lab = Lab::new(&[8]);
    let refused = |plural: &str, object: &Value| {
        let report = plural == "configmaps" && has_label(object, labels::COMPONENT, "report");
        report.then(|| ApiFailure::quota_exceeded("configmaps", meta(object, "name"), "maps", "count/configmaps"))
    };
    lab.cluster.admission(refused);
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    assert!(status.verdict.is_some() && status.report.is_none());
    let told = |event: &Value| event["reason"] == "ReportRefused" && event["note"].as_str().unwrap().contains("quota");
    let events = [lab.cluster.objects("events"), lab.cluster.objects("events.events.k8s.io")].concat();
    assert!(events.iter().any(told), "{events:?}");
    lab.cluster.admit_all();
    lab.until("qwen", "the report", 1300, |status| status.report.is_some()).await;
    assert!(is_finished(&lab.status("qwen"), 1));
}

/// A server that fails may take it yet, but not for ever: the queue waits behind a run that does not end.
#[tokio::test(start_paused = true)]
async fn a_report_that_cannot_be_written_keeps_no_run_from_ending() {
    let lab = Lab::new(&[8]);
    lab.cluster.admission(|plural, object| {
        let report = plural == "configmaps" && has_label(object, labels::COMPONENT, "report");
        report.then(|| ApiFailure::new(500, "InternalError", "failed calling webhook \"maps.example.com\""))
    });
    lab.apply("qwen", small());
    lab.apply("other", small());
    let status = lab.finished("qwen", 1).await;
    assert!(status.verdict.is_some() && status.report.is_none());
    let told = |event: &Value| event["reason"] == "ReportRefused";
    let events = [lab.cluster.objects("events"), lab.cluster.objects("events.events.k8s.io")].concat();
    assert!(events.iter().any(told), "{events:?}");
    assert_eq!(lab.finished("other", 1).await.phase, Some(Phase::Succeeded));
    lab.cluster.admit_all();
    lab.until("qwen", "the report", 1300, |status| status.report.is_some()).await;
}

/// A report of the predictions that somebody holds is in the place of the last one.
#[tokio::test(start_paused = true)]
async fn a_report_that_somebody_holds_keeps_no_run_from_ending() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"until": "Predictions"});
    lab.apply("qwen", spec);
    lab.until("qwen", "the report", 600, |status| status.report.is_some()).await;
    lab.cluster.edit("configmaps", "default", "qwen-r1-report", |map| {
        map["metadata"]["finalizers"] = json!(["example.com/audit"])
    });
    lab.edit("qwen", |object| object["spec"]["execution"]["until"] = json!("Verdict"));
    lab.until("qwen", "the end", 20_000, |status| status.run.as_ref().is_some_and(|run| run.completion_time.is_some()))
        .await;
    lab.apply("other", small());
    assert_eq!(lab.finished("other", 1).await.phase, Some(Phase::Succeeded));
}

/// Each event is sent for each variant in each round: none is counted as another one once more.
#[tokio::test(start_paused = true)]
async fn every_step_of_every_variant_is_told() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let rounds = lab.finished("qwen", 1).await.rounds.len();
    let events = lab.cluster.objects("events.events.k8s.io");
    for reason in ["Deploying", "Scheduled", "Serving", "Measured", "TornDown"] {
        for variant in ["baseline", "optimized"] {
            let told = |event: &&Value| event["reason"] == reason && event["note"].as_str().unwrap().contains(variant);
            assert_eq!(events.iter().filter(told).count(), rounds, "{reason} of {variant}: {events:#?}");
        }
    }
}

/// The answer is in the status; the records only show what it rests on.
#[rstest]
#[case::plan("plan")]
#[case::configurations("configurations")]
#[case::of_the_baseline("baseline-results")]
#[case::of_the_candidate("optimized-results")]
#[tokio::test(start_paused = true)]
async fn what_was_said_of_a_finished_run_stands_when_a_record_is_gone(
    #[case] record: &str,
    #[values(true, false)] deleted: bool,
) {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let before = lab.finished("qwen", 1).await;
    tokio::time::sleep(seconds(60)).await;
    let name = format!("qwen-r1-{record}");
    let mut map = lab.cluster.object("configmaps", "default", &name).unwrap();
    assert!(lab.cluster.delete("configmaps", "default", &name, "Background"));
    if !deleted {
        map["data"].as_object_mut().unwrap().values_mut().for_each(|text| *text = json!("{"));
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            map["metadata"].as_object_mut().unwrap().remove(field);
        }
        lab.cluster.put(map);
    }
    lab.cluster.clear_log();
    tokio::time::sleep(seconds(3600)).await;
    assert!(lab.cluster.requests().len() > 10, "the operator looked again");
    let writes: Vec<String> = lab.cluster.writes().iter().map(|w| w.line()).collect();
    assert_eq!((writes, lab.status("qwen")), (vec![], before));
}

#[tokio::test(start_paused = true)]
async fn without_its_records_a_finished_run_is_judged_by_no_other_rules() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    let before = lab.finished("qwen", 1).await;
    assert!(lab.cluster.delete("configmaps", "default", "qwen-r1-baseline-results", "Background"));
    lab.edit("qwen", |object| object["spec"]["judgement"]["accuracyTolerancePercent"] = json!("0.01"));
    lab.until("qwen", "looked at", 60, |status| status.observed_generation == 2).await;
    let after = lab.status("qwen");
    assert_eq!((&after.verdict, &after.variants, after.phase), (&before.verdict, &before.variants, before.phase));
    assert_eq!(condition(&after, "PredictionAccurate"), condition(&before, "PredictionAccurate"));
    assert!(after.conditions.iter().all(|condition| condition.observed_generation == Some(2)));
}
