//! Result formats: how the trials of each load tool are found among files, and read.
//!
//! Another tool is one more file (or folder) beside this one and one more entry in `FORMATS`.
//! Nothing here touches a file system: paths are decided on as text, and content comes through readers that the caller
//! opens and, where need be, unpacks.

use std::io::BufRead;
use std::path::Path;

use super::{Measurement, ParseError};
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

    /// What a file is, by its path alone; `None` for files that are not this tool's, or might be anybody's. The suffix of
    /// a compressed file is taken off before.
    fn claims(&self, path: &Path) -> Option<Part>;

    /// Whether content is a result of this tool. It is asked about the first [`BEGINNING`] bytes of files that were
    /// renamed, so what it looks for has to be there, and in no other tool's files.
    fn recognizes(&self, beginning: &[u8]) -> bool;

    /// The trials in a result, in the order of the file: one for most tools, several where a tool writes a sweep or a
    /// history into one file. `limits` only count good requests.
    ///
    /// # Errors
    /// The file is empty, cut off or inconsistent, or a trial in it is of a kind that is not compared. A figure that is
    /// missing or not finite is not an error. Errors name the file as the tool does.
    fn read(
        &self,
        result: &mut dyn BufRead,
        records: Option<&mut dyn BufRead>,
        limits: Option<LatencyLimits>,
    ) -> Result<Vec<Measurement>, ParseError>;
}

/// How much of a file [`ResultFormat::recognizes`] sees, in bytes.
pub const BEGINNING: usize = 256 << 10;

/// What a file is to its tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
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
