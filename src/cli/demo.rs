//! `bcmp demo`: a comparison from its creation to its verdict, without a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use kube::ResourceExt;

use super::file::read_comparison;
use super::plugin::screen::Screen;
use super::plugin::{Access, Plugin};
use super::simulated::{Reality, SimulatedError, levels, on_virtual_time, plan, predictions};
use crate::report::format::duration;
use crate::report::{HTML, LEVELS, render};
use crate::simulation::course::{Course, Over};

/// The guide's experiment.
const GUIDE: &str = include_str!("../../config/samples/guide-runtime-1.3.yaml");

const LONG: &str = "\
Runs the guide's experiment from its creation to its verdict on a cluster in memory

Controller, sweep, judgement and report are the operator's own. Simulated are the API server, the rest of the cluster, the
clock, and the engines: they batch, queue and share the time of their steps. Configurations and predictions come from
closed formulas over the same step times, in AIConfigurator's place. No GPU is measured.";

const AFTER: &str = "\
Codes for --break: NotStreaming, ErrorRate, OutputLengthMismatch, ClientSaturated, PrefixCacheHits, Incomplete, ModelMismatch.
`kubectl bcmp explain CODE` says what each means.

Examples:
  bcmp demo
  bcmp demo --reality optimized=-15%          engines that are slower than predicted
  bcmp demo --break baseline@10=NotStreaming  a level that the audit rejects
  bcmp demo --kill-operator-at 7              an operator that dies and comes back: the numbers are the same";

/// Runs the guide's experiment on a cluster in memory
#[derive(Args)]
#[command(long_about = LONG, after_long_help = AFTER, after_help = "See --help for codes and examples.")]
pub struct DemoArgs {
    #[command(flatten)]
    reality: Reality,
    /// Kills the operator after so many trials, and starts it again
    #[arg(long, value_name = "TRIALS", value_parser = clap::value_parser!(u32).range(1..))]
    kill_operator_at: Option<u32>,
    /// Directory for the report
    #[arg(short, long, value_name = "DIR", default_value = "bcmp-demo")]
    directory: PathBuf,
}

/// Shows the course of the comparison and its verdict, and writes the report. Exit code 0, 1 on errors, 2 on wrong usage.
pub fn demo(arguments: DemoArgs) -> ExitCode {
    match on_virtual_time(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bcmp demo: {error}");
            error.exit_code().into()
        }
    }
}

async fn run(arguments: DemoArgs) -> Result<(), SimulatedError> {
    let comparison = read_comparison(GUIDE).map_err(|error| SimulatedError::Failed(error.to_string()))?;
    let (name, seed) = (comparison.name_any(), arguments.reality.seed);
    let served =
        arguments.reality.served(&comparison, &levels(&comparison, &predictions(&plan(&comparison))?), None)?;
    let course = Course { comparison, served, kill_operator_at: arguments.kill_operator_at };
    let show = |text: &str| super::print(text).map_err(|error| SimulatedError::Failed(error.to_string()));
    show(&format!("Simulated: cluster, clock and engines (seed {seed}). The operator is the real one.\n\n"))?;
    let mut shown = Ok(());
    let over = course
        .run(|line| shown = std::mem::replace(&mut shown, Ok(())).and_then(|()| show(&format!("{line}\n"))))
        .await?;
    shown?;
    show(&format!("\n$ kubectl bcmp get {name}\n"))?;
    get(&over, &name).await;
    let report = write(&over, &arguments.directory)?;
    let verdict = over.comparison.status.as_ref().and_then(|status| status.verdict.as_ref());
    let sentence =
        verdict.map_or("There is no verdict.".into(), |verdict| format!("{}: {}", verdict.result, verdict.summary));
    show(&format!(
        "\n{sentence}\n\n{} on the simulated clock. Report: {}\n",
        duration(over.took.as_secs()),
        report.display()
    ))
}

/// What the plugin prints.
async fn get(over: &Over, name: &str) {
    let namespace = over.comparison.namespace().unwrap_or_else(|| "default".into());
    let access = Access::Client(over.lab.cluster.client(), namespace);
    let plugin = Plugin::new(access, Arc::new(over.lab.cluster.clock()), Screen::of_process());
    plugin.run(["kubectl-bcmp", "get", name]).await;
}

/// Writes page and table; the page's path.
fn write(over: &Over, directory: &Path) -> Result<PathBuf, SimulatedError> {
    let failed = |path: &Path, error: std::io::Error| {
        SimulatedError::Failed(format!("cannot write {}: {error}; name another directory with -d", path.display()))
    };
    let report = over.report().ok_or_else(|| SimulatedError::Failed("the operator wrote no report".into()))?;
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let files: BTreeMap<_, _> = render(&report);
    for (name, text) in files.into_iter().filter(|(name, _)| [HTML, LEVELS].contains(name)) {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(directory.join(HTML))
}
