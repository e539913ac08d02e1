//! One object of each kind that a variant may consist of, from its creation to its end. Garbage collection, StatefulSets,
//! their claims and claims in use are the real ones; the controllers of ComputeDomains and DynamoGraphDeployments are not
//! here, so the tests do what they do with finalizers.

use bcmp::api::{annotations, labels};
use bcmp::simulation::api_server::{finalizers, meta};
use serde_json::{Value, json};

use super::stage::{Stage, define};
use super::{server, variants, variants_of};
use crate::COMPARISONS;

const DOMAINS: &str = "computedomains.resource.nvidia.com";
pub const GRAPHS: &str = "dynamographdeployments.nvidia.com";
const TEMPLATES: &str = "resourceclaimtemplates.resource.k8s.io";
const CLAIMS: &str = "persistentvolumeclaims";
/// What its controller puts on a ComputeDomain, and takes away when nothing is left of it.
const HOLD: &str = "resource.nvidia.com/computeDomain";
/// Kinds of servers' objects.
const KINDS: [&str; 7] = [
    "configmaps",
    "services",
    "deployments.apps",
    "statefulsets.apps",
    "leaderworkersets.leaderworkerset.x-k8s.io",
    TEMPLATES,
    DOMAINS,
];
const NAME: &str = "kinds";

/// LeaderWorkerSets as far as this test writes them; nobody looks after them here.
pub const LEADER_WORKER_SETS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: leaderworkersets.leaderworkerset.x-k8s.io
  annotations: {"api-approved.kubernetes.io": "unapproved, experimental-only"}
spec:
  group: leaderworkerset.x-k8s.io
  names: {kind: LeaderWorkerSet, plural: leaderworkersets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              replicas: {type: integer}
              leaderWorkerTemplate:
                type: object
                required: [workerTemplate]
                properties:
                  size: {type: integer}
                  leaderTemplate: {type: object, x-kubernetes-preserve-unknown-fields: true}
                  workerTemplate: {type: object, x-kubernetes-preserve-unknown-fields: true}
"#;

/// A claim for storage of one GiB.
fn storage() -> Value {
    json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
}

/// Kinds of the objects, on a server that allocates devices or not.
fn kinds(devices: bool) -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().filter(move |kind| devices || *kind != TEMPLATES)
}

/// A server, what it needs, and beside it one object of each other kind.
fn objects(devices: bool) -> Vec<Value> {
    let helper = json!({"metadata": {"labels": {"app": "helper"}}, "spec": {
        "nodeSelector": {"bcmp.dev/test": "no-node"},
        "containers": [{"name": "main", "image": "registry.example/cache:1", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}});
    let claims = json!([{"name": "channel", "resourceClaimTemplateName": "channel"}, {"name": "nic", "resourceClaimTemplateName": "nic"}]);
    let pod = json!({
        "resourceClaims": claims,
        "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}],
        "containers": [{"resources": {"claims": [{"name": "channel"}, {"name": "nic"}]}}],
    });
    let nic = json!({"devices": {"requests": [{"name": "nic", "exactly": {"deviceClassName": "nic.example"}}]}});
    let mut objects = server("engine", &pod).to_vec();
    objects.extend([
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"KEY": "value"}}),
        json!({"apiVersion": "resource.nvidia.com/v1beta1", "kind": "ComputeDomain", "metadata": {"name": "domain"},
               "spec": {"numNodes": 0, "channel": {"resourceClaimTemplate": {"name": "channel"}}}}),
        json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "nic"}, "spec": {"spec": nic}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "cache"}, "spec": {
            "serviceName": "engine", "selector": {"matchLabels": {"app": "helper"}}, "template": helper,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": storage()}]}}),
        json!({"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "group"},
               "spec": {"replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": helper}}}),
    ]);
    objects.retain(|object| devices || object["kind"] != "ResourceClaimTemplate");
    objects
}

/// The comparison's server objects of a kind.
async fn children(stage: &Stage, resource: &str) -> Vec<Value> {
    let label = |name: &str, value: &str| format!("{}%3D{value}", name.replace('/', "%2F"));
    let selector = format!("{},{}", label(labels::COMPARISON, NAME), label(labels::COMPONENT, "server"));
    let path = format!("{}?labelSelector={selector}", stage.bed.path(resource));
    stage.bed.get(&path).await.ok()["items"].as_array().cloned().unwrap_or_default()
}

/// The only one of a kind.
async fn only(stage: &Stage, resource: &str) -> Value {
    stage
        .bed
        .eventually(&format!("{resource} is created"), || async { children(stage, resource).await.len() == 1 })
        .await;
    children(stage, resource).await.remove(0)
}

async fn condition(stage: &Stage, kind: &str) -> String {
    let comparison = stage.comparison(&stage.bed.namespace, NAME).await;
    let conditions = comparison["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == kind);
    found.map_or_else(String::new, |found| {
        format!("{} {}", found["status"].as_str().unwrap_or_default(), found["message"])
    })
}

/// Its controller finds a ComputeDomain.
async fn adopt(stage: &Stage, domain: &Value) -> String {
    let name = meta(domain, "name").to_owned();
    stage.bed.merge(&stage.bed.object(DOMAINS, &name), json!({"metadata": {"finalizers": [HOLD]}})).await.ok();
    name
}

/// Its controller has removed what belonged to a ComputeDomain.
async fn release(stage: &Stage, name: &str) {
    stage.bed.merge(&stage.bed.object(DOMAINS, name), json!({"metadata": {"finalizers": null}})).await.ok();
}

async fn every_kind(stage: &Stage) {
    let devices = stage.bed.allocates_devices().await;
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "weights"}, "spec": storage()});
    stage.bed.post(&stage.bed.path(CLAIMS), claim).await.ok();
    stage.compare(&stage.bed.namespace, NAME, variants_of(&objects(devices))).await;
    let uid = meta(&stage.comparison(&stage.bed.namespace, NAME).await, "uid").to_owned();
    for kind in kinds(devices) {
        let child = only(stage, kind).await;
        assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], uid, "{child}");
        assert_eq!(child["metadata"]["labels"][labels::VARIANT], "baseline", "{child}");
    }
    // What refers to another object has its new name.
    let domain = only(stage, DOMAINS).await;
    let pod = only(stage, "deployments.apps").await["spec"]["template"]["spec"].clone();
    if devices {
        let claims = pod["resourceClaims"].as_array().unwrap();
        let templates: Vec<&Value> = claims.iter().map(|claim| &claim["resourceClaimTemplateName"]).collect();
        let nic = only(stage, TEMPLATES).await;
        assert_eq!(templates, [&domain["spec"]["channel"]["resourceClaimTemplate"]["name"], &nic["metadata"]["name"]]);
    }
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "weights");
    // The StatefulSet's own claim.
    let claims = || async { crate::names(&stage.bed.get(&stage.bed.path(CLAIMS)).await.ok()).len() };
    stage.bed.eventually("the StatefulSet has its claim", || async { claims().await == 2 }).await;

    let domain = adopt(stage, &domain).await;
    let cancel = json!({"metadata": {"annotations": {annotations::CANCEL_REQUESTED: "1"}}});
    stage.bed.merge(&stage.bed.object(COMPARISONS, NAME), cancel).await.ok();
    for kind in kinds(devices).filter(|kind| *kind != DOMAINS) {
        stage.bed.eventually(&format!("{kind} is gone"), || async { children(stage, kind).await.is_empty() }).await;
    }
    let held = only(stage, DOMAINS).await;
    assert_eq!((finalizers(&held), held["metadata"]["deletionTimestamp"].is_string()), (vec![HOLD.to_owned()], true));
    // It is no run's end while something is left.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(condition(stage, "Finished").await.starts_with("False"), "{}", condition(stage, "Finished").await);
    release(stage, &domain).await;
    stage.bed.eventually("the run is over", || async { condition(stage, "Finished").await.starts_with("True") }).await;
    assert!(children(stage, DOMAINS).await.is_empty());
    // What the comparison did not bring stays.
    stage.bed.eventually("the StatefulSet's claim is gone", || async { claims().await == 1 }).await;
    stage.bed.get(&stage.bed.object(CLAIMS, "weights")).await.ok();
}

/// The graph's operator takes its finalizer away, when the graph is deleted.
async fn without_graph(stage: &Stage) -> bool {
    for graph in children(stage, GRAPHS).await {
        if !finalizers(&graph).is_empty() && graph["metadata"]["deletionTimestamp"].is_string() {
            let path = stage.bed.object(GRAPHS, meta(&graph, "name"));
            stage.bed.merge(&path, json!({"metadata": {"finalizers": null}})).await;
        }
    }
    children(stage, GRAPHS).await.is_empty()
}

async fn recipe(stage: &Stage) {
    let manifests = include_str!("../../fixtures/recipes/kimi-k3-vllm-agg-gb300.yaml");
    let mut comparison = crate::comparison(NAME);
    comparison["spec"]["model"]["name"] = json!("moonshotai/Kimi-K3");
    comparison["spec"]["hardware"]["gpusPerVariant"] = json!(16);
    comparison["spec"]["variants"] = variants(json!({"inline": manifests}));
    stage.bed.post(&stage.bed.path(COMPARISONS), comparison).await.ok();
    let (domain, graph) = (only(stage, DOMAINS).await, only(stage, GRAPHS).await);
    let worker = &graph["spec"]["components"][1]["podTemplate"]["spec"];
    assert_eq!(
        worker["resourceClaims"][0]["resourceClaimTemplateName"],
        domain["spec"]["channel"]["resourceClaimTemplate"]["name"]
    );
    // Whoever deletes the comparison leaves the rest to garbage collection.
    let domain = adopt(stage, &domain).await;
    stage.bed.delete(&stage.bed.object(COMPARISONS, NAME), json!({})).await.ok();
    stage.bed.gone(&stage.bed.object(COMPARISONS, NAME)).await;
    let deleted = || async { only(stage, DOMAINS).await["metadata"]["deletionTimestamp"].is_string() };
    stage.bed.eventually("the ComputeDomain is to go", deleted).await;
    release(stage, &domain).await;
    stage.bed.eventually("the ComputeDomain is gone", || async { children(stage, DOMAINS).await.is_empty() }).await;
    stage.bed.eventually("the graph is gone", || async { without_graph(stage).await }).await;
}

async fn serve_kinds(stage: &Stage) {
    let domains = include_str!("../../fixtures/compute-domain/resource.nvidia.com_computedomains.yaml");
    let graphs = include_str!("../../fixtures/dynamo/nvidia.com_dynamographdeployments.yaml");
    define(&stage.bed, domains, "v1beta1").await;
    define(&stage.bed, graphs, "v1beta1").await;
    define(&stage.bed, LEADER_WORKER_SETS, "v1").await;
}

mod real {
    use super::*;

    #[tokio::test]
    async fn a_variant_of_every_kind_is_deployed_and_torn_down() {
        let Some(stage) = Stage::of("kinds", [json!([]), json!([])]).await else { return };
        serve_kinds(&stage).await;
        stage.play(every_kind(&stage)).await;
        stage.clear().await;
    }

    #[tokio::test]
    async fn a_published_recipe_with_a_compute_domain_goes_with_its_comparison() {
        let Some(stage) = Stage::of("recipe", [json!([]), json!([])]).await else { return };
        serve_kinds(&stage).await;
        stage.play(recipe(&stage)).await;
        stage.clear().await;
    }
}
