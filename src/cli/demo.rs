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
use super::simulated::{RealityArguments, SimulatedError, levels, on_virtual_time, plan, predictions};
use crate::api::Limit;
use crate::report::format::{duration, wrapped};
use crate::report::{HTML, JSON, LEVELS, render};
use crate::simulation::course::{Course, FinishedCourse};

/// The guide's experiment.
const GUIDE: &str = include_str!("../../config/samples/guide-to-verdict.yaml");

const LONG: &str = "\
Runs the guide's experiment from its creation to its verdict on a cluster in memory

Controller, sweep, judgement and report are the operator's own. The API server, the rest of the cluster, the clock and the
engines are simulated: engines batch, queue and share the time of their steps. Configurations and predictions come from
closed formulas over the same step times, in AIConfigurator's place. No GPU is measured.

The guide allows a TPOT of 7 ms, which one of its two configurations cannot meet at any load: there is no gain then. The
demo allows 25 ms, which both can meet; --tpot 7 is the guide's.";

const AFTER: &str = "\
Codes for --break: NotStreaming, ErrorRate, OutputLengthMismatch, ClientSaturated, PrefixCacheHits, Incomplete, ModelMismatch.
`kubectl bcmp explain CODE` says what each means.

Examples:
  bcmp demo
  bcmp demo --tpot 7                          the guide's own limit, which one side misses at every load
  bcmp demo --reality optimized=-15%          engines that are slower than predicted
  bcmp demo --break baseline@10=NotStreaming  a level that the audit rejects
  bcmp demo --kill-operator-at 7              an operator that dies and comes back: the numbers are the same";

/// Runs the guide's experiment on a cluster in memory
#[derive(Args)]
#[command(long_about = LONG, after_long_help = AFTER, after_help = "See --help for codes and examples.")]
pub struct DemoArgs {
    #[command(flatten)]
    reality: RealityArguments,
    /// Kills the operator after so many trials, and starts it again
    #[arg(long, value_name = "TRIALS", value_parser = clap::value_parser!(u32).range(1..))]
    kill_operator_at: Option<u32>,
    /// Largest mean time per output token, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 25, value_parser = clap::value_parser!(i32).range(1..=1000))]
    tpot: i32,
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
    let mut comparison = read_comparison(GUIDE).map_err(|error| SimulatedError::Failed(error.to_string()))?;
    comparison.spec.sla.tpot_milliseconds = Some(Limit::integer(arguments.tpot));
    let (name, seed) = (comparison.name_any(), arguments.reality.seed);
    let served =
        arguments.reality.served(&comparison, &levels(&comparison, &predictions(&plan(&comparison))?), None)?;
    let course =
        Course { comparison, config_maps: Default::default(), served, kill_operator_at: arguments.kill_operator_at };
    let show = |text: &str| super::print(text).map_err(|error| SimulatedError::Failed(error.to_string()));
    show(&format!("Simulated: cluster, clock and engines (seed {seed}). The operator is the real one.\n\n"))?;
    let width = Screen::of_process().width();
    let mut shown = Ok(());
    let over = course
        .run(|line| {
            let lines = line.wrapped(width).join("\n") + "\n";
            shown = std::mem::replace(&mut shown, Ok(())).and_then(|()| show(&lines));
        })
        .await?;
    shown?;
    show(&format!("\n$ kubectl bcmp get {name}\n"))?;
    get(&over, &name).await;
    let report = write(&over, &arguments.directory)?;
    let verdict = over.comparison.status.as_ref().and_then(|status| status.verdict.as_ref());
    let sentence =
        verdict.map_or("There is no verdict.".into(), |verdict| format!("{}: {}", verdict.result, verdict.summary));
    show(&format!(
        "\n{}\n\n{} on the simulated clock. Report: {}\n",
        wrapped("", 0, &sentence, width).join("\n"),
        duration(over.took.as_secs()),
        report.display()
    ))
}

/// What the plugin prints.
async fn get(over: &FinishedCourse, name: &str) {
    let namespace = over.comparison.namespace().unwrap_or_else(|| "default".into());
    let access = Access::Client(over.lab.cluster.client(), namespace);
    let plugin = Plugin::new(access, Arc::new(over.lab.cluster.clock()), Screen::of_process());
    plugin.run(["kubectl-bcmp", "get", name]).await;
}

/// Writes page, table and data; the page's path.
fn write(over: &FinishedCourse, directory: &Path) -> Result<PathBuf, SimulatedError> {
    let failed = |path: &Path, error: std::io::Error| {
        SimulatedError::Failed(format!("cannot write {}: {error}; name another directory with -d", path.display()))
    };
    let report = over.report().ok_or_else(|| SimulatedError::Failed("the operator wrote no report".into()))?;
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let files: BTreeMap<_, _> = render(&report);
    for (name, text) in files.into_iter().filter(|(name, _)| [HTML, LEVELS, JSON].contains(name)) {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(directory.join(HTML))
}
