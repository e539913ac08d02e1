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
use crate::lifecycle::decision::Freshness;

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

/// The least that a list of a kind is to show of a comparison's objects: what is there as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// A list is to have this version, or a higher one: all that we wrote, and found when we read anew, has none higher.
    Version(u64),
    /// We wrote something, and the answer did not say in which version it is stored, as that to a deletion, or there was none.
    Unknown,
}

impl Least {
    /// By the version that an answer names.
    pub fn of(version: Option<&str>) -> Self {
        version.and_then(|version| version.parse().ok()).map_or(Self::Unknown, Self::Version)
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Version(one), Self::Version(another)) => Self::Version(one.max(another)),
            _ => Self::Unknown,
        }
    }

    /// What a list shows that was read anew.
    pub fn of_all<'a, K: Resource + 'a>(objects: impl IntoIterator<Item = &'a K>) -> Self {
        let version = |object: &'a K| Self::of(object.meta().resource_version.as_deref());
        objects.into_iter().map(version).fold(Self::Version(0), Self::and)
    }

    /// Whether a list of this version shows it. Versions of one kind are numbers that grow.
    fn is_shown_by(self, list: Option<&str>) -> bool {
        match (self, list.and_then(|version| version.parse::<u64>().ok())) {
            (Self::Version(least), Some(listed)) => listed >= least,
            _ => false,
        }
    }
}

/// Objects, and whether they were read as they are now.
pub struct Fresh<T> {
    pub items: Vec<T>,
    pub anew: bool,
}

/// Reads a list as new as it is to be. What is at hand comes in one page: no server divides it.
pub async fn fresh<T, F>(
    freshness: Freshness,
    least: Option<Least>,
    what: &str,
    parameters: &ListParams,
    page: impl Fn(ListParams) -> F,
) -> Result<Fresh<T>, Error>
where
    T: Clone,
    F: Future<Output = kube::Result<ObjectList<T>>>,
{
    if may_be_at_hand(freshness, least) {
        let list = call(what, page(parameters.clone().match_any())).await?;
        if least.is_none_or(|least| least.is_shown_by(list.metadata.resource_version.as_deref())) {
            return Ok(Fresh { items: list.items, anew: false });
        }
    }
    Ok(Fresh { items: pages(what, parameters, page).await?, anew: true })
}

fn may_be_at_hand(freshness: Freshness, least: Option<Least>) -> bool {
    match (freshness, least) {
        (Freshness::Now, _) | (_, Some(Least::Unknown)) => false,
        (Freshness::AtHand, _) => true,
        (Freshness::Certain, least) => least.is_some(),
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
    freshness: Freshness,
    what: &str,
    api: &Api<DeserializeGuard<K>>,
    parameters: &ListParams,
) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let page = |parameters: ListParams| async move { api.list(&parameters).await };
    let items = fresh(freshness, None, what, parameters, page).await?.items;
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
    use k8s_openapi::api::core::v1::ConfigMap;
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
        #[case] least: Option<&str>,
        #[case] list: Option<&str>,
        #[case] shown: bool,
    ) {
        assert_eq!(Least::of(least).is_shown_by(list), shown);
    }

    #[rstest]
    #[case::none(&[], Least::Version(0))]
    #[case::the_highest(&[Some("9"), Some("10"), Some("2")], Least::Version(10))]
    #[case::one_that_is_no_number(&[Some("9"), Some("a")], Least::Unknown)]
    #[case::one_without(&[None, Some("9")], Least::Unknown)]
    fn later_lists_show_what_was_there(#[case] versions: &[Option<&str>], #[case] expected: Least) {
        let objects = versions.iter().map(|version| {
            let mut map = ConfigMap::default();
            map.metadata.resource_version = version.map(str::to_owned);
            map
        });
        assert_eq!(Least::of_all(&objects.collect::<Vec<_>>()), expected);
    }

    #[rstest]
    #[case::nothing_is_known(Freshness::AtHand, None, true)]
    #[case::a_deletion_without_a_version(Freshness::AtHand, Some(Least::Unknown), false)]
    #[case::what_is_missing_may_exist(Freshness::Certain, None, false)]
    #[case::what_is_missing_is_gone(Freshness::Certain, Some(Least::Version(7)), true)]
    #[case::a_deletion_is_to_be_seen(Freshness::Certain, Some(Least::Unknown), false)]
    #[case::now(Freshness::Now, Some(Least::Version(7)), false)]
    fn what_is_at_hand_is_enough_where_it_cannot_mislead(
        #[case] freshness: Freshness,
        #[case] least: Option<Least>,
        #[case] expected: bool,
    ) {
        assert_eq!(may_be_at_hand(freshness, least), expected);
    }
}
