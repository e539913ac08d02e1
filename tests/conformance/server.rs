//! The in-memory server under the real `kube::runtime::Controller`, on virtual time.

use std::sync::Arc;
use std::time::Duration;

use bcmp::api::{BenchmarkComparison, FIELD_MANAGER};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};

use bcmp::simulation::api_server::{ApiRequest, Cluster, Fault, Verb};
use bcmp::simulation::dynamo;

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

/// A controller with an hour of work: ten steps of six minutes, each noted in a ConfigMap, then a status.
async fn ten_steps(client: Client) {
    let comparisons: Api<BenchmarkComparison> = Api::all(client.clone());
    let maps: Api<ConfigMap> = Api::all(client.clone());
    Controller::new(comparisons, watcher::Config::default())
        .owns(maps, watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(5)), Arc::new(client))
        .for_each(|_| async {})
        .await;
}

async fn reconcile(seen: Arc<BenchmarkComparison>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let (namespace, name) = (seen.namespace().unwrap(), seen.name_any());
    let maps: Api<ConfigMap> = Api::namespaced((*client).clone(), &namespace);
    let done = maps.list(&Default::default()).await?.items.len();
    if done < 10 {
        let map: ConfigMap = serde_json::from_value(json!({
            "metadata": {"name": format!("{name}-{done}"), "ownerReferences": [seen.controller_owner_ref(&()).unwrap()]},
        }))
        .unwrap();
        match maps.create(&PostParams::default(), &map).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            result => drop(result?),
        }
        return Ok(Action::requeue(Duration::from_secs(360)));
    }
    let comparisons: Api<BenchmarkComparison> = Api::namespaced((*client).clone(), &namespace);
    let live = comparisons.get(&name).await?;
    let status = json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison",
        "metadata": {"resourceVersion": live.resource_version()},
        "status": {"observedGeneration": live.meta().generation, "message": "done"},
    });
    comparisons.patch_status(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(status)).await?;
    Ok(Action::requeue(Duration::from_secs(3600)))
}

fn is_done(cluster: &Cluster) -> bool {
    cluster.all::<BenchmarkComparison>().iter().all(|c| c.status.as_ref().is_some_and(|s| s.message.is_some()))
}

#[tokio::test(start_paused = true)]
async fn the_real_controller_runs_on_virtual_time() {
    let cluster = Cluster::new();
    cluster.put(comparison("qwen"));
    let controller = tokio::spawn(ten_steps(cluster.client()));
    let start = cluster.now();
    cluster.until("status is written", Duration::from_secs(7200), is_done).await;
    controller.abort();
    // Each write of an owned ConfigMap wakes the controller, so that steps follow each other at once.
    assert!(cluster.now().duration_since(start).as_secs() < 60);
    assert_eq!(cluster.objects("configmaps").len(), 10);
    // The status is written once: the write wakes the controller, the second is no change.
    let versions = cluster.history().iter().filter(|r| r.key.resource == "benchmarkcomparisons.bcmp.dev").count();
    assert_eq!(versions, 2, "{}", cluster.story());
}

#[tokio::test(start_paused = true)]
async fn a_new_object_reads_as_not_yet_observed() {
    let cluster = Cluster::new();
    cluster.put(comparison("qwen"));
    let found = cluster.find::<BenchmarkComparison>("default", "qwen").unwrap();
    assert_eq!(found.status.map(|s| s.observed_generation), Some(-1));
    assert_eq!(found.spec.variants.len(), 2);
}

/// Kills the process before and after each of its writes, breaks the connection before and after: the end is the same.
#[tokio::test(start_paused = true)]
async fn faults_at_any_write_leave_the_same_end() {
    for number in 0..11 {
        for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::Drop, Fault::LoseAnswer] {
            let cluster = Cluster::new();
            cluster.put(comparison("qwen"));
            let once = fault.clone();
            cluster.faults(move |request: &ApiRequest| (request.write == Some(number)).then(|| once.clone()));
            let mut controller = tokio::spawn(ten_steps(cluster.client()));
            let crashes = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
            if crashes {
                cluster.crashed().await;
                controller.abort();
                controller = tokio::spawn(ten_steps(cluster.client()));
            }
            cluster.until("status is written", Duration::from_secs(7200), is_done).await;
            controller.abort();
            assert_eq!(cluster.objects("configmaps").len(), 10, "{fault:?} at write {number}");
            let unanswered = cluster.writes().iter().filter(|entry| entry.code.is_none()).count();
            assert_eq!(unanswered, 1, "{fault:?} at write {number}\n{}", cluster.story());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_expire_or_lag_are_survived() {
    let cluster = Cluster::new();
    cluster.put(comparison("qwen"));
    let controller = tokio::spawn(ten_steps(cluster.client()));
    for round in 0..4 {
        match round % 4 {
            0 => cluster.close_watches(),
            1 => cluster.expire_watches(),
            2 => cluster.lag(false),
            _ => cluster.catch_up(),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    cluster.until("status is written", Duration::from_secs(7200), is_done).await;
    controller.abort();
    let lists = cluster.requests().iter().filter(|e| e.request.verb == Some(Verb::List)).count();
    assert!(lists > 0 && cluster.objects("configmaps").len() == 10);
}

#[tokio::test(start_paused = true)]
async fn metadata_watches_carry_no_data() {
    use kube::core::PartialObjectMeta;
    let cluster = Cluster::new();
    cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "1"}}, "data": {"k": "v"}}));
    cluster.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}));
    let maps: Api<PartialObjectMeta<ConfigMap>> = Api::all(cluster.client());
    let mut stream = Box::pin(watcher(maps, watcher::Config::default().labels("x=1")));
    let mut seen = vec![];
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            watcher::Event::InitApply(map) | watcher::Event::Apply(map) => seen.push(map.name_any()),
            watcher::Event::InitDone => {
                cluster.edit("configmaps", "default", "b", |map| map["metadata"]["labels"]["x"] = json!("1"));
            }
            _ => {}
        }
        if seen.len() == 2 {
            break;
        }
    }
    assert_eq!(seen, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn discovery_tells_which_versions_of_dynamo_are_served() {
    let cluster = Cluster::new();
    cluster.uninstall("nvidia.com", "dynamocomponentdeployments");
    let versions = |client: Client| async move {
        let group = kube::discovery::group(&client, "nvidia.com").await;
        group.map(|g| g.versions().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(versions(cluster.client()).await, ["v1beta1", "v1alpha1"]);
    cluster.install(&dynamo::crd(&["v1alpha1"]));
    assert_eq!(versions(cluster.client()).await, ["v1alpha1"]);
    cluster.uninstall("nvidia.com", "dynamographdeployments");
    assert!(versions(cluster.client()).await.is_empty());
}
