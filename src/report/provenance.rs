//! Where a report's figures come from, and how to get them again.

use std::collections::BTreeSet;

use serde_json::json;

use super::format::duration;
use super::labels;
use super::model::{Report, ReportVariant};
use super::sentences;
use crate::api::{Deployed, GROUP, GpuSeconds, KIND, VERSION};
use crate::prediction::PredictionOrigin;

/// What is known of a thing: (name, value), only what is there.
struct NamedValues<N>(Vec<(N, String)>);

impl<N> NamedValues<N> {
    fn add(&mut self, name: N, value: Option<String>) {
        self.0.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
    }
}

/// What everything was made with.
pub fn facts(report: &Report) -> Vec<(String, String)> {
    let mut facts = NamedValues(vec![]);
    let spec = &report.spec;
    let images = report.provenance.images.as_ref();
    let mut add = |name: &str, value| facts.add(name.to_owned(), value);
    add("Hardware", Some(sentences::hardware(report)));
    add("Runtime", spec.runtime.image.as_ref().map(|image| format!("{} {image}", spec.runtime.backend.as_str())));
    add("Predictor", Some(predictors(report)));
    add("Predictor image", images.map(|images| images.predictor.clone()));
    add("Load tool", Some(load_tools(report)));
    add("Load tool image", images.map(|images| images.load.clone()));
    add("Agent image", images.map(|images| images.agent.clone()));
    if let Some(run) = &report.run {
        let times = [("queued", Some(&run.queued_time)), ("started", run.start_time.as_ref())];
        let times = times.iter().filter_map(|(what, time)| Some(format!("{what} {:.0}", time.as_ref()?.0)));
        add("Run", Some(format!("{}, {}", run.number, times.collect::<Vec<_>>().join(", "))));
        let reason = run.mode_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        add("Mode", run.mode.map(|mode| format!("{}{reason}", labels::mode(mode))));
        add("Hash of the inputs", Some(run.inputs_hash.clone()));
    }
    add("Measured", measured_between(report));
    add("GPU time held", report.gpu_seconds.as_ref().map(|seconds| gpu_hours(seconds.held)));
    add("GPU time measuring", report.gpu_seconds.as_ref().map(|seconds| gpu_hours(seconds.measuring)));
    add("GPU time idle", report.gpu_seconds.as_ref().map(idle));
    add("Prompt seeds", Some(seeds(report)));
    facts.0
}

/// Time in which an engine served and no trial ran, and its share of the time held.
fn idle(seconds: &GpuSeconds) -> String {
    let share = 100.0 * seconds.idle as f64 / seconds.held as f64;
    let share = Some(share).filter(|share| share.is_finite()).map(|share| format!(", {share:.1} % of what is held"));
    gpu_hours(seconds.idle) + &share.unwrap_or_default()
}

/// What is known of one variant beyond its figures.
pub fn deployed(report: &Report, variant: &ReportVariant) -> Vec<(&'static str, String)> {
    let mut facts = NamedValues(vec![]);
    let spec = report.spec.variants.iter().find(|spec| spec.name == variant.name);
    facts.add("Configuration", spec.map(|spec| labels::source(&spec.source)));
    let assumed = || format!("unknown; {} assumed (hardware.gpusPerVariant)", report.gpus(variant));
    facts.add("GPUs held", Some(variant.gpus.map_or_else(assumed, |gpus| gpus.to_string())));
    if let Some(deployed) = &variant.deployed {
        shape(deployed, &mut facts);
    }
    facts.add("Deployed", (!variant.deployments.is_empty()).then(|| deployments(variant)));
    facts.0
}

fn shape(deployed: &Deployed, facts: &mut NamedValues<&'static str>) {
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let engines = deployed.tensor_parallel.map(|tp| {
        let pp = deployed.pipeline_parallel.filter(|pp| *pp > 1).map(|pp| format!(" PP{pp}")).unwrap_or_default();
        format!("{} × TP{tp}{pp}", deployed.replicas.unwrap_or(1))
    });
    facts.add("Serving", deployed.serving_mode.clone());
    facts.add("Engines", engines);
    facts.add("Maximum batch size", number(deployed.max_batch_size));
    facts.add("Maximum tokens per step", number(deployed.max_num_tokens));
    facts.add("Weights", deployed.weights.clone());
    facts.add("KV cache", deployed.kv_cache.clone());
    facts.add("Image", deployed.image.clone());
    facts.add("Image digest", deployed.image_id.clone());
    facts.add("Earlier image digests", Some(deployed.earlier_image_ids.join(", ")));
    facts.add("Nodes", Some(deployed.nodes.join(", ")));
    facts.add("GPU products", Some(deployed.gpu_products.join(", ")));
}

fn deployments(variant: &ReportVariant) -> String {
    let each = variant.deployments.iter().map(|d| {
        let ready = d.serving.as_ref().map(|serving| (serving.0.as_second() - d.created.0.as_second()).max(0));
        let ready = ready.map(|seconds| format!(", first answer after {}", duration(seconds))).unwrap_or_default();
        format!("{:.0}{ready}", d.created.0)
    });
    each.collect::<Vec<_>>().join("; ")
}

fn origin(origin: &PredictionOrigin) -> String {
    let database = origin.database().map(|database| format!(", database {database}"));
    format!("{}{}", origin.tool, database.unwrap_or_default())
}

/// The predictors of estimates, and those whose claims were given.
fn predictors(report: &Report) -> String {
    let predictions = || report.predictions.values();
    let claims = predictions().filter_map(|prediction| prediction.claim.as_ref()?.predictor);
    let given = claims.map(|predictor| format!("{} (claims in files)", predictor.as_str()));
    listed(predictions().filter_map(|prediction| prediction.origin.as_ref()).map(origin).chain(given))
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
    Some(format!("{first:.0} to {last:.0}, {} trials", records().count()))
}

fn gpu_hours(seconds: i64) -> String {
    format!("{:.2} GPU-hours", seconds as f64 / 3600.0)
}

fn seeds(report: &Report) -> String {
    let used: BTreeSet<u64> = report.records.values().flatten().map(|record| record.trial.seed).collect();
    let seed = report.spec.load.seed;
    match (used.first(), used.last()) {
        (Some(first), Some(last)) => format!("{first} to {last}, the same for all variants (load.seed {seed})"),
        _ => format!("from load.seed {seed}"),
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
