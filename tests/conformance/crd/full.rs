//! The smallest and the fullest comparison, and a status of full size.

use serde_json::{Value, json};

/// What a person has to write.
pub fn smallest() -> Value {
    json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "smallest"},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
            "runtime": {"image": "registry.example/runtime:0.5.0"},
        },
    })
}

/// Every field of the spec, with every kind of source.
pub fn full() -> Value {
    let toleration = json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"});
    let patches = json!([
        {"target": {"kind": "DynamoGraphDeployment", "name": "g"},
         "operations": [{"op": "move", "path": "/a", "from": "/b"}, {"op": "add", "path": "/c", "value": "x"},
                        {"op": "add", "path": "/d", "yaml": "any: [1, x]"}]},
        {"target": {"kind": "ConfigMap"}, "removeLines": {"pointer": "/data/x", "matching": "nixl"}},
    ]);
    let shape = json!({"tensorParallel": 1, "pipelineParallel": 1, "replicas": 8, "maxBatchSize": 12, "maxNumTokens": 5512,
                       "weights": "fp8", "kvCache": "fp8"});
    json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "full"},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B", "servedName": "qwen", "path": "/models/qwen",
                      "cache": {"claimName": "cache", "mountPath": "/models", "subPath": "qwen"}, "tokenSecretName": "hf-token"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8, "gpuResourceName": "nvidia.com/gpu",
                         "nodeSelector": {"a": "b"}, "tolerations": [toleration], "gpuHourlyCost": "2.5"},
            "workload": {"inputTokens": 4000, "outputTokens": 500, "concurrency": [3, 2, 5]},
            "sla": {"ttft": {"milliseconds": 500, "statistic": "P90"}, "tpot": {"milliseconds": "6.5", "statistic": "Mean"},
                    "requestLatency": {"milliseconds": 4000, "statistic": "P95"}, "goodPercent": "90"},
            "runtime": {"backend": "trtllm", "image": "registry.example/runtime:0.5.0", "version": "0.5.0"},
            "imagePullSecrets": [{"name": "pull"}],
            "predictor": {"type": "AIConfigurator", "image": "registry.example/predictor:1", "model": "Qwen/Qwen3-32B-FP8", "databaseVersion": "1.0.0", "extraArguments": ["A=b"],
                          "pod": {"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "4Gi"}}}},
            "variants": [
                {"name": "naive", "role": "Baseline", "source": {"type": "Naive"}, "shape": shape, "patches": patches},
                {"name": "best", "role": "Candidate",
                 "source": {"type": "Recommended", "recommended": {"servingMode": "Best", "rank": 2}}},
                {"name": "mapped", "role": "Candidate",
                 "source": {"type": "Manifests", "manifests": {"configMapName": "manifests", "key": "all.yaml"}}},
                {"name": "inlined", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"inline": "kind: Service"}}},
                {"name": "running", "role": "Candidate",
                 "source": {"type": "Endpoint", "endpoint": {"url": "http://server:8000/v1", "gpus": 8}},
                 "claim": {"predictor": "AISimulate", "configMapName": "prediction"}},
                {"name": "requested", "role": "Candidate",
                 "source": {"type": "Manifests", "manifests": {"requestName": "qwen"}}},
            ],
            "execution": {
                "mode": "Auto", "start": "OnRequest", "onChange": "FinishFirst", "until": "Predictions",
                "onVariantFailure": "Stop", "rounds": {"minimum": 1, "maximum": 8}, "budget": {"gpuHours": "24"}, "probes": "AsWritten", "keepOnFailureSeconds": 60,
                "deadlines": {"queueSeconds": 60, "generateSeconds": 60, "scheduleSeconds": 60, "readySeconds": 60,
                              "trialSeconds": 60, "teardownSeconds": 60},
            },
            "scheduling": {"priorityClassName": "high", "schedulerName": "kai", "queueName": "team"},
            "load": {
                "image": "registry.example/load:1", "trialMinutes": 10, "decisionTrials": 5, "refinements": 2, "stopAfterMisses": 1,
                "requestTimeoutSeconds": 600, "seed": 100, "tokenizer": "/tokenizer",
                "env": [{"name": "A", "value": "b"}], "extraArguments": ["--verbose"],
                "pod": {"nodeSelector": {"a": "b"}, "tolerations": [toleration],
                        "resources": {"requests": {"cpu": "4"}, "limits": {"memory": "4Gi"}},
                        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}},
            },
            "evidence": {"maximumErrorPercent": "1", "lengthTolerancePercent": "2"},
            "judgement": {"accuracyTolerancePercent": "20", "equivalenceMarginPercent": "5",
                          "assumedScatterPercent": "2.5", "failOn": ["Refuted"]},
            "results": {"claimName": "results", "path": "/data/results"},
            "history": {"runs": 3}, "suspend": true, "runId": "second",
        },
    })
}

/// Sets the value at a JSON pointer, making what is missing on the way.
pub fn set(object: &mut Value, path: &str, value: Value) {
    let mut slot = object;
    for part in path.trim_start_matches('/').split('/') {
        slot = match part.parse::<usize>() {
            Ok(index) => &mut slot[index],
            Err(_) => &mut slot[part],
        };
    }
    *slot = value;
}

/// Removes the field at a JSON pointer.
pub fn remove(object: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('/').expect("a pointer");
    object.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(name);
}

/// Six variants with 24 levels each, as long as figures get, eight rounds, a finding on every level,
/// one failure, one tag that was pushed again, and a full history.
pub fn status() -> Value {
    let time = "2026-03-02T09:00:00Z";
    let figures = json!({"ttftMilliseconds": "12345.678", "tpotMilliseconds": "123.456",
                         "tokensPerSecondPerGpu": "12345.678"});
    let and = |extra: Value| {
        let mut all = figures.clone();
        extra.as_object().expect("an object").iter().for_each(|(name, value)| all[name] = value.clone());
        all
    };
    let finding = json!({"code": "ThroughputInconsistent", "severity": "Reject",
        "message": "found 12345.678, expected 12345.678 ± 2 %"});
    let level = |index: i64| {
        let mut level = json!({
            "concurrency": 100_000 - index,
            "estimated": and(json!({})), "measured": and(json!({"requests": 1_000_000})),
            "errorPercent": {"ttft": "+1234.5", "tpot": "-12.3", "tokensPerSecondPerGpu": "+123.4"}, "sla": "Marginal",
            "evidence": {"accepted": 20, "rejected": 20, "reasons": [finding]},
        });
        // Beyond capacity no error is judged.
        if index == 0 {
            level["estimated"]["beyondCapacity"] = json!(true);
            remove(&mut level, "/errorPercent");
        }
        level
    };
    let name = |index: i64| format!("variant-name-{index}");
    // Who gets nodes first has nobody beside it, who gets them last all others.
    let beside = |index: i64| (index + 1..6).map(name).collect::<Vec<_>>();
    let deployment = |index: i64| {
        json!({"number": 10, "round": 10, "created": time, "scheduled": time, "beside": beside(index), "ready": time, "serving": time, "measured": time,
                            "restarts": [time], "teardown": time, "freed": time, "gone": time})
    };
    let variant = |index: i64| {
        json!({
            "name": name(index), "role": "Candidate", "phase": "TearingDown", "gpus": 1024, "lastReadySeconds": 1800,
            "gpuPods": (1..=8).map(|gpus| json!({"pods": 1024, "gpus": gpus})).collect::<Vec<_>>(),
            "deployed": {
                "kind": "DynamoGraphDeployment", "name": "n".repeat(45), "servingMode": "disaggregated",
                "tensorParallel": 8, "pipelineParallel": 1, "dataParallel": 8, "expertParallel": 8, "replicas": 128, "maxBatchSize": 1024, "maxNumTokens": 16384, "contextLength": 131_072,
                "weights": "bfloat16", "kvCache": "bfloat16", "speculation": "s".repeat(64), "prefixCaching": true,
                "image": format!("registry.example/{}:1.2.3", "i".repeat(90)),
                "imageId": format!("registry.example/{}@sha256:{}", "i".repeat(90), "0".repeat(64)),
                "nodes": (0..10).map(|n| format!("ip-10-0-0-{n}.region.compute.example")).collect::<Vec<_>>(),
                "gpuProducts": (0..2).map(|n| format!("NVIDIA-H{n}00-141GB-HBM3e-SHARED")).collect::<Vec<_>>(),
            },
            "claim": and(json!({"concurrency": 1024, "tokensPerSecondPerUser": "1234.567", "kept": "Unknown", "sla": "Marginal", "predictor": "AIConfigurator",
                "errorPercent": {"ttft": "+1234.5", "tpot": "-12.3", "tokensPerSecondPerGpu": "+123.4"}})),
            "estimate": {"levels": 24, "latencyCorrection": {"decode": "12.345", "prefill": "12.345"}, "worstErrorPercent": "+1234.5",
                "meanErrorPercent": {"tpot": "1234.5", "tokensPerSecondPerGpu": "1234.5"}}, "findings": [finding, finding],
            "levels": (0..24).map(level).collect::<Vec<_>>(),
            "atSla": {"kind": "Unknown", "reason": "r".repeat(256), "tokensPerSecondPerGpu": "12345.678", "interval": "12345.678…12345.678"},
            "deployments": vec![deployment(index); 8],
        })
    };
    let failure = json!({"reason": "SomethingWentWrong", "message": "m".repeat(512), "time": time});
    let mut variants: Vec<Value> = (0..6).map(variant).collect();
    variants[5]["failure"] = failure;
    let earlier = |digit: &str| format!("registry.example/{}@sha256:{}", "i".repeat(90), digit.repeat(64));
    variants[5]["deployed"]["earlierImageIds"] = json!([earlier("1"), earlier("2")]);
    let outcome = json!({"outcome": "OnlyCandidateMeetsSla", "gainPercent": "+1234.5"});
    let measured = json!({"outcome": "OnlyCandidateMeetsSla", "gainPercent": "+1234.5", "interval": "-1234.5…+1234.5",
        "rounds": 8, "atLeast": true, "stopped": "MaximumRounds"});
    let price = json!({"rounds": 8, "minutes": 100_000, "gpuHours": "123456.7", "cost": "1234567.89"});
    let comparison = |index: i64| {
        let mut comparison = json!({
            "candidate": name(index), "result": "DirectionOnly", "predicted": outcome, "measured": measured,
            "reason": "r".repeat(512),
        });
        if index == 1 {
            comparison["atSameConcurrency"] = json!([{"concurrency": 100_000, "gainPercent": "+1234.5"}]);
        }
        comparison
    };
    let types = [
        "Finished",
        "Succeeded",
        "Reconciling",
        "Stalled",
        "ConfigurationsGenerated",
        "VariantsMeasured",
        "TornDown",
        "EvidenceSufficient",
        "ClaimKept",
        "PredictionAccurate",
        "SlaMet",
    ];
    json!({
        "observedGeneration": 1_000, "phase": "TearingDown", "message": "m".repeat(512),
        "progress": {"summary": "1440/1440", "trialsDone": 1440, "trialsTotal": 1440, "estimatedCompletionTime": time},
        "run": {"number": 1000, "inputsHash": format!("v1:{}", "0".repeat(32)), "planHash": format!("v1:{}", "0".repeat(32)), "configurationsHash": format!("v1:{}", "0".repeat(32)), "queuedTime": time, "generatedTime": time, "paused": {"since": time, "until": time}, "startTime": time,
                "completionTime": time, "settled": {"time": time, "rounds": 8, "budgetGpuHours": "123456789.123456", "maximumRounds": 8}, "mode": "Sequential", "modeReason": "r".repeat(128)},
        "conditions": types.iter().map(|kind| json!({"type": kind, "status": "Unknown", "reason": "SomethingWentWrong",
            "message": "m".repeat(256), "observedGeneration": 1000, "lastTransitionTime": time})).collect::<Vec<_>>(),
        "variants": variants,
        "verdict": {
            "result": "DirectionOnly", "summary": "s".repeat(512), "winner": name(1), "gain": "+1234.5%",
            "claim": "-1234.5%", "estimateError": "1234.5%", "predicted": outcome, "measured": measured,
            "sla": "6/6 meet", "comparisons": (1..6).map(comparison).collect::<Vec<_>>(),
        },
        "gpuSeconds": {"held": 1_000_000_000, "measuring": 1_000_000_000, "idle": 1_000_000_000},
        "rounds": (1..=8).map(|number| json!({"number": number, "startTime": time, "gainPercent": "+1234.5",
            "interval": "-1234.5…+1234.5", "variants": (0..6).map(name).collect::<Vec<_>>()})).collect::<Vec<_>>(),
        "price": {"expected": price, "most": price, "actual": price,
            "variants": (0..6).map(|n| json!({"name": name(n), "minutes": 100_000, "gpuHours": "123456.7"})).collect::<Vec<_>>()},
        "report": {"configMapName": "c".repeat(52)},
        "history": (0..11).map(|n| json!({"number": n, "outcome": "Inconclusive", "verdict": "DirectionOnly", "gain": "+1234.5%",
            "completionTime": time, "configMapName": "c".repeat(52)})).collect::<Vec<_>>(),
        "lastHandledRunRequest": "t".repeat(63),
        "lastHandledCancelRequest": "1",
    })
}
