//! One and the same run, as each load tool writes it: every reader finds the same figures, and says what it does not find.

use std::path::{Path, PathBuf};

use bcmp::api::{Evidence, EvidenceCode, Severity};
use bcmp::measurement::Measurement;
use bcmp::measurement::audit::{EvidenceLimits, Expectation, audit};
use bcmp::measurement::formats::{FORMATS, recognized};
use bcmp::measurement::formats::{ResultFormat, Told};
use bcmp::offline::measured::{Lengths, select};
use bcmp::offline::results::{FoundTrial, read_trials, search};
use rstest::rstest;

use super::{fixture, rounded, tree};

const VLLM: &str = "load-tools/vllm.json";

fn trials(path: &str) -> Vec<FoundTrial> {
    read_trials(&fixture(path), None).unwrap()
}

fn first(path: &str) -> Measurement {
    trials(path).remove(0).outcome.unwrap()
}

/// TTFT, time per token, latency (ms), tokens/s and requests/s.
fn figures(level: &Measurement) -> [Option<f64>; 5] {
    let ms = |of: Option<bcmp::measurement::Distribution>| of.map(|of| rounded(of.mean.get(), 3));
    [
        ms(level.ttft),
        ms(level.tpot),
        ms(level.request_latency),
        level.output_tokens_per_second.map(|of| rounded(of.get(), 2)),
        level.requests_per_second.map(|of| rounded(of.get(), 3)),
    ]
}

#[rstest]
#[case::vllm(VLLM, Some(0), 64)]
#[case::sglang("load-tools/sglang.jsonl", None, 64)]
#[case::guidellm("load-tools/guidellm-0.8.json", Some(1), 64)]
#[case::guidellm_of_old("load-tools/guidellm-0.3.json", Some(1), 64)]
#[case::inference_perf("load-tools/inference-perf/stage_0_lifecycle_metrics.json", Some(1), 64)]
#[case::llm_d("load-tools/llm-d-report-0.2.yaml", Some(1), 64)]
#[case::llm_d_as_json("load-tools/llm-d-report-0.2.json", Some(1), 64)]
#[case::stored("load-tools/bcmp-results.json", Some(0), 64)]
fn every_tool_s_file_says_the_same(#[case] path: &str, #[case] errors: Option<u32>, #[case] requests: u32) {
    let level = first(path);
    // By Little's law of all that were sent: users whose request failed are none of those who were answered.
    let answered = f64::from(requests) / f64::from(requests + errors.unwrap_or(0));
    let (tokens, rate) = (rounded(566.038 * answered, 2), rounded(9.434 * answered, 3));
    assert_eq!(figures(&level), [Some(70.0), Some(6.0), Some(424.0), Some(tokens), Some(rate)]);
    assert_eq!((level.concurrency, level.requests, level.errors), (4, requests, errors));
    assert_eq!((level.facts.input_tokens, level.facts.output_tokens), (Some(400.0), Some(60.0)));
    assert!(level.facts.not_finite.is_empty());
}

/// InferenceX keeps no counts: what does not follow from latencies is not made up.
#[test]
fn inferencex_tells_latencies_alone() {
    let level = first("load-tools/inferencex/agg_result.json");
    assert_eq!(figures(&level), [Some(70.0), Some(6.0), Some(424.0), Some(566.04), Some(9.434)]);
    assert_eq!((level.facts.input_tokens, level.facts.requests_unknown), (None, Some(true)));
    let message = rejecting(&level).into_iter().find(|(code, _)| *code == EvidenceCode::MissingMetric).unwrap().1;
    assert!(message.contains("missing from the result: output length, input length, completed requests"), "{message}");
}

fn rejecting(level: &Measurement) -> Vec<(EvidenceCode, String)> {
    found(level, Severity::Reject)
}

fn found(level: &Measurement, severity: Severity) -> Vec<(EvidenceCode, String)> {
    let expected =
        Expectation { model: "mock/tiny".into(), input_tokens: 400, output_tokens: 60, concurrency: level.concurrency };
    let limits = EvidenceLimits::parse(&Evidence::default()).unwrap();
    let findings = audit(level, &expected, &limits).into_iter().filter(|finding| finding.severity == severity);
    findings.map(|finding| (finding.code, finding.message)).collect()
}

/// What a tool does not tell is a warning of its own, and the run can be used all the same.
#[rstest]
#[case::vllm(VLLM, &[EvidenceCode::PrefixCacheHits, EvidenceCode::RampIncluded])]
#[case::sglang("load-tools/sglang.jsonl",
    &[EvidenceCode::ErrorRate, EvidenceCode::PrefixCacheHits, EvidenceCode::ModelMismatch,
      EvidenceCode::RampIncluded])]
#[case::stored("load-tools/bcmp-results.json", &[])]
fn what_is_not_told_is_audited(#[case] path: &str, #[case] warned: &[EvidenceCode]) {
    let level = first(path);
    assert_eq!(rejecting(&level), []);
    let mut codes: Vec<EvidenceCode> = found(&level, Severity::Warn).into_iter().map(|(code, _)| code).collect();
    let mut warned = warned.to_vec();
    codes.sort_unstable();
    warned.sort_unstable();
    assert_eq!(codes, warned);
}

#[test]
fn a_file_without_a_count_is_not_one_of_no_requests() {
    let text =
        std::fs::read_to_string(fixture("genai-perf/0.0.11/profile_export_concurrency_32_genai_perf.json")).unwrap();
    assert!(!text.contains("\"request_count\": {"), "the fixture has no such metric");
    let level = first("genai-perf/0.0.11/profile_export_concurrency_32_genai_perf.json");
    assert_eq!((level.concurrency, level.facts.requests_unknown), (32, Some(true)));
    let codes = rejecting(&level);
    assert!(codes.iter().any(|(_, message)| message == "missing from the result: completed requests"), "{codes:?}");
    assert!(codes.iter().all(|(code, _)| *code != EvidenceCode::TooFewRequests), "{codes:?}");
}

/// With `--save-detailed` there are single requests, and the burst at the start leaves no trace.
#[test]
fn detailed_results_of_vllm_have_a_window() {
    let level = first("load-tools/vllm-detailed.json");
    // The first and the last request of each of four users do not count.
    assert_eq!(level.counted.map(|of| (of.requests, of.failed)), Some((56, 0)));
    assert_eq!(rounded(level.ttft.unwrap().mean.get(), 3), 70.0);
}

/// Of a summary alone throughput follows from concurrency, latency and answers: a tool divides by a time in which the deployment
/// was not loaded in full.
#[test]
fn a_summary_s_throughput_is_by_littles_law() {
    let text = std::fs::read_to_string(fixture(VLLM)).unwrap();
    let mut result: serde_json::Value = serde_json::from_str(&text).unwrap();
    result["request_throughput"] = 8.0.into();
    result["output_throughput"] = 480.0.into();
    let directory = tree(&[("r.json", &result.to_string())]);
    let level = read_trials(directory.path(), None).unwrap().remove(0).outcome.unwrap();
    assert_eq!((level.counted, &figures(&level)[3..]), (None, &[Some(566.04), Some(9.434)][..]));
}

/// A sweep holds stages at a rate beside those with streams: each is for itself.
#[rstest]
#[case::guidellm("load-tools/guidellm-0.8.json", &[Some(4), None], "benchmarks.1.config.strategy.type_")]
#[case::sglang("load-tools/sglang.jsonl", &[Some(4), None, Some(4)], "request_rate")]
#[case::real("load-tools/guidellm-real-constant.json", &[None, None], "benchmarks.0.config.strategy.type_")]
#[case::rate("load-tools/inference-perf/stage_1_lifecycle_metrics.json", &[None], "load_summary.concurrency")]
fn runs_at_a_rate_are_told_apart(#[case] path: &str, #[case] levels: &[Option<u32>], #[case] field: &str) {
    let trials = trials(path);
    let found: Vec<Option<u32>> = trials.iter().map(|t| t.outcome.as_ref().ok().map(|m| m.concurrency)).collect();
    assert_eq!(found, levels);
    let error = trials.iter().find_map(|trial| trial.outcome.as_ref().err()).unwrap();
    assert!(error.skippable && error.place.field.as_deref() == Some(field), "{error}");
}

#[test]
fn medians_without_means_are_refused_with_a_cure() {
    let error = trials("load-tools/inferencex/median-seconds.json").remove(0).outcome.unwrap_err().to_string();
    assert!(error.contains("field `mean_ttft_ms`: is missing: the file has medians in seconds alone"), "{error}");
    assert!(error.contains("Give the result of `vllm bench serve --save-result`"), "{error}");
}

/// The latency of an answer follows from its parts where all answers are equally long, and is missing otherwise.
#[rstest]
#[case::equal(6.0, Some(424.0))]
#[case::unequal(5.0, None)]
fn a_latency_is_computed_where_it_follows(#[case] gap: f64, #[case] latency: Option<f64>) {
    let text = std::fs::read_to_string(fixture(VLLM)).unwrap();
    let mut result: serde_json::Value = serde_json::from_str(&text).unwrap();
    result["mean_itl_ms"] = gap.into();
    let directory = tree(&[("r.json", &result.to_string())]);
    let level = read_trials(directory.path(), None).unwrap().remove(0).outcome.unwrap();
    assert_eq!(level.request_latency.map(|of| rounded(of.mean.get(), 3)), latency);
}

/// What `docs/files.md` says of a format is what its file shows, and what it does not tell is warned of as said there.
#[rstest]
#[case("aiperf/clean/profile_export_aiperf.json")]
#[case("genai-perf/0.0.11/profile_export_concurrency_32_genai_perf.json")]
#[case(VLLM)]
#[case("load-tools/sglang.jsonl")]
#[case("load-tools/guidellm-0.8.json")]
#[case("load-tools/inference-perf/stage_0_lifecycle_metrics.json")]
#[case("load-tools/inferencex/agg_result.json")]
#[case("load-tools/llm-d-report-0.2.json")]
#[case("load-tools/bcmp-results.json")]
fn a_format_tells_what_it_promises(#[case] path: &str) {
    let format: &dyn ResultFormat = recognized(&std::fs::read(fixture(path)).unwrap()).unwrap();
    let (tells, level) = (format.tells(), first(path));
    let holds = |told: Told, found: bool| match told {
        Told::Yes => found,
        Told::No => !found,
        Told::If(_) => true,
    };
    let name = format.name();
    assert_eq!(tells.model, level.facts.model.is_some(), "{name}: model");
    assert!(holds(tells.request_latency, level.request_latency.is_some()), "{name}: latency");
    assert!(holds(tells.failed_requests, level.errors.is_some()), "{name}: failed requests");
    assert!(holds(tells.warmup, level.facts.warmup_requests.is_some()), "{name}: warm-up");
    assert!(holds(tells.cached_tokens, level.facts.cached_prompt_percent.is_some()), "{name}: cache");
    assert!(holds(tells.records, level.counted.is_some()), "{name}: records");
    let warned = found(&level, Severity::Warn);
    for (code, is_told) in [
        (EvidenceCode::ModelMismatch, level.facts.model.is_some()),
        (EvidenceCode::ErrorRate, level.errors.is_some()),
        (EvidenceCode::PrefixCacheHits, level.facts.cached_prompt_percent.is_some()),
        (EvidenceCode::RampIncluded, level.counted.is_some()),
    ] {
        assert_eq!(warned.iter().all(|(warned, _)| *warned != code), is_told, "{name}: {code:?}");
    }
}

#[test]
fn every_format_is_tried_above() {
    let source = include_str!("load_tools.rs");
    let cases = source.split("fn a_format_tells").next().unwrap().rsplit("/// What").next().unwrap();
    assert_eq!(cases.matches("#[case(").count(), FORMATS.len());
}

/// The files of a directory in an archive.
fn zipped(files: &[&str]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    for path in files {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, &std::fs::read(fixture("aiperf/clean").join(path)).unwrap()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn an_archive_is_read_as_its_directory() {
    let directory = tree(&[]);
    let path = directory.path().join("runs.zip");
    std::fs::write(&path, zipped(&["profile_export_aiperf.json", "profile_export.jsonl"])).unwrap();
    assert_eq!(read_trials(&path, None).unwrap(), read_trials(&fixture("aiperf/clean"), None).unwrap());
    let error = search(directory.path(), None).unwrap_err().to_string();
    assert!(error.contains("(runs.zip is an archive: give it by itself, or unpack it)"), "{error}");
}

/// Records go with a summary of any prefix.
#[test]
fn a_prefix_of_one_s_own_takes_its_records_along() {
    let directory = tree(&[]);
    for (from, to) in [("profile_export_aiperf.json", "qwen_c4_aiperf.json"), ("profile_export.jsonl", "qwen_c4.jsonl")]
    {
        std::fs::copy(fixture("aiperf/clean").join(from), directory.path().join(to)).unwrap();
    }
    let found = search(directory.path(), None).unwrap();
    assert!(found.trials[0].outcome.as_ref().unwrap().counted.is_some() && found.others.is_empty(), "{found:?}");
}

const LENGTHS: Lengths = Lengths { input_tokens: 400, output_tokens: 60 };

fn copy(from: &str, to: PathBuf) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(fixture(from), to).unwrap();
}

/// A clean run with other lengths asked for.
fn of_other_lengths(to: &Path) {
    let text = std::fs::read_to_string(fixture("aiperf/clean/profile_export_aiperf.json")).unwrap();
    let other = text.replacen("\"mean\": 400.0", "\"mean\": 8000.0", 1);
    assert_ne!(other, text);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::write(to, other).unwrap();
}

#[test]
fn what_is_not_taken_is_listed_with_the_reason() {
    let directory = tree(&[("inputs.json", "{\"data\": []}"), ("plot.csv", "a,b\n")]);
    let root = directory.path();
    copy("aiperf/clean/profile_export_aiperf.json", root.join("aggregate/profile_export_aiperf.json"));
    copy("load-tools/vllm.json", root.join("aggregate/vllm.json"));
    copy("load-tools/vllm.json", root.join("copy of vllm.json"));
    copy("load-tools/guidellm-0.8.json", root.join("sweep.json"));
    of_other_lengths(&root.join("long/profile_export_aiperf.json"));
    std::fs::write(root.join("all.json"), r#"{"metadata": {"num_profile_runs": 2}}"#).unwrap();
    std::fs::create_dir(root.join("killed")).unwrap();
    std::fs::write(root.join("killed/profile_export.jsonl"), "{}").unwrap();
    let results = select(vec![search(root, None).unwrap()], "new", LENGTHS).unwrap();
    let taken: Vec<_> =
        results.inputs.taken.iter().map(|run| format!("{} {} {}", run.file, run.tool, run.concurrency)).collect();
    assert_eq!(
        taken,
        [
            "aggregate/profile_export_aiperf.json aiperf 0.13.0 4",
            "aggregate/vllm.json vllm bench serve 4",
            "sweep.json guidellm 0.8.0 4",
        ]
    );
    assert_eq!(results.records.len(), 3);
    let left: Vec<_> = results.inputs.left_out.iter().map(|left| format!("{}: {}", left.file, left.reason)).collect();
    assert_eq!(
        left,
        [
            "all.json: is AIPerf's summary over several runs, not a result; give the runs themselves, or the directory that holds them",
            "copy of vllm.json: a copy of aggregate/vllm.json, the same trial",
            "killed/profile_export.jsonl: has no profile_export_aiperf.json beside it: the load tool was killed, or all requests failed",
            "sweep.json: field `benchmarks.1.config.strategy.type_`: found load of the kind `constant`; expected a fixed concurrency",
            "long/profile_export_aiperf.json: another workload: asks for 8000 input and 60 output tokens; the workload has 400 and 60",
        ]
    );
}

/// A trial that counts twice makes the scatter look small: of the same content one file is taken, wherever it lies, whatever it
/// is called, and packed or not.
#[test]
fn a_copy_of_a_result_is_no_second_trial() {
    let clean = "aiperf/clean/profile_export_aiperf.json";
    let directory = tree(&[]);
    let root = directory.path();
    copy(clean, root.join("c4/run_1/profile_export_aiperf.json"));
    copy(clean, root.join("c4/run_2/profile_export_aiperf.json"));
    copy("aiperf/clean/profile_export.jsonl", root.join("c4/run_2/profile_export.jsonl"));
    let packed = root.join("old/profile_export_aiperf.json.gz");
    std::fs::create_dir_all(packed.parent().unwrap()).unwrap();
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &std::fs::read(fixture(clean)).unwrap()).unwrap();
    encoder.finish().unwrap();
    let other = tree(&[]);
    copy(clean, other.path().join("saved.json"));
    let found = [root, other.path()].map(|path| search(path, None).unwrap()).into();
    let results = select(found, "new", LENGTHS).unwrap();
    let taken: Vec<_> = results.inputs.taken.iter().map(|run| run.file.as_str()).collect();
    assert_eq!(taken, ["c4/run_2/profile_export_aiperf.json"], "the one with its records");
    assert_eq!(results.records.len(), 1);
    let left: Vec<_> = results.inputs.left_out.iter().map(|left| format!("{}: {}", left.file, left.reason)).collect();
    let said = "a copy of c4/run_2/profile_export_aiperf.json, the same trial";
    assert_eq!(
        left,
        ["c4/run_1/profile_export_aiperf.json", "old/profile_export_aiperf.json.gz", "saved.json"]
            .map(|file| format!("{file}: {said}"))
    );
}

/// The examples that llm-d-benchmark publishes of its report, and results that inference-perf does, as they are.
#[rstest]
#[case::report_0_2(
    "br_v0_2_example.yaml",
    "field `scenario.load.standardized.concurrency`: found no concurrency, or an infinite one; expected a fixed concurrency"
)]
#[case::report_0_2_1(
    "br_v0_2_1_example.yaml",
    "field `scenario.load.standardized.concurrency`: found no concurrency, or an infinite one; expected a fixed concurrency"
)]
#[case::report_0_1(
    "br_v0_1_example.yaml",
    "is llm-d-benchmark's report v0.1, not a result; convert the load tool's own result"
)]
#[case::stage_at_a_rate(
    "inference-perf/stage_0_lifecycle_metrics.json",
    "field `load_summary.concurrency`: found no concurrency: a stage with a request rate, or the summary over all stages"
)]
#[case::summary_over_stages(
    "inference-perf/summary_lifecycle_metrics.json",
    "field `load_summary.concurrency`: found no concurrency: a stage with a request rate, or the summary over all stages"
)]
fn published_files_of_other_loads_are_named_for_what_they_are(#[case] file: &str, #[case] said: &str) {
    let error = trials(&format!("load-tools/public/{file}")).remove(0).outcome.unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

/// The published example with a concurrency in the place of its rate: its prompts repeat, and without that what it says of
/// requests, times and lengths is read.
#[rstest]
#[case("br_v0_2_example.yaml")]
#[case("br_v0_2_1_example.yaml")]
fn a_published_report_is_read(#[case] file: &str) {
    let published = std::fs::read_to_string(fixture(&format!("load-tools/public/{file}"))).unwrap();
    let text = published.replacen("concurrency: .inf", "concurrency: 24", 1);
    assert_ne!(text, published);
    let read = |text: &str| {
        let directory = tree(&[("report.yaml", text)]);
        read_trials(directory.path(), None).unwrap().remove(0).outcome
    };
    let repeating = read(&text).unwrap_err().to_string();
    assert!(repeating.contains("found prompts that begin alike or go on in turns"), "{repeating}");
    let text = text.replacen("prefix_len:", "no_prefix:", 1).replacen("multi_turn:", "one_turn:", 1);
    let level = read(&text).unwrap();
    assert_eq!((level.concurrency, level.requests, level.errors), (24, 500, Some(0)));
    assert_eq!(level.ttft.map(|of| rounded(of.mean.get(), 3)), Some(36.858));
    assert_eq!((level.facts.input_tokens, level.facts.output_tokens), (Some(2262.448), Some(2262.448)));
    assert_eq!(level.facts.model.as_deref(), Some("Qwen/Qwen3-0.6B"));
}

/// Where every run is of another workload, the audit says so of each.
#[test]
fn runs_of_another_workload_alone_are_judged() {
    let directory = tree(&[]);
    of_other_lengths(&directory.path().join("profile_export_aiperf.json"));
    let results = select(vec![search(directory.path(), None).unwrap()], "new", LENGTHS).unwrap();
    assert_eq!((results.records.len(), results.inputs.left_out.len()), (1, 0));
}

/// What `kubectl bcmp results` writes keeps its variants and purposes.
#[test]
fn stored_results_are_taken_for_their_variant() {
    let found = search(&fixture("load-tools/bcmp-results.json"), None).unwrap();
    let results = select(vec![found], "old", LENGTHS).unwrap();
    assert_eq!((results.records.len(), results.inputs.left_out.len()), (1, 3));
    assert_eq!(results.inputs.left_out[0].reason, "is of the variant new");
    let directory = tree(&[]);
    copy("aiperf/clean/profile_export_aiperf.json", directory.path().join("r1-c000004-d2-t1.json"));
    let results = select(vec![search(directory.path(), None).unwrap()], "old", LENGTHS).unwrap();
    let trial = &results.records[0].trial;
    assert_eq!(trial.key.to_string(), "r1-c000004-d2-t1");
    assert_eq!((trial.requests, trial.warmup), (64, 8));
}
