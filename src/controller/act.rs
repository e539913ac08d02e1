//! Actions → calls. Each is safe to repeat: a child that is ours already is done, a delete carries the UID.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::bodies::bodies;
use super::call::{call, optional};
use super::context::Context;
use super::error::{Error, answer};
use super::kinds;
use crate::api::{FIELD_MANAGER, Reason, labels};
use crate::lifecycle::decision::{Action, Create, Delete};
use crate::lifecycle::world::{Refusal, World};
use crate::plan::ChildKind;

/// Carries out actions in order; the next look starts over. After a creation that fails nothing more is created, as the
/// next one may need it, but everything else is done: what is to go holds GPUs, whatever another variant meets.
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
            for body in bodies(create, world)? {
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

/// Creates one object; false when the server refused it, which is remembered and not an error.
async fn create_one(context: &Context, world: &World, variant: Option<&str>, body: &Value) -> Result<bool, Error> {
    let object: DynamicObject = serde_json::from_value(body.clone())
        .map_err(|error| Error::Body(format!("an object is no object: {error}")))?;
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
                refusal(Reason::NameTaken.as_str(), "an object of this name is there already"),
            );
            Ok(false)
        }
        // The namespace goes, and everything in it: nothing is to be said about it.
        403 if status.message.contains("being terminated") => Ok(false),
        403 if status.message.contains("cannot find RESTMapping") => Err(Error::TooEarly(format!("create {place}"))),
        400 | 403 | 404 | 405 | 422 => {
            context.refused(&world.object.uid, refusal(&status.reason, &status.message));
            Ok(false)
        }
        _ => Err(error),
    }
}

/// Same owner, run and deployment, and not terminating: the creation was answered by somebody, perhaps by us before.
fn is_same(there: &DynamicObject, wanted: &DynamicObject) -> bool {
    let owner = |object: &DynamicObject| object.owner_references().first().map(|owner| owner.uid.clone());
    let label = |object: &DynamicObject, key: &str| object.labels().get(key).cloned();
    there.metadata.deletion_timestamp.is_none()
        && owner(there) == owner(wanted)
        && [labels::RUN, labels::VARIANT, labels::DEPLOYMENT].iter().all(|key| label(there, key) == label(wanted, key))
}

fn resource_of(object: &DynamicObject) -> Result<ApiResource, Error> {
    let types = object.types.as_ref().ok_or_else(|| Error::Body("an object names no kind".into()))?;
    let gvk = GroupVersionKind::try_from(types).map_err(|error| Error::Body(error.to_string()))?;
    match ChildKind::parse(&gvk.kind) {
        Some(kind) => Ok(kinds::resource(kind, &gvk.version)),
        None => Err(Error::Body(format!("kind {} is not created by this operator", gvk.kind))),
    }
}

async fn delete_one(context: &Context, world: &World, delete: &Delete) -> Result<(), Error> {
    let version = context.graph_version().await?.unwrap_or(kinds::DYNAMO_VERSIONS[0]);
    let resource = kinds::resource(delete.kind, version);
    let api = kinds::api(&context.client, &world.object.namespace, &resource);
    let parameters = DeleteParams {
        propagation_policy: Some(propagation(delete.kind)),
        preconditions: Some(Preconditions { uid: Some(delete.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    context.metrics.wrote("delete");
    match optional(format!("delete {} {}", resource.kind, delete.name), api.delete(&delete.name, &parameters)).await {
        // Another object has the name by now: ours is gone.
        Err(Error::Api { source, .. }) if answer(&source).is_some_and(|status| status.code == 409) => Ok(()),
        other => other.map(drop),
    }
}

/// What owns pods goes in the foreground: it is there until its pods are gone.
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
    optional(format!("seal configmap {name}"), api.patch(name, &parameters, &patch)).await.map(drop)
}
