//! Result formats: how the trials of each load tool are found among files, and read.
//!
//! Another tool is one more file (or folder) beside this one and one more entry in `FORMATS`.
//! Nothing here touches a file system: paths are decided on as text, and content comes through readers that the caller
//! opens and, where need be, unpacks.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::measurement::record::TrialRecord;
use crate::measurement::{Measurement, ParseError};
use crate::units::LatencyLimits;

/// The results of one load tool.
///
/// A format reads what its files hold and invents nothing: what they do not hold is `None` in the [`Measurement`], and
/// the audit decides whether the trial can be used without it.
pub trait ResultFormat: Sync {
    /// Name of the tool.
    fn name(&self) -> &'static str;

    /// What the file with a result is called, for people who look for it: `profile_export_aiperf.json`.
    fn file(&self) -> &'static str;

    /// What its files tell, for the documents.
    fn tells(&self) -> Tells;

    /// What a file is, by its path alone; `None` for files that are not this tool's, or might be anybody's. The suffix of
    /// a compressed file is taken off before.
    fn claims(&self, path: &Path) -> Option<FileRole> {
        let _ = path;
        None
    }

    /// Where the records of a result's requests are, beside it, by the result's name alone.
    fn records_of(&self, result: &Path) -> Option<PathBuf> {
        let _ = result;
        None
    }

    /// Whether content is a result of this tool. It is asked about the first [`BEGINNING`] bytes of files of any
    /// name, so what it looks for has to be there, and in no other tool's files.
    fn recognizes(&self, beginning: &[u8]) -> bool;

    /// Whether one file holds the trials of several variants, each with its name.
    fn holds_variants(&self) -> bool {
        false
    }

    /// The trials in a result, in the order of the file: one for most tools, several where a tool writes a sweep or a
    /// history into one file. `limits` only count good requests.
    ///
    /// # Errors
    /// The file is empty, cut off or inconsistent. A trial in it that cannot be used, or is of a load that is not
    /// compared, has an error of its own. A figure that is missing or not finite is not an error. Errors name the file as the
    /// tool does.
    fn read(
        &self,
        result: &mut dyn BufRead,
        records: Option<&mut dyn BufRead>,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError>;
}

#[derive(Clone, Debug, PartialEq)]
pub struct ResultTrial {
    pub measurement: Measurement,
    /// What the load tool was told to ask for, where its file says so.
    pub asked: Asked,
    /// The variant it was made for and the record of it, where it is one of ours.
    pub of: Option<(String, Box<TrialRecord>)>,
}

impl From<Measurement> for ResultTrial {
    fn from(measurement: Measurement) -> Self {
        Self { measurement, asked: Asked::default(), of: None }
    }
}

/// The lengths a load tool was told to ask for. They tell a run of another workload from one whose answers came out short.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// Tokens of each prompt.
    pub input_tokens: Option<f64>,
    /// Tokens of each answer.
    pub output_tokens: Option<f64>,
}

/// What a tool's files tell beside TTFT, time per output token and throughput. What they do not tell is absent and audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tells {
    /// Versions that were looked at.
    pub versions: &'static str,
    /// Where the number of concurrent requests stands.
    pub concurrency: &'static str,
    pub model: bool,
    pub request_latency: Told,
    pub failed_requests: Told,
    pub warmup: Told,
    /// Prompt tokens that came from a cache.
    pub cached_tokens: Told,
    /// Single requests, from which the window is taken.
    pub records: Told,
}

/// Whether something is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    #[default]
    No,
    Yes,
    /// Under a condition, in a few words.
    If(&'static str),
}

/// How much of a file [`ResultFormat::recognizes`] sees, in bytes.
pub const BEGINNING: usize = 256 << 10;

/// What a file is to its tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// A result: one file, one or several trials.
    Result,
    /// Records of single requests, which belong to the results in the same directory.
    Records,
    /// Something else, such as a summary over trials that are there themselves. It is never read.
    Other,
}

/// Whether a JSON text has a key among its first bytes, wherever it is nested. Enough to distinguish formats.
pub(super) fn has_key(beginning: &[u8], key: &str) -> bool {
    let quoted = format!("\"{key}\"");
    beginning.windows(quoted.len()).any(|window| window == quoted.as_bytes())
}
