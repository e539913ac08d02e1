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

/// Objects of one answer of which only metadata is asked for, or a few: all of them are in memory at the same time, with who
/// wrote which of their fields.
pub const PAGE: u32 = 100;
/// Whole objects of one answer. Each may have more than a megabyte, twice in memory while it is read.
pub const WHOLE: u32 = 20;

/// A watch whose first list comes in pages for metadata.
pub fn watched() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// A watch of whole objects.
pub fn watched_whole() -> watcher::Config {
    watcher::Config::default().page_size(WHOLE)
}

/// How new an answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What the API server has at hand, which is there at once, if it shows what was written by ourselves. It may lack what
    /// others wrote a moment ago.
    AtHand,
    /// Everything that was written before it was asked. The API server first waits until it has seen all that was written
    /// anywhere: up to a tenth of a second.
    Now,
}

/// What we wrote last of a kind, and lists are to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A list is to have this version, or a higher one.
    Version(u64),
    /// The answer did not say in which version it is stored, as that to a deletion.
    Unknown,
}

impl Written {
    /// By the version that an answer names.
    pub fn of(version: Option<&str>) -> Self {
        version.and_then(|version| version.parse().ok()).map_or(Self::Unknown, Self::Version)
    }

    /// Whether a list of this version shows it. Versions of one kind are numbers that grow.
    fn is_shown_by(self, list: Option<&str>) -> bool {
        match (self, list.and_then(|version| version.parse::<u64>().ok())) {
            (Self::Version(written), Some(listed)) => listed >= written,
            _ => false,
        }
    }
}

/// Reads a list as new as it is to be. What is at hand comes in one page: no server divides it.
pub async fn fresh<T, F>(
    freshness: Freshness,
    written: Option<Written>,
    what: &str,
    parameters: &ListParams,
    page: impl Fn(ListParams) -> F,
) -> Result<Vec<T>, Error>
where
    T: Clone,
    F: Future<Output = kube::Result<ObjectList<T>>>,
{
    if freshness == Freshness::AtHand && written != Some(Written::Unknown) {
        let list = call(what, page(parameters.clone().match_any())).await?;
        let version = list.metadata.resource_version.as_deref();
        if written.is_none_or(|written| written.is_shown_by(version)) {
            return Ok(list.items);
        }
    }
    pages(what, parameters, page).await
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
    freshness: Freshness,
    what: &str,
    api: &Api<DeserializeGuard<K>>,
    parameters: &ListParams,
) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let page = |parameters: ListParams| async move { api.list(&parameters).await };
    let items = fresh(freshness, None, what, parameters, page).await?;
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::older(Some("7"), Some("6"), false)]
    #[case::the_same(Some("7"), Some("7"), true)]
    #[case::newer(Some("9"), Some("10"), true)]
    #[case::a_version_that_is_no_number(Some("a"), Some("b"), false)]
    #[case::a_deletion(None, Some("10"), false)]
    #[case::a_list_without_a_version(Some("7"), None, false)]
    fn a_list_shows_what_was_written_before_it(
        #[case] written: Option<&str>,
        #[case] list: Option<&str>,
        #[case] shown: bool,
    ) {
        assert_eq!(Written::of(written).is_shown_by(list), shown);
    }
}
