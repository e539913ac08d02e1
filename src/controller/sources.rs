//! What variants refer to: manifests in a ConfigMap or generated for a DynamoGraphDeploymentRequest, and claims in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

use super::call::optional;
use super::error::Error;
use super::kinds::graph_request;
use super::lean::Lean;
use crate::api::{BenchmarkComparisonSpec, Manifests};
use crate::lifecycle::world::Sources;
use crate::pointer::text;
use crate::prediction::predictors::is_needed;

/// Reads what a spec refers to. `graph_version` is the version in which DynamoGraphDeployments are served.
///
/// # Errors
/// A call that fails. What does not exist is not an error.
pub async fn sources(
    client: &Client,
    namespace: &str,
    spec: &BenchmarkComparisonSpec,
    graph_version: Option<&str>,
) -> Result<Sources, Error> {
    let mut sources = Sources::default();
    for variant in &spec.variants {
        let of_variant = |problem: String| format!("variant {}: {problem}", variant.name);
        if let Some(given) = &variant.source.manifests
            && let Some(text) = manifests(client, namespace, given, graph_version).await?
        {
            sources.manifests.insert(variant.name.clone(), text.map_err(of_variant));
        }
        if let Some(claim) = &variant.claim {
            let name = &claim.config_map_name;
            let files = of_claim(config_map(client, namespace, name).await?, name);
            sources.claims.insert(variant.name.clone(), files.map_err(of_variant));
        }
    }
    Ok(sources)
}

/// The manifests that a variant refers to, or what is missing; `None` where they are in the spec.
async fn manifests(
    client: &Client,
    namespace: &str,
    manifests: &Manifests,
    graph_version: Option<&str>,
) -> Result<Option<Result<String, String>>, Error> {
    if let Some(name) = &manifests.config_map_name {
        let map = config_map(client, namespace, name).await?;
        return Ok(Some(of_map(map, name, manifests.key.as_deref())));
    }
    let Some(name) = &manifests.request_name else { return Ok(None) };
    let Some(version) = graph_version else {
        return Ok(Some(Err("the cluster serves no DynamoGraphDeployment: install Dynamo's operator".to_owned())));
    };
    let requests: Api<Lean> = Api::namespaced_with(client.clone(), namespace, &graph_request(version));
    let call = format!("get DynamoGraphDeploymentRequest {name}");
    match optional(call, requests.get(name)).await {
        Ok(found) => Ok(Some(of_request(found.map(|request| DynamicObject::from(request).data), name))),
        // One that is nested too deeply, for example, is what is wrong with the variant, and not with the API server.
        Err(error) if error.is_of_content() => {
            Ok(Some(Err(format!("DynamoGraphDeploymentRequest {name} cannot be read: create another one"))))
        }
        Err(error) => Err(error),
    }
}

async fn config_map(client: &Client, namespace: &str, name: &str) -> Result<Option<ConfigMap>, Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    optional(format!("get ConfigMap {name}"), maps.get(name)).await
}

/// The files of a claim in a ConfigMap, as far as a predictor needs them, or why there are none.
///
/// # Errors
/// The ConfigMap does not exist, or holds no file of a predictor.
pub fn of_claim(map: Option<ConfigMap>, name: &str) -> Result<BTreeMap<String, String>, String> {
    let place = format!("ConfigMap {name}");
    let how = format!("kubectl create configmap {name} --from-file=DIRECTORY");
    let data = map.ok_or_else(|| format!("{place} does not exist; create it: {how}"))?.data.unwrap_or_default();
    let files: BTreeMap<String, String> = data.into_iter().filter(|(file, _)| is_needed(file)).collect();
    if files.is_empty() {
        return Err(format!("{place} holds no file of a predictor; create it from the predictor's directory: {how}"));
    }
    Ok(files)
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
