//! Calls with a deadline and a name.

use std::time::Duration;

use super::error::{Error, is_not_found};

/// How long one call may take.
const SECONDS: u64 = 30;

/// Runs a call; `name` is part of its error.
pub async fn call<T>(name: impl Into<String>, future: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    let name = name.into();
    match tokio::time::timeout(Duration::from_secs(SECONDS), future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Api { call: name, source: Box::new(source) }),
        Err(_) => Err(Error::Timeout { call: name, seconds: SECONDS }),
    }
}

/// Runs a call on an object that may not exist.
pub async fn optional<T>(
    name: impl Into<String>,
    future: impl Future<Output = kube::Result<T>>,
) -> Result<Option<T>, Error> {
    if_there(call(name, future).await)
}

/// What was answered, if the object is there.
pub fn if_there<T>(answered: Result<T, Error>) -> Result<Option<T>, Error> {
    match answered {
        Ok(value) => Ok(Some(value)),
        Err(Error::Api { source, .. }) if is_not_found(&source) => Ok(None),
        Err(error) => Err(error),
    }
}
