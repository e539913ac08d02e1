//! Objects, their versions, and the log of changes that watches replay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{Kind, built_in};

/// Where an object is kept: `plural.group`, namespace (empty for cluster scope), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// `plural.group`.
    pub resource: String,
    /// Namespace; empty for cluster scope.
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    /// The key of an object of a kind.
    pub fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced { namespace } else { "" };
        Self { resource: kind.qualified(), namespace: namespace.into(), name: name.into() }
    }
}

/// One change, as watches replay it.
#[derive(Clone, Debug)]
pub struct Record {
    /// resourceVersion of the change.
    pub version: u64,
    pub key: ObjectKey,
    /// The object before; absent when it was created.
    pub before: Option<Arc<Value>>,
    /// The object after; absent when it was deleted.
    pub after: Option<Arc<Value>>,
}

/// All state of the server.
#[derive(Debug)]
pub struct ObjectStore {
    /// Kinds that are served.
    pub kinds: Vec<Kind>,
    /// Live objects.
    pub objects: BTreeMap<ObjectKey, Arc<Value>>,
    /// All changes that are not forgotten.
    pub log: Vec<Record>,
    /// Version of the last change.
    pub version: u64,
    /// Versions before this one can no longer be watched from.
    pub oldest: u64,
    /// Objects as they were before the first change in the log.
    base: BTreeMap<ObjectKey, Arc<Value>>,
    uids: u64,
}

impl Default for ObjectStore {
    fn default() -> Self {
        Self {
            kinds: built_in(),
            objects: BTreeMap::new(),
            log: vec![],
            version: 100,
            oldest: 100,
            base: BTreeMap::new(),
            uids: 0,
        }
    }
}

impl ObjectStore {
    /// The kind served under a group, version and plural.
    pub fn kind(&self, group: &str, version: &str, plural: &str) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.group == group && k.plural == plural && k.versions.iter().any(|v| v == version))
    }

    /// The kind with this name in a group.
    pub fn kind_named(&self, group: &str, kind: &str) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.group == group && k.kind == kind)
    }

    /// The kind an object belongs to, from its `apiVersion` and `kind`.
    pub fn kind_of(&self, object: &Value) -> Option<&Kind> {
        let api_version = object["apiVersion"].as_str()?;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.kind_named(group, object["kind"].as_str()?)
    }

    /// A new UID; the same sequence in each test.
    pub fn new_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids)
    }

    /// Stores an object under a new version and logs the change.
    pub fn put(&mut self, key: ObjectKey, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let before = self.objects.insert(key.clone(), object.clone());
        self.log.push(Record { version: self.version, key, before, after: Some(object.clone()) });
        object
    }

    /// Removes an object and logs the change.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.version += 1;
        self.log.push(Record { version: self.version, key: key.clone(), before: Some(before.clone()), after: None });
        Some(before)
    }

    /// The live objects of a resource in a namespace, or in all.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.objects
            .iter()
            .filter(|(key, _)| key.resource == resource && namespace.is_none_or(|ns| ns == key.namespace))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// The objects of a resource as they were at a version.
    pub fn list_at(&self, resource: &str, namespace: Option<&str>, version: u64) -> Vec<Arc<Value>> {
        let mut then = self.base.clone();
        for record in self.log.iter().take_while(|record| record.version <= version) {
            match &record.after {
                Some(object) => then.insert(record.key.clone(), object.clone()),
                None => then.remove(&record.key),
            };
        }
        then.into_iter()
            .filter(|(key, _)| key.resource == resource && namespace.is_none_or(|ns| ns == key.namespace))
            .map(|(_, object)| object)
            .collect()
    }

    /// Forgets the changes up to a version: who watches from before it has to list again.
    pub fn forget(&mut self, version: u64) {
        let old = self.log.partition_point(|record| record.version <= version);
        for Record { key, after, .. } in self.log.drain(..old) {
            match after {
                Some(object) => self.base.insert(key, object),
                None => self.base.remove(&key),
            };
        }
        self.oldest = self.oldest.max(version);
    }

    /// UIDs of all live objects.
    pub fn uids(&self) -> BTreeSet<String> {
        self.objects.values().filter_map(|o| o["metadata"]["uid"].as_str().map(str::to_owned)).collect()
    }
}

/// A time as objects carry it: whole seconds.
pub fn time(now: Timestamp) -> String {
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    seconds.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { resource: "configmaps".into(), namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn what_is_forgotten_is_how_things_came_about_and_not_how_they_were() {
        let mut store = ObjectStore::default();
        store.put(key("changed"), json!({"n": 1}));
        store.put(key("removed"), json!({"n": 2}));
        store.remove(&key("removed"));
        let then = store.version;
        store.put(key("changed"), json!({"n": 3}));
        let at = |store: &ObjectStore, version| {
            store.list_at("configmaps", None, version).iter().map(|object| object["n"].clone()).collect::<Vec<_>>()
        };
        let (before, now) = (at(&store, then), at(&store, store.version));
        store.forget(then);
        assert_eq!((store.log.len(), store.oldest), (1, then));
        assert_eq!((at(&store, then), at(&store, store.version)), (before, now));
        assert_eq!(at(&store, then), [json!(1)]);
    }
}
