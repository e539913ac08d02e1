//! The Job controller: pods of Jobs, retries, failure policies, conditions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::garbage::remove_finalizer;
use super::{Timers, condition, emit_event, has_ended, is_controlled_by, owner_reference, set_condition};
use crate::simulation::api_server::{Cluster, ObjectKey, finalizers, meta, remove_field, time};

const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// Failures that count towards the limit, by UID of the Job: unlike `status.failed`, without the ignored ones.
pub(super) type CountedFailures = HashMap<String, i64>;

pub(super) fn step(cluster: &Cluster, timers: &mut Timers, counted: &mut CountedFailures) {
    let pods = cluster.list("pods");
    let jobs = cluster.list("jobs.batch");
    for job in &jobs {
        let own: Vec<Arc<Value>> = pods.iter().filter(|pod| is_controlled_by(pod, job)).cloned().collect();
        reconcile(cluster, timers, counted.entry(meta(job, "uid").to_owned()).or_default(), job, &own);
    }
    for pod in pods.iter().filter(|pod| tracked(pod)) {
        if !jobs.iter().any(|job| is_controlled_by(pod, job)) {
            remove_finalizer(cluster, &key(pod), TRACKING);
        }
    }
}

fn key(pod: &Value) -> ObjectKey {
    ObjectKey { resource: "pods".into(), namespace: meta(pod, "namespace").into(), name: meta(pod, "name").into() }
}

fn tracked(pod: &Value) -> bool {
    finalizers(pod).iter().any(|f| f == TRACKING)
}

fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

/// What the status says after this look.
#[derive(Default)]
struct Counts {
    succeeded: i64,
    failed: i64,
    /// Failures that count towards the limit.
    counted: i64,
    fail_job: Option<String>,
}

fn reconcile(cluster: &Cluster, timers: &mut Timers, counted: &mut i64, job: &Value, own: &[Arc<Value>]) {
    let going = !meta(job, "deletionTimestamp").is_empty();
    let finished = ["Complete", "Failed"].iter().any(|c| condition(job, c) == "True");
    let mut counts = Counts {
        succeeded: job["status"]["succeeded"].as_i64().unwrap_or(0),
        failed: job["status"]["failed"].as_i64().unwrap_or(0),
        counted: *counted,
        fail_job: None,
    };
    // A deleted Job lets go of pods that were told to end: one without a node never ends by itself.
    let let_go = |pod: &Value| has_ended(pod) || (going && !meta(pod, "deletionTimestamp").is_empty());
    for pod in own.iter().filter(|pod| let_go(pod) && tracked(pod)) {
        if phase(pod) == "Succeeded" {
            counts.succeeded += 1;
        } else {
            count_failure(job, pod, &mut counts);
        }
        remove_finalizer(cluster, &key(pod), TRACKING);
    }
    *counted = counts.counted;
    if going || finished {
        // What is left of a finished Job's pods was told to end when it finished; a deleted Job's pods are not ours.
        if !finished {
            write_status(cluster, job, own, &counts, None);
        }
        return;
    }
    let verdict = verdict(cluster, timers, job, &counts);
    if verdict.is_some() {
        for pod in own.iter().filter(|pod| !has_ended(pod) && meta(pod, "deletionTimestamp").is_empty()) {
            cluster.delete("pods", meta(pod, "namespace"), meta(pod, "name"), "Background");
        }
        // The Job has ended only when its pods have.
        let ended = own.iter().all(|pod| has_ended(pod));
        write_status(cluster, job, own, &counts, verdict.filter(|_| ended));
        return;
    }
    write_status(cluster, job, own, &counts, None);
    if wants_pod(timers, job, own, &counts) {
        create_pod(cluster, timers, job);
    }
}

fn wants_pod(timers: &mut Timers, job: &Value, own: &[Arc<Value>], counts: &Counts) -> bool {
    if job["spec"]["suspend"] == true || counts.succeeded > 0 {
        return false;
    }
    let only_after_end = job["spec"]["podReplacementPolicy"] == "Failed";
    let in_the_way =
        own.iter().any(|pod| !has_ended(pod) && (only_after_end || meta(pod, "deletionTimestamp").is_empty()));
    if in_the_way {
        return false;
    }
    let backoff = match counts.counted {
        0 => Duration::ZERO,
        failures => Duration::from_secs((10 << (failures - 1).min(6)).min(600)),
    };
    timers.passed(format!("{} {} {}", meta(job, "uid"), counts.counted, counts.failed), backoff)
}

fn count_failure(job: &Value, pod: &Value, counts: &mut Counts) {
    counts.failed += 1;
    let rules = job["spec"]["podFailurePolicy"]["rules"].as_array().cloned().unwrap_or_default();
    match rules.iter().find(|rule| matches(rule, pod)) {
        Some(rule) if rule["action"] == "Ignore" => {
            counts.failed -= 1;
        }
        Some(rule) if rule["action"] == "FailJob" => {
            let code = &pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"];
            let place = format!("{}/{}", meta(pod, "namespace"), meta(pod, "name"));
            counts.fail_job =
                Some(format!("Container main for pod {place} failed with exit code {code} matching FailJob rule"));
        }
        _ => counts.counted += 1,
    }
}

fn matches(rule: &Value, pod: &Value) -> bool {
    if let Some(patterns) = rule["onPodConditions"].as_array() {
        return patterns.iter().any(|pattern| {
            condition(pod, pattern["type"].as_str().unwrap_or_default()) == pattern["status"].as_str().unwrap_or("True")
        });
    }
    let requirement = &rule["onExitCodes"];
    let values = requirement["values"].as_array().cloned().unwrap_or_default();
    let statuses = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
    statuses.iter().any(|status| {
        let code = &status["state"]["terminated"]["exitCode"];
        let here = requirement["containerName"].is_null() || requirement["containerName"] == status["name"];
        here && code.as_i64().is_some_and(|c| c != 0) && values.contains(code) == (requirement["operator"] != "NotIn")
    })
}

/// Type, reason and message of the condition that ends the Job.
type JobEnd = (&'static str, &'static str, String);

fn verdict(cluster: &Cluster, timers: &mut Timers, job: &Value, counts: &Counts) -> Option<JobEnd> {
    if counts.succeeded > 0 {
        return Some(("Complete", "CompletionsReached", "Reached expected number of succeeded pods".into()));
    }
    if let Some(message) = &counts.fail_job {
        return Some(("Failed", "PodFailurePolicy", message.clone()));
    }
    // What was decided once stays decided while pods are still ending.
    if let Some(target) =
        job["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "FailureTarget")
    {
        let message = target["message"].as_str().unwrap_or_default().to_owned();
        let reason = ["PodFailurePolicy", "BackoffLimitExceeded", "DeadlineExceeded"];
        let reason = reason.into_iter().find(|r| target["reason"] == *r).unwrap_or("BackoffLimitExceeded");
        return Some(("Failed", reason, message));
    }
    if counts.counted > job["spec"]["backoffLimit"].as_i64().unwrap_or(6) {
        return Some(("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit".into()));
    }
    let limit = job["spec"]["activeDeadlineSeconds"].as_i64()?;
    let start: jiff::Timestamp = job["status"]["startTime"].as_str()?.parse().ok()?;
    let left = limit - cluster.now().duration_since(start).as_secs();
    let over = left <= 0
        || timers
            .passed(format!("deadline {}", meta(job, "uid")), Duration::from_secs(u64::try_from(left).unwrap_or(0)));
    over.then(|| ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline".into()))
}

fn write_status(cluster: &Cluster, job: &Value, own: &[Arc<Value>], counts: &Counts, verdict: Option<JobEnd>) {
    let now = time(cluster.now());
    let count = |test: &dyn Fn(&Value) -> bool| own.iter().filter(|pod| test(pod)).count();
    let going = |pod: &Value| !meta(pod, "deletionTimestamp").is_empty();
    let active = count(&|pod| !has_ended(pod) && !going(pod));
    let ready = count(&|pod| !has_ended(pod) && !going(pod) && condition(pod, "Ready") == "True");
    let terminating = count(&|pod| !has_ended(pod) && going(pod));
    cluster.edit_as("kube-controller-manager", "jobs.batch", meta(job, "namespace"), meta(job, "name"), |job| {
        let status = &mut job["status"];
        if status["startTime"].is_null() {
            status["startTime"] = json!(now);
        }
        status["ready"] = json!(ready);
        status["terminating"] = json!(terminating);
        for (field, number) in [("active", active as i64), ("succeeded", counts.succeeded), ("failed", counts.failed)] {
            if number > 0 {
                status[field] = json!(number);
            } else {
                remove_field(status, field);
            }
        }
        if let Some(message) = &counts.fail_job {
            set_condition(job, "FailureTarget", "True", "PodFailurePolicy", message, &now);
        }
        let Some((kind, reason, message)) = verdict else { return };
        let before = if kind == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
        set_condition(job, before, "True", reason, &message, &now);
        set_condition(job, kind, "True", reason, &message, &now);
        if kind == "Complete" {
            job["status"]["completionTime"] = json!(now);
        }
    });
}

fn create_pod(cluster: &Cluster, timers: &mut Timers, job: &Value) {
    let creation = format!("creation for {}", meta(job, "uid"));
    if !timers.passed(creation.as_str(), Duration::ZERO) {
        return;
    }
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": job["spec"]["template"]["metadata"],
        "spec": job["spec"]["template"]["spec"],
    });
    pod["metadata"]["generateName"] = json!(format!("{}-", meta(job, "name")));
    pod["metadata"]["namespace"] = job["metadata"]["namespace"].clone();
    pod["metadata"]["ownerReferences"] = owner_reference(job);
    pod["metadata"]["finalizers"] = json!([TRACKING]);
    if let Err(failure) = cluster.create_as("kube-controller-manager", pod) {
        emit_event(cluster, job, "Warning", "FailedCreate", &format!("Error creating: {}", failure.message));
        timers.forget(&creation);
        timers.passed(creation, Duration::from_secs(10));
    }
}
