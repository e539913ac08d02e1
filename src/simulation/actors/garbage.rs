//! Garbage collection by owner references, with the rules of foreground deletion and orphaning.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Timers;
use crate::simulation::api_server::{Cluster, DeleteOptions, ObjectKey, Preconditions, finalizers, meta, remove_field};

/// Time between a change and what the collector does about it.
const DELAY: Duration = Duration::from_millis(500);

type Objects = Vec<(ObjectKey, Arc<Value>)>;

pub(super) fn step(cluster: &Cluster, timers: &mut Timers) {
    let all = cluster.everything();
    for (key, object) in &all {
        look_at_owners(cluster, timers, &all, key, object);
        if !meta(object, "deletionTimestamp").is_empty() {
            look_at_dependents(cluster, timers, &all, key, object);
        }
    }
}

fn references(object: &Value) -> Vec<Value> {
    object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

/// The object a reference means: same coordinates, in the same namespace, with the same UID.
fn owner<'a>(cluster: &Cluster, all: &'a Objects, key: &ObjectKey, reference: &Value) -> Option<&'a Arc<Value>> {
    let kind = cluster.kind_of(reference)?;
    let wanted = ObjectKey::new(&kind, &key.namespace, reference["name"].as_str()?);
    let found = all.iter().find(|(key, _)| *key == wanted).map(|(_, object)| object)?;
    (found["metadata"]["uid"] == reference["uid"]).then_some(found)
}

fn waits_for_dependents(object: &Value) -> bool {
    !meta(object, "deletionTimestamp").is_empty() && finalizers(object).iter().any(|f| f == "foregroundDeletion")
}

fn look_at_owners(cluster: &Cluster, timers: &mut Timers, all: &Objects, key: &ObjectKey, object: &Arc<Value>) {
    let references = references(object);
    if references.is_empty() || !meta(object, "deletionTimestamp").is_empty() {
        return;
    }
    let (mut solid, mut dangling, mut waiting) = (vec![], 0, 0);
    for reference in references {
        match owner(cluster, all, key, &reference) {
            None => dangling += 1,
            Some(owner) if waits_for_dependents(owner) => waiting += 1,
            Some(_) => solid.push(reference),
        }
    }
    if dangling + waiting == 0 || !timers.passed(format!("owners of {}", meta(object, "uid")), DELAY) {
        return;
    }
    if solid.is_empty() {
        let has_dependents = all.iter().any(|(_, other)| refers_to(other, object));
        let policy = if waiting > 0 && has_dependents { Some("Foreground".to_owned()) } else { own_policy(object) };
        let uid = Some(meta(object, "uid").to_owned());
        let preconditions = Some(Preconditions { uid, resource_version: None });
        let options = DeleteOptions { propagation_policy: policy, preconditions, ..DeleteOptions::default() };
        cluster.delete_with(&key.resource, &key.namespace, &key.name, &options);
    } else {
        timers.forget(&format!("owners of {}", meta(object, "uid")));
        cluster.edit(&key.resource, &key.namespace, &key.name, |o| o["metadata"]["ownerReferences"] = json!(solid));
    }
}

fn own_policy(object: &Value) -> Option<String> {
    let own = finalizers(object);
    let policy = if own.iter().any(|f| f == "foregroundDeletion") {
        "Foreground"
    } else if own.iter().any(|f| f == "orphan") {
        "Orphan"
    } else {
        "Background"
    };
    Some(policy.into())
}

fn refers_to(object: &Value, owner: &Value) -> bool {
    object["metadata"]["namespace"] == owner["metadata"]["namespace"]
        && references(object).iter().any(|reference| reference["uid"] == owner["metadata"]["uid"])
}

fn look_at_dependents(cluster: &Cluster, timers: &mut Timers, all: &Objects, key: &ObjectKey, object: &Arc<Value>) {
    let own = finalizers(object);
    let dependents: Vec<_> = all.iter().filter(|(_, other)| refers_to(other, object)).collect();
    if own.iter().any(|f| f == "foregroundDeletion") {
        let blocks = |other: &Value| {
            let uid = &object["metadata"]["uid"];
            references(other).iter().any(|r| r["uid"] == *uid && r["blockOwnerDeletion"] == true)
        };
        let blocked = dependents.iter().any(|(_, other)| blocks(other));
        let name = format!("dependents of {}", meta(object, "uid"));
        if blocked {
            timers.forget(&name);
        } else if timers.passed(name, DELAY) {
            remove_finalizer(cluster, key, "foregroundDeletion");
        }
    }
    if own.iter().any(|f| f == "orphan") && timers.passed(format!("orphans of {}", meta(object, "uid")), DELAY) {
        for (other, dependent) in dependents {
            let kept: Vec<Value> =
                references(dependent).into_iter().filter(|r| r["uid"] != object["metadata"]["uid"]).collect();
            cluster.edit(&other.resource, &other.namespace, &other.name, |o| {
                if kept.is_empty() {
                    remove_field(&mut o["metadata"], "ownerReferences");
                } else {
                    o["metadata"]["ownerReferences"] = json!(kept);
                }
            });
        }
        remove_finalizer(cluster, key, "orphan");
    }
}

/// Takes a finalizer away; the object goes with its last one.
pub(super) fn remove_finalizer(cluster: &Cluster, key: &ObjectKey, finalizer: &str) {
    cluster.edit(&key.resource, &key.namespace, &key.name, |object| {
        let kept: Vec<String> = finalizers(object).into_iter().filter(|f| f != finalizer).collect();
        if kept.is_empty() {
            remove_field(&mut object["metadata"], "finalizers");
        } else {
            object["metadata"]["finalizers"] = json!(kept);
        }
    });
}
