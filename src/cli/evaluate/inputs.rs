//! The files `bcmp evaluate` is given, read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::EvaluateError;
use super::arguments::Named;
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec};
use crate::cli::file::{FileContent, read_file};
use crate::files::{TreeLimits, read_text_tree};
use crate::method::sla::SlaLimits;
use crate::offline::OfflineVariant;
use crate::offline::measured::{GivenResults, Inputs, Lengths, select};
use crate::offline::predicted::{Predicted, PredictionFiles, predicted, read_configurations};
use crate::offline::results::{FoundResults, holds_variants, search};
use crate::prediction::Files;
use crate::prediction::predictors::{is_needed, is_output};

/// No comparison and no configurations are larger.
const MOST_BYTES: u64 = 8 << 20;
/// Files beside a report that are looked into.
const MOST_SETTINGS: usize = 100;

/// Reads the comparison.
pub fn comparison(path: &Path) -> Result<BenchmarkComparison, EvaluateError> {
    content(path).map(|content| content.comparison)
}

/// Reads the comparison and the ConfigMaps beside it.
pub fn content(path: &Path) -> Result<FileContent, EvaluateError> {
    let text = if path == Path::new("-") { text_of(std::io::stdin().lock()) } else { text_at(path) };
    let failed = |problem: String| EvaluateError::Failed(format!("{}: {problem}", path.display()));
    read_file(&text.map_err(failed)?).map_err(|error| failed(error.to_string()))
}

/// What is known of a variant, and the files behind it.
pub type Given = (BTreeMap<String, OfflineVariant>, BTreeMap<String, Inputs>);

/// Everything that is known of the variants, by name.
pub fn known(spec: &BenchmarkComparisonSpec, predictions: &[Named], results: &[Named]) -> Result<Given, EvaluateError> {
    check_names(spec, "--prediction", predictions)?;
    check_names(spec, "--results", results)?;
    once_each(predictions)?;
    apart(results)?;
    let (mut known, mut files) = (BTreeMap::new(), BTreeMap::new());
    let workload = &spec.workload;
    let lengths = Lengths { input_tokens: workload.input_tokens, output_tokens: workload.output_tokens };
    for variant in &spec.variants {
        let of_variant = |named: &&Named| named.variant == variant.name;
        let prediction = predictions.iter().find(of_variant).map(|named| &named.path);
        let output = prediction.map(|path| output(path)).transpose()?;
        let predicted = predicted(output.as_ref(), variant, spec).map_err(|error| match prediction {
            Some(path) => EvaluateError::Failed(format!("{}: {error}", path.display())),
            None => EvaluateError::Failed(error.to_string()),
        })?;
        let paths: Vec<&PathBuf> = results.iter().filter(of_variant).map(|named| &named.path).collect();
        let GivenResults { records, inputs } = select(found(spec, &paths)?, &variant.name, lengths)
            .map_err(|error| EvaluateError::Failed(format!("variant {}: {error}", variant.name)))?;
        let Predicted { prediction, shape, gpus } = predicted;
        known.insert(variant.name.clone(), OfflineVariant { prediction, shape, gpus, records });
        if !paths.is_empty() {
            files.insert(variant.name.clone(), inputs);
        }
    }
    Ok((known, files))
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
            let is_shared = one.variant != other.variant && one.path == other.path && holds_variants(&one.path);
            if index != other_index && real(one).starts_with(real(other)) && !is_shared {
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

fn found(spec: &BenchmarkComparisonSpec, paths: &[&PathBuf]) -> Result<Vec<FoundResults>, EvaluateError> {
    let failed = |error: &dyn std::fmt::Display| EvaluateError::Failed(error.to_string());
    let limits = SlaLimits::from_spec(&spec.sla).map_err(|error| failed(&error))?.of_requests();
    paths.iter().map(|path| search(path, Some(limits)).map_err(|error| failed(&error))).collect()
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
    if let Some(files) = report_and_settings(path, &text) {
        return Ok(PredictionFiles::Predictor(files));
    }
    match path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".csv")) {
        Some(name) => Ok(PredictionFiles::Predictor([(name.to_owned(), text)].into())),
        None => Ok(PredictionFiles::Generated(read_configurations(&text).map_err(|error| failed(error.to_string()))?)),
    }
}

/// A predictor's report, with the settings beside it that show what it is for.
fn report_and_settings(path: &Path, text: &str) -> Option<Files> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let report: Files = [(name(path)?, text.to_owned())].into();
    if !is_output(&report) || name(path)?.ends_with(".csv") {
        return None;
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_settings = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let settings =
        entries.filter(is_settings).take(MOST_SETTINGS).filter_map(|path| Some((name(&path)?, text_at(&path).ok()?)));
    Some(report.into_iter().chain(settings).collect())
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
