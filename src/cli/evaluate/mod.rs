//! `bcmp evaluate`: a comparison judged from files, without a cluster.

mod arguments;
mod inputs;
mod table;
mod text;

use std::process::ExitCode;

pub use arguments::EvaluateArgs;
use arguments::Format;

use crate::api::{BenchmarkComparison, FailOn, VerdictResult};
use crate::evaluation::{Evaluated, evaluate_known};

/// Something was wrong with the call: exit code 2.
const USAGE: u8 = 2;
/// The evidence does not suffice for an answer.
const INCONCLUSIVE: u8 = 3;
/// There is an answer, and `judgement.failOn` names it.
const CAUGHT: u8 = 4;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum EvaluateError {
    /// The call contradicts itself or the comparison.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used.
    #[error("{0}")]
    Failed(String),
}

/// Judges and prints; the exit code says how it went.
pub fn evaluate(arguments: EvaluateArgs) -> ExitCode {
    match answer(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("bcmp evaluate: {error}");
            match error {
                EvaluateError::Usage(_) => ExitCode::from(USAGE),
                EvaluateError::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn answer(arguments: &EvaluateArgs) -> Result<u8, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let comparison = inputs::comparison(&arguments.file)?;
    let known = inputs::known(&comparison.spec, &arguments.predictions, &arguments.results)?;
    let evaluated = evaluate_known(&comparison.spec, &known).map_err(|error| failed(&error))?;
    let printed = match arguments.output {
        Format::Text => text::text(&comparison, &known, &evaluated),
        Format::Json => serde_json::to_string_pretty(&evaluated.answer()).map_err(|error| failed(&error))? + "\n",
        Format::Yaml => serde_saphyr::to_string(&evaluated.answer()).map_err(|error| failed(&error))?,
    };
    super::print(&printed).map_err(|error| failed(&error))?;
    Ok(code(&comparison, &evaluated))
}

fn code(comparison: &BenchmarkComparison, evaluated: &Evaluated) -> u8 {
    if evaluated.judgement.verdict.result == VerdictResult::Inconclusive {
        return INCONCLUSIVE;
    }
    match evaluated.judgement.caught_by(&comparison.spec.judgement.fail_on) {
        None => 0,
        Some(caught) => {
            eprintln!("bcmp evaluate: {}, which judgement.failOn names", what(caught));
            CAUGHT
        }
    }
}

fn what(caught: FailOn) -> &'static str {
    match caught {
        FailOn::Inconclusive => "the evidence does not suffice (Inconclusive)",
        FailOn::Refuted => "the prediction is refuted (Refuted)",
        FailOn::SlaMissed => "no candidate keeps the SLA (SlaMissed)",
        FailOn::Inaccurate => "a prediction is off by more than the tolerance (Inaccurate)",
    }
}
