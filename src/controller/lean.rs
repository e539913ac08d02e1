//! Objects as lists and watches show them, with what is asked of their specs and status, and without who wrote which field:
//! however deeply the rest is nested, what is left can be read. Whoever may create a DynamoGraphDeployment could hide all
//! others otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// An object of any kind with its metadata, and of its spec and status what `S` and `T` name.
pub struct Sparse<S, T>(pub DynamicObject, PhantomData<fn() -> (S, T)>);

// Derived, they would ask the same of what is not kept.
impl<S, T> Clone for Sparse<S, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<S, T> Debug for Sparse<S, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An object with its metadata and its status.
pub type Lean = Sparse<Nothing, Value>;

/// No field is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Nothing {}

/// As it is sent. What is not named here is skipped, which has no limit on how deeply it is nested.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "S: DeserializeOwned + Default, T: DeserializeOwned + Default")]
struct Sent<S, T> {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: S,
    #[serde(default)]
    status: T,
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

impl<'de, S, T> Deserialize<'de> for Sparse<S, T>
where
    S: DeserializeOwned + Serialize + Default,
    T: DeserializeOwned + Serialize + Default,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Sent::<S, T> { api_version, kind, metadata, spec, status } = Sent::deserialize(deserializer)?;
        let types = api_version.zip(kind).map(|(api_version, kind)| TypeMeta { api_version, kind });
        let data = serde_json::json!({ "spec": spec, "status": status });
        Ok(Self(DynamicObject { types, metadata: metadata.into(), data }, PhantomData))
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
        let [Sparse(only, _)] = list.items.as_slice() else { panic!("{:?}", list.items) };
        assert_eq!((only.name_any().as_str(), only.labels()["x"].as_str()), ("a", "1"));
        assert_eq!(only.data, json!({"spec": {}, "status": {"state": "failed"}}));
    }

    #[test]
    fn the_rest_of_the_metadata_is_kept() {
        let sent = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "generation": 2, "finalizers": ["f"],
            "creationTimestamp": "2026-03-02T09:00:00Z", "deletionTimestamp": "2026-03-02T10:00:00Z", "annotations": {"k": "v"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o", "controller": true}]}});
        let Sparse(object, _): Lean = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(json!(object)["metadata"], sent["metadata"]);
        assert_eq!(object.types.map(|types| types.kind).as_deref(), Some("Deployment"));
    }
}
