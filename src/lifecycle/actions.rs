//! Stored facts → calls. Everything here may be repeated at any time without harm.

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, DeploymentStatus, Until, VariantStatus};
use crate::lifecycle::decision::{Action, Create, Delete};
use crate::lifecycle::facts::{self, active_run, is_endpoint, is_live, may_deploy, stops};
use crate::lifecycle::remains::is_over;
use crate::lifecycle::report;
use crate::lifecycle::stages::generate::may_plan;
use crate::lifecycle::stages::teardown;
use crate::lifecycle::world::{Child, Output, World};
use crate::plan::{ChildKind, Component};

/// What to do next, in order.
pub fn actions(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> Vec<Action> {
    let mut actions = vec![];
    generate(status, world, &mut actions);
    deploy(status, world, &mut actions);
    seal(status, world, &mut actions);
    tear_down(status, world, now, &mut actions);
    clean_up(status, world, &mut actions);
    report(status, world, &mut actions);
    forget(status, world, &mut actions);
    actions
}

/// What goes with a comparison that was deleted, unless it was asked to stay. Garbage collection does the same, but waits
/// for whatever finalizer somebody put on the comparison, and GPUs would be held that long.
pub fn release(world: &World, now: Timestamp) -> Vec<Action> {
    if world.object.orphans {
        return vec![];
    }
    let going = world.children.iter().filter(|c| !c.component.is_record()).filter_map(delete);
    going.chain(abandoned(&world.status, world, now)).collect()
}

fn has(world: &World, run: i64, component: Component, kind: ChildKind) -> bool {
    world.children_of(run).any(|c| c.component == component && c.kind == kind)
}

/// The plan, the agents' identity, and the generate Job with what it fills.
fn generate(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(run) = active_run(status).filter(|run| run.ended.is_none()) else { return };
    if world.spec.suspend || is_over(status, world) {
        return;
    }
    if may_plan(status, run, world) {
        actions.push(Action::Create(Create::Plan));
        return;
    }
    if world.plan.present().is_none() {
        return;
    }
    let needs_identity = run.start_time.is_some() || world.configurations.present().is_none();
    if needs_identity && !has_identity(world, run.number) {
        actions.push(Action::Create(Create::PublishIdentity));
    }
    if run.start_time.is_some() || world.configurations.present().is_some() {
        return;
    }
    if world.configurations == Output::Absent {
        actions.push(Action::Create(Create::Configurations));
    }
    if world.generate_job(run.number).is_none() {
        actions.push(Action::Create(Create::GenerateJob));
    }
}

fn has_identity(world: &World, run: i64) -> bool {
    [ChildKind::ServiceAccount, ChildKind::Role, ChildKind::RoleBinding]
        .into_iter()
        .all(|kind| has(world, run, Component::Publish, kind))
}

/// Live deployments that are not terminating: servers, and load once they are ready.
fn deploy(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(run) = active_run(status).filter(|run| may_deploy(world, run)) else { return };
    if stops(world, status) || world.spec.execution.until != Until::Verdict {
        return;
    }
    for variant in &status.variants {
        let Some(deployment) = facts::live(variant).filter(|d| d.teardown.is_none()) else { continue };
        let (name, number, round) = (variant.name.clone(), deployment.number, deployment.round);
        if matches!(world.results.get(&name), None | Some(Output::Absent)) && run_is_fresh(variant) {
            actions.push(Action::Create(Create::Results { variant: name.clone() }));
        }
        // What was there once and is missing was deleted by someone: that is problem, not work.
        let is_wanted = deployment.scheduled.is_none() && !is_endpoint(world, &name);
        if is_wanted && !server_is_there(world, run.number, &name, number) {
            actions.push(Action::Create(Create::Server { variant: name.clone(), deployment: number }));
        }
        let loads = deployment.ready.is_some() && deployment.serving.is_none();
        if loads && world.load_job(run.number, &name, number).is_none() {
            actions.push(Action::Create(Create::LoadJob { variant: name, deployment: number, round }));
        }
    }
}

fn run_is_fresh(variant: &VariantStatus) -> bool {
    variant.deployments.iter().all(|d| d.measured.is_none())
}

fn server_is_there(world: &World, run: i64, variant: &str, deployment: u32) -> bool {
    let wanted = world.ready(variant).map_or(1, |ready| ready.objects.len().max(1));
    world.deployment_children(run, variant, deployment).filter(|c| c.component == Component::Server).count() >= wanted
}

/// Configurations accept no more writes once they are used, and results before the last deployment of their variant goes.
fn seal(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(run) = active_run(status) else { return };
    if world.configurations.present().is_some() && !world.configurations_seal.sealed {
        let made = world.children_of(run.number).find(|child| child.component == Component::Configurations);
        actions.extend(made.map(|child| Action::Seal { name: child.name.clone() }));
    }
    let unsealed = unsealed(status, world);
    let open = world.children_of(run.number).filter(|c| {
        c.component == Component::Results && c.variant.as_ref().is_some_and(|variant| unsealed.contains(variant))
    });
    actions.extend(open.map(|child| Action::Seal { name: child.name.clone() }));
}

/// Variants whose results are complete but still accept writes. Those of a run that goes on when its limits are raised are
/// not complete.
fn unsealed(status: &BenchmarkComparisonStatus, world: &World) -> Vec<String> {
    let Some(run) = active_run(status) else { return vec![] };
    let complete = |variant: &&VariantStatus| {
        let last = variant.failure.is_some()
            || run.ended.is_some()
            || stops(world, status)
            || facts::is_settled_for_good(status);
        let terminating = facts::live(variant).is_none_or(|d| d.teardown.is_some());
        last && terminating && !variant.deployments.is_empty()
    };
    let open = |variant: &&VariantStatus| {
        world.results.get(&variant.name).and_then(Output::present).is_some_and(|results| !results.sealed)
    };
    status.variants.iter().filter(complete).filter(open).map(|variant| variant.name.clone()).collect()
}

/// Deployments whose teardown is a stored fact, and any that no fact knows of.
fn tear_down(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp, actions: &mut Vec<Action>) {
    let Some(run) = &status.run else { return };
    let known = |child: &Child| -> Option<&DeploymentStatus> {
        let variant =
            status.variants.iter().find(|v| child.run == run.number && Some(&v.name) == child.variant.as_ref())?;
        variant.deployments.iter().find(|d| Some(d.number) == child.deployment)
    };
    // What is being sealed is deleted in a later pass, which has read the sealed records. Where sealing is refused for as
    // long as a teardown may take, the GPUs go first: what was published is there, sealed or not.
    let sealing = unsealed(status, world);
    let doomed = world.children.iter().filter(|c| {
        matches!(c.component, Component::Server | Component::Load)
            && known(c).is_none_or(|d| d.teardown.is_some() || !is_live(d))
            && (known(c).is_some_and(|d| teardown::is_overdue(d, world, now))
                || !c.variant.as_ref().is_some_and(|variant| c.run == run.number && sealing.contains(variant)))
    });
    actions.extend(doomed.filter_map(delete));
    actions.extend(abandoned(status, world, now));
}

fn delete(child: &Child) -> Option<Action> {
    (child.ours && !child.terminating()).then(|| Action::Delete(deletion(child, false)))
}

fn deletion(child: &Child, abandoned: bool) -> Delete {
    Delete { kind: child.kind, name: child.name.clone(), uid: child.uid.clone(), abandoned }
}

/// Graphs that were deleted while Dynamo's operator is away: their pods stay, with their GPUs, until it is back, unless
/// the graphs are deleted once more, then with what they own.
fn abandoned<'a>(
    status: &'a BenchmarkComparisonStatus,
    world: &'a World,
    now: Timestamp,
) -> impl Iterator<Item = Action> + 'a {
    let run = status.run.as_ref().map_or(0, |run| run.number);
    let live = status.variants.iter().filter_map(|variant| Some((variant, facts::live(variant)?)));
    let graphs = live.flat_map(move |(variant, deployment)| {
        let mut pods = world.deployment_pods(run, &variant.name, deployment.number, Component::Server);
        let holds = pods.any(|pod| !pod.over && !pod.terminating);
        world.deployment_children(run, &variant.name, deployment.number).filter(move |_| holds)
    });
    graphs
        .filter(move |child| teardown::abandoned_at(child).is_some_and(|at| now >= at))
        .map(|child| Action::Delete(deletion(child, true)))
}

/// What a run needs no more: the generate Job once its output is stored, the rest when the run is over.
fn clean_up(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(run) = &status.run else { return };
    let over = is_over(status, world);
    let generated = world.configurations.present().is_some();
    let spent = world.children.iter().filter(|c| match c.component {
        Component::Generate => c.run != run.number || over || generated,
        Component::Publish => c.run != run.number || over,
        _ => false,
    });
    actions.extend(spent.filter(|c| !c.component.is_record()).filter_map(delete));
}

/// The report, once there is something to tell; one that tells of less or judges by other rules makes room first.
fn report(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(edition) = report::edition(status, world) else { return };
    match world.report(status) {
        Some(child) if child.edition.as_ref() == Some(&edition) => {}
        Some(child) => actions.extend(delete(child)),
        None => actions.push(Action::Create(Create::Report)),
    }
}

/// Records of runs that history keeps no more.
fn forget(status: &BenchmarkComparisonStatus, world: &World, actions: &mut Vec<Action>) {
    let Some(run) = &status.run else { return };
    let kept = |number: i64| number >= run.number || status.history.iter().any(|past| past.number == number);
    let stale = world.children.iter().filter(|c| c.component.is_record() && !kept(c.run));
    actions.extend(stale.filter_map(delete));
}
