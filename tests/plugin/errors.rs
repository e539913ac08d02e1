//! What goes wrong, with messages that say what to do.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::harness::{bcmp, measured};
use bcmp::simulation::api_server::{Cluster, Verb};
use bcmp::simulation::lab::{Lab, seconds};

const READING: [&[&str]; 7] = [
    &["get", "qwen"],
    &["watch", "qwen"],
    &["report", "qwen"],
    &["results", "qwen"],
    &["evaluate", "qwen"],
    &["render", "qwen"],
    &["rerun", "qwen"],
];

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there() {
    let lab = Lab::new(&[]);
    for arguments in READING {
        let ran = bcmp(&lab.cluster, arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(
            ran.err,
            "kubectl bcmp: comparison qwen not found in namespace default: list all with `kubectl bcmp get -A`\n",
            "{arguments:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_kind() {
    let cluster = Cluster::bare();
    for arguments in READING.into_iter().chain([["get"].as_slice()]) {
        let ran = bcmp(&cluster, arguments).await;
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert_eq!(
            ran.err,
            "kubectl bcmp: the cluster does not serve BenchmarkComparisons: install bcmp (docs/install.md), or choose another --context\n",
            "{arguments:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_missing() {
    let lab = measured().await;
    lab.cluster.forbid(|request| request.plural == "configmaps" || request.verb == Some(Verb::Patch));
    let mut seen = String::new();
    for arguments in [["report", "qwen"], ["rerun", "qwen"]] {
        seen.push_str(&format!("$ {}\n{}\n", arguments.join(" "), bcmp(&lab.cluster, &arguments).await.seen()));
    }
    insta::assert_snapshot!(seen);
    // What is left can be read.
    bcmp(&lab.cluster, &["get", "qwen"]).await.ok();
    lab.cluster.forbid(|request| request.plural == "benchmarkcomparisons");
    insta::assert_snapshot!(bcmp(&lab.cluster, &["get"]).await.seen());
}

/// A watch that may be started but not listed ends and does not try for ever.
#[tokio::test(start_paused = true)]
async fn a_watch_without_the_right_to_list_ends() {
    let mut lab = measured().await;
    lab.kill();
    lab.cluster.forbid(|request| request.verb == Some(Verb::List));
    let ran = bcmp(&lab.cluster, &["watch", "qwen", "--timeout", "60s"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("watch benchmarkcomparison qwen: not allowed: "), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_there() {
    let lab = Lab::new(&[]);
    lab.apply("qwen", json!({"execution": {"start": "OnRequest"}}));
    tokio::time::sleep(seconds(10)).await;
    insta::assert_snapshot!(bcmp(&lab.cluster, &["report", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: comparison qwen has no run yet
    exit code 1
    ");
}

#[tokio::test(start_paused = true)]
async fn records_that_are_gone_or_spoilt() {
    let mut lab = measured().await;
    lab.kill();
    for name in ["qwen-r1-report", "qwen-r1-optimized-results"] {
        lab.cluster.delete("configmaps", "default", name, "Background");
    }
    let summary = bcmp(&lab.cluster, &["report", "qwen"]).await;
    assert_eq!(summary.code, 0, "what is there is shown: {}", summary.err);
    lab.cluster.delete("configmaps", "default", "qwen-r1-plan", "Background");
    insta::assert_snapshot!(bcmp(&lab.cluster, &["results", "qwen"]).await.seen(), @r"
    ! kubectl bcmp: run 1 of qwen cannot be read: its ConfigMap qwen-r1-plan does not exist
    exit code 1
    ");
}

#[tokio::test(start_paused = true)]
async fn wrong_usage() {
    let cluster = Cluster::bare();
    let usages: [&[&str]; 6] = [
        &["wtach"],
        &["report"],
        &["report", "qwen", "--run", "0"],
        &["watch", "qwen", "--timeout", "soon"],
        &["get", "qwen", "-A"],
        &["render", "qwen", "-f", "file"],
    ];
    let mut seen = String::new();
    for arguments in usages {
        let ran = bcmp(&cluster, arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        seen.push_str(&format!("$ {}\n{}\n", arguments.join(" "), ran.err));
    }
    insta::assert_snapshot!(seen);
}

/// The program itself, without a cluster.
fn program(kubeconfig: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bcmp"));
    command.env_clear().env("HOME", "/nonexistent").env("KUBECONFIG", kubeconfig);
    command
}

fn said(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_kubeconfig_that_is_not_there_or_not_usable() {
    let (code, text) = said(program("/nonexistent/config").arg("get"));
    assert_eq!(code, 1);
    assert!(text.starts_with("kubectl bcmp: ") && text.contains("/nonexistent/config"), "{text}");
    assert!(text.contains("name one with --kubeconfig or KUBECONFIG"), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, "clusters: 3").unwrap();
    let (code, text) = said(program("").args(["get", "--kubeconfig", path.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    let (code, text) = said(program("").args(["get", "--context", "other"]));
    assert_eq!(code, 1);
    assert!(text.contains("no kubeconfig"), "{text}");
}

#[test]
fn a_server_that_does_not_answer() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    let (code, text) = said(program(path.to_str().unwrap()).arg("get"));
    assert_eq!(code, 1);
    assert!(text.contains("no valid response from the API server") && text.contains("refused"), "{text}");
    let (code, text) = said(program(path.to_str().unwrap()).args(["get", "--context", "there"]));
    assert_eq!(code, 1);
    assert!(text.contains("there"), "{text}");
}
