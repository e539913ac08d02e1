//! Changes that lead to a reconciliation: those of children, of DynamoGraphDeployments in either version, and of the queue.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::api::Api;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use tokio::time::Instant;

use super::awaken::awakened;
use super::comparisons::Listed;
use super::context::{Context, Scope};
use super::kinds::graph;
use super::lean::Lean;
use super::lists::watched;
use crate::api::labels;
use crate::dynamo;
use crate::manifests::labels::all_selector;

/// A watch that went on for so long did not fail for a reason that stays: objects may be listed where none can be watched.
const LASTED: Duration = Duration::from_secs(60);

/// Objects of the operator's only.
pub fn ours() -> watcher::Config {
    watched().labels(&all_selector())
}

/// The comparison an object belongs to, by its label.
pub fn comparison_of<K: Resource>(object: &K) -> Option<ObjectRef<Listed>> {
    let name = object.labels().get(labels::COMPARISON)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}

/// Those of a namespace, or of all, that wait and are to look again, whenever the queue or what is free changed.
pub fn woken(
    context: Arc<Context>,
    namespace: Option<String>,
) -> impl Stream<Item = ObjectRef<Listed>> + Send + 'static {
    let changes = stream::unfold(context.comparisons.changes(), |mut changes| async move {
        changes.changed().await.ok()?;
        Some(((), changes))
    });
    let awakened = changes.then(move |()| {
        let (context, namespace) = (context.clone(), namespace.clone());
        async move { stream::iter(awakened(&context, namespace.as_deref()).await) }
    });
    awakened.flatten()
}

/// Changes of DynamoGraphDeployments. Starts when their kind is served, which may be long after the operator started.
pub fn graphs(client: Client, scope: &Scope) -> impl Stream<Item = ObjectRef<Listed>> + use<> {
    let namespaces: Vec<Option<String>> = match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    };
    stream::select_all(namespaces.into_iter().map(|namespace| graphs_in(client.clone(), namespace).boxed()))
}

fn graphs_in(client: Client, namespace: Option<String>) -> impl Stream<Item = ObjectRef<Listed>> {
    stream::unfold((None, 0), move |(began, failures): (Option<Instant>, u32)| {
        let (client, namespace) = (client.clone(), namespace.clone());
        async move {
            let failures = match began {
                None => 0,
                Some(began) => {
                    let failures = if began.elapsed() >= LASTED { 0 } else { failures };
                    tokio::time::sleep(pause(failures)).await;
                    failures.saturating_add(1)
                }
            };
            let began = Instant::now();
            Some((follow(client, namespace).await, (Some(began), failures)))
        }
    })
    .flatten()
}

/// Before it is asked again what is served: a second, doubling to half a minute.
fn pause(failures: u32) -> Duration {
    Duration::from_secs((1_u64 << failures.min(5)).min(30))
}

/// Watches DynamoGraphDeployments until the watch fails, or not at all where they are not served. The caller then asks
/// for the served version again, after a pause.
async fn follow(client: Client, namespace: Option<String>) -> stream::BoxStream<'static, ObjectRef<Listed>> {
    for version in dynamo::VERSIONS {
        let resource = graph(version);
        let api: Api<Lean> = match &namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        if api.list(&kube::api::ListParams::default().limit(1)).await.is_ok() {
            let changes = watcher(api, ours()).touched_objects().take_while(|object| {
                if let Err(error) = object {
                    tracing::warn!(%error, "the watch of DynamoGraphDeployments ended; it is started again");
                }
                futures::future::ready(object.is_ok())
            });
            return changes.filter_map(|object| async move { comparison_of(&object.ok()?) }).boxed();
        }
    }
    stream::empty().boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let pauses: Vec<u64> = (0..8).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pause(u32::MAX).as_secs(), 30);
    }
}
