//! `bcmp dev`: the cluster in memory as a server, for kubectl and the plugin.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::simulated::SimulatedError;
use crate::simulation::dev::{kubeconfig, serve};
use crate::simulation::serving::reality::SimulatedServing;

const LONG: &str = "\
Serves a simulated cluster with the operator on it, for kubectl and kubectl bcmp

It has two nodes with 8 GPUs each, Dynamo's kinds, and nothing that outlives it. The address is this machine's own (127.0.0.1);
anybody on this machine may use it. The simulated clock runs 60 times as fast as real time. Ctrl-C ends it.";

const AFTER: &str = "\
Examples:
  bcmp dev
  export KUBECONFIG=$PWD/bcmp-dev.kubeconfig     # in another terminal
  kubectl apply -f comparison.yaml
  kubectl get bcmp -w";

/// Serves a simulated cluster with the operator on it, for kubectl
#[derive(Args)]
#[command(long_about = LONG, after_long_help = AFTER, after_help = "See --help for examples.")]
pub struct DevArgs {
    /// Port on 127.0.0.1; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Seconds on the simulated clock for each real one
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: u32,
    /// Random seed: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for kubectl, removed at the end
    #[arg(long, value_name = "FILE", default_value = "bcmp-dev.kubeconfig")]
    kubeconfig: PathBuf,
}

/// Serves until it is asked to end. Exit code 0, 1 on errors.
pub fn dev(arguments: &DevArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let failed = |error: &dyn std::fmt::Display| SimulatedError::Failed(error.to_string());
    let done = runtime.map_err(|error| failed(&error)).and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bcmp dev: {error}");
            error.exit_code().into()
        }
    }
}

async fn run(arguments: &DevArgs) -> Result<(), SimulatedError> {
    let failed = |what: String, error: std::io::Error| SimulatedError::Failed(format!("{what}: {error}"));
    let port = arguments.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener =
        listener.map_err(|error| failed(format!("cannot listen on 127.0.0.1:{port}; use --port 0"), error))?;
    let address = listener.local_addr().map_err(|error| failed("cannot listen".into(), error))?;
    let path = std::path::absolute(&arguments.kubeconfig).unwrap_or_else(|_| arguments.kubeconfig.clone());
    let ended = ended().map_err(|error| failed("cannot wait for signals".into(), error))?;
    let config =
        serde_saphyr::to_string(&kubeconfig(address)).map_err(|error| SimulatedError::Failed(error.to_string()))?;
    write_new(&path, &config).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => SimulatedError::Failed(format!(
            "{} exists: another bcmp dev may use it; delete it if not, or name another file with --kubeconfig",
            path.display()
        )),
        _ => failed(format!("cannot write {}; name another file with --kubeconfig", path.display()), error),
    })?;
    let shown = super::print(&format!(
        "Simulated cluster on http://{address}, clock × {}. Ctrl-C ends it.\n\nexport KUBECONFIG={}\n",
        arguments.speed,
        path.display()
    ));
    let served = SimulatedServing { seed: arguments.seed, ..SimulatedServing::default() };
    let result = serve(listener, served, arguments.speed, ended).await;
    let _ = std::fs::remove_file(&path);
    shown.and(result).map_err(|error| failed("the server ended".into(), error))
}

/// Writes all or nothing, for its owner alone, and never overwrites a file: it might be somebody's way to a real cluster.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

/// Over when somebody asks the process to end.
fn ended() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
