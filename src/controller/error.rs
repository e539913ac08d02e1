//! What can go wrong with calls, and how it is labelled.

use kube::core::response::Status;

/// Problem with input and output. Everything else is a fact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server answered with an error that may pass.
    #[error("{call}: {source}")]
    Api {
        /// What was tried.
        call: String,
        /// The client's error.
        source: Box<kube::Error>,
    },
    /// A call took too long.
    #[error("{call}: no answer within {seconds} s")]
    Timeout {
        /// What was tried.
        call: String,
        /// The limit.
        seconds: u64,
    },
    /// Somebody else wrote in between; look again.
    #[error("{0}: written by someone else in between")]
    Conflict(String),
    /// The API server has not learned the kind of the owner yet, just installed: it will, within half a minute.
    #[error("{0}: the API server does not know BenchmarkComparisons yet")]
    TooEarly(String),
    /// A body could not be made from plan and configurations.
    #[error("{0}")]
    Body(String),
}

impl Error {
    /// Whether the server says that the operator may not do this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if answer(source).is_some_and(|status| status.code == 403))
    }

    /// Bounded label for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Timeout { .. } => "timeout",
            Self::Conflict(_) => "conflict",
            Self::TooEarly(_) => "too_early",
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

/// Whether the server says that the object is not there, or its kind is not served.
pub fn is_not_found(error: &kube::Error) -> bool {
    answer(error).is_some_and(|status| status.code == 404)
}
