//! Plans for the tests.

use bcmp::api::BenchmarkComparisonSpec;
use bcmp::plan::{Identity, Images, Plan};
use serde_json::{Value, json};

/// The smallest spec: the guide's case.
pub fn smallest_spec() -> Value {
    json!({
        "model": {"name": "Qwen/Qwen3-32B"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
        "workload": {"inputTokens": 4000, "outputTokens": 500},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
        "runtime": {"image": "nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:0.5.0"},
    })
}

/// A spec that uses every field the manifests depend on.
pub fn fullest_spec() -> Value {
    json!({
        "model": {
            "name": "Qwen/Qwen3-32B",
            "path": "/workspace/model_hub/qwen3-32b",
            "cache": {"claimName": "model-cache", "mountPath": "/workspace/model_hub", "subPath": "hub"},
            "tokenSecretName": "hf-token-secret",
        },
        "hardware": {
            "system": "h200_sxm",
            "gpusPerVariant": 8,
            "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H200-SXM5-141GB"},
            "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "llm", "effect": "NoSchedule"}],
        },
        "workload": {"inputTokens": 4000, "outputTokens": 500},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
        "runtime": {"image": "registry.example.com/runtime:nightly", "version": "1.3.0"},
        "imagePullSecrets": [{"name": "docker-imagepullsecret"}],
        "predictor": {"pod": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "6", "memory": "6Gi"}}}},
        "scheduling": {"priorityClassName": "benchmarks", "schedulerName": "gang", "queueName": "gpu-queue"},
        "load": {
            "tokenizer": "/workspace/model_hub/qwen3-32b",
            "env": [{"name": "HF_HOME", "value": "/bcmp-work/hf"}, {"name": "TMPDIR", "value": "/bcmp-work"}],
            "pod": {
                "nodeSelector": {"pool": "cpu"},
                "tolerations": [{"key": "pool", "operator": "Exists"}],
                "resources": {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"memory": "3Gi"}},
                "securityContext": {"runAsUser": 1000, "runAsGroup": 1001, "fsGroup": 1002},
            },
        },
        "results": {"claimName": "dynamo-pvc", "path": "/data/results"},
    })
}

/// A plan for `spec`.
pub fn plan(spec: Value) -> Plan {
    let spec: BenchmarkComparisonSpec = serde_json::from_value(spec).unwrap();
    let comparison = Identity {
        namespace: "llm".into(),
        name: "qwen3-32b".into(),
        uid: "8d5f0c3e-29a1-4c51-8f36-1f0a5f1f2b7c".into(),
    };
    let images =
        Images { agent: "bcmp:0.1.0".into(), predictor: "predictor:0.12.0".into(), load: "load:0.13.0".into() };
    Plan::new(comparison, 1, spec, &images, [].into())
}
