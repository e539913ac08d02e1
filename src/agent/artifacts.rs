//! The files AIPerf left of a trial: read, published, copied. They count, not its exit code.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

use super::directory::Directory;
use crate::measurement::Measurement;
use crate::measurement::formats::aiperf::{self, NO_RECORDS, RECORDS_FILE, SUMMARY_FILE};
use crate::plan::secrets::masked;
use crate::units::LatencyLimits;

/// Directories below a trial's own that are copied.
const DEEPEST: usize = 4;
/// A summary that is kept, in bytes before compression.
const LARGEST_RAW: usize = 1 << 20;
/// A line of the records, in bytes; longer ones are cut.
const LONGEST_LINE: u64 = 32 << 20;

/// What a trial left behind.
#[derive(Clone, Debug, PartialEq)]
pub enum TrialOutput {
    Nothing,
    /// No summary, and records of nothing but failures.
    OnlyFailures {
        requests: u32,
        first: String,
    },
    /// A result that cannot be used.
    Unreadable(String),
    Read(Box<Measurement>),
}

/// Reads the directory of a trial. What a server answers may show what it was asked with: texts come without the secrets.
pub fn read(directory: &Path, limits: Option<LatencyLimits>, secrets: &[String]) -> TrialOutput {
    match try_read(directory, limits) {
        Ok(TrialOutput::Read(mut measurement)) => {
            measurement.first_error = measurement.first_error.take().map(|error| masked(&error, secrets));
            TrialOutput::Read(measurement)
        }
        Ok(TrialOutput::OnlyFailures { requests, first }) => {
            TrialOutput::OnlyFailures { requests, first: masked(&first, secrets) }
        }
        Ok(TrialOutput::Unreadable(why)) => TrialOutput::Unreadable(masked(&why, secrets)),
        Ok(TrialOutput::Nothing) => TrialOutput::Nothing,
        Err(error) => TrialOutput::Unreadable(error.to_string()),
    }
}

fn try_read(path: &Path, limits: Option<LatencyLimits>) -> io::Result<TrialOutput> {
    let directory = Directory::open(path)?;
    let records = directory.file(RECORDS_FILE)?.map(BufReader::new);
    let Some(summary) = directory.file(SUMMARY_FILE)? else {
        return Ok(records.map_or(TrialOutput::Nothing, only_failures));
    };
    let problem = match aiperf::read(BufReader::new(summary), records, limits) {
        Ok(measurement) => return Ok(TrialOutput::Read(Box::new(measurement))),
        Err(error) => TrialOutput::Unreadable(error.to_string()),
    };
    // A trial that is cancelled ends before the tool has counted all its records.
    let Some(summary) = directory.file(SUMMARY_FILE)? else { return Ok(problem) };
    Ok(match aiperf::read(BufReader::new(summary), NO_RECORDS, limits) {
        Ok(measurement) if measurement.facts.cancelled == Some(true) => TrialOutput::Read(Box::new(measurement)),
        _ => problem,
    })
}

/// The tool writes no summary when every request failed; its records have the reason.
fn only_failures(mut records: impl BufRead) -> TrialOutput {
    #[derive(Deserialize)]
    struct RecordLine {
        error: Option<RecordedFailure>,
    }
    #[derive(Deserialize)]
    struct RecordedFailure {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        #[serde(default)]
        message: Option<String>,
    }
    let (mut requests, mut first) = (0, None);
    let mut line = vec![];
    loop {
        line.clear();
        match records.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        // A line that was cut off by a kill, or a completed request: then not everything failed.
        let Ok(RecordLine { error: Some(failure) }) = serde_json::from_slice(&line) else {
            return TrialOutput::Nothing;
        };
        requests += 1;
        first.get_or_insert_with(|| failure.message.or(failure.kind).unwrap_or_else(|| "no reason given".into()));
    }
    first.map_or(TrialOutput::Nothing, |first| TrialOutput::OnlyFailures { requests, first })
}

/// The summary without the secrets, which it has among the tool's settings, compressed, as text; `None` if there is none
/// of reasonable size.
pub fn raw_summary(directory: &Path, secrets: &[String]) -> Option<String> {
    let summary = Directory::open(directory).ok()?.read(SUMMARY_FILE, LARGEST_RAW).ok()??;
    let summary = masked(&String::from_utf8_lossy(&summary), secrets);
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    encoder.write_all(summary.as_bytes()).ok()?;
    Some(STANDARD.encode(encoder.finish().ok()?))
}

/// Copies a trial's files to the results volume, in place of those of an earlier start of the same trial. They appear there
/// only when all are copied, and texts without the secrets. Links and special files are left out.
///
/// # Errors
/// When the target cannot be written.
pub fn keep(directory: &Path, target: &Path, secrets: &[String]) -> io::Result<()> {
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    remove(partial)?;
    fs::create_dir_all(partial)?;
    copy_tree(directory, partial, DEEPEST, secrets)?;
    remove(target)?;
    fs::rename(partial, target)
}

fn copy_tree(from: &Path, to: &Path, depth: usize, secrets: &[String]) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_file() {
            copy(&entry.path(), &target, secrets)?;
        } else if kind.is_dir() && depth > 0 {
            fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target, depth - 1, secrets)?;
        }
    }
    Ok(())
}

/// Line by line: records may be larger than memory.
fn copy(from: &Path, to: &Path, secrets: &[String]) -> io::Result<()> {
    if secrets.is_empty() {
        return fs::copy(from, to).map(drop);
    }
    let (mut from, mut to) = (BufReader::new(fs::File::open(from)?), BufWriter::new(fs::File::create(to)?));
    let mut line = vec![];
    while from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        match std::str::from_utf8(&line) {
            Ok(text) => to.write_all(masked(text, secrets).as_bytes())?,
            Err(_) => to.write_all(&line)?,
        }
        line.clear();
    }
    to.flush()
}

/// Replaces whatever is there by an empty directory.
///
/// # Errors
/// When the file system refuses.
pub fn fresh(directory: &Path) -> io::Result<()> {
    remove(directory)?;
    fs::create_dir_all(directory)
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use flate2::read::GzDecoder;

    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiperf").join(name)
    }

    #[test]
    fn a_server_that_is_down_is_not_taken_for_a_tool_that_fails() {
        let TrialOutput::OnlyFailures { requests, first } = read(&fixture("failures/down"), None, &[]) else {
            unreachable!()
        };
        assert!(requests > 0 && first.contains("Connect call failed"), "{requests} {first}");
    }

    #[test]
    fn a_killed_tool_leaves_nothing_to_use() {
        assert_eq!(read(&fixture("failures/cancel-TERM"), None, &[]), TrialOutput::Nothing);
        assert_eq!(read(tempfile::tempdir().unwrap().path(), None, &[]), TrialOutput::Nothing);
    }

    #[test]
    fn a_summary_that_was_cut_off_is_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(fixture("failures/partial").join(SUMMARY_FILE)).unwrap();
        fs::write(directory.path().join(SUMMARY_FILE), &text[..text.len() / 2]).unwrap();
        assert!(matches!(read(directory.path(), None, &[]), TrialOutput::Unreadable(_)));
        assert!(matches!(read(&fixture("failures/partial"), None, &[]), TrialOutput::Read(_)));
    }

    /// A copy of a fixture with one more record of a completed request than its summary counts.
    fn with_one_record_more(name: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(fixture(name).join(SUMMARY_FILE), directory.path().join(SUMMARY_FILE)).unwrap();
        let records = fs::read_to_string(fixture(name).join(RECORDS_FILE)).unwrap();
        let completed = records.lines().find(|line| line.contains("\"profiling\"") && !line.contains("\"error\":{"));
        fs::write(directory.path().join(RECORDS_FILE), records.clone() + completed.unwrap() + "\n").unwrap();
        directory
    }

    #[test]
    fn only_a_cancelled_trial_may_count_fewer_requests_than_it_recorded() {
        let TrialOutput::Read(measurement) = read(with_one_record_more("failures/cancel-INT").path(), None, &[]) else {
            unreachable!()
        };
        assert_eq!((measurement.facts.cancelled, measurement.counted), (Some(true), None));
        assert!(matches!(read(with_one_record_more("clean").path(), None, &[]), TrialOutput::Unreadable(_)));
    }

    #[test]
    fn the_summary_can_be_unpacked_again() {
        let packed = STANDARD.decode(raw_summary(&fixture("failures/partial"), &[]).unwrap()).unwrap();
        let mut text = String::new();
        GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, fs::read_to_string(fixture("failures/partial").join(SUMMARY_FILE)).unwrap());
    }

    #[test]
    fn files_are_kept_as_a_whole_without_links() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("logs")).unwrap();
        fs::write(from.path().join("logs/aiperf.log"), "log").unwrap();
        fs::write(from.path().join("a"), "new").unwrap();
        symlink("/etc/hostname", from.path().join("link")).unwrap();
        let target = to.path().join("concurrency_5/trial_1");
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("stale"), "").unwrap();
        keep(from.path(), &target, &[]).unwrap();
        assert_eq!(fs::read_to_string(target.join("logs/aiperf.log")).unwrap(), "log");
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "new");
        assert!(!target.join("link").exists() && !target.join("stale").exists());
        assert_eq!(fs::read_dir(to.path().join("concurrency_5")).unwrap().count(), 1);
    }
}
