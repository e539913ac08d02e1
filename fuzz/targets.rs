//! Parsers of what other programs write, each as a function of bytes that panics when one of its promises is broken.
//!
//! Shared by the coverage-guided fuzzer in this directory and by `tests/fuzz.rs`, which runs on stable Rust.

use std::collections::BTreeMap;

use bcmp::api::{BenchmarkComparisonSpec, Decimal, Evidence, Limit, Patch};
use bcmp::cli::file::read_comparison;
use bcmp::manifests::variant::{self, Author, Preparation};
use bcmp::measurement::audit::{EvidenceLimits, Expectation, audit};
use bcmp::measurement::formats::{self, FORMATS};
use bcmp::measurement::formats::{aiperf, genai_perf};
use bcmp::measurement::ledger::Ledger;
use bcmp::measurement::{Measurement, ParseError};
use bcmp::offline::{OfflineVariant, evaluate_known, predicted::read_configurations};
use bcmp::plan::PodFeatures;
use bcmp::prediction::configurations::{Configurations, GenerationOutcome, SCHEMA_VERSION};
use bcmp::prediction::{self, Prediction};
use bcmp::sweep::VariantSweep;

/// Reads bytes; it may refuse them, and must not panic.
pub type Target = fn(&[u8]);

/// Every target: the name of its corpus, and the function.
pub const TARGETS: &[(&str, Target)] = &[
    ("aiperf_summary", aiperf_summary),
    ("aiperf_records", aiperf_records),
    ("genai_perf", genai_perf),
    ("load_tools", load_tools),
    ("predictor_table", predictor_table),
    ("manifests", manifests),
    ("patches", patches),
    ("comparison", comparison),
    ("configurations", configurations),
    ("ledger", ledger),
    ("decimal", decimal),
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

/// A result of any tool, offered to all of them.
pub fn load_tools(bytes: &[u8]) {
    let _ = formats::foreign(bytes);
    for format in FORMATS {
        match format.read(&mut &bytes[..], None, None) {
            Ok(runs) => runs.into_iter().for_each(|run| check(run.map(|run| run.measurement))),
            Err(error) => check(Err(error)),
        }
    }
}

/// A table of AIConfigurator.
pub fn predictor_table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match prediction::predictors::aiconfigurator::read_table("table.csv", &text) {
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
    let spec = spec();
    let again = |objects: &[serde_json::Value]| {
        let allowed = PodFeatures::default();
        variant::prepare(
            objects,
            &Preparation { author: Author::Predictor, namespace: "ns", spec: &spec, patches: &[], allowed: &allowed },
        )
    };
    if let Ok(prepared) = again(&objects) {
        assert_eq!(again(&prepared.objects).expect("prepared manifests can be prepared").objects, prepared.objects);
    }
}

/// Patches of a user, applied to manifests as the predictor writes them.
pub fn patches(bytes: &[u8]) {
    let Ok(patches) = serde_json::from_slice::<Vec<Patch>>(bytes) else { return };
    let objects = variant::parse(GENERATED).expect("the corpus is valid");
    let (spec, allowed) = (spec(), PodFeatures::default());
    let preparation =
        Preparation { author: Author::Predictor, namespace: "ns", spec: &spec, patches: &patches, allowed: &allowed };
    if let Err(error) = variant::prepare(&objects, &preparation) {
        assert!(!error.to_string().is_empty());
    }
}

/// A comparison in a file, as people write it: what is accepted says the same when it is written and read again.
pub fn comparison(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read_comparison(text) {
        Ok(read) => {
            let again = serde_json::to_string(&read).expect("a comparison is storable");
            assert_eq!(read_comparison(&again).expect("and readable").spec, read.spec);
            let _ = evaluate_known(&read.spec, &BTreeMap::new());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The output of generation, whose predictions lead a sweep and are judged.
pub fn configurations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = read_configurations(text) else { return };
    for configuration in &read.variants {
        if let Ok(sweep) = VariantSweep::new(&spec(), &read, &configuration.variant, 1) {
            let _ = sweep.next(&[], 1);
        }
    }
    let ready = |outcome| match outcome {
        GenerationOutcome::Ready(ready) => Some(ready.prediction),
        GenerationOutcome::Refused { .. } => None,
    };
    let known = read.variants.into_iter().map(|configuration| {
        (
            configuration.variant,
            OfflineVariant { prediction: ready(configuration.outcome), ..OfflineVariant::default() },
        )
    });
    let _ = evaluate_known(&spec(), &known.collect());
}

/// The entries of a results ConfigMap, as a load pod wrote them: they lead a sweep and are judged.
pub fn ledger(bytes: &[u8]) {
    let Ok(entries) = serde_json::from_slice::<BTreeMap<String, String>>(bytes) else { return };
    let ledger = match Ledger::parse(entries.iter().map(|(key, text)| (key.as_str(), text.as_str()))) {
        Ok(ledger) => ledger,
        Err(error) => return assert!(entries.keys().any(|key| error.to_string().contains(key.as_str())), "{error}"),
    };
    let none = Configurations { schema_version: SCHEMA_VERSION, load_tool: None, variants: vec![] };
    let sweep = VariantSweep::new(&spec(), &none, "baseline", 1).expect("the spec is valid");
    let _ = sweep.next(&ledger.records, 1);
    let known = |prediction| OfflineVariant { prediction, shape: None, gpus: None, records: ledger.records.clone() };
    let known = [("baseline", known(None)), ("optimized", known(Some(Prediction::default())))];
    let judged = evaluate_known(&spec(), &known.map(|(name, known)| (name.to_owned(), known)).into());
    assert!(judged.expect("the spec is valid").verdict.summary.chars().count() <= 512);
}

/// A number as people write it in a spec: a decimal string, or a limit, which may be a whole number too.
pub fn decimal(bytes: &[u8]) {
    if let Some(number) = serde_json::from_slice(bytes).ok().and_then(|decimal: Decimal| decimal.value()) {
        assert!(number.is_finite() && number >= 0.0, "{number}");
    }
    if let Some(number) = serde_json::from_slice(bytes).ok().and_then(|limit: Limit| limit.value()) {
        assert!(number.is_finite() && number > 0.0, "{number}");
    }
}

fn spec() -> BenchmarkComparisonSpec {
    serde_json::from_str(SPEC).expect("the spec is valid")
}

const GENERATED: &str = include_str!("corpus/manifests/aiconfigurator-0.12.0-agg.yaml");

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
        assert!(!bcmp::explain::Subject::Code(finding.code).explain().remedy.is_empty());
    }
}
