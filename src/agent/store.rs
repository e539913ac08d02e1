//! The output ConfigMap, of which a key is written once and never changed.

use std::time::Duration;

use json_patch::Patch as JsonPatch;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::causes::with_causes;
use super::directory::FileKey;
use super::outbox::is_raw;

/// Raw files are published only while the ConfigMap stays below this, in bytes.
const LARGEST_WITH_RAW: usize = 256 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Answers "invalid" in a row that cannot be a race.
const MOST_INVALID: u32 = 3;

/// What came of publishing a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// This stands in the ConfigMap: what was given, or what was there first.
    Held(String),
    /// It will not be published.
    Refused(String),
}

/// Why nothing can be published for now, or ever.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The run is over, or was never begun.
    #[error("ConfigMap {0} does not exist: the run is over or was deleted")]
    Gone(String),
    /// The API server did not answer well for too long.
    #[error("ConfigMap {name}: no success within {seconds} s; last: {last}")]
    Unavailable { name: String, seconds: u64, last: String },
}

/// What to send for a key, given what is there.
#[derive(Debug, PartialEq)]
enum NextWrite {
    Answered(PutOutcome),
    Send(JsonPatch),
}

/// Decides it. The patch holds only if the key is still absent when it arrives.
fn write(config_map: &ConfigMap, key: &FileKey, content: &str) -> NextWrite {
    let data = config_map.data.as_ref();
    if let Some(held) = data.and_then(|data| data.get(key.as_str())) {
        return NextWrite::Answered(PutOutcome::Held(held.clone()));
    }
    if config_map.immutable == Some(true) {
        let reason = "the ConfigMap is immutable: what it holds is already being judged";
        return NextWrite::Answered(PutOutcome::Refused(reason.into()));
    }
    let size: usize = data.into_iter().flatten().map(|(key, value)| key.len() + value.len()).sum();
    if is_raw(key) && size + content.len() > LARGEST_WITH_RAW {
        let reason = format!("no room: {size} of {LARGEST_WITH_RAW} bytes are used");
        return NextWrite::Answered(PutOutcome::Refused(reason));
    }
    let operations = match data {
        // A test for null holds where nothing is.
        Some(_) => json!([
            {"op": "test", "path": format!("/data/{key}"), "value": null},
            {"op": "add", "path": format!("/data/{key}"), "value": content},
        ]),
        None => json!([
            {"op": "test", "path": "/data", "value": null},
            {"op": "add", "path": "/data", "value": {key.as_str(): content}},
        ]),
    };
    NextWrite::Send(serde_json::from_value(operations).unwrap_or_default())
}

/// The ConfigMap at the API server.
pub struct ConfigMapStore {
    api: Api<ConfigMap>,
    name: String,
    patience: Duration,
}

impl ConfigMapStore {
    /// The ConfigMap `name`; calls are repeated for up to `patience`.
    pub fn new(client: Client, namespace: &str, name: &str, patience: Duration) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), patience }
    }

    /// The ConfigMap as it is now.
    ///
    /// # Errors
    /// When it does not exist, or the API server fails for too long.
    pub async fn get(&self) -> Result<ConfigMap, StoreError> {
        let mut retries = Retries::new(self);
        loop {
            match timed(self.api.get(&self.name)).await {
                Ok(config_map) => return Ok(config_map),
                Err(trouble) => retries.pause(trouble).await?,
            }
        }
    }

    /// Writes a key unless it is there.
    ///
    /// # Errors
    /// When the ConfigMap does not exist, or the API server fails for too long.
    pub async fn put(&self, key: &FileKey, content: &str) -> Result<PutOutcome, StoreError> {
        let mut retries = Retries::new(self);
        let mut invalid = 0;
        loop {
            let patch = match write(&self.get().await?, key, content) {
                NextWrite::Answered(answer) => return Ok(answer),
                NextWrite::Send(patch) => Patch::Json::<()>(patch),
            };
            match timed(self.api.patch(&self.name, &PatchParams::default(), &patch)).await {
                Ok(_) => return Ok(PutOutcome::Held(content.to_owned())),
                // Somebody was faster, or it became immutable: the next look shows which.
                Err(Trouble::Invalid(message)) => {
                    invalid += 1;
                    if invalid >= MOST_INVALID {
                        return Ok(PutOutcome::Refused(message));
                    }
                }
                Err(trouble) => retries.pause(trouble).await?,
            }
        }
    }
}

/// Pauses between calls, ever longer, up to a deadline.
struct Retries<'a> {
    store: &'a ConfigMapStore,
    deadline: Instant,
    pause: Duration,
}

impl<'a> Retries<'a> {
    fn new(store: &'a ConfigMapStore) -> Self {
        Self { store, deadline: Instant::now() + store.patience, pause: FIRST_PAUSE }
    }

    async fn pause(&mut self, trouble: Trouble) -> Result<(), StoreError> {
        let name = || self.store.name.clone();
        let last = match trouble {
            Trouble::Gone => return Err(StoreError::Gone(name())),
            Trouble::Invalid(last) | Trouble::Passing(last) => last,
        };
        if Instant::now() + self.pause > self.deadline {
            return Err(StoreError::Unavailable { name: name(), seconds: self.store.patience.as_secs(), last });
        }
        tracing::warn!("ConfigMap {}: {last}; trying again in {} ms", self.store.name, self.pause.as_millis());
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// What can go wrong with one call.
enum Trouble {
    Gone,
    Invalid(String),
    /// Everything else, refusals of permission too: roles and bindings arrive later than pods.
    Passing(String),
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::Gone,
            kube::Error::Api(status) if status.code == 422 => Self::Invalid(status.message.clone()),
            kube::Error::Api(status) => Self::Passing(format!("HTTP {}: {}", status.code, status.message)),
            other => Self::Passing(with_causes(&other)),
        }
    }
}

async fn timed<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Trouble> {
    match timeout(REQUEST_TIMEOUT, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Trouble::Passing(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;

    fn config_map(data: &[(&str, &str)]) -> ConfigMap {
        let data: BTreeMap<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ConfigMap { data: (!data.is_empty()).then_some(data), ..ConfigMap::default() }
    }

    fn key(name: &str) -> FileKey {
        FileKey::new(name).unwrap()
    }

    #[test]
    fn what_is_there_stays() {
        let answer = write(&config_map(&[("a", "first")]), &key("a"), "second");
        assert_eq!(answer, NextWrite::Answered(PutOutcome::Held("first".into())));
    }

    #[test]
    fn what_is_there_is_returned_even_when_the_map_is_closed() {
        let closed = ConfigMap { immutable: Some(true), ..config_map(&[("a", "first")]) };
        assert_eq!(write(&closed, &key("a"), "second"), NextWrite::Answered(PutOutcome::Held("first".into())));
        assert!(matches!(write(&closed, &key("b"), "x"), NextWrite::Answered(PutOutcome::Refused(_))));
    }

    #[test]
    fn the_patch_holds_only_while_the_key_is_absent() {
        let NextWrite::Send(patch) = write(&config_map(&[("a", "1")]), &key("b.json"), "2") else { unreachable!() };
        let expected = json!([
            {"op": "test", "path": "/data/b.json", "value": null},
            {"op": "add", "path": "/data/b.json", "value": "2"},
        ]);
        assert_eq!(serde_json::to_value(patch).unwrap(), expected);
    }

    #[test]
    fn a_map_without_data_gets_some() {
        let NextWrite::Send(patch) = write(&config_map(&[]), &key("b"), "2") else { unreachable!() };
        let expected = json!([
            {"op": "test", "path": "/data", "value": null},
            {"op": "add", "path": "/data", "value": {"b": "2"}},
        ]);
        assert_eq!(serde_json::to_value(patch).unwrap(), expected);
    }

    #[test]
    fn raw_files_are_left_out_when_there_is_no_room() {
        let full = "x".repeat(LARGEST_WITH_RAW - 10);
        let map = config_map(&[("a", full.as_str())]);
        assert!(matches!(write(&map, &key("raw-b"), "0123456789"), NextWrite::Answered(PutOutcome::Refused(_))));
        assert!(matches!(write(&map, &key("raw-b"), "0123"), NextWrite::Send(_)));
        assert!(matches!(write(&map, &key("b"), "0123456789"), NextWrite::Send(_)));
    }
}
