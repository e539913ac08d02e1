//! The operator's connection to the cluster: reads the world, asks `lifecycle` for a decision, carries it out and writes
//! the status. Kubernetes clients are used here, in `agent` and in `cli` only.

pub mod act;
pub mod call;
pub mod children;
pub mod context;
pub mod error;
pub mod gauges;
pub mod kinds;
pub mod metrics;
pub mod observe;
pub mod reconcile;
pub mod serve;
pub mod status_write;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Client;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;

use crate::api::BenchmarkComparison;
use context::{Context, Scope};
use reconcile::{on_error, reconcile};

/// Comparisons that are reconciled at the same time.
const CONCURRENCY: u16 = 8;
/// A burst of changes, such as a dozen pods becoming ready, leads to one reconciliation.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Runs the controllers until `stop` resolves, then waits for reconciliations in progress.
pub async fn run(context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let stop = futures::FutureExt::shared(stop);
    let controllers = namespaces(&context.scope).into_iter().map(|namespace| {
        let stop = stop.clone();
        drive(context.clone(), namespace, stop)
    });
    futures::future::join_all(controllers).await;
}

fn namespaces(scope: &Scope) -> Vec<Option<String>> {
    match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    }
}

async fn drive(
    context: Arc<Context>,
    namespace: Option<String>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let client = &context.client;
    let scope = match &namespace {
        Some(namespace) => Scope::Namespaces(vec![namespace.clone()]),
        None => Scope::Cluster,
    };
    let comparisons: Api<BenchmarkComparison> = scoped(client, namespace.as_deref());
    let controller = Controller::new(comparisons, watcher::Config::default())
        .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .watches(scoped::<PartialObjectMeta<Job>>(client, namespace.as_deref()), watch::ours(), |o| {
            watch::comparison_of(&o)
        })
        .watches(scoped::<PartialObjectMeta<Pod>>(client, namespace.as_deref()), watch::ours(), |o| {
            watch::comparison_of(&o)
        })
        .watches(scoped::<PartialObjectMeta<Deployment>>(client, namespace.as_deref()), watch::ours(), |o| {
            watch::comparison_of(&o)
        })
        .watches(scoped::<PartialObjectMeta<ConfigMap>>(client, namespace.as_deref()), watch::ours(), |o| {
            watch::comparison_of(&o)
        })
        .reconcile_on(Box::pin(watch::graphs(client.clone(), &scope)) as Triggers)
        .graceful_shutdown_on(stop);
    controller
        .run(reconcile, on_error, context.clone())
        .for_each(|result| async {
            if let Err(error) = result {
                tracing::debug!(%error, "the controller reports an error");
            }
        })
        .await;
}

type Triggers = std::pin::Pin<Box<dyn Stream<Item = ObjectRef<BenchmarkComparison>> + Send>>;

/// Objects of all namespaces, or of one.
fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
