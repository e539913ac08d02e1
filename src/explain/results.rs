//! Results of a verdict.

use super::explanation::{Explanation, NO_ACTION, explanation};
use crate::api::VerdictResult;

/// What a verdict's result means.
pub const fn result(result: VerdictResult) -> Explanation {
    match result {
        VerdictResult::Confirmed => explanation(
            "The outcome was predicted, and the predicted figures are within `judgement.accuracyTolerancePercent`.",
            NO_ACTION,
        ),
        VerdictResult::DirectionOnly => explanation(
            "The better variant was predicted, but figures are off, or the advertised point misses the SLA or was not measured.",
            "Read the reason in the report (`kubectl bcmp report NAME`).",
        ),
        VerdictResult::Refuted => explanation(
            "Another variant is better than predicted, or none is.",
            "Trust the measurement; the variants' findings say what is doubtful about the prediction.",
        ),
        VerdictResult::Inconclusive => explanation(
            "The evidence is not sufficient for an answer.",
            "Read which evidence is missing (`kubectl bcmp report NAME`), fix the cause and run again.",
        ),
        VerdictResult::NotPredicted => explanation(
            "Nothing was predicted for what was measured, so there is nothing to confirm.",
            "Describe in the variant's `shape` what its manifests do not show.",
        ),
    }
}
