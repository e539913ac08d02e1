//! AISimulate's report as a prediction, and measurements for AIConfigurator.

use std::fs;
use std::path::Path;

use bcmp::api::EvidenceCode;
use rstest::rstest;
use tempfile::TempDir;

use super::{CLEAN, Clean, Ended, GUIDE, GUIDES_PREDICTION, OPTIMIZED, evaluate};

const REPORT: &str = "tests/fixtures/aisimulate/prediction.json";
const SETTINGS: &str = "tests/fixtures/aisimulate/settings.yaml";

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn written(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// The guide's comparison with an SLA that the simulated point meets.
fn predicted_by(path: &Path) -> Ended {
    let guide = text(GUIDE).replace("tpotMilliseconds: 7}", "tpotMilliseconds: 8}");
    let comparison = written(&[("c.yaml", &guide)]);
    let (file, prediction) = (comparison.path().join("c.yaml"), format!("optimized={}", path.display()));
    evaluate(&["-f", &file.display().to_string(), "--results", OPTIMIZED, "--prediction", &prediction, "-o", "json"])
}

#[rstest]
#[case::directory("", "prediction.json")]
#[case::file("prediction.json", "prediction.json")]
#[case::with_details("", "with-details.json")]
fn a_report_is_a_claim(#[case] given: &str, #[case] report: &str) {
    let report = text(&format!("tests/fixtures/aisimulate/{report}"));
    let directory =
        written(&[("prediction.json", &report), ("settings.yaml", &text(SETTINGS)), ("other.yaml", "a: b\n")]);
    let ended = predicted_by(&directory.path().join(given));
    let claim = ended.variant("optimized").claim.unwrap();
    assert_eq!(claim.concurrency, 12, "{}", ended.stderr);
    assert_eq!(claim.figures.tokens_per_second_per_gpu.unwrap(), "198.287");
    assert_eq!(claim.figures.tpot_milliseconds.unwrap(), "7.395");
}

#[rstest]
#[case::alone(
    "",
    "",
    "does not show for which model, GPUs and load it was computed: put the YAML of --config beside it"
)]
#[case::model("Qwen3-32B", "Qwen3-8B", "is for the model Qwen/Qwen3-8B, the comparison's is Qwen/Qwen3-32B")]
#[case::system("h200_sxm", "b200_sxm", "is for the GPU system b200_sxm")]
#[case::engine("backend: trtllm", "backend: sglang", "is for the engine sglang")]
#[case::workload("input_tokens: 4000", "input_tokens: 400", "is for 400 input and 500 output tokens")]
#[case::rate(
    "type: concurrency",
    "type: poisson",
    "under a load of the kind poisson; expected synthetic prompts and a concurrency"
)]
#[case::cached(
    "input_tokens: 4000",
    "input_tokens: 4000, cached_prefix_tokens: 64",
    "of which 64 tokens are in a cache"
)]
#[case::speculation("backend: trtllm", "backend: trtllm\n  nextn: 2", "is for speculative decoding (nextn 2)")]
fn a_report_for_something_else_is_refused(#[case] from: &str, #[case] to: &str, #[case] said: &str) {
    let settings = text(SETTINGS);
    let mut files = vec![("prediction.json", text(REPORT))];
    if !from.is_empty() {
        assert!(settings.contains(from));
        files.push(("settings.yaml", settings.replacen(from, to, 1)));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
    let directory = written(&files);
    let ended = predicted_by(directory.path());
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(ended.stderr.contains(said) && ended.stderr.contains("prediction.json"), "{}", ended.stderr);
}

#[test]
fn a_simulation_that_lost_requests_claims_nothing() {
    let report = text(REPORT).replacen("\"completed_requests\": 120", "\"completed_requests\": 90", 1);
    let directory = written(&[("prediction.json", &report), ("settings.yaml", &text(SETTINGS))]);
    let ended = predicted_by(directory.path());
    assert!(ended.stderr.contains("only 90 of 120 requests completed in the simulation"), "{}", ended.stderr);
}

/// A point that misses the SLA is not a claim.
#[test]
fn a_report_beyond_the_sla_claims_nothing() {
    let ended = evaluate(&[
        "-f",
        GUIDE,
        "--results",
        OPTIMIZED,
        "--prediction",
        "optimized=tests/fixtures/aisimulate",
        "-o",
        "json",
    ]);
    let optimized = ended.variant("optimized");
    assert_eq!(optimized.claim, None);
    assert!(optimized.findings.iter().any(|finding| finding.code == EvidenceCode::NotPredicted), "{}", ended.stdout);
}

#[test]
fn accepted_levels_are_references_for_aiconfigurator() {
    let clean = Clean::new();
    let shape = "source: {type: Endpoint, endpoint: {url: \"http://a:8000\", gpus: 2}}, shape: {tensorParallel: 1, replicas: 2, \
                 maxBatchSize: 2}}";
    let spec = text(CLEAN);
    let before = spec.split("  variants:\n").next().unwrap().replace("gpusPerVariant: 1", "gpusPerVariant: 2");
    let variants =
        format!("  variants:\n  - {{name: old, role: Baseline, {shape}\n  - {{name: new, role: Candidate, {shape}\n");
    let file = clean.write("silicon.yaml", &format!("{before}{variants}"));
    let ended = clean.evaluate(&file, None, &["--export", "silicon"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut table = csv::Reader::from_reader(ended.stdout.as_bytes());
    let header = table.headers().unwrap().clone();
    assert_eq!((header.len(), &header[0], &header[33]), (34, "id", "silicon_tpot_ms"));
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cell = |row: &csv::StringRecord, name: &str| row[header.iter().position(|of| of == name).unwrap()].to_owned();
    // Four requests fill both engines; the level of eight is beyond them.
    let of: Vec<String> = rows.iter().map(|row| cell(row, "id")).collect();
    assert_eq!(of, ["bcmp_clean_old_agg_400x60_c4", "bcmp_clean_new_agg_400x60_c4"]);
    let named = ["batch_size", "tp_size", "prefill_tp_size", "silicon_tpot_ms"].map(|name| cell(&rows[0], name));
    assert_eq!(named, ["2", "1", "", "6.232"]);
    assert!(cell(&rows[0], "silicon_data_source").contains("silicon_concurrency=4"));
}

#[test]
fn what_is_not_exported_is_told() {
    let ended =
        evaluate(&["-f", GUIDE, "--results", OPTIMIZED, "--prediction", GUIDES_PREDICTION, "--export", "silicon"]);
    assert_eq!(ended.code, 0);
    assert!(ended.stderr.contains("optimized is left out: "), "{}", ended.stderr);
}

/// What `kubectl bcmp results -o json` printed holds all variants: it is given to each, which takes its own.
#[test]
fn stored_results_are_given_to_each_variant() {
    let stored = "tests/fixtures/load-tools/bcmp-results.json";
    let (old, new) = (format!("old={stored}"), format!("new={stored}"));
    let ended = evaluate(&["-f", CLEAN, "--results", &old, "--results", &new, "-o", "json"]);
    let results = &ended.json()["results"];
    let count = |variant: &str, of: &str| results[variant][of].as_array().unwrap().len();
    assert_eq!((count("old", "taken"), count("old", "leftOut")), (1, 3), "{}", ended.stderr);
    assert_eq!((count("new", "taken"), count("new", "leftOut")), (3, 1));
}
