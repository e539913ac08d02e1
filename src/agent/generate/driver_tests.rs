//! The process behind the conversation, with a shell in the place of the interpreter.

#![allow(clippy::unwrap_used)]

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// A shell that is given another source than the driver's. It is the system's own: a script that a test writes and
/// then starts may still be open for writing in a process that another test is just starting (`Text file busy`).
struct Fake {
    directory: TempDir,
    source: &'static str,
    deadline: Duration,
}

impl Fake {
    fn new(source: &'static str) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), source, deadline: Duration::from_secs(60) }
    }

    fn start(&self) -> Driver {
        let work = self.directory.path().into();
        let command = DriverCommand { python: "/bin/sh".into(), work, deadline: self.deadline };
        Driver::start(&command, self.source).unwrap()
    }
}

fn question() -> Value {
    json!({"operation": "versions", "system": "s"})
}

async fn answer(fake: &Fake) -> Result<Value, DriverError> {
    let mut driver = fake.start();
    let answer = driver.ask(&question()).await;
    driver.end().await;
    answer
}

#[tokio::test]
async fn a_conversation() {
    let script = r#"echo chatter >&2
while read -r line; do
  id=$(echo "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
  case "$line" in *'"operation":"versions"'*'"system":"s"'*) echo "{\"id\":$id,\"result\":{\"n\":$id}}";; esac
done"#;
    let fake = Fake::new(script);
    let mut driver = fake.start();
    assert_eq!(driver.ask(&question()).await, Ok(json!({"n": 1})));
    assert_eq!(driver.ask(&question()).await, Ok(json!({"n": 2})));
    driver.end().await;
}

#[tokio::test]
async fn the_source_gets_the_directory_and_runs_in_it() {
    let fake = Fake::new(r#"read -r _; printf '{"id":1,"result":["%s","%s"]}\n' "$0" "$(pwd)""#);
    let path = fake.directory.path().display().to_string();
    assert_eq!(answer(&fake).await, Ok(json!([path, path])));
}

#[rstest]
#[case::refused(r#"read -r _; echo '{"id":1,"error":"no such system"}'"#, "the predictor refused: no such system")]
#[case::crash(
    "read -r _; echo Traceback >&2; echo 'MemoryError: all gone' >&2; exit 1",
    "the predictor ended with exit code 1; its last output: MemoryError: all gone"
)]
#[case::killed("read -r _; kill -KILL $$", "was killed (SIGKILL, possibly out of memory)")]
#[case::ended_at_once("exit 0", "the predictor ended with exit code 0")]
#[case::no_json("read -r _; echo hello", "the predictor's answer cannot be read: expected value")]
#[case::other_question(r#"read -r _; echo '{"id":7,"result":1}'"#, "it answers question 7; expected 1")]
#[case::nothing(r#"read -r _; echo '{"id":1}'"#, "it has neither result nor error")]
#[tokio::test]
async fn every_failure_has_its_message(#[case] source: &'static str, #[case] expected: &str) {
    let error = answer(&Fake::new(source)).await.unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.is_refusal(), expected.starts_with("the predictor refused"));
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_is_ended() {
    let script = "echo thinking >&2; sleep 60 & echo $! > child; wait";
    let fake = Fake { deadline: Duration::from_millis(500), ..Fake::new(script) };
    let error = answer(&fake).await.unwrap_err();
    assert!(matches!(&error, DriverError::Deadline { last_output, .. } if last_output == "thinking"), "{error:?}");
    let child = std::fs::read_to_string(fake.directory.path().join("child")).unwrap();
    let stat = Path::new("/proc").join(child.trim()).join("stat");
    for _ in 0..500 {
        if !std::fs::read_to_string(&stat).is_ok_and(|status| !status.contains(") Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!stat.exists(), "it still runs after 5 s");
}

#[tokio::test]
async fn a_missing_interpreter_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let work = directory.path().into();
    let command = DriverCommand { python: "/nowhere/python3".into(), work, deadline: Duration::from_secs(60) };
    let error = Driver::start(&command, "").err().unwrap();
    assert!(error.to_string().starts_with("the predictor cannot be started: /nowhere/python3: "), "{error}");
}
