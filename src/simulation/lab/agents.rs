//! What the agents' pods do in a lab: they predict and measure what its reality says.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Clocks, seconds};
use crate::agent::next_move::{Move, next_move};
use crate::agent::record;
use crate::api::labels;
use crate::manifests::agent_contract::PLAN_KEY;
use crate::measurement::ledger::{Ledger, Mark, serving_key, started_key};
use crate::measurement::record::{SCHEMA_VERSION, TrialRecord};
use crate::plan::Plan;
use crate::prediction::configurations::{self, Configurations};
use crate::simulation::actors::{PodContext, PodScript, has_label};
use crate::simulation::api_server::meta;
use crate::simulation::broken::OrBroken;
use crate::simulation::reality::{PendingTrial, Ran, Reality};
use crate::sweep::VariantSweep;

/// What a pod of the agent does.
pub(super) fn script(pod: &Value, reality: &Arc<dyn Reality>, clocks: &Clocks) -> Option<PodScript> {
    let (reality, clocks) = (reality.clone(), clocks.clone());
    if has_label(pod, labels::COMPONENT, "generate") {
        return Some(PodScript::run(move |pod| {
            let reality = reality.clone();
            async move { generate(pod, &*reality).await }
        }));
    }
    has_label(pod, labels::COMPONENT, "load").then(|| {
        PodScript::run(move |pod| {
            let (reality, clocks) = (reality.clone(), clocks.clone());
            async move { load(pod, &*reality, &clocks).await }
        })
    })
}

/// What the generating agent does.
async fn generate(pod: PodContext, reality: &dyn Reality) -> i32 {
    tokio::time::sleep(seconds(12)).await;
    let Some(plan) = plan(&pod) else { return 1 };
    let document = serde_json::to_string(&reality.configurations(&plan)).or_broken("as JSON");
    publish(&pod, configurations::KEY, &document);
    0
}

fn plan(pod: &PodContext) -> Option<Plan> {
    serde_json::from_str(map_of(pod, "plan")?["data"][PLAN_KEY].as_str()?).ok()
}

/// What was generated for the run.
fn generated(pod: &PodContext) -> Option<Configurations> {
    serde_json::from_str(map_of(pod, "configurations")?["data"][configurations::KEY].as_str()?).ok()
}

/// A ConfigMap of the pod's run.
fn map_of(pod: &PodContext, component: &str) -> Option<Value> {
    let run = pod.label(labels::RUN);
    let comparison = pod.label(labels::COMPARISON);
    let maps = pod.cluster.list("configmaps");
    let of_run = |map: &&Arc<Value>| {
        has_label(map, labels::COMPONENT, component)
            && has_label(map, labels::RUN, &run)
            && has_label(map, labels::COMPARISON, &comparison)
            && meta(map, "namespace") == pod.namespace()
    };
    maps.iter().find(of_run).map(|map| (**map).clone())
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

fn mark(pod: &PodContext, deployment: u32, time: Timestamp) -> String {
    let mark = Mark { schema_version: SCHEMA_VERSION, deployment, pod_uid: pod.uid(), time };
    serde_json::to_string(&mark).or_broken("as JSON")
}

/// What the load agent does, without a tool: the real sweep over what is true.
async fn load(pod: PodContext, reality: &dyn Reality, clocks: &Clocks) -> i32 {
    let now = || clocks.agents(&pod.cluster);
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
    publish(&pod, &serving_key(deployment), &mark(&pod, deployment, now()));
    let Some(configurations) = generated(&pod) else { return 1 };
    let sweep = VariantSweep::new(&plan.spec, &configurations, &variant, round).or_broken("the sweep");
    loop {
        let Some(ledger) = published(&pod) else { return 1 };
        let start = now();
        let (trial, measurement, findings) =
            match next_move(sweep.next(&ledger.records, deployment), &ledger, deployment) {
                Move::Finish => return 0,
                Move::GiveUp(_) | Move::Contradiction(_) => return 1,
                Move::RecordLost { trial, last_start } => (trial, None, vec![record::lost(&last_start)]),
                Move::Run { trial, unfinished, .. } => {
                    publish(&pod, &started_key(&trial.key, unfinished.len() + 1), &mark(&pod, deployment, start));
                    let (plan, configurations) = (&plan, &configurations);
                    let load = PendingTrial { plan, configurations, variant: &variant, deployment, trial };
                    let Ran { measurement, mut findings, took } = reality.run(&load);
                    tokio::time::sleep(took).await;
                    findings.extend(unfinished.last().map(record::replaced));
                    (trial, measurement, findings)
                }
            };
        let record = TrialRecord {
            schema_version: SCHEMA_VERSION,
            trial,
            deployment,
            pod_uid: pod.uid(),
            start_time: start,
            completion_time: now(),
            measurement,
            findings,
        };
        publish(&pod, &trial.key.to_string(), &serde_json::to_string(&record).or_broken("as JSON"));
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
