//! A claim that comes in files with the comparison: read once, held against what is deployed before a GPU is held, and judged
//! as the run's own predictor's is.

use bcmp::api::{BenchmarkComparisonStatus, ClaimPredictor, Kept, Phase};
use bcmp::manifests::variant::yaml_documents;
use bcmp::simulation::lab::{Lab, condition};
use bcmp::simulation::serving::reality::SimulatedServing;
use rstest::rstest;
use serde_json::{Value, json};

const NAME: &str = "claim-of-aisimulate";

/// The objects of the sample: the files of the claim, and the comparison.
fn sample() -> (Value, Value) {
    let mut objects = yaml_documents(include_str!("../../config/samples/claim-of-aisimulate.yaml")).unwrap();
    objects.iter_mut().for_each(|object| object["metadata"]["namespace"] = json!("default"));
    let (mut comparison, map) = (objects.pop().unwrap(), objects.pop().unwrap());
    comparison["spec"]["execution"]["until"] = json!("Verdict");
    (map, comparison)
}

fn lab() -> Lab {
    Lab::of(&[8], SimulatedServing::default())
}

/// Changes a file of the claim.
fn changed(map: &mut Value, file: &str, from: &str, to: &str) {
    let text = map["data"][file].as_str().unwrap().to_owned();
    assert!(text.contains(from), "{text}");
    map["data"][file] = json!(text.replacen(from, to, 1));
}

fn failure(status: &BenchmarkComparisonStatus) -> (&str, &str) {
    let failed = status.variants.iter().find_map(|variant| variant.failure.as_ref());
    failed.map_or(("", ""), |failure| (failure.reason.as_str(), failure.message.as_str()))
}

#[tokio::test(start_paused = true)]
async fn a_given_claim_is_measured_at_its_own_level_and_judged() {
    let lab = lab();
    let (map, comparison) = sample();
    lab.cluster.put(map);
    lab.cluster.put(comparison);
    let status = lab.finished(NAME, 1).await;
    let tp8 = &status.variants[1];
    let claim = tp8.claim.as_ref().expect("the claim is in the status");
    assert_eq!((claim.concurrency, claim.predictor), (12, Some(ClaimPredictor::Aisimulate)));
    assert_eq!(claim.figures.tpot_milliseconds.as_deref(), Some("7.395"));
    assert_eq!(claim.figures.tokens_per_second_per_gpu.as_deref(), Some("198.287"));
    // Levels asked for are 1, 4, 8 and 24: the claim's own is measured on both sides.
    for variant in &status.variants {
        let levels: Vec<u32> =
            variant.levels.iter().filter(|of| of.evidence.accepted > 0).map(|of| of.concurrency).collect();
        assert!(levels.contains(&12), "{}: {levels:?}", variant.name);
    }
    // The engines that are simulated are those that AISimulate was run for.
    let errors = claim.error_percent.as_ref().unwrap();
    let tokens: f64 = errors.tokens_per_second_per_gpu.as_ref().unwrap().parse().unwrap();
    assert!(tokens.abs() < 5.0, "{tokens}");
    assert_eq!(claim.kept, Kept::True);
    assert_eq!(condition(&status, "ClaimKept").0, "True");
    let verdict = status.verdict.as_ref().unwrap();
    assert!(verdict.claim.is_some(), "{verdict:?}");
    // The estimate beside it is of the predictor that the run asked.
    assert!(tp8.levels.iter().any(|level| level.estimated.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_promises_too_much_is_missed() {
    let lab = lab();
    let (mut map, comparison) = sample();
    changed(&mut map, "prediction.json", "1586.3", "2586.3");
    changed(&mut map, "prediction.json", "3.1726", "5.1726");
    lab.cluster.put(map);
    lab.cluster.put(comparison);
    let status = lab.finished(NAME, 1).await;
    let claim = status.variants[1].claim.as_ref().unwrap();
    assert_eq!(claim.kept, Kept::False, "{claim:?}");
    assert_eq!(condition(&status, "ClaimKept").0, "False");
    let column = status.verdict.as_ref().and_then(|verdict| verdict.claim.clone()).unwrap();
    assert!(column.starts_with('−') || column.starts_with('-'), "{column}");
}

/// What is not for this variant costs no GPU.
#[rstest]
#[case::another_model("settings.yaml", "Qwen/Qwen3-32B", "Qwen/Qwen3-8B", "is for the model Qwen/Qwen3-8B")]
#[case::another_system("settings.yaml", "h200_sxm", "b200_sxm", "is for the GPU system b200_sxm")]
#[case::another_engine("settings.yaml", "backend: trtllm", "backend: vllm", "is for the engine vllm")]
#[case::another_shape("settings.yaml", "replicas: 1, tensor: 8", "replicas: 2, tensor: 4", "is for 2 × TP4")]
#[case::cached_prompts(
    "settings.yaml",
    "input_tokens: 4000",
    "input_tokens: 4000, cached_prefix_tokens: 3000",
    "3000 tokens are in a cache"
)]
#[case::another_workload(
    "settings.yaml",
    "input_tokens: 4000",
    "input_tokens: 400",
    "is for 400 input and 500 output tokens"
)]
#[case::beyond_the_sla(
    "prediction.json",
    "\"mean_tpot_ms\": 7.395",
    "\"mean_tpot_ms\": 9.395",
    "claims nothing within the SLA"
)]
#[case::broken("prediction.json", "\"duration_ms\":", "duration_ms:", "prediction.json: ")]
#[tokio::test(start_paused = true)]
async fn a_claim_for_something_else_is_refused(
    #[case] file: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] said: &str,
) {
    let lab = lab();
    let (mut map, comparison) = sample();
    changed(&mut map, file, from, to);
    lab.cluster.put(map);
    lab.cluster.put(comparison);
    let status = lab.finished(NAME, 1).await;
    let (reason, message) = failure(&status);
    assert_eq!(reason, "ClaimRefused", "{message}");
    assert!(message.starts_with("the claim in ConfigMap aisimulate-tp8: ") && message.contains(said), "{message}");
    assert!(status.variants.iter().all(|variant| variant.deployments.is_empty()), "no GPU is held for it");
    assert_eq!(status.phase, Some(Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn files_of_another_predictor_are_refused_by_name() {
    let lab = lab();
    let (map, mut comparison) = sample();
    comparison["spec"]["variants"][1]["claim"]["predictor"] = json!("AIConfigurator");
    lab.cluster.put(map);
    lab.cluster.put(comparison);
    let status = lab.finished(NAME, 1).await;
    let (_, message) = failure(&status);
    assert!(message.contains("set claim.predictor to AISimulate"), "{message}");
}

/// A ConfigMap that comes late is waited for; one that never comes ends the run.
#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_there_is_waited_for() {
    let lab = lab();
    let (map, mut comparison) = sample();
    comparison["spec"]["execution"]["until"] = json!("Predictions");
    lab.cluster.put(comparison);
    lab.until(NAME, "the message", 600, |status| {
        status.message.as_ref().is_some_and(|message| message.contains("ConfigMap aisimulate-tp8 does not exist"))
    })
    .await;
    lab.cluster.put(map);
    lab.phase(NAME, Phase::Predicted).await;
    assert!(lab.status(NAME).variants[1].claim.is_some());
}

#[rstest]
#[case::absent(
    None,
    "ConfigMap aisimulate-tp8 does not exist; create it: kubectl create configmap aisimulate-tp8 --from-file=DIRECTORY"
)]
#[case::of_something_else(Some(json!({"notes.txt": "x"})), "ConfigMap aisimulate-tp8 holds no file of a predictor")]
#[tokio::test(start_paused = true)]
async fn a_claim_that_never_comes_ends_the_run(#[case] data: Option<Value>, #[case] said: &str) {
    let lab = lab();
    let (mut map, comparison) = sample();
    if let Some(data) = data {
        map["data"] = data;
        lab.cluster.put(map);
    }
    lab.cluster.put(comparison);
    let status = lab.finished(NAME, 1).await;
    let ended = status.run.as_ref().and_then(|run| run.ended.clone()).unwrap();
    assert_eq!(ended.reason.as_str(), "ClaimNotFound");
    assert!(ended.message.contains(said), "{}", ended.message);
}

/// The plan keeps what was read: a ConfigMap that changes in mid-run changes nothing.
#[tokio::test(start_paused = true)]
async fn a_claim_is_read_once() {
    let lab = lab();
    let (map, comparison) = sample();
    lab.cluster.put(map);
    lab.cluster.put(comparison);
    lab.records(NAME, 1).await;
    lab.cluster.edit("configmaps", "default", "aisimulate-tp8", |map| map["data"] = json!({}));
    let status = lab.finished(NAME, 1).await;
    assert_eq!(status.variants[1].claim.as_ref().map(|claim| claim.kept), Some(Kept::True));
}
