//! Actions → calls. Each may be repeated: a child that exists already is left alone, a delete carries the UID.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::call::{call, optional};
use super::context::Context;
use super::error::{Error, answer};
use super::kinds;
use crate::api::{FIELD_MANAGER, Reason, labels};
use crate::dynamo;
use crate::lifecycle::decision::{Action, Create, Delete};
use crate::lifecycle::report;
use crate::lifecycle::world::{Refusal, World};
use crate::manifests::children::Children;
use crate::manifests::report_map::ReportFiles;
use crate::plan::{ChildKind, Identity, Plan};
use crate::prediction::configurations::GenerationOutcome;
use crate::report::render;

/// Carries out actions in order. After a creation that fails nothing more is created, as the next child may need the one
/// that is missing; everything else is still done, because what is to be deleted may hold GPUs.
pub async fn act(context: &Context, world: &World, actions: &[Action]) -> Result<(), Error> {
    let (mut failed, mut creates) = (None, true);
    for action in actions {
        let is_creation = matches!(action, Action::Create(_));
        if is_creation && !creates {
            continue;
        }
        if let Err(error) = carry_out(context, world, action).await {
            creates &= !is_creation;
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn carry_out(context: &Context, world: &World, action: &Action) -> Result<(), Error> {
    match action {
        Action::Create(create) => {
            let variant = variant_of(create);
            for body in objects(create, world)? {
                if !create_one(context, world, variant, &body).await? {
                    break;
                }
            }
            Ok(())
        }
        Action::Delete(delete) => delete_one(context, world, delete).await,
        Action::Seal { name } => seal(context, world, name).await,
    }
}

fn variant_of(create: &Create) -> Option<&str> {
    match create {
        Create::Server { variant, .. } | Create::LoadJob { variant, .. } | Create::Results { variant } => Some(variant),
        _ => None,
    }
}

/// The objects to create, in order. The plan of a run is made when it is created, from the spec as it is then.
fn objects(create: &Create, world: &World) -> Result<Vec<Value>, Error> {
    let new;
    let plan = match (world.plan.present(), create) {
        (Some(plan), _) => plan,
        (None, Create::Plan) => {
            new = new_plan(world);
            &new
        }
        (None, _) => return Err(Error::Body("the run has no plan".into())),
    };
    let servers = world.configurations.present().into_iter().flat_map(|all| &all.variants);
    let servers = servers.filter_map(|configuration| match &configuration.outcome {
        GenerationOutcome::Ready(ready) => Some((configuration.variant.as_str(), ready.objects.as_slice())),
        GenerationOutcome::Refused { .. } => None,
    });
    let children = Children {
        plan,
        deadlines: &world.spec.execution.deadlines,
        servers: servers.collect(),
        report: (*create == Create::Report).then(|| report_files(world)).flatten(),
    };
    children.objects(create).map_err(|error| Error::Body(error.to_string()))
}

fn new_plan(world: &World) -> Plan {
    let comparison = Identity {
        namespace: world.object.namespace.clone(),
        name: world.object.name.clone(),
        uid: world.object.uid.clone(),
    };
    let run = world.status.run.as_ref().map_or(1, |run| run.number);
    let manifests = world.sources.iter().filter_map(|(variant, text)| Some((variant.clone(), text.clone().ok()?)));
    Plan::new(comparison, run, world.spec.clone(), &world.settings.images, manifests.collect())
}

fn report_files(world: &World) -> Option<ReportFiles> {
    let edition = report::edition(&world.status, world)?;
    Some(ReportFiles { files: render(&report::report(&world.status, world)?), edition })
}

/// Creates one object; false when the server refused it, which is remembered and not an error.
async fn create_one(context: &Context, world: &World, variant: Option<&str>, body: &Value) -> Result<bool, Error> {
    let object: DynamicObject = serde_json::from_value(body.clone())
        .map_err(|error| Error::Body(format!("BUG: an object to create has no kind or metadata: {error}")))?;
    let resource = resource_of(&object)?;
    let api = kinds::api(&context.client, &world.object.namespace, &resource);
    let place = format!("{} {}", resource.kind, object.name_any());
    context.metrics.wrote("create");
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let error = match call(format!("create {place}"), api.create(&parameters, &object)).await {
        Ok(_) => {
            context.accepted(&world.object.uid, &place);
            return Ok(true);
        }
        Err(error) => error,
    };
    let Error::Api { source, .. } = &error else { return Err(error) };
    let Some(status) = answer(source) else { return Err(error) };
    let number = |key: &str| object.labels().get(key).and_then(|number| number.parse::<i64>().ok());
    let refusal = |reason: &str, message: &str| Refusal {
        object: place.clone(),
        run: number(labels::RUN).unwrap_or_default(),
        variant: variant.map(str::to_owned),
        deployment: number(labels::DEPLOYMENT).and_then(|deployment| deployment.try_into().ok()),
        reason: reason.into(),
        message: message.into(),
    };
    match status.code {
        409 if status.reason == "AlreadyExists" => {
            let there = optional(format!("get {place}"), api.get(&object.name_any())).await?;
            if there.as_ref().is_some_and(|there| is_same(there, &object)) {
                context.accepted(&world.object.uid, &place);
                return Ok(true);
            }
            context.refused(
                &world.object.uid,
                refusal(Reason::NameTaken.as_str(), "another object has this name already"),
            );
            Ok(false)
        }
        // The namespace is being deleted with everything in it: not worth a message.
        403 if status.message.contains("being terminated") => Ok(false),
        403 if status.message.contains("cannot find RESTMapping") => Err(Error::TooEarly(format!("create {place}"))),
        400 | 403 | 404 | 405 | 422 => {
            context.refused(&world.object.uid, refusal(&status.reason, &status.message));
            Ok(false)
        }
        _ => Err(error),
    }
}

/// Same owner, run and deployment, and not terminating: an earlier attempt, or another replica, created it.
fn is_same(there: &DynamicObject, wanted: &DynamicObject) -> bool {
    let owner = |object: &DynamicObject| object.owner_references().first().map(|owner| owner.uid.clone());
    let label = |object: &DynamicObject, key: &str| object.labels().get(key).cloned();
    there.metadata.deletion_timestamp.is_none()
        && owner(there) == owner(wanted)
        && [labels::RUN, labels::VARIANT, labels::DEPLOYMENT].iter().all(|key| label(there, key) == label(wanted, key))
}

fn resource_of(object: &DynamicObject) -> Result<ApiResource, Error> {
    let types = object.types.as_ref().ok_or_else(|| Error::Body("BUG: an object to create has no kind".into()))?;
    let gvk = GroupVersionKind::try_from(types).map_err(|error| Error::Body(error.to_string()))?;
    match ChildKind::parse(&gvk.kind) {
        Some(kind) => Ok(kinds::resource(kind, &gvk.version)),
        None => Err(Error::Body(format!("BUG: {} is not a kind that a run consists of", gvk.kind))),
    }
}

async fn delete_one(context: &Context, world: &World, delete: &Delete) -> Result<(), Error> {
    let version = context.graph_version().await?.unwrap_or(dynamo::VERSIONS[0]);
    let resource = kinds::resource(delete.kind, version);
    let api = kinds::api(&context.client, &world.object.namespace, &resource);
    let parameters = DeleteParams {
        propagation_policy: Some(propagation(delete.kind)),
        preconditions: Some(Preconditions { uid: Some(delete.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    context.metrics.wrote("delete");
    match optional(format!("delete {} {}", resource.kind, delete.name), api.delete(&delete.name, &parameters)).await {
        // Another object has this name now: ours is gone.
        Err(Error::Api { source, .. }) if answer(&source).is_some_and(|status| status.code == 409) => Ok(()),
        other => other.map(drop),
    }
}

/// What owns pods is deleted in the foreground: it exists until its pods are gone.
const fn propagation(kind: ChildKind) -> PropagationPolicy {
    match kind {
        ChildKind::DynamoGraphDeployment | ChildKind::Deployment | ChildKind::Job => PropagationPolicy::Foreground,
        _ => PropagationPolicy::Background,
    }
}

async fn seal(context: &Context, world: &World, name: &str) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &world.object.namespace);
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"immutable": true}));
    context.metrics.wrote("patch");
    optional(format!("seal ConfigMap {name}"), api.patch(name, &parameters, &patch)).await.map(drop)
}
