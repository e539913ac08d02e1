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
