//! What is written when the API server refuses the status: the facts, without which nothing goes on, and why the run ends.

use jiff::Timestamp;

use crate::api::conditions::{ConditionStatus, ConditionType, NewCondition, conditions};
use crate::api::{BenchmarkComparisonStatus, EarlyEnd, Phase, Reason, RoundStatus, VariantStatus};
use crate::lifecycle::facts::{active_run, end};
use crate::lifecycle::status::fit::fit;
use crate::lifecycle::time::stamp;
use crate::text;

/// Bytes of the server's message that are quoted.
const QUOTED: usize = 400;

/// The least that must be stored of a refused status. `None` when the run that it is about was over before: what the store
/// holds of it is its answer.
pub fn least(
    stored: Option<&BenchmarkComparisonStatus>,
    refused: &BenchmarkComparisonStatus,
    answer: &str,
    now: Timestamp,
) -> Option<BenchmarkComparisonStatus> {
    let run = refused.run.as_ref()?;
    let over = |status: &BenchmarkComparisonStatus| {
        status.run.as_ref().is_some_and(|of| of.number == run.number && of.completion_time.is_some())
    };
    if stored.is_some_and(over) {
        return None;
    }
    let message = format!(
        "the API server refuses the status of run {}: {}; install the CustomResourceDefinition of the operator's version, or \
         report it as a bug; what was measured is kept in the run's ConfigMaps",
        run.number,
        text::one_line(answer, QUOTED)
    );
    let mut least = BenchmarkComparisonStatus {
        observed_generation: refused.observed_generation,
        run: Some(run.clone()),
        variants: refused.variants.iter().map(facts).collect(),
        rounds: refused.rounds.iter().map(round).collect(),
        history: refused.history.clone(),
        last_handled_run_request: refused.last_handled_run_request.clone(),
        last_handled_cancel_request: refused.last_handled_cancel_request.clone(),
        message: Some(message.clone()),
        ..BenchmarkComparisonStatus::default()
    };
    end(&mut least, EarlyEnd::Failed, Reason::StatusRefused, message.clone(), now);
    let finished = active_run(&least).is_none();
    least.phase = Some(if finished { Phase::Failed } else { Phase::TearingDown });
    let before = stored.map_or(&[][..], |stored| &stored.conditions);
    least.conditions = conditions(new_conditions(finished, &message), before, refused.observed_generation, &stamp(now));
    Some(fit(least))
}

fn facts(variant: &VariantStatus) -> VariantStatus {
    VariantStatus {
        phase: variant.phase,
        gpus: variant.gpus,
        gpu_pods: variant.gpu_pods.clone(),
        last_ready_seconds: variant.last_ready_seconds,
        deployments: variant.deployments.clone(),
        failure: variant.failure.clone(),
        ..VariantStatus::new(variant.name.as_str(), variant.role)
    }
}

fn round(round: &RoundStatus) -> RoundStatus {
    RoundStatus { gain_percent: None, interval: None, ..round.clone() }
}

fn new_conditions(finished: bool, message: &str) -> Vec<NewCondition> {
    use ConditionStatus::{False, True, Unknown};
    let new = |kind, status| NewCondition::new(kind, status, Reason::StatusRefused, message);
    vec![
        new(ConditionType::Finished, if finished { True } else { False }),
        new(ConditionType::Succeeded, if finished { False } else { Unknown }),
        new(ConditionType::Reconciling, if finished { False } else { True }),
        new(ConditionType::Stalled, True),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::api::{Deployed, Role, Run};

    fn status(completed: bool) -> BenchmarkComparisonStatus {
        let time = || stamp(Timestamp::UNIX_EPOCH);
        let mut run = Run::new(3, "v1:0".into(), time());
        (run.start_time, run.completion_time) = (Some(time()), completed.then(time));
        let mut variant = VariantStatus::new("a", Role::Baseline);
        variant.deployed = Some(Deployed { kind: Some("something that is refused".into()), ..Deployed::default() });
        BenchmarkComparisonStatus { run: Some(run), variants: vec![variant], ..Default::default() }
    }

    #[test]
    fn the_facts_stay_and_the_run_ends() {
        let least = least(Some(&status(false)), &status(false), "status.x: too long", Timestamp::UNIX_EPOCH).unwrap();
        let ended = least.run.as_ref().unwrap().ended.as_ref().unwrap();
        assert_eq!(ended.reason, Reason::StatusRefused);
        assert!(ended.message.contains("status.x: too long"), "{}", ended.message);
        assert_eq!((least.variants[0].name.as_str(), &least.variants[0].deployed), ("a", &None));
        assert_eq!(least.phase, Some(Phase::TearingDown));
    }

    #[test]
    fn the_answer_of_a_run_that_was_over_is_left_alone() {
        assert_eq!(least(Some(&status(true)), &status(true), "no", Timestamp::UNIX_EPOCH), None);
        let now_over = least(Some(&status(false)), &status(true), "no", Timestamp::UNIX_EPOCH).unwrap();
        assert!(now_over.is_true(ConditionType::Finished));
    }
}
