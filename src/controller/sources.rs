//! Manifests that variants refer to: in a ConfigMap, or generated for a DynamoGraphDeploymentRequest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

use super::call::optional;
use super::error::Error;
use super::kinds::graph_request;
use crate::api::BenchmarkComparisonSpec;
use crate::pointer::text;

/// Variant → its manifests as YAML documents, or what is missing and what to do.
pub type Sources = BTreeMap<String, Result<String, String>>;

/// Reads what a spec refers to. `graph_version` is the version in which DynamoGraphDeployments are served.
///
/// # Errors
/// A call that fails. What does not exist is no error.
pub async fn sources(
    client: &Client,
    namespace: &str,
    spec: &BenchmarkComparisonSpec,
    graph_version: Option<&str>,
) -> Result<Sources, Error> {
    let mut sources = Sources::new();
    for variant in &spec.variants {
        let Some(manifests) = &variant.source.manifests else { continue };
        let text = if let Some(name) = &manifests.config_map_name {
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let map = optional(format!("get ConfigMap {name}"), maps.get(name)).await?;
            of_map(map, name, manifests.key.as_deref())
        } else if let (Some(name), Some(version)) = (&manifests.request_name, graph_version) {
            let requests: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &graph_request(version));
            let call = format!("get DynamoGraphDeploymentRequest {name}");
            of_request(optional(call, requests.get(name)).await?.map(|request| request.data), name)
        } else if manifests.request_name.is_some() {
            Err("the cluster serves no DynamoGraphDeployment: install Dynamo's operator".to_owned())
        } else {
            continue;
        };
        let text = text.map_err(|problem| format!("variant {}: {problem}", variant.name));
        sources.insert(variant.name.clone(), text);
    }
    Ok(sources)
}

/// The manifests in a ConfigMap, or why there are none.
///
/// # Errors
/// The ConfigMap or the key does not exist, or no key is named and there are several.
pub fn of_map(map: Option<ConfigMap>, name: &str, key: Option<&str>) -> Result<String, String> {
    let place = format!("ConfigMap {name}");
    let data = map.ok_or_else(|| format!("{place} does not exist; create it"))?.data.unwrap_or_default();
    match key {
        Some(key) => data.get(key).cloned().ok_or_else(|| {
            format!(
                "{place} has no key {key}, only {}; correct source.manifests.key",
                data.keys().cloned().collect::<Vec<_>>().join(", ")
            )
        }),
        None if data.len() == 1 => Ok(data.into_values().next().unwrap_or_default()),
        None => Err(format!("{place} has {} keys; name one in source.manifests.key", data.len())),
    }
}

/// The graph that was generated for a request: v1beta1 has it among the results of profiling.
fn of_request(request: Option<Value>, name: &str) -> Result<String, String> {
    let place = format!("DynamoGraphDeploymentRequest {name}");
    let request = request.ok_or_else(|| format!("{place} does not exist; create it"))?;
    let generated = ["/status/profilingResults/selectedConfig", "/status/generatedDeployment"];
    if let Some(graph) = generated.iter().find_map(|pointer| request.pointer(pointer)).filter(|graph| graph.is_object())
    {
        // JSON is YAML.
        return Ok(graph.to_string());
    }
    let phase = ["/status/phase", "/status/state"].iter().find_map(|pointer| text(&request, pointer));
    Err(match phase {
        Some("Failed") => format!("{place} failed and has no graph: read its conditions, and create another one"),
        phase => format!("waits for the graph of {place}, which is {}", phase.unwrap_or("not looked at yet")),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::beta(json!({"status": {"phase": "Ready", "profilingResults": {"selectedConfig": {"kind": "DynamoGraphDeployment"}}}}))]
    #[case::alpha(json!({"status": {"state": "Ready", "generatedDeployment": {"kind": "DynamoGraphDeployment"}}}))]
    fn a_request_holds_its_graph(#[case] request: Value) {
        assert_eq!(of_request(Some(request), "r").unwrap(), r#"{"kind":"DynamoGraphDeployment"}"#);
    }

    #[rstest]
    #[case::absent(None, "DynamoGraphDeploymentRequest r does not exist; create it")]
    #[case::new(Some(json!({})), "waits for the graph of DynamoGraphDeploymentRequest r, which is not looked at yet")]
    #[case::under_way(Some(json!({"status": {"phase": "Profiling"}})), "waits for the graph of DynamoGraphDeploymentRequest r, which is Profiling")]
    #[case::failed(Some(json!({"status": {"phase": "Failed"}})), "DynamoGraphDeploymentRequest r failed and has no graph: read its conditions, and create another one")]
    fn what_is_missing_is_said(#[case] request: Option<Value>, #[case] expected: &str) {
        assert_eq!(of_request(request, "r"), Err(expected.to_owned()));
    }
}
