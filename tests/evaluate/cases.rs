//! What people reported of files they had, each tried on the program: what is read, and what is said.

use std::fs;
use std::path::Path;

use rstest::rstest;

use super::{CLEAN, Clean, Ended, GUIDE, OPTIMIZED, evaluate};

const GUIDELLM_AT_A_RATE: &str = "new=tests/fixtures/load-tools/guidellm-real-constant.json";

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// One clean run of the new server after a change of the comparison and of its summary.
fn one_run(comparison: (&str, &str), summary: (&str, &str)) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let changed = |path: &str, (from, to): (&str, &str)| {
        let changed = text(path).replace(from, to);
        assert!(from.is_empty() || changed != text(path), "{path} has no {from}");
        let target = directory.path().join(Path::new(path).file_name().unwrap());
        fs::write(&target, changed).unwrap();
        target.display().to_string()
    };
    let file = changed(CLEAN, comparison);
    let result = changed("tests/fixtures/aiperf/clean/profile_export_aiperf.json", summary);
    evaluate(&["-f", &file, "--results", &format!("new={result}"), "-o", "json"])
}

fn codes(ended: &Ended) -> Vec<String> {
    let answer = ended.json();
    let levels = answer["variants"].as_array().unwrap().iter().filter_map(|variant| variant["levels"].as_array());
    let reasons = levels.flatten().filter_map(|level| level["evidence"]["reasons"].as_array()).flatten();
    reasons.map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

/// Servers of a path of weights (ai-dynamo/aiconfigurator#1396), of an adapter, of a tag.
#[rstest]
#[case::weights_of_a_path("/models/Kimi-K2.5-NVFP4")]
#[case::adapter("base-model:codelion/recovery")]
#[case::tag("qwen3:8b")]
fn a_server_of_any_name_is_judged(#[case] name: &str) {
    let own = format!("{{name: mock/tiny, servedName: \"{name}\"}}");
    let ended = one_run(("{name: mock/tiny}", &own), ("\"mock/tiny\"", &format!("\"{name}\"")));
    assert!(!codes(&ended).contains(&"ModelMismatch".to_owned()), "{}", ended.stdout);
    let under_another = one_run(("{name: mock/tiny}", &own), ("", ""));
    assert!(codes(&under_another).contains(&"ModelMismatch".to_owned()), "{}", under_another.stdout);
}

/// Files that are whole, and of another kind of load: copying them again would not help.
#[test]
fn load_at_a_rate_alone_says_what_to_give_instead() {
    let ended = evaluate(&["-f", CLEAN, "--results", GUIDELLM_AT_A_RATE]);
    assert_eq!(ended.code, 1);
    let cure = "Give at least one whole result of a load with a fixed number of concurrent requests";
    assert!(ended.stderr.trim_end().ends_with(cure), "{}", ended.stderr);
}

/// AIConfigurator's own \"no limit\" is beyond the bound, which the message names.
#[test]
fn a_limit_beyond_the_bound_is_refused_with_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guide.yaml");
    fs::write(&file, text(GUIDE).replace("ttftMilliseconds: 500", "ttftMilliseconds: 1000000000")).unwrap();
    let ended = evaluate(&["-f", &file.display().to_string(), "--results", OPTIMIZED]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("must be a positive number below 1000000000"), "{}", ended.stderr);
}

/// A summary that an editor of Windows saved begins with a byte order mark.
#[test]
fn a_byte_order_mark_is_passed_over() {
    let marked = one_run(("", ""), ("{\n \"schema_version\"", "\u{feff}{\n \"schema_version\""));
    assert_eq!(marked.stderr, "");
    assert!(marked.json()["results"].to_string().contains("aiperf 0.13.0"), "{}", marked.stdout);
}

/// One level at which every request failed is left out with the reason, and the others are judged (P8).
#[test]
fn a_level_without_any_answer_is_left_out() {
    let clean = Clean::new();
    let failed = Path::new(&clean.path("new")).join("c16");
    fs::create_dir_all(&failed).unwrap();
    fs::copy("tests/fixtures/aiperf/failures/down/profile_export.jsonl", failed.join("profile_export.jsonl")).unwrap();
    let ended = clean.evaluate(CLEAN, None, &[]);
    assert_ne!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("not used: c16/profile_export.jsonl"), "{}", ended.stdout);
}

/// A comparison beside the ConfigMap of its manifests, as the samples have it, is one comparison.
#[test]
fn a_comparison_beside_its_manifests_is_read() {
    let sample = "config/samples/own-manifests.yaml";
    let ended = evaluate(&["-f", sample, "--results", "tp8=tests/fixtures/genai-perf/aic-agg-c250.json"]);
    assert_ne!(ended.code, 1, "{}", ended.stderr);
}

const KIMI: &str = "
apiVersion: bcmp.dev/v1alpha1
kind: BenchmarkComparison
metadata: {name: kimi}
spec:
  model: {name: Kimi-K2.5-NVFP4}
  hardware: {system: b200_sxm, gpusPerVariant: 8}
  workload: {inputTokens: 8192, outputTokens: 1024, concurrency: [384]}
  sla: {ttftMilliseconds: 500000, tpotMilliseconds: 60}
  runtime: {backend: vllm}
  variants:
  - {name: old, role: Baseline, source: {type: Endpoint, endpoint: {url: \"http://old:8000\", gpus: 8}}}
  - {name: new, role: Candidate, source: {type: Endpoint, endpoint: {url: \"http://new:8000\", gpus: 8}}}
";

/// `vllm bench serve` at 384 concurrent requests: a time per token, and the throughput of all GPUs.
fn at_384(tpot: f64, tokens_per_second: f64) -> String {
    let mut result: serde_json::Value = serde_json::from_str(&text("tests/fixtures/load-tools/vllm.json")).unwrap();
    let latency = 384.0 * 1024.0 / tokens_per_second * 1000.0;
    for (field, value) in [
        ("max_concurrency", 384.0),
        ("num_prompts", 3840.0),
        ("completed", 3840.0),
        ("total_input_tokens", 3840.0 * 8192.0),
        ("total_output_tokens", 3840.0 * 1024.0),
        ("request_throughput", tokens_per_second / 1024.0),
        ("output_throughput", tokens_per_second),
        ("mean_ttft_ms", latency - 1023.0 * tpot),
        ("mean_tpot_ms", tpot),
        ("mean_itl_ms", tpot),
    ] {
        result[field] = if value.fract() == 0.0 { (value as u64).into() } else { value.into() };
    }
    result["model_id"] = "Kimi-K2.5-NVFP4".into();
    result.to_string()
}

/// The case of ai-dynamo/aiconfigurator#1396: 883.70 tokens/s/GPU were claimed for 384 concurrent requests and 192.44 were
/// measured, by engines that answered 34 requests at once. Slow engines with as many requests in them are another thing.
#[rstest]
#[case::places_are_short(
    22.43,
    192.44,
    Some(
        "with 384 concurrent requests throughput is -78.2 % off what was predicted, and 35 were being answered on average (tokens/s × \
         TPOT); the others waited for their first token. Check the engines' maximum batch size and KV cache"
    )
)]
#[case::engines_are_slow(200.0, 192.44, None)]
#[case::as_claimed(45.0, 883.7, None)]
fn few_requests_in_service_explain_a_missed_claim(
    #[case] tpot: f64,
    #[case] tokens: f64,
    #[case] expected: Option<&str>,
) {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).unwrap();
        directory.path().join(name).display().to_string()
    };
    let claim =
        serde_json::json!({"concurrency": 384, "point": {"ttft": 400.0, "tpot": 45.7, "tokensPerSecondPerGpu": 883.7}});
    let ready = |claim: serde_json::Value| serde_json::json!({"result": "ready", "objects": [], "prediction": {"claim": claim}});
    let predicted = serde_json::json!({"schemaVersion": 1, "variants": [
        {"variant": "old", "outcome": ready(serde_json::Value::Null)}, {"variant": "new", "outcome": ready(claim)}]});
    let (file, predicted) = (write("c.yaml", KIMI), write("p.json", &predicted.to_string()));
    let (old, new) = (write("old.json", &at_384(22.0, 1500.0)), write("new.json", &at_384(tpot, 8.0 * tokens)));
    let arguments = ["-f", &file, "--results", &format!("old={old}"), "--results", &format!("new={new}")];
    let ended = evaluate(&[&arguments[..], &["--prediction", &format!("new={predicted}"), "-o", "json"]].concat());
    let found = ended.json()["variants"][1]["findings"].as_array().unwrap().iter().find_map(|finding| {
        (finding["code"] == "MostRequestsWait").then(|| finding["message"].as_str().unwrap().to_owned())
    });
    assert_eq!(found.as_deref(), expected, "{}", ended.stdout);
}

/// A reasoning parser takes most tokens out of the content that a client counts (triton perf_analyzer#433: 38 of 512).
#[rstest]
#[case::most_are_elsewhere("5.0", true)]
#[case::the_server_ended_early("45.0", false)]
fn answers_far_too_short_hint_at_the_reasoning_parser(#[case] tokens: &str, #[case] hinted: bool) {
    let summary = text("tests/fixtures/aiperf/clean/profile_export_aiperf.json");
    let mut summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    for lengths in ["output_sequence_length", "usage_completion_tokens"] {
        summary[lengths]["avg"] = tokens.parse::<f64>().unwrap().into();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("profile_export_aiperf.json");
    fs::write(&path, summary.to_string()).unwrap();
    let ended = evaluate(&["-f", CLEAN, "--results", &format!("new={}", path.display()), "-o", "json"]);
    assert!(codes(&ended).contains(&"OutputLengthMismatch".to_owned()), "{}", ended.stdout);
    assert_eq!(ended.stdout.contains("turn off the server's reasoning parser"), hinted, "{}", ended.stdout);
}

/// Engines that do not fill the pods' GPUs, or whose settings are in a file that is not there, are unknown, and it is said why.
#[rstest]
#[case::gpus_left_over("--tensor-parallel-size, \"2\"", "GPUs")]
#[case::settings_elsewhere("--config, /etc/engine.yaml", "/etc/engine.yaml")]
fn engines_that_cannot_be_read_are_unknown_with_the_reason(#[case] arguments: &str, #[case] said: &str) {
    let graph = format!(
        "{{apiVersion: nvidia.com/v1beta1, kind: DynamoGraphDeployment, metadata: {{name: mine}}, spec: {{components: [
          {{name: Frontend, type: frontend, podTemplate: {{spec: {{containers: [{{name: main, image: a}}]}}}}}},
          {{name: Worker, type: worker, podTemplate: {{spec: {{containers: [{{name: main, image: a, command: [python3, -m, dynamo.vllm],
            args: [--model, m, {arguments}], resources: {{limits: {{nvidia.com/gpu: 4}}}}}}]}}}}}}]}}}}"
    );
    let inline = graph.split_whitespace().collect::<Vec<_>>().join(" ");
    let source = format!("{{type: Manifests, manifests: {{inline: '{inline}'}}}}");
    let endpoint = "{type: Endpoint, endpoint: {url: \"http://new:8000\", gpus: 8}}";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.yaml");
    assert!(KIMI.contains(endpoint));
    fs::write(&file, KIMI.replace(endpoint, &source)).unwrap();
    let result = directory.path().join("new.json");
    fs::write(&result, at_384(45.0, 7000.0)).unwrap();
    let ended = evaluate(&["-f", &file.display().to_string(), "--results", &format!("new={}", result.display())]);
    assert!(ended.stdout.contains("unknown (see NotPredicted below)"), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("NotPredicted") && ended.stdout.contains(said), "{}", ended.stdout);
}
