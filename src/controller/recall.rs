//! What was read of a comparison and need not be read again yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use super::lists::Least;
use crate::lifecycle::world::Child;
use crate::plan::ChildKind;

/// How long the list of quiet children is believed. Nobody but the operator creates or deletes them, unless by mistake.
const QUIET_SECONDS: i64 = 60;

/// Bytes of all documents that are kept. What has no room is read again at each look.
const MOST_BYTES: usize = 16 << 20;

/// Of comparisons, by UID. Losing it costs requests and nothing else.
#[derive(Default)]
pub struct Recall {
    known: Mutex<HashMap<String, Recalled>>,
    /// The least that the next list of a kind is to show.
    least: Mutex<HashMap<(String, ChildKind), Least>>,
}

#[derive(Default)]
struct Recalled {
    quiet: Option<(Timestamp, Vec<Child>)>,
    /// ConfigMaps that accept no more writes, by UID.
    documents: HashMap<String, ConfigMap>,
}

impl Recalled {
    fn bytes(&self) -> usize {
        self.documents.values().map(bytes).sum()
    }
}

fn bytes(map: &ConfigMap) -> usize {
    map.data.iter().flatten().map(|(key, value)| key.len() + value.len()).sum()
}

impl Recall {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Recalled>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leasts(&self) -> MutexGuard<'_, HashMap<(String, ChildKind), Least>> {
        self.least.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// We wrote an object of this kind: later lists are to show that, too.
    pub fn demand(&self, comparison: &str, kind: ChildKind, least: Least) {
        let mut leasts = self.leasts();
        let before = leasts.get(&(comparison.to_owned(), kind)).copied();
        leasts.insert((comparison.to_owned(), kind), before.map_or(least, |before| before.and(least)));
    }

    /// All objects of this kind were read anew: later lists are to show them.
    pub fn read_anew(&self, comparison: &str, kind: ChildKind, least: Least) {
        self.leasts().insert((comparison.to_owned(), kind), least);
    }

    /// The least that a list of this kind is to show.
    pub fn least(&self, comparison: &str, kind: ChildKind) -> Option<Least> {
        self.leasts().get(&(comparison.to_owned(), kind)).copied()
    }

    /// The quiet children of a comparison, as they were read not long ago.
    pub fn quiet(&self, comparison: &str, now: Timestamp) -> Option<Vec<Child>> {
        let all = self.all();
        let (read, children) = all.get(comparison)?.quiet.as_ref()?;
        let age = now.as_second() - read.as_second();
        (0..QUIET_SECONDS).contains(&age).then(|| children.clone())
    }

    pub fn keep_quiet(&self, comparison: &str, now: Timestamp, children: &[Child]) {
        self.all().entry(comparison.to_owned()).or_default().quiet = Some((now, children.to_vec()));
    }

    /// The comparison's children were changed.
    pub fn changed(&self, comparison: &str) {
        if let Some(recalled) = self.all().get_mut(comparison) {
            recalled.quiet = None;
        }
    }

    /// A ConfigMap that cannot have changed since it was read.
    pub fn document(&self, comparison: &str, uid: &str) -> Option<ConfigMap> {
        self.all().get(comparison)?.documents.get(uid).cloned()
    }

    /// Keeps a ConfigMap if it accepts no more writes.
    pub fn keep_document(&self, comparison: &str, map: &ConfigMap) {
        let (Some(true), Some(uid)) = (map.immutable, map.uid()) else { return };
        let mut all = self.all();
        let kept: usize = all.values().map(Recalled::bytes).sum();
        if kept + bytes(map) <= MOST_BYTES {
            all.entry(comparison.to_owned()).or_default().documents.insert(uid, map.clone());
        }
    }

    /// Nothing of the comparison is looked at all the time any more.
    pub fn rest(&self, comparison: &str) {
        self.all().remove(comparison);
    }

    pub fn forget(&self, comparison: &str) {
        self.rest(comparison);
        self.leasts().retain(|(of, _), _| of != comparison);
    }

    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.all().retain(|comparison, _| exists(comparison));
        self.leasts().retain(|(comparison, _), _| exists(comparison));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn map(immutable: bool) -> ConfigMap {
        let metadata = kube::api::ObjectMeta { uid: Some("m".into()), ..Default::default() };
        ConfigMap { metadata, immutable: Some(immutable), ..ConfigMap::default() }
    }

    #[test]
    fn quiet_children_are_believed_for_a_minute_and_until_a_change() {
        let recall = Recall::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(recall.quiet("a", at(100)), None);
        recall.keep_quiet("a", at(100), &[]);
        assert_eq!(recall.quiet("a", at(159)), Some(vec![]));
        assert_eq!(recall.quiet("b", at(100)), None, "of another");
        assert_eq!(recall.quiet("a", at(160)), None, "too old");
        assert_eq!(recall.quiet("a", at(99)), None, "the clock was set back");
        recall.changed("a");
        assert_eq!(recall.quiet("a", at(101)), None);
    }

    #[test]
    fn a_list_is_to_show_all_that_was_written_until_it_is_read_anew() {
        let recall = Recall::default();
        let least = || recall.least("a", ChildKind::Job);
        recall.demand("a", ChildKind::Job, Least::Version(9));
        recall.demand("a", ChildKind::Job, Least::Version(5));
        assert_eq!(least(), Some(Least::Version(9)), "an object that had been there before");
        recall.demand("a", ChildKind::Job, Least::Unknown);
        recall.demand("a", ChildKind::Job, Least::Version(10));
        assert_eq!(least(), Some(Least::Unknown));
        recall.read_anew("a", ChildKind::Job, Least::Version(4));
        assert_eq!(least(), Some(Least::Version(4)));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let recall = Recall::default();
        let large = |uid: &str| {
            let mut large = map(true);
            large.metadata.uid = Some(uid.into());
            large.data = Some([("plan".to_owned(), "x".repeat(MOST_BYTES / 2 - 4))].into());
            large
        };
        for (comparison, uid) in [("a", "1"), ("b", "2"), ("c", "3")] {
            recall.keep_document(comparison, &large(uid));
        }
        assert_eq!([recall.document("b", "2").is_some(), recall.document("c", "3").is_some()], [true, false]);
        recall.forget("a");
        recall.keep_document("c", &large("3"));
        assert!(recall.document("c", "3").is_some());
    }

    #[test]
    fn only_what_accepts_no_more_writes_is_kept() {
        let recall = Recall::default();
        recall.keep_document("a", &map(false));
        assert_eq!(recall.document("a", "m"), None);
        recall.keep_document("a", &map(true));
        assert_eq!(recall.document("a", "m"), Some(map(true)));
        recall.forget("a");
        assert_eq!(recall.document("a", "m"), None);
    }
}
