//! The CRD: what it accepts, what it refuses and with which message, its defaults, and how large a status may get. Each
//! case runs against the in-memory server (whose rules are kube's own CEL) and, when `BCMP_TEST_KUBECONFIG` names a
//! kubeconfig, against a real one.

mod decoding;
mod full;
mod limits;
mod rules;

use std::collections::BTreeSet;

use bcmp::api::{BenchmarkComparison, BenchmarkComparisonSpec};
use bcmp::simulation::api_server::meta;
use full::{full, remove, set, smallest};
use limits::{DECIMALS, ENUMS, ITEMS, LENGTHS, PATTERNS, PROPERTIES, RANGES, REQUIRED};
use rules::{broken, kept};
use serde_json::{Value, json};

use crate::COMPARISONS;
use crate::bed::{Bed, Reply, on_both_servers};

on_both_servers! {
    the_smallest_and_the_fullest_are_accepted,
    numbers_have_a_range,
    texts_have_a_length,
    texts_have_a_form,
    choices_are_closed,
    lists_and_maps_have_a_size,
    what_is_needed_is_said,
    rules_say_what_to_do,
    decimals_are_text_or_whole_numbers,
    names_fit_the_names_made_from_them,
    wrong_types_are_refused,
    a_null_is_as_good_as_nothing,
    static_defaults_are_the_ones_of_the_types,
    a_users_list_replaces_the_default,
    a_second_manager_replaces_lists_as_a_whole,
    a_status_of_full_size_fits,
    the_longest_status_can_still_be_written,
}

async fn create(bed: &Bed, object: Value) -> Reply {
    bed.post(&format!("{}?dryRun=All", bed.path(COMPARISONS)), object).await
}

async fn accepts(bed: &Bed, what: &str, object: Value) {
    let reply = create(bed, object).await;
    assert_eq!(reply.code, 201, "{what}: {}", reply.body["message"]);
}

async fn refuses(bed: &Bed, what: &str, object: Value, fragments: &[&str]) {
    let reply = create(bed, object).await;
    assert_eq!(reply.code, 422, "{what} is accepted: {}", reply.body["message"]);
    reply.refused(422, "Invalid", fragments);
}

fn with(path: &str, value: Value) -> Value {
    let mut object = full();
    set(&mut object, path, value);
    object
}

/// `/spec/variants/0/name` as messages write it: `spec.variants[0].name`.
fn field(path: &str) -> String {
    path.trim_start_matches('/').split('/').fold(String::new(), |text, part| match part.parse::<usize>() {
        Ok(index) => format!("{text}[{index}]"),
        Err(_) if text.is_empty() => part.to_owned(),
        Err(_) => format!("{text}.{part}"),
    })
}

async fn the_smallest_and_the_fullest_are_accepted(bed: &Bed) {
    accepts(bed, "smallest", smallest()).await;
    accepts(bed, "fullest", full()).await;
    let strict = format!("{}?dryRun=All&fieldValidation=Strict", bed.path(COMPARISONS));
    bed.post(&strict, full()).await.ok();
}

async fn numbers_have_a_range(bed: &Bed) {
    for (path, least, most) in RANGES {
        let name = field(path);
        accepts(bed, path, with(path, json!(least))).await;
        refuses(
            bed,
            path,
            with(path, json!(least - 1)),
            &[&format!("{name} in body should be greater than or equal to {least}")],
        )
        .await;
        let Some(most) = most else { continue };
        accepts(bed, path, with(path, json!(most))).await;
        refuses(
            bed,
            path,
            with(path, json!(most + 1)),
            &[&format!("{name} in body should be less than or equal to {most}")],
        )
        .await;
    }
}

async fn texts_have_a_length(bed: &Bed) {
    for (path, least, most, start, fill) in LENGTHS {
        let text = |length: usize| json!(format!("{start}{}", fill.repeat(length.saturating_sub(start.len()))));
        accepts(bed, path, with(path, text(*most))).await;
        refuses(
            bed,
            path,
            with(path, text(most + 1)),
            &[&format!("{}: Too long: may not be more than {most} bytes", field(path))],
        )
        .await;
        if *least > 0 {
            let short = json!(format!("{start}{}", fill.repeat(*least))[..least - 1]);
            let message = format!("{} in body should be at least {least} chars long", field(path));
            refuses(bed, path, with(path, short), &[&message]).await;
        }
    }
}

async fn texts_have_a_form(bed: &Bed) {
    for (path, good, bad) in PATTERNS {
        for text in *good {
            accepts(bed, &format!("{path} = {text:?}"), with(path, json!(text))).await;
        }
        for text in *bad {
            refuses(
                bed,
                &format!("{path} = {text:?}"),
                with(path, json!(text)),
                &[&format!("{} in body should match", field(path))],
            )
            .await;
        }
    }
}

async fn choices_are_closed(bed: &Bed) {
    for (path, choices) in ENUMS {
        for choice in *choices {
            let reply = create(bed, with(path, json!(choice))).await;
            // Another role or source type may break a rule of its own; that is not about the choice.
            assert!(
                !reply.body["message"].to_string().contains("Unsupported value"),
                "{path} = {choice}: {}",
                reply.body
            );
        }
        let message = format!("{}: Unsupported value: \"Other\": supported values: ", field(path));
        refuses(bed, path, with(path, json!("Other")), &[&message]).await;
    }
}

async fn lists_and_maps_have_a_size(bed: &Bed) {
    for (path, least, most, item) in ITEMS {
        let list = |count: usize| Value::Array((0..count).map(item).collect());
        accepts(bed, path, with(path, list(*most))).await;
        refuses(
            bed,
            path,
            with(path, list(most + 1)),
            &[&format!("{}: Too many: {}: must have at most {most} items", field(path), most + 1)],
        )
        .await;
        if *least > 0 {
            accepts(bed, path, with(path, list(*least))).await;
            refuses(
                bed,
                path,
                with(path, list(least - 1)),
                &[&format!("{} in body should have at least {least} items", field(path))],
            )
            .await;
        }
    }
    for (path, most) in PROPERTIES {
        let map = |count: usize| Value::Object((0..count).map(|i| (format!("example.org/k{i}"), json!("1"))).collect());
        accepts(bed, path, with(path, map(*most))).await;
        refuses(bed, path, with(path, map(most + 1)), &[&field(path)]).await;
    }
}

async fn what_is_needed_is_said(bed: &Bed) {
    for path in REQUIRED {
        let mut object = full();
        remove(&mut object, path);
        refuses(bed, path, object, &[&format!("{}: Required value", field(path))]).await;
    }
}

async fn rules_say_what_to_do(bed: &Bed) {
    for (object, message) in broken() {
        refuses(bed, message, object, &[message]).await;
    }
    for (object, message) in kept() {
        accepts(bed, message, object).await;
    }
    let short = ["/spec/sla/ttftMilliseconds", "/spec/sla/tpotMilliseconds"];
    let long = ["ttft", "tpot", "requestLatency"].map(|limit| format!("/spec/sla/{limit}/milliseconds"));
    let paths = short.map(|path| (path.to_owned(), smallest())).into_iter().chain(long.map(|path| (path, full())));
    for (path, object) in paths {
        let with = |path: &str, value: Value| {
            let mut object = object.clone();
            set(&mut object, path, value);
            object
        };
        for good in [json!(1), json!(7), json!("7"), json!("6.5"), json!("0.000001"), json!("123456789.654321")] {
            accepts(bed, &path, with(&path, good)).await;
        }
        for bad in [
            json!(0),
            json!(-1),
            json!(1_000_000_000),
            json!("0"),
            json!("0.0"),
            json!("fast"),
            json!("1."),
            json!("1e3"),
            json!(""),
        ] {
            let message = "must be a positive number below 1000000000 with at most 6 decimals";
            refuses(bed, &format!("{path} = {bad}"), with(&path, bad), &[&field(&path), message]).await;
        }
    }
}

async fn decimals_are_text_or_whole_numbers(bed: &Bed) {
    let good = [json!(0), json!(20), json!("0"), json!("2.5"), json!("0.000001"), json!("123456789.654321")];
    let bad = ["", "-1", "1.", ".5", "1e3", "1,5", "0.0000001", "1234567890", "NaN"].map(|text| json!(text));
    let bad: Vec<Value> = bad.into_iter().chain([json!(-1), json!(1_000_000_000), json!(i64::MAX)]).collect();
    let message = "must be a number from 0 to below 1000000000 with at most 6 decimals";
    for path in DECIMALS {
        for value in &good {
            accepts(bed, path, with(path, value.clone())).await;
        }
        for value in &bad {
            refuses(bed, &format!("{path} = {value}"), with(path, value.clone()), &[&field(path), message]).await;
        }
    }
}

async fn names_fit_the_names_made_from_them(bed: &Bed) {
    let named = |name: &str| with("/metadata/name", json!(name));
    for name in ["a", "qwen3-32b-h200", &"x".repeat(40)] {
        accepts(bed, name, named(name)).await;
    }
    let message = "metadata.name must start with a lower-case letter, contain only lower-case letters, digits and dashes, end with a letter or digit, and have at most 40 characters";
    for name in ["7b", "a.b", &"x".repeat(41)] {
        refuses(bed, name, named(name), &[message]).await;
    }
}

async fn wrong_types_are_refused(bed: &Bed) {
    let cases = [
        ("/spec/suspend", json!("yes"), "must be of type boolean"),
        ("/spec/workload/inputTokens", json!("many"), "must be of type integer"),
        ("/spec/workload/inputTokens", json!(1.5), "must be of type integer"),
        ("/spec/sla/ttft/milliseconds", json!(6.5), "must be of type integer,string"),
        ("/spec/model/name", json!(7), "must be of type string"),
        ("/spec/evidence/maximumErrorPercent", json!(1.5), "must be of type integer,string"),
        ("/spec/variants", json!({}), "must be of type array"),
    ];
    for (path, value, message) in cases {
        refuses(bed, path, with(path, value), &[&field(path), message]).await;
    }
}

/// Where a field cannot be null, and to a rule where it can.
async fn a_null_is_as_good_as_nothing(bed: &Bed) {
    let quantity = "/spec/predictor/pod/resources/requests/cpu";
    for path in [quantity, "/spec/predictor/extraArguments", "/spec/load/pod/tolerations/0/tolerationSeconds"] {
        accepts(bed, path, with(path, Value::Null)).await;
    }
    accepts(bed, "no short limit", with("/spec/sla/ttftMilliseconds", Value::Null)).await;
    accepts(bed, "no endpoint", with("/spec/variants/0/source/endpoint", Value::Null)).await;
    let image = with("/spec/runtime/image", Value::Null);
    refuses(bed, "no image", image, &["runtime.image is required for generated variants"]).await;
    refuses(bed, "no name", with("/spec/model/name", Value::Null), &["spec.model.name: Required value"]).await;
    // Numbers are of 64 bits with a sign.
    refuses(bed, quantity, with(quantity, json!(u64::MAX)), &["must be of type integer,string"]).await;
}

// ---- defaults and lists --------------------------------------------------------------------------------------------

/// The server fills in what reading as the type would: a client that reads an object of an older CRD sees the same.
async fn static_defaults_are_the_ones_of_the_types(bed: &Bed) {
    let stored = create(bed, smallest()).await.ok();
    let typed: BenchmarkComparisonSpec = serde_json::from_value(smallest()["spec"].clone()).unwrap();
    assert_eq!(stored["spec"], serde_json::to_value(typed).unwrap());
    assert_eq!(stored["status"], json!({"observedGeneration": -1}));
    let read: BenchmarkComparison = serde_json::from_value(stored).unwrap();
    assert_eq!(read.spec.variants.len(), 2);
}

/// Lists with a default, and another value for each.
fn defaulted_lists() -> [(&'static str, Value); 3] {
    let variant = |name: &str, role: &str| json!({"name": name, "role": role, "source": {"type": "Naive"}});
    [
        ("/spec/variants", json!([variant("mine", "Baseline"), variant("other", "Candidate")])),
        ("/spec/workload/concurrency", json!([3, 1])),
        ("/spec/judgement/failOn", json!(["Refuted"])),
    ]
}

async fn a_users_list_replaces_the_default(bed: &Bed) {
    let path = bed.object(COMPARISONS, "smallest");
    let fresh = bed.apply(&path, "user", false, smallest()).await.ok();
    for (list, mine) in defaulted_lists() {
        let default = fresh.pointer(list).unwrap().clone();
        assert_ne!(default, mine);
        let mut object = smallest();
        set(&mut object, list, mine.clone());
        let applied = bed.apply(&path, "user", false, object).await.ok();
        assert_eq!(*applied.pointer(list).unwrap(), mine, "nothing of the default is left in {list}");
        let back = bed.apply(&path, "user", false, smallest()).await.ok();
        assert_eq!(*back.pointer(list).unwrap(), default, "{list} is the default again");
    }
    // An empty list is a value, not "default".
    let mut object = smallest();
    set(&mut object, "/spec/judgement/failOn", json!([]));
    let applied = bed.apply(&path, "user", false, object).await.ok();
    assert_eq!(applied["spec"]["judgement"]["failOn"], json!([]));
}

async fn a_second_manager_replaces_lists_as_a_whole(bed: &Bed) {
    let path = bed.object(COMPARISONS, "smallest");
    for (list, mine) in defaulted_lists() {
        let mut first = smallest();
        set(&mut first, list, mine.clone());
        bed.apply(&path, "first", true, first.clone()).await.ok();
        let theirs = Value::Array(mine.as_array().unwrap().iter().rev().cloned().chain([extra(list)]).collect());
        let mut second =
            json!({"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "smallest"}});
        set(&mut second, list, theirs.clone());
        let refused = bed.apply(&path, "second", false, second.clone()).await;
        let message = format!("conflict with \"first\": .{}", field(list));
        refused.refused(409, "Conflict", &[&message]);
        let forced = bed.apply(&path, "second", true, second).await.ok();
        assert_eq!(*forced.pointer(list).unwrap(), theirs);
        bed.delete(&path, json!({})).await.ok();
    }
}

fn extra(list: &str) -> Value {
    match list {
        "/spec/variants" => json!({"name": "third", "role": "Candidate", "source": {"type": "Naive"}}),
        "/spec/workload/concurrency" => json!(99),
        _ => json!("Inaccurate"),
    }
}

// ---- status --------------------------------------------------------------------------------------------------------

/// What an object may weigh in the store, with `managedFields`: a twelfth of what etcd takes.
const LIMIT: usize = 128 * 1024;

async fn report(bed: &Bed, status: &Value) -> Value {
    let created = bed.post(&bed.path(COMPARISONS), smallest()).await.ok();
    let path = format!("{}/status", bed.object(COMPARISONS, meta(&created, "name")));
    let body = json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison",
        "metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}, "status": status,
    });
    let stored = bed.apply(&path, "bcmp", true, body).await.ok();
    assert!(stored["status"] == *status, "nothing is pruned or refused");
    stored
}

async fn a_status_of_full_size_fits(bed: &Bed) {
    let stored = report(bed, &full::status()).await;
    let managed = stored["metadata"]["managedFields"].to_string().len();
    let size = stored.to_string().len();
    println!("{size} bytes, of them managedFields {managed}");
    assert!(size <= LIMIT, "{size} bytes");
    assert!(managed <= 8 * 1024, "managedFields: {managed} bytes");
}

/// Far beyond the limit, but no object that its controller can no longer write.
async fn the_longest_status_can_still_be_written(bed: &Bed) {
    let mut longest = full::status();
    let finding = json!({"code": "ThroughputInconsistent", "severity": "Reject", "message": "m".repeat(300)});
    for variant in longest["variants"].as_array_mut().unwrap() {
        for level in variant["levels"].as_array_mut().unwrap() {
            level["evidence"]["reasons"] = json!(vec![finding.clone(); 8]);
        }
    }
    report(bed, &longest).await;
}

// ---- the CRD itself ------------------------------------------------------------------------------------------------

/// A constraint that no table above names is a constraint without a case.
#[test]
fn every_constraint_has_a_case() {
    let crd = serde_json::to_value(bcmp::api::crd::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut there = BTreeSet::new();
    constraints(&schema["properties"]["spec"], "/spec", &mut there);
    let generic = |path: &str| -> String {
        path.split('/').map(|part| if part.parse::<usize>().is_ok() { "0" } else { part }).collect::<Vec<_>>().join("/")
    };
    let mut covered = BTreeSet::new();
    let mut cover = |path: &str, kind: &str| {
        covered.insert(format!("{} {kind}", generic(path)));
    };
    for (path, _, most) in RANGES {
        cover(path, "minimum");
        if most.is_some() {
            cover(path, "maximum");
        }
    }
    for (path, least, ..) in LENGTHS {
        cover(path, "maxLength");
        if *least > 0 {
            cover(path, "minLength");
        }
    }
    PATTERNS.iter().for_each(|(path, ..)| cover(path, "pattern"));
    ENUMS.iter().for_each(|(path, _)| cover(path, "enum"));
    for (path, least, ..) in ITEMS {
        cover(path, "maxItems");
        if *least > 0 {
            cover(path, "minItems");
        }
    }
    PROPERTIES.iter().for_each(|(path, _)| cover(path, "maxProperties"));
    REQUIRED.iter().for_each(|path| cover(path, "required"));
    let missing: Vec<_> = there.difference(&covered).collect();
    let is_embedded = |path: &&String| EMBEDDED.iter().any(|embedded| path.starts_with(embedded));
    let stale: Vec<_> = covered.difference(&there).filter(|path| !is_embedded(path)).collect();
    assert!(missing.is_empty() && stale.is_empty(), "without a case: {missing:#?}\nwithout a constraint: {stale:#?}");
    let messages: Vec<String> = rule_messages(schema);
    let named = |cases: Vec<(Value, &'static str)>| cases.into_iter().map(|(_, message)| message).collect::<Vec<_>>();
    let (broken, kept) = (named(broken()), named(kept()));
    for message in messages {
        let elsewhere = ["must be a positive number", "must be a number from 0", "metadata.name must"];
        let elsewhere = elsewhere.iter().any(|beginning| message.starts_with(beginning));
        assert!(elsewhere || broken.iter().any(|m| message.starts_with(m)), "no case breaks: {message}");
        assert!(elsewhere || kept.iter().any(|m| message.starts_with(m)), "no case keeps: {message}");
    }
}

/// "Full" means every field, so that a new one is not forgotten in cases that mean everything.
#[test]
fn the_full_objects_have_every_field() {
    let crd = serde_json::to_value(bcmp::api::crd::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut missing = vec![];
    absent(&schema["spec"], &[&full()["spec"]], "/spec", &mut missing);
    absent(&schema["status"], &[&full::status()], "/status", &mut missing);
    // A run that was judged has not ended early; a limit of the SLA is written in its short form or in its long one.
    let exclusive = ["/status/run/ended", "/spec/sla/ttftMilliseconds", "/spec/sla/tpotMilliseconds"];
    missing.retain(|path| !exclusive.contains(&path.as_str()));
    assert!(missing.is_empty(), "{missing:#?}");
}

fn absent(schema: &Value, values: &[&Value], path: &str, missing: &mut Vec<String>) {
    if EMBEDDED.contains(&path) {
        return;
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let here = format!("{path}/{name}");
        let inner: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
        if inner.is_empty() {
            missing.push(here);
        } else {
            absent(property, &inner, &here, missing);
        }
    }
    if schema["items"].is_object() {
        let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        absent(&schema["items"], &items, &format!("{path}/0"), missing);
    }
}

/// Kubernetes' own types, whose constraints are Kubernetes' business.
const EMBEDDED: [&str; 4] =
    ["/spec/load/env/0", "/spec/imagePullSecrets/0", "/spec/hardware/tolerations/0", "/spec/load/pod/tolerations/0"];

fn constraints(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if EMBEDDED.contains(&path) {
        return;
    }
    for kind in
        ["minimum", "maximum", "minLength", "maxLength", "pattern", "enum", "minItems", "maxItems", "maxProperties"]
    {
        if schema.get(kind).is_some() {
            found.insert(format!("{path} {kind}"));
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        found.insert(format!("{path}/{required} required"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        constraints(property, &format!("{path}/{name}"), found);
    }
    if schema["items"].is_object() {
        constraints(&schema["items"], &format!("{path}/0"), found);
    }
}

fn rule_messages(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
            let own = own.map(|rule| rule["message"].as_str().unwrap_or("(a rule without message)").to_owned());
            own.chain(fields.values().flat_map(rule_messages)).collect()
        }
        Value::Array(items) => items.iter().flat_map(rule_messages).collect(),
        _ => vec![],
    }
}

#[test]
fn generated_crd_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/benchmarkcomparisons.bcmp.dev.yaml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bcmp")).arg("crd").output().expect("bcmp crd runs");
    let committed =
        std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}; write it with: bcmp crd > {path}"));
    assert!(
        output.stdout == committed,
        "{path} is not what `bcmp crd` prints; write it anew: cargo run -q -- crd > {path}"
    );
}
