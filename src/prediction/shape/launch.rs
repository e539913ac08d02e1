//! What the containers of a variant start, and the files they find in ConfigMaps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::ShapeError;
use crate::dynamo::{NotWhole, PodSet};
use crate::pointer::{elements, path, text};

/// Which part of a request a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Both,
    Prefill,
    Decode,
}

/// A container that may start an engine, with the replicas of its pods.
#[derive(Debug)]
pub(super) struct Launch {
    /// Kind and name of the object, for messages.
    pub object: String,
    /// Path of the component in the object.
    pub field: String,
    pub work: Duty,
    pub replicas: u32,
    pub image: Option<String>,
    /// Command and arguments.
    pub command: Vec<String>,
    /// Path in the container → content, of mounted ConfigMaps.
    pub files: BTreeMap<String, String>,
    /// Variables; those without a value here get one at run time.
    pub environment: BTreeMap<String, Option<String>>,
}

/// One entry per container, in the order of the objects: a pod may hold helpers beside the engine.
pub(super) fn launches(objects: &[Value]) -> Result<Vec<Launch>, ShapeError> {
    let config_maps = config_maps(objects);
    let mut launches = vec![];
    for object in objects {
        for pods in PodSet::of(object).into_iter().filter(|pods| pods.leads(object)) {
            launches.extend(read(object, &pods, &config_maps)?);
        }
    }
    Ok(launches)
}

fn read(object: &Value, pods: &PodSet, config_maps: &ConfigMaps<'_>) -> Result<Vec<Launch>, ShapeError> {
    let kind = text(object, "/kind").unwrap_or_default();
    let name = format!("{kind} {}", text(object, "/metadata/name").unwrap_or("without a name"));
    let not_whole = |field: String, found: &dyn std::fmt::Display| ShapeError::Field {
        object: name.clone(),
        field,
        problem: format!("{found} is not a whole number"),
    };
    let replicas = pods.replicas(object).map_err(|NotWhole { field, found }| not_whole(field, &found))?;
    let replicas =
        u32::try_from(replicas).map_err(|_| not_whole(format!("{}.replicas", path(pods.component())), &replicas))?;
    if replicas == 0 {
        return Ok(vec![]);
    }
    let work = match pods.worker_role(object) {
        Some("prefill") => Duty::Prefill,
        Some("decode") => Duty::Decode,
        _ => Duty::Both,
    };
    let launch = |container: String| Launch {
        object: name.clone(),
        field: path(pods.component()),
        work,
        replicas,
        image: text(object, &format!("{container}/image")).map(str::to_owned),
        command: ["command", "args"].iter().flat_map(|list| strings(object, &format!("{container}/{list}"))).collect(),
        files: mounted(object, pods, &container, config_maps),
        environment: environment(object, pods, &container, config_maps),
    };
    Ok(pods.candidates(object).into_iter().map(launch).collect())
}

/// Variables with their values, where the manifests hold them.
fn environment(
    object: &Value,
    pods: &PodSet,
    container: &str,
    config_maps: &ConfigMaps<'_>,
) -> BTreeMap<String, Option<String>> {
    let of_map = |source: &Value| config_maps.get(text(source, "/name")?);
    let from = elements(object, &format!("{container}/envFrom"));
    let whole_maps = from.iter().filter_map(|source| {
        let prefix = text(source, "/prefix").unwrap_or_default();
        Some(
            of_map(source.get("configMapRef")?)?
                .iter()
                .map(move |(key, value)| (format!("{prefix}{key}"), Some((*value).to_owned()))),
        )
    });
    let value = |entry: &Value| {
        let of_key = || {
            let source = entry.pointer("/valueFrom/configMapKeyRef")?;
            of_map(source)?.get(text(source, "/key")?).copied()
        };
        text(entry, "/value").or_else(of_key).map(str::to_owned)
    };
    let shared = pods.environment().map_or(&[][..], |shared| elements(object, &shared));
    let single = shared.iter().chain(elements(object, &format!("{container}/env")));
    let single = single.filter_map(|entry| Some((text(entry, "/name")?.to_owned(), value(entry))));
    whole_maps.flatten().chain(single).collect()
}

type ConfigMaps<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

fn config_maps(objects: &[Value]) -> ConfigMaps<'_> {
    let maps = objects.iter().filter(|object| text(object, "/kind") == Some("ConfigMap"));
    maps.filter_map(|object| {
        let data = object.get("data").and_then(Value::as_object)?;
        let data = data.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        Some((text(object, "/metadata/name")?, data))
    })
    .collect()
}

/// Files of the ConfigMaps among the manifests, where the container finds them.
fn mounted(object: &Value, pods: &PodSet, container: &str, config_maps: &ConfigMaps<'_>) -> BTreeMap<String, String> {
    let volumes = elements(object, &format!("{}/volumes", pods.spec()));
    let mut files = BTreeMap::new();
    for mount in elements(object, &format!("{container}/volumeMounts")) {
        let Some((name, path)) = text(mount, "/name").zip(text(mount, "/mountPath")) else { continue };
        let volume = volumes.iter().find(|volume| text(volume, "/name") == Some(name));
        let Some(source) = volume.and_then(|volume| volume.get("configMap")) else { continue };
        let Some(data) = text(source, "/name").and_then(|name| config_maps.get(name)) else { continue };
        let items = elements(source, "/items");
        let paths: Vec<(&str, &str)> = if items.is_empty() {
            data.keys().map(|key| (*key, *key)).collect()
        } else {
            items.iter().filter_map(|item| text(item, "/key").zip(text(item, "/path"))).collect()
        };
        for (key, below) in paths {
            let Some(content) = data.get(key) else { continue };
            let place = match text(mount, "/subPath") {
                Some(sub) if sub == below => path.to_owned(),
                Some(_) => continue,
                None => format!("{}/{below}", path.trim_end_matches('/')),
            };
            files.insert(place, (*content).to_owned());
        }
    }
    files
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    elements(value, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
