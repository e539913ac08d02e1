//! What is predicted and what is true in a lab: two shapes of one model, with latencies that grow with load.

use crate::api::{BenchmarkComparisonSpec, SourceKind};
use crate::measurement::counted::{CountedRequests, LimitRatios, OverLimit};
use crate::measurement::record::{SCHEMA_VERSION, TrialPlan, TrialRecord};
use crate::measurement::{Distribution, Facts, Measurement};
use crate::method::sla::SlaLimits;
use crate::plan::Plan;
use crate::prediction::configurations::{self, Configuration, Configurations, GenerationOutcome, Ready};
use crate::prediction::{
    Burst, Curve, CurvePoint, OperatingPoint, PredictedClaim, Prediction, Serving, Shape, Workers,
};
use crate::simulation::broken::OrBroken;
use crate::simulation::reality::{PendingTrial, Ran, Reality};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

const OUTPUT_TOKENS: u32 = 500;

/// Replicas and GPUs of each.
fn shape_of(kind: SourceKind) -> (u32, u32) {
    match kind {
        SourceKind::Naive | SourceKind::Manifests => (8, 1),
        SourceKind::Recommended | SourceKind::Endpoint => (1, 8),
    }
}

fn milliseconds(value: f64) -> Milliseconds {
    Milliseconds::new(value).or_broken("a latency")
}

/// One replica with `concurrency` requests: more GPUs are faster, more requests are slower.
fn replica(tensor_parallel: u32, concurrency: u32) -> CurvePoint {
    let tpot = 4.0 + 12.0 / f64::from(tensor_parallel) + 0.5 * f64::from(concurrency - 1);
    let ttft = 60.0 + 240.0 / f64::from(tensor_parallel) + 5.0 * f64::from(concurrency);
    let latency = ttft + tpot * f64::from(OUTPUT_TOKENS - 1);
    CurvePoint {
        concurrency,
        ttft: milliseconds(ttft),
        tpot: milliseconds(tpot),
        request_rate: RequestsPerSecond::new(f64::from(concurrency) * 1000.0 / latency).or_broken("a request rate"),
    }
}

fn curve(kind: SourceKind) -> Curve {
    let (replicas, tensor_parallel) = shape_of(kind);
    let points = (1..=64).map(|concurrency| replica(tensor_parallel, concurrency)).collect();
    Curve::new(points, replicas, 8, OUTPUT_TOKENS).or_broken("a curve").with_burst(Burst::Steady)
}

fn graph(kind: SourceKind) -> Value {
    let (replicas, gpus) = shape_of(kind);
    let image = "registry.example/runtime:1.3.0";
    let worker = json!({
        "image": image, "command": ["python3", "-m", "dynamo.trtllm"],
        "args": ["--tensor-parallel-size", gpus.to_string(), "--max-batch-size", "64", "--max-num-tokens", "8192"],
    });
    json!({
        "apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "agg"},
        "spec": {"services": {
            "Frontend": {"componentType": "frontend", "replicas": 1, "extraPodSpec": {"mainContainer": {"image": image}}},
            "TRTLLMWorker": {
                "componentType": "worker", "replicas": replicas, "extraPodSpec": {"mainContainer": worker},
                "resources": {"limits": {"gpu": gpus.to_string()}},
            },
        }},
    })
}

/// What generation says of the variants of a spec.
pub fn configurations(spec: &BenchmarkComparisonSpec) -> Configurations {
    let variants = spec.variants.iter().map(|variant| {
        let kind = variant.source.kind;
        let (replicas, tensor_parallel) = shape_of(kind);
        let curve = curve(kind);
        let claim = (kind == SourceKind::Recommended).then(|| PredictedClaim {
            concurrency: 12,
            point: curve.at(12).or_broken("twelve requests are beyond the curve").point,
            advertised_tokens_per_second_per_gpu: None,
            predictor: None,
        });
        let workers = Workers {
            tensor_parallel,
            pipeline_parallel: 1,
            data_parallel: 1,
            context_parallel: 1,
            moe_tensor_parallel: None,
            moe_expert_parallel: None,
            replicas,
            max_batch_size: Some(64),
            max_num_tokens: Some(8192),
            chunked_prefill: false,
            kv_cache_fraction: None,
        };
        let shape = Shape {
            serving: Serving::Aggregated { workers },
            gpus: 8,
            weights: None,
            kv_cache: None,
            image: Some("registry.example/runtime:1.3.0".into()),
            speculation: None,
            prefix_caching: None,
            context_length: None,
        };
        let objects = if kind == SourceKind::Endpoint { vec![] } else { vec![graph(kind)] };
        let is_generated = matches!(kind, SourceKind::Naive | SourceKind::Recommended);
        let generated = is_generated.then(|| graph(kind).to_string());
        let prediction = Prediction { claim, curve: Some(curve), findings: vec![], origin: None };
        Configuration {
            variant: variant.name.clone(),
            outcome: GenerationOutcome::Ready(Box::new(Ready { objects, generated, shape: Some(shape), prediction })),
        }
    });
    Configurations {
        schema_version: configurations::SCHEMA_VERSION,
        load_tool: Some("aiperf 0.13.0".into()),
        variants: variants.collect(),
    }
}

/// How long a trial takes.
const TRIAL: Duration = Duration::from_secs(30);

/// Generation answers as it is told to, and trials show what [`record`] says.
pub struct Formula<P>(pub P);

impl<P: Fn(&Plan) -> Configurations + Send + Sync> Reality for Formula<P> {
    fn configurations(&self, plan: &Plan) -> Configurations {
        (self.0)(plan)
    }

    fn run(&self, load: &PendingTrial<'_>) -> Ran {
        let measurement = measured(&load.plan.spec, load.variant, &load.trial);
        Ran { measurement: Some(measurement), findings: vec![], took: TRIAL }
    }
}

/// A clean trial: what is true is what is predicted, and a little noise that depends on the trial alone.
pub fn record(
    spec: &BenchmarkComparisonSpec,
    variant: &str,
    trial: TrialPlan,
    deployment: u32,
    pod_uid: &str,
    start_time: Timestamp,
    completion_time: Timestamp,
) -> TrialRecord {
    let measurement = measured(spec, variant, &trial);
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        trial,
        deployment,
        pod_uid: pod_uid.into(),
        start_time,
        completion_time,
        measurement: Some(measurement),
        findings: vec![],
    }
}

fn measured(spec: &BenchmarkComparisonSpec, variant: &str, trial: &TrialPlan) -> Measurement {
    let kind = spec.variants.iter().find(|v| v.name == variant).or_broken("no such variant").source.kind;
    let noise = 1.0 + 0.004 * (trial.seed % 5) as f64 - 0.008;
    let point = curve(kind).at(trial.key.concurrency).or_broken("the level is beyond the curve").point;
    measurement(trial, &point, noise, spec)
}

fn measurement(trial: &TrialPlan, point: &OperatingPoint, noise: f64, spec: &BenchmarkComparisonSpec) -> Measurement {
    let flat = |value: f64| Distribution::constant(milliseconds(value));
    let (ttft, tpot) = (point.ttft.get() * noise, point.tpot.get() * noise);
    let tokens = point.tokens_per_second_per_gpu.get() * 8.0 / noise;
    let limits = SlaLimits::from_spec(&spec.sla).or_broken("the SLA").of_requests();
    let counted = trial.requests.saturating_sub(trial.key.concurrency.saturating_mul(2));
    // Requests are all alike: all exceed a limit, or none does.
    let over = |exceeds: bool| if exceeds { counted } else { 0 };
    let (slow_start, slow_tokens) = (ttft > limits.ttft.get(), tpot > limits.tpot.get());
    let over = OverLimit {
        ttft: over(slow_start),
        tpot: over(slow_tokens),
        request_latency: 0,
        any: over(slow_start || slow_tokens),
    };
    let good_ratio = limits.good_share.map(|_| (ttft / limits.ttft.get()).max(tpot / limits.tpot.get()));
    let counted = CountedRequests { requests: counted, failed: 0, over, good_ratio, ratios: LimitRatios::default() };
    Measurement {
        tool: "aiperf 0.13.0".into(),
        concurrency: trial.key.concurrency,
        requests: trial.requests,
        errors: Some(0),
        first_error: None,
        ttft: Some(flat(ttft)),
        tpot: Some(flat(tpot)),
        request_latency: Some(flat(ttft + tpot * f64::from(OUTPUT_TOKENS - 1))),
        output_tokens_per_second: Some(TokensPerSecond::new(tokens).or_broken("a throughput")),
        requests_per_second: Some(
            RequestsPerSecond::new(tokens / f64::from(OUTPUT_TOKENS)).or_broken("a request rate"),
        ),
        good_requests_percent: Some(counted.good_percent()),
        counted: Some(counted),
        facts: Facts {
            model: Some("Qwen/Qwen3-32B".into()),
            complete: Some(true),
            cancelled: Some(false),
            streaming: Some(true),
            input_tokens: Some(4010.0),
            output_tokens: Some(f64::from(OUTPUT_TOKENS)),
            effective_concurrency: Some(f64::from(trial.key.concurrency)),
            client_wait_percent: Some(0.2),
            cached_prompt_percent: Some(0.0),
            cached_prompt_tokens: Some(0.0),
            warmup_requests: Some(trial.warmup),
            unsteadiness_percent: Some(0.1),
            loaded_seconds: None,
            sm_clock_megahertz: None,
            throttled_percent: None,
            gpu_joules: None,
            gpus_watched: None,
            requests_unknown: None,
            not_finite: vec![],
        },
    }
}
