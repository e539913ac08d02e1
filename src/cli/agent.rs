//! `bcmp agent …`: the commands of containers in the operator's pods.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand};

use crate::agent::generate::{self, Generate, GenerateError};
use crate::agent::interruption::Interruption;
use crate::agent::load::{self, LoadError, LoadSettings};
use crate::agent::outbox::{self, Outbox};
use crate::agent::publish::{self, Publisher};
use crate::agent::store::ConfigMapStore;
use crate::agent::{install, termination};
use crate::manifests::agent_contract as contract;
use crate::manifests::termination::TerminationReason;
use crate::prediction::predictors::predictor::DriverError;

/// Exit code of a process that SIGTERM ended, as in a shell.
const EXIT_INTERRUPTED: u8 = 128 + 15;

/// Commands of the agent.
#[derive(Subcommand)]
pub enum AgentCommand {
    /// Generates and predicts the configurations of all variants with this image's predictor
    Generate(GenerateArguments),
    /// Copies this binary into a directory that other containers mount
    Install(InstallArguments),
    /// Measures one deployment of a variant with this image's load tool
    Load(LoadArguments),
    /// Writes name and version of this image's load tool to a file; fails if there is none
    ProbeLoadTool(ProbeArguments),
    /// Publishes the outbox to the output ConfigMap until it receives SIGTERM
    Publish(PublishArguments),
}

/// Arguments of `agent install`.
#[derive(Args)]
pub struct InstallArguments {
    /// Directory that receives the binary `bcmp`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Arguments of `agent generate`.
#[derive(Args)]
pub struct GenerateArguments {
    /// File with the plan
    #[arg(long, hide = true, default_value = contract::PLAN_FILE)]
    plan: PathBuf,
    /// File with name and version of the load tool
    #[arg(long, hide = true, default_value = contract::LOAD_TOOL_FILE)]
    load_tool: PathBuf,
    /// Python interpreter that can import the predictor
    #[arg(long, hide = true, default_value = "python3")]
    python: PathBuf,
    #[command(flatten)]
    work: WorkPath,
    #[command(flatten)]
    paths: ExchangePaths,
}

/// Arguments of `agent load`.
#[derive(Args)]
pub struct LoadArguments {
    /// Name of the variant in the plan
    #[arg(long)]
    variant: String,
    /// Number of the deployment in the run, from 1
    #[arg(long)]
    deployment: u32,
    /// Round of deployment, from 1
    #[arg(long)]
    round: u32,
    /// Base URL of the OpenAI-compatible API under test
    #[arg(long)]
    url: String,
    /// File with the plan
    #[arg(long, hide = true, default_value = contract::PLAN_FILE)]
    plan: PathBuf,
    /// File with the configurations
    #[arg(long, hide = true, default_value = contract::CONFIGURATIONS_FILE)]
    configurations: PathBuf,
    /// Longest time for publishing one record, in seconds
    #[arg(long, hide = true, default_value_t = outbox::PATIENCE.as_secs())]
    patience_seconds: u64,
    #[command(flatten)]
    work: WorkPath,
    #[command(flatten)]
    paths: ExchangePaths,
}

/// Arguments of `agent probe-load-tool`.
#[derive(Args)]
pub struct ProbeArguments {
    /// File that receives name and version
    #[arg(long, hide = true, default_value = contract::LOAD_TOOL_FILE)]
    output: PathBuf,
    /// Termination log of the container
    #[arg(long, hide = true, default_value = contract::TERMINATION_LOG)]
    termination_log: PathBuf,
    #[command(flatten)]
    work: WorkPath,
}

/// Arguments of `agent publish`.
#[derive(Args)]
pub struct PublishArguments {
    /// Namespace of the output ConfigMap
    #[arg(long, required_unless_present = "check")]
    namespace: Option<String>,
    /// Name of the output ConfigMap
    #[arg(long, required_unless_present = "check")]
    config_map: Option<String>,
    /// Exit with 0 if the tool's container can read everything published before, otherwise with 1
    #[arg(long, action = ArgAction::SetTrue)]
    check: bool,
    #[command(flatten)]
    paths: ExchangePaths,
}

/// Where the tool works. Pods use the default.
#[derive(Args)]
struct WorkPath {
    /// Working directory of the tool
    #[arg(long, hide = true, default_value = contract::WORK_DIR)]
    work: PathBuf,
}

/// Where containers of a pod meet. Pods use the defaults.
#[derive(Args)]
struct ExchangePaths {
    /// Directory of entries to publish
    #[arg(long, hide = true, default_value = contract::OUTBOX_DIR)]
    outbox: PathBuf,
    /// Directory of published entries
    #[arg(long, hide = true, default_value = contract::PUBLISHED_DIR)]
    published: PathBuf,
    /// Termination log of the container
    #[arg(long, hide = true, default_value = contract::TERMINATION_LOG)]
    termination_log: PathBuf,
}

/// Runs a command of the agent.
pub fn run(command: AgentCommand) -> ExitCode {
    match command {
        AgentCommand::Install(arguments) => super::finish(install::install(&arguments.directory).map(|_| ())),
        AgentCommand::Generate(arguments) => {
            let log = arguments.paths.termination_log.clone();
            in_container(generate(arguments), &log)
        }
        AgentCommand::Load(arguments) => {
            let log = arguments.paths.termination_log.clone();
            in_container(load(arguments), &log)
        }
        AgentCommand::ProbeLoadTool(arguments) => in_container(probe(&arguments), &arguments.termination_log),
        AgentCommand::Publish(PublishArguments { check: true, paths, .. }) => check(&paths.published),
        AgentCommand::Publish(arguments) => in_container(publish(&arguments), &arguments.paths.termination_log),
    }
}

fn check(published: &Path) -> ExitCode {
    if publish::is_ready(published) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why a container fails: its termination message and exit code.
struct AgentFailure {
    reason: TerminationReason,
    message: String,
    exit_code: u8,
}

impl AgentFailure {
    /// A failure that a new pod may not have.
    fn passing(reason: TerminationReason, error: impl std::fmt::Display) -> Self {
        Self { reason, message: error.to_string(), exit_code: 1 }
    }

    /// A failure that every pod would have.
    fn permanent(reason: TerminationReason, error: impl std::fmt::Display) -> Self {
        let exit_code = u8::try_from(contract::EXIT_PERMANENT).unwrap_or(1);
        Self { exit_code, ..Self::passing(reason, error) }
    }
}

impl From<LoadError> for AgentFailure {
    fn from(error: LoadError) -> Self {
        match &error {
            LoadError::Input(_) => Self::permanent(TerminationReason::InvalidInput, error),
            LoadError::NotServing(_) => Self::permanent(TerminationReason::NotServing, error),
            LoadError::Tool(_) => Self::permanent(TerminationReason::ToolFailed, error),
            LoadError::Outbox(_) => Self::passing(TerminationReason::NotPublished, error),
            LoadError::AnotherPod { .. } => Self::passing(TerminationReason::AnotherPod, error),
            LoadError::Interrupted => {
                Self { exit_code: EXIT_INTERRUPTED, ..Self::passing(TerminationReason::Interrupted, error) }
            }
        }
    }
}

impl From<GenerateError> for AgentFailure {
    fn from(error: GenerateError) -> Self {
        match &error {
            GenerateError::Plan(_) => Self::permanent(TerminationReason::InvalidInput, error),
            // Memory and network may be there for the next pod; an interpreter that is not, never.
            GenerateError::Driver(DriverError::NotStarted(_)) => Self::permanent(TerminationReason::ToolFailed, error),
            GenerateError::Driver(_) => Self::passing(TerminationReason::ToolFailed, error),
            GenerateError::Outbox(_) => Self::passing(TerminationReason::NotPublished, error),
            GenerateError::Interrupted => {
                Self { exit_code: EXIT_INTERRUPTED, ..Self::passing(TerminationReason::Interrupted, error) }
            }
        }
    }
}

/// Runs a command of a container to its end.
fn in_container(command: impl Future<Output = Result<(), AgentFailure>>, termination_log: &Path) -> ExitCode {
    super::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(AgentFailure::passing(TerminationReason::Unknown, error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            termination::leave(termination_log, failure.reason, &failure.message);
            ExitCode::from(failure.exit_code)
        }
    }
}

async fn generate(arguments: GenerateArguments) -> Result<(), AgentFailure> {
    let ExchangePaths { outbox, published, .. } = arguments.paths;
    let outbox = Outbox::open(&outbox, &published, outbox::PATIENCE)
        .map_err(|error| AgentFailure::permanent(TerminationReason::InvalidInput, error))?;
    let generate = Generate {
        plan: arguments.plan,
        load_tool: arguments.load_tool,
        python: arguments.python,
        work: arguments.work.work,
    };
    Ok(generate::run_in_pod(&generate, &outbox, &interruption()?).await?)
}

async fn load(arguments: LoadArguments) -> Result<(), AgentFailure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(pod_uid) = variable(contract::POD_UID_ENV) else {
        let problem = format!("the environment variable {} is not set", contract::POD_UID_ENV);
        return Err(AgentFailure::permanent(TerminationReason::InvalidInput, problem));
    };
    let ExchangePaths { outbox, published, .. } = arguments.paths;
    let outbox = Outbox::open(&outbox, &published, Duration::from_secs(arguments.patience_seconds))
        .map_err(|error| AgentFailure::permanent(TerminationReason::InvalidInput, error))?;
    let load = LoadSettings {
        variant: arguments.variant,
        deployment: arguments.deployment,
        round: arguments.round,
        url: arguments.url,
        pod_uid,
        artifacts: variable(contract::ARTIFACTS_ENV).map(PathBuf::from),
        plan: arguments.plan,
        configurations: arguments.configurations,
        work: arguments.work.work,
    };
    Ok(load::run(&load, outbox, interruption()?).await?)
}

async fn probe(arguments: &ProbeArguments) -> Result<(), AgentFailure> {
    let tool = load::probe(&arguments.work.work).await?;
    std::fs::write(&arguments.output, tool + "\n").map_err(|error| {
        let problem = format!("{}: {error}", arguments.output.display());
        AgentFailure::permanent(TerminationReason::InvalidInput, problem)
    })
}

async fn publish(arguments: &PublishArguments) -> Result<(), AgentFailure> {
    let unpublished = |error: String| AgentFailure::passing(TerminationReason::NotPublished, error);
    let (Some(namespace), Some(name)) = (&arguments.namespace, &arguments.config_map) else {
        return Err(unpublished("--namespace and --config-map are required".into()));
    };
    let interruption = interruption()?;
    let mut config = kube::Config::infer().await.map_err(|error| unpublished(error.to_string()))?;
    // The store repeats calls itself, and knows for how long.
    config.default_retry = false;
    let client = kube::Client::try_from(config).map_err(|error| unpublished(error.to_string()))?;
    let store = ConfigMapStore::new(client, namespace, name, publish::PATIENCE);
    let publisher = Publisher::open(store, &arguments.paths.outbox, &arguments.paths.published)
        .map_err(|error| AgentFailure::passing(TerminationReason::InvalidInput, error))?;
    publisher.run(interruption.requested()).await.map_err(|error| unpublished(error.to_string()))
}

fn interruption() -> Result<Interruption, AgentFailure> {
    Interruption::listen().map_err(|error| AgentFailure::passing(TerminationReason::Unknown, error))
}
