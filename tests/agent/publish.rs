//! The publisher against an API server that behaves well, and one that does not.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bcmp::agent::publish::{Publisher, is_ready};
use bcmp::agent::store::ConfigMapStore;
use bcmp::manifests::termination::{TerminationMessage, TerminationReason};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::api_server::{ApiServer, Fault};
use super::eventually;

struct Pod {
    directory: tempfile::TempDir,
    server: ApiServer,
}

impl Pod {
    async fn new(data: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["outbox", "published"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        std::fs::write(directory.path().join("termination-log"), "").unwrap();
        Self { directory, server: ApiServer::start(data).await }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn request(&self, key: &str, content: &str) {
        std::fs::write(self.path("outbox").join(key), content).unwrap();
    }

    fn published(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("published").join(name)).ok()
    }

    /// Publishes what is in the outbox, and ends.
    async fn publish(&self) -> Result<(), String> {
        let store = ConfigMapStore::new(self.server.client(), "ns", "results", Duration::from_secs(20));
        let publisher = Publisher::open(store, &self.path("outbox"), &self.path("published")).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let run = publisher.run(async { ended.await.unwrap_or(()) });
        let stop = async {
            eventually("all requests are answered", || self.unanswered() == 0).await;
            let _ = end.send(());
        };
        let (result, ()) = tokio::join!(run, stop);
        result.map_err(|error| error.to_string())
    }

    fn unanswered(&self) -> usize {
        let keys = std::fs::read_dir(self.path("outbox")).unwrap();
        let keys = keys.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        keys.filter(|key| self.published(key).is_none() && self.published(&format!(".refused-{key}")).is_none()).count()
    }

    /// The binary itself.
    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bcmp"));
        command.args(["agent", "publish", "--namespace", "ns", "--config-map", "results"]);
        for (flag, name) in [("outbox", "outbox"), ("published", "published"), ("termination-log", "termination-log")] {
            command.arg(format!("--{flag}")).arg(self.path(name));
        }
        command.env("KUBECONFIG", self.server.kubeconfig(self.directory.path()));
        command.stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    }
}

#[tokio::test]
async fn the_first_write_wins() {
    let pod = Pod::new(json!({"created-for": "x", "a": "theirs"})).await;
    pod.request("a", "ours");
    pod.request("b", "ours");
    pod.publish().await.unwrap();
    assert_eq!(pod.server.data(), json!({"created-for": "x", "a": "theirs", "b": "ours"}));
    assert_eq!(pod.published("a").unwrap(), "theirs");
    assert_eq!(pod.published("b").unwrap(), "ours");
}

#[rstest]
#[case::overtaken(Fault::Overtaken("a", "theirs"), "theirs")]
#[case::conflict(Fault::Status(409), "ours")]
#[case::throttled(Fault::Status(429), "ours")]
#[case::not_yet_allowed(Fault::Status(403), "ours")]
#[case::unavailable(Fault::Status(503), "ours")]
#[case::lost_answer(Fault::LostAnswer, "ours")]
#[tokio::test]
async fn one_fault_changes_nothing(#[case] fault: Fault, #[case] held: &str) {
    let pod = Pod::new(json!({"created-for": "x"})).await;
    pod.server.inject([fault]);
    pod.request("a", "ours");
    pod.publish().await.unwrap();
    assert_eq!(pod.server.data()["a"], held);
    assert_eq!(pod.published("a").unwrap(), held);
    assert!(pod.server.writes() <= 1);
}

#[tokio::test]
async fn a_closed_config_map_is_a_refusal() {
    let pod = Pod::new(json!({"a": "theirs"})).await;
    pod.server.edit(|config_map| config_map.as_mut().unwrap()["immutable"] = json!(true));
    pod.request("a", "ours");
    pod.request("b", "ours");
    pod.publish().await.unwrap();
    assert_eq!(pod.published("a").unwrap(), "theirs");
    assert!(pod.published(".refused-b").unwrap().contains("immutable"));
}

/// The token lies in the publisher's file system: a tool must not get it published through a link.
#[tokio::test]
async fn links_out_of_the_outbox_are_refused() {
    let pod = Pod::new(json!({"created-for": "x"})).await;
    std::fs::write(pod.path("token"), "secret").unwrap();
    symlink(pod.path("token"), pod.path("outbox").join("a")).unwrap();
    symlink(pod.directory.path(), pod.path("outbox").join("b")).unwrap();
    pod.request("c", &"x".repeat(3000));
    pod.publish().await.unwrap();
    assert_eq!(pod.server.data(), json!({"created-for": "x"}));
    assert!(pod.published(".refused-a").unwrap().contains("is a link"));
    assert!(pod.published(".refused-b").unwrap().contains("is a link"));
    assert!(pod.published(".refused-c").unwrap().contains("larger than 2560 bytes"));
}

fn terminate(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

fn check(published: &Path) -> bool {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bcmp"));
    command.args(["agent", "publish", "--check", "--published"]).arg(published).status().unwrap().success()
}

#[tokio::test]
async fn the_sidecar_shows_what_is_published_before_it_is_ready() {
    let pod = Pod::new(json!({"created-for": "x", "a": "1"})).await;
    assert!(!check(&pod.path("published")));
    let mut child = pod.start();
    eventually("the sidecar is ready", || is_ready(&pod.path("published"))).await;
    assert_eq!(pod.published("a").unwrap(), "1");
    assert!(check(&pod.path("published")));
    terminate(&child);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_sidecar_publishes_what_is_left_before_it_ends() {
    let pod = Pod::new(json!({"created-for": "x"})).await;
    let mut child = pod.start();
    eventually("the sidecar is ready", || is_ready(&pod.path("published"))).await;
    pod.request("last", "words");
    terminate(&child);
    assert!(child.wait().await.unwrap().success());
    assert_eq!(pod.server.data()["last"], "words");
}

#[tokio::test]
async fn a_deleted_config_map_ends_the_sidecar() {
    let pod = Pod::new(json!({})).await;
    pod.server.edit(|config_map| *config_map = None);
    let status = pod.start().wait().await.unwrap();
    assert_eq!(status.code(), Some(1));
    let said = TerminationMessage::parse(&std::fs::read_to_string(pod.path("termination-log")).unwrap());
    assert_eq!(said.reason, TerminationReason::NotPublished);
    assert!(said.message.contains("ConfigMap results does not exist"), "{}", said.message);
}
