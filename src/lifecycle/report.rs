//! Stage five: the report of a run is written once the run is over, and anew when other rules judge what is stored.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, Run};
use crate::lifecycle::facts::gpu_seconds;
use crate::lifecycle::facts::is_judged;
use crate::lifecycle::facts::rests_predicted;
use crate::lifecycle::facts::rounds_over;
use crate::lifecycle::judge::{self, judged};
use crate::lifecycle::remains::is_torn_down;
use crate::lifecycle::time::after;
use crate::lifecycle::world::{Refusal, World};
use crate::manifests::names::Names;
use crate::plan::Component;
use crate::plan::inputs;
use crate::report::{Provenance, Report, ReportSubject};
use crate::verdict::judged_now;
use crate::verdict::rows::write_rows;

/// What the report is to tell of, in a word that changes when it must be written anew: how far the run is, by how many rounds,
/// and the rules it is judged by. `None` while there is nothing to tell, and when records of a finished run are gone: what was written of
/// them stands.
///
/// The operator's version is not part of it: an upgrade rewrites no report.
pub fn edition(status: &BenchmarkComparisonStatus, world: &World) -> Option<String> {
    world.plan.present()?;
    if judge::stands(status, world) {
        return None;
    }
    let stage = match (rests_predicted(world, status), is_torn_down(status, world)) {
        (true, _) => "predicted".to_owned(),
        (false, true) => format!("over.{}", rounds_over(status)),
        (false, false) => return None,
    };
    // Rules that cannot be used are not a reason to wait for a report that cannot be made.
    judge::can_be_judged(status, world).then(|| format!("{stage}.{}", inputs::judging_hash(&world.spec)))
}

/// Whether the run need not wait for its report: it is there, there is none to write, or the API server refuses it. A server
/// that fails may still take it, and what has its place may still go: for as long as a teardown may take.
pub fn is_settled(status: &BenchmarkComparisonStatus, world: &World, now: Timestamp) -> bool {
    is_there(status, world) || refusal(world).is_some() || now >= given_up_at(status, world)
}

/// Whether the report tells of all there is to tell.
pub fn is_there(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let Some(edition) = edition(status, world) else { return true };
    world.report(status).is_some_and(|child| child.edition.as_ref() == Some(&edition))
}

/// When a run that is over ends without its report: `teardownSeconds` after the API server first failed to take it, or after what
/// has its place was told to go.
pub fn given_up_at(status: &BenchmarkComparisonStatus, world: &World) -> Timestamp {
    let failing = refusals(world).map(|refusal| refusal.since);
    let held = world.report(status).and_then(|child| child.deleted);
    let since = failing.chain(held).min();
    since.map_or(Timestamp::MAX, |since| after(since, world.spec.execution.deadlines.teardown_seconds))
}

/// The refusal of the report's ConfigMap, where the API server refuses it.
pub fn refusal(world: &World) -> Option<&Refusal> {
    refusals(world).find(|refusal| !refusal.is_failure())
}

/// The same, and failures of the API server.
fn refusals(world: &World) -> impl Iterator<Item = &Refusal> {
    let object = world.plan.present().map(|plan| format!("ConfigMap {}", Names::of(plan).report()));
    world.refusals.iter().filter(move |refusal| Some(&refusal.object) == object.as_ref())
}

/// The report of the run, as facts and records tell it now.
pub fn report(status: &BenchmarkComparisonStatus, world: &World) -> Option<Report> {
    let plan = world.plan.present()?;
    let run = status.run.as_ref()?;
    let spec = judged_now(&plan.spec, &world.spec);
    let judged = judged(status, world)?;
    let over = is_judged(status, world);
    let mut variants = status.variants.clone();
    write_rows(judge::rows_kept(&judged, over, status, world), &mut variants);
    let comparison = ReportSubject { namespace: Some(world.object.namespace.clone()), name: world.object.name.clone() };
    let mut report = Report::new(comparison, spec, &judged, variants, over);
    report.run = Some(Run { completion_time: None, ..run.clone() });
    report.gpu_seconds = gpu_seconds(status, world);
    report.price = status.price.clone();
    report.rounds = status.rounds.clone();
    report.provenance = Provenance {
        images: Some(plan.images.clone()),
        load_tool: world.configurations.present().and_then(|made| made.load_tool.clone()),
        config_maps: records(run, world),
    };
    Some(report)
}

/// ConfigMaps that hold what the report is made from: what → name.
fn records(run: &Run, world: &World) -> BTreeMap<String, String> {
    let records = world
        .children_of(run.number)
        .filter(|child| matches!(child.component, Component::Plan | Component::Configurations | Component::Results));
    let named = records.map(|child| {
        let what = child.component.as_str();
        let what = child.variant.as_ref().map_or_else(|| what.to_owned(), |variant| format!("{what} of {variant}"));
        (what, child.name.clone())
    });
    named.collect()
}
