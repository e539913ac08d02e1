//! Facts → the rest of status: rows, verdict, progress, phase, message, conditions.

use jiff::Timestamp;

use super::facts::{active_run, planned};
use super::judged;
use super::reporting;
use super::statements::{is_judged, statements};
use super::time::{seconds_between, stamp};
use super::words;
use super::world::{Component, World};
use crate::api::conditions::conditions;
use crate::api::{BenchmarkComparisonStatus, Deployed, GpuSeconds, ReportReference, VariantStatus};
use crate::manifests::demand;

/// Folds the facts of `status` into a complete status. The same facts and world give the same status.
pub fn fold(mut status: BenchmarkComparisonStatus, world: &World, now: Timestamp) -> BenchmarkComparisonStatus {
    let before = status.conditions.clone();
    status.observed_generation = world.object.generation;
    for index in 0..status.variants.len() {
        let mut variant = status.variants[index].clone();
        describe(&mut variant, &status, world);
        variant.phase = Some(words::variant_phase(&variant, &status, world));
        status.variants[index] = variant;
    }
    let complete = is_judged(&status, world);
    let judged = judged::fold_rows(&mut status, world, complete);
    if let Some(judgement) = &judged {
        // A verdict stands until another is reached: records may be gone, the answer is not.
        status.verdict = Some(judgement.verdict.clone());
    }
    status.progress = judged::progress(&status, world).or(status.progress);
    status.gpu_seconds = gpu_seconds(&status);
    let report = reporting::stored(&status, world).map(|child| ReportReference { config_map_name: child.name.clone() });
    status.report = report.or(status.report);
    let phase = words::phase(&status, world, judged.as_ref());
    let message = words::message(&status, world, judged.as_ref(), phase, now);
    let statements = statements(&status, world, judged.as_ref(), phase, &message, now);
    status.conditions = conditions(statements, &before, world.object.generation, &stamp(now));
    status.phase = Some(phase);
    status.message = Some(message);
    status
}

fn describe(variant: &mut VariantStatus, status: &BenchmarkComparisonStatus, world: &World) {
    let spec = planned(world);
    let endpoint = spec.variants.iter().find(|v| v.name == variant.name).and_then(|v| v.source.endpoint.as_ref());
    let Some(ready) = world.ready(&variant.name) else { return };
    let demands = demand::of(&ready.objects, &spec.hardware.gpu_resource_name);
    let asked = demands.iter().fold(0_u32, |asked, demand| asked.saturating_add(demand.total()));
    let gpus = endpoint.map(|e| e.gpus).or_else(|| i32::try_from(asked).ok().filter(|gpus| *gpus > 0));
    variant.gpus = gpus.or(variant.gpus);
    let mut deployed = variant.deployed.take().unwrap_or_default();
    if let Some(shape) = &ready.shape {
        shape.show_in(&mut deployed);
    }
    describe_pods(&mut deployed, variant, status, world);
    variant.deployed = Some(deployed).filter(|deployed| *deployed != Deployed::default());
}

/// What only running pods show is kept when they are gone.
fn describe_pods(deployed: &mut Deployed, variant: &VariantStatus, status: &BenchmarkComparisonStatus, world: &World) {
    let Some(run) = active_run(status) else { return };
    let Some(deployment) = variant.deployments.last() else { return };
    let server = world.children.iter().find(|c| {
        c.component == Component::Server
            && c.run == run.number
            && c.variant.as_ref() == Some(&variant.name)
            && c.attempt == Some(deployment.attempt)
            && matches!(c.kind, super::world::Kind::DynamoGraphDeployment | super::world::Kind::Deployment)
    });
    if let Some(server) = server {
        deployed.kind = Some(format!("{:?}", server.kind));
        deployed.name = Some(server.name.clone());
    }
    let holds_gpus = world
        .deployment_pods(run.number, &variant.name, deployment.attempt, Component::Server)
        .filter(|pod| pod.gpus > 0);
    for pod in holds_gpus {
        if let Some(node) = &pod.node
            && !deployed.nodes.contains(node)
            && deployed.nodes.len() < 16
        {
            deployed.nodes.push(node.clone());
        }
        if let Some(id) = pod.containers.iter().map(|c| &c.image_id).find(|id| !id.is_empty()) {
            deployed.image_id = Some(id.clone());
        }
    }
    deployed.nodes.sort();
}

/// Over closed intervals only, so that it changes with facts and not with time.
pub fn gpu_seconds(status: &BenchmarkComparisonStatus) -> Option<GpuSeconds> {
    status.run.as_ref().and_then(|run| run.start_time.as_ref())?;
    let mut total = GpuSeconds { held: 0, measuring: 0 };
    for variant in &status.variants {
        let gpus = i64::from(variant.gpus.unwrap_or(0));
        for deployment in &variant.deployments {
            if let (Some(from), Some(to)) = (&deployment.scheduled, &deployment.gone) {
                total.held = total.held.saturating_add(gpus.saturating_mul(seconds_between(from, to)));
            }
            if let (Some(from), Some(to)) =
                (&deployment.serving, deployment.measured.as_ref().or(deployment.teardown.as_ref()))
            {
                total.measuring = total.measuring.saturating_add(gpus.saturating_mul(seconds_between(from, to)));
            }
        }
    }
    Some(total)
}
