//! A deployment that is being measured, and of which nothing more comes.
//!
//! The load pod keeps the time of each trial, and its Job ends at last. Both say nothing when the pod's node is lost or its
//! container hangs, and GPUs are held meanwhile: so the operator keeps a deadline of its own, from what was published.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, Reason, Run};
use crate::lifecycle::facts::{active_run, live, planned};
use crate::lifecycle::problem::Problem;
use crate::lifecycle::stages::view::View;
use crate::lifecycle::time::after;
use crate::lifecycle::world::{Output, Pod, World};
use crate::manifests::load_job::deadline_seconds;

/// Time in which another load pod finds a node, at most: unlike a server, it needs no GPU.
const SUCCESSOR_SECONDS: u32 = 900;
/// Time to end the load tool, keep its files and publish a record.
const PUBLISHING_SECONDS: u32 = 300;
/// How long after it should have been gone a load pod is shown that is still there.
const ENDING_SECONDS: u32 = 60;
/// How long after it has a node a load pod is shown that does not start: a large image takes its time.
const STARTING_SECONDS: u32 = 300;
/// How long a load pod may hang in either of the two before the variant fails.
const STUCK_SECONDS: u32 = 1800;

/// When the load pod published something last, as far as is known: a record, the beginning of a trial, or the first
/// completed request. `None` before that.
///
/// The times are those of the load pod's clock. If it is behind the operator's, the mark of the first request is older than
/// the fact, by as much.
fn last_progress(view: &View) -> Option<Timestamp> {
    let serving = view.deployment.serving.as_ref()?.0;
    let Some(results) = view.world.results.get(view.variant).and_then(Output::present) else { return Some(serving) };
    let late = view.serving().map_or(0, |mark| serving.as_second().saturating_sub(mark.as_second()).max(0));
    let ledger = &results.ledger;
    let records = ledger.records.iter().filter(|record| record.deployment == view.deployment.number);
    let begun = ledger.starts.values().flatten().map(|mark| mark.time);
    let published = records.map(|record| record.completion_time).chain(begun).map(|time| after(time, late));
    published.chain([serving]).max()
}

/// How long nothing may be published: as long as a trial may take, and as long as it takes a new load pod to go on.
fn patience(view: &View) -> i64 {
    let limits = &view.world.spec.execution.deadlines;
    let successor = i64::from(limits.schedule_seconds.min(SUCCESSOR_SECONDS)) + i64::from(limits.ready_seconds);
    // A load pod that exists keeps the limit it was given.
    let trial = limits.trial_seconds.max(planned(view.world).execution.deadlines.trial_seconds);
    i64::from(trial) + successor + i64::from(PUBLISHING_SECONDS)
}

/// When a deployment that is being measured counts as stalled. Whatever clocks say, not later than its load Job could live.
pub fn deadline(view: &View) -> Option<Timestamp> {
    let serving = view.deployment.serving.as_ref()?.0;
    let limits = &view.world.spec.execution.deadlines;
    let longest = after(serving, deadline_seconds(limits, planned(view.world)));
    Some(after(last_progress(view)?, patience(view)).min(longest))
}

/// Nothing was published for too long.
pub fn of_silence(view: &View, now: Timestamp) -> Option<Problem> {
    let fatal = deadline(view).filter(|deadline| now >= *deadline)?;
    let pod = view.loaders().find(|pod| !pod.over).map(|pod| format!("check what load pod {} waits for", place(pod)));
    let cure = pod.unwrap_or_else(|| match view.load_job() {
        Some(job) => format!("check why Job {} has no running pod", job.name),
        None => "start another run".into(),
    });
    let message = format!(
        "nothing was published of variant {} for {} s, in which a trial (execution.deadlines.trialSeconds) and a new load pod fit: \
         {cure}, or raise the deadline; what was published is kept",
        view.variant,
        patience(view)
    );
    Some(Problem { reason: Reason::LoadStalled, message, fatal })
}

fn place(pod: &Pod) -> String {
    match &pod.node {
        Some(node) => format!("{} on node {node}", pod.name),
        None => pod.name.clone(),
    }
}

/// A load pod that hangs, since when, and how long before it is shown.
struct Hanging<'a> {
    pod: &'a Pod,
    since: Timestamp,
    shown_after: u32,
    ending: bool,
}

impl Hanging<'_> {
    fn shown(&self) -> Timestamp {
        after(self.since, self.shown_after)
    }

    fn fatal(&self) -> Timestamp {
        after(self.since, STUCK_SECONDS)
    }

    fn problem(&self, variant: &str) -> Problem {
        let (name, place) = (&self.pod.name, place(self.pod));
        let message = if self.ending {
            format!(
                "load pod {place} of variant {variant} was deleted and is still there, and its Job makes no other before it is \
                 gone: check that the node's kubelet works, or run kubectl delete pod {name} --force if the node is lost"
            )
        } else {
            format!(
                "load pod {place} of variant {variant} does not start: check its events (kubectl describe pod {name}) for an \
                 image that is pulled slowly, a volume that is attached to another node, or a network or runtime that fails"
            )
        };
        Problem { reason: Reason::LoadPodStuck, message, fatal: self.fatal() }
    }
}

fn hanging<'a>(view: &View<'a>) -> impl Iterator<Item = Hanging<'a>> {
    view.loaders().filter(|pod| !pod.over).filter_map(|pod| {
        if pod.terminating {
            let since = pod.ends_by?;
            return Some(Hanging { pod, since, shown_after: ENDING_SECONDS, ending: true });
        }
        let since = pod.bound.filter(|_| is_starting(pod))?;
        Some(Hanging { pod, since, shown_after: STARTING_SECONDS, ending: false })
    })
}

/// Whether a pod has a node and a container that was not begun yet, for no reason that is known.
fn is_starting(pod: &Pod) -> bool {
    let waits = |reason: &str| matches!(reason, "ContainerCreating" | "PodInitializing");
    pod.node.is_some()
        && (pod.containers.is_empty()
            || pod.containers.iter().any(|c| c.waiting.as_ref().is_some_and(|(reason, _)| waits(reason))))
}

/// A load pod that does not start, or does not end.
pub fn of_load_pods(view: &View, now: Timestamp) -> Option<Problem> {
    let shown = hanging(view).filter(|hanging| now >= hanging.shown());
    shown.min_by_key(Hanging::fatal).map(|hanging| hanging.problem(view.variant))
}

/// When a load pod that hangs is shown, and when that is final.
pub fn load_pods_due(view: &View) -> Vec<Timestamp> {
    hanging(view).flat_map(|hanging| [hanging.shown(), hanging.fatal()]).collect()
}

/// Since when nothing was published of the deployment that has been silent longest, of those that are being measured.
pub fn silent_since(status: &BenchmarkComparisonStatus, world: &World) -> Option<Timestamp> {
    let run: &Run = active_run(status)?;
    let silent = status.variants.iter().filter_map(|variant| {
        let deployment = live(variant).filter(|deployment| deployment.teardown.is_none())?;
        last_progress(&View { world, run, variant: &variant.name, deployment })
    });
    silent.min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::api::DeploymentStatus;
    use crate::lifecycle::testing::world;
    use crate::lifecycle::time::stamp;
    use crate::lifecycle::world::PublishedResults;
    use crate::measurement::ledger::{Ledger, Mark};
    use crate::testing::{at, deployment, spec};

    /// Seconds after which a deployment that served at second 1000 counts as stalled, with deadlines of 100 s each.
    fn stalls_at(served: i64, begun: &[i64]) -> i64 {
        let mark = |second: &i64| Mark { schema_version: 1, deployment: 1, pod_uid: "u".into(), time: at(*second) };
        let mut spec = spec();
        let limits = &mut spec.execution.deadlines;
        (limits.schedule_seconds, limits.ready_seconds, limits.trial_seconds) = (100, 100, 100);
        let mut world = world(spec);
        let ledger = Ledger {
            starts: [("r1-c000001-l1-t1".to_owned(), begun.iter().map(mark).collect())].into(),
            serving: [(1, mark(&served))].into(),
            ..Ledger::default()
        };
        world.results = [("a".to_owned(), Output::Present(PublishedResults { ledger, sealed: false }))].into();
        let deployment = DeploymentStatus {
            scheduled: Some(stamp(at(500))),
            ready: Some(stamp(at(900))),
            serving: Some(stamp(at(1000))),
            ..deployment()
        };
        let run = serde_json::from_value(
            serde_json::json!({"number": 1, "inputsHash": "v1:0", "queuedTime": "1970-01-01T00:00:00Z"}),
        );
        let run: Run = run.unwrap();
        deadline(&View { world: &world, run: &run, variant: "a", deployment: &deployment }).unwrap().as_second()
    }

    /// The trial, another load pod's node and server, and publishing: 600 s.
    #[rstest]
    #[case::nothing_was_begun(1000, &[], 1600)]
    #[case::a_trial_was_begun(1000, &[1200, 1100], 1800)]
    #[case::a_clock_an_hour_behind(-2600, &[-2400], 1800)]
    #[case::marks_of_an_earlier_deployment(1000, &[300], 1600)]
    fn silence_is_counted_from_the_last_mark(#[case] served: i64, #[case] begun: &[i64], #[case] stalls: i64) {
        assert_eq!(stalls_at(served, begun), stalls);
    }

    /// As if the load Job's own deadline had come.
    #[test]
    fn a_clock_that_is_years_ahead_holds_no_gpu_for_years() {
        assert!(stalls_at(1_000_000_000, &[1_000_000_100]) <= 1000 + 2_592_000);
    }
}
