//! Finds the results of load tools in a directory tree, whatever shape the tool or a person gave it.
//!
//! A level is known by its file, not by its folder: directories are only searched, and the concurrency is read from what is
//! found. [`locate`] decides from paths alone; listing and opening stand apart from it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

use super::error::{ParseError, Place};
use super::{Limits, Measurement, aiperf, genai_perf};

/// Directories that hold no runs: summaries over runs, and parts of a run that its own summary repeats.
const IGNORED_DIRECTORIES: [&str; 3] = ["aggregate", "sweep_aggregate", "phases"];
/// What genai-perf appends to any name its file is given.
const GENAI_PERF_SUFFIX: &str = "_genai_perf.json";
/// A tree with more is not one of results.
const MOST_FILES: usize = 200_000;
/// Directories inside each other; result trees have some ten.
const DEEPEST: usize = 32;

/// The tool that wrote a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// AIPerf.
    Aiperf,
    /// Its predecessor.
    GenaiPerf,
}

/// The files of one run, relative to the directory that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFiles {
    /// Who wrote them.
    pub tool: Tool,
    /// The summary; absent when the tool left none, since it was killed or all requests failed.
    pub summary: Option<PathBuf>,
    /// Per-request records.
    pub records: Option<PathBuf>,
}

impl RunFiles {
    /// The file that stands for the run.
    pub fn path(&self) -> &Path {
        self.summary.as_deref().or(self.records.as_deref()).unwrap_or(Path::new("."))
    }
}

/// A run that was found, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its summary (or what stands for it), relative to the directory that was searched.
    pub path: PathBuf,
    /// What it says, or why it says nothing.
    pub outcome: Result<Measurement, ParseError>,
}

/// Why a search found nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory, or one below it, cannot be listed.
    #[error("{path}: cannot be searched for results: {source}")]
    Unreadable {
        /// What was being listed.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A tree of another kind.
    #[error(
        "{path}: holds more than {MOST_FILES} files or {DEEPEST} levels of directories; expected load tool results"
    )]
    TooLarge {
        /// What was being listed.
        path: PathBuf,
    },
    /// Nothing to read.
    #[error(
        "{path}: no results found; expected {} (AIPerf) or *{GENAI_PERF_SUFFIX} (genai-perf) in it or below it",
        aiperf::SUMMARY_FILE
    )]
    Nothing {
        /// What was searched.
        path: PathBuf,
    },
}

/// The runs among files of a tree, in the natural order of their paths (`concurrency_2` before `concurrency_10`).
pub fn locate(files: impl IntoIterator<Item = PathBuf>) -> Vec<RunFiles> {
    let mut runs = Vec::new();
    let mut aiperf_runs: BTreeMap<PathBuf, RunFiles> = BTreeMap::new();
    for file in files.into_iter().filter(|file| !is_ignored(file)) {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
        let is_summary = name == aiperf::SUMMARY_FILE;
        if is_summary || name == aiperf::RECORDS_FILE {
            let directory = file.parent().unwrap_or(Path::new("")).to_path_buf();
            let run =
                aiperf_runs.entry(directory).or_insert(RunFiles { tool: Tool::Aiperf, summary: None, records: None });
            *(if is_summary { &mut run.summary } else { &mut run.records }) = Some(file);
        } else if name.ends_with(GENAI_PERF_SUFFIX) {
            runs.push(RunFiles { tool: Tool::GenaiPerf, summary: Some(file), records: None });
        }
    }
    runs.extend(aiperf_runs.into_values());
    runs.sort_by_cached_key(|run| natural(&run.path().to_string_lossy()));
    runs
}

fn is_ignored(file: &Path) -> bool {
    file.parent().into_iter().flat_map(Path::components).any(|component| match component {
        Component::Normal(name) => IGNORED_DIRECTORIES.iter().any(|ignored| name == *ignored),
        _ => false,
    })
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

/// Finds and reads all runs below a directory, or the one run in a file, whatever that is called.
///
/// # Errors
/// Nothing is found, or the tree cannot be listed. A run that cannot be read is in the list, with its error.
pub fn read_all(root: &Path, sla: Option<Limits>) -> Result<Vec<Run>, FindError> {
    let unreadable = |source| FindError::Unreadable { path: root.to_path_buf(), source };
    if fs::metadata(root).map_err(unreadable)?.is_file() {
        let outcome = read_file(root, sla);
        return Ok(vec![Run { path: root.file_name().map(PathBuf::from).unwrap_or_default(), outcome }]);
    }
    let runs = locate(list(root)?);
    if runs.is_empty() {
        return Err(FindError::Nothing { path: root.to_path_buf() });
    }
    Ok(runs
        .into_iter()
        .map(|files| Run { path: files.path().to_path_buf(), outcome: read(root, &files, sla) })
        .collect())
}

/// Reads the one run in a directory the load tool was told to write to.
///
/// # Errors
/// There is none, there are several, or it cannot be read.
pub fn read_one(directory: &Path, sla: Option<Limits>) -> Result<Measurement, ParseError> {
    let whole = |problem: String| ParseError::new(directory.display().to_string(), Place::whole(), problem);
    let mut runs = read_all(directory, sla).map_err(|error| match error {
        FindError::Nothing { .. } => whole(format!("the load tool left no {}", aiperf::SUMMARY_FILE)),
        error => whole(error.to_string()),
    })?;
    match (runs.pop(), runs.is_empty()) {
        (Some(run), true) => run.outcome,
        _ => Err(whole("holds several runs; expected one".into())),
    }
}

/// Reads one located run.
///
/// # Errors
/// See [`aiperf::read`]; the error names the file below `root`.
pub fn read(root: &Path, files: &RunFiles, sla: Option<Limits>) -> Result<Measurement, ParseError> {
    let Some(summary) = files.summary.as_ref().map(|path| root.join(path)) else {
        let problem =
            format!("has no {} beside it: the load tool was killed, or all requests failed", aiperf::SUMMARY_FILE);
        return Err(ParseError::new(root.join(files.path()).display().to_string(), Place::whole(), problem));
    };
    match files.tool {
        Tool::GenaiPerf => genai_perf::read(open(&summary)?).map_err(|error| error.at(&summary)),
        Tool::Aiperf => {
            let records = files.records.as_ref().map(|path| root.join(path));
            let reader = records.as_deref().map(open).transpose()?;
            aiperf::read(open(&summary)?, reader, sla).map_err(|error| match records {
                Some(records) if error.file == aiperf::RECORDS_FILE => error.at(&records),
                _ => error.at(&summary),
            })
        }
    }
}

/// A file somebody names may be called anything: the tool is known by what it says of itself.
fn read_file(path: &Path, sla: Option<Limits>) -> Result<Measurement, ParseError> {
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    let beside = path.with_file_name(aiperf::RECORDS_FILE);
    let standard = name == Path::new(aiperf::SUMMARY_FILE) && beside.is_file();
    let records = standard.then(|| PathBuf::from(aiperf::RECORDS_FILE));
    let root = path.parent().unwrap_or(Path::new(""));
    let of = |tool, records| RunFiles { tool, summary: Some(name.clone()), records };
    match read(root, &of(Tool::Aiperf, records), sla) {
        Err(error) if error.place == Place::field("aiperf_version") => read(root, &of(Tool::GenaiPerf, None), sla),
        outcome => outcome,
    }
}

/// Opens a regular file: what a tool left behind must not lead elsewhere.
fn open(path: &Path) -> Result<BufReader<File>, ParseError> {
    let problem = |text: String| ParseError::new(path.display().to_string(), Place::whole(), text);
    let kind = fs::symlink_metadata(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    if !kind.is_file() {
        return Err(problem("is not a regular file; expected a result of a load tool".into()));
    }
    File::open(path).map(BufReader::new).map_err(|error| problem(format!("cannot be read: {error}")))
}

/// All files below a directory, relative to it. Links are not followed.
fn list(root: &Path) -> Result<Vec<PathBuf>, FindError> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = root.join(&directory);
        let unreadable = |source| FindError::Unreadable { path: path.clone(), source };
        if files.len() > MOST_FILES || directory.components().count() > DEEPEST {
            return Err(FindError::TooLarge { path: root.to_path_buf() });
        }
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let relative = directory.join(entry.file_name());
            match entry.file_type().map_err(unreadable)? {
                kind if kind.is_dir() => directories.push(relative),
                kind if kind.is_file() => files.push(relative),
                _ => {}
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn located(files: &[&str]) -> Vec<String> {
        locate(files.iter().map(PathBuf::from)).iter().map(|run| run.path().display().to_string()).collect()
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
    #[case::nothing(&["README.md", "phases/profile_export_aiperf.json"], &[])]
    fn runs_are_found_in_every_layout(#[case] files: &[&str], #[case] expected: &[&str]) {
        assert_eq!(located(files), expected);
    }

    #[test]
    fn records_go_with_the_summary_beside_them() {
        let runs = locate(
            ["a/profile_export.jsonl", "a/profile_export_aiperf.json", "profile_export.jsonl"].map(PathBuf::from),
        );
        let records: Vec<_> = runs.iter().map(|run| (run.summary.is_some(), run.records.is_some())).collect();
        assert_eq!(records, [(true, true), (false, true)]);
    }
}
