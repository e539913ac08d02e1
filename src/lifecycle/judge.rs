//! What judging makes of the stored records: rows while they come in, the verdict once all facts are in.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::ConditionType;
use crate::api::{BenchmarkComparisonStatus, FailOn, VariantStatus};
use crate::judgement::stored::{self, Stored, judged_now, shorten_reasons, write_rows};
use crate::judgement::{Case, JudgedVariant, Judgement, judge, judge_rows};
use crate::lifecycle::facts::planned;
use crate::lifecycle::world::{Output, World};
use crate::measurement::record::TrialRecord;

/// Fills in the rows of `status`, and judges when all facts are in. `None` when they are not.
pub fn fold_rows(status: &mut BenchmarkComparisonStatus, world: &World, complete: bool) -> Option<Judgement> {
    world.configurations.present()?;
    let case = case(status, world)?;
    let judgement = complete.then(|| judge(&case));
    write_rows(rows(&case, judgement.as_ref(), status, world), &mut status.variants);
    shorten_reasons(&mut status.variants);
    judgement
}

/// The outcome for which the user's own rule takes the run for failed.
pub fn caught(judged: Option<&Judgement>, world: &World) -> Option<FailOn> {
    judged?.caught_by(&world.spec.judgement.fail_on)
}

/// What is stored of the run, as it is judged now; `None` when the rules cannot be used.
pub fn case(status: &BenchmarkComparisonStatus, world: &World) -> Option<Case> {
    let stored = |variant: &str| Stored {
        prediction: world.ready(variant).map(|ready| &ready.prediction),
        records: records(world, variant),
        failure: None,
    };
    stored::case(&judged_now(planned(world), &world.spec), &status.variants, stored).ok()
}

/// The rows to show: none in the place of rows whose records are gone.
pub fn rows(
    case: &Case,
    judgement: Option<&Judgement>,
    status: &BenchmarkComparisonStatus,
    world: &World,
) -> Vec<JudgedVariant> {
    let lost = |name: &str| status.variants.iter().any(|v| v.name == name && records_are_gone(v, world));
    let mut rows = judgement.map_or_else(|| judge_rows(case), |judged| judged.variants.clone());
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
