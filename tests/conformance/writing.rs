//! Replacing and patching.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, status, version};
use bcmp::simulation::api_server::meta;

on_both_servers! {
    a_stale_write_is_a_conflict,
    a_wrong_uid_is_refused_but_in_patches_of_the_status,
    custom_resources_need_a_version_to_be_replaced,
    immutable_config_maps_stay_as_they_are,
    config_maps_have_a_size_limit,
    the_first_write_of_a_key_wins,
    json_patches_are_all_or_nothing,
    merge_patches_remove_with_null,
    generation_counts_changes_of_the_spec,
    status_and_spec_are_written_apart,
    a_new_comparison_has_the_default_status,
    unknown_fields_are_pruned,
    a_dry_run_stores_nothing,
}

async fn a_stale_write_is_a_conflict(bed: &Bed) {
    let old = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let new = bed.merge(&path, json!({"data": {"second": "2"}})).await.ok();
    assert!(version(&new) > version(&old));
    let message = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified";
    bed.put(&path, old.clone()).await.refused(409, "Conflict", &[message]);
    let stale = json!({"metadata": {"resourceVersion": meta(&old, "resourceVersion")}, "data": {"third": "3"}});
    bed.merge(&path, stale).await.refused(409, "Conflict", &[message]);
    let mut unconditional = old;
    unconditional["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    bed.put(&path, unconditional).await.ok();
}

async fn a_wrong_uid_is_refused_but_in_patches_of_the_status(bed: &Bed) {
    const OTHER: &str = "11111111-1111-4111-8111-111111111111";
    for (resource, object) in [("configmaps", config_map("a")), (COMPARISONS, comparison("a"))] {
        let mut found = bed.post(&bed.path(resource), object).await.ok();
        let path = bed.object(resource, "a");
        let body = json!({"metadata": {"uid": OTHER}});
        let message = "metadata.uid: Invalid value: \"11111111-1111-4111-8111-111111111111\": field is immutable";
        bed.merge(&path, body).await.refused(422, "Invalid", &[message]);
        found["metadata"]["uid"] = json!(OTHER);
        bed.put(&path, found).await.refused(409, "Conflict", &["Precondition failed: UID in precondition"]);
    }
    // A re-created object is told apart by its version, not by its UID.
    let path = format!("{}/status", bed.object(COMPARISONS, "a"));
    let mut body = status(json!({"message": "m"}));
    body["metadata"]["uid"] = json!(OTHER);
    bed.apply(&path, "bcmp", true, body).await.ok();
}

async fn custom_resources_need_a_version_to_be_replaced(bed: &Bed) {
    let mut found = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    found["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let reply = bed.put(&bed.object(COMPARISONS, "a"), found).await;
    reply.refused(422, "Invalid", &["metadata.resourceVersion: Invalid value", "must be specified for an update"]);
}

async fn immutable_config_maps_stay_as_they_are(bed: &Bed) {
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    bed.merge(&path, json!({"immutable": true})).await.ok();
    let message = "data: Forbidden: field is immutable when `immutable` is set";
    bed.merge(&path, json!({"data": {"second": "2"}})).await.refused(422, "Invalid", &[message]);
    let add = json!([{"op": "add", "path": "/data/second", "value": "2"}]);
    bed.json_patch(&path, add).await.refused(422, "Invalid", &[message]);
    let message = "immutable: Forbidden: field is immutable when `immutable` is set";
    bed.merge(&path, json!({"immutable": false})).await.refused(422, "Invalid", &[message]);
    bed.merge(&path, json!({"metadata": {"labels": {"still": "free"}}})).await.ok();
    bed.delete(&path, json!({})).await.ok();
}

async fn config_maps_have_a_size_limit(bed: &Bed) {
    let mut large = config_map("a");
    large["data"]["large"] = json!("x".repeat(1024 * 1024 + 1));
    bed.post(&bed.path("configmaps"), large).await.refused(
        422,
        "Invalid",
        &["Too long: may not be more than 1048576 bytes"],
    );
}

async fn the_first_write_of_a_key_wins(bed: &Bed) {
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let write = |text: &str| json!([{"op": "test", "path": "/data/key", "value": null}, {"op": "add", "path": "/data/key", "value": text}]);
    bed.json_patch(&path, write("mine")).await.ok();
    let second = bed.json_patch(&path, write("theirs")).await;
    second.refused(422, "Invalid", &["the server rejected our request due to an error in our request"]);
    assert_eq!(bed.get(&path).await.ok()["data"]["key"], "mine");
    let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "empty"}});
    bed.post(&bed.path("configmaps"), empty).await.ok();
    let reply = bed.json_patch(&bed.object("configmaps", "empty"), write("mine")).await;
    reply.refused(422, "Invalid", &[]);
}

async fn json_patches_are_all_or_nothing(bed: &Bed) {
    let before = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let patch = json!([{"op": "add", "path": "/data/second", "value": "2"}, {"op": "remove", "path": "/data/absent"}]);
    bed.json_patch(&path, patch).await.refused(422, "Invalid", &[]);
    assert_eq!(bed.get(&path).await.ok(), before);
    let guarded = |version: &str| json!([{"op": "test", "path": "/metadata/resourceVersion", "value": version}, {"op": "remove", "path": "/data/first"}]);
    bed.json_patch(&path, guarded("1")).await.refused(422, "Invalid", &[]);
    let after = bed.json_patch(&path, guarded(meta(&before, "resourceVersion"))).await.ok();
    assert!(after["data"]["first"].is_null());
    let nothing = bed.json_patch(&path, json!([])).await.ok();
    assert_eq!(version(&nothing), version(&after));
}

async fn merge_patches_remove_with_null(bed: &Bed) {
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let after = bed.merge(&path, json!({"data": {"first": null, "second": "2"}})).await.ok();
    assert_eq!(after["data"], json!({"second": "2"}));
    let same = bed.merge(&path, json!({"data": {"second": "2"}})).await.ok();
    assert_eq!(version(&same), version(&after));
}

async fn generation_counts_changes_of_the_spec(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = bed.object(COMPARISONS, "a");
    let labelled = bed.merge(&path, json!({"metadata": {"labels": {"x": "y"}}})).await.ok();
    assert_eq!(labelled["metadata"]["generation"], 1);
    let reported = bed.merge(&format!("{path}/status"), json!({"status": {"message": "m"}})).await.ok();
    assert_eq!(reported["metadata"]["generation"], 1);
    let changed = bed.merge(&path, json!({"spec": {"suspend": true}})).await.ok();
    assert_eq!(changed["metadata"]["generation"], 2);
}

async fn status_and_spec_are_written_apart(bed: &Bed) {
    let mut first = comparison("a");
    first["status"] = json!({"observedGeneration": 9, "message": "early"});
    let created = bed.post(&bed.path(COMPARISONS), first).await.ok();
    assert_eq!(created["status"], json!({"observedGeneration": -1}));
    let path = bed.object(COMPARISONS, "a");
    let both = json!({"metadata": {"labels": {"x": "y"}}, "spec": {"suspend": true}, "status": {"message": "m"}});
    let main = bed.merge(&path, both.clone()).await.ok();
    assert_eq!((&main["spec"]["suspend"], &main["status"]), (&json!(true), &json!({"observedGeneration": -1})));
    bed.merge(&path, json!({"spec": {"suspend": false}, "metadata": {"labels": null}})).await.ok();
    let status = bed.merge(&format!("{path}/status"), both).await.ok();
    assert_eq!((&status["spec"]["suspend"], &status["status"]["message"]), (&json!(false), &json!("m")));
    assert!(status["metadata"]["labels"].is_null());
}

async fn a_new_comparison_has_the_default_status(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let listed = bed.get(&bed.path(COMPARISONS)).await.ok();
    assert_eq!(listed["items"][0]["status"], json!({"observedGeneration": -1}));
}

async fn unknown_fields_are_pruned(bed: &Bed) {
    let mut misspelt = comparison("a");
    misspelt["spec"]["workload"]["outputTokenz"] = json!(1);
    let created = bed.post(&bed.path(COMPARISONS), misspelt.clone()).await.ok();
    assert!(created["spec"]["workload"]["outputTokenz"].is_null());
    let strict = format!("{}?fieldValidation=Strict", bed.path(COMPARISONS));
    misspelt["metadata"]["name"] = json!("b");
    let reply = bed.post(&strict, misspelt).await;
    reply.refused(400, "BadRequest", &["unknown field \"spec.workload.outputTokenz\""]);
}

async fn a_dry_run_stores_nothing(bed: &Bed) {
    let path = format!("{}?dryRun=All", bed.path(COMPARISONS));
    let shown = bed.post(&path, comparison("a")).await.ok();
    assert_eq!(shown["spec"]["execution"]["mode"], "Sequential");
    assert_eq!(bed.get(&bed.object(COMPARISONS, "a")).await.code, 404);
}
