//! Deletion, finalizers, garbage collection, Jobs and their pods.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, job, names, owned_by, pod};
use bcmp::simulation::api_server::{finalizers, meta};

on_both_servers! {
    deletion_checks_the_uid,
    finalizers_hold_an_object,
    background_deletion_cascades,
    foreground_deletion_waits_for_blocking_dependents,
    a_held_object_lets_its_dependents_go_when_it_is_deleted_once_more,
    orphans_lose_their_owner,
    dependents_of_an_older_namesake_are_collected,
    a_deleted_job_leaves_its_pods_unless_told_otherwise,
    jobs_label_their_pods_and_keep_their_template,
    pods_without_a_node_go_at_once,
}

async fn deletion_checks_the_uid(bed: &Bed) {
    let map = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let wrong = json!({"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}});
    let message = "the UID in the precondition (11111111-1111-4111-8111-111111111111) does not match the UID in record";
    bed.delete(&path, wrong).await.refused(409, "Conflict", &[message]);
    let right = json!({"preconditions": {"uid": map["metadata"]["uid"]}});
    let done = bed.delete(&path, right).await.ok();
    assert_eq!((done["kind"].as_str(), done["status"].as_str()), (Some("Status"), Some("Success")));
    assert_eq!(done["details"]["uid"], map["metadata"]["uid"]);
    assert_eq!(bed.get(&path).await.code, 404);
}

async fn finalizers_hold_an_object(bed: &Bed) {
    let mut held = comparison("a");
    held["metadata"]["finalizers"] = json!(["bcmp.dev/held"]);
    bed.post(&bed.path(COMPARISONS), held).await.ok();
    let path = bed.object(COMPARISONS, "a");
    let marked = bed.delete(&path, json!({})).await.ok();
    assert!(!meta(&marked, "deletionTimestamp").is_empty());
    assert_eq!(
        (&marked["metadata"]["deletionGracePeriodSeconds"], &marked["metadata"]["generation"]),
        (&json!(0), &json!(2))
    );
    let more = json!({"metadata": {"finalizers": ["bcmp.dev/held", "bcmp.dev/more"]}});
    bed.merge(&path, more).await.refused(
        422,
        "Invalid",
        &["no new finalizers can be added if the object is being deleted"],
    );
    let again = bed.delete(&path, json!({})).await.ok();
    assert_eq!(meta(&again, "deletionTimestamp"), meta(&marked, "deletionTimestamp"));
    bed.merge(&format!("{path}/status"), json!({"status": {"message": "still"}})).await.ok();
    bed.merge(&path, json!({"metadata": {"finalizers": null}})).await.ok();
    assert_eq!(bed.get(&path).await.code, 404);
}

async fn background_deletion_cascades(bed: &Bed) {
    let owner = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let middle = bed.post(&bed.path("configmaps"), owned_by(config_map("middle"), &owner)).await.ok();
    bed.post(&bed.path("configmaps"), owned_by(config_map("leaf"), &middle)).await.ok();
    bed.delete(&bed.object(COMPARISONS, "a"), json!({"propagationPolicy": "Background"})).await.ok();
    assert_eq!(bed.get(&bed.object(COMPARISONS, "a")).await.code, 404);
    bed.gone(&bed.object("configmaps", "middle")).await;
    bed.gone(&bed.object("configmaps", "leaf")).await;
}

async fn foreground_deletion_waits_for_blocking_dependents(bed: &Bed) {
    let owner = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let mut held = owned_by(config_map("held"), &owner);
    held["metadata"]["finalizers"] = json!(["bcmp.dev/held"]);
    bed.post(&bed.path("configmaps"), held).await.ok();
    let mut loose = owned_by(config_map("loose"), &owner);
    loose["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(false);
    loose["metadata"]["finalizers"] = json!(["bcmp.dev/held"]);
    bed.post(&bed.path("configmaps"), loose).await.ok();
    // The collector must know of the dependents before it looks at the owner.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let path = bed.object(COMPARISONS, "a");
    let marked = bed.delete(&path, json!({"propagationPolicy": "Foreground"})).await.ok();
    assert_eq!(finalizers(&marked), ["foregroundDeletion"]);
    let held = bed.object("configmaps", "held");
    bed.eventually("the dependent is marked", || async {
        !meta(&bed.get(&held).await.body, "deletionTimestamp").is_empty()
    })
    .await;
    assert_eq!(bed.get(&path).await.code, 200);
    bed.merge(&held, json!({"metadata": {"finalizers": null}})).await.ok();
    bed.gone(&path).await;
    bed.merge(&bed.object("configmaps", "loose"), json!({"metadata": {"finalizers": null}})).await.ok();
    bed.gone(&bed.object("configmaps", "loose")).await;
}

/// By which the pods of a graph go although nobody takes the graph's finalizer away.
async fn a_held_object_lets_its_dependents_go_when_it_is_deleted_once_more(bed: &Bed) {
    let mut held = comparison("a");
    held["metadata"]["finalizers"] = json!(["bcmp.dev/held"]);
    let owner = bed.post(&bed.path(COMPARISONS), held).await.ok();
    bed.post(&bed.path("configmaps"), owned_by(config_map("dependent"), &owner)).await.ok();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (path, dependent) = (bed.object(COMPARISONS, "a"), bed.object("configmaps", "dependent"));
    bed.delete(&path, json!({"propagationPolicy": "Background"})).await.ok();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(bed.get(&dependent).await.code, 200);
    bed.delete(&path, json!({"propagationPolicy": "Foreground"})).await.ok();
    bed.gone(&dependent).await;
    bed.eventually("the collector lets go", || async { finalizers(&bed.get(&path).await.body) == ["bcmp.dev/held"] })
        .await;
    bed.merge(&path, json!({"metadata": {"finalizers": null}})).await.ok();
    bed.gone(&path).await;
}

async fn orphans_lose_their_owner(bed: &Bed) {
    let owner = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    bed.post(&bed.path("configmaps"), owned_by(config_map("child"), &owner)).await.ok();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    bed.delete(&bed.object(COMPARISONS, "a"), json!({"propagationPolicy": "Orphan"})).await.ok();
    bed.gone(&bed.object(COMPARISONS, "a")).await;
    let child = bed.get(&bed.object("configmaps", "child")).await.ok();
    assert!(child["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty), "{child}");
}

async fn dependents_of_an_older_namesake_are_collected(bed: &Bed) {
    let mut owner = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    owner["metadata"]["uid"] = json!("11111111-1111-4111-8111-111111111111");
    bed.post(&bed.path("configmaps"), owned_by(config_map("stale"), &owner)).await.ok();
    bed.gone(&bed.object("configmaps", "stale")).await;
    assert_eq!(bed.get(&bed.object(COMPARISONS, "a")).await.code, 200);
}

async fn a_deleted_job_leaves_its_pods_unless_told_otherwise(bed: &Bed) {
    for (name, options, left) in [("kept", json!({}), 1), ("taken", json!({"propagationPolicy": "Background"}), 0)] {
        bed.post(&bed.path("jobs.batch"), job(name)).await.ok();
        let pods = format!("{}?labelSelector=job-name%3D{name}", bed.path("pods"));
        let count = || async { names(&bed.get(&pods).await.ok()).len() };
        bed.eventually("a pod", || async { count().await == 1 }).await;
        bed.delete(&bed.object("jobs.batch", name), options).await.ok();
        bed.gone(&bed.object("jobs.batch", name)).await;
        bed.eventually("pods as expected", || async { count().await == left }).await;
    }
}

async fn jobs_label_their_pods_and_keep_their_template(bed: &Bed) {
    let created = bed.post(&bed.path("jobs.batch"), job("a")).await.ok();
    let labels = &created["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&labels["job-name"], &labels["batch.kubernetes.io/job-name"]), (&json!("a"), &json!("a")));
    assert_eq!(labels["batch.kubernetes.io/controller-uid"], created["metadata"]["uid"]);
    let path = bed.object("jobs.batch", "a");
    let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other:1"}]);
    bed.json_patch(&path, image).await.refused(422, "Invalid", &["spec.template: Invalid value", "field is immutable"]);
    let mut always = job("b");
    always["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    bed.post(&bed.path("jobs.batch"), always).await.refused(422, "Invalid", &["spec.template.spec.restartPolicy"]);
}

async fn pods_without_a_node_go_at_once(bed: &Bed) {
    bed.post(&bed.path("pods"), pod("a")).await.ok();
    bed.delete(&bed.object("pods", "a"), json!({})).await.ok();
    assert_eq!(bed.get(&bed.object("pods", "a")).await.code, 404);
}
