//! Our own pods against the Pod Security profile "restricted", field by field, and who may see the token.

use bcmp::api::Deadlines;
use bcmp::manifests::generate_job::generate_job;
use bcmp::manifests::load_job::{LoadTarget, load_job};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use serde_json::json;

use crate::given;

fn pods() -> Vec<PodSpec> {
    let target = LoadTarget { variant: "baseline", deployment: 1, round: 1, url: "http://server:8000" };
    [given::smallest_spec(), given::fullest_spec()]
        .map(given::plan)
        .iter()
        .flat_map(|plan| [generate_job(plan, &Deadlines::default()), load_job(plan, target, &Deadlines::default())])
        .map(|job: Job| job.spec.unwrap().template.spec.unwrap())
        .collect()
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.init_containers.iter().flatten().chain(&pod.containers)
}

#[test]
fn nothing_of_the_host_is_shared() {
    for pod in pods() {
        assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc), (None, None, None));
        for container in containers(&pod) {
            assert!(container.ports.is_none(), "{}: host ports", container.name);
        }
    }
}

#[test]
fn volumes_are_of_the_permitted_kinds() {
    let permitted = |volume: &Volume| {
        let kinds: Vec<String> = json!(volume).as_object().unwrap().keys().filter(|k| *k != "name").cloned().collect();
        let allowed = ["configMap", "emptyDir", "projected", "persistentVolumeClaim"];
        kinds.len() == 1 && allowed.contains(&kinds[0].as_str())
    };
    for pod in pods() {
        for volume in pod.volumes.iter().flatten() {
            assert!(permitted(volume), "{volume:?}");
        }
    }
}

#[test]
fn the_pod_runs_as_a_plain_user_under_seccomp() {
    for pod in pods() {
        let context = json!(pod.security_context.unwrap());
        assert_eq!(context["runAsNonRoot"], true);
        assert!(context["runAsUser"].as_i64().unwrap() > 0);
        assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}));
        for absent in ["seLinuxOptions", "windowsOptions", "sysctls", "appArmorProfile", "supplementalGroups"] {
            assert!(context.get(absent).is_none(), "{absent}");
        }
    }
}

/// OpenShift's `restricted-v2` refuses ids outside of the namespace's own range.
#[test]
fn ids_can_be_left_to_the_cluster() {
    let mut spec = given::smallest_spec();
    spec["load"]["pod"]["securityContext"] = json!({});
    let plan = given::plan(spec);
    let target = LoadTarget { variant: "baseline", deployment: 1, round: 1, url: "http://server:8000" };
    for job in [generate_job(&plan, &Deadlines::default()), load_job(&plan, target, &Deadlines::default())] {
        let context = json!(job.spec.unwrap().template.spec.unwrap().security_context.unwrap());
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert!(context.get(id).is_none(), "{id}");
        }
        assert_eq!(
            (&context["runAsNonRoot"], &context["seccompProfile"]["type"]),
            (&json!(true), &json!("RuntimeDefault"))
        );
    }
}

/// A quota may cover limits of both, and then refuses a pod with a container that has none.
#[test]
fn every_container_but_the_loads_has_requests_and_limits() {
    for pod in pods() {
        for container in containers(&pod).filter(|container| container.name != "load") {
            let resources = json!(container.resources);
            for amount in ["/limits/cpu", "/limits/memory", "/requests/cpu"] {
                assert!(resources.pointer(amount).is_some(), "{}: {amount}", container.name);
            }
        }
    }
}

#[test]
fn the_predictors_amounts_can_be_set() {
    let mut spec = given::smallest_spec();
    spec["predictor"] = json!({"pod": {"resources": {"limits": {"cpu": "500m", "memory": "16Gi"}}}});
    let pod = generate_job(&given::plan(spec), &Deadlines::default()).spec.unwrap().template.spec.unwrap();
    assert_eq!(json!(pod.containers[0].resources), json!({"limits": {"cpu": "500m", "memory": "16Gi"}}));
}

#[test]
fn each_container_gives_up_what_the_profile_asks_for() {
    for pod in pods() {
        for container in containers(&pod) {
            let context = json!(container.security_context.as_ref().unwrap());
            let expected = json!({
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            });
            assert_eq!(context, expected, "{}", container.name);
        }
    }
}

#[test]
fn only_the_publishing_container_sees_the_token() {
    for pod in pods() {
        assert_eq!(pod.automount_service_account_token, Some(false));
        let tokens: Vec<&str> = pod
            .volumes
            .iter()
            .flatten()
            .filter(|volume| json!(volume).to_string().contains("serviceAccountToken"))
            .map(|volume| volume.name.as_str())
            .collect();
        assert_eq!(tokens.len(), 1);
        let who: Vec<&str> = containers(&pod)
            .filter(|c| c.volume_mounts.iter().flatten().any(|mount| mount.name == tokens[0]))
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(who, ["publish"]);
    }
}

/// The predictor asks the hub for models it does not know; who talks to the API server has no business there.
#[test]
fn the_models_token_is_for_those_who_ask_the_hub() {
    let job = generate_job(&given::plan(given::fullest_spec()), &Deadlines::default());
    let pod = job.spec.unwrap().template.spec.unwrap();
    let who: Vec<&str> = containers(&pod)
        .filter(|container| json!(container).to_string().contains("hf-token-secret"))
        .map(|container| container.name.as_str())
        .collect();
    assert_eq!(who, ["install", "generate"]);
}

#[test]
fn every_mount_has_its_volume_and_every_volume_a_mount() {
    for pod in pods() {
        let mut volumes: Vec<&str> = pod.volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
        let mut mounted: Vec<&str> =
            containers(&pod).flat_map(|c| c.volume_mounts.iter().flatten()).map(|mount| mount.name.as_str()).collect();
        volumes.sort_unstable();
        mounted.sort_unstable();
        mounted.dedup();
        assert_eq!(volumes, mounted);
    }
}
