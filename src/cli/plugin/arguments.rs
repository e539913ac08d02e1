//! What `kubectl bcmp` is told.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use strum::VariantNames;

use super::help;
use crate::api::{FailOn, Statistic};
use crate::cli::evaluate::Format;
use crate::cli::render::RenderSource;

/// Benchmark comparisons: watch them, read their answers, run them again
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
    /// Namespace of the comparison; default: the context's
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Kubeconfig; default: $KUBECONFIG, ~/.kube/config, or the pod's own account
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Lists comparisons, or shows one in short
    #[command(after_help = help::GET)]
    Get(Get),
    /// Follows a comparison until it is over
    #[command(after_help = help::WATCH)]
    Watch(Watch),
    /// Shows the report of a run, or writes it into a directory, with plots
    #[command(after_help = help::REPORT)]
    Report(Report),
    /// Shows what each run of the load tool measured
    #[command(after_help = help::RESULTS)]
    Results(Results),
    /// Says what a condition, a reason or an evidence code means, and what to do
    #[command(after_help = help::EXPLAIN)]
    Explain(Explain),
    /// Starts another run
    #[command(after_help = help::RERUN)]
    Rerun(Rerun),
    /// Ends the active run; its variants are torn down
    #[command(after_help = help::CANCEL)]
    Cancel(Cancel),
    /// Prints every object a run creates, of a file or of a comparison
    #[command(after_help = help::RENDER)]
    Render(Render),
    /// Judges a run's stored records anew, by the rules of today or by others
    #[command(after_help = help::EVALUATE)]
    Evaluate(Evaluate),
    /// Prints a script for the completion of a shell, or of kubectl
    #[command(after_help = help::COMPLETION)]
    Completion(Completion),
    /// What `kubectl_complete-bcmp` asks
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
    /// Names, for other commands
    Name,
}

#[derive(Args)]
pub struct Get {
    /// Comparisons; default: all of the namespace
    #[arg(value_name = "COMPARISON")]
    pub names: Vec<String>,
    /// Of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["names", "namespace"])]
    pub all_namespaces: bool,
    /// Those whose labels match, as for `kubectl get -l`
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// How it is printed; default: a table, or for one comparison its variants, levels and verdict
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Listing>,
}

#[derive(Args)]
pub struct Watch {
    /// The comparison
    pub comparison: String,
    #[command(flatten)]
    pub patience: Patience,
}

/// How long is waited.
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
    /// Number of the run; default: the last one
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub run: Option<i64>,
}

/// Files of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// SUMMARY.txt
    Text,
    /// report.json: everything
    Json,
    /// levels.csv: a row for each variant and concurrency
    Csv,
    /// report.html
    Html,
}

#[derive(Args)]
pub struct Report {
    /// The comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// Which of its files is printed
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportForm::Text)]
    pub output: ReportForm,
    /// Open the page in a browser
    #[arg(long, conflicts_with = "directory")]
    pub open: bool,
    /// Write all its files into a directory, and the plots as PNG into `plots/` below it
    #[arg(short, long, value_name = "DIR", conflicts_with = "output")]
    pub directory: Option<PathBuf>,
}

/// Forms of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultsForm {
    /// A table
    Table,
    /// The records, whole
    Json,
    /// A row for each run of the load tool
    Csv,
}

#[derive(Args)]
pub struct Results {
    /// The comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// Of this variant alone
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// How they are printed
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ResultsForm::Table)]
    pub output: ResultsForm,
    /// Write the load tool's own summaries, as far as they are kept, into a directory
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

#[derive(Args)]
pub struct Explain {
    /// A condition's type, a reason or an evidence code; default: all are listed
    pub topic: Option<String>,
}

#[derive(Args)]
pub struct Rerun {
    /// The comparison
    pub comparison: String,
    /// Ask for it even while a run is active
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
    /// Follow the run until it is over; exit codes as of `watch`
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct Cancel {
    /// The comparison
    pub comparison: String,
    /// Wait until everything is torn down
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct Render {
    /// The comparison, with the plan and the configurations of its run
    #[arg(conflicts_with = "file", required_unless_present = "file")]
    pub comparison: Option<String>,
    #[command(flatten)]
    pub run: RunNumber,
    #[command(flatten)]
    pub source: RenderSource,
}

#[derive(Args)]
pub struct Evaluate {
    /// The comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// Judge by the rules of this BenchmarkComparison (`-` for standard input); default: those of the object
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub rules: Rules,
    /// How the answer is printed
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    pub output: Format,
    /// Where the report is written: SUMMARY.txt, levels.csv, report.json and report.html
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Single rules, over those of the object or the file. What they may be is the CRD's to say.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Rules")]
pub struct Rules {
    /// judgement.accuracyTolerancePercent
    #[arg(long, value_name = "PERCENT")]
    pub accuracy_tolerance_percent: Option<String>,
    /// judgement.equivalenceMarginPercent
    #[arg(long, value_name = "PERCENT")]
    pub equivalence_margin_percent: Option<String>,
    /// evidence.maximumErrorPercent
    #[arg(long, value_name = "PERCENT")]
    pub maximum_error_percent: Option<String>,
    /// evidence.lengthTolerancePercent
    #[arg(long, value_name = "PERCENT")]
    pub length_tolerance_percent: Option<String>,
    /// evidence.minimumRequests
    #[arg(long, value_name = "COUNT")]
    pub minimum_requests: Option<u32>,
    /// sla.statistic
    #[arg(long, value_name = "STATISTIC", value_parser = variants_of::<Statistic>())]
    pub statistic: Option<Statistic>,
    /// judgement.failOn
    #[arg(long, value_name = "OUTCOME,…", value_delimiter = ',', value_parser = variants_of::<FailOn>())]
    pub fail_on: Option<Vec<FailOn>>,
}

/// Takes the values of an enum of the API, as they are written there.
fn variants_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantNames + FromStr<Err = strum::ParseError> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).try_map(|text| text.parse())
}

/// What a completion script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Of `kubectl-bcmp` in bash
    Bash,
    /// Of `kubectl-bcmp` in zsh
    Zsh,
    /// Of `kubectl-bcmp` in fish
    Fish,
    /// Of `kubectl bcmp`: the executable kubectl_complete-bcmp
    Kubectl,
}

#[derive(Args)]
pub struct Completion {
    /// The shell, or kubectl
    pub shell: Shell,
}

#[derive(Args)]
pub struct Complete {
    /// The words typed so far; the last one is to be completed
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub words: Vec<String>,
}
