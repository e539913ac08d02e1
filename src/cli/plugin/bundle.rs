//! `kubectl bcmp bundle`: everything about a run in an archive, for somebody who is to help.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::{core::v1::Event, events};
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams};
use serde::Serialize;
use serde_json::{Value, json};

use super::Plugin;
use super::arguments::BundleArguments as Arguments;
use super::cluster::NamespaceClient;
use super::error::PluginError;
use super::objects::{FoundObjects, log_pod, objects};
use super::{logs, new_file, stored};
use crate::api::{BenchmarkComparison, KIND};
use crate::controller::error::Error;
use crate::controller::lists::pages;
use crate::inspect::bundle::Bundle;
use crate::inspect::logs::LogSource;
use crate::report::format::counted;

/// Lines of each log at most.
const LOG_LINES: i64 = 5000;
/// Bytes of each log at most.
const LOG_BYTES: i64 = 4 << 20;

/// Collects what can be read and writes the archive.
pub async fn bundle(plugin: &mut Plugin, arguments: &Arguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let object = cluster.object(&arguments.comparison).await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let name = comparison.name_any();
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}-r{number}-bundle.tar.gz")));
    // Values that were given when the run began may have been replaced since.
    let plan = stored::plan(&cluster, &comparison, number).await.ok();
    let mut bundle = Bundle::new(std::iter::once(&comparison.spec).chain(plan.as_ref().map(|plan| &plan.spec)));
    let mut document = json!(object);
    document["kind"] = json!(KIND);
    bundle.object("comparison.yaml", document);
    let found = objects(&cluster, &comparison, number).await?;
    found.hidden.iter().for_each(|why| bundle.missing(why.as_str()));
    add_objects(&mut bundle, &found);
    add_config_maps(&mut bundle, &cluster, &comparison, &found).await?;
    add_events(&mut bundle, &cluster, &comparison, &found).await?;
    add_logs(&mut bundle, &cluster, &found).await;
    let gaps = bundle.gaps().len();
    let about = format!(
        "Run {number} of comparison {name} in namespace {}, collected by kubectl-bcmp {} at {}.",
        cluster.namespace,
        env!("CARGO_PKG_VERSION"),
        plugin.now()
    );
    let files = bundle.finish(&about);
    write(&path, &format!("{name}-r{number}"), &files, plugin.now().as_second(), arguments.force)?;
    plugin.screen.document(&format!("wrote {} to {}\n", counted(files.len(), "file"), path.display()))?;
    if gaps > 0 {
        plugin.screen.note(&format!("README.txt in it lists {} that could not be read", counted(gaps, "thing")));
    }
    Ok(0)
}

fn add_objects(bundle: &mut Bundle, found: &FoundObjects) {
    for object in &found.objects {
        let kind = object.types.as_ref().map(|types| types.kind.to_lowercase()).unwrap_or_default();
        if kind != "configmap" {
            bundle.object(&format!("objects/{kind}-{}.yaml", object.name_any()), json!(object));
        }
    }
    for pod in &found.pods {
        bundle.object(&format!("pods/{}.yaml", pod.name_any()), named("v1", "Pod", pod));
    }
}

/// An object with its kind, which items of lists do not carry.
fn named(version: &str, kind: &str, object: &impl Serialize) -> Value {
    let mut value = json!(object);
    value["apiVersion"] = json!(version);
    value["kind"] = json!(kind);
    value
}

async fn add_config_maps(
    bundle: &mut Bundle,
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    found: &FoundObjects,
) -> Result<(), PluginError> {
    let is_map = |kind: &str| kind == "ConfigMap";
    for object in found.objects.iter().filter(|object| object.types.as_ref().is_some_and(|types| is_map(&types.kind))) {
        let name = object.name_any();
        let map: Option<ConfigMap> = cluster.config_map(comparison, &name).await?;
        if let Some(map) = map {
            bundle.object(&format!("configmaps/{name}.yaml"), named("v1", "ConfigMap", &map));
        }
    }
    Ok(())
}

/// Events about the comparison and its objects, in the order of their time.
async fn add_events(
    bundle: &mut Bundle,
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    found: &FoundObjects,
) -> Result<(), PluginError> {
    let mut about: Vec<String> = found.objects.iter().filter_map(ResourceExt::uid).collect();
    about.extend(found.pods.iter().filter_map(ResourceExt::uid));
    about.extend(comparison.uid());
    let mut all: BTreeMap<(String, String), Value> = BTreeMap::new();
    match listed::<Event>(cluster, "list events").await {
        Ok(events) => events.into_iter().for_each(|event| {
            if event.involved_object.uid.as_ref().is_some_and(|uid| about.contains(uid)) {
                let time = event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
                all.insert((time.unwrap_or_default(), event.name_any()), json!(event));
            }
        }),
        Err(error) if error.is_forbidden() => bundle.missing(PluginError::from(error).message),
        Err(error) => return Err(error.into()),
    }
    // The same events in their newer form; a server shows each in both.
    if let Ok(events) = listed::<events::v1::Event>(cluster, "list events").await {
        for event in events {
            if event.regarding.as_ref().and_then(|of| of.uid.as_ref()).is_some_and(|uid| about.contains(uid)) {
                let time = event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
                all.entry((time.unwrap_or_default(), event.name_any())).or_insert_with(|| json!(event));
            }
        }
    }
    let items: Vec<Value> = all.into_values().collect();
    bundle.object("events.yaml", json!({"apiVersion": "v1", "kind": "List", "items": items}));
    Ok(())
}

async fn listed<K>(cluster: &NamespaceClient, what: &str) -> Result<Vec<K>, Error>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let api = &api;
    pages(what, &ListParams::default(), |page| async move { api.list(&page).await }).await
}

async fn add_logs(bundle: &mut Bundle, cluster: &NamespaceClient, found: &FoundObjects) {
    let parameters = |container: &str| LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(LOG_LINES),
        limit_bytes: Some(LOG_BYTES),
        ..LogParams::default()
    };
    for pod in found.pods.iter().map(log_pod) {
        for container in &pod.containers {
            let source = LogSource { pod: pod.name.clone(), container: container.clone(), title: String::new() };
            match logs::text(cluster, &source, &parameters(container)).await {
                Ok(text) => bundle.text(&format!("logs/{}/{container}.log", pod.name), &text),
                Err(error) => bundle.missing(error.message),
            }
        }
    }
}

/// Writes the archive.
fn write(
    path: &Path,
    directory: &str,
    files: &BTreeMap<String, String>,
    time: i64,
    force: bool,
) -> Result<(), PluginError> {
    let (file, failed) = (new_file::create(path, force)?, new_file::failed(path));
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(time).unwrap_or(0));
        archive.append_data(&mut header, format!("{directory}/{name}"), content.as_bytes()).map_err(&failed)?;
    }
    archive.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
    Ok(())
}
