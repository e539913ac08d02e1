//! Manifests as NVIDIA publishes them: what is deployed of them, and what an administrator has to allow first.

use bcmp::api::conditions::LONGEST_MESSAGE;
use bcmp::api::{EvidenceCode, Finding};
use bcmp::manifests::variant::{Author, instantiate, parse};
use bcmp::plan::{Plan, PodFeatures};
use bcmp::prediction::read_shape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::given;
use crate::variants::prepared;

fn text(name: &str) -> String {
    let path = format!("{}/tests/fixtures/recipes/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn recipe(name: &str) -> Vec<Value> {
    parse(&text(name)).unwrap()
}

fn plan(features: &[&str], gpu_resource: &str) -> Plan {
    let mut spec = given::smallest_spec();
    spec["hardware"]["gpusPerVariant"] = json!(64);
    spec["hardware"]["gpuResourceName"] = json!(gpu_resource);
    let plan = given::plan(spec);
    if features.is_empty() {
        return plan;
    }
    plan.allowing(PodFeatures::new(features.iter().map(|feature| feature.parse().unwrap())))
}

#[rstest]
#[case::settings_in_a_config_map("glm-5.2-sglang-disagg-h200", 16, "TP8 prefill + TP1 DP8 decode")]
#[case::compute_domain("kimi-k3-vllm-agg-gb300", 16, "2 × TP8")]
#[case::lone_decode_workers("qwen3-32b-vllm-agg-round-robin", 16, "8 × TP2")]
#[case::affinity("gpt-oss-120b-vllm-disagg-h200", 8, "4 × TP1 prefill + 4 × TP1 decode")]
fn recipes_are_deployed_and_their_shape_is_read(#[case] name: &str, #[case] gpus: u32, #[case] shape: &str) {
    let plan = plan(&[], "nvidia.com/gpu");
    let prepared = prepared(&recipe(name), &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, gpus);
    let read = read_shape(&prepared.objects, prepared.gpus, None).unwrap();
    assert_eq!(read.serving.describe(), shape);
    let deployed = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap();
    assert_eq!(deployed.gpus, gpus);
    assert_eq!(instantiate(&prepared.objects, &plan, "optimized", 2).unwrap().gpus, gpus);
}

#[test]
fn claims_for_devices_are_counted_and_follow_their_template() {
    let plan = plan(&[], "gpu.intel.com");
    let prepared = prepared(&recipe("vllm-agg-xpu-dra"), &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, 1);
    let objects = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap().objects;
    let template = objects.iter().find(|object| object["kind"] == "ResourceClaimTemplate").unwrap();
    assert_ne!(template["metadata"]["name"], "gpu-template");
    let graph = objects.iter().find(|object| object["kind"] == "DynamoGraphDeployment").unwrap();
    let claim = &graph["spec"]["components"][1]["podTemplate"]["spec"]["resourceClaims"][0];
    assert_eq!(claim["resourceClaimTemplateName"], template["metadata"]["name"]);
}

#[test]
fn claims_of_another_vendor_say_how_to_count_them() {
    let plan = plan(&[], "nvidia.com/gpu");
    let error = prepared(&recipe("vllm-agg-xpu-dra"), &plan, Author::User).unwrap_err().to_string();
    assert!(
        error.contains("no container requests nvidia.com/gpu, and the pods claim devices of the class gpu.intel.com; set hardware.gpuResourceName to gpu.intel.com"),
        "{error}"
    );
}

#[test]
fn a_compute_domain_and_its_claims_are_each_deployments_own() {
    let plan = plan(&[], "nvidia.com/gpu");
    let prepared = prepared(&recipe("kimi-k3-vllm-agg-gb300"), &plan, Author::User).unwrap();
    let names = |deployment: u32| {
        let objects = instantiate(&prepared.objects, &plan, "optimized", deployment).unwrap().objects;
        let domain = objects.iter().find(|object| object["kind"] == "ComputeDomain").unwrap();
        let made = domain["spec"]["channel"]["resourceClaimTemplate"]["name"].as_str().unwrap().to_owned();
        let graph = objects.iter().find(|object| object["kind"] == "DynamoGraphDeployment").unwrap();
        let claimed =
            graph["spec"]["components"][1]["podTemplate"]["spec"]["resourceClaims"][0]["resourceClaimTemplateName"]
                .clone();
        assert_eq!(claimed, json!(made));
        (domain["metadata"]["name"].clone(), made)
    };
    let ((first, first_made), (second, second_made)) = (names(1), names(2));
    assert_ne!(first, second);
    assert_ne!(first_made, second_made);
}

#[test]
fn affinity_by_expressions_follows_the_graph() {
    let plan = plan(&[], "nvidia.com/gpu");
    let prepared = prepared(&recipe("gpt-oss-120b-vllm-disagg-h200"), &plan, Author::User).unwrap();
    let deployed = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap();
    let text = Value::from(deployed.objects).to_string();
    let old = recipe("gpt-oss-120b-vllm-disagg-h200")[0]["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(!text.contains(&format!("\"values\":[\"{old}\"]")), "{text}");
    assert!(text.contains(&format!("\"values\":[\"{}\"]", deployed.main.unwrap().name)), "{text}");
}

/// Both containers are privileged, and add capabilities: everything is told at once, and allowed by name.
#[test]
fn what_an_administrator_has_to_allow_is_named() {
    let objects = recipe("qwen3-32b-vllm-aws-p5");
    let refused = prepared(&objects, &plan(&["rdma"], "nvidia.com/gpu"), Author::User).unwrap_err().to_string();
    let told = "add `capability:SYS_PTRACE`, `ipcLock`, `privileged` to the namespace's allowedPodFeatures (now: rdma)";
    assert_eq!(refused.matches(told).count(), 1, "{refused}");
    for worker in ["DecodeWorker", "PrefillWorker"] {
        for field in ["privileged", "capabilities"] {
            let field = format!("spec.services.{worker}.extraPodSpec.mainContainer.securityContext.{field}");
            assert!(refused.contains(&field), "{field} is missing in {refused}");
        }
    }
    assert!(refused.chars().count() <= LONGEST_MESSAGE, "{} characters are cut in the status", refused.chars().count());
    let allowed = plan(&["rdma", "ipcLock", "capability:SYS_PTRACE", "privileged"], "nvidia.com/gpu");
    assert_eq!(prepared(&objects, &allowed, Author::User).unwrap().gpus, 8);
}

#[test]
fn gpus_that_are_not_counted_are_refused_by_the_name_of_their_field() {
    let plan = plan(&[], "nvidia.com/gpu");
    let error = prepared(&recipe("dgd-gms-failover"), &plan, Author::User).unwrap_err().to_string();
    for field in ["experimental.gpuMemoryService", "experimental.failover"] {
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn the_service_in_front_of_sidecar_frontends_can_be_named() {
    let plan = plan(&[], "nvidia.com/gpu");
    let mut objects = recipe("vllm-gaie-agg");
    let error = prepared(&objects, &plan, Author::User).unwrap_err().to_string();
    assert!(
        error
            .contains("has no component of type frontend; add one, or a Service with the annotation bcmp.dev/endpoint"),
        "{error}"
    );
    objects.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "annotations": {"bcmp.dev/endpoint": "true"}},
        "spec": {"selector": {"nvidia.com/dynamo-graph-deployment-name": "qwen", "nvidia.com/dynamo-component-type": "decode"},
                 "ports": [{"port": 8000}]}}));
    let prepared = prepared(&objects, &plan, Author::User).unwrap();
    let deployed = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap();
    let graph = deployed.main.unwrap();
    assert_eq!(graph.kind, "DynamoGraphDeployment");
    let service = deployed.objects.iter().find(|object| object["kind"] == "Service").unwrap();
    assert_eq!(deployed.endpoint_url, format!("http://{}.llm.svc:8000", service["metadata"]["name"].as_str().unwrap()));
    assert_eq!(service["spec"]["selector"]["nvidia.com/dynamo-graph-deployment-name"], json!(graph.name));
}

/// Dynamo's sidecars leave the engine to an init container that goes on running.
#[test]
fn engines_beside_a_sidecar_are_read() {
    let plan = plan(&[], "nvidia.com/gpu");
    let filled = text("sidecar-sglang-disagg").replace("<your-registry>", "registry.example");
    let prepared = prepared(&parse(&filled).unwrap(), &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, 2);
    let shape = read_shape(&prepared.objects, prepared.gpus, None).unwrap();
    assert_eq!(shape.serving.describe(), "TP1 prefill + TP1 decode");
}

/// The claim for the weights outlives variants: the graph is deployed, and the claim is left to its owner.
#[test]
fn a_volume_claim_beside_the_graph_is_not_created() {
    let plan = plan(&[], "nvidia.com/gpu");
    let prepared = prepared(&recipe("trtllm-disagg-multinode"), &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, 16);
    assert!(prepared.objects.iter().all(|object| object["kind"] != "PersistentVolumeClaim"));
    let told = "PersistentVolumeClaim models is among the manifests and is not created, as its contents outlive the variant: create it, and fill it, before the run";
    assert_eq!(prepared.findings, [Finding::new(EvidenceCode::VolumeNotCreated, told)]);
}

/// Pods of an image that nobody filled in would hold GPUs and never start.
#[rstest]
#[case::angle_brackets("<your-registry>/dynamo:1")]
#[case::variable("${IMAGE}")]
#[case::template("{{ .Values.image }}")]
fn an_image_that_is_to_be_filled_in_is_refused(#[case] image: &str) {
    let plan = plan(&[], "nvidia.com/gpu");
    let mut objects = recipe("qwen3-32b-vllm-agg-round-robin");
    objects[0]["spec"]["services"]["VllmDecodeWorker"]["extraPodSpec"]["mainContainer"]["image"] = json!(image);
    let error = prepared(&objects, &plan, Author::User).unwrap_err().to_string();
    let told = format!(
        ".image: is {image}, which still has a placeholder; write the name of the image, or set it with a patch"
    );
    assert!(error.ends_with(&told), "{error}");
}

#[rstest]
#[case::not_yaml(
    "spec:\n${PULL_SECRETS_BLOCK}\n  a: b\n",
    "if this is a template, fill it in first, for example with envsubst or helm template"
)]
#[case::broken("spec: [\n", "the manifests are not valid YAML; correct it: ")]
fn a_text_that_is_not_yaml_is_refused_with_a_cure(#[case] text: &str, #[case] cure: &str) {
    let error = parse(text).unwrap_err().to_string();
    assert!(error.contains(cure) && error.contains("line"), "{error}");
}

#[test]
fn a_list_that_is_to_be_filled_in_is_refused_by_its_placeholder() {
    let plan = plan(&[], "nvidia.com/gpu");
    let mut objects = recipe("qwen3-32b-vllm-agg-round-robin");
    objects[0]["spec"]["services"]["Frontend"]["extraPodSpec"]["tolerations"] = json!("${HW_TOLERATIONS}");
    let error = prepared(&objects, &plan, Author::User).unwrap_err().to_string();
    assert!(
        error.contains("tolerations: is the placeholder ${HW_TOLERATIONS}; fill the template in with a list"),
        "{error}"
    );
}

/// Leaders start the engines of their groups; workers hold GPUs and start none.
#[test]
fn groups_of_several_nodes_are_counted_as_a_whole() {
    let pod = |role: &str, command: &[&str]| {
        json!({"metadata": {"labels": {"app": "vllm", "role": role}}, "spec": {"containers": [
            {"name": "vllm", "command": command, "resources": {"limits": {"nvidia.com/gpu": "8"}}}]}})
    };
    let objects = [
        json!({"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "vllm"}, "spec": {
        "replicas": 2, "leaderWorkerTemplate": {
            "size": 2,
            "leaderTemplate": pod("leader", &["vllm", "serve", "m", "--tensor-parallel-size", "8", "--pipeline-parallel-size", "2"]),
            "workerTemplate": pod("worker", &["ray", "start"]),
        }}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "vllm"},
               "spec": {"selector": {"role": "leader"}, "ports": [{"port": 8000}]}}),
    ];
    let plan = plan(&[], "nvidia.com/gpu");
    let prepared = prepared(&objects, &plan, Author::User).unwrap();
    assert_eq!(prepared.gpus, 32);
    assert_eq!(read_shape(&prepared.objects, 32, None).unwrap().serving.describe(), "2 × TP8 PP2");
    let deployed = instantiate(&prepared.objects, &plan, "optimized", 1).unwrap();
    assert_eq!(deployed.main.unwrap().kind, "LeaderWorkerSet");
    let of_kind = |kind: &str| deployed.objects.iter().find(|object| object["kind"] == kind).unwrap();
    // The controller creates a Service of the set's name, by which workers find their leader, where there is none.
    assert_ne!(of_kind("Service")["metadata"]["name"], of_kind("LeaderWorkerSet")["metadata"]["name"]);
    let service = of_kind("Service")["metadata"]["name"].as_str().unwrap();
    assert!(deployed.endpoint_url.starts_with(&format!("http://{service}.")), "{}", deployed.endpoint_url);
    let labels = &of_kind("LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"]["labels"];
    assert_eq!(labels["bcmp.dev/variant"], "optimized");
}
