//! Empties namespaces that are being deleted, and removes them when they are empty.

use std::time::Duration;

use super::Timers;
use crate::simulation::api_server::{Cluster, ObjectKey, meta};

pub(super) fn step(cluster: &Cluster, timers: &mut Timers) {
    for space in cluster.list("namespaces") {
        let name = meta(&space, "name");
        let going = !meta(&space, "deletionTimestamp").is_empty();
        if !going || !timers.passed(meta(&space, "uid"), Duration::from_millis(500)) {
            continue;
        }
        let content: Vec<_> = cluster.everything().into_iter().filter(|(key, _)| key.namespace == name).collect();
        for (key, object) in &content {
            if meta(object, "deletionTimestamp").is_empty() {
                cluster.delete(&key.resource, &key.namespace, &key.name, "Background");
            }
        }
        if content.is_empty() {
            let key = ObjectKey { resource: "namespaces".into(), namespace: String::new(), name: name.into() };
            cluster.remove(&key);
        }
    }
}
