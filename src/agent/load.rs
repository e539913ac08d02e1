//! `bcmp agent load`: measures one deployment of a variant, trial after trial. What comes next follows from published
//! records alone ([`next_move`](super::next_move)), so it does not matter which pod does it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::aiperf;
use super::artifacts::{self, TrialOutput};
use super::interruption::Interruption;
use super::next_move::{Move, next_move};
use super::outbox::{Outbox, OutboxError};
use super::process::{self, Invocation, StopCause, ToolEnd};
use super::readiness::{NotServing, Server};
use super::record;
use super::scratch::{self, Scratch};
use crate::measurement::ledger::{Ledger, Mark, raw_key, serving_key, started_key};
use crate::measurement::record::{SCHEMA_VERSION, TrialPlan, TrialRecord};
use crate::method::sla::SlaLimits;
use crate::plan::secrets::secrets;
use crate::plan::{self, Plan};
use crate::prediction::configurations::{self, Configurations};
use crate::sweep::VariantSweep;
use crate::units::LatencyLimits;

/// How long the tool may take to write its results once it is told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// What the pod's manifest adds to the plan.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// The variant that is measured.
    pub variant: String,
    /// Number of its deployment in the run, from 1.
    pub deployment: u32,
    /// Round of deployment, from 1.
    pub round: u32,
    /// Base URL of the server.
    pub url: String,
    pub pod_uid: String,
    /// Directory for this variant's raw artifacts, if they are kept.
    pub artifacts: Option<PathBuf>,
    pub plan: PathBuf,
    pub configurations: PathBuf,
    /// Working directory of the tool.
    pub work: PathBuf,
}

/// Why measuring ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Plan, configurations or directories cannot be used.
    #[error("{0}")]
    Input(String),
    /// The server does not answer.
    #[error(transparent)]
    NotServing(#[from] NotServing),
    /// The tool fails again and again.
    #[error("the load tool failed several times in a row; most recently: {0}")]
    Tool(String),
    /// Something could not be published.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Two pods load one server: the measurements of both are worthless.
    #[error("pod {other} began {what} as well: this pod ends, so that only one loads the server")]
    AnotherPod { other: String, what: String },
    /// The pod was asked to end.
    #[error("asked to end while measuring: published results are kept, the current trial will be repeated")]
    Interrupted,
}

/// Measures until the sweep is over and everything is acknowledged.
///
/// # Errors
/// See [`LoadError`]. A trial that fails is not an error: it has a record.
pub async fn run(load: &LoadSettings, outbox: Outbox, interruption: Interruption) -> Result<(), LoadError> {
    let session = Session::open(load, outbox, interruption)?;
    session.unless_interrupted(session.outbox.ready()).await??;
    if session.next_move()? == Move::Finish {
        tracing::info!("everything is already measured");
        return Ok(());
    }
    let deadlines = &session.plan.spec.execution.deadlines;
    // The Job is created together with the server.
    session.wait_until_serving(seconds(deadlines.schedule_seconds) + seconds(deadlines.ready_seconds)).await?;
    session.mark(&serving_key(load.deployment)).await?;
    loop {
        if session.interruption.is_requested() {
            return Err(LoadError::Interrupted);
        }
        match session.next_move()? {
            Move::Finish => return Ok(()),
            Move::GiveUp(message) => return Err(LoadError::Tool(message)),
            Move::RecordLost { trial, last_start } => session.record_lost(&trial, &last_start).await?,
            Move::Run { trial, unfinished, number } => session.trial(&trial, &unfinished, number).await?,
            Move::Contradiction(trial) => {
                let problem = format!("BUG: the sweep asks for {}, which is already published", trial.key);
                return Err(LoadError::Input(problem));
            }
        }
    }
}

struct Session<'a> {
    load: &'a LoadSettings,
    plan: Plan,
    /// Further arguments of the tool, as it gets them.
    extra: Vec<String>,
    /// What is not shown of them.
    secrets: Vec<String>,
    sweep: VariantSweep,
    limits: LatencyLimits,
    server: Server,
    outbox: Outbox,
    interruption: Interruption,
}

impl<'a> Session<'a> {
    fn open(load: &'a LoadSettings, outbox: Outbox, interruption: Interruption) -> Result<Self, LoadError> {
        let plan: Plan = read_document(&load.plan, plan::SCHEMA_VERSION)?;
        let configurations: Configurations = read_document(&load.configurations, configurations::SCHEMA_VERSION)?;
        let spec = &plan.spec;
        if let Some(refused) = aiperf::refused(&spec.load.extra_arguments) {
            return Err(LoadError::Input(format!("load.extraArguments holds {refused}")));
        }
        let input = |error: &dyn std::fmt::Display| LoadError::Input(error.to_string());
        let extra = aiperf::extra(spec, |name| env::var(name).ok())
            .map_err(|why| input(&format!("load.extraArguments: {why}")))?;
        let secrets = secrets(&extra);
        let sweep =
            VariantSweep::new(spec, &configurations, &load.variant, load.round).map_err(|error| input(&error))?;
        let limits = SlaLimits::from_spec(&spec.sla).map_err(|error| input(&error))?.of_requests();
        let server = Server::new(&load.url, spec.model.served_name()).map_err(|error| input(&error))?;
        Ok(Self { load, plan, extra, secrets, sweep, limits, server, outbox, interruption })
    }

    fn ledger(&self) -> Result<Ledger, LoadError> {
        let published = self.outbox.published()?;
        let entries = published.iter().map(|(key, text)| (key.as_str(), text.as_str()));
        Ledger::parse(entries).map_err(|error| LoadError::Input(error.to_string()))
    }

    fn next_move(&self) -> Result<Move, LoadError> {
        let ledger = self.ledger()?;
        let next = self.sweep.next(&ledger.records, self.load.deployment);
        Ok(next_move(next, &ledger, self.load.deployment))
    }

    async fn wait_until_serving(&self, deadline: Duration) -> Result<(), LoadError> {
        tracing::info!("waiting for {} to complete a request", self.load.url);
        Ok(self.unless_interrupted(self.server.wait(deadline)).await??)
    }

    async fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Result<T, LoadError> {
        tokio::select! {
            result = work => Ok(result),
            () = self.interruption.requested() => Err(LoadError::Interrupted),
        }
    }

    /// Publishes a mark and returns the one that is in the ConfigMap, which may be another pod's.
    async fn mark(&self, key: &str) -> Result<Mark, LoadError> {
        let pod_uid = self.load.pod_uid.clone();
        let deployment = self.load.deployment;
        let mark = Mark { schema_version: SCHEMA_VERSION, deployment, pod_uid, time: Timestamp::now() };
        let held = self.outbox.publish(key, &to_json(&mark)?).await?;
        serde_json::from_str(&held)
            .map_err(|error| LoadError::Input(format!("the entry {key} of the results: {error}")))
    }

    async fn record_lost(&self, trial: &TrialPlan, last_start: &Mark) -> Result<(), LoadError> {
        tracing::warn!("{} was begun too often without a result", trial.key);
        let mut record = self.record(trial, last_start.time);
        record.findings = vec![record::lost(last_start)];
        self.publish(record).await
    }

    /// Runs one trial, and publishes its record.
    async fn trial(&self, trial: &TrialPlan, unfinished: &[Mark], number: usize) -> Result<(), LoadError> {
        if trial.key.try_number > 1 || !unfinished.is_empty() {
            // Something went wrong here before: the server may not be back yet.
            self.wait_until_serving(seconds(self.plan.spec.execution.deadlines.ready_seconds)).await?;
        }
        let started = self.mark(&started_key(&trial.key, unfinished.len() + 1)).await?;
        if started.pod_uid != self.load.pod_uid {
            return Err(LoadError::AnotherPod { other: started.pod_uid, what: trial.key.to_string() });
        }
        let (c, n, w) = (trial.key.concurrency, trial.requests, trial.warmup);
        tracing::info!("{}: {n} requests, {c} concurrent, after {w} of warm-up", trial.key);

        let directory = self.load.work.join("trial");
        artifacts::fresh(&directory).map_err(|error| unusable(&directory, &error))?;
        let start_time = Timestamp::now();
        let ended = self.run_tool(trial, &directory).await?;
        if ended.stopped == Some(StopCause::Interrupted) {
            return Err(LoadError::Interrupted);
        }
        let mut record = self.record(trial, start_time);
        let left = self.read(&directory).await;
        record.findings = record::findings(&ended, &left, self.trial_deadline().as_secs());
        record.findings.extend(unfinished.last().map(record::replaced));
        log(trial, &ended, &left, &record);
        record.measurement = match left {
            TrialOutput::Read(measurement) => Some(*measurement),
            _ => None,
        };
        self.keep(trial, number, &directory).await;
        self.publish(record).await?;
        artifacts::fresh(&directory).map_err(|error| unusable(&directory, &error))
    }

    async fn run_tool(&self, trial: &TrialPlan, directory: &Path) -> Result<ToolEnd, LoadError> {
        let Some((program, first)) = find_tool() else {
            let problem = "neither aiperf nor python3 is in PATH: set spec.load.image to an image with AIPerf";
            return Ok(ToolEnd { stopped: None, exit: Err(problem.into()), last_output: String::new() });
        };
        let scratch = Scratch::new().map_err(|error| LoadError::Input(error.to_string()))?;
        let arguments = aiperf::arguments(&self.plan.spec, trial, &self.load.url, directory, &self.extra);
        let invocation = Invocation {
            label: "aiperf",
            program,
            arguments: first.iter().map(OsString::from).chain(arguments.into_iter().map(OsString::from)).collect(),
            directory: self.load.work.clone(),
            remove: aiperf::variables_to_remove(&self.plan.spec).to_vec(),
            set: vec![(scratch::VARIABLE, scratch.path().into())],
            deadline: self.trial_deadline(),
            grace: GRACE,
            secrets: self.secrets.clone(),
        };
        Ok(process::run(&invocation, self.interruption.requested()).await)
    }

    fn trial_deadline(&self) -> Duration {
        seconds(self.plan.spec.execution.deadlines.trial_seconds)
    }

    async fn read(&self, directory: &Path) -> TrialOutput {
        let (directory, limits, secrets) = (directory.to_owned(), self.limits, self.secrets.clone());
        let read = tokio::task::spawn_blocking(move || artifacts::read(&directory, Some(limits), &secrets));
        read.await.unwrap_or_else(|error| TrialOutput::Unreadable(error.to_string()))
    }

    /// Raw files only help people. A measurement is good without them, so failures are logged and no more.
    async fn keep(&self, trial: &TrialPlan, number: usize, directory: &Path) {
        if let Some(raw) = artifacts::raw_summary(directory, &self.secrets)
            && let Err(error) = self.outbox.offer(&raw_key(&trial.key), &raw)
        {
            tracing::warn!("the raw summary of {} is not published: {error}", trial.key);
        }
        let Some(kept) = &self.load.artifacts else { return };
        let target = kept.join(format!("concurrency_{}", trial.key.concurrency)).join(format!("trial_{number}"));
        let (from, to, secrets) = (directory.to_owned(), target.clone(), self.secrets.clone());
        let copied = tokio::task::spawn_blocking(move || artifacts::keep(&from, &to, &secrets)).await;
        if let Err(error) = copied.unwrap_or_else(|error| Err(error.into())) {
            tracing::error!("raw artifacts are not kept in {}: {error}", target.display());
        }
    }

    fn record(&self, trial: &TrialPlan, start_time: Timestamp) -> TrialRecord {
        TrialRecord {
            schema_version: SCHEMA_VERSION,
            trial: *trial,
            deployment: self.load.deployment,
            pod_uid: self.load.pod_uid.clone(),
            start_time,
            completion_time: Timestamp::now(),
            measurement: None,
            findings: vec![],
        }
    }

    /// Publishes a record. One that is not read back would be asked for again, for ever.
    async fn publish(&self, record: TrialRecord) -> Result<(), LoadError> {
        let key = record.trial.key;
        let text = record::to_json(record).map_err(|error| LoadError::Input(error.to_string()))?;
        self.outbox.publish(&key.to_string(), &text).await?;
        match self.ledger()?.records.iter().any(|record| record.trial.key == key) {
            true => Ok(()),
            false => Err(LoadError::Input(format!("BUG: the record {key} is published and cannot be found"))),
        }
    }
}

fn log(trial: &TrialPlan, ended: &ToolEnd, left: &TrialOutput, record: &TrialRecord) {
    let how = ended.exit.as_ref().map_or_else(Clone::clone, ToString::to_string);
    for finding in &record.findings {
        tracing::warn!("{}: {}: {}", trial.key, finding.code, finding.message);
    }
    if let TrialOutput::Read(measurement) = left {
        let (requests, errors) = (measurement.requests, measurement.errors.unwrap_or(0));
        tracing::info!("{}: the load tool {how}; {requests} requests completed, {errors} failed", trial.key);
    }
}

/// AIPerf's command in this container.
fn find_tool() -> Option<(PathBuf, &'static [&'static str])> {
    let is_program = |file: &Path| {
        fs::metadata(file).is_ok_and(|status| status.is_file() && status.permissions().mode() & 0o111 != 0)
    };
    aiperf::program(&env::var_os("PATH")?, is_program)
}

pub(super) fn read_document<T: serde::de::DeserializeOwned>(path: &Path, version: u32) -> Result<T, LoadError> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| unusable(path, &error))?;
    let found = value["schemaVersion"].as_u64().unwrap_or(0);
    if found != u64::from(version) && found + 1 != u64::from(version) {
        let problem = format!("schemaVersion is {found}; this agent reads {} and {version}", version - 1);
        return Err(unusable(path, &problem));
    }
    serde_json::from_value(value).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, problem: &dyn std::fmt::Display) -> LoadError {
    LoadError::Input(format!("{}: {problem}", path.display()))
}

fn to_json(mark: &Mark) -> Result<String, LoadError> {
    serde_json::to_string(mark).map_err(|error| LoadError::Input(error.to_string()))
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// `bcmp agent probe-load-tool`: name and version of the load tool in this container, for example `aiperf 0.13.0`.
///
/// # Errors
/// There is none, or it does not print its version in time.
pub async fn probe(work: &Path) -> Result<String, LoadError> {
    let (program, first) = find_tool().ok_or_else(|| {
        LoadError::Tool(
            "neither aiperf nor python3 is in PATH of the load image: set spec.load.image to an image with AIPerf"
                .into(),
        )
    })?;
    let invocation = Invocation {
        label: "aiperf",
        program: program.clone(),
        arguments: first.iter().chain(&["--version"]).map(OsString::from).collect(),
        directory: work.to_owned(),
        remove: vec![],
        set: vec![],
        deadline: Duration::from_secs(120),
        grace: Duration::from_secs(1),
        secrets: vec![],
    };
    let ended = process::run(&invocation, std::future::pending()).await;
    let version = ended.last_output.split_whitespace().last().unwrap_or_default();
    match ended.exit {
        Ok(process::Exit::Code(0)) if version.starts_with(|first: char| first.is_ascii_digit()) => {
            Ok(format!("aiperf {version}"))
        }
        Ok(exit) => Err(LoadError::Tool(format!(
            "{} --version {exit}; its last output: {}",
            program.display(),
            ended.last_output
        ))),
        Err(problem) => Err(LoadError::Tool(problem)),
    }
}
