//! `bcmp evaluate`: a comparison judged from files, without a cluster.

mod arguments;
mod inputs;
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

pub use arguments::{EvaluateArgs, Format, Named, named};
pub use inputs::{comparison, text_at};
use kube::ResourceExt;

use crate::api::{BenchmarkComparison, FailOn, VerdictResult};
use crate::offline::{Evaluated, Known, evaluate_known};
use crate::report::{Report, Subject, render};

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
    let known = inputs::known(&comparison.spec, &arguments.predictions, &arguments.results)?;
    let evaluated = evaluate_known(&comparison.spec, &known).map_err(|error| failed(&error))?;
    if let Some(directory) = &arguments.report {
        write_report(directory, &comparison, &evaluated)?;
    }
    super::print(&answered(&comparison, &known, &evaluated, arguments.output)?).map_err(|error| failed(&error))?;
    let (code, caught) = code(&comparison, &evaluated);
    if let Some(caught) = caught {
        eprintln!("bcmp evaluate: {caught}");
    }
    Ok(code)
}

/// The answer in the requested format.
pub fn answered(
    comparison: &BenchmarkComparison,
    known: &BTreeMap<String, Known>,
    evaluated: &Evaluated,
    form: Format,
) -> Result<String, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    Ok(match form {
        Format::Text => text::text(comparison, known, evaluated),
        Format::Json => serde_json::to_string_pretty(&evaluated.answer()).map_err(|error| failed(&error))? + "\n",
        Format::Yaml => serde_saphyr::to_string(&evaluated.answer()).map_err(|error| failed(&error))?,
    })
}

/// Writes the report's files, over those of an earlier report.
pub fn write_report(
    directory: &Path,
    comparison: &BenchmarkComparison,
    evaluated: &Evaluated,
) -> Result<(), EvaluateError> {
    let unwritten = |path: &Path, error: std::io::Error| EvaluateError::Failed(format!("{}: {error}", path.display()));
    let subject = Subject { namespace: comparison.namespace(), name: comparison.name_any() };
    let Evaluated { case, judgement, variants } = evaluated;
    let report = Report::new(subject, comparison.spec.clone(), case, variants.clone(), Some(judgement));
    std::fs::create_dir_all(directory).map_err(|error| unwritten(directory, error))?;
    for (name, content) in render(&report) {
        let path = directory.join(name);
        std::fs::write(&path, content).map_err(|error| unwritten(&path, error))?;
    }
    Ok(())
}

/// The exit code of an answer, and what `judgement.failOn` caught of it.
pub fn code(comparison: &BenchmarkComparison, evaluated: &Evaluated) -> (u8, Option<String>) {
    if evaluated.judgement.verdict.result == VerdictResult::Inconclusive {
        return (INCONCLUSIVE, None);
    }
    match evaluated.judgement.caught_by(&comparison.spec.judgement.fail_on) {
        None => (0, None),
        Some(caught) => (CAUGHT, Some(format!("{}, which judgement.failOn names", what(caught)))),
    }
}

fn what(caught: FailOn) -> &'static str {
    match caught {
        FailOn::Inconclusive => "the evidence does not suffice (Inconclusive)",
        FailOn::Refuted => "the prediction is refuted (Refuted)",
        FailOn::SlaMissed => "no candidate meets the SLA (SlaMissed)",
        FailOn::Inaccurate => "a prediction is off by more than the tolerance (Inaccurate)",
    }
}
