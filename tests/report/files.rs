//! What each file says.

use bcmp::report::{HTML, JSON, LEVELS, Report, SUMMARY, render};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fixture::{edited, judged, simulated, spec};

#[test]
fn the_summary() {
    insta::assert_snapshot!(render(&simulated())[SUMMARY]);
}

#[test]
fn the_summary_has_eighty_columns() {
    let long = edited(&simulated(), |report| report["verdict"]["summary"] = json!("many words ".repeat(40)));
    for line in render(&long)[SUMMARY].lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_levels() {
    insta::assert_snapshot!(render(&simulated())[LEVELS]);
}

#[test]
fn the_document_is_the_report_again() {
    let report = simulated();
    let read: Report = serde_json::from_str(&render(&report)[JSON]).unwrap();
    assert_eq!(read, report);
}

/// The paths of a document: what scripts rely on. Lists count once.
fn paths(value: &Value, path: &str, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            // Names of variants, and of what ConfigMaps hold, are no structure.
            let name = if ["/predictions", "/records", "/provenance/configMaps"].contains(&path) { "*" } else { name };
            paths(field, &format!("{path}/{name}"), into);
        }),
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), into)),
        _ => _ = into.insert(path.to_owned()),
    }
}

#[test]
fn the_structure_of_the_document() {
    let document = serde_json::from_str(&render(&simulated())[JSON]).unwrap();
    let mut found = std::collections::BTreeSet::new();
    paths(&document, "", &mut found);
    insta::assert_snapshot!(found.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_same_evidence_is_the_same_report() {
    assert_eq!(render(&simulated()), render(&simulated()));
}

#[rstest]
#[case::failed("Failed", "Failed")]
#[case::cancelled("Cancelled", "Cancelled")]
#[case::superseded("Superseded", "Superseded")]
fn a_run_that_ended_early_says_so(#[case] outcome: &str, #[case] badge: &str) {
    let report = edited(&simulated(), |report| {
        report["run"]["ended"] =
            json!({"outcome": outcome, "reason": "Why", "message": "it was stopped", "time": "2026-03-02T09:30:00Z"});
        report["verdict"] = Value::Null;
    });
    let files = render(&report);
    assert!(files[SUMMARY].contains(&format!("{badge}: it was stopped")), "{}", files[SUMMARY]);
    assert!(files[HTML].contains("it was stopped") && !files[HTML].contains("Prediction confirmed"));
}

#[test]
fn predictions_alone_are_a_report() {
    let report = judged(&spec(), |evidence| evidence.records.clear());
    let report = edited(&report, |report| report["verdict"] = Value::Null);
    let files = render(&report);
    assert!(files[SUMMARY].contains("No verdict: Nothing has been measured yet."), "{}", files[SUMMARY]);
    assert!(files[HTML].contains(r#"<path class="e v1""#), "the estimates are drawn");
    assert!(!files[HTML].contains(r##"<use href="#k1" x="##), "no point is measured");
}

#[test]
fn nothing_known_is_still_a_page() {
    let report = judged(&spec(), |evidence| (evidence.records, evidence.prediction) = (vec![], None));
    let files = render(&edited(&report, |report| report["verdict"] = Value::Null));
    assert!(
        files[HTML].contains("There is nothing to plot: nothing is predicted, and no level has an accepted trial.")
    );
}

/// Place of a column of levels.csv.
fn column(levels: &str, name: &str) -> usize {
    levels.lines().next().unwrap().split(',').position(|column| column == name).unwrap()
}

#[test]
fn what_is_shown_is_what_was_judged() {
    let report = simulated();
    let files = render(&report);
    let verdict = report.verdict.unwrap();
    let tpot = column(&files[LEVELS], "tpot_ms_measured");
    assert!(files[HTML].contains("at the SLA") && files[SUMMARY].contains(&verdict.measured.gain_percent.unwrap()));
    for variant in &report.variants {
        for level in &variant.levels {
            let row = files[LEVELS]
                .lines()
                .find(|line| {
                    line.starts_with(&format!("{},", variant.name))
                        && line.split(',').nth(3) == Some(&level.concurrency.to_string())
                })
                .unwrap();
            let measured = level.measured.map(|of| format!("{:.3}", of.point.tpot.get())).unwrap_or_default();
            assert_eq!(row.split(',').nth(tpot), Some(measured.as_str()), "{row}");
        }
    }
}

/// Leaves the files where a person can look at them.
#[test]
fn files_can_be_looked_at() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&directory).unwrap();
    for (name, text) in render(&simulated()) {
        std::fs::write(directory.join(name), &text).unwrap();
        assert!(!text.is_empty(), "{name}");
    }
}

#[test]
fn gpus_that_are_left_unused_are_counted_too() {
    let text = |report: &Report| {
        (render(report)[SUMMARY].clone(), render(report)[HTML].clone(), render(report)[LEVELS].clone())
    };
    let said = "over all 8 GPUs of hardware.gpusPerVariant";
    let (summary, html, levels) = text(&simulated());
    assert!(!summary.contains(said) && !html.contains(said));
    let of_all = column(&levels, "tokens_per_second_per_gpu_of_gpus_per_variant");
    let of_held = column(&levels, "tokens_per_second_per_gpu_measured");
    let value = |levels: &str, column: usize| levels.lines().nth(1).unwrap().split(',').nth(column).unwrap().to_owned();
    assert_eq!(value(&levels, of_all), "");
    let (summary, html, levels) = text(&edited(&simulated(), |report| report["variants"][0]["gpus"] = json!(4)));
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(summary.contains(said) && html.contains(said), "{summary}");
    let (all, held) = (value(&levels, of_all), value(&levels, of_held));
    assert!((2.0 * all.parse::<f64>().unwrap() - held.parse::<f64>().unwrap()).abs() < 0.01, "{all} of {held}");
}

#[test]
fn how_well_the_predictor_ordered_the_candidates_is_shown() {
    let ordered = edited(&simulated(), |report| report["ordering"] = json!({"agreeing": 2, "pairs": 3}));
    for file in [SUMMARY, HTML] {
        assert!(render(&ordered)[file].contains("holds for 2 of 3 pairs of candidates"));
        assert!(!render(&simulated())[file].contains("pairs of candidates"));
    }
}
