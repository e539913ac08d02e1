//! Every child of a run as it would be created, for people to look at before anything is.

use serde::Serialize;
use serde_json::Value;

use super::ManifestError;
use super::configurations_map::configurations_config_map;
use super::generate_job::generate_job;
use super::load_job::{LoadTarget, load_deadline_seconds, load_job, longest_sweep};
use super::plan_map::plan_config_map;
use super::publish_identity::{publish_role, publish_role_binding, publish_service_account};
use super::results_map::results_config_map;
use super::variant::{Origin, Preparation, instantiate, parse, prepare};
use crate::api::{SourceKind, Variant};
use crate::plan::Plan;
use crate::prediction::configurations::{Configurations, GenerationOutcome};

/// Every child that can be known: without `configurations`, variants that are yet to be generated are left out.
///
/// The report is not among them: its content is the result.
pub fn render_all(plan: &Plan, configurations: Option<&Configurations>) -> Result<Vec<Value>, ManifestError> {
    let deadlines = &plan.spec.execution.deadlines;
    let mut children = vec![
        value(&publish_service_account(plan))?,
        value(&publish_role(plan))?,
        value(&publish_role_binding(plan))?,
        value(&plan_config_map(plan)?)?,
        value(&configurations_config_map(plan))?,
        value(&generate_job(plan, i64::from(deadlines.generate_seconds)))?,
    ];
    for variant in &plan.spec.variants {
        children.push(value(&results_config_map(plan, &variant.name))?);
        if let Some(objects) = objects(plan, variant, configurations)? {
            let instance = instantiate(&objects, plan, &variant.name, 1)?;
            children.extend(instance.objects);
            let target = LoadTarget { variant: &variant.name, deployment: 1, round: 1, url: &instance.endpoint_url };
            children.push(value(&load_job(plan, target, load_deadline_seconds(deadlines, longest_sweep(&plan.spec))))?);
        }
    }
    Ok(children)
}

/// A variant's prepared objects: as generated, or as given; `None` where they are not known yet, or never will be.
fn objects(
    plan: &Plan,
    variant: &Variant,
    configurations: Option<&Configurations>,
) -> Result<Option<Vec<Value>>, ManifestError> {
    if variant.source.kind == SourceKind::Endpoint {
        return Ok(Some(vec![]));
    }
    let generated = configurations.iter().flat_map(|all| &all.variants).find(|one| one.variant == variant.name);
    match generated.map(|configuration| &configuration.outcome) {
        Some(GenerationOutcome::Ready(ready)) => return Ok(Some(ready.objects.clone())),
        Some(GenerationOutcome::Refused { .. }) => return Ok(None),
        None => {}
    }
    let inline = variant.source.manifests.as_ref().and_then(|manifests| manifests.inline.as_ref());
    let Some(text) = plan.manifests.get(&variant.name).or(inline) else { return Ok(None) };
    let preparation = Preparation {
        origin: Origin::Given,
        namespace: &plan.comparison.namespace,
        spec: &plan.spec,
        patches: &variant.patches,
    };
    Ok(Some(prepare(&parse(text)?, &preparation)?.objects))
}

fn value(child: &impl Serialize) -> Result<Value, ManifestError> {
    serde_json::to_value(child).map_err(|error| ManifestError::NotJson(error.to_string()))
}
