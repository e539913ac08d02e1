//! A cluster in memory, the real controller on it, and agents that predict and measure what a test makes true.

mod agents;
mod clocks;
mod observations;

use std::sync::Arc;
use std::time::Duration;

pub use clocks::Clocks;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Reporter;
pub use observations::{condition, gpus_held, is_finished};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase, labels};
use crate::controller;
use crate::controller::context::{Context, Scope};
use crate::controller::lease::LeaseSettings;
use crate::controller::metrics::Metrics;
use crate::lifecycle::world::Settings;
use crate::plan::{Images, Plan};
use crate::prediction::configurations::Configurations;
use crate::simulation::actors::{Cast, PodScript};
use crate::simulation::api_server::Cluster;
use crate::simulation::broken::OrBroken;
use crate::simulation::reality::Reality;
use crate::simulation::truth;

/// Resource of comparisons.
pub const COMPARISONS: &str = "benchmarkcomparisons.bcmp.dev";
/// Resource of DynamoGraphDeployments.
pub const GRAPHS: &str = "dynamographdeployments.nvidia.com";

/// Name of the Lease that replicas share, in the namespace `default`.
pub const LEASE: &str = "bcmp-operator";

/// That many seconds.
pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The cluster and the operator on it.
pub struct Lab {
    /// The API server.
    pub cluster: Cluster,
    /// Its actors.
    pub cast: Cast,
    /// Of the operator that was started last.
    pub metrics: Metrics,
    /// The operator's and the agents' clocks.
    pub clocks: Clocks,
    operator: Option<JoinHandle<()>>,
    settings: Settings,
    scope: Scope,
    lease: bool,
    replicas: std::cell::Cell<u32>,
}

impl Lab {
    /// A cluster with one node for each number of GPUs, and the operator.
    pub fn new(gpus: &[u32]) -> Self {
        Self::predicting(gpus, |plan| truth::configurations(&plan.spec))
    }

    /// The same, with generation answering as the test says.
    pub fn predicting(gpus: &[u32], predict: impl Fn(&Plan) -> Configurations + Send + Sync + 'static) -> Self {
        Self::of(gpus, truth::Formula(predict))
    }

    /// The same, with agents for which this is true.
    pub fn of(gpus: &[u32], reality: impl Reality + 'static) -> Self {
        let cluster = Cluster::new();
        let cast = Cast::new(&cluster);
        for (index, gpus) in gpus.iter().enumerate() {
            cast.add_node(&format!("node-{index}"), *gpus);
        }
        let reality: Arc<dyn Reality> = Arc::new(reality);
        if let Some(loading) = reality.loading() {
            cast.script_for(labels::COMPONENT, "server", PodScript::serve(loading));
        }
        let clocks = Clocks::default();
        let of_agents = clocks.clone();
        cast.script(move |pod| agents::script(pod, &reality, &of_agents));
        let images = Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() };
        let settings =
            Settings { images, pod_features: Default::default(), run_limits: Default::default(), own_account: None };
        let metrics = Metrics::default();
        let (scope, lease, replicas) = (Scope::Cluster, false, std::cell::Cell::new(0));
        let mut lab = Self { cluster, cast, metrics, clocks, operator: None, settings, scope, lease, replicas };
        lab.start();
        lab
    }

    /// Starts the operator: a new process, that remembers nothing.
    pub fn start(&mut self) {
        self.metrics = Metrics::default();
        // The client is made here: whoever waits for a crash must not see the old one until the process takes its first step.
        let client = self.cluster.client();
        self.operator = Some(tokio::spawn(self.replica(self.metrics.clone())(client)));
    }

    /// A process of the operator, with a name of its own, as soon as it has a client.
    fn replica(&self, metrics: Metrics) -> impl FnOnce(Client) -> BoxFuture<'static, ()> + use<> {
        self.replicas.set(self.replicas.get() + 1);
        let lease = self.lease.then(|| LeaseSettings {
            namespace: "default".into(),
            name: LEASE.into(),
            identity: format!("replica-{}", self.replicas.get()),
        });
        let (cluster, clocks) = (self.cluster.clone(), self.clocks.clone());
        let clock = move || clocks.operator(&cluster);
        let (settings, scope) = (self.settings.clone(), self.scope.clone());
        move |client| operator(client, clock, settings, scope, metrics, lease).boxed()
    }

    /// The operator is installed with replicas that share a Lease: this one, and those that come with [`Lab::another`].
    pub fn share(&mut self) {
        self.kill();
        self.lease = true;
        self.start();
    }

    /// Kills the operator.
    pub fn kill(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.abort();
        }
    }

    /// The operator is installed with other images.
    pub fn upgrade(&mut self, images: Images) {
        self.configure(Settings { images, ..self.settings.clone() });
    }

    /// The operator is installed with other settings.
    pub fn configure(&mut self, settings: Settings) {
        self.kill();
        self.settings = settings;
        self.start();
    }

    /// The operator is installed for these namespaces alone.
    pub fn restrict(&mut self, namespaces: &[&str]) {
        self.kill();
        self.scope = Scope::Namespaces(namespaces.iter().map(|name| (*name).to_owned()).collect());
        self.start();
    }

    /// A second operator beside the first, that starts later.
    pub fn another(&self, later: Duration) -> JoinHandle<()> {
        let (cluster, replica) = (self.cluster.clone(), self.replica(Metrics::default()));
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            replica(cluster.client()).await;
        })
    }

    /// Creates the guide's comparison with other fields of the spec.
    pub fn apply(&self, name: &str, spec: Value) {
        self.cluster.put(comparison(name, spec));
    }

    /// Changes the spec.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.cluster.edit(COMPARISONS, "default", name, change).or_broken("no such comparison");
    }

    /// Sets an annotation.
    pub fn annotate(&self, name: &str, key: &str, value: &str) {
        self.edit(name, |object| object["metadata"]["annotations"][key] = json!(value));
    }

    /// The status, empty where there is none.
    pub fn status(&self, name: &str) -> BenchmarkComparisonStatus {
        self.cluster.find::<BenchmarkComparison>("default", name).and_then(|c| c.status).unwrap_or_default()
    }

    /// Waits for the status to be so.
    pub async fn until(&self, name: &str, what: &str, limit: u64, holds: impl Fn(&BenchmarkComparisonStatus) -> bool) {
        let name = name.to_owned();
        let lab = |cluster: &Cluster| {
            cluster.find::<BenchmarkComparison>("default", &name).and_then(|c| c.status).is_some_and(|s| holds(&s))
        };
        self.cluster.until(&format!("{name}: {what}"), seconds(limit), lab).await;
    }

    /// Waits for the phase.
    pub async fn phase(&self, name: &str, phase: Phase) {
        self.until(name, &format!("phase {}", phase.as_str()), 100_000, |status| status.phase == Some(phase)).await;
    }

    /// Waits until a variant is measured and has this many records.
    pub async fn records(&self, name: &str, count: u32) {
        let done = |status: &BenchmarkComparisonStatus| status.progress.as_ref().map_or(0, |p| p.trials_done);
        self.until(name, &format!("{count} levels"), 100_000, |status| done(status) >= count).await;
    }

    /// Waits for the end of a run, which is a day away at most.
    pub async fn finished(&self, name: &str, run: i64) -> BenchmarkComparisonStatus {
        self.until(name, &format!("run {run} finished"), 200_000, |status| is_finished(status, run)).await;
        self.status(name)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Few levels and one trial of each: for tests in which the course matters and not the numbers.
pub fn small() -> Value {
    json!({"workload": {"concurrency": [1, 24]}, "load": {"decisionTrials": 1, "refinements": 0}, "judgement": {"failOn": []}})
}

/// The guide's comparison with other fields of the spec.
pub fn comparison(name: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500, "concurrency": [1, 2, 8, 24]},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 20},
            "runtime": {"image": "registry.example/runtime:1.3.0"},
            "load": {"decisionTrials": 3},
        },
    });
    merge(&mut object["spec"], &spec);
    object
}

fn merge(into: &mut Value, from: &Value) {
    match from.as_object() {
        Some(fields) if into.is_object() => fields.iter().for_each(|(key, value)| merge(&mut into[key], value)),
        _ => *into = from.clone(),
    }
}

async fn operator(
    client: Client,
    clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    settings: Settings,
    scope: Scope,
    metrics: Metrics,
    lease: Option<LeaseSettings>,
) {
    let context = Context::new(
        client,
        Arc::new(clock),
        settings,
        scope,
        Reporter { controller: "bcmp".into(), instance: None },
        metrics,
    );
    let context = match lease {
        Some(lease) => context.sharing(lease),
        None => context,
    };
    controller::run(Arc::new(context), std::future::pending()).await;
}
