//! Refusals by admission, and discovery.

use serde_json::json;

use crate::bed::{Bed, on_both_servers};
use crate::{config_map, pod};
use bcmp::simulation::api_server::meta;

on_both_servers! {
    a_namespace_that_ends_takes_nothing_in,
    quota_and_pod_security_refuse_with_their_messages,
    discovery_lists_versions_and_subresources,
}

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
    let message = format!(
        "configmaps \"late\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
    );
    refused.refused(403, "Forbidden", &[&message]);
    assert_eq!(refused.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
    bed.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await.ok();
    bed.gone(&path).await;
}

async fn quota_and_pod_security_refuse_with_their_messages(bed: &Bed) {
    if let Some(cluster) = &bed.cluster {
        cluster.admission(|plural, object| match (plural, meta(object, "name")) {
            ("pods", "much") => Some(bcmp::simulation::api_server::ApiFailure::quota_exceeded(
                "pods",
                "much",
                "gpus",
                "requests.nvidia.com/gpu",
            )),
            ("pods", "bare") => Some(bcmp::simulation::api_server::ApiFailure::pod_security("bare")),
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
    let message = "pods \"much\" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=8, used: requests.nvidia.com/gpu=0, limited: requests.nvidia.com/gpu=4";
    reply.refused(403, "Forbidden", &[message]);
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
