//! Actions → calls. Each may be repeated: a child that exists already is left alone, a delete carries the UID.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::response::Status;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::call::{call, if_there, optional};
use super::children;
use super::context::Context;
use super::error::{Error, answer};
use super::kinds;
use super::lists::Least;
use crate::api::{FIELD_MANAGER, Reason, labels};
use crate::dynamo;
use crate::lifecycle::decision::{Action, Create, Delete};
use crate::lifecycle::facts::is_endpoint;
use crate::lifecycle::report;
use crate::lifecycle::stages::queue;
use crate::lifecycle::world::{Refusal, World};
use crate::manifests::children::Children;
use crate::manifests::report_map::ReportFiles;
use crate::plan::ChildKind;
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
            for body in bodies(context, world, create).await? {
                if !create_one(context, world, variant_of(create), &body, false).await? {
                    break;
                }
            }
            Ok(())
        }
        Action::Delete(delete) => delete_one(context, world, delete).await,
        Action::Seal { name } => seal(context, world, name).await,
    }
}

/// Asks the API server whether it would take the servers of a run that waits for GPUs. What it refuses is known before any is
/// held; what it accepts is not asked again.
pub async fn rehearse(context: &Context, world: &World) -> Result<(), Error> {
    let Some(run) = queue::waiting(&world.status, world).filter(|_| world.plan.present().is_some()) else {
        return Ok(());
    };
    for variant in world.status.variants.iter().filter(|variant| variant.failure.is_none()) {
        let known = (run.number, variant.name.clone());
        if is_endpoint(world, &variant.name) || context.is_rehearsed(&world.object.uid, &known) {
            continue;
        }
        let mut accepted = true;
        let bodies =
            match bodies(context, world, &Create::Server { variant: variant.name.clone(), deployment: 1 }).await {
                // What cannot be made is an error when it is to be made.
                Err(Error::Body(_)) => Vec::new(),
                bodies => bodies?,
            };
        for body in bodies {
            accepted &= create_one(context, world, Some(&variant.name), &body, true).await?;
        }
        if accepted {
            context.rehearsed(&world.object.uid, known);
        }
    }
    Ok(())
}

fn variant_of(create: &Create) -> Option<&str> {
    match create {
        Create::Server { variant, .. } | Create::LoadJob { variant, .. } | Create::Results { variant } => Some(variant),
        _ => None,
    }
}

/// The objects to create, in order, as the API server is given them.
async fn bodies(context: &Context, world: &World, create: &Create) -> Result<Vec<Value>, Error> {
    let newest = match create {
        Create::Server { .. } => context.graph_version().await? == Some(dynamo::VERSIONS[0]),
        _ => false,
    };
    objects(create, world, newest)
}

/// The objects to create, in order. The plan of a run is made when it is created, from the spec as it is then.
fn objects(create: &Create, world: &World, newest_graphs: bool) -> Result<Vec<Value>, Error> {
    let new;
    let plan = match (world.plan.present(), create) {
        (Some(plan), _) => plan,
        (None, Create::Plan) => {
            new = world.new_plan();
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
        newest_graphs,
    };
    children.objects(create).map_err(|error| Error::Body(error.to_string()))
}

fn report_files(world: &World) -> Option<ReportFiles> {
    let edition = report::edition(&world.status, world)?;
    Some(ReportFiles { files: render(&report::report(&world.status, world)?), edition })
}

/// Creates one object, or only asks whether it could be; false when the server refused it, which is remembered and not an
/// error.
async fn create_one(
    context: &Context,
    world: &World,
    variant: Option<&str>,
    body: &Value,
    dry_run: bool,
) -> Result<bool, Error> {
    let object: DynamicObject = serde_json::from_value(body.clone())
        .map_err(|error| Error::Body(format!("BUG: an object to create has no kind or metadata: {error}")))?;
    let (kind, resource) = resource_of(&object)?;
    let api = kinds::api(&context.client, &world.object.namespace, &resource);
    let place = format!("{} {}", resource.kind, object.name_any());
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), dry_run };
    let (name, request) = (format!("create {place}"), api.create(&parameters, &object));
    let created = if dry_run { call(name, request).await } else { context.write("create", name, request).await };
    let error = match created {
        Ok(created) => {
            if !dry_run {
                note(context, world, kind, created.resource_version().as_deref());
            }
            context.accepted(&world.object.uid, &place);
            return Ok(true);
        }
        Err(error) => error,
    };
    if !dry_run && !matches!(error, Error::Api { .. }) {
        // It may have been done all the same.
        note(context, world, kind, None);
    }
    let number = |key: &str| object.labels().get(key).and_then(|number| number.parse::<i64>().ok());
    let refusal = |reason: &str, message: &str| Refusal {
        object: place.clone(),
        run: number(labels::RUN).unwrap_or_default(),
        variant: variant.map(str::to_owned),
        deployment: number(labels::DEPLOYMENT).and_then(|deployment| deployment.try_into().ok()),
        reason: reason.into(),
        message: message.into(),
        since: (context.clock)(),
    };
    let failed = Reason::CreationFailed.as_str();
    if let Error::Timeout { .. } = &error {
        context.refused(&world.object.uid, refusal(failed, &error.to_string()));
        return Ok(false);
    }
    let Error::Api { source, .. } = &error else { return Err(error) };
    let Some(status) = answer(source) else { return Err(error) };
    match status.code {
        // A name may be free and a quota be used by others until the run is admitted; and some webhooks are never asked.
        _ if dry_run && is_no_answer(status) => {
            context.accepted(&world.object.uid, &place);
            Ok(true)
        }
        409 if status.reason == "AlreadyExists" => {
            let there = optional(format!("get {place}"), api.get(&object.name_any())).await?;
            if let Some(there) = there.filter(|there| is_same(there, &object)) {
                note(context, world, kind, there.resource_version().as_deref());
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
        // Such as a webhook that does not answer. It is shown, and tried again soon: an error would only be logged, and wait
        // longer each time.
        408 | 429 | 500..=599 => {
            context.refused(&world.object.uid, refusal(failed, &status.message));
            Ok(false)
        }
        // Our own credentials, and somebody's write at the same time.
        401 | 409 => Err(error),
        // A webhook refuses with whatever code it likes.
        400..=499 => {
            context.refused(&world.object.uid, refusal(&status.reason, &status.message));
            Ok(false)
        }
        _ => Err(error),
    }
}

/// Remembers what we wrote: the next lists are to show it.
fn note(context: &Context, world: &World, kind: ChildKind, version: Option<&str>) {
    context.recall.demand(&world.object.uid, kind, Least::of(version));
}

/// Whether what was said of a creation that is not meant says nothing about the one that will be.
fn is_no_answer(status: &Status) -> bool {
    status.code == 409
        || status.message.contains("exceeded quota")
        || status.message.contains("does not support dry run")
}

/// Same owner, run and deployment, and not terminating: an earlier try, or another replica, created it. What accepts
/// no more writes has the same content, too: it may be somebody else's, who knew the name.
fn is_same(there: &DynamicObject, wanted: &DynamicObject) -> bool {
    let owner = |object: &DynamicObject| children::controller(&object.metadata).map(|owner| owner.uid.clone());
    let label = |object: &DynamicObject, key: &str| object.labels().get(key).cloned();
    let keys =
        [labels::MANAGED_BY, labels::COMPARISON, labels::COMPONENT, labels::RUN, labels::VARIANT, labels::DEPLOYMENT];
    let is_fixed = wanted.data["immutable"] == true;
    there.metadata.deletion_timestamp.is_none()
        && owner(there).is_some()
        && owner(there) == owner(wanted)
        && keys.iter().all(|key| label(there, key) == label(wanted, key))
        && (!is_fixed || (there.data["immutable"] == true && there.data["data"] == wanted.data["data"]))
}

fn resource_of(object: &DynamicObject) -> Result<(ChildKind, ApiResource), Error> {
    let types = object.types.as_ref().ok_or_else(|| Error::Body("BUG: an object to create has no kind".into()))?;
    let gvk = GroupVersionKind::try_from(types).map_err(|error| Error::Body(error.to_string()))?;
    match ChildKind::parse(&gvk.kind) {
        Some(kind) => Ok((kind, kinds::resource(kind, &gvk.version))),
        None => Err(Error::Body(format!("BUG: {} is not a kind that a run consists of", gvk.kind))),
    }
}

async fn delete_one(context: &Context, world: &World, delete: &Delete) -> Result<(), Error> {
    let version = context.graph_version().await?.unwrap_or(dynamo::VERSIONS[0]);
    let parameters = DeleteParams {
        propagation_policy: Some(propagation(delete)),
        preconditions: Some(Preconditions { uid: Some(delete.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    for resource in kinds::resources(delete.kind, version) {
        // The answer is the object, which may be nested more deeply than can be read.
        let api = kinds::lean(&context.client, &world.object.namespace, &resource);
        let (name, request) =
            (format!("delete {} {}", resource.kind, delete.name), api.delete(&delete.name, &parameters));
        let deleted = if_there(context.write("delete", name, request).await);
        // What goes after what it owns is answered with itself; of what is gone at once, no version is named.
        let going = deleted.as_ref().ok().and_then(Option::as_ref).and_then(|answer| answer.as_ref().left());
        note(context, world, delete.kind, going.and_then(|object| object.metadata.resource_version.as_deref()));
        match deleted {
            // Not there, or not served in this version.
            Ok(None) => {}
            // Another object has this name now: ours is gone.
            Err(Error::Api { source, .. }) if answer(&source).is_some_and(|status| status.code == 409) => return Ok(()),
            other => return other.map(drop),
        }
    }
    Ok(())
}

/// What owns pods is deleted in the foreground: it exists until its pods are gone. Not so a DynamoGraphDeployment, whose
/// operator up to 1.0.1 creates its children again, for hours, while it waits for them to go: what counts is that no pod
/// is left, and those are found by their labels. Where that operator is away, nobody creates anything again.
const fn propagation(delete: &Delete) -> PropagationPolicy {
    match delete.kind {
        _ if delete.abandoned => PropagationPolicy::Foreground,
        ChildKind::Deployment | ChildKind::StatefulSet | ChildKind::LeaderWorkerSet | ChildKind::Job => {
            PropagationPolicy::Foreground
        }
        _ => PropagationPolicy::Background,
    }
}

async fn seal(context: &Context, world: &World, name: &str) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &world.object.namespace);
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"immutable": true}));
    let sealed = context.write("patch", format!("seal ConfigMap {name}"), api.patch(name, &parameters, &patch)).await;
    if let Some(sealed) = if_there(sealed)? {
        note(context, world, ChildKind::ConfigMap, sealed.resource_version().as_deref());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dynamo's operator up to 1.0.1 creates the children of a graph again that is deleted in the foreground.
    #[test]
    fn graphs_are_deleted_in_the_background_unless_they_are_abandoned() {
        let of = |kind, abandoned| propagation(&Delete { kind, name: "a".into(), uid: "u".into(), abandoned });
        assert!(matches!(of(ChildKind::DynamoGraphDeployment, false), PropagationPolicy::Background));
        assert!(matches!(of(ChildKind::DynamoGraphDeployment, true), PropagationPolicy::Foreground));
        assert!(matches!(of(ChildKind::Deployment, false), PropagationPolicy::Foreground));
    }
}
