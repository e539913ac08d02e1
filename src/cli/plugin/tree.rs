//! `kubectl bcmp tree`: the objects of a run, and what holds GPUs.

use kube::ResourceExt;

use super::Plugin;
use super::arguments::TreeArguments;
use super::error::PluginError;
use super::objects::{item, objects, pod_item};
use super::screen::{Page, plain, toned};
use super::stored;
use crate::api::Phase;
use crate::inspect::tree::{Item, holders, lines};
use crate::report::format::counted;
use crate::report::labels;

pub async fn tree(plugin: &mut Plugin, arguments: &TreeArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let found = objects(&cluster, &comparison, number).await?;
    let (now, gpu_resource) = (plugin.now(), &comparison.spec.hardware.gpu_resource_name);
    let mut items: Vec<Item> = found.objects.iter().map(|object| item(object, now)).collect();
    items.extend(found.pods.iter().map(|pod| pod_item(pod, gpu_resource, now)));
    let width = plugin.screen.width();
    let mut page = Page::of_width(width);
    let status = comparison.status.as_ref();
    let current = status.filter(|status| status.run_number() == number);
    let phase = current.and_then(|status| status.phase);
    let place = comparison.namespace().unwrap_or_default();
    page.spans(vec![
        plain(format!("{place}/{}, run {number}: ", comparison.name_any())),
        toned(labels::phase(phase), phase.map_or("an earlier run", Phase::as_str)),
    ]);
    lines(&comparison.uid().unwrap_or_default(), &items, width).into_iter().for_each(|line| page.line(line));
    match holders(&items) {
        Some((gpus, who)) => page.line(format!("{} held: {who}", counted(gpus, "GPU"))),
        None if found.pods_are_hidden => page.line("Whether GPUs are held is not known: you may not list pods."),
        None => page.line("No GPU is held."),
    }
    plugin.screen.show(&page)?;
    found.hidden.iter().for_each(|why| plugin.screen.note(&format!("not shown: {why}")));
    Ok(0)
}
