//! Raw manifests → checked objects that say what the spec says.

use serde_json::Value;

use super::endpoint::endpoint;
use super::object::{ManifestKind, describe};
use super::{adapt, check, gpus, patch};
use crate::api::{BenchmarkComparisonSpec, Patch};
use crate::manifests::ManifestError;

/// Who wrote the manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The predictor: fields of the spec replace what it wrote.
    Generated,
    /// A person: only patches, pull secrets and scheduling change them.
    Given,
}

/// What manifests are prepared for.
#[derive(Clone, Copy, Debug)]
pub struct Preparation<'a> {
    /// Who wrote them.
    pub origin: Origin,
    /// Namespace of the comparison.
    pub namespace: &'a str,
    /// The comparison.
    pub spec: &'a BenchmarkComparisonSpec,
    /// The variant's patches, in order.
    pub patches: &'a [Patch],
}

/// Manifests that can be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The objects, with the names they have in the manifests.
    pub objects: Vec<Value>,
    /// GPUs they hold together, at least one.
    pub gpus: u32,
    /// What is doubtful: sentences for people.
    pub findings: Vec<String>,
}

/// Applies the spec, then the variant's patches, which have the last word, and checks the result.
///
/// Manifests that are prepared once more, without patches, stay as they are.
///
/// # Errors
/// The first object and field that cannot be deployed, or what is missing, with what to do.
pub fn prepare(raw: &[Value], preparation: &Preparation<'_>) -> Result<Prepared, ManifestError> {
    let Preparation { origin, namespace, spec, patches } = *preparation;
    let mut objects = raw.to_vec();
    for (index, object) in objects.iter_mut().enumerate() {
        check::identity(object, index + 1)?;
        adapt::strip(object);
        check::shape(object)?;
        if origin == Origin::Generated {
            adapt::generated(object, spec);
        }
        adapt::all(object, spec);
    }
    patch::apply(&mut objects, patches)?;
    let mut kinds = vec![];
    for (index, object) in objects.iter_mut().enumerate() {
        adapt::strip(object);
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut)
            && metadata.get("namespace").is_some_and(|own| own == namespace)
        {
            metadata.remove("namespace");
        }
        kinds.push(check::check(object, index + 1, namespace)?);
    }
    compose(&objects, &kinds)?;
    endpoint(&objects)?;
    let gpus = count(&objects, spec)?;
    let findings = unused(gpus, spec).into_iter().collect();
    Ok(Prepared { objects, gpus, findings })
}

/// One DynamoGraphDeployment, or Deployments; and no two objects of one kind and name.
fn compose(objects: &[Value], kinds: &[ManifestKind]) -> Result<(), ManifestError> {
    let mut seen = std::collections::BTreeSet::new();
    for object in objects {
        if !seen.insert(describe(object)) {
            return Err(ManifestError::incomplete(
                format!("{} is there twice", describe(object)),
                "give each object of a kind its own name",
            ));
        }
    }
    let graphs = kinds.iter().filter(|kind| kind.is_graph()).count();
    let deployments = kinds.iter().filter(|kind| **kind == ManifestKind::Deployment).count();
    match (graphs, deployments) {
        (1, 0) => Ok(()),
        (0, 1..) => Ok(()),
        (0, 0) => Err(ManifestError::incomplete(
            "there is no DynamoGraphDeployment and no Deployment",
            "add one DynamoGraphDeployment, or Deployments and a Service",
        )),
        _ => Err(ManifestError::incomplete(
            format!("there are {graphs} DynamoGraphDeployments and {deployments} Deployments"),
            "leave one DynamoGraphDeployment, or Deployments alone: a variant is one server",
        )),
    }
}

fn count(objects: &[Value], spec: &BenchmarkComparisonSpec) -> Result<u32, ManifestError> {
    let resource = &spec.hardware.gpu_resource_name;
    let gpus = gpus::gpus(objects, resource)?;
    let allowed = allowed(spec);
    if gpus == 0 {
        return Err(ManifestError::incomplete(
            format!("no container asks for {resource}"),
            "set its limit on the containers that serve, or hardware.gpuResourceName to the resource they ask for",
        ));
    }
    if gpus > allowed {
        return Err(ManifestError::incomplete(
            format!("its pods ask for {gpus} {resource}, more than hardware.gpusPerVariant allows, which is {allowed}"),
            "lower replicas or limits, or raise hardware.gpusPerVariant",
        ));
    }
    Ok(gpus)
}

fn allowed(spec: &BenchmarkComparisonSpec) -> u32 {
    spec.hardware.gpus_per_variant
}

/// GPUs that the variant could have and does not ask for: throughput per GPU is per GPU held.
fn unused(gpus: u32, spec: &BenchmarkComparisonSpec) -> Option<String> {
    let (allowed, resource) = (allowed(spec), &spec.hardware.gpu_resource_name);
    let unused = allowed.saturating_sub(gpus);
    (unused > 0).then(|| format!("its pods ask for {gpus} of {allowed} {resource}: {unused} stay unused"))
}
