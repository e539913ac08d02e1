//! The files `bcmp evaluate` is given, read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::EvaluateError;
use super::arguments::Named;
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec};
use crate::cli::file::read_comparison;
use crate::files::{TreeLimits, read_text_tree};
use crate::judgement::sla::SlaLimits;
use crate::offline::Known;
use crate::offline::measured::records;
use crate::offline::predicted::{Predicted, PredictionFiles, predicted, read_configurations};
use crate::offline::results::{FoundTrial, read_trials};
use crate::prediction::predictors::is_needed;
use crate::units::LatencyLimits;

/// No comparison and no configurations are larger.
const MOST_BYTES: u64 = 8 << 20;

/// Reads the comparison.
pub fn comparison(path: &Path) -> Result<BenchmarkComparison, EvaluateError> {
    let text = if path == Path::new("-") { text_of(std::io::stdin().lock()) } else { text_at(path) };
    let failed = |problem: String| EvaluateError::Failed(format!("{}: {problem}", path.display()));
    read_comparison(&text.map_err(failed)?).map_err(|error| failed(error.to_string()))
}

/// Everything that is known of the variants, by name.
pub fn known(
    spec: &BenchmarkComparisonSpec,
    predictions: &[Named],
    results: &[Named],
) -> Result<BTreeMap<String, Known>, EvaluateError> {
    check_names(spec, "--prediction", predictions)?;
    check_names(spec, "--results", results)?;
    once_each(predictions)?;
    apart(results)?;
    let mut known = BTreeMap::new();
    for variant in &spec.variants {
        let of_variant = |named: &&Named| named.variant == variant.name;
        let prediction = predictions.iter().find(of_variant).map(|named| &named.path);
        let output = prediction.map(|path| output(path)).transpose()?;
        let predicted = predicted(output.as_ref(), variant, spec).map_err(|error| match prediction {
            Some(path) => EvaluateError::Failed(format!("{}: {error}", path.display())),
            None => EvaluateError::Failed(error.to_string()),
        })?;
        let paths: Vec<&PathBuf> = results.iter().filter(of_variant).map(|named| &named.path).collect();
        let records = records(trials(spec, &paths)?)
            .map_err(|error| EvaluateError::Failed(format!("variant {}: {error}", variant.name)))?;
        let Predicted { prediction, shape, gpus } = predicted;
        known.insert(variant.name.clone(), Known { prediction, shape, gpus, records });
    }
    Ok(known)
}

fn check_names(spec: &BenchmarkComparisonSpec, option: &str, given: &[Named]) -> Result<(), EvaluateError> {
    let names: Vec<&str> = spec.variants.iter().map(|variant| variant.name.as_str()).collect();
    match given.iter().find(|named| !names.contains(&named.variant.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(EvaluateError::Usage(format!(
            "{option} {}={}: the comparison has no variant {}, only {}",
            unknown.variant,
            unknown.path.display(),
            unknown.variant,
            names.join(", ")
        ))),
    }
}

fn once_each(predictions: &[Named]) -> Result<(), EvaluateError> {
    let mut seen = BTreeSet::new();
    match predictions.iter().find(|named| !seen.insert(&named.variant)) {
        None => Ok(()),
        Some(twice) => {
            Err(EvaluateError::Usage(format!("--prediction is given twice for {}: give it once", twice.variant)))
        }
    }
}

/// Nested results would be counted twice.
fn apart(results: &[Named]) -> Result<(), EvaluateError> {
    let real = |named: &Named| fs::canonicalize(&named.path).unwrap_or_else(|_| named.path.clone());
    for (index, one) in results.iter().enumerate() {
        for (other_index, other) in results.iter().enumerate() {
            if index != other_index && real(one).starts_with(real(other)) {
                return Err(EvaluateError::Usage(format!(
                    "--results {}={} and {}={} are the same files, or one contains the other: give each trial once",
                    one.variant,
                    one.path.display(),
                    other.variant,
                    other.path.display()
                )));
            }
        }
    }
    Ok(())
}

fn trials(spec: &BenchmarkComparisonSpec, paths: &[&PathBuf]) -> Result<Vec<FoundTrial>, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let limits = SlaLimits::from_spec(&spec.sla).map_err(|error| failed(&error))?;
    let limits = LatencyLimits { ttft: limits.ttft, tpot: limits.tpot };
    let mut trials = vec![];
    for path in paths {
        trials.extend(read_trials(path, Some(limits)).map_err(|error| failed(&error))?);
    }
    Ok(trials)
}

/// A directory, or a table of one, is a predictor's; any other file holds configurations.
fn output(path: &Path) -> Result<PredictionFiles, EvaluateError> {
    let failed = |problem: String| EvaluateError::Failed(format!("{}: {problem}", path.display()));
    let kind = fs::metadata(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    if kind.is_dir() {
        let files = read_text_tree(path, TreeLimits::default(), is_needed);
        return Ok(PredictionFiles::Predictor(files.map_err(|error| EvaluateError::Failed(error.to_string()))?));
    }
    let text = text_at(path).map_err(failed)?;
    match path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".csv")) {
        Some(name) => Ok(PredictionFiles::Predictor([(name.to_owned(), text)].into())),
        None => Ok(PredictionFiles::Generated(read_configurations(&text).map_err(|error| failed(error.to_string()))?)),
    }
}

/// Text of a file, of bounded size.
pub fn text_at(path: &Path) -> Result<String, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    let file = fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err("is a directory; expected a file".into());
    }
    text_of(file)
}

fn text_of(source: impl Read) -> Result<String, String> {
    let mut bytes = vec![];
    let read = source.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("is larger than {} MiB", MOST_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".into())
}
