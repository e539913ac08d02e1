//! Manifests as they were written → checked objects, changed as the spec and its patches ask.

use serde_json::Value;

use super::endpoint::endpoint;
use super::object::{ManifestKind, describe, is_volume_claim};
use super::parse::parse;
use super::{adapt, check, claims, gpus, patch};
use crate::api::{BenchmarkComparisonSpec, EvidenceCode, Finding, Patch, SourceKind, Variant};
use crate::manifests::ManifestError;
use crate::plan::{Plan, PodFeatures};

/// Who wrote the manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// Fields of the spec replace what it wrote.
    Predictor,
    /// Only patches, pull secrets and scheduling change the manifests.
    User,
}

impl Author {
    /// Who writes the manifests of variants from a source.
    pub const fn of(source: SourceKind) -> Self {
        match source {
            SourceKind::Naive | SourceKind::Recommended => Self::Predictor,
            SourceKind::Manifests | SourceKind::Endpoint => Self::User,
        }
    }
}

/// Whether the predictor writes the manifests of the variant of this name.
pub fn is_generated(spec: &BenchmarkComparisonSpec, variant: &str) -> bool {
    spec.variants.iter().any(|of| of.name == variant && Author::of(of.source.kind) == Author::Predictor)
}

/// What manifests are prepared for.
#[derive(Clone, Copy, Debug)]
pub struct Preparation<'a> {
    pub author: Author,
    /// Namespace of the comparison.
    pub namespace: &'a str,
    pub spec: &'a BenchmarkComparisonSpec,
    /// The variant's patches, applied in order.
    pub patches: &'a [Patch],
    /// What pods may have beside the ordinary.
    pub allowed: &'a PodFeatures,
}

/// Manifests that can be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The objects, with the names they have in the manifests.
    pub objects: Vec<Value>,
    /// GPUs they hold together, at least one.
    pub gpus: u32,
    /// What people should know of them before they trust the result.
    pub findings: Vec<Finding>,
}

/// Applies the spec, then the variant's patches, which have the last word, and checks the result.
///
/// # Errors
/// Everything that cannot be deployed or is missing, with what to do.
pub fn prepare(raw: &[Value], preparation: &Preparation<'_>) -> Result<Prepared, ManifestError> {
    let Preparation { author, namespace, spec, patches, allowed } = *preparation;
    let (claims, mut objects): (Vec<Value>, Vec<Value>) = raw.iter().cloned().partition(is_volume_claim);
    let mut refused = vec![];
    for (index, object) in objects.iter_mut().enumerate() {
        refused.extend(check::identity(object, index + 1).err());
        adapt::strip(object);
        refused.extend(check::shape(object));
    }
    if refused.is_empty() {
        for object in &mut objects {
            if author == Author::Predictor {
                adapt::generated(object, spec);
            }
            adapt::all(object, spec);
        }
        refused.extend(patch::apply(&mut objects, patches));
    }
    let mut prepared = finished(objects, namespace, spec, allowed, refused)?;
    prepared.findings.extend(claims.iter().map(not_created));
    Ok(prepared)
}

/// What is said of a PersistentVolumeClaim among the manifests.
fn not_created(claim: &Value) -> Finding {
    let message = format!(
        "{} is among the manifests and is not created, as its contents outlive the variant: create it, and fill it, before the \
         run",
        describe(claim)
    );
    Finding::new(EvidenceCode::VolumeNotCreated, message)
}

/// Checks objects that are said to be prepared, and changes nothing but what no manifest has: what was checked by somebody
/// else, on another machine, is checked again by whoever creates it.
///
/// # Errors
/// See [`prepare`].
pub fn prepared(
    objects: Vec<Value>,
    namespace: &str,
    spec: &BenchmarkComparisonSpec,
    allowed: &PodFeatures,
) -> Result<Prepared, ManifestError> {
    finished(objects, namespace, spec, allowed, vec![])
}

/// Checks objects as they are to be deployed; `refused` is what was found before.
fn finished(
    mut objects: Vec<Value>,
    namespace: &str,
    spec: &BenchmarkComparisonSpec,
    allowed: &PodFeatures,
    mut refused: Vec<ManifestError>,
) -> Result<Prepared, ManifestError> {
    let mut kinds = vec![];
    for (index, object) in objects.iter_mut().enumerate() {
        adapt::strip(object);
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut)
            && metadata.get("namespace").is_some_and(|own| own == namespace)
        {
            metadata.remove("namespace");
        }
        match check::identity(object, index + 1) {
            Ok(kind) => kinds.push(kind),
            Err(error) => refused.push(error),
        }
        refused.extend(check::check(object, namespace, allowed));
    }
    // What is missing is not told of manifests that are not read as a whole.
    let gpus = if kinds.len() == objects.len() {
        refused.extend(doubles(&objects));
        refused.extend(compose(&kinds).and_then(|()| endpoint(&objects).map(drop)).err());
        count(&objects, spec).map_err(|error| refused.push(error)).unwrap_or_default()
    } else {
        0
    };
    ManifestError::all(without_doubles(refused))?;
    Ok(Prepared { objects, gpus, findings: vec![] })
}

/// Errors that are found before the patches and after them are one.
fn without_doubles(errors: Vec<ManifestError>) -> Vec<ManifestError> {
    let mut distinct: Vec<ManifestError> = vec![];
    for error in errors {
        if !distinct.contains(&error) {
            distinct.push(error);
        }
    }
    distinct
}

/// Prepares the manifests of one of the plan's variants, given as YAML documents.
///
/// # Errors
/// See [`prepare`]; or the text is not YAML.
pub fn prepare_variant(plan: &Plan, variant: &Variant, manifests: &str) -> Result<Prepared, ManifestError> {
    let preparation = Preparation {
        author: Author::of(variant.source.kind),
        namespace: &plan.comparison.namespace,
        spec: &plan.spec,
        patches: &variant.patches,
        allowed: &plan.pod_features,
    };
    prepare(&parse(manifests)?, &preparation)
}

/// Objects of one kind and name.
fn doubles(objects: &[Value]) -> impl Iterator<Item = ManifestError> {
    let mut seen = std::collections::BTreeSet::new();
    let doubles = objects.iter().map(describe).filter(move |object| !seen.insert(object.clone()));
    doubles.map(|object| {
        ManifestError::incomplete(format!("{object} appears twice"), "give each object of a kind its own name")
    })
}

/// One DynamoGraphDeployment, or Deployments and the like.
fn compose(kinds: &[ManifestKind]) -> Result<(), ManifestError> {
    let graphs = kinds.iter().filter(|kind| **kind == ManifestKind::Graph).count();
    let workloads = kinds.iter().filter(|kind| kind.is_workload()).count();
    match (graphs, workloads) {
        (1, 0) => Ok(()),
        (0, 1..) => Ok(()),
        (0, 0) => Err(ManifestError::incomplete(
            "there is no DynamoGraphDeployment and no Deployment",
            "add one DynamoGraphDeployment, or Deployments, StatefulSets or LeaderWorkerSets and a Service",
        )),
        _ => Err(ManifestError::incomplete(
            format!("there are {graphs} DynamoGraphDeployments and {workloads} Deployments or the like"),
            "keep one DynamoGraphDeployment, or the others alone: a variant is one server",
        )),
    }
}

fn count(objects: &[Value], spec: &BenchmarkComparisonSpec) -> Result<u32, ManifestError> {
    let resource = &spec.hardware.gpu_resource_name;
    let gpus = gpus::gpus(objects, resource)?;
    let allowed = allowed(spec);
    if gpus == 0 {
        let classes = claims::classes(objects);
        return Err(match classes.first() {
            Some(class) => ManifestError::incomplete(
                format!("no container requests {resource}, and the pods claim devices of the class {class}"),
                format!("set hardware.gpuResourceName to {class}"),
            ),
            None => ManifestError::incomplete(
                format!("no container requests {resource}"),
                "set its limit on the containers that serve, or set hardware.gpuResourceName to the resource that they \
                 request",
            ),
        });
    }
    if gpus > allowed {
        return Err(ManifestError::incomplete(
            format!("its pods request {gpus} {resource}, more than the {allowed} of hardware.gpusPerVariant"),
            "lower replicas or limits, or raise hardware.gpusPerVariant",
        ));
    }
    Ok(gpus)
}

fn allowed(spec: &BenchmarkComparisonSpec) -> u32 {
    spec.hardware.gpus_per_variant
}
