//! Every child of a run, as people see it before anything is created.

use bcmp::api::Reason;
use bcmp::manifests::render::render_all;
use bcmp::manifests::variant::Origin;
use bcmp::prediction::Prediction;
use bcmp::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use serde_json::{Value, json};

use crate::given;
use crate::variants::{fixture, prepared};

fn identities(children: &[Value]) -> Vec<String> {
    children.iter().map(|child| format!("{} {}", child["kind"], child["metadata"]["name"]).replace('"', "")).collect()
}

#[test]
fn what_is_yet_to_be_generated_is_left_out() {
    let plan = given::plan(given::smallest_spec());
    insta::assert_yaml_snapshot!("children-before-generation", identities(&render_all(&plan, None).unwrap()));
}

#[test]
fn generated_variants_are_shown_and_refused_ones_are_not() {
    let plan = given::plan(given::smallest_spec());
    let objects = prepared(&fixture("aiconfigurator-0.12.0-naive"), &plan, Origin::Generated).unwrap().objects;
    let ready = Ready { objects, shape: None, prediction: Prediction::default() };
    let refused = GenerationOutcome::Refused { reason: Reason::NoFeasibleConfiguration.into(), message: "…".into() };
    let configurations = Configurations {
        schema_version: bcmp::prediction::configurations::SCHEMA_VERSION,
        load_tool: None,
        variants: vec![
            Configuration { variant: "baseline".into(), outcome: GenerationOutcome::Ready(Box::new(ready)) },
            Configuration { variant: "optimized".into(), outcome: refused },
        ],
    };
    insta::assert_yaml_snapshot!(
        "children-after-generation",
        identities(&render_all(&plan, Some(&configurations)).unwrap())
    );
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
    let children = render_all(&given::plan(spec), None).unwrap();
    insta::assert_yaml_snapshot!("children-of-given-variants", identities(&children));
    for child in &children {
        assert!(child["apiVersion"].is_string(), "{child}");
    }
}

#[test]
fn manifests_that_cannot_be_deployed_are_an_error() {
    let mut spec = given::smallest_spec();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "own", "role": "Candidate", "source": {"type": "Manifests", "manifests": {"inline": "kind: Pod\napiVersion: v1\nmetadata: {name: p}\n"}}},
    ]);
    let error = render_all(&given::plan(spec), None).unwrap_err().to_string();
    assert!(error.starts_with("Pod p: kind: v1 Pod cannot be part of a variant"), "{error}");
}
