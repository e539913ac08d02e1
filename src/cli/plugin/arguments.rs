//! The arguments of `kubectl bcmp`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use strum::VariantNames;

use super::help;
use crate::api::FailOn;
use crate::cli::evaluate::Format;
use crate::cli::render::RenderSource;

/// Lists and follows benchmark comparisons, shows their results, starts and cancels runs
#[derive(Parser)]
#[command(
    name = "kubectl-bcmp",
    bin_name = "kubectl bcmp",
    version,
    arg_required_else_help = true,
    after_help = help::PLUGIN,
    subcommand_required = true
)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub command: Command,
}

/// Which cluster, and where in it.
#[derive(Args, Clone, Debug, Default)]
pub struct Connection {
    /// Namespace of the comparison [default: the context's]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// Context in the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Kubeconfig [default: $KUBECONFIG, ~/.kube/config, or the pod's own account]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Lists comparisons, or summarizes one
    #[command(after_help = help::GET)]
    Get(Get),
    /// Follows a comparison until it is finished
    #[command(after_help = help::WATCH)]
    Watch(Watch),
    /// Shows the report of a run, or writes it with plots into a directory
    #[command(after_help = help::REPORT)]
    Report(Report),
    /// Shows every trial of a run
    #[command(after_help = help::RESULTS)]
    Results(Results),
    /// Explains a condition, a reason, an evidence code or a verdict result, and what to do
    #[command(after_help = help::EXPLAIN)]
    Explain(Explain),
    /// Starts another run
    #[command(after_help = help::RERUN)]
    Rerun(Rerun),
    /// Cancels the active run and tears its variants down
    #[command(after_help = help::CANCEL)]
    Cancel(Cancel),
    /// Prints every object that a run creates, for a file or a comparison
    #[command(after_help = help::RENDER)]
    Render(Render),
    /// Judges the stored trials of a run again, by current or other rules
    #[command(after_help = help::EVALUATE)]
    Evaluate(Evaluate),
    /// Prints a completion script for a shell or for kubectl
    #[command(after_help = help::COMPLETION)]
    Completion(Completion),
    /// Answers `kubectl_complete-bcmp`
    #[command(name = "__complete", hide = true, disable_help_flag = true)]
    Complete(Complete),
}

/// Forms of a list of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// A table
    Table,
    /// A table with more columns
    Wide,
    /// The objects as JSON
    Json,
    /// The objects as YAML
    Yaml,
    /// Names only, for other commands
    Name,
}

#[derive(Args)]
pub struct Get {
    /// Names of comparisons [default: all in the namespace]
    #[arg(value_name = "COMPARISON")]
    pub names: Vec<String>,
    /// List all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["names", "namespace"])]
    pub all_namespaces: bool,
    /// List only comparisons with matching labels, as in `kubectl get -l`
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// Output format [default: a table, or for one name its variants, levels and verdict]
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Listing>,
}

#[derive(Args)]
pub struct Watch {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub patience: Patience,
}

/// How long to wait.
#[derive(Args, Clone, Copy, Debug)]
pub struct Patience {
    /// Give up after this time, for example `90s`, `30m` or `1h 30m` [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration: Option<Duration> = text.parse::<SignedDuration>().ok().and_then(|duration| duration.try_into().ok());
    duration.ok_or("not a duration: write for example 90s, 30m or \"1h 30m\"")
}

/// Which run.
#[derive(Args, Clone, Copy, Debug)]
pub struct RunNumber {
    /// Number of the run [default: the last one]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub run: Option<i64>,
}

/// Files of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// SUMMARY.txt
    Text,
    /// report.json, with everything
    Json,
    /// levels.csv, with a row per variant and level
    Csv,
    /// report.html
    Html,
}

#[derive(Args)]
pub struct Report {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// File of the report to print
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportForm::Text)]
    pub output: ReportForm,
    /// Open the page in a browser
    #[arg(long, conflicts_with = "directory")]
    pub open: bool,
    /// Write all files into this directory, and the plots as PNG into `plots/` below it
    #[arg(short, long, value_name = "DIR", conflicts_with = "output")]
    pub directory: Option<PathBuf>,
}

/// Forms of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultsForm {
    /// A table
    Table,
    /// The complete records
    Json,
    /// A row per trial
    Csv,
}

#[derive(Args)]
pub struct Results {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// Show only this variant
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ResultsForm::Table)]
    pub output: ResultsForm,
    /// Write the load tool's own summaries into this directory, as far as they are kept
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

#[derive(Args)]
pub struct Explain {
    /// A condition, a reason, an evidence code or a verdict result; default: lists all
    pub topic: Option<String>,
}

#[derive(Args)]
pub struct Rerun {
    /// Name of the comparison
    pub comparison: String,
    /// Start it even if a run is active
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
    /// Follow the run until it is finished, with the exit codes of `watch`
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct Cancel {
    /// Name of the comparison
    pub comparison: String,
    /// Wait until everything is torn down
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct Render {
    /// Name of a comparison in the cluster
    #[arg(conflicts_with = "file", required_unless_present = "file")]
    pub comparison: Option<String>,
    #[command(flatten)]
    pub run: RunNumber,
    #[command(flatten)]
    pub source: RenderSource,
}

#[derive(Args)]
pub struct Evaluate {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// BenchmarkComparison with the rules to judge by (`-` for standard input) [default: the object's]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub rules: Rules,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    pub output: Format,
    /// Write SUMMARY.txt, levels.csv, report.json and report.html into this directory
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Single rules, which override those of the object or the file. The CRD says which values are valid.
#[derive(Args, Clone, Debug, Default)]
pub struct Rules {
    /// judgement.accuracyTolerancePercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT")]
    pub accuracy_tolerance_percent: Option<String>,
    /// judgement.equivalenceMarginPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT")]
    pub equivalence_margin_percent: Option<String>,
    /// evidence.maximumErrorPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT")]
    pub maximum_error_percent: Option<String>,
    /// evidence.lengthTolerancePercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT")]
    pub length_tolerance_percent: Option<String>,
    /// judgement.assumedScatterPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT")]
    pub assumed_scatter_percent: Option<String>,
    /// judgement.failOn
    #[arg(long, help_heading = "Rules", value_name = "OUTCOME,…", value_delimiter = ',', value_parser = variants_of::<FailOn>())]
    pub fail_on: Option<Vec<FailOn>>,
}

/// Takes the values of an enum of the API, as they are written there.
fn variants_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantNames + FromStr<Err = strum::ParseError> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).try_map(|text| text.parse())
}

/// The shell that a completion script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// `kubectl-bcmp` in bash
    Bash,
    /// `kubectl-bcmp` in zsh
    Zsh,
    /// `kubectl-bcmp` in fish
    Fish,
    /// `kubectl bcmp`: the executable kubectl_complete-bcmp
    Kubectl,
}

#[derive(Args)]
pub struct Completion {
    /// What to complete
    pub shell: Shell,
}

#[derive(Args)]
pub struct Complete {
    /// The words typed so far; the last one is completed
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub words: Vec<String>,
}
