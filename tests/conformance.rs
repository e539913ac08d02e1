//! What the product relies on in an API server: each case runs against the in-memory server of these tests and, when
//! `BCMP_TEST_KUBECONFIG` names a kubeconfig, against a real one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::bed::Bed;
use support::{finalizers, meta};

const COMPARISONS: &str = "benchmarkcomparisons.bcmp.dev";

on_both_servers! {
    a_name_is_taken_once,
    creation_fills_in_metadata,
    creation_needs_a_namespace_and_a_kind,
    names_and_labels_are_checked,
    what_is_not_there_is_404,
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
    apply_with_a_stale_version_is_a_conflict,
    apply_without_change_keeps_the_version,
    apply_removes_what_its_manager_no_longer_names,
    apply_replaces_atomic_lists_and_merges_keyed_ones,
    apply_of_status_needs_the_object,
    apply_creates_and_names_its_manager,
    apply_against_another_manager_is_a_conflict_unless_forced,
    lists_select_by_label,
    lists_select_by_name,
    items_of_lists_carry_their_kind_only_if_custom,
    metadata_alone_can_be_read,
    watches_replay_from_a_version,
    watches_follow_a_selector,
    watches_of_metadata_carry_no_data,
    watches_from_too_far_back_are_gone,
    deletion_checks_the_uid,
    finalizers_hold_an_object,
    background_deletion_cascades,
    foreground_deletion_waits_for_blocking_dependents,
    orphans_lose_their_owner,
    dependents_of_an_older_namesake_are_collected,
    a_deleted_job_leaves_its_pods_unless_told_otherwise,
    jobs_label_their_pods_and_keep_their_template,
    pods_without_a_node_go_at_once,
    a_namespace_that_ends_takes_nothing_in,
    quota_and_pod_security_refuse_with_their_words,
    discovery_lists_versions_and_subresources,
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"first": "1"}})
}

fn owned_by(mut object: Value, owner: &Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    object
}

fn comparison(name: &str) -> Value {
    json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": name},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
            "runtime": {"image": "registry.example/runtime:0.5.0"},
        },
    })
}

fn status(status: Value) -> Value {
    json!({"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {}, "status": status})
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"containers": [{"name": "main", "image": "registry.example/none:1"}]}})
}

fn job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/none:1"}]}}}})
}

fn version(object: &Value) -> u64 {
    meta(object, "resourceVersion").parse().expect("a number")
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().map(|item| meta(item, "name")).collect()
}

// ---- creating and reading ------------------------------------------------------------------------------------------

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

// ---- writing -------------------------------------------------------------------------------------------------------

async fn a_stale_write_is_a_conflict(bed: &Bed) {
    let old = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let new = bed.merge(&path, json!({"data": {"second": "2"}})).await.ok();
    assert!(version(&new) > version(&old));
    let words = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified";
    bed.put(&path, old.clone()).await.refused(409, "Conflict", &[words]);
    let stale = json!({"metadata": {"resourceVersion": meta(&old, "resourceVersion")}, "data": {"third": "3"}});
    bed.merge(&path, stale).await.refused(409, "Conflict", &[words]);
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
        let words = "metadata.uid: Invalid value: \"11111111-1111-4111-8111-111111111111\": field is immutable";
        bed.merge(&path, body).await.refused(422, "Invalid", &[words]);
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
    let words = "data: Forbidden: field is immutable when `immutable` is set";
    bed.merge(&path, json!({"data": {"second": "2"}})).await.refused(422, "Invalid", &[words]);
    let add = json!([{"op": "add", "path": "/data/second", "value": "2"}]);
    bed.json_patch(&path, add).await.refused(422, "Invalid", &[words]);
    let words = "immutable: Forbidden: field is immutable when `immutable` is set";
    bed.merge(&path, json!({"immutable": false})).await.refused(422, "Invalid", &[words]);
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

// ---- server-side apply ---------------------------------------------------------------------------------------------

async fn apply_with_a_stale_version_is_a_conflict(bed: &Bed) {
    let old = bed.post(&bed.path(COMPARISONS), comparison("a")).await.ok();
    let path = bed.object(COMPARISONS, "a");
    bed.merge(&path, json!({"metadata": {"labels": {"x": "y"}}})).await.ok();
    let mut body = status(json!({"message": "m"}));
    body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    let words = "Operation cannot be fulfilled on benchmarkcomparisons.bcmp.dev \"a\": the object has been modified";
    bed.apply(&format!("{path}/status"), "bcmp", true, body.clone()).await.refused(409, "Conflict", &[words]);
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

// ---- lists and watches ---------------------------------------------------------------------------------------------

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

async fn watches_from_too_far_back_are_gone(bed: &Bed) {
    let path = format!("{}?watch=true&timeoutSeconds=2&resourceVersion=1", bed.path("configmaps"));
    let events = bed.watch(&path, &[]).await;
    let error = &events[0];
    assert_eq!((error["type"].as_str(), error["object"]["code"].as_u64()), (Some("ERROR"), Some(410)), "{error}");
    assert_eq!(error["object"]["reason"], "Expired");
}

// ---- deleting ------------------------------------------------------------------------------------------------------

async fn deletion_checks_the_uid(bed: &Bed) {
    let map = bed.post(&bed.path("configmaps"), config_map("a")).await.ok();
    let path = bed.object("configmaps", "a");
    let wrong = json!({"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}});
    let words = "the UID in the precondition (11111111-1111-4111-8111-111111111111) does not match the UID in record";
    bed.delete(&path, wrong).await.refused(409, "Conflict", &[words]);
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

// ---- refusals by admission, and discovery --------------------------------------------------------------------------

async fn a_namespace_that_ends_takes_nothing_in(bed: &Bed) {
    let name = format!("{}-ending", bed.namespace);
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    bed.post("/api/v1/namespaces", space).await.ok();
    let maps = format!("/api/v1/namespaces/{name}/configmaps");
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["bcmp.dev/held"]);
    bed.post(&maps, held).await.ok();
    let path = format!("/api/v1/namespaces/{name}");
    let marked = bed.delete(&path, json!({})).await.ok();
    assert_eq!(marked["status"]["phase"], "Terminating");
    let refused = bed.post(&maps, config_map("late")).await;
    let words = format!(
        "configmaps \"late\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
    );
    refused.refused(403, "Forbidden", &[&words]);
    assert_eq!(refused.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
    bed.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await.ok();
    bed.gone(&path).await;
}

async fn quota_and_pod_security_refuse_with_their_words(bed: &Bed) {
    if let Some(cluster) = &bed.cluster {
        cluster.admission(|plural, object| match (plural, meta(object, "name")) {
            ("pods", "much") => {
                Some(support::Failure::quota_exceeded("pods", "much", "gpus", "requests.nvidia.com/gpu"))
            }
            ("pods", "bare") => Some(support::Failure::pod_security("bare")),
            _ => None,
        });
    } else {
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gpus"},
                           "spec": {"hard": {"requests.nvidia.com/gpu": "4"}}});
        bed.post(&bed.path("resourcequotas"), quota).await.ok();
        let used = bed.object("resourcequotas", "gpus");
        bed.eventually("quota is counted", || async { bed.get(&used).await.body["status"]["used"].is_object() }).await;
    }
    let mut much = pod("much");
    much["spec"]["containers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": "8"}});
    let reply = bed.post(&bed.path("pods"), much).await;
    let words = "pods \"much\" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=8, used: requests.nvidia.com/gpu=0, limited: requests.nvidia.com/gpu=4";
    reply.refused(403, "Forbidden", &[words]);
    if bed.cluster.is_none() {
        let label = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
        bed.merge(&format!("/api/v1/namespaces/{}", bed.namespace), label).await.ok();
        bed.delete(&bed.object("resourcequotas", "gpus"), json!({})).await.ok();
    }
    let reply = bed.post(&bed.path("pods"), pod("bare")).await;
    reply.refused(403, "Forbidden", &["pods \"bare\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"main\" must set securityContext.allowPrivilegeEscalation=false)"]);
}

async fn discovery_lists_versions_and_subresources(bed: &Bed) {
    let group = bed.get("/apis/bcmp.dev").await.ok();
    assert_eq!(group["preferredVersion"], json!({"groupVersion": "bcmp.dev/v1alpha1", "version": "v1alpha1"}));
    let list = bed.get("/apis/bcmp.dev/v1alpha1").await.ok();
    assert_eq!(list["groupVersion"], "bcmp.dev/v1alpha1");
    let resources = list["resources"].as_array().unwrap();
    let found = |name: &str| resources.iter().find(|r| r["name"] == name).unwrap_or_else(|| panic!("{name} in {list}"));
    assert_eq!(
        (&found("benchmarkcomparisons")["namespaced"], &found("benchmarkcomparisons/status")["kind"]),
        (&json!(true), &json!("BenchmarkComparison"))
    );
    assert_eq!(bed.get("/apis/bcmp.dev/v9").await.code, 404);
    assert_eq!(bed.get("/apis/absent.bcmp.dev").await.code, 404);
    let groups = bed.get("/apis").await.ok();
    assert!(groups["groups"].as_array().unwrap().iter().any(|g| g["name"] == "bcmp.dev"));
}
