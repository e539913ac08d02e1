//! Which of several replicas acts: the one that holds the Lease.
//!
//! Clocks are not compared: whoever waits counts from when it saw the Lease change last, and the holder counts from before
//! it asked for its last renewal, and trusts it for a shorter time. So the holder has stopped writing before another one
//! begins. Should both write after all, nothing is lost: every write carries what it was decided on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A holder that has not renewed for this long has lost the Lease.
pub const LASTS: Duration = Duration::from_secs(10);
/// For how long the holder itself trusts its last renewal.
const TRUSTED: Duration = Duration::from_secs(8);

/// Where the Lease is and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    pub namespace: String,
    pub name: String,
    /// Differs between replicas.
    pub identity: String,
}

/// Until when this process may write.
pub struct Leadership {
    until: Mutex<WriteLimit>,
}

#[derive(Clone, Copy)]
enum WriteLimit {
    /// There is no other replica.
    Always,
    Never,
    Instant(Instant),
}

impl Leadership {
    /// Of a process that is alone, or of one that has to ask.
    pub fn new(alone: bool) -> Self {
        Self { until: Mutex::new(if alone { WriteLimit::Always } else { WriteLimit::Never }) }
    }

    fn until(&self) -> MutexGuard<'_, WriteLimit> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asked before each write.
    pub fn may_write(&self) -> bool {
        match *self.until() {
            WriteLimit::Always => true,
            WriteLimit::Never => false,
            WriteLimit::Instant(until) => Instant::now() < until,
        }
    }

    /// When another replica may begin, as far as this one may trust; `None`: there is no other, or this one may not write at all.
    pub fn ends(&self) -> Option<Instant> {
        match *self.until() {
            WriteLimit::Always | WriteLimit::Never => None,
            WriteLimit::Instant(until) => Some(until),
        }
    }

    pub fn holds_since(&self, asked: Instant) {
        *self.until() = WriteLimit::Instant(asked + TRUSTED);
    }

    pub fn resign(&self) {
        *self.until() = WriteLimit::Never;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_holder_stops_before_another_may_begin() {
        let leadership = Leadership::new(false);
        assert!(!leadership.may_write());
        leadership.holds_since(Instant::now());
        assert!(leadership.may_write());
        tokio::time::advance(TRUSTED).await;
        assert!(!leadership.may_write());
        assert!(TRUSTED < LASTS);
        assert!(Leadership::new(true).may_write());
        assert_eq!(Leadership::new(true).ends(), None);
    }
}
