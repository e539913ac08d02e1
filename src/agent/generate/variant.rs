//! One variant: its manifests, what they deploy, and what is predicted for that.

use serde_json::Value;

use crate::api::{BenchmarkComparisonSpec, EvidenceCode, Finding, Reason, ServingMode, SourceKind, Variant};
use crate::lifecycle::stages::measure::MOST_DEPLOYMENTS;
use crate::manifests::variant::{Author, Prepared, instantiate, prepare_variant};
use crate::plan::Plan;
use crate::prediction::checks::{Checked, check};
use crate::prediction::configurations::{Configuration, GenerationOutcome, Ready};
use crate::prediction::given::{CheckedClaim, given_claim};
use crate::prediction::predictors::predictor::{
    DeployedEngine, Dialogue, Estimation, Generated, NotEstimated, NotGenerated, Task, Wanted,
};
use crate::prediction::{
    HubModel, Like, Prediction, PredictionOrigin, Row, Shape, claim_held, hinted_shape, read_backend, read_models,
    read_shape, same_model,
};

/// A variant before anything is predicted.
struct Drafted {
    objects: Vec<Value>,
    /// GPUs that it holds.
    gpus: u32,
    /// What is deployed, or why it cannot be determined.
    shape: Result<Shape, String>,
    /// The claim, as a row of the ranking.
    row: Option<Row>,
    /// The manifests as the predictor wrote them.
    generated: Option<String>,
    /// What is doubtful about generated manifests.
    findings: Vec<Finding>,
}

impl Drafted {
    fn engine(&self) -> DeployedEngine<'_> {
        DeployedEngine {
            generated: self.generated.is_some(),
            // Manifests may start another engine than the spec names.
            backend: read_backend(&self.objects),
            image: self.shape.as_ref().ok().and_then(|shape| shape.image.as_deref()),
        }
    }
}

/// The variant, ready to be deployed.
pub(super) fn configured(
    plan: &Plan,
    task: &Task<'_>,
    dialogue: &mut dyn Dialogue,
    variant: &Variant,
) -> Result<Ready, NotGenerated> {
    let drafted = match variant.source.kind {
        SourceKind::Naive => of_generated(plan, variant, dialogue.naive()?)?,
        SourceKind::Recommended => {
            let settings = variant.source.recommended.clone().unwrap_or_default();
            let rank = usize::try_from(settings.rank).unwrap_or(1);
            of_generated(plan, variant, dialogue.recommended(settings.serving_mode, rank)?)?
        }
        SourceKind::Manifests => {
            let drafted = drafted(plan, variant, own_manifests(plan, variant)?)?;
            of_the_model(&plan.spec, &drafted.objects)?;
            drafted
        }
        SourceKind::Endpoint => endpoint(variant),
    };
    let given = given(plan, task, variant, &drafted)?;
    let (prediction, shape) = predicted(task, dialogue, variant, &drafted, given)?;
    Ok(Ready { objects: drafted.objects, generated: drafted.generated, shape, prediction })
}

fn of_generated(plan: &Plan, variant: &Variant, generated: Generated) -> Result<Drafted, NotGenerated> {
    let Generated { manifests, row, finding } = generated;
    let drafted = drafted(plan, variant, &manifests)?;
    let findings = finding.into_iter().chain(drafted.findings).collect();
    Ok(Drafted { row, findings, ..drafted })
}

fn own_manifests<'p>(plan: &'p Plan, variant: &'p Variant) -> Result<&'p str, NotGenerated> {
    let given = plan.given_manifests(variant);
    given
        .ok_or_else(|| NotGenerated::refused(Reason::ManifestsNotFound, "the plan holds no manifests for this variant"))
}

/// Refuses manifests that start another model than the comparison is about: what they serve could not be compared.
pub(super) fn of_the_model(spec: &BenchmarkComparisonSpec, objects: &[Value]) -> Result<(), NotGenerated> {
    let names = [Some(spec.model.name.as_str()), spec.model.path.as_deref(), spec.predictor.model.as_deref()];
    let is_it = |model: &HubModel| names.iter().flatten().any(|name| same_model(&model.name, name));
    let Some(other) = read_models(objects).into_iter().find(|model| !is_it(model)) else { return Ok(()) };
    let message = format!(
        "the manifests start the model {}, and the comparison is about {}: compare variants of one model, and set model.name \
         to its name",
        other.name, spec.model.name
    );
    Err(NotGenerated::refused(Reason::ManifestsRefused, message))
}

/// Refuses a variant whose manifests start another revision of the model than those of a variant before it.
pub(super) fn of_one_revision(variants: &mut [Configuration]) {
    let mut first: Option<(String, String)> = None;
    for Configuration { variant, outcome } in variants {
        let GenerationOutcome::Ready(ready) = &*outcome else { continue };
        let Some(revision) = read_models(&ready.objects).into_iter().find_map(|model| model.revision) else { continue };
        match &first {
            None => first = Some((variant.clone(), revision)),
            Some((_, known)) if *known == revision => {}
            Some((other, known)) => {
                let message = format!(
                    "the manifests start revision {revision} of the model, and those of variant {other} start {known}: \
                     compare variants of one revision"
                );
                *outcome = GenerationOutcome::Refused { reason: Reason::ManifestsRefused.into(), message };
            }
        }
    }
}

/// Manifests as they are to be deployed, and what they deploy once they are patched.
fn drafted(plan: &Plan, variant: &Variant, manifests: &str) -> Result<Drafted, NotGenerated> {
    let prepared = prepare_variant(plan, variant, manifests);
    let Prepared { objects, gpus, findings } =
        prepared.map_err(|error| NotGenerated::refused(error.reason(), error))?;
    // The last deployment there may be has the longest name.
    let last = u32::try_from(MOST_DEPLOYMENTS).unwrap_or(u32::MAX);
    instantiate(&objects, plan, &variant.name, last).map_err(|error| NotGenerated::refused(error.reason(), error))?;
    let shape = read_shape(&objects, gpus, variant.shape.as_ref()).map_err(|error| error.to_string());
    let generated = (Author::of(variant.source.kind) == Author::Predictor).then(|| manifests.to_owned());
    Ok(Drafted { objects, gpus, shape, row: None, generated, findings })
}

fn endpoint(variant: &Variant) -> Drafted {
    let gpus = variant.source.endpoint.as_ref().map_or(1, |endpoint| endpoint.gpus);
    let shape = hinted_shape(gpus, variant.shape.as_ref());
    let shape = shape.ok_or_else(|| "the shape of an endpoint cannot be read: set the variant's shape".to_owned());
    Drafted { objects: vec![], gpus, shape, row: None, generated: None, findings: vec![] }
}

/// The given claim, held against what is deployed. One that is not for that refuses the variant, before a GPU is held: it
/// was to be measured, and cannot be.
fn given(
    plan: &Plan,
    task: &Task<'_>,
    variant: &Variant,
    drafted: &Drafted,
) -> Result<Option<CheckedClaim>, NotGenerated> {
    let Some(source) = &variant.claim else { return Ok(None) };
    let name = &source.config_map_name;
    let refused = |why: &dyn std::fmt::Display| {
        NotGenerated::refused(Reason::ClaimRefused, format!("the claim in ConfigMap {name}: {why}"))
    };
    let files =
        plan.claims.get(&variant.name).ok_or_else(|| refused(&"the plan does not hold it; start another run"))?;
    let spec = task.spec;
    let like = Like {
        models: [Some(spec.predicted_model()), spec.model.path.as_deref()],
        system: &spec.hardware.system,
        backend: Some(drafted.engine().backend.unwrap_or(spec.runtime.backend)),
    };
    let wanted = Wanted { like: Some(like), ..task.wanted(ServingMode::Best, 1) };
    let shape = drafted.shape.as_ref().map_err(String::as_str);
    given_claim(source.predictor, files, &wanted, shape).map(Some).map_err(|error| refused(&error))
}

/// The prediction for what is deployed, and its shape. Types that the manifests leave to the checkpoint are those the
/// predictor read from it.
fn predicted(
    task: &Task<'_>,
    dialogue: &mut dyn Dialogue,
    variant: &Variant,
    drafted: &Drafted,
    given: Option<CheckedClaim>,
) -> Result<(Prediction, Option<Shape>), NotGenerated> {
    let mut findings = drafted.findings.clone();
    let estimation = match estimation(dialogue, variant, drafted)? {
        Ok(estimation) => Some(estimation),
        Err(why) => {
            findings.push(not_predicted(&why));
            None
        }
    };
    let (row, shape) = (drafted.row.as_ref(), drafted.shape.as_ref().ok());
    let origin = origin(dialogue, drafted, estimation.as_ref());
    findings.extend(check(&Checked {
        row,
        shape,
        curve: estimation.as_ref().map(|estimation| &estimation.curve),
        input_tokens: task.input_tokens,
        origin: Some(&origin),
    }));
    let shape = shape.cloned().map(|shape| Shape {
        weights: shape.weights.or_else(|| origin.weights.clone()),
        kv_cache: shape.kv_cache.or_else(|| origin.kv_cache.clone()),
        ..shape
    });
    let claimed = row.map(|row| {
        let (claim, gap) = claim_held(row, shape.as_ref(), Some(drafted.gpus), task.gpus);
        findings.extend(gap);
        claim
    });
    let claim = match given {
        Some(CheckedClaim { claim, findings: doubts }) => {
            let new: Vec<Finding> = doubts.into_iter().filter(|doubt| !findings.contains(doubt)).collect();
            findings.extend(new);
            Some(claim)
        }
        None => claimed,
    };
    let is_predicted = row.is_some() || estimation.is_some();
    let prediction = Prediction {
        claim,
        curve: estimation.map(|estimation| estimation.curve),
        findings,
        origin: is_predicted.then_some(origin),
    };
    Ok((prediction, shape))
}

/// The estimate for what is deployed, or why there is none.
fn estimation(
    dialogue: &mut dyn Dialogue,
    variant: &Variant,
    drafted: &Drafted,
) -> Result<Result<Estimation, String>, NotGenerated> {
    let shape = match &drafted.shape {
        Ok(shape) => shape,
        Err(why) => return Ok(Err(why.clone())),
    };
    if let Some(why) = shape.beyond_prediction() {
        return Ok(Err(why));
    }
    match dialogue.estimate(drafted.engine().backend, shape) {
        Ok(estimation) => Ok(Ok(estimation)),
        Err(NotEstimated::Driver(error)) if !error.is_refusal() => Err(NotGenerated::Failed(error)),
        Err(error @ NotEstimated::DoesNotFit(_)) if variant.source.kind == SourceKind::Naive => {
            let message = format!("{error}: allow more GPUs, or compare manifests of your own");
            Err(NotGenerated::refused(Reason::ModelDoesNotFit, message))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The estimate's types, where there is one, go before the row's.
fn origin(dialogue: &dyn Dialogue, drafted: &Drafted, estimation: Option<&Estimation>) -> PredictionOrigin {
    let row = drafted.row.as_ref();
    let of_row = |read: fn(&Row) -> &Option<String>| row.and_then(|row| read(row).clone());
    let of_estimate = |read: fn(&Estimation) -> &Option<String>| estimation.and_then(|e| read(e).clone());
    PredictionOrigin {
        weights: of_estimate(|estimation| &estimation.weights).or_else(|| of_row(|row| &row.weights)),
        kv_cache: of_estimate(|estimation| &estimation.kv_cache).or_else(|| of_row(|row| &row.kv_cache)),
        ..dialogue.origin(&drafted.engine(), estimation)
    }
}

fn not_predicted(why: &str) -> Finding {
    Finding::new(EvidenceCode::NotPredicted, format!("no prediction for what is deployed: {why}"))
}
