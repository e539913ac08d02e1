//! Facts → the phase of a run and of each variant.

use crate::api::{BenchmarkComparisonStatus, EarlyEnd, Phase, VariantPhase, VariantStatus, VerdictResult};
use crate::lifecycle::facts::{self, all_measured, anything_deployed, live, rests_predicted};
use crate::lifecycle::world::{Output, World};
use crate::verdict::Judged;
use crate::verdict::conditions::caught_by;

/// The phase, from facts.
pub fn phase(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judged>) -> Phase {
    let Some(run) = &status.run else {
        return if world.spec.suspend { Phase::Suspended } else { Phase::Pending };
    };
    if run.completion_time.is_some() {
        return match run.ended.as_ref().map(|ended| ended.outcome) {
            Some(EarlyEnd::Failed) => Phase::Failed,
            Some(EarlyEnd::Cancelled | EarlyEnd::Superseded) => Phase::Cancelled,
            None => final_phase(status, world, judged),
        };
    }
    if run.ended.is_some() || (run.start_time.is_some() && all_measured(world, status)) {
        return Phase::TearingDown;
    }
    if world.spec.suspend {
        return if anything_deployed(status) { Phase::TearingDown } else { Phase::Suspended };
    }
    if rests_predicted(world, status) {
        return Phase::Predicted;
    }
    match (&world.plan, world.configurations.present(), &run.start_time) {
        (Output::Absent, _, None) => Phase::Pending,
        (_, None, _) => Phase::Generating,
        (_, Some(_), None) => Phase::Queued,
        (_, Some(_), Some(_)) => Phase::Measuring,
    }
}

fn final_phase(status: &BenchmarkComparisonStatus, world: &World, judged: Option<&Judged>) -> Phase {
    if status.variants.iter().any(|v| v.failure.is_some()) {
        return Phase::Failed;
    }
    // Rules that cannot be used judge nothing: what was said before them stands.
    let Some(judgement) = judged else {
        let said = status.phase.filter(|phase| matches!(phase, Phase::Succeeded | Phase::Inconclusive));
        return said.unwrap_or(Phase::Failed);
    };
    if judgement.result() == VerdictResult::Inconclusive {
        return Phase::Inconclusive;
    }
    if caught_by(judgement, &world.spec.judgement.fail_on).is_some() { Phase::Failed } else { Phase::Succeeded }
}

/// The phase of a variant, from facts.
pub fn variant_phase(variant: &VariantStatus, status: &BenchmarkComparisonStatus) -> VariantPhase {
    let deployment = live(variant);
    match deployment {
        Some(deployment) if deployment.teardown.is_some() => VariantPhase::TearingDown,
        _ if variant.failure.is_some() => VariantPhase::Failed,
        Some(deployment) if deployment.serving.is_some() => VariantPhase::Measuring,
        Some(_) => VariantPhase::Deploying,
        None if facts::is_settled(status) => VariantPhase::Done,
        None if status.run.as_ref().is_some_and(|run| run.ended.is_some()) => VariantPhase::Failed,
        None => VariantPhase::Waiting,
    }
}
