//! The limits of fields of the spec, one row each. Rows are rules: a changed limit is a changed API.

use serde_json::{Value, json};

/// Path, smallest, largest.
pub const RANGES: &[(&str, i64, Option<i64>)] = &[
    ("/spec/hardware/gpusPerVariant", 1, Some(1024)),
    ("/spec/workload/inputTokens", 1, Some(1_000_000)),
    ("/spec/workload/outputTokens", 2, Some(1_000_000)),
    ("/spec/workload/concurrency/0", 1, Some(100_000)),
    ("/spec/variants/0/shape/tensorParallel", 1, Some(1024)),
    ("/spec/variants/0/shape/pipelineParallel", 1, Some(1024)),
    ("/spec/variants/0/shape/replicas", 1, Some(1024)),
    ("/spec/variants/0/shape/maxBatchSize", 1, Some(100_000)),
    ("/spec/variants/0/shape/maxNumTokens", 1, Some(10_000_000)),
    ("/spec/variants/1/source/recommended/rank", 1, Some(10)),
    ("/spec/variants/4/source/endpoint/gpus", 1, Some(1024)),
    ("/spec/execution/rounds/minimum", 1, Some(8)),
    ("/spec/execution/rounds/maximum", 1, Some(8)),
    ("/spec/execution/keepOnFailureSeconds", 0, Some(86_400)),
    ("/spec/execution/deadlines/queueSeconds", 0, Some(2_592_000)),
    ("/spec/execution/deadlines/generateSeconds", 10, Some(86_400)),
    ("/spec/execution/deadlines/scheduleSeconds", 10, Some(604_800)),
    ("/spec/execution/deadlines/readySeconds", 10, Some(86_400)),
    ("/spec/execution/deadlines/trialSeconds", 10, Some(86_400)),
    ("/spec/execution/deadlines/teardownSeconds", 10, Some(86_400)),
    ("/spec/load/trialMinutes", 1, Some(1440)),
    ("/spec/load/decisionTrials", 1, Some(20)),
    ("/spec/load/refinements", 0, Some(5)),
    ("/spec/load/stopAfterMisses", 0, Some(16)),
    ("/spec/load/requestTimeoutSeconds", 1, Some(86_400)),
    ("/spec/load/seed", 0, Some(2_147_483_647)),
    ("/spec/variants/0/patches/0/operations/1/value", -9_007_199_254_740_991, Some(9_007_199_254_740_991)),
    ("/spec/hardware/tolerations/0/tolerationSeconds", -9_007_199_254_740_991, Some(9_007_199_254_740_991)),
    ("/spec/load/pod/tolerations/0/tolerationSeconds", -9_007_199_254_740_991, Some(9_007_199_254_740_991)),
    ("/spec/load/pod/securityContext/runAsUser", 1, Some(9_007_199_254_740_991)),
    ("/spec/load/pod/securityContext/runAsGroup", 1, Some(9_007_199_254_740_991)),
    ("/spec/load/pod/securityContext/fsGroup", 1, Some(9_007_199_254_740_991)),
    ("/spec/history/runs", 1, Some(10)),
];

/// Path, fewest and most characters, how a text begins, what it goes on with.
pub const LENGTHS: &[(&str, usize, usize, &str, &str)] = &[
    ("/spec/model/name", 1, 256, "", "m"),
    ("/spec/model/servedName", 1, 256, "", "m"),
    ("/spec/model/path", 0, 256, "/", "m"),
    ("/spec/model/cache/claimName", 1, 253, "", "c"),
    ("/spec/model/cache/mountPath", 1, 256, "/", "m"),
    ("/spec/model/cache/subPath", 0, 256, "", "s"),
    ("/spec/model/tokenSecretName", 1, 253, "", "s"),
    ("/spec/hardware/system", 1, 63, "", "h"),
    ("/spec/hardware/gpuResourceName", 1, 253, "", "g"),
    ("/spec/runtime/image", 1, 512, "", "i"),
    ("/spec/runtime/version", 0, 63, "", "1"),
    ("/spec/predictor/image", 0, 512, "", "i"),
    ("/spec/predictor/model", 1, 256, "", "m"),
    ("/spec/predictor/databaseVersion", 0, 63, "", "1"),
    ("/spec/predictor/extraArguments/0", 1, 512, "A=", "a"),
    ("/spec/variants/0/name", 1, 14, "", "v"),
    ("/spec/variants/0/shape/weights", 0, 32, "", "w"),
    ("/spec/variants/0/shape/kvCache", 0, 32, "", "w"),
    ("/spec/variants/0/patches/0/target/kind", 1, 63, "", "K"),
    ("/spec/variants/0/patches/0/target/name", 1, 253, "", "n"),
    ("/spec/variants/0/patches/0/operations/0/path", 0, 512, "/", "p"),
    ("/spec/variants/0/patches/0/operations/0/from", 0, 512, "/", "p"),
    ("/spec/variants/0/patches/0/operations/1/value", 0, 16_384, "", "v"),
    ("/spec/variants/0/patches/0/operations/2/yaml", 1, 16_384, "", "y"),
    ("/spec/variants/0/patches/1/removeLines/pointer", 1, 512, "/", "p"),
    ("/spec/variants/0/patches/1/removeLines/matching", 1, 256, "", "m"),
    ("/spec/variants/2/source/manifests/configMapName", 1, 253, "", "c"),
    ("/spec/variants/5/source/manifests/requestName", 1, 253, "", "r"),
    ("/spec/variants/2/source/manifests/key", 1, 253, "", "k"),
    ("/spec/variants/3/source/manifests/inline", 1, 65_536, "", "y"),
    ("/spec/variants/4/source/endpoint/url", 8, 512, "http://", "h"),
    ("/spec/variants/4/claim/configMapName", 1, 253, "", "c"),
    ("/spec/scheduling/priorityClassName", 0, 253, "", "p"),
    ("/spec/scheduling/schedulerName", 0, 253, "", "s"),
    ("/spec/scheduling/queueName", 0, 63, "", "q"),
    ("/spec/load/image", 0, 512, "", "i"),
    ("/spec/load/tokenizer", 0, 256, "", "t"),
    ("/spec/load/extraArguments/0", 1, 512, "", "a"),
    ("/spec/results/claimName", 1, 253, "", "c"),
    ("/spec/results/path", 2, 256, "/", "r"),
    ("/spec/runId", 0, 63, "", "r"),
];

/// Fields that hold a number which may be a fraction.
pub const DECIMALS: &[&str] = &[
    "/spec/hardware/gpuHourlyCost",
    "/spec/evidence/maximumErrorPercent",
    "/spec/evidence/lengthTolerancePercent",
    "/spec/sla/goodPercent",
    "/spec/execution/budget/gpuHours",
    "/spec/judgement/accuracyTolerancePercent",
    "/spec/judgement/assumedScatterPercent",
    "/spec/judgement/equivalenceMarginPercent",
];

/// Path, texts that are accepted, texts that are not.
pub const PATTERNS: &[(&str, &[&str], &[&str])] = &[
    (
        "/spec/model/name",
        &["Qwen/Qwen3-32B", "a", "meta-llama/Llama_3.1", "/models/a", "qwen3:8b"],
        &["-a", "a b", "a\n", "ä"],
    ),
    ("/spec/predictor/model", &["Qwen/Qwen3-32B-FP8", "/models/a"], &["-a", "a b"]),
    ("/spec/model/path", &["/m", "/a b/c"], &["m", "/a\nb"]),
    ("/spec/model/cache/mountPath", &["/", "/m"], &["m", "/a:b"]),
    ("/spec/variants/0/name", &["a", "a-1"], &["A", "1a", "a-", "a.b", "a_b"]),
    ("/spec/variants/0/patches/0/operations/0/path", &["", "/", "/a/0"], &["a"]),
    ("/spec/variants/0/patches/0/operations/0/from", &["", "/", "/a/0"], &["a"]),
    ("/spec/variants/0/patches/1/removeLines/pointer", &["/", "/a/0"], &["a"]),
    (
        "/spec/variants/4/source/endpoint/url",
        &["http://a", "https://a.b:8000", "http://[::1]:8000/v1", "http://a/"],
        &["ftp://a.b", "http://a b", "http://user@a", "http://a/?x=y", "a.b.c.d:80"],
    ),
    ("/spec/model/servedName", &["/models/a", "qwen3:8b", "a/b@1"], &["-a", ":a", "a b", "a;b"]),
    ("/spec/predictor/extraArguments/0", &["A=b", "ServiceConfig.model_path=/a b"], &["--nextn", "1", "=a", "--a=b"]),
    (
        "/spec/load/extraArguments/0",
        &["--verbose", "-vv", "--header", "-H", "--header=a:b", "a:b", "--workers-max=8"],
        &["--concurrency=9", "--extra-inputs", "--verbose=1", "--workers_max", "-c8", "-", "--"],
    ),
    ("/spec/runtime/image", IMAGES.0, IMAGES.1),
    ("/spec/predictor/image", IMAGES.0, IMAGES.1),
    ("/spec/load/image", IMAGES.0, IMAGES.1),
    ("/spec/results/path", &["/data", "/data/results"], &["data", "/data/", "/data//x", "/a b"]),
];

const FAIL_ON: &[&str] = &["Inconclusive", "Refuted", "SlaMissed", "Inaccurate", "ClaimMissed", "Regressed"];
const STATISTICS: &[&str] = &["Mean", "P50", "P90", "P95", "P99"];
const IMAGES: (&[&str], &[&str]) = (
    &["a", "registry.example:5000/a/b_c:1.0-rc+x@sha256:0", "[::1]:5000/a"],
    &["-a", "a b", "a'b", "a;b", "$(a)", "a\n", "/a"],
);

/// Path, choices.
pub const ENUMS: &[(&str, &[&str])] = &[
    ("/spec/sla/ttft/statistic", STATISTICS),
    ("/spec/sla/tpot/statistic", STATISTICS),
    ("/spec/sla/requestLatency/statistic", STATISTICS),
    ("/spec/runtime/backend", &["trtllm", "vllm", "sglang"]),
    ("/spec/variants/0/role", &["Baseline", "Candidate"]),
    ("/spec/variants/0/source/type", &["Naive", "Recommended", "Manifests", "Endpoint"]),
    ("/spec/variants/4/claim/predictor", &["AIConfigurator", "AISimulate"]),
    ("/spec/predictor/type", &["AIConfigurator"]),
    ("/spec/variants/1/source/recommended/servingMode", &["Aggregated", "Disaggregated", "Best"]),
    ("/spec/variants/0/patches/0/operations/0/op", &["add", "remove", "replace", "move", "copy", "test"]),
    ("/spec/execution/mode", &["Sequential", "Parallel", "Auto"]),
    ("/spec/execution/start", &["Automatic", "OnRequest"]),
    ("/spec/execution/onChange", &["Supersede", "FinishFirst"]),
    ("/spec/execution/until", &["Verdict", "Predictions"]),
    ("/spec/execution/onVariantFailure", &["Continue", "Stop"]),
    ("/spec/execution/probes", &["Prompt", "AsWritten"]),
    ("/spec/judgement/failOn/0", FAIL_ON),
];

/// The item of an index.
type Item = fn(usize) -> Value;

/// Path, fewest, most, the items.
pub const ITEMS: &[(&str, usize, usize, Item)] = &[
    ("/spec/workload/concurrency", 1, 16, |i| json!(i + 1)),
    ("/spec/hardware/tolerations", 0, 16, |i| json!({"key": format!("k{i}"), "operator": "Exists"})),
    ("/spec/imagePullSecrets", 0, 8, |i| json!({"name": format!("s{i}")})),
    ("/spec/predictor/extraArguments", 0, 32, |i| json!(format!("A{i}=b"))),
    ("/spec/variants", 2, 6, |i| {
        let role = if i == 0 { "Baseline" } else { "Candidate" };
        json!({"name": format!("v{i}"), "role": role, "source": {"type": "Naive"}})
    }),
    (
        "/spec/variants/0/patches",
        0,
        16,
        |_| json!({"target": {"kind": "K"}, "removeLines": {"pointer": "/a", "matching": "b"}}),
    ),
    ("/spec/variants/0/patches/0/operations", 1, 32, |_| json!({"op": "remove", "path": "/a"})),
    ("/spec/load/env", 0, 32, |i| json!({"name": format!("E{i}"), "value": "x"})),
    ("/spec/load/extraArguments", 0, 32, |i| json!(format!("--header=a:{i}"))),
    ("/spec/load/pod/tolerations", 0, 16, |i| json!({"key": format!("k{i}"), "operator": "Exists"})),
    ("/spec/judgement/failOn", 0, 6, |i| json!(FAIL_ON[i % FAIL_ON.len()])),
];

/// Path, most entries.
pub const PROPERTIES: &[(&str, usize)] = &[
    ("/spec/hardware/nodeSelector", 16),
    ("/spec/load/pod/nodeSelector", 16),
    ("/spec/load/pod/resources/requests", 8),
    ("/spec/load/pod/resources/limits", 8),
    ("/spec/predictor/pod/resources/requests", 8),
    ("/spec/predictor/pod/resources/limits", 8),
];

/// Paths of fields that cannot be left out.
pub const REQUIRED: &[&str] = &[
    "/spec/model",
    "/spec/model/name",
    "/spec/model/cache/claimName",
    "/spec/model/cache/mountPath",
    "/spec/hardware",
    "/spec/hardware/system",
    "/spec/hardware/gpusPerVariant",
    "/spec/workload",
    "/spec/workload/inputTokens",
    "/spec/workload/outputTokens",
    "/spec/sla",
    "/spec/sla/ttft/milliseconds",
    "/spec/sla/tpot/milliseconds",
    "/spec/sla/requestLatency/milliseconds",
    "/spec/execution/budget/gpuHours",
    "/spec/runtime",
    "/spec/variants/0/name",
    "/spec/variants/0/role",
    "/spec/variants/0/source",
    "/spec/variants/0/source/type",
    "/spec/variants/4/source/endpoint/url",
    "/spec/variants/4/source/endpoint/gpus",
    "/spec/variants/4/claim/predictor",
    "/spec/variants/4/claim/configMapName",
    "/spec/variants/0/patches/0/target",
    "/spec/variants/0/patches/0/target/kind",
    "/spec/variants/0/patches/0/operations/0/op",
    "/spec/variants/0/patches/0/operations/0/path",
    "/spec/variants/0/patches/1/removeLines/pointer",
    "/spec/variants/0/patches/1/removeLines/matching",
    "/spec/results/claimName",
];
