//! `kubectl bcmp promote`: the winner of a run as manifests to deploy.

use kube::ResourceExt;

use super::Plugin;
use super::arguments::PromoteArguments;
use super::error::PluginError;
use super::report;
use super::stored::{self, stored_run};
use super::survey;
use crate::dynamo;
use crate::inspect::promote::{choose, deployable, heading};
use crate::manifests::variant::is_generated;

pub async fn promote(plugin: &mut Plugin, arguments: &PromoteArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let run = stored_run(&cluster, &comparison, number).await?;
    // Of an earlier run, only the report still has the verdict.
    let verdict = match run.is_current {
        true => comparison.status.as_ref().and_then(|status| status.verdict.clone()),
        false => report::of_run(&cluster, &comparison, number).await?.verdict,
    };
    let variants: Vec<&str> = run.plan.spec.variants.iter().map(|variant| variant.name.as_str()).collect();
    let variant = choose(arguments.variant.as_deref(), &variants, verdict.as_ref()).map_err(PluginError::failed)?;
    let objects = run.configurations.as_ref().and_then(|all| all.objects(variant)).unwrap_or_default();
    if objects.is_empty() {
        return Err(PluginError::failed(format!(
            "variant {variant} of run {number} has no manifests: it is an endpoint, or has no configuration; \
             `kubectl bcmp get {}` says which",
            comparison.name_any()
        )));
    }
    let place = format!("{}/{}", comparison.namespace().unwrap_or_default(), comparison.name_any());
    let mut text = heading(&place, number, variant, verdict.as_ref());
    let stored = is_generated(&run.plan.spec, variant) && survey::serves_newest_graphs(cluster.client()).await;
    for (nth, object) in deployable(objects).into_iter().enumerate() {
        let object = if stored { dynamo::to_beta(&object).unwrap_or(object) } else { object };
        let document = serde_saphyr::to_string(&object).map_err(|error| PluginError::failed(error.to_string()))?;
        text.push_str(if nth > 0 { "---\n" } else { "" });
        text.push_str(&document);
    }
    plugin.screen.document(&text)?;
    Ok(0)
}
