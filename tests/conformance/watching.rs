//! Lists and watches.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{COMPARISONS, comparison, config_map, names, version};
use bcmp::simulation::api_server::meta;

on_both_servers! {
    lists_select_by_label,
    lists_select_by_name,
    items_of_lists_carry_their_kind_only_if_custom,
    metadata_alone_can_be_read,
    watches_replay_from_a_version,
    watches_follow_a_selector,
    watches_of_metadata_carry_no_data,
}

async fn lists_select_by_label(bed: &Bed) {
    for (name, labels) in [("a", json!({"run": "1"})), ("b", json!({"run": "2", "x": "y"})), ("c", json!({"x": "z"}))] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = labels;
        map["metadata"]["labels"]["case"] = json!("yes");
        bed.post(&bed.path("configmaps"), map).await.ok();
    }
    let cases: [(&str, &[&str]); 9] = [
        ("case=yes", &["a", "b", "c"]),
        ("case=yes,run=1", &["a"]),
        ("case,run in (1,2)", &["a", "b"]),
        ("case,run notin (1)", &["b", "c"]),
        ("case,run!=1", &["b", "c"]),
        ("case,!run", &["c"]),
        ("case,run", &["a", "b"]),
        ("case==yes,x=y", &["b"]),
        ("case=no", &[]),
    ];
    for (selector, expected) in cases {
        let query: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let list = bed.get(&format!("{}?labelSelector={query}", bed.path("configmaps"))).await.ok();
        assert_eq!(names(&list), expected, "{selector}");
        assert!(version(&list) > 0);
    }
    let broken = bed.get(&format!("{}?labelSelector=a%20b%20c", bed.path("configmaps"))).await;
    broken.refused(400, "BadRequest", &["unable to parse requirement"]);
}

async fn lists_select_by_name(bed: &Bed) {
    for name in ["a", "b"] {
        bed.post(&bed.path(COMPARISONS), comparison(name)).await.ok();
    }
    let list = bed.get(&format!("{}?fieldSelector=metadata.name%3Db", bed.path(COMPARISONS))).await.ok();
    assert_eq!(names(&list), ["b"]);
    let broken = bed.get(&format!("{}?fieldSelector=spec.suspend%3Db", bed.path(COMPARISONS))).await;
    broken.refused(400, "BadRequest", &["field label not supported: spec.suspend"]);
}

async fn items_of_lists_carry_their_kind_only_if_custom(bed: &Bed) {
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let maps = bed.get(&format!("{}?fieldSelector=metadata.name%3Da", bed.path("configmaps"))).await.ok();
    assert_eq!((maps["kind"].as_str(), maps["items"][0]["kind"].as_str()), (Some("ConfigMapList"), None));
    let list = bed.get(&bed.path(COMPARISONS)).await.ok();
    assert_eq!(list["kind"], "BenchmarkComparisonList");
    assert_eq!(list["items"][0]["kind"], "BenchmarkComparison");
}

async fn metadata_alone_can_be_read(bed: &Bed) {
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let one = [("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")];
    let found = bed.send("GET", &bed.object("configmaps", "a"), &one, None).await.ok();
    assert_eq!((found["kind"].as_str(), found["data"].as_object()), (Some("PartialObjectMetadata"), None));
    assert_eq!(meta(&found, "name"), "a");
    let many = [("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")];
    let path = format!("{}?fieldSelector=metadata.name%3Da", bed.path("configmaps"));
    let list = bed.send("GET", &path, &many, None).await.ok();
    assert_eq!((list["kind"].as_str(), names(&list)), (Some("PartialObjectMetadataList"), vec!["a"]));
    assert!(list["items"][0]["data"].is_null());
}

async fn watches_replay_from_a_version(bed: &Bed) {
    let list = bed.get(&bed.path(COMPARISONS)).await.ok();
    bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    bed.merge(&bed.object(COMPARISONS, "a"), json!({"spec": {"suspend": true}})).await.ok();
    bed.delete(&bed.object(COMPARISONS, "a"), json!({})).await.ok();
    let path = format!("{}?watch=true&timeoutSeconds=2&resourceVersion={}", bed.path(COMPARISONS), version(&list));
    let events = bed.watch(&path, &[]).await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
    let versions: Vec<u64> = events.iter().map(|event| version(&event["object"])).collect();
    assert!(versions.is_sorted_by(|a, b| a < b) && versions[0] > version(&list), "{versions:?}");
    let rest = format!("{}?watch=true&timeoutSeconds=2&resourceVersion={}", bed.path(COMPARISONS), versions[1]);
    assert_eq!(bed.watch(&rest, &[]).await.len(), 1);
}

async fn watches_follow_a_selector(bed: &Bed) {
    let start = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    bed.merge(&path, json!({"metadata": {"labels": {"run": "1"}}})).await.ok();
    bed.merge(&path, json!({"data": {"first": "2"}})).await.ok();
    bed.merge(&path, json!({"metadata": {"labels": {"run": "2"}}})).await.ok();
    let watch = format!(
        "{}?watch=true&timeoutSeconds=2&labelSelector=run%3D1&resourceVersion={}",
        bed.path("configmaps"),
        version(&start)
    );
    let events = bed.watch(&watch, &[]).await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
}

async fn watches_of_metadata_carry_no_data(bed: &Bed) {
    let list = bed.get(&bed.path("configmaps")).await.ok();
    bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = format!(
        "{}?watch=true&timeoutSeconds=2&fieldSelector=metadata.name%3Da&resourceVersion={}",
        bed.path("configmaps"),
        version(&list)
    );
    let events = bed.watch(&path, &[("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")]).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["object"]["kind"], "PartialObjectMetadata");
    assert!(events[0]["object"]["data"].is_null());
}

/// Not on the real server: it says so only once etcd was compacted, minutes after the start of a cluster that is young here.
#[tokio::test(start_paused = true)]
async fn watches_from_too_far_back_are_gone() {
    let bed = &Bed::in_memory();
    let path = format!("{}?watch=true&timeoutSeconds=2&resourceVersion=1", bed.path("configmaps"));
    let events = bed.watch(&path, &[]).await;
    let error = &events[0];
    assert_eq!((error["type"].as_str(), error["object"]["code"].as_u64()), (Some("ERROR"), Some(410)), "{error}");
    assert_eq!(error["object"]["reason"], "Expired");
}
