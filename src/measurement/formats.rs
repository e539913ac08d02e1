//! The list of result formats, and which files of a tree hold results.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::aiperf::Aiperf;
use super::format::{Part, ResultFormat};
use super::genai_perf::GenaiPerf;

/// Every format that can be read.
pub const FORMATS: &[&dyn ResultFormat] = &[&Aiperf, &GenaiPerf];

/// Suffix of compressed files.
const COMPRESSED: &str = "gz";
/// Endings of files that may hold a result under another name.
const RENAMED: [&str; 2] = ["json", "jsonl"];

/// What to look for, for messages: `profile_export_aiperf.json (AIPerf) or *_genai_perf.json (genai-perf)`.
pub fn expected() -> String {
    let names: Vec<String> = FORMATS.iter().map(|format| format!("{} ({})", format.file(), format.name())).collect();
    names.join(" or ")
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
    /// Files that may hold a result under a name somebody gave them, in the same order: their content decides.
    pub renamed: Vec<PathBuf>,
}

/// Finds results by paths alone. A trial is known by its file, not by its folder: directories are only searched.
pub fn locate(files: impl IntoIterator<Item = PathBuf>) -> Located {
    let files: BTreeSet<PathBuf> = files.into_iter().collect();
    let mut located = Located::default();
    let mut directories: BTreeMap<(PathBuf, usize), Directory> = BTreeMap::new();
    // Where a file was compressed without being removed, there is one result all the same.
    let distinct = files.iter().filter(|file| unpacked(file) == **file || !files.contains(&unpacked(file)));
    for file in distinct {
        let claims = FORMATS.iter().enumerate().filter_map(|(at, format)| Some((at, format.claims(&unpacked(file))?)));
        let claims: Vec<(usize, Part)> = claims.collect();
        let is_renamed = unpacked(file).extension().is_some_and(|ending| RENAMED.iter().any(|json| ending == *json));
        if claims.is_empty() && is_renamed {
            located.renamed.push(file.clone());
        }
        let directory = file.parent().unwrap_or(Path::new("")).to_path_buf();
        for (at, part) in claims {
            let found = directories.entry((directory.clone(), at)).or_default();
            match part {
                Part::Result => found.results.push(file.clone()),
                Part::Records => found.records = Some(file.clone()),
                Part::Other => {}
            }
        }
    }
    for ((_, at), Directory { results, records }) in directories {
        let Some(format) = FORMATS.get(at).copied() else { continue };
        let orphans = records.clone().filter(|_| results.is_empty());
        located.results.extend(orphans.map(|records| ResultFiles { format, result: None, records: Some(records) }));
        let of = |result| ResultFiles { format, result: Some(result), records: records.clone() };
        located.results.extend(results.into_iter().map(of));
    }
    located.results.sort_by_cached_key(|result| natural(&result.path().to_string_lossy()));
    located.renamed.sort_by_cached_key(|file| natural(&file.to_string_lossy()));
    located
}

/// A tool's files in one directory.
#[derive(Default)]
struct Directory {
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
fn natural(text: &str) -> Vec<(String, u64)> {
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
          "aggregate/concurrency_2/profile_export_aiperf_aggregate.json", "aggregate/concurrency_2/profile_export_aiperf.json",
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
    #[case::nothing(&["README.md", "phases/profile_export_aiperf.json"], &[])]
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
        let located = paths(&[
            "c10.json",
            "c9.jsonl.gz",
            "notes.txt",
            "aggregate/profile_export_aiperf.json",
            "profile_export_aiperf_sweep.json",
            "phases/warmup/other.json",
        ]);
        let renamed: Vec<_> = located.renamed.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            (renamed.as_slice(), located.results.len()),
            (&["c9.jsonl.gz".to_owned(), "c10.json".into()][..], 0)
        );
    }

    #[test]
    fn each_format_is_known_by_its_content_and_by_no_other() {
        let fixture = |path: &str| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
            std::fs::read(root.join(path)).unwrap_or_default()
        };
        let name = |path: &str| recognized(&fixture(path)).map(|format| format.name());
        assert_eq!(name("aiperf/clean/profile_export_aiperf.json"), Some("AIPerf"));
        assert_eq!(name("aiperf/versions/0.4.0/profile_export_aiperf.json"), Some("AIPerf"));
        assert_eq!(name("genai-perf/aic-agg-c250.json"), Some("genai-perf"));
        assert_eq!(name("aiperf/clean/profile_export.jsonl"), None);
        assert_eq!(name("absent"), None);
    }

    #[test]
    fn messages_name_every_format() {
        assert_eq!(expected(), "profile_export_aiperf.json (AIPerf) or *_genai_perf.json (genai-perf)");
    }
}
