//! Parsers of what other programs write, each as a function of bytes that panics when one of its promises is broken.
//!
//! Shared by the coverage-guided fuzzer in this directory and by `tests/fuzz.rs`, which runs on stable Rust.

use bcmp::api::{BenchmarkComparisonSpec, Evidence};
use bcmp::manifests::variant::{self, Origin, Preparation};
use bcmp::measurement::audit::{EvidenceLimits, Expectation, audit};
use bcmp::measurement::{Measurement, ParseError, aiperf, explain, genai_perf};
use bcmp::prediction;

/// Reads bytes; it may refuse them, and must not panic.
pub type Target = fn(&[u8]);

/// Every target: the name of its corpus, and the function.
pub const TARGETS: &[(&str, Target)] = &[
    ("aiperf_summary", aiperf_summary),
    ("aiperf_records", aiperf_records),
    ("genai_perf", genai_perf),
    ("predictor_table", predictor_table),
    ("manifests", manifests),
];

/// A summary of AIPerf.
pub fn aiperf_summary(bytes: &[u8]) {
    check(aiperf::read(bytes, aiperf::NO_RECORDS, None));
}

/// Records of AIPerf, beside a summary that leaves their number open.
pub fn aiperf_records(bytes: &[u8]) {
    const SUMMARY: &[u8] = br#"{"aiperf_version":"0","input_config":{"phases":[{"concurrency":2}]}}"#;
    let read = aiperf::read(SUMMARY, Some(bytes), None);
    if let Ok(level) = &read {
        for distribution in [level.ttft, level.tpot, level.request_latency].into_iter().flatten() {
            assert!(distribution.p50 <= distribution.p90 && distribution.p95 <= distribution.p99, "{distribution:?}");
        }
    }
    check(read);
}

/// A summary of genai-perf.
pub fn genai_perf(bytes: &[u8]) {
    check(genai_perf::read(bytes));
}

/// A table of AIConfigurator.
pub fn predictor_table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match prediction::aiconfigurator::read_table("table.csv", &text) {
        Ok(rows) => rows.iter().for_each(|ranked| assert!(!ranked.row.describe().is_empty())),
        Err(error) => assert!(error.to_string().contains("table.csv"), "{error}"),
    }
}

/// Manifests of a variant: parsed, searched, read for their shape, and prepared, which a second time changes nothing.
pub fn manifests(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let objects = match variant::parse(text) {
        Ok(objects) => objects,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    variant::references(&objects);
    let _ = prediction::read_shape(&objects, 8, None);
    let spec: BenchmarkComparisonSpec = serde_json::from_str(SPEC).expect("the spec is valid");
    let again = |objects: &[serde_json::Value]| {
        variant::prepare(
            objects,
            &Preparation { origin: Origin::Generated, namespace: "ns", spec: &spec, patches: &[] },
        )
    };
    if let Ok(prepared) = again(&objects) {
        assert_eq!(again(&prepared.objects).expect("prepared manifests can be prepared").objects, prepared.objects);
    }
}

const SPEC: &str = r#"{
    "model": {"name": "Qwen/Qwen3-32B"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
    "workload": {"inputTokens": 4000, "outputTokens": 500}, "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
    "runtime": {"image": "runtime:1.0.0"}
}"#;

/// What every reader of results promises: errors one can read, and measurements that survive storage and audit.
fn check(read: Result<Measurement, ParseError>) {
    let level = match read {
        Ok(level) => level,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(".json") && text.len() < 700, "{} bytes: {text}", text.len());
            return;
        }
    };
    let json = serde_json::to_string(&level).expect("measurements are storable");
    assert!(json.len() <= 1700, "{} bytes: {json}", json.len());
    assert_eq!(serde_json::from_str::<Measurement>(&json).expect("and readable"), level);
    let limits = EvidenceLimits::parse(&Evidence::default()).expect("defaults are valid");
    let expected = Expectation { model: "m".into(), input_tokens: 400, output_tokens: 60, concurrency: 4 };
    for finding in audit(&level, &expected, &limits) {
        assert!(finding.message.chars().count() <= 300, "{finding:?}");
        assert!(!explain::explain(finding.code).remedy.is_empty());
    }
}
