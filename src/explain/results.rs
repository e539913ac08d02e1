//! Results of a verdict.

use super::explanation::{Explanation, NO_ACTION, explanation};
use crate::api::VerdictResult;

/// What a verdict's result means.
pub const fn result(result: VerdictResult) -> Explanation {
    match result {
        VerdictResult::Confirmed => explanation(
            "The outcome was predicted, the claim is kept, and estimates are within `judgement.accuracyTolerancePercent`.",
            NO_ACTION,
        ),
        VerdictResult::DirectionOnly => explanation(
            "The better variant was predicted, and one of these is not as predicted: a figure is off by more than the tolerance, the claim misses the SLA, or the claim was not measured.",
            "Read which of the three it is in the report (`kubectl bcmp report NAME`): conditions `ClaimKept` and `PredictionAccurate` name it.",
        ),
        VerdictResult::Refuted => explanation(
            "The measurement excludes the predicted outcome, by more than its own uncertainty and the margin.",
            "Trust the measurement; the variants' findings say what is doubtful about the prediction.",
        ),
        VerdictResult::Inconclusive => explanation(
            "It is not known which variant is better. Claim and estimates are judged all the same.",
            "Read what stopped the run (`kubectl bcmp report NAME`): allow more rounds or GPU-hours, or fix what the findings name.",
        ),
        VerdictResult::NotPredicted => explanation(
            "Nothing was predicted for what was measured, so there is nothing to confirm.",
            "Describe in the variant's `shape` what its manifests do not show.",
        ),
    }
}
