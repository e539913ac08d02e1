//! Whatever is interrupted, lost or late: the same end, nothing measured or deployed twice, nothing left behind.
//!
//! The standard course is disturbed at every request; [`further`] courses at some.

mod course;
mod further;
mod schedules;

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use bcmp::simulation::api_server::{ApiRequest, Cluster, Fault};
use bcmp::simulation::lab::{Lab, seconds, small};
use course::{
    Course, OF_WRITES, crash_at, crash_points, disturbed, faulty, nobody, reads_go_wrong, undisturbed, writes_go_wrong,
};

/// Cases of one test run on as many threads as there are shards.
const SHARDS: usize = 4;
/// One write in so many goes wrong: a look has fewer, and is tried again.
const WRITES: usize = 5;
/// One read in so many goes wrong: a look has about twenty, and is tried again.
const READS: usize = 61;

/// The smallest comparison: a pod for each server, few levels, one round.
fn smallest() -> Value {
    let source = |rank: i32| json!({"type": "Recommended", "recommended": {"rank": rank}});
    let mut spec = small();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": source(2)},
        {"name": "optimized", "role": "Candidate", "source": source(1)},
    ]);
    spec["execution"] = json!({"rounds": {"maximum": 1}});
    spec
}

/// One variant after the other, to the verdict. The same shape on both sides, measured once: no difference can be seen.
fn standard() -> Course {
    let lab = || Lab::new(&[8]);
    Course { name: "standard", lab, spec: smallest(), person: nobody, run: 1, at_once: 1, interrupted: false }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn a_crash_between_any_two_requests_changes_nothing(#[values(0, 1, 2, 3)] shard: usize) {
    let course = standard();
    let (expected, log) = undisturbed(&course).await;
    assert_eq!(expected.phase(), "Inconclusive", "{expected:#?}");
    let points = crash_points(&log);
    println!("{} points between {} requests", points.len(), log.len());
    for point in points.into_iter().skip(shard).step_by(SHARDS) {
        crash_at(&course, &expected, point, &log).await;
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn the_answer_of_any_write_may_be_lost(#[values(0, 1, 2, 3)] shard: usize) {
    let course = standard();
    let (expected, log) = undisturbed(&course).await;
    let writes = log.iter().filter_map(|logged| logged.request.write.map(|number| (number, logged.line())));
    for (number, line) in writes.skip(shard).step_by(SHARDS) {
        let rule = move |request: &ApiRequest| (request.write == Some(number)).then_some(Fault::LoseAnswer);
        faulty(&course, &expected, &format!("lost answer: {line}"), rule).await;
    }
}

/// In turn each write is refused with 409, 429 and 500, breaks off before and after it is applied, and takes too long.
#[rstest]
#[tokio::test(start_paused = true)]
async fn writes_that_go_wrong_change_nothing(#[values(0, 1, 2, 3, 4)] offset: usize) {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    for first in 0..OF_WRITES {
        let what = format!("writes {offset} of {WRITES} go wrong, from way {first} on");
        faulty(&course, &expected, &what, writes_go_wrong(WRITES, offset, first)).await;
    }
}

/// Each read in turn is refused with 429 or 500, breaks off, or takes too long.
#[rstest]
#[tokio::test(start_paused = true)]
async fn reads_that_go_wrong_change_nothing(#[values(0, 1, 2, 3)] shard: usize) {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    for offset in (shard..READS).step_by(SHARDS) {
        let what = format!("reads {offset} of {READS} go wrong");
        faulty(&course, &expected, &what, reads_go_wrong(READS, offset)).await;
    }
}

/// Lists and watches lag behind what was written and what a get shows; or only those that a cache may answer.
#[rstest]
#[tokio::test(start_paused = true)]
async fn stale_lists_change_nothing(
    #[values(true, false)] all_lists: bool,
    #[values((1, 2), (5, 3), (20, 10), (60, 5))] times: (u64, u64),
) {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    let disturb = |lab: &Lab| vec![tokio::spawn(lags(lab.cluster.clone(), all_lists, times))];
    disturbed(&course, &expected, &format!("{} s behind", times.0), 0, disturb).await;
}

async fn lags(cluster: Cluster, all_lists: bool, (stale, fresh): (u64, u64)) {
    loop {
        cluster.lag(all_lists);
        tokio::time::sleep(seconds(stale)).await;
        cluster.catch_up();
        tokio::time::sleep(seconds(fresh)).await;
    }
}

/// A second operator that starts later: nothing goes wrong beside, its writes are late, requests of both go wrong.
#[rstest]
#[tokio::test(start_paused = true)]
async fn two_operators_at_once_change_nothing(#[values(0, 40, 250, 7000)] later: u64) {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    let second = move |lab: &Lab| -> Vec<JoinHandle<()>> { vec![lab.another(Duration::from_millis(later))] };
    disturbed(&course, &expected, "two operators", 0, second).await;
    let slow = |request: &ApiRequest| {
        let second = request.client == "product-2" && request.write.is_some();
        second.then_some(Fault::Delay(Duration::from_millis(300)))
    };
    let disturb = |lab: &Lab| {
        lab.cluster.faults(slow);
        second(lab)
    };
    disturbed(&course, &expected, "two operators, the second acts late", 0, disturb).await;
    for offset in 0..WRITES {
        let (mut writes, mut reads) = (writes_go_wrong(WRITES, offset, offset), reads_go_wrong(READS, offset));
        let disturb = |lab: &Lab| {
            lab.cluster.faults(move |request| writes(request).or_else(|| reads(request)));
            second(lab)
        };
        disturbed(&course, &expected, &format!("two operators, writes {offset} go wrong"), 0, disturb).await;
    }
}

#[tokio::test(start_paused = true)]
async fn missed_events_change_nothing() {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    let disturb = |lab: &Lab| {
        lab.cluster.drop_events(|record| record.key.resource != "benchmarkcomparisons.bcmp.dev");
        vec![]
    };
    disturbed(&course, &expected, "all events of children are lost", 0, disturb).await;
}

#[rstest]
#[case::closed(Cluster::close_watches)]
#[case::expired(Cluster::expire_watches)]
#[tokio::test(start_paused = true)]
async fn watches_that_end_change_nothing(#[case] end: fn(&Cluster), #[values(1, 7)] every: u64) {
    let course = standard();
    let (expected, _) = undisturbed(&course).await;
    let disturb = |lab: &Lab| vec![tokio::spawn(ends(lab.cluster.clone(), end, every))];
    disturbed(&course, &expected, &format!("watches end every {every} s"), 0, disturb).await;
}

async fn ends(cluster: Cluster, end: fn(&Cluster), every: u64) {
    loop {
        tokio::time::sleep(seconds(every)).await;
        end(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_may_be_away_for_hours_in_any_phase() {
    let course = standard();
    let (expected, log) = undisturbed(&course).await;
    for number in log.iter().filter_map(|logged| logged.request.write).step_by(5) {
        let disturb = |lab: &Lab| {
            lab.cluster.faults(move |request| (request.write == Some(number)).then_some(Fault::CrashAfter));
            vec![]
        };
        disturbed(&course, &expected, &format!("away after write {number}"), 1500, disturb).await;
    }
}
