//! What becomes of a directory of manifests as other people publish them: how many can be deployed, and why the others
//! cannot.
//!
//! ```text
//! cargo run --example published-manifests -- [--gpus RESOURCE] DIRECTORY [FEATURE…]
//! ```
//! Each file is prepared like a variant's own manifests, for up to 1024 GPUs. `RESOURCE` is `hardware.gpuResourceName`.
//! `FEATURE` is an element of `allowedPodFeatures`; without any, those of the default hold.

use std::collections::BTreeMap;
use std::error::Error;

use bcmp::api::BenchmarkComparisonSpec;
use bcmp::manifests::ManifestError;
use bcmp::manifests::variant::{Author, Preparation, parse, prepare};
use bcmp::plan::PodFeatures;
use bcmp::prediction::read_shape;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let is_named = arguments.next_if(|argument| argument == "--gpus").is_some();
    let gpus = if is_named { arguments.next().ok_or("name a resource after --gpus")? } else { "nvidia.com/gpu".into() };
    let directory = arguments.next().ok_or("name a directory")?;
    let features: Vec<String> = arguments.collect();
    let allowed = if features.is_empty() {
        PodFeatures::default()
    } else {
        PodFeatures::new(features.iter().map(|feature| feature.parse()).collect::<Result<Vec<_>, _>>()?)
    };
    let spec: BenchmarkComparisonSpec = serde_json::from_value(json!({
        "model": {"name": "model"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": 1024, "gpuResourceName": gpus},
        "workload": {"inputTokens": 4000, "outputTokens": 500},
        "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7},
        "runtime": {},
    }))?;
    let mut files: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let (mut accepted, mut shapes, mut refused) = (0, 0, BTreeMap::<String, u32>::new());
    for file in &files {
        let name = file.file_name().to_string_lossy().into_owned();
        match outcome(&std::fs::read_to_string(file.path())?, &spec, &allowed) {
            Ok((gpus, shape)) => {
                accepted += 1;
                shapes += u32::from(shape.is_ok());
                println!(
                    "{name}\taccepted\t{gpus} GPUs\t{}",
                    shape.unwrap_or_else(|why| format!("shape unknown: {why}"))
                );
            }
            Err(error) => {
                let reasons = reasons(&error);
                println!("{name}\trefused\t{error}");
                for reason in reasons {
                    *refused.entry(reason).or_default() += 1;
                }
            }
        }
    }
    println!(
        "\n{accepted} of {} accepted, the shape of {shapes} is read; refused for (a file may have several):",
        files.len()
    );
    let mut refused: Vec<_> = refused.into_iter().collect();
    refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in refused {
        println!("{count:5}  {reason}");
    }
    Ok(())
}

/// GPUs and shape of what would be deployed, or why nothing is.
fn outcome(
    text: &str,
    spec: &BenchmarkComparisonSpec,
    allowed: &PodFeatures,
) -> Result<(u32, Result<String, String>), ManifestError> {
    let preparation = Preparation { author: Author::User, namespace: "benchmarks", spec, patches: &[], allowed };
    let prepared = prepare(&parse(text)?, &preparation)?;
    let shape = read_shape(&prepared.objects, prepared.gpus, None);
    let shape = shape.map(|shape| shape.serving.describe()).map_err(|error| error.to_string());
    Ok((prepared.gpus, shape))
}

/// What is wrong, without names, each thing once.
fn reasons(error: &ManifestError) -> Vec<String> {
    let mut reasons: Vec<String> = match error {
        ManifestError::Several(errors) => errors.iter().flat_map(reasons).collect(),
        ManifestError::NotYaml { .. } => vec!["not YAML".to_owned()],
        ManifestError::Refused { field, problem, object, .. } => match field.as_str() {
            "kind" => vec![format!("kind {}", object.split(' ').next().unwrap_or_default())],
            _ => {
                let last = field.rsplit('.').next().unwrap_or_default();
                let last = last.split('[').next().unwrap_or_default();
                let is_planner = problem.contains("planner");
                vec![if is_planner { "planner".to_owned() } else { format!("field {last}") }]
            }
        },
        ManifestError::NotAllowed { features, .. } => features
            .keys()
            .map(|feature| format!("feature {}", feature.split(':').next().unwrap_or_default()))
            .collect(),
        other => {
            let text = other.to_string();
            let problem = text.trim_start_matches("the manifests are not one server: ");
            let known = ["component of type frontend", "no container requests", "there is no Dynamo", "there are"];
            let named = known.iter().find(|known| problem.contains(**known));
            vec![named.map_or_else(|| problem.to_owned(), |named| (*named).to_owned())]
        }
    };
    reasons.sort();
    reasons.dedup();
    reasons
}
