//! The report without a cluster: `bcmp evaluate --report`.

use std::process::Command;

use bcmp::api::{VariantStatus, Verdict};
use bcmp::report::levels::terminal;
use bcmp::report::{HTML, JSON, LEVELS, Report, ReportVariant, SUMMARY};
use serde_json::Value;

fn evaluate(directory: &std::path::Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_bcmp"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["evaluate", "-f", "tests/fixtures/evaluate/guide.yaml", "-o", "json"])
        .args(["--prediction", "optimized=tests/fixtures/aiconfigurator/0.2.0-pypi"])
        .args(["--results", "baseline=tests/fixtures/genai-perf/agg-baseline-c10.json"])
        .args(["--results", "optimized=tests/fixtures/genai-perf/aic-agg-c250.json", "--report"])
        .arg(directory)
        .output()
        .unwrap()
}

#[test]
fn files_are_judged_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let reports = directory.path().join("a/b");
    let printed = evaluate(&reports);
    let answer: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let read = |name: &str| std::fs::read_to_string(reports.join(name)).unwrap();
    let report: Report = serde_json::from_str(&read(JSON)).unwrap();
    let verdict: Verdict = serde_json::from_value(answer["verdict"].clone()).unwrap();
    assert_eq!(report.verdict, Some(verdict));
    let answered: Vec<VariantStatus> = serde_json::from_value(answer["variants"].clone()).unwrap();
    let answered: Vec<String> =
        answered.iter().map(|status| terminal(&ReportVariant::of_status(status), usize::MAX)).collect();
    assert_eq!(report.variants.iter().map(|variant| terminal(variant, usize::MAX)).collect::<Vec<_>>(), answered);
    assert_eq!(report.records.len(), 2);
    assert!(read(SUMMARY).contains("Qwen") && read(HTML).contains("</html>") && read(LEVELS).lines().count() > 2);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ended = evaluate(&file);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains(&format!("{} is a file: name a directory", file.display()))
    );
}
