//! `bcmp render`: every object a run creates, before anything is created.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::evaluate::{EvaluateError, Named, comparison, named, text_at};
use crate::api::{BenchmarkComparison, SourceKind};
use crate::manifests::render::render_all;
use crate::offline::predicted::read_configurations;
use crate::plan::inputs;
use crate::plan::{Identity, Images, Plan, SCHEMA_VERSION};
use crate::prediction::configurations::{Configurations, GenerationOutcome};

/// A UID the cluster has not given yet.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// Forms of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RenderForm {
    /// YAML documents
    Yaml,
    /// A List
    Json,
}

/// What is rendered, and what a file cannot tell.
#[derive(Args, Clone, Debug)]
pub struct RenderSource {
    /// The BenchmarkComparison, as for `kubectl apply` (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Configurations as generation handed them over for another run: the document, or its ConfigMap
    #[arg(long, value_name = "FILE", requires = "file")]
    pub configurations: Option<PathBuf>,
    /// Manifests of a variant that names a ConfigMap
    #[arg(long = "manifests", value_name = "VARIANT=FILE", value_parser = named, requires = "file")]
    pub manifests: Vec<Named>,
    /// The operator's image, from which agents are installed into pods
    #[arg(long, env = "BCMP_AGENT_IMAGE", value_name = "IMAGE", default_value = concat!("bcmp:", env!("CARGO_PKG_VERSION")))]
    pub agent_image: String,
    /// Image with the predictor, where the comparison names none
    #[arg(long, env = "BCMP_PREDICTOR_IMAGE", value_name = "IMAGE", default_value = concat!("bcmp-tools:", env!("CARGO_PKG_VERSION")))]
    pub predictor_image: String,
    /// Image with the load tool, where the comparison names none
    #[arg(long, env = "BCMP_LOAD_IMAGE", value_name = "IMAGE", default_value = concat!("bcmp-tools:", env!("CARGO_PKG_VERSION")))]
    pub load_image: String,
    /// How the objects are printed
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = RenderForm::Yaml)]
    pub output: RenderForm,
}

const LONG: &str = "\
Prints every object a run of a comparison creates, without a cluster

Generated variants are left out unless --configurations is given: what is deployed for them is not known before.";

const AFTER: &str = "\
Examples:
  bcmp render -f comparison.yaml
  bcmp render -f comparison.yaml -o json | jq -r '.items[] | .kind + \" \" + .metadata.name'

  With what was generated for an earlier run:
    kubectl get configmap qwen3-32b-r1-configurations -o yaml > configurations.yaml
    bcmp render -f comparison.yaml --configurations configurations.yaml";

/// Prints every object a run of a comparison creates, without a cluster
#[derive(Args)]
#[command(long_about = LONG, after_long_help = AFTER, after_help = "See --help for examples.")]
pub struct RenderArgs {
    #[command(flatten)]
    source: RenderSource,
}

/// What is printed, and what is to be said beside it.
pub struct Rendered {
    /// The objects.
    pub text: String,
    /// Variants that are left out, and why.
    pub notes: Vec<String>,
}

/// Prints the objects; the exit code says how it went.
pub fn render(arguments: &RenderArgs) -> ExitCode {
    match of_file(&arguments.source) {
        Ok(rendered) => {
            rendered.notes.iter().for_each(|note| eprintln!("bcmp render: {note}"));
            super::finish(super::print(&rendered.text))
        }
        Err(error) => {
            eprintln!("bcmp render: {error}");
            error.exit_code().into()
        }
    }
}

/// The objects of a comparison in a file.
pub fn of_file(source: &RenderSource) -> Result<Rendered, EvaluateError> {
    let Some(path) = &source.file else { return Err(EvaluateError::Usage("name a file: -f FILE".into())) };
    let comparison = comparison(path)?;
    let configurations = source.configurations.as_deref().map(configurations).transpose()?;
    let plan = plan(&comparison, source, manifests(&comparison, &source.manifests)?);
    of_plan(&plan, configurations.as_ref(), source.output)
}

/// The objects of a run.
pub fn of_plan(
    plan: &Plan,
    configurations: Option<&Configurations>,
    form: RenderForm,
) -> Result<Rendered, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let objects = render_all(plan, configurations).map_err(|error| failed(&error))?;
    let text = match form {
        RenderForm::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            serde_json::to_string_pretty(&list).map_err(|error| failed(&error))? + "\n"
        }
        RenderForm::Yaml => documents(&objects).map_err(|error| failed(&error))?,
    };
    Ok(Rendered { text, notes: left_out(plan, configurations) })
}

fn documents(objects: &[Value]) -> Result<String, serde_saphyr::SerializeError> {
    let texts: Result<Vec<String>, _> = objects.iter().map(serde_saphyr::to_string).collect();
    Ok(texts?.join("---\n"))
}

/// The plan of a first run, as the operator makes it.
pub fn plan(comparison: &BenchmarkComparison, source: &RenderSource, manifests: BTreeMap<String, String>) -> Plan {
    let spec = comparison.spec.clone();
    let named = |image: &Option<String>, default: &String| match image.as_deref() {
        None | Some("") => default.clone(),
        Some(image) => image.to_owned(),
    };
    Plan {
        schema_version: SCHEMA_VERSION,
        comparison: Identity {
            namespace: comparison.namespace().unwrap_or_else(|| "default".into()),
            name: comparison.name_any(),
            uid: comparison.uid().unwrap_or_else(|| NO_UID.into()),
        },
        run: 1,
        inputs_hash: inputs::hash(&spec),
        images: Images {
            agent: source.agent_image.clone(),
            predictor: named(&spec.predictor.image, &source.predictor_image),
            load: named(&spec.load.image, &source.load_image),
        },
        manifests,
        spec,
    }
}

fn configurations(path: &Path) -> Result<Configurations, EvaluateError> {
    let failed = |problem: String| EvaluateError::Failed(format!("{}: {problem}", path.display()));
    read_configurations(&text_at(path).map_err(failed)?).map_err(|error| failed(error.to_string()))
}

fn manifests(comparison: &BenchmarkComparison, given: &[Named]) -> Result<BTreeMap<String, String>, EvaluateError> {
    let mut texts = BTreeMap::new();
    for Named { variant, path } in given {
        if !comparison.spec.variants.iter().any(|of| of.name == *variant) {
            let message = format!("--manifests {variant}={}: the comparison has no variant {variant}", path.display());
            return Err(EvaluateError::Usage(message));
        }
        let text = text_at(path).map_err(|problem| EvaluateError::Failed(format!("{}: {problem}", path.display())))?;
        texts.insert(variant.clone(), text);
    }
    Ok(texts)
}

fn left_out(plan: &Plan, configurations: Option<&Configurations>) -> Vec<String> {
    let known = |name: &str| configurations.iter().flat_map(|all| &all.variants).find(|one| one.variant == name);
    let why = |variant: &crate::api::Variant| match (variant.source.kind, known(&variant.name).map(|one| &one.outcome))
    {
        (_, Some(GenerationOutcome::Refused { message, .. })) => Some(message.clone()),
        (_, Some(GenerationOutcome::Ready(_))) | (SourceKind::Endpoint, _) => None,
        (SourceKind::Naive | SourceKind::Recommended, None) => {
            Some("its configuration is not generated yet".to_owned())
        }
        (SourceKind::Manifests, None) => {
            let of_file = variant.source.manifests.as_ref().is_some_and(|of| of.inline.is_some());
            (!of_file && !plan.manifests.contains_key(&variant.name)).then(|| "its manifests lie in a ConfigMap".into())
        }
    };
    let variants = plan.spec.variants.iter();
    variants.filter_map(|v| Some(format!("variant {} is left out: {}", v.name, why(v)?))).collect()
}
