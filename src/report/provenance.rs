//! Where a report's figures come from, and how to get them again.

use std::collections::BTreeSet;

use serde_json::json;

use super::model::Report;
use super::words::{self, duration};
use crate::api::{GROUP, KIND, VERSION, VariantStatus};

/// What everything was made with: (what, value).
pub fn facts(report: &Report) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = vec![];
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((what.into(), value));
        }
    };
    let spec = &report.spec;
    let images = report.provenance.images.as_ref();
    add(
        "Hardware",
        Some(format!("{}, {} GPUs for each variant", spec.hardware.system, spec.hardware.gpus_per_variant)),
    );
    add("Runtime", spec.runtime.image.as_ref().map(|image| format!("{} {image}", spec.runtime.backend.as_str())));
    add("Predictor", Some(listed(report.predictions.values().filter_map(|p| p.origin.as_ref()).map(origin))));
    add("Predictor's image", images.map(|images| images.predictor.clone()));
    add("Load tool", Some(load_tools(report)));
    add("Load tool's image", images.map(|images| images.load.clone()));
    add("Agent's image", images.map(|images| images.agent.clone()));
    if let Some(run) = &report.run {
        let times = [("queued", Some(&run.queued_time)), ("started", run.start_time.as_ref())];
        let times = times.iter().filter_map(|(what, time)| Some(format!("{what} {}", time.as_ref()?.0)));
        add("Run", Some(format!("{}, {}", run.number, times.collect::<Vec<_>>().join(", "))));
        let mode = run.mode.map(|mode| mode.to_string());
        let reason = run.mode_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        add("Mode", mode.map(|mode| format!("{mode}{reason}")));
        add("Hash of what was measured", Some(run.inputs_hash.clone()));
    }
    add("Measured", measured_between(report));
    add("GPU time held", report.gpu_seconds.as_ref().map(|seconds| gpu_time(seconds.held)));
    add("GPU time measuring", report.gpu_seconds.as_ref().map(|seconds| gpu_time(seconds.measuring)));
    add("Seeds of the prompts", Some(seeds(report)));
    facts
}

/// What is known of one variant beyond its figures: (what, value).
pub fn deployed(report: &Report, variant: &VariantStatus) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = vec![];
    let mut add = |what, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((what, value));
        }
    };
    let spec = report.spec.variants.iter().find(|spec| spec.name == variant.name);
    add("Configuration", spec.map(|spec| words::source(&spec.source)));
    let assumed = || format!("not known; {} assumed, hardware.gpusPerVariant", report.gpus(variant));
    add("GPUs held", Some(variant.gpus.map_or_else(assumed, |gpus| gpus.to_string())));
    if let Some(deployed) = &variant.deployed {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let parallel = deployed.tensor_parallel.map(|tp| {
            let replicas = deployed.replicas.unwrap_or(1);
            let pp = deployed.pipeline_parallel.filter(|pp| *pp > 1).map(|pp| format!(" PP{pp}")).unwrap_or_default();
            format!("{} × TP{tp}{pp}", replicas)
        });
        add("Serving", deployed.serving_mode.clone());
        add("Engines", parallel);
        add("Batch size at most", number(deployed.max_batch_size));
        add("Tokens in a step at most", number(deployed.max_num_tokens));
        add("Weights", deployed.weights.clone());
        add("KV cache", deployed.kv_cache.clone());
        add("Image", deployed.image.clone());
        add("Image as resolved", deployed.image_id.clone());
        add("Image as resolved earlier", Some(deployed.earlier_image_ids.join(", ")));
        add("Nodes", Some(deployed.nodes.join(", ")));
        add("GPUs of the nodes", Some(deployed.gpu_products.join(", ")));
    }
    add("Deployed", (!variant.deployments.is_empty()).then(|| deployments(variant)));
    facts
}

fn deployments(variant: &VariantStatus) -> String {
    let each = variant.deployments.iter().map(|d| {
        let ready = d.serving.as_ref().map(|serving| (serving.0.as_second() - d.created.0.as_second()).max(0));
        let ready = ready.map(|seconds| format!(", served after {}", duration(seconds))).unwrap_or_default();
        format!("{}{ready}", d.created.0)
    });
    each.collect::<Vec<_>>().join("; ")
}

fn origin(origin: &crate::prediction::PredictionOrigin) -> String {
    let database = origin.database().map(|database| format!(", database {database}"));
    format!("{}{}", origin.tool, database.unwrap_or_default())
}

fn load_tools(report: &Report) -> String {
    let records = report.records.values().flatten();
    let used = records.filter_map(|record| record.measurement.as_ref()).map(|measurement| measurement.tool.clone());
    listed(used.chain(report.provenance.load_tool.clone()))
}

fn listed(values: impl Iterator<Item = String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn measured_between(report: &Report) -> Option<String> {
    let records = || report.records.values().flatten();
    let first = records().map(|record| record.start_time).min()?;
    let last = records().map(|record| record.completion_time).max()?;
    Some(format!("{first} to {last}, {} runs of the load tool", records().count()))
}

fn gpu_time(seconds: i64) -> String {
    format!("{:.2} GPU-hours", seconds as f64 / 3600.0)
}

fn seeds(report: &Report) -> String {
    let used: BTreeSet<u64> = report.records.values().flatten().map(|record| record.step.seed).collect();
    match (used.first(), used.last()) {
        (Some(first), Some(last)) => {
            format!("{first} to {last}, the same for all variants (load.seed {})", report.spec.load.seed)
        }
        _ => format!("from load.seed {}", report.spec.load.seed),
    }
}

/// The comparison as it can be applied again.
pub fn manifest(report: &Report) -> String {
    let metadata = match &report.comparison.namespace {
        Some(namespace) => json!({"name": report.comparison.name, "namespace": namespace}),
        None => json!({"name": report.comparison.name}),
    };
    let object = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": KIND, "metadata": metadata, "spec": report.spec,
    });
    serde_saphyr::to_string(&object).unwrap_or_default()
}
