//! The command line: one binary for the operator, its agent and people.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::agent;

/// Compares how LLM serving configurations were predicted to perform with how they do perform.
#[derive(Parser)]
#[command(name = "bcmp", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the CustomResourceDefinition as YAML, for `kubectl apply --server-side -f -`
    Crd,
    /// Runs inside the pods the operator creates; not for people
    #[command(subcommand)]
    Agent(AgentCommand),
}

#[derive(Subcommand)]
enum AgentCommand {
    /// Copies this binary into a directory that other containers mount
    Install(InstallArguments),
}

#[derive(Args)]
struct InstallArguments {
    /// Directory that receives the binary `bcmp`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Parses the process's arguments and does what they say.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Crd => finish(print_crd()),
        Command::Agent(command) => run_agent(command),
    }
}

fn run_agent(command: AgentCommand) -> ExitCode {
    match command {
        AgentCommand::Install(arguments) => finish(agent::install::install(&arguments.directory).map(|_| ())),
    }
}

fn print_crd() -> Result<(), Box<dyn std::error::Error>> {
    let yaml = serde_saphyr::to_string(&crate::api::crd::crd())?;
    Ok(io::stdout().lock().write_all(yaml.as_bytes())?)
}

/// Exit code 0, or 1 with the error on stderr.
fn finish<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bcmp: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
