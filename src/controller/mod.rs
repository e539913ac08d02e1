//! The operator's connection to the cluster: reads the world, asks `lifecycle` for a decision, carries it out and writes
//! the status. Kubernetes clients are used here, in `agent` and in `cli` only.

pub mod act;
pub mod awaken;
pub mod call;
pub mod candidate;
pub mod capacity;
pub mod children;
pub mod comparisons;
pub mod context;
pub mod documents;
pub mod error;
pub mod fetch;
pub mod gauges;
pub mod health;
pub mod kinds;
pub mod lanes;
pub mod lean;
pub mod lease;
pub mod lists;
pub mod meet;
pub mod metrics;
pub mod mirror;
pub mod observe;
pub mod recall;
pub mod reconcile;
pub mod results;
pub mod scope;
pub mod serve;
pub mod sources;
pub mod status_write;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, Shared};
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Client;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};

use candidate::LeaseCandidate;
use comparisons::Listed;
use context::{Context, Scope};
use health::BEAT;
use meet::meet;
use reconcile::{on_error, reconcile};

/// However many comparisons are to be reconciled: `lanes` says how many are, at the same time.
const CONCURRENCY: u16 = 0;
/// A burst of changes, such as a dozen pods becoming ready, leads to one reconciliation.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Resolves when the process is to stop.
type Stop = Shared<BoxFuture<'static, ()>>;

/// Looks after comparisons until `stop` resolves, then waits for reconciliations in progress. One of several replicas does
/// so while it holds the Lease, and stands by otherwise.
pub async fn run(context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let stop: Stop = stop.boxed().shared();
    let Some(lease) = &context.lease else { return operate(&context, stop).await };
    let mut candidate = LeaseCandidate::new(&context, lease);
    loop {
        tokio::select! {
            () = candidate.acquire() => {}
            () = stop.clone() => return,
        }
        tracing::info!(lease = lease.name, identity = lease.identity, "holds the lease");
        let stopped = tokio::select! {
            () = operate(&context, stop.clone()) => true,
            () = candidate.keep() => false,
        };
        if stopped {
            return candidate.release().await;
        }
        context.resign();
    }
}

/// Runs the controllers.
async fn operate(context: &Arc<Context>, stop: Stop) {
    context.health.begins();
    let controllers =
        namespaces(&context.scope).into_iter().map(|namespace| drive(context.clone(), namespace, stop.clone()));
    let cluster = async {
        if context.scope == Scope::Cluster {
            context.capacity.follow(&context.client, &context.metrics, &context.comparisons).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        _ = futures::future::join_all(controllers) => {}
        () = cluster => {}
        () = beat(context) => {}
    }
}

/// As long as the task is polled that drives all watches and starts all reconciliations.
async fn beat(context: &Context) {
    loop {
        context.health.beats();
        tokio::time::sleep(BEAT).await;
    }
}

fn namespaces(scope: &Scope) -> Vec<Option<String>> {
    match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    }
}

async fn drive(context: Arc<Context>, namespace: Option<String>, stop: Stop) {
    let client = &context.client;
    let scope = match &namespace {
        Some(namespace) => Scope::Namespaces(vec![namespace.clone()]),
        None => Scope::Cluster,
    };
    let (store, writer) = reflector::store::<Listed>();
    context.comparisons.add(store.clone());
    let noted = context.clone();
    let place = namespace.clone();
    let changes = watch_objects(scoped::<Listed>(client, namespace.as_deref()), lists::watched())
        .default_backoff()
        .modify(comparisons::forget_what_is_not_asked)
        .reflect(writer)
        .then(move |event| {
            let (context, namespace) = (noted.clone(), place.clone());
            async move {
                note(&context, namespace.as_deref(), &event).await;
                event
            }
        })
        .applied_objects();
    let controller = Controller::for_stream(changes, store)
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
        .reconcile_on(watch::woken(context.clone(), namespace.clone()).boxed())
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

/// What a change of a comparison, or a failure to see any, means to others than its own reconciliation.
async fn note(context: &Context, namespace: Option<&str>, event: &watcher::Result<Event<Listed>>) {
    match event {
        Ok(Event::Init) => meet(context, namespace).await,
        Ok(Event::InitApply(_)) => {}
        Ok(Event::Apply(_)) => context.health.listed(namespace),
        Ok(Event::InitDone | Event::Delete(_)) => {
            context.health.listed(namespace);
            context.retain(&context.comparisons.uids());
        }
        Err(error) => {
            context.metrics.watch_failed("benchmarkcomparisons");
            context.health.failed(namespace, &error.to_string());
            tracing::warn!(%error, "comparisons cannot be watched; trying again");
        }
    }
}

type Triggers = std::pin::Pin<Box<dyn Stream<Item = ObjectRef<Listed>> + Send>>;

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
