//! What a status knows of its variants becomes evidence.

use bcmp::api::{BenchmarkComparisonSpec, Deployed, EvidenceCode, Finding, Role, VariantStatus};
use bcmp::judgement::stored::{Stored, case};
use rstest::rstest;
use serde_json::json;

fn spec() -> BenchmarkComparisonSpec {
    serde_json::from_value(json!({
        "model": {"name": "model"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
        "workload": {"inputTokens": 1000, "outputTokens": 100},
        "sla": {"ttftMilliseconds": 100, "tpotMilliseconds": 100}, "runtime": {}
    }))
    .unwrap()
}

fn on(name: &str, role: Role, nodes: &[&str]) -> VariantStatus {
    let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
    VariantStatus { deployed: Some(Deployed { nodes, ..Deployed::default() }), ..VariantStatus::new(name, role) }
}

/// What is found about baseline and candidate.
fn findings(baseline: &[&str], candidate: &[&str]) -> [Vec<Finding>; 2] {
    // The baseline need not be the first.
    let variants = [on("optimized", Role::Candidate, candidate), on("baseline", Role::Baseline, baseline)];
    let case = case(&spec(), &variants, |_| Stored::default()).unwrap();
    [case.variants()[1].findings.clone(), case.variants()[0].findings.clone()]
}

#[rstest]
#[case::the_same(&["a", "b"], &["a", "b"])]
#[case::nothing_known_of_the_baseline(&[], &["a"])]
#[case::nothing_known_of_the_candidate(&["a"], &[])]
fn the_same_nodes_are_no_finding(#[case] baseline: &[&str], #[case] candidate: &[&str]) {
    assert_eq!(findings(baseline, candidate), [vec![], vec![]]);
}

#[rstest]
#[case::others(&["a"], &["b"])]
#[case::one_more(&["a"], &["a", "b"])]
fn other_nodes_than_the_baselines_are_said(#[case] baseline: &[&str], #[case] candidate: &[&str]) {
    let [of_baseline, of_candidate] = findings(baseline, candidate);
    assert_eq!(of_baseline, vec![], "it is said once");
    let [finding] = of_candidate.try_into().unwrap();
    assert_eq!(finding.code, EvidenceCode::DifferentNodes);
    let (a, b) = (baseline.join(", "), candidate.join(", "));
    assert_eq!(
        finding.message,
        format!("optimized ran on {b}, baseline on {a}: part of a difference may be the nodes'")
    );
}
