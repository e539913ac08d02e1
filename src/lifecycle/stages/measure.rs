//! Stage three: each variant is deployed, loaded, and torn down again.

use jiff::Timestamp;
use serde_json::Value;

use crate::api::{BenchmarkComparisonStatus, DeploymentStatus, Failure, Mode, Reason, Role, Run, VariantStatus};
use crate::lifecycle::facts::{self, active_run, is_endpoint, live, may_deploy, mode, planned, stops};
use crate::lifecycle::problem::{self, Problem, unreadable};
use crate::lifecycle::remains;
use crate::lifecycle::stages::view::View;
use crate::lifecycle::stages::{half_held, queue, stalled};
use crate::lifecycle::time::{after, stamp};
use crate::lifecycle::world::{Child, Output, Pod, World};
use crate::plan::{ChildKind, Component};
use crate::sweep::VariantSweep;

/// Deployments of a variant in one run, at most: as many as a status holds. Rounds take eight, the rest is for suspensions and
/// for parallel runs that found GPUs for a part only.
pub const MOST_DEPLOYMENTS: usize = 24;
/// First wait before a parallel run tries again; it doubles up to 15 minutes.
const RETRY_SECONDS: i64 = 60;

/// Records what happened to deployments, and which ones come next.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = active_run(status).cloned() else { return };
    if run.start_time.is_none() {
        return;
    }
    for index in 0..status.variants.len() {
        let others = with_nodes(status, index, world);
        observe(&mut status.variants[index], &run, world, now, others);
    }
    half_held::fall_back(status, world, now);
    let run = active_run(status).cloned().unwrap_or(run);
    if may_deploy(world, &run) && !stops(world, status) && !facts::is_settled(status) {
        if !facts::anything_deployed(status) && queue::must_wait_behind(&run, world, now).is_some() {
            return;
        }
        deploy_next(status, &run, now);
    } else {
        tear_down_all(status, &run, world, now);
    }
}

/// Other variants whose pods have nodes: each deployment that gets its own records them, so that nobody needs to compare times
/// to know who ran beside whom.
fn with_nodes(status: &BenchmarkComparisonStatus, own: usize, world: &World) -> Vec<String> {
    let has_nodes = |variant: &VariantStatus| {
        live(variant).is_some_and(|of| of.scheduled.is_some() && of.freed.is_none())
            && !is_endpoint(world, &variant.name)
    };
    let others = status.variants.iter().enumerate().filter(|(index, variant)| *index != own && has_nodes(variant));
    others.map(|(_, variant)| variant.name.clone()).collect()
}

fn observe(variant: &mut VariantStatus, run: &Run, world: &World, now: Timestamp, others: Vec<String>) {
    let Some(index) = variant.deployments.iter().rposition(facts::is_live) else { return };
    let mut seen = variant.deployments[index].clone();
    let view = View { world, run, variant: &variant.name, deployment: &variant.deployments[index] };
    if seen.teardown.is_some() {
        if seen.freed.is_none() && remains::is_freed(&view) {
            seen.freed = Some(stamp(now));
        }
        if remains::is_gone(&view) {
            seen.gone = Some(stamp(now));
        }
    } else {
        if seen.scheduled.is_none() && view.all_bound() {
            seen.scheduled = Some(stamp(now));
            seen.beside = others;
        }
        if seen.ready.is_none() && seen.scheduled.is_some() && view.all_bound() && view.all_ready() {
            // By a clock that is behind, the pods would be newer than that they were ready.
            let newest = view.servers().map(|pod| pod.created).max();
            seen.ready = Some(stamp(newest.map_or(now, |newest| newest.max(now))));
        }
        if seen.serving.is_none() && view.serving().is_some() {
            seen.serving = Some(stamp(now));
        }
        note_restarts(&mut seen, &view);
        let problem = problem(&view, now).filter(|problem| problem.is_final(now) && variant.failure.is_none());
        if view.has_records() && (view.load_is_complete() || (problem.is_some() && is_measured(&view))) {
            seen.measured = Some(stamp(now));
            seen.teardown = Some(stamp(now));
        } else if let Some(problem) = problem {
            variant.failure = Some(Failure::new(problem.reason, &problem.message, stamp(now)));
        }
        if let Some(failure) = &variant.failure
            && now >= after(failure.time.0, world.spec.execution.keep_on_failure_seconds)
        {
            seen.teardown.get_or_insert(stamp(now));
        }
    }
    variant.deployments[index] = seen;
}

/// Whether everything of the round is published. What says so are the records: a Job that was complete may be gone, and one
/// that hangs has measured nonetheless.
fn is_measured(view: &View) -> bool {
    let results = view.world.results.get(view.variant).and_then(Output::present);
    let (Some(results), Some(configurations)) = (results, view.world.configurations.present()) else { return false };
    let sweep = VariantSweep::new(planned(view.world), configurations, view.variant, view.deployment.round);
    sweep.is_ok_and(|sweep| sweep.is_over(&results.ledger.records))
}

/// Servers that were restarted or replaced since the first completed request.
fn note_restarts(seen: &mut DeploymentStatus, view: &View) {
    let Some(serving) = &seen.serving else { return };
    let since = undisturbed_since(seen, view, serving.0);
    let restarts = view.servers().flat_map(|pod| &pod.containers).filter(|c| c.restarts > 0);
    let finished = restarts.filter_map(|c| c.terminated.as_ref()?.finished);
    let replaced = holding(view).map(|pod| pod.created).filter(|created| *created > since);
    for finished in finished.filter(|time| *time >= since).chain(replaced) {
        let finished = stamp(finished);
        if seen.restarts.len() < 8 && !seen.restarts.contains(&finished) {
            seen.restarts.push(finished);
        }
    }
}

fn holding<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Pod> {
    view.servers().filter(|pod| pod.gpus > 0)
}

/// Since when a server that restarts or comes disturbs a trial: the first completed request. The load pod says when that
/// was, as nobody may have looked at that moment.
///
/// Pods have the API server's times. No request is completed before there are servers, and a pod on a node that sends it: a
/// clock that says so is behind, and what was there when all servers were ready is not a replacement.
fn undisturbed_since(seen: &DeploymentStatus, view: &View, serving: Timestamp) -> Timestamp {
    let first = view.serving().map_or(serving, |first| first.min(serving));
    let is_behind = holding(view).all(|pod| pod.created > first)
        && view.loaders().any(|pod| pod.bound.unwrap_or(pod.created) > first);
    if is_behind { seen.ready.as_ref().map_or(Timestamp::MAX, |ready| ready.0) } else { first }
}

/// What keeps the live deployment of a variant from terminating on, and when that is final.
pub fn trouble_of(variant: &VariantStatus, run: &Run, world: &World, now: Timestamp) -> Option<Problem> {
    let deployment = live(variant)?;
    problem(&View { world, run, variant: &variant.name, deployment }, now)
}

/// When something can become due of a deployment that is not being torn down: each of its states has a deadline.
pub fn deadlines(variant: &VariantStatus, run: &Run, world: &World) -> Vec<Timestamp> {
    let Some(deployment) = live(variant).filter(|deployment| deployment.teardown.is_none()) else { return vec![] };
    let view = View { world, run, variant: &variant.name, deployment };
    let limits = &world.spec.execution.deadlines;
    let of_state = match (&deployment.scheduled, &deployment.serving) {
        (None, _) => Some(after(deployment.created.0, limits.schedule_seconds)),
        (Some(scheduled), None) => Some(after(scheduled.0, limits.ready_seconds)),
        (Some(_), Some(_)) => stalled::deadline(&view),
    };
    of_state.into_iter().chain(stalled::load_pods_due(&view)).collect()
}

fn problem(view: &View, now: Timestamp) -> Option<Problem> {
    let deployment = view.deployment;
    if deployment.teardown.is_some() {
        return None;
    }
    let limits = &view.world.spec.execution.deadlines;
    if let Some(Output::Unreadable(why)) = view.world.results.get(view.variant) {
        let (reason, message) = unreadable(view.variant, why);
        return Some(Problem { reason, message, fatal: now });
    }
    let schedule_by = after(deployment.created.0, limits.schedule_seconds);
    // What was refused in an earlier run or deployment says nothing about this one.
    let refusals = view.world.refusals.iter().filter(|refusal| {
        refusal.run == view.run.number
            && refusal.variant.as_deref() == Some(view.variant)
            && refusal.deployment.is_none_or(|number| number == deployment.number)
    });
    // Once its pods have nodes, a server's own complaint is a passing one: pods and levels tell what it leads to.
    let complaining = view.children().filter(|c| deployment.scheduled.is_none() || c.component != Component::Server);
    let found = [
        vanished(view, now),
        view.load_job().and_then(|job| problem::of_failed_job(job, view.loaders(), now)),
        nothing_is_left(view, now),
        problem::of_pods(view.servers(), limits.schedule_seconds, schedule_by, now),
        problem::of_pods(view.loaders(), limits.schedule_seconds, schedule_by, now),
        stalled::of_load_pods(view, now),
        problem::of_objects(complaining, refusals, deployment.created.0, limits.teardown_seconds),
    ];
    let cause = found.into_iter().flatten().min_by_key(|problem| problem.fatal);
    match (cause, overdue(view, now)) {
        // What is wrong says more than that time is up.
        (Some(cause), Some(overdue)) => Some(Problem { fatal: cause.fatal.min(overdue.fatal), ..cause }),
        (cause, overdue) => cause.or(overdue),
    }
}

/// A load Job publishes what it measured before it completes. Nothing would end the wait for records that are not there.
fn nothing_is_left(view: &View, now: Timestamp) -> Option<Problem> {
    let (reason, message) = problem::records_gone(view.variant);
    (view.load_is_complete() && !view.has_records()).then_some(Problem { reason, message, fatal: now })
}

/// Objects that somebody else deleted.
fn vanished(view: &View, now: Timestamp) -> Option<Problem> {
    view.deployment.scheduled.as_ref()?;
    let missing = |what: &str| {
        let message = format!("{what} of variant {} was deleted by someone else; start another run", view.variant);
        Some(Problem { reason: Reason::ObjectsDeleted, message, fatal: now })
    };
    let is_server = |child: &&Child| child.component == Component::Server && ChildKind::SERVERS.contains(&child.kind);
    let there = view.children().filter(|child| is_server(child) && !child.terminating()).count();
    let makes_pods = |object: &&Value| object["kind"].as_str().is_some_and(ChildKind::creates_servers);
    let wanted = view.world.ready(view.variant).map_or(1, |ready| ready.objects.iter().filter(makes_pods).count());
    if !is_endpoint(view.world, view.variant) && there < wanted {
        return missing("the server");
    }
    match view.load_job() {
        Some(job) if !job.terminating() => None,
        _ if view.deployment.serving.is_some() => missing("the load Job"),
        _ => None,
    }
}

fn overdue(view: &View, now: Timestamp) -> Option<Problem> {
    let limits = &view.world.spec.execution.deadlines;
    let variant = view.variant;
    match (&view.deployment.scheduled, &view.deployment.serving) {
        (None, _) => {
            let fatal = after(view.deployment.created.0, limits.schedule_seconds);
            if view.servers().next().is_none() && !is_endpoint(view.world, variant) {
                return (now >= fatal).then(|| no_pods(view, fatal));
            }
            let message = format!(
                "not all pods of variant {variant} had a node after {} s (execution.deadlines.scheduleSeconds): free GPUs, correct \
                 spec.hardware.nodeSelector and tolerations, or raise the deadline",
                limits.schedule_seconds
            );
            (now >= fatal).then_some(Problem { reason: Reason::Unschedulable, message, fatal })
        }
        (Some(scheduled), None) => {
            let fatal = after(scheduled.0, limits.ready_seconds);
            if view.deployment.ready.is_none() {
                return (now >= fatal).then(|| not_ready(view, fatal));
            }
            let message = format!(
                "variant {variant} completed no request within {} s after its pods had nodes (execution.deadlines.readySeconds): check \
                 that its servers answer to the name in spec.model.servedName, or in spec.model.name where that is unset, raise the deadline if they load for longer, or set \
                 execution.keepOnFailureSeconds to keep their pods and read their logs",
                limits.ready_seconds
            );
            (now >= fatal).then_some(Problem { reason: Reason::NotServing, message, fatal })
        }
        (Some(_), Some(_)) => stalled::of_silence(view, now),
    }
}

/// There is no pod that could wait for GPUs.
fn no_pods(view: &View, fatal: Timestamp) -> Problem {
    let made_by = view.children().find(|child| ChildKind::SERVERS.contains(&child.kind));
    let cure = match made_by {
        Some(child) if child.kind == ChildKind::DynamoGraphDeployment => {
            format!("check the status of {} {} and that Dynamo's operator runs", child.kind, child.name)
        }
        Some(child) => format!("check the status of {} {} and that its controller runs", child.kind, child.name),
        None => "its server could not be created; check the API server and its admission webhooks".into(),
    };
    let message = format!(
        "no pod of variant {} was created within {} s (execution.deadlines.scheduleSeconds): {cure}, or raise the deadline",
        view.variant, view.world.spec.execution.deadlines.schedule_seconds
    );
    Problem { reason: Reason::PodsNotCreated, message, fatal }
}

fn not_ready(view: &View, fatal: Timestamp) -> Problem {
    let names: Vec<&str> = view.unready().map(|pod| pod.name.as_str()).collect();
    let which = match names.as_slice() {
        [] => "its pods come and go".to_owned(),
        [name] => format!("pod {name} is not"),
        [name, others @ ..] => format!("pod {name} and {} more are not", others.len()),
    };
    let message = format!(
        "not all pods of variant {} were Ready within {} s after they had nodes (execution.deadlines.readySeconds): {which}; check \
         what its readiness probe asks for, raise the deadline if it loads for longer, or set execution.keepOnFailureSeconds to \
         keep the pods and read their logs",
        view.variant, view.world.spec.execution.deadlines.ready_seconds
    );
    Problem { reason: Reason::NotReady, message, fatal }
}

/// Deploys what the round under way still lacks.
fn deploy_next(status: &mut BenchmarkComparisonStatus, run: &Run, now: Timestamp) {
    let Some(round) = status.rounds.last().map(|round| round.number) else { return };
    let parallel = mode(run) == Mode::Parallel;
    for index in order(status, round) {
        let variant = &status.variants[index];
        if !facts::is_wanted(status, variant) || live(variant).is_some() {
            continue;
        }
        if facts::anything_deployed(status) && !(parallel && only_round(status, round)) {
            return;
        }
        if now < retry_at(status, round) {
            return;
        }
        let variant = &mut status.variants[index];
        if variant.deployments.len() >= MOST_DEPLOYMENTS {
            variant.failure = Some(too_many_deployments(&variant.name, now));
            continue;
        }
        let number = variant.deployments.last().map_or(0, |d| d.number).saturating_add(1);
        variant.deployments.push(DeploymentStatus::new(number, round, stamp(now)));
        if !parallel {
            return;
        }
    }
}

fn too_many_deployments(variant: &str, now: Timestamp) -> Failure {
    let message = format!(
        "variant {variant} was deployed {MOST_DEPLOYMENTS} times in this run and not measured in all rounds: it was suspended too \
         often, or never found GPUs for all variants at once (execution.mode); start another run"
    );
    Failure::new(Reason::TooManyDeployments, &message, stamp(now))
}

/// ABBA: every second round goes backwards. Baselines come first within the spec's order.
fn order(status: &BenchmarkComparisonStatus, round: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..status.variants.len()).collect();
    order.sort_by_key(|&index| status.variants[index].role != Role::Baseline);
    if round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

fn only_round(status: &BenchmarkComparisonStatus, round: u32) -> bool {
    status.variants.iter().filter_map(live).all(|d| d.round == round && d.teardown.is_none())
}

/// When a round that was given up may be tried again.
pub fn retry_at(status: &BenchmarkComparisonStatus, round: u32) -> Timestamp {
    let run = status.run.as_ref();
    if run.is_none_or(|run| mode(run) != Mode::Parallel) {
        return Timestamp::MIN;
    }
    let given_up = |variant: &VariantStatus| {
        let mut given_up = variant.deployments.iter().filter(|d| d.round == round && d.scheduled.is_none());
        let last = given_up.clone().filter_map(|d| d.gone.clone()).map(|t| t.0).max();
        last.map(|last| {
            after(last, (RETRY_SECONDS << given_up.by_ref().count().clamp(1, 5).saturating_sub(1)).min(900))
        })
    };
    status.variants.iter().filter_map(given_up).max().unwrap_or(Timestamp::MIN)
}

fn tear_down_all(status: &mut BenchmarkComparisonStatus, run: &Run, world: &World, now: Timestamp) {
    let keep = world.spec.execution.keep_on_failure_seconds;
    for variant in &mut status.variants {
        let kept = run.ended.is_none()
            && !world.spec.suspend
            && variant.failure.as_ref().is_some_and(|failure| now < after(failure.time.0, keep));
        if let Some(deployment) = variant.deployments.iter_mut().rfind(|d| facts::is_live(d))
            && !kept
        {
            deployment.teardown.get_or_insert(stamp(now));
        }
    }
}
