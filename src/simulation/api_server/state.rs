//! What the server knows, shared by the handle, the clients and the watches.

use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::ApiFailure;
use super::faults::{Fault, Hold, Logged};
use super::kinds::Kind;
use super::request::ApiRequest;
use super::store::{ObjectStore, Record};

/// When virtual time begins: 2026-03-02 09:00 UTC.
const EPOCH: Timestamp = Timestamp::constant(1_772_442_000, 0);

type FaultRule = Box<dyn FnMut(&ApiRequest) -> Option<Fault> + Send>;
type AdmissionRule = Box<dyn Fn(&str, &Value) -> Option<ApiFailure> + Send>;
type ForbidRule = Box<dyn Fn(&ApiRequest) -> bool + Send>;
type DropRule = Box<dyn Fn(&Record) -> bool + Send>;

/// Everything behind the lock.
#[derive(Default)]
pub struct State {
    /// Objects and their history.
    pub store: ObjectStore,
    /// Requests of logged clients, in order of arrival.
    pub log: Vec<Logged>,
    pub(super) writes: usize,
    pub(super) faults: Option<FaultRule>,
    pub(super) admission: Vec<AdmissionRule>,
    pub(super) forbidden: Option<ForbidRule>,
    pub(super) dropped: Option<DropRule>,
    pub(super) hold: Hold,
    pub(super) no_conversion: bool,
    pub(super) closed_watches: u64,
    pub(super) clients: usize,
    pub(super) dead_clients: usize,
}

/// What handle, clients and watches share.
pub struct Shared {
    state: Mutex<State>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) crashed: watch::Sender<bool>,
    started: Instant,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            crashed: watch::Sender::new(false),
            started: Instant::now(),
        }
    }
}

impl Shared {
    /// The state; tests run on one thread, the lock is never contended.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Virtual time.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        EPOCH.checked_add(passed).unwrap_or(EPOCH)
    }

    /// Wakes watches and waiting tests.
    pub fn announce(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl State {
    /// Asks the admission rules.
    pub fn admit(&self, kind: &Kind, object: &Value) -> Result<(), ApiFailure> {
        let refusal = self.admission.iter().find_map(|rule| rule(&kind.plural, object));
        refusal.map_or(Ok(()), Err)
    }
}
