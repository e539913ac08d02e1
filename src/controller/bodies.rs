//! What is to be created → bodies. Pure: plan and configurations go in.

use serde_json::Value;

use super::error::Error;
use crate::lifecycle::decision::Create;
use crate::lifecycle::facts::planned;
use crate::lifecycle::report;
use crate::lifecycle::world::World;
use crate::manifests::configurations_map::configurations_config_map;
use crate::manifests::generate_job::generate_job;
use crate::manifests::load_job::{LoadTarget, load_deadline_seconds, load_job};
use crate::manifests::plan_map::plan_config_map;
use crate::manifests::publish_identity::{publish_role, publish_role_binding, publish_service_account};
use crate::manifests::report_map::report_config_map;
use crate::manifests::results_map::results_config_map;
use crate::manifests::variant;
use crate::plan::inputs;
use crate::plan::{Identity, Images, Plan, SCHEMA_VERSION};
use crate::report::render;

/// Objects that make up one creation, in the order they are created.
pub fn bodies(create: &Create, world: &World) -> Result<Vec<Value>, Error> {
    let plan = match create {
        Create::Plan => return Ok(vec![json(plan_config_map(&new_plan(world)).map_err(unmade)?)?]),
        _ => world.plan.present().ok_or_else(|| Error::Body("the run has no plan".into()))?,
    };
    let deadlines = &world.spec.execution.deadlines;
    Ok(match create {
        Create::Plan => vec![],
        Create::PublishIdentity => {
            vec![json(publish_service_account(plan))?, json(publish_role(plan))?, json(publish_role_binding(plan))?]
        }
        Create::Configurations => vec![json(configurations_config_map(plan))?],
        Create::GenerateJob => vec![json(generate_job(plan, i64::from(deadlines.generate_seconds)))?],
        Create::Results { variant } => vec![json(results_config_map(plan, variant))?],
        Create::Server { variant, deployment } => instance(plan, world, variant, *deployment)?.objects,
        Create::LoadJob { variant, deployment, round } => {
            let url = url(plan, world, variant, *deployment)?;
            let target = LoadTarget { variant, deployment: *deployment, round: *round, url: &url };
            vec![json(load_job(plan, target, load_deadline_seconds(deadlines, MOST_STEPS)))?]
        }
        Create::Report => vec![report(plan, world)?],
    })
}

fn report(plan: &Plan, world: &World) -> Result<Value, Error> {
    let unknown = || Error::Body("there is nothing to report yet".into());
    let edition = report::edition(&world.status, world).ok_or_else(unknown)?;
    let report = report::report(&world.status, world).ok_or_else(unknown)?;
    json(report_config_map(plan, render(&report), edition))
}

/// Steps of a sweep at the most: 24 levels and their repetitions.
const MOST_STEPS: u32 = 100;

fn instance(plan: &Plan, world: &World, name: &str, deployment: u32) -> Result<variant::Instance, Error> {
    let ready = world.ready(name).ok_or_else(|| Error::Body(format!("variant {name} has no configuration")))?;
    variant::instantiate(&ready.objects, plan, name, deployment).map_err(unmade)
}

fn url(plan: &Plan, world: &World, name: &str, deployment: u32) -> Result<String, Error> {
    let endpoint = plan.spec.variants.iter().find(|v| v.name == name).and_then(|v| v.source.endpoint.as_ref());
    match endpoint {
        Some(endpoint) => Ok(endpoint.url.clone()),
        None => Ok(instance(plan, world, name, deployment)?.endpoint_url),
    }
}

/// The plan of the run that status names: everything that decides what is measured is fixed here.
fn new_plan(world: &World) -> Plan {
    let spec = planned(world).clone();
    let named = |image: &Option<String>, default: &str| match image.as_deref() {
        None | Some("") => default.to_owned(),
        Some(image) => image.to_owned(),
    };
    let settings = &world.settings.images;
    let images = Images {
        agent: settings.agent.clone(),
        predictor: named(&spec.predictor.image, &settings.predictor),
        load: named(&spec.load.image, &settings.load),
    };
    let sources = world.sources.iter().filter_map(|(variant, text)| Some((variant.clone(), text.clone().ok()?)));
    Plan {
        schema_version: SCHEMA_VERSION,
        comparison: Identity {
            namespace: world.object.namespace.clone(),
            name: world.object.name.clone(),
            uid: world.object.uid.clone(),
        },
        run: world.status.run.as_ref().map_or(1, |run| run.number),
        inputs_hash: inputs::hash(&spec),
        images,
        manifests: sources.collect(),
        spec,
    }
}

fn json(object: impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(object).map_err(|error| Error::Body(format!("an object is no JSON: {error}")))
}

fn unmade(error: impl std::fmt::Display) -> Error {
    Error::Body(error.to_string())
}
