//! What the agents' pods do in a lab: they predict and measure what a test makes true.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::seconds;
use crate::api::labels;
use crate::manifests::agent_contract::PLAN_KEY;
use crate::measurement::ledger::{Ledger, Mark, serving_key, started_key};
use crate::measurement::record::SCHEMA_VERSION;
use crate::plan::Plan;
use crate::prediction::configurations::{self, Configurations};
use crate::simulation::actors::{PodContext, has_label};
use crate::simulation::broken::OrBroken;
use crate::simulation::truth;
use crate::sweep::{Next, VariantSweep};

/// How long a trial takes.
const TRIAL: Duration = Duration::from_secs(30);

/// What the generating agent does: it predicts as the test says.
pub(super) async fn generate(pod: PodContext, predict: &(dyn Fn(&Plan) -> Configurations + Send + Sync)) -> i32 {
    tokio::time::sleep(seconds(12)).await;
    let Some(plan) = plan(&pod) else { return 1 };
    let document = serde_json::to_string(&predict(&plan)).or_broken("as JSON");
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
    let flag = arguments.iter().position(|a| a == "--config-map").or_broken("the sidecar names no ConfigMap");
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
    serde_json::to_string(&mark).or_broken("as JSON")
}

fn now(pod: &PodContext) -> Timestamp {
    pod.cluster.now()
}

/// What the load agent does, without a tool: the real sweep over what is true.
pub(super) async fn load(pod: PodContext) -> i32 {
    let (Some(plan), variant) = (plan(&pod), pod.label(labels::VARIANT)) else { return 1 };
    let deployment: u32 = pod.label(labels::DEPLOYMENT).parse().or_broken("an argument of the load agent");
    let arguments = pod.arguments("load");
    let round = arguments
        .iter()
        .position(|a| a == "--round")
        .map_or(1, |i| arguments[i + 1].parse().or_broken("an argument of the load agent"));
    let endpoint = plan.spec.variants.iter().any(|v| v.name == variant && v.source.endpoint.is_some());
    while !endpoint && !serves(&pod, &variant, deployment) {
        tokio::time::sleep(seconds(2)).await;
    }
    publish(&pod, &serving_key(deployment), &mark(&pod));
    let configurations = truth::configurations(&plan.spec);
    let sweep = VariantSweep::new(&plan.spec, &configurations, &variant, round).or_broken("the sweep");
    loop {
        let Some(ledger) = published(&pod) else { return 1 };
        let Next::Run(trial) = sweep.next(&ledger.records, deployment) else { return 0 };
        let name = trial.key.to_string();
        let nth = ledger.starts.get(&name).map_or(0, Vec::len) + 1;
        publish(&pod, &started_key(&trial.key, nth), &mark(&pod));
        let start = now(&pod);
        tokio::time::sleep(TRIAL).await;
        let record = truth::record(&plan.spec, &variant, trial, deployment, &pod.uid(), start, now(&pod));
        publish(&pod, &name, &serde_json::to_string(&record).or_broken("as JSON"));
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
