//! What others write in the namespace is a claim: the operator creates only what it checked itself, from the plan and the
//! configurations that it recorded, and takes nothing for its own because of labels.

use bcmp::api::{BenchmarkComparison, BenchmarkComparisonStatus, Phase, labels};
use bcmp::lifecycle::world::Settings;
use bcmp::manifests::checked::ReservedAccount;
use bcmp::plan::Images;
use bcmp::prediction::configurations::{Configurations, GenerationOutcome};
use bcmp::simulation::actors::{PodScript, has_label};
use bcmp::simulation::api_server::{Cluster, meta};
use bcmp::simulation::lab::{COMPARISONS, GRAPHS, Lab, gpus_held, seconds, small};
use bcmp::simulation::truth;
use rstest::rstest;
use serde_json::{Value, json};

fn ended(status: &BenchmarkComparisonStatus) -> (&str, &str) {
    let ended = status.run.as_ref().and_then(|run| run.ended.as_ref());
    ended.map_or(("", ""), |ended| (ended.reason.as_str(), ended.message.as_str()))
}

/// Other objects than generation would let through, in the place of the baseline's.
fn forged(configurations: Configurations, change: fn(&mut Vec<Value>)) -> Configurations {
    let mut configurations = configurations;
    if let GenerationOutcome::Ready(ready) = &mut configurations.variants[0].outcome {
        change(&mut ready.objects);
    }
    configurations
}

/// Everything of a variant that was ever there.
fn created(cluster: &Cluster) -> Vec<String> {
    let history = cluster.history();
    let servers = history
        .iter()
        .filter(|record| record.after.as_ref().is_some_and(|object| has_label(object, labels::COMPONENT, "server")));
    servers.map(|record| format!("{} {}", record.key.resource, record.key.name)).collect()
}

fn worker(objects: &mut [Value]) -> &mut Value {
    &mut objects[0]["spec"]["services"]["TRTLLMWorker"]["extraPodSpec"]
}

fn balancer(objects: &mut Vec<Value>) {
    objects.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 80}]}}));
}

#[rstest]
#[case::node_network(|objects: &mut Vec<Value>| worker(objects)["hostNetwork"] = json!(true), "hostNetwork")]
#[case::node_files(|objects: &mut Vec<Value>| worker(objects)["volumes"] = json!([{"name": "v", "hostPath": {"path": "/"}}]), "hostPath")]
#[case::privileged(
    |objects: &mut Vec<Value>| worker(objects)["mainContainer"]["securityContext"] = json!({"privileged": true}),
    "privileged"
)]
#[case::finalizers(|objects: &mut Vec<Value>| objects[0]["metadata"]["finalizers"] = json!(["evil.example/hold"]), "finalizers")]
#[case::load_balancer(balancer, "LoadBalancer")]
#[case::another_kind(
    |objects: &mut Vec<Value>| objects.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})),
    "Secret"
)]
#[case::more_gpus(|objects: &mut Vec<Value>| objects[0]["spec"]["services"]["TRTLLMWorker"]["replicas"] = json!(64), "gpusPerVariant")]
#[tokio::test(start_paused = true)]
async fn what_generation_must_not_publish_is_not_created(#[case] change: fn(&mut Vec<Value>), #[case] says: &str) {
    let lab = Lab::predicting(&[8, 64], move |plan| forged(truth::configurations(&plan.spec), change));
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = ended(&status);
    assert_eq!((status.phase, reason), (Some(Phase::Failed), "ConfigurationsRefused"), "{message}");
    assert!(message.contains(says) && message.contains("qwen-r1-configurations"), "{message}");
    assert_eq!(created(&lab.cluster), Vec::<String>::new());
    assert_eq!(lab.leftovers("qwen"), Vec::<String>::new());
}

/// What cannot be read off the objects is not believed: the run's own count stands.
#[tokio::test(start_paused = true)]
async fn gpus_and_engines_are_counted_by_the_operator() {
    let lab = Lab::predicting(&[8], |plan| {
        let mut configurations = truth::configurations(&plan.spec);
        if let GenerationOutcome::Ready(ready) = &mut configurations.variants[0].outcome
            && let Some(shape) = &mut ready.shape
        {
            shape.gpus = 1;
            shape.image = Some("another:1".into());
        }
        configurations
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    let deployed = status.variants[0].deployed.as_ref().unwrap();
    assert_eq!(status.variants[0].gpus, Some(8));
    assert_eq!(deployed.image.as_deref(), Some("registry.example/runtime:1.3.0"));
}

/// A ConfigMap with other content in the place of one that accepts no more writes, or with a changed one.
fn replace(cluster: &Cluster, name: &str, change: impl FnOnce(&mut Value)) {
    let mut map = cluster.object("configmaps", "default", name).unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        map["metadata"].as_object_mut().unwrap().remove(field);
    }
    change(&mut map);
    cluster.delete("configmaps", "default", name, "Background");
    cluster.put(map);
}

#[tokio::test(start_paused = true)]
async fn configurations_accept_no_more_writes_once_they_are_used() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let map = lab.cluster.object("configmaps", "default", "qwen-r1-configurations").unwrap();
    assert_eq!(map["immutable"], true);
    let run = lab.status("qwen").run.unwrap();
    assert!(run.configurations_hash.is_some() && run.plan_hash.is_some());
}

/// The second variant would run another image, and the record would say that both did.
#[tokio::test(start_paused = true)]
async fn configurations_that_change_end_the_run_and_the_record_stays() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 1).await;
    let before = lab.status("qwen").variants;
    replace(&lab.cluster, "qwen-r1-configurations", |map| {
        let text = map["data"]["configurations.json"].as_str().unwrap();
        map["data"]["configurations.json"] = json!(text.replace("registry.example/runtime", "evil.example/runtime"));
    });
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = ended(&status);
    assert_eq!((status.phase, reason), (Some(Phase::Failed), "ConfigurationsChanged"), "{message}");
    assert!(message.contains("qwen-r1-configurations"), "{message}");
    assert_eq!(gpus_held(&lab.cluster).len(), 0);
    assert!(status.variants[1].deployments.is_empty(), "nothing more is created");
    let image = |variants: &[bcmp::api::VariantStatus]| variants[0].deployed.as_ref().unwrap().image.clone();
    assert_eq!(image(&status.variants), image(&before));
}

/// Labels of a run, and its comparison as owner but not as controller.
fn claimed(lab: &Lab, kind: &str, name: &str, component: &str, controls: bool) -> Value {
    let uid = lab.cluster.find::<BenchmarkComparison>("default", "qwen").unwrap().metadata.uid.unwrap();
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default",
        "labels": {"app.kubernetes.io/name": "bcmp", "app.kubernetes.io/managed-by": "bcmp", "app.kubernetes.io/part-of": "bcmp",
                   "app.kubernetes.io/component": component, "bcmp.dev/comparison": "qwen", "bcmp.dev/run": "1",
                   "bcmp.dev/variant": "baseline", "bcmp.dev/deployment": "1"},
        "ownerReferences": [{"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "name": "qwen",
                             "uid": uid, "controller": controls}]}})
}

/// A plan that names another agent, put in the place of the run's before there is one.
#[rstest]
#[case::found_by_its_labels(true)]
#[case::found_by_its_name(false)]
#[tokio::test(start_paused = true)]
async fn a_planted_plan_starts_nothing(#[case] labelled: bool) {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    lab.apply("qwen", small());
    let mut map = claimed(&lab, "ConfigMap", "qwen-r1-plan", "plan", true);
    for label in ["bcmp.dev/variant", "bcmp.dev/deployment"] {
        map["metadata"]["labels"].as_object_mut().unwrap().remove(label);
    }
    let comparison = lab.cluster.find::<BenchmarkComparison>("default", "qwen").unwrap();
    let spec = serde_json::to_value(&comparison.spec).unwrap();
    let uid = comparison.metadata.uid.unwrap();
    let plan = json!({"schemaVersion": 1, "comparison": {"namespace": "default", "name": "qwen", "uid": uid}, "run": 1,
        "inputsHash": bcmp::plan::inputs::hash(&comparison.spec), "spec": spec,
        "images": {"agent": "evil.example/agent:1", "predictor": "tools:1", "load": "tools:1"}});
    map["data"] = json!({"plan.json": plan.to_string()});
    map["immutable"] = json!(true);
    if !labelled {
        map["metadata"]["labels"].as_object_mut().unwrap().remove("bcmp.dev/comparison");
    }
    lab.cluster.put(map);
    lab.start();
    tokio::time::sleep(seconds(30)).await;
    lab.cluster.edit("configmaps", "default", "qwen-r1-plan", |map| {
        map["metadata"]["labels"]["bcmp.dev/comparison"] = json!("qwen");
    });
    let agents = |cluster: &Cluster| {
        let jobs = cluster.list("jobs.batch");
        jobs.iter().any(|job| job["spec"]["template"]["spec"].to_string().contains("evil.example"))
    };
    lab.cluster
        .until("the end", seconds(20_000), |cluster| {
            assert!(!agents(cluster), "the planted agent runs");
            cluster
                .find::<BenchmarkComparison>("default", "qwen")
                .and_then(|c| c.status)
                .is_some_and(|status| bcmp::simulation::lab::is_finished(&status, status.run_number().max(1)))
        })
        .await;
    let status = lab.status("qwen");
    let (reason, message) = ended(&status);
    if labelled {
        // It takes the number of the first run, which leaves the second.
        assert_eq!((status.run_number(), status.phase), (2, Some(Phase::Succeeded)), "{message}");
    } else {
        assert_eq!(reason, "PlanChanged", "{message}");
        assert!(message.contains("qwen-r1-plan"), "{message}");
    }
}

/// The run after it would have a number that no label can be read back from.
#[tokio::test(start_paused = true)]
async fn a_planted_number_is_no_run() {
    let mut lab = Lab::new(&[8]);
    lab.kill();
    lab.apply("qwen", small());
    let mut map = claimed(&lab, "ConfigMap", "qwen-r999999999-plan", "plan", true);
    map["metadata"]["labels"]["bcmp.dev/run"] = json!("999999999");
    // As the operator's own plans: of no variant.
    for label in ["bcmp.dev/variant", "bcmp.dev/deployment"] {
        map["metadata"]["labels"].as_object_mut().unwrap().remove(label);
    }
    lab.cluster.put(map);
    lab.start();
    assert_eq!(lab.finished("qwen", 1).await.phase, Some(Phase::Succeeded));
}

/// Whoever may create ConfigMaps and pods holds up no run: neither its end nor its place in the queue. What only claims to be
/// of a run is somebody's own and stays; what the comparison controls, and a variant may consist of, goes with the run.
#[rstest]
#[case::config_map("ConfigMap", "server", false, true)]
#[case::controlled_config_map("ConfigMap", "server", true, false)]
#[case::config_map_of_the_agents("ConfigMap", "publish", true, true)]
#[case::pod("Pod", "server", false, true)]
#[case::pod_of_the_comparison("Pod", "server", true, true)]
#[case::pod_of_the_load("Pod", "load", true, true)]
#[tokio::test(start_paused = true)]
async fn planted_objects_change_nothing(
    #[case] kind: &str,
    #[case] component: &str,
    #[case] controls: bool,
    #[case] stays: bool,
) {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| (meta(pod, "name") == "planted").then(|| PodScript::serve(seconds(1))));
    lab.apply("qwen", small());
    let mut planted = claimed(&lab, kind, "planted", component, controls);
    if kind == "Pod" {
        planted["spec"] = json!({"containers": [{"name": "main", "image": "sleep:1"}]});
    }
    lab.cluster.put(planted);
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    assert!(!lab.cluster.objects(COMPARISONS).is_empty() && lab.cluster.objects(GRAPHS).is_empty());
    let run = status.run.unwrap();
    let took = run.completion_time.unwrap().0.duration_since(run.queued_time.0).as_secs();
    assert!(took < 900, "it waited: {took} s");
    let resource = if kind == "Pod" { "pods" } else { "configmaps" };
    assert_eq!(lab.cluster.object(resource, "default", "planted").is_some(), stays);
}

/// Its token is worth the rights in every namespace that is watched.
#[tokio::test(start_paused = true)]
async fn a_variant_does_not_run_as_the_operator() {
    let images = Images { agent: "bcmp:1".into(), predictor: "tools:1".into(), load: "tools:1".into() };
    let mut lab = Lab::predicting(&[8], |plan| {
        forged(truth::configurations(&plan.spec), |objects| {
            worker(objects)["serviceAccountName"] = json!("bcmp-operator")
        })
    });
    let account = ReservedAccount { namespace: "default".into(), name: "bcmp-operator".into() };
    lab.configure(Settings {
        images,
        pod_features: Default::default(),
        run_limits: Default::default(),
        own_account: Some(account),
    });
    lab.apply("qwen", small());
    let status = lab.finished("qwen", 1).await;
    let (reason, message) = ended(&status);
    assert_eq!(reason, "ConfigurationsRefused", "{message}");
    assert!(message.contains("bcmp-operator") && message.contains("name another ServiceAccount"), "{message}");
    assert_eq!(created(&lab.cluster), Vec::<String>::new());
}
