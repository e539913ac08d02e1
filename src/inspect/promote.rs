//! A measured variant as manifests to deploy: as it was measured, without what belongs to the benchmark.

use serde_json::{Map, Value};

use crate::api::{GROUP, Verdict};
use crate::manifests::labels::APPLICATION;
use crate::text::one_line;

/// The longest sentence in a comment.
const LONGEST: usize = 400;

/// The variant to promote: the one that is named or, where none is, the winner.
///
/// # Errors
/// There is no such variant, or no winner: the message says why.
pub fn choose<'a>(
    asked: Option<&'a str>,
    variants: &[&'a str],
    verdict: Option<&'a Verdict>,
) -> Result<&'a str, String> {
    let names = variants.join(", ");
    if let Some(asked) = asked {
        return match variants.contains(&asked) {
            true => Ok(asked),
            false => Err(format!("--variant {asked}: the run has no such variant, only {names}")),
        };
    }
    let Some(verdict) = verdict else {
        return Err(format!(
            "the run has no verdict, and so no winner: wait for it, or name a variant with --variant ({names})"
        ));
    };
    let winner = verdict.winner.as_deref().filter(|winner| variants.contains(winner));
    let refusal = || {
        let why = verdict.summary.trim_end_matches('.');
        format!("there is no winner ({}: {why}): name the variant you want with --variant ({names})", verdict.result)
    };
    winner.ok_or_else(refusal)
}

/// The objects as somebody would deploy them: without our labels and annotations, and without what only a server writes.
pub fn deployable(objects: &[Value]) -> Vec<Value> {
    let mut objects = objects.to_vec();
    objects.iter_mut().for_each(bare);
    objects
}

fn bare(object: &mut Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let written_by_servers = [
            "ownerReferences",
            "managedFields",
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "selfLink",
        ];
        written_by_servers.iter().for_each(|field| drop(metadata.remove(*field)));
    }
    unlabelled(object);
}

/// Removes our labels and annotations, wherever metadata or selectors have them.
fn unlabelled(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(unlabelled),
        Value::Object(fields) => {
            for name in ["labels", "annotations", "matchLabels", "selector"] {
                let Some(Value::Object(pairs)) = fields.get_mut(name) else { continue };
                remove_ours(pairs);
                if pairs.is_empty() {
                    fields.remove(name);
                }
            }
            fields.values_mut().for_each(unlabelled);
        }
        _ => {}
    }
}

fn remove_ours(pairs: &mut Map<String, Value>) {
    let prefix = format!("{GROUP}/");
    let is_ours = |key: &str, value: &Value| {
        key.starts_with(&prefix) || (key.starts_with("app.kubernetes.io/") && value == APPLICATION)
    };
    pairs.retain(|key, value| !is_ours(key, value));
}

/// The comment above the manifests.
pub fn heading(comparison: &str, run: i64, variant: &str, verdict: Option<&Verdict>) -> String {
    let (how, said) = match verdict {
        Some(verdict) => ("measured", format!("{}: {}", verdict.result, one_line(&verdict.summary, LONGEST))),
        None => ("generated", "The run has no verdict: what this does was not measured, or not to the end.".into()),
    };
    format!(
        "# Variant {variant} of comparison {comparison}, run {run}, as it was {how}.\n# {said}\n\
         # bcmp's names, labels and owner references are left out: kubectl apply -n NAMESPACE -f FILE\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(winner: Option<&str>) -> Verdict {
        serde_json::from_value(json!({
            "result": "Inconclusive", "summary": "Too close to call.", "winner": winner, "comparisons": [],
            "predicted": {"outcome": "Undetermined"}, "measured": {"outcome": "Undetermined", "rounds": 1},
        }))
        .unwrap()
    }

    #[test]
    fn the_winner_is_chosen_or_the_reason_is_said() {
        let variants = ["baseline", "optimized"];
        let won = verdict(Some("optimized"));
        assert_eq!(choose(None, &variants, Some(&won)), Ok("optimized"));
        assert_eq!(choose(Some("baseline"), &variants, None), Ok("baseline"));
        let said = |asked, verdict: Option<&Verdict>| choose(asked, &variants, verdict).unwrap_err();
        assert_eq!(said(Some("other"), None), "--variant other: the run has no such variant, only baseline, optimized");
        assert_eq!(
            said(None, Some(&verdict(None))),
            "there is no winner (Inconclusive: Too close to call): name the variant you want with --variant (baseline, optimized)"
        );
        assert!(said(None, None).starts_with("the run has no verdict"));
    }

    #[test]
    fn nothing_is_called_measured_before_the_verdict() {
        let above = |verdict: Option<&Verdict>| heading("benchmarks/qwen", 1, "optimized", verdict);
        assert!(above(Some(&verdict(None))).contains("run 1, as it was measured.\n# Inconclusive: Too close to call."));
        assert!(above(None).contains("run 1, as it was generated.\n# The run has no verdict"));
    }

    #[test]
    fn nothing_of_the_benchmark_is_left() {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1},
            "metadata": {"name": "mine", "uid": "1", "ownerReferences": [{}], "labels": {"bcmp.dev/run": "1", "team": "a"}},
            "spec": {
                "selector": {"matchLabels": {"app": "mine", "bcmp.dev/variant": "a"}},
                "template": {"metadata": {"labels": {"app": "mine", "app.kubernetes.io/managed-by": "bcmp"}, "annotations": {"bcmp.dev/x": "y"}}},
            },
        });
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mine", "labels": {"team": "a"}},
            "spec": {"selector": {"matchLabels": {"app": "mine"}}, "template": {"metadata": {"labels": {"app": "mine"}}}},
        });
        assert_eq!(deployable(&[object]), [expected]);
    }
}
