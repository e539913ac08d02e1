//! Every child of a run, as people see it before anything is created.

use std::collections::BTreeMap;

use bcmp::api::Deadlines;
use bcmp::manifests::children::{Children, Create};
use bcmp::manifests::variant::{Author, prepare_variant};
use bcmp::plan::Plan;
use serde_json::{Value, json};

use crate::given;
use crate::variants::{fixture, prepared};

fn identities(children: &[Value]) -> Vec<String> {
    children.iter().map(|child| format!("{} {}", child["kind"], child["metadata"]["name"]).replace('"', "")).collect()
}

/// The children of a first run in which these variants can be deployed.
fn children(plan: &Plan, servers: &[(&str, &[Value])]) -> Vec<Value> {
    let (deadlines, servers) = (&Deadlines::default(), servers.iter().copied().collect::<BTreeMap<_, _>>());
    Children { plan, deadlines, servers, report: None, newest_graphs: false }.all().unwrap()
}

#[test]
fn what_is_yet_to_be_generated_is_left_out() {
    let plan = given::plan(given::smallest_spec());
    insta::assert_yaml_snapshot!("children-before-generation", identities(&children(&plan, &[])));
}

#[test]
fn generated_variants_are_shown_and_refused_ones_are_not() {
    let plan = given::plan(given::smallest_spec());
    let objects = prepared(&fixture("aiconfigurator-0.12.0-naive"), &plan, Author::Predictor).unwrap().objects;
    insta::assert_yaml_snapshot!("children-after-generation", identities(&children(&plan, &[("baseline", &objects)])));
}

#[test]
fn given_manifests_and_endpoints_are_shown_at_once() {
    let mut spec = given::smallest_spec();
    let text =
        std::fs::read_to_string(format!("{}/tests/fixtures/manifests/deployments.yaml", env!("CARGO_MANIFEST_DIR")))
            .unwrap();
    spec["variants"] = json!([
        {"name": "running", "role": "Baseline", "source": {"type": "Endpoint", "endpoint": {"url": "http://f.models.svc:8000", "gpus": 8}}},
        {"name": "own", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"inline": text}}},
    ]);
    let plan = given::plan(spec);
    let variant = &plan.spec.variants[1];
    let own = prepare_variant(&plan, variant, plan.given_manifests(variant).unwrap()).unwrap().objects;
    let children = children(&plan, &[("running", &[]), ("own", &own)]);
    insta::assert_yaml_snapshot!("children-of-given-variants", identities(&children));
    for child in &children {
        assert!(child["apiVersion"].is_string(), "{child}");
    }
}

#[test]
fn manifests_that_cannot_be_deployed_are_an_error() {
    let plan = given::plan(given::smallest_spec());
    let manifests = "kind: Pod\napiVersion: v1\nmetadata: {name: p}\n";
    let error = prepare_variant(&plan, &plan.spec.variants[1], manifests).unwrap_err().to_string();
    assert!(error.starts_with("Pod p: kind: v1 Pod cannot be part of a variant"), "{error}");
}

#[test]
fn a_job_gets_the_deadlines_that_hold_when_it_is_created() {
    let plan = given::plan(given::smallest_spec());
    let deadlines = Deadlines { generate_seconds: 100, ..Deadlines::default() };
    let children =
        Children { plan: &plan, deadlines: &deadlines, servers: BTreeMap::new(), report: None, newest_graphs: false };
    let job = &children.objects(&Create::GenerateJob).unwrap()[0];
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 160);
}

#[test]
fn what_a_child_is_made_from_must_be_there() {
    let plan = given::plan(given::smallest_spec());
    let deadlines = Deadlines::default();
    let children =
        Children { plan: &plan, deadlines: &deadlines, servers: BTreeMap::new(), report: None, newest_graphs: false };
    let error = |create| children.objects(&create).unwrap_err().to_string();
    assert_eq!(
        error(Create::Server { variant: "optimized".into(), deployment: 1 }),
        "variant optimized has no configuration that can be deployed"
    );
    assert_eq!(error(Create::Report), "there is nothing to report yet");
}
