//! `bcmp evaluate`, the program: what it prints, what it refuses and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "evaluate/alike.rs"]
mod alike;
#[path = "evaluate/cases.rs"]
mod cases;
#[path = "evaluate/derived.rs"]
mod derived;
#[path = "evaluate/simulated.rs"]
mod simulated;

use std::fs;
use std::path::Path;
use std::process::Command;

use bcmp::api::{EvidenceCode, LevelStatus, Severity, VariantStatus, Verdict, VerdictResult};
use bcmp::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use bcmp::prediction::{Curve, CurvePoint, OperatingPoint, PredictedClaim, Prediction, PredictionOrigin};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use derived::write_variant;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

const GUIDE: &str = "tests/fixtures/evaluate/guide.yaml";
const CLEAN: &str = "tests/fixtures/evaluate/clean.yaml";
const BASELINE: &str = "baseline=tests/fixtures/genai-perf/agg-baseline-c10.json";
const OPTIMIZED: &str = "optimized=tests/fixtures/genai-perf/aic-agg-c250.json";
/// TP8, batch 12: 196.783 tokens/s/GPU, as in the guide.
const GUIDES_PREDICTION: &str = "optimized=tests/fixtures/aiconfigurator/0.2.0-pypi";

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    fn verdict(&self) -> Verdict {
        serde_json::from_value(self.json()["verdict"].clone()).unwrap()
    }

    fn variant(&self, name: &str) -> VariantStatus {
        let variants: Vec<VariantStatus> = serde_json::from_value(self.json()["variants"].clone()).unwrap();
        variants.into_iter().find(|variant| variant.name == name).unwrap()
    }
}

/// Runs the program in the repository's root.
fn evaluate(arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_bcmp"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("evaluate")
        .args(arguments)
        .output()
        .unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn guide(more: &[&str]) -> Ended {
    let arguments = ["-f", GUIDE, "--prediction", GUIDES_PREDICTION, "--results", BASELINE, "--results", OPTIMIZED];
    evaluate(&[&arguments, more].concat())
}

/// Clean results of two servers, the new one 1.25 times as fast, and what was predicted for both.
struct Clean {
    directory: TempDir,
}

impl Clean {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_variant(&directory.path().join("old"), 1.0);
        write_variant(&directory.path().join("new"), 0.8);
        let clean = Self { directory };
        clean.write("predicted.json", &predicted(0.8).to_string());
        clean.write("refuted.json", &predicted(1.3).to_string());
        clean.write("optimistic.json", &predicted(0.6).to_string());
        clean
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.directory.path().join(name), text).unwrap();
        self.path(name)
    }

    fn comparison(&self, from: &str, to: &str) -> String {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CLEAN)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        self.write("comparison.yaml", &changed)
    }

    fn evaluate(&self, comparison: &str, prediction: Option<&str>, more: &[&str]) -> Ended {
        let named = |name: &str, file: &str| format!("{name}={}", self.path(file));
        let mut arguments = vec!["-f".into(), comparison.to_owned()];
        for name in ["old", "new"] {
            arguments.extend(["--results".into(), named(name, name)]);
            arguments.extend(prediction.iter().flat_map(|file| ["--prediction".into(), named(name, file)]));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        evaluate(&arguments)
    }
}

/// Configurations as generation hands them over: about what the derived results show for the old server, and `factor`
/// times its latency for the new one.
fn predicted(factor: f64) -> Value {
    let ms = |value: f64| Milliseconds::new(value).unwrap();
    let curve = |factor: f64| {
        let point = |concurrency, ttft, tpot, rate: f64| CurvePoint {
            concurrency,
            ttft: ms(ttft * factor),
            tpot: ms(tpot * factor),
            request_rate: RequestsPerSecond::new(rate / factor).unwrap(),
        };
        Curve::new(vec![point(4, 70.0, 6.0, 9.2), point(8, 105.0, 9.0, 12.3)], 1, 1, 60).unwrap()
    };
    let prediction = |factor: f64| Prediction {
        claim: Some(PredictedClaim {
            concurrency: 4,
            point: OperatingPoint {
                ttft: ms(70.0 * factor),
                tpot: ms(6.0 * factor),
                tokens_per_second_per_gpu: TokensPerSecond::new(9.2 * 60.0 / factor).unwrap(),
            },
            advertised_tokens_per_second_per_gpu: None,
            predictor: None,
        }),
        curve: Some(curve(factor)),
        findings: vec![],
        origin: Some(PredictionOrigin { tool: "by hand".into(), ..PredictionOrigin::default() }),
    };
    let configuration = |variant: &str, factor: f64| Configuration {
        variant: variant.into(),
        outcome: GenerationOutcome::Ready(Box::new(Ready {
            objects: vec![],
            generated: None,
            shape: None,
            prediction: prediction(factor),
        })),
    };
    json!(Configurations {
        schema_version: 1,
        load_tool: None,
        variants: vec![configuration("old", 1.0), configuration("new", factor)],
    })
}

mod answers {
    use super::*;

    /// The two files published with the guide, and what the guide promises for one of them: neither file can be used,
    /// and nothing is concluded.
    #[test]
    fn the_guides_own_files_are_rejected_and_nothing_is_concluded() {
        let ended = guide(&["-o", "json"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (3, ""));
        let verdict = ended.verdict();
        assert_eq!(verdict.result, VerdictResult::Inconclusive);
        assert_eq!((verdict.gain, verdict.winner, verdict.estimate_error), (None, None, None));
        let claim = ended.variant("optimized").claim.unwrap();
        assert_eq!(claim.concurrency, 12);
        assert_eq!(claim.figures.tokens_per_second_per_gpu.unwrap(), "196.783");
        for (name, concurrency) in [("baseline", 10), ("optimized", 250)] {
            let levels = ended.variant(name).levels;
            let level = levels.iter().find(|level| level.concurrency == concurrency).unwrap();
            assert_eq!((level.evidence.accepted, level.evidence.rejected), (0, 1), "{name}");
            assert_eq!(level.measured, None, "{name}");
            let rejecting = level.evidence.reasons.iter().filter(|finding| finding.severity == Severity::Reject);
            let codes: Vec<EvidenceCode> = rejecting.map(|finding| finding.code).collect();
            for code in [EvidenceCode::NotStreaming, EvidenceCode::OutputLengthMismatch, EvidenceCode::TooFewRequests] {
                assert!(codes.contains(&code), "{name}: {codes:?}");
            }
        }
    }

    #[test]
    fn the_guides_report() {
        let ended = guide(&[]);
        assert_eq!(ended.code, 3);
        insta::assert_snapshot!(ended.stdout);
    }

    #[test]
    fn the_guides_answer_as_json() {
        insta::assert_snapshot!(guide(&["-o", "json"]).stdout);
    }

    #[test]
    fn clean_results_that_are_as_predicted_confirm_the_prediction() {
        let ended = Clean::new().evaluate(CLEAN, Some("predicted.json"), &["-o", "json"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
        let verdict = ended.verdict();
        assert_eq!(verdict.result, VerdictResult::Confirmed, "{}", verdict.summary);
        assert_eq!(verdict.winner.as_deref(), Some("new"));
        let rejected = |name| ended.variant(name).levels.iter().map(|level| level.evidence.rejected).sum::<u32>();
        assert_eq!((rejected("old"), rejected("new")), (0, 0));
    }

    #[test]
    fn the_report_of_clean_results() {
        insta::assert_snapshot!(Clean::new().evaluate(CLEAN, Some("predicted.json"), &[]).stdout);
    }

    #[test]
    fn yaml_says_the_same_as_json() {
        let clean = Clean::new();
        let yaml = clean.evaluate(CLEAN, Some("predicted.json"), &["-o", "yaml"]);
        let json = clean.evaluate(CLEAN, Some("predicted.json"), &["-o", "json"]);
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml.stdout).unwrap(), json.json());
        assert_eq!(json.json()["schemaVersion"], 1);
        let keys: Vec<String> = json.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["results", "schemaVersion", "variants", "verdict"]);
    }

    #[test]
    fn without_a_prediction_the_sides_are_compared_all_the_same() {
        let ended = Clean::new().evaluate(CLEAN, None, &["-o", "json"]);
        assert_eq!(ended.code, 0);
        assert_eq!(ended.verdict().result, VerdictResult::NotPredicted);
        assert_eq!(ended.verdict().winner.as_deref(), Some("new"));
    }

    #[test]
    fn a_prediction_for_one_side_is_shown_and_nothing_confirmed() {
        let clean = Clean::new();
        let prediction = format!("new={}", clean.path("predicted.json"));
        let ended = clean.evaluate(CLEAN, None, &["-o", "json", "--prediction", &prediction]);
        assert_eq!(ended.verdict().result, VerdictResult::NotPredicted);
        assert!(ended.variant("new").levels.iter().all(|level| level.error_percent.is_some()));
        assert!(ended.variant("old").levels.iter().all(|level| level.estimated.is_none()));
    }

    #[test]
    fn results_of_one_side_alone_are_judged_but_not_compared() {
        let clean = Clean::new();
        let results = format!("new={}", clean.path("new"));
        let ended = evaluate(&["-f", CLEAN, "--results", &results, "-o", "json"]);
        assert_eq!(ended.code, 3);
        assert!(ended.verdict().summary.contains("old: no results were given"), "{}", ended.verdict().summary);
        assert!(ended.variant("new").at_sla.is_some());
    }

    #[test]
    fn results_may_come_in_several_directories() {
        let clean = Clean::new();
        let level = |level| format!("new={}", clean.path(&format!("new/concurrency_{level}")));
        let old = format!("old={}", clean.path("old"));
        let ended =
            evaluate(&["-f", CLEAN, "-o", "json", "--results", &level(8), "--results", &level(4), "--results", &old]);
        let whole = clean.evaluate(CLEAN, None, &["-o", "json"]);
        let (parts, whole) = (ended.json(), whole.json());
        assert_eq!((&parts["verdict"], &parts["variants"]), (&whole["verdict"], &whole["variants"]));
    }

    #[test]
    fn generated_configurations_are_read_from_their_config_map_too() {
        let clean = Clean::new();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"},
                         "data": {"created-for": "run 1", "configurations.json": predicted(0.8).to_string()}});
        clean.write("map.yaml", &serde_saphyr::to_string(&map).unwrap());
        let ended = clean.evaluate(CLEAN, Some("map.yaml"), &["-o", "json"]);
        assert_eq!(ended.json(), clean.evaluate(CLEAN, Some("predicted.json"), &["-o", "json"]).json());
    }

    /// The tables have rows of what is deployed for 3 to 5 concurrent requests, and the claim for 12.
    #[test]
    fn where_the_tables_have_no_rows_only_the_advertised_point_is_predicted() {
        let prediction = "optimized=tests/fixtures/aiconfigurator/0.12.0-default";
        let arguments = ["-f", GUIDE, "--results", OPTIMIZED, "--prediction", prediction];
        let ended = evaluate(&[&arguments[..], &["-o", "json"]].concat());
        let tpot = |level: &LevelStatus| Some(level.estimated.as_ref()?.figures.tpot_milliseconds.clone().unwrap());
        let optimized = ended.variant("optimized");
        let predicted: Vec<_> = optimized.levels.iter().filter_map(|l| Some((l.concurrency, tpot(l)?))).collect();
        assert_eq!(predicted, [(5, "5.431".to_owned())], "{}", ended.stdout);
        let text = evaluate(&arguments).stdout;
        let said = "what is deployed, where the tables have rows: 3–5 concurrent requests, and the claim";
        assert!(text.contains(said), "{text}");
    }

    /// tokens/s/GPU is by the GPUs held, wherever they are told: a row of two prefill and one decode engines holds 6 of 8.
    #[rstest]
    #[case::manifests_that_cannot_be_deployed(
        "guide-snapshot-2025-10-02-db-1.0.0rc3",
        "{type: Recommended, recommended: {servingMode: Disaggregated}}",
        Some(6)
    )]
    #[case::a_row_without_manifests("0.1.1-pypi", "{type: Recommended}", Some(8))]
    #[case::one_replica_of_the_row("0.4.0", "{type: Recommended}", Some(4))]
    #[case::a_hint("0.12.0-exp-baseline-tp1x8", "{type: Naive}, shape: {tensorParallel: 1, replicas: 4}", Some(4))]
    #[case::nothing("", "{type: Recommended}", None)]
    fn the_gpus_held_are_taken_from_whatever_tells_them(
        #[case] sample: &str,
        #[case] source: &str,
        #[case] gpus: Option<u32>,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
        let variants = format!(
            "  variants:\n  - {{name: baseline, role: Baseline, source: {{type: Naive}}}}\n  - {{name: optimized, role: \
             Candidate, source: {source}}}\n"
        );
        let file = directory.path().join("comparison.yaml");
        fs::write(&file, text + &variants).unwrap();
        let file = file.display().to_string();
        let prediction = format!("optimized=tests/fixtures/aiconfigurator/{sample}");
        let mut arguments = vec!["-f", file.as_str(), "--results", OPTIMIZED];
        if !sample.is_empty() {
            arguments.extend(["--prediction", prediction.as_str()]);
        }
        let json = evaluate(&[&arguments[..], &["-o", "json"]].concat());
        assert_eq!(json.stderr, "");
        assert_eq!(json.variant("optimized").gpus, gpus);
        assert_eq!(json.variant("baseline").gpus, None);
        let text = evaluate(&arguments).stdout;
        let assumed = text.matches("8 assumed (hardware.gpusPerVariant)").count();
        assert_eq!(assumed, 1 + usize::from(gpus.is_none()), "{text}");
    }

    /// The rows of a search pinned to TP1 are a prediction for a baseline of that shape, although none meets the SLA.
    #[test]
    fn a_baseline_that_never_keeps_the_sla_is_predicted_to_miss_it() {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).unwrap();
        let variants = "  variants:\n  - {name: baseline, role: Baseline, source: {type: Naive}, shape: {tensorParallel: 1, \
                        replicas: 8, maxBatchSize: 56, maxNumTokens: 4512}}\n  - {name: optimized, role: Candidate, \
                        source: {type: Recommended}}\n";
        let file = directory.path().join("comparison.yaml");
        fs::write(&file, text + variants).unwrap();
        let prediction = "baseline=tests/fixtures/aiconfigurator/0.12.0-exp-baseline-tp1x8";
        let file = file.display().to_string();
        let ended = evaluate(&["-f", &file, "--prediction", prediction, "--results", OPTIMIZED, "-o", "json"]);
        let baseline = ended.variant("baseline");
        assert_eq!(baseline.claim, None);
        let predicted = baseline.levels.iter().filter(|level| level.estimated.is_some());
        let predicted: Vec<u32> = predicted.map(|level| level.concurrency).collect();
        // Its rows are for 1 to 5 and 16 to 56 requests in each of the eight engines, which hold 448.
        assert_eq!(predicted, [1, 2, 5, 10, 250, 448], "{}", ended.stdout);
    }
}

mod exit_codes {
    use super::*;

    #[rstest]
    #[case::refuted("Refuted", "refuted.json", VerdictResult::Refuted, "the prediction is refuted (Refuted)")]
    #[case::inaccurate("Inaccurate", "optimistic.json", VerdictResult::DirectionOnly, "off by more than the tolerance")]
    fn an_outcome_that_is_not_wanted_is_caught(
        #[case] fail_on: &str,
        #[case] prediction: &str,
        #[case] result: VerdictResult,
        #[case] said: &str,
    ) {
        let clean = Clean::new();
        let caught = clean.comparison("runtime: {}", &format!("runtime: {{}}\n  judgement: {{failOn: [{fail_on}]}}"));
        let ended = clean.evaluate(&caught, Some(prediction), &["-o", "json"]);
        assert_eq!(ended.code, 4, "{}", ended.stdout);
        assert_eq!(ended.verdict().result, result);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        let tolerated = clean.evaluate(CLEAN, Some(prediction), &["-o", "json"]);
        assert_eq!((tolerated.code, tolerated.stderr.as_str()), (0, ""));
        assert_eq!(tolerated.stdout, ended.stdout);
    }

    #[test]
    fn a_missed_sla_is_caught() {
        let clean = Clean::new();
        let strict = "tpotMilliseconds: 2}\n  judgement: {failOn: [SlaMissed]}";
        let strict = clean.comparison("tpotMilliseconds: 7}", strict);
        let ended = clean.evaluate(&strict, None, &[]);
        assert_eq!(ended.code, 4, "{}", ended.stdout);
        assert!(ended.stderr.contains("no candidate meets the SLA (SlaMissed)"), "{}", ended.stderr);
    }

    /// What cannot be determined is no outcome: code 3 also where `failOn` names it.
    #[test]
    fn inconclusive_stays_three() {
        assert_eq!(guide(&[]).code, 3);
    }

    #[test]
    fn help_is_no_error() {
        let ended = evaluate(&["--help"]);
        assert_eq!(ended.code, 0);
        insta::assert_snapshot!(ended.stdout);
    }
}

mod usage {
    use super::*;

    #[rstest]
    #[case::no_name(&["--results", "runs"], "expected the name of a variant, `=` and a path")]
    #[case::no_path(&["--results", "baseline="], "expected the name of a variant, `=` and a path")]
    #[case::prediction(&["--results", BASELINE, "--prediction", "x"], "invalid value 'x' for '--prediction <NAME=PATH>'")]
    #[case::no_results(&[], "--results <NAME=PATH>")]
    #[case::format(&["--results", BASELINE, "-o", "xml"], "[possible values: text, json, yaml]")]
    #[case::unknown(&["--results", "basline=x"], "--results basline=x: the comparison has no variant basline, only baseline, optimized")]
    #[case::unknown_prediction(
        &["--results", BASELINE, "--prediction", "new=x"],
        "--prediction new=x: the comparison has no variant new, only baseline, optimized"
    )]
    #[case::twice(
        &["--results", BASELINE, "--prediction", "optimized=a", "--prediction", "optimized=b"],
        "--prediction is given twice for optimized"
    )]
    #[case::the_same_files(
        &["--results", BASELINE, "--results", "optimized=tests/fixtures/genai-perf"],
        "are the same files, or one contains the other: give each trial once"
    )]
    fn a_wrong_call_is_explained(#[case] arguments: &[&str], #[case] said: &str) {
        let ended = evaluate(&[&["-f", GUIDE], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

mod files {
    use super::*;

    /// A file with some content, or none where there is no content.
    fn file(directory: &TempDir, name: &str, content: Option<&str>) -> String {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        path.display().to_string()
    }

    fn fails(arguments: &[&str], path: &str, said: &str) {
        let ended = evaluate(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(path), "{path} is not named: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }

    #[rstest]
    #[case::missing(None, "cannot be read: No such file")]
    #[case::empty(
        Some(""),
        "holds nothing; expected one object with apiVersion bcmp.dev/v1alpha1 and kind BenchmarkComparison"
    )]
    #[case::another_kind(Some("apiVersion: v1\nkind: Pod\n"), "kind Pod; expected one object")]
    #[case::broken(Some("spec: [\n"), "is neither YAML nor JSON")]
    #[case::misspelt(
        Some("apiVersion: bcmp.dev/v1alpha1\nkind: BenchmarkComparison\nmetadata: {name: a}\nspec: {modle: {}}\n"),
        "spec.modle: unknown field: did you mean model?"
    )]
    fn the_comparison(#[case] content: Option<&str>, #[case] said: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, "comparison.yaml", content);
        fails(&["-f", &path, "--results", BASELINE], &path, said);
    }

    #[rstest]
    #[case::missing("gone", "", None, "cannot be read: No such file")]
    #[case::nothing_there(
        "",
        "notes.txt",
        Some("x"),
        "no results found; expected AIPerf (profile_export_aiperf.json), genai-perf (*_genai_perf.json)"
    )]
    #[case::empty("", "profile_export_aiperf.json", Some(""), "is empty")]
    #[case::truncated(
        "",
        "a/profile_export_aiperf.json",
        Some("{\"aiperf_version\": \"0.13.0\", \"request_count\": {\"av"),
        "cut off"
    )]
    #[case::foreign(
        "",
        "profile_export_aiperf.json",
        Some("{\"kind\": \"Pod\"}"),
        "`aiperf_version`: is missing; expected the summary of an AIPerf run"
    )]
    #[case::foreign_file("x.json", "x.json", Some("{\"kind\": \"Pod\"}"), "x.json")]
    #[case::no_json("x.csv", "x.csv", Some("a,b\n1,2\n"), "expected")]
    #[case::killed(
        "",
        "profile_export.jsonl",
        Some("{}\n"),
        "has no profile_export_aiperf.json beside it: the load tool was killed"
    )]
    fn results(#[case] given: &str, #[case] name: &str, #[case] content: Option<&str>, #[case] said: &str) {
        let directory = tempfile::tempdir().unwrap();
        if !name.is_empty() {
            file(&directory, name, content);
        }
        let root = directory.path().join(given).display().to_string();
        let root = root.trim_end_matches('/').to_owned();
        fails(&["-f", GUIDE, "--results", &format!("baseline={root}")], &root, said);
    }

    #[test]
    fn all_results_that_cannot_be_read_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["c1/profile_export_aiperf.json", "c2/profile_export_aiperf.json"];
        let paths = names.map(|name| file(&directory, name, Some("{")));
        let ended = evaluate(&["-f", GUIDE, "--results", &format!("baseline={}", directory.path().display())]);
        assert_eq!(ended.code, 1);
        assert!(paths.iter().all(|path| ended.stderr.contains(path.as_str())), "{}", ended.stderr);
        assert!(ended.stderr.contains("variant baseline: 2 results cannot be read:"), "{}", ended.stderr);
        assert!(ended.stderr.contains("Replace them, or move them away"), "{}", ended.stderr);
    }

    #[rstest]
    #[case::missing("gone", "", None, "cannot be read: No such file")]
    #[case::empty("p.json", "p.json", Some(""), "the file is empty")]
    #[case::foreign(
        "p.yaml",
        "p.yaml",
        Some("kind: Pod\n"),
        "is neither the output of a predictor nor generated configurations (an object of kind Pod): give the directory that"
    )]
    #[case::another_map(
        "p.yaml",
        "p.yaml",
        Some("kind: ConfigMap\ndata: {a: b}\n"),
        "a ConfigMap without configurations.json"
    )]
    #[case::newer(
        "p.json",
        "p.json",
        Some(r#"{"schemaVersion": 9, "variants": []}"#),
        "has schemaVersion 9; this version reads 0 to 1"
    )]
    #[case::of_others(
        "p.json",
        "p.json",
        Some(r#"{"schemaVersion": 1, "variants": [{"variant": "fast", "outcome": {"result": "refused", "reason": "A", "message": "b"}}]}"#),
        "has no variant optimized, only fast"
    )]
    #[case::no_output(
        "",
        "notes.yaml",
        Some("a: b\n"),
        "no output of a predictor found: give the directory that `aiconfigurator` wrote with --save-dir"
    )]
    #[case::truncated("", "agg/best_config_topn.csv", Some("model,isl\nx"), "agg/best_config_topn.csv")]
    fn predictions(#[case] given: &str, #[case] name: &str, #[case] content: Option<&str>, #[case] said: &str) {
        let directory = tempfile::tempdir().unwrap();
        if !name.is_empty() {
            file(&directory, name, content);
        }
        let root = directory.path().join(given).display().to_string();
        let root = root.trim_end_matches('/').to_owned();
        fails(&["-f", GUIDE, "--results", BASELINE, "--prediction", &format!("optimized={root}")], &root, said);
    }

    #[rstest]
    #[case::several_runs(
        "optimized=tests/fixtures/aiconfigurator",
        "calls of the predictor: give the directory of one of them"
    )]
    #[case::naive_search(
        "baseline=tests/fixtures/aiconfigurator/0.12.0-default",
        "variant baseline has the source Naive"
    )]
    #[case::predicts_nothing(
        "optimized=tests/fixtures/aiconfigurator/0.12.0-generate-naive-baseline",
        "no output of a predictor found"
    )]
    fn predictors_directories(#[case] prediction: &str, #[case] said: &str) {
        let (_, path) = prediction.split_once('=').unwrap();
        fails(&["-f", GUIDE, "--results", BASELINE, "--prediction", prediction], path, said);
    }

    /// A search that found nothing is an answer of the predictor's, not a wrong file.
    #[test]
    fn a_search_that_found_nothing_predicts_nothing() {
        let prediction = "optimized=tests/fixtures/aiconfigurator/0.12.0-sla-missed-strict";
        let ended = evaluate(&["-f", GUIDE, "--results", OPTIMIZED, "--prediction", prediction, "-o", "json"]);
        let codes: Vec<EvidenceCode> = ended.variant("optimized").findings.iter().map(|finding| finding.code).collect();
        assert!(codes.contains(&EvidenceCode::NotPredicted), "{codes:?}");
    }
}
