//! Lists in pages. An object that cannot be read is named and left out: it must not hide the others.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{Api, ListParams};
use kube::core::{DeserializeGuard, ObjectList};
use kube::runtime::watcher;
use serde::de::DeserializeOwned;

use super::call::call;
use super::error::Error;
use super::metrics::Metrics;

/// Objects of one answer: all of them are in memory at the same time, with who wrote which of their fields.
pub const PAGE: u32 = 100;

/// A watch whose first list comes in such pages.
pub fn watched() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// How new an answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What the API server has at hand, which may lack what was written a moment ago. It is there at once.
    AtHand,
    /// Everything that was written before it was asked. The API server first waits until it has seen all that was written
    /// anywhere: up to a tenth of a second.
    Now,
}

/// Reads a list as new as it is to be. What is at hand comes in one page: no server divides it.
pub async fn fresh<T, F>(
    freshness: Freshness,
    what: &str,
    parameters: &ListParams,
    page: impl Fn(ListParams) -> F,
) -> Result<Vec<T>, Error>
where
    T: Clone,
    F: Future<Output = kube::Result<ObjectList<T>>>,
{
    match freshness {
        Freshness::AtHand => Ok(call(what, page(parameters.clone().match_any())).await?.items),
        Freshness::Now => pages(what, parameters, page).await,
    }
}

/// Reads all pages of a list.
pub async fn pages<T, F>(what: &str, parameters: &ListParams, page: impl Fn(ListParams) -> F) -> Result<Vec<T>, Error>
where
    T: Clone,
    F: Future<Output = kube::Result<ObjectList<T>>>,
{
    let mut parameters = parameters.clone().limit(PAGE);
    let mut items = vec![];
    loop {
        let list = call(what, page(parameters.clone())).await?;
        items.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(items),
        }
    }
}

/// Lists what can be read.
pub async fn list<K>(
    metrics: &Metrics,
    what: &str,
    api: &Api<DeserializeGuard<K>>,
    parameters: &ListParams,
) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let items = pages(what, parameters, |parameters| async move { api.list(&parameters).await }).await?;
    Ok(items.into_iter().filter_map(|item| readable(metrics, &K::plural(&()), item)).collect())
}

/// The object of a kind, by its plural, if it can be read. The log names it and says nothing of what is in it.
pub fn readable<K: Resource>(metrics: &Metrics, plural: &str, item: DeserializeGuard<K>) -> Option<K> {
    match item.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            metrics.left_out(plural);
            tracing::warn!(
                resource = %plural,
                namespace = invalid.metadata.namespace.as_deref(),
                name = invalid.metadata.name.as_deref(),
                "an object cannot be read and is left out"
            );
            None
        }
    }
}
