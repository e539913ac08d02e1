//! Teardown that takes too long, and variants kept on purpose.

use jiff::Timestamp;

use super::facts::{self, is_live, live};
use super::time::after;
use super::world::{Component, World};
use crate::api::{BenchmarkComparisonStatus, DeploymentTimes};

/// When the teardown of a deployment is overdue.
pub fn due(deployment: &DeploymentTimes, world: &World) -> Option<Timestamp> {
    let decided = deployment.teardown.as_ref().filter(|_| is_live(deployment))?;
    Some(after(decided.0, world.spec.execution.deadlines.teardown_seconds))
}

/// What holds an overdue teardown up, naming the object and its finalizer.
pub fn overdue(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Option<String> {
    let run = status.run.as_ref()?;
    status.variants.iter().find_map(|variant| {
        let deployment = live(variant).filter(|d| due(d, world).is_some_and(|due| now >= due))?;
        let child = world.deployment_children(run.number, &variant.name, deployment.attempt).next();
        let pods = [Component::Server, Component::Load];
        let pod = pods
            .into_iter()
            .find_map(|component| world.deployment_pods(run.number, &variant.name, deployment.attempt, component).next());
        Some(match (child, pod) {
            (Some(child), _) if !child.finalizers.is_empty() => format!(
                "{:?} {} of variant {} is held by finalizer {}: start the controller that owns it, or remove the finalizer",
                child.kind,
                child.name,
                variant.name,
                child.finalizers.join(", ")
            ),
            (_, Some(pod)) => format!(
                "pod {} of variant {} was deleted and is still there on node {}: check that the node's kubelet works",
                pod.name,
                variant.name,
                pod.node.as_deref().unwrap_or("(none)")
            ),
            (Some(child), None) => format!(
                "{:?} {} of variant {} was deleted and is still there: check that the cluster's controllers and its garbage \
                 collector run",
                child.kind, child.name, variant.name
            ),
            (None, None) => return None,
        })
    })
}

/// What is said of a variant that is kept, and how to let it go.
pub fn words_of_kept(variant: &str) -> String {
    format!(
        "variant {variant} failed and is kept for debugging; it holds its GPUs: set execution.keepOnFailureSeconds to 0 to let go"
    )
}

/// A failed variant that is kept for debugging.
pub fn kept<'a>(status: &'a BenchmarkComparisonStatus, world: &World) -> Option<&'a str> {
    (world.spec.execution.keep_on_failure_seconds > 0)
        .then(|| {
            let kept = |v: &&crate::api::VariantStatus| {
                v.failure.is_some() && facts::live(v).is_some_and(|d| d.teardown.is_none())
            };
            status.variants.iter().find(kept).map(|v| v.name.as_str())
        })
        .flatten()
}
