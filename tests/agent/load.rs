//! The load agent as in a pod: the binary, the real publisher, an API server, a server under test, and a stand-in for
//! the load tool that can fail as the real one does.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use bcmp::agent::publish::Publisher;
use bcmp::agent::store::ConfigMapStore;
use bcmp::api::{Evidence, EvidenceCode};
use bcmp::manifests::termination::{TerminationMessage, TerminationReason};
use bcmp::measurement::audit::{EvidenceLimits, Expectation, audit, rejected};
use bcmp::measurement::ledger::Ledger;
use bcmp::measurement::record::{Purpose, TrialRecord};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::api_server::{ApiServer, Fault};
use super::eventually;
use super::model_server::{self, Chat};

/// A load Job and what it meets; its pods come and go.
struct Job {
    directory: tempfile::TempDir,
    server: ApiServer,
    url: String,
}

/// One pod of the job: its own directories and publisher.
struct Pod<'a> {
    job: &'a Job,
    uid: &'static str,
    publisher: Option<JoinHandle<()>>,
    patience: u32,
}

impl Job {
    async fn new() -> Self {
        Self::on(&[Chat::Serves]).await
    }

    async fn on(chat: &[Chat]) -> Self {
        let job = Self {
            directory: tempfile::tempdir().unwrap(),
            server: ApiServer::start(json!({"created-for": "x"})).await,
            url: model_server::start(chat).await,
        };
        for name in ["bin", "behaviour", "summaries", "artifacts"] {
            fs::create_dir(job.path(name)).unwrap();
        }
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        symlink(tests.join("agent/aiperf.sh"), job.path("bin/aiperf")).unwrap();
        fs::copy(tests.join("fixtures/aiperf/failures/down/profile_export.jsonl"), job.path("down.jsonl")).unwrap();
        let partial = tests.join("fixtures/aiperf/failures/partial/profile_export_aiperf.json");
        fs::copy(partial, job.path("partial.json")).unwrap();
        fs::write(job.path("version"), "0.13.0\n").unwrap();
        let clean = fs::read_to_string(tests.join("fixtures/aiperf/clean/profile_export_aiperf.json")).unwrap();
        for concurrency in [1, 2] {
            let summary = summary(&clean, concurrency).to_string();
            fs::write(job.path(&format!("summaries/{concurrency}.json")), summary).unwrap();
        }
        job.plan(|_| ());
        let configurations = json!({"schemaVersion": 1, "variants": []});
        fs::write(job.path("configurations.json"), configurations.to_string()).unwrap();
        job
    }

    /// Two levels, of which the second misses the SLA: with a decision each and the drift, five runs.
    fn plan(&self, change: impl FnOnce(&mut Value)) {
        let mut plan = json!({
            "schemaVersion": 1, "run": 1, "inputsHash": "h",
            "comparison": {"namespace": "ns", "name": "c", "uid": "u"},
            "images": {"agent": "a", "predictor": "p", "load": "l"},
            "spec": {
                "model": {"name": "mock/tiny"},
                "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
                "workload": {"inputTokens": 400, "outputTokens": 60, "concurrency": [1, 2]},
                "sla": {"ttftMilliseconds": 150, "tpotMilliseconds": 1000},
                "runtime": {},
                "load": {"decisionTrials": 1, "refinements": 0},
                "execution": {"deadlines": {"scheduleSeconds": 30, "readySeconds": 30, "trialSeconds": 60}},
            },
        });
        change(&mut plan);
        fs::write(self.path("plan.json"), plan.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// How the tool behaves when it is called for this concurrency: first, next, ….
    fn tool(&self, concurrency: u32, behaviour: &[&str]) {
        fs::write(self.path(&format!("behaviour/{concurrency}")), behaviour.join("\n") + "\n").unwrap();
    }

    fn pod(&self, uid: &'static str) -> Pod<'_> {
        for name in ["outbox", "published", "work", "tmp"] {
            fs::create_dir_all(self.path(uid).join(name)).unwrap();
        }
        fs::write(self.path(uid).join("termination-log"), "").unwrap();
        let store = ConfigMapStore::new(self.server.client(), "ns", "results", Duration::from_secs(20));
        let path = |name: &str| self.path(uid).join(name);
        let publisher = Publisher::open(store, &path("outbox"), &path("published")).unwrap();
        let publisher = tokio::spawn(async move { publisher.run(std::future::pending()).await.unwrap() });
        Pod { job: self, uid, publisher: Some(publisher), patience: 60 }
    }

    /// A pod whose publisher is ready and then silent.
    fn pod_without_publisher(&self, uid: &'static str) -> Pod<'_> {
        let mut pod = self.pod(uid);
        pod.publisher.take().unwrap().abort();
        fs::write(pod.path("published/.ready"), "").unwrap();
        pod.patience = 2;
        pod
    }

    fn ledger(&self) -> Ledger {
        let data = self.server.data();
        let entries = data.as_object().unwrap().iter().map(|(key, text)| (key.as_str(), text.as_str().unwrap()));
        Ledger::parse(entries).unwrap()
    }

    /// Concurrencies the tool was called for.
    fn calls(&self) -> Vec<u32> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Findings of all records, in the order of their keys.
    fn findings(&self) -> Vec<(u32, u32, EvidenceCode, String)> {
        let records = self.ledger().records;
        let findings = records.iter().flat_map(|record| record.findings.iter().map(move |finding| (record, finding)));
        findings.map(|(r, f)| (r.trial.key.concurrency, r.trial.key.try_number, f.code, f.message.clone())).collect()
    }
}

impl Pod<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.job.path(self.uid).join(name)
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bcmp"));
        command.args(["agent", "load", "--variant", "optimized", "--deployment", "1", "--round", "1"]);
        command.args(["--url", &self.job.url, "--patience-seconds", &self.patience.to_string()]);
        for name in ["outbox", "published", "work", "termination-log"] {
            command.arg(format!("--{name}")).arg(self.path(name));
        }
        command.arg("--plan").arg(self.job.path("plan.json"));
        command.arg("--configurations").arg(self.job.path("configurations.json"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.job.path("bin").display()));
        command.env("BCMP_POD_UID", self.uid).env("BCMP_ARTIFACTS_DIR", self.job.path("artifacts"));
        command.env("TMPDIR", self.path("tmp"));
        command.env("API_KEY", "hunter2-key");
        let log = fs::File::create(self.path("log")).unwrap();
        command.stdout(log).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    }

    async fn run(&self) -> i32 {
        self.start().wait().await.unwrap().code().unwrap()
    }

    fn last_output(&self) -> TerminationMessage {
        TerminationMessage::parse(&fs::read_to_string(self.path("termination-log")).unwrap())
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        self.publisher.iter().for_each(JoinHandle::abort);
    }
}

/// The summary of a clean run at another concurrency, with 100 ms of TTFT for each user; the tool fills in REQUESTS.
fn summary(clean: &str, concurrency: u32) -> Value {
    let mut summary: Value = serde_json::from_str(clean).unwrap();
    for phase in summary["input_config"]["phases"].as_array_mut().unwrap() {
        phase["concurrency"] = json!(concurrency);
    }
    summary["request_count"]["avg"] = json!("REQUESTS");
    summary["effective_concurrency"]["avg"] = json!(concurrency);
    for (name, value) in summary["time_to_first_token"].as_object_mut().unwrap() {
        if name != "unit" {
            *value = json!(100 * concurrency);
        }
    }
    summary
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_variant_is_measured_level_by_level() {
    let job = Job::new().await;
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 0);

    let ledger = job.ledger();
    let trials: Vec<_> = ledger.records.iter().map(|r| (r.trial.key.concurrency, r.trial.key.purpose)).collect();
    let expected = [(1, Purpose::Decision), (1, Purpose::Ladder), (2, Purpose::Decision), (2, Purpose::Ladder)];
    assert_eq!(trials, expected);
    assert!(job.findings().is_empty(), "{:?}", job.findings());
    let limits = EvidenceLimits::parse(&Evidence::default()).unwrap();
    for TrialRecord { trial, measurement, .. } in &ledger.records {
        let model = "mock/tiny".to_owned();
        let expected = Expectation { model, input_tokens: 400, output_tokens: 60, concurrency: trial.key.concurrency };
        let findings = audit(measurement.as_ref().unwrap(), &expected, &limits);
        assert!(!rejected(&findings), "{findings:?}");
    }
    let ttft = |concurrency| {
        let record = ledger.records.iter().find(|r| r.trial.key.concurrency == concurrency).unwrap();
        let measurement = record.measurement.as_ref().unwrap();
        (measurement.ttft.unwrap().mean.get(), measurement.requests == record.trial.requests)
    };
    assert_eq!([ttft(1), ttft(2)], [(100.0, true), (200.0, true)]);
    assert_eq!(job.calls().len(), 4);
    assert_eq!(ledger.starts.len(), 4);
    assert_eq!(ledger.serving[&1].pod_uid, "a");
    for trial in ["concurrency_1/trial_1", "concurrency_1/trial_2", "concurrency_2/trial_2"] {
        assert!(job.path("artifacts").join(trial).join("profile_export_aiperf.json").exists(), "{trial}");
    }
    eventually("a raw summary is published", || {
        job.server.data().as_object().unwrap().contains_key("raw-r1-c000001-l1-t1")
    })
    .await;
}

/// Prompts of a level have gigabytes, and a pod runs dozens of levels.
#[rstest]
#[case::ends_well(&[])]
#[case::killed(&["killed", "killed"])]
#[tokio::test]
async fn what_the_tool_leaves_in_its_temporary_directory_goes_with_the_trial(#[case] behaviour: &[&str]) {
    let job = Job::new().await;
    job.tool(1, behaviour);
    let pod = job.pod("a");
    fs::write(pod.path("tmp/of-somebody-else"), "").unwrap();
    assert_eq!(pod.run().await, 0);
    let left: Vec<_> = fs::read_dir(pod.path("tmp")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["of-somebody-else"]);
    let work: Vec<_> = fs::read_dir(pod.path("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(work, ["trial"]);
}

/// A tool that is asked in vain tells its command line, and its summary has it, too.
#[tokio::test]
async fn secrets_reach_the_tool_and_nobody_else() {
    let job = Job::new().await;
    job.plan(|plan| {
        let secret = json!({"secretKeyRef": {"name": "endpoint", "key": "key"}});
        plan["spec"]["load"]["env"] = json!([{"name": "API_KEY", "valueFrom": secret}]);
        let header = "Authorization: Bearer hunter2-header";
        plan["spec"]["load"]["extraArguments"] = json!(["--api-key", "$(API_KEY)", "-H", header]);
    });
    job.tool(1, &["tells", "tells-well"]);
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 0);
    eventually("a raw summary is published", || {
        job.server.data().as_object().unwrap().contains_key("raw-r1-c000001-l1-t2")
    })
    .await;
    let findings = job.findings();
    let told = &findings.iter().find(|(_, _, code, _)| *code == EvidenceCode::LoadToolFailed).unwrap().3;
    assert!(told.contains("--api-key (not shown) -H (not shown)"), "{told}");
    let raw = job.server.data()["raw-r1-c000001-l1-t2"].as_str().unwrap().to_owned();
    let packed = base64::engine::general_purpose::STANDARD.decode(raw).unwrap();
    let mut summary = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut summary).unwrap();
    assert!(summary.contains("--api-key (not shown) -H (not shown)"), "{summary}");
    let kept = |trial: &str, name: &str| {
        fs::read_to_string(job.path("artifacts/concurrency_1").join(trial).join(name)).unwrap()
    };
    let texts = [
        job.server.data().to_string(),
        summary,
        fs::read_to_string(pod.path("log")).unwrap(),
        kept("trial_1", "inputs.log"),
        kept("trial_2", "profile_export_aiperf.json"),
    ];
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_lost_pod_loses_its_level_and_nothing_else() {
    let job = Job::new().await;
    job.tool(2, &["slow"]);
    let first = job.pod("a");
    let mut child = first.start();
    eventually("the second level runs", || job.path("slow").exists()).await;
    signal(&child, Signal::KILL);
    child.wait().await.unwrap();
    drop(first);
    let before = job.ledger();
    assert_eq!(before.records.len(), 1);

    assert_eq!(job.pod("b").run().await, 0);
    let ledger = job.ledger();
    assert_eq!(ledger.records.len(), 4);
    assert_eq!(ledger.records.iter().filter(|record| record.pod_uid == "a").count(), 1);
    assert!(before.records.iter().all(|record| ledger.records.contains(record)));
    let pods: Vec<_> = ledger.starts["r1-c000002-l1-t1"].iter().map(|mark| mark.pod_uid.as_str()).collect();
    assert_eq!(pods, ["a", "b"]);
    assert_eq!(job.calls(), [1, 2, 2, 1, 2]);
    let named = job.findings().into_iter().map(|(concurrency, _, code, message)| (concurrency, code, message));
    let [(2, EvidenceCode::LoadPodReplaced, message)] = &named.collect::<Vec<_>>()[..] else {
        panic!("{:?}", job.findings())
    };
    assert!(message.starts_with("another load pod began this trial at 20"), "{message}");
}

#[tokio::test]
async fn a_level_that_takes_its_pods_along_is_given_up() {
    let job = Job::new().await;
    job.tool(2, &["slow", "slow"]);
    for uid in ["a", "b"] {
        let _ = fs::remove_file(job.path("slow"));
        let pod = job.pod(uid);
        let mut child = pod.start();
        eventually("the second level runs", || job.path("slow").exists()).await;
        signal(&child, Signal::KILL);
        child.wait().await.unwrap();
    }
    assert_eq!(job.pod("c").run().await, 0);
    let findings = job.findings();
    let (concurrency, deployment, code, message) = &findings[0];
    assert_eq!((*concurrency, *deployment, *code), (2, 1, EvidenceCode::LoadPodLost));
    assert!(message.contains("the last one, b"), "{message}");
    assert!(job.ledger().records.iter().any(|record| record.trial.key.try_number == 2 && record.measurement.is_some()));
}

#[tokio::test]
async fn on_sigterm_the_level_is_left_to_the_next_pod() {
    let job = Job::new().await;
    job.tool(1, &["slow"]);
    let pod = job.pod("a");
    let mut child = pod.start();
    eventually("the first level runs", || job.path("slow").exists()).await;
    let tool = fs::read_to_string(job.path("slow")).unwrap();
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().await.unwrap().code(), Some(143));
    assert_eq!(pod.last_output().reason, TerminationReason::Interrupted);
    assert!(!Path::new("/proc").join(tool.trim()).exists(), "the tool was left running");
    assert!(job.ledger().records.is_empty());

    assert_eq!(job.pod("b").run().await, 0);
    assert_eq!(job.ledger().records.len(), 4);
}

#[tokio::test]
async fn without_acknowledgement_nothing_is_measured() {
    let job = Job::new().await;
    let pod = job.pod_without_publisher("a");
    let mut child = pod.start();
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    let said = pod.last_output();
    assert_eq!(said.reason, TerminationReason::NotPublished);
    assert!(said.message.contains("serving-d1 was not acknowledged within 2 s"), "{}", said.message);
    assert!(job.calls().is_empty());
}

#[rstest]
#[case::out_of_memory("killed", "was killed")]
#[case::lies("nothing", "ended with exit code 0 and left no result")]
#[case::full_disk("cut-off", "cannot be used")]
#[case::bad_flag("bad-flag", "Unknown option: \"--nope\"")]
#[tokio::test]
async fn a_level_without_a_result_is_rejected_and_tried_once_more(#[case] how: &str, #[case] said: &str) {
    let job = Job::new().await;
    job.tool(2, &[how]);
    assert_eq!(job.pod("a").run().await, 0);
    let findings = job.findings();
    let (concurrency, deployment, code, message) = &findings[0];
    assert_eq!((findings.len(), *concurrency, *deployment, *code), (1, 2, 1, EvidenceCode::LoadToolFailed));
    assert!(message.contains(said), "{message}");
    assert_eq!(job.calls()[..3], [1, 2, 2]);
}

#[tokio::test]
async fn a_tool_that_fails_again_and_again_ends_the_job() {
    let job = Job::new().await;
    job.plan(|plan| plan["spec"]["workload"]["concurrency"] = json!([1, 2, 3, 4]));
    (1..=4).for_each(|concurrency| job.tool(concurrency, &["bad-flag"; 2]));
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 66);
    assert_eq!(job.calls(), [1, 1, 2]);
    let said = pod.last_output();
    assert_eq!(said.reason, TerminationReason::ToolFailed);
    assert!(said.message.contains("Unknown option"), "{}", said.message);
    assert_eq!(job.pod("b").run().await, 66, "another pod of the same deployment does not try again");
    assert_eq!(job.calls().len(), 3);
}

#[tokio::test]
async fn a_missing_tool_is_named() {
    let job = Job::new().await;
    fs::remove_file(job.path("bin/aiperf")).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    symlink(tests.join("agent/no_module.sh"), job.path("bin/python3")).unwrap();
    job.plan(|plan| plan["spec"]["workload"]["concurrency"] = json!([1, 2, 3, 4]));
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 66);
    assert!(pod.last_output().message.contains("No module named aiperf"), "{}", pod.last_output().message);
}

#[tokio::test]
async fn a_level_that_takes_too_long_is_stopped_and_not_tried_again() {
    let job = Job::new().await;
    job.plan(|plan| plan["spec"]["execution"]["deadlines"]["trialSeconds"] = json!(2));
    job.tool(1, &["slow"]);
    assert_eq!(job.pod("a").run().await, 0);
    let findings = job.findings();
    let (concurrency, deployment, code, message) = &findings[0];
    assert_eq!((findings.len(), *concurrency, *deployment, *code), (1, 1, 1, EvidenceCode::Cancelled));
    assert!(message.contains("stopped after 2 s"), "{message}");
    assert!(job.ledger().records.iter().all(|record| record.trial.key.try_number == 1), "it would take as long again");
}

#[tokio::test]
async fn a_server_that_was_away_is_waited_for_before_the_level_is_tried_again() {
    let job = Job::on(&[Chat::Serves, Chat::NotFound, Chat::Serves]).await;
    job.tool(1, &["no-server"]);
    assert_eq!(job.pod("a").run().await, 0);
    let findings = job.findings();
    assert_eq!((findings.len(), findings[0].1, findings[0].2), (1, 1, EvidenceCode::ErrorRate));
    assert!(findings[0].3.contains("requests failed"), "{}", findings[0].3);
}

#[tokio::test]
async fn a_level_in_which_most_requests_fail_is_tried_once_more() {
    let job = Job::new().await;
    job.tool(1, &["most-fail"]);
    assert_eq!(job.pod("a").run().await, 0);
    let ladder: Vec<_> = job.ledger().records.into_iter().filter(|r| r.trial.key.purpose == Purpose::Ladder).collect();
    let errors: Vec<_> =
        ladder.iter().map(|r| (r.trial.key.to_string(), r.measurement.as_ref().unwrap().errors)).collect();
    let expected = [("r1-c000001-l1-t1", 33), ("r1-c000001-l1-t2", 0), ("r1-c000002-l1-t1", 0)];
    assert_eq!(errors, expected.map(|(key, errors)| (key.to_owned(), Some(errors))));
}

#[rstest]
#[case::healthy_without_workers(&[Chat::NotFound], "HTTP 404 Not Found: {\"message\":\"model not found\"}")]
#[case::answers_break_off(&[Chat::BreaksOff], "a stream that ended in mid-answer")]
#[tokio::test]
async fn a_server_that_only_looks_healthy_is_not_measured(#[case] chat: &[Chat], #[case] seen: &str) {
    let job = Job::on(chat).await;
    job.plan(|plan| {
        plan["spec"]["execution"]["deadlines"]["scheduleSeconds"] = json!(2);
        plan["spec"]["execution"]["deadlines"]["readySeconds"] = json!(3);
    });
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 66);
    let said = pod.last_output();
    assert_eq!(said.reason, TerminationReason::NotServing);
    assert!(said.message.contains("within 5 s") && said.message.contains(seen), "{}", said.message);
    assert!(job.calls().is_empty() && job.ledger().serving.is_empty());
}

#[tokio::test]
async fn a_server_that_starts_late_is_waited_for() {
    let job = Job::on(&[Chat::NotFound, Chat::Serves]).await;
    assert_eq!(job.pod("a").run().await, 0);
    assert_eq!(job.ledger().records.len(), 4);
}

#[tokio::test]
async fn two_pods_do_not_load_one_server() {
    let job = Job::new().await;
    let theirs = r#"{"schemaVersion":1,"deployment":1,"podUid":"b","time":"2026-01-01T00:00:00Z"}"#;
    job.server.inject([Fault::None, Fault::Overtaken("started-r1-c000001-l1-t1-1", theirs)]);
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 1);
    assert_eq!(pod.last_output().reason, TerminationReason::AnotherPod);
    assert!(job.calls().is_empty());
}

#[tokio::test]
async fn a_finished_sweep_needs_no_server() {
    let job = Job::on(&[Chat::NotFound]).await;
    let other = Job::new().await;
    assert_eq!(other.pod("a").run().await, 0);
    let measured = other.server.data();
    job.server.edit(|config_map| config_map.as_mut().unwrap()["data"] = measured);
    assert_eq!(job.pod("b").run().await, 0);
    assert!(job.calls().is_empty());
}

#[rstest]
#[case::own_flag(|plan: &mut Value| plan["spec"]["load"]["extraArguments"] = json!(["--concurrency=9"]), "--concurrency: remove it")]
#[case::newer_plan(|plan: &mut Value| plan["schemaVersion"] = json!(9), "schemaVersion is 9")]
#[case::no_limit(|plan: &mut Value| plan["spec"]["sla"]["ttftMilliseconds"] = json!("fast"), "ttftMilliseconds")]
#[tokio::test]
async fn a_plan_that_cannot_be_measured_is_refused_for_good(#[case] change: fn(&mut Value), #[case] said: &str) {
    let job = Job::new().await;
    job.plan(change);
    let pod = job.pod("a");
    assert_eq!(pod.run().await, 66);
    assert_eq!(pod.last_output().reason, TerminationReason::InvalidInput);
    assert!(pod.last_output().message.contains(said), "{}", pod.last_output().message);
}

#[rstest]
#[case("0.13.0\n", 0)]
#[case("command not understood\n", 66)]
#[tokio::test]
async fn the_load_tool_is_probed(#[case] version: &str, #[case] expected: i32) {
    let job = Job::new().await;
    fs::write(job.path("version"), version).unwrap();
    fs::write(job.path("log"), "").unwrap();
    fs::create_dir(job.path("work")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bcmp"));
    command.args(["agent", "probe-load-tool", "--output"]).arg(job.path("load-tool"));
    command.arg("--work").arg(job.path("work")).arg("--termination-log").arg(job.path("log"));
    command.env("PATH", format!("{}:/usr/bin:/bin", job.path("bin").display()));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await.unwrap();
    assert_eq!(status.code(), Some(expected));
    let noted = fs::read_to_string(job.path("load-tool")).ok();
    assert_eq!(noted.as_deref(), (expected == 0).then_some("aiperf 0.13.0\n"));
}
