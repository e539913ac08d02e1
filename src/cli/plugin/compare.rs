//! `kubectl bcmp compare`: two runs side by side.

use super::Plugin;
use super::arguments::{CompareArguments, CompareForm, RunOf};
use super::cluster::NamespaceClient;
use super::error::PluginError;
use super::{report, stored};
use crate::report::Report;
use crate::report::compare::{ComparedRun, csv, text};

pub async fn compare(plugin: &mut Plugin, arguments: &CompareArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let (title_a, a) = side(&cluster, &arguments.a).await?;
    let (title_b, b) = side(&cluster, &arguments.b).await?;
    let (a, b) = (ComparedRun { title: &title_a, report: &a }, ComparedRun { title: &title_b, report: &b });
    let text = match arguments.output {
        CompareForm::Table => text(a, b, plugin.screen.width()),
        CompareForm::Csv => csv(a, b),
    };
    plugin.screen.document(&text)?;
    Ok(0)
}

async fn side(cluster: &NamespaceClient, of: &RunOf) -> Result<(String, Report), PluginError> {
    let comparison = cluster.comparison(&of.comparison).await?;
    let number = stored::number(&comparison, of.run)?;
    let report = report::of_run(cluster, &comparison, number).await?;
    Ok((format!("{}, run {number}", of.comparison), report))
}
