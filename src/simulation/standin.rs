//! The controller: graph → children, children → status, deletion.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::simulation::dynamo::{self, Environment, FINALIZER, GraphStatus};

const MANAGER: &str = "dynamo-standin";

struct Operator {
    client: Client,
    graphs: ApiResource,
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
    info!(version = graphs.version, "stands in for Dynamo's operator");
    let operator =
        Arc::new(Operator { client: client.clone(), graphs: graphs.clone(), environment, clock: Box::new(clock) });
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &graphs);
    Controller::new_with(api, watcher::Config::default(), graphs)
        .owns(Api::<Deployment>::all(client), watcher::Config::default())
        .shutdown_on_signal()
        .run(
            |graph, operator| async move { operator.reconcile(&graph).await },
            |graph, error: &kube::Error, _| {
                warn!(graph = graph.name_any(), "{error}");
                Action::requeue(Duration::from_secs(2))
            },
            operator,
        )
        .for_each(|_| async {})
        .await;
    Ok(())
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

impl Operator {
    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &self.graphs)
    }

    async fn reconcile(&self, seen: &DynamicObject) -> kube::Result<Action> {
        let (namespace, name) = (seen.namespace().unwrap_or_default(), seen.name_any());
        let Some(live) = self.api(&namespace).get_opt(&name).await? else { return Ok(Action::await_change()) };
        let graph = serde_json::to_value(&live).map_err(kube::Error::SerdeError)?;
        let faults = dynamo::annotated(&graph);
        if live.meta().deletion_timestamp.is_some() {
            if faults.keep_finalizer {
                return Ok(Action::requeue(Duration::from_secs(1)));
            }
            self.set_finalizers(&live, |list| list.retain(|f| f != FINALIZER)).await?;
            return Ok(Action::await_change());
        }
        self.set_finalizers(&live, |list| {
            if !list.iter().any(|f| f == FINALIZER) {
                list.push(FINALIZER.into());
            }
        })
        .await?;
        let failure = self.make_children(&graph).await?;
        let status = dynamo::status(&graph, &self.own::<Deployment>(&graph).await?, failure.as_deref());
        let now = (self.clock)();
        self.report(&graph, &faults.apply(&graph, status, now.as_second()), now).await?;
        // What annotations ask for comes with time alone.
        let quiet = faults == dynamo::Readiness::default();
        Ok(Action::requeue(Duration::from_secs(if quiet { 10 } else { 1 })))
    }

    async fn set_finalizers(&self, graph: &DynamicObject, change: impl FnOnce(&mut Vec<String>)) -> kube::Result<()> {
        let mut list = graph.finalizers().to_vec();
        change(&mut list);
        if list == graph.finalizers() {
            return Ok(());
        }
        let patch = json!({"metadata": {"finalizers": list, "resourceVersion": graph.resource_version()}});
        let api = self.api(&graph.namespace().unwrap_or_default());
        api.patch(&graph.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Creates what is missing; a graph that changed is not followed. The refusal of a child, if there is one.
    async fn make_children(&self, graph: &Value) -> kube::Result<Option<String>> {
        let namespace = text(&graph["metadata"]["namespace"]);
        let there = [self.own::<Deployment>(graph).await?, self.own::<Service>(graph).await?].concat();
        let is_there = |child: &Value| {
            there.iter().any(|o| o["kind"] == child["kind"] && o["metadata"]["name"] == child["metadata"]["name"])
        };
        for child in dynamo::children(graph, &self.environment).into_iter().filter(|child| !is_there(child)) {
            let kind = GroupVersionKind::try_from(&types(&child)).map_err(|error| refused(&error.to_string()))?;
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), namespace, &ApiResource::from_gvk(&kind));
            let child: DynamicObject = serde_json::from_value(child).map_err(kube::Error::SerdeError)?;
            let parameters = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
            match api.create(&parameters, &child).await {
                Ok(_) => info!(
                    graph = text(&graph["metadata"]["name"]),
                    child = child.name_any(),
                    kind = kind.kind,
                    "created"
                ),
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => return Ok(Some(status.message)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What the graph owns of a kind.
    async fn own<K>(&self, graph: &Value) -> kube::Result<Vec<Value>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    {
        let label = format!("nvidia.com/dynamo-graph-deployment-name={}", text(&graph["metadata"]["name"]));
        let api: Api<K> = Api::namespaced(self.client.clone(), text(&graph["metadata"]["namespace"]));
        let found = api.list(&ListParams::default().labels(&label)).await?;
        let uid = &graph["metadata"]["uid"];
        let own = |child: &&K| child.owner_references().iter().any(|owner| *uid == *owner.uid);
        found
            .items
            .iter()
            .filter(own)
            .map(|child| serde_json::to_value(child).map_err(kube::Error::SerdeError))
            .collect()
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
        let api = self.api(text(&graph["metadata"]["namespace"]));
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
