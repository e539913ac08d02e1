//! Least privilege: the requests the operator makes are the rules it ships with, no more and no less.

use std::collections::BTreeSet;

use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use serde_json::{Value, json};

use bcmp::simulation::actors::has_label;
use bcmp::simulation::api_server::{ApiFailure, Fault, Verb, meta};
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds, small};
use bcmp::simulation::truth;

/// verb, group, resource with subresource.
type Access = (String, String, String);

/// What the shipped roles allow. `…/finalizers` is no request: it is looked at where the API server enforces who may
/// make an object the owner of others.
fn shipped() -> BTreeSet<Access> {
    let roles: Vec<Value> =
        serde_saphyr::from_multiple(include_str!("../../config/rbac/cluster-role.yaml")).expect("the roles are YAML");
    let values = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().expect("a list").iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let mut shipped = BTreeSet::new();
    for rule in roles.iter().flat_map(|role| role["rules"].as_array().expect("rules")) {
        for group in values(rule, "apiGroups") {
            for resource in values(rule, "resources") {
                shipped.extend(values(rule, "verbs").into_iter().map(|verb| (verb, group.clone(), resource.clone())));
            }
        }
    }
    assert!(shipped.remove(&("update".into(), "bcmp.dev".into(), "benchmarkcomparisons/finalizers".into())));
    shipped
}

fn asked_for(lab: &Lab) -> BTreeSet<Access> {
    let requests = lab.cluster.requests();
    let named = requests.iter().filter_map(|logged| logged.request.verb.map(|verb| (verb, &logged.request)));
    named
        .map(|(verb, request)| {
            let resource = match request.subresource.as_str() {
                "" => request.plural.clone(),
                subresource => format!("{}/{subresource}", request.plural),
            };
            (verb.as_str().to_owned(), request.group.clone(), resource)
        })
        .collect()
}

/// The second variant is made of the user's own objects.
pub fn with_own_objects(configurations: Configurations) -> Configurations {
    let mut configurations = configurations;
    let pod = json!({"metadata": {"labels": {"app": "own", "app.kubernetes.io/managed-by": "Helm"}}, "spec": {"containers": [{"name": "main",
        "image": "registry.example/runtime:1.3.0", "resources": {"limits": {"nvidia.com/gpu": "8"}},
        "envFrom": [{"configMapRef": {"name": "own"}}]}]}});
    let objects = vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"KEY": "value"}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "own"},
               "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "own"}}, "template": pod}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "own"},
               "spec": {"selector": {"app": "own"}, "ports": [{"name": "http", "port": 8000}]}}),
    ];
    if let GenerationOutcome::Ready(ready) = &mut configurations.variants[1].outcome {
        ready.objects = objects;
    }
    configurations
}

/// The same, and one of each kind that only some variants consist of.
fn with_rare_objects(configurations: Configurations) -> Configurations {
    let mut configurations = with_own_objects(configurations);
    let pods = json!({"metadata": {"labels": {"app": "more"}}, "spec": {"containers": []}});
    if let GenerationOutcome::Ready(ready) = &mut configurations.variants[1].outcome {
        ready.objects.extend([
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "more"},
                   "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "more"}}, "template": pods}}),
            json!({"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "more"},
                   "spec": {"replicas": 0, "leaderWorkerTemplate": {"size": 2, "workerTemplate": pods}}}),
            json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "gpus"}, "spec": {"spec": {}}}),
            json!({"apiVersion": "resource.nvidia.com/v1beta1", "kind": "ComputeDomain", "metadata": {"name": "domain"},
                   "spec": {"numNodes": 2, "channel": {"resourceClaimTemplate": {"name": "channel"}}}}),
        ]);
    }
    configurations
}

/// The kind for whose objects Dynamo generates graphs.
pub fn requests() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "dynamographdeploymentrequests.nvidia.com"},
        "spec": {"group": "nvidia.com", "scope": "Namespaced",
            "names": {"kind": "DynamoGraphDeploymentRequest", "plural": "dynamographdeploymentrequests"},
            "versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}}]}})
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_what_is_allowed() {
    let mut lab = Lab::predicting(&[8], |plan| with_rare_objects(truth::configurations(&plan.spec)));
    lab.share();
    lab.cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "source", "namespace": "default"}, "data": {"manifests.yaml": "kind: Deployment"}}));
    lab.cluster.install(&requests());
    lab.cluster.put(json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeploymentRequest",
        "metadata": {"name": "qwen", "namespace": "default"}, "spec": {"autoApply": false}}));
    lab.cluster.edit("dynamographdeploymentrequests.nvidia.com", "default", "qwen", |request| {
        request["status"] = json!({"profilingResults": {"selectedConfig": {"kind": "DynamoGraphDeployment"}}});
    });
    // One Job's pods are refused, which only events tell.
    lab.cluster.admission(|plural, object| {
        (plural == "pods" && has_label(object, "bcmp.dev/comparison", "refused"))
            .then(|| ApiFailure::pod_security(meta(object, "name")))
    });
    lab.apply("refused", small());
    lab.finished("refused", 1).await;
    // Once for each kind the server says that the name is taken: the object is looked at.
    let mut refused = BTreeSet::new();
    let kinds = lab.cluster.kinds();
    lab.cluster.faults(move |request| {
        let is_meant = request.verb == Some(Verb::Create) && !request.query.contains_key("dryRun");
        let first = is_meant && refused.insert(request.plural.clone());
        let kind = kinds.iter().find(|kind| kind.plural == request.plural && kind.group != "events.k8s.io")?;
        let name = request.name.as_deref().unwrap_or_default();
        first.then(|| Fault::Refuse(ApiFailure::already_exists(kind, name)))
    });
    lab.apply("graphs", small());
    lab.finished("graphs", 1).await;

    let mut spec = small();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "own", "role": "Candidate", "source": {"type": "Manifests",
            "manifests": {"configMapName": "source", "key": "manifests.yaml"}}},
        {"name": "requested", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"requestName": "qwen"}}},
    ]);
    spec["history"] = json!({"runs": 1});
    lab.apply("qwen", spec);
    lab.finished("qwen", 1).await;
    // Further runs: the oldest one's records go.
    for run in 2..=4 {
        lab.edit("qwen", |object| object["spec"]["runId"] = json!(run.to_string()));
        lab.finished("qwen", run).await;
    }
    lab.edit("qwen", |object| object["spec"]["judgement"]["accuracyTolerancePercent"] = json!("30"));
    tokio::time::sleep(seconds(60)).await;
    assert!(!lab.cluster.objects(COMPARISONS).is_empty());

    let (asked, shipped) = (asked_for(&lab), shipped());
    let difference =
        |one: &BTreeSet<Access>, other: &BTreeSet<Access>| -> Vec<Access> { one.difference(other).cloned().collect() };
    assert_eq!(difference(&asked, &shipped), vec![], "asked for and not allowed");
    assert_eq!(difference(&shipped, &asked), vec![], "allowed and never asked for");
}
