//! A run that stopped for a limit goes on when the limit is raised: the same run, with all it measured.

use bcmp::api::{BenchmarkComparisonStatus, Phase, Reason};
use rstest::rstest;
use serde_json::{Value, json};

use bcmp::simulation::actors::PodScript;
use bcmp::simulation::lab::{Lab, condition, is_finished, seconds, small};

/// Two variants that are the same: one round never tells that they are.
fn alike(execution: Value) -> Value {
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "same", "role": "Candidate", "source": {"type": "Naive"}},
    ]);
    spec["execution"] = execution;
    spec
}

/// Number of the run, rounds that count, and trials that were done.
fn done(status: &BenchmarkComparisonStatus) -> (i64, u32, u32) {
    let run = status.run.as_ref().unwrap();
    (run.number, run.settled.as_ref().unwrap().rounds, status.progress.as_ref().unwrap().trials_done)
}

fn rows(status: &BenchmarkComparisonStatus) -> Vec<Value> {
    status.rounds.iter().map(|round| json!([round.number, round.gain_percent, round.interval])).collect()
}

#[tokio::test(start_paused = true)]
async fn a_raised_maximum_lets_the_run_go_on() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", alike(json!({"rounds": {"maximum": 2}})));
    let before = lab.finished("qwen", 1).await;
    assert_eq!((before.phase, done(&before).1), (Some(Phase::Inconclusive), 2), "{:?}", before.message);
    let past = rows(&before);
    lab.edit("qwen", |object| object["spec"]["execution"]["rounds"]["maximum"] = json!(8));
    lab.phase("qwen", Phase::Measuring).await;
    let held = lab.status("qwen");
    assert_eq!((condition(&held, "Finished").0, condition(&held, "Reconciling").0), ("False", "True"));
    let after = lab.finished("qwen", 1).await;
    assert!(done(&after).1 > 2 && done(&after).2 > done(&before).2, "{:?}", after.message);
    assert_eq!(rows(&after)[..2], past[..], "what was known after each round stays");
    assert_eq!((after.run.unwrap().number, after.history.len()), (1, 0));
    assert_eq!(lab.measured_twice(), Vec::<String>::new());
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
    tokio::time::sleep(seconds(3600)).await;
    assert!(is_finished(&lab.status("qwen"), 1), "and it rests again");
}

/// The report tells of the rounds that came after it, too.
#[tokio::test(start_paused = true)]
async fn the_report_follows_a_run_that_went_on() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", alike(json!({"rounds": {"maximum": 1}})));
    lab.finished("qwen", 1).await;
    let rounds = |lab: &Lab| {
        let name = lab.status("qwen").report.unwrap().config_map_name;
        let maps = lab.cluster.objects("configmaps");
        let map = maps.iter().find(|map| map["metadata"]["name"] == json!(name)).unwrap();
        let report: Value = serde_json::from_str(map["data"]["report.json"].as_str().unwrap()).unwrap();
        report["rounds"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(rounds(&lab), 1);
    lab.edit("qwen", |object| object["spec"]["execution"]["rounds"]["maximum"] = json!(3));
    lab.phase("qwen", Phase::Measuring).await;
    let after = lab.finished("qwen", 1).await;
    assert_eq!(rounds(&lab), after.rounds.len());
    assert!(after.rounds.len() > 1);
}

/// The budget is spent in the midst of a round, which does not count, and is gone on with.
#[tokio::test(start_paused = true)]
async fn a_raised_budget_lets_the_run_go_on() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", alike(json!({"budget": {"gpuHours": "1000"}})));
    lab.records("qwen", 1).await;
    lab.edit("qwen", |object| object["spec"]["execution"]["budget"]["gpuHours"] = json!("0.01"));
    let before = lab.finished("qwen", 1).await;
    assert!(before.run.as_ref().unwrap().settled.as_ref().unwrap().is_budget_spent(), "{:?}", before.message);
    assert_eq!(done(&before).1, 0);
    assert!(done(&before).2 <= 2, "it went on for {} trials", done(&before).2);
    lab.edit("qwen", |object| object["spec"]["execution"]["budget"]["gpuHours"] = json!("1000"));
    lab.phase("qwen", Phase::Measuring).await;
    let after = lab.finished("qwen", 1).await;
    assert!(done(&after).1 > 0 && done(&after).2 > done(&before).2, "{:?}", after.message);
    assert!(!after.run.as_ref().unwrap().settled.as_ref().unwrap().is_budget_spent());
    assert_eq!(lab.measured_twice(), Vec::<String>::new());
}

/// Nothing was deployed: the first round begins once the budget has room for it.
#[tokio::test(start_paused = true)]
async fn a_budget_that_was_too_small_for_a_round_can_be_raised() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", alike(json!({"budget": {"gpuHours": "0.1"}, "rounds": {"maximum": 1}})));
    let before = lab.finished("qwen", 1).await;
    assert_eq!(before.run.unwrap().ended.unwrap().reason, Reason::BudgetTooSmall);
    assert!(!lab.cluster.history().iter().any(|r| r.key.resource == "dynamographdeployments.nvidia.com"));
    lab.edit("qwen", |object| object["spec"]["execution"]["budget"]["gpuHours"] = json!("1000"));
    lab.phase("qwen", Phase::Measuring).await;
    let after = lab.finished("qwen", 1).await;
    assert_eq!((after.run.as_ref().unwrap().ended.is_none(), done(&after).1), (true, 1), "{:?}", after.message);
}

/// What was decided stays decided, and what was sealed stays sealed.
#[tokio::test(start_paused = true)]
async fn a_raised_limit_for_which_the_run_did_not_stop_changes_nothing() {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"rounds": {"maximum": 7}, "budget": {"gpuHours": "1000"}});
    lab.apply("qwen", spec);
    let before = lab.finished("qwen", 1).await;
    assert_eq!(before.phase, Some(Phase::Succeeded), "{:?}", before.message);
    lab.edit("qwen", |object| {
        object["spec"]["execution"]["rounds"]["maximum"] = json!(8);
        object["spec"]["execution"]["budget"]["gpuHours"] = json!("2000");
    });
    tokio::time::sleep(seconds(3600)).await;
    let after = lab.status("qwen");
    assert!(is_finished(&after, 1));
    assert_eq!((after.run, after.rounds, after.verdict), (before.run, before.rounds, before.verdict));
}

/// No round that was measured is taken back, and what was decided is not left open.
#[rstest]
#[case::to_be_decided_later(json!({"minimum": 4, "maximum": 8}))]
#[case::fewer_rounds(json!({"minimum": 1, "maximum": 1}))]
#[tokio::test(start_paused = true)]
async fn other_numbers_of_rounds_judge_nothing_anew(#[case] rounds: Value) {
    let lab = Lab::new(&[8]);
    let mut spec = small();
    spec["execution"] = json!({"rounds": {"minimum": 2, "maximum": 8}});
    lab.apply("qwen", spec);
    let before = lab.finished("qwen", 1).await;
    assert_eq!((before.phase, done(&before).1), (Some(Phase::Succeeded), 2), "{:?}", before.message);
    lab.edit("qwen", |object| object["spec"]["execution"]["rounds"] = rounds);
    tokio::time::sleep(seconds(3600)).await;
    let after = lab.status("qwen");
    assert_eq!((after.phase, after.verdict, after.rounds), (before.phase, before.verdict, before.rounds));
}

/// Rounds are priced by how long the variants took to be ready when they were deployed last.
#[tokio::test(start_paused = true)]
async fn the_next_run_is_priced_by_the_last_one() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| pod["spec"].to_string().contains("nvidia.com/gpu").then(|| PodScript::serve(seconds(1800))));
    lab.apply("qwen", small());
    let first = lab.finished("qwen", 1).await.price.unwrap().expected.unwrap();
    lab.edit("qwen", |object| object["spec"]["runId"] = json!("again"));
    let priced = |status: &BenchmarkComparisonStatus| status.run_number() == 2 && status.price.is_some();
    lab.until("qwen", "a price", 600, priced).await;
    let status = lab.status("qwen");
    assert!(status.variants.iter().all(|variant| variant.last_ready_seconds.is_some_and(|seconds| seconds >= 1800)));
    let second = status.price.unwrap().expected.unwrap();
    assert!(second.minutes >= first.minutes + 30, "{first:?} {second:?}");
}
