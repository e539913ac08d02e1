//! What reconciling needs besides the object: client, clock, settings, and what is remembered between looks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Reporter;

use super::call::optional;
use super::error::Error;
use super::kinds::{DYNAMO_GROUP, DYNAMO_VERSIONS};
use super::metrics::Metrics;
use crate::lifecycle::world::{Refusal, Settings};

/// Tells the time; tests bring their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Which namespaces are looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them; nodes are seen too.
    Cluster,
    /// These; no node is seen.
    Namespaces(Vec<String>),
}

/// Shared by all reconciliations.
pub struct Context {
    /// Connection to the API server.
    pub client: Client,
    /// Tells the time.
    pub clock: Clock,
    /// How this operator is configured.
    pub settings: Settings,
    /// Which namespaces are looked after.
    pub scope: Scope,
    /// Who events are from.
    pub reporter: Reporter,
    /// Counts.
    pub metrics: Metrics,
    memory: Mutex<Memory>,
}

/// Nothing here decides anything that a restart would change: refusals are asked for again.
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

    /// Creations refused lately for the comparison with this UID.
    pub fn refusals(&self, uid: &str) -> Vec<Refusal> {
        self.memory().refusals.get(uid).into_iter().flat_map(|refusals| refusals.values().cloned()).collect()
    }

    /// Remembers that a creation was refused.
    pub fn refused(&self, uid: &str, refusal: Refusal) {
        self.memory().refusals.entry(uid.to_owned()).or_default().insert(refusal.object.clone(), refusal);
    }

    /// Forgets refusals of an object that was created after all.
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

    /// Counts a failed look; the number in a row.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut memory = self.memory();
        let failures = memory.failures.entry(uid.to_owned()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    /// A look that went well ends the row.
    pub fn succeeded(&self, uid: &str) {
        self.memory().failures.remove(uid);
    }

    /// The version in which DynamoGraphDeployments are served, asked for at most every 30 s. `None` is the server's answer:
    /// one that does not answer has not said that there are none.
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
    for version in DYNAMO_VERSIONS {
        let group = format!("{DYNAMO_GROUP}/{version}");
        let listed = optional(format!("discover {group}"), client.list_api_group_resources(&group)).await?;
        if listed.is_some_and(|list| list.resources.iter().any(|r| r.kind == "DynamoGraphDeployment")) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}
