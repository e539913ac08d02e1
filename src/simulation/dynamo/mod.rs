//! Dynamo's API as far as its operator's neighbours see it. Shared by the actor that plays the operator in memory and
//! by the stand-in for real clusters; nothing here knows of either.

mod admission;
mod children;
mod faults;
mod versions;

pub use admission::refusal;
pub use children::{Environment, child_name, children, grandchildren, left_behind};
pub use faults::{Readiness, annotated};
pub use versions::{convert, to_beta};

mod status;
pub use status::{GraphStatus, status};

use serde_json::{Value, json};

pub use crate::dynamo::FINALIZER;

/// Between a graph and the Deployments of its pods.
pub const COMPONENT_KIND: &str = "DynamoComponentDeployment";
/// Their resource.
pub const COMPONENTS: &str = "dynamocomponentdeployments.nvidia.com";

/// A CustomResourceDefinition of DynamoGraphDeployments without a schema, serving these versions; the first is stored.
pub fn crd(versions: &[&str]) -> Value {
    definition(crate::dynamo::KIND, "dgd", versions)
}

/// The same of the components into which Dynamo's operator takes graphs apart.
pub fn component_crd() -> Value {
    definition(COMPONENT_KIND, "dcd", &["v1beta1"])
}

fn definition(kind: &str, short: &str, versions: &[&str]) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({"name": name, "served": true, "storage": index == 0, "subresources": {"status": {}},
                   "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.nvidia.com")},
        "spec": {
            "group": "nvidia.com", "scope": "Namespaced", "versions": versions,
            "names": {"kind": kind, "plural": plural, "shortNames": [short]},
        },
    })
}

/// Text of a field, or empty.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// Items of a list, or none.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}
