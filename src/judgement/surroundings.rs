//! Where variants ran, and of which image: what may make them differ beside what is compared (METHOD §4).

use std::collections::BTreeSet;

use crate::api::{Deployed, DeploymentTimes, EvidenceCode, Finding, Role, VariantStatus};
use crate::measurement::shortened;

/// Nodes that a message names.
const MOST_NAMED: usize = 3;
const LONGEST_MESSAGE: usize = 300;

/// What a variant's surroundings say against comparing it with the others. Nothing is said of what is not known.
pub fn findings(variant: &VariantStatus, all: &[VariantStatus]) -> Vec<Finding> {
    let baseline = all.iter().find(|other| other.role == Role::Baseline && other.name != variant.name);
    let other = |code| move |message: String| Finding::new(code, shortened(&message, LONGEST_MESSAGE));
    let shared = shared_nodes(variant, all).map(other(EvidenceCode::SharedNodes));
    let apart = baseline.and_then(|base| different_nodes(variant, base)).map(other(EvidenceCode::DifferentNodes));
    let image = baseline.and_then(|base| image_changed(variant, base)).map(other(EvidenceCode::ImageChanged));
    [shared, apart, image].into_iter().flatten().collect()
}

fn nodes(variant: &VariantStatus) -> BTreeSet<&str> {
    variant.deployed.iter().flat_map(|deployed| &deployed.nodes).map(String::as_str).collect()
}

fn named(nodes: &BTreeSet<&str>) -> String {
    let named = nodes.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    match nodes.len().checked_sub(MOST_NAMED) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        _ => named,
    }
}

fn shared_nodes(variant: &VariantStatus, all: &[VariantStatus]) -> Option<String> {
    let own = nodes(variant);
    all.iter().filter(|other| other.name != variant.name).find_map(|other| {
        let shared: BTreeSet<&str> = own.intersection(&nodes(other)).copied().collect();
        let together = variant.deployments.iter().any(|a| other.deployments.iter().any(|b| overlap(a, b)));
        (together && !shared.is_empty()).then(|| {
            let nodes = named(&shared);
            format!("ran on {nodes} together with variant {}: they share what is not GPUs", other.name)
        })
    })
}

/// Whether the pods of both had nodes at the same time.
fn overlap(a: &DeploymentTimes, b: &DeploymentTimes) -> bool {
    let begins_within = |first: &DeploymentTimes, second: &DeploymentTimes| match (&first.scheduled, &second.scheduled)
    {
        (Some(from), Some(start)) => from.0 <= start.0 && first.gone.as_ref().is_none_or(|gone| start.0 < gone.0),
        _ => false,
    };
    begins_within(a, b) || begins_within(b, a)
}

fn different_nodes(variant: &VariantStatus, baseline: &VariantStatus) -> Option<String> {
    let (own, base) = (nodes(variant), nodes(baseline));
    let differ = !own.is_empty() && !base.is_empty() && own != base;
    differ.then(|| {
        format!("ran on {}, the baseline on {}: nodes of one kind may still differ", named(&own), named(&base))
    })
}

/// One name, two images: a tag that was pushed again between the deployments.
fn image_changed(variant: &VariantStatus, baseline: &VariantStatus) -> Option<String> {
    let images = |deployed: &Deployed| Some((deployed.image.clone()?, deployed.image_id.clone()?));
    let (image, own) = images(variant.deployed.as_ref()?)?;
    let (base_image, base) = images(baseline.deployed.as_ref()?)?;
    let changed = image == base_image && own != base;
    changed.then(|| format!("image {image} was {} here and {} for the baseline", digest(&own), digest(&base)))
}

fn digest(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(_, digest)| digest)
}
