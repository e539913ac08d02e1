//! What can go wrong between client and server, and the log of what was asked.

use std::time::Duration;

use serde_json::Value;

use super::cluster::Cluster;
use super::failure::Failure;
use super::request::Request;
use super::store::Record;

/// What happens to one request instead of a plain answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Refused with this answer; nothing is applied.
    Refuse(Failure),
    /// A write is refused with 409, as where somebody else was faster; nothing is applied.
    Conflict,
    /// The connection breaks before anything is applied.
    Drop,
    /// Applied, then the connection breaks.
    LoseAnswer,
    /// Handled after this time.
    Delay(Duration),
    /// The client's process dies before the request is applied.
    CrashBefore,
    /// The request is applied and the client's process dies without seeing the answer.
    CrashAfter,
}

/// A logged request and what became of it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// What was asked.
    pub request: Request,
    /// HTTP code of the answer; `None` when none was seen.
    pub code: Option<u16>,
}

impl Logged {
    /// One line: number, time, request, code.
    pub fn line(&self) -> String {
        let code = self.code.map_or("no answer".into(), |code| code.to_string());
        format!("#{} {} {} -> {code}", self.request.index, self.request.at, self.request.line())
    }
}

/// Which reads lag behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// None.
    None,
    /// Watches, and lists and gets that allow a cached answer (`resourceVersion=0`), stay at this version.
    Cached(u64),
    /// All lists and watches stay at this version; gets do not.
    Lists(u64),
}

impl Hold {
    /// The newest version a watch may show.
    pub fn watched(self) -> u64 {
        match self {
            Self::None => u64::MAX,
            Self::Cached(version) | Self::Lists(version) => version,
        }
    }
}

impl Cluster {
    /// Decides the fate of each request of product clients. Replaces the rule before.
    ///
    /// ```ignore
    /// cluster.faults(|request| (request.write == Some(3)).then_some(Fault::LoseAnswer));
    /// ```
    pub fn faults(&self, rule: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
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
    pub fn admission(&self, rule: impl Fn(&str, &Value) -> Option<Failure> + Send + 'static) {
        self.0.lock().admission.push(Box::new(rule));
    }

    /// Takes all admission rules away.
    pub fn admit_all(&self) {
        self.0.lock().admission.clear();
    }

    /// Requests the product has no right to: answered 403 as by RBAC.
    pub fn forbid(&self, rule: impl Fn(&Request) -> bool + Send + 'static) {
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
