//! `bcmp simulate`: what a comparison is likely to cost and to tell.

use std::path::{Path, PathBuf};

use bcmp::api::BenchmarkComparison;
use bcmp::plan::{Identity, Images, Plan};
use bcmp::simulation::serving::reality::predicted;
use serde_json::Value;

use super::command::{Ran, bcmp};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The guide's comparison with another limit, as a file.
fn file(directory: &Path, limit: &str) -> PathBuf {
    let guide = std::fs::read_to_string(root().join("config/samples/guide-to-verdict.yaml")).unwrap();
    let path = directory.join("comparison.yaml");
    let changed = guide.replace("tpotMilliseconds: 7", &format!("tpotMilliseconds: {limit}"));
    std::fs::write(&path, changed.replace("gpusPerVariant: 8", "gpusPerVariant: 8\n    gpuHourlyCost: \"2.5\""))
        .unwrap();
    path
}

fn simulate(limit: &str, arguments: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), limit);
    bcmp(directory.path(), &[&["simulate", "-f", path.to_str().unwrap()], arguments].concat())
}

fn json(limit: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&simulate(limit, &[arguments, &["-o", "json"]].concat()).ok()).unwrap()
}

#[test]
fn price_course_and_power_are_forecast() {
    let answer = json("25", &["--runs", "2"]);
    let forecast = &answer["forecast"];
    assert!(answer["predictor"].as_str().unwrap().contains("not AIConfigurator"), "{answer}");
    assert_eq!(forecast["runs"], 2);
    let counted: u64 = forecast["results"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, 2);
    let hours = |cost: &Value| cost["gpuHours"].as_str().unwrap().parse::<f64>().unwrap();
    let price = &answer["price"];
    let money = price["expected"]["cost"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((money - 2.5 * hours(&price["expected"])).abs() < 0.2, "{price}");
    assert!(hours(&price["most"]) > hours(&price["expected"]), "{price}");
    let each: f64 = price["variants"].as_array().unwrap().iter().map(hours).sum();
    assert!((each - hours(&price["expected"])).abs() < 0.2, "{price}");
    let predicted = answer["predicted"].as_str().unwrap();
    assert!(predicted.contains("optimized is better") && predicted.contains("the SLA is met up to"), "{predicted}");
    assert!(forecast["gainPercent"]["median"].as_f64().unwrap() > 20.0, "{forecast}");
    let rounds: Vec<u64> =
        forecast["course"].as_array().unwrap().iter().map(|held| held["round"].as_u64().unwrap()).collect();
    assert!(rounds.len() >= 4 && rounds.is_sorted(), "{forecast}");
}

/// The same file, as AIConfigurator might have predicted it: here by the simulation's own predictor.
#[test]
fn engines_take_what_other_predictions_estimate() {
    let directory = tempfile::tempdir().unwrap();
    let comparison: BenchmarkComparison =
        serde_saphyr::from_str(&std::fs::read_to_string(file(directory.path(), "25")).unwrap()).unwrap();
    let identity = Identity { namespace: "default".into(), name: "qwen3-32b".into(), uid: String::new() };
    let images = Images { agent: "a".into(), predictor: "p".into(), load: "l".into() };
    let made = predicted(&Plan::new(identity, 1, comparison.spec, &images, Default::default())).unwrap();
    let configurations = directory.path().join("configurations.json");
    std::fs::write(&configurations, serde_json::to_string(&made).unwrap()).unwrap();
    let answer = json("25", &["--runs", "1", "--configurations", configurations.to_str().unwrap()]);
    assert!(answer["predictor"].as_str().unwrap().contains("configurations.json"), "{answer}");
    assert_eq!(answer["price"], json("25", &["--runs", "1"])["price"], "the same predictions have the same price");

    let answer = simulate("25", &["--runs", "1", "--configurations", "nowhere.json"]);
    assert!(answer.code == 1 && answer.err.contains("nowhere.json"), "{}", answer.err);
}

#[test]
fn people_get_a_table() {
    let shown = simulate("7", &["--runs", "1"]).ok();
    for part in [
        "simulated 1 time\n",
        "only optimized meets the SLA, up to 10 concurrent requests",
        "expected cost",
        "per variant",
        "an answer       in 100 %",
        "no number",
        "FROM MINUTE",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
}

#[test]
fn bad_calls_name_what_is_allowed() {
    let cases: [(&[&str], &str); 3] = [
        (&["--runs", "0"], "0 is not in 1..=10000"),
        (&["--reality", "fast=-5%"], "the variants are baseline, optimized"),
        (&["--manifests", "fast=x"], "fast"),
    ];
    for (arguments, said) in cases {
        let error = simulate("7", arguments).usage();
        assert!(error.contains(said), "{error}");
    }
}

/// A claim that comes in files is simulated with the comparison where its ConfigMap is in the same file.
#[test]
fn a_claim_beside_the_comparison_is_simulated() {
    let sample = root().join("config/samples/claim-of-aisimulate.yaml");
    let directory = tempfile::tempdir().unwrap();
    let run = |file: &Path| bcmp(directory.path(), &["simulate", "-f", file.to_str().unwrap(), "--runs", "1"]);
    assert!(run(&sample).ok().contains("simulated 1 time\n"));
    let alone = directory.path().join("comparison.yaml");
    std::fs::write(&alone, std::fs::read_to_string(&sample).unwrap().split("---\n").nth(1).unwrap()).unwrap();
    let error = run(&alone).usage();
    assert!(error.contains("the claim of tp8 is in ConfigMap aisimulate-tp8: put that into"), "{error}");
}
