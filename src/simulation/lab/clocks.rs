//! Clocks that are wrong: the operator's and the agents' may differ from the API server's, and jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::simulation::api_server::Cluster;

/// By how many seconds each party's clock is ahead of the API server's.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    operator: Arc<AtomicI64>,
    agents: Arc<AtomicI64>,
}

impl Clocks {
    /// The operator's clock jumps to this many seconds ahead, or behind.
    pub fn set_operator(&self, seconds: i64) {
        self.operator.store(seconds, Ordering::Relaxed);
    }

    /// The agents' clocks jump to this many seconds ahead, or behind.
    pub fn set_agents(&self, seconds: i64) {
        self.agents.store(seconds, Ordering::Relaxed);
    }

    pub(super) fn operator(&self, cluster: &Cluster) -> Timestamp {
        ahead(cluster.now(), &self.operator)
    }

    pub(super) fn agents(&self, cluster: &Cluster) -> Timestamp {
        ahead(cluster.now(), &self.agents)
    }
}

fn ahead(now: Timestamp, seconds: &AtomicI64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.load(Ordering::Relaxed))).unwrap_or(now)
}
