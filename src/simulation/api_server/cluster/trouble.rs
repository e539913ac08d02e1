//! What a test makes go wrong between the server and its clients.

use serde_json::Value;

use super::Cluster;
use crate::simulation::api_server::failure::ApiFailure;
use crate::simulation::api_server::faults::{Fault, Hold, Logged};
use crate::simulation::api_server::meta;
use crate::simulation::api_server::request::ApiRequest;
use crate::simulation::api_server::store::{ObjectKey, Record, time};

impl Cluster {
    /// Decides the fate of each request of product clients. Replaces the rule before.
    ///
    /// ```ignore
    /// cluster.faults(|request| (request.write == Some(3)).then_some(Fault::LoseAnswer));
    /// ```
    pub fn faults(&self, rule: impl FnMut(&ApiRequest) -> Option<Fault> + Send + 'static) {
        self.0.lock().faults = Some(Box::new(rule));
    }

    /// No more faults.
    pub fn no_faults(&self) {
        self.0.lock().faults = None;
    }

    /// Resolves when a fault killed the product's process; the test drops its tasks and starts anew with
    /// [`Cluster::client`]. Everything the dead process still sends stays unanswered.
    pub async fn crashed(&self) {
        let mut receiver = self.0.crashed.subscribe();
        let _ = receiver.wait_for(|crashed| *crashed).await;
    }

    /// Refuses creations by anybody, controllers included: quota, Pod Security, webhooks. Rules add up.
    pub fn admission(&self, rule: impl Fn(&str, &Value) -> Option<ApiFailure> + Send + 'static) {
        self.0.lock().admission.push(Box::new(rule));
    }

    /// Takes all admission rules away.
    pub fn admit_all(&self) {
        self.0.lock().admission.clear();
    }

    /// Stores an object that nobody checks, as a server of another version, or one behind an aggregated API, may have it.
    pub fn store_unchecked(&self, object: Value) {
        let mut state = self.0.lock();
        let Some(kind) = state.store.kind_of(&object).cloned() else { return };
        let key = ObjectKey::new(&kind, meta(&object, "namespace"), meta(&object, "name"));
        let mut object = object;
        object["metadata"]["uid"] = state.store.new_uid().into();
        object["metadata"]["creationTimestamp"] = time(self.0.now()).into();
        state.store.put(key, object);
        drop(state);
        self.0.announce();
    }

    /// Requests the product has no right to: answered 403 as by RBAC.
    pub fn forbid(&self, rule: impl Fn(&ApiRequest) -> bool + Send + 'static) {
        self.0.lock().forbidden = Some(Box::new(rule));
    }

    /// From now on reads lag: watches say nothing new, and lists show what is now, until [`Cluster::catch_up`].
    pub fn lag(&self, all_lists: bool) {
        let mut state = self.0.lock();
        let version = state.store.version;
        state.hold = if all_lists { Hold::Lists(version) } else { Hold::Cached(version) };
    }

    /// Reads are current again; watches deliver what they held back.
    pub fn catch_up(&self) {
        self.0.lock().hold = Hold::None;
        self.0.announce();
    }

    /// Watches lose these changes for ever (a real server never does; a client must survive it by its timers).
    pub fn drop_events(&self, rule: impl Fn(&Record) -> bool + Send + 'static) {
        self.0.lock().dropped = Some(Box::new(rule));
    }

    /// Ends all watches, as a server does that restarts or at its time limit.
    pub fn close_watches(&self) {
        self.0.lock().closed_watches += 1;
        self.0.announce();
    }

    /// Forgets the history: watches that start from before now are told 410.
    pub fn compact(&self) {
        let mut state = self.0.lock();
        state.store.oldest = state.store.version;
        drop(state);
        self.0.announce();
    }

    /// Ends all watches, with changes in between that nobody can replay: clients must list again.
    pub fn expire_watches(&self) {
        let mut state = self.0.lock();
        state.store.version += 1;
        state.store.oldest = state.store.version;
        state.closed_watches += 1;
        drop(state);
        self.0.announce();
    }

    /// Whether objects can be converted between the versions of their API (Dynamo's operator serves the webhook).
    pub fn conversion(&self, works: bool) {
        self.0.lock().no_conversion = !works;
    }

    /// Requests of product clients so far.
    pub fn requests(&self) -> Vec<Logged> {
        self.0.lock().log.clone()
    }

    /// Writing requests of product clients so far.
    pub fn writes(&self) -> Vec<Logged> {
        self.requests().into_iter().filter(|entry| entry.request.write.is_some()).collect()
    }

    /// Forgets the log; numbering goes on.
    pub fn clear_log(&self) {
        self.0.lock().log.clear();
    }
}
