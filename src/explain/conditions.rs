//! Conditions.

use super::explanation::{Explanation, NO_ACTION, explanation};
use crate::api::conditions::ConditionType;

const fn of(
    when_true: &'static str,
    when_false: &'static str,
    when_unknown: Option<&'static str>,
    remedy: &'static str,
) -> Explanation {
    Explanation { when_false: Some(when_false), when_unknown, ..explanation(when_true, remedy) }
}

const EXPLAIN_ITS_REASON: &str = "Run `kubectl bcmp explain REASON` with the condition's reason.";

/// What a condition says, and what to do when it is not `True` (`Stalled`: when it is).
pub const fn condition(kind: ConditionType) -> Explanation {
    match kind {
        ConditionType::Finished => of(
            "The run is over, and everything it created to measure is gone.",
            "The run is in progress, or some of its objects still exist.",
            None,
            "Wait: `kubectl bcmp watch NAME` shows the progress, `kubectl wait --for=condition=Finished` returns at the end.",
        ),
        ConditionType::Succeeded => of(
            "The run did what it was asked to, and `judgement.failOn` does not name its outcome.",
            "The run failed, was cancelled, or ended with an outcome that `judgement.failOn` names.",
            Some("The run is not over."),
            EXPLAIN_ITS_REASON,
        ),
        ConditionType::Reconciling => of(
            "A run is queued or in progress (kstatus: InProgress).",
            "The run is over or suspended, none was requested, or a teardown is overdue.",
            None,
            NO_ACTION,
        ),
        ConditionType::Stalled => of(
            "Nothing will change until a person acts: the run failed, or a teardown is overdue (kstatus: Failed).",
            "The run is in progress, is suspended, or ended well.",
            None,
            "Read the condition's message; `kubectl bcmp explain REASON` says more about its reason.",
        ),
        ConditionType::ConfigurationsGenerated => of(
            "Predictions and manifests of all variants are ready (`Generated`).",
            "A variant has no configuration, or generation failed; the reason says why.",
            Some("They are being generated (`Generating`), or the run ended before."),
            "Correct what the message names in the spec.",
        ),
        ConditionType::VariantsMeasured => of(
            "All levels of all variants were measured (`Measured`).",
            "A variant failed, or the run ended early; the reason says why.",
            Some("Some variants are not measured yet (`NotMeasured`)."),
            EXPLAIN_ITS_REASON,
        ),
        ConditionType::TornDown => of(
            "Nothing of this comparison that holds GPUs is left (`Gone`).",
            "Something is deployed (`Deployed`), kept (`KeptForDebugging`), being deleted (`TearingDown`), or cannot be deleted (`TeardownStuck`).",
            None,
            "Wait; for `TeardownStuck`, fix what the message names.",
        ),
        ConditionType::EvidenceSufficient => of(
            "Which variant is better is known beyond doubt (`Sufficient`).",
            "Which variant is better is not known (`Undetermined`); the message says what was found and what stopped the run.",
            Some("The run is not judged yet (`NotJudged`)."),
            "Read the levels' evidence (`kubectl bcmp report NAME`), fix the cause and run again.",
        ),
        ConditionType::ClaimKept => of(
            "Every candidate is at least as good as the predictor advertises at its own level, within `judgement.accuracyTolerancePercent` (`ClaimKept`).",
            "A candidate is worse than advertised, or its advertised level misses the SLA (`ClaimMissed`).",
            Some("The run is not judged yet, nothing is claimed, or no claim was measured (`NotJudged`)."),
            "Use the measured throughput at the SLA in place of the advertised figures.",
        ),
        ConditionType::PredictionAccurate => of(
            "The estimates' mean errors in TPOT and tokens/s/GPU are within `judgement.accuracyTolerancePercent` (`WithinTolerance`).",
            "A mean error is larger (`OutsideTolerance`).",
            Some("The run is not judged yet, or no prediction applies to what was measured (`NotJudged`)."),
            "Compare the errors level by level; `kubectl bcmp evaluate NAME` judges by another tolerance.",
        ),
        ConditionType::SlaMet => of(
            "A candidate meets the SLA at an accepted level (`SlaMet`).",
            "No candidate meets the SLA at any level (`SlaMissed`).",
            Some(
                "The run is not judged yet (`NotJudged`), or levels are missing or lie within doubt of a limit (`Marginal`).",
            ),
            "Add lower levels to `workload.concurrency`, or relax `sla`.",
        ),
    }
}
