//! The arguments of `kubectl bcmp`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use strum::VariantNames;

use super::{help, verbs};
use crate::api::FailOn;
use crate::cli::evaluate::Format;
use crate::cli::render::RenderSource;
use crate::plan::Component;

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
pub struct PluginCli {
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
    Get(GetArguments),
    /// Follows a comparison until it is finished
    #[command(after_help = help::WATCH)]
    Watch(WatchArguments),
    /// Shows the report of a run, or writes it with plots into a directory
    #[command(after_help = help::REPORT)]
    Report(ReportArguments),
    /// Shows every trial of a run
    #[command(after_help = help::RESULTS)]
    Results(ResultsArguments),
    /// Explains a condition, reason, evidence code, verdict result, column or term, and what to do
    #[command(after_help = help::EXPLAIN)]
    Explain(ExplainArguments),
    /// Starts another run
    #[command(after_help = help::RERUN)]
    Rerun(RerunArguments),
    /// Cancels the active run and tears its variants down
    #[command(after_help = help::CANCEL)]
    Cancel(CancelArguments),
    /// Stops the active run, and says when its GPUs are free
    #[command(after_help = verbs::STOP)]
    Stop(StopArguments),
    /// Tears the active run down until it is resumed, and keeps what it measured
    #[command(after_help = verbs::SUSPEND)]
    Suspend(SuspendArguments),
    /// Resumes a suspended comparison
    #[command(after_help = verbs::RESUME)]
    Resume(ResumeArguments),
    /// Shows the objects of a run as a tree: nodes, GPUs, age, finalizers, and what holds GPUs
    #[command(after_help = verbs::TREE)]
    Tree(TreeArguments),
    /// Prints the logs of the load tool, the generator or the servers of a run
    #[command(after_help = verbs::LOGS)]
    Logs(LogsArguments),
    /// Writes everything about a run into an archive for whoever helps you; never a Secret
    #[command(after_help = verbs::BUNDLE)]
    Bundle(BundleArguments),
    /// Shows two runs side by side: what differs, what each found, and their levels
    #[command(after_help = verbs::COMPARE)]
    Compare(CompareArguments),
    /// Prints the winner of a run as manifests to deploy
    #[command(after_help = verbs::PROMOTE)]
    Promote(PromoteArguments),
    /// Checks whether the cluster has what a comparison needs
    #[command(after_help = verbs::CHECK)]
    Check(CheckArguments),
    /// Writes a first comparison from what the cluster has
    #[command(after_help = verbs::INIT)]
    Init(InitArguments),
    /// Serves a page of all comparisons on this machine, with your own rights
    #[command(after_help = verbs::SERVE)]
    Serve(ServeArguments),
    /// Prints every object that a run creates, for a file or a comparison
    #[command(after_help = help::RENDER)]
    Render(RenderArguments),
    /// Judges the stored trials of a run again, by current or other rules
    #[command(after_help = help::EVALUATE)]
    Evaluate(EvaluateArguments),
    /// Prints a completion script for a shell or for kubectl
    #[command(after_help = help::COMPLETION)]
    Completion(CompletionArguments),
    /// Answers `kubectl_complete-bcmp`
    #[command(name = "__complete", hide = true, disable_help_flag = true)]
    Complete(CompleteArguments),
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
pub struct GetArguments {
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
pub struct WatchArguments {
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
pub struct ReportArguments {
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
pub struct ResultsArguments {
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
pub struct ExplainArguments {
    /// A condition, a reason, an evidence code, a verdict result, a column or a term [default: lists all]
    pub topic: Vec<String>,
}

#[derive(Args)]
pub struct RerunArguments {
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
pub struct CancelArguments {
    /// Name of the comparison
    pub comparison: String,
    /// Wait until everything is torn down
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct StopArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct SuspendArguments {
    /// Name of the comparison
    pub comparison: String,
    /// Wait until its GPUs are free
    #[arg(long, action = ArgAction::SetTrue)]
    pub wait: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args)]
pub struct ResumeArguments {
    /// Name of the comparison
    pub comparison: String,
}

#[derive(Args)]
pub struct TreeArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
}

/// Pods with logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogsOf {
    /// The load tool
    Load,
    /// The predictor
    Generate,
    /// The servers: frontends and engines
    Server,
}

impl From<LogsOf> for Component {
    fn from(of: LogsOf) -> Self {
        match of {
            LogsOf::Load => Self::Load,
            LogsOf::Generate => Self::Generate,
            LogsOf::Server => Self::Server,
        }
    }
}

#[derive(Args)]
pub struct LogsArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// Only pods of this variant
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Which pods [default: the load tool's; before it runs, the predictor's; else the servers']
    #[arg(long, value_enum, value_name = "WHAT")]
    pub of: Option<LogsOf>,
    /// Container [default: the one that does the work]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Follow the logs until they end
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub follow: bool,
    /// The logs of the containers before their last restart
    #[arg(short, long, action = ArgAction::SetTrue, conflicts_with = "follow")]
    pub previous: bool,
    /// Only so many lines from the end of each log
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(0..))]
    pub tail: Option<i64>,
}

#[derive(Args)]
pub struct BundleArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// The archive [default: NAME-rRUN-bundle.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
}

/// A run of a comparison, written `NAME` or `NAME:RUN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOf {
    pub comparison: String,
    /// Absent: the last one.
    pub run: Option<i64>,
}

impl FromStr for RunOf {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, run)) = text.split_once(':') else { return Ok(Self { comparison: text.into(), run: None }) };
        let run = run.parse().ok().filter(|run| *run > 0).ok_or("a run is a number from 1: write NAME:RUN")?;
        Ok(Self { comparison: name.into(), run: Some(run) })
    }
}

/// Forms of two runs side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareForm {
    /// What differs, what each found, and a table
    Table,
    /// A row per variant and level
    Csv,
}

#[derive(Args)]
pub struct CompareArguments {
    /// A comparison, or one of its runs
    #[arg(value_name = "NAME[:RUN]")]
    pub a: RunOf,
    /// What it is compared with
    #[arg(value_name = "NAME[:RUN]")]
    pub b: RunOf,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = CompareForm::Table)]
    pub output: CompareForm,
}

#[derive(Args)]
pub struct PromoteArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// This variant instead of the winner
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
}

#[derive(Args)]
pub struct CheckArguments {
    /// A comparison in the cluster whose needs are checked [default: what every comparison needs]
    #[arg(conflicts_with = "file")]
    pub comparison: Option<String>,
    /// A comparison in a file (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Before bcmp is installed: do not look for it
    #[arg(long, action = ArgAction::SetTrue)]
    pub pre: bool,
    /// Pull the images that the comparison names, on nodes on which they are to run: a Job for each, without GPUs
    #[arg(long, action = ArgAction::SetTrue)]
    pub pull: bool,
    /// Give up pulling after this time, for example `90s`, `30m` or `1h 30m`
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10m", requires = "pull")]
    pub timeout: Duration,
}

#[derive(Args)]
pub struct InitArguments {
    /// Name of the new comparison
    #[arg(default_value = "first-comparison")]
    pub name: String,
    /// Model, as Hugging Face knows it [default: the guide's]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The file (`-` for standard output)
    #[arg(short, long, value_name = "FILE", default_value = "comparison.yaml")]
    pub output: PathBuf,
    /// Replace the file if it exists
    #[arg(long, action = ArgAction::SetTrue)]
    pub force: bool,
}

#[derive(Args)]
pub struct ServeArguments {
    /// Comparisons of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
}

#[derive(Args)]
pub struct RenderArguments {
    /// Name of a comparison in the cluster
    #[arg(conflicts_with = "file", required_unless_present = "file")]
    pub comparison: Option<String>,
    #[command(flatten)]
    pub run: RunNumber,
    #[command(flatten)]
    pub source: RenderSource,
}

#[derive(Args)]
pub struct EvaluateArguments {
    /// Name of the comparison
    pub comparison: String,
    #[command(flatten)]
    pub run: RunNumber,
    /// BenchmarkComparison with the rules to judge by (`-` for standard input) [default: the object's]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub rules: RuleOverrides,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    pub output: Format,
    /// Write SUMMARY.txt, levels.csv, report.json and report.html into this directory
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// A number of percent, as it is written.
fn percent(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(text.to_owned()),
        _ => Err("write a number without %, for example 10".into()),
    }
}

/// Single rules, which override those of the object or the file. The CRD says which values are valid.
#[derive(Args, Clone, Debug, Default)]
pub struct RuleOverrides {
    /// judgement.accuracyTolerancePercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT", value_parser = percent)]
    pub accuracy_tolerance_percent: Option<String>,
    /// judgement.equivalenceMarginPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT", value_parser = percent)]
    pub equivalence_margin_percent: Option<String>,
    /// evidence.maximumErrorPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT", value_parser = percent)]
    pub maximum_error_percent: Option<String>,
    /// evidence.lengthTolerancePercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT", value_parser = percent)]
    pub length_tolerance_percent: Option<String>,
    /// judgement.assumedScatterPercent
    #[arg(long, help_heading = "Rules", value_name = "PERCENT", value_parser = percent)]
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
pub struct CompletionArguments {
    /// What to complete
    pub shell: Shell,
}

#[derive(Args)]
pub struct CompleteArguments {
    /// The words typed so far; the last one is completed
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub words: Vec<String>,
}
