//! The list of predictors.
//!
//! Another one is one more folder here, and one more entry in [`PREDICTORS`].

pub mod aiconfigurator;
mod aisimulate;
pub mod predictor;

use self::aiconfigurator::Aiconfigurator;
use self::aisimulate::Aisimulate;
use self::predictor::{Files, Generator, PickError, Picked, Predictor, Wanted};
use crate::api::{ClaimPredictor, PredictorKind};

/// Every predictor whose output can be read.
pub const PREDICTORS: &[&dyn Predictor] = &[&Aiconfigurator, &Aisimulate];

/// The predictor that generates configurations.
pub fn generating(kind: PredictorKind) -> &'static dyn Generator {
    match kind {
        PredictorKind::Aiconfigurator => &Aiconfigurator,
    }
}

/// The wanted row of whichever predictor's output the files are.
///
/// # Errors
/// No predictor recognizes the files, or the row cannot be picked.
pub fn pick(files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
    let predictor = PREDICTORS.iter().find(|predictor| predictor.recognizes(files));
    predictor.ok_or_else(|| PickError::NotFound { cure: format!("give {}", expected()) })?.pick(files, wanted)
}

/// The wanted row of the output of one predictor.
///
/// # Errors
/// The files are not its output, or the row cannot be picked.
pub fn pick_of(kind: ClaimPredictor, files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
    let recognizes = |predictor: &&&dyn Predictor| predictor.recognizes(files);
    let is_named = |predictor: &&&dyn Predictor| predictor.kind() == kind;
    match PREDICTORS.iter().filter(is_named).find(recognizes) {
        Some(predictor) => predictor.pick(files, wanted),
        None => Err(match PREDICTORS.iter().find(recognizes) {
            Some(other) => PickError::OtherPredictor { found: other.kind(), named: kind },
            None => {
                let output = PREDICTORS.iter().find(is_named).map_or("", |predictor| predictor.output());
                PickError::NotFound { cure: format!("put the files of {output} into it, a key for each") }
            }
        }),
    }
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

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_name_of_the_api_is_one_predictor() {
        let named = |kind: ClaimPredictor| PREDICTORS.iter().filter(|predictor| predictor.kind() == kind).count();
        assert!(ClaimPredictor::iter().all(|kind| named(kind) == 1));
        assert_eq!(PREDICTORS.len(), ClaimPredictor::iter().count());
    }
}
