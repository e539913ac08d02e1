//! Objects as lists and watches show them, with what is asked of their specs and status, and without who wrote which field:
//! however deeply the rest is nested, what is left can be read. Whoever may create a DynamoGraphDeployment could hide all
//! others otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of any kind with its metadata, and of its spec and status what `S` and `T` name. What is not named is skipped,
/// which has no limit on how deeply it is nested.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound = "S: DeserializeOwned + Default, T: DeserializeOwned + Default")]
pub struct Sparse<S, T> {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default, deserialize_with = "metadata")]
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    pub spec: S,
    #[serde(default, deserialize_with = "or_default")]
    pub status: T,
}

/// An object with its metadata and its status.
pub type Lean = Sparse<Nothing, Value>;

/// No field is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Nothing {}

/// A field that is there and null is as good as absent: Go writes an empty list so.
pub fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    Metadata::deserialize(deserializer).map(ObjectMeta::from)
}

/// Without who wrote which field.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    finalizers: Option<Vec<String>>,
}

impl From<Metadata> for ObjectMeta {
    fn from(sent: Metadata) -> Self {
        Self {
            name: sent.name,
            namespace: sent.namespace,
            uid: sent.uid,
            resource_version: sent.resource_version,
            generation: sent.generation,
            creation_timestamp: sent.creation_timestamp,
            deletion_timestamp: sent.deletion_timestamp,
            labels: sent.labels,
            annotations: sent.annotations,
            owner_references: sent.owner_references,
            finalizers: sent.finalizers,
            ..Self::default()
        }
    }
}

impl From<Lean> for DynamicObject {
    fn from(lean: Lean) -> Self {
        let types = lean.api_version.zip(lean.kind).map(|(api_version, kind)| TypeMeta { api_version, kind });
        Self { types, metadata: lean.metadata, data: serde_json::json!({ "status": lean.status }) }
    }
}

impl<S, T> Resource for Sparse<S, T> {
    type DynamicType = ApiResource;
    type Scope = <DynamicObject as Resource>::Scope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(resource)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(resource)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(resource)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(resource)
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::api_version(resource)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kube::ResourceExt;
    use kube::core::ObjectList;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_nested_without_a_limit_is_skipped() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
        let text = format!(
            r#"{{"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeploymentList", "metadata": {{"resourceVersion": "7"}}, "items": [
                {{"metadata": {{"name": "a", "labels": {{"x": "1"}}, "managedFields": [{{"fieldsV1": {deep}}}]}}, "spec": {deep},
                  "status": {{"state": "failed"}}}}]}}"#
        );
        let list: ObjectList<Lean> = serde_json::from_str(&text).unwrap();
        let [only] = list.items.as_slice() else { panic!("{:?}", list.items) };
        assert_eq!((only.name_any().as_str(), only.labels()["x"].as_str()), ("a", "1"));
        assert_eq!(only.status, json!({"state": "failed"}));
    }

    #[test]
    fn the_rest_of_the_metadata_is_kept() {
        let sent = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "generation": 2, "finalizers": ["f"],
            "creationTimestamp": "2026-03-02T09:00:00Z", "deletionTimestamp": "2026-03-02T10:00:00Z", "annotations": {"k": "v"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o", "controller": true}]}});
        let lean: Lean = serde_json::from_value(sent.clone()).unwrap();
        let object = DynamicObject::from(lean);
        assert_eq!(json!(object)["metadata"], sent["metadata"]);
        assert_eq!(object.types.map(|types| types.kind).as_deref(), Some("Deployment"));
    }
}
