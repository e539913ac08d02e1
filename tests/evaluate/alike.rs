//! Like with like: a prediction for something else is used rightly or refused with the reason.

use std::fs;
use std::path::Path;

use bcmp::api::{EvidenceCode, VerdictResult};
use bcmp::files::{TreeLimits, read_text_tree};
use rstest::rstest;
use tempfile::TempDir;

use super::{Clean, Ended, GUIDE, OPTIMIZED, evaluate};

const SAMPLE: &str = "tests/fixtures/aiconfigurator/0.12.0-default";
const RUN: &str = "Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249";

/// A copy of the sample's files after a change of its tables.
fn changed(change: impl Fn(&str) -> String) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
    for (path, text) in read_text_tree(&root, TreeLimits::default(), |_| true).unwrap() {
        let text = if path.ends_with(".csv") { change(&text) } else { text };
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn predicted_by(directory: &Path, more: &[&str]) -> Ended {
    let prediction = format!("optimized={}", directory.display());
    evaluate(&[&["-f", GUIDE, "--results", OPTIMIZED, "--prediction", &prediction], more].concat())
}

#[rstest]
#[case::model(
    "Qwen/Qwen3-32B,",
    "Qwen/Qwen3-8B,",
    "is for the model Qwen/Qwen3-8B, the comparison's is Qwen/Qwen3-32B: run the predictor"
)]
#[case::system(
    "h200_sxm",
    "h100_sxm",
    "is for the GPU system h100_sxm, the comparison's is h200_sxm: run the predictor for that"
)]
#[case::engine(",trtllm,", ",vllm,", "is for the engine vllm, the variant's is trtllm: run the predictor for that")]
#[case::cached_prompts(
    ",4000,500,0,",
    ",4000,500,3000,",
    "is for prompts of which 3000 tokens are in a cache, but the comparison's prompts never repeat"
)]
fn a_prediction_for_something_else_is_refused(#[case] from: &str, #[case] to: &str, #[case] said: &str) {
    let directory = changed(|table| table.replace(from, to));
    let ended = predicted_by(directory.path(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(said) && ended.stderr.contains(".csv"), "{}", ended.stderr);
}

#[test]
fn a_table_that_a_spreadsheet_saved_is_refused_with_the_reason() {
    let directory = changed(|table| table.replace(',', ";"));
    let ended = predicted_by(directory.path(), &[]);
    assert_eq!(ended.code, 1);
    let said = "has semicolons between its columns, as spreadsheets save them: give the file as the predictor wrote it";
    assert!(ended.stderr.contains(said) && ended.stderr.contains(".csv"), "{}", ended.stderr);
}

#[test]
fn a_prediction_for_another_workload_is_refused() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guide.yaml");
    fs::write(&file, guide.replace("inputTokens: 4000", "inputTokens: 400")).unwrap();
    let (file, prediction) = (file.display().to_string(), format!("optimized={SAMPLE}"));
    let ended = evaluate(&["-f", &file, "--results", OPTIMIZED, "--prediction", &prediction]);
    assert_eq!(ended.code, 1);
    let said = "is for 4000 input and 500 output tokens, the workload has 400 and 500";
    assert!(ended.stderr.contains(SAMPLE) && ended.stderr.contains(said), "{}", ended.stderr);
}

/// A model that is named by the path of its weights is not in the predictor's tables; `predictor.model` says what is.
#[rstest]
#[case::asked_for_by_its_own_name(
    "",
    1,
    "the comparison's is /models/latest: run the predictor for that, or set predictor.model"
)]
#[case::asked_for_as_the_tables_call_it("\n  predictor: {model: Qwen/Qwen3-32B}", 3, "")]
fn a_predictor_knows_a_model_by_another_name(#[case] predictor: &str, #[case] code: i32, #[case] said: &str) {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guide.yaml");
    let named = guide.replace("name: Qwen/Qwen3-32B", "name: /models/latest");
    fs::write(&file, named.replacen("\nspec:", &format!("\nspec:{predictor}"), 1)).unwrap();
    let (file, prediction) = (file.display().to_string(), format!("optimized={SAMPLE}"));
    let ended = evaluate(&["-f", &file, "--results", OPTIMIZED, "--prediction", &prediction]);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn a_prediction_with_speculative_decoding_is_refused() {
    let directory = changed(str::to_owned);
    for mode in ["agg", "disagg"] {
        fs::write(directory.path().join(RUN).join(mode).join("exp_config.yaml"), "isl: 4000\nnextn: 2\n").unwrap();
    }
    let ended = predicted_by(directory.path(), &[]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(ended.stderr.contains("is for speculative decoding (nextn 2)"), "{}", ended.stderr);
}

/// `--backend auto` ranks all engines in one table: those of the comparison's count.
#[test]
fn rows_of_another_engine_are_passed_over() {
    let directory = changed(|table| {
        let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
        let best = lines[1].replace(",trtllm,", ",sglang,").replace("199.644", "999.0");
        lines.insert(1, best);
        lines.join("\n") + "\n"
    });
    let ended = predicted_by(directory.path(), &["-o", "json"]);
    let claim = ended.variant("optimized").claim.unwrap();
    assert_eq!(claim.figures.tokens_per_second_per_gpu.unwrap(), "199.644");
}

/// The claim's TPOT is that of the plain table: (request latency − TTFT) ÷ (output tokens − 1).
#[test]
fn a_tpot_that_includes_the_first_token_is_put_right() {
    let directory = changed(|table| table.replace(",6.568,3624.956,", ",7.250,3624.956,"));
    let ended = predicted_by(directory.path(), &["-o", "json"]);
    let variant = ended.variant("optimized");
    assert_eq!(variant.claim.unwrap().figures.tpot_milliseconds.unwrap(), "6.568");
    assert!(variant.findings.iter().any(|finding| finding.code == EvidenceCode::InclusiveTpot));
}

/// What `--inclusive-tpot` wrote: 5.789 ms for five requests, where the plain table has 5.431.
#[test]
fn a_table_of_inclusive_tpots_is_put_right_at_every_level() {
    let ended = predicted_by(Path::new("tests/fixtures/aiconfigurator/0.12.0-inclusive-tpot"), &["-o", "json"]);
    let variant = ended.variant("optimized");
    let level = variant.levels.iter().find(|level| level.concurrency == 5).unwrap();
    assert_eq!(level.estimated.as_ref().unwrap().figures.tpot_milliseconds.as_deref(), Some("5.431"));
    assert!(variant.findings.iter().any(|finding| finding.code == EvidenceCode::InclusiveTpot));
}

/// A row of eight GPUs that share each prompt is not one of a single GPU.
#[test]
fn gpus_that_share_prompts_are_counted() {
    let from = "8,8,1,1,1,1,1,tp8pp1dp1etp1ep1";
    let directory = changed(|table| table.replace(from, "8,1,1,1,1,1,8,tp1pp1dp1cp8"));
    let ended = predicted_by(directory.path(), &["-o", "json"]);
    let said = |of: &str| ended.stdout.contains(of) || ended.stderr.contains(of);
    assert!(said("the claim is for TP1 CP8, but TP8 is deployed"), "{}{}", ended.stdout, ended.stderr);
}

/// Nobody deployed what is refused: manifests for more GPUs than a variant may hold, as AIConfigurator writes them for
/// attention groups (ai-dynamo/dynamo#8567) and for `--total-gpus`, divide no throughput.
#[test]
fn gpus_of_refused_manifests_are_not_held() {
    let directory = changed(str::to_owned);
    let manifests = directory.path().join(RUN).join("agg/top1/k8s_deploy.yaml");
    let text = fs::read_to_string(&manifests).unwrap();
    let (before, after) = text.rsplit_once("replicas: 1\n").unwrap();
    fs::write(&manifests, format!("{before}replicas: 4\n{after}")).unwrap();
    let variant = predicted_by(directory.path(), &["-o", "json"]).variant("optimized");
    assert_eq!(variant.gpus, Some(8));
    let message = &variant.findings.iter().find(|finding| finding.code == EvidenceCode::NotPredicted).unwrap().message;
    assert!(message.contains("its pods request 32 nvidia.com/gpu, more than the 8"), "{message}");
}

/// The guide by hand: eight engines of one GPU against one of eight, and one AIConfigurator directory for both.
#[test]
fn one_output_for_both_variants_claims_nothing_for_the_other_shape() {
    let clean = Clean::new();
    let variants = "  variants:\n  - {name: old, role: Baseline, source: {type: Endpoint, endpoint: {url: \"http://a:8000\", \
                    gpus: 8}}, shape: {tensorParallel: 1, replicas: 8, maxBatchSize: 128, maxNumTokens: 8192}}\n  - {name: \
                    new, role: Candidate, source: {type: Recommended}}\n";
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
    let before = guide.split("  variants:\n").next().unwrap();
    let file = clean.write("guide.yaml", &format!("{before}{variants}"));
    let of = |name: &str| format!("{name}={SAMPLE}");
    let results = |name: &str| format!("{name}={}", clean.path(name));
    let ended = evaluate(&[
        "-f",
        &file,
        "-o",
        "json",
        "--prediction",
        &of("old"),
        "--prediction",
        &of("new"),
        "--results",
        &results("old"),
        "--results",
        &results("new"),
    ]);
    let old = ended.variant("old");
    assert_eq!(old.claim, None);
    let message = &old.findings.iter().find(|finding| finding.code == EvidenceCode::NotPredicted).unwrap().message;
    assert!(message.contains("is for TP8 and has no row within the SLA for 8 × TP1, which is deployed"), "{message}");
    assert_ne!(ended.verdict().result, VerdictResult::Refuted);
    assert!(ended.variant("new").claim.is_some());
}

/// A deployment of one's own that the output has a row for has that row's claim, wherever it is ranked.
#[test]
fn the_row_of_what_is_deployed_is_claimed() {
    let directory = tempfile::tempdir().unwrap();
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
    let before = guide.split("  variants:\n").next().unwrap();
    let variants = "  variants:\n  - {name: baseline, role: Baseline, source: {type: Naive}}\n  - {name: optimized, role: \
                    Candidate, source: {type: Endpoint, endpoint: {url: \"http://a:8000\", gpus: 8}}, shape: \
                    {tensorParallel: 4, replicas: 2, maxBatchSize: 16, maxNumTokens: 8192}}\n";
    let file = directory.path().join("guide.yaml");
    fs::write(&file, format!("{before}{variants}")).unwrap();
    let prediction = format!("optimized={SAMPLE}");
    let file = file.display().to_string();
    let ended = evaluate(&["-f", &file, "-o", "json", "--prediction", &prediction, "--results", OPTIMIZED]);
    let claim = ended.variant("optimized").claim.unwrap();
    assert_eq!(claim.concurrency, 2);
}
