//! The undisturbed course, from apply to verdict.

use bcmp::api::{BenchmarkComparisonStatus, Mode, Phase, VariantPhase, VerdictResult};
use rstest::rstest;
use serde_json::json;

use bcmp::simulation::lab::{Lab, condition, gpus_held, seconds, small};

#[tokio::test(start_paused = true)]
async fn sequential_on_eight_gpus() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    let cluster = lab.cluster.clone();
    let watch = tokio::spawn(async move {
        loop {
            let held = gpus_held(&cluster);
            assert!(held.len() <= 1, "pods of both variants hold GPUs: {held:?}");
            cluster.changed().await;
        }
    });
    let status = lab.finished("qwen", 1).await;
    assert!(!watch.is_finished(), "both variants held GPUs at once");
    watch.abort();
    assert_eq!(status.phase, Some(Phase::Succeeded), "{status:#?}");
    assert_eq!(status.run.as_ref().unwrap().mode, Some(Mode::Sequential));
    assert_eq!(status.verdict.as_ref().unwrap().result, VerdictResult::Confirmed, "{:?}", status.verdict);
    for (kind, expected) in [
        ("Finished", "True"),
        ("Succeeded", "True"),
        ("Reconciling", "False"),
        ("Stalled", "False"),
        ("ConfigurationsGenerated", "True"),
        ("VariantsMeasured", "True"),
        ("TornDown", "True"),
        ("EvidenceSufficient", "True"),
        ("PredictionAccurate", "True"),
        ("SlaMet", "True"),
    ] {
        assert_eq!(condition(&status, kind).0, expected, "{kind}: {:?}", status.conditions);
    }
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_at_rest() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    lab.finished("qwen", 1).await;
    tokio::time::sleep(seconds(5)).await;
    lab.cluster.clear_log();
    tokio::time::sleep(seconds(3 * 3600)).await;
    assert!(lab.cluster.requests().len() > 10, "the operator looked again");
    let writes: Vec<String> = lab.cluster.writes().iter().map(|w| w.line()).collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn nodes_and_their_gpus_are_written_down_and_not_asked_for_again() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    let serving = |status: &BenchmarkComparisonStatus| {
        status.variants.first().is_some_and(|variant| variant.phase == Some(VariantPhase::Measuring))
    };
    lab.until("qwen", "measuring", 3600, serving).await;
    lab.cluster.clear_log();
    lab.until("qwen", "a level is measured", 3600, |status| {
        status.variants[0].levels.iter().any(|l| l.measured.is_some())
    })
    .await;
    let asked = lab.cluster.requests().iter().filter(|logged| logged.line().contains(" list nodes")).count();
    assert_eq!(asked, 0);
    for variant in lab.finished("qwen", 1).await.variants {
        let deployed = variant.deployed.unwrap();
        assert_eq!((deployed.nodes, deployed.gpu_products), (vec!["node-0".into()], vec!["NVIDIA-H200".into()]));
    }
}

#[tokio::test(start_paused = true)]
async fn parallel_on_sixteen_gpus() {
    let lab = Lab::new(&[8, 8]);
    lab.apply("qwen", json!({"execution": {"mode": "Parallel"}}));
    lab.cluster.until("both variants hold GPUs", seconds(600), |c| gpus_held(c).len() == 2).await;
    let status = lab.finished("qwen", 1).await;
    assert_eq!((status.phase, condition(&status, "TornDown").0), (Some(Phase::Succeeded), "True"));
}

#[rstest]
#[case::all_fit(&[8, 8], Mode::Parallel)]
#[case::one_fits(&[8], Mode::Sequential)]
#[case::sixteen_as_four_by_four(&[4, 4, 4, 4, 8], Mode::Parallel)]
#[case::no_node_for_eight_twice(&[8, 4], Mode::Sequential)]
#[tokio::test(start_paused = true)]
async fn auto_chooses_by_what_fits(#[case] gpus: &[u32], #[case] expected: Mode) {
    let lab = Lab::new(gpus);
    lab.apply("qwen", json!({"execution": {"mode": "Auto"}}));
    lab.until("qwen", "admitted", 600, |status| status.run.as_ref().is_some_and(|run| run.start_time.is_some())).await;
    let run = lab.status("qwen").run.unwrap();
    assert_eq!(run.mode, Some(expected), "{:?}", run.mode_reason);
}

#[tokio::test(start_paused = true)]
async fn the_second_comparison_waits_its_turn_and_says_so() {
    let lab = Lab::new(&[8]);
    lab.apply("first", small());
    tokio::time::sleep(seconds(2)).await;
    lab.apply("second", small());
    lab.until("second", "queued", 600, |status| status.phase == Some(Phase::Queued)).await;
    assert_eq!(lab.status("second").message.as_deref(), Some("waits for GPUs behind default/first"));
    let first = lab.finished("first", 1).await;
    let second = lab.finished("second", 1).await;
    assert_eq!((first.phase, second.phase), (Some(Phase::Succeeded), Some(Phase::Succeeded)));
    deployed_only_after(&second, &first);
}

/// What a comparison holds is its GPUs, so those are what the next one waits for, not its last write.
fn deployed_only_after(next: &BenchmarkComparisonStatus, before: &BenchmarkComparisonStatus) {
    let gone = before.variants.iter().flat_map(|v| &v.deployments).filter_map(|d| d.gone.as_ref()).max().unwrap().0;
    let created = next.variants.iter().flat_map(|v| &v.deployments).map(|d| &d.created).min().unwrap().0;
    assert!(created >= gone, "deployed at {created}, the other was gone at {gone}");
}

#[tokio::test(start_paused = true)]
async fn a_second_comparison_that_fits_need_not_wait() {
    let lab = Lab::new(&[8, 8]);
    lab.apply("first", small());
    lab.apply("second", small());
    lab.cluster.until("both comparisons hold GPUs", seconds(600), |c| gpus_held(c).len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn rounds_alternate_the_order() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"rounds": {"minimum": 2, "maximum": 2}});
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let mut deployed: Vec<_> = status
        .variants
        .iter()
        .flat_map(|v| v.deployments.iter().map(|d| (d.created.0, v.name.clone(), d.round, d.number)))
        .collect();
    deployed.sort();
    let order: Vec<String> =
        deployed.iter().map(|(_, name, round, deployment)| format!("{name} r{round} a{deployment}")).collect();
    assert_eq!(order, ["baseline r1 a1", "optimized r1 a1", "optimized r2 a2", "baseline r2 a2"]);
}

/// A run that stops at its predictions is not in the queue: one that is active meanwhile goes first.
#[tokio::test(start_paused = true)]
async fn a_run_that_rested_waits_for_the_one_at_work() {
    let lab = Lab::new(&[8]);
    let mut resting = small();
    resting["execution"] = json!({"until": "Predictions"});
    lab.apply("first", resting);
    lab.until("first", "predicted", 600, |status| status.phase == Some(Phase::Predicted)).await;
    lab.apply("second", small());
    lab.until("second", "measuring", 600, |status| status.phase == Some(Phase::Measuring)).await;
    lab.edit("first", |comparison| comparison["spec"]["execution"]["until"] = json!("Verdict"));
    lab.until("first", "queued", 600, |status| status.phase == Some(Phase::Queued)).await;
    assert_eq!(lab.status("first").message.as_deref(), Some("waits for GPUs behind default/second"));
    let second = lab.finished("second", 1).await;
    let first = lab.finished("first", 1).await;
    assert_eq!((first.phase, second.phase), (Some(Phase::Succeeded), Some(Phase::Succeeded)));
    deployed_only_after(&first, &second);
}

fn of_endpoints() -> serde_json::Value {
    let source = |url: &str| json!({"type": "Endpoint", "endpoint": {"url": url, "gpus": 8}});
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "old", "role": "Baseline", "source": source("http://old.models.svc:8000")},
        {"name": "new", "role": "Candidate", "source": source("http://new.models.svc:8000")},
    ]);
    spec
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_servers_that_run_anyway() {
    let mut lab = Lab::new(&[8]);
    lab.restrict(&["default"]);
    lab.apply("endpoints", of_endpoints());
    lab.until("endpoints", "measuring", 600, |status| status.phase == Some(Phase::Measuring)).await;
    lab.apply("qwen", small());
    lab.until("qwen", "measuring", 600, |status| status.phase == Some(Phase::Measuring)).await;
    assert_eq!(lab.status("endpoints").phase, Some(Phase::Measuring), "the first was too short");
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_measured_and_never_touched() {
    let lab = Lab::new(&[0]);
    lab.apply("qwen", of_endpoints());
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.variants.iter().map(|v| v.gpus).collect::<Vec<_>>(), [Some(8), Some(8)]);
    let created = |resource: &str| lab.cluster.history().iter().any(|record| record.key.resource == resource);
    assert!(!created("dynamographdeployments.nvidia.com") && !created("deployments.apps"));
    assert!(status.variants.iter().all(|v| !v.levels.is_empty() && v.failure.is_none()), "{:?}", status.message);
}
