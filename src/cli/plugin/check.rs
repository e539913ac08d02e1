//! `kubectl bcmp check`: whether a cluster has what a comparison needs.

use std::path::Path;

use kube::ResourceExt;

use super::Plugin;
use super::arguments::CheckArguments;
use super::cluster::NamespaceClient;
use super::error::{FAILED, PluginError};
use super::pulls::pulled;
use super::screen::{Page, plain, toned};
use super::survey;
use crate::api::BenchmarkComparisonSpec;
use crate::cli::evaluate::comparison as read_file;
use crate::inspect::check::{self, findings};
use crate::inspect::findings::{CheckRow, heading, lines, summary};

/// Reads, checks and prints a table. Exit code 1 if something is missing.
pub async fn check(plugin: &mut Plugin, arguments: &CheckArguments) -> Result<u8, PluginError> {
    if arguments.pull && arguments.file.is_none() && arguments.comparison.is_none() {
        return Err(PluginError::usage(
            "--pull: no comparison whose images are to be pulled: name one, or a file with -f",
        ));
    }
    let mut cluster = plugin.cluster().await?;
    let subject = subject(&mut cluster, plugin.connection.namespace.as_deref(), arguments).await?;
    let mut found = read(plugin, &cluster, subject.as_ref()).await;
    if let Some(spec) = subject.as_ref().filter(|_| arguments.pull) {
        found.pulls = pulled(&cluster, spec, arguments.timeout).await;
    }
    let findings = findings(&found, subject.as_ref(), arguments.pre);
    let (sentence, well) = summary(&findings);
    let width = plugin.screen.width();
    let mut page = Page::of_width(width);
    page.line(heading());
    findings.iter().for_each(|finding| row(&mut page, finding, width));
    page.line("");
    page.line(sentence);
    plugin.screen.show(&page)?;
    Ok(if well { 0 } else { FAILED })
}

/// The comparison that is to run: of a file, or of the cluster. A file may name the namespace in which it is to run.
async fn subject(
    cluster: &mut NamespaceClient,
    asked: Option<&str>,
    arguments: &CheckArguments,
) -> Result<Option<BenchmarkComparisonSpec>, PluginError> {
    match (&arguments.file, &arguments.comparison) {
        (Some(path), _) => {
            let comparison = read_file(Path::new(path))?;
            match (comparison.namespace(), asked) {
                (Some(own), Some(asked)) if own != asked => {
                    return Err(PluginError::usage(format!(
                        "{}: metadata.namespace is {own}, and -n is {asked}: leave one of them out",
                        path.display()
                    )));
                }
                (Some(own), None) => cluster.namespace = own,
                _ => {}
            }
            Ok(Some(comparison.spec))
        }
        (None, Some(name)) => Ok(Some(cluster.comparison(name).await?.spec)),
        (None, None) => Ok(None),
    }
}

async fn read(
    plugin: &Plugin,
    cluster: &NamespaceClient,
    subject: Option<&BenchmarkComparisonSpec>,
) -> check::ClusterState {
    let client = cluster.client();
    let gpu_resource = subject.map_or("nvidia.com/gpu", |spec| spec.hardware.gpu_resource_name.as_str());
    let (mut claims, mut secrets) = (vec![], vec![]);
    for name in claim_names(subject) {
        let claim = survey::claim(cluster, &name).await;
        claims.push((name, claim));
    }
    for name in secret_names(subject) {
        let there = survey::secret_exists(cluster, &name).await;
        secrets.push((name, there));
    }
    check::ClusterState {
        namespace: cluster.namespace.clone(),
        namespace_exists: survey::namespace_exists(client, &cluster.namespace).await,
        kubernetes: survey::version(client).await,
        comparisons: survey::comparisons(client).await,
        graphs: survey::graphs(client).await,
        rights: survey::rights(client, &cluster.namespace).await,
        nodes: survey::nodes(client, gpu_resource).await,
        quotas: survey::quotas(cluster).await,
        claims,
        secrets,
        pulls: vec![],
        clock: survey::clock(client, || plugin.now()).await,
    }
}

fn claim_names(subject: Option<&BenchmarkComparisonSpec>) -> Vec<String> {
    let Some(spec) = subject else { return vec![] };
    let weights = spec.model.cache.iter().map(|cache| cache.claim_name.clone());
    let mut names: Vec<String> = weights.chain(spec.results.iter().map(|results| results.claim_name.clone())).collect();
    names.dedup();
    names
}

fn secret_names(subject: Option<&BenchmarkComparisonSpec>) -> Vec<String> {
    let Some(spec) = subject else { return vec![] };
    let token = spec.model.token_secret_name.iter().cloned();
    token.chain(spec.image_pull_secrets.iter().map(|secret| secret.name.clone())).collect()
}

fn row(page: &mut Page, finding: &CheckRow, width: usize) {
    let word = finding.outcome.word();
    for (nth, line) in lines(finding, width).into_iter().enumerate() {
        match line.split_once(word).filter(|_| nth == 0) {
            Some((before, after)) => {
                page.spans(vec![plain(before), toned(finding.outcome.tone(), word), plain(after)]);
            }
            None => page.line(line),
        }
    }
}
