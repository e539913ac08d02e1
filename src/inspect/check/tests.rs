use k8s_openapi::api::core::v1::Taint;
use rstest::rstest;

use super::*;
use crate::inspect::nodes::tolerates;
use crate::testing::spec;

const NO_RIGHT: &str = "list nodes: not allowed: ask for a ClusterRole";

fn node(product: &str, gpus: u32) -> GpuNode {
    GpuNode { name: "n".into(), product: Some(product.into()), gpus, ..GpuNode::default() }
}

fn taint(key: &str, effect: &str) -> Taint {
    Taint { key: key.into(), effect: effect.into(), ..Taint::default() }
}

/// A cluster in which everything is as it should be.
fn cluster() -> ClusterState {
    ClusterState {
        namespace: "bench".into(),
        namespace_exists: Ok(true),
        kubernetes: Ok("v1.34.1".into()),
        comparisons: Ok(vec!["v1alpha1".into()]),
        graphs: Ok(vec!["v1beta1".into(), "v1alpha1".into()]),
        rights: RIGHTS.map(|right| (right, Ok(true))).into(),
        nodes: Ok(vec![node("NVIDIA-H200", 8), node("NVIDIA-H200", 8)]),
        quotas: Ok(vec![]),
        claims: vec![],
        secrets: vec![],
        pulls: vec![],
        clock: Some(1),
    }
}

fn spec_of(text: &str) -> BenchmarkComparisonSpec {
    let mut value = serde_json::json!(spec());
    let fields: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, field) in fields.as_object().unwrap() {
        for (name, inner) in field.as_object().unwrap() {
            value[key][name] = inner.clone();
        }
    }
    serde_json::from_value(value).unwrap()
}

fn row(findings: &[CheckRow], check: &str) -> String {
    let found = findings.iter().find(|finding| finding.check == check);
    let found = found.unwrap_or_else(|| panic!("no check {check} in {findings:#?}"));
    format!("{}: {} → {}", found.outcome.word(), found.found, found.remedy)
}

#[test]
fn where_everything_is_there_nothing_is_missing() {
    let findings = findings(&cluster(), Some(&spec()), false);
    assert!(findings.iter().all(|finding| finding.outcome == CheckOutcome::Good), "{findings:#?}");
    assert_eq!(row(&findings, "GPUs"), "ok: 2 nodes with 8 × NVIDIA-H200; a variant needs up to 8 → ");
}

type Change = fn(&mut ClusterState);

#[rstest]
#[case::old("Kubernetes", |c: &mut ClusterState| c.kubernetes = Ok("v1.30.2".into()), "missing: v1.30.2 → upgrade the cluster to 1.33 or newer")]
#[case::no_answer("Kubernetes", |c: &mut ClusterState| c.kubernetes = Err("ask for the version: no answer within 30 s".into()), "missing: ask for the version: no answer within 30 s → check the address and the credentials in the kubeconfig: without an answer nothing is known")]
#[case::nowhere("namespace", |c: &mut ClusterState| c.namespace_exists = Ok(false), "missing: bench does not exist → run kubectl create namespace bench, or choose another with -n")]
#[case::not_installed("bcmp", |c: &mut ClusterState| c.comparisons = Ok(vec![]), "missing: BenchmarkComparisons are not served → install bcmp (docs/install.md); before that, use check --pre")]
#[case::no_dynamo("Dynamo", |c: &mut ClusterState| c.graphs = Ok(vec![]), "missing: DynamoGraphDeployment is not served → install the Dynamo operator; without it only endpoints and manifests of Deployments can be compared")]
#[case::other_dynamo("Dynamo", |c: &mut ClusterState| c.graphs = Ok(vec!["v2".into()]), "missing: DynamoGraphDeployment is served in v2 → install a Dynamo operator that serves v1beta1 or v1alpha1")]
#[case::no_right("create comparisons", |c: &mut ClusterState| c.rights[1].1 = Ok(false), "missing: you may not create benchmarkcomparisons in namespace bench: needed to create comparisons → ask for the role edit: kubectl -n bench create rolebinding NAME --clusterrole=edit --user=YOU")]
#[case::no_logs("get pods/log", |c: &mut ClusterState| c.rights[5].1 = Ok(false), "warning: you may not get pods/log in namespace bench: needed to read logs → ask for the role view: kubectl -n bench create rolebinding NAME --clusterrole=view --user=YOU")]
#[case::unseen_nodes("GPUs", |c: &mut ClusterState| c.nodes = Err(NO_RIGHT.into()), "unknown: list nodes: not allowed → ask for a ClusterRole")]
#[case::few_gpus("GPUs", |c: &mut ClusterState| c.nodes = Ok(vec![node("NVIDIA-H200", 4)]), "missing: 4 × nvidia.com/gpu on nodes that can be used; a variant needs up to 8 → lower hardware.gpusPerVariant, change hardware.nodeSelector, or add nodes")]
#[case::cordoned("GPUs", |c: &mut ClusterState| c.nodes.as_mut().unwrap().iter_mut().for_each(|node| node.unschedulable = true), "missing: 0 × nvidia.com/gpu on nodes that can be used; a variant needs up to 8 → lower hardware.gpusPerVariant, change hardware.nodeSelector, or add nodes")]
#[case::other_gpus("GPUs", |c: &mut ClusterState| c.nodes = Ok(vec![node("NVIDIA-B200", 8)]), "missing: 1 node with 8 × NVIDIA-B200; the comparison is about h200_sxm → set hardware.system to b200_sxm, or choose nodes with hardware.nodeSelector")]
#[case::tainted("taints", |c: &mut ClusterState| c.nodes.as_mut().unwrap()[0].taints = vec![taint("gpu", "NoSchedule"), taint("soft", "PreferNoSchedule")], "warning: GPU nodes carry gpu:NoSchedule → add them to hardware.tolerations, unless an admission plugin does")]
#[case::no_product("GPUs", |c: &mut ClusterState| c.nodes.as_mut().unwrap().iter_mut().for_each(|node| node.product = None), "warning: 2 nodes with 8 × an unlabelled product; a variant needs up to 8; generated variants select nodes by the label nvidia.com/gpu.product, which none has → install NVIDIA's GPU feature discovery, or set hardware.nodeSelector to a label that the nodes have")]
#[case::small_quota("quota", |c: &mut ClusterState| c.quotas = Ok(vec![quota("4", "0")]), "missing: gpus: 0 of 4 requests.nvidia.com/gpu used → raise the quota to at least 8")]
#[case::used_quota("quota", |c: &mut ClusterState| c.quotas = Ok(vec![quota("16", "12")]), "warning: gpus: 12 of 16 requests.nvidia.com/gpu used → wait until what uses it has ended, or raise the quota")]
#[case::no_claim("claim model", |c: &mut ClusterState| c.claims = vec![("model".into(), Ok(None))], "missing: no PersistentVolumeClaim model in namespace bench → create it, or name another in the comparison")]
#[case::one_node("claim model", |c: &mut ClusterState| c.claims = vec![claim("Bound", "ReadWriteOnce")], "warning: Bound, ReadWriteOnce, 1Ti → use ReadWriteMany or ReadOnlyMany: a ReadWriteOnce volume ties all pods to one node")]
#[case::shared("claim model", |c: &mut ClusterState| c.claims = vec![claim("Bound", "ReadWriteMany")], "ok: Bound, ReadWriteMany, 1Ti → ")]
#[case::no_secret("secret token", |c: &mut ClusterState| c.secrets = vec![("token".into(), Ok(false))], "missing: no Secret token in namespace bench → create it, or name another in the comparison")]
#[case::clocks("clocks", |c: &mut ClusterState| c.clock = Some(-90), "warning: the API server's is 90 seconds behind this machine's → synchronize both by NTP: ages and remaining times are shown wrong")]
fn what_is_wrong_is_said_with_its_remedy(#[case] check: &str, #[case] change: Change, #[case] expected: &str) {
    let mut cluster = cluster();
    change(&mut cluster);
    assert_eq!(row(&findings(&cluster, Some(&spec()), false), check), expected);
}

fn quota(hard: &str, used: &str) -> Quota {
    let resource = "requests.nvidia.com/gpu".into();
    Quota { name: "gpus".into(), resource, hard: hard.into(), used: used.into() }
}

fn claim(phase: &str, mode: &str) -> (String, Lookup<Option<VolumeClaim>>) {
    let claim =
        VolumeClaim { name: "model".into(), phase: phase.into(), access_modes: vec![mode.into()], size: "1Ti".into() };
    ("model".into(), Ok(Some(claim)))
}

#[test]
fn before_the_operator_is_installed_nothing_of_it_is_missed() {
    let mut cluster = cluster();
    cluster.comparisons = Ok(vec![]);
    cluster.rights.iter_mut().filter(|(right, _)| right.group == GROUP).for_each(|(_, answer)| *answer = Ok(false));
    let findings = findings(&cluster, None, true);
    assert!(findings.iter().all(|finding| finding.outcome == CheckOutcome::Good), "{findings:#?}");
}

#[rstest]
#[case::the_same(r#"{"key": "gpu", "value": "yes", "effect": "NoSchedule"}"#, true)]
#[case::any_value(r#"{"key": "gpu", "operator": "Exists"}"#, true)]
#[case::everything(r#"{"operator": "Exists"}"#, true)]
#[case::another_value(r#"{"key": "gpu", "value": "no"}"#, false)]
#[case::another_key(r#"{"key": "cpu", "operator": "Exists"}"#, false)]
#[case::another_effect(r#"{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}"#, false)]
fn tolerations_match_as_the_scheduler_matches_them(#[case] toleration: &str, #[case] expected: bool) {
    let taint = Taint { value: Some("yes".into()), ..taint("gpu", "NoSchedule") };
    assert_eq!(tolerates(&serde_json::from_str(toleration).unwrap(), &taint), expected);
}

/// The taint that GPU nodes usually have is in the manifests that the predictor writes, and not in those of users.
#[rstest]
#[case::generated(false)]
#[case::own(true)]
fn generated_manifests_tolerate_the_usual_taint(#[case] told: bool) {
    let mut cluster = cluster();
    let usual = Taint { value: Some("true".into()), ..taint("nvidia.com/gpu", "NoSchedule") };
    cluster.nodes.as_mut().unwrap()[0].taints = vec![usual];
    let mut spec = spec();
    if told {
        spec.variants[1].source.kind = crate::api::SourceKind::Manifests;
    }
    let findings = findings(&cluster, Some(&spec), false);
    assert_eq!(findings.iter().any(|finding| finding.check == "taints"), told, "{findings:#?}");
}

#[test]
fn variants_at_once_need_gpus_at_once() {
    let mut cluster = cluster();
    cluster.nodes = Ok(vec![node("NVIDIA-H200", 8)]);
    let spec = spec_of(r#"{"execution": {"mode": "Parallel"}}"#);
    assert_eq!(
        row(&findings(&cluster, Some(&spec), false), "GPUs"),
        "missing: 8 × nvidia.com/gpu on nodes that can be used; all variants together need up to 16 → lower hardware.gpusPerVariant, change hardware.nodeSelector, or add nodes"
    );
}

#[test]
fn only_chosen_nodes_count() {
    let mut cluster = cluster();
    cluster.nodes.as_mut().unwrap()[0].labels.insert("pool".into(), "bench".into());
    let spec = spec_of(r#"{"hardware": {"nodeSelector": {"pool": "bench"}}}"#);
    assert_eq!(
        row(&findings(&cluster, Some(&spec), false), "GPUs"),
        "ok: 1 node with 8 × NVIDIA-H200; a variant needs up to 8 → "
    );
}
