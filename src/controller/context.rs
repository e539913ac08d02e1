//! What reconciliations share: client, clock, settings, and what is remembered between them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Reporter;

use super::call::optional;
use super::error::Error;
use super::metrics::Metrics;
use crate::dynamo;
use crate::lifecycle::world::{Refusal, Settings};

/// The current time; tests use virtual time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and the nodes.
    Cluster,
    /// These, and no nodes.
    Namespaces(Vec<String>),
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("all namespaces"),
            Self::Namespaces(names) => f.write_str(&names.join(", ")),
        }
    }
}

/// Shared by all reconciliations.
pub struct Context {
    pub client: Client,
    pub clock: Clock,
    pub settings: Settings,
    pub scope: Scope,
    /// The sender of events.
    pub reporter: Reporter,
    pub metrics: Metrics,
    memory: Mutex<Memory>,
}

/// Losing it in a restart changes no decision: refused creations are tried again.
#[derive(Default)]
struct Memory {
    refusals: HashMap<String, BTreeMap<String, Refusal>>,
    failures: HashMap<String, u32>,
    graph_version: Option<(Timestamp, Option<&'static str>)>,
}

impl Context {
    /// A context that remembers nothing yet.
    pub fn new(
        client: Client,
        clock: Clock,
        settings: Settings,
        scope: Scope,
        reporter: Reporter,
        metrics: Metrics,
    ) -> Self {
        Self { client, clock, settings, scope, reporter, metrics, memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creations that the API server refused, for the comparison with this UID.
    pub fn refusals(&self, uid: &str) -> Vec<Refusal> {
        self.memory().refusals.get(uid).into_iter().flat_map(|refusals| refusals.values().cloned()).collect()
    }

    pub fn refused(&self, uid: &str, refusal: Refusal) {
        self.memory().refusals.entry(uid.to_owned()).or_default().insert(refusal.object.clone(), refusal);
    }

    /// Forgets the refusal of an object that was created after all.
    pub fn accepted(&self, uid: &str, object: &str) {
        if let Some(refusals) = self.memory().refusals.get_mut(uid) {
            refusals.remove(object);
        }
    }

    /// Forgets everything about a comparison.
    pub fn forget(&self, uid: &str) {
        let mut memory = self.memory();
        memory.refusals.remove(uid);
        memory.failures.remove(uid);
        self.metrics.forget(uid);
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

    /// The version in which DynamoGraphDeployments are served, asked for at most every 30 s. `None` means that the server
    /// serves none; a server that does not answer is an error.
    pub async fn graph_version(&self) -> Result<Option<&'static str>, Error> {
        let now = (self.clock)();
        let known = self.memory().graph_version;
        if let Some((asked, version)) = known
            && now.as_second() - asked.as_second() < 30
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
