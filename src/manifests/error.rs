//! Why manifests cannot be used: each error names object and field, what was found, and what to do.

use crate::api::Reason;

/// Manifests that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The text is no YAML.
    #[error("the manifests are not valid YAML: {0}")]
    NotYaml(String),
    /// An object is refused.
    #[error("{object}: {field}: {problem}; {cure}")]
    Refused {
        /// Kind and name, or its place among the documents.
        object: String,
        /// Path of the field, for example `spec.template.spec.hostNetwork`.
        field: String,
        /// What was found.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// The objects do not make a variant.
    #[error("the manifests do not make a deployment: {problem}; {cure}")]
    Incomplete {
        /// What is missing or too many.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// A patch cannot be applied.
    #[error("patches[{index}]: {problem}; {cure}")]
    Patch {
        /// Place among the variant's patches, from 0.
        index: usize,
        /// What is wrong.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// A document does not fit into a ConfigMap.
    #[error("{document} takes {bytes} bytes, more than the {limit} that a ConfigMap holds; {cure}")]
    TooLarge {
        /// What it is.
        document: &'static str,
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
        /// What to do.
        cure: &'static str,
    },
    /// An object of ours cannot be written as JSON. Does not happen with plans that were read from JSON.
    #[error("cannot write {0}")]
    NotJson(String),
}

impl ManifestError {
    pub(crate) fn refused(
        object: impl Into<String>,
        field: impl Into<String>,
        problem: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Refused { object: object.into(), field: field.into(), problem: problem.into(), cure: cure.into() }
    }

    pub(crate) fn incomplete(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Incomplete { problem: problem.into(), cure: cure.into() }
    }

    /// The reason for status.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotYaml(_) => Reason::ManifestsNotReadable,
            Self::Refused { .. } => Reason::ManifestsRefused,
            Self::Incomplete { .. } => Reason::ManifestsIncomplete,
            Self::Patch { .. } => Reason::PatchFailed,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::NotJson(_) => Reason::NotWritable,
        }
    }
}
