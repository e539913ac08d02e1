//! What the plugin reads and writes in a cluster.

use std::path::Path;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::{DynamicObject, ObjectList};
use kube::{Client, Config, CustomResourceExt, ResourceExt};
use serde_json::{Value, json};

use super::arguments::Connection;
use super::error::PluginError;
use crate::api::BenchmarkComparison;
use crate::controller::call::{call, optional};
use crate::controller::children::controller;
use crate::controller::error::Error;
use crate::inspect::pulls::MANAGER;

/// Comparisons asked for at once.
const PAGE: u32 = 500;
/// Times a write is tried that others came before.
const TRIES: usize = 5;

/// A namespace of a cluster.
#[derive(Clone)]
pub struct NamespaceClient {
    client: Client,
    /// Where comparisons are looked for.
    pub namespace: String,
}

impl NamespaceClient {
    /// A namespace of the cluster a client talks to.
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self { client, namespace: namespace.into() }
    }

    /// The cluster that the options, the environment or the pod name.
    pub async fn connect(connection: &Connection) -> Result<Self, PluginError> {
        let config = config(connection).await?;
        let namespace = connection.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| PluginError::failed(error.to_string()))?;
        Ok(Self { client, namespace })
    }

    /// Comparisons by their own kind.
    pub fn comparisons(&self) -> Api<BenchmarkComparison> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// One comparison.
    pub async fn comparison(&self, name: &str) -> Result<BenchmarkComparison, PluginError> {
        parse(self.object(name).await?)
    }

    /// One comparison, with fields this version does not know.
    pub async fn object(&self, name: &str) -> Result<DynamicObject, PluginError> {
        let resource = BenchmarkComparison::api_resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let found = call(format!("get benchmarkcomparison {name}"), api.get(name)).await;
        found.map_err(|error| self.not_found(name, error))
    }

    /// All comparisons of the namespace, or of all, by namespace and name.
    pub async fn objects(&self, everywhere: bool, selector: Option<&str>) -> Result<Vec<DynamicObject>, PluginError> {
        let resource = BenchmarkComparison::api_resource();
        let api: Api<DynamicObject> = match everywhere {
            true => Api::all_with(self.client.clone(), &resource),
            false => Api::namespaced_with(self.client.clone(), &self.namespace, &resource),
        };
        let mut parameters = ListParams::default().limit(PAGE);
        parameters.label_selector = selector.map(str::to_owned);
        let mut objects = vec![];
        loop {
            let ObjectList { items, metadata, .. } = call("list benchmarkcomparisons", api.list(&parameters)).await?;
            objects.extend(items);
            match metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => break,
            }
        }
        objects.sort_by_key(|object| (object.namespace(), object.name_any()));
        Ok(objects)
    }

    /// A ConfigMap that belongs to the comparison.
    pub async fn config_map(
        &self,
        comparison: &BenchmarkComparison,
        name: &str,
    ) -> Result<Option<ConfigMap>, PluginError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let map = optional(format!("get configmap {name}"), api.get(name)).await?;
        let uid = comparison.uid().unwrap_or_default();
        let is_ours = |map: &ConfigMap| controller(&map.metadata).is_some_and(|owner| owner.uid == uid);
        Ok(map.filter(is_ours))
    }

    /// The client behind it.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sets an annotation that `decide` finds right for the comparison as it is.
    pub async fn annotate(
        &self,
        name: &str,
        decide: impl Fn(&BenchmarkComparison) -> Result<(&'static str, String), PluginError>,
    ) -> Result<BenchmarkComparison, PluginError> {
        let patch = |comparison: &BenchmarkComparison| {
            let (key, value) = decide(comparison)?;
            Ok(Some(json!({"metadata": {"annotations": {key: value}}})))
        };
        Ok(self.change(name, patch).await?.0)
    }

    /// Changes the fields that `decide` finds right for the comparison as it is, and returns it as it is then; `false`: it is
    /// left as it was.
    ///
    /// The decision and the write are about the same version of the object.
    pub async fn change(
        &self,
        name: &str,
        decide: impl Fn(&BenchmarkComparison) -> Result<Option<Value>, PluginError>,
    ) -> Result<(BenchmarkComparison, bool), PluginError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let comparison = self.comparison(name).await?;
            let Some(mut fields) = decide(&comparison)? else { return Ok((comparison, false)) };
            fields["metadata"]["resourceVersion"] = json!(comparison.resource_version());
            let patch = Patch::Merge(fields);
            let parameters = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
            let api = self.comparisons();
            let written = call(format!("patch benchmarkcomparison {name}"), api.patch(name, &parameters, &patch));
            match written.await {
                Err(Error::Api { source, .. }) if tries < TRIES && is_conflict(&source) => {}
                result => return Ok((result?, true)),
            }
        }
    }

    fn not_found(&self, name: &str, error: Error) -> PluginError {
        if let Error::Api { source, .. } = &error
            && let kube::Error::Api(status) = &**source
            && status.code == 404
            && status.details.as_ref().is_some_and(|details| details.name == name)
        {
            let namespace = &self.namespace;
            return PluginError::failed(format!(
                "comparison {name} not found in namespace {namespace}: list all with `kubectl bcmp get -A`"
            ));
        }
        error.into()
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// The typed comparison.
pub fn parse(object: DynamicObject) -> Result<BenchmarkComparison, PluginError> {
    let name = object.name_any();
    let value = serde_json::to_value(object).map_err(|error| PluginError::failed(error.to_string()))?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        PluginError::failed(format!(
            "comparison {name} cannot be read: {}: {}: install the plugin in the operator's version (this is {})",
            error.path(),
            error.inner(),
            env!("CARGO_PKG_VERSION")
        ))
    })
}

/// Those that can be read, and what is wrong with the others: one hides none.
pub fn parse_each(objects: Vec<DynamicObject>) -> (Vec<BenchmarkComparison>, Vec<String>) {
    let (mut read, mut unreadable) = (vec![], vec![]);
    for object in objects {
        match parse(object) {
            Ok(comparison) => read.push(comparison),
            Err(error) => unreadable.push(error.message),
        }
    }
    (read, unreadable)
}

/// None was named, and none is where it usually is.
fn no_kubeconfig(error: &KubeconfigError) -> PluginError {
    let cure = "name one with --kubeconfig or KUBECONFIG";
    PluginError::failed(match error {
        KubeconfigError::ReadConfig(cause, path) if cause.kind() == std::io::ErrorKind::NotFound => {
            format!("there is no kubeconfig at {}: {cure}", path.display())
        }
        _ => format!("there is no kubeconfig that can be used: {error}: {cure}"),
    })
}

async fn config(connection: &Connection) -> Result<Config, PluginError> {
    let unusable = |place: &str, error: &dyn std::fmt::Display| {
        PluginError::failed(format!("{place}: {error}: set a valid one with --kubeconfig or KUBECONFIG"))
    };
    let options = KubeConfigOptions { context: connection.context.clone(), ..KubeConfigOptions::default() };
    let named = |path: &Path| {
        Kubeconfig::read_from(path).map_err(|error| unusable(&format!("kubeconfig {}", path.display()), &error))
    };
    let kubeconfig = match &connection.kubeconfig {
        Some(path) => named(path)?,
        None => match Kubeconfig::read() {
            Ok(kubeconfig) => kubeconfig,
            // Nothing was named: a pod has an account of its own.
            Err(error) if connection.context.is_none() => {
                return Config::incluster().map_err(|_| no_kubeconfig(&error));
            }
            Err(error) => return Err(no_kubeconfig(&error)),
        },
    };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable("kubeconfig", &error))
}
