//! `bcmp evaluate`: a comparison judged from files, without a cluster.

mod arguments;
mod inputs;
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use arguments::Export;
pub use arguments::{EvaluateArgs, Format, Named, named};
pub use inputs::{comparison, content, text_at};
use kube::ResourceExt;

use super::plugin::screen::Screen;
use crate::agent::directory::Directory;
use crate::api::{BenchmarkComparison, FailOn, VerdictResult};
use crate::offline::measured::Inputs;
use crate::offline::silicon::{self, Silicon};
use crate::offline::{Evaluated, OfflineVariant, evaluate_known};
use crate::report::{Report, ReportSubject, render};
use crate::verdict::conditions::caught_by;

/// Something was wrong with the call: exit code 2.
const USAGE: u8 = 2;
/// The evidence does not suffice for an answer.
pub const INCONCLUSIVE: u8 = 3;
/// There is an answer, and `judgement.failOn` names it.
pub const CAUGHT: u8 = 4;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The call contradicts itself or the comparison.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used.
    #[error("{0}")]
    Failed(String),
}

impl EvaluateError {
    /// The exit code for it.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Failed(_) => 1,
        }
    }
}

/// Judges and prints; the exit code tells scripts the outcome.
pub fn evaluate(arguments: EvaluateArgs) -> ExitCode {
    match answer(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("bcmp evaluate: {error}");
            error.exit_code().into()
        }
    }
}

fn answer(arguments: &EvaluateArgs) -> Result<u8, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let comparison = inputs::comparison(&arguments.file)?;
    let (known, files) = inputs::known(&comparison.spec, &arguments.predictions, &arguments.results)?;
    let evaluated = evaluate_known(&comparison.spec, &known).map_err(|error| failed(&error))?;
    if let Some(directory) = &arguments.report {
        write_report(directory, &comparison, &evaluated)?;
    }
    if let Some(Export::Silicon) = arguments.export {
        return exported(&comparison, &known, &evaluated);
    }
    let text = answered(&comparison, &known, &files, &evaluated, arguments.output, Screen::of_process().width())?;
    super::print(&text).map_err(|error| failed(&error))?;
    let (code, caught) = code(&comparison, &evaluated);
    if let Some(caught) = caught {
        eprintln!("bcmp evaluate: {caught}");
    }
    Ok(code)
}

/// Prints accepted levels as AIConfigurator's references; what is not among them is told on standard error.
fn exported(
    comparison: &BenchmarkComparison,
    known: &BTreeMap<String, OfflineVariant>,
    evaluated: &Evaluated,
) -> Result<u8, EvaluateError> {
    let Silicon { table, left_out } = silicon::export(&comparison.name_any(), &comparison.spec, known, evaluated);
    super::print(&table).map_err(|error| EvaluateError::Failed(error.to_string()))?;
    left_out.iter().for_each(|(variant, why)| eprintln!("bcmp evaluate: {variant} is left out: {why}"));
    Ok(0)
}

/// The answer in the requested format; as text for so many columns.
pub fn answered(
    comparison: &BenchmarkComparison,
    known: &BTreeMap<String, OfflineVariant>,
    files: &BTreeMap<String, Inputs>,
    evaluated: &Evaluated,
    form: Format,
    width: usize,
) -> Result<String, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    Ok(match form {
        Format::Text => text::text(comparison, known, evaluated, width) + &text::files(files, width),
        Format::Json => serde_json::to_string_pretty(&evaluated.answer(files)).map_err(|error| failed(&error))? + "\n",
        Format::Yaml => serde_saphyr::to_string(&evaluated.answer(files)).map_err(|error| failed(&error))?,
    })
}

/// Writes the report's files, over those of an earlier report.
pub fn write_report(
    directory: &Path,
    comparison: &BenchmarkComparison,
    evaluated: &Evaluated,
) -> Result<(), EvaluateError> {
    let unwritten = |error: std::io::Error| EvaluateError::Failed(error.to_string());
    let subject = ReportSubject { namespace: comparison.namespace(), name: comparison.name_any() };
    let report = Report::new(subject, comparison.spec.clone(), &evaluated.judged, evaluated.variants.clone(), true);
    let directory = Directory::given(directory).map_err(unwritten)?;
    for (name, content) in render(&report) {
        directory.write(name, content.as_bytes()).map_err(unwritten)?;
    }
    Ok(())
}

/// The exit code of an answer, and what `judgement.failOn` caught of it.
pub fn code(comparison: &BenchmarkComparison, evaluated: &Evaluated) -> (u8, Option<String>) {
    match caught_by(&evaluated.judged, &comparison.spec.judgement.fail_on) {
        None | Some(FailOn::Inconclusive) if evaluated.verdict.result == VerdictResult::Inconclusive => {
            (INCONCLUSIVE, None)
        }
        None => (0, None),
        Some(caught) => (CAUGHT, Some(format!("{}, which judgement.failOn names", what(caught)))),
    }
}

fn what(caught: FailOn) -> &'static str {
    match caught {
        FailOn::Inconclusive => "the evidence does not suffice (Inconclusive)",
        FailOn::Refuted => "the prediction is refuted (Refuted)",
        FailOn::SlaMissed => "no candidate meets the SLA (SlaMissed)",
        FailOn::Inaccurate => "estimates are off by more than the tolerance (Inaccurate)",
        FailOn::ClaimMissed => "a claim is missed (ClaimMissed)",
        FailOn::Regressed => "a candidate is worse than the baseline (Regressed)",
    }
}
