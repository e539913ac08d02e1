//! Trials in files: found, opened, unpacked and read.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::files::{TreeError, TreeLimits, list_tree};
use crate::measurement::Measurement;
use crate::measurement::error::{ParseError, Place};
use crate::measurement::format::{BEGINNING, Part, ResultFormat};
use crate::measurement::formats::{
    FORMATS, Located, ResultFiles, expected, is_compressed, locate, recognized, unpacked,
};
use crate::units::LatencyLimits;

/// A trial that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTrial {
    /// The file it is in, relative to the directory that was searched.
    pub path: PathBuf,
    /// Its measurement, or why it cannot be read.
    pub outcome: Result<Measurement, ParseError>,
}

/// Why a search found nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory cannot be searched.
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{path}: no results found; expected {} in it or below it", expected())]
    Nothing { path: PathBuf },
}

/// Finds and reads all trials below a directory, or those in one file, whatever it is called.
///
/// In a directory without any file that a load tool named, files are recognized by their content.
///
/// # Errors
/// Nothing is found, or the tree cannot be listed. A trial that cannot be read is in the list, with its error.
pub fn read_trials(root: &Path, limits: Option<LatencyLimits>) -> Result<Vec<FoundTrial>, FindError> {
    let unreadable = |error| TreeError::Io { path: root.display().to_string(), error };
    if fs::metadata(root).map_err(unreadable)?.is_file() {
        let path = PathBuf::from(root.file_name().unwrap_or_default());
        return Ok(found(path, read_named(root, limits)));
    }
    let Located { mut results, renamed } = locate(list_tree(root, TreeLimits::default())?);
    if results.is_empty() {
        results.extend(renamed.into_iter().filter_map(|path| {
            let format = recognized(&beginning(&root.join(&path)).ok()?)?;
            Some(ResultFiles { format, result: Some(path), records: None })
        }));
    }
    if results.is_empty() {
        return Err(FindError::Nothing { path: root.to_path_buf() });
    }
    let trials = results.iter().flat_map(|files| found(files.path().to_path_buf(), read(root, files, limits)));
    Ok(trials.collect())
}

fn found(path: PathBuf, outcome: Result<Vec<Measurement>, ParseError>) -> Vec<FoundTrial> {
    match outcome {
        Ok(trials) => trials.into_iter().map(|trial| FoundTrial { path: path.clone(), outcome: Ok(trial) }).collect(),
        Err(error) => vec![FoundTrial { path, outcome: Err(error) }],
    }
}

/// Reads the trials of a located result.
fn read(root: &Path, files: &ResultFiles, limits: Option<LatencyLimits>) -> Result<Vec<Measurement>, ParseError> {
    let ResultFiles { format, result, records } = files;
    let Some(result) = result.as_ref().map(|path| root.join(path)) else {
        let problem = format!("has no {} beside it: the load tool was killed, or all requests failed", format.file());
        return Err(whole(&root.join(files.path()), problem));
    };
    let records = records.as_ref().map(|path| root.join(path));
    let mut reader = open(&result)?;
    let mut records_reader = records.as_deref().map(open).transpose()?;
    let lent = records_reader.as_mut().map(|reader| &mut **reader as &mut dyn BufRead);
    format.read(&mut *reader, lent, limits).map_err(|error| match &records {
        Some(records) if format.claims(Path::new(&error.file)) == Some(Part::Records) => error.at(records),
        _ => error.at(&result),
    })
}

/// A file that somebody names may be called anything. One that its tool named takes the records beside it along.
fn read_named(path: &Path, limits: Option<LatencyLimits>) -> Result<Vec<Measurement>, ParseError> {
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    let root = path.parent().unwrap_or(Path::new(""));
    let is_result = |format: &&dyn ResultFormat| format.claims(&unpacked(&name)) == Some(Part::Result);
    if let Some(format) = FORMATS.iter().copied().find(|format| is_result(format)) {
        let beside = siblings(root).into_iter().find(|file| format.claims(&unpacked(file)) == Some(Part::Records));
        return read(root, &ResultFiles { format, result: Some(name), records: beside }, limits);
    }
    let beginning = beginning(path)?;
    let Some(format) = recognized(&beginning) else {
        let problem = match beginning.iter().all(u8::is_ascii_whitespace) {
            true => format!("is empty; expected a result: {}", expected()),
            false => format!("is not a result of a known load tool; expected {}", expected()),
        };
        return Err(whole(path, problem));
    };
    read(root, &ResultFiles { format, result: Some(name), records: None }, limits)
}

/// Names of the regular files in a directory, sorted; none where it cannot be listed.
fn siblings(directory: &Path) -> Vec<PathBuf> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<PathBuf> = files.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.sort();
    names
}

/// Opens a regular file, and unpacks it while it is read. A link that a tool left behind must not lead elsewhere.
fn open(path: &Path) -> Result<Box<dyn BufRead>, ParseError> {
    let unreadable = |error: io::Error| whole(path, format!("cannot be read: {error}"));
    if !fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
        return Err(whole(path, "is not a regular file; expected a result of a load tool".into()));
    }
    let reader = BufReader::new(File::open(path).map_err(unreadable)?);
    Ok(if is_compressed(path) { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) })
}

fn beginning(path: &Path) -> Result<Vec<u8>, ParseError> {
    let mut beginning = vec![];
    let read = open(path)?.take(BEGINNING as u64).read_to_end(&mut beginning);
    read.map_err(|error| whole(path, format!("cannot be read: {error}")))?;
    Ok(beginning)
}

fn whole(path: &Path, problem: String) -> ParseError {
    ParseError::new(path.display().to_string(), Place::whole(), problem)
}
