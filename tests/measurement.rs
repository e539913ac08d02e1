//! The load tools' own files, read: what a measurement says of runs whose truth is known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "measurement/load_tools.rs"]
mod load_tools;
#[path = "measurement/real_runs.rs"]
mod real_runs;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use bcmp::files::TreeError;
use bcmp::measurement::Measurement;
use bcmp::measurement::formats::aiperf::{self, NO_RECORDS};
use bcmp::measurement::record::{Purpose, SCHEMA_VERSION, TrialKey, TrialPlan, TrialRecord};
use bcmp::offline::results::{FindError, read_trials};
use bcmp::units::{LatencyLimits, Milliseconds};
use rstest::rstest;

fn fixture(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(path)
}

fn open(path: PathBuf) -> BufReader<File> {
    BufReader::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn with_records(run: &str, sla: Option<LatencyLimits>) -> Measurement {
    let directory = fixture("aiperf").join(run);
    let records = open(directory.join(aiperf::RECORDS_FILE));
    aiperf::read(open(directory.join(aiperf::SUMMARY_FILE)), Some(records), sla).unwrap()
}

fn summary_only(run: &str) -> Measurement {
    let summary = open(fixture("aiperf").join(run).join(aiperf::SUMMARY_FILE));
    aiperf::read(summary, NO_RECORDS, None).unwrap()
}

fn limits(ttft: f64, tpot: f64) -> LatencyLimits {
    LatencyLimits::of(Milliseconds::new(ttft).unwrap(), Milliseconds::new(tpot).unwrap())
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// The server behind these runs answered with a TTFT of 80 ms and 570 tokens/s. The tool's own summaries say 129, 84 and
/// 85 ms, and 530, 516 and 515 tokens/s.
#[rstest]
#[case::drained("drained", 85.2, 567.2)]
#[case::ramp("ramp", 84.6, 567.1)]
#[case::seamless("seamless", 84.8, 567.3)]
fn the_window_finds_the_truth_however_the_level_begins(
    #[case] run: &str,
    #[case] ttft: f64,
    #[case] tokens_per_second: f64,
) {
    let level = with_records(&format!("warmup/{run}"), None);
    assert_eq!(level.counted.map(|counted| (counted.requests, counted.failed)), Some((96, 0)));
    assert_eq!(rounded(level.ttft.unwrap().mean.get(), 1), ttft);
    assert_eq!(rounded(level.output_tokens_per_second.unwrap().get(), 1), tokens_per_second);
    assert_eq!(rounded(level.tpot.unwrap().mean.get(), 1), 20.0);
    assert_eq!((level.requests, level.errors, level.concurrency), (120, Some(0), 12));
    assert_eq!(level.facts.warmup_requests, Some(24));
    assert!(level.facts.unsteadiness_percent.unwrap().abs() < 2.0, "{:?}", level.facts.unsteadiness_percent);
}

#[test]
fn without_records_the_summary_speaks_burst_included() {
    let level = summary_only("warmup/drained");
    assert_eq!(level.counted, None);
    assert_eq!(rounded(level.ttft.unwrap().mean.get(), 1), 129.4);
    assert_eq!(rounded(level.output_tokens_per_second.unwrap().get(), 1), 549.7);
    assert_eq!(level.facts.unsteadiness_percent, None);
}

#[rstest]
#[case::generous(limits(200.0, 25.0), 100.0)]
#[case::ttft_too_strict(limits(50.0, 25.0), 0.0)]
#[case::tpot_too_strict(limits(200.0, 19.0), 0.0)]
fn a_good_request_meets_both_limits(#[case] sla: LatencyLimits, #[case] percent: f64) {
    assert_eq!(with_records("warmup/drained", Some(sla)).good_requests_percent, Some(percent));
}

/// The tool counted 510.5 tokens by itself where the server said 500.
#[test]
fn the_servers_count_of_tokens_goes_first() {
    let level = summary_only("isl4000-osl500/concurrency_1");
    assert_eq!((level.facts.input_tokens, level.facts.output_tokens), (Some(4011.0), Some(500.0)));
    let requests_per_second = level.requests_per_second.unwrap().get();
    assert!((level.output_tokens_per_second.unwrap().get() - 500.0 * requests_per_second).abs() < 0.001);
    let by_hand = (3057.049 - 92.724) / 499.0;
    assert!((level.tpot.unwrap().mean.get() - by_hand).abs() < 0.001, "{level:?}, by hand {by_hand}");
}

#[test]
fn facts_come_from_the_file() {
    let facts = summary_only("isl4000-osl500/concurrency_10").facts;
    assert_eq!(facts.model.as_deref(), Some("mock-qwen"));
    assert_eq!((facts.complete, facts.cancelled, facts.streaming), (Some(true), Some(false), Some(true)));
    assert_eq!(facts.warmup_requests, Some(10));
    assert_eq!(rounded(facts.cached_prompt_percent.unwrap(), 1), 49.5);
    assert_eq!(facts.cached_prompt_tokens, Some(1984.0));
    assert_eq!(rounded(facts.effective_concurrency.unwrap(), 2), 9.92);
    assert_eq!(rounded(facts.client_wait_percent.unwrap(), 2), 0.63);
}

/// This file was cut after four lines.
#[test]
fn records_of_another_run_or_half_a_run_are_refused() {
    let directory = fixture("aiperf/isl4000-osl500/concurrency_2");
    let records = open(directory.join(aiperf::RECORDS_FILE));
    let error = aiperf::read(open(directory.join(aiperf::SUMMARY_FILE)), Some(records), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "profile_export.jsonl: holds 2 completed requests of the measured phase; expected 8 as in profile_export_aiperf.json: \
         copy it again, or remove it to use the summary alone"
    );
}

#[test]
fn failed_requests_are_counted_and_the_commonest_error_named() {
    let level = with_records("failures/partial", Some(limits(1000.0, 1000.0)));
    assert_eq!((level.requests, level.errors), (7, Some(33)));
    assert_eq!(level.first_error.as_deref(), Some("TimeoutError: TimeoutError()"));
    assert_eq!(level.good_requests_percent, Some(15.625));
    let cancelled = with_records("failures/cancel-INT", None);
    assert_eq!((cancelled.facts.complete, cancelled.facts.cancelled), (Some(false), Some(true)));
}

fn trial() -> TrialPlan {
    TrialPlan {
        key: TrialKey { round: 8, concurrency: 100_000, purpose: Purpose::Refinement, number: 20, try_number: 2 },
        requests: 2_000_000,
        warmup: 200_000,
        ramp_seconds: Some(12345.678),
        seed: u64::MAX >> 11,
        request_timeout_seconds: 86_400,
    }
}

fn record_bytes(measurement: Measurement) -> usize {
    let record = TrialRecord {
        schema_version: SCHEMA_VERSION,
        trial: trial(),
        deployment: 10,
        pod_uid: "0d6e0c1e-5d3c-4a4c-9d0b-0b1c5f3a2e11".into(),
        start_time: "2026-11-24T11:51:13.604540123Z".parse().unwrap(),
        completion_time: "2026-11-24T11:51:13.604540123Z".parse().unwrap(),
        measurement: Some(measurement),
        findings: vec![],
    };
    serde_json::to_string(&record).unwrap().len()
}

/// Records of a run lie together in one ConfigMap.
#[test]
fn a_record_is_small_however_bad_the_file() {
    let mut level = with_records("warmup/drained", Some(limits(200.0, 25.0)));
    let usual = record_bytes(level.clone());
    assert!(usual < 1400, "{usual}");
    let hostile: serde_json::Value = serde_json::json!({
        "aiperf_version": "9".repeat(5000),
        "input_config": {"models": {"items": [{"name": "\"\\".repeat(5000)}]}, "phases": [{"concurrency": 1}]},
        "error_summary": [{"error_details": {"message": "\"\n\u{1f600}".repeat(5000)}, "count": 4_000_000_000_u32}],
        "time_to_first_token": {"avg": null}, "inter_token_latency": {"avg": null}, "request_latency": {"avg": null},
        "request_throughput": {"avg": null}, "request_count": {"avg": null}, "effective_concurrency": {"avg": null},
        "output_token_throughput": {"avg": null}, "usage_prompt_tokens": {"avg": null}, "usage_completion_tokens": {"avg": null},
        "usage_prompt_cache_read_tokens": {"avg": null}, "overall_usage_prompt_cache_read_pct": {"avg": null},
    });
    let bad = aiperf::read(hostile.to_string().as_bytes(), NO_RECORDS, None).unwrap();
    (level.tool, level.first_error, level.facts.model) = (bad.tool, bad.first_error, bad.facts.model);
    level.facts.not_finite = bad.facts.not_finite;
    let worst = record_bytes(level);
    assert!((1500..=2560).contains(&worst), "{worst}");
}

/// Path and concurrency of each run below a fixture, or `None` where it cannot be read.
fn found(directory: &str) -> Vec<(String, Option<u32>)> {
    let runs = read_trials(&fixture(directory), None).unwrap();
    runs.into_iter()
        .map(|run| (run.path.display().to_string(), run.outcome.ok().map(|level| level.concurrency)))
        .collect()
}

#[rstest]
#[case::single("aiperf/clean", &[("profile_export_aiperf.json", Some(4))])]
#[case::levels("aiperf/sweeps/sw2", &[
    ("concurrency_1/profile_export_aiperf.json", Some(1)),
    ("concurrency_2/profile_export_aiperf.json", Some(2)),
    ("concurrency_4/profile_export_aiperf.json", Some(4)),
])]
#[case::runs("aiperf/sweeps/sw3", &[
    ("profile_runs/run_0001/profile_export_aiperf.json", Some(2)),
    ("profile_runs/run_0002/profile_export_aiperf.json", Some(2)),
])]
#[case::runs_of_levels("aiperf/sweeps/sw1", &[
    ("profile_runs/trial_0001/concurrency_1/profile_export_aiperf.json", Some(1)),
    ("profile_runs/trial_0001/concurrency_2/profile_export_aiperf.json", Some(2)),
    ("profile_runs/trial_0002/concurrency_1/profile_export_aiperf.json", Some(1)),
    ("profile_runs/trial_0002/concurrency_2/profile_export_aiperf.json", Some(2)),
])]
#[case::failures("aiperf/failures", &[
    ("cancel-INT/profile_export_aiperf.json", Some(2)),
    ("cancel-TERM/profile_export.jsonl", None),
    ("down/profile_export.jsonl", None),
    ("partial/profile_export_aiperf.json", Some(4)),
    ("thresh/profile_export_aiperf.json", Some(4)),
    ("tmo/profile_export.jsonl", None),
])]
#[case::a_file_of_any_name("genai-perf/aic-agg-c250.json", &[("aic-agg-c250.json", Some(250))])]
fn results_are_found(#[case] directory: &str, #[case] expected: &[(&str, Option<u32>)]) {
    let expected: Vec<_> = expected.iter().map(|(path, level)| (path.to_string(), *level)).collect();
    assert_eq!(found(directory), expected);
}

#[test]
fn a_summary_that_is_named_takes_its_records_along() {
    let runs = read_trials(&fixture("aiperf/clean/profile_export_aiperf.json"), None).unwrap();
    assert!(runs[0].outcome.as_ref().unwrap().counted.is_some());
}

/// Writes files into a new directory.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[rstest]
#[case::empty(&[("c1/profile_export_aiperf.json", "")], "c1/profile_export_aiperf.json: is empty; expected a JSON object")]
#[case::cut_off(&[("c1/profile_export_aiperf.json", "{")], "c1/profile_export_aiperf.json: line 1: is cut off (EOF while parsing an object)")]
#[case::foreign(&[("x_genai_perf.json", "{}")],
    "x_genai_perf.json: field `input_config.perf_analyzer`: is missing; expected the summary of a genai-perf run")]
#[case::killed(&[("profile_export.jsonl", "{}")],
    "profile_export.jsonl: has no profile_export_aiperf.json beside it: the load tool was killed, or all requests failed")]
#[case::bad_records(
    &[("profile_export_aiperf.json", r#"{"aiperf_version":"1","input_config":{"phases":[{"concurrency":1}]}}"#),
      ("profile_export.jsonl", "\nnone")],
    "profile_export.jsonl: line 2: expected ident")]
fn broken_files_are_named(#[case] files: &[(&str, &str)], #[case] expected: &str) {
    let directory = tree(files);
    let runs = read_trials(directory.path(), None).unwrap();
    let error = runs[0].outcome.as_ref().unwrap_err().to_string();
    assert_eq!(error, format!("{}/{expected}", directory.path().display()));
}

#[test]
fn nothing_to_read_says_what_was_looked_for() {
    let directory = tree(&[("notes.txt", "see below")]);
    let error = read_trials(directory.path(), None).unwrap_err();
    assert!(matches!(error, FindError::Nothing { .. }), "{error}");
    assert!(error.to_string().contains("expected AIPerf (profile_export_aiperf.json)"), "{error}");
    assert!(matches!(read_trials(&directory.path().join("absent"), None), Err(FindError::Tree(TreeError::Io { .. }))));
}

/// The same bytes as a tool's file, compressed.
fn gzipped(path: PathBuf) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &std::fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_results_say_the_same() {
    let directory = tree(&[]);
    for name in [aiperf::SUMMARY_FILE, aiperf::RECORDS_FILE] {
        let bytes = gzipped(fixture("aiperf/clean").join(name));
        std::fs::write(directory.path().join(format!("{name}.gz")), bytes).unwrap();
    }
    let plain = read_trials(&fixture("aiperf/clean"), None).unwrap();
    let outcomes = |trials: Vec<bcmp::offline::results::FoundTrial>| trials.into_iter().map(|trial| trial.outcome);
    let packed = directory.path().join("profile_export_aiperf.json.gz");
    for root in [directory.path(), packed.as_path()] {
        assert!(outcomes(read_trials(root, None).unwrap()).eq(outcomes(plain.clone())), "{}", root.display());
    }
}

#[test]
fn a_damaged_archive_is_named() {
    let directory = tree(&[("profile_export_aiperf.json.gz", "no archive")]);
    let error = read_trials(directory.path(), None).unwrap()[0].outcome.clone().unwrap_err().to_string();
    assert!(error.contains("profile_export_aiperf.json.gz: cannot be read: "), "{error}");
}

/// People keep results under names of their own. A copy of a file that is read is not read again.
#[test]
fn results_of_any_name_are_known_by_their_content() {
    let directory = tree(&[("notes.json", "{}"), ("deep/plan.json", "[1]")]);
    let copy = |from: &str, to: &str| std::fs::copy(fixture(from), directory.path().join(to)).unwrap();
    copy("genai-perf/aic-agg-c250.json", "c250.json");
    copy("aiperf/clean/profile_export_aiperf.json", "deep/c4.json");
    let paths = || -> Vec<(String, Option<u32>)> {
        let trials = read_trials(directory.path(), None).unwrap();
        let line = |trial: bcmp::offline::results::FoundTrial| {
            (trial.path.display().to_string(), trial.outcome.ok().map(|level| level.concurrency))
        };
        trials.into_iter().map(line).collect()
    };
    assert_eq!(paths(), [("c250.json".into(), Some(250)), ("deep/c4.json".into(), Some(4))]);
    copy("aiperf/clean/profile_export_aiperf.json", "profile_export_aiperf.json");
    assert_eq!(paths(), [("c250.json".into(), Some(250)), ("profile_export_aiperf.json".into(), Some(4))]);
}

#[rstest]
#[case::foreign(
    "{\"tokens\": 3}",
    "is not a result of a known load tool; expected AIPerf (profile_export_aiperf.json), genai-perf"
)]
#[case::empty(" \n", "is empty; expected a result of AIPerf (profile_export_aiperf.json), genai-perf")]
#[case::table(
    "model,isl,osl,concurrency\n",
    "is a table of AIConfigurator, not a result; give its save directory with"
)]
fn a_named_file_that_is_no_result_says_what_is_expected(#[case] text: &str, #[case] expected: &str) {
    let directory = tree(&[("mine.json", text)]);
    let error = read_trials(&directory.path().join("mine.json"), None).unwrap()[0].outcome.clone().unwrap_err();
    assert!(error.to_string().ends_with(&format!("mine.json: {}", error.problem)), "{error}");
    assert!(error.problem.starts_with(expected), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let directory = tree(&[]);
    std::os::unix::fs::symlink(fixture("aiperf/clean"), directory.path().join("level")).unwrap();
    let summary = fixture("aiperf/clean/profile_export_aiperf.json");
    std::os::unix::fs::symlink(summary, directory.path().join("profile_export_aiperf.json")).unwrap();
    assert!(matches!(read_trials(directory.path(), None), Err(FindError::Nothing { .. })));
}

/// Records of a run, made while they are read: a line has the times between the chunks of a long answer.
struct Endless {
    line: Vec<u8>,
    read: usize,
    lines: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.lines == 0 {
            return Ok(0);
        }
        let rest = &self.line[self.read..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        if self.read == self.line.len() {
            (self.read, self.lines) = (0, self.lines - 1);
        }
        Ok(length)
    }
}

/// The most memory the process has held, in KiB.
#[cfg(target_os = "linux")]
fn high_water_mark() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Records may have gigabytes: what is kept is a few numbers of each request.
#[cfg(target_os = "linux")]
#[test]
fn records_are_read_in_bounded_memory() {
    // The high-water mark is of the whole process: other tests must not run beside this one.
    if std::env::var_os("BCMP_ALONE").is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        alone.args(["records_are_read_in_bounded_memory", "--exact"]).env("BCMP_ALONE", "1");
        let output = alone.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    const LINES: usize = 400;
    const MOST_KIB: usize = 24 << 10;
    let chunks = "1.234567,".repeat(40_000);
    let line = format!(
        r#"{{"metadata":{{"benchmark_phase":"profiling","request_start_ns":0,"request_end_ns":9}},"metrics":{{"inter_chunk_latency":{{"value":[{chunks}1],"unit":"ms"}},"time_to_first_token":{{"value":3.5,"unit":"ms"}}}}}}"#
    );
    let bytes = (line.len() + 1) * LINES;
    assert!(bytes > 4 * (MOST_KIB << 10), "{bytes}");
    let records = Endless { line: (line + "\n").into_bytes(), read: 0, lines: LINES };
    let summary = serde_json::json!({"aiperf_version": "0.13.0", "request_count": {"avg": LINES},
        "input_config": {"phases": [{"name": "profiling", "concurrency": 1}]}});
    let before = high_water_mark();
    let level = aiperf::read(summary.to_string().as_bytes(), Some(BufReader::new(records)), None).unwrap();
    let grown = high_water_mark() - before;
    assert_eq!(level.requests as usize, LINES);
    assert!(grown < MOST_KIB, "{grown} KiB for {bytes} bytes");
}
