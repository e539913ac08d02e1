//! What was read of a comparison and need not be read again yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::lifecycle::world::Child;

/// How long the list of quiet children is believed. Nobody but the operator creates or deletes them, unless by mistake.
const QUIET_SECONDS: i64 = 60;

/// Of comparisons, by UID. Losing it costs requests and nothing else.
#[derive(Default)]
pub struct Recall(Mutex<HashMap<String, Recalled>>);

#[derive(Default)]
struct Recalled {
    quiet: Option<(Timestamp, Vec<Child>)>,
    /// ConfigMaps that accept no more writes, by UID.
    documents: HashMap<String, ConfigMap>,
}

impl Recall {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Recalled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.all().entry(comparison.to_owned()).or_default().documents.insert(uid, map.clone());
    }

    pub fn forget(&self, comparison: &str) {
        self.all().remove(comparison);
    }

    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.all().retain(|comparison, _| exists(comparison));
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
