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
    let shape = read_shape(&documents(text), expected.gpus(), None).unwrap();
    assert_eq!(shape.serving, expected, "{which}");
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
#[case::vllm_ranks(json!(["vllm", "serve", "m", "-dp", "4"]), Workers { data_parallel: 4, chunked_prefill: true, ..Workers::new(1, 1, 2) })]
#[case::vllm_experts(
    json!(["vllm", "serve", "m", "--data-parallel-size", "4", "--enable-expert-parallel", "-tp", "2"]),
    Workers { data_parallel: 4, moe_tensor_parallel: Some(1), moe_expert_parallel: Some(8), chunked_prefill: true, ..Workers::new(2, 1, 2) }
)]
#[case::vllm_underscores(
    json!(["vllm", "serve", "m", "--tensor_parallel_size", "2", "--max_num_batched_tokens=1024"]),
    Workers { max_num_tokens: Some(1024), chunked_prefill: true, ..Workers::new(2, 1, 2) }
)]
#[case::sglang_copies(
    json!(["python3", "-m", "sglang.launch_server", "--tp", "2", "--dp", "2", "--max-running-requests", "64"]),
    Workers { max_batch_size: Some(64), chunked_prefill: true, ..Workers::new(2, 1, 4) }
)]
#[case::sglang_groups_share_limits(
    json!(["python3", "-m", "sglang.launch_server", "--tp", "8", "--dp", "8", "--enable-dp-attention", "--moe-a2a-backend", "deepep", "--max-running-requests", "64", "--chunked-prefill-size", "16384"]),
    Workers {
        data_parallel: 8, moe_tensor_parallel: Some(1), moe_expert_parallel: Some(8), max_batch_size: Some(8),
        max_num_tokens: Some(2048), chunked_prefill: true, ..Workers::new(1, 1, 2)
    }
)]
#[case::vllm_settings_in_a_file_the_script_writes(
    json!(["bash", "-c", "cat > /v.yaml <<E\ntensor-parallel-size: 4\nmax_num_seqs: 16\nenable-chunked-prefill: true\nE\nvllm serve m --config /v.yaml --max-num-seqs 8"]),
    Workers { max_batch_size: Some(8), chunked_prefill: true, ..Workers::new(4, 1, 2) }
)]
#[case::default_in_the_script(
    json!(["bash", "-c", "TP=${TP:-2}\nvllm serve m --tensor-parallel-size $TP --pipeline-parallel-size ${PP:-2}"]),
    Workers { chunked_prefill: true, ..Workers::new(2, 2, 2) }
)]
#[case::sglang(
    json!(["python3", "-m", "dynamo.sglang", "--tp", "4", "--max-running-requests", "32", "--chunked-prefill-size", "4096", "--mem-fraction-static", "0.85"]),
    Workers { max_batch_size: Some(32), max_num_tokens: Some(4096), chunked_prefill: true, kv_cache_fraction: Some(0.85), ..Workers::new(4, 1, 2) }
)]
#[case::sglang_groups(
    json!(["python3", "-m", "sglang.launch_server", "--tp-size", "8", "--dp-size", "4", "--enable-dp-attention", "--ep-size", "8", "--chunked-prefill-size", "-1"]),
    Workers { data_parallel: 4, moe_tensor_parallel: Some(1), moe_expert_parallel: Some(8), ..Workers::new(2, 1, 2) }
)]
#[case::tensorrt_llm_flags(
    json!(["trtllm-serve", "m", "--tp_size", "2", "--max_batch_size", "16", "--max_num_tokens", "2048"]),
    Workers { max_batch_size: Some(16), max_num_tokens: Some(2048), ..Workers::new(2, 1, 2) }
)]
#[case::tensorrt_llm_module(
    json!(["python3", "-m", "tensorrt_llm.commands.serve", "m", "--tp_size", "2", "--max_batch_size", "16"]),
    Workers { max_batch_size: Some(16), ..Workers::new(2, 1, 2) }
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
    let expected = Serving::Aggregated { workers: expected };
    let shape = read_shape(&beta(json!([worker("worker", command)])), expected.gpus(), None).unwrap();
    assert_eq!(shape.serving, expected);
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

/// The file of a ConfigMap among the manifests, as recipes of SGLang have it.
fn with_config_map(settings: &str, command: Value) -> Vec<Value> {
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a.yaml": settings}});
    let mut worker = worker("worker", command);
    worker["podTemplate"]["spec"]["volumes"] = json!([{"name": "s", "configMap": {"name": "settings"}}]);
    worker["podTemplate"]["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "s", "mountPath": "/etc/sglang"}]);
    let mut objects = beta(json!([worker]));
    objects.push(config_map);
    objects
}

#[test]
fn settings_in_a_config_map_are_read_and_flags_replace_them() {
    let settings = "tensor-parallel-size: 8\ndata-parallel-size: 8\nenable-dp-attention: true\nep-size: 1\n\
                    max-running-requests: 64\nspeculative-algorithm: EAGLE\nspeculative-num-draft-tokens: 4\n\
                    disable-radix-cache: true\nkv-events-config:\n  publisher: zmq\ncuda-graph-bs: [1, 2]\n";
    let command = json!(["python3", "-m", "dynamo.sglang", "--config", "/etc/sglang/a.yaml"]);
    let shape = read_shape(&with_config_map(settings, command), 16, None).unwrap();
    assert_eq!(shape.serving.describe(), "2 × TP1 DP8");
    assert_eq!(shape.speculation.as_deref(), Some("EAGLE, 4 tokens ahead"));
    assert_eq!(shape.prefix_caching, Some(false));
    let command = json!(["python3", "-m", "dynamo.sglang", "--config", "/etc/sglang/a.yaml", "--dp", "2"]);
    let shape = read_shape(&with_config_map(settings, command), 16, None).unwrap();
    assert_eq!(shape.serving.describe(), "2 × TP4 DP2");
}

#[rstest]
#[case(json!(["vllm", "serve", "m", "--config", "/not/there.yaml"]))]
#[case(json!(["python3", "-m", "dynamo.sglang", "--config=/not/there.yaml"]))]
fn settings_in_a_file_of_the_image_are_not_taken_for_defaults(#[case] command: Value) {
    let error = read_shape(&beta(json!([worker("worker", command)])), 2, None).unwrap_err().to_string();
    assert!(error.contains("the engine's settings are in /not/there.yaml, which is not in the manifests"), "{error}");
}

#[rstest]
#[case::vllm(json!(["vllm", "serve", "m", "--speculative-config", "{\"method\":\"mtp\",\"num_speculative_tokens\":3}"]), Some("mtp, 3 tokens ahead"))]
#[case::vllm_in_parts(json!(["vllm", "serve", "m", "--spec-method", "eagle3", "--spec-tokens", "1"]), Some("eagle3, 1 tokens ahead"))]
#[case::vllm_unreadable(json!(["vllm", "serve", "m", "--speculative-config", "$(ELSEWHERE)"]), Some("with settings that cannot be read"))]
#[case::none(json!(["vllm", "serve", "m"]), None)]
#[case::tensorrt_llm(json!(["bash", "-c", "cat > /e <<E\nspeculative_config:\n  decoding_type: Eagle3\n  max_draft_len: 3\nE\ntrtllm-serve m --config /e"]), Some("Eagle3, 3 tokens ahead"))]
fn guessed_tokens_are_a_part_of_the_shape(#[case] command: Value, #[case] expected: Option<&str>) {
    let shape = read_shape(&beta(json!([worker("worker", command)])), 2, None).unwrap();
    assert_eq!(shape.speculation.as_deref(), expected);
    assert_eq!(shape.beyond_prediction().is_some(), expected.is_some());
}

#[rstest]
#[case(json!(["vllm", "serve", "m", "--no-enable-prefix-caching"]), Some(false))]
#[case(json!(["vllm", "serve", "m", "--no-enable-prefix-caching", "--enable_prefix_caching"]), Some(true))]
#[case(json!(["vllm", "serve", "m"]), None)]
fn prefix_caching_is_a_part_of_the_shape(#[case] command: Value, #[case] expected: Option<bool>) {
    assert_eq!(read_shape(&beta(json!([worker("worker", command)])), 2, None).unwrap().prefix_caching, expected);
}

#[rstest]
#[case::vllm(json!(["vllm", "serve", "m", "--max-model-len", "8192"]), Some(8192))]
#[case::vllm_from_the_model(json!(["vllm", "serve", "m"]), None)]
#[case::vllm_with_a_unit(json!(["vllm", "serve", "m", "--max-model-len", "8k"]), None)]
#[case::sglang(json!(["python3", "-m", "sglang.launch_server", "--context-length=16384"]), Some(16384))]
#[case::tensorrt_llm(json!(["bash", "-c", "cat > /e <<E\nbuild_config:\n  max_seq_len: 5500\nE\ntrtllm-serve m --config /e"]), Some(5500))]
fn the_longest_request_is_a_part_of_the_shape(#[case] command: Value, #[case] expected: Option<u32>) {
    assert_eq!(read_shape(&beta(json!([worker("worker", command)])), 2, None).unwrap().context_length, expected);
}

#[test]
fn decode_workers_alone_do_everything() {
    let objects = beta(json!([worker("decode", json!(["vllm", "serve", "m", "-tp", "2"]))]));
    assert_eq!(read_shape(&objects, 4, None).unwrap().serving.describe(), "2 × TP2");
}

#[test]
fn engines_that_do_not_use_the_gpus_of_their_pods_have_no_known_shape() {
    let objects = beta(json!([worker("worker", json!(["vllm", "serve", "m", "-tp", "2"]))]));
    let error = read_shape(&objects, 16, None).unwrap_err();
    assert_eq!(error, ShapeError::OtherGpus { engines: "2 × TP2".into(), used: 4, held: 16 });
    assert!(error.to_string().contains("(2 × TP2) use 4 GPUs, but the pods request 16"), "{error}");
    // A hint that uses them is what is deployed; another one is as doubtful.
    assert_eq!(read_shape(&objects, 8, Some(&hint())).unwrap().serving.describe(), "2 × TP4");
    assert!(read_shape(&objects, 16, Some(&hint())).is_err());
}

#[test]
fn variables_of_config_maps_are_read() {
    let mut objects = with_config_map("", json!(["vllm", "serve", "m", "--tensor-parallel-size", "$(SIZE)"]));
    objects[1]["data"] = json!({"size": "4"});
    let container = "/spec/components/0/podTemplate/spec/containers/0";
    let container = objects[0].pointer_mut(container).unwrap();
    container["env"] = json!([{"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}}}]);
    assert_eq!(read_shape(&objects, 8, None).unwrap().serving.describe(), "2 × TP4");
}

#[rstest]
#[case::ranks(
    beta(json!([worker("worker", json!(["vllm", "serve", "m", "-dp", "$RANKS"]))])),
    "--data-parallel-size or -dp is `$RANKS`, which is not a whole number: write it into the manifests"
)]
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
