//! Courses beside the standard one, disturbed at points picked by a fixed seed.

use bcmp::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase, labels};
use futures::future::BoxFuture;
use rstest::rstest;
use serde_json::{Value, json};

use super::course::{Course, crash_at, crash_points, faulty, nobody, reads_go_wrong, undisturbed, writes_go_wrong};
use super::smallest;
use crate::access::with_own_objects;
use bcmp::simulation::actors::{PodScript, has_label};
use bcmp::simulation::api_server::Cluster;
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds};
use bcmp::simulation::truth;

/// Crashes of each course. The standard one has them all.
const CRASHES: usize = 8;
const SEED: u64 = 20_260_302;

fn course(name: &'static str, spec: &Value) -> Course {
    let mut whole = smallest();
    for (field, value) in spec.as_object().expect("fields") {
        match (whole[field].as_object_mut(), value.as_object()) {
            (Some(fields), Some(given)) => fields.extend(given.clone()),
            _ => whole[field] = value.clone(),
        }
    }
    Course { name, lab: || Lab::new(&[8]), spec: whole, person: nobody, run: 1, at_once: 1, interrupted: false }
}

pub fn parallel() -> Course {
    let lab = || Lab::new(&[8, 8]);
    Course { lab, at_once: 2, ..course("parallel", &json!({"execution": {"mode": "Parallel"}})) }
}

pub fn rounds() -> Course {
    course("two rounds", &json!({"execution": {"rounds": {"minimum": 2, "maximum": 2}}}))
}

pub fn one_fails() -> Course {
    let lab = || {
        let lab = Lab::new(&[8]);
        lab.cast.script(|pod| {
            let baseline = has_label(pod, labels::VARIANT, "baseline");
            (baseline && has_label(pod, labels::COMPONENT, "server")).then(PodScript::image_pull_error)
        });
        lab
    };
    Course { lab, ..course("one variant fails", &json!({})) }
}

fn own_manifests() -> Course {
    let lab = || {
        let lab = Lab::predicting(&[8], |plan| with_own_objects(truth::configurations(&plan.spec)));
        lab.cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "source", "namespace": "default"}, "data": {"manifests.yaml": "kind: Deployment"}}));
        lab
    };
    let spec = json!({"variants": [
        {"name": "baseline", "role": "Baseline", "source": {"type": "Recommended", "recommended": {"rank": 2}}},
        {"name": "own", "role": "Candidate", "source": {"type": "Manifests",
            "manifests": {"configMapName": "source", "key": "manifests.yaml"}}},
    ]});
    Course { lab, ..course("own manifests", &spec) }
}

pub fn superseded() -> Course {
    Course { person: edits_levels, run: 2, interrupted: true, ..course("superseded", &json!({})) }
}

pub fn suspended() -> Course {
    Course { person: suspends_and_resumes, interrupted: true, ..course("suspended", &json!({})) }
}

fn edits_levels(cluster: Cluster) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        until(&cluster, |status| status.progress.as_ref().is_some_and(|p| p.trials_done > 0)).await;
        edit(&cluster, |spec| spec["workload"]["concurrency"] = json!([2, 24]));
    })
}

fn suspends_and_resumes(cluster: Cluster) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        until(&cluster, |status| status.progress.as_ref().is_some_and(|p| p.trials_done > 0)).await;
        edit(&cluster, |spec| spec["suspend"] = json!(true));
        until(&cluster, |status| status.phase == Some(Phase::Suspended)).await;
        tokio::time::sleep(seconds(60)).await;
        edit(&cluster, |spec| spec["suspend"] = json!(false));
    })
}

async fn until(cluster: &Cluster, holds: impl Fn(&BenchmarkComparisonStatus) -> bool) {
    let status = |c: &Cluster| c.find::<BenchmarkComparison>("default", "qwen").and_then(|c| c.status);
    cluster.until("what a person waits for", seconds(100_000), |c| status(c).is_some_and(|s| holds(&s))).await;
}

fn edit(cluster: &Cluster, change: impl FnOnce(&mut Value)) {
    cluster.edit(COMPARISONS, "default", "qwen", |object| change(&mut object["spec"])).expect("it is there");
}

/// As many of the points as wanted, one of each stretch of the course.
fn sampled<T: Clone>(points: &[T], wanted: usize) -> Vec<T> {
    let stretch = points.len() / wanted.max(1);
    (0..wanted).map(|number| points[number * stretch + pick(number) % stretch.max(1)].clone()).collect()
}

/// A fixed sequence of numbers without a pattern (SplitMix64).
fn pick(number: usize) -> usize {
    let mut z = SEED.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0)
}

#[rstest]
#[case::parallel(parallel(), "Inconclusive")]
#[case::rounds(rounds(), "Inconclusive")]
#[case::one_fails(one_fails(), "Failed")]
#[case::own_manifests(own_manifests(), "Succeeded")]
#[case::superseded(superseded(), "Inconclusive")]
#[case::suspended(suspended(), "Inconclusive")]
#[tokio::test(start_paused = true)]
async fn every_course_ends_the_same(#[case] course: Course, #[case] phase: &str) {
    let (expected, log) = undisturbed(&course).await;
    assert_eq!(expected.phase(), phase, "{expected:#?}");
    let points = crash_points(&log);
    let picked = sampled(&points, CRASHES);
    println!("{}: crashes at {} of {} points, of {} requests", course.name, picked.len(), points.len(), log.len());
    for point in picked {
        crash_at(&course, &expected, point, &log).await;
    }
    for offset in [1, 4] {
        let what = format!("every seventh write goes wrong, from the {offset}. on");
        faulty(&course, &expected, &what, writes_go_wrong(7, offset, offset)).await;
    }
    faulty(&course, &expected, "every 67th read goes wrong", reads_go_wrong(67, 40)).await;
}

#[test]
fn samples_are_spread_and_the_same_each_time() {
    let points: Vec<usize> = (0..80).collect();
    let picked = sampled(&points, 8);
    assert!(picked.iter().enumerate().all(|(number, point)| point / 10 == number), "{picked:?}");
    assert_eq!(picked, sampled(&points, 8));
}
