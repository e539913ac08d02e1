//! The CustomResourceDefinition as it is installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

use super::BenchmarkComparison;
use super::codes::LONGEST_REASON;
use super::conditions::LONGEST_MESSAGE;

/// How Kubernetes writes the reason of a condition.
const REASON_PATTERN: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// The largest integer that every JSON reader keeps exact.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// The CRD, with what the derived schema cannot express: a default for `status`, since a new object must not read as
/// already observed, else kstatus and `kubectl wait` take it for current before the operator has looked at it; and limits
/// of the texts in conditions, whose type is Kubernetes' own.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = BenchmarkComparison::crd();
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        each(root, &write_counts_as_int32);
        each(root, &keep_defaults);
        if let Some(status) = status_schema(root) {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
            limit_conditions(status);
        }
    }
    crd
}

/// Kubernetes knows the formats `int32` and `int64` only. The bounds are written down too, as not everything that serves
/// a schema derives them from the format: what is accepted must be readable.
fn write_counts_as_int32(schema: &mut JSONSchemaProps) {
    if schema.format.as_deref() == Some("uint32") {
        schema.format = Some("int32".into());
    }
    let bounds = match schema.format.as_deref() {
        Some("int32") => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
        Some("int64") => Some((-EXACT, EXACT)),
        _ => None,
    };
    if let Some((least, most)) = bounds {
        schema.minimum.get_or_insert(least);
        schema.maximum.get_or_insert(most);
    }
}

/// Of a null that a schema allows, no API server makes the default, and the field could not be read. Such a schema comes of each
/// number that may also be text and is not required.
fn keep_defaults(schema: &mut JSONSchemaProps) {
    if schema.x_kubernetes_int_or_string == Some(true) && schema.default.is_some() {
        schema.nullable = None;
    }
}

/// A schema and all below it.
fn each(schema: &mut JSONSchemaProps, change: &impl Fn(&mut JSONSchemaProps)) {
    change(schema);
    schema.properties.iter_mut().flatten().for_each(|(_, property)| each(property, change));
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => each(items, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|items| each(items, change)),
        None => {}
    }
}

fn limit_conditions(status: &mut JSONSchemaProps) {
    let conditions = status.properties.as_mut().and_then(|fields| fields.get_mut("conditions"));
    let Some(JSONSchemaPropsOrArray::Schema(condition)) = conditions.and_then(|list| list.items.as_mut()) else {
        return;
    };
    for (name, field) in condition.properties.iter_mut().flatten() {
        match name.as_str() {
            "message" => field.max_length = i64::try_from(LONGEST_MESSAGE).ok(),
            "reason" => {
                field.max_length = i64::try_from(LONGEST_REASON).ok();
                field.min_length = Some(1);
                field.pattern = Some(REASON_PATTERN.into());
            }
            _ => {}
        }
    }
}

fn status_schema(root: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    root.properties.as_mut()?.get_mut("status")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_object_does_not_read_as_observed() {
        let crd = serde_json::to_value(crd()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert_eq!(schema["properties"]["status"]["default"], serde_json::json!({"observedGeneration": -1}));
        assert_eq!(schema["properties"]["status"]["properties"]["observedGeneration"]["type"], "integer");
    }

    /// A status with a smaller number could not be read, and would keep the operator from reading any other.
    #[test]
    fn no_count_is_negative() {
        fn counts<'a>(schema: &'a serde_json::Value, found: &mut Vec<&'a serde_json::Value>) {
            if schema["type"] == "integer" && schema["format"] != "int64" {
                found.push(schema);
            }
            let fields = schema["properties"].as_object().into_iter().flat_map(serde_json::Map::values);
            fields.chain(schema.get("items")).for_each(|inner| counts(inner, found));
        }
        let crd = serde_json::to_value(crd()).unwrap();
        let mut found = vec![];
        counts(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut found);
        assert!(found.len() > 40, "too few to be true: {}", found.len());
        for count in found {
            assert!(count["format"] == "int32" && count["minimum"].as_f64() >= Some(0.0), "{count}");
        }
    }

    #[test]
    fn texts_of_conditions_have_a_limit() {
        let crd = serde_json::to_value(crd()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let condition = &schema["properties"]["status"]["properties"]["conditions"]["items"]["properties"];
        assert_eq!((&condition["message"]["maxLength"], &condition["reason"]["maxLength"]), (&1024.into(), &64.into()));
        assert_eq!(condition["reason"]["pattern"], REASON_PATTERN);
    }
}
