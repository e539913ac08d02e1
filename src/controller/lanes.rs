//! Who is looked at first: comparisons that hold GPUs, or may take some now, never wait for the others, of which there may be
//! a thousand.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Comparisons with GPUs, or about to have some, that are looked at at the same time.
const HOLDERS: usize = 8;
/// The same of the others.
const OTHERS: usize = 4;
/// How long one of the others lets those go first that wait already.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever has it may look. No lane is ever closed, so that there is always one.
pub type LanePlace<'a> = Option<SemaphorePermit<'a>>;

/// Places of those who look. Who holds GPUs is known from its last look and, after a start, from the list of all.
pub struct Lanes {
    holders: Semaphore,
    others: Semaphore,
    /// UIDs of those that hold GPUs or may take some.
    first: Mutex<HashSet<String>>,
}

impl Default for Lanes {
    fn default() -> Self {
        let [holders, others] = [HOLDERS, OTHERS].map(Semaphore::new);
        Self { holders, others, first: Mutex::default() }
    }
}

impl Lanes {
    fn first(&self) -> MutexGuard<'_, HashSet<String>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn learn(&self, uid: &str, holds: bool) {
        if holds {
            self.hurry(uid);
        } else {
            self.forget(uid);
        }
    }

    /// Until its next look this one is as urgent as those that hold GPUs.
    pub fn hurry(&self, uid: &str) {
        self.first().insert(uid.to_owned());
    }

    /// Waits for a place, which is free again when it is dropped.
    pub async fn enter(&self, uid: &str) -> LanePlace<'_> {
        if self.first().contains(uid) {
            return self.holders.acquire().await.ok();
        }
        let place = self.others.acquire().await.ok();
        // Behind all that wait already to go first: after a start these are all that hold GPUs.
        tokio::time::timeout(PATIENCE, self.holders.acquire()).await.map(drop).ok();
        place
    }

    pub fn forget(&self, uid: &str) {
        self.first().remove(uid);
    }

    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.first().retain(|uid| exists(uid));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn others_never_take_a_holders_place() {
        let lanes = Lanes::default();
        lanes.learn("holds", true);
        let enter = |uid| lanes.enter(uid).now_or_never();
        let others: Vec<_> = (0..OTHERS).map(|_| enter("waits")).collect();
        assert!(others.iter().all(Option::is_some) && enter("waits").is_none(), "there is no place left for others");
        let holders: Vec<_> = (0..HOLDERS).map(|_| enter("holds")).collect();
        assert!(holders.iter().all(Option::is_some) && enter("holds").is_none());
        drop((others, holders));
        assert!(enter("waits").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn others_let_holders_go_first_but_not_for_ever() {
        let lanes = Lanes::default();
        lanes.learn("holds", true);
        let mut holders: Vec<_> = (0..HOLDERS).map(|_| lanes.enter("holds").now_or_never().flatten()).collect();
        let mut next = Box::pin(lanes.enter("holds"));
        assert!(next.as_mut().now_or_never().is_none());
        let mut waits = Box::pin(lanes.enter("waits"));
        assert!(waits.as_mut().now_or_never().is_none());
        holders.pop();
        assert!(waits.as_mut().now_or_never().is_none(), "one that holds GPUs came before");
        drop(next.now_or_never());
        assert!(waits.now_or_never().is_some());
        holders.push(lanes.enter("holds").now_or_never().flatten());
        let mut waits = Box::pin(lanes.enter("waits"));
        assert!(waits.as_mut().now_or_never().is_none());
        tokio::time::advance(PATIENCE).await;
        assert!(waits.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_nothing_any_more_is_one_of_the_others() {
        let lanes = Lanes::default();
        let _others: Vec<_> = (0..OTHERS).map(|_| lanes.enter("waits").now_or_never()).collect();
        let ends: [fn(&Lanes); 3] = [|all| all.learn("a", false), |all| all.forget("a"), |all| all.retain(|_| false)];
        for end in ends {
            lanes.learn("a", true);
            assert!(lanes.enter("a").now_or_never().is_some());
            end(&lanes);
            assert!(lanes.enter("a").now_or_never().is_none());
        }
    }
}
