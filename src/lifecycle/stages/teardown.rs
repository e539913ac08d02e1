//! Teardown that takes too long, and variants kept on purpose.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, DeploymentStatus};
use crate::dynamo;
use crate::lifecycle::facts::{self, active_run, anything_deployed, is_live, live};
use crate::lifecycle::remains::is_over;
use crate::lifecycle::time::after;
use crate::lifecycle::world::{Child, Pod, World};
use crate::plan::{ChildKind, Component};

/// Finalizer of the API server's own garbage collection: the object goes after its children.
const FOREGROUND: &str = "foregroundDeletion";
/// Another one: the children stay when the object goes.
pub const ORPHAN: &str = "orphan";

/// How long Dynamo's operator may take to let go of a graph that is deleted, in seconds. It takes less than two.
const LETTING_GO_SECONDS: i64 = 30;

/// From when on Dynamo's operator must be away: it still holds a graph that was deleted that long ago. It counts from the
/// deletion and not from the decision to tear down, which a restart of this operator may separate. `None` for objects
/// that wait for somebody else, or were deleted a second time already.
pub fn abandoned_at(child: &Child) -> Option<Timestamp> {
    let held = |finalizer: &str| child.finalizers.iter().any(|held| held == finalizer);
    let by_dynamo = child.kind == ChildKind::DynamoGraphDeployment && held(dynamo::FINALIZER) && !held(FOREGROUND);
    child.deleted.filter(|_| by_dynamo).map(|deleted| after(deleted, LETTING_GO_SECONDS))
}

/// When the teardown of a deployment is overdue.
pub fn due(deployment: &DeploymentStatus, world: &World) -> Option<Timestamp> {
    let decided = deployment.teardown.as_ref().filter(|_| is_live(deployment))?;
    Some(after(decided.0, world.spec.execution.deadlines.teardown_seconds))
}

/// Whether the teardown of a deployment is overdue.
pub fn is_overdue(deployment: &DeploymentStatus, world: &World, now: Timestamp) -> bool {
    due(deployment, world).is_some_and(|due| now >= due)
}

/// What holds an overdue teardown up, naming the object and its finalizer.
pub fn overdue(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Option<String> {
    let run = status.run.as_ref()?;
    let deployed = status.variants.iter().find_map(|variant| {
        let deployment = live(variant).filter(|d| is_overdue(d, world, now))?;
        let child = world.deployment_children(run.number, &variant.name, deployment.number).next();
        let pods = [Component::Server, Component::Load];
        let pod = pods.into_iter().find_map(|component| {
            world.deployment_pods(run.number, &variant.name, deployment.number, component).next()
        });
        stuck(child, pod, &format!("of variant {}", variant.name))
    });
    deployed.or_else(|| {
        leftovers_due(status, world).filter(|due| now >= *due)?;
        let child = world.children_of(run.number).find(|child| !child.component.is_record());
        let pod = world.pods.iter().find(|pod| pod.ours && pod.run == run.number);
        stuck(child, pod, &format!("of run {}", run.number))
    })
}

/// When the last objects of a run that has come to its end are overdue: no deployment is left, and something else is.
pub fn leftovers_due(status: &BenchmarkComparisonStatus, world: &World) -> Option<Timestamp> {
    let run = active_run(status).filter(|_| is_over(status, world) && !anything_deployed(status))?;
    let gone = status.variants.iter().flat_map(|v| &v.deployments).filter_map(|d| d.gone.as_ref());
    let last = gone.chain(run.ended.as_ref().map(|ended| &ended.time)).map(|time| time.0).max()?;
    Some(after(last, world.spec.execution.deadlines.teardown_seconds))
}

fn stuck(child: Option<&Child>, pod: Option<&Pod>, whose: &str) -> Option<String> {
    // What the garbage collector holds goes when its pods have gone.
    let holds = |finalizer: &&str| ![FOREGROUND, ORPHAN].contains(finalizer);
    let finalizers = child.map(|child| child.finalizers.iter().map(String::as_str).filter(holds).collect::<Vec<_>>());
    Some(match (child, pod) {
        (Some(child), pod) if finalizers.as_ref().is_some_and(|held| !held.is_empty()) => format!(
            "{} {} {whose} is held by finalizer {}{}: {}",
            child.kind,
            child.name,
            finalizers.as_ref().map(|held| held.join(", ")).unwrap_or_default(),
            if pod.is_none() { " (no pod is left, so no GPU is held)" } else { "" },
            cure_of_hold(&finalizers.unwrap_or_default())
        ),
        // Dynamo's operator puts objects with finalizers of their own between a graph and its pods.
        (None, Some(Pod { name, terminating: false, .. })) => format!(
            "pod {name} {whose} is still there and was not deleted, because an object that owns it has a finalizer: start the \
             controller of that object (for a DynamoGraphDeployment: Dynamo's operator)"
        ),
        (_, Some(Pod { name, node: Some(node), terminating: true, .. })) => format!(
            "pod {name} {whose} was deleted and is still there on node {node}: check that the node's kubelet works"
        ),
        (_, Some(Pod { name, node: None, terminating: true, .. })) => format!(
            "pod {name} {whose} was deleted and is still there, without a node: check that the controller of its finalizers runs"
        ),
        (Some(child), _) => format!(
            "{} {} {whose} was deleted and is still there: check that the cluster's controllers and its garbage collector run",
            child.kind, child.name
        ),
        (None, None) => return None,
    })
}

/// What is said of a variant that is kept, and how to let it go.
pub fn kept_message(variant: &str) -> String {
    format!(
        "variant {variant} failed and is kept for debugging; it holds its GPUs: set execution.keepOnFailureSeconds to 0 to release them"
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

/// While Dynamo's operator is away, its webhooks let nobody change its graphs.
fn cure_of_hold(finalizers: &[&str]) -> &'static str {
    if finalizers.contains(&dynamo::FINALIZER) {
        "start Dynamo's operator, which removes it"
    } else {
        "start the controller that owns it, or remove the finalizer"
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn held_by(finalizer: &str) -> Child {
        Child {
            kind: ChildKind::DynamoGraphDeployment,
            name: "qwen-r1-baseline-d1".into(),
            uid: "u".into(),
            component: Component::Server,
            run: 1,
            variant: Some("baseline".into()),
            deployment: Some(1),
            ours: true,
            deleted: Some(Timestamp::UNIX_EPOCH),
            finalizers: vec![finalizer.into(), FOREGROUND.into()],
            created: Timestamp::UNIX_EPOCH,
            job: None,
            has_pods: false,
            edition: None,
            complaint: None,
        }
    }

    #[rstest]
    #[case::of_dynamo("nvidia.com/finalizer", "start Dynamo's operator", false)]
    #[case::of_others("example.com/audit", "start the controller that owns it", true)]
    fn a_finalizer_is_removed_by_hand_where_that_works(
        #[case] finalizer: &str,
        #[case] cure: &str,
        #[case] by_hand: bool,
    ) {
        let said = stuck(Some(&held_by(finalizer)), None, "of variant baseline").unwrap();
        assert!(said.contains(finalizer) && said.contains(cure) && !said.contains(FOREGROUND), "{said}");
        assert_eq!(said.contains("or remove the finalizer"), by_hand, "{said}");
    }
}
