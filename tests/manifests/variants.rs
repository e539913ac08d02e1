//! Variants from real manifests: as they are deployed, and what no variant may break.

use bcmp::manifests::ManifestError;
use bcmp::manifests::variant::{
    Author, Preparation, Prepared, VariantDeployment, instantiate, parse, prepare, references,
};
use bcmp::plan::Plan;
use rstest::rstest;
use serde_json::{Value, json};

use crate::given;

/// What the fixture `name` says.
pub fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/manifests/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Prepares objects as those of the plan's candidate.
pub fn prepared(objects: &[Value], plan: &Plan, author: Author) -> Result<Prepared, ManifestError> {
    let variant = &plan.spec.variants[1];
    let namespace = &plan.comparison.namespace;
    let (spec, patches, allowed) = (&plan.spec, &variant.patches, &plan.pod_features);
    prepare(objects, &Preparation { author, namespace, spec, patches, allowed })
}

fn deployed(name: &str, plan: &Plan, author: Author) -> VariantDeployment {
    let prepared = prepared(&fixture(name), plan, author).unwrap();
    instantiate(&prepared.objects, plan, "optimized", 1).unwrap()
}

fn main_name(deployment: &VariantDeployment) -> &str {
    &deployment.main.as_ref().unwrap().name
}

#[rstest]
#[case::aggregated("aiconfigurator-0.12.0-agg")]
#[case::disaggregated("aiconfigurator-0.12.0-disagg")]
#[case::older_runtime("aiconfigurator-0.12.0-dynamo-0.6.0")]
#[case::baseline("aiconfigurator-0.12.0-naive")]
#[case::older_tool("aiconfigurator-0.8.0-agg")]
fn generated_manifests_are_deployed_on_all_gpus(#[case] name: &str) {
    let plan = given::plan(given::smallest_spec());
    let deployment = deployed(name, &plan, Author::Predictor);
    let main = main_name(&deployment);
    assert_eq!(deployment.gpus, 8);
    assert_eq!(deployment.endpoint_url, format!("http://{main}-frontend.llm.svc:8000"));
    assert!(references(&deployment.objects).is_empty(), "no Secret is named in the spec, so none may be needed");
    insta::assert_yaml_snapshot!(format!("{name}-smallest"), deployment.objects);
}

#[rstest]
#[case("aiconfigurator-0.12.0-disagg")]
#[case("aiconfigurator-0.8.0-agg")]
#[case("graph-v1beta1")]
fn every_field_of_the_spec_reaches_generated_manifests(#[case] name: &str) {
    let plan = given::plan(given::fullest_spec());
    let deployment = deployed(name, &plan, Author::Predictor);
    insta::assert_yaml_snapshot!(format!("{name}-fullest"), deployment.objects);
}

#[rstest]
#[case("config-map-mode")]
#[case("graph-v1beta1")]
#[case("deployments")]
fn given_manifests_stay_as_they_are_but_for_names_and_labels(#[case] name: &str) {
    let plan = given::plan(given::smallest_spec());
    insta::assert_yaml_snapshot!(format!("{name}-given"), deployed(name, &plan, Author::User));
}

#[test]
fn the_guides_own_manifest_needs_another_namespace_and_a_config_map() {
    let plan = given::plan(given::smallest_spec());
    let mut objects = fixture("guide-snapshot-agg");
    let error = prepared(&objects, &plan, Author::User).unwrap_err().to_string();
    assert!(error.starts_with("DynamoGraphDeployment trtllm-agg: metadata.namespace: is \"hannahz-2\""), "{error}");

    objects[0]["metadata"]["namespace"] = json!("llm");
    let prepared = prepared(&objects, &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, 4);
    let needed: Vec<String> =
        references(&prepared.objects).into_iter().map(|r| format!("{} {}", r.kind, r.name)).collect();
    assert_eq!(needed, ["ConfigMap engine-configs", "Secret hf-token-secret"]);
}

#[test]
fn patches_have_the_last_word() {
    let mut spec = given::smallest_spec();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "optimized", "role": "Candidate", "source": {"type": "Recommended"}, "patches": [
            {"target": {"kind": "DynamoGraphDeployment"}, "removeLines":
                {"pointer": "/spec/services/TRTLLMWorker/extraPodSpec/mainContainer/args/0", "matching": "enable_block_reuse"}},
            {"target": {"kind": "DynamoGraphDeployment", "name": "dynamo-agg"}, "operations": [
                {"op": "replace", "path": "/spec/services/TRTLLMWorker/extraPodSpec/mainContainer/image", "value": "own:1.0.0"},
                {"op": "replace", "path": "/spec/services/TRTLLMWorker/extraPodSpec/mainContainer/readinessProbe/periodSeconds", "value": 7},
            ]},
        ]},
    ]);
    let plan = given::plan(spec);
    let prepared = prepared(&fixture("aiconfigurator-0.12.0-agg"), &plan, Author::Predictor).unwrap();
    let main = &prepared.objects[0]["spec"]["services"]["TRTLLMWorker"]["extraPodSpec"]["mainContainer"];
    assert_eq!(main["image"], "own:1.0.0");
    assert_eq!(main["readinessProbe"]["periodSeconds"], 7);
    let script = main["args"][0].as_str().unwrap();
    assert!(!script.contains("enable_block_reuse") && script.contains("tokens_per_block: 32\n"), "{script}");
}

#[test]
fn a_patch_cannot_bring_in_what_manifests_may_not_contain() {
    let mut spec = given::smallest_spec();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "optimized", "role": "Candidate", "source": {"type": "Recommended"}, "patches": [
            {"target": {"kind": "DynamoGraphDeployment"}, "operations": [
                {"op": "add", "path": "/spec/services/TRTLLMWorker/extraPodSpec/hostNetwork", "yaml": "true"}]},
        ]},
    ]);
    let error = prepared(&fixture("aiconfigurator-0.12.0-agg"), &given::plan(spec), Author::Predictor).unwrap_err();
    assert!(error.to_string().contains("spec.services.TRTLLMWorker.extraPodSpec.hostNetwork"), "{error}");
}

#[test]
fn probes_stay_as_written_when_asked() {
    let mut spec = given::smallest_spec();
    spec["execution"] = json!({"probes": "AsWritten"});
    let raw = fixture("aiconfigurator-0.12.0-agg");
    let prepared = prepared(&raw, &given::plan(spec), Author::Predictor).unwrap();
    let probe = |objects: &[Value]| {
        objects[0].pointer("/spec/services/TRTLLMWorker/extraPodSpec/mainContainer/startupProbe").cloned().unwrap()
    };
    assert_eq!(probe(&prepared.objects), probe(&raw));
}

#[test]
fn another_gpu_resource_is_asked_for_and_counted() {
    let mut spec = given::smallest_spec();
    spec["hardware"]["gpuResourceName"] = json!("nvidia.com/mig-3g.40gb");
    let plan = given::plan(spec);
    let alpha = prepared(&fixture("aiconfigurator-0.12.0-agg"), &plan, Author::Predictor).unwrap();
    assert_eq!(alpha.gpus, 8);
    assert_eq!(
        alpha.objects[0]["spec"]["services"]["TRTLLMWorker"]["resources"]["limits"],
        json!({"gpu": "8", "gpuType": "nvidia.com/mig-3g.40gb"})
    );
    let beta = prepared(&fixture("graph-v1beta1"), &plan, Author::Predictor).unwrap();
    assert_eq!(beta.gpus, 8);
    let error = prepared(&fixture("graph-v1beta1"), &plan, Author::User).unwrap_err().to_string();
    assert!(error.contains("no container requests nvidia.com/mig-3g.40gb"), "{error}");
}

#[rstest]
#[case::too_many_gpus("aiconfigurator-0.12.0-agg", |o: &mut Vec<Value>| o[0]["spec"]["services"]["TRTLLMWorker"]["replicas"] = json!(2), "request 16 nvidia.com/gpu, more than the 8 of hardware.gpusPerVariant")]
#[case::frontend_of_early_versions("aiconfigurator-0.12.0-agg", |o: &mut Vec<Value>| o[0]["spec"]["services"]["Frontend"]["componentType"] = json!("main"), "spec.services.Frontend: is of the type main, which was the frontend's in early versions of Dynamo; set its type to frontend")]
#[case::no_frontend("aiconfigurator-0.12.0-agg", |o: &mut Vec<Value>| o[0]["spec"]["services"]["Frontend"]["componentType"] = json!("worker"), "has no component of type frontend")]
#[case::twice("deployments", |o: &mut Vec<Value>| { let again = o[0].clone(); o.push(again) }, "ConfigMap router appears twice")]
#[case::mixed("deployments", |o: &mut Vec<Value>| o.extend(fixture("graph-v1beta1")), "there are 1 DynamoGraphDeployments and 2 Deployments or the like")]
#[case::nothing_to_run("deployments", |o: &mut Vec<Value>| o.retain(|object| object["kind"] == "ConfigMap"), "there is no DynamoGraphDeployment and no Deployment")]
#[case::no_service("deployments", |o: &mut Vec<Value>| o.retain(|object| object["kind"] != "Service"), "there is no Service")]
#[case::which_service("deployments", |o: &mut Vec<Value>| { o[4]["metadata"]["annotations"] = json!({}); }, "there are 2 Services; mark the one")]
#[case::which_port("deployments", |o: &mut Vec<Value>| { o[4]["spec"]["ports"][1]["name"] = json!("api"); }, "Service router: spec.ports: does not show which port")]
fn incomplete_manifests_say_what_to_do(
    #[case] name: &str,
    #[case] change: fn(&mut Vec<Value>),
    #[case] expected: &str,
) {
    let mut objects = fixture(name);
    change(&mut objects);
    let error = prepared(&objects, &given::plan(given::smallest_spec()), Author::User).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn names_that_dynamo_has_no_room_for_are_refused() {
    let mut objects = fixture("graph-v1beta1");
    objects[0]["spec"]["components"][1]["name"] = json!("AVeryLongNameOfAComponentThatLeavesNothing");
    let plan = given::plan(given::smallest_spec());
    let prepared = prepared(&objects, &plan, Author::User).unwrap();
    let error = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap_err().to_string();
    assert!(error.contains("Dynamo's limits leave 3 characters"), "{error}");
}

#[test]
fn an_endpoint_is_measured_and_nothing_is_created() {
    let mut spec = given::smallest_spec();
    spec["variants"] = json!([
        {"name": "baseline", "role": "Baseline", "source": {"type": "Naive"}},
        {"name": "running", "role": "Candidate", "source": {"type": "Endpoint", "endpoint": {"url": "http://f.models.svc:8000", "gpus": 16}}},
    ]);
    let deployment = instantiate(&[], &given::plan(spec), "running", 1).unwrap();
    assert_eq!(deployment.endpoint_url, "http://f.models.svc:8000");
    assert_eq!((deployment.gpus, deployment.objects.len(), deployment.main), (16, 0, None));
}
