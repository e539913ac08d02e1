//! Random comparisons: small enough that a whole run takes a few dozen steps.

use bcmp::api::{
    BenchmarkComparisonSpec, Decimal, Mode, OnChange, OnVariantFailure, Reason, Role, Rounds, Source, Start, Until,
    Variant,
};
use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use proptest::prelude::*;
use serde_json::json;

use bcmp::simulation::truth;

/// GPUs of each variant.
const GPUS: u32 = 8;

/// The guide's experiment with few and small levels.
pub fn base() -> BenchmarkComparisonSpec {
    serde_json::from_value(json!({
        "model": {"name": "Qwen/Qwen3-32B"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": GPUS},
        "workload": {"inputTokens": 4000, "outputTokens": 500, "concurrency": [1, 4]},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 20},
        "runtime": {"image": "registry.example/runtime:1.3.0"},
        "load": {"decisionTrials": 1, "refinements": 0},
    }))
    .unwrap()
}

prop_compose! {
    pub fn spec()(
        variants in prop::collection::vec(prop::sample::select(vec!["Naive", "Recommended", "Manifests", "Endpoint"]), 2..4),
        mode in prop::sample::select(vec![Mode::Sequential, Mode::Parallel, Mode::Auto]),
        rounds in 1..3_u32,
        on_change in prop::sample::select(vec![OnChange::Supersede, OnChange::FinishFirst]),
        start in prop_oneof![4 => Just(Start::Automatic), 1 => Just(Start::OnRequest)],
        on_variant_failure in prop::sample::select(vec![OnVariantFailure::Continue, OnVariantFailure::Stop]),
        keep in prop_oneof![3 => Just(0), 1 => Just(45)],
        deadlines in prop::sample::select(vec![(0, 60, 90), (120, 300, 30), (0, 1800, 3600)]),
    ) -> BenchmarkComparisonSpec {
        let mut spec = base();
        spec.variants = variants.iter().enumerate().map(|(index, kind)| variant(index, kind)).collect();
        spec.execution.mode = mode;
        spec.execution.rounds = Rounds { minimum: rounds, maximum: rounds };
        spec.execution.on_change = on_change;
        spec.execution.start = start;
        spec.execution.on_variant_failure = on_variant_failure;
        spec.execution.keep_on_failure_seconds = keep;
        (spec.execution.deadlines.queue_seconds, spec.execution.deadlines.generate_seconds, spec.execution.deadlines.schedule_seconds) = deadlines;
        spec
    }
}

pub fn variant(index: usize, kind: &str) -> Variant {
    let source = match kind {
        "Manifests" => json!({"type": kind, "manifests": {"configMapName": "manifests"}}),
        "Endpoint" => json!({"type": kind, "endpoint": {"url": "http://frontend:8000", "gpus": GPUS}}),
        _ => json!({"type": kind}),
    };
    let source: Source = serde_json::from_value(source).unwrap();
    let role = if index == 0 { Role::Baseline } else { Role::Candidate };
    Variant { name: format!("v{index}"), role, source, shape: None, claim: None, patches: vec![] }
}

/// A change of the live object by a person.
#[derive(Clone, Debug)]
pub enum Edit {
    Suspend(bool),
    Cancel,
    Request(u8),
    RunId(u8),
    Levels(u32),
    OnChange(OnChange),
    Until(Until),
    ScheduleSeconds(u32),
    KeepSeconds(u32),
    Tolerance(u8),
    OnVariantFailure(OnVariantFailure),
}

pub fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => any::<bool>().prop_map(Edit::Suspend),
        1 => Just(Edit::Cancel),
        1 => (0..3_u8).prop_map(Edit::Request),
        1 => (0..3_u8).prop_map(Edit::RunId),
        1 => (3..5_u32).prop_map(Edit::Levels),
        1 => prop::sample::select(vec![OnChange::Supersede, OnChange::FinishFirst]).prop_map(Edit::OnChange),
        1 => prop::sample::select(vec![Until::Verdict, Until::Predictions]).prop_map(Edit::Until),
        1 => prop::sample::select(vec![10, 90, 3600]).prop_map(Edit::ScheduleSeconds),
        1 => prop::sample::select(vec![0, 45]).prop_map(Edit::KeepSeconds),
        1 => (1..50_u8).prop_map(Edit::Tolerance),
        1 => prop::sample::select(vec![OnVariantFailure::Continue, OnVariantFailure::Stop]).prop_map(Edit::OnVariantFailure),
    ]
}

impl Edit {
    pub fn of_spec(&self, spec: &mut BenchmarkComparisonSpec) {
        match self {
            Self::Suspend(suspend) => spec.suspend = *suspend,
            Self::RunId(id) => spec.run_id = (*id > 0).then(|| format!("again-{id}")),
            Self::Levels(top) => spec.workload.concurrency = vec![1, *top],
            Self::OnChange(choice) => spec.execution.on_change = *choice,
            Self::Until(until) => spec.execution.until = *until,
            Self::ScheduleSeconds(seconds) => spec.execution.deadlines.schedule_seconds = *seconds,
            Self::KeepSeconds(seconds) => spec.execution.keep_on_failure_seconds = *seconds,
            Self::Tolerance(percent) => spec.judgement.accuracy_tolerance_percent = Decimal::new(percent.to_string()),
            Self::OnVariantFailure(choice) => spec.execution.on_variant_failure = *choice,
            Self::Cancel | Self::Request(_) => {}
        }
    }
}

/// What the generate Job of a plan makes; `refused`: bits of the variants that cannot be deployed.
pub fn configurations(spec: &BenchmarkComparisonSpec, refused: u8, message: &str) -> Configurations {
    let mut made = truth::configurations(spec);
    let refused = made.variants.iter_mut().enumerate().filter(|(index, _)| refused & (1 << index) != 0);
    for (_, configuration) in refused {
        let (reason, message) = (Reason::NoFeasibleConfiguration.into(), message.into());
        configuration.outcome = GenerationOutcome::Refused { reason, message };
    }
    made
}
