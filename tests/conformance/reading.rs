//! Creating and reading.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, job, version};
use bcmp::simulation::api_server::meta;

on_both_servers! {
    a_name_is_taken_once,
    creation_fills_in_metadata,
    creation_needs_a_namespace_and_a_kind,
    names_and_labels_are_checked,
    what_is_not_there_is_404,
}

async fn a_name_is_taken_once(bed: &Bed) {
    let path = bed.path("configmaps");
    assert_eq!(bed.post(&path, config_map("a")).await.code, 201);
    let second = bed.post(&path, config_map("a")).await;
    second.refused(409, "AlreadyExists", &["configmaps \"a\" already exists"]);
    assert_eq!(second.body["details"], json!({"name": "a", "kind": "configmaps"}));
    let path = bed.path(COMPARISONS);
    assert_eq!(bed.post(&path, comparison("a")).await.code, 201);
    let second = bed.post(&path, comparison("a")).await;
    second.refused(409, "AlreadyExists", &["benchmarkcomparisons.bcmp.dev \"a\" already exists"]);
}

async fn creation_fills_in_metadata(bed: &Bed) {
    let map = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    assert_eq!(meta(&map, "namespace"), bed.namespace);
    assert!(!meta(&map, "uid").is_empty() && version(&map) > 0);
    assert!(meta(&map, "creationTimestamp").ends_with('Z') && meta(&map, "creationTimestamp").len() == 20);
    assert!(map["metadata"]["generation"].is_null());
    assert_eq!(map["metadata"]["managedFields"][0]["manager"], "conformance");
    let found = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    assert_eq!(found["metadata"]["generation"], 1);
    assert_eq!(found["spec"]["variants"].as_array().map(Vec::len), Some(2), "defaults are filled in");
    let again = bed.get(&bed.object(COMPARISONS, "a")).await.ok();
    assert_eq!(again, found);
}

async fn creation_needs_a_namespace_and_a_kind(bed: &Bed) {
    let absent = bed.post("/api/v1/namespaces/bcmp-absent/configmaps", config_map("a")).await;
    absent.refused(404, "NotFound", &["namespaces \"bcmp-absent\" not found"]);
    let path = format!("/apis/absent.bcmp.dev/v1/namespaces/{}/things", bed.namespace);
    let body = json!({"apiVersion": "absent.bcmp.dev/v1", "kind": "Thing", "metadata": {"name": "a"}});
    assert_eq!(bed.post(&path, body).await.code, 404);
    let mut elsewhere = config_map("a");
    elsewhere["metadata"]["namespace"] = json!("default");
    bed.post(&bed.path("configmaps"), elsewhere).await.refused(400, "BadRequest", &["does not match the namespace"]);
}

async fn names_and_labels_are_checked(bed: &Bed) {
    bed.post(&bed.path("configmaps"), config_map("Upper")).await.refused(
        422,
        "Invalid",
        &["metadata.name: Invalid value"],
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "7days"},
                         "spec": {"ports": [{"port": 80}]}});
    bed.post(&bed.path("services"), service).await.refused(
        422,
        "Invalid",
        &["metadata.name: Invalid value: \"7days\""],
    );
    let mut labelled = config_map("a");
    labelled["metadata"]["labels"] = json!({"long": "x".repeat(64)});
    bed.post(&bed.path("configmaps"), labelled).await.refused(422, "Invalid", &["metadata.labels: Invalid value"]);
    let long = job(&"j".repeat(64));
    bed.post(&bed.path("jobs.batch"), long).await.refused(422, "Invalid", &["spec.template.labels: Invalid value"]);
    let mut keyed = config_map("a");
    keyed["data"]["no spaces"] = json!("x");
    bed.post(&bed.path("configmaps"), keyed).await.refused(422, "Invalid", &["data[no spaces]: Invalid value"]);
}

async fn what_is_not_there_is_404(bed: &Bed) {
    let absent = bed.object("configmaps", "absent");
    let reply = bed.get(&absent).await;
    reply.refused(404, "NotFound", &["configmaps \"absent\" not found"]);
    assert_eq!(reply.body["details"], json!({"name": "absent", "kind": "configmaps"}));
    bed.merge(&absent, json!({})).await.refused(404, "NotFound", &[]);
    bed.delete(&absent, json!({})).await.refused(404, "NotFound", &[]);
    let reply = bed.get(&bed.object(COMPARISONS, "absent")).await;
    reply.refused(404, "NotFound", &["benchmarkcomparisons.bcmp.dev \"absent\" not found"]);
}
