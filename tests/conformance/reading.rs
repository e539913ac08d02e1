//! Creating and reading.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, job, names, version};
use bcmp::simulation::api_server::meta;

on_both_servers! {
    a_name_is_taken_once,
    creation_fills_in_metadata,
    creation_needs_a_namespace_and_a_kind,
    names_and_labels_are_checked,
    what_is_not_there_is_404,
    a_list_comes_in_pages,
    a_lease_is_replaced_by_who_has_seen_it,
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
    let digit_first = bed.post(&bed.path("services"), service).await;
    // Since 1.36 a digit may come first. Names are made for older servers.
    if bed.minor_version().await < 36 {
        digit_first.refused(422, "Invalid", &["metadata.name: Invalid value: \"7days\""]);
    } else {
        digit_first.ok();
    }
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

/// All pages show the list as it was when the first was read.
async fn a_list_comes_in_pages(bed: &Bed) {
    let path = bed.path(COMPARISONS);
    for name in ["a", "b", "c", "d", "e"] {
        bed.post(&path, comparison(name)).await.ok();
    }
    let first = bed.get(&format!("{path}?limit=2")).await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    bed.post(&path, comparison("bb")).await.ok();
    let token = |page: &serde_json::Value| page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    let second = bed.get(&format!("{path}?limit=2&continue={}", token(&first))).await.ok();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let third = bed.get(&format!("{path}?limit=2&continue={}", token(&second))).await.ok();
    assert_eq!(names(&third), ["e"]);
    assert_eq!(token(&third), "");
    let whole = bed.get(&format!("{path}?limit=100")).await.ok();
    assert_eq!(names(&whole), ["a", "b", "bb", "c", "d", "e"]);
    assert!(token(&whole).is_empty() && whole["metadata"]["remainingItemCount"].is_null());
}

async fn a_lease_is_replaced_by_who_has_seen_it(bed: &Bed) {
    let (path, object) = (bed.path("leases.coordination.k8s.io"), bed.object("leases.coordination.k8s.io", "l"));
    let lease = |holder: &str| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
               "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "2026-03-02T09:00:00.123456Z"}})
    };
    let created = bed.post(&path, lease("a")).await.ok();
    bed.post(&path, lease("b")).await.refused(409, "AlreadyExists", &[]);
    let mut renewed = created.clone();
    renewed["spec"]["renewTime"] = json!("2026-03-02T09:00:02.000000Z");
    let renewed = bed.put(&object, renewed).await.ok();
    assert!(version(&renewed) > version(&created));
    let mut late = created;
    late["spec"]["holderIdentity"] = json!("b");
    bed.put(&object, late).await.refused(409, "Conflict", &["the object has been modified"]);
    assert_eq!(bed.get(&object).await.ok()["spec"]["holderIdentity"], "a");
}
