//! Our own children, as they are created.

use bcmp::api::Deadlines;
use bcmp::manifests::configurations_map::configurations_config_map;
use bcmp::manifests::generate_job::generate_job;
use bcmp::manifests::load_job::{LoadTarget, load_job};
use bcmp::manifests::plan_map::plan_config_map;
use bcmp::manifests::publish_identity::{publish_role, publish_role_binding, publish_service_account};
use bcmp::manifests::report_map::ReportFiles;
use bcmp::manifests::report_map::report_config_map;
use bcmp::manifests::results_map::results_config_map;
use bcmp::manifests::{ManifestError, agent_contract};
use serde_json::json;

use crate::given;

const TARGET: LoadTarget<'static> =
    LoadTarget { variant: "optimized", deployment: 2, round: 1, url: "http://server.llm.svc:8000" };

#[test]
fn the_smallest_spec_makes_these_jobs() {
    let plan = given::plan(given::smallest_spec());
    insta::assert_yaml_snapshot!("smallest-generate-job", generate_job(&plan, &Deadlines::default()));
    insta::assert_yaml_snapshot!("smallest-load-job", load_job(&plan, TARGET, &Deadlines::default()));
}

#[test]
fn the_fullest_spec_makes_these_jobs() {
    let plan = given::plan(given::fullest_spec());
    insta::assert_yaml_snapshot!("fullest-generate-job", generate_job(&plan, &Deadlines::default()));
    insta::assert_yaml_snapshot!("fullest-load-job", load_job(&plan, TARGET, &Deadlines::default()));
}

#[test]
fn outputs_and_the_identity_that_may_write_them() {
    let plan = given::plan(given::smallest_spec());
    insta::assert_yaml_snapshot!("configurations-config-map", configurations_config_map(&plan));
    insta::assert_yaml_snapshot!("results-config-map", results_config_map(&plan, "optimized"));
    insta::assert_yaml_snapshot!("publish-service-account", publish_service_account(&plan));
    insta::assert_yaml_snapshot!("publish-role", publish_role(&plan));
    insta::assert_yaml_snapshot!("publish-role-binding", publish_role_binding(&plan));
    let report = ReportFiles { files: [("SUMMARY.txt", "…".to_owned())].into(), edition: "over.v1:5d1f".into() };
    insta::assert_yaml_snapshot!("report-config-map", report_config_map(&plan, &report));
}

#[test]
fn the_role_names_exactly_the_outputs() {
    let plan = given::plan(given::smallest_spec());
    let outputs = [configurations_config_map(&plan)]
        .into_iter()
        .chain(plan.spec.variants.iter().map(|variant| results_config_map(&plan, &variant.name)))
        .map(|map| map.metadata.name.unwrap());
    let rules = publish_role(&plan).rules.unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].resource_names, Some(outputs.collect()));
}

#[test]
fn the_plan_comes_back_from_its_config_map() {
    let plan = given::plan(given::fullest_spec());
    let map = plan_config_map(&plan).unwrap();
    assert_eq!(map.immutable, Some(true));
    let text = &map.data.unwrap()[agent_contract::PLAN_KEY];
    assert_eq!(serde_json::from_str::<bcmp::plan::Plan>(text).unwrap(), plan);
}

#[test]
fn a_plan_that_no_config_map_holds_is_refused_with_a_cure() {
    let mut plan = given::plan(given::smallest_spec());
    plan.manifests.insert("optimized".into(), "x".repeat(1_100_000));
    let error = plan_config_map(&plan).unwrap_err();
    assert!(matches!(error, ManifestError::TooLarge { .. }));
    assert!(error.to_string().contains("shorten the manifests"), "{error}");
}

#[test]
fn the_same_plan_makes_the_same_objects() {
    let plan = given::plan(given::fullest_spec());
    assert_eq!(
        json!(generate_job(&plan, &Deadlines::default())).to_string(),
        json!(generate_job(&plan, &Deadlines::default())).to_string()
    );
    assert_eq!(
        json!(load_job(&plan, TARGET, &Deadlines::default())).to_string(),
        json!(load_job(&plan, TARGET, &Deadlines::default())).to_string()
    );
}

#[test]
fn people_cannot_set_the_variables_that_are_ours_alone() {
    let mut spec = given::fullest_spec();
    spec["load"]["env"] = json!([{"name": "BCMP_POD_UID", "value": "forged"}, {"name": "HOME", "value": "/elsewhere"}]);
    let job = load_job(&given::plan(spec), TARGET, &Deadlines::default());
    let container = &job.spec.unwrap().template.spec.unwrap().containers[0];
    let values = |name: &str| -> Vec<Option<String>> {
        container.env.iter().flatten().filter(|v| v.name == name).map(|v| v.value.clone()).collect()
    };
    assert_eq!(values("BCMP_POD_UID"), vec![None], "one variable, from the downward API");
    assert_eq!(values("HOME"), vec![Some("/elsewhere".to_owned())]);
}
