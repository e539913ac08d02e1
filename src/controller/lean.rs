//! Objects as lists and watches show them, without their specs and without who wrote which field: however deeply those are
//! nested, what is left can be read. Whoever may create a DynamoGraphDeployment could hide all others otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of any kind with what decisions are made from: its metadata and its status.
#[derive(Clone, Debug)]
pub struct Lean(pub DynamicObject);

/// As it is sent. What is not named here is skipped, which has no limit on how deeply it is nested.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    status: Value,
}

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

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Sent { api_version, kind, metadata, status } = Sent::deserialize(deserializer)?;
        let types = api_version.zip(kind).map(|(api_version, kind)| TypeMeta { api_version, kind });
        Ok(Self(DynamicObject { types, metadata: metadata.into(), data: serde_json::json!({ "status": status }) }))
    }
}

impl Resource for Lean {
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
        &self.0.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0.metadata
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
        let [Lean(only)] = list.items.as_slice() else { panic!("{:?}", list.items) };
        assert_eq!((only.name_any().as_str(), only.labels()["x"].as_str()), ("a", "1"));
        assert_eq!(only.data, json!({"status": {"state": "failed"}}));
    }

    #[test]
    fn the_rest_of_the_metadata_is_kept() {
        let sent = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "generation": 2, "finalizers": ["f"],
            "creationTimestamp": "2026-03-02T09:00:00Z", "deletionTimestamp": "2026-03-02T10:00:00Z", "annotations": {"k": "v"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o", "controller": true}]}});
        let Lean(object) = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(json!(object)["metadata"], sent["metadata"]);
        assert_eq!(object.types.map(|types| types.kind).as_deref(), Some("Deployment"));
    }
}
