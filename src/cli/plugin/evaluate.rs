//! `kubectl bcmp evaluate`: judges a run's stored trials again.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::Plugin;
use super::arguments::{EvaluateArguments, RuleOverrides};
use super::error::PluginError;
use super::stored::{self, StoredRun, stored_run};
use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec, Decimal};
use crate::cli::evaluate::{answered, code, comparison as read_file, write_report};
use crate::cli::file::read_comparison;
use crate::plan::inputs;

/// Judges and prints; the exit code says how it went.
pub async fn evaluate(plugin: &mut Plugin, arguments: &EvaluateArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let mut comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let run = stored_run(&cluster, &comparison, number).await?;
    if run.ledgers.values().all(|ledger| ledger.records.is_empty()) {
        let name = comparison.name_any();
        return Err(PluginError::failed(format!(
            "run {number} of {name} has no trials yet: wait until it has measured"
        )));
    }
    let rules = rules(&comparison, &run, arguments)?;
    let evaluated = run.judged(&comparison, &rules)?;
    comparison.spec = rules;
    if let Some(directory) = &arguments.report {
        write_report(directory, &comparison, &evaluated)?;
    }
    let known = run.known();
    let width = plugin.screen.width();
    plugin.screen.document(&answered(&comparison, &known, &BTreeMap::new(), &evaluated, arguments.output, width)?)?;
    let (code, caught) = code(&comparison, &evaluated);
    if let Some(caught) = caught {
        plugin.screen.note(&format!("kubectl bcmp evaluate: {caught}"));
    }
    Ok(code)
}

/// What was measured, and the rules it is judged by: the object's, a file's, single ones over both.
fn rules(
    comparison: &BenchmarkComparison,
    run: &StoredRun,
    arguments: &EvaluateArguments,
) -> Result<BenchmarkComparisonSpec, PluginError> {
    let live = match &arguments.file {
        None => comparison.spec.clone(),
        Some(path) => {
            let spec = read_file(path)?.spec;
            if inputs::hash(&spec) != inputs::hash(&run.plan.spec) {
                return Err(PluginError::usage(format!(
                    "{}: it changes what is measured, which needs a new run: change only evidence, judgement and \
                     hardware.gpuHourlyCost compared with run {}",
                    path.display(),
                    run.plan.run
                )));
            }
            spec
        }
    };
    let mut spec = run.spec(&live);
    over(&mut spec, &arguments.rules);
    checked(comparison, spec)
}

fn over(spec: &mut BenchmarkComparisonSpec, rules: &RuleOverrides) {
    let RuleOverrides {
        accuracy_tolerance_percent,
        equivalence_margin_percent,
        maximum_error_percent,
        length_tolerance_percent,
        assumed_scatter_percent,
        fail_on,
    } = rules.clone();
    let set = |into: &mut Decimal, text: Option<String>| {
        if let Some(text) = text {
            *into = Decimal::new(text);
        }
    };
    set(&mut spec.judgement.accuracy_tolerance_percent, accuracy_tolerance_percent);
    set(&mut spec.judgement.equivalence_margin_percent, equivalence_margin_percent);
    set(&mut spec.evidence.maximum_error_percent, maximum_error_percent);
    set(&mut spec.evidence.length_tolerance_percent, length_tolerance_percent);
    set(&mut spec.judgement.assumed_scatter_percent, assumed_scatter_percent);
    spec.judgement.fail_on = fail_on.unwrap_or_else(|| spec.judgement.fail_on.clone());
}

/// The spec, as an API server would accept it.
fn checked(
    comparison: &BenchmarkComparison,
    spec: BenchmarkComparisonSpec,
) -> Result<BenchmarkComparisonSpec, PluginError> {
    let object = BenchmarkComparison::new(&comparison.name_any(), spec);
    let text = serde_json::to_string(&object).map_err(|error| PluginError::failed(error.to_string()))?;
    match read_comparison(&text) {
        Ok(read) => Ok(read.spec),
        Err(error) => Err(PluginError::usage(format!("these rules are invalid: the comparison {error}"))),
    }
}
