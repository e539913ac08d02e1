//! `allowedPodFeatures`: the operator and the API server hold variants to one list, and a namespace to its own.

use bcmp::api::labels;
use serde_json::{Value, json};

use super::kinds::{GRAPHS, LEADER_WORKER_SETS};
use super::stage::{Stage, define, message};
use super::{own_deployment, server, variants_of};
use crate::COMPARISONS;

const GROUPS: &str = "leaderworkersets.leaderworkerset.x-k8s.io";

/// A name, the feature, what a pod does with it, and what the policy says to that; network devices are counted resources,
/// at which the operator alone looks.
fn features() -> Vec<(&'static str, &'static str, Value, Option<&'static str>)> {
    let container = |security: Value| json!({"containers": [{"securityContext": security}]});
    let capability = |name: &str| container(json!({"capabilities": {"add": [name]}}));
    let network = |resource: &str| json!({"containers": [{"resources": {"limits": {resource: "1"}}}]});
    vec![
        ("privileged", "privileged", container(json!({"privileged": true})), Some("add privileged to")),
        ("ipc", "hostIPC", json!({"hostIPC": true}), Some("add hostIPC to")),
        ("lock", "ipcLock", capability("IPC_LOCK"), Some("add capability:NAME to")),
        ("admin", "capability:SYS_ADMIN", capability("SYS_ADMIN"), Some("add capability:NAME to")),
        (
            "path",
            "hostPath:/dev/infiniband",
            json!({"volumes": [{"name": "devices", "hostPath": {"path": "/dev/infiniband/uverbs0"}}]}),
            Some("add hostPath:/PATH to"),
        ),
        ("rdma", "rdma", network("rdma/ib"), None),
        ("efa", "rdma", network("vpc.amazonaws.com/efa"), None),
    ]
}

/// What no list allows.
fn never() -> Vec<(&'static str, Value)> {
    vec![("network", json!({"hostNetwork": true})), ("processes", json!({"hostPID": true}))]
}

/// The Deployment's pods as other kinds have them, with the kind's name in the API.
fn other_kinds(name: &str, pod: &Value) -> Vec<(&'static str, Value)> {
    let deployment = own_deployment(name, pod);
    let (selector, template) = (&deployment["spec"]["selector"], &deployment["spec"]["template"]);
    let of = |api_version: &str, kind: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": deployment["metadata"], "spec": spec});
    let group = |role: &str| {
        let mut templates = json!({"size": 2, "workerTemplate": {"spec": {"containers": []}}});
        templates[role] = template.clone();
        of("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", json!({"replicas": 1, "leaderWorkerTemplate": templates}))
    };
    let components = json!([{"name": "Worker", "type": "worker", "replicas": 1, "podTemplate": template}]);
    vec![
        (
            "statefulsets.apps",
            of("apps/v1", "StatefulSet", json!({"serviceName": name, "selector": selector, "template": template})),
        ),
        (GROUPS, group("workerTemplate")),
        (GROUPS, group("leaderTemplate")),
        (GRAPHS, of("nvidia.com/v1beta1", "DynamoGraphDeployment", json!({"components": components}))),
    ]
}

async fn failure(stage: &Stage, namespace: &str, name: &str) -> String {
    let comparison = stage.comparison(namespace, name).await;
    comparison["status"]["variants"][0]["failure"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Names of the Deployments of a comparison.
async fn deployments(stage: &Stage, namespace: &str, name: &str) -> usize {
    let selector = format!("labelSelector={}%3D{name}", labels::COMPARISON.replace('/', "%2F"));
    let path = format!("{}?{selector}", stage.collection(namespace, "deployments.apps"));
    stage.bed.get(&path).await.ok()["items"].as_array().expect("items").len()
}

mod real {
    use super::*;

    #[tokio::test]
    async fn an_administrator_allows_features_by_namespace() {
        let all: Vec<&str> = features().iter().map(|(_, feature, ..)| *feature).collect();
        let Some(stage) = Stage::of("features", [json!([]), json!(all)]).await else { return };
        let (plain, trusted) = (stage.bed.namespace.clone(), stage.other.clone());
        define(&stage.bed, LEADER_WORKER_SETS, "v1").await;
        define(&stage.bed, include_str!("../../fixtures/dynamo/nvidia.com_dynamographdeployments.yaml"), "v1beta1")
            .await;
        for (name, _, pod, refusal) in features() {
            for (resource, object) in other_kinds(name, &pod) {
                let reply = stage.try_as_operator(&plain, resource, object.clone()).await;
                match refusal {
                    Some(words) => reply.refused(403, "Forbidden", &[words]),
                    None => drop(reply.ok()),
                }
                stage.try_as_operator(&trusted, resource, object).await.ok();
            }
            // What somebody does who writes in the operator's name.
            let object = || own_deployment(name, &pod);
            let reply = stage.try_as_operator(&plain, "deployments.apps", object()).await;
            match refusal {
                Some(words) => reply.refused(403, "Forbidden", &[words]),
                None => drop(reply.ok()),
            }
            stage.try_as_operator(&trusted, "deployments.apps", object()).await.ok();
            for namespace in [&plain, &trusted] {
                stage.compare(namespace, name, variants_of(&server(name, &pod))).await;
            }
        }
        for (name, pod) in never() {
            for (resource, object) in other_kinds(name, &pod) {
                let reply = stage.try_as_operator(&trusted, resource, object).await;
                assert!(message(&reply).contains("may not use the node's network or processes"), "{reply:?}");
            }
            for namespace in [&plain, &trusted] {
                let reply = stage.try_as_operator(namespace, "deployments.apps", own_deployment(name, &pod)).await;
                assert!(message(&reply).contains("may not use the node's network or processes"), "{reply:?}");
                stage.compare(namespace, name, variants_of(&server(name, &pod))).await;
            }
        }
        stage.play(judge(&stage, &plain, &trusted)).await;
        stage.clear().await;
    }
}

async fn judge(stage: &Stage, plain: &str, trusted: &str) {
    let refused = |namespace: String, name: &'static str, words: String| async move {
        let what = format!("{name} is refused in {namespace} with {words:?}");
        stage.bed.eventually(&what, || async { failure(stage, &namespace, name).await.contains(&words) }).await;
        assert_eq!(deployments(stage, &namespace, name).await, 0, "{what}");
    };
    for (name, feature, ..) in features() {
        // Of a path the message names all that is asked for.
        refused(plain.to_owned(), name, format!("have an administrator add `{feature}")).await;
        assert!(failure(stage, plain, name).await.contains("to the namespace's allowedPodFeatures (now: nothing)"));
    }
    for (name, _) in never() {
        for namespace in [plain, trusted] {
            refused(namespace.to_owned(), name, "shares a namespace of the node".to_owned()).await;
        }
    }
    // One after the other, as the queue has it.
    let mut names: Vec<&str> = features().into_iter().map(|(name, ..)| name).collect();
    while !names.is_empty() {
        let what = format!("one of {names:?} is deployed in {trusted}");
        stage.bed.eventually(&what, || async { first_deployed(stage, trusted, &names).await.is_some() }).await;
        let place = first_deployed(stage, trusted, &names).await.expect("it is still there");
        let name = names.remove(place);
        stage.bed.delete(&stage.object(trusted, COMPARISONS, name), json!({})).await.ok();
    }
}

async fn first_deployed(stage: &Stage, namespace: &str, names: &[&str]) -> Option<usize> {
    for (place, name) in names.iter().enumerate() {
        if deployments(stage, namespace, name).await == 1 {
            return Some(place);
        }
    }
    None
}
