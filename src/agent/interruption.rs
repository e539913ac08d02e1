//! SIGTERM, as something that can be asked about and waited for in several places.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether the pod is to end.
#[derive(Clone)]
pub struct Interruption(watch::Receiver<bool>);

impl Interruption {
    /// Listens for SIGTERM from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        let mut signal = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            signal.recv().await;
            // It is fine if nobody listens any more.
            let _ = sender.send(true);
            sender.closed().await;
        });
        Ok(Self(receiver))
    }

    /// Whether the pod was asked to end.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the pod is asked to end.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            // The listener is gone: no request can arrive.
            std::future::pending().await
        }
    }
}
