//! A claim in files that are given with a comparison (`variants[].claim`), for what is deployed.

use super::checks::{Checked, check};
use super::claim::PredictedClaim;
use super::offline::{NotDeployed, claim_held, origin_of, pick_deployed};
use super::predictors::pick_of;
use super::predictors::predictor::{Files, PickError, Wanted};
use super::serving::Shape;
use crate::api::{ClaimPredictor, Finding};

/// Why given files claim nothing for a variant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotClaimed {
    /// The files are unreadable, or of something else.
    #[error(transparent)]
    Pick(PickError),
    /// They are of other engines.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// Nobody knows what they would have to be of.
    #[error(
        "whether it is for what is deployed is unknown ({0}): describe the engines in the variant's shape (tensorParallel, \
         replicas, maxBatchSize)"
    )]
    UnknownShape(String),
    /// They promise to miss the SLA, which no measurement could keep.
    #[error("claims nothing within the SLA: {0}: predict a load that meets it, or relax spec.sla")]
    MissesSla(String),
}

impl From<PickError> for NotClaimed {
    fn from(error: PickError) -> Self {
        match error {
            PickError::NoFeasibleConfiguration(nearest) => Self::MissesSla(nearest.found()),
            error => Self::Pick(error),
        }
    }
}

/// A claim that was given with the comparison, held against what is deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedClaim {
    pub claim: PredictedClaim,
    /// What is doubtful about it.
    pub findings: Vec<Finding>,
}

/// The claim of the named predictor for what is deployed. `shape`: what is deployed, or why
/// it is unknown.
///
/// # Errors
/// The files are not for this comparison or not for what is deployed: nobody pays for GPUs to hold something else against
/// them.
pub fn given_claim(
    predictor: ClaimPredictor,
    files: &Files,
    wanted: &Wanted<'_>,
    shape: Result<&Shape, &str>,
) -> Result<CheckedClaim, NotClaimed> {
    let picked = pick_of(predictor, files, wanted)?;
    let shape = shape.map_err(|why| NotClaimed::UnknownShape(why.to_owned()))?;
    let picked = pick_deployed(picked, shape, wanted)?;
    let (claim, gap) = claim_held(&picked.row, Some(shape), None, wanted.gpus);
    let mut findings = check(&Checked {
        row: Some(&picked.row),
        shape: Some(shape),
        curve: None,
        input_tokens: wanted.input_tokens,
        origin: Some(&origin_of(&picked)),
    });
    findings.extend(gap);
    Ok(CheckedClaim { claim: PredictedClaim { predictor: Some(predictor), ..claim }, findings })
}
