//! What was generated for another run, for a comparison that is simulated.

use crate::api::{SourceKind, Variant};
use crate::manifests::variant::prepare_variant;
use crate::plan::Plan;
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome};

/// Configurations that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// A variant is not in them.
    #[error("the configurations have no variant {variant}, only {known}: use those of a run of this comparison")]
    Missing {
        /// What is looked for.
        variant: String,
        /// What there is.
        known: String,
    },
    /// The manifests of a variant cannot be deployed.
    #[error("variant {variant}: {why}")]
    NotDeployable {
        variant: String,
        /// What is wrong.
        why: String,
    },
}

/// The configurations as they are deployed for a plan: its fields and patches are applied to what the predictor wrote.
///
/// # Errors
/// See [`AdoptError`].
pub fn adopted(plan: &Plan, made: &Configurations) -> Result<Configurations, AdoptError> {
    let variants =
        plan.spec.variants.iter().map(|variant| of_variant(plan, variant, made)).collect::<Result<_, _>>()?;
    Ok(Configurations { variants, ..made.clone() })
}

fn of_variant(plan: &Plan, variant: &Variant, made: &Configurations) -> Result<Configuration, AdoptError> {
    let Some(found) = made.variants.iter().find(|of| of.variant == variant.name) else {
        let known = made.variants.iter().map(|of| of.variant.as_str()).collect::<Vec<_>>().join(", ");
        return Err(AdoptError::Missing { variant: variant.name.clone(), known });
    };
    let mut configuration = found.clone();
    let GenerationOutcome::Ready(ready) = &mut configuration.outcome else { return Ok(configuration) };
    let generated = match variant.source.kind {
        SourceKind::Naive | SourceKind::Recommended => ready.generated.as_deref(),
        SourceKind::Manifests => plan.given_manifests(variant),
        SourceKind::Endpoint => None,
    };
    if let Some(manifests) = generated {
        let prepared = prepare_variant(plan, variant, manifests)
            .map_err(|error| AdoptError::NotDeployable { variant: variant.name.clone(), why: error.to_string() })?;
        ready.objects = prepared.objects;
    }
    Ok(configuration)
}
