//! The comparison that is changed: it has every field of the spec and every kind of source, and comes to a verdict as it is.

use bcmp::simulation::lab::Lab;
use serde_json::{Value, json};

use crate::full::{full, set};

pub const NAME: &str = "full";

/// Every field, with values with which a run is short.
pub fn base() -> Value {
    let mut object = full();
    // Its request would have to be there, which is Dynamo's matter; the field itself is tried in the others.
    if let Some(variants) = object["spec"]["variants"].as_array_mut() {
        variants.retain(|variant| variant["name"] != "requested");
        // Nor are there files of a claim that is for this endpoint: tests/lifecycle/claims.rs has some that are for theirs.
        for variant in variants {
            variant.as_object_mut().map(|fields| fields.remove("claim"));
        }
    }
    object["metadata"]["namespace"] = json!("default");
    object["metadata"]["annotations"] = json!({"bcmp.dev/run-requested": "first"});
    for (place, value) in [
        ("/spec/suspend", json!(false)),
        ("/spec/workload/concurrency", json!([1, 4])),
        ("/spec/sla/ttft/milliseconds", json!(500)),
        ("/spec/sla/tpot/milliseconds", json!("20.5")),
        ("/spec/execution/start", json!("Automatic")),
        ("/spec/execution/until", json!("Verdict")),
        ("/spec/execution/onChange", json!("Supersede")),
        ("/spec/execution/mode", json!("Sequential")),
        ("/spec/execution/onVariantFailure", json!("Continue")),
        ("/spec/execution/rounds/maximum", json!(1)),
        ("/spec/execution/budget/gpuHours", json!("2400")),
        ("/spec/load/decisionTrials", json!(1)),
        ("/spec/load/refinements", json!(0)),
        ("/spec/judgement/failOn", json!(["Inconclusive"])),
    ] {
        set(&mut object, place, value);
    }
    object
}

/// A cluster in which the base runs.
pub fn lab() -> Lab {
    let lab = Lab::new(&[8]);
    lab.cluster.edit("nodes", "", "node-0", |node| node["metadata"]["labels"]["a"] = json!("b"));
    lab.cluster.put(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "manifests", "namespace": "default"},
        "data": {"all.yaml": "kind: Deployment"}}),
    );
    for (kind, name) in [
        ("PersistentVolumeClaim", "cache"),
        ("PersistentVolumeClaim", "results"),
        ("Secret", "hf-token"),
        ("Secret", "pull"),
    ] {
        let metadata = json!({"name": name, "namespace": "default"});
        lab.cluster.put(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}));
    }
    lab
}
