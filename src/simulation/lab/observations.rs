//! What tests ask a lab for.

use std::collections::BTreeMap;

use super::{GRAPHS, Lab};
use crate::api::{BenchmarkComparisonStatus, labels};
use crate::simulation::actors::has_label;
use crate::simulation::api_server::{Cluster, meta};
use crate::simulation::dynamo;

impl Lab {
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
                let again =
                    key.strip_prefix("started-").and_then(|rest| rest.rsplit_once('-')).filter(|(_, nth)| *nth != "1");
                let published = again.is_some_and(|(step, _)| map["data"][step].is_string());
                if published && !seen.contains_key(&place) {
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
            dynamo::COMPONENTS,
        ];
        let all = kinds.into_iter().flat_map(|kind| self.cluster.objects(kind));
        let ours = all.filter(|o| {
            has_label(o, labels::COMPARISON, name) || !o["metadata"]["labels"][crate::dynamo::GRAPH_LABEL].is_null()
        });
        ours.map(|o| format!("{} {}", o["kind"].as_str().unwrap_or("?"), meta(&o, "name"))).collect()
    }
}

/// Pods of a cluster that hold GPUs: variant → GPUs.
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

/// Status and reason of a condition, or nothing.
pub fn condition<'a>(status: &'a BenchmarkComparisonStatus, kind: &str) -> (&'a str, &'a str) {
    let found = status.conditions.iter().find(|c| c.type_ == kind);
    found.map_or(("", ""), |c| (c.status.as_str(), c.reason.as_str()))
}

pub fn is_finished(status: &BenchmarkComparisonStatus, run: i64) -> bool {
    status.run.as_ref().is_some_and(|r| r.number == run) && condition(status, "Finished").0 == "True"
}
