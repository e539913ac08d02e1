use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// Manifests of the samples, as text.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/aiconfigurator/", $path))
    };
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

fn aggregated(tensor: u32, replicas: u32, batch: u32, tokens: u32) -> Serving {
    let workers = Workers {
        max_batch_size: Some(batch),
        max_num_tokens: Some(tokens),
        kv_cache_fraction: Some(0.8),
        ..Workers::new(tensor, 1, replicas)
    };
    Serving::Aggregated { workers }
}

#[rstest]
#[case::v0_12("0.12.0, inline", sample!("0.12.0-default/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249/agg/top1/k8s_deploy.yaml"), aggregated(8, 1, 12, 4512))]
#[case::v0_12_second("0.12.0, two replicas", sample!("0.12.0-default/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249/agg/top2/k8s_deploy.yaml"), aggregated(4, 2, 1, 4512))]
#[case::build_config("build_config of Dynamo 0.6.0", sample!("0.12.0-dynamo-0.6.0-image-0.5.0/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_574779/agg/top1/k8s_deploy.yaml"), aggregated(8, 1, 12, 4512))]
#[case::naive("naive", sample!("0.12.0-generate-naive-baseline/Qwen_Qwen3-32B_naive_tp1_pp1_321794/k8s_deploy.yaml"), aggregated(1, 8, 128, 4640))]
#[case::v0_4("0.4.0", sample!("0.4.0/QWEN3_32B_isl4000_osl500_ttft500_tpot7_131420/agg/top1/agg/k8s_deploy.yaml"), aggregated(4, 1, 10, 5510))]
#[case::v0_8("0.8.0", sample!("0.8.0/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_842725/agg/top1/k8s_deploy.yaml"), aggregated(8, 1, 12, 4512))]
fn generated_manifests_tell_their_shape(#[case] which: &str, #[case] text: &str, #[case] expected: Serving) {
    let shape = read_shape(&documents(text), 8, None).unwrap();
    assert_eq!(shape.serving, expected, "{which}");
    assert_eq!(shape.gpus, 8);
}

#[rstest]
#[case(sample!("0.12.0-default/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249/disagg/top1/k8s_deploy.yaml"), (2, 2, 1), (4, 1, 124))]
#[case(sample!("0.8.0/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_842725/disagg/top1/k8s_deploy.yaml"), (2, 2, 1), (4, 1, 68))]
#[case(sample!("0.4.0/QWEN3_32B_isl4000_osl500_ttft500_tpot7_131420/disagg/top1/disagg/k8s_deploy.yaml"), (1, 4, 1), (4, 1, 18))]
fn disaggregated_workers_are_told_apart(
    #[case] text: &str,
    #[case] expected_prefill: (u32, u32, u32),
    #[case] expected_decode: (u32, u32, u32),
) {
    let Serving::Disaggregated { prefill, decode } = read_shape(&documents(text), 8, None).unwrap().serving else {
        panic!("aggregated")
    };
    let told = |w: &Workers| (w.tensor_parallel, w.replicas, w.max_batch_size.unwrap());
    assert_eq!((told(&prefill), told(&decode)), (expected_prefill, expected_decode));
}

/// The oldest manifests mount a ConfigMap that lies in another file, and tell roles by flags alone.
#[test]
fn the_guide_s_config_map_is_read_when_it_is_given_beside() {
    const DIRECTORY: &str = "guide-snapshot-2025-10-02-db-1.0.0rc3";
    let manifest = documents(sample!(
        "guide-snapshot-2025-10-02-db-1.0.0rc3/QWEN3_32B_isl4000_osl500_ttft500_tpot7_115798/backend_configs/disagg/k8s_deploy.yaml"
    ));
    let error = read_shape(&manifest, 6, None).unwrap_err().to_string();
    assert_eq!(
        error,
        "DynamoGraphDeployment trtllm-disagg: spec.services.TRTLLMDecodeWorker: the engine's settings are in \
         /workspace/engine_configs/decode_config.yaml, which is not in the manifests: write it into the manifests, or set the \
         variant's shape.tensorParallel",
        "{DIRECTORY}"
    );
    let config_map = json!({"kind": "ConfigMap", "metadata": {"name": "engine-configs"}, "data": {
        "prefill_config.yaml": sample!("guide-snapshot-2025-10-02-db-1.0.0rc3/QWEN3_32B_isl4000_osl500_ttft500_tpot7_115798/backend_configs/disagg/prefill_config.yaml"),
        "decode_config.yaml": sample!("guide-snapshot-2025-10-02-db-1.0.0rc3/QWEN3_32B_isl4000_osl500_ttft500_tpot7_115798/backend_configs/disagg/decode_config.yaml"),
    }});
    let objects: Vec<Value> = std::iter::once(config_map).chain(manifest).collect();
    let shape = read_shape(&objects, 6, None).unwrap();
    assert_eq!(shape.serving.describe(), "2 × TP1 prefill + TP4 decode");
    assert_eq!(shape.kv_cache.as_deref(), Some("fp8"));
}

fn beta(components: Value) -> Vec<Value> {
    vec![json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
                "spec": {"components": components}})]
}

fn worker(kind: &str, command: Value) -> Value {
    json!({"name": "w", "type": kind, "replicas": 2, "podTemplate": {"spec": {"containers": [
        {"name": "main", "image": "registry.example/vllm:1", "command": command}]}}})
}

#[rstest]
#[case::vllm(
    json!(["python3", "-m", "dynamo.vllm", "--tensor-parallel-size", "2", "-pp", "2", "--max-num-seqs=64", "--max-num-batched-tokens", "8192", "--gpu-memory-utilization", "0.9", "--kv-cache-dtype", "fp8"]),
    Workers { max_batch_size: Some(64), max_num_tokens: Some(8192), chunked_prefill: true, kv_cache_fraction: Some(0.9), ..Workers::new(2, 2, 2) }
)]
#[case::vllm_serve(json!(["vllm", "serve", "m", "-tp", "4", "--no-enable-chunked-prefill"]), Workers::new(4, 1, 2))]
#[case::vllm_ways_are_engines(json!(["vllm", "serve", "m", "-dp", "4"]), Workers { chunked_prefill: true, ..Workers::new(1, 1, 8) })]
#[case::vllm_experts(
    json!(["vllm", "serve", "m", "--data-parallel-size", "4", "--enable-expert-parallel"]),
    Workers { data_parallel: 4, moe_expert_parallel: Some(4), chunked_prefill: true, ..Workers::new(1, 1, 2) }
)]
#[case::sglang(
    json!(["python3", "-m", "dynamo.sglang", "--tp", "4", "--max-running-requests", "32", "--chunked-prefill-size", "4096", "--mem-fraction-static", "0.85"]),
    Workers { max_batch_size: Some(32), max_num_tokens: Some(4096), chunked_prefill: true, kv_cache_fraction: Some(0.85), ..Workers::new(4, 1, 2) }
)]
#[case::sglang_groups(
    json!(["python3", "-m", "sglang.launch_server", "--tp-size", "8", "--dp-size", "4", "--enable-dp-attention", "--ep-size", "8", "--chunked-prefill-size", "-1"]),
    Workers { data_parallel: 4, moe_expert_parallel: Some(8), ..Workers::new(2, 1, 2) }
)]
#[case::tensorrt_llm_flags(
    json!(["trtllm-serve", "m", "--tp_size", "2", "--max_batch_size", "16", "--max_num_tokens", "2048"]),
    Workers { max_batch_size: Some(16), max_num_tokens: Some(2048), ..Workers::new(2, 1, 2) }
)]
#[case::tensorrt_llm_overrides(
    json!(["python3", "-m", "dynamo.trtllm", "--tensor-parallel-size", "2", "--override-engine-args", "{\"tensor_parallel_size\": 4, \"enable_chunked_prefill\": true}"]),
    Workers { chunked_prefill: true, ..Workers::new(4, 1, 2) }
)]
#[case::tensorrt_llm_attention_groups(
    json!(["bash", "-c", "cat > /e.yaml <<E\ntensor_parallel_size: 8\nenable_attention_dp: True\nmoe_expert_parallel_size: 4\nmoe_tensor_parallel_size: 2\nmax_batch_size: 9\nE\npython3 -m dynamo.trtllm --extra-engine-args /e.yaml"]),
    Workers { data_parallel: 8, moe_expert_parallel: Some(4), moe_tensor_parallel: Some(2), max_batch_size: Some(9), ..Workers::new(1, 1, 2) }
)]
fn engines_tell_their_settings(#[case] command: Value, #[case] expected: Workers) {
    let shape = read_shape(&beta(json!([worker("worker", command)])), 8, None).unwrap();
    assert_eq!(shape.serving, Serving::Aggregated { workers: expected });
    assert_eq!(shape.image.as_deref(), Some("registry.example/vllm:1"));
}

#[rstest]
#[case(json!(["python3", "-m", "dynamo.trtllm", "--extra-engine-args", "/not/there.yaml"]), Some(Backend::Trtllm))]
#[case(json!(["/usr/bin/vllm", "serve", "m"]), Some(Backend::Vllm))]
#[case(json!(["bash", "-c", "exec python3 -m dynamo.sglang \"${args[@]}\""]), Some(Backend::Sglang))]
#[case(json!(["python3", "-m", "dynamo.frontend"]), None)]
fn the_engine_is_told_by_its_command(#[case] command: Value, #[case] expected: Option<Backend>) {
    assert_eq!(read_backend(&beta(json!([worker("worker", command)]))), expected);
}

#[test]
fn a_deployment_is_read_and_its_helpers_are_not() {
    let objects = [json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "replicas": 3, "template": {"spec": {"containers": [
            {"name": "helper", "image": "helper", "command": ["sleep"]},
            {"name": "server", "image": "vllm", "args": ["serve", "m", "--tensor-parallel-size=$(TP)"], "command": ["vllm"],
             "env": [{"name": "TP", "value": "2"}]}]}}}})];
    let shape = read_shape(&objects, 6, None).unwrap();
    assert_eq!(shape.serving.describe(), "3 × TP2");
    assert_eq!(shape.image.as_deref(), Some("vllm"));
}

#[test]
fn roles_come_from_flags_before_types() {
    let objects = beta(json!([
        worker("prefill", json!(["vllm", "serve", "m", "-tp", "2"])),
        worker("decode", json!(["vllm", "serve", "m", "-tp", "4"])),
    ]));
    assert_eq!(read_shape(&objects, 12, None).unwrap().serving.describe(), "2 × TP2 prefill + 2 × TP4 decode");
    let objects = beta(json!([
        worker("worker", json!(["python3", "-m", "dynamo.vllm", "--is-prefill-worker"])),
        worker("worker", json!(["python3", "-m", "dynamo.vllm", "--is-decode-worker"])),
    ]));
    assert_eq!(read_shape(&objects, 4, None).unwrap().serving.describe(), "2 × TP1 prefill + 2 × TP1 decode");
}

#[test]
fn components_that_are_alike_count_together_and_idle_ones_not_at_all() {
    let idle = json!({"name": "i", "type": "worker", "replicas": 0, "podTemplate": {"spec": {"containers": [
        {"name": "main", "command": ["vllm", "serve", "m", "-tp", "8"]}]}}});
    let command = json!(["vllm", "serve", "m", "-tp", "2"]);
    let objects = beta(json!([worker("worker", command.clone()), worker("worker", command), idle]));
    assert_eq!(read_shape(&objects, 8, None).unwrap().serving.describe(), "4 × TP2");
}

fn hint() -> ShapeHint {
    ShapeHint {
        tensor_parallel: Some(4),
        replicas: Some(2),
        max_batch_size: Some(32),
        weights: Some("fp8".into()),
        ..ShapeHint::default()
    }
}

#[test]
fn a_hint_fills_gaps_and_never_replaces() {
    let objects = beta(json!([worker("worker", json!(["vllm", "serve", "m", "-tp", "2", "--kv-cache-dtype", "fp8"]))]));
    let shape = read_shape(&objects, 4, Some(&hint())).unwrap();
    let workers = Workers { max_batch_size: Some(32), chunked_prefill: true, ..Workers::new(2, 1, 2) };
    assert_eq!(shape.serving, Serving::Aggregated { workers });
    assert_eq!((shape.weights.as_deref(), shape.kv_cache.as_deref()), (Some("fp8"), Some("fp8")));
}

#[test]
fn settings_in_the_image_need_a_hint() {
    let command = json!(["python3", "-m", "dynamo.trtllm", "--extra-engine-args", "engine_configs/agg.yaml"]);
    let objects = beta(json!([worker("worker", command)]));
    let error = read_shape(&objects, 8, None).unwrap_err().to_string();
    assert!(error.contains("spec.components[0]") && error.contains("engine_configs/agg.yaml"), "{error}");
    assert_eq!(read_shape(&objects, 8, Some(&hint())).unwrap().serving.describe(), "2 × TP4");
}

#[test]
fn an_unknown_start_needs_a_hint() {
    let objects = beta(json!([worker("worker", json!(["/start.sh"]))]));
    assert_eq!(read_shape(&objects, 8, None), Err(ShapeError::NoEngine));
    let shape = read_shape(&objects, 8, Some(&ShapeHint { replicas: None, ..hint() })).unwrap();
    assert_eq!(shape.serving.describe(), "2 × TP4", "8 GPUs hold two engines of 4");
}

#[rstest]
#[case::variable(
    beta(json!([worker("worker", json!(["vllm", "serve", "m", "--tensor-parallel-size", "$TP"]))])),
    "DynamoGraphDeployment g: spec.components[0]: --tensor-parallel-size or -tp is `$TP`, which is not a whole number: write it into the manifests, or set the variant's shape.tensorParallel"
)]
#[case::batch(
    beta(json!([worker("worker", json!(["bash", "-c", "cat > /e <<E\nmax_batch_size: many\nE\npython3 -m dynamo.trtllm --extra-engine-args /e"]))])),
    "max_batch_size is \"many\", which is not a whole number"
)]
#[case::no_yaml(
    beta(json!([worker("worker", json!(["bash", "-c", "cat > /e <<E\n[1\nE\npython3 -m dynamo.trtllm --extra-engine-args /e"]))])),
    "DynamoGraphDeployment g: spec.components[0]: the engine's settings in /e: is not YAML"
)]
#[case::no_decode(
    beta(json!([worker("prefill", json!(["vllm", "serve", "m"]))])),
    "there are prefill workers, but no decode workers"
)]
#[case::mixed(
    beta(json!([worker("prefill", json!(["vllm", "serve", "m"])), worker("worker", json!(["vllm", "serve", "m"]))])),
    "beside workers that do one of them"
)]
#[case::two_kinds(
    beta(json!([worker("worker", json!(["vllm", "serve", "m"])), worker("worker", json!(["vllm", "serve", "m", "-tp", "2"]))])),
    "DynamoGraphDeployment g: spec.components[1] starts workers that differ"
)]
#[case::replicas(
    beta(json!([{"name": "w", "replicas": "2"}])),
    "DynamoGraphDeployment g: spec.components[0].replicas: \"2\" is not a whole number"
)]
fn what_cannot_be_told_is_named(#[case] objects: Vec<Value>, #[case] expected: &str) {
    let error = read_shape(&objects, 8, None).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}
