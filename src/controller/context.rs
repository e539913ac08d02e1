//! What reconciliations share: client, clock, settings, and what is remembered between them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Reporter;

use super::call::{call, optional};
use super::capacity::Capacity;
use super::comparisons::Comparisons;
use super::error::Error;
use super::health::Health;
use super::lanes::Lanes;
use super::lease::{Leadership, LeaseSettings};
use super::metrics::Metrics;
use super::recall::Recall;
pub use super::scope::Scope;
use crate::dynamo;
use crate::lifecycle::world::{Child, Node, Refusal, Settings};

/// The current time; tests use virtual time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Shared by all reconciliations.
pub struct Context {
    pub client: Client,
    pub clock: Clock,
    pub settings: Settings,
    pub scope: Scope,
    /// The sender of events.
    pub reporter: Reporter,
    pub metrics: Metrics,
    pub health: Arc<Health>,
    /// What replicas share; `None` where this process is alone.
    pub lease: Option<LeaseSettings>,
    pub leadership: Leadership,
    pub comparisons: Comparisons,
    pub capacity: Capacity,
    pub lanes: Lanes,
    pub recall: Recall,
    memory: Mutex<Memory>,
}

/// Losing it in a restart changes no decision: refused creations are tried again.
#[derive(Default)]
struct Memory {
    refusals: HashMap<String, BTreeMap<String, Refusal>>,
    /// Comparison → UID of a child that complains → since when.
    complaints: HashMap<String, BTreeMap<String, Timestamp>>,
    failures: HashMap<String, u32>,
    /// Variants of runs whose servers the API server would take, by the UID of their comparison.
    rehearsed: HashMap<String, BTreeSet<(i64, String)>>,
    /// Version in which a comparison could not be read.
    unreadable: HashMap<String, String>,
    graph_version: Option<(Timestamp, Option<&'static str>)>,
}

impl Context {
    /// A context that remembers nothing yet, of a process that is alone.
    pub fn new(
        client: Client,
        clock: Clock,
        settings: Settings,
        scope: Scope,
        reporter: Reporter,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            clock,
            settings,
            scope,
            reporter,
            metrics,
            health: Arc::default(),
            lease: None,
            leadership: Leadership::new(true),
            comparisons: Comparisons::default(),
            capacity: Capacity::default(),
            lanes: Lanes::default(),
            recall: Recall::default(),
            memory: Mutex::default(),
        }
    }

    /// The same, of one of several replicas.
    #[must_use]
    pub fn sharing(self, lease: LeaseSettings) -> Self {
        Self { lease: Some(lease), leadership: Leadership::new(false), ..self }
    }

    /// Runs a write and counts it, unless another replica may write now. It is given up when another may.
    pub async fn write<T>(
        &self,
        verb: &'static str,
        name: impl Into<String>,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        if !self.leadership.may_write() {
            return Err(Error::NotLeading);
        }
        self.metrics.wrote(verb);
        let request = call(name, request);
        match self.leadership.ends() {
            None => request.await,
            Some(end) => tokio::time::timeout_at(end, request).await.unwrap_or(Err(Error::NotLeading)),
        }
    }

    /// Forgets everything about comparisons that do not exist any more.
    pub fn retain(&self, exists: &HashSet<String>) {
        {
            let mut memory = self.memory();
            memory.refusals.retain(|uid, _| exists.contains(uid));
            memory.complaints.retain(|uid, _| exists.contains(uid));
            memory.failures.retain(|uid, _| exists.contains(uid));
            memory.rehearsed.retain(|uid, _| exists.contains(uid));
            memory.unreadable.retain(|uid, _| exists.contains(uid));
        }
        self.lanes.retain(|uid| exists.contains(uid));
        self.recall.retain(|uid| exists.contains(uid));
        self.metrics.retain(exists);
        self.comparisons.retain(exists);
    }

    /// Another replica acts from now on: what this one has seen is of no use when this one leads again.
    pub fn resign(&self) {
        self.comparisons.clear();
        self.capacity.clear();
        self.retain(&HashSet::new());
        self.health.stands_by();
    }

    /// Whether this is the first time that a comparison cannot be read in this version of it.
    pub fn first_unreadable(&self, uid: &str, version: &str) -> bool {
        self.memory().unreadable.insert(uid.to_owned(), version.to_owned()).as_deref() != Some(version)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creations that the API server refused, for the comparison with this UID.
    pub fn refusals(&self, uid: &str) -> Vec<Refusal> {
        self.memory().refusals.get(uid).into_iter().flat_map(|refusals| refusals.values().cloned()).collect()
    }

    /// Remembers a refusal; of an object that is refused again, since when.
    pub fn refused(&self, uid: &str, mut refusal: Refusal) {
        let mut memory = self.memory();
        let known = memory.refusals.entry(uid.to_owned()).or_default();
        if let Some(before) = known.get(&refusal.object) {
            refusal.since = before.since;
        }
        known.insert(refusal.object.clone(), refusal);
    }

    /// Forgets the refusal of an object that was created after all.
    pub fn accepted(&self, uid: &str, object: &str) {
        if let Some(refusals) = self.memory().refusals.get_mut(uid) {
            refusals.remove(object);
        }
    }

    /// Since when each child of a comparison complains: no object says itself since when it does without a break.
    pub fn complaining(&self, uid: &str, children: &mut [Child]) {
        let now = (self.clock)();
        let mut memory = self.memory();
        let before = memory.complaints.remove(uid).unwrap_or_default();
        let complaining = children.iter_mut().filter_map(|child| {
            let complaint = child.complaint.as_mut()?;
            complaint.since = before.get(&child.uid).copied().unwrap_or(now);
            Some((child.uid.clone(), complaint.since))
        });
        let known: BTreeMap<String, Timestamp> = complaining.collect();
        if !known.is_empty() {
            memory.complaints.insert(uid.to_owned(), known);
        }
    }

    /// Whether the API server would take the servers of this variant in this run.
    pub fn is_rehearsed(&self, uid: &str, variant: &(i64, String)) -> bool {
        self.memory().rehearsed.get(uid).is_some_and(|known| known.contains(variant))
    }

    pub fn rehearsed(&self, uid: &str, variant: (i64, String)) {
        self.memory().rehearsed.entry(uid.to_owned()).or_default().insert(variant);
    }

    /// Forgets everything about a comparison.
    pub fn forget(&self, uid: &str) {
        let mut memory = self.memory();
        memory.refusals.remove(uid);
        memory.complaints.remove(uid);
        memory.failures.remove(uid);
        memory.rehearsed.remove(uid);
        memory.unreadable.remove(uid);
        self.lanes.forget(uid);
        self.recall.forget(uid);
        self.metrics.forget(uid);
        self.comparisons.forget(uid);
    }

    /// Counts a failed reconciliation; returns how many failed in a row.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut memory = self.memory();
        let failures = memory.failures.entry(uid.to_owned()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    pub fn succeeded(&self, uid: &str) {
        self.memory().failures.remove(uid);
    }

    /// Nodes with GPUs and the GPUs in use there; `None` where the operator may not see nodes.
    pub async fn nodes(&self, gpu_resource: &str) -> Result<Option<Vec<Node>>, Error> {
        match self.scope {
            Scope::Cluster => self.capacity.nodes(gpu_resource, &self.comparisons.by_name()).await.map(Some),
            Scope::Namespaces(_) => Ok(None),
        }
    }

    /// The version in which DynamoGraphDeployments are served, asked for at most every 30 s. `None` means that the server
    /// serves none; a server that does not answer is an error.
    pub async fn graph_version(&self) -> Result<Option<&'static str>, Error> {
        let now = (self.clock)();
        let known = self.memory().graph_version;
        if let Some((asked, version)) = known
            && (0..30).contains(&(now.as_second() - asked.as_second()))
        {
            return Ok(version);
        }
        let version = discover(&self.client).await?;
        self.memory().graph_version = Some((now, version));
        Ok(version)
    }
}

async fn discover(client: &Client) -> Result<Option<&'static str>, Error> {
    for version in dynamo::VERSIONS {
        let group = format!("{}/{version}", dynamo::GROUP);
        let listed = optional(format!("discover {group}"), client.list_api_group_resources(&group)).await?;
        if listed.is_some_and(|list| list.resources.iter().any(|r| r.kind == dynamo::KIND)) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}
