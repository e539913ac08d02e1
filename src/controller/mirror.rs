//! What a watch shows, each object reduced to what is asked of it: read once, shared by all reconciliations.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::core::{ApiResource, DeserializeGuard};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::call::optional;
use super::error::Error;
use super::lean::Sparse;
use super::lists::{readable, watched_whole};
use super::metrics::Metrics;

/// How long a reconciliation waits for the first list, and how long a list that was answered with 404 is not asked for again.
const FIRST_LIST: Duration = Duration::from_secs(30);

/// Before a cluster that does not serve a kind is asked again.
const UNSERVED: Duration = Duration::from_secs(600);

pub type NamespacedName = (String, String);

/// Objects of one kind, reduced to `T`.
pub struct Mirror<T> {
    what: &'static str,
    state: Mutex<MirrorState<T>>,
    listed: watch::Sender<bool>,
}

struct MirrorState<T> {
    objects: BTreeMap<NamespacedName, T>,
    /// What a list has shown so far that is not complete yet.
    listing: BTreeMap<NamespacedName, T>,
}

impl<T: PartialEq> Mirror<T> {
    /// Knows nothing yet.
    pub fn new(what: &'static str) -> Self {
        let state = MirrorState { objects: BTreeMap::new(), listing: BTreeMap::new() };
        Self { what, state: Mutex::new(state), listed: watch::Sender::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, MirrorState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, and that there was a list.
    pub fn clear(&self) {
        self.listed.send_replace(false);
        self.state().objects.clear();
    }

    /// Whether there is anything to read without waiting.
    pub fn is_listed(&self) -> bool {
        *self.listed.borrow()
    }

    /// Reads all objects, once the first list is complete.
    pub async fn read<R>(&self, read: impl FnOnce(&BTreeMap<NamespacedName, T>) -> R) -> Result<R, Error> {
        let mut listed = self.listed.subscribe();
        match tokio::time::timeout(FIRST_LIST, listed.wait_for(|listed| *listed)).await {
            Ok(_) => Ok(read(&self.state().objects)),
            Err(_) => {
                Err(Error::Timeout { call: format!("first list of {}", self.what), seconds: FIRST_LIST.as_secs() })
            }
        }
    }

    /// Follows a watch for ever. `reduce` returns nothing for objects of which nothing is asked; `changed` is told when
    /// what is known is another than before.
    pub async fn follow<K>(
        &self,
        api: Api<DeserializeGuard<K>>,
        config: watcher::Config,
        metrics: &Metrics,
        reduce: impl Fn(&K) -> Option<T>,
        changed: impl Fn(),
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Clone,
    {
        let readable = |object| readable(metrics, self.what, object).and_then(|object| reduce(&object));
        loop {
            // Every server has these kinds: whoever answers so stands between, and not for long.
            let code = self.follow_while_answered(&api, config.clone(), &[404], metrics, readable, &changed).await;
            self.failed(metrics, &format!("the list was answered with {code}"));
            tokio::time::sleep(FIRST_LIST).await;
        }
    }

    fn failed(&self, metrics: &Metrics, error: &str) {
        metrics.watch_failed(self.what);
        tracing::warn!(error, what = self.what, "a watch failed; it is started again");
    }

    /// Follows a watch until a list is answered with one of these codes, which it returns.
    async fn follow_while_answered<K>(
        &self,
        api: &Api<K>,
        config: watcher::Config,
        ends: &[u16],
        metrics: &Metrics,
        reduce: impl Fn(K) -> Option<T>,
        changed: impl Fn(),
    ) -> u16
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Clone,
    {
        let mut events = watch_objects(api.clone(), config).default_backoff().boxed();
        loop {
            match events.next().await {
                Some(Ok(event)) => {
                    if self.apply(event, &reduce) {
                        changed();
                    }
                }
                Some(Err(watcher::Error::InitialListFailed(kube::Error::Api(status))))
                    if ends.contains(&status.code) =>
                {
                    return status.code;
                }
                Some(Err(error)) => self.failed(metrics, &error.to_string()),
                // A watcher has no end.
                None => std::future::pending().await,
            }
        }
    }

    /// Follows objects of a kind that a cluster may not serve, in the first version that it does. Where it serves none, or the
    /// operator may not list it, there are no objects, and it is asked again from time to time. Of an object only what `S` and `U` name is read.
    pub async fn follow_served<S, U>(
        &self,
        client: &Client,
        versions: &[ApiResource],
        metrics: &Metrics,
        reduce: impl Fn(&Sparse<S, U>) -> Option<T>,
        changed: impl Fn(),
    ) where
        S: DeserializeOwned + Clone + Debug + Default + Send + 'static,
        U: DeserializeOwned + Clone + Debug + Default + Send + 'static,
    {
        loop {
            match served(client, versions).await {
                Ok(Some(resource)) => {
                    let api = Api::all_with(client.clone(), resource);
                    let reduce = |object: Sparse<S, U>| reduce(&object);
                    let code =
                        self.follow_while_answered(&api, watched_whole(), &[403, 404], metrics, reduce, &changed).await;
                    self.failed(metrics, &format!("the list was answered with {code}; none are assumed"));
                    self.listed.send_replace(true);
                    tokio::time::sleep(if code == 403 { UNSERVED } else { FIRST_LIST }).await;
                }
                Ok(None) => {
                    self.listed.send_replace(true);
                    tokio::time::sleep(UNSERVED).await;
                }
                Err(error) => {
                    metrics.watch_failed(self.what);
                    tracing::warn!(%error, what = self.what, "cannot determine what the cluster serves; it is asked again");
                    tokio::time::sleep(FIRST_LIST).await;
                }
            }
        }
    }

    fn apply<K: Resource>(&self, event: Event<K>, reduced: impl Fn(K) -> Option<T>) -> bool {
        let key = |object: &K| (object.namespace().unwrap_or_default(), object.name_any());
        let mut state = self.state();
        match event {
            Event::Init => {
                state.listing.clear();
                false
            }
            Event::InitApply(object) => {
                let key = key(&object);
                if let Some(value) = reduced(object) {
                    state.listing.insert(key, value);
                }
                false
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut state.listing);
                let differs = listing != state.objects;
                state.objects = listing;
                drop(state);
                self.listed.send_replace(true);
                differs
            }
            Event::Apply(object) => {
                let key = key(&object);
                match reduced(object) {
                    Some(value) if state.objects.get(&key) == Some(&value) => false,
                    Some(value) => {
                        state.objects.insert(key, value);
                        true
                    }
                    None => state.objects.remove(&key).is_some(),
                }
            }
            Event::Delete(object) => state.objects.remove(&key(&object)).is_some(),
        }
    }
}

/// The first of the versions of a kind that is served.
async fn served<'a>(client: &Client, versions: &'a [ApiResource]) -> Result<Option<&'a ApiResource>, Error> {
    for resource in versions {
        let call = format!("discover {}", resource.api_version);
        let listed = optional(call, client.list_api_group_resources(&resource.api_version)).await?;
        if listed.is_some_and(|list| list.resources.iter().any(|served| served.name == resource.plural)) {
            return Ok(Some(resource));
        }
    }
    Ok(None)
}
