//! `kubectl bcmp init`: a first comparison, from what the cluster has.

use std::io::Write;
use std::path::Path;

use super::Plugin;
use super::arguments::InitArguments;
use super::error::PluginError;
use super::shell::quoted;
use super::{new_file, survey};
use crate::cli::file::read_comparison;
use crate::inspect::sample::{Seen, comparison};

/// The resource that counts GPUs, where no comparison says otherwise.
const GPU_RESOURCE: &str = "nvidia.com/gpu";

pub async fn init(plugin: &mut Plugin, arguments: &InitArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let (nodes, claims) = (survey::nodes(cluster.client(), GPU_RESOURCE).await, survey::claims(&cluster).await);
    for why in [nodes.as_ref().err(), claims.as_ref().err()].into_iter().flatten() {
        plugin.screen.note(&format!("not looked at: {why}"));
    }
    let seen = Seen {
        name: arguments.name.clone(),
        namespace: cluster.namespace.clone(),
        model: arguments.model.clone(),
        nodes: nodes.ok(),
        images: survey::runtime_images(&cluster, GPU_RESOURCE).await,
        claims: claims.unwrap_or_default(),
    };
    let text = comparison(&seen);
    // Names that somebody typed are part of it: what a cluster would refuse is refused here.
    read_comparison(&text).map_err(|error| PluginError::usage(format!("the new comparison {error}")))?;
    if arguments.output == Path::new("-") {
        plugin.screen.document(&text)?;
        return Ok(0);
    }
    let path = arguments.output.as_path();
    new_file::create(path, arguments.force)?.write_all(text.as_bytes()).map_err(new_file::failed(path))?;
    let path = quoted(&path.display().to_string());
    plugin.screen.document(&format!(
        "wrote {path}: read its lines with CHECK, then run\n  kubectl bcmp check -f {path}\n  kubectl apply -f {path}\n"
    ))?;
    Ok(0)
}
