//! `kubectl bcmp suspend` and `resume`: `spec.suspend`, by a patch that changes nothing else.

use kube::ResourceExt;
use serde_json::json;

use super::Plugin;
use super::arguments::{ResumeArguments, SuspendArguments};
use super::error::PluginError;
use super::stop::until_free;
use crate::api::{BenchmarkComparison, Until};

/// Tears the active run down and keeps what it measured.
pub async fn suspend(plugin: &mut Plugin, arguments: &SuspendArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let name = &arguments.comparison;
    let (comparison, changed) = cluster
        .change(name, |comparison| Ok((!comparison.spec.suspend).then(|| json!({"spec": {"suspend": true}}))))
        .await?;
    let first = if changed { "suspended" } else { "already suspended:" };
    plugin.screen.document(&format!("{first} {name}: {}\n", consequence(&comparison)))?;
    match active_number(&comparison) {
        Some(run) if arguments.wait => {
            until_free(plugin, &cluster, &comparison, run, arguments.patience).await?;
        }
        _ => {}
    }
    Ok(0)
}

/// Lets runs go on.
pub async fn resume(plugin: &mut Plugin, arguments: &ResumeArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let name = &arguments.comparison;
    let (comparison, changed) = cluster
        .change(name, |comparison| Ok(comparison.spec.suspend.then(|| json!({"spec": {"suspend": false}}))))
        .await?;
    if !changed {
        plugin.screen.document(&format!("{name} is not suspended\n"))?;
        return Ok(0);
    }
    let then = match active_number(&comparison) {
        Some(run) if comparison.spec.execution.until == Until::Predictions => {
            format!("run {run} goes on to its predictions, and holds no GPU")
        }
        Some(run) => format!("run {run} goes on at its next level as soon as it gets GPUs"),
        None => "runs may start again".into(),
    };
    plugin.screen.document(&format!("resumed {name}: {then}\n"))?;
    Ok(0)
}

fn active_number(comparison: &BenchmarkComparison) -> Option<i64> {
    let run = comparison.status.as_ref()?.run.as_ref()?;
    run.completion_time.is_none().then_some(run.number)
}

fn consequence(comparison: &BenchmarkComparison) -> String {
    let resume = format!("`kubectl bcmp resume {}`", comparison.name_any());
    match active_number(comparison) {
        Some(run) => format!("run {run} is torn down and keeps what it measured; use {resume} to resume it"),
        None => format!("no run starts while it is suspended; use {resume} to resume it"),
    }
}
