//! Server-side apply.

use serde_json::{Value, json};

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, status};

on_both_servers! {
    apply_with_a_stale_version_is_a_conflict,
    apply_without_change_keeps_the_version,
    apply_removes_what_its_manager_no_longer_names,
    apply_replaces_atomic_lists_and_merges_keyed_ones,
    apply_of_status_needs_the_object,
    apply_creates_and_names_its_manager,
    apply_against_another_manager_is_a_conflict_unless_forced,
}

async fn apply_with_a_stale_version_is_a_conflict(bed: &Bed) {
    let old = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = bed.object(COMPARISONS, "a");
    bed.merge(&path, json!({"metadata": {"labels": {"x": "y"}}})).await.ok();
    let mut body = status(json!({"message": "m"}));
    body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    let message = "Operation cannot be fulfilled on benchmarkcomparisons.bcmp.dev \"a\": the object has been modified";
    bed.apply(&format!("{path}/status"), "bcmp", true, body.clone()).await.refused(409, "Conflict", &[message]);
    body["metadata"]["resourceVersion"] = bed.get(&path).await.ok()["metadata"]["resourceVersion"].clone();
    bed.apply(&format!("{path}/status"), "bcmp", true, body).await.ok();
}

async fn apply_without_change_keeps_the_version(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = format!("{}/status", bed.object(COMPARISONS, "a"));
    let body = status(json!({"observedGeneration": 1, "conditions": [{
        "type": "Finished", "status": "False", "reason": "Running", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}));
    let first = bed.apply(&path, "bcmp", true, body.clone()).await.ok();
    let second = bed.apply(&path, "bcmp", true, body).await.ok();
    assert_eq!(second, first);
}

async fn apply_removes_what_its_manager_no_longer_names(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = format!("{}/status", bed.object(COMPARISONS, "a"));
    let run = json!({"number": 1, "inputsHash": "v1:x", "queuedTime": "2026-01-01T00:00:00Z"});
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let full =
        json!({"observedGeneration": 1, "message": "m", "run": run, "conditions": [condition("A"), condition("B")]});
    bed.apply(&path, "bcmp", true, status(full)).await.ok();
    let less = json!({"observedGeneration": 1, "conditions": [condition("B")]});
    let after = bed.apply(&path, "bcmp", true, status(less.clone())).await.ok();
    assert_eq!(after["status"], less);
}

async fn apply_replaces_atomic_lists_and_merges_keyed_ones(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = format!("{}/status", bed.object(COMPARISONS, "a"));
    let body = |message: &str, kinds: &[&str]| {
        let conditions: Vec<Value> = kinds
            .iter()
            .map(|kind| json!({"type": kind, "status": "True", "reason": "R", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}))
            .collect();
        let variants: Vec<Value> =
            kinds.iter().map(|kind| json!({"name": kind.to_lowercase(), "role": "Candidate"})).collect();
        status(json!({"observedGeneration": 1, "conditions": conditions, "variants": variants}))
    };
    bed.apply(&path, "bcmp", true, body("first", &["A", "B"])).await.ok();
    let after = bed.apply(&path, "other", true, body("second", &["B", "C"])).await.ok();
    let text = |list: &Value, field: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|i| i[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(text(&after["status"]["conditions"], "type"), ["A", "B", "C"]);
    assert_eq!(text(&after["status"]["conditions"], "message"), ["first", "second", "second"]);
    assert_eq!(text(&after["status"]["variants"], "name"), ["b", "c"]);
}

async fn apply_of_status_needs_the_object(bed: &Bed) {
    let path = format!("{}/status", bed.object(COMPARISONS, "absent"));
    let reply = bed.apply(&path, "bcmp", true, status(json!({"message": "m"}))).await;
    reply.refused(404, "NotFound", &["benchmarkcomparisons.bcmp.dev \"absent\" not found"]);
}

async fn apply_creates_and_names_its_manager(bed: &Bed) {
    let path = bed.object("configmaps", "a");
    let created = bed.apply(&path, "alice", false, config_map("a")).await;
    assert_eq!(created.code, 201);
    let entry = created.body["metadata"]["managedFields"][0].clone();
    assert_eq!((entry["manager"].as_str(), entry["operation"].as_str()), (Some("alice"), Some("Apply")));
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:first": {}}}));
    let nobody = format!("{path}?force=true");
    let headers = [("content-type", "application/apply-patch+yaml")];
    bed.send("PATCH", &nobody, &headers, Some(config_map("a"))).await.refused(422, "Invalid", &["fieldManager"]);
}

async fn apply_against_another_manager_is_a_conflict_unless_forced(bed: &Bed) {
    let path = bed.object("configmaps", "a");
    bed.apply(&path, "alice", false, config_map("a")).await.ok();
    let mut other = config_map("a");
    other["data"] = json!({"first": "2", "second": "2"});
    let refused = bed.apply(&path, "bob", false, other.clone()).await;
    refused.refused(409, "Conflict", &["Apply failed with 1 conflict: conflict with \"alice\": .data.first"]);
    assert_eq!(refused.body["details"]["causes"][0]["reason"], "FieldManagerConflict");
    bed.apply(&path, "bob", true, other).await.ok();
    // Alice names nothing any more: what Bob took stays.
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let after = bed.apply(&path, "alice", false, bare).await.ok();
    assert_eq!(after["data"], json!({"first": "2", "second": "2"}));
}
