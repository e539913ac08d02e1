//! The components of a variant: what runs in each, and the files they find in ConfigMaps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ShapeError;

/// What a component does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Worker,
    Prefill,
    Decode,
}

/// Pods that are alike, by the container that serves.
#[derive(Debug)]
pub(super) struct Component {
    /// Kind and name of the object.
    pub object: String,
    /// Where in it the component is.
    pub field: String,
    pub role: Role,
    pub replicas: u32,
    pub image: Option<String>,
    /// Command and arguments.
    pub command: Vec<String>,
    /// Path in the container → content, of mounted ConfigMaps.
    pub files: BTreeMap<String, String>,
    /// Variables with a fixed value.
    pub environment: BTreeMap<String, String>,
}

/// Where an API version keeps things, as JSON pointers below a component.
struct Layout {
    role: [&'static str; 2],
    pod: &'static str,
    main: &'static str,
    environment: &'static str,
}

const ALPHA: Layout = Layout {
    role: ["/subComponentType", "/componentType"],
    pod: "/extraPodSpec",
    main: "/extraPodSpec/mainContainer",
    environment: "/envs",
};
const BETA: Layout = Layout { role: ["/type", "/type"], pod: "/podTemplate/spec", main: "", environment: "" };
const DEPLOYMENT: Layout = Layout { role: ["", ""], pod: "/spec/template/spec", main: "", environment: "" };

/// All components of the objects, in their order.
pub(super) fn components(objects: &[Value]) -> Result<Vec<Component>, ShapeError> {
    let config_maps = config_maps(objects);
    let mut components = vec![];
    for object in objects {
        let name = text(object, "/metadata/name").unwrap_or("without a name");
        let kind = text(object, "/kind").unwrap_or_default();
        let object_name = format!("{kind} {name}");
        let mut add = |value: &Value, field: String, layout: &Layout| -> Result<(), ShapeError> {
            components.extend(read(value, &object_name, &field, layout, &config_maps)?);
            Ok(())
        };
        match kind {
            "DynamoGraphDeployment" => {
                for (name, service) in object.pointer("/spec/services").and_then(Value::as_object).into_iter().flatten()
                {
                    add(service, format!("spec.services.{name}"), &ALPHA)?;
                }
                for (index, component) in list(object, "/spec/components").iter().enumerate() {
                    add(component, format!("spec.components[{index}]"), &BETA)?;
                }
            }
            "Deployment" => add(object, "spec".into(), &DEPLOYMENT)?,
            _ => {}
        }
    }
    Ok(components)
}

/// One component per container: a pod may hold helpers beside the engine.
fn read(
    value: &Value,
    object: &str,
    field: &str,
    layout: &Layout,
    config_maps: &ConfigMaps<'_>,
) -> Result<Vec<Component>, ShapeError> {
    let at = if layout.pod.starts_with("/spec") { "/spec/replicas" } else { "/replicas" };
    let replicas = match value.pointer(at) {
        None | Some(Value::Null) => 1,
        Some(found) => found.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| ShapeError::Field {
            object: object.to_owned(),
            field: format!("{field}.replicas"),
            problem: format!("{found} is not a whole number"),
        })?,
    };
    if replicas == 0 {
        return Ok(vec![]);
    }
    let main = value.pointer(layout.main).filter(|_| !layout.main.is_empty());
    let containers: Vec<&Value> = match main {
        Some(main) => vec![main],
        None => list(value, &format!("{}/containers", layout.pod)).iter().collect(),
    };
    let role = layout.role.iter().filter(|at| !at.is_empty()).find_map(|at| text(value, at));
    Ok(containers
        .into_iter()
        .map(|container| Component {
            object: object.to_owned(),
            field: field.to_owned(),
            role: match role {
                Some("prefill") => Role::Prefill,
                Some("decode") => Role::Decode,
                _ => Role::Worker,
            },
            replicas,
            image: text(container, "/image").map(str::to_owned),
            command: ["/command", "/args"].iter().flat_map(|at| strings(container, at)).collect(),
            files: mounted(value, container, layout, config_maps),
            environment: environment(value, container, layout),
        })
        .collect())
}

fn environment(value: &Value, container: &Value, layout: &Layout) -> BTreeMap<String, String> {
    let shared = if layout.environment.is_empty() { &[] } else { list(value, layout.environment) };
    let all = shared.iter().chain(list(container, "/env"));
    all.filter_map(|entry| Some((text(entry, "/name")?.to_owned(), text(entry, "/value")?.to_owned()))).collect()
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
fn mounted(
    value: &Value,
    container: &Value,
    layout: &Layout,
    config_maps: &ConfigMaps<'_>,
) -> BTreeMap<String, String> {
    let volumes = list(value, &format!("{}/volumes", layout.pod));
    let mut files = BTreeMap::new();
    for mount in list(container, "/volumeMounts") {
        let Some((name, path)) = text(mount, "/name").zip(text(mount, "/mountPath")) else { continue };
        let volume = volumes.iter().find(|volume| text(volume, "/name") == Some(name));
        let Some(source) = volume.and_then(|volume| volume.get("configMap")) else { continue };
        let Some(data) = text(source, "/name").and_then(|name| config_maps.get(name)) else { continue };
        let items = list(source, "/items");
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

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
