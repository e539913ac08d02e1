//! Whatever is interrupted, lost or late: the same end, nothing measured twice, nothing left behind.

use bcmp::api::{BenchmarkComparisonStatus, Phase};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Lab, gpus_held, seconds, small};
use crate::support::{Failure, Fault, Request};

/// The smallest course: a pod for each server, few levels.
fn course() -> Value {
    let source = |rank: i32| json!({"type": "Recommended", "recommended": {"rank": rank}});
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": source(2)},
        {"name": "optimized", "role": "Candidate", "source": source(1)},
    ]);
    spec
}

/// Cases of one test run on as many threads as there are shards.
const SHARDS: usize = 4;

/// What must be the same after any disturbance: everything but times.
fn answer(status: &BenchmarkComparisonStatus) -> Value {
    let variants: Vec<Value> = status
        .variants
        .iter()
        .map(|v| json!({"levels": v.levels, "atSla": v.at_sla, "failure": v.failure.as_ref().map(|f| &f.reason), "deployments": v.deployments.len()}))
        .collect();
    json!({"phase": status.phase, "verdict": status.verdict, "variants": variants, "progress": status.progress.as_ref().map(|p| &p.summary)})
}

async fn undisturbed() -> (Value, usize) {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", course());
    let status = lab.finished("qwen", 1).await;
    // The same shape on both sides, measured once: no difference can be told, and that is said.
    assert_eq!(status.phase, Some(Phase::Inconclusive), "{:?}", status.message);
    assert!(status.variants.iter().all(|v| v.failure.is_none() && v.levels.iter().any(|l| l.measured.is_some())));
    (answer(&status), lab.cluster.writes().len())
}

/// Runs the comparison under one fault and compares the end.
async fn disturbed(what: &str, expected: &Value, disturb: impl FnOnce(&Lab), crashes: bool) {
    let mut lab = Lab::new(&[8]);
    disturb(&lab);
    lab.apply("qwen", course());
    let cluster = lab.cluster.clone();
    let watch = tokio::spawn(async move {
        while gpus_held(&cluster).len() <= 1 {
            cluster.changed().await;
        }
    });
    if crashes {
        let crashed = tokio::time::timeout(seconds(50_000), lab.cluster.crashed()).await;
        assert!(crashed.is_ok(), "{what}: the fault was never hit\n{}", lab.cluster.story());
        lab.kill();
        lab.start();
    }
    let status = lab.finished("qwen", 1).await;
    assert_eq!(&answer(&status), expected, "{what}\n{}", lab.cluster.story());
    assert_eq!(lab.measured_twice(), Vec::<String>::new(), "{what}");
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new(), "{what}");
    assert!(!watch.is_finished(), "{what}: both variants held GPUs at once");
    watch.abort();
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn a_crash_before_or_after_any_write_changes_nothing(#[values(0, 1, 2, 3)] shard: usize) {
    let (expected, writes) = undisturbed().await;
    for number in (shard..writes).step_by(SHARDS) {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let what = format!("{fault:?} at write {number}");
            let rule = move |request: &Request| (request.write == Some(number)).then(|| fault.clone());
            disturbed(&what, &expected, |lab| lab.cluster.faults(rule), true).await;
        }
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn lost_answers_and_passing_errors_change_nothing(#[values(0, 1, 2, 3)] shard: usize) {
    let (expected, writes) = undisturbed().await;
    for number in (shard..writes).step_by(SHARDS) {
        for fault in [
            Fault::LoseAnswer,
            Fault::Drop,
            Fault::Refuse(Failure::internal("etcdserver: request timed out")),
            Fault::Refuse(Failure::too_many_requests()),
        ] {
            let what = format!("{fault:?} at write {number}");
            let rule = move |request: &Request| (request.write == Some(number)).then(|| fault.clone());
            disturbed(&what, &expected, |lab| lab.cluster.faults(rule), false).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_operators_at_once_change_nothing() {
    let (expected, _) = undisturbed().await;
    let lab = Lab::new(&[8]);
    let other = lab.another();
    lab.apply("qwen", course());
    let status = lab.finished("qwen", 1).await;
    other.abort();
    assert_eq!(answer(&status), expected);
    assert_eq!(lab.measured_twice(), Vec::<String>::new());
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn missed_events_and_closed_watches_change_nothing() {
    let (expected, _) = undisturbed().await;
    disturbed(
        "all events of children are lost",
        &expected,
        |lab| {
            lab.cluster.drop_events(|record| record.key.resource != "benchmarkcomparisons.bcmp.dev");
        },
        false,
    )
    .await;
    for (what, disturb) in [("closed", true), ("expired", false)] {
        let lab = Lab::new(&[8]);
        lab.apply("qwen", course());
        let cluster = lab.cluster.clone();
        let disturber = tokio::spawn(async move {
            loop {
                tokio::time::sleep(seconds(7)).await;
                if disturb { cluster.close_watches() } else { cluster.expire_watches() }
            }
        });
        let status = lab.finished("qwen", 1).await;
        disturber.abort();
        assert_eq!(answer(&status), expected, "watches {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_may_be_away_for_hours_in_any_phase() {
    let (expected, writes) = undisturbed().await;
    for number in (0..writes).step_by(5) {
        let mut lab = Lab::new(&[8]);
        lab.cluster.faults(move |request| (request.write == Some(number)).then_some(Fault::CrashAfter));
        lab.apply("qwen", course());
        lab.cluster.crashed().await;
        lab.kill();
        tokio::time::sleep(seconds(1500)).await;
        lab.start();
        let status = lab.finished("qwen", 1).await;
        assert_eq!(answer(&status), expected, "away after write {number}");
    }
}
