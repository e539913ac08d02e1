//! Why a result file cannot be used, for the person who has to fix it.

use std::fmt;
use std::path::Path;

/// Why a result file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}{problem}")]
pub struct ParseError {
    /// The file, as far as the reader knows it.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// What was found, and what was expected instead.
    pub problem: String,
    /// Whether a directory may hold such a file beside those that are compared: a run of another load (at a pace, of a
    /// trace, of several phases), or one that left no result. It is left out then, and listed.
    pub skippable: bool,
}

/// A place in a file; displays as a prefix of the problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: Option<u64>,
    /// Path of a JSON field, for example `metrics.request_latency.value`.
    pub field: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn whole() -> Self {
        Self::default()
    }

    /// A line, from 1.
    pub fn line(line: u64) -> Self {
        Self { line: Some(line), field: None }
    }

    pub fn field(path: impl Into<String>) -> Self {
        Self { line: None, field: Some(path.into()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &self.field) {
            (Some(line), Some(field)) => write!(f, "line {line}, field `{field}`: "),
            (Some(line), None) => write!(f, "line {line}: "),
            (None, Some(field)) => write!(f, "field `{field}`: "),
            (None, None) => Ok(()),
        }
    }
}

impl ParseError {
    /// An error at a place of a file.
    pub fn new(file: impl Into<String>, place: Place, problem: impl Into<String>) -> Self {
        Self { file: file.into(), place, problem: problem.into(), skippable: false }
    }

    /// The file is of another load than a fixed number of concurrent requests.
    pub fn other_load(file: impl Into<String>, place: Place, problem: impl Into<String>) -> Self {
        Self { skippable: true, ..Self::new(file, place, problem) }
    }

    /// The same error, for a file that others make up for.
    pub fn skippable(self) -> Self {
        Self { skippable: true, ..self }
    }

    /// The same error under the path the file really has: readers know only its name.
    pub fn at(self, path: &Path) -> Self {
        Self { file: path.display().to_string(), ..self }
    }
}
