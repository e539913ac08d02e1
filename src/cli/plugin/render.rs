//! `kubectl bcmp render`: what a run creates, for a file or for a comparison in the cluster.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::Plugin;
use super::arguments::RenderArguments;
use super::error::PluginError;
use super::stored::{self, stored_run};
use super::survey;
use crate::cli::evaluate::EvaluateError;
use crate::cli::render::{Rendered, of_file, of_run, plan};

pub async fn render(plugin: &mut Plugin, arguments: &RenderArguments) -> Result<u8, PluginError> {
    let Rendered { text, notes } = match &arguments.comparison {
        Some(name) => of_comparison(plugin, name, arguments).await?,
        None => of_file(&arguments.source)?,
    };
    notes.iter().for_each(|note| plugin.screen.note(note));
    plugin.screen.document(&text)?;
    Ok(0)
}

async fn of_comparison(plugin: &mut Plugin, name: &str, arguments: &RenderArguments) -> Result<Rendered, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(name).await?;
    let begun = comparison.status.as_ref().is_some_and(|status| status.run.is_some());
    let (deadlines, form) = (&comparison.spec.execution.deadlines, arguments.source.output);
    if !begun && arguments.run.run.is_none() {
        plugin.screen.note(&format!("{} has had no run yet: this is what one would create", comparison.name_any()));
        let plan = plan(&comparison, &arguments.source, BTreeMap::new());
        return Ok(of_run(&plan, deadlines, None, true, form)?);
    }
    let number = stored::number(&comparison, arguments.run.run)?;
    let run = stored_run(&cluster, &comparison, number).await?;
    let newest_graphs = survey::serves_newest_graphs(cluster.client()).await;
    Ok(of_run(&run.plan, deadlines, run.configurations.as_ref(), newest_graphs, form)?)
}

impl From<EvaluateError> for PluginError {
    fn from(error: EvaluateError) -> Self {
        Self { code: error.exit_code(), message: error.to_string() }
    }
}
