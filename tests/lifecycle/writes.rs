//! What a comparison costs the API server.

use bcmp::api::{BenchmarkComparisonStatus, Phase, labels};
use bcmp::simulation::actors::has_label;
use bcmp::simulation::api_server::{Cluster, Verb};
use bcmp::simulation::lab::{Lab, seconds};
use rstest::rstest;
use serde_json::{Value, json};

/// Writes that each trial, each deployment and each run may cost, events included.
const OF_TRIAL: usize = 4;
const OF_DEPLOYMENT: usize = 16;
const OF_RUN: usize = 24;

/// Entries that agents published: each is one write. A dry run stores nothing.
fn published(cluster: &Cluster) -> usize {
    let maps = cluster.list("configmaps");
    let of_agents = maps.iter().filter(|map| {
        has_label(map, labels::COMPONENT, "results") || has_label(map, labels::COMPONENT, "configurations")
    });
    of_agents.map(|map| map["data"].as_object().map_or(0, |entries| entries.len())).sum()
}

fn written(lab: &Lab) -> Vec<String> {
    let writes = lab.cluster.writes();
    let stored = writes.iter().filter(|write| !write.request.query.contains_key("dryRun"));
    stored.filter(|write| write.request.verb.is_some_and(Verb::writes)).map(|write| write.line()).collect()
}

#[rstest]
#[case::one_after_the_other(json!({}))]
#[case::side_by_side(json!({"execution": {"mode": "Parallel"}}))]
#[case::few_trials(json!({"workload": {"concurrency": [1]}, "load": {"decisionTrials": 1, "refinements": 0}}))]
#[case::many_rounds(json!({"execution": {"rounds": {"minimum": 4, "maximum": 4}}}))]
#[tokio::test(start_paused = true)]
async fn a_comparison_writes_no_more_than_promised_and_nothing_at_rest(#[case] spec: Value) {
    let lab = Lab::new(&[8, 8]);
    lab.apply("qwen", spec);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    keeps_the_promise(&lab, &status).await;
}

async fn keeps_the_promise(lab: &Lab, status: &BenchmarkComparisonStatus) {
    tokio::time::sleep(seconds(60)).await;
    let operator = written(lab);
    let writes = operator.len() + published(&lab.cluster);
    let trials = usize::try_from(status.progress.as_ref().unwrap().trials_done).unwrap();
    let deployments: usize = status.variants.iter().map(|variant| variant.deployments.len()).sum();
    let most = OF_TRIAL * trials + OF_DEPLOYMENT * deployments + OF_RUN;
    println!(
        "{trials} trials in {deployments} deployments: {} writes of the operator, {} of agents, {most} allowed",
        operator.len(),
        published(&lab.cluster)
    );
    assert!(writes <= most, "{writes} writes, {most} allowed: {operator:#?}");
    tokio::time::sleep(seconds(86_400)).await;
    assert_eq!(written(lab)[operator.len()..], [] as [String; 0], "at rest");
}

/// Each suspension takes a deployment that measures, and another one goes on.
#[tokio::test(start_paused = true)]
async fn suspensions_write_no_more_than_promised() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", json!({}));
    for suspension in 1..=6 {
        lab.records("qwen", suspension).await;
        lab.edit("qwen", |object| object["spec"]["suspend"] = json!(true));
        lab.phase("qwen", Phase::Suspended).await;
        lab.until("qwen", "nothing is deployed", 2000, gone).await;
        lab.edit("qwen", |object| object["spec"]["suspend"] = json!(false));
    }
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    keeps_the_promise(&lab, &status).await;
}

fn gone(status: &BenchmarkComparisonStatus) -> bool {
    status.variants.iter().flat_map(|variant| &variant.deployments).all(|deployment| deployment.gone.is_some())
}
