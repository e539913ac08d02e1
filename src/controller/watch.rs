//! Changes that lead to a reconciliation: those of children, and of DynamoGraphDeployments in either version.

use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::api::{Api, PartialObjectMeta};
use kube::core::DynamicObject;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};

use super::context::Scope;
use super::kinds::graph;
use crate::api::{BenchmarkComparison, labels};
use crate::dynamo;
use crate::manifests::labels::all_selector;

/// Objects of the operator's only.
pub fn ours() -> watcher::Config {
    watcher::Config::default().labels(&all_selector())
}

/// The comparison an object belongs to, by its label.
pub fn comparison_of<K: Resource>(object: &K) -> Option<ObjectRef<BenchmarkComparison>> {
    let name = object.labels().get(labels::COMPARISON)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}

/// Changes of DynamoGraphDeployments. Starts when their kind is served, which may be long after the operator started.
pub fn graphs(client: Client, scope: &Scope) -> impl Stream<Item = ObjectRef<BenchmarkComparison>> + use<> {
    let namespaces: Vec<Option<String>> = match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    };
    stream::select_all(namespaces.into_iter().map(|namespace| graphs_in(client.clone(), namespace).boxed()))
}

fn graphs_in(client: Client, namespace: Option<String>) -> impl Stream<Item = ObjectRef<BenchmarkComparison>> {
    stream::repeat(())
        .then(move |()| {
            let client = client.clone();
            let namespace = namespace.clone();
            async move { follow(client, namespace).await }
        })
        .flatten()
}

/// Watches DynamoGraphDeployments until the watch fails; the caller then asks for the served version again.
async fn follow(
    client: Client,
    namespace: Option<String>,
) -> stream::BoxStream<'static, ObjectRef<BenchmarkComparison>> {
    for version in dynamo::VERSIONS {
        let resource = graph(version);
        let api: Api<PartialObjectMeta<DynamicObject>> = match &namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        if api.list_metadata(&kube::api::ListParams::default().limit(1)).await.is_ok() {
            let changes = watcher(api, ours()).touched_objects().take_while(|object| {
                if let Err(error) = object {
                    tracing::warn!(%error, "the watch of DynamoGraphDeployments ended; it is started again");
                }
                futures::future::ready(object.is_ok())
            });
            return changes.filter_map(|object| async move { comparison_of(&object.ok()?) }).boxed();
        }
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    stream::empty().boxed()
}
