//! `bcmp agent publish`: the sidecar with the pod's only token puts what it finds in the outbox into the output
//! ConfigMap, and shows the tool's container what the ConfigMap holds.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::directory::{Directory, FileKey};
use super::outbox::{READY, limit, refusal_name};
use super::store::{ConfigMapStore, PutOutcome, StoreError};

const POLL: Duration = Duration::from_millis(200);
/// How long calls are repeated before the container gives up and is started anew.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// What is left of the pod's grace period for the last documents: the tool's container ends first.
const LAST_PASS: Duration = Duration::from_secs(30);

/// Why the publisher ended.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The ConfigMap cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Asked to end, with documents left.
    #[error("asked to end, and could not publish the remaining documents within {} s", LAST_PASS.as_secs())]
    Unpublished,
}

/// Both directories, from the sidecar's side.
pub struct Publisher {
    store: ConfigMapStore,
    outbox: Directory,
    published: Directory,
}

impl Publisher {
    /// Opens both directories.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn open(store: ConfigMapStore, outbox: &Path, published: &Path) -> io::Result<Self> {
        Ok(Self { store, outbox: Directory::open(outbox)?, published: Directory::open(published)? })
    }

    /// Shows what is already published, publishes until `end`, and then once more what is left.
    ///
    /// # Errors
    /// When the API server fails for too long, or the ConfigMap is gone.
    pub async fn run(&self, end: impl Future<Output = ()>) -> Result<(), PublishError> {
        let work = async {
            self.show_published().await?;
            loop {
                self.pass().await?;
                sleep(POLL).await;
            }
        };
        tokio::select! {
            result = work => return result,
            () = end => {}
        }
        timeout(LAST_PASS, self.pass()).await.map_err(|_| PublishError::Unpublished)?
    }

    async fn show_published(&self) -> Result<(), PublishError> {
        let config_map = self.store.get().await?;
        for (name, content) in config_map.data.iter().flatten() {
            if let Some(key) = FileKey::new(name) {
                self.published.write(key.as_str(), content.as_bytes())?;
            }
        }
        Ok(self.published.write(READY, b"")?)
    }

    /// Answers every request that has no answer yet.
    async fn pass(&self) -> Result<(), PublishError> {
        for key in self.outbox.keys()? {
            let refusal = refusal_name(&key);
            if self.published.has(key.as_str()) || self.published.has(&refusal) {
                continue;
            }
            match self.answer(&key).await? {
                Some(PutOutcome::Held(content)) => self.published.write(key.as_str(), content.as_bytes())?,
                Some(PutOutcome::Refused(reason)) => {
                    tracing::warn!("{key} is not published: {reason}");
                    self.published.write(&refusal, reason.as_bytes())?;
                }
                None => {}
            }
        }
        Ok(())
    }

    async fn answer(&self, key: &FileKey) -> Result<Option<PutOutcome>, PublishError> {
        let content = match self.outbox.read(key.as_str(), limit(key)) {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(PutOutcome::Refused(error.to_string()))),
        };
        let Ok(content) = String::from_utf8(content) else {
            return Ok(Some(PutOutcome::Refused(format!("{key} is not UTF-8 text"))));
        };
        let answer = self.store.put(key, &content).await?;
        if matches!(&answer, PutOutcome::Held(held) if *held == content) {
            tracing::info!("published {key}, {} bytes", content.len());
        }
        Ok(Some(answer))
    }
}

/// Whether everything published before this pod started can be read by the tool's container.
pub fn is_ready(published: &Path) -> bool {
    Directory::open(published).is_ok_and(|directory| directory.has(READY))
}
