//! The hash of what is measured: a changed hash starts a new run, anything else does not.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::api::{
    BenchmarkComparisonSpec, Decimal, Evidence, Execution, Hardware, Judgement, LatencyLimit, Load, LoadPod, Model,
    ModelCache, PodUser, PredictorKind, PredictorPod, PredictorSettings, Results, Runtime, Sla, Variant, Workload,
    default_variants,
};

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
    let defaults = json!({
        "evidence": Evidence::default(),
        "judgement": Judgement::default(),
    });
    fingerprint(judging(spec), &defaults)
}

fn fingerprint(mut fields: Value, defaults: &Value) -> String {
    leave_out(&mut fields, defaults);
    format!("{VERSION}:{}", digest(&fields.to_string()))
}

/// The first 32 hex digits of the SHA-256 of a text.
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Sections of the spec in which measured fields differ, as users write them: `spec.workload`.
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

/// Whether two hashes were computed by the same version of the rules.
pub fn comparable(a: &str, b: &str) -> bool {
    let version = |hash: &str| hash.split(':').next().map(str::to_owned);
    version(a) == version(b)
}

/// The fields that decide what is measured. Every part of the spec is destructured without `..`: a new field does not
/// compile until somebody has decided whether it is measured, judging or live.
fn measured(spec: &BenchmarkComparisonSpec) -> Value {
    let BenchmarkComparisonSpec {
        model,
        hardware,
        workload,
        sla,
        runtime,
        predictor,
        variants,
        execution,
        load,
        results,
        run_id,
        evidence: _,  // judging
        judgement: _, // judging
        history: _,   // live
        suspend: _,   // live
        // From the next run on: they change where pods may run, not what they do.
        image_pull_secrets: _,
        scheduling: _,
    } = spec;
    json!({
        "model": of_model(model),
        "hardware": of_hardware(hardware),
        "workload": of_workload(workload),
        "sla": of_sla(sla),
        "runtime": of_runtime(runtime),
        "predictor": of_predictor(predictor),
        "variants": variants.iter().map(of_variant).collect::<Vec<_>>(),
        "execution": of_execution(execution),
        "load": of_load(load),
        "results": results.as_ref().map(of_results),
        "runId": run_id,
    })
}

fn of_model(model: &Model) -> Value {
    let Model { name, served_name, path, cache, token_secret_name } = model;
    let cache = cache.as_ref().map(|cache| {
        let ModelCache { claim_name, mount_path, sub_path } = cache;
        json!({"claimName": claim_name, "mountPath": mount_path, "subPath": sub_path})
    });
    json!({"name": name, "servedName": served_name, "path": path, "cache": cache, "tokenSecretName": token_secret_name})
}

fn of_hardware(hardware: &Hardware) -> Value {
    let Hardware {
        system,
        gpus_per_variant,
        gpu_resource_name,
        node_selector,
        tolerations,
        gpu_hourly_cost: _, // judging
    } = hardware;
    json!({
        "system": system,
        "gpusPerVariant": gpus_per_variant,
        "gpuResourceName": gpu_resource_name,
        "nodeSelector": node_selector,
        "tolerations": tolerations,
    })
}

fn of_workload(workload: &Workload) -> Value {
    let Workload { input_tokens, output_tokens, concurrency } = workload;
    json!({"inputTokens": input_tokens, "outputTokens": output_tokens, "concurrency": concurrency})
}

/// `7` and `"7.0"` are the same limit, and so are both ways of writing one.
fn of_sla(sla: &Sla) -> Value {
    let Sla { ttft_milliseconds: _, tpot_milliseconds: _, ttft: _, tpot: _, request_latency, good_percent } = sla;
    let limit = |limit: Option<LatencyLimit>| {
        let LatencyLimit { milliseconds, statistic } = limit?;
        Some(json!({"milliseconds": milliseconds.value(), "statistic": statistic}))
    };
    json!({
        "ttft": limit(sla.ttft_limit()),
        "tpot": limit(sla.tpot_limit()),
        "requestLatency": limit(request_latency.clone()),
        "goodPercent": good_percent.as_ref().and_then(Decimal::value),
    })
}

fn of_runtime(runtime: &Runtime) -> Value {
    let Runtime { backend, image, version } = runtime;
    json!({"backend": backend, "image": image, "version": version})
}

fn of_predictor(predictor: &PredictorSettings) -> Value {
    let PredictorSettings { kind, image, model, database_version, extra_arguments, pod } = predictor;
    let PredictorPod { resources } = pod;
    json!({
        "type": kind,
        "image": image,
        "model": model,
        "databaseVersion": database_version,
        "extraArguments": extra_arguments,
        "pod": {"resources": resources},
    })
}

/// Elements of lists keep the form they have in the API: nothing of them is left out.
fn of_variant(variant: &Variant) -> Value {
    let Variant { name: _, role: _, source: _, shape: _, claim: _, patches: _ } = variant;
    json!(variant)
}

fn of_execution(execution: &Execution) -> Value {
    let Execution {
        mode,
        probes,
        rounds: _,                  // live
        budget: _,                  // live
        start: _,                   // live
        on_change: _,               // live
        until: _,                   // live
        on_variant_failure: _,      // live
        deadlines: _,               // live
        keep_on_failure_seconds: _, // live
    } = execution;
    json!({"mode": mode, "probes": probes})
}

fn of_load(load: &Load) -> Value {
    let Load {
        image,
        trial_minutes,
        decision_trials,
        refinements,
        stop_after_misses,
        request_timeout_seconds,
        seed,
        tokenizer,
        env,
        extra_arguments,
        pod,
    } = load;
    json!({
        "image": image,
        "trialMinutes": trial_minutes,
        "decisionTrials": decision_trials,
        "refinements": refinements,
        "stopAfterMisses": stop_after_misses,
        "requestTimeoutSeconds": request_timeout_seconds,
        "seed": seed,
        "tokenizer": tokenizer,
        "env": env,
        "extraArguments": extra_arguments,
        "pod": of_load_pod(pod),
    })
}

fn of_load_pod(pod: &LoadPod) -> Value {
    let LoadPod { node_selector, tolerations, resources, security_context } = pod;
    json!({
        "nodeSelector": node_selector,
        "tolerations": tolerations,
        "resources": resources,
        "securityContext": security_context.as_ref().map(of_user),
    })
}

/// A context that leaves all to the cluster is empty, and yet another than none.
fn of_user(user: &PodUser) -> Value {
    let PodUser { run_as_user, run_as_group, fs_group } = user;
    match (run_as_user, run_as_group, fs_group) {
        (None, None, None) => json!("the cluster's"),
        _ => json!({"runAsUser": run_as_user, "runAsGroup": run_as_group, "fsGroup": fs_group}),
    }
}

fn of_results(results: &Results) -> Value {
    let Results { claim_name, path } = results;
    json!({"claimName": claim_name, "path": path})
}

/// By what stored results are judged.
fn judging(spec: &BenchmarkComparisonSpec) -> Value {
    let Evidence { maximum_error_percent: _, length_tolerance_percent: _ } = &spec.evidence;
    let Judgement {
        accuracy_tolerance_percent: _,
        equivalence_margin_percent: _,
        assumed_scatter_percent: _,
        fail_on: _,
    } = &spec.judgement;
    json!({
        "evidence": spec.evidence,
        "judgement": spec.judgement,
        "gpuHourlyCost": spec.hardware.gpu_hourly_cost,
    })
}

fn defaults() -> Value {
    json!({
        "hardware": {"gpuResourceName": "nvidia.com/gpu"},
        "workload": {"concurrency": [1, 2, 5, 10, 50, 100, 250]},
        "runtime": {"backend": "trtllm"},
        "predictor": {"type": PredictorKind::default()},
        "variants": default_variants(),
        "execution": of_execution(&Execution::default()),
        "load": of_load(&Load::default()),
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
    #[case("/predictor", json!({"model": "Qwen/Qwen3-32B-FP8"}))]
    #[case("/variants/1/source/recommended/rank", json!(2))]
    #[case("/variants/1/claim", json!({"predictor": "AISimulate", "configMapName": "prediction"}))]
    #[case("/execution/mode", json!("Parallel"))]
    #[case("/execution/probes", json!("AsWritten"))]
    #[case("/load/trialMinutes", json!(5))]
    #[case("/sla/goodPercent", json!("95"))]
    #[case("/sla/requestLatency", json!({"milliseconds": 5000}))]
    #[case("/results", json!({"claimName": "results"}))]
    #[case("/load/pod", json!({"securityContext": {}}))]
    #[case("/predictor", json!({"pod": {"resources": {"limits": {"cpu": "8"}}}}))]
    #[case("/runId", json!("again"))]
    fn what_is_measured_starts_a_run(#[case] pointer: &str, #[case] value: Value) {
        assert_ne!(hash(&changed(pointer, value)), hash(&spec()));
    }

    #[rstest]
    #[case("/hardware/gpuHourlyCost", json!("2.5"))]
    #[case("/execution/rounds/maximum", json!(2))]
    #[case("/execution/budget", json!({"gpuHours": "5"}))]
    #[case("/sla/tpotMilliseconds", json!("7.0"))]
    #[case("/execution/deadlines/queueSeconds", json!(5))]
    #[case("/execution/until", json!("Predictions"))]
    #[case("/execution/onChange", json!("FinishFirst"))]
    #[case("/execution/onVariantFailure", json!("Stop"))]
    #[case("/execution/keepOnFailureSeconds", json!(60))]
    #[case("/evidence/lengthTolerancePercent", json!("5"))]
    #[case("/judgement/accuracyTolerancePercent", json!("10"))]
    #[case("/history/runs", json!(5))]
    #[case("/suspend", json!(true))]
    #[case("/execution/probes", json!("Prompt"))]
    #[case("/hardware/gpuResourceName", json!("nvidia.com/gpu"))]
    #[case("/predictor", json!({"image": ""}))]
    #[case("/predictor", json!({"type": "AIConfigurator"}))]
    fn anything_else_does_not(#[case] pointer: &str, #[case] value: Value) {
        assert_eq!(hash(&changed(pointer, value)), hash(&spec()));
    }

    #[rstest]
    #[case("/judgement/assumedScatterPercent", json!("4"), true)]
    #[case("/evidence/lengthTolerancePercent", json!("5"), true)]
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
        assert_eq!(hash(&spec()), "v1:04aca75b676ac5924a7fadeefe8c50bf");
    }

    /// A misspelt name in the lists above would change the hash.
    #[test]
    fn measured_fields_have_their_names_and_values_of_the_api() {
        let mut json = json!(spec());
        for (pointer, value) in [
            ("/model/path", json!("/models/qwen")),
            ("/model/cache", json!({"claimName": "weights", "mountPath": "/models", "subPath": "hub"})),
            ("/model/tokenSecretName", json!("token")),
            ("/hardware/gpuResourceName", json!("nvidia.com/mig-3g.40gb")),
            ("/hardware/nodeSelector", json!({"gpu": "h200"})),
            ("/hardware/tolerations", json!([{"key": "gpu", "operator": "Exists"}])),
            ("/runtime/backend", json!("vllm")),
            ("/runtime/version", json!("1.3.0")),
            ("/predictor", json!({"image": "p:1", "databaseVersion": "1.0.0", "extraArguments": ["A=B"]})),
            ("/variants/1/shape", json!({"tensorParallel": 8})),
            ("/load/image", json!("l:1")),
            ("/load/seed", json!(7)),
            ("/load/tokenizer", json!("/models/qwen")),
            ("/load/env", json!([{"name": "A", "value": "B"}])),
            ("/load/extraArguments", json!(["-v"])),
            (
                "/load/pod",
                json!({
                    "nodeSelector": {"pool": "cpu"}, "tolerations": [{"key": "cpu"}], "resources": {"limits": {"cpu": "2"}},
                    "securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3},
                }),
            ),
            ("/results", json!({"claimName": "results", "path": "/data/raw"})),
            ("/runId", json!("again")),
        ] {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap()[key] = value;
        }
        let spec: BenchmarkComparisonSpec = serde_json::from_value(json).unwrap();
        let whole = json!(spec);
        let mut measured = measured(&spec);
        leave_out(&mut measured, &Value::Null);
        for section in ["model", "workload", "runtime", "predictor", "variants", "load", "results", "runId"] {
            let mut of_api = json!({section: whole[section]});
            leave_out(&mut of_api, &Value::Null);
            assert_eq!(measured[section], of_api[section], "{section}");
        }
        for (name, value) in measured["hardware"].as_object().unwrap() {
            assert_eq!(*value, whole["hardware"][name], "hardware.{name}");
        }
        assert_eq!(hash(&spec), "v1:8644b10ad5cc6b0e1cbc68ac5e45fc26");
    }
}
