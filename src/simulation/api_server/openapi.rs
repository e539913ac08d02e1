//! OpenAPI documents, as `kubectl explain` reads them, and `kubectl apply` to find out who checks fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// The document at a path, if there is one.
pub fn document(kinds: &[Kind], path: &str) -> Option<Value> {
    let rest = path.strip_prefix("/openapi/v3")?.trim_matches('/');
    if rest.is_empty() {
        let places: BTreeSet<String> = kinds.iter().flat_map(places).collect();
        let paths: Map<String, Value> = places
            .into_iter()
            .map(|place| (place.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{place}")})))
            .collect();
        return Some(json!({"paths": paths}));
    }
    let served = |kind: &&Kind| places(kind).any(|place| place == rest);
    let found: Vec<&Kind> = kinds.iter().filter(served).collect();
    let version = rest.rsplit('/').next()?;
    (!found.is_empty()).then(|| of_version(&found, version, rest))
}

/// `api/v1`, `apis/batch/v1`: one for each version.
fn places(kind: &Kind) -> impl Iterator<Item = String> {
    kind.versions.iter().map(|version| {
        let root = if kind.group.is_empty() { "api" } else { "apis" };
        format!("{root}/{}", kind.api_version(version))
    })
}

fn of_version(kinds: &[&Kind], version: &str, place: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for kind in kinds {
        let of = json!({"group": kind.group, "version": version, "kind": kind.kind});
        let collection = match kind.namespaced {
            true => format!("/{place}/namespaces/{{namespace}}/{}", kind.plural),
            false => format!("/{place}/{}", kind.plural),
        };
        let parameters = json!([{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]);
        let operation = |action: &str| {
            json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": of, "parameters": parameters,
                   "responses": {"200": {"description": "OK"}}})
        };
        paths.insert(format!("{collection}/{{name}}"), json!({"get": operation("get"), "patch": operation("patch")}));
        paths.insert(collection, json!({"get": operation("list"), "post": operation("post")}));
        let mut schema = kind.openapi().cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        for field in ["apiVersion", "kind"] {
            schema["properties"][field]["type"] = json!("string");
        }
        schema["properties"]["metadata"]["type"] = json!("object");
        schema["x-kubernetes-group-version-kind"] = json!([of]);
        schemas.insert(format!("{}.{version}.{}", kind.group, kind.kind), schema);
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.34.0"}, "paths": paths,
        "components": {"schemas": schemas},
    })
}

#[cfg(test)]
mod tests {
    use super::super::kinds::{built_in, custom};
    use super::*;

    #[test]
    fn every_version_has_a_document_with_its_kinds() {
        let mut kinds = built_in();
        kinds.push(custom(&serde_json::to_value(crate::api::crd::crd()).unwrap()));
        let index = document(&kinds, "/openapi/v3").unwrap();
        for entry in index["paths"].as_object().unwrap().values() {
            assert!(document(&kinds, entry["serverRelativeURL"].as_str().unwrap()).is_some(), "{entry}");
        }
        let own = document(&kinds, "/openapi/v3/apis/bcmp.dev/v1alpha1").unwrap();
        let schema = &own["components"]["schemas"]["bcmp.dev.v1alpha1.BenchmarkComparison"];
        assert!(schema["properties"]["spec"]["properties"]["workload"].is_object());
        assert!(own["paths"]["/apis/bcmp.dev/v1alpha1/namespaces/{namespace}/benchmarkcomparisons"]["get"].is_object());
        assert_eq!(document(&kinds, "/openapi/v3/apis/nobody.dev/v1"), None);
        assert_eq!(document(&kinds, "/openapi/v2"), None);
    }
}
