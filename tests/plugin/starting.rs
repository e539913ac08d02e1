//! check and init: before the first comparison.

use serde_json::json;

use crate::front::{self, Rights};
use crate::harness::{Ran, bcmp, run_with};
use bcmp::simulation::actors::PodScript;
use bcmp::simulation::api_server::{Cluster, Verb};
use bcmp::simulation::lab::{Lab, comparison};

async fn as_user(cluster: &Cluster, rights: Rights, arguments: &[&str]) -> Ran {
    run_with(cluster, front::client(cluster, rights), Some(100), false, arguments).await
}

/// A comparison that names a claim, a Secret, and more GPUs than there are on a node.
fn demanding() -> String {
    let spec = json!({
        "model": {"path": "/models/q", "cache": {"claimName": "models", "mountPath": "/models"}, "tokenSecretName": "token"},
        "imagePullSecrets": [{"name": "pull"}],
        "runtime": {"image": "registry.example/runtime"},
    });
    comparison("qwen", spec).to_string()
}

fn tempfile(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test(start_paused = true)]
async fn what_a_comparison_needs_is_checked() {
    let lab = Lab::new(&[8, 8]);
    lab.cluster.put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "200Gi"}}}}));
    lab.cluster
        .put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "default"}}));
    let file = tempfile(&demanding());
    lab.cluster.clear_log();
    let rights: Rights = |verb, _| verb != "patch";
    let ran = as_user(&lab.cluster, rights, &["check", "-f", file.path().to_str().unwrap()]).await;
    insta::assert_snapshot!("check", ran.seen());
    let of_secrets = lab.cluster.requests().into_iter().filter(|logged| logged.request.plural == "secrets");
    assert!(of_secrets.clone().count() == 2 && of_secrets.into_iter().all(|logged| logged.request.metadata_only));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_before_bcmp() {
    let bare = Cluster::bare();
    let ran = as_user(&bare, |_, _| false, &["check", "--pre"]).await;
    assert!(ran.out.contains("install the Dynamo operator") && !ran.out.contains("install bcmp"), "{}", ran.out);
    let ran = as_user(&bare, |_, _| true, &["check"]).await;
    assert!(ran.out.contains("install bcmp") && ran.out.contains("no schedulable node has GPUs"), "{}", ran.out);
    assert_eq!(ran.code, 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_unknown_and_no_error() {
    let lab = Lab::new(&[8]);
    lab.cluster.forbid(|request| matches!(request.plural.as_str(), "nodes" | "resourcequotas"));
    let ran = as_user(&lab.cluster, |_, _| true, &["check"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("unknown") && ran.out.contains("a ClusterRole that may list nodes"), "{}", ran.out);
    assert!(ran.out.ends_with("2 could not be checked).\n"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn a_first_comparison_is_written_once() {
    let lab = Lab::new(&[8, 8]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("first.yaml");
    let arguments = ["init", "first", "--model", "Qwen/Qwen3-8B", "-o", path.to_str().unwrap()];
    let out = bcmp(&lab.cluster, &arguments).await.ok();
    assert!(out.contains("kubectl apply -f "), "{out}");
    let text = std::fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("init", text);
    // A cluster takes it, and it holds no GPU.
    lab.cluster.put(serde_saphyr::from_str::<serde_json::Value>(&text).unwrap());
    lab.finished("first", 1).await;
    assert!(
        lab.cluster
            .objects("pods")
            .iter()
            .all(|pod| pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"].is_null())
    );
    let again = bcmp(&lab.cluster, &arguments).await;
    assert!(
        again.code == 1 && again.err.contains("exists: name another file with -o, or replace it with --force"),
        "{}",
        again.err
    );
    bcmp(&lab.cluster, &[&arguments[..], &["--force"]].concat()).await.ok();
    let shown = bcmp(&lab.cluster, &["init", "-o", "-"]).await.ok();
    assert!(shown.contains("name: first-comparison\n"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_cluster_would_refuse_is_refused() {
    let lab = Lab::new(&[8]);
    insta::assert_snapshot!(bcmp(&lab.cluster, &["init", "My_Model", "-o", "-"]).await.seen());
}

#[tokio::test(start_paused = true)]
async fn without_rights_a_comparison_is_written_all_the_same() {
    let lab = Lab::new(&[8]);
    lab.cluster.forbid(|request| request.verb == Some(Verb::List));
    let ran = bcmp(&lab.cluster, &["init", "-o", "-"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("# CHECK: nodes cannot be read with these rights"), "{}", ran.out);
    assert!(ran.err.contains("not looked at: list nodes: not allowed"), "{}", ran.err);
}

/// One image is there, the other one is not; nothing of the check is left.
#[tokio::test(start_paused = true)]
async fn images_are_pulled_when_asked() {
    let lab = Lab::new(&[8]);
    lab.cast.script(|pod| {
        let image = pod["spec"]["containers"][0]["image"].as_str()?;
        let is_check = pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubectl-bcmp";
        is_check.then(|| match image.contains("missing") {
            true => PodScript::image_pull_error(),
            false => PodScript::run(|_| async { 0 }),
        })
    });
    let images =
        json!({"runtime": {"image": "registry.example/runtime:1"}, "load": {"image": "registry.example/missing:1"}});
    let file = tempfile(&comparison("qwen", images).to_string());
    let path = file.path().to_str().unwrap();
    let ran = as_user(&lab.cluster, |_, _| true, &["check", "-f", path, "--pull"]).await;
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let rows: Vec<&str> = ran.out.lines().filter(|line| line.contains(".image")).collect();
    assert!(rows[0].contains("ok") && rows[0].contains("runtime:1 was pulled on node"), "{rows:?}");
    assert!(rows[1].contains("missing") && rows[1].contains("missing:1 cannot be pulled"), "{rows:?}");
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!((lab.cluster.list("jobs.batch").len(), lab.cluster.list("pods").len()), (0, 0));
}
