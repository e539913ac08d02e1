//! `kubectl bcmp rerun` and `cancel`: requests to the operator by annotation.

use kube::ResourceExt;

use super::Plugin;
use super::arguments::{CancelArguments, RerunArguments};
use super::error::PluginError;
use super::watch::{exit_code, until_over};
use crate::api::conditions::ConditionType;
use crate::api::{BenchmarkComparison, EarlyEnd, OnChange, Phase, Run, annotations};
use crate::inspect::stop::rests;

/// Requests another run.
pub async fn rerun(plugin: &mut Plugin, arguments: &RerunArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let token = plugin.now().to_string();
    let name = &arguments.comparison;
    let asked = cluster
        .annotate(name, |comparison| {
            if arguments.wait && comparison.spec.suspend {
                return Err(PluginError::failed(format!(
                    "{name} is suspended, so the wait would not end: resume it first with `kubectl bcmp resume {name}`, or leave out --wait"
                )));
            }
            if !arguments.force {
                may_begin(comparison)?;
            }
            Ok((annotations::RUN_REQUESTED, token.clone()))
        })
        .await?;
    plugin.screen.document(&format!("{}\n", confirmation(&asked)))?;
    if !arguments.wait {
        return Ok(0);
    }
    let last = until_over(plugin, &cluster, name, arguments.patience).await?;
    Ok(last.as_ref().map_or(0, exit_code))
}

/// The run that holds or needs GPUs. One that stops at its predictions does not.
fn active(comparison: &BenchmarkComparison) -> Option<&Run> {
    let status = comparison.status.as_ref()?;
    let run = status.run.as_ref().filter(|run| run.completion_time.is_none())?;
    (!status.is_true(ConditionType::Finished)).then_some(run)
}

fn may_begin(comparison: &BenchmarkComparison) -> Result<(), PluginError> {
    let name = comparison.name_any();
    if comparison.pending_run_request().is_some() {
        return Err(PluginError::failed(format!(
            "another run of {name} is already requested and has not started: follow it with `kubectl bcmp watch {name}`"
        )));
    }
    match active(comparison) {
        None => Ok(()),
        Some(run) => {
            let consequence = consequence(comparison, run);
            Err(PluginError::failed(format!(
                "run {} of {name} is active{}: use --force to start another one anyway; {consequence}",
                run.number,
                how_far(comparison)
            )))
        }
    }
}

fn how_far(comparison: &BenchmarkComparison) -> String {
    let status = comparison.status.as_ref();
    let phase = status.and_then(|status| status.phase).map(Phase::as_str);
    let trials = status.and_then(|status| status.progress.as_ref()).map(|progress| progress.summary.as_str());
    match (phase, trials) {
        (Some(phase), Some(trials)) => format!(" ({phase}, {trials} trials)"),
        (Some(phase), None) => format!(" ({phase})"),
        _ => String::new(),
    }
}

/// What another request does to the active run.
fn consequence(comparison: &BenchmarkComparison, run: &Run) -> String {
    match comparison.spec.execution.on_change {
        OnChange::Supersede => format!(
            "run {} is then superseded: its variants are torn down, its results are kept in history, and the next run starts",
            run.number
        ),
        OnChange::FinishFirst => {
            format!("the next run starts after run {} has finished (execution.onChange is FinishFirst)", run.number)
        }
    }
}

fn confirmation(comparison: &BenchmarkComparison) -> String {
    let name = comparison.name_any();
    let consequence = active(comparison).map(|run| consequence(comparison, run));
    let suspended = comparison.spec.suspend.then(|| "it starts once spec.suspend is false".to_owned());
    let then: Vec<String> = consequence.into_iter().chain(suspended).collect();
    let then = if then.is_empty() { String::new() } else { format!(": {}", then.join("; ")) };
    format!("requested another run of {name}{then}")
}

/// Requests the end of the active run.
pub async fn cancel(plugin: &mut Plugin, arguments: &CancelArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let name = &arguments.comparison;
    let asked = cluster
        .annotate(name, |comparison| Ok((annotations::CANCEL_REQUESTED, to_cancel(comparison)?.number.to_string())))
        .await?;
    let number = asked.annotations().get(annotations::CANCEL_REQUESTED).cloned().unwrap_or_default();
    let then = match rests(&asked) {
        true => format!("to measure later, use `kubectl bcmp rerun {name}`"),
        false => "its variants are torn down, and what it measured is kept".into(),
    };
    plugin.screen.document(&format!("requested cancellation of run {number} of {name}: {then}\n"))?;
    if !arguments.wait {
        return Ok(0);
    }
    let last = until_over(plugin, &cluster, name, arguments.patience).await?;
    Ok(last.as_ref().map_or(0, |last| if was_cancelled(last) { 0 } else { exit_code(last) }))
}

fn to_cancel(comparison: &BenchmarkComparison) -> Result<&Run, PluginError> {
    let name = comparison.name_any();
    let status = comparison.status.as_ref();
    let run = status.and_then(|status| status.run.as_ref());
    let Some(run) = run else { return Err(PluginError::failed(format!("{name} has no run yet: nothing to cancel"))) };
    let number = run.number;
    match (&run.completion_time, &run.ended) {
        (Some(_), _) => {
            let how = status.and_then(|status| status.phase).map_or("over", Phase::as_str);
            Err(PluginError::failed(format!("run {number} of {name} has already finished ({how}): nothing to cancel")))
        }
        (None, Some(ended)) => Err(PluginError::failed(format!(
            "run {number} of {name} is already ending ({}): its variants are being torn down",
            ended.reason
        ))),
        (None, None) => Ok(run),
    }
}

fn was_cancelled(comparison: &BenchmarkComparison) -> bool {
    let run = comparison.status.as_ref().and_then(|status| status.run.as_ref());
    run.and_then(|run| run.ended.as_ref()).is_some_and(|ended| ended.outcome == EarlyEnd::Cancelled)
}
