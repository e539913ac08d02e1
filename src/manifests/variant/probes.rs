//! Probes that start at once and run often, within the same total time as those that start late and run seldom.

use serde_json::{Map, Value};

/// Seconds between two probes.
const PERIOD: u64 = 5;
/// Kubernetes' own defaults.
const DEFAULT_PERIOD: u64 = 10;
const DEFAULT_FAILURES: u64 = 3;

/// Rewrites the startup and readiness probes of `holder`. Generated ones wait minutes before the first probe, with all
/// GPUs held. The liveness probe stays: probing more often makes no restart faster. A server may take `ready_seconds` to
/// start: a kubelet that gives up earlier only makes it load the weights once more.
pub(super) fn make_prompt(holder: &mut Map<String, Value>, ready_seconds: u64) {
    for (name, at_least) in [("startupProbe", ready_seconds), ("readinessProbe", 0)] {
        if let Some(Value::Object(probe)) = holder.get_mut(name) {
            rewrite(probe, at_least);
        }
    }
}

fn rewrite(probe: &mut Map<String, Value>, at_least: u64) {
    let number = |key: &str, default: u64| probe.get(key).and_then(Value::as_u64).unwrap_or(default);
    let failing = number("periodSeconds", DEFAULT_PERIOD).saturating_mul(number("failureThreshold", DEFAULT_FAILURES));
    let budget = number("initialDelaySeconds", 0).saturating_add(failing).max(at_least);
    probe.remove("initialDelaySeconds");
    probe.insert("periodSeconds".into(), PERIOD.into());
    probe.insert("failureThreshold".into(), budget.div_ceil(PERIOD).clamp(1, i32::MAX as u64).into());
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::generated(json!({"initialDelaySeconds": 120, "periodSeconds": 30, "failureThreshold": 40, "timeoutSeconds": 10}),
                      json!({"periodSeconds": 5, "failureThreshold": 264, "timeoutSeconds": 10}))]
    #[case::rounded_up(json!({"initialDelaySeconds": 1, "periodSeconds": 5, "failureThreshold": 1}), json!({"periodSeconds": 5, "failureThreshold": 2}))]
    #[case::defaults(json!({}), json!({"periodSeconds": 5, "failureThreshold": 6}))]
    #[case::done_before(json!({"periodSeconds": 5, "failureThreshold": 264}), json!({"periodSeconds": 5, "failureThreshold": 264}))]
    #[case::nonsense(json!({"initialDelaySeconds": "x", "periodSeconds": u64::MAX, "failureThreshold": u64::MAX}), json!({"periodSeconds": 5, "failureThreshold": i32::MAX}))]
    fn the_budget_stays(#[case] before: Value, #[case] after: Value) {
        let Value::Object(mut holder) = json!({"startupProbe": before, "livenessProbe": before}) else { return };
        make_prompt(&mut holder, 1);
        assert_eq!(holder["startupProbe"], after);
        assert_eq!(holder["livenessProbe"], before);
    }

    #[test]
    fn a_server_may_start_for_as_long_as_the_spec_says() {
        let probe = json!({"periodSeconds": 30, "failureThreshold": 40});
        let Value::Object(mut holder) = json!({"startupProbe": probe, "readinessProbe": probe}) else { return };
        make_prompt(&mut holder, 3600);
        assert_eq!(holder["startupProbe"], json!({"periodSeconds": 5, "failureThreshold": 720}));
        assert_eq!(holder["readinessProbe"], json!({"periodSeconds": 5, "failureThreshold": 240}));
    }
}
