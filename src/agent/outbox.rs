//! How a tool's container, which has no token, gets something published and acknowledged.
//!
//! A file in the outbox is a request: put this content under the key that is the file's name. The publisher answers with
//! a file of the same name in the other directory, which holds what the ConfigMap really holds: the first write wins,
//! and it may have been another pod's. A request it cannot fulfil is answered with a refusal.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::directory::{Directory, FileKey};
use crate::measurement::ledger::RAW_PREFIX;
use crate::prediction::configurations;

/// Largest document, in bytes: the configurations.
pub const LARGEST_DOCUMENT: usize = 256 * 1024;
/// Largest record or mark, in bytes.
pub const LARGEST_RECORD: usize = 2 * 1024 + 512;
/// Name of the publisher's mark that everything published before is there.
pub const READY: &str = ".ready";
/// How long an acknowledgement may take.
pub const PATIENCE: Duration = Duration::from_secs(600);

const REFUSED_PREFIX: &str = ".refused-";
const LARGEST_REFUSAL: usize = 1024;
const POLL: Duration = Duration::from_millis(100);

/// Largest content the publisher takes for a key, in bytes.
pub fn limit(key: &FileKey) -> usize {
    let document = key.as_str() == configurations::KEY || is_raw(key);
    if document { LARGEST_DOCUMENT } else { LARGEST_RECORD }
}

/// Whether a key holds a raw file, which is left out where there is no room.
pub fn is_raw(key: &FileKey) -> bool {
    key.as_str().starts_with(RAW_PREFIX)
}

/// Name of the publisher's answer that it will not publish a key.
pub fn refusal_name(key: &FileKey) -> String {
    format!("{REFUSED_PREFIX}{key}")
}

/// Why something is not published.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("publishing {key} was not acknowledged within {seconds} s: see the log of the container publish")]
    NotAcknowledged { key: FileKey, seconds: u64 },
    /// The publisher will not.
    #[error("publishing {key} was refused: {reason}")]
    Refused {
        key: FileKey,
        /// The publisher's reason.
        reason: String,
    },
    /// The publisher is not there.
    #[error("the publisher was not ready within {0} s: see the log of the container publish")]
    NotReady(u64),
    /// A key that cannot be one.
    #[error("`{0}` cannot be the key of a ConfigMap")]
    NotAKey(String),
    /// The content is larger than the publisher takes.
    #[error("{key} would have {size} bytes; at most {limit} are published")]
    TooLarge {
        key: FileKey,
        /// Its size in bytes.
        size: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// A directory cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The tool container's side.
pub struct Outbox {
    outbox: Directory,
    published: Directory,
    patience: Duration,
}

impl Outbox {
    /// Opens both directories.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn open(outbox: &Path, published: &Path, patience: Duration) -> Result<Self, OutboxError> {
        Ok(Self { outbox: Directory::open(outbox)?, published: Directory::open(published)?, patience })
    }

    /// Waits until everything published before can be read here.
    ///
    /// # Errors
    /// The publisher is not ready in time.
    pub async fn ready(&self) -> Result<(), OutboxError> {
        let deadline = Instant::now() + self.patience;
        while !self.published.has(READY) {
            if Instant::now() >= deadline {
                return Err(OutboxError::NotReady(self.patience.as_secs()));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Publishes a document and returns what stands under the key: the given content, or what another pod put there
    /// first.
    ///
    /// # Errors
    /// When it is too large, refused, or not acknowledged in time.
    pub async fn publish(&self, key: &str, content: &str) -> Result<String, OutboxError> {
        let key = FileKey::new(key).ok_or_else(|| OutboxError::NotAKey(key.to_owned()))?;
        let limit = limit(&key);
        if content.len() > limit {
            return Err(OutboxError::TooLarge { key, size: content.len(), limit });
        }
        if let Some(held) = self.held(&key)? {
            return Ok(held);
        }
        self.outbox.write(key.as_str(), content.as_bytes())?;
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(held) = self.held(&key)? {
                return Ok(held);
            }
            if let Some(reason) = self.published.read(&refusal_name(&key), LARGEST_REFUSAL)? {
                return Err(OutboxError::Refused { key, reason: String::from_utf8_lossy(&reason).into_owned() });
            }
            if Instant::now() >= deadline {
                return Err(OutboxError::NotAcknowledged { key, seconds: self.patience.as_secs() });
            }
            sleep(POLL).await;
        }
    }

    /// Asks for a raw file to be published, and does not wait: it is left out where there is no room.
    ///
    /// # Errors
    /// When the outbox cannot be written.
    pub fn offer(&self, key: &str, content: &str) -> Result<(), OutboxError> {
        let key = FileKey::new(key).ok_or_else(|| OutboxError::NotAKey(key.to_owned()))?;
        if content.len() <= limit(&key) {
            self.outbox.write(key.as_str(), content.as_bytes())?;
        }
        Ok(())
    }

    /// All that is published, raw files excepted.
    ///
    /// # Errors
    /// When an answer cannot be read.
    pub fn published(&self) -> Result<BTreeMap<String, String>, OutboxError> {
        let mut entries = BTreeMap::new();
        for key in self.published.keys()?.into_iter().filter(|key| !is_raw(key)) {
            if let Some(held) = self.held(&key)? {
                entries.insert(key.as_str().to_owned(), held);
            }
        }
        Ok(entries)
    }

    fn held(&self, key: &FileKey) -> Result<Option<String>, OutboxError> {
        let content = self.published.read(key.as_str(), LARGEST_DOCUMENT)?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Pod {
        directory: tempfile::TempDir,
        outbox: Outbox,
    }

    impl Pod {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = |name: &str| directory.path().join(name);
            std::fs::create_dir(path("outbox")).unwrap();
            std::fs::create_dir(path("published")).unwrap();
            let outbox = Outbox::open(&path("outbox"), &path("published"), Duration::from_secs(5)).unwrap();
            Self { directory, outbox }
        }

        fn answer(&self, name: &str, content: &str) {
            std::fs::write(self.directory.path().join("published").join(name), content).unwrap();
        }

        fn requests(&self) -> usize {
            std::fs::read_dir(self.directory.path().join("outbox")).unwrap().count()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_pod_published_first_is_what_counts() {
        let pod = Pod::new();
        pod.answer("r1-c000001-l1-t1", "theirs");
        assert_eq!(pod.outbox.publish("r1-c000001-l1-t1", "ours").await.unwrap(), "theirs");
        assert_eq!(pod.requests(), 0, "a published key is not asked for again");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_waiting() {
        let pod = Pod::new();
        let (held, ()) = tokio::join!(pod.outbox.publish("key", "ours"), async {
            sleep(Duration::from_secs(2)).await;
            assert_eq!(pod.requests(), 1);
            pod.answer("key", "ours");
        });
        assert_eq!(held.unwrap(), "ours");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_not_consent() {
        let error = Pod::new().outbox.publish("key", "ours").await.unwrap_err();
        assert!(matches!(error, OutboxError::NotAcknowledged { seconds: 5, .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_has_its_reason() {
        let pod = Pod::new();
        pod.answer(".refused-key", "the ConfigMap is immutable");
        let error = pod.outbox.publish("key", "ours").await.unwrap_err();
        assert!(matches!(&error, OutboxError::Refused { reason, .. } if reason == "the ConfigMap is immutable"));
    }

    #[tokio::test]
    async fn what_is_too_large_or_has_no_name_is_not_asked_for() {
        let pod = Pod::new();
        let large = "x".repeat(LARGEST_RECORD + 1);
        assert!(matches!(pod.outbox.publish("key", &large).await, Err(OutboxError::TooLarge { .. })));
        assert!(matches!(pod.outbox.publish("../key", "x").await, Err(OutboxError::NotAKey(_))));
        assert_eq!(pod.requests(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_publisher_nothing_begins() {
        let pod = Pod::new();
        assert!(matches!(pod.outbox.ready().await, Err(OutboxError::NotReady(5))));
        pod.answer(READY, "");
        pod.outbox.ready().await.unwrap();
    }

    #[test]
    fn raw_files_and_half_written_ones_are_not_listed() {
        let pod = Pod::new();
        for name in ["a", "raw-a", ".ready", ".partial-b", ".refused-c"] {
            pod.answer(name, "x");
        }
        assert_eq!(pod.outbox.published().unwrap(), BTreeMap::from([("a".to_owned(), "x".to_owned())]));
    }
}
