//! What must hold of every decision, whatever led to it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bcmp::api::{BenchmarkComparisonStatus, DeploymentStatus, Mode, Pause, Run, VariantStatus};
use bcmp::lifecycle::decide;
use bcmp::lifecycle::decision::{Action, Create, Decision, Wake};
use bcmp::lifecycle::facts;
use bcmp::lifecycle::report;
use bcmp::lifecycle::stages::teardown;
use bcmp::lifecycle::time::not_before_what_is_recorded;
use bcmp::lifecycle::world::{Output, World};
use bcmp::plan::Component;
use bcmp::schema::Schema;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// What an object may weigh in the store, less `managedFields` and a usual spec.
const STATUS_LIMIT: usize = (128 - 4 - 4) * 1024;

pub static STATUS: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(bcmp::api::crd::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"].clone()
});

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new(STATUS.clone()));

pub fn hold(world: &World, decision: &Decision, now: Timestamp) {
    facts_only_grow(&world.status, &decision.status);
    each_round_is_measured_once(&decision.status);
    // Deadlines are counted by a clock that is never set back behind what is recorded.
    let counted = not_before_what_is_recorded(&world.status, now);
    what_goes_was_recorded(world, &decision.actions, counted);
    there_is_a_wake(world, decision, now);
    can_be_stored(&decision.status);
}

/// Facts stay, and the next run begins when nothing of the last is left.
fn facts_only_grow(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) {
    facts_stay(before, after);
    let number = |status: &BenchmarkComparisonStatus| status.run.as_ref().map(|run| run.number);
    let begins = number(before) != number(after);
    let gone = before.variants.iter().all(|v| v.deployments.iter().all(|d| d.gone.is_some()));
    assert!(!begins || gone, "left behind");
}

/// Within a run what is written once stays as it is.
pub fn facts_stay(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) {
    let (Some(was), Some(is)) = (&before.run, &after.run) else {
        assert!(before.run.is_none(), "the run vanished");
        return;
    };
    assert!(is.number >= was.number, "run {} after run {}", is.number, was.number);
    if is.number > was.number {
        return;
    }
    assert_eq!((&is.inputs_hash, &is.queued_time), (&was.inputs_hash, &was.queued_time));
    stays("generatedTime", &was.generated_time, &is.generated_time);
    hold_stays(was.paused.as_ref(), is.paused.as_ref());
    // Until the plan is stored what it is to be may change.
    assert!(was.plan_hash.is_none() || is.plan_hash.is_some(), "the plan is forgotten");
    stays("configurationsHash", &was.configurations_hash, &is.configurations_hash);
    stays("startTime", &was.start_time, &is.start_time);
    // A limit that is raised takes back that the run stopped for it, and nothing else.
    let stopped = |run: &Run| run.settled.is_some() || run.ended.is_some();
    if !stopped(was) || stopped(is) {
        stays("completionTime", &was.completion_time, &is.completion_time);
        stays("ended", &was.ended, &is.ended);
    }
    let fell_back = (was.mode, is.mode) == (Some(Mode::Parallel), Some(Mode::Sequential));
    assert!(was.mode.is_none() || was.mode == is.mode || fell_back, "{:?} → {:?}", was.mode, is.mode);
    assert_eq!(before.variants.len(), after.variants.len());
    for (was, is) in before.variants.iter().zip(&after.variants) {
        assert_eq!((&was.name, was.role), (&is.name, is.role));
        stays("failure", &was.failure, &is.failure);
        assert!(was.gpus.is_none() || is.gpus.is_some(), "GPUs are forgotten");
        assert!(is.deployments.len() >= was.deployments.len(), "a deployment is forgotten");
        was.deployments.iter().zip(&is.deployments).for_each(|(was, is)| deployment_stays(was, is));
    }
}

/// A hold that is over makes room for the next.
fn hold_stays(was: Option<&Pause>, is: Option<&Pause>) {
    let Some(was) = was else { return };
    let is = is.expect("a hold is forgotten");
    if was.since == is.since {
        stays("until", &was.until, &is.until);
    } else {
        // Which of the two comes first says nothing: the clock may have jumped back in between.
        assert!(was.until.is_some(), "{was:?} → {is:?}");
    }
}

fn deployment_stays(was: &DeploymentStatus, is: &DeploymentStatus) {
    assert_eq!((was.number, was.round, &was.created), (is.number, is.round, &is.created));
    stays("scheduled", &was.scheduled, &is.scheduled);
    stays("ready", &was.ready, &is.ready);
    stays("serving", &was.serving, &is.serving);
    stays("measured", &was.measured, &is.measured);
    stays("teardown", &was.teardown, &is.teardown);
    stays("freed", &was.freed, &is.freed);
    stays("gone", &was.gone, &is.gone);
    assert!(is.restarts.starts_with(&was.restarts));
}

fn stays<T: PartialEq + std::fmt::Debug>(what: &str, was: &Option<T>, is: &Option<T>) {
    assert!(was.is_none() || was == is, "{what}: {was:?} → {is:?}");
}

/// No round is measured twice, and a variant has one deployment at a time.
fn each_round_is_measured_once(status: &BenchmarkComparisonStatus) {
    for variant in &status.variants {
        let times = &variant.deployments;
        assert!(times.iter().filter(|d| d.gone.is_none()).count() <= 1, "two deployments of {}", variant.name);
        for (index, deployment) in times.iter().enumerate() {
            let measured = |d: &DeploymentStatus| d.round == deployment.round && d.measured.is_some();
            assert!(!times[..index].iter().any(measured), "round {} is measured again", deployment.round);
        }
    }
}

/// Objects of a variant whose results are complete go only in a pass that read them, sealed. Where there is nothing to
/// read, status says why, or says what was read before. Nor does a teardown that is overdue wait for the seal.
fn what_goes_was_recorded(world: &World, actions: &[Action], now: Timestamp) {
    let Some(run) = &world.status.run else { return };
    for action in actions {
        let Action::Delete(delete) = action else { continue };
        let child = world.children.iter().find(|c| c.uid == delete.uid).expect("only what was seen is deleted");
        assert!(child.ours && !child.terminating());
        let kept = child.run >= run.number || world.status.history.iter().any(|past| past.number == child.run);
        let outdated = child.component == Component::Report && child.edition != report::edition(&world.status, world);
        assert!(!(child.component.is_record() && kept) || outdated, "{} is a record", child.name);
        if child.run != run.number || !matches!(child.component, Component::Server | Component::Load) {
            continue;
        }
        let Some(variant) = world.status.variants.iter().find(|v| Some(&v.name) == child.variant.as_ref()) else {
            continue;
        };
        let deployment = variant.deployments.iter().find(|d| Some(d.number) == child.deployment);
        let Some(deployment) = deployment else { continue };
        assert!(deployment.teardown.is_some(), "{} goes before it was recorded that it should", child.name);
        if run.completion_time.is_some() || !is_last(world, variant) {
            continue;
        }
        match world.results.get(&variant.name) {
            Some(Output::Present(results)) => {
                let overdue = teardown::is_overdue(deployment, world, now);
                assert!(results.sealed || overdue, "{} goes before its results are sealed", child.name);
            }
            nothing => {
                let why = variant.failure.is_some() || run.ended.is_some() || facts::stops(world, &world.status);
                let rows = variant.levels.iter().any(|l| l.evidence.accepted > 0 || l.evidence.rejected > 0);
                assert!(why || rows, "{} goes and nothing is recorded of it: {nothing:?}", child.name);
            }
        }
    }
}

/// Whether no deployment of the variant comes after this one.
fn is_last(world: &World, variant: &VariantStatus) -> bool {
    let ended = world.status.run.as_ref().is_some_and(|run| run.ended.is_some());
    variant.failure.is_some()
        || ended
        || facts::stops(world, &world.status)
        || facts::is_settled_for_good(&world.status)
}

/// There is always a time to look again, in the future, and soon while a run is under way.
fn there_is_a_wake(world: &World, decision: &Decision, now: Timestamp) {
    match decision.wake {
        Wake::Now => {}
        Wake::OnChange => assert!(world.object.terminating, "nothing would wake it"),
        Wake::At(time) => {
            let wait = time.duration_since(now);
            assert!(wait > SignedDuration::ZERO && wait <= SignedDuration::from_mins(10), "{wait:?}");
        }
    }
}

/// Whether a decision changes nothing and does nothing.
pub fn is_quiet(world: &World, decision: &Decision) -> bool {
    decision.actions.is_empty() && decision.status == world.status
}

/// Nothing becomes due before the time at which it is looked again.
pub fn nothing_is_due_before_the_wake(world: &World, decision: &Decision, now: Timestamp) {
    let Wake::At(wake) = decision.wake else { return };
    let wait = wake.duration_since(now).as_secs();
    for seconds in [1, wait / 2, wait - 1] {
        let then = now + SignedDuration::from_secs(seconds);
        if seconds < 1 || then >= wake {
            continue;
        }
        let early = decide(world, then);
        let changes = changes(&world.status, &early.status);
        assert!(is_quiet(world, &early), "due {seconds} s on, looked at after {wait} s: {:?} {changes}", early.actions);
    }
}

/// In Sequential a variant's objects are created when nothing is seen of any other deployment's.
pub fn one_variant_at_a_time(world: &World, actions: &[Action]) {
    let run = world.status.run.as_ref();
    let sequential = run.filter(|run| run.mode == Some(Mode::Sequential));
    for action in actions {
        let (Some(run), Action::Create(Create::Server { variant, deployment })) = (sequential, action) else {
            continue;
        };
        let this = (run.number, Some(variant), Some(*deployment));
        let servers = world.children.iter().filter(|c| c.ours && c.component == Component::Server);
        let child = servers.map(|c| (c.run, c.variant.as_ref(), c.deployment)).find(|of| *of != this);
        let pods = world.pods.iter().filter(|p| p.ours && p.component == Component::Server);
        let pod = pods.map(|p| (p.run, p.variant.as_ref(), p.deployment)).find(|of| *of != this);
        assert!(child.is_none() && pod.is_none(), "{variant} is created beside {child:?} {pod:?}");
    }
}

/// In Sequential pods of one deployment hold GPUs, whatever was seen and decided.
pub fn one_deployment_holds_gpus(cluster: &Cluster) {
    // Auto may have begun side by side.
    if cluster.spec.execution.mode != Mode::Sequential {
        return;
    }
    let holding = cluster.pods.iter().filter(|p| p.component == Component::Server && p.gpus > 0 && p.node.is_some());
    let holding: BTreeSet<_> = holding.map(|p| (p.run, &p.variant, p.deployment)).collect();
    assert!(holding.len() <= 1, "GPUs are held by {holding:?}");
}

/// What an operator that acts late creates beside the current deployment is told to go.
pub fn one_deployment_stays(cluster: &Cluster) {
    let sequential = cluster.spec.execution.mode == Mode::Sequential;
    let servers =
        cluster.children.iter().filter(|c| sequential && c.component == Component::Server && !c.terminating());
    let staying: BTreeSet<_> = servers.map(|c| (c.run, &c.variant, c.deployment)).collect();
    assert!(staying.len() <= 1, "{staying:?} stay");
}

/// A status the API server refuses would never be written.
pub fn can_be_stored(status: &BenchmarkComparisonStatus) {
    let causes = refused(status);
    assert!(causes.is_empty(), "{causes:?}");
    let size = serde_json::to_string(status).unwrap().len();
    assert!(size <= STATUS_LIMIT, "{size} bytes");
}

/// What the API server has against a status.
pub fn refused(status: &BenchmarkComparisonStatus) -> Vec<String> {
    SCHEMA.validate(&serde_json::to_value(status).unwrap(), Some(&json!({"spec": null})))
}

/// Fields that differ, for messages.
pub fn changes(before: &BenchmarkComparisonStatus, after: &BenchmarkComparisonStatus) -> String {
    let json = |status| serde_json::to_value(status).unwrap();
    differences(&json(before), &json(after))
}

/// Fields of documents that differ.
pub fn differences(before: &Value, after: &Value) -> String {
    fn walk(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
        match (before, after) {
            (a, b) if a == b => {}
            (Value::Object(a), Value::Object(b)) => {
                let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
                keys.into_iter().for_each(|key| walk(&format!("{path}.{key}"), &before[key], &after[key], found));
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).enumerate().for_each(|(i, (a, b))| walk(&format!("{path}[{i}]"), a, b, found));
            }
            (a, b) => found.push(format!("{path}: {a} → {b}")),
        }
    }
    let mut found = vec![];
    walk("", before, after, &mut found);
    found.join("; ")
}
