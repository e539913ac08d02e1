//! The command line: one binary for the operator, its agent and people.

mod agent;
mod controller;
#[cfg(feature = "simulation")]
mod demo;
#[cfg(feature = "simulation")]
mod dev;
mod evaluate;
#[cfg_attr(not(feature = "cel"), path = "file_without_cel.rs")]
pub mod file;
mod file_content;
pub mod plugin;
mod render;
#[cfg(feature = "simulation")]
mod simulate;
#[cfg(feature = "simulation")]
mod simulated;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Compares the predicted with the measured performance of LLM serving configurations
#[derive(Parser)]
#[command(name = "bcmp", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: BcmpCommand,
}

#[derive(Subcommand)]
enum BcmpCommand {
    /// Prints the CustomResourceDefinition, for `kubectl apply --server-side -f -`
    Crd,
    /// Runs the operator
    Controller(controller::ControllerArgs),
    Evaluate(evaluate::EvaluateArgs),
    Render(render::RenderArgs),
    #[cfg(feature = "simulation")]
    Demo(demo::DemoArgs),
    #[cfg(feature = "simulation")]
    Simulate(simulate::SimulateArgs),
    #[cfg(feature = "simulation")]
    Dev(dev::DevArgs),
    /// Runs inside the pods that the operator creates; not for direct use
    #[command(subcommand)]
    Agent(Box<agent::AgentCommand>),
}

/// Runs the command in the process's arguments.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        BcmpCommand::Crd => finish(print_crd()),
        BcmpCommand::Controller(arguments) => controller::controller(arguments),
        BcmpCommand::Evaluate(arguments) => evaluate::evaluate(arguments),
        BcmpCommand::Render(arguments) => render::render(&arguments),
        #[cfg(feature = "simulation")]
        BcmpCommand::Demo(arguments) => demo::demo(arguments),
        #[cfg(feature = "simulation")]
        BcmpCommand::Simulate(arguments) => simulate::simulate(&arguments),
        #[cfg(feature = "simulation")]
        BcmpCommand::Dev(arguments) => dev::dev(&arguments),
        BcmpCommand::Agent(command) => agent::run(*command),
    }
}

fn print_crd() -> Result<(), Box<dyn std::error::Error>> {
    print(&serde_saphyr::to_string(&crate::api::crd::crd())?)?;
    Ok(())
}

/// Writes to stdout. A closed pipe is not an error.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
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

/// Plain lines on stderr; `RUST_LOG` selects them, by default from level info on.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).try_init();
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
