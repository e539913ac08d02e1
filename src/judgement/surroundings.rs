//! Where variants ran, and of which image: what may make them differ beside what is compared (METHOD §4).

use std::collections::BTreeSet;

use crate::api::{DeploymentStatus, EvidenceCode, Finding, Role, VariantStatus};

/// Nodes that a message names.
const MOST_NAMED: usize = 3;

/// What a variant's surroundings say against comparing it with the others. Nothing is said of what is not known.
pub fn findings(variant: &VariantStatus, all: &[VariantStatus]) -> Vec<Finding> {
    let baseline = all.iter().find(|other| other.role == Role::Baseline && other.name != variant.name);
    let other = |code| move |message: String| Finding::new(code, message);
    let shared = shared_nodes(variant, all).map(other(EvidenceCode::SharedNodes));
    let apart = baseline.and_then(|base| different_nodes(variant, base)).map(other(EvidenceCode::DifferentNodes));
    let image = image_changed(variant, baseline).map(other(EvidenceCode::ImageChanged));
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
fn overlap(a: &DeploymentStatus, b: &DeploymentStatus) -> bool {
    let begins_within =
        |first: &DeploymentStatus, second: &DeploymentStatus| match (&first.scheduled, &second.scheduled) {
            (Some(from), Some(start)) => from.0 <= start.0 && first.gone.as_ref().is_none_or(|gone| start.0 < gone.0),
            _ => false,
        };
    begins_within(a, b) || begins_within(b, a)
}

fn different_nodes(variant: &VariantStatus, baseline: &VariantStatus) -> Option<String> {
    let (own, base) = (nodes(variant), nodes(baseline));
    let differ = !own.is_empty() && !base.is_empty() && own != base;
    let (gpus, base_gpus) = (products(variant), products(baseline));
    let why = if gpus.is_empty() || base_gpus.is_empty() || gpus == base_gpus {
        "nodes of one kind may still differ".to_owned()
    } else {
        format!("GPUs are {} here and {} there", named(&gpus), named(&base_gpus))
    };
    differ.then(|| format!("ran on {}, the baseline on {}: {why}", named(&own), named(&base)))
}

fn products(variant: &VariantStatus) -> BTreeSet<&str> {
    variant.deployed.iter().flat_map(|deployed| &deployed.gpu_products).map(String::as_str).collect()
}

/// One name, two images: a tag that was pushed again between deployments of the variant, or of it and the baseline.
fn image_changed(variant: &VariantStatus, baseline: Option<&VariantStatus>) -> Option<String> {
    let (image, own) = images(variant)?;
    let last = own.last()?;
    if let Some(other) = own.first().filter(|first| *first != last) {
        let (one, another) = (digest(other), digest(last));
        return Some(format!("image {image} was {one} in one deployment and {another} in another"));
    }
    let (base_image, base) = images(baseline?)?;
    let other = base.difference(&own).next().filter(|_| image == base_image)?;
    Some(format!("image {image} was {} here and {} for the baseline", digest(last), digest(other)))
}

/// The image as asked for, and all it resolved to.
fn images(variant: &VariantStatus) -> Option<(&str, BTreeSet<&str>)> {
    let deployed = variant.deployed.as_ref()?;
    let ids = deployed.earlier_image_ids.iter().chain(&deployed.image_id).map(String::as_str);
    Some((deployed.image.as_deref()?, ids.collect()))
}

fn digest(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(_, digest)| digest)
}
