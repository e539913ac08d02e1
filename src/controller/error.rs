//! Errors of reconciliations, and their labels in metrics.

use kube::core::response::Status;

/// A failed call or an object that cannot be made. Everything else that goes wrong is a fact in the status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server answered with an error that may pass.
    #[error("{call}: {source}")]
    Api { call: String, source: Box<kube::Error> },
    #[error("{call}: no answer within {seconds} s")]
    Timeout { call: String, seconds: u64 },
    /// The status is read and decided on anew.
    #[error("{0}: the object was changed or deleted by someone else")]
    Conflict(String),
    /// The CustomResourceDefinition was just installed: the API server learns the kind within half a minute.
    #[error("{0}: the API server does not know BenchmarkComparisons yet")]
    TooEarly(String),
    /// The comparison is there and this version of the operator cannot read it. What is written there stays out of the log.
    #[error("comparison {place} cannot be read: {problem}")]
    Unreadable { place: String, problem: String },
    /// Another replica holds the Lease: nothing is written.
    #[error("another replica holds the lease")]
    NotLeading,
    /// An object cannot be made from plan and configurations.
    #[error("{0}")]
    Body(String),
}

impl Error {
    /// Whether the server answered that the operator may not do this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if answer(source).is_some_and(|status| status.code == 403))
    }

    /// What [`Self::category`] can be.
    pub const CATEGORIES: [&'static str; 7] =
        ["api", "timeout", "conflict", "too_early", "unreadable", "not_leading", "body"];

    /// Bounded label for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Timeout { .. } => "timeout",
            Self::Conflict(_) => "conflict",
            Self::TooEarly(_) => "too_early",
            Self::Unreadable { .. } => "unreadable",
            Self::NotLeading => "not_leading",
            Self::Body(_) => "body",
        }
    }
}

/// The server's own answer, if the error is one.
pub fn answer(error: &kube::Error) -> Option<&Status> {
    match error {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

impl Error {
    /// Whether an answer came that cannot be read.
    pub fn is_of_content(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(**source, kube::Error::SerdeError(_)))
    }
}

/// Whether the server answered that the object does not exist, or that its kind is not served.
pub fn is_not_found(error: &kube::Error) -> bool {
    answer(error).is_some_and(|status| status.code == 404)
}
