//! Stage three: each variant is deployed, loaded, and torn down again.

use jiff::Timestamp;
use serde_json::Value;

use crate::api::{BenchmarkComparisonStatus, DeploymentStatus, Failure, Mode, Role, Run, VariantStatus};
use crate::lifecycle::facts::{self, active_run, is_endpoint, live, may_deploy, mode, planned, round_over, stops};
use crate::lifecycle::problem::unreadable;
use crate::lifecycle::problem::{self, Problem};
use crate::lifecycle::stages::queue;
use crate::lifecycle::time::{after, stamp};
use crate::lifecycle::world::{Child, JobState, Output, Pod, World};
use crate::manifests::demand;
use crate::plan::{ChildKind, Component};

/// How long part of a parallel run may hold GPUs while the rest finds none.
const HALF_HELD_SECONDS: i64 = 300;
/// Deployments of a variant in one run, at most: as many as a status holds. Rounds take ten, the rest is for suspensions and
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
    for variant in &mut status.variants {
        observe(variant, &run, world, now);
    }
    fall_back(status, world, now);
    let run = active_run(status).cloned().unwrap_or(run);
    if may_deploy(world, &run) && !stops(world, status) {
        if !facts::anything_deployed(status) && queue::must_wait_behind(&run, world).is_some() {
            return;
        }
        deploy_next(status, &run, world, now);
    } else {
        tear_down_all(status, &run, world, now);
    }
}

/// One deployment as the world shows it.
struct View<'a> {
    world: &'a World,
    run: &'a Run,
    variant: &'a str,
    deployment: &'a DeploymentStatus,
}

impl<'a> View<'a> {
    fn servers(&self) -> impl Iterator<Item = &'a Pod> {
        self.world.deployment_pods(self.run.number, self.variant, self.deployment.number, Component::Server)
    }

    fn loaders(&self) -> impl Iterator<Item = &'a Pod> {
        self.world.deployment_pods(self.run.number, self.variant, self.deployment.number, Component::Load)
    }

    fn children(&self) -> impl Iterator<Item = &'a Child> {
        self.world.deployment_children(self.run.number, self.variant, self.deployment.number)
    }

    fn load_job(&self) -> Option<&'a Child> {
        self.world.load_job(self.run.number, self.variant, self.deployment.number)
    }

    fn all_bound(&self) -> bool {
        if is_endpoint(self.world, self.variant) {
            return true;
        }
        let asked = self.world.ready(self.variant).map_or(0, |ready| {
            let gpu = &planned(self.world).hardware.gpu_resource_name;
            demand::of(&ready.objects, gpu).iter().map(|d| d.pods as usize).sum()
        });
        let bound = || self.servers().filter(|p| !p.terminating && p.node.is_some());
        let holding = bound().filter(|p| p.gpus > 0).count();
        let enough = if asked == 0 { bound().next().is_some() } else { holding >= asked };
        enough && self.servers().all(|p| p.terminating || p.node.is_some())
    }

    /// Whether every pod is Ready. One that comes up after the first answer would be missing in the first levels; what Ready
    /// promises too early, the completed request that load waits for does not.
    fn all_ready(&self) -> bool {
        self.unready().next().is_none()
    }

    fn unready(&self) -> impl Iterator<Item = &'a Pod> {
        self.servers().filter(|pod| !pod.terminating && !pod.over && !pod.ready)
    }

    fn is_gone(&self) -> bool {
        self.children().next().is_none() && self.servers().next().is_none() && self.loaders().next().is_none()
    }

    /// When the first request was completed, as the load pod says.
    fn serving(&self) -> Option<Timestamp> {
        let results = self.world.results.get(self.variant).and_then(Output::present)?;
        let deployment = self.deployment.number;
        results.ledger.serving.get(&deployment).map(|mark| mark.time)
    }
}

fn observe(variant: &mut VariantStatus, run: &Run, world: &World, now: Timestamp) {
    let Some(index) = variant.deployments.iter().rposition(facts::is_live) else { return };
    let mut seen = variant.deployments[index].clone();
    let view = View { world, run, variant: &variant.name, deployment: &variant.deployments[index] };
    if seen.teardown.is_some() {
        if view.is_gone() {
            seen.gone = Some(stamp(now));
        }
    } else {
        if seen.scheduled.is_none() && view.all_bound() {
            seen.scheduled = Some(stamp(now));
        }
        if seen.ready.is_none() && seen.scheduled.is_some() && view.all_bound() && view.all_ready() {
            seen.ready = Some(stamp(now));
        }
        if seen.serving.is_none() && view.serving().is_some() {
            seen.serving = Some(stamp(now));
        }
        note_restarts(&mut seen, &view);
        let complete = view.load_job().is_some_and(|job| job.job == Some(JobState::Complete));
        let readable = world.results.get(&variant.name).is_some_and(|results| results.present().is_some());
        if complete && readable {
            seen.measured = Some(stamp(now));
            seen.teardown = Some(stamp(now));
        } else if variant.failure.is_none()
            && let Some(problem) = problem(&view, now).filter(|problem| problem.is_final(now))
        {
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

/// Servers that were restarted or replaced since the first completed request. The load pod says when that was, as nobody
/// may have looked at that moment.
fn note_restarts(seen: &mut DeploymentStatus, view: &View) {
    let Some(serving) = &seen.serving else { return };
    let since = view.serving().map_or(serving.0, |first| first.min(serving.0));
    let restarts = view.servers().flat_map(|pod| &pod.containers).filter(|c| c.restarts > 0);
    let finished = restarts.filter_map(|c| c.terminated.as_ref()?.finished);
    let replaced = view.servers().filter(|pod| pod.gpus > 0).map(|pod| pod.created).filter(|created| *created > since);
    for finished in finished.filter(|time| *time >= since).chain(replaced) {
        let finished = stamp(finished);
        if seen.restarts.len() < 8 && !seen.restarts.contains(&finished) {
            seen.restarts.push(finished);
        }
    }
}

/// What keeps the live deployment of a variant from terminating on, and when that is final.
pub fn trouble_of(variant: &VariantStatus, run: &Run, world: &World, now: Timestamp) -> Option<Problem> {
    let deployment = live(variant)?;
    problem(&View { world, run, variant: &variant.name, deployment }, now)
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
        problem::of_pods(view.servers(), limits.schedule_seconds, schedule_by, now),
        problem::of_pods(view.loaders(), limits.schedule_seconds, schedule_by, now),
        problem::of_objects(complaining, refusals, deployment.created.0, limits.teardown_seconds),
    ];
    let cause = found.into_iter().flatten().min_by_key(|problem| problem.fatal);
    match (cause, overdue(view, now)) {
        // What is wrong says more than that time is up.
        (Some(cause), Some(overdue)) => Some(Problem { fatal: cause.fatal.min(overdue.fatal), ..cause }),
        (cause, overdue) => cause.or(overdue),
    }
}

/// Objects that somebody else deleted.
fn vanished(view: &View, now: Timestamp) -> Option<Problem> {
    view.deployment.scheduled.as_ref()?;
    let missing = |what: &str| {
        let message = format!("{what} of variant {} was deleted by someone else; start another run", view.variant);
        Some(Problem { reason: "ObjectsDeleted", message, fatal: now })
    };
    let is_server = |child: &&Child| child.component == Component::Server && ChildKind::SERVERS.contains(&child.kind);
    let there = view.children().filter(|child| is_server(child) && !child.terminating).count();
    let makes_pods = |object: &&Value| object["kind"].as_str().is_some_and(ChildKind::creates_servers);
    let wanted = view.world.ready(view.variant).map_or(1, |ready| ready.objects.iter().filter(makes_pods).count());
    if !is_endpoint(view.world, view.variant) && there < wanted {
        return missing("the server");
    }
    match view.load_job() {
        Some(job) if !job.terminating => None,
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
            let message = format!(
                "not all pods of variant {variant} had a node after {} s (execution.deadlines.scheduleSeconds): free GPUs, correct \
                 spec.hardware.nodeSelector and tolerations, or raise the deadline",
                limits.schedule_seconds
            );
            (now >= fatal).then_some(Problem { reason: "Unschedulable", message, fatal })
        }
        (Some(scheduled), None) => {
            let fatal = after(scheduled.0, limits.ready_seconds);
            if view.deployment.ready.is_none() {
                return (now >= fatal).then(|| not_ready(view, fatal));
            }
            let message = format!(
                "variant {variant} completed no request within {} s after its pods had nodes (execution.deadlines.readySeconds): see \
                 that its servers answer to the name in spec.model.name, raise the deadline if they load for longer, or set \
                 execution.keepOnFailureSeconds to keep their pods and read their logs",
                limits.ready_seconds
            );
            (now >= fatal).then_some(Problem { reason: "NotServing", message, fatal })
        }
        _ => None,
    }
}

fn not_ready(view: &View, fatal: Timestamp) -> Problem {
    let names: Vec<&str> = view.unready().map(|pod| pod.name.as_str()).collect();
    let which = match names.as_slice() {
        [] => "its pods come and go".to_owned(),
        [name] => format!("pod {name} is not"),
        [name, others @ ..] => format!("pod {name} and {} more are not", others.len()),
    };
    let message = format!(
        "not all pods of variant {} were Ready within {} s after they had nodes (execution.deadlines.readySeconds): {which}; see \
         what its readiness probe asks for, raise the deadline if it loads for longer, or set execution.keepOnFailureSeconds to \
         keep the pods and read their logs",
        view.variant, view.world.spec.execution.deadlines.ready_seconds
    );
    Problem { reason: "NotReady", message, fatal }
}

/// Gives half-held GPUs back: Auto goes on one after the other, Parallel tries again later.
fn fall_back(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let Some(run) = status.run.as_mut().filter(|run| mode(run) == Mode::Parallel) else { return };
    let number = run.number;
    let pods = || {
        world
            .pods
            .iter()
            .filter(move |p| p.ours && p.run == number && p.component == Component::Server && !p.terminating)
    };
    let Some(first_bound) = pods().filter_map(|p| p.bound).min() else { return };
    let starving = pods().any(|p| p.node.is_none() && now >= after(p.created.max(first_bound), HALF_HELD_SECONDS));
    if !starving {
        return;
    }
    if planned(world).execution.mode == Mode::Auto {
        run.mode = Some(Mode::Sequential);
        run.mode_reason = Some("Auto: side by side found GPUs for a part only".into());
    }
    for variant in &mut status.variants {
        if let Some(deployment) = variant.deployments.iter_mut().rfind(|d| facts::is_live(d)) {
            deployment.teardown.get_or_insert(stamp(now));
        }
    }
}

fn deploy_next(status: &mut BenchmarkComparisonStatus, run: &Run, world: &World, now: Timestamp) {
    let rounds = planned(world).execution.rounds.max(1);
    let parallel = mode(run) == Mode::Parallel;
    for round in 1..=rounds {
        for index in order(status, round) {
            if round_over(&status.variants[index], round) || live(&status.variants[index]).is_some() {
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
            variant.deployments.push(DeploymentStatus {
                number,
                round,
                created: stamp(now),
                scheduled: None,
                ready: None,
                serving: None,
                measured: None,
                restarts: vec![],
                teardown: None,
                gone: None,
            });
            if !parallel {
                return;
            }
        }
        if status.variants.iter().any(|v| !round_over(v, round)) || facts::anything_deployed(status) {
            return;
        }
    }
}

fn too_many_deployments(variant: &str, now: Timestamp) -> Failure {
    let message = format!(
        "variant {variant} was deployed {MOST_DEPLOYMENTS} times in this run and not measured in all rounds: it was suspended too \
         often, or never found GPUs for all variants at once (execution.mode); start another run"
    );
    Failure::new("TooManyDeployments", &message, stamp(now))
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
