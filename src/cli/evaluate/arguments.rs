//! The arguments of `bcmp evaluate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::measurement::formats::expected;
use crate::prediction::predictors;

const LONG: &str = "\
Judges a comparison from result files, without a cluster

Reads the comparison, what was predicted for its variants and what was measured, audits every level, and prints the
`verdict` and the `variants` of a BenchmarkComparison's status. The operator judges in the same way.";

/// Formats are named from their list, so that a new one is never missing here.
fn after() -> String {
    let files = format!(
        "Results are directories (searched to the bottom), archives of them (.zip, .tar.gz) or single files, compressed with \
         gzip or not, of {}. A file is known by its content, whatever it is called. AIPerf's records are read with the summary \
         beside them. Which runs were judged, and which files not and why, is printed at the end. Predictions are {}, or \
         configurations the operator generated. A variant may go without either.",
        expected(),
        predictors::expected()
    );
    format!("{}\n\n{AFTER}", textwrap::fill(&files, 116))
}

const AFTER: &str = "\
Exit codes:
  0  answered
  1  a file cannot be used
  2  wrong usage
  3  inconclusive: the evidence does not suffice for an answer
  4  answered, but judgement.failOn names the outcome

Examples:
  Two directories of results, and what AIConfigurator promised for one of them:
    bcmp evaluate -f comparison.yaml --results baseline=runs/baseline --results optimized=runs/optimized \\
      --prediction optimized=aiconfigurator-output

  The verdict alone, for a script:
    bcmp evaluate -f comparison.yaml --results baseline=a --results optimized=b -o json | jq -r .verdict.result

  What the operator predicted for a run, against results measured by hand:
    kubectl get configmap qwen3-32b-r1-configurations -o yaml > predicted.yaml
    bcmp evaluate -f comparison.yaml --prediction baseline=predicted.yaml --prediction optimized=predicted.yaml \\
      --results baseline=a --results optimized=b";

/// Judges a comparison from result files, without a cluster
#[derive(Args)]
#[command(long_about = LONG, after_long_help = after(), after_help = "See --help for exit codes and examples.")]
pub struct EvaluateArgs {
    /// The BenchmarkComparison, as for `kubectl apply` (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// What is predicted for a variant
    #[arg(long = "prediction", value_name = "NAME=PATH", value_parser = named)]
    pub predictions: Vec<Named>,
    /// What was measured of a variant; may be given several times for one
    #[arg(long, value_name = "NAME=PATH", value_parser = named, required = true)]
    pub results: Vec<Named>,
    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Prints accepted levels for another tool instead of the answer
    #[arg(long, value_enum, value_name = "FORM")]
    pub export: Option<Export>,
    /// Where the report is written: SUMMARY.txt, levels.csv, report.json and report.html
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Forms of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people
    Text,
    /// `schemaVersion`, `verdict`, `variants` and `results`
    Json,
    /// The same
    Yaml,
}

/// What accepted levels are printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// AIConfigurator's silicon_refs.csv: measurements that its estimates are held to
    Silicon,
}

/// A path that belongs to a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The variant.
    pub variant: String,
    /// Where its files are.
    pub path: PathBuf,
}

/// Reads `NAME=PATH`.
///
/// # Errors
/// It has no name or no path.
pub fn named(text: &str) -> Result<Named, String> {
    match text.split_once('=') {
        Some((variant, path)) if !variant.is_empty() && !path.is_empty() => {
            Ok(Named { variant: variant.to_owned(), path: path.into() })
        }
        _ => Err("expected the name of a variant, `=` and a path, for example baseline=runs/baseline".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a=b", "a", "b")]
    #[case("a=b=c/d", "a", "b=c/d")]
    fn a_path_belongs_to_a_name(#[case] text: &str, #[case] variant: &str, #[case] path: &str) {
        assert_eq!(named(text).unwrap(), Named { variant: variant.into(), path: path.into() });
    }

    #[rstest]
    #[case("a")]
    #[case("=b")]
    #[case("a=")]
    #[case("")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(named(text).unwrap_err().starts_with("expected the name of a variant"));
    }
}
