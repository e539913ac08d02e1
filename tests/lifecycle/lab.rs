//! A cluster in memory, the real controller on it, and agents that predict and measure what a test makes true.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bcmp::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase, labels};
use bcmp::controller;
use bcmp::controller::context::{Context, Scope};
use bcmp::controller::metrics::Metrics;
use bcmp::lifecycle::world::Settings;
use bcmp::manifests::agent_contract::PLAN_KEY;
use bcmp::measurement::ledger::{Ledger, Mark, serving_key, started_key};
use bcmp::measurement::record::SCHEMA_VERSION;
use bcmp::plan::{Images, Plan};
use bcmp::prediction::configurations::{self, Configurations};
use bcmp::sweep::{NextStep, SweepPlan, next};
use jiff::Timestamp;
use kube::runtime::events::Reporter;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::actors::{Cast, PodContext, PodScript, has_label};
use crate::support::{Cluster, meta};
use crate::truth;

pub const COMPARISONS: &str = "benchmarkcomparisons.bcmp.dev";
pub const GRAPHS: &str = "dynamographdeployments.nvidia.com";

/// How long a repetition of a level takes.
const LEVEL: Duration = Duration::from_secs(30);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The cluster and the operator on it.
pub struct Lab {
    pub cluster: Cluster,
    pub cast: Cast,
    /// Of the operator that was started last.
    pub metrics: Metrics,
    operator: Option<JoinHandle<()>>,
    images: Images,
    scope: Scope,
}

impl Lab {
    /// A cluster with one node for each number of GPUs, and the operator.
    pub fn new(gpus: &[u32]) -> Self {
        Self::predicting(gpus, |plan| truth::configurations(&plan.spec))
    }

    /// The same, with generation answering as the test says.
    pub fn predicting(gpus: &[u32], predict: impl Fn(&Plan) -> Configurations + Send + Sync + 'static) -> Self {
        let cluster = Cluster::new();
        let cast = Cast::new(&cluster);
        for (index, gpus) in gpus.iter().enumerate() {
            cast.add_node(&format!("node-{index}"), *gpus);
        }
        let predict = Arc::new(predict);
        cast.script(move |pod| {
            let predict = predict.clone();
            has_label(pod, labels::COMPONENT, "generate").then(|| {
                PodScript::run(move |pod| {
                    let predict = predict.clone();
                    async move { generate(pod, &*predict).await }
                })
            })
        });
        cast.script(|pod| has_label(pod, labels::COMPONENT, "load").then(|| PodScript::run(load)));
        let images = Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() };
        let metrics = Metrics::default();
        let mut lab = Self { cluster, cast, metrics, operator: None, images, scope: Scope::Cluster };
        lab.start();
        lab
    }

    /// Starts the operator: a new process, that remembers nothing.
    pub fn start(&mut self) {
        self.metrics = Metrics::default();
        let operator = operator(&self.cluster, self.images.clone(), self.scope.clone(), self.metrics.clone());
        self.operator = Some(tokio::spawn(operator));
    }

    /// Kills the operator.
    pub fn kill(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.abort();
        }
    }

    /// The operator is installed with other images.
    pub fn upgrade(&mut self, images: Images) {
        self.kill();
        self.images = images;
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
        let (cluster, images, scope) = (self.cluster.clone(), self.images.clone(), self.scope.clone());
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            operator(&cluster, images, scope, Metrics::default()).await;
        })
    }

    /// Creates the guide's comparison with other fields of the spec.
    pub fn apply(&self, name: &str, spec: Value) {
        self.cluster.put(comparison(name, spec));
    }

    /// Changes the spec.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.cluster.edit(COMPARISONS, "default", name, change).expect("the comparison is there");
    }

    pub fn annotate(&self, name: &str, key: &str, value: &str) {
        self.edit(name, |object| object["metadata"]["annotations"][key] = json!(value));
    }

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
        self.until(name, &format!("phase {phase:?}"), 100_000, |status| status.phase == Some(phase)).await;
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

    /// Pods that hold GPUs: variant → GPUs.
    pub fn gpus_held(&self) -> BTreeMap<String, u32> {
        gpus_held(&self.cluster)
    }

    /// Steps that were begun by more than one load pod after they had been published, or published by two.
    pub fn measured_twice(&self) -> Vec<String> {
        let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut twice = vec![];
        for record in self.cluster.history().iter().filter(|record| record.key.resource == "configmaps") {
            let Some(map) = record.after.as_ref().filter(|map| has_label(map, labels::COMPONENT, "results")) else {
                continue;
            };
            for (key, value) in map["data"].as_object().into_iter().flatten() {
                let place = (meta(map, "uid").to_owned(), key.clone());
                let text = value.as_str().unwrap_or_default().to_owned();
                if seen.get(&place).is_some_and(|before| *before != text) {
                    twice.push(format!("{key} changed"));
                }
                let started = key.starts_with("started-") && !key.ends_with("-1");
                if started
                    && !seen.contains_key(&place)
                    && map["data"][key.trim_start_matches("started-").rsplit_once('-').unwrap().0].is_string()
                {
                    twice.push(format!("{key} after the step was published"));
                }
                seen.insert(place, text);
            }
        }
        twice
    }

    /// Names of all objects of a comparison but its records.
    pub fn leftovers(&self, name: &str) -> Vec<String> {
        let kinds = [
            "pods",
            "jobs.batch",
            "deployments.apps",
            "services",
            "serviceaccounts",
            "roles.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
            GRAPHS,
        ];
        let all = kinds.into_iter().flat_map(|kind| self.cluster.objects(kind));
        let ours = all.filter(|o| {
            has_label(o, labels::COMPARISON, name) || !o["metadata"]["labels"][bcmp::dynamo::GRAPH_LABEL].is_null()
        });
        ours.map(|o| format!("{} {}", o["kind"].as_str().unwrap_or("?"), meta(&o, "name"))).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn gpus_held(cluster: &Cluster) -> BTreeMap<String, u32> {
    let mut held = BTreeMap::new();
    for pod in cluster.list("pods") {
        let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let limits = &pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"];
        let gpus = limits.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        if gpus > 0 && !over && !pod["spec"]["nodeName"].is_null() {
            let of = |key: &str| pod["metadata"]["labels"][key].as_str().unwrap_or("?").to_owned();
            *held.entry(format!("{}/{}", of(labels::COMPARISON), of(labels::VARIANT))).or_insert(0) += gpus;
        }
    }
    held
}

pub fn condition<'a>(status: &'a BenchmarkComparisonStatus, kind: &str) -> (&'a str, &'a str) {
    let found = status.conditions.iter().find(|c| c.type_ == kind);
    found.map_or(("", ""), |c| (c.status.as_str(), c.reason.as_str()))
}

pub fn is_finished(status: &BenchmarkComparisonStatus, run: i64) -> bool {
    status.run.as_ref().is_some_and(|r| r.number == run) && condition(status, "Finished").0 == "True"
}

/// Few levels and one repetition: for tests in which the course matters and not the numbers.
pub fn small() -> Value {
    json!({"workload": {"concurrency": [1, 24]}, "load": {"decisionTrials": 1, "refinements": 0}, "judgement": {"failOn": []}})
}

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

fn operator(cluster: &Cluster, images: Images, scope: Scope, metrics: Metrics) -> impl Future<Output = ()> + use<> {
    let client = cluster.client();
    let context = Context::new(
        client,
        Arc::new(cluster.clock()),
        Settings { images },
        scope,
        Reporter { controller: "bcmp".into(), instance: None },
        metrics,
    );
    controller::run(Arc::new(context), std::future::pending())
}

// ---- agents ----------------------------------------------------------------------------------------------------------

async fn generate(pod: PodContext, predict: &(dyn Fn(&Plan) -> Configurations + Send + Sync)) -> i32 {
    tokio::time::sleep(seconds(12)).await;
    let Some(plan) = plan(&pod) else { return 1 };
    let document = serde_json::to_string(&predict(&plan)).expect("JSON");
    publish(&pod, configurations::KEY, &document);
    0
}

fn plan(pod: &PodContext) -> Option<Plan> {
    let run = pod.label(labels::RUN);
    let comparison = pod.label(labels::COMPARISON);
    let map = pod.cluster.objects("configmaps").into_iter().find(|map| {
        has_label(map, labels::COMPONENT, "plan")
            && has_label(map, labels::RUN, &run)
            && has_label(map, labels::COMPARISON, &comparison)
    })?;
    serde_json::from_str(map["data"][PLAN_KEY].as_str()?).ok()
}

/// The ConfigMap a pod publishes into.
fn output(pod: &PodContext) -> String {
    let arguments = pod.arguments("publish");
    let flag = arguments.iter().position(|a| a == "--config-map").expect("the sidecar names its ConfigMap");
    arguments[flag + 1].clone()
}

/// First write wins; an immutable or missing map takes nothing.
fn publish(pod: &PodContext, key: &str, text: &str) -> bool {
    let mut written = false;
    let done = pod.cluster.edit("configmaps", &pod.namespace(), &output(pod), |map| {
        if map["immutable"] != true && map["data"][key].is_null() {
            map["data"][key] = json!(text);
            written = true;
        }
    });
    done.is_some() && written
}

fn published(pod: &PodContext) -> Option<Ledger> {
    let map = pod.cluster.object("configmaps", &pod.namespace(), &output(pod))?;
    let entries = map["data"].as_object()?.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    Ledger::parse(entries).ok()
}

fn mark(pod: &PodContext) -> String {
    let mark = Mark { schema_version: SCHEMA_VERSION, pod_uid: pod.uid(), time: now(pod) };
    serde_json::to_string(&mark).expect("JSON")
}

fn now(pod: &PodContext) -> Timestamp {
    pod.cluster.now()
}

/// What the load agent does, without a tool: the real sweep over what is true.
async fn load(pod: PodContext) -> i32 {
    let (Some(plan), variant) = (plan(&pod), pod.label(labels::VARIANT)) else { return 1 };
    let deployment: u32 = pod.label(labels::DEPLOYMENT).parse().expect("a number");
    let arguments = pod.arguments("load");
    let round =
        arguments.iter().position(|a| a == "--round").map_or(1, |i| arguments[i + 1].parse().expect("a number"));
    let endpoint = plan.spec.variants.iter().any(|v| v.name == variant && v.source.endpoint.is_some());
    while !endpoint && !serves(&pod, &variant, deployment) {
        tokio::time::sleep(seconds(2)).await;
    }
    publish(&pod, &serving_key(deployment), &mark(&pod));
    let configurations = truth::configurations(&plan.spec);
    let sweep = SweepPlan::new(&plan.spec, &configurations, &variant, round).expect("a sweep");
    loop {
        let Some(ledger) = published(&pod) else { return 1 };
        let NextStep::Run(step) = next(&sweep, &ledger.records) else { return 0 };
        let nth = ledger.starts.get(&step.key()).map_or(0, Vec::len) + 1;
        publish(&pod, &started_key(&step, nth), &mark(&pod));
        let start = now(&pod);
        tokio::time::sleep(LEVEL).await;
        let record = truth::record(&plan.spec, &variant, step.clone(), deployment, &pod.uid(), start, now(&pod));
        publish(&pod, &step.key(), &serde_json::to_string(&record).expect("JSON"));
    }
}

/// All server pods of a deployment are ready.
fn serves(pod: &PodContext, variant: &str, deployment: u32) -> bool {
    let (comparison, deployment) = (pod.label(labels::COMPARISON), deployment.to_string());
    let servers: Vec<Value> = pod
        .cluster
        .objects("pods")
        .into_iter()
        .filter(|p| {
            has_label(p, labels::COMPARISON, &comparison)
                && has_label(p, labels::VARIANT, variant)
                && has_label(p, labels::DEPLOYMENT, &deployment)
                && has_label(p, labels::COMPONENT, "server")
        })
        .collect();
    let ready = |p: &Value| {
        let conditions = p["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    !servers.is_empty() && servers.iter().all(ready)
}
