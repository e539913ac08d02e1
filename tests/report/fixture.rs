//! Simulated comparisons: the real sweep and the real judgement over made-up servers.

use bcmp::api::{BenchmarkComparisonSpec, GpuSeconds, Mode, Run, Settled, VariantStatus};
use bcmp::judgement::rounds::TrialOrigin;
use bcmp::measurement::Distribution;
use bcmp::measurement::record::TrialRecord;
use bcmp::plan::Images;
use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use bcmp::prediction::{Prediction, PredictionOrigin};
use bcmp::report::{Report, ReportSubject};
use bcmp::sweep::{Next, VariantSweep};
use bcmp::units::{Milliseconds, TokensPerSecond};
use bcmp::verdict::rows::{rows, write_rows};
use bcmp::verdict::{Judged, RunProgress, Stored, evidence};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use bcmp::simulation::truth;

const ROUNDS: u32 = 2;
pub const NOTE: &str = "The figures are simulated. No GPU was measured: this page shows what a report looks like.";

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// The guide's comparison.
pub fn spec() -> BenchmarkComparisonSpec {
    serde_json::from_value(json!({
        "model": {"name": "Qwen/Qwen3-32B"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": 8, "gpuHourlyCost": "2.5"},
        "workload": {"inputTokens": 4000, "outputTokens": 500, "concurrency": [1, 2, 5, 10, 25, 50, 100]},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 20},
        "runtime": {"image": "registry.example/runtime:1.3.0"},
    }))
    .unwrap()
}

/// What is measured is not quite what was predicted, and no trial is like another.
fn disturbed(mut record: TrialRecord, tpot: f64, ttft: f64) -> TrialRecord {
    let turn = f64::from(u32::try_from(record.trial.seed % 7).unwrap()) - 3.0;
    let scatter = 1.0 + 0.006 * turn;
    let measurement = record.measurement.as_mut().unwrap();
    let scaled = |of: Distribution, factor: f64| {
        let by = |value: Milliseconds, more: f64| Milliseconds::new(value.get() * factor * more).unwrap();
        Distribution {
            mean: by(of.mean, 1.0),
            p50: of.p50.map(|value| by(value, 0.98)),
            p90: of.p90.map(|value| by(value, 1.07)),
            p95: of.p95.map(|value| by(value, 1.12)),
            p99: of.p99.map(|value| by(value, 1.24)),
        }
    };
    measurement.ttft = measurement.ttft.map(|of| scaled(of, ttft * scatter));
    measurement.tpot = measurement.tpot.map(|of| scaled(of, tpot * scatter));
    measurement.output_tokens_per_second =
        measurement.output_tokens_per_second.map(|of| TokensPerSecond::new(of.get() / tpot / scatter).unwrap());
    measurement.requests_per_second = measurement
        .requests_per_second
        .map(|of| bcmp::units::RequestsPerSecond::new(of.get() / tpot / scatter).unwrap());
    record
}

/// Everything the sweep asks for in two rounds, as the load agent would measure it.
pub fn swept(spec: &BenchmarkComparisonSpec, configurations: &Configurations, variant: &str) -> Vec<TrialRecord> {
    let (tpot, ttft) = if variant == "baseline" { (1.02, 0.9) } else { (1.06, 0.8) };
    let mut records: Vec<TrialRecord> = vec![];
    for round in 1..=ROUNDS {
        let sweep = VariantSweep::new(spec, configurations, variant, round).unwrap();
        while let Next::Run(trial) = sweep.next(&records, round) {
            let begin = after(600 + 90 * i64::try_from(records.len()).unwrap());
            let end = begin + SignedDuration::from_secs(80);
            let record = truth::record(spec, variant, trial, round, "5d1f", begin, end);
            records.push(disturbed(record, tpot, ttft));
        }
    }
    records
}

fn prediction(configurations: &Configurations, variant: &str) -> Option<Prediction> {
    let found = configurations.variants.iter().find(|c| c.variant == variant)?;
    let GenerationOutcome::Ready(ready) = &found.outcome else { return None };
    let origin = PredictionOrigin {
        tool: "aiconfigurator 0.12.0".into(),
        database_version: Some("1.3.0rc20".into()),
        ..PredictionOrigin::default()
    };
    Some(Prediction { origin: Some(origin), ..ready.prediction.clone() })
}

/// Status of a variant before it is judged.
fn bare(variant: &bcmp::api::Variant) -> VariantStatus {
    let time = |seconds| after(seconds).to_string();
    let parallel = if variant.name == "baseline" { (1, 8) } else { (8, 1) };
    let beside: &[&str] = if variant.name == "baseline" { &[] } else { &["baseline"] };
    let deployment = |round: u32| {
        json!({"number": round, "round": round, "created": time(60), "scheduled": time(65), "beside": beside, "serving": time(590),
               "measured": time(3000), "teardown": time(3001), "gone": time(3030)})
    };
    serde_json::from_value(json!({
        "name": variant.name, "role": variant.role, "phase": "Done", "gpus": 8,
        "deployed": {
            "kind": "DynamoGraphDeployment", "name": format!("qwen3-r1-{}-d1", variant.name), "servingMode": "aggregated",
            "tensorParallel": parallel.0, "pipelineParallel": 1, "replicas": parallel.1, "maxBatchSize": 64,
            "maxNumTokens": 8192, "image": "registry.example/runtime:1.3.0",
            "imageId": format!("registry.example/runtime@sha256:{}", "4f".repeat(32)), "nodes": ["node-0"],
            "gpuProducts": ["NVIDIA-H200"],
        },
        "deployments": (1..=ROUNDS).map(deployment).collect::<Vec<_>>(),
    }))
    .unwrap()
}

/// What is stored of a variant, to be spoilt.
pub struct Kept {
    pub name: String,
    pub prediction: Option<Prediction>,
    pub records: Vec<TrialRecord>,
}

/// A judged report of some records.
pub fn judged(spec: &BenchmarkComparisonSpec, spoil: impl Fn(&mut Kept)) -> Report {
    let configurations = truth::configurations(spec);
    let kept = spec.variants.iter().map(|variant| {
        let mut kept = Kept {
            name: variant.name.clone(),
            prediction: prediction(&configurations, &variant.name),
            records: swept(spec, &configurations, &variant.name),
        };
        spoil(&mut kept);
        kept
    });
    let kept: Vec<Kept> = kept.collect();
    let mut variants: Vec<VariantStatus> = spec.variants.iter().map(bare).collect();
    let stored = |name: &str| {
        let of = kept.iter().find(|kept| kept.name == name).unwrap();
        Stored { prediction: of.prediction.as_ref(), records: &of.records, failure: None }
    };
    let progress = RunProgress { rounds: ROUNDS, budget_spent: false, origin: TrialOrigin::Sweep };
    let judged = Judged::from(evidence(spec, &variants, stored, progress).unwrap());
    write_rows(rows(&judged, true), &mut variants);
    let subject = ReportSubject { namespace: Some("default".into()), name: "qwen3-32b-h200".into() };
    let mut report = Report::new(subject, spec.clone(), &judged, variants, true);
    report.run = Some(run());
    report.gpu_seconds = Some(GpuSeconds { held: 48_400, measuring: 38_560, idle: 1_200 });
    let image = |name: &str| format!("registry.example/{name}:0.1.0");
    report.provenance.images =
        Some(Images { agent: image("bcmp"), predictor: image("bcmp-tools"), load: image("bcmp-tools") });
    report.provenance.load_tool = Some("aiperf 0.13.0".into());
    let maps = ["plan", "configurations", "results of baseline", "results of optimized"];
    report.provenance.config_maps = maps
        .iter()
        .map(|what| ((*what).to_owned(), format!("qwen3-32b-h200-r1-{}", what.replace("results of ", "") + "-x")))
        .collect();
    report
}

fn run() -> Run {
    Run {
        number: 1,
        inputs_hash: "v1:90aa23648aac7917a81e7f020f824675".into(),
        plan_hash: Some("v1:2f7c5d0b1e6a49c8933b6a1df0e2c754".into()),
        configurations_hash: Some("v1:c41b7e9a5d2f4086b3e1750c9d8f6a23".into()),
        queued_time: Time(start()),
        generated_time: Some(Time(after(45))),
        paused: None,
        start_time: Some(Time(after(50))),
        completion_time: None,
        mode: Some(Mode::Sequential),
        mode_reason: Some("execution.mode is Sequential".into()),
        settled: Some(Settled {
            rounds: ROUNDS,
            budget_gpu_hours: None,
            maximum_rounds: None,
            time: Time(after(3000)),
        }),
        ended: None,
    }
}

/// The guide's comparison, with one level the client spoilt.
pub fn simulated() -> Report {
    let mut report = judged(&spec(), |kept| {
        for record in &mut kept.records {
            let measurement = record.measurement.as_mut().unwrap();
            if kept.name == "baseline" && record.trial.key.concurrency == 100 {
                measurement.facts.client_wait_percent = Some(12.5);
            }
            if record.trial.key.concurrency == 2 {
                measurement.facts.unsteadiness_percent = Some(11.2);
            }
        }
    });
    report.note = Some(NOTE.into());
    report
}

/// The report with other fields.
pub fn edited(report: &Report, change: impl FnOnce(&mut Value)) -> Report {
    let mut value = serde_json::to_value(report).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}
