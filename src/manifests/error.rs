//! Why manifests cannot be used: each error names object and field, what was found, and what to do.

use std::collections::BTreeMap;

use crate::api::Reason;

/// Manifests that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifests are not valid YAML; {cure}: {problem}")]
    NotYaml { problem: String, cure: &'static str },
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
    /// Several fields at once, so that the list that the administrator has to extend is told once.
    #[error("{object}: {}; {}", asked(.features), allowing(.features, .allowed))]
    NotAllowed {
        /// Kind and name.
        object: String,
        /// Pod features that are not allowed, and the fields that ask for each.
        features: BTreeMap<String, Vec<String>>,
        /// What is allowed.
        allowed: String,
    },
    /// Something is missing or there is too much of it.
    #[error("the manifests are not one server: {problem}; {cure}")]
    Incomplete { problem: String, cure: String },
    /// Several of these, in the order of the objects.
    #[error("{}", numbered(.0))]
    Several(Vec<Self>),
    #[error("patches[{index}]: {problem}; {cure}")]
    Patch {
        /// Place among the variant's patches, from 0.
        index: usize,
        problem: String,
        cure: String,
    },
    #[error("{document} takes {bytes} bytes, more than the {limit} that a ConfigMap can hold; {cure}")]
    TooLarge { document: &'static str, bytes: usize, limit: usize, cure: &'static str },
    /// Does not happen with plans that were read from JSON.
    #[error("BUG: cannot serialize {object}: {problem}")]
    NotJson {
        /// Kind, and name where it is known.
        object: String,
        problem: String,
    },
}

/// What an administrator can do about features that are not allowed.
pub(crate) fn allowing<T>(features: &BTreeMap<String, T>, allowed: &str) -> String {
    let names = features.keys().map(|feature| format!("`{feature}`")).collect::<Vec<_>>().join(", ");
    let them = if features.len() == 1 { "it" } else { "them" };
    format!(
        "remove {them}, or have an administrator add {names} to the namespace's allowedPodFeatures (now: {allowed})"
    )
}

fn asked(features: &BTreeMap<String, Vec<String>>) -> String {
    let each = features.iter().map(|(feature, fields)| format!("{feature} ({})", fields.join(", ")));
    format!("pods of the namespace may not have {}", each.collect::<Vec<_>>().join(", "))
}

/// Errors that are listed; the rest are counted.
const MOST_LISTED: usize = 10;

fn numbered(errors: &[ManifestError]) -> String {
    let listed = errors.iter().take(MOST_LISTED).enumerate();
    let listed = listed.map(|(index, error)| format!("({}) {error}", index + 1)).collect::<Vec<_>>().join(" ");
    let more = match errors.len().saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} problems: {listed}{more}", errors.len())
}

impl ManifestError {
    /// One error for all, if there are any.
    pub(crate) fn all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

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
    pub fn reason(&self) -> Reason {
        match self {
            // The first one's: a refusal before what is missing.
            Self::Several(errors) => errors.first().map_or(Reason::ManifestsRefused, Self::reason),
            Self::NotYaml { .. } => Reason::ManifestsNotReadable,
            Self::Refused { .. } | Self::NotAllowed { .. } => Reason::ManifestsRefused,
            Self::Incomplete { .. } => Reason::ManifestsIncomplete,
            Self::Patch { .. } => Reason::PatchFailed,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::NotJson { .. } => Reason::NotWritable,
        }
    }
}
