//! What a status tells of where variants ran, and what is said of it.

use bcmp::api::{BenchmarkComparisonSpec, EvidenceCode, Severity, VariantStatus};
use bcmp::judgement::judge;
use bcmp::judgement::stored::{Stored, case};
use bcmp::measurement::record::TrialRecord;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::*;

fn spec() -> BenchmarkComparisonSpec {
    let spec = json!({
        "model": {"name": "model"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": GPUS},
        "workload": {"inputTokens": 1000, "outputTokens": OUTPUT_TOKENS}, "runtime": {"image": "runtime:1"},
        "sla": {"ttftMilliseconds": 100, "tpotMilliseconds": 100},
    });
    serde_json::from_value(spec).unwrap()
}

fn clock(minute: u32) -> String {
    format!("2026-03-02T09:{minute:02}:00Z")
}

/// A variant that had nodes from one minute to another.
fn status(name: &str, role: &str, nodes: &[&str], (from, to): (u32, u32)) -> VariantStatus {
    let status = json!({
        "name": name, "role": role, "gpus": GPUS,
        "deployed": {"nodes": nodes, "image": "runtime:1", "imageId": "runtime@sha256:aa"},
        "deployments": [{"number": 1, "round": 1, "created": clock(from), "scheduled": clock(from), "gone": clock(to)}],
    });
    serde_json::from_value(status).unwrap()
}

/// What is found of the candidate beside a baseline that ran on node-0 from minute 5 to 10.
fn found(change: impl Fn(&mut Value), nodes: &[&str], times: (u32, u32)) -> Vec<EvidenceCode> {
    let mut candidate = serde_json::to_value(status("optimized", "Candidate", nodes, times)).unwrap();
    change(&mut candidate);
    let variants = [status("baseline", "Baseline", &["node-0"], (5, 10)), serde_json::from_value(candidate).unwrap()];
    let case = case(&spec(), &variants, |_| Stored::default()).unwrap();
    let of_candidate = &case.variants()[1].findings;
    assert!(of_candidate.iter().all(|finding| finding.severity == Severity::Warn && finding.message.len() <= 300));
    of_candidate.iter().map(|finding| finding.code).collect()
}

#[rstest]
#[case::the_same_one_later(&["node-0"], (10, 20), &[])]
#[case::the_same_one_earlier(&["node-0"], (0, 5), &[])]
#[case::the_same_one_at_once(&["node-0"], (9, 20), &[EvidenceCode::SharedNodes])]
#[case::one_of_two_at_once(&["node-0", "node-1"], (5, 6), &[EvidenceCode::SharedNodes, EvidenceCode::DifferentNodes])]
#[case::another(&["node-1"], (0, 10), &[EvidenceCode::DifferentNodes])]
#[case::unknown(&[], (0, 10), &[])]
fn nodes_are_compared(#[case] nodes: &[&str], #[case] times: (u32, u32), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found(|_| {}, nodes, times), codes);
}

/// Another node is one thing, another GPU is worse: the message says so.
#[test]
fn other_gpus_are_named() {
    let message = |products: Value| {
        let mut variants = [
            status("baseline", "Baseline", &["node-0"], (0, 5)),
            status("optimized", "Candidate", &["node-1"], (5, 10)),
        ];
        variants[0].deployed.as_mut().unwrap().gpu_products = vec!["NVIDIA-H200".into()];
        variants[1].deployed.as_mut().unwrap().gpu_products = serde_json::from_value(products).unwrap();
        let case = case(&spec(), &variants, |_| Stored::default()).unwrap();
        case.variants()[1].findings[0].message.clone()
    };
    assert!(message(json!(["NVIDIA-B200"])).ends_with("GPUs are NVIDIA-B200 here and NVIDIA-H200 there"));
    for same in [json!(["NVIDIA-H200"]), json!([])] {
        assert!(message(same).ends_with("nodes of one kind may still differ"));
    }
}

#[rstest]
#[case::the_same(json!("runtime:1"), json!("runtime@sha256:aa"), &[])]
#[case::pushed_again(json!("runtime:1"), json!("runtime@sha256:bb"), &[EvidenceCode::ImageChanged])]
#[case::another_on_purpose(json!("runtime:2"), json!("runtime@sha256:bb"), &[])]
#[case::unknown(json!("runtime:1"), Value::Null, &[])]
fn a_tag_is_one_image(#[case] image: Value, #[case] id: Value, #[case] codes: &[EvidenceCode]) {
    let change = |variant: &mut Value| {
        (variant["deployed"]["image"], variant["deployed"]["imageId"]) = (image.clone(), id.clone());
    };
    assert_eq!(found(change, &["node-0"], (10, 20)), codes);
}

/// The tag was pushed again between two rounds: both sides end with the new image, and each ran the old one before.
#[test]
fn a_tag_that_was_pushed_again_between_deployments_is_said_of_every_variant() {
    let mut variants =
        [status("baseline", "Baseline", &["node-0"], (0, 5)), status("optimized", "Candidate", &["node-0"], (5, 10))];
    let found = |variants: &[VariantStatus]| {
        let case = case(&spec(), variants, |_| Stored::default()).unwrap();
        let codes =
            |of: &bcmp::judgement::VariantEvidence| of.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        case.variants().iter().map(codes).collect::<Vec<_>>()
    };
    assert_eq!(found(&variants), [vec![], vec![]]);
    for variant in &mut variants {
        let mut deployed = serde_json::to_value(variant.deployed.take().unwrap()).unwrap();
        deployed["earlierImageIds"] = json!(["runtime@sha256:99"]);
        variant.deployed = serde_json::from_value(deployed).unwrap();
    }
    assert_eq!(found(&variants), [vec![EvidenceCode::ImageChanged], vec![EvidenceCode::ImageChanged]]);
}

#[test]
fn many_nodes_are_counted() {
    let nodes: Vec<String> = (0..16).map(|number| format!("{}-{number}", "n".repeat(200))).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    assert_eq!(found(|_| {}, &nodes, (10, 20)), [EvidenceCode::DifferentNodes]);
}

fn judged(baseline: &VariantStatus, records: &[TrialRecord]) -> bcmp::judgement::JudgedVariant {
    let variants = [baseline.clone(), status("optimized", "Candidate", &["node-0"], (10, 20))];
    let case = case(&spec(), &variants, |_| Stored { records, ..Stored::default() }).unwrap();
    judge(&case).variants.remove(0)
}

/// The level of minute 5 to 6.
fn level(minute: u32) -> TrialRecord {
    let mut record = sweep(100.0, &CALM).remove(0);
    (record.start_time, record.completion_time) = (clock(5).parse().unwrap(), clock(6).parse().unwrap());
    record.step.repetition = minute;
    record
}

#[rstest]
#[case::while_it_ran("2026-03-02T09:05:30Z", &[EvidenceCode::ServerRestarted])]
#[case::before("2026-03-02T09:04:59Z", &[])]
#[case::after("2026-03-02T09:06:01Z", &[])]
fn a_server_that_restarted_spoils_the_level(#[case] at: &str, #[case] codes: &[EvidenceCode]) {
    let mut baseline = status("baseline", "Baseline", &["node-0"], (0, 10));
    baseline.deployments[0].restarts = vec![serde_json::from_value(json!(at)).unwrap()];
    let row = judged(&baseline, &[level(1)]).levels.into_iter().find(|row| row.concurrency == 1).unwrap();
    let rejecting = row.evidence.reasons.iter().filter(|reason| reason.rejects()).map(|reason| reason.code);
    assert_eq!(rejecting.collect::<Vec<_>>(), codes);
    assert_eq!(row.evidence.rejected, u32::from(!codes.is_empty()));
}

#[test]
fn a_second_deployment_within_a_round_is_said() {
    let mut second = level(2);
    second.deployment = 2;
    let baseline = status("baseline", "Baseline", &["node-0"], (0, 10));
    assert!(has(&judged(&baseline, &[level(1), second]).findings, EvidenceCode::Redeployed));
    assert!(!has(&judged(&baseline, &[level(1), level(2)]).findings, EvidenceCode::Redeployed));
}
