//! --help and completion.

use std::process::Command;

use crate::harness::bcmp;
use bcmp::simulation::api_server::Cluster;
use bcmp::simulation::lab::Lab;

const COMMANDS: [&str; 21] = [
    "get",
    "watch",
    "report",
    "results",
    "explain",
    "rerun",
    "cancel",
    "stop",
    "suspend",
    "resume",
    "tree",
    "logs",
    "bundle",
    "compare",
    "promote",
    "check",
    "init",
    "serve",
    "render",
    "evaluate",
    "completion",
];

#[tokio::test(start_paused = true)]
async fn every_command_has_help_with_examples() {
    let cluster = Cluster::bare();
    let mut pages = bcmp(&cluster, &["--help"]).await.ok();
    for command in COMMANDS {
        let page = bcmp(&cluster, &[command, "--help"]).await.ok();
        assert!(page.contains("Examples:\n") && page.contains("Usage: kubectl bcmp "), "{page}");
        pages.push_str(&format!("\n{}\n$ kubectl bcmp {command} --help\n{page}", "─".repeat(80)));
    }
    insta::assert_snapshot!("help", pages);
    assert!(bcmp(&cluster, &["--version"]).await.ok().contains(env!("CARGO_PKG_VERSION")));
}

/// What kubectl is answered for the arguments after `kubectl bcmp`.
async fn completed(cluster: &Cluster, arguments: &[&str]) -> Vec<String> {
    let out = bcmp(cluster, &[&["__complete", "--"], arguments].concat()).await.ok();
    out.lines().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn kubectl_completes_commands_options_and_names() {
    let lab = Lab::new(&[]);
    lab.apply("qwen", serde_json::json!({}));
    lab.apply("llama", serde_json::json!({}));
    let cluster = &lab.cluster;
    assert_eq!(completed(cluster, &["re"]).await, ["report", "results", "rerun", "resume", "render", ":4"]);
    assert_eq!(completed(cluster, &["watch", ""]).await, ["llama", "qwen", ":4"]);
    assert_eq!(completed(cluster, &["watch", "qwen", ""]).await, [":4"], "one is enough");
    assert_eq!(completed(cluster, &["get", "qwen", "l"]).await, ["llama", ":4"]);
    assert_eq!(completed(cluster, &["-n", "other", "watch", ""]).await, [":4"], "not of another namespace");
    assert_eq!(completed(cluster, &["report", "qwen", "--o"]).await, ["--output", "--open", ":4"]);
    assert_eq!(completed(cluster, &["report", "qwen", "-o", ""]).await, ["text", "json", "csv", "html", ":4"]);
    assert_eq!(completed(cluster, &["render", "-f", ""]).await, [":0"], "a file");
    assert_eq!(completed(cluster, &["explain", "Teardown"]).await, ["TeardownStuck", ":4"]);
    assert_eq!(completed(&Cluster::bare(), &["watch", ""]).await, [":4"], "no answer, no names");
}

#[tokio::test(start_paused = true)]
async fn scripts_for_shells() {
    let cluster = Cluster::bare();
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "kubectl"] {
        let script = bcmp(&cluster, &["completion", shell]).await.ok();
        assert!(script.contains("kubectl-bcmp"), "{script}");
        let interpreter = if shell == "kubectl" { "sh" } else { shell };
        let path = directory.path().join(shell);
        std::fs::write(&path, script).unwrap();
        // Shells that are not installed cannot check their script; bash and sh are everywhere.
        match Command::new(interpreter).arg("-n").arg(&path).status() {
            Ok(checked) => assert!(checked.success(), "{shell}"),
            Err(_) => assert!(!["bash", "kubectl"].contains(&shell)),
        }
    }
}
