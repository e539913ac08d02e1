//! The hash of what is measured: a changed hash starts a new run, anything else does not.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::api::{BenchmarkComparisonSpec, Evidence, Execution, Judgement, Load, Statistic, default_variants};

/// Version of the set of fields and of their canonical form.
const VERSION: &str = "v1";

/// Hash of the measured inputs of a spec: `v1:` and 32 hex digits.
///
/// Fields at their default are left out, so that a field that a newer CRD adds does not re-run old comparisons.
pub fn hash(spec: &BenchmarkComparisonSpec) -> String {
    fingerprint(measured(spec), &defaults())
}

/// Hash of the rules by which stored results are judged, in the same form: another hash judges them again.
pub fn judging_hash(spec: &BenchmarkComparisonSpec) -> String {
    let rules = json!({
        "evidence": spec.evidence,
        "judgement": spec.judgement,
        "statistic": spec.sla.statistic,
        "gpuHourlyCost": spec.hardware.gpu_hourly_cost,
    });
    let defaults = json!({
        "evidence": Evidence::default(),
        "judgement": Judgement::default(),
        "statistic": Statistic::default(),
    });
    fingerprint(rules, &defaults)
}

fn fingerprint(mut fields: Value, defaults: &Value) -> String {
    leave_out(&mut fields, defaults);
    let digest = Sha256::digest(fields.to_string());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}:{hex}")
}

/// Fields in which what is measured differs, for people: `spec.workload`.
pub fn changed(was: &BenchmarkComparisonSpec, is: &BenchmarkComparisonSpec) -> Vec<String> {
    let canonical = |spec: &BenchmarkComparisonSpec| {
        let mut fields = measured(spec);
        leave_out(&mut fields, &defaults());
        fields
    };
    let (was, is) = (canonical(was), canonical(is));
    let names = [&was, &is].into_iter().filter_map(Value::as_object).flat_map(Map::keys).collect::<BTreeSet<_>>();
    let differ = names.into_iter().filter(|name| was[name.as_str()] != is[name.as_str()]);
    differ.map(|name| format!("spec.{name}")).collect()
}

/// Whether two hashes were made by the same rules.
pub fn comparable(a: &str, b: &str) -> bool {
    let version = |hash: &str| hash.split(':').next().map(str::to_owned);
    version(a) == version(b)
}

fn measured(spec: &BenchmarkComparisonSpec) -> Value {
    let mut hardware = json!(spec.hardware);
    if let Some(fields) = hardware.as_object_mut() {
        fields.remove("gpuHourlyCost");
    }
    json!({
        "model": spec.model,
        "hardware": hardware,
        "workload": spec.workload,
        "sla": {"ttft": spec.sla.ttft_milliseconds.value(), "tpot": spec.sla.tpot_milliseconds.value()},
        "runtime": spec.runtime,
        "predictor": spec.predictor,
        "variants": spec.variants,
        "execution": execution(&spec.execution),
        "load": spec.load,
        "results": spec.results,
        "runId": spec.run_id,
    })
}

fn execution(execution: &Execution) -> Value {
    json!({"mode": execution.mode, "rounds": execution.rounds, "probes": execution.probes})
}

fn defaults() -> Value {
    json!({
        "hardware": {"gpuResourceName": "nvidia.com/gpu"},
        "workload": {"concurrency": [1, 2, 5, 10, 50, 100, 250]},
        "runtime": {"backend": "trtllm"},
        "variants": default_variants(),
        "execution": execution(&Execution::default()),
        "load": Load::default(),
        "results": {"path": "/data/results"},
    })
}

/// Removes what equals its default, and what is empty.
fn leave_out(value: &mut Value, defaults: &Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for (name, field) in fields.iter_mut() {
        match &defaults[name.as_str()] {
            default if default == field => *field = Value::Null,
            default => leave_out(field, default),
        }
    }
    fields.retain(|_, field| match field {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::spec;

    fn changed(pointer: &str, value: Value) -> BenchmarkComparisonSpec {
        let mut json = json!(spec());
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap()[key] = value;
        serde_json::from_value(json).unwrap()
    }

    #[rstest]
    #[case("/model/name", json!("Qwen/Qwen3-8B"))]
    #[case("/hardware/gpusPerVariant", json!(4))]
    #[case("/workload/concurrency", json!([1, 2]))]
    #[case("/sla/tpotMilliseconds", json!("6.5"))]
    #[case("/runtime/image", json!("runtime:2"))]
    #[case("/predictor", json!({"databaseVersion": "1.0.0"}))]
    #[case("/variants/1/source/recommended/rank", json!(2))]
    #[case("/execution/mode", json!("Parallel"))]
    #[case("/execution/rounds", json!(2))]
    #[case("/execution/probes", json!("AsWritten"))]
    #[case("/load/minimumRequests", json!(31))]
    #[case("/results", json!({"claimName": "results"}))]
    #[case("/runId", json!("again"))]
    fn what_is_measured_starts_a_run(#[case] pointer: &str, #[case] value: Value) {
        assert_ne!(hash(&changed(pointer, value)), hash(&spec()));
    }

    #[rstest]
    #[case("/hardware/gpuHourlyCost", json!("2.5"))]
    #[case("/sla/statistic", json!("P50"))]
    #[case("/sla/tpotMilliseconds", json!("7.0"))]
    #[case("/execution/deadlines/queueSeconds", json!(5))]
    #[case("/execution/until", json!("Predictions"))]
    #[case("/execution/onChange", json!("FinishFirst"))]
    #[case("/execution/onVariantFailure", json!("Stop"))]
    #[case("/execution/keepOnFailureSeconds", json!(60))]
    #[case("/evidence/minimumRequests", json!(20))]
    #[case("/judgement/accuracyTolerancePercent", json!("10"))]
    #[case("/history/runs", json!(5))]
    #[case("/suspend", json!(true))]
    #[case("/execution/probes", json!("Prompt"))]
    #[case("/hardware/gpuResourceName", json!("nvidia.com/gpu"))]
    #[case("/predictor", json!({"image": ""}))]
    fn anything_else_does_not(#[case] pointer: &str, #[case] value: Value) {
        assert_eq!(hash(&changed(pointer, value)), hash(&spec()));
    }

    #[rstest]
    #[case("/sla/statistic", json!("P90"), true)]
    #[case("/evidence/minimumRequests", json!(20), true)]
    #[case("/judgement/accuracyTolerancePercent", json!("10"), true)]
    #[case("/hardware/gpuHourlyCost", json!("2.5"), true)]
    #[case("/judgement/accuracyTolerancePercent", json!("20"), false)]
    #[case("/workload/concurrency", json!([1, 2]), false)]
    fn what_is_judged_by_other_rules_is_judged_again(#[case] pointer: &str, #[case] value: Value, #[case] again: bool) {
        assert_eq!(judging_hash(&changed(pointer, value)) != judging_hash(&spec()), again);
    }

    /// Changing the form of the hash re-runs every comparison in the world: raise VERSION with it.
    #[test]
    fn the_hash_of_the_guide_is_stable() {
        assert_eq!(hash(&spec()), "v1:90aa23648aac7917a81e7f020f824675");
    }
}
