//! What judging makes of the stored records: rows while they come in, the verdict once no further round follows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::ConditionType;
use crate::api::{BenchmarkComparisonStatus, FailOn, Settled, VariantStatus};
use crate::judgement::rounds::TrialOrigin;
use crate::lifecycle::facts::{planned, rounds_over};
use crate::lifecycle::world::{Output, World};
use crate::measurement::record::TrialRecord;
use crate::verdict::rows::{VariantRows, rows, shorten, write_rows};
use crate::verdict::status::write_rounds;
use crate::verdict::{self, Judged, RunProgress, Stored, evidence, judged_now};

/// Fills in the rows of `status`. `complete`: all facts are in, so that conclusions are drawn.
pub fn fold_rows(status: &mut BenchmarkComparisonStatus, world: &World, judged: &Judged, complete: bool) {
    write_rows(rows_kept(judged, complete, status, world), &mut status.variants);
    shorten(&mut status.variants);
    write_rounds(judged, &mut status.rounds);
}

/// The outcome for which the user's own rule takes the run for failed.
pub fn caught(judged: Option<&Judged>, world: &World) -> Option<FailOn> {
    crate::verdict::conditions::caught_by(judged?, &world.spec.judgement.fail_on)
}

/// Whether [`judged`] has an answer: what is needed for it is there, and its rules can be used.
pub fn can_be_judged(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let spec = judged_now(planned(world), &world.spec);
    world.configurations.present().is_some() && verdict::can_be_judged(&spec, &status.variants).is_ok()
}

/// What is stored of the run, as it is judged now by the rounds that are over; `None` when the rules cannot be used.
/// It is made once of the same facts, and handed on to whatever is made of it.
pub fn judged(status: &BenchmarkComparisonStatus, world: &World) -> Option<Judged> {
    world.configurations.present()?;
    let stored = |variant: &str| Stored {
        prediction: world.ready(variant).map(|ready| &ready.prediction),
        records: records(world, variant),
        failure: None,
    };
    let settled = status.run.as_ref().and_then(|run| run.settled.as_ref());
    let progress = RunProgress {
        rounds: rounds_over(status),
        budget_spent: settled.is_some_and(Settled::is_budget_spent),
        origin: TrialOrigin::Sweep,
    };
    let evidence = evidence(&judged_now(planned(world), &world.spec), &status.variants, stored, progress);
    evidence.ok().map(Judged::from)
}

/// The rows to show: none in the place of rows whose records are gone.
pub fn rows_kept(
    judged: &Judged,
    complete: bool,
    status: &BenchmarkComparisonStatus,
    world: &World,
) -> Vec<VariantRows> {
    let lost = |name: &str| status.variants.iter().any(|v| v.name == name && records_are_gone(v, world));
    let mut rows = rows(judged, complete);
    rows.retain(|row| !lost(&row.name));
    rows
}

/// Whether the run was called finished, and something it was judged by is gone or cannot be read any more: what was said
/// of it stands. Judged by what is left, it would get another answer.
pub fn stands(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let over = status.run.as_ref().is_some_and(|run| run.completion_time.is_some());
    let finished = |c: &Condition| c.type_ == ConditionType::Finished.as_str() && c.status == "True";
    over && status.conditions.iter().any(finished)
        && (world.plan.present().is_none()
            || world.configurations.present().is_none()
            || status.variants.iter().any(|variant| records_are_gone(variant, world)))
}

/// Whether a variant has rows, and there are no records of them that can be read.
fn records_are_gone(variant: &VariantStatus, world: &World) -> bool {
    has_rows(variant) && records(world, &variant.name).is_empty()
}

/// Whether something was measured of a variant, as far as its status tells.
pub fn has_rows(variant: &VariantStatus) -> bool {
    variant.levels.iter().any(|level| level.evidence.accepted > 0 || level.evidence.rejected > 0)
}

/// What was published of a variant.
pub fn records<'a>(world: &'a World, variant: &str) -> &'a [TrialRecord] {
    world.results.get(variant).and_then(Output::present).map_or(&[], |results| &results.ledger.records)
}
