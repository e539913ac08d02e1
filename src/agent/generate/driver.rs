//! The predictor's driver as a process: started once, asked one question after the other.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::agent::output::ToolOutput;
use crate::agent::process::{exit, send};
use crate::prediction::predictors::predictor::DriverError;

/// Longest answer, in bytes.
const LONGEST_ANSWER: u64 = 64 << 20;
/// How long the driver may take to end once nothing more is asked.
const GRACE: Duration = Duration::from_secs(5);

/// How to start the predictor.
#[derive(Clone, Debug)]
pub struct DriverCommand {
    /// Python interpreter that finds the tool.
    pub python: PathBuf,
    /// Directory for all that the tool writes; the tool accepts only some places, such as below its home or `/tmp`.
    pub work: PathBuf,
    /// How long everything may take together.
    pub deadline: Duration,
}

pub(super) struct Driver {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    output: ToolOutput,
    /// Reads what the driver writes beside its answers.
    reader: Option<JoinHandle<()>>,
    limit: Duration,
    until: Instant,
    asked: u64,
}

impl Driver {
    /// Starts a driver in its own process group. Its source is handed to the interpreter and is in no file.
    pub(super) fn start(command: &DriverCommand, source: &str) -> Result<Self, DriverError> {
        let failed =
            |path: &Path, error: &std::io::Error| DriverError::NotStarted(format!("{}: {error}", path.display()));
        let mut child = Command::new(&command.python)
            .args(["-c", source])
            .arg(&command.work)
            .current_dir(&command.work)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&command.python, &error))?;
        let output = ToolOutput::new("predictor", vec![]);
        let reader = child.stderr.take().map(|pipe| tokio::spawn(output.clone().read(pipe)));
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (questions, answers) = pipes.ok_or_else(|| DriverError::NotStarted("it has no pipes".into()))?;
        let answers = BufReader::new(answers);
        let until = Instant::now() + command.deadline;
        Ok(Self { child, questions, answers, output, reader, limit: command.deadline, until, asked: 0 })
    }

    /// The `result` of the answer to a question.
    pub(super) async fn ask(&mut self, question: &Value) -> Result<Value, DriverError> {
        self.asked += 1;
        let id = self.asked;
        let mut question = question.clone();
        if let Some(fields) = question.as_object_mut() {
            fields.insert("id".into(), json!(id));
        }
        let line = format!("{question}\n");
        let until = self.until;
        let Ok(answered) = timeout_at(until, self.exchange(line.as_bytes())).await else {
            send(group(&self.child), Signal::KILL);
            return Err(DriverError::Deadline { limit: self.limit, last_output: self.output.last_output() });
        };
        let answer = match answered {
            Ok(answer) if answer.ends_with(b"\n") => answer,
            Ok(answer) if answer.len() as u64 == LONGEST_ANSWER => {
                return Err(DriverError::Unreadable(format!("it has more than {LONGEST_ANSWER} bytes")));
            }
            _ => return Err(self.without_answer().await),
        };
        let reply: Reply =
            serde_json::from_slice(&answer).map_err(|error| DriverError::Unreadable(error.to_string()))?;
        match reply {
            Reply { id: answered, .. } if answered != json!(id) => {
                Err(DriverError::Unreadable(format!("it answers question {answered}; expected {id}")))
            }
            Reply { error: Some(message), .. } => Err(DriverError::Refused(message)),
            Reply { result: Some(result), .. } => Ok(result),
            _ => Err(DriverError::Unreadable("it has neither result nor error".into())),
        }
    }

    /// Lets the driver end; what it started goes with it.
    pub(super) async fn end(self) {
        let Self { mut child, questions, answers, .. } = self;
        drop((questions, answers));
        let group = group(&child);
        if timeout_at(Instant::now() + GRACE, child.wait()).await.is_err() {
            send(group, Signal::KILL);
            let _ = child.wait().await;
        }
        send(group, Signal::KILL);
    }

    async fn exchange(&mut self, line: &[u8]) -> std::io::Result<Vec<u8>> {
        self.questions.write_all(line).await?;
        self.questions.flush().await?;
        let mut answer = vec![];
        (&mut self.answers).take(LONGEST_ANSWER).read_until(b'\n', &mut answer).await?;
        Ok(answer)
    }

    /// Why no answer came.
    async fn without_answer(&mut self) -> DriverError {
        let left = timeout_at(Instant::now() + GRACE, self.child.wait()).await;
        let how = match left {
            Ok(Ok(status)) => exit(status).to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "closed its output".to_owned(),
        };
        // Its output may be read a moment after its end; a child of its own may keep the stream open.
        if let Some(reader) = self.reader.take() {
            let _ = timeout_at(Instant::now() + GRACE, reader).await;
        }
        DriverError::Ended { how, last_output: self.output.last_output() }
    }
}

fn group(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

#[derive(Deserialize)]
struct Reply {
    id: Value,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<String>,
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
