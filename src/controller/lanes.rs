//! Who is looked at first: comparisons that hold GPUs never wait for those that do not, of which there may be a thousand.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Comparisons with GPUs that are looked at at the same time.
const HOLDERS: usize = 8;
/// The same of the others.
const OTHERS: usize = 4;
/// Comparisons that are read at the same time to learn whether they hold GPUs.
const STRANGERS: usize = 8;
/// How long the others wait at most until it is known of everyone.
const HOLDERS_FIRST: Duration = Duration::from_secs(5);

/// Whoever has it may look. No lane is ever closed, so that there is always one.
pub type LanePlace<'a> = Option<SemaphorePermit<'a>>;

/// Places of those who look. Whether a comparison holds GPUs is known from its last look; losing it costs a read of each.
pub struct Lanes {
    holders: Semaphore,
    others: Semaphore,
    /// For those of which it is not known yet.
    strangers: Semaphore,
    /// How many of those there are.
    unknown: watch::Sender<usize>,
    /// By UID.
    holds: Mutex<HashMap<String, bool>>,
}

impl Default for Lanes {
    fn default() -> Self {
        let [holders, others, strangers] = [HOLDERS, OTHERS, STRANGERS].map(Semaphore::new);
        Self { holders, others, strangers, unknown: watch::Sender::new(0), holds: Mutex::default() }
    }
}

impl Lanes {
    fn holds(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn learn(&self, uid: &str, holds: bool) {
        self.holds().insert(uid.to_owned(), holds);
    }

    /// Waits for a place, which is free again when it is dropped. Of a comparison that is not known, `read` tells whether it holds GPUs.
    pub async fn enter<E>(&self, uid: &str, read: impl AsyncFnOnce() -> Result<bool, E>) -> Result<LanePlace<'_>, E> {
        let known = self.holds().get(uid).copied();
        let holds = match known {
            Some(holds) => holds,
            None => self.meet(read).await?,
        };
        if holds {
            return Ok(self.holders.acquire().await.ok());
        }
        // After a start, whoever holds GPUs is found first. Where the API server does not answer, they do not wait for ever.
        let mut unknown = self.unknown.subscribe();
        tokio::time::timeout(HOLDERS_FIRST, unknown.wait_for(|unknown| *unknown == 0)).await.map(drop).ok();
        Ok(self.others.acquire().await.ok())
    }

    async fn meet<E>(&self, read: impl AsyncFnOnce() -> Result<bool, E>) -> Result<bool, E> {
        let _stranger = Stranger::new(&self.unknown);
        let _place = self.strangers.acquire().await;
        // Apart, so that whoever waits takes little room.
        Box::pin(read()).await
    }

    pub fn forget(&self, uid: &str) {
        self.holds().remove(uid);
    }

    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.holds().retain(|uid, _| exists(uid));
    }
}

/// Counts one of whom it is not known what it holds, for as long as it exists.
struct Stranger<'a>(&'a watch::Sender<usize>);

impl<'a> Stranger<'a> {
    fn new(unknown: &'a watch::Sender<usize>) -> Self {
        unknown.send_modify(|count| *count += 1);
        Self(unknown)
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures::FutureExt;

    use super::*;

    async fn enter<'a>(lanes: &'a Lanes, uid: &str, holds: bool) -> LanePlace<'a> {
        lanes.enter(uid, async || Ok::<_, ()>(holds)).await.unwrap()
    }

    #[tokio::test]
    async fn others_never_take_a_holders_place() {
        let lanes = Lanes::default();
        let mut places = vec![];
        for _ in 0..OTHERS {
            places.push(enter(&lanes, "waits", false).await);
        }
        assert!(enter(&lanes, "waits", false).now_or_never().is_none(), "there is no place left for others");
        for _ in 0..HOLDERS {
            places.push(enter(&lanes, "holds", true).await);
        }
        assert!(enter(&lanes, "holds", true).now_or_never().is_none());
        places.remove(0);
        assert!(enter(&lanes, "waits", false).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn others_wait_until_it_is_known_who_holds_gpus() {
        let lanes = Lanes::default();
        lanes.learn("waits", false);
        lanes.learn("holds", true);
        let never = async || std::future::pending::<Result<bool, ()>>().await;
        let mut stranger = Box::pin(lanes.enter("stranger", never));
        assert!(stranger.as_mut().now_or_never().is_none());
        assert!(enter(&lanes, "holds", true).now_or_never().is_some());
        let mut other = Box::pin(enter(&lanes, "waits", false));
        assert!(other.as_mut().now_or_never().is_none());
        tokio::time::advance(HOLDERS_FIRST).await;
        assert!(other.now_or_never().is_some(), "not for ever");
        let mut another = Box::pin(enter(&lanes, "waits", false));
        assert!(another.as_mut().now_or_never().is_none());
        drop(stranger);
        assert!(another.now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_known_is_not_read() {
        let lanes = Lanes::default();
        let unreadable = async || lanes.enter("a", async || Err::<bool, _>("not read")).await.map(drop);
        assert_eq!(unreadable().await, Err("not read"));
        lanes.learn("a", true);
        assert_eq!(unreadable().await, Ok(()));
        lanes.forget("a");
        assert_eq!(unreadable().await, Err("not read"));
    }
}
