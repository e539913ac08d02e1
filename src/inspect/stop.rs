//! When a run that was told to end holds no GPU any more.

use std::time::Duration;

use kube::ResourceExt;

use super::tree::{Item, holding_pods};
use crate::api::BenchmarkComparison;
use crate::report::format::{counted, duration};

/// The number of the run to cancel: the active one, unless it is ending already.
pub fn to_cancel(comparison: &BenchmarkComparison) -> Option<i64> {
    let run = comparison.status.as_ref()?.run.as_ref()?;
    (run.completion_time.is_none() && run.ended.is_none()).then_some(run.number)
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
        Some(gpus) => format!("run {run} of {name}: its {} free since {after} after the request", are(gpus)),
        None if pods_seen => format!("run {run} of {name}: no GPU is held"),
        None => format!(
            "run {run} of {name}: everything it deployed is gone, by its status (pods cannot be listed with your rights)"
        ),
    }
}

fn are(gpus: u32) -> String {
    format!("{} {}", counted(gpus, "GPU"), if gpus == 1 { "is" } else { "are" })
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
