//! The in-memory cluster: a handle for tests, and the clients it hands out.

mod trouble;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::core::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

use super::answer::AnswerBody;
use super::failure::ApiFailure;
use super::http_api;
use super::kinds::{Kind, custom};
use super::object::meta;
use super::state::Shared;
use super::store::{ObjectKey, Record};
use super::verbs::{DeleteOptions, Writer, WrittenPart};
use crate::simulation::broken::{OrBroken, broken};
use crate::simulation::dynamo;

/// Field manager of what tests do through the handle.
pub const TEST: &str = "test";

/// For how long changes are remembered at least. Clients ask for newer ones: their watches end sooner.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The product's kind; its rules are compiled once.
static PRODUCT: LazyLock<Kind> =
    LazyLock::new(|| custom(&serde_json::to_value(crate::api::crd::crd()).or_broken("the CRD")));

/// An in-memory Kubernetes API server. Clones share it.
#[derive(Clone)]
pub struct Cluster(pub(super) Arc<Shared>);

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// A server with the namespace `default`, the product's CRD and Dynamo's in both versions. No actor runs yet.
    pub fn new() -> Self {
        let cluster = Self::bare();
        cluster.serve(PRODUCT.clone());
        cluster.install(&dynamo::crd(&["v1beta1", "v1alpha1"]));
        cluster.install(&dynamo::component_crd());
        cluster
    }

    /// A server with the namespace `default` and built-in kinds only.
    pub fn bare() -> Self {
        let cluster = Self(Arc::new(Shared::default()));
        cluster.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}));
        cluster
    }

    // ---- kinds -------------------------------------------------------------------------------------------------

    /// All kinds the server knows.
    pub fn kinds(&self) -> Vec<Kind> {
        self.0.lock().store.kinds.clone()
    }

    /// Serves the kind a CustomResourceDefinition defines; replaces one of the same name.
    pub fn install(&self, crd: &Value) {
        self.serve(custom(crd));
    }

    fn serve(&self, kind: Kind) {
        let mut state = self.0.lock();
        state.store.kinds.retain(|k| (&k.group, &k.plural) != (&kind.group, &kind.plural));
        state.store.kinds.push(kind);
        drop(state);
        self.0.announce();
    }

    /// Stops serving a kind; its objects vanish and its watches end, as when a CRD is deleted.
    pub fn uninstall(&self, group: &str, plural: &str) {
        let mut state = self.0.lock();
        let gone: Vec<ObjectKey> =
            state.store.objects.keys().filter(|k| k.resource == format!("{plural}.{group}")).cloned().collect();
        for key in gone {
            state.store.remove(&key);
        }
        state.store.kinds.retain(|k| k.group != group || k.plural != plural);
        state.closed_watches += 1;
        drop(state);
        self.0.announce();
    }

    // ---- clients and time --------------------------------------------------------------------------------------

    /// A client for the product: logged, subject to faults. A crash kills all clients handed out before it.
    pub fn client(&self) -> Client {
        let mut state = self.0.lock();
        state.clients += 1;
        let number = state.clients;
        drop(state);
        self.0.crashed.send_replace(false);
        http_api::client(self.0.clone(), Some(number))
    }

    /// A client for the test: not logged, never hit by faults.
    pub fn admin(&self) -> Client {
        http_api::client(self.0.clone(), None)
    }

    /// Answers a request that came from elsewhere, as of a client that is not logged.
    ///
    /// # Errors
    /// The connection breaks.
    pub async fn answer(&self, request: http::Request<Body>) -> Result<AnswerBody, BoxError> {
        http_api::serve(self.0.clone(), None, request).await
    }

    /// Virtual time.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Virtual time, for code that wants a clock.
    pub fn clock(&self) -> impl Fn() -> Timestamp + Clone + Send + Sync + 'static {
        let shared = self.0.clone();
        move || shared.now()
    }

    /// Counts changes, for whoever looks at everything whenever something changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Resolves when an object changed since the call.
    pub async fn changed(&self) {
        let mut receiver = self.changes();
        receiver.mark_unchanged();
        let _ = receiver.changed().await;
    }

    /// Waits until a condition holds; panics with the requests so far when it does not hold in time (virtual).
    pub async fn until(&self, what: &str, limit: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let mut receiver = self.changes();
        let deadline = Instant::now() + limit;
        loop {
            receiver.mark_unchanged();
            if holds(self) {
                return;
            }
            if tokio::time::timeout_at(deadline, receiver.changed()).await.is_err() {
                broken(format_args!("not within {limit:?}: {what}\n{}", self.story()));
            }
        }
    }

    /// The log and the objects, for failing tests.
    pub fn story(&self) -> String {
        let state = self.0.lock();
        let log = state.log.iter().rev().take(60).rev();
        let requests: String = log.map(|entry| format!("  {}\n", entry.line())).collect();
        let objects: String = state
            .store
            .objects
            .values()
            .map(|o| format!("  {} {}/{}\n", o["kind"].as_str().unwrap_or("?"), meta(o, "namespace"), meta(o, "name")))
            .collect();
        format!("now {}\nlast requests:\n{requests}objects:\n{objects}", self.0.now())
    }

    // ---- objects, directly -------------------------------------------------------------------------------------

    fn writer(&self) -> Writer {
        Writer { manager: TEST.into(), now: self.0.now() }
    }

    /// Creates an object of any kind; panics when the server would refuse it.
    pub fn put(&self, object: impl Serialize) -> Value {
        self.try_put(object).unwrap_or_else(|failure| broken(failure.message))
    }

    /// Creates an object of any kind.
    pub fn try_put(&self, object: impl Serialize) -> Result<Value, ApiFailure> {
        let object = serde_json::to_value(object).map_err(|e| ApiFailure::bad_request(e.to_string()))?;
        self.create_as(TEST, object)
    }

    /// Creates an object in somebody's name, through admission.
    pub fn create_as(&self, manager: &str, object: Value) -> Result<Value, ApiFailure> {
        let mut state = self.0.lock();
        let kind = state.store.kind_of(&object).cloned().ok_or_else(ApiFailure::no_such_resource)?;
        let namespace = match meta(&object, "namespace") {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        };
        state.admit(&kind, &object)?;
        let writer = Writer { manager: manager.into(), now: self.0.now() };
        let created = state.store.create(&kind, &namespace, object, &writer)?;
        drop(state);
        self.0.announce();
        Ok((*created).clone())
    }

    /// Changes an object, status included, as its controller would; nothing happens when it is not there.
    /// Returns the object as stored.
    pub fn edit(&self, resource: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
        self.edit_as(TEST, resource, namespace, name, change)
    }

    /// [`Self::edit`] in somebody's name.
    pub fn edit_as(
        &self,
        manager: &str,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Value> {
        let mut state = self.0.lock();
        let kind = state.store.kinds.iter().find(|k| k.qualified() == resource).cloned()?;
        let key = ObjectKey::new(&kind, namespace, name);
        let old = state.store.get(&kind, &key).ok()?;
        let mut new = (*old).clone();
        change(&mut new);
        let writer = Writer { manager: manager.into(), now: self.0.now() };
        let status_differs = kind.status && new["status"] != old["status"];
        let mut main_before = (*old).clone();
        main_before["status"] = new["status"].clone();
        let main_differs = if kind.status { main_before != new } else { *old != new };
        let mut stored = old.clone();
        for part in [main_differs.then_some(WrittenPart::Main), status_differs.then_some(WrittenPart::Status)]
            .into_iter()
            .flatten()
        {
            let mut wanted = new.clone();
            wanted["metadata"]["resourceVersion"] = Value::Null;
            if state.store.objects.contains_key(&key) {
                stored = state
                    .store
                    .update(&kind, &key, part, wanted, &writer, None)
                    .unwrap_or_else(|failure| broken(format_args!("edit {resource} {name}: {}", failure.message)));
            }
        }
        let changed = *stored != *old;
        drop(state);
        if changed {
            self.0.announce();
        }
        Some((*stored).clone())
    }

    /// Deletes an object; false when it is not there.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str, policy: &str) -> bool {
        let options = DeleteOptions { propagation_policy: Some(policy.into()), ..DeleteOptions::default() };
        self.delete_with(resource, namespace, name, &options)
    }

    /// Deletes an object with any options; false when it is not there.
    pub fn delete_with(&self, resource: &str, namespace: &str, name: &str, options: &DeleteOptions) -> bool {
        let mut state = self.0.lock();
        let Some(kind) = state.store.kinds.iter().find(|k| k.qualified() == resource).cloned() else { return false };
        let now = self.writer().now;
        let done = state.store.delete(&kind, &ObjectKey::new(&kind, namespace, name), options, now).is_ok();
        drop(state);
        self.0.announce();
        done
    }

    /// Removes an object whatever it waits for, as its controller does that has nothing more to do.
    pub fn remove(&self, key: &ObjectKey) {
        self.0.lock().store.remove(key);
        self.0.announce();
    }

    /// Objects of a resource (`pods`, `jobs.batch`) in all namespaces.
    pub fn objects(&self, resource: &str) -> Vec<Value> {
        self.0.lock().store.list(resource, None).iter().map(|object| (**object).clone()).collect()
    }

    /// Objects of a resource in all namespaces, shared instead of copied.
    pub fn list(&self, resource: &str) -> Vec<Arc<Value>> {
        self.0.lock().store.list(resource, None)
    }

    /// UIDs of everything there is.
    pub fn uids(&self) -> BTreeSet<String> {
        self.0.lock().store.uids()
    }

    /// All live objects with their keys.
    pub fn everything(&self) -> Vec<(ObjectKey, Arc<Value>)> {
        self.0.lock().store.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = ObjectKey { resource: resource.into(), namespace: namespace.into(), name: name.into() };
        self.0.lock().store.objects.get(&key).map(|object| (**object).clone())
    }

    /// Objects of a type in all namespaces.
    pub fn all<K>(&self) -> Vec<K>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        self.objects(&resource_of::<K>()).into_iter().map(typed).collect()
    }

    /// One object of a type.
    pub fn find<K>(&self, namespace: &str, name: &str) -> Option<K>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        self.object(&resource_of::<K>(), namespace, name).map(typed)
    }

    /// Every version every object ever had, for properties such as "its status only grew".
    pub fn history(&self) -> Vec<Record> {
        self.0.lock().store.log.clone()
    }

    /// Forgets changes that are minutes old for as long as it is awaited, as API servers do: a cluster that lives long needs
    /// no more memory for it.
    pub async fn forget_old_changes(&self) {
        loop {
            let version = self.0.lock().store.version;
            tokio::time::sleep(REMEMBERED).await;
            self.0.lock().store.forget(version);
        }
    }

    /// The kind of an object, or of what a reference means.
    pub fn kind_of(&self, object: &Value) -> Option<Kind> {
        self.0.lock().store.kind_of(object).cloned()
    }

    /// The kind served for a resource.
    pub fn kind(&self, resource: &str) -> Option<Kind> {
        self.0.lock().store.kinds.iter().find(|k| k.qualified() == resource).cloned()
    }
}

/// `plural.group` of a type.
pub fn resource_of<K: Resource<DynamicType = ()>>() -> String {
    let (group, plural) = (K::group(&()), K::plural(&()));
    if group.is_empty() { plural.into_owned() } else { format!("{plural}.{group}") }
}

/// An object as its type.
pub fn typed<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).or_broken("an object that does not fit its type")
}

impl Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.story())
    }
}
