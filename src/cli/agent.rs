//! `bcmp agent …`: what the pods' manifests start.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::publish::{self, Publisher};
use crate::agent::store::Store;
use crate::agent::{install, termination};
use crate::manifests::agent_contract as contract;
use crate::manifests::termination::TerminationReason;

/// Commands of the agent.
#[derive(Subcommand)]
pub enum AgentCommand {
    /// Copies this binary into a directory that other containers mount
    Install(InstallArguments),
    /// Publishes what lies in the outbox into the output ConfigMap, until it is told to end
    Publish(PublishArguments),
}

/// Arguments of `agent install`.
#[derive(Args)]
pub struct InstallArguments {
    /// Directory that receives the binary `bcmp`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
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
    /// Exit with 0 if everything published before can be read by the tool's container, else with 1
    #[arg(long, action = ArgAction::SetTrue)]
    check: bool,
    #[command(flatten)]
    paths: ExchangePaths,
}

/// Where containers of a pod meet. Pods use the defaults.
#[derive(Args)]
struct ExchangePaths {
    /// What is to be published
    #[arg(long, hide = true, default_value = contract::OUTBOX_DIR)]
    outbox: PathBuf,
    /// What is published
    #[arg(long, hide = true, default_value = contract::PUBLISHED_DIR)]
    published: PathBuf,
    /// File for the container's last words
    #[arg(long, hide = true, default_value = contract::TERMINATION_LOG)]
    termination_log: PathBuf,
}

/// Does what the command says.
pub fn run(command: AgentCommand) -> ExitCode {
    match command {
        AgentCommand::Install(arguments) => super::finish(install::install(&arguments.directory).map(|_| ())),
        AgentCommand::Publish(PublishArguments { check: true, paths, .. }) => check(&paths.published),
        AgentCommand::Publish(arguments) => in_container(publish(&arguments), &arguments.paths.termination_log),
    }
}

fn check(published: &Path) -> ExitCode {
    if publish::is_ready(published) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why a container ends with a failure: what it leaves as last words, and its exit code.
struct Failure {
    reason: TerminationReason,
    message: String,
    exit_code: u8,
}

impl Failure {
    /// One that a new pod may not meet.
    fn passing(reason: TerminationReason, error: impl std::fmt::Display) -> Self {
        Self { reason, message: error.to_string(), exit_code: 1 }
    }
}

/// Runs a command of a container to its end.
fn in_container(command: impl Future<Output = Result<(), Failure>>, termination_log: &Path) -> ExitCode {
    super::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(Failure::passing(TerminationReason::Unknown, error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            termination::leave(termination_log, failure.reason, &failure.message);
            ExitCode::from(failure.exit_code)
        }
    }
}

async fn publish(arguments: &PublishArguments) -> Result<(), Failure> {
    let unpublished = |error: String| Failure::passing(TerminationReason::NotPublished, error);
    let (Some(namespace), Some(name)) = (&arguments.namespace, &arguments.config_map) else {
        return Err(unpublished("--namespace and --config-map are needed".into()));
    };
    let end = termination_signal()?;
    let mut config = kube::Config::infer().await.map_err(|error| unpublished(error.to_string()))?;
    // The store repeats calls itself, and knows for how long.
    config.default_retry = false;
    let client = kube::Client::try_from(config).map_err(|error| unpublished(error.to_string()))?;
    let store = Store::new(client, namespace, name, publish::PATIENCE);
    let publisher = Publisher::open(store, &arguments.paths.outbox, &arguments.paths.published)
        .map_err(|error| Failure::passing(TerminationReason::InvalidInput, error))?;
    publisher.run(wait_for(end)).await.map_err(|error| unpublished(error.to_string()))
}

fn termination_signal() -> Result<Signal, Failure> {
    signal(SignalKind::terminate()).map_err(|error| Failure::passing(TerminationReason::Unknown, error))
}

async fn wait_for(mut signal: Signal) {
    signal.recv().await;
}
