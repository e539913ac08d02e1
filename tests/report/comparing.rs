//! Two runs side by side.

use bcmp::report::Report;
use bcmp::report::compare::{ComparedRun, csv, text};
use serde_json::json;

use super::fixture::{edited, simulated};

fn side<'a>(title: &'a str, report: &'a Report) -> ComparedRun<'a> {
    ComparedRun { title, report }
}

#[test]
fn what_differs_stands_above_the_figures() {
    let a = simulated();
    let b = edited(&a, |report| {
        report["spec"]["model"]["name"] = json!("Qwen/Qwen3-8B");
        report["spec"]["hardware"]["nodeSelector"] = json!({"pool": "b"});
        let levels = report["variants"][0]["levels"].as_array_mut().unwrap();
        for level in levels.iter_mut().filter(|level| !level["measured"].is_null()) {
            let tokens = level["measured"]["tokensPerSecondPerGpu"].as_f64().unwrap();
            level["measured"]["tokensPerSecondPerGpu"] = json!(tokens * 1.5);
        }
    });
    let shown = text(side("a, run 1", &a), side("b, run 1", &b), 80);
    assert!(shown.contains("Qwen/Qwen3-32B → Qwen/Qwen3-8B"), "{shown}");
    // A section of which a line is shown is not named again; another is.
    assert!(shown.contains("and in           spec.hardware") && !shown.contains("spec.model"), "{shown}");
    assert!(shown.contains("+50.0%") && shown.contains("+0.0%"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}

#[test]
fn a_level_that_only_one_of_them_measured_is_a_row_too() {
    let a = simulated();
    let b = edited(&a, |report| drop(report["variants"][1]["levels"].as_array_mut().unwrap().remove(0)));
    let rows = |a: &Report, b: &Report| csv(side("a", a), side("b", b)).lines().count();
    assert_eq!(rows(&a, &b), rows(&a, &a));
    let shown = csv(side("a", &a), side("b", &b));
    let lonely = shown.lines().filter(|line| line.contains(",,")).count();
    assert_eq!(lonely, 1, "{shown}");
}

#[test]
fn what_is_not_measured_is_no_table() {
    let nothing = edited(&simulated(), |report| {
        report["variants"].as_array_mut().unwrap().iter_mut().for_each(|variant| variant["levels"] = json!([]));
    });
    let shown = text(side("a", &nothing), side("b", &nothing), 80);
    assert!(shown.ends_with("Neither has measured anything.\n"), "{shown}");
    assert!(shown.contains("Both compare the same"), "{shown}");
}
