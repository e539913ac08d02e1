//! The CEL rules of the CRD but the limits' and the name's: what breaks each, and what comes close and keeps it.

use serde_json::{Value, json};

use super::full::{full, remove, set, smallest};

const ROUNDS: &str = "execution.rounds.minimum must not exceed execution.rounds.maximum";
const SYSTEM: &str = "write the predictor's name of the GPU system in lower-case letters, digits and underscores";
const CLAIM: &str = "claim is allowed only with source.type Manifests or Endpoint";
const TTFT: &str = "sla needs one limit for the time to first token: set ttftMilliseconds, or ttft";
const TPOT: &str = "sla needs one limit for the time per output token: set tpotMilliseconds, or tpot";

/// What breaks each rule, and the rule's message.
pub fn broken() -> Vec<(Value, &'static str)> {
    let changed = |changes: &[(&str, Value)], removed: &[&str]| {
        let mut object = full();
        changes.iter().for_each(|(path, value)| set(&mut object, path, value.clone()));
        removed.iter().for_each(|path| remove(&mut object, path));
        object
    };
    let operation = "/spec/variants/0/patches/0/operations/0";
    let all_given = |sources: Value| {
        let mut object = smallest();
        object["spec"]["variants"] = json!([
            {"name": "a", "role": "Baseline", "source": sources}, {"name": "b", "role": "Candidate", "source": sources}]);
        object
    };
    let endpoint = json!({"type": "Endpoint", "endpoint": {"url": "http://server:8000", "gpus": 8}});
    let mut arguments = all_given(endpoint.clone());
    arguments["spec"]["predictor"]["extraArguments"] = json!(["A=b"]);
    let mut no_image = smallest();
    remove(&mut no_image, "/spec/runtime/image");
    let claim = json!({"predictor": "AISimulate", "configMapName": "prediction"});
    vec![
        (changed(&[("/spec/variants/0/claim", claim.clone())], &[]), CLAIM),
        (changed(&[("/spec/variants/1/claim", claim)], &[]), CLAIM),
        (changed(&[("/spec/hardware/system", json!("H200"))], &[]), SYSTEM),
        (changed(&[("/spec/hardware/system", json!("_a"))], &[]), SYSTEM),
        (changed(&[("/spec/hardware/system", json!("h200-sxm"))], &[]), SYSTEM),
        (arguments, "predictor.extraArguments has no effect because no variant is generated"),
        (no_image, "runtime.image is required for generated variants"),
        (changed(&[("/spec/sla/ttftMilliseconds", json!(500))], &[]), TTFT),
        (changed(&[], &["/spec/sla/ttft"]), TTFT),
        (changed(&[("/spec/sla/tpotMilliseconds", json!(7))], &[]), TPOT),
        (changed(&[], &["/spec/sla/tpot"]), TPOT),
        (
            changed(&[("/spec/execution/rounds/minimum", json!(8)), ("/spec/execution/rounds/maximum", json!(7))], &[]),
            ROUNDS,
        ),
        (changed(&[("/spec/variants/1/role", json!("Baseline"))], &[]), "exactly one variant must have role Baseline"),
        (changed(&[("/spec/variants/0/role", json!("Candidate"))], &[]), "exactly one variant must have role Baseline"),
        (changed(&[("/spec/variants/1/name", json!("naive"))], &[]), "variants must have different names"),
        (
            changed(&[("/spec/workload/concurrency", json!([1, 2, 1]))], &[]),
            "workload.concurrency must not list a level twice",
        ),
        (
            changed(&[("/spec/variants/0/source/recommended", json!({"rank": 1}))], &[]),
            "source.recommended is allowed only with type Recommended",
        ),
        (changed(&[], &["/spec/variants/2/source/manifests"]), "source.manifests is required with type Manifests"),
        (
            changed(&[("/spec/variants/0/source/manifests", json!({"inline": "x"}))], &[]),
            "source.manifests is required with type Manifests",
        ),
        (changed(&[], &["/spec/variants/4/source/endpoint"]), "source.endpoint is required with type Endpoint"),
        (
            changed(&[("/spec/variants/0/source/endpoint", endpoint["endpoint"].clone())], &[]),
            "source.endpoint is required with type Endpoint",
        ),
        (
            changed(&[("/spec/variants/2/source/manifests/inline", json!("x"))], &[]),
            "set exactly one of manifests.inline, manifests.configMapName and manifests.requestName",
        ),
        (
            changed(&[], &["/spec/variants/3/source/manifests/inline"]),
            "set exactly one of manifests.inline, manifests.configMapName and manifests.requestName",
        ),
        (
            changed(&[("/spec/variants/3/source/manifests/key", json!("k"))], &[]),
            "manifests.key requires manifests.configMapName",
        ),
        (
            changed(&[("/spec/variants/0/patches/0/removeLines", json!({"pointer": "/a", "matching": "b"}))], &[]),
            "set exactly one of operations (JSON Patch) and removeLines",
        ),
        (
            changed(&[], &["/spec/variants/0/patches/1/removeLines"]),
            "set exactly one of operations (JSON Patch) and removeLines",
        ),
        (
            changed(&[(operation, json!({"op": "move", "path": "/a"}))], &[]),
            "the operations move and copy require from",
        ),
        (
            changed(&[(operation, json!({"op": "add", "path": "/a", "value": "x", "yaml": "x"}))], &[]),
            "set value for a string or an integer, or yaml for anything else, not both",
        ),
        (
            changed(&[(operation, json!({"op": "copy", "path": "/a"}))], &[]),
            "the operations move and copy require from",
        ),
    ]
}

/// What comes closest to breaking each rule and keeps it, and the rule's message.
pub fn kept() -> Vec<(Value, &'static str)> {
    let naive = json!({"type": "Naive"});
    let endpoint = json!({"type": "Endpoint", "endpoint": {"url": "http://server:8000", "gpus": 8}});
    let of = |baseline: &Value, candidate: &Value| {
        let mut object = smallest();
        object["spec"]["variants"] = json!([
            {"name": "a", "role": "Baseline", "source": baseline}, {"name": "b", "role": "Candidate", "source": candidate}]);
        object
    };
    let manifests = |given: Value| of(&naive, &json!({"type": "Manifests", "manifests": given}));
    let patched = |patch: Value| {
        let mut object = of(&naive, &naive);
        object["spec"]["variants"][0]["patches"] = json!([patch]);
        object
    };
    let operation = |operation: Value| patched(json!({"target": {"kind": "K"}, "operations": [operation]}));
    let lines = json!({"target": {"kind": "K"}, "removeLines": {"pointer": "/a", "matching": "b"}});
    // One variant that is generated makes the arguments useful; without any, no image is needed.
    let mut arguments = of(&endpoint, &naive);
    arguments["spec"]["predictor"]["extraArguments"] = json!(["A=b"]);
    let mut no_image = of(&endpoint, &endpoint);
    no_image["spec"]["runtime"] = json!({});
    let mut baseline_last = of(&naive, &naive);
    baseline_last["spec"]["variants"][0]["role"] = json!("Candidate");
    baseline_last["spec"]["variants"][1]["role"] = json!("Baseline");
    let mut system = smallest();
    system["spec"]["hardware"]["system"] = json!("b200");
    let mut rounds = smallest();
    rounds["spec"]["execution"]["rounds"] = json!({"minimum": 7, "maximum": 7});
    let mut names = of(&naive, &naive);
    names["spec"]["variants"][1]["name"] = json!("aa");
    let mut levels = smallest();
    levels["spec"]["workload"]["concurrency"] = json!([12, 1, 2]);
    let sources = "source.recommended is allowed only with type Recommended";
    let either = "set exactly one of manifests.inline, manifests.configMapName and manifests.requestName";
    let patch = "set exactly one of operations (JSON Patch) and removeLines";
    let claimed = |source: &Value| {
        let mut object = of(&naive, source);
        object["spec"]["variants"][1]["claim"] = json!({"predictor": "AIConfigurator", "configMapName": "c"});
        object
    };
    vec![
        (claimed(&endpoint), CLAIM),
        (claimed(&json!({"type": "Manifests", "manifests": {"inline": "x"}})), CLAIM),
        (of(&naive, &naive), CLAIM),
        (system, SYSTEM),
        (arguments, "predictor.extraArguments has no effect because no variant is generated"),
        (no_image, "runtime.image is required for generated variants"),
        (smallest(), TTFT),
        (full(), TTFT),
        (smallest(), TPOT),
        (rounds, ROUNDS),
        (full(), TPOT),
        (baseline_last, "exactly one variant must have role Baseline"),
        (names, "variants must have different names"),
        (levels, "workload.concurrency must not list a level twice"),
        (of(&naive, &json!({"type": "Recommended"})), sources),
        (of(&naive, &json!({"type": "Recommended", "recommended": {"rank": 1}})), sources),
        (manifests(json!({"inline": "x"})), "source.manifests is required with type Manifests"),
        (of(&naive, &endpoint), "source.endpoint is required with type Endpoint"),
        (manifests(json!({"inline": "x"})), either),
        (manifests(json!({"configMapName": "c"})), either),
        (manifests(json!({"configMapName": "c", "key": "k"})), "manifests.key requires manifests.configMapName"),
        (patched(lines), patch),
        (operation(json!({"op": "remove", "path": "/a"})), patch),
        (operation(json!({"op": "move", "path": "/a", "from": "/b"})), "the operations move and copy require from"),
        (operation(json!({"op": "copy", "path": "/a", "from": "/b"})), "the operations move and copy require from"),
        (operation(json!({"op": "add", "path": "/a", "value": 1})), "set value for a string or an integer"),
        (operation(json!({"op": "add", "path": "/a", "yaml": "1"})), "set value for a string or an integer"),
        (operation(json!({"op": "remove", "path": "/a"})), "the operations move and copy require from"),
    ]
}
