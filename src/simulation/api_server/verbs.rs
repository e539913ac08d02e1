//! What each verb does to the store, with the bookkeeping of metadata that the real server does.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::apply::{self, Manager, Owners};
use super::failure::ApiFailure;
use super::kinds::Kind;
use super::object::{finalizers, meta, remove_field};
use super::rules;
use super::store::{ObjectKey, ObjectStore, time};
use crate::schema;
use crate::simulation::dynamo;

/// Which part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenPart {
    /// Everything but the status.
    Main,
    /// The status alone.
    Status,
}

impl WrittenPart {
    fn subresource(self) -> &'static str {
        if self == Self::Status { "status" } else { "" }
    }
}

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Field manager.
    pub manager: String,
    /// Virtual time.
    pub now: Timestamp,
}

impl Writer {
    fn updates(&self, part: WrittenPart) -> Manager {
        Manager { name: self.manager.clone(), operation: "Update", subresource: part.subresource().into() }
    }
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteOptions {
    /// `Background`, `Foreground` or `Orphan`.
    pub propagation_policy: Option<String>,
    /// Seconds a pod has to end.
    pub grace_period_seconds: Option<i64>,
    /// What must hold for the delete to happen.
    pub preconditions: Option<Preconditions>,
}

/// What must hold for a delete to happen.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preconditions {
    /// UID of the object.
    pub uid: Option<String>,
    /// resourceVersion of the object.
    pub resource_version: Option<String>,
}

/// A patch that is not an apply.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// API version it is written in.
    pub version: &'a str,
    /// Media type: which kind of patch.
    pub content_type: &'a str,
    /// The patch.
    pub body: &'a Value,
}

impl ObjectStore {
    /// Reads one object.
    pub fn get(&self, kind: &Kind, key: &ObjectKey) -> Result<Arc<Value>, ApiFailure> {
        self.objects.get(key).cloned().ok_or_else(|| ApiFailure::not_found(kind, &key.name))
    }

    /// Creates an object.
    pub fn create(
        &mut self,
        kind: &Kind,
        namespace: &str,
        mut object: Value,
        writer: &Writer,
    ) -> Result<Arc<Value>, ApiFailure> {
        self.allow_new_content(kind, namespace, meta(&object, "name"))?;
        let name = self.name_for(kind, &object)?;
        let key = ObjectKey::new(kind, namespace, &name);
        if self.objects.contains_key(&key) {
            return Err(ApiFailure::already_exists(kind, &name));
        }
        if !meta(&object, "resourceVersion").is_empty() {
            return Err(ApiFailure::internal("resourceVersion should not be set on objects to be created"));
        }
        self.fresh_metadata(kind, &mut object, &key, writer.now);
        if kind.status {
            remove_field(&mut object, "status");
        }
        let mut object = self.normalise(kind, object, None)?;
        let mut owners = Owners::new();
        apply::update(None, &object, kind.openapi(), &mut owners, &writer.updates(WrittenPart::Main));
        self.complete(kind, &mut object);
        self.refuse_invalid(kind, &object, None)?;
        let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        apply::write_owners(&mut object, &owners, &api_version, &time(writer.now));
        Ok(self.put(key, object))
    }

    fn name_for(&mut self, kind: &Kind, object: &Value) -> Result<String, ApiFailure> {
        match (meta(object, "name"), meta(object, "generateName")) {
            ("", "") => Err(ApiFailure::invalid(
                kind,
                "",
                &["metadata.name: Required value: name or generateName is required".into()],
            )),
            ("", prefix) => {
                let uid = self.new_uid();
                Ok(format!("{prefix}{}", &uid[uid.len() - 5..]))
            }
            (name, _) => Ok(name.to_owned()),
        }
    }

    fn allow_new_content(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), ApiFailure> {
        if !kind.namespaced {
            return Ok(());
        }
        let spaces = self.kind_named("", "Namespace").cloned();
        let Some(spaces) = spaces else { return Err(ApiFailure::no_such_resource()) };
        let space = self.get(&spaces, &ObjectKey::new(&spaces, "", namespace))?;
        if meta(&space, "deletionTimestamp").is_empty() {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut failure = ApiFailure::forbidden(kind, name, &why);
        failure.details["causes"] = json!([{
            "reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {namespace} is being terminated"),
        }]);
        Err(failure)
    }

    fn fresh_metadata(&mut self, kind: &Kind, object: &mut Value, key: &ObjectKey, now: Timestamp) {
        let uid = self.new_uid();
        let metadata = &mut object["metadata"];
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"] {
            remove_field(metadata, field);
        }
        metadata["uid"] = json!(uid);
        metadata["name"] = json!(key.name);
        metadata["creationTimestamp"] = json!(time(now));
        if kind.namespaced {
            metadata["namespace"] = json!(key.namespace);
        }
        if kind.generations {
            metadata["generation"] = json!(1);
        }
    }

    /// To the stored version, read as the type, pruned.
    fn normalise(&self, kind: &Kind, object: Value, old: Option<&Value>) -> Result<Value, ApiFailure> {
        let stored = kind.api_version(&kind.versions[0]);
        let mut object = dynamo::convert(object, &stored);
        object["apiVersion"] = json!(stored);
        object["kind"] = json!(kind.kind);
        if let Some(schema) = &kind.schema {
            schema::prune(schema, &mut object);
            schema::default(schema, &mut object);
        } else {
            object = rules::decode(kind, object)?;
        }
        if let Some(old) = old {
            keep_identity(&mut object, old);
        }
        Ok(object)
    }

    fn complete(&self, kind: &Kind, object: &mut Value) {
        if let Some(schema) = &kind.schema {
            schema::default(schema, object);
        } else {
            rules::complete(kind, object);
        }
    }

    fn refuse_invalid(&self, kind: &Kind, object: &Value, old: Option<&Value>) -> Result<(), ApiFailure> {
        let mut causes = rules::validate(kind, object, old);
        if let Some(schema) = &kind.schema {
            causes.extend(schema.validate(object, old));
        }
        if causes.is_empty() { Ok(()) } else { Err(ApiFailure::invalid(kind, meta(object, "name"), &causes)) }
    }

    /// Replaces an object, or its status. `owners` are the new owners where they are known (server-side apply).
    pub fn update(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        part: WrittenPart,
        new: Value,
        writer: &Writer,
        owners: Option<Owners>,
    ) -> Result<Arc<Value>, ApiFailure> {
        let old = self.get(kind, key)?;
        check_identity(kind, part, &old, &new)?;
        let mut new = self.normalise(kind, new, Some(&old))?;
        keep_other_part(kind, part, &old, &mut new);
        if let Some(schema) = &kind.schema {
            schema::default(schema, &mut new);
        }
        refuse_new_finalizers(kind, &old, &new)?;
        self.refuse_invalid(kind, &new, Some(&old))?;
        if kind.generations && part == WrittenPart::Main && spec_differs(&old, &new) {
            new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        let owners = owners.unwrap_or_else(|| {
            let mut owners = apply::owners(&old);
            apply::update(Some(&old), &new, kind.openapi(), &mut owners, &writer.updates(part));
            owners
        });
        let api_version = new["apiVersion"].as_str().unwrap_or_default().to_owned();
        apply::write_owners(&mut new, &owners, &api_version, &time(writer.now));
        if *old == new {
            return Ok(old);
        }
        if ready_to_go(&new) {
            self.remove(key);
            return Ok(Arc::new(new));
        }
        Ok(self.put(key.clone(), new))
    }

    /// Server-side apply.
    pub fn apply(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        part: WrittenPart,
        body: &Value,
        writer: &Writer,
        force: bool,
    ) -> Result<(u16, Arc<Value>), ApiFailure> {
        if body["metadata"].get("managedFields").is_some_and(|m| !m.is_null()) {
            return Err(ApiFailure::bad_request("metadata.managedFields must be nil"));
        }
        let manager =
            Manager { name: writer.manager.clone(), operation: "Apply", subresource: part.subresource().into() };
        let stored = kind.api_version(&kind.versions[0]);
        let mut applied = dynamo::convert(body.clone(), &stored);
        if let Some(schema) = &kind.schema {
            schema::prune(schema, &mut applied);
        }
        match part {
            WrittenPart::Main if kind.status => remove_field(&mut applied, "status"),
            WrittenPart::Main => {}
            WrittenPart::Status => {
                let status = applied.get("status").cloned().unwrap_or_else(|| json!({}));
                applied = json!({"status": status});
            }
        }
        if !self.objects.contains_key(key) {
            if part == WrittenPart::Status {
                return Err(ApiFailure::not_found(kind, &key.name));
            }
            return Ok((201, self.create_applied(kind, key, applied, writer, manager)?));
        }
        let old = self.get(kind, key)?;
        refuse_new_uid(kind, part, &old, body)?;
        check_identity(kind, part, &old, body)?;
        let mut owners = apply::owners(&old);
        let merged = apply::apply(&old, &applied, kind.openapi(), &mut owners, &manager, force)
            .map_err(|conflicts| apply_conflict(&conflicts))?;
        Ok((200, self.update(kind, key, part, merged, writer, Some(owners))?))
    }

    fn create_applied(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        mut applied: Value,
        writer: &Writer,
        manager: Manager,
    ) -> Result<Arc<Value>, ApiFailure> {
        applied["metadata"]["name"] = json!(key.name);
        let named = apply::fields(&applied, kind.openapi());
        let created = self.create(kind, &key.namespace, applied, writer)?;
        let mut object = (*created).clone();
        let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        apply::write_owners(&mut object, &Owners::from([(manager, named)]), &api_version, &time(writer.now));
        // Creation is one change: the one just logged carries the owners.
        let object = Arc::new(object);
        self.objects.insert(key.clone(), object.clone());
        if let Some(last) = self.log.last_mut() {
            last.after = Some(object.clone());
        }
        Ok(object)
    }

    /// Merge patch or JSON patch.
    pub fn patch(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        part: WrittenPart,
        change: Change<'_>,
        writer: &Writer,
    ) -> Result<Arc<Value>, ApiFailure> {
        let Change { version, content_type, body } = change;
        let old = self.get(kind, key)?;
        let served = kind.api_version(version);
        let mut new = dynamo::convert((*old).clone(), &served);
        match content_type.split(';').next().unwrap_or_default() {
            "application/merge-patch+json" => json_patch::merge(&mut new, body),
            "application/json-patch+json" => json_patch_as_served(&mut new, body)?,
            "application/strategic-merge-patch+json" if !kind.custom && !has_lists_of_objects(body) => {
                json_patch::merge(&mut new, body);
            }
            other => {
                let why = format!("the body of the request was in an unknown format: {other}");
                return Err(ApiFailure::new(415, "UnsupportedMediaType", why));
            }
        }
        remove_field(&mut new["metadata"], "managedFields");
        refuse_new_uid(kind, part, &old, &new)?;
        self.update(kind, key, part, new, writer, None)
    }

    /// Deletes an object, or marks it when something has to happen first.
    pub fn delete(
        &mut self,
        kind: &Kind,
        key: &ObjectKey,
        options: &DeleteOptions,
        now: Timestamp,
    ) -> Result<Arc<Value>, ApiFailure> {
        let old = self.get(kind, key)?;
        check_preconditions(kind, &old, options)?;
        let mut new = (*old).clone();
        set_propagation(kind, &mut new, options);
        let grace = grace_seconds(kind, &old, options);
        if finalizers(&new).is_empty() && grace == 0 && kind.kind != "Namespace" {
            return Ok(self.remove(key).unwrap_or(old));
        }
        if meta(&old, "deletionTimestamp").is_empty() {
            let end = now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(now);
            new["metadata"]["deletionTimestamp"] = json!(time(end));
            new["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            if let Some(generation) = old["metadata"]["generation"].as_i64() {
                new["metadata"]["generation"] = json!(generation + 1);
            }
        } else if old["metadata"]["deletionGracePeriodSeconds"].as_i64().is_some_and(|before| grace < before) {
            new["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
        if kind.kind == "Namespace" {
            new["status"]["phase"] = json!("Terminating");
        }
        Ok(if *old == new { old } else { self.put(key.clone(), new) })
    }
}

fn ready_to_go(object: &Value) -> bool {
    let marked = !meta(object, "deletionTimestamp").is_empty();
    marked && finalizers(object).is_empty() && object["metadata"]["deletionGracePeriodSeconds"].as_i64() == Some(0)
}

fn keep_identity(new: &mut Value, old: &Value) {
    for field in [
        "uid",
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "managedFields",
        "selfLink",
    ] {
        match old["metadata"].get(field) {
            Some(value) => new["metadata"][field] = value.clone(),
            None => remove_field(&mut new["metadata"], field),
        }
    }
}

/// A replacement must be of the same object, and every write of the version it names, if it names one.
fn check_identity(kind: &Kind, part: WrittenPart, old: &Value, new: &Value) -> Result<(), ApiFailure> {
    let (name, uid) = (meta(old, "name"), meta(new, "uid"));
    if part == WrittenPart::Main && !uid.is_empty() && uid != meta(old, "uid") {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", meta(old, "uid"));
        return Err(ApiFailure::conflict(kind, name, &why));
    }
    let version = meta(new, "resourceVersion");
    if !version.is_empty() && version != meta(old, "resourceVersion") {
        return Err(ApiFailure::modified(kind, name));
    }
    Ok(())
}

/// A patch cannot change the UID; in a patch of the status, metadata but the version goes unread.
fn refuse_new_uid(kind: &Kind, part: WrittenPart, old: &Value, patched: &Value) -> Result<(), ApiFailure> {
    let uid = meta(patched, "uid");
    if part == WrittenPart::Status || uid.is_empty() || uid == meta(old, "uid") {
        return Ok(());
    }
    let cause = format!("metadata.uid: Invalid value: {uid:?}: field is immutable");
    Err(ApiFailure::invalid(kind, meta(old, "name"), &[cause]))
}

fn keep_other_part(kind: &Kind, part: WrittenPart, old: &Value, new: &mut Value) {
    if !kind.status {
        return;
    }
    match part {
        WrittenPart::Main => match old.get("status") {
            Some(status) => new["status"] = status.clone(),
            None => remove_field(new, "status"),
        },
        WrittenPart::Status => {
            let status = new.get("status").cloned();
            *new = old.clone();
            match status {
                Some(status) => new["status"] = status,
                None => remove_field(new, "status"),
            }
        }
    }
}

fn refuse_new_finalizers(kind: &Kind, old: &Value, new: &Value) -> Result<(), ApiFailure> {
    let before = finalizers(old);
    let added: Vec<String> = finalizers(new).into_iter().filter(|f| !before.contains(f)).collect();
    if meta(old, "deletionTimestamp").is_empty() || added.is_empty() {
        return Ok(());
    }
    let cause = format!(
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
    );
    Err(ApiFailure::invalid(kind, meta(old, "name"), &[cause]))
}

fn spec_differs(old: &Value, new: &Value) -> bool {
    let spec = |object: &Value| {
        let mut object = object.clone();
        remove_field(&mut object, "metadata");
        remove_field(&mut object, "status");
        object
    };
    spec(old) != spec(new)
}

fn apply_conflict(conflicts: &[apply::Conflict]) -> ApiFailure {
    let list: Vec<String> = conflicts.iter().map(|c| format!("conflict with {:?}: {}", c.manager, c.field)).collect();
    let noun = if list.len() == 1 { "conflict" } else { "conflicts" };
    let mut failure =
        ApiFailure::new(409, "Conflict", format!("Apply failed with {} {noun}: {}", list.len(), list.join(", ")));
    failure.details = json!({"causes": conflicts.iter().map(|c| json!({
        "reason": "FieldManagerConflict", "message": format!("conflict with {:?}", c.manager), "field": c.field,
    })).collect::<Vec<_>>()});
    failure
}

/// JSON Patch as the server does it: a `test` for null holds where nothing is.
fn json_patch_as_served(object: &mut Value, body: &Value) -> Result<(), ApiFailure> {
    let refused = || ApiFailure::new(422, "Invalid", "the server rejected our request due to an error in our request");
    let operations = body.as_array().ok_or_else(|| ApiFailure::bad_request("a JSON patch is a list of operations"))?;
    let mut patched = object.clone();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let tests_for_null = operation["op"] == "test" && operation.get("value").is_none_or(Value::is_null);
        if tests_for_null && patched.pointer(path).is_none_or(Value::is_null) {
            continue;
        }
        let one: json_patch::Patch = serde_json::from_value(json!([operation]))
            .map_err(|error| ApiFailure::bad_request(format!("error decoding patch: {error}")))?;
        json_patch::patch(&mut patched, &one).map_err(|_| refused())?;
    }
    *object = patched;
    Ok(())
}

fn has_lists_of_objects(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(Value::is_object),
        Value::Object(map) => map.values().any(has_lists_of_objects),
        _ => false,
    }
}

fn check_preconditions(kind: &Kind, old: &Value, options: &DeleteOptions) -> Result<(), ApiFailure> {
    let Some(preconditions) = &options.preconditions else { return Ok(()) };
    let name = meta(old, "name");
    if let Some(uid) = preconditions.uid.as_deref().filter(|uid| *uid != meta(old, "uid")) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            meta(old, "uid")
        );
        return Err(ApiFailure::conflict(kind, name, &why));
    }
    if let Some(version) = preconditions.resource_version.as_deref().filter(|v| *v != meta(old, "resourceVersion")) {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The object might have been modified",
            meta(old, "resourceVersion")
        );
        return Err(ApiFailure::conflict(kind, name, &why));
    }
    Ok(())
}

fn set_propagation(kind: &Kind, object: &mut Value, options: &DeleteOptions) {
    const BY_POLICY: [&str; 2] = ["foregroundDeletion", "orphan"];
    let mut list = finalizers(object);
    let chosen = match options.propagation_policy.as_deref() {
        Some("Foreground") => Some("foregroundDeletion"),
        Some("Orphan") => Some("orphan"),
        Some(_) => None,
        None if list.iter().any(|f| BY_POLICY.contains(&f.as_str())) => return,
        // Jobs come from an age without garbage collection.
        None if kind.kind == "Job" => Some("orphan"),
        None => return,
    };
    list.retain(|f| !BY_POLICY.contains(&f.as_str()));
    list.extend(chosen.map(str::to_owned));
    if list.is_empty() {
        remove_field(&mut object["metadata"], "finalizers");
    } else {
        object["metadata"]["finalizers"] = json!(list);
    }
}

fn grace_seconds(kind: &Kind, pod: &Value, options: &DeleteOptions) -> i64 {
    let unscheduled = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    let ended = ["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default());
    if kind.kind != "Pod" || unscheduled || ended {
        return 0;
    }
    options.grace_period_seconds.or(pod["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30)
}
