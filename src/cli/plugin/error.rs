//! Why a command failed, for people.

use super::rights;
use crate::controller::error::{Error, answer};

/// The command failed.
pub const FAILED: u8 = 1;
/// Something was wrong with the call.
pub const USAGE: u8 = 2;

/// A failure: the message and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PluginError {
    /// What was found, and what to do.
    pub message: String,
    /// Exit code.
    pub code: u8,
}

impl PluginError {
    /// Something went wrong.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    /// The call contradicts itself, or what it is about.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }
}

impl From<std::io::Error> for PluginError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<Error> for PluginError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Api { call, source } => Self::failed(refused(call, source)),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Calls of ours are named by what they do, for example `get configmap x`.
fn refused(call: &str, error: &kube::Error) -> String {
    let Some(status) = answer(error) else { return unreachable(call, error) };
    let said = status.message.trim_end_matches('.');
    match status.code {
        401 => format!("{call}: the cluster rejects these credentials: log in again, or choose another --context"),
        403 => format!("{call}: not allowed: {said}: {}", rights::how_to_get(said)),
        404 if !names_an_object(status) => {
            "the cluster does not serve BenchmarkComparisons: install bcmp (docs/install.md), or choose another --context"
                .into()
        }
        _ => format!("{call}: {said}"),
    }
}

/// A 404 about an object says which; one about a kind does not.
fn names_an_object(status: &kube::core::response::Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

fn unreachable(call: &str, error: &kube::Error) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    // The last cause is the informative one: refused, timed out, certificate.
    while let Some(cause) = source {
        message = cause.to_string();
        source = cause.source();
    }
    format!("{call}: no valid response from the API server: {message}: check --context and --kubeconfig")
}
