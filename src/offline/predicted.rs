//! A predictor's output, or what generation handed over → what was deployed and what is predicted for it.

use serde::Deserialize;
use serde_json::Value;

use crate::api::{Backend, BenchmarkComparisonSpec, EvidenceCode, Finding, ServingMode, SourceKind, Variant};
use crate::manifests::demand;
use crate::manifests::variant::{Author, Preparation, parse, prepare};
use crate::method::sla::{SlaError, SlaLimits};
use crate::plan::PodFeatures;
use crate::prediction::configurations::{self, Configurations, GenerationOutcome, Ready};
use crate::prediction::predictors::expected;
use crate::prediction::{
    Files, Like, PickError, Picked, Prediction, Shape, Wanted, gpus_claimed, hinted_shape, pick, pick_deployed,
    predict_deployed, predict_from_output, read_backend, read_shape,
};

/// What a path for a prediction holds.
#[derive(Clone, Debug, PartialEq)]
pub enum PredictionFiles {
    /// Files a predictor wrote.
    Predictor(Files),
    /// What generation handed over.
    Generated(Configurations),
}

/// What was deployed and what is predicted for it, as far as it can be determined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicted {
    pub prediction: Option<Prediction>,
    pub shape: Option<Shape>,
    /// GPUs it held, from the shape, the manifests or the prediction.
    pub gpus: Option<u32>,
}

impl Predicted {
    /// The GPUs held are best known from the deployed shape, then from the requests of the manifests, then from the prediction.
    fn new(prediction: Option<Prediction>, deployment: Deployment, of_row: Option<u32>) -> Self {
        let Deployment { shape, gpus, .. } = deployment;
        let of_curve = prediction.as_ref().and_then(|prediction| Some(prediction.curve.as_ref()?.gpus()));
        let gpus = shape.as_ref().map(|shape| shape.gpus).or(gpus).or(of_curve).or(of_row).filter(|gpus| *gpus > 0);
        Self { prediction, shape, gpus }
    }
}

/// Why there is no prediction for a variant in an output.
#[derive(Debug, thiserror::Error)]
pub enum PredictedError {
    /// Nothing fit was found in the predictor's output.
    #[error(transparent)]
    Pick(#[from] PickError),
    /// The document is of another run.
    #[error("has no variant {wanted}, only {}: give the configurations of this comparison", .found.join(", "))]
    OtherVariants { wanted: String, found: Vec<String> },
    /// A naive variant's shape is nowhere.
    #[error(
        "variant {0} has the source Naive, and search results do not contain its configuration: set its \
         spec.variants[].shape (tensorParallel, replicas, maxBatchSize, maxNumTokens), or give the configurations that the \
         operator generated"
    )]
    NaiveShape(String),
    /// A limit of the SLA is not a number.
    #[error(transparent)]
    Sla(#[from] SlaError),
    /// Manifests in the comparison would be refused.
    #[error("the manifests of variant {variant} would be refused: {problem}")]
    Manifests {
        variant: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// Why a file holds no configurations.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationsFileError {
    #[error(
        "is neither the output of a predictor nor generated configurations ({0}): give {output}, or the ConfigMap \
         NAME-rN-configurations or its entry {key}",
        output = expected(),
        key = configurations::KEY
    )]
    Foreign(String),
    /// Another version of the operator wrote it.
    #[error(
        "has schemaVersion {found}; this version reads {oldest} to {newest}",
        oldest = configurations::SCHEMA_VERSION - 1,
        newest = configurations::SCHEMA_VERSION
    )]
    OtherVersion { found: u32 },
}

/// Reads generated configurations: the document, or the ConfigMap it is stored in, as JSON or YAML.
///
/// # Errors
/// It is something else, or of another version.
pub fn read_configurations(text: &str) -> Result<Configurations, ConfigurationsFileError> {
    let foreign = |problem: String| ConfigurationsFileError::Foreign(problem);
    let value: Value = serde_saphyr::from_str(text).map_err(|error| foreign(error.to_string()))?;
    let value = match value.pointer("/kind").and_then(Value::as_str) {
        Some("ConfigMap") => {
            let entry = value.get("data").and_then(|data| data.get(configurations::KEY)).and_then(Value::as_str);
            let entry = entry.ok_or_else(|| foreign(format!("a ConfigMap without {}", configurations::KEY)))?;
            serde_json::from_str(entry).map_err(|error| foreign(format!("{}: {error}", configurations::KEY)))?
        }
        Some(kind) => return Err(foreign(format!("an object of kind {kind}"))),
        None if value.is_null() => return Err(foreign("the file is empty".into())),
        None => value,
    };
    if let Some(version) = value.get("schemaVersion").and_then(Value::as_u64).and_then(|v| u32::try_from(v).ok())
        && !(configurations::SCHEMA_VERSION - 1..=configurations::SCHEMA_VERSION).contains(&version)
    {
        return Err(ConfigurationsFileError::OtherVersion { found: version });
    }
    Configurations::deserialize(value).map_err(|error| foreign(error.to_string()))
}

/// The prediction for a variant from an output.
///
/// # Errors
/// The output is for another workload or holds no such row or variant; the variant's own manifests would be refused.
pub fn predicted(
    output: Option<&PredictionFiles>,
    variant: &Variant,
    spec: &BenchmarkComparisonSpec,
) -> Result<Predicted, PredictedError> {
    match output {
        None => {
            let deployment = own_deployment(variant, spec)?;
            Ok(Predicted::new(deployment.unclear.as_deref().map(nothing), deployment, None))
        }
        Some(PredictionFiles::Generated(configurations)) => generated(configurations, variant, spec),
        Some(PredictionFiles::Predictor(files)) => of_files(files, variant, spec),
    }
}

fn generated(
    configurations: &Configurations,
    variant: &Variant,
    spec: &BenchmarkComparisonSpec,
) -> Result<Predicted, PredictedError> {
    let of_variant = configurations.variants.iter().find(|configuration| configuration.variant == variant.name);
    match of_variant.map(|configuration| &configuration.outcome) {
        Some(GenerationOutcome::Ready(ready)) => {
            let gpus = asked_for(&ready.objects, spec);
            let deployment = Deployment { shape: ready.shape.clone(), gpus, unclear: None };
            Ok(Predicted::new(Some(ready.prediction.clone()), deployment, None))
        }
        Some(GenerationOutcome::Refused { message, .. }) => {
            Ok(Predicted::new(Some(nothing(message)), Deployment::default(), None))
        }
        None => Err(PredictedError::OtherVariants {
            wanted: variant.name.clone(),
            found: configurations.variants.iter().map(|configuration| configuration.variant.clone()).collect(),
        }),
    }
}

/// The row that a Recommended variant names; for any other variant the best that meets the SLA. Where none meets it,
/// nothing is claimed, but the rows of the deployed shape are an estimate all the same.
fn of_files(files: &Files, variant: &Variant, spec: &BenchmarkComparisonSpec) -> Result<Predicted, PredictedError> {
    let wanted = wanted(variant, spec)?;
    let naive = variant.source.kind == SourceKind::Naive;
    if naive && variant.shape.as_ref().is_none_or(|shape| shape.tensor_parallel.is_none()) {
        return Err(PredictedError::NaiveShape(variant.name.clone()));
    }
    let (picked, why) = match pick(files, &wanted) {
        Ok(picked) if variant.source.kind == SourceKind::Recommended => (picked, None),
        Ok(picked) if !naive => own_claim(picked, variant, spec, &wanted)?,
        Ok(_) => (pick(files, &Wanted { limits: None, ..wanted })?, Some(String::new())),
        Err(PickError::NoFeasibleConfiguration(why)) => {
            match pick(files, &Wanted { limits: None, rank: 1, ..wanted }) {
                Ok(picked) => (picked, Some(why.to_string())),
                Err(_) => {
                    let deployment = own_deployment(variant, spec)?;
                    return Ok(Predicted::new(Some(nothing(&why.to_string())), deployment, None));
                }
            }
        }
        Err(error) => return Err(error.into()),
    };
    let deployment = deployment_of(&picked, variant, spec)?;
    let shape = deployment.shape.as_ref();
    let of_row = why.is_none().then(|| gpus_claimed(&picked.row, shape, wanted.gpus));
    let mut prediction = match why {
        None => predict_from_output(&picked, shape, deployment.gpus, wanted.gpus),
        Some(why) => deployed_only(&picked, shape, &why),
    };
    prediction.findings.extend(deployment.unclear.as_deref().map(not_predicted));
    Ok(Predicted::new(Some(prediction), deployment, of_row))
}

/// The row for a deployment that the predictor did not recommend, or why it claims nothing for that.
fn own_claim(
    picked: Picked,
    variant: &Variant,
    spec: &BenchmarkComparisonSpec,
    wanted: &Wanted<'_>,
) -> Result<(Picked, Option<String>), PredictedError> {
    let Some(shape) = own_deployment(variant, spec)?.shape else {
        let unknown = "the deployed engines are unknown: describe them in spec.variants[].shape";
        return Ok((picked, Some(unknown.to_owned())));
    };
    Ok(match pick_deployed(picked.clone(), &shape, wanted) {
        Ok(own) => (own, None),
        Err(why) => (picked, Some(why.to_string())),
    })
}

fn wanted<'a>(variant: &Variant, spec: &'a BenchmarkComparisonSpec) -> Result<Wanted<'a>, PredictedError> {
    let limits = SlaLimits::from_spec(&spec.sla)?.of_requests();
    let recommended = variant.source.recommended.clone().unwrap_or_default();
    let is_recommended = variant.source.kind == SourceKind::Recommended;
    Ok(Wanted {
        serving_mode: if is_recommended { recommended.serving_mode } else { ServingMode::Best },
        rank: if is_recommended { recommended.rank.max(1) as usize } else { 1 },
        limits: Some(limits),
        input_tokens: spec.workload.input_tokens,
        output_tokens: spec.workload.output_tokens,
        gpus: spec.hardware.gpus_per_variant,
        like: Some(Like {
            models: [Some(spec.predicted_model()), spec.model.path.as_deref()],
            system: &spec.hardware.system,
            backend: Some(own_backend(variant).unwrap_or(spec.runtime.backend)),
        }),
    })
}

/// The engine that a variant's own manifests start.
fn own_backend(variant: &Variant) -> Option<Backend> {
    let inline = variant.source.manifests.as_ref()?.inline.as_deref()?;
    read_backend(&parse(inline).ok()?)
}

fn deployed_only(picked: &Picked, shape: Option<&Shape>, why: &str) -> Prediction {
    match shape.map(|shape| predict_deployed(picked, shape)) {
        Some(prediction) if prediction.curve.is_some() => prediction,
        _ if why.is_empty() => nothing("no row of the predictor's output is for the deployed engines"),
        _ => nothing(why),
    }
}

/// An empty prediction with the reason.
fn nothing(why: &str) -> Prediction {
    Prediction { findings: vec![not_predicted(why)], ..Prediction::default() }
}

fn not_predicted(why: &str) -> Finding {
    let message = format!("no prediction for what is deployed: {why}");
    Finding::new(EvidenceCode::NotPredicted, message)
}

/// What was deployed, or why it cannot be determined.
#[derive(Default)]
struct Deployment {
    shape: Option<Shape>,
    /// GPUs that the manifests request.
    gpus: Option<u32>,
    unclear: Option<String>,
}

/// GPUs that a generated variant holds.
pub(super) fn gpus_of(ready: &Ready, spec: &BenchmarkComparisonSpec) -> Option<u32> {
    ready.shape.as_ref().map(|shape| shape.gpus).or_else(|| asked_for(&ready.objects, spec))
}

/// GPUs that objects request; parts that cannot be read count for nothing.
fn asked_for(objects: &[Value], spec: &BenchmarkComparisonSpec) -> Option<u32> {
    let demands = demand::of(objects, &spec.hardware.gpu_resource_name);
    Some(demands.iter().fold(0_u32, |asked, demand| asked.saturating_add(demand.total()))).filter(|gpus| *gpus > 0)
}

/// The deployment of the manifests generated for the row, or else of the comparison itself.
fn deployment_of(
    picked: &Picked,
    variant: &Variant,
    spec: &BenchmarkComparisonSpec,
) -> Result<Deployment, PredictedError> {
    let is_generated = variant.source.kind == SourceKind::Recommended;
    match picked.manifests.as_deref().filter(|_| is_generated) {
        Some(manifests) => Ok(read(manifests, Author::Predictor, variant, spec).unwrap_or_else(|refused| {
            // Nobody deployed what is refused: its GPUs are the row's.
            Deployment { shape: None, gpus: None, unclear: Some(refused) }
        })),
        None => own_deployment(variant, spec),
    }
}

/// The deployment as far as the comparison itself describes it.
fn own_deployment(variant: &Variant, spec: &BenchmarkComparisonSpec) -> Result<Deployment, PredictedError> {
    let inline = variant.source.manifests.as_ref().and_then(|manifests| manifests.inline.as_deref());
    if let Some(manifests) = inline {
        let refused = |problem| PredictedError::Manifests { variant: variant.name.clone(), problem };
        return read(manifests, Author::User, variant, spec).map_err(refused);
    }
    let endpoint = variant.source.endpoint.as_ref().map(|endpoint| endpoint.gpus);
    let allowed = spec.hardware.gpus_per_variant;
    let shape = hinted_shape(endpoint.unwrap_or(allowed), variant.shape.as_ref());
    // A variant may leave GPUs unused: it holds what its engines need.
    let shape = shape.map(|shape| Shape { gpus: endpoint.unwrap_or(shape.serving.gpus()), ..shape });
    Ok(Deployment { shape, gpus: endpoint, unclear: None })
}

/// What the operator would deploy of manifests, or why it would refuse them.
fn read(
    manifests: &str,
    author: Author,
    variant: &Variant,
    spec: &BenchmarkComparisonSpec,
) -> Result<Deployment, String> {
    let objects = parse(manifests).map_err(|error| error.to_string())?;
    let namespace = objects.iter().find_map(|object| object.pointer("/metadata/namespace")?.as_str()).unwrap_or("");
    let allowed = PodFeatures::default();
    let preparation = Preparation { author, namespace, spec, patches: &variant.patches, allowed: &allowed };
    let prepared = prepare(&objects, &preparation).map_err(|error| error.to_string())?;
    let gpus = Some(prepared.gpus);
    Ok(match read_shape(&prepared.objects, prepared.gpus, variant.shape.as_ref()) {
        Ok(shape) => Deployment { shape: Some(shape), gpus, unclear: None },
        Err(unclear) => Deployment { shape: None, gpus, unclear: Some(unclear.to_string()) },
    })
}
