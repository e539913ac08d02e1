//! The stand-in for Dynamo's operator, in process: on the in-memory cluster, whose other actors run its pods, and, when
//! `BCMP_TEST_KUBECONFIG` names a kubeconfig, on a real API server, where no pod ever runs.

use std::time::Duration;

use crate::bed::Bed;
use bcmp::simulation::actors::{Actor, Cast, condition, has_label};
use bcmp::simulation::api_server::{ApiFailure, Cluster, finalizers, meta};
use bcmp::simulation::{dynamo, standin};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const GRAPHS: &str = "dynamographdeployments.nvidia.com";

/// A graph of a frontend and a worker in a version of the API.
fn graph(version: &str, name: &str, annotations: Value) -> Value {
    let spec = if version == "v1alpha1" {
        json!({"services": {
            "Frontend": {"componentType": "frontend", "replicas": 1,
                         "extraPodSpec": {"mainContainer": {"image": "registry.example/x:1.0.0"}}},
            "Worker": {"componentType": "worker", "replicas": 2, "resources": {"limits": {"gpu": "4"}}, "envFromSecret": "token",
                       "sharedMemory": {"size": "1Gi"}, "extraPodMetadata": {"labels": {"bcmp.dev/variant": "a"}},
                       "extraPodSpec": {"mainContainer": {"image": "registry.example/x:1.0.0", "env": [{"name": "A", "value": "b"}]}}},
        }})
    } else {
        let main = |extra: Value| {
            let mut main = json!({"name": "main", "image": "registry.example/x:1.0.0"});
            extra.as_object().unwrap().iter().for_each(|(name, value)| main[name] = value.clone());
            json!({"spec": {"containers": [main]}})
        };
        let mut worker = main(json!({
            "env": [{"name": "A", "value": "b"}], "envFrom": [{"secretRef": {"name": "token"}}],
            "resources": {"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}}));
        worker["metadata"]["labels"]["bcmp.dev/variant"] = json!("a");
        json!({"components": [
            {"name": "Frontend", "type": "frontend", "replicas": 1, "podTemplate": main(json!({}))},
            {"name": "Worker", "type": "worker", "replicas": 2, "sharedMemorySize": "1Gi", "podTemplate": worker},
        ]})
    };
    json!({
        "apiVersion": format!("nvidia.com/{version}"), "kind": "DynamoGraphDeployment",
        "metadata": {"name": name, "annotations": annotations}, "spec": spec,
    })
}

// ---- translation ---------------------------------------------------------------------------------------------------

#[test]
fn both_versions_become_the_same() {
    let environment = dynamo::Environment { etcd: Some("http://10.88.0.1:2379".into()) };
    let of = |version: &str| {
        let mut graph = graph(version, "g", json!({}));
        graph["metadata"]["namespace"] = json!("n");
        graph["apiVersion"] = json!("nvidia.com/v1beta1");
        let converted = dynamo::to_beta(&json!({"apiVersion": format!("nvidia.com/{version}"), "spec": graph["spec"]}));
        graph["spec"] = converted["spec"].clone();
        let own = dynamo::children(&graph);
        let components = own.iter().filter(|child| child["kind"] == dynamo::COMPONENT_KIND);
        let below: Vec<Value> =
            components.flat_map(|component| dynamo::grandchildren(&graph, component, &environment)).collect();
        [own, below].concat()
    };
    let alpha = of("v1alpha1");
    assert_eq!(alpha, of("v1beta1"));
    insta::assert_yaml_snapshot!(alpha);
}

// ---- in memory -----------------------------------------------------------------------------------------------------

struct Stage {
    cluster: Cluster,
    _cast: Cast,
    task: JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn stage(version: &str) -> Stage {
    let cluster = Cluster::new();
    cluster.install(&dynamo::crd(&[version]));
    let cast = Cast::new(&cluster).node("a", 8);
    cast.stop(Actor::Dynamo);
    cluster.conversion(true);
    cluster.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}));
    let (client, clock) = (cluster.client(), cluster.clock());
    let task = tokio::spawn(async move { standin::run(client, dynamo::Environment::default(), clock).await.unwrap() });
    Stage { cluster, _cast: cast, task }
}

fn state(cluster: &Cluster) -> String {
    let graph = cluster.object(GRAPHS, "default", "g").unwrap_or_default();
    graph["status"]["state"].as_str().unwrap_or_default().to_owned()
}

fn pods(cluster: &Cluster) -> Vec<Value> {
    let label = "nvidia.com/dynamo-graph-deployment-name";
    cluster.objects("pods").into_iter().filter(|pod| has_label(pod, label, "g")).collect()
}

#[rstest::rstest]
#[case("v1alpha1")]
#[case("v1beta1")]
#[tokio::test(start_paused = true)]
async fn a_graph_gets_ready_and_goes(#[case] version: &str) {
    let stage = stage(version);
    let cluster = &stage.cluster;
    cluster.put(graph(version, "g", json!({})));
    cluster.until("pending", Duration::from_secs(10), |c| state(c) == "pending").await;
    cluster.until("ready", Duration::from_secs(60), |c| state(c) == "successful").await;
    let found = cluster.object(GRAPHS, "default", "g").unwrap();
    assert_eq!((condition(&found, "Ready"), finalizers(&found)), ("True", vec!["nvidia.com/finalizer".to_owned()]));
    let components = if version == "v1alpha1" { "services" } else { "components" };
    assert_eq!(found["status"][components]["Worker"]["readyReplicas"], 2);
    let versions = cluster.history().len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(cluster.history().len(), versions, "an unchanged graph is not written");
    cluster.delete(GRAPHS, "default", "g", "Foreground");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!((cluster.objects(GRAPHS).len(), pods(cluster).len()), (1, 3));
    cluster.until("gone", Duration::from_secs(30), |c| c.objects(GRAPHS).is_empty() && pods(c).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn annotations_make_it_misbehave() {
    let cases = [
        (json!({"standin.bcmp.dev/ready-after-seconds": "60"}), "pending", 40, "successful", 80),
        (json!({"standin.bcmp.dev/never-ready": "true"}), "pending", 40, "pending", 300),
        (json!({"standin.bcmp.dev/unready-after-seconds": "60"}), "successful", 40, "pending", 100),
        (json!({"standin.bcmp.dev/failed": "no luck"}), "failed", 40, "failed", 80),
    ];
    for (annotations, first, at, second, later) in cases {
        let stage = stage("v1beta1");
        stage.cluster.put(graph("v1beta1", "g", annotations.clone()));
        tokio::time::sleep(Duration::from_secs(at)).await;
        assert_eq!(state(&stage.cluster), first, "{annotations} after {at} s");
        tokio::time::sleep(Duration::from_secs(later - at)).await;
        assert_eq!(state(&stage.cluster), second, "{annotations} after {later} s");
    }
}

#[tokio::test(start_paused = true)]
async fn ready_can_be_claimed_without_workers() {
    let stage = stage("v1beta1");
    let mut waiting = graph("v1beta1", "g", json!({"standin.bcmp.dev/ready-without-workers": "true"}));
    waiting["spec"]["components"][1]["replicas"] = json!(9);
    stage.cluster.put(waiting);
    stage.cluster.until("ready", Duration::from_secs(60), |c| state(c) == "successful").await;
    assert!(pods(&stage.cluster).iter().any(|pod| condition(pod, "PodScheduled") == "False"));
}

#[tokio::test(start_paused = true)]
async fn a_kept_finalizer_holds_the_deletion() {
    let stage = stage("v1beta1");
    let cluster = &stage.cluster;
    cluster.put(graph("v1beta1", "g", json!({"standin.bcmp.dev/keep-finalizer": "true"})));
    cluster.until("ready", Duration::from_secs(60), |c| state(c) == "successful").await;
    cluster.delete(GRAPHS, "default", "g", "Foreground");
    cluster.until("pods gone", Duration::from_secs(60), |c| pods(c).is_empty()).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(finalizers(&cluster.objects(GRAPHS)[0]), ["nvidia.com/finalizer"]);
    cluster.edit(GRAPHS, "default", "g", |graph| graph["metadata"]["annotations"] = json!({}));
    cluster.until("gone", Duration::from_secs(30), |c| c.objects(GRAPHS).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_child_shows_as_failed() {
    let stage = stage("v1beta1");
    stage.cluster.admission(|plural, object| {
        (plural == "deployments")
            .then(|| ApiFailure::quota_exceeded("deployments.apps", meta(object, "name"), "q", "count/deployments"))
    });
    stage.cluster.put(graph("v1beta1", "g", json!({})));
    stage.cluster.until("failed", Duration::from_secs(10), |c| state(c) == "failed").await;
    let found = stage.cluster.object(GRAPHS, "default", "g").unwrap();
    assert!(found["status"].to_string().contains("exceeded quota"), "{found}");
}

// ---- on a real API server ------------------------------------------------------------------------------------------

#[tokio::test]
async fn on_a_real_server_a_graph_becomes_deployments_and_goes() {
    let Some(bed) = Bed::real("dynamo_standin").await else { return };
    let list = bed.get("/apis/nvidia.com").await;
    if list.code == 404 {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dynamo/nvidia.com_dynamographdeployments.yaml");
        let mut crd: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        crd["spec"]["conversion"] = json!({"strategy": "None"});
        for version in crd["spec"]["versions"].as_array_mut().unwrap() {
            let stored = version["name"] == "v1beta1";
            version["served"] = json!(stored);
            version["storage"] = json!(stored);
        }
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/dynamographdeployments.nvidia.com";
        bed.apply(path, "standin-test", true, crd).await.ok();
    }
    bed.eventually("graphs are served", || async { bed.get("/apis/nvidia.com").await.code == 200 }).await;
    let served = bed.get("/apis/nvidia.com").await.ok();
    let version = served["preferredVersion"]["version"].as_str().unwrap().to_owned();
    let graphs = format!("/apis/nvidia.com/{version}/namespaces/{}/dynamographdeployments", bed.namespace);
    bed.eventually("graphs can be listed", || async { bed.get(&graphs).await.code == 200 }).await;
    let client = bed.client.clone();
    let task = tokio::spawn(async move {
        standin::run(client, dynamo::Environment::default(), jiff::Timestamp::now).await.unwrap()
    });
    bed.post(&graphs, graph(&version, "g", json!({}))).await.ok();
    let path = format!("{graphs}/g");
    bed.eventually("pending", || async { bed.get(&path).await.body["status"]["state"] == "pending" }).await;
    let pods = format!("{}?labelSelector=nvidia.com/dynamo-graph-deployment-name%3Dg", bed.path("pods"));
    let count = || async { bed.get(&pods).await.ok()["items"].as_array().unwrap().len() };
    bed.eventually("pods", || async { count().await == 3 }).await;
    bed.get(&bed.object("services", "g-frontend")).await.ok();
    let found = bed.get(&path).await.ok();
    assert_eq!(condition(&found, "Ready"), "False", "{found}");
    assert_eq!(finalizers(&found), ["nvidia.com/finalizer"]);
    bed.delete(&path, json!({"propagationPolicy": "Foreground"})).await.ok();
    bed.gone(&path).await;
    // The collector may not know of components yet, whose kind has only just been defined.
    bed.eventually("the pods are gone", || async { count().await == 0 }).await;
    task.abort();
    bed.clean_up().await;
}
