//! The list of result formats, and which files of a tree hold results.
//!
//! Another tool is one more file or folder here, and one more entry in [`FORMATS`].

pub mod aiperf;
mod fields;
mod foreign;
mod format;
pub mod genai_perf;
mod guidellm;
mod inference_perf;
mod inferencex;
mod llm_d;
mod sglang;
mod stored;
mod vllm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::aiperf::Aiperf;
pub use self::foreign::named as foreign;
pub use self::format::{Asked, BEGINNING, FileRole, ResultFormat, ResultTrial, Tells, Told};
use self::genai_perf::GenaiPerf;
use self::guidellm::GuideLlm;
use self::inference_perf::InferencePerf;
use self::inferencex::InferenceX;
use self::llm_d::LlmDBenchmark;
use self::sglang::SglangBench;
use self::stored::StoredResults;
use self::vllm::VllmBench;

/// Every format that can be read. Content is offered to them in this order.
pub const FORMATS: &[&dyn ResultFormat] = &[
    &Aiperf,
    &GenaiPerf,
    &GuideLlm,
    &InferencePerf,
    &InferenceX,
    &LlmDBenchmark,
    &StoredResults,
    &SglangBench,
    &VllmBench,
];

/// Suffix of compressed files.
const COMPRESSED: &str = "gz";
/// Endings of files that may hold a result, whatever they are called.
const ENDINGS: [&str; 4] = ["json", "jsonl", "yaml", "yml"];
/// AIPerf's directory with parts of a run that the run's own summary repeats.
const PHASES: &str = "phases";

/// What to look for, for messages: `AIPerf (profile_export_aiperf.json), … or vllm bench serve (the JSON of --save-result)`.
pub fn expected() -> String {
    let names: Vec<String> = FORMATS.iter().map(|format| format!("{} ({})", format.name(), format.file())).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.join(""),
    }
}

/// The format that recognizes content.
pub fn recognized(beginning: &[u8]) -> Option<&'static dyn ResultFormat> {
    FORMATS.iter().copied().find(|format| format.recognizes(beginning))
}

/// The files of a result, with the paths they were found under.
#[derive(Clone)]
pub struct ResultFiles {
    /// The tool that wrote them.
    pub format: &'static dyn ResultFormat,
    /// The result; absent where there are only records: the tool was killed, or all requests failed.
    pub result: Option<PathBuf>,
    /// Records of its requests.
    pub records: Option<PathBuf>,
}

impl ResultFiles {
    /// The file that stands for the result.
    pub fn path(&self) -> &Path {
        self.result.as_deref().or(self.records.as_deref()).unwrap_or(Path::new("."))
    }
}

/// Results among the files of a tree.
#[derive(Default)]
pub struct Located {
    /// Those known by their names, in the natural order of their paths (`concurrency_2` before `concurrency_10`).
    pub results: Vec<ResultFiles>,
    /// Files that may hold a result under a name that no tool has for itself, in the same order: their content decides.
    pub unnamed: Vec<PathBuf>,
    /// Files that look like results and are none, with the reason.
    pub others: Vec<(PathBuf, String)>,
}

/// Finds results by paths alone. A trial is known by its file, not by its folder: directories are only searched.
pub fn locate(files: impl IntoIterator<Item = PathBuf>) -> Located {
    let files: BTreeSet<PathBuf> = files.into_iter().collect();
    let mut located = Located::default();
    let mut directories: BTreeMap<(PathBuf, usize), ToolDirectory> = BTreeMap::new();
    // Where a file was compressed without being removed, there is one result all the same.
    let distinct = files.iter().filter(|file| unpacked(file) == **file || !files.contains(&unpacked(file)));
    for file in distinct {
        let claims = FORMATS.iter().enumerate().filter_map(|(at, format)| Some((at, format.claims(&unpacked(file))?)));
        let claims: Vec<(usize, FileRole)> = claims.collect();
        if claims.is_empty() && may_hold_result(file) {
            located.unnamed.push(file.clone());
        }
        let directory = file.parent().unwrap_or(Path::new("")).to_path_buf();
        for (at, part) in claims {
            let found = directories.entry((directory.clone(), at)).or_default();
            match part {
                FileRole::Result => found.results.push(file.clone()),
                FileRole::Records => found.records = Some(file.clone()),
                FileRole::Other => {}
            }
        }
    }
    let with_results: BTreeSet<(PathBuf, usize)> =
        directories.iter().filter(|(_, found)| !found.results.is_empty()).map(|(key, _)| key.clone()).collect();
    for ((path, at), ToolDirectory { results, records }) in directories {
        let Some(format) = FORMATS.get(at).copied() else { continue };
        if whole_run(&path).is_some_and(|run| with_results.contains(&(run, at))) {
            let why = format!("a phase of a run whose {} is read", format.file());
            located.others.extend(results.into_iter().map(|part| (part, why.clone())));
            continue;
        }
        let orphans = records.filter(|_| results.is_empty());
        located.results.extend(orphans.map(|records| ResultFiles { format, result: None, records: Some(records) }));
        located.results.extend(results.into_iter().map(|result| with_records(format, result, &files)));
    }
    let used: BTreeSet<&PathBuf> = located.results.iter().filter_map(|found| found.records.as_ref()).collect();
    located.unnamed.retain(|file| !used.contains(file));
    located.results.sort_by_cached_key(|result| natural(&result.path().to_string_lossy()));
    located.unnamed.sort_by_cached_key(|file| natural(&file.to_string_lossy()));
    located
}

/// A result with the records beside it, compressed or not.
pub fn with_records(format: &'static dyn ResultFormat, result: PathBuf, files: &BTreeSet<PathBuf>) -> ResultFiles {
    let plain = format.records_of(&unpacked(&result));
    let packed = plain.as_ref().map(|plain| PathBuf::from(format!("{}.{COMPRESSED}", plain.display())));
    let records = plain.into_iter().chain(packed).find(|records| files.contains(records));
    ResultFiles { format, result: Some(result), records }
}

/// The directory of the run that a directory `RUN/phases/PHASE` is a part of.
fn whole_run(directory: &Path) -> Option<PathBuf> {
    let phases = directory.parent()?;
    (phases.file_name()? == PHASES).then(|| phases.parent().map(Path::to_path_buf))?
}

fn may_hold_result(file: &Path) -> bool {
    unpacked(file).extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

/// A tool's files in one directory.
#[derive(Default)]
struct ToolDirectory {
    results: Vec<PathBuf>,
    records: Option<PathBuf>,
}

/// The path without the suffix of a compressed file.
pub fn unpacked(file: &Path) -> PathBuf {
    if is_compressed(file) { file.with_extension("") } else { file.to_path_buf() }
}

/// Whether a file is compressed, by its name.
pub fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == COMPRESSED)
}

/// Sort key that takes digits for numbers.
pub fn natural(text: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (number, tail) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        parts.push((word.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn paths(files: &[&str]) -> Located {
        locate(files.iter().map(PathBuf::from))
    }

    fn located(files: &[&str]) -> Vec<String> {
        paths(files).results.iter().map(|result| result.path().display().to_string()).collect()
    }

    #[rstest]
    #[case::single(&["profile_export_aiperf.json", "profile_export.jsonl", "profile_export_aiperf.csv", "inputs.json"],
        &["profile_export_aiperf.json"])]
    #[case::sweep(
        &["concurrency_10/profile_export_aiperf.json", "concurrency_2/profile_export_aiperf.json",
          "aggregate/concurrency_2/profile_export_aiperf_aggregate.json",
          "sweep_aggregate/profile_export_aiperf_sweep.json", "concurrency_2/profile_export_aiperf_timeslices.json"],
        &["concurrency_2/profile_export_aiperf.json", "concurrency_10/profile_export_aiperf.json"])]
    #[case::several_runs(
        &["profile_runs/run_0002/profile_export_aiperf.json", "profile_runs/run_0001/profile_export_aiperf.json",
          "aggregate/profile_export_aiperf_aggregate.json"],
        &["profile_runs/run_0001/profile_export_aiperf.json", "profile_runs/run_0002/profile_export_aiperf.json"])]
    #[case::repeated_sweep(
        &["profile_runs/trial_0002/concurrency_1/profile_export_aiperf.json",
          "profile_runs/trial_0001/concurrency_1/profile_export_aiperf.json",
          "profile_runs/trial_0001/concurrency_1/phases/profiling/profile_export_aiperf.json",
          "profile_runs/trial_0001/concurrency_1/phases/warmup/profile_export_aiperf.json",
          "aggregate/sweep_aggregate/profile_export_aiperf_sweep.json"],
        &["profile_runs/trial_0001/concurrency_1/profile_export_aiperf.json",
          "profile_runs/trial_0002/concurrency_1/profile_export_aiperf.json"])]
    #[case::independent_trials(
        &["concurrency_4/profile_runs/trial_0001/profile_export_aiperf.json",
          "concurrency_4/aggregate/profile_export_aiperf_aggregate.json"],
        &["concurrency_4/profile_runs/trial_0001/profile_export_aiperf.json"])]
    #[case::genai_perf(
        &["c10/Qwen_Qwen3-32B-openai-chat-concurrency10/profile_export_genai_perf.json",
          "c10/Qwen_Qwen3-32B-openai-chat-concurrency10/profile_export.json", "c2/x/my_run_genai_perf.json", "plots/a.png"],
        &["c2/x/my_run_genai_perf.json", "c10/Qwen_Qwen3-32B-openai-chat-concurrency10/profile_export_genai_perf.json"])]
    #[case::killed(&["a/profile_export.jsonl"], &["a/profile_export.jsonl"])]
    #[case::compressed(&["a/profile_export_aiperf.json.gz", "b/my_run_genai_perf.json.gz", "c/notes.gz"],
        &["a/profile_export_aiperf.json.gz", "b/my_run_genai_perf.json.gz"])]
    #[case::compressed_beside_the_original(&["profile_export_aiperf.json", "profile_export_aiperf.json.gz"],
        &["profile_export_aiperf.json"])]
    #[case::directories_of_any_name(
        &["aggregate/profile_export_aiperf.json", "disaggregate/profile_export_aiperf.json",
          "phases/decode/profile_export_aiperf.json", "phases/profile_export_aiperf.json"],
        &["aggregate/profile_export_aiperf.json", "disaggregate/profile_export_aiperf.json",
          "phases/decode/profile_export_aiperf.json", "phases/profile_export_aiperf.json"])]
    #[case::stages(
        &["stage_10_lifecycle_metrics.json", "stage_2_lifecycle_metrics.json", "summary_lifecycle_metrics.json",
          "stage_2_session_lifecycle_metrics.json", "per_request_lifecycle_metrics.json"],
        &["stage_2_lifecycle_metrics.json", "stage_10_lifecycle_metrics.json"])]
    #[case::nothing(&["README.md", "profile_export_aiperf_sweep.json"], &[])]
    fn results_are_found_in_every_layout(#[case] files: &[&str], #[case] expected: &[&str]) {
        assert_eq!(located(files), expected);
    }

    #[test]
    fn records_go_with_the_summary_beside_them() {
        let located = paths(&["a/profile_export.jsonl.gz", "a/profile_export_aiperf.json", "profile_export.jsonl"]);
        let parts: Vec<_> =
            located.results.iter().map(|result| (result.result.is_some(), result.records.is_some())).collect();
        assert_eq!(parts, [(true, true), (false, true)]);
    }

    /// What a tool itself calls something else is not offered by its content: an aggregate looks like a result.
    #[test]
    fn only_files_that_no_tool_names_are_known_by_their_content() {
        let files = ["c10.json", "c9.jsonl.gz", "report.yaml", "notes.txt", "profile_export_aiperf_sweep.json"];
        let located = paths(&files);
        let unnamed: Vec<_> = located.unnamed.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            (unnamed, located.results.len()),
            (vec!["c9.jsonl.gz".into(), "c10.json".into(), "report.yaml".into()], 0)
        );
    }

    #[test]
    fn phases_of_a_run_are_part_of_it() {
        let located = paths(&["a/profile_export_aiperf.json", "a/phases/warmup/profile_export_aiperf.json"]);
        assert_eq!((located.results.len(), located.others.len()), (1, 1));
        assert_eq!(located.others[0].1, "a phase of a run whose profile_export_aiperf.json is read");
    }

    /// Every fixture is its own tool's, and nobody else's.
    #[rstest]
    #[case("aiperf/clean/profile_export_aiperf.json", "AIPerf")]
    #[case("aiperf/versions/0.4.0/profile_export_aiperf.json", "AIPerf")]
    #[case("aiperf/versions/0.2.0/profile_export_aiperf.json", "AIPerf")]
    #[case("aiperf/versions/0.1.1/profile_export_aiperf.json", "AIPerf")]
    #[case("genai-perf/aic-agg-c250.json", "genai-perf")]
    #[case("genai-perf/0.0.11/profile_export_concurrency_32_genai_perf.json", "genai-perf")]
    #[case("load-tools/guidellm-0.8.json", "GuideLLM")]
    #[case("load-tools/guidellm-0.3.json", "GuideLLM")]
    #[case("load-tools/inference-perf/stage_0_lifecycle_metrics.json", "inference-perf")]
    #[case("load-tools/inferencex/agg_result.json", "InferenceX")]
    #[case("load-tools/inferencex/median-seconds.json", "vllm bench serve")]
    #[case("load-tools/llm-d-report-0.2.yaml", "llm-d-benchmark")]
    #[case("load-tools/llm-d-report-0.2.json", "llm-d-benchmark")]
    #[case("load-tools/sglang.jsonl", "SGLang bench_serving")]
    #[case("load-tools/vllm.json", "vllm bench serve")]
    #[case("load-tools/vllm-detailed.json", "vllm bench serve")]
    #[case("load-tools/bcmp-results.json", "kubectl bcmp results")]
    fn each_format_is_known_by_its_content_and_by_no_other(#[case] path: &str, #[case] tool: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let content = std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let known: Vec<&str> = FORMATS.iter().filter(|f| f.recognizes(&content)).map(|f| f.name()).collect();
        assert_eq!(known, [tool]);
    }

    #[rstest]
    #[case("aiperf/clean/profile_export.jsonl")]
    #[case("aiconfigurator/0.4.0/QWEN3_32B_isl4000_osl500_ttft500_tpot7_131420/agg/pareto.csv")]
    fn other_files_are_no_result(#[case] path: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let content = std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(recognized(&content).is_none() && foreign(&content).is_some(), "{path}");
    }

    #[test]
    fn messages_name_every_format() {
        let text = expected();
        assert!(text.starts_with("AIPerf (profile_export_aiperf.json), genai-perf (*_genai_perf.json), "), "{text}");
        assert!(text.ends_with(" or vllm bench serve (the JSON of --save-result)"), "{text}");
    }
}
