//! Whether the operator is alive and can do its work, as the probes ask.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long lists may fail before the operator is not ready: a watch that is started again fails for a moment.
const FAILING: Duration = Duration::from_secs(15);
/// A watch that has not failed for so long goes on, even if nothing changes: it is started again every 30 s at most.
const RECOVERED: Duration = Duration::from_secs(60);
/// How long the task that drives all watches may do nothing.
const SILENT: Duration = Duration::from_secs(60);
/// Between two signs of life.
pub const BEAT: Duration = Duration::from_secs(10);

/// What is known of the operator's own work.
#[derive(Default)]
pub struct Health {
    state: Mutex<HealthState>,
}

#[derive(Default)]
struct HealthState {
    /// By namespace; empty for all.
    lists: BTreeMap<String, NamespaceList>,
    /// Another replica acts; this one is there to take over.
    standing_by: bool,
    beat: Option<Instant>,
}

/// The list of comparisons in one namespace, and the watch that follows it.
#[derive(Default)]
struct NamespaceList {
    listed: bool,
    failing: Option<ListFailure>,
}

/// Since when a list fails, when it failed last, and why.
struct ListFailure {
    since: Instant,
    last: Instant,
    error: String,
}

impl NamespaceList {
    fn failure(&self) -> Option<&ListFailure> {
        self.failing.as_ref().filter(|failure| !self.listed || failure.last.elapsed() < RECOVERED)
    }

    fn works(&self) -> bool {
        self.listed && self.failure().is_none_or(|failure| failure.since.elapsed() < FAILING)
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comparisons were listed, or a change of one was seen.
    pub fn listed(&self, namespace: Option<&str>) {
        let mut state = self.state();
        let list = state.lists.entry(namespace.unwrap_or_default().to_owned()).or_default();
        *list = NamespaceList { listed: true, failing: None };
    }

    /// Comparisons could not be listed or watched.
    pub fn failed(&self, namespace: Option<&str>, error: &str) {
        let mut state = self.state();
        let list = state.lists.entry(namespace.unwrap_or_default().to_owned()).or_default();
        let now = Instant::now();
        let since = list.failure().map_or(now, |failure| failure.since);
        list.failing = Some(ListFailure { since, last: now, error: error.to_owned() });
    }

    /// Another replica acts.
    pub fn stands_by(&self) {
        let mut state = self.state();
        state.lists.clear();
        state.standing_by = true;
        state.beat = Some(Instant::now());
    }

    /// Nobody knows who acts: the Lease cannot be asked for.
    pub fn cannot_ask(&self, error: &str) {
        self.state().standing_by = false;
        self.failed(None, error);
        self.beats();
    }

    /// This replica acts; it has listed nothing yet.
    pub fn begins(&self) {
        let mut state = self.state();
        state.lists.clear();
        state.standing_by = false;
        state.beat = Some(Instant::now());
    }

    /// The task that drives everything has got on.
    pub fn beats(&self) {
        self.state().beat = Some(Instant::now());
    }

    /// What is wrong when the operator is not ready. One namespace of several is enough: another may have been deleted,
    /// and the operator's rights with it.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        if state.standing_by {
            return Ok(());
        }
        if state.lists.values().any(NamespaceList::works) {
            return Ok(());
        }
        let why: Vec<&str> = state.lists.values().filter_map(|list| Some(list.failure()?.error.as_str())).collect();
        let why = if why.is_empty() { "no answer yet".to_owned() } else { why.join("; ") };
        Err(format!("benchmarkcomparisons.bcmp.dev cannot be listed: {why}"))
    }

    /// What is wrong when the operator is better started again.
    pub fn alive(&self) -> Result<(), String> {
        match self.state().beat.map(|beat| beat.elapsed()) {
            Some(silent) if silent > SILENT => Err(format!("nothing has moved for {} s", silent.as_secs())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn later(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn ready_is_who_can_list_now() {
        let health = Health::default();
        health.begins();
        assert!(health.ready().unwrap_err().contains("no answer yet"));
        health.failed(None, "forbidden");
        assert!(health.ready().unwrap_err().contains("forbidden"));
        health.listed(None);
        health.ready().unwrap();
        // It is not a latch.
        health.failed(None, "forbidden");
        health.ready().unwrap();
        later(20).await;
        health.failed(None, "forbidden");
        assert!(health.ready().unwrap_err().contains("forbidden"));
        health.listed(None);
        health.ready().unwrap();
    }

    /// A watch whose connection broke goes on without a list, and where nothing changes it shows nothing.
    #[tokio::test(start_paused = true)]
    async fn who_failed_once_is_ready_again() {
        let health = Health::default();
        health.begins();
        health.listed(None);
        health.failed(None, "connection reset");
        later(30).await;
        assert!(health.ready().unwrap_err().contains("connection reset"));
        later(30).await;
        health.ready().unwrap();
        health.failed(None, "connection reset");
        later(10).await;
        health.ready().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_namespace_of_several_is_enough() {
        let health = Health::default();
        health.begins();
        health.failed(Some("gone"), "forbidden");
        later(60).await;
        health.listed(Some("there"));
        health.ready().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_by_is_ready() {
        let health = Health::default();
        health.stands_by();
        health.ready().unwrap();
        health.begins();
        health.ready().unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_move_is_not_alive() {
        let health = Health::default();
        health.alive().unwrap();
        health.begins();
        later(59).await;
        health.alive().unwrap();
        later(5).await;
        assert!(health.alive().unwrap_err().contains("64 s"));
        health.beats();
        health.alive().unwrap();
    }
}
