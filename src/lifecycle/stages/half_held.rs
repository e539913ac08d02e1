//! A parallel run of which some pods hold GPUs while others find none.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, Mode, VariantStatus};
use crate::lifecycle::facts::{self, live, mode, planned};
use crate::lifecycle::time::{after, stamp};
use crate::lifecycle::world::{Pod, World};
use crate::plan::Component;

/// How long part of a parallel run may hold GPUs while the rest finds none.
const HALF_HELD_SECONDS: i64 = 300;

/// Until when pods of a run may wait for GPUs while others of it hold some. Deployments that are to go anyway wait for none.
pub fn until(status: &BenchmarkComparisonStatus, world: &World) -> Option<Timestamp> {
    let run = status.run.as_ref().filter(|run| mode(run) == Mode::Parallel)?.number;
    let stays = |variant: &VariantStatus, pod: &Pod| {
        pod.variant.as_ref() == Some(&variant.name)
            && live(variant).is_some_and(|d| d.teardown.is_none() && pod.deployment == Some(d.number))
    };
    let pods = || {
        let servers = world.pods.iter().filter(move |p| p.ours && p.run == run && p.component == Component::Server);
        servers.filter(|p| !p.terminating && status.variants.iter().any(|variant| stays(variant, p)))
    };
    let first_bound = pods().filter_map(|p| p.bound).min()?;
    let starving = pods().filter(|p| p.node.is_none()).map(|p| p.created.max(first_bound)).min()?;
    Some(after(starving, HALF_HELD_SECONDS))
}

/// Gives half-held GPUs back: Auto goes on one after the other, Parallel tries again later.
pub fn fall_back(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    if until(status, world).is_none_or(|until| now < until) {
        return;
    }
    if let Some(run) = status.run.as_mut().filter(|_| planned(world).execution.mode == Mode::Auto) {
        run.mode = Some(Mode::Sequential);
        run.mode_reason = Some("Auto: only some of the variants found GPUs at once".into());
    }
    for variant in &mut status.variants {
        if let Some(deployment) = variant.deployments.iter_mut().rfind(|d| facts::is_live(d)) {
            deployment.teardown.get_or_insert(stamp(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::{Role, Run};
    use crate::lifecycle::testing::world;
    use crate::testing::{at, deployment, spec};

    fn pod(variant: &str, created: i64, bound: Option<i64>) -> Pod {
        Pod {
            name: variant.into(),
            component: Component::Server,
            run: 1,
            variant: Some(variant.into()),
            deployment: Some(1),
            ours: true,
            terminating: false,
            ends_by: None,
            over: false,
            node: bound.map(|_| "node".into()),
            bound: bound.map(at),
            ready: false,
            created: at(created),
            unschedulable: None,
            gpus: 8,
            containers: vec![],
        }
    }

    /// Variant a holds GPUs since second 10, b waits since second 20.
    #[rstest]
    #[case::both_are_to_stay(Mode::Parallel, &[], Some(320))]
    #[case::what_waits_is_to_go(Mode::Parallel, &["b"], None)]
    #[case::what_holds_is_to_go(Mode::Parallel, &["a"], None)]
    #[case::as_while_the_run_is_suspended(Mode::Parallel, &["a", "b"], None)]
    #[case::one_after_the_other(Mode::Sequential, &[], None)]
    fn half_of_the_gpus_are_held_for_a_while(
        #[case] mode: Mode,
        #[case] going: &[&str],
        #[case] expected: Option<i64>,
    ) {
        let mut world = world(spec());
        world.pods = vec![pod("a", 5, Some(10)), pod("b", 20, None)];
        let variant = |name: &str| {
            let mut variant = VariantStatus::new(name, Role::Candidate);
            variant.deployments = vec![deployment()];
            variant.deployments[0].teardown = going.contains(&name).then(|| stamp(at(30)));
            variant
        };
        let mut run = Run::new(1, String::new(), stamp(at(0)));
        run.mode = Some(mode);
        let status = BenchmarkComparisonStatus {
            run: Some(run),
            variants: vec![variant("a"), variant("b")],
            ..Default::default()
        };
        assert_eq!(until(&status, &world), expected.map(at));
    }
}
