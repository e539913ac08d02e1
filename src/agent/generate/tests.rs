//! Generation against recorded answers of the real driver; the same cases run against the real tool where it is given.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::agent::interruption::Interruption;
use crate::agent::outbox::Outbox;
use crate::api::{BenchmarkComparisonSpec, EvidenceCode};
use crate::offline::outlook::outlook;
use crate::plan::{Identity, Images};
use crate::prediction::configurations::{self, Configuration, Configurations, Ready};
use crate::prediction::{PredictedLevel, Prediction, Serving};

/// Python that has the tool; without it the test of the real tool only says that it did not run.
const PYTHON: &str = "BCMP_TEST_AIC_PYTHON";
/// Set: the real tool's answers become the recorded ones.
const RECORD: &str = "BCMP_TEST_AIC_RECORD";

const GUIDE: &str = "
model: {name: Qwen/Qwen3-32B, path: /workspace/model_hub/qwen3-32b, cache: {claimName: model-cache, mountPath: /workspace/model_hub}}
hardware: {system: h200_sxm, gpusPerVariant: 8}
workload: {inputTokens: 4000, outputTokens: 500}
sla: {ttftMilliseconds: 500, tpotMilliseconds: 7}
runtime: {image: 'nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:0.5.0'}
";

/// The comparisons that are recorded.
fn spec(case: &str) -> BenchmarkComparisonSpec {
    let mut spec: Value = serde_saphyr::from_str(GUIDE).unwrap();
    let mut set = |pointer: &str, value: Value| {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.into(), value);
    };
    let two = |baseline: Value, candidate: Value| {
        json!([{"name": "baseline", "role": "Baseline", "source": baseline},
               {"name": "optimized", "role": "Candidate", "source": candidate}])
    };
    let recommended =
        |mode: &str, rank: i32| json!({"type": "Recommended", "recommended": {"servingMode": mode, "rank": rank}});
    match case {
        "guide" => {}
        "current" => set("/runtime/image", json!("nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:1.3.0")),
        "tpot" => set("/sla/tpotMilliseconds", json!(4)),
        "ttft" => set("/sla/ttftMilliseconds", json!("1.5")),
        "system" => set("/hardware/system", json!("h999")),
        "model" => set("/model/name", json!("nobody/nothing")),
        "rank" => set("/variants", two(json!({"type": "Naive"}), recommended("Aggregated", 3))),
        "disaggregated" => {
            set("/sla/tpotMilliseconds", json!("20"));
            set("/runtime/version", json!("1.3.0"));
            set("/variants", two(recommended("Aggregated", 1), recommended("Disaggregated", 1)));
        }
        "manifests" => {
            let manifests = |source: &str| json!({"type": "Manifests", "manifests": {"inline": source}});
            set("/variants", two(manifests(VLLM), manifests(UNREADABLE)));
        }
        "small" => {
            set("/model/name", json!("deepseek-ai/DeepSeek-V3"));
            set("/hardware/gpusPerVariant", json!(2));
        }
        other => panic!("no case {other}"),
    }
    serde_json::from_value(spec).unwrap()
}

const VLLM: &str = r#"
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: mine}
spec:
  components:
  - {name: Frontend, type: frontend, podTemplate: {spec: {containers: [{name: main, image: 'nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.3.0'}]}}}
  - name: Worker
    type: worker
    replicas: 2
    podTemplate:
      spec:
        containers:
        - name: main
          image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.3.0
          command: [python3, -m, dynamo.vllm]
          args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, '4', --max-num-seqs, '256', --max-num-batched-tokens, '8192']
          resources: {limits: {nvidia.com/gpu: 4}}
"#;

const UNREADABLE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: mine}
spec:
  selector: {matchLabels: {app: mine}}
  template:
    metadata: {labels: {app: mine}}
    spec:
      containers:
      - {name: server, image: 'registry.example/server:1', command: [/start.sh], ports: [{containerPort: 8000}], resources: {limits: {nvidia.com/gpu: 8}}}
---
apiVersion: v1
kind: Service
metadata: {name: mine}
spec: {selector: {app: mine}, ports: [{port: 8000}]}
"#;

fn plan(case: &str) -> Plan {
    Plan {
        schema_version: 1,
        comparison: Identity { namespace: "team".into(), name: "qwen3".into(), uid: "u".into() },
        run: 1,
        inputs_hash: "h".into(),
        spec: spec(case),
        images: Images { agent: "a".into(), predictor: "p".into(), load: "l".into() },
        manifests: Default::default(),
        claims: Default::default(),
        pod_features: Default::default(),
    }
}

fn recording(case: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiconfigurator/driver");
    directory.join(format!("{case}.jsonl"))
}

/// Gives the answers the driver gave to the same questions.
struct Recorded {
    case: String,
    answers: Vec<Value>,
}

impl Recorded {
    fn new(case: &str) -> Self {
        let text = std::fs::read_to_string(recording(case)).unwrap();
        let answers = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { case: case.into(), answers }
    }
}

impl Ask for Recorded {
    fn ask(&mut self, question: &Value) -> Result<Value, DriverError> {
        let known = self.answers.iter().find(|answer| answer["question"] == *question);
        let answer = known.unwrap_or_else(|| panic!("{} has no answer to {question}", self.case));
        match answer["error"].as_str() {
            Some(message) => Err(DriverError::Refused(message.into())),
            None => Ok(answer["result"].clone()),
        }
    }
}

fn outcomes(case: &str) -> Vec<GenerationOutcome> {
    let configurations = generate(&plan(case), &mut Recorded::new(case), Some("aiperf 0.13.0".into())).unwrap();
    assert_eq!(configurations.load_tool.as_deref(), Some("aiperf 0.13.0"));
    let names: Vec<_> = configurations.variants.iter().map(|variant| variant.variant.as_str()).collect();
    assert_eq!(names, ["baseline", "optimized"]);
    configurations.variants.into_iter().map(|variant| variant.outcome).collect()
}

fn ready(case: &str) -> [Ready; 2] {
    let outcomes = outcomes(case).into_iter();
    let ready = outcomes.map(|outcome| match outcome {
        GenerationOutcome::Ready(ready) => *ready,
        refused @ GenerationOutcome::Refused { .. } => panic!("{refused:?}"),
    });
    ready.collect::<Vec<_>>().try_into().unwrap()
}

fn refused(case: &str, variant: usize) -> (String, String) {
    match outcomes(case).swap_remove(variant) {
        GenerationOutcome::Refused { reason, message } => (reason.to_string(), message),
        ready @ GenerationOutcome::Ready(_) => panic!("{ready:?}"),
    }
}

fn codes(ready: &Ready) -> Vec<EvidenceCode> {
    ready.prediction.findings.iter().map(|finding| finding.code).collect()
}

fn at(ready: &Ready, concurrency: u32) -> PredictedLevel {
    ready.prediction.curve.as_ref().unwrap().at(concurrency).unwrap()
}

fn rounded(level: PredictedLevel) -> (f64, f64) {
    let round = |number: f64| (number * 1000.0).round() / 1000.0;
    (round(level.point.ttft.get()), round(level.point.tpot.get()))
}

#[rstest]
#[case("guide")]
#[case("current")]
fn the_guide_s_claim_and_the_estimate_of_what_is_deployed(#[case] case: &str) {
    let [_, optimized] = ready(case);
    let claim = optimized.prediction.claim.as_ref().unwrap();
    let advertised = claim.advertised();
    assert_eq!(claim.concurrency, 12);
    assert_eq!(advertised.tokens_per_second_per_gpu.get(), 199.644);
    assert_eq!((advertised.ttft.get(), advertised.tpot.get()), (347.435, 6.568));
    let shape = optimized.shape.as_ref().unwrap();
    assert_eq!(shape.serving.describe(), "TP8");
    assert_eq!((shape.weights.as_deref(), shape.kv_cache.as_deref()), (Some("bfloat16"), Some("bfloat16")));

    let deployed = at(&optimized, 12);
    assert_eq!(rounded(deployed), (216.178, 7.123));
    assert!(!deployed.beyond_operating_point && at(&optimized, 13).beyond_operating_point);
    let row = optimized.prediction.findings.iter().find(|f| f.code == EvidenceCode::ClaimNotDeployable).unwrap();
    assert!(row.message.contains("needs 8010 tokens in a step, but the deployed engine allows max_num_tokens 4512"));
}

/// The claim meets the SLA; the engine that is generated for it does not, by its own estimate.
#[test]
fn a_claim_that_does_not_survive_deployment_is_predicted_to_fail() {
    let outcomes = outcomes("guide").into_iter().zip(["baseline", "optimized"]);
    let variants = outcomes.map(|(outcome, variant)| Configuration { variant: variant.into(), outcome }).collect();
    let configurations = Configurations { schema_version: 1, load_tool: None, variants };
    let forecast = outlook(&spec("guide"), &configurations).unwrap().forecast.unwrap();
    for part in [
        "only optimized meets the SLA, up to 11 concurrent requests; so there can be no gain in percent; ",
        "the claim of optimized is predicted to fail: with 12 concurrent requests, ",
        "a TPOT of 7.12 ms are estimated for what is deployed, against 199.6 and 6.57 ms",
    ] {
        assert!(forecast.contains(part), "no `{part}` in {forecast}");
    }
}

#[rstest]
#[case("guide")]
#[case("current")]
fn the_naive_baseline_is_eight_small_engines(#[case] case: &str) {
    let [baseline, _] = ready(case);
    let shape = baseline.shape.as_ref().unwrap();
    let Serving::Aggregated { workers } = &shape.serving else { panic!("{shape:?}") };
    assert_eq!((shape.serving.describe().as_str(), shape.gpus), ("8 × TP1", 8));
    assert_eq!(workers.max_batch_size, Some(128));
    assert_eq!(baseline.prediction.claim, None);

    let curve = baseline.prediction.curve.as_ref().unwrap();
    assert_eq!(curve.end(), 8 * 52, "the KV cache of one GPU holds 52 requests, not 128");
    assert_eq!(rounded(at(&baseline, 1)), (718.855, 18.769));
    let tokens = at(&baseline, 10).point.tokens_per_second_per_gpu.get() * 8.0;
    assert_eq!(tokens.round(), 501.0);
}

/// Between the estimates of the grid a power law is as good as an estimate: the tool's own figures for all the levels
/// of the guide's ladder that fit are met within one percent.
#[rstest]
#[case(7, 840.982, 24.936)]
#[case(13, 960.505, 30.595)]
#[case(32, 1344.542, 49.141)]
#[case(40, 1510.841, 57.453)]
#[case(48, 1580.687, 65.665)]
fn the_curve_meets_the_tool_s_own_estimates(#[case] concurrency: u32, #[case] ttft: f64, #[case] tpot: f64) {
    let [baseline, _] = ready("guide");
    let point = at(&baseline, 8 * concurrency).point;
    assert!((point.ttft.get() / ttft - 1.0).abs() < 0.01, "{} for {ttft}", point.ttft.get());
    assert!((point.tpot.get() / tpot - 1.0).abs() < 0.01, "{} for {tpot}", point.tpot.get());
}

#[test]
fn an_old_runtime_gets_the_nearest_templates_and_it_is_said() {
    let [baseline, optimized] = ready("guide");
    for ready in [&baseline, &optimized] {
        let finding = ready.prediction.findings.first().unwrap();
        assert_eq!(finding.code, EvidenceCode::RuntimeVersionUnsupported);
        assert!(finding.message.contains("0.6.0") && finding.message.contains("0.5.0"), "{}", finding.message);
        assert!(codes(ready).contains(&EvidenceCode::DatabaseVersionMismatch));
        let text = serde_json::to_string(&ready.objects).unwrap();
        assert!(text.contains("build_config:") && text.contains("tensorrtllm-runtime:0.5.0"), "{text}");
    }
}

#[test]
fn a_current_runtime_is_predicted_without_reserve_but_for_the_row() {
    let [baseline, optimized] = ready("current");
    assert_eq!(codes(&baseline), []);
    assert_eq!(codes(&optimized), [EvidenceCode::ClaimNotDeployable]);
    let text = serde_json::to_string(&optimized.objects).unwrap();
    assert!(!text.contains("build_config:") && text.contains("tensorrtllm-runtime:1.3.0"), "{text}");
}

#[test]
fn the_server_loads_the_weights_from_their_path_and_answers_to_the_name() {
    for ready in ready("current") {
        let text = serde_json::to_string(&ready.objects).unwrap();
        assert!(text.contains(r#"--model-path \"/workspace/model_hub/qwen3-32b\""#), "{text}");
        assert!(text.contains(r#"--served-model-name \"Qwen/Qwen3-32B\""#), "{text}");
        assert!(text.contains("model-cache") && !text.contains("hf-token-secret"), "{text}");
    }
}

#[test]
fn what_is_predicted_says_where_it_comes_from() {
    let [_, optimized] = ready("current");
    let origin = optimized.prediction.origin.unwrap();
    assert_eq!(origin.tool, "aiconfigurator 0.12.0");
    assert_eq!(origin.database_version.as_deref(), Some("1.3.0rc20"));
    assert_eq!((origin.weights.as_deref(), origin.kv_cache.as_deref()), (Some("bfloat16"), Some("bfloat16")));
}

/// Strict TTFT leaves nothing, strict TPOT an empty file: either way the nearest is told.
#[rstest]
#[case(
    "tpot",
    "meets TTFT ≤ 500 ms and TPOT ≤ 4 ms; the nearest, TP8, 3 concurrent requests: TTFT 175.7 ms, TPOT 5.20 ms, misses TPOT by 30 %: relax spec.sla"
)]
#[case(
    "ttft",
    "meets TTFT ≤ 1.5 ms and TPOT ≤ 7 ms; the nearest, TP8, 3 concurrent requests: TTFT 175.7 ms, TPOT 5.20 ms, misses TTFT by 11612 %: relax spec.sla"
)]
fn no_feasible_configuration_is_a_result(#[case] case: &str, #[case] expected: &str) {
    let (reason, message) = refused(case, 1);
    assert_eq!(reason, "NoFeasibleConfiguration");
    assert!(message.contains(expected), "{message}");
    assert!(matches!(outcomes(case)[0], GenerationOutcome::Ready(_)), "the baseline needs no SLA");
}

#[rstest]
#[case::system("system", 0, "SystemUnknown", "does not know the system h999: set hardware.system to one of a100_pcie")]
#[case::system("system", 1, "SystemUnknown", "does not know the system h999: set hardware.system to one of a100_pcie")]
#[case::model("model", 0, "PredictorRefused", "'nobody/nothing' is not a valid HuggingFace model path")]
#[case::model("model", 1, "PredictorRefused", "'nobody/nothing' is not a valid HuggingFace model path")]
#[case::rank("rank", 1, "RankNotAvailable", "there is no rank 3: only 2 aggregated configurations meet the SLA")]
#[case::memory("small", 0, "ModelDoesNotFit", "the model and one request do not fit")]
#[case::memory("small", 1, "PredictorRefused", "the predictor generates no configuration")]
fn what_the_tool_will_not_do_is_shown_with_its_message(
    #[case] case: &str,
    #[case] variant: usize,
    #[case] reason: &str,
    #[case] expected: &str,
) {
    let (found, message) = refused(case, variant);
    assert_eq!(found, reason, "{message}");
    assert!(message.contains(expected), "{message}");
}

#[test]
fn disaggregated_rows_are_claimed_for_what_they_carry() {
    let [aggregated, disaggregated] = ready("disaggregated");
    assert_eq!(aggregated.shape.as_ref().unwrap().serving.describe(), "2 × TP4");
    let shape = disaggregated.shape.as_ref().unwrap();
    assert_eq!(shape.serving.describe(), "2 × TP2 prefill + 2 × TP2 decode");
    let claim = disaggregated.prediction.claim.as_ref().unwrap();
    // Two replicas of 40 decode places each, which carry 3.708 requests/s × 9.71 s.
    assert_eq!(claim.concurrency, 72);
    // The row is the estimate at its own batch.
    assert_eq!(rounded(at(&disaggregated, 72)), (claim.point.ttft.get(), claim.point.tpot.get()));
    assert_eq!(codes(&disaggregated), []);
}

#[test]
fn manifests_of_ones_own_are_predicted_when_they_can_be_read() {
    let [readable, unreadable] = ready("manifests");
    assert_eq!(readable.shape.as_ref().unwrap().serving.describe(), "2 × TP4");
    assert_eq!(readable.prediction.claim, None);
    assert!(at(&readable, 2).point.tpot.get() > 0.0);
    assert_eq!(codes(&readable), []);
    // They start vLLM, the spec names TensorRT-LLM: estimated and compared with what is known of vLLM.
    let origin = readable.prediction.origin.as_ref().unwrap();
    assert_eq!(origin.database().as_deref(), Some("vllm 0.24.0"));
    assert_eq!(origin.engine_version.as_deref(), Some("0.24.0"));

    assert_eq!((unreadable.shape, &unreadable.prediction.curve), (None, &None));
    let finding = &unreadable.prediction.findings[0];
    assert_eq!(finding.code, EvidenceCode::NotPredicted);
    assert!(finding.message.contains("shape.tensorParallel"), "{}", finding.message);
    assert_eq!(unreadable.objects.len(), 2, "it is measured all the same");
}

/// Nothing could create it: said before any GPU is asked for.
#[test]
fn a_component_whose_name_leaves_no_room_is_refused() {
    let mut plan = plan("manifests");
    let long = "a".repeat(40);
    let manifests = plan.spec.variants[0].source.manifests.as_mut().unwrap();
    manifests.inline = Some(VLLM.replace("name: Worker", &format!("name: {long}")));
    let configurations = generate(&plan, &mut Recorded::new("manifests"), None).unwrap();
    let GenerationOutcome::Refused { message, .. } = &configurations.variants[0].outcome else { panic!("accepted") };
    assert!(message.contains(&long) && message.contains("shorten the component's name"), "{message}");
}

/// An endpoint is known by its hint alone, and may be of an engine the others are not.
#[test]
fn an_endpoint_without_a_hint_is_not_predicted() {
    let mut plan = plan("guide");
    let endpoint = json!({"name": "baseline", "role": "Baseline", "source": {"type": "Endpoint", "endpoint": {"url": "http://there:8000", "gpus": 8}}});
    plan.spec.variants[0] = serde_json::from_value(endpoint).unwrap();
    let configurations = generate(&plan, &mut Recorded::new("guide"), None).unwrap();
    let GenerationOutcome::Ready(ready) = &configurations.variants[0].outcome else { panic!() };
    assert_eq!((ready.objects.len(), &ready.shape), (0, &None));
    assert_eq!(codes(ready), [EvidenceCode::NotPredicted]);
}

/// Patches change what is deployed, so they change what is estimated.
#[test]
fn the_estimate_is_of_the_patched_manifests() {
    let mut plan = plan("guide");
    let patch = json!([{"target": {"kind": "DynamoGraphDeployment"}, "operations": [
        {"op": "replace", "path": "/spec/services/TRTLLMWorker/replicas", "value": 4}]}]);
    plan.spec.variants[0].patches = serde_json::from_value(patch).unwrap();
    let configurations = generate(&plan, &mut Recorded::new("guide"), None).unwrap();
    let GenerationOutcome::Ready(ready) = &configurations.variants[0].outcome else { panic!() };
    let curve = ready.prediction.curve.as_ref().unwrap();
    assert_eq!((curve.replicas(), curve.gpus()), (4, 4));
}

#[test]
fn findings_fit_into_status() {
    for case in ["guide", "current", "disaggregated", "manifests"] {
        for ready in ready(case) {
            assert!(ready.prediction.findings.iter().all(|finding| finding.message.chars().count() <= 300), "{case}");
        }
    }
}

/// An interpreter in name only: it gives the recorded answers in their order. Nobody writes it here, as a file that is
/// open for writing in a process that another test is just starting cannot be started (`Text file busy`).
fn replaying(case: &str, directory: &Path) -> PathBuf {
    let answers = Recorded::new(case).answers.into_iter().enumerate().map(|(index, mut answer)| {
        answer.as_object_mut().unwrap().remove("question");
        answer["id"] = json!(index + 1);
        format!("{answer}\n")
    });
    std::fs::write(directory.join("answers"), answers.collect::<String>()).unwrap();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/replaying.sh")
}

/// A generate pod's directories, with a publisher that acknowledges everything.
struct Pod {
    directory: tempfile::TempDir,
    generate: Generate,
}

impl Pod {
    fn new(case: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["work", "outbox", "published"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("published/.ready"), "").unwrap();
        std::fs::write(path("plan.json"), serde_json::to_string(&plan(case)).unwrap()).unwrap();
        std::fs::write(path("load-tool"), "aiperf 0.13.0\n").unwrap();
        let python = replaying(case, &path("work"));
        let generate = Generate { plan: path("plan.json"), load_tool: path("load-tool"), python, work: path("work") };
        Self { directory, generate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn run(&self) -> Result<(), GenerateError> {
        let outbox = Outbox::open(&self.path("outbox"), &self.path("published"), Duration::from_secs(60)).unwrap();
        let (key, out) = (configurations::KEY, self.path("outbox"));
        let published = self.path("published");
        let publisher = tokio::spawn(async move {
            while std::fs::copy(out.join(key), published.join(key)).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let result = run_in_pod(&self.generate, &outbox, &Interruption::listen().unwrap()).await;
        publisher.abort();
        result
    }

    fn published(&self) -> String {
        std::fs::read_to_string(self.path("published").join(configurations::KEY)).unwrap()
    }
}

#[tokio::test]
async fn the_pod_publishes_what_the_driver_said() {
    let pod = Pod::new("guide");
    pod.run().await.unwrap();
    let published: Configurations = serde_json::from_str(&pod.published()).unwrap();
    let recorded = generate(&plan("guide"), &mut Recorded::new("guide"), Some("aiperf 0.13.0".into())).unwrap();
    assert_eq!(published, recorded);
    assert!(pod.published().len() < 64 * 1024, "{} bytes", pod.published().len());
}

#[tokio::test]
async fn what_another_pod_published_stands() {
    let pod = Pod::new("guide");
    std::fs::write(pod.path("published").join(configurations::KEY), "first").unwrap();
    std::fs::remove_file(pod.path("work/answers")).unwrap();
    pod.run().await.unwrap();
    assert_eq!(pod.published(), "first");
}

#[tokio::test]
async fn a_plan_of_another_version_is_refused() {
    let pod = Pod::new("guide");
    std::fs::write(&pod.generate.plan, r#"{"schemaVersion": 99}"#).unwrap();
    let error = pod.run().await.unwrap_err();
    assert!(matches!(error, GenerateError::Plan(_)) && error.to_string().contains("schemaVersion is 99"), "{error}");
}

/// Passes questions on to the real driver and writes down its answers.
struct Recording<'a> {
    ask: &'a mut dyn Ask,
    lines: Vec<Value>,
}

impl Ask for Recording<'_> {
    fn ask(&mut self, question: &Value) -> Result<Value, DriverError> {
        let answer = self.ask.ask(question);
        if !self.lines.iter().any(|line| line["question"] == *question) {
            self.lines.push(match &answer {
                Ok(result) => json!({"question": question, "result": result}),
                Err(DriverError::Refused(message)) => json!({"question": question, "error": message}),
                Err(error) => panic!("{error}"),
            });
        }
        answer
    }
}

/// The recorded answers are the real tool's: with it at hand, everything comes out the same.
#[tokio::test]
async fn the_real_tool_gives_what_was_recorded() {
    let Some(python) = std::env::var_os(PYTHON) else {
        let line = format!("\nNOT RUN: the real predictor is not tried; set {PYTHON} to a python that has it\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    };
    let record = std::env::var_os(RECORD).is_some();
    for case in ["guide", "current", "tpot", "ttft", "system", "model", "rank", "disaggregated", "manifests", "small"] {
        let work = tempfile::tempdir().unwrap();
        let command = DriverCommand {
            python: python.clone().into(),
            work: work.path().into(),
            deadline: Duration::from_secs(900),
        };
        let driver = Driver::start(&command, generating(Default::default()).driver()).unwrap();
        let started = std::time::Instant::now();
        let asked = plan(case);
        let dialogue = move |ask: &mut dyn Ask| {
            let mut recording = Recording { ask, lines: vec![] };
            (generate(&asked, &mut recording, None), recording.lines)
        };
        let (real, lines) = converse(driver, dialogue).await.unwrap();
        let line = format!("{case}: {:.1} s, {} questions\n", started.elapsed().as_secs_f64(), lines.len());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        if record {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::create_dir_all(recording(case).parent().unwrap()).unwrap();
            std::fs::write(recording(case), text).unwrap();
        }
        let recorded = generate(&plan(case), &mut Recorded::new(case), None).unwrap();
        assert_eq!(real.unwrap(), recorded, "{case}");
    }
}

fn objects(manifest: &str) -> Vec<Value> {
    vec![serde_saphyr::from_str(manifest).unwrap()]
}

#[rstest]
#[case::its_own("Qwen/Qwen3-32B", None)]
#[case::in_another_type("nvidia/Qwen3-32B-FP8", None)]
#[case::from_where_the_weights_are("/workspace/anything", None)]
#[case::another(
    "Qwen/Qwen3-30B-A3B",
    Some("start the model Qwen/Qwen3-30B-A3B, and the comparison is about Qwen/Qwen3-32B")
)]
fn manifests_of_another_model_are_refused(#[case] model: &str, #[case] expected: Option<&str>) {
    let objects = objects(&VLLM.replace("Qwen/Qwen3-32B", model));
    match (variant::of_the_model(&spec("guide"), &objects), expected) {
        (Ok(()), None) => {}
        (Err(NotGenerated::Refused { message, .. }), Some(expected)) => {
            assert!(message.contains(expected), "{message}")
        }
        (found, _) => panic!("{found:?}"),
    }
}

#[test]
fn variants_are_of_one_revision() {
    let of = |name: &str, revision: &str| {
        let objects = objects(&VLLM.replace("Qwen/Qwen3-32B,", &format!("Qwen/Qwen3-32B{revision},")));
        let ready = Ready { objects, generated: None, shape: None, prediction: Prediction::default() };
        Configuration { variant: name.into(), outcome: GenerationOutcome::Ready(Box::new(ready)) }
    };
    let [main, other] = [", --revision, main", ", --revision, abc"];
    let mut variants = [of("baseline", main), of("first", ""), of("second", main), of("third", other)];
    variant::of_one_revision(&mut variants);
    let refused: Vec<(&str, &str)> = variants
        .iter()
        .filter_map(|configuration| match &configuration.outcome {
            GenerationOutcome::Ready(_) => None,
            GenerationOutcome::Refused { message, .. } => Some((configuration.variant.as_str(), message.as_str())),
        })
        .collect();
    let message = "the manifests start revision abc of the model, and those of variant baseline start main: compare variants of \
                   one revision";
    assert_eq!(refused, [("third", message)]);
}
