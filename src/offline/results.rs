//! Trials in files: found, opened, unpacked and read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::files::{Tree, TreeError, is_archive};
use crate::measurement::Measurement;
use crate::measurement::error::{ParseError, Place};
use crate::measurement::formats::{Asked, BEGINNING, FileRole, ResultFormat, ResultTrial};
use crate::measurement::formats::{
    FORMATS, Located, ResultFiles, expected, foreign, is_compressed, locate, natural, recognized, unpacked,
    with_records,
};
use crate::measurement::record::TrialRecord;
use crate::units::LatencyLimits;

/// A trial that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTrial {
    /// The file it is in, relative to the directory that was searched.
    pub path: PathBuf,
    /// Its measurement, or why it cannot be read.
    pub outcome: Result<Measurement, ParseError>,
    /// The lengths that were asked for, where the file says so.
    pub asked: Asked,
    /// The variant it was made for and the record of it, where the operator made it.
    pub of: Option<(String, Box<TrialRecord>)>,
    /// Hash of the unpacked content of its file, which tells a copy from another trial.
    pub content: Option<ContentHash>,
}

/// SHA-256 of a file, unpacked.
pub type ContentHash = [u8; 32];

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundResults {
    /// Trials, in the natural order of their paths.
    pub trials: Vec<FoundTrial>,
    /// Files that look like results and are none, with the reason.
    pub others: Vec<(PathBuf, String)>,
}

/// Why a search found nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory cannot be searched.
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{path}: no results found{}; expected {} in it or below it", listed(.others), expected())]
    Nothing { path: PathBuf, others: Vec<(PathBuf, String)> },
}

fn listed(others: &[(PathBuf, String)]) -> String {
    let lines = others.iter().take(5).map(|(path, why)| format!(" ({} {why})", path.display()));
    lines.collect()
}

/// The trials of [`search`].
///
/// # Errors
/// As of [`search`].
pub fn read_trials(root: &Path, limits: Option<LatencyLimits>) -> Result<Vec<FoundTrial>, FindError> {
    search(root, limits).map(|found| found.trials)
}

/// Finds and reads all trials below a directory, in an archive of one, or in one file, whatever it is called.
///
/// # Errors
/// Nothing is found, or the tree cannot be listed. A trial that cannot be read is in the list, with its error.
pub fn search(root: &Path, limits: Option<LatencyLimits>) -> Result<FoundResults, FindError> {
    let unreadable = |error| TreeError::Io { path: root.display().to_string(), error };
    let is_file = fs::metadata(root).map_err(unreadable)?.is_file();
    if is_file && !is_archive(root) {
        let name = PathBuf::from(root.file_name().unwrap_or_default());
        let directory = root.parent().unwrap_or(Path::new(""));
        let place = Searched { tree: &Tree::Directory(directory.to_path_buf()), root: directory };
        let trials = found(&name, place.digest(&name), place.read_named(&name, limits));
        return Ok(FoundResults { trials, others: vec![] });
    }
    let tree = Tree::open(root, |path| !is_archive(path))?;
    Searched { tree: &tree, root }.search(limits)
}

/// Whether a file holds the trials of several variants, so that it may be given to each.
pub fn holds_variants(path: &Path) -> bool {
    let tree = Tree::Directory(path.parent().unwrap_or(Path::new("")).to_path_buf());
    let place = Searched { tree: &tree, root: Path::new("") };
    let beginning = path.file_name().and_then(|name| place.beginning(Path::new(name)).ok());
    beginning.as_deref().and_then(recognized).is_some_and(|format| format.holds_variants())
}

fn found(
    path: &Path,
    content: Option<ContentHash>,
    outcome: Result<Vec<Result<ResultTrial, ParseError>>, ParseError>,
) -> Vec<FoundTrial> {
    let trial = |run: Result<ResultTrial, ParseError>| {
        let (asked, of) = run.as_ref().map(|run| (run.asked, run.of.clone())).unwrap_or_default();
        FoundTrial { path: path.to_path_buf(), outcome: run.map(|run| run.measurement), asked, of, content }
    };
    match outcome {
        Ok(runs) => runs.into_iter().map(trial).collect(),
        Err(error) => vec![trial(Err(error))],
    }
}

/// A tree, and where people know it to be.
struct Searched<'a> {
    tree: &'a Tree,
    root: &'a Path,
}

impl Searched<'_> {
    fn search(&self, limits: Option<LatencyLimits>) -> Result<FoundResults, FindError> {
        let files: BTreeSet<PathBuf> = self.tree.list()?.into_iter().collect();
        let Located { results: named, unnamed, mut others } = locate(files.iter().cloned());
        let mut results: Vec<ResultFiles> = vec![];
        for path in unnamed {
            let Ok(beginning) = self.beginning(&path) else { continue };
            match recognized(&beginning) {
                Some(format) => results.push(with_records(format, path, &files)),
                None => others.extend(foreign(&beginning).filter(|what| is_told(&path, what)).map(|what| (path, what))),
            }
        }
        let named_by_tools: BTreeSet<PathBuf> = named.iter().map(|files| files.path().to_path_buf()).collect();
        results.extend(named);
        let archives = files.iter().filter(|path| is_archive(path));
        others.extend(archives.map(|path| (path.clone(), "is an archive: give it by itself, or unpack it".to_owned())));
        results.sort_by_cached_key(|result| natural(&result.path().to_string_lossy()));
        if results.is_empty() {
            return Err(FindError::Nothing { path: self.root.to_path_buf(), others });
        }
        let mut met = MetContents::default();
        for files in &results {
            let content = files.result.as_ref().and_then(|path| self.digest(path));
            let trials = found(files.path(), content, self.read(files, limits));
            let rank = (files.records.is_none(), !named_by_tools.contains(files.path()));
            met.add(content, rank, trials);
        }
        let (trials, copies) = met.once_each();
        others.extend(copies);
        Ok(FoundResults { trials, others })
    }

    /// Reads the trials of a located result.
    fn read(
        &self,
        files: &ResultFiles,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let ResultFiles { format, result, records } = files;
        let Some(result) = result else {
            let problem =
                format!("has no {} beside it: the load tool was killed, or all requests failed", format.file());
            return Err(self.whole(files.path(), problem).skippable());
        };
        let mut reader = self.open(result)?;
        let mut records_reader = records.as_ref().map(|records| self.open(records)).transpose()?;
        let lent = records_reader.as_mut().map(|reader| &mut **reader as &mut dyn BufRead);
        let at = |error: ParseError| match records {
            Some(records) if format.claims(Path::new(&error.file)) == Some(FileRole::Records) => {
                error.at(&self.root.join(records))
            }
            _ => error.at(&self.root.join(result)),
        };
        let runs = format.read(&mut *reader, lent, limits).map_err(at)?;
        Ok(runs.into_iter().map(|run| run.map_err(at)).collect())
    }

    /// A file that somebody names may be called anything. One that its tool named takes the records beside it along.
    fn read_named(
        &self,
        name: &Path,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let is_result = |format: &&dyn ResultFormat| format.claims(&unpacked(name)) == Some(FileRole::Result);
        let of_content = |beginning: &[u8]| recognized(beginning).or_else(|| FORMATS.iter().copied().find(is_result));
        let beginning = self.beginning(name)?;
        let Some(format) = of_content(&beginning) else {
            let problem = match beginning.iter().all(u8::is_ascii_whitespace) {
                true => format!("is empty; expected a result of {}", expected()),
                false => foreign(&beginning)
                    .unwrap_or_else(|| format!("is not a result of a known load tool; expected {}", expected())),
            };
            return Err(self.whole(name, problem));
        };
        let beside = siblings(self.root);
        self.read(&with_records(format, name.to_path_buf(), &beside), limits)
    }

    /// Opens a file, and unpacks it while it is read.
    fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, ParseError> {
        let reader = self.tree.read(path).map_err(|error| self.unreadable(path, &error))?;
        Ok(if is_compressed(path) { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { reader })
    }

    fn beginning(&self, path: &Path) -> Result<Vec<u8>, ParseError> {
        let mut beginning = vec![];
        let read = self.open(path)?.take(BEGINNING as u64).read_to_end(&mut beginning);
        read.map_err(|error| self.unreadable(path, &error))?;
        Ok(beginning)
    }

    fn digest(&self, path: &Path) -> Option<ContentHash> {
        let mut hash = Sha256::new();
        io::copy(&mut self.open(path).ok()?, &mut hash).ok()?;
        Some(hash.finalize().into())
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> ParseError {
        self.whole(path, format!("cannot be read: {error}"))
    }

    fn whole(&self, path: &Path, problem: String) -> ParseError {
        ParseError::new(self.root.join(path).display().to_string(), Place::whole(), problem)
    }
}

/// How good a copy is, best first: with records beside it; under the name that its tool gives it.
type CopyRank = (bool, bool);

/// Trials of files, of which some may be copies of others: a trial that counted twice would make the scatter look small.
#[derive(Default)]
struct MetContents {
    files: Vec<(Option<ContentHash>, Vec<FoundTrial>)>,
    /// Content → the best of its copies.
    best: BTreeMap<ContentHash, (CopyRank, PathBuf)>,
}

impl MetContents {
    /// What cannot be read has no copies: each file is told.
    fn add(&mut self, content: Option<ContentHash>, rank: CopyRank, trials: Vec<FoundTrial>) {
        let is_readable = trials.iter().any(|trial| trial.outcome.is_ok());
        let content = content.filter(|_| is_readable);
        if let (Some(content), Some(trial)) = (content, trials.first()) {
            let this = (rank, trial.path.clone());
            let best = self.best.entry(content).or_insert_with(|| this.clone());
            if this.0 < best.0 {
                *best = this;
            }
        }
        self.files.push((content, trials));
    }

    /// The trials without those of copies, and the copies.
    fn once_each(self) -> (Vec<FoundTrial>, Vec<(PathBuf, String)>) {
        let Self { files, best } = self;
        let (mut kept, mut copies) = (vec![], vec![]);
        for (content, trials) in files {
            let original = content.and_then(|content| best.get(&content)).map(|(_, path)| path);
            match (original, trials.first()) {
                (Some(original), Some(trial)) if *original != trial.path => {
                    copies.push((trial.path.clone(), copy_of(original)));
                }
                _ => kept.extend(trials),
            }
        }
        (kept, copies)
    }
}

/// What is said of a file that is left out because another has the same content.
pub fn copy_of(original: &Path) -> String {
    format!("a copy of {}, the same trial", original.display())
}

/// Whether people may take a foreign file for a result: manifests lie in every directory.
fn is_told(path: &Path, what: &str) -> bool {
    let ending = unpacked(path).extension().and_then(|ending| ending.to_str().map(str::to_owned)).unwrap_or_default();
    match ending.as_str() {
        "json" | "jsonl" => true,
        "yaml" | "yml" => !what.contains("Kubernetes"),
        _ => false,
    }
}

/// Names of the regular files in a directory; none where it cannot be listed.
fn siblings(directory: &Path) -> BTreeSet<PathBuf> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| PathBuf::from(entry.file_name())).collect()
}
