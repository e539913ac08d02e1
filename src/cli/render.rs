//! `bcmp render`: every object a run creates, before anything is created.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::evaluate::{EvaluateError, Named, content, named, text_at};
use super::file::{FileConfigMaps, FileContent};
use crate::api::{BenchmarkComparison, Deadlines, Finding, SourceKind, Variant};
use crate::controller::sources;
use crate::manifests::children::Children;
use crate::manifests::variant::prepare_variant;
use crate::offline::outlook::{Outlook, outlook};
use crate::offline::predicted::read_configurations;
use crate::plan::{Identity, Images, Plan, PodFeature, PodFeatures};
use crate::prediction::configurations::{Configurations, GenerationOutcome};
use crate::report::sentences;

/// Stands for the UID that the API server has not assigned yet.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// Forms of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RenderForm {
    /// YAML documents
    Yaml,
    /// A List
    Json,
}

/// What is rendered, and what the file does not contain.
#[derive(Args, Clone, Debug)]
pub struct RenderSource {
    /// The BenchmarkComparison, as for `kubectl apply` (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Configurations of another run, with what the predictor wrote: the document, or its ConfigMap
    #[arg(long, value_name = "FILE", requires = "file")]
    pub configurations: Option<PathBuf>,
    /// Manifests of a variant that names a ConfigMap
    #[arg(long = "manifests", value_name = "VARIANT=FILE", value_parser = named, requires = "file")]
    pub manifests: Vec<Named>,
    /// What the namespace's pods may have, as in the chart's allowedPodFeatures; may be repeated [default: the chart's]
    #[arg(long = "allow", value_name = "FEATURE", requires = "file")]
    pub allowed: Vec<PodFeature>,
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

Generated variants need --configurations: the node selector, pull secrets, patches and other fields of the file are
applied to what the predictor wrote for that run.";

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

/// What is printed, and what is noted beside it.
pub struct Rendered {
    pub text: String,
    /// Variants that are left out, and why, and what to know of the others: one sentence each.
    pub notes: Vec<String>,
}

/// Prints the objects. Exit code 0, 1 on errors, 2 on wrong usage.
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

/// The objects of a comparison in a file, for which the operator would generate configurations anew; on a cluster that serves
/// the newest version of graphs.
pub fn of_file(source: &RenderSource) -> Result<Rendered, EvaluateError> {
    let Some(path) = &source.file else { return Err(EvaluateError::Usage("name a file: -f FILE".into())) };
    let FileContent { comparison, config_maps } = content(path)?;
    let configurations = source.configurations.as_deref().map(configurations).transpose()?;
    let plan = plan(&comparison, source, manifests(&comparison, &config_maps, &source.manifests)?)
        .claiming(claims(&comparison, &config_maps)?);
    let basis = Basis::AnotherRun(configurations.as_ref());
    rendered(&plan, &plan.spec.execution.deadlines, basis, true, source.output)
}

/// The objects of a run: `configurations` are its own. `newest_graphs`: as of [`Children`].
pub fn of_run(
    plan: &Plan,
    deadlines: &Deadlines,
    configurations: Option<&Configurations>,
    newest_graphs: bool,
    form: RenderForm,
) -> Result<Rendered, EvaluateError> {
    rendered(plan, deadlines, Basis::ThisRun(configurations), newest_graphs, form)
}

/// Whose configurations the objects of generated variants come from, where there are any.
#[derive(Clone, Copy)]
enum Basis<'a> {
    /// Deployed as they are.
    ThisRun(Option<&'a Configurations>),
    /// Only what the predictor wrote is used: the spec and the patches at hand are applied to it.
    AnotherRun(Option<&'a Configurations>),
}

fn rendered(
    plan: &Plan,
    deadlines: &Deadlines,
    basis: Basis<'_>,
    newest_graphs: bool,
    form: RenderForm,
) -> Result<Rendered, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let (mut servers, mut notes) = (BTreeMap::new(), vec![]);
    for variant in &plan.spec.variants {
        match deployable(plan, variant, basis)? {
            Deployable::Objects(objects, findings) => {
                notes.extend(findings.iter().map(|finding| format!("variant {}: {}", variant.name, finding.message)));
                servers.insert(variant.name.as_str(), objects);
            }
            Deployable::LeftOut(why) => notes.push(format!("variant {} is left out: {why}", variant.name)),
        }
    }
    notes.extend(plan.claims_missing().map(|(variant, map)| {
        format!(
            "the plan is shown without the claim of variant {variant}, which is in ConfigMap {map}: put that into the file, as \
             another YAML document"
        )
    }));
    notes.extend(outlook_notes(plan, basis));
    let servers = servers.iter().map(|(variant, objects)| (*variant, objects.as_slice())).collect();
    let children = Children { plan, deadlines, servers, report: None, newest_graphs };
    let objects = children.all().map_err(|error| failed(&error))?;
    let text = match form {
        RenderForm::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            serde_json::to_string_pretty(&list).map_err(|error| failed(&error))? + "\n"
        }
        RenderForm::Yaml => documents(&objects).map_err(|error| failed(&error))?,
    };
    Ok(Rendered { text, notes })
}

/// What the run is predicted to tell and to cost, where it is known what is deployed.
fn outlook_notes(plan: &Plan, basis: Basis<'_>) -> Vec<String> {
    let (Basis::ThisRun(configurations) | Basis::AnotherRun(configurations)) = basis;
    let outlook = configurations.and_then(|all| outlook(&plan.spec, all).ok()).unwrap_or_default();
    if outlook == Outlook::default() {
        return vec!["predictions and price are not known before a run; `bcmp simulate` estimates them".into()];
    }
    let predicted = outlook.forecast.map(|forecast| format!("by the predictions, {forecast}"));
    let price =
        outlook.price.iter().flat_map(sentences::price).map(|(name, cost)| format!("{}: {cost}", name.to_lowercase()));
    predicted.into_iter().chain(price).collect()
}

/// The prepared objects of a variant, or why they are not known.
enum Deployable {
    Objects(Vec<Value>, Vec<Finding>),
    LeftOut(String),
}

fn deployable(plan: &Plan, variant: &Variant, basis: Basis<'_>) -> Result<Deployable, EvaluateError> {
    let (Basis::ThisRun(configurations) | Basis::AnotherRun(configurations)) = basis;
    let mut all = configurations.iter().flat_map(|all| &all.variants);
    let outcome = all.find(|one| one.variant == variant.name).map(|one| &one.outcome);
    let prepared = |manifests: &str| match prepare_variant(plan, variant, manifests) {
        Ok(prepared) => Ok(Deployable::Objects(prepared.objects, prepared.findings)),
        Err(error) => Err(EvaluateError::Failed(format!("variant {}: {error}", variant.name))),
    };
    match (variant.source.kind, basis, outcome) {
        (SourceKind::Endpoint, ..) => Ok(Deployable::Objects(vec![], vec![])),
        (_, Basis::ThisRun(_), Some(GenerationOutcome::Ready(ready))) => {
            Ok(Deployable::Objects(ready.objects.clone(), vec![]))
        }
        (_, Basis::ThisRun(_), Some(GenerationOutcome::Refused { message, .. })) => {
            Ok(Deployable::LeftOut(message.clone()))
        }
        (SourceKind::Manifests, ..) => match plan.given_manifests(variant) {
            Some(manifests) => prepared(manifests),
            None => Ok(Deployable::LeftOut(format!(
                "its manifests are in a ConfigMap; give them in a file: --manifests {}=FILE",
                variant.name
            ))),
        },
        (SourceKind::Naive | SourceKind::Recommended, _, Some(GenerationOutcome::Refused { message, .. })) => {
            Ok(Deployable::LeftOut(message.clone()))
        }
        (SourceKind::Naive | SourceKind::Recommended, _, Some(GenerationOutcome::Ready(ready))) => {
            match &ready.generated {
                Some(manifests) => prepared(manifests),
                None => Err(EvaluateError::Failed(format!(
                    "variant {}: the configurations do not contain what the predictor wrote; use those of a run in \
                     which this variant has the source Naive or Recommended",
                    variant.name
                ))),
            }
        }
        (SourceKind::Naive | SourceKind::Recommended, _, None) => {
            Ok(Deployable::LeftOut("its configuration is not generated yet".into()))
        }
    }
}

fn documents(objects: &[Value]) -> Result<String, serde_saphyr::SerializeError> {
    let texts: Result<Vec<String>, _> = objects.iter().map(serde_saphyr::to_string).collect();
    Ok(texts?.join("---\n"))
}

/// The plan of a first run.
pub fn plan(comparison: &BenchmarkComparison, source: &RenderSource, manifests: BTreeMap<String, String>) -> Plan {
    let identity = Identity {
        namespace: comparison.namespace().unwrap_or_else(|| "default".into()),
        name: comparison.name_any(),
        uid: comparison.uid().unwrap_or_else(|| NO_UID.into()),
    };
    let defaults = Images {
        agent: source.agent_image.clone(),
        predictor: source.predictor_image.clone(),
        load: source.load_image.clone(),
    };
    let plan = Plan::new(identity, 1, comparison.spec.clone(), &defaults, manifests);
    match source.allowed.as_slice() {
        [] => plan,
        allowed => plan.allowing(PodFeatures::new(allowed.iter().cloned())),
    }
}

/// Configurations in a file.
pub fn configurations(path: &Path) -> Result<Configurations, EvaluateError> {
    let failed = |problem: String| EvaluateError::Failed(format!("{}: {problem}", path.display()));
    read_configurations(&text_at(path).map_err(failed)?).map_err(|error| failed(error.to_string()))
}

/// Variant → the files of its claim.
pub type GivenClaims = BTreeMap<String, BTreeMap<String, String>>;

/// The claims that are given for variants, of ConfigMaps in the same file.
///
/// # Errors
/// A ConfigMap holds no file of a predictor.
pub fn claims(comparison: &BenchmarkComparison, config_maps: &FileConfigMaps) -> Result<GivenClaims, EvaluateError> {
    let mut claims = GivenClaims::new();
    for variant in &comparison.spec.variants {
        let Some(name) = variant.claim.as_ref().map(|claim| &claim.config_map_name) else { continue };
        let Some(data) = config_maps.get(name) else { continue };
        let map = ConfigMap { data: Some(data.clone()), ..ConfigMap::default() };
        let failed = |problem: String| EvaluateError::Failed(format!("variant {}: {problem}", variant.name));
        claims.insert(variant.name.clone(), sources::of_claim(Some(map), name).map_err(failed)?);
    }
    Ok(claims)
}

/// The manifests of variants that name a ConfigMap: those that are given, and those of ConfigMaps in the same file.
pub fn manifests(
    comparison: &BenchmarkComparison,
    config_maps: &FileConfigMaps,
    given: &[Named],
) -> Result<BTreeMap<String, String>, EvaluateError> {
    let mut texts = BTreeMap::new();
    for variant in &comparison.spec.variants {
        let Some(source) = &variant.source.manifests else { continue };
        let Some((name, data)) = source.config_map_name.as_ref().and_then(|name| config_maps.get_key_value(name))
        else {
            continue;
        };
        let map = ConfigMap { data: Some(data.clone()), ..ConfigMap::default() };
        let failed = |problem: String| EvaluateError::Failed(format!("variant {}: {problem}", variant.name));
        let text = sources::of_map(Some(map), name, source.key.as_deref()).map_err(failed)?;
        texts.insert(variant.name.clone(), text);
    }
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
