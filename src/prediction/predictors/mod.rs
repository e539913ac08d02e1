//! The list of predictors.
//!
//! Another one is one more folder here, and one more entry in [`PREDICTORS`].

pub mod aiconfigurator;
mod aisimulate;
pub mod predictor;

use self::aiconfigurator::Aiconfigurator;
use self::aisimulate::Aisimulate;
use self::predictor::{Files, Generator, PickError, Picked, Predictor, Wanted};

/// Every predictor whose output can be read.
pub const PREDICTORS: &[&dyn Predictor] = &[&Aiconfigurator, &Aisimulate];

/// The predictor that generates configurations: a comparison cannot name another.
pub const GENERATING: &dyn Generator = &Aiconfigurator;

/// The wanted row of whichever predictor's output the files are.
///
/// # Errors
/// No predictor recognizes the files, or the row cannot be picked.
pub fn pick(files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
    let predictor = PREDICTORS.iter().find(|predictor| predictor.recognizes(files));
    predictor.ok_or_else(|| PickError::NotFound { cure: format!("give {}", expected()) })?.pick(files, wanted)
}

/// Whether files look like any predictor's output.
pub fn is_output(files: &Files) -> bool {
    PREDICTORS.iter().any(|predictor| predictor.recognizes(files))
}

/// Whether any predictor needs a file of an output.
pub fn is_needed(path: &str) -> bool {
    PREDICTORS.iter().any(|predictor| predictor.needs(path))
}

/// What is read of outputs, for messages.
pub fn expected() -> String {
    PREDICTORS.iter().map(|predictor| predictor.output()).collect::<Vec<_>>().join(" or ")
}
