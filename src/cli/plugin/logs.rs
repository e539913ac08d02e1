//! `kubectl bcmp logs`: the logs of the load tool, the generator or the servers of a run.

use futures::io::{AsyncBufReadExt, BufReader};
use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::Plugin;
use super::arguments::LogsArguments;
use super::cluster::NamespaceClient;
use super::error::PluginError;
use super::objects::{log_pod, objects};
use super::stored;
use crate::controller::call::call;
use crate::inspect::logs::{LogSource, WantedLogs, sources};

/// Prints logs, one after the other, or all at once while they are followed.
pub async fn logs(plugin: &mut Plugin, arguments: &LogsArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let found = objects(&cluster, &comparison, number).await?;
    if found.pods.is_empty()
        && let Some(why) = found.hidden.iter().find(|why| why.contains("list pods"))
    {
        return Err(PluginError::failed(why.clone()));
    }
    let pods: Vec<_> = found.pods.iter().map(log_pod).collect();
    let wanted = WantedLogs {
        component: arguments.of.map(Into::into),
        variant: arguments.variant.as_deref(),
        container: arguments.container.as_deref(),
    };
    let chosen = sources(&pods, &wanted).map_err(PluginError::failed)?;
    let parameters = |source: &LogSource| LogParams {
        container: Some(source.container.clone()),
        follow: arguments.follow,
        previous: arguments.previous,
        tail_lines: arguments.tail,
        ..LogParams::default()
    };
    if arguments.follow {
        return follow(plugin, &cluster, &chosen, parameters).await;
    }
    for source in &chosen {
        plugin.screen.note(&format!("# {}: pod {}, container {}", source.title, source.pod, source.container));
        let text = text(&cluster, source, &parameters(source)).await?;
        plugin.screen.document(&text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            plugin.screen.document("\n")?;
        }
    }
    Ok(0)
}

/// The log of a container, as far as it is there.
pub async fn text(
    cluster: &NamespaceClient,
    source: &LogSource,
    parameters: &LogParams,
) -> Result<String, PluginError> {
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let name = format!("read the log of pod {}, container {}", source.pod, source.container);
    Ok(call(name, api.logs(&source.pod, parameters)).await?)
}

async fn follow(
    plugin: &mut Plugin,
    cluster: &NamespaceClient,
    chosen: &[LogSource],
    parameters: impl Fn(&LogSource) -> LogParams,
) -> Result<u8, PluginError> {
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), &cluster.namespace);
    let mut streams: Vec<BoxStream<'_, std::io::Result<String>>> = vec![];
    for source in chosen {
        let name = format!("follow the log of pod {}, container {}", source.pod, source.container);
        let log = call(name, api.log_stream(&source.pod, &parameters(source))).await?;
        let start = if chosen.len() > 1 { format!("[{}] ", source.pod) } else { String::new() };
        let lines = BufReader::new(log).lines();
        streams.push(lines.map(move |line| Ok(format!("{start}{}\n", line?))).boxed());
    }
    let mut all = stream::select_all(streams);
    while let Some(line) = all.next().await {
        plugin.screen.document(&line?)?;
        if plugin.screen.is_closed() {
            break;
        }
    }
    Ok(0)
}
