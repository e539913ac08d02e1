//! When a run that was told to end holds no GPU any more.

use std::time::Duration;

use kube::ResourceExt;

use super::tree::{Item, holding_pods};
use crate::api::{BenchmarkComparison, EarlyEnd, Phase, Start, Until};
use crate::plan::{Plan, inputs};
use crate::report::format::{counted, duration};

/// The number of the run to cancel: the active one, unless it is ending already or rests at its predictions.
pub fn to_cancel(comparison: &BenchmarkComparison) -> Option<i64> {
    let run = comparison.status.as_ref()?.run.as_ref()?;
    let holds_gpus = run.completion_time.is_none() && run.ended.is_none() && !rests(comparison);
    holds_gpus.then_some(run.number)
}

/// Whether the run stays at its predictions until somebody changes the spec, and so holds no GPU.
pub fn rests(comparison: &BenchmarkComparison) -> bool {
    let Some(status) = &comparison.status else { return false };
    let is_seen = comparison.metadata.generation.is_none_or(|generation| generation == status.observed_generation);
    let is_told_to_stay = comparison.spec.execution.until == Until::Predictions;
    is_seen && is_told_to_stay && status.phase == Some(Phase::Predicted)
}

/// Why another run begins by itself once `run` is over, if one does. `plan`: that of the last run, where it can be read.
pub fn next_run(comparison: &BenchmarkComparison, run: Option<i64>, plan: Option<&Plan>) -> Option<String> {
    if comparison.spec.suspend {
        return None;
    }
    let automatic = comparison.spec.execution.start == Start::Automatic;
    let last = comparison.status.as_ref().and_then(|status| status.run.as_ref());
    let Some(last) = last else {
        let begins = automatic || comparison.pending_run_request().is_some();
        return begins.then(|| "its first run has not begun yet, and begins by itself".to_owned());
    };
    if run.is_some_and(|run| last.number > run) && last.completion_time.is_none() {
        return Some(format!("run {} has begun", last.number));
    }
    let today = inputs::hash(&comparison.spec);
    let why = match last.ended.as_ref().map(|ended| ended.outcome) {
        _ if comparison.pending_run_request().is_some() => "it was requested",
        _ if plan.is_some_and(|plan| plan.spec.run_id != comparison.spec.run_id) => "spec.runId changed",
        _ if automatic && inputs::comparable(&today, &last.inputs_hash) && today != last.inputs_hash => {
            "the spec changed"
        }
        Some(EarlyEnd::Superseded) => "it supersedes this one",
        _ => return None,
    };
    Some(format!("another run begins by itself: {why}"))
}

/// Whether the operator has recorded that everything the run deployed is gone.
pub fn is_down(comparison: &BenchmarkComparison, run: i64) -> bool {
    let Some(status) = &comparison.status else { return true };
    let is_of_run = status.run.as_ref().is_some_and(|of| of.number == run && of.completion_time.is_none());
    let ends = comparison.spec.suspend || status.run.as_ref().is_some_and(|run| run.ended.is_some());
    let gone =
        status.variants.iter().flat_map(|variant| &variant.deployments).all(|deployment| deployment.gone.is_some());
    !is_of_run || (ends && gone)
}

/// That a run holds no GPU any more, and how that is known.
pub fn freed(name: &str, run: i64, held: Option<u32>, waited: u64, pods_seen: bool) -> String {
    let after = duration(i64::try_from(waited).unwrap_or(i64::MAX));
    match held {
        Some(gpus) => format!("run {run} of {name}: its {} free {after} after the request", were(gpus)),
        None if pods_seen => format!("run {run} of {name}: no GPU is held"),
        None => format!(
            "run {run} of {name}: everything it deployed is gone, by its status (pods cannot be listed with your rights)"
        ),
    }
}

fn were(gpus: u32) -> String {
    format!("{} {}", counted(gpus, "GPU"), if gpus == 1 { "was" } else { "were" })
}

/// What is still there after the time that was given.
pub fn overdue(comparison: &BenchmarkComparison, run: i64, limit: Duration, items: Option<&[Item]>) -> String {
    let name = comparison.name_any();
    let after = duration(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
    let holding = items.and_then(holding_pods);
    let acted = comparison.status.as_ref().and_then(|status| status.run.as_ref());
    let acted = comparison.spec.suspend || acted.is_some_and(|of| of.number != run || of.ended.is_some());
    let what = match (acted, holding) {
        (false, _) => "the operator has not acted on the request: check that it is running".to_owned(),
        (true, None) => format!("some of its objects are still there: see `kubectl bcmp tree {name}`"),
        (true, Some(pods)) => format!("GPUs are still held by {pods}: see `kubectl bcmp tree {name}`"),
    };
    format!("run {run} of {name} is not down after {after}: {what}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn comparison(status: Value) -> BenchmarkComparison {
        let spec = json!({"model": {"name": "m"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 100, "outputTokens": 100}, "sla": {"ttftMilliseconds": 1, "tpotMilliseconds": 1}, "runtime": {}});
        let object = json!({"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "qwen"},
            "spec": spec, "status": status});
        serde_json::from_value(object).unwrap()
    }

    const TIME: &str = "2026-03-02T09:00:00Z";

    fn run(number: i64, further: Value) -> Value {
        let mut run = json!({"number": number, "inputsHash": "v1:0", "queuedTime": TIME});
        for (field, value) in further.as_object().unwrap() {
            run[field] = value.clone();
        }
        run
    }

    fn ended() -> Value {
        json!({"ended": {"outcome": "Cancelled", "reason": "Cancelled", "message": "m", "time": TIME}})
    }

    fn deployed(gone: Option<&str>) -> Value {
        let deployment = json!({"number": 1, "round": 1, "created": TIME, "gone": gone});
        json!([{"name": "baseline", "role": "Baseline", "deployments": [deployment]}])
    }

    #[rstest]
    #[case::active(run(2, json!({})), Some(2))]
    #[case::ending(run(2, ended()), None)]
    #[case::over(run(2, json!({"completionTime": TIME})), None)]
    fn only_an_active_run_is_cancelled(#[case] run: Value, #[case] expected: Option<i64>) {
        assert_eq!(to_cancel(&comparison(json!({"observedGeneration": 1, "run": run}))), expected);
    }

    #[rstest]
    #[case::nothing_more(json!({}), "")]
    #[case::it_was_asked_for(json!({"asked": true}), "another run begins by itself: it was requested")]
    #[case::another_spec(json!({"inputsHash": "v1:1"}), "another run begins by itself: the spec changed")]
    #[case::another_spec_on_request(json!({"inputsHash": "v1:1", "start": "OnRequest"}), "")]
    #[case::suspended(json!({"inputsHash": "v1:1", "suspend": true}), "")]
    #[case::superseded(json!({"superseded": true}), "another run begins by itself: it supersedes this one")]
    #[case::has_begun(json!({"number": 3}), "run 3 has begun")]
    #[case::no_run(json!({"number": 0}), "its first run has not begun yet, and begins by itself")]
    #[case::no_run_on_request(json!({"number": 0, "start": "OnRequest"}), "")]
    fn what_takes_gpus_again_is_known(#[case] given: Value, #[case] expected: &str) {
        let number = given["number"].as_i64().unwrap_or(2);
        let mut of = comparison(json!({"observedGeneration": 1, "run": run(number, ended())}));
        of.spec.suspend = given["suspend"] == true;
        if given["start"] == "OnRequest" {
            of.spec.execution.start = Start::OnRequest;
        }
        if given["asked"] == true {
            of.metadata.annotations = Some([("bcmp.dev/run-requested".to_owned(), "now".to_owned())].into());
        }
        let hash = inputs::hash(&of.spec);
        let status = of.status.as_mut().unwrap();
        let last = status.run.as_mut().unwrap();
        last.inputs_hash = given["inputsHash"].as_str().map_or(hash, str::to_owned);
        if given["superseded"] == true {
            last.ended.as_mut().unwrap().outcome = EarlyEnd::Superseded;
        }
        if number == 0 {
            status.run = None;
        }
        assert_eq!(next_run(&of, Some(2), None).unwrap_or_default(), expected);
    }

    #[rstest]
    #[case::under_way(run(2, json!({})), deployed(Some(TIME)), false)]
    #[case::told_to_end(run(2, ended()), deployed(None), false)]
    #[case::all_gone(run(2, ended()), deployed(Some(TIME)), true)]
    #[case::over(run(2, json!({"completionTime": TIME})), deployed(None), true)]
    #[case::another_run(run(3, json!({})), deployed(None), true)]
    fn a_run_is_down_when_it_ends_and_all_is_gone(#[case] run: Value, #[case] variants: Value, #[case] expected: bool) {
        assert_eq!(
            is_down(&comparison(json!({"observedGeneration": 1, "run": run, "variants": variants})), 2),
            expected
        );
    }
}
