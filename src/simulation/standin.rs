//! The controller: graph → components → Deployments and Services → status, and deletion.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::dynamo::GRAPH_LABEL;
use crate::simulation::dynamo::{self, Environment, FINALIZER, GraphStatus};

const MANAGER: &str = "dynamo-standin";

struct Operator {
    client: Client,
    graphs: ApiResource,
    components: ApiResource,
    environment: Environment,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Reconciles the graphs of all namespaces, in the version that the cluster stores or, else, the only one it serves;
/// ends on SIGTERM and Ctrl-C.
pub async fn run(
    client: Client,
    environment: Environment,
    clock: impl Fn() -> Timestamp + Send + Sync + 'static,
) -> kube::Result<()> {
    let graphs = served(&client).await?;
    let components = components(&client).await?;
    info!(version = graphs.version, "stands in for Dynamo's operator");
    let clock = Box::new(clock);
    let operator = Arc::new(Operator {
        client: client.clone(),
        graphs: graphs.clone(),
        components: components.clone(),
        environment,
        clock,
    });
    let graphs_go =
        Controller::new_with(Api::all_with(client.clone(), &graphs), watcher::Config::default(), graphs.clone())
            .watches(Api::<Deployment>::all(client.clone()), watcher::Config::default(), move |deployment| {
                graph_of(&deployment, &graphs)
            })
            .shutdown_on_signal()
            .run(|graph, operator| async move { operator.reconcile(&graph).await }, again, operator.clone())
            .for_each(|_| async {});
    let components_go =
        Controller::new_with(Api::all_with(client, &components), watcher::Config::default(), components)
            .shutdown_on_signal()
            .run(|component, operator| async move { operator.reconcile_component(&component).await }, again, operator)
            .for_each(|_| async {});
    futures::join!(graphs_go, components_go);
    Ok(())
}

fn again(object: Arc<DynamicObject>, error: &kube::Error, _: Arc<Operator>) -> Action {
    warn!(object = object.name_any(), "{error}");
    Action::requeue(Duration::from_secs(2))
}

/// The graph that an object's label names.
fn graph_of(deployment: &Deployment, graphs: &ApiResource) -> Option<ObjectRef<DynamicObject>> {
    let name = deployment.labels().get(GRAPH_LABEL)?;
    Some(ObjectRef::new_with(name, graphs.clone()).within(&deployment.namespace()?))
}

/// The kind between a graph and its Deployments, which is defined where it is not served yet.
async fn components(client: &Client) -> kube::Result<ApiResource> {
    let kind = GroupVersionKind::gvk("nvidia.com", "v1beta1", dynamo::COMPONENT_KIND);
    loop {
        if kube::discovery::pinned_kind(client, &kind).await.is_ok() {
            return Ok(ApiResource::from_gvk(&kind));
        }
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let definition: CustomResourceDefinition =
            serde_json::from_value(dynamo::component_crd()).map_err(kube::Error::SerdeError)?;
        match definitions.create(&PostParams::default(), &definition).await {
            Err(kube::Error::Api(status)) if !status.is_already_exists() => return Err(kube::Error::Api(status)),
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// v1beta1 where it is served, as it is what clusters store; waits until the CRD is there.
async fn served(client: &Client) -> kube::Result<ApiResource> {
    loop {
        for version in ["v1beta1", "v1alpha1"] {
            let kind = GroupVersionKind::gvk("nvidia.com", version, "DynamoGraphDeployment");
            if kube::discovery::pinned_kind(client, &kind).await.is_ok() {
                return Ok(ApiResource::from_gvk(&kind));
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What became of an object that was to be there.
enum Made {
    /// As it is stored.
    There(Value),
    Refused(String),
}

impl Operator {
    fn api(&self, kind: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, kind)
    }

    async fn reconcile(&self, seen: &DynamicObject) -> kube::Result<Action> {
        let (namespace, name) = (seen.namespace().unwrap_or_default(), seen.name_any());
        let Some(live) = self.api(&self.graphs, &namespace).get_opt(&name).await? else {
            return Ok(Action::await_change());
        };
        let graph = serde_json::to_value(&live).map_err(kube::Error::SerdeError)?;
        let faults = dynamo::annotated(&graph);
        if live.meta().deletion_timestamp.is_some() {
            if faults.keep_finalizer {
                return Ok(Action::requeue(Duration::from_secs(1)));
            }
            self.set_finalizers(&self.graphs, &live, |list| list.retain(|f| f != FINALIZER)).await?;
            return Ok(Action::await_change());
        }
        self.set_finalizers(&self.graphs, &live, |list| {
            if !list.iter().any(|f| f == FINALIZER) {
                list.push(FINALIZER.into());
            }
        })
        .await?;
        let failure = self.make_all(&graph).await?;
        let status = dynamo::status(&graph, &self.deployments(&graph).await?, failure.as_deref());
        let now = (self.clock)();
        self.report(&graph, &faults.apply(&graph, status, now.as_second()), now).await?;
        // What annotations ask for comes with time alone.
        let quiet = faults == dynamo::Readiness::default();
        Ok(Action::requeue(Duration::from_secs(if quiet { 10 } else { 1 })))
    }

    /// Lets go of a component that is being deleted. Its graph makes what it stands for.
    async fn reconcile_component(&self, seen: &DynamicObject) -> kube::Result<Action> {
        if seen.meta().deletion_timestamp.is_some() {
            self.set_finalizers(&self.components, seen, |list| list.retain(|f| f != FINALIZER)).await?;
        }
        Ok(Action::await_change())
    }

    async fn set_finalizers(
        &self,
        kind: &ApiResource,
        object: &DynamicObject,
        change: impl FnOnce(&mut Vec<String>),
    ) -> kube::Result<()> {
        let mut list = object.finalizers().to_vec();
        change(&mut list);
        if list == object.finalizers() {
            return Ok(());
        }
        let patch = json!({"metadata": {"finalizers": list, "resourceVersion": object.resource_version()}});
        let api = self.api(kind, &object.namespace().unwrap_or_default());
        api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Creates what is missing; a graph that changed is not followed. The refusal of an object, if there is one.
    async fn make_all(&self, graph: &Value) -> kube::Result<Option<String>> {
        let namespace = text(&graph["metadata"]["namespace"]);
        let mut missing = vec![];
        for child in dynamo::left_behind(namespace).into_iter().chain(dynamo::children(graph)) {
            let is_component = child["kind"] == dynamo::COMPONENT_KIND;
            let stored = match self.make(&child).await? {
                Made::There(stored) => stored,
                Made::Refused(why) => return Ok(Some(why)),
            };
            if is_component {
                missing.extend(dynamo::grandchildren(graph, &stored, &self.environment));
            }
        }
        for child in missing {
            if let Made::Refused(why) = self.make(&child).await? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// Creates an object, or finds it as it is stored.
    async fn make(&self, object: &Value) -> kube::Result<Made> {
        let kind = GroupVersionKind::try_from(&types(object)).map_err(|error| refused(&error.to_string()))?;
        let api = self.api(&ApiResource::from_gvk(&kind), text(&object["metadata"]["namespace"]));
        let object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        let stored = match api.get_opt(&object.name_any()).await? {
            Some(stored) => stored,
            None => {
                let parameters = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
                match api.create(&parameters, &object).await {
                    Ok(stored) => {
                        info!(object = object.name_any(), kind = kind.kind, "created");
                        stored
                    }
                    Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => {
                        return Ok(Made::Refused(status.message));
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        serde_json::to_value(&stored).map(Made::There).map_err(kube::Error::SerdeError)
    }

    /// The Deployments of a graph's components.
    async fn deployments(&self, graph: &Value) -> kube::Result<Vec<Value>> {
        let label = format!("{GRAPH_LABEL}={}", text(&graph["metadata"]["name"]));
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), text(&graph["metadata"]["namespace"]));
        let found = api.list(&ListParams::default().labels(&label)).await?;
        found.items.iter().map(|of| serde_json::to_value(of).map_err(kube::Error::SerdeError)).collect()
    }

    async fn report(&self, graph: &Value, status: &GraphStatus, now: Timestamp) -> kube::Result<()> {
        let before = graph["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "Ready");
        let since = before
            .filter(|condition| condition["status"] == status.ready)
            .map_or_else(|| json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()), |c| c["lastTransitionTime"].clone());
        let generation = &graph["metadata"]["generation"];
        let mut counts = status.components.clone();
        let components = if self.graphs.version == "v1alpha1" {
            "services"
        } else {
            // v1beta1 knows the list of names only.
            for component in counts.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                component.as_object_mut().map(|fields| fields.remove("componentName"));
            }
            "components"
        };
        let body = json!({
            "state": status.state, "observedGeneration": generation, components: counts,
            "conditions": [{"type": "Ready", "status": status.ready, "reason": status.reason, "message": status.message,
                            "observedGeneration": generation, "lastTransitionTime": since}],
        });
        if body.as_object().is_some_and(|fields| fields.iter().all(|(name, value)| graph["status"][name] == *value)) {
            return Ok(());
        }
        let name = text(&graph["metadata"]["name"]);
        info!(graph = name, state = status.state, message = status.message, "status");
        let api = self.api(&self.graphs, text(&graph["metadata"]["namespace"]));
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": body}))).await?;
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn types(object: &Value) -> kube::core::TypeMeta {
    kube::core::TypeMeta { api_version: text(&object["apiVersion"]).into(), kind: text(&object["kind"]).into() }
}

fn refused(message: &str) -> kube::Error {
    kube::Error::Service(message.to_owned().into())
}
