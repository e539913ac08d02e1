//! Stage two: the queue for GPUs, and the choice between Sequential and Parallel.

pub mod ahead;
pub mod awaken;
pub mod capacity;
pub mod rivals;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, EarlyEnd, Failure, Mode, Reason, Run, Until};
use crate::lifecycle::facts::end;
use crate::lifecycle::facts::{active_run, all_measured, anything_deployed, comparable, may_deploy, mode, planned};
use crate::lifecycle::problem::{Problem, of_objects};
use crate::lifecycle::run_limits::Contender;
use crate::lifecycle::stages::queue::ahead::Ahead;
use crate::lifecycle::stages::queue::capacity::Free;
use crate::lifecycle::stages::suspend::waits_since;
use crate::lifecycle::time::{after, stamp};
use crate::lifecycle::world::{Node, Object, Rival, World};
use crate::manifests::demand;
use crate::plan::Component;
use crate::plan::Demand;

/// How long a claim that no node takes holds others up: a new node may come meanwhile.
const PASS_SECONDS: i64 = 600;

/// Admits the run when it is first in the queue and its GPUs are free, or ends it when there is nothing to compare or the wait is over.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = waiting(status, world) else { return };
    if !comparable(status) {
        let failed = status.variants.iter().find_map(|v| Some((v.name.clone(), v.failure.clone()?)));
        let (reason, why) = match failed {
            Some((variant, failure)) => (failure.reason, format!("variant {variant}: {}", failure.message)),
            None => (Reason::NotJudged.into(), "a comparison needs a baseline and a candidate".into()),
        };
        let message = format!("nothing to compare, no GPU was held: {why}");
        return end(status, EarlyEnd::Failed, reason, message, now);
    }
    if let Some(what) = leftovers(world).filter(|_| now >= leftovers_go(run, world)) {
        let seconds = world.spec.execution.deadlines.teardown_seconds;
        let message = format!(
            "{what} is still there after {seconds} s (execution.deadlines.teardownSeconds): delete it, and start another run"
        );
        return end(status, EarlyEnd::Failed, Reason::NameTaken, message, now);
    }
    if let Some((index, problem)) = refused(status, run, world) {
        if problem.is_final(now) {
            status.variants[index].failure = Some(Failure::new(problem.reason, &problem.message, stamp(now)));
        }
        return;
    }
    match admission(run, world, now) {
        Admission::Admit { mode, reason } => {
            if let Some(run) = status.run.as_mut() {
                run.start_time = Some(stamp(now));
                run.mode = Some(mode);
                run.mode_reason = Some(reason);
            }
        }
        Admission::Wait(why) => {
            if deadline(run, world).is_some_and(|deadline| now >= deadline) {
                let message = format!(
                    "it was not admitted within {seconds} s (execution.deadlines.queueSeconds): {why}; raise the \
                     deadline, or set it to 0 for no limit",
                    seconds = world.spec.execution.deadlines.queue_seconds
                );
                end(status, EarlyEnd::Failed, Reason::QueueDeadline, message, now);
            }
        }
    }
}

/// The run, if it is generated and waits for GPUs.
pub fn waiting<'a>(status: &'a BenchmarkComparisonStatus, world: &World) -> Option<&'a Run> {
    active_run(status).filter(|run| {
        run.start_time.is_none()
            && run.ended.is_none()
            && !world.spec.suspend
            && world.spec.execution.until == Until::Verdict
            && world.configurations.present().is_some()
    })
}

/// A variant whose servers the API server would not take, and why: no GPU is held to find that out.
pub fn refused(status: &BenchmarkComparisonStatus, run: &Run, world: &World) -> Option<(usize, Problem)> {
    let found = status.variants.iter().enumerate().filter(|(_, variant)| variant.failure.is_none()).filter_map(
        |(index, variant)| {
            let refusals = world.refusals.iter();
            let refusals = refusals.filter(|r| r.run == run.number && r.variant.as_ref() == Some(&variant.name));
            let since = run.generated_time.as_ref().map_or(run.queued_time.0, |time| time.0);
            let problem = of_objects([].into_iter(), refusals, since, world.spec.execution.deadlines.teardown_seconds)?;
            // A server that fails refuses nothing.
            (problem.fatal < Timestamp::MAX).then_some((index, problem))
        },
    );
    found.min_by_key(|(_, problem)| problem.fatal)
}

/// When the wait in the queue ends, if ever.
pub fn deadline(run: &Run, world: &World) -> Option<Timestamp> {
    let seconds = world.spec.execution.deadlines.queue_seconds;
    let generated = run.generated_time.as_ref().map(|time| time.0).filter(|_| seconds > 0)?;
    Some(after(waits_since(run, generated), seconds))
}

/// When a wait must be looked at at the latest, if ever.
pub fn look(run: &Run, world: &World) -> Option<Timestamp> {
    let leftovers = leftovers(world).map(|_| leftovers_go(run, world));
    let refused = refused(&world.status, run, world).map(|(_, problem)| problem.fatal);
    deadline(run, world).into_iter().chain(leftovers).chain(refused).min()
}

/// Those who want or hold GPUs of the same kind.
fn rivals(world: &World) -> impl Iterator<Item = &Rival> {
    let own = &planned(world).hardware.gpu_resource_name;
    world.rivals.iter().filter(move |rival| rival.gpu_resource == *own)
}

/// When claims that no node takes begin to let others pass.
pub fn passes(world: &World) -> impl Iterator<Item = Timestamp> {
    rivals(world).filter_map(|rival| passes_at(rival, world.nodes.as_deref()))
}

/// What is still there of a deleted comparison of the same name.
fn leftovers(world: &World) -> Option<String> {
    let of = "of a deleted comparison of the same name";
    if let Some(child) = world.children.iter().find(|c| !c.ours && !c.component.is_record()) {
        return Some(format!("{} {} {of}", child.kind, child.name));
    }
    let pod = world.pods.iter().find(|p| !p.ours && p.component == Component::Server && !p.over);
    pod.map(|pod| format!("pod {} {of}", pod.name))
}

/// When the predecessor's objects must be gone: `teardownSeconds` after the run was queued.
fn leftovers_go(run: &Run, world: &World) -> Timestamp {
    after(run.queued_time.0, world.spec.execution.deadlines.teardown_seconds)
}

/// Whether a run may deploy now.
pub enum Admission {
    /// It may.
    Admit {
        /// Sequential or Parallel.
        mode: Mode,
        /// Why.
        reason: String,
    },
    /// It must wait; the message for people says why.
    Wait(String),
}

/// Decides whether a run may deploy now.
pub fn admission(run: &Run, world: &World, now: Timestamp) -> Admission {
    if let Some(what) = leftovers(world) {
        return Admission::Wait(format!("waits until {what} is gone; delete it if it stays"));
    }
    let demands = demands(world);
    let asked: Vec<Demand> = demands.iter().flatten().cloned().collect();
    if asked.is_empty() {
        return Admission::Admit { mode: requested_mode(world), reason: "no GPU is asked for".into() };
    }
    if held_back(run, world, now).contains(world.object.uid.as_str()) {
        return Admission::Wait(at_limit(world));
    }
    let earlier = earlier(run, world, now);
    let fits =
        |demands: &[Demand]| world.nodes.as_deref().is_some_and(|nodes| fits_beside(nodes, &earlier, world, demands));
    let (mode, reason) = choose_mode(world, fits(&asked));
    let at_once: Vec<Demand> = if mode == Mode::Parallel { asked } else { largest(&demands) };
    if earlier.is_empty() || fits(&at_once) {
        return Admission::Admit { mode, reason };
    }
    Admission::Wait(behind(&earlier))
}

/// UIDs of the runs, this one among them, that wait for others of their namespace.
fn held_back<'a>(run: &Run, world: &'a World, now: Timestamp) -> BTreeSet<&'a str> {
    let Object { uid, namespace, .. } = &world.object;
    let own = Contender { uid, namespace, admitted: run.start_time.is_some(), queued: run.queued_time.0 };
    let others = rivals(world).filter(|rival| counts(rival, world.nodes.as_deref(), now)).map(Rival::contender);
    world.settings.run_limits.held_back(others.chain([own]))
}

/// Whether a run counts among those of its namespace: one that waits in vain lets the others pass.
fn counts(rival: &Rival, nodes: Option<&[Node]>, now: Timestamp) -> bool {
    rival.admitted.is_some() || !is_passed(rival, nodes, now)
}

fn at_limit(world: &World) -> String {
    let namespace = &world.object.namespace;
    let limit = world.settings.run_limits.of(namespace).unwrap_or_default();
    format!(
        "waits for another run of namespace {namespace}, of which {limit} may be admitted at a time (the operator's runLimits)"
    )
}

fn behind(rivals: &[&Rival]) -> String {
    format!("waits for GPUs behind {}", Ahead::of(rivals))
}

/// Whom a run waits behind that was not admitted yet.
pub fn ahead(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Option<Ahead> {
    let run = waiting(status, world)?;
    let is_held_back = held_back(run, world, now).contains(world.object.uid.as_str());
    (!is_held_back).then(|| Ahead::of(&earlier(run, world, now)))
}

/// Whether it matters what others hold: the run waits to be admitted, or was and nothing of it is deployed.
pub fn looks_at_others(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let between = |run: &Run| may_deploy(world, run) && !anything_deployed(status) && !all_measured(world, status);
    waiting(status, world).is_some() || active_run(status).is_some_and(between)
}

/// Why a run that was admitted deploys nothing now, if so. While it was suspended another one may have begun: that one
/// finishes the variant it is at, and where neither has deployed anything, who was admitted first goes first.
pub fn must_wait_behind(run: &Run, world: &World, now: Timestamp) -> Option<String> {
    let mine = (run.start_time.as_ref()?.0, world.object.uid.as_str());
    let is_ahead =
        |rival: &&Rival| rival.admitted.is_some_and(|admitted| rival.deployed || (admitted, rival.uid.as_str()) < mine);
    let ahead: Vec<&Rival> =
        rivals(world).filter(is_ahead).filter(|rival| !is_passed(rival, world.nodes.as_deref(), now)).collect();
    let demands = demands(world);
    let at_once = if mode(run) == Mode::Parallel { demands.concat() } else { largest(&demands) };
    let fits = || world.nodes.as_deref().is_some_and(|nodes| fits_beside(nodes, &ahead, world, &at_once));
    (!ahead.is_empty() && !at_once.is_empty() && !fits()).then(|| behind(&ahead))
}

fn requested_mode(world: &World) -> Mode {
    match planned(world).execution.mode {
        Mode::Auto => Mode::Sequential,
        mode => mode,
    }
}

fn choose_mode(world: &World, all_fit: bool) -> (Mode, String) {
    match planned(world).execution.mode {
        Mode::Sequential => (Mode::Sequential, "execution.mode asks for it".into()),
        Mode::Parallel => (Mode::Parallel, "execution.mode asks for it".into()),
        Mode::Auto if world.nodes.is_none() => (Mode::Sequential, "Auto: the operator may not see nodes".into()),
        Mode::Auto if world.nodes.as_deref().is_some_and(<[_]>::is_empty) => {
            let resource = &planned(world).hardware.gpu_resource_name;
            (Mode::Sequential, format!("Auto: no node offers {resource} as an extended resource"))
        }
        Mode::Auto if all_fit => (Mode::Parallel, "Auto: all variants fit at once".into()),
        Mode::Auto => (Mode::Sequential, "Auto: not all variants fit at once".into()),
    }
}

/// Pods of each variant that can be deployed.
pub fn demands(world: &World) -> Vec<Vec<Demand>> {
    let spec = planned(world);
    let gpu = &spec.hardware.gpu_resource_name;
    spec.variants
        .iter()
        .filter_map(|variant| world.ready(&variant.name))
        .map(|ready| demand::of(&ready.objects, gpu))
        .filter(|demands| !demands.is_empty())
        .collect()
}

fn largest(demands: &[Vec<Demand>]) -> Vec<Demand> {
    let total = |demands: &Vec<Demand>| demands.iter().map(|demand| u64::from(demand.total())).sum::<u64>();
    demands.iter().max_by_key(|demands| total(demands)).cloned().unwrap_or_default()
}

fn earlier<'a>(run: &Run, world: &'a World, now: Timestamp) -> Vec<&'a Rival> {
    let mine = (run.queued_time.0, world.object.uid.as_str());
    let held_back = held_back(run, world, now);
    let may_be_next =
        |rival: &Rival| (rival.queued, rival.uid.as_str()) < mine && !held_back.contains(rival.uid.as_str());
    let is_earlier = |rival: &&Rival| rival.admitted.is_some() || may_be_next(rival);
    let mut earlier: Vec<&Rival> =
        rivals(world).filter(is_earlier).filter(|rival| !is_passed(rival, world.nodes.as_deref(), now)).collect();
    earlier.sort_by_key(|rival| (rival.queued, rival.uid.clone()));
    earlier
}

/// A claim that no node takes stays first, and lets others pass: it is kept free once there is a node for it.
fn is_passed(rival: &Rival, nodes: Option<&[Node]>, now: Timestamp) -> bool {
    passes_at(rival, nodes).is_some_and(|at| now >= at)
}

/// When a claim begins to let others pass: no node is large enough for it, or has the labels that it asks for; or its pods find
/// none for a reason that only the scheduler knows, such as a taint.
fn passes_at(rival: &Rival, nodes: Option<&[Node]>) -> Option<Timestamp> {
    let roomless = (!has_room(rival, nodes)).then(|| rival.admitted.unwrap_or(rival.queued));
    roomless.into_iter().chain(rival.pending_since).min().map(|since| after(since, PASS_SECONDS))
}

/// Whether the nodes there are could take a claim if nobody else used them. Nobody knows where nodes are not shown, or where
/// they offer GPUs as devices only.
fn has_room(rival: &Rival, nodes: Option<&[Node]>) -> bool {
    let known = nodes.filter(|nodes| !nodes.is_empty());
    known.is_none_or(|nodes| Free::of_empty(nodes).place(&claim(&[rival])))
}

fn claim(rivals: &[&Rival]) -> Vec<Demand> {
    rivals.iter().flat_map(|rival| &rival.demand).cloned().collect()
}

fn fits_beside(nodes: &[Node], earlier: &[&Rival], world: &World, asked: &[Demand]) -> bool {
    let mut uids: Vec<&str> = earlier.iter().map(|rival| rival.uid.as_str()).collect();
    uids.push(&world.object.uid);
    let mut free = Free::beside(nodes, &uids);
    // What finds no room cannot be kept free beside: wait until it is over, or is passed.
    free.place(&claim(earlier)) && free.place(asked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::lifecycle::testing;
    use crate::lifecycle::testing::world;
    use crate::testing::spec;

    fn rival(demand: &[(u32, u32)]) -> Rival {
        testing::rival("team/other", demand)
    }

    /// Eight GPUs are asked for on a node of sixteen, behind a run that was admitted.
    #[rstest]
    #[case::beside(&[(8, 1)], true)]
    #[case::all(&[(8, 1), (1, 8)], false)]
    #[case::nothing(&[], true)]
    #[case::a_claim_no_node_can_take(&[(1, 32)], false)]
    fn gpus_claimed_before_are_kept_free(#[case] claim: &[(u32, u32)], #[case] fits: bool) {
        let node = Node {
            name: "n".into(),
            labels: BTreeMap::new(),
            allocatable: 16,
            used: BTreeMap::new(),
            unschedulable: false,
        };
        let asked = [Demand { pods: 1, gpus: 8, node_selector: BTreeMap::new() }];
        assert_eq!(fits_beside(&[node], &[&rival(claim)], &world(spec()), &asked), fits);
    }

    #[rstest]
    #[case::too_large_for_a_while(&[(1, 32)], 599, false)]
    #[case::too_large_for_long(&[(1, 32)], 600, true)]
    #[case::too_many(&[(3, 8)], 600, true)]
    #[case::fits(&[(2, 8)], 6000, false)]
    fn who_can_never_be_served_is_passed(#[case] claim: &[(u32, u32)], #[case] seconds: i64, #[case] passed: bool) {
        let used = [("somebody".to_owned(), 16)].into();
        let node = Node { name: "n".into(), labels: BTreeMap::new(), allocatable: 16, used, unschedulable: true };
        let now = Timestamp::from_second(seconds).unwrap();
        assert!(!is_passed(&rival(claim), None, now), "nobody knows the nodes");
        assert_eq!(is_passed(&rival(claim), Some(&[node]), now), passed);
    }

    /// A node has room for it, without the labels it asks for.
    #[test]
    fn who_asks_for_labels_that_no_node_has_is_passed() {
        let node = Node {
            name: "n".into(),
            labels: [("pool".to_owned(), "h200".to_owned())].into(),
            allocatable: 8,
            used: BTreeMap::new(),
            unschedulable: false,
        };
        let asks = |pool: &str| {
            let mut rival = rival(&[(1, 8)]);
            rival.demand[0].node_selector = [("pool".to_owned(), pool.to_owned())].into();
            rival
        };
        let passed = |rival: &Rival, seconds| {
            is_passed(rival, Some(std::slice::from_ref(&node)), Timestamp::from_second(seconds).unwrap())
        };
        assert_eq!([passed(&asks("h2000"), 599), passed(&asks("h2000"), 600)], [false, true]);
        assert!(!passed(&asks("h200"), 6000));
    }

    /// By what the nodes show it has room; a taint keeps it away.
    #[rstest]
    #[case::for_a_while(699, false)]
    #[case::for_long(700, true)]
    fn whose_pods_find_no_node_is_passed(#[case] seconds: i64, #[case] passed: bool) {
        let rival = Rival { pending_since: Timestamp::from_second(100).ok(), ..rival(&[(1, 8)]) };
        let now = Timestamp::from_second(seconds).unwrap();
        assert_eq!(is_passed(&rival, None, now), passed);
    }

    /// One run of team may be admitted at a time. It is, and another one of team that was queued before holds up nobody.
    #[rstest]
    #[case::of_the_same_namespace("team", Err("waits for another run of namespace team, of which 1 may be admitted"))]
    #[case::of_another("other", Ok(()))]
    fn a_namespace_at_its_limit_holds_up_itself_only(#[case] namespace: &str, #[case] expected: Result<(), &str>) {
        let mut world = world(spec());
        world.settings.run_limits = r#"{"team": 1}"#.parse().unwrap();
        (world.object.namespace, world.object.uid) = (namespace.into(), "own".into());
        let waits = Rival { admitted: None, deployed: false, ..testing::rival("team/waits", &[(1, 8)]) };
        world.rivals = vec![rival(&[(1, 8)]), waits];
        let run = serde_json::json!({"number": 1, "inputsHash": "v1:", "queuedTime": "1970-01-01T00:01:00Z"});
        let run: Run = serde_json::from_value(run).unwrap();
        let names: Vec<&str> = earlier(&run, &world, Timestamp::UNIX_EPOCH).iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["team/other"]);
        match (held_back(&run, &world, Timestamp::UNIX_EPOCH).contains("own"), expected) {
            (true, Err(message)) => assert!(at_limit(&world).starts_with(message), "{}", at_limit(&world)),
            (held_back, expected) => assert_eq!(!held_back, expected.is_ok()),
        }
    }

    /// Eight free GPUs of one kind are nobody's who waits for another.
    #[rstest]
    #[case::the_same("nvidia.com/gpu", false)]
    #[case::another("amd.com/gpu", true)]
    fn only_the_same_kind_of_gpus_is_waited_for(#[case] resource: &str, #[case] alone: bool) {
        let mut world = world(spec());
        world.rivals = vec![Rival { gpu_resource: resource.into(), ..rival(&[(1, 8)]) }];
        assert_eq!(rivals(&world).next().is_none(), alone);
    }
}
