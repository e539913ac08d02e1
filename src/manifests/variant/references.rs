//! References among a variant's objects, and to what must be there already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::claims::CHANNEL_TEMPLATE;
use super::hosts::{Hosts, is_address_name};
use super::object::{ManifestKind, is, name};
use crate::dynamo;
use crate::pointer::text;

/// Something that a variant needs in its namespace and does not contain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// `ConfigMap`, `Secret`, `PersistentVolumeClaim`, `ServiceAccount` or `ResourceClaimTemplate`.
    pub kind: &'static str,
    pub name: String,
}

/// What prepared objects refer to and do not contain; optional references are left out.
pub fn references(objects: &[Value]) -> BTreeSet<Reference> {
    let of_kind = |wanted: ManifestKind| objects.iter().filter(move |object| is(object, wanted));
    let channels = of_kind(ManifestKind::ComputeDomain)
        .filter_map(|domain| Some(("ResourceClaimTemplate", text(domain, &format!("{CHANNEL_TEMPLATE}/name"))?)));
    let brought: BTreeSet<(&str, &str)> = of_kind(ManifestKind::ConfigMap)
        .map(|map| ("ConfigMap", name(map)))
        .chain(of_kind(ManifestKind::ClaimTemplate).map(|template| ("ResourceClaimTemplate", name(template))))
        .chain(channels)
        .collect();
    let mut found = BTreeSet::new();
    for object in objects.iter().filter(|object| !is(object, ManifestKind::ConfigMap)) {
        collect(object.get("spec").unwrap_or(&Value::Null), &mut found);
    }
    found.into_iter().filter(|found| !brought.contains(&(found.kind, found.name.as_str()))).collect()
}

fn collect(value: &Value, found: &mut BTreeSet<Reference>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| {
            found.extend(reference(key, child));
            collect(child, found);
        }),
        Value::Array(list) => list.iter().for_each(|child| collect(child, found)),
        _ => {}
    }
}

fn reference(key: &str, value: &Value) -> Option<Reference> {
    let (kind, field) = match key {
        "configMap" | "configMapRef" | "configMapKeyRef" => ("ConfigMap", "name"),
        // A volume calls it secretName, everything else name.
        "secret" if value.get("secretName").is_some() => ("Secret", "secretName"),
        "secret" | "secretRef" | "secretKeyRef" => ("Secret", "name"),
        "persistentVolumeClaim" => ("PersistentVolumeClaim", "claimName"),
        "compilationCache" => ("PersistentVolumeClaim", "pvcName"),
        "envFromSecret" => return Some(Reference { kind: "Secret", name: value.as_str()?.to_owned() }),
        "resourceClaimTemplateName" => {
            return Some(Reference { kind: "ResourceClaimTemplate", name: value.as_str()?.to_owned() });
        }
        "serviceAccountName" => return Some(Reference { kind: "ServiceAccount", name: value.as_str()?.to_owned() }),
        _ => return None,
    };
    let optional = value.get("optional") == Some(&Value::Bool(true));
    let name = value.get(field).and_then(Value::as_str).filter(|name| !name.is_empty() && !optional)?;
    Some(Reference { kind, name: name.to_owned() })
}

/// New names for what objects refer to.
#[derive(Debug, Default)]
pub(super) struct Renames {
    pub config_maps: BTreeMap<String, String>,
    /// Templates of claims for devices, including those that ComputeDomains make.
    pub claim_templates: BTreeMap<String, String>,
    /// Services, including those that Dynamo's operator creates.
    pub hosts: Hosts,
    pub graph: Option<GraphRename>,
}

/// New name of a DynamoGraphDeployment, and of the Dynamo namespaces that go with it.
#[derive(Debug)]
pub(super) struct GraphRename {
    pub old: String,
    pub new: String,
    pub namespace: String,
    /// Values of the deprecated field `dynamoNamespace`.
    pub dynamo_namespaces: BTreeSet<String>,
}

impl Renames {
    /// Renames what an object refers to, in its spec or data.
    pub(super) fn apply(&self, object: &mut Value) {
        if is(object, ManifestKind::ConfigMap) {
            if let Some(Value::Object(data)) = object.get_mut("data") {
                data.values_mut().for_each(|text| self.rename_hosts(text));
            }
        } else if let Some(spec) = object.get_mut("spec") {
            self.walk(spec);
        }
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                self.variable(map);
                self.expression(map);
                for (key, child) in map.iter_mut() {
                    self.field(key, child);
                    self.walk(child);
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|child| self.walk(child)),
            _ => {}
        }
    }

    fn field(&self, key: &str, value: &mut Value) {
        match key {
            "configMap" | "configMapRef" | "configMapKeyRef" => {
                if let Some(Value::String(name)) = value.get_mut("name")
                    && let Some(new) = self.config_maps.get(name)
                {
                    name.clone_from(new);
                }
            }
            "args" | "command" => self.arguments(value),
            "dynamoNamespace" => {
                if let (Some(graph), Value::String(name)) = (&self.graph, value) {
                    name.clone_from(&graph.new);
                }
            }
            "resourceClaimTemplateName" => self.claim_template(value),
            "resourceClaimTemplate" => {
                if let Some(name) = value.get_mut("name") {
                    self.claim_template(name);
                }
            }
            "serviceName" => {
                if let Value::String(text) = value
                    && let Some(new) = self.hosts.get(text).map(str::to_owned)
                {
                    *text = new;
                }
            }
            label => self.label(label, value),
        }
    }

    fn claim_template(&self, value: &mut Value) {
        if let Value::String(name) = value
            && let Some(new) = self.claim_templates.get(name)
        {
            name.clone_from(new);
        }
    }

    /// A label by which Dynamo's operator tells the pods of a graph or of a component of it.
    fn label(&self, key: &str, value: &mut Value) {
        let Value::String(text) = value else { return };
        match key {
            dynamo::GRAPH_LABEL | dynamo::NAMESPACE_LABEL => {
                if let Some(graph) = &self.graph {
                    graph.rename_label(text);
                }
            }
            dynamo::COMPONENT_LABEL => {
                if let Some(new) = self.hosts.get(text).map(str::to_owned) {
                    *text = new;
                }
            }
            _ => {}
        }
    }

    /// A selector's expression: `{key, operator, values}`.
    fn expression(&self, map: &mut Map<String, Value>) {
        let Some(Value::String(key)) = map.get("key").cloned() else { return };
        for value in map.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
            self.label(&key, value);
        }
    }

    fn arguments(&self, value: &mut Value) {
        match value {
            Value::Array(list) => {
                let mut after_address_flag = false;
                for argument in list {
                    if after_address_flag {
                        self.rename_address(argument);
                    }
                    after_address_flag =
                        argument.as_str().is_some_and(|flag| flag.starts_with('-') && is_address_name(flag));
                    self.rename_hosts(argument);
                }
            }
            other => self.rename_hosts(other),
        }
    }

    /// A variable of an environment: `{name, value}`.
    fn variable(&self, map: &mut Map<String, Value>) {
        let Some(Value::String(name)) = map.get("name") else { return };
        let (is_address, is_namespace) = (is_address_name(name), dynamo::NAMESPACE_VARIABLES.contains(&name.as_str()));
        let Some(value) = map.get_mut("value") else { return };
        if is_address {
            self.rename_address(value);
        }
        if let (true, Some(graph), Value::String(text)) = (is_namespace, &self.graph, &mut *value)
            && graph.dynamo_namespaces.contains(text)
        {
            text.clone_from(&graph.new);
        }
        self.rename_hosts(value);
    }

    fn rename_hosts(&self, value: &mut Value) {
        let Value::String(text) = value else { return };
        if let Some(renamed) = self.hosts.rename(text) {
            *text = renamed;
        }
        if let Some(graph) = &self.graph {
            graph.rename_endpoints(text);
        }
    }

    fn rename_address(&self, value: &mut Value) {
        if let Value::String(text) = value
            && let Some(renamed) = self.hosts.rename_whole(text)
        {
            *text = renamed;
        }
    }
}

impl GraphRename {
    fn rename_label(&self, text: &mut String) {
        if *text == self.old {
            text.clone_from(&self.new);
        } else if *text == format!("{}-{}", self.namespace, self.old) {
            *text = format!("{}-{}", self.namespace, self.new);
        }
    }

    /// `dyn://<namespace>.<component>.<endpoint>`, the address at which processes of old releases register.
    fn rename_endpoints(&self, text: &mut String) {
        for old in &self.dynamo_namespaces {
            let address = format!("dyn://{old}.");
            if text.contains(&address) {
                *text = text.replace(&address, &format!("dyn://{}.", self.new));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_follow_the_names_of_graph_and_components() {
        let mut hosts = Hosts::new("llm");
        hosts.insert("old-worker", "new-worker");
        let graph = GraphRename {
            old: "old".into(),
            new: "new".into(),
            namespace: "llm".into(),
            dynamo_namespaces: BTreeSet::new(),
        };
        let renames = Renames { hosts, graph: Some(graph), ..Renames::default() };
        let selector = |graph: &str, namespace: &str, component: &str| {
            json!({"matchLabels": {"nvidia.com/dynamo-graph-deployment-name": graph}, "matchExpressions": [
                {"key": "nvidia.com/dynamo-graph-deployment-name", "operator": "In", "values": [graph, "other"]},
                {"key": "nvidia.com/dynamo-namespace", "operator": "In", "values": [namespace]},
                {"key": "nvidia.com/selector", "operator": "In", "values": [component]},
                {"key": "app", "operator": "In", "values": ["old"]},
            ]})
        };
        let graph = |selector: Value| {
            json!({"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "old"},
                   "spec": {"components": [{"name": "worker", "podTemplate": {"spec": {"affinity": {"podAffinity": {
                       "requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": selector}]}}}}}]}})
        };
        let mut object = graph(selector("old", "llm-old", "old-worker"));
        renames.apply(&mut object);
        assert_eq!(object, graph(selector("new", "llm-new", "new-worker")));
    }

    #[test]
    fn references_to_objects_of_others_are_listed() {
        let objects = [
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"configMap": "x"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {
                "serviceAccountName": "runner",
                "containers": [{
                    "envFrom": [{"secretRef": {"name": "token"}}, {"secretRef": {"name": "maybe", "optional": true}}, {"configMapRef": {"name": "own"}}],
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "theirs", "key": "k"}}}],
                }],
                "volumes": [
                    {"name": "a", "secret": {"secretName": "tls"}},
                    {"name": "b", "persistentVolumeClaim": {"claimName": "weights"}},
                    {"name": "c", "projected": {"sources": [{"secret": {"name": "part"}}]}},
                ],
            }}}}),
            json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"},
                   "spec": {"services": {"W": {"envFromSecret": "hf"}}}}),
        ];
        let listed: Vec<String> = references(&objects).into_iter().map(|r| format!("{} {}", r.kind, r.name)).collect();
        let expected = [
            "ConfigMap theirs",
            "PersistentVolumeClaim weights",
            "Secret hf",
            "Secret part",
            "Secret tls",
            "Secret token",
            "ServiceAccount runner",
        ];
        assert_eq!(listed, expected);
    }
}
