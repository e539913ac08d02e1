//! Runs a tool: its own process group, its output into our log, an end by deadline or on request.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::output::ToolOutput;

/// How long a tool may take to end when the pod is to end: its results are not used.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(5);
/// How long output is still read after the tool is gone: a process that left its group may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(2);

/// A command line with its surroundings; no shell is involved.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Prefix of its lines in the log.
    pub label: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub directory: PathBuf,
    /// Variables it must not inherit.
    pub remove: Vec<&'static str>,
    /// Variables it gets in place of those it would inherit.
    pub set: Vec<(&'static str, OsString)>,
    pub deadline: Duration,
    /// How long it may take to end after SIGINT at the deadline, before SIGKILL: its results may still be of use.
    pub grace: Duration,
    /// What its output must not show.
    pub secrets: Vec<String>,
}

/// Why a tool was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// It ran too long.
    Deadline,
    /// The pod is to end.
    Interrupted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolEnd {
    /// What ended it, if it did not end by itself.
    pub stopped: Option<StopCause>,
    /// Exit code or signal; the system's error if it could not be started.
    pub exit: Result<Exit, String>,
    /// The reason it gave for its end, for people.
    pub last_output: String,
}

/// How a process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(137) | Self::Signal(9) => f.write_str("was killed (SIGKILL, possibly out of memory)"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(number) => write!(f, "was ended by signal {number}"),
        }
    }
}

/// Runs a tool to its end, which comes when it ends, at the deadline, or when `interrupt` completes.
///
/// To stop it, its process group gets SIGINT, then SIGKILL. Nothing of the group is left when this returns.
pub async fn run(invocation: &Invocation, interrupt: impl Future<Output = ()>) -> ToolEnd {
    let output = ToolOutput::new(invocation.label, invocation.secrets.clone());
    let mut child = match start(invocation) {
        Ok(child) => child,
        Err(error) => {
            let problem = format!("{}: {error}", invocation.program.display());
            return ToolEnd { stopped: None, exit: Err(problem), last_output: String::new() };
        }
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let readers = [
        child.stdout.take().map(|pipe| tokio::spawn(output.clone().read(pipe))),
        child.stderr.take().map(|pipe| tokio::spawn(output.clone().read(pipe))),
    ];

    let stopped = tokio::select! {
        status = child.wait() => Err(status),
        () = tokio::time::sleep(invocation.deadline) => Ok(StopCause::Deadline),
        () = interrupt => Ok(StopCause::Interrupted),
    };
    let (stopped, status) = match stopped {
        Err(status) => (None, status),
        Ok(why) => {
            send(group, Signal::INT);
            let grace = match why {
                StopCause::Deadline => invocation.grace,
                StopCause::Interrupted => invocation.grace.min(INTERRUPTED_GRACE),
            };
            let status = match timeout(grace, child.wait()).await {
                Ok(status) => status,
                Err(_) => kill(&mut child, group).await,
            };
            (Some(why), status)
        }
    };
    // Whatever the tool started and left behind would go on loading the server.
    send(group, Signal::KILL);
    for reader in readers.into_iter().flatten() {
        let abort = reader.abort_handle();
        if timeout(DRAIN, reader).await.is_err() {
            abort.abort();
        }
    }
    reap_orphans();
    let exit = status.map(exit).map_err(|error| error.to_string());
    ToolEnd { stopped, exit, last_output: output.last_output() }
}

fn start(invocation: &Invocation) -> std::io::Result<Child> {
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).current_dir(&invocation.directory).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for name in &invocation.remove {
        command.env_remove(name);
    }
    command.envs(invocation.set.iter().map(|(name, value)| (name, value)));
    command.spawn()
}

async fn kill(child: &mut Child, group: Option<Pid>) -> std::io::Result<ExitStatus> {
    send(group, Signal::KILL);
    child.wait().await
}

/// A group without processes is not a failure.
pub(super) fn send(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

/// As the first process of a container we inherit what the tool leaves behind.
fn reap_orphans() {
    if std::process::id() == 1 {
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    }
}

pub(super) fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::future::pending;
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    /// A shell that hears SIGINT even where the tests themselves were started in the background, which ignores it.
    fn shell(script: &str) -> Invocation {
        Invocation {
            label: "test",
            program: "/usr/bin/env".into(),
            arguments: ["--default-signal=INT", "/bin/sh", "-c", script].map(Into::into).to_vec(),
            directory: "/".into(),
            remove: vec![],
            set: vec![],
            deadline: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            secrets: vec![],
        }
    }

    #[rstest]
    #[case("exit 0", Exit::Code(0))]
    #[case("exit 3", Exit::Code(3))]
    #[case("kill -KILL $$", Exit::Signal(9))]
    #[tokio::test]
    async fn the_exit_is_reported(#[case] script: &str, #[case] expected: Exit) {
        let ended = run(&shell(script), pending()).await;
        assert_eq!((ended.stopped, ended.exit), (None, Ok(expected)));
    }

    #[tokio::test]
    async fn the_last_lines_of_both_streams_are_kept() {
        let ended =
            run(&shell("for i in 1 2 3 4 5 6; do echo line $i; done; echo broken >&2; sleep 0.2"), pending()).await;
        assert!(ended.last_output.contains("broken") && ended.last_output.contains("line 6"), "{}", ended.last_output);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let missing = Invocation { program: "/nonexistent/tool".into(), ..shell("") };
        assert!(run(&missing, pending()).await.exit.unwrap_err().contains("/nonexistent/tool"));
    }

    #[tokio::test]
    async fn at_the_deadline_the_tool_may_end_well() {
        let script = "trap 'echo saved; exit 0' INT; while :; do sleep 0.05; done";
        let ended = run(&Invocation { deadline: Duration::from_millis(300), ..shell(script) }, pending()).await;
        assert_eq!((ended.stopped, ended.exit), (Some(StopCause::Deadline), Ok(Exit::Code(0))));
        assert_eq!(ended.last_output, "saved");
    }

    #[tokio::test]
    async fn a_tool_that_does_not_listen_is_killed() {
        let invocation = Invocation {
            deadline: Duration::from_millis(200),
            grace: Duration::from_millis(200),
            ..shell("trap '' INT; while :; do sleep 0.05; done")
        };
        let ended = run(&invocation, pending()).await;
        assert_eq!((ended.stopped, ended.exit), (Some(StopCause::Deadline), Ok(Exit::Signal(9))));
    }

    #[tokio::test]
    async fn on_request_the_tool_is_stopped() {
        let ended = run(&shell("exec sleep 60"), tokio::time::sleep(Duration::from_millis(100))).await;
        assert_eq!((ended.stopped, ended.exit), (Some(StopCause::Interrupted), Ok(Exit::Signal(2))));
    }

    #[tokio::test]
    async fn what_the_tool_leaves_behind_is_ended_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 60 & echo $! > {}", file.path().display());
        run(&shell(&script), pending()).await;
        let left = std::fs::read_to_string(file.path()).unwrap();
        let stat = Path::new("/proc").join(left.trim()).join("stat");
        let is_running = || std::fs::read_to_string(&stat).is_ok_and(|status| !status.contains(") Z "));
        for _ in 0..500 {
            if !is_running() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it still runs after 5 s");
    }

    #[rstest]
    #[case(&[], "there")]
    #[case(&["CARGO_MANIFEST_DIR"], "gone")]
    #[tokio::test]
    async fn variables_are_removed(#[case] remove: &[&'static str], #[case] expected: &str) {
        let script = "if [ -n \"$CARGO_MANIFEST_DIR\" ]; then echo there; else echo gone; fi";
        let ended = run(&Invocation { remove: remove.to_vec(), ..shell(script) }, pending()).await;
        assert_eq!(ended.last_output, expected);
    }
}
