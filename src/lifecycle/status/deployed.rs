//! What is deployed, as manifests and running pods show it: shape, nodes, kinds of GPU, image.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::{BenchmarkComparisonStatus, Deployed, GpuPods, VariantStatus};
use crate::lifecycle::facts::{active_run, planned};
use crate::lifecycle::world::{Container, Pod, World};
use crate::manifests::demand;
use crate::plan::{ChildKind, Component, Demand};
use crate::units::count;

/// The label of nodes that names their GPUs, as NVIDIA's device plugin and GPU feature discovery set it.
const GPU_PRODUCT: &str = "nvidia.com/gpu.product";
/// Nodes that are kept.
const MAXIMUM_NODES: usize = 10;
/// Sizes of pods that are kept.
const MAXIMUM_SIZES: usize = 8;
/// Kinds of GPU that are kept.
const MAXIMUM_PRODUCTS: usize = 2;
/// Digests of an image that are kept beside the last one.
const MAXIMUM_EARLIER_IMAGES: usize = 2;

/// Shows what is deployed of a variant. What only running pods show is kept when they are gone.
pub fn describe(variant: &mut VariantStatus, status: &BenchmarkComparisonStatus, world: &World) {
    let spec = planned(world);
    let endpoint = spec.variants.iter().find(|v| v.name == variant.name).and_then(|v| v.source.endpoint.as_ref());
    let Some(ready) = world.ready(&variant.name) else { return };
    let demands = demand::of(&ready.objects, &spec.hardware.gpu_resource_name);
    let asked = demands.iter().fold(0_u32, |asked, demand| asked.saturating_add(demand.total()));
    let gpus = endpoint.map(|e| e.gpus).or(Some(count(asked)).filter(|gpus| *gpus > 0));
    variant.gpus = gpus.or(variant.gpus);
    variant.gpu_pods = gpu_pods(&demands);
    let mut deployed = variant.deployed.take().unwrap_or_default();
    if let Some(shape) = &ready.shape {
        shape.show_in(&mut deployed);
    }
    describe_pods(&mut deployed, variant, status, world);
    variant.deployed = Some(deployed).filter(|deployed| *deployed != Deployed::default());
}

/// Pods by how many GPUs each holds, the largest first; none where there are more sizes than a status has room for.
fn gpu_pods(demands: &[Demand]) -> Vec<GpuPods> {
    let mut pods: BTreeMap<Reverse<u32>, u32> = BTreeMap::new();
    for demand in demands {
        let of_size = pods.entry(Reverse(count(demand.gpus))).or_insert(0);
        *of_size = count(of_size.saturating_add(demand.pods));
    }
    let pods: Vec<GpuPods> = pods.into_iter().map(|(Reverse(gpus), pods)| GpuPods { pods, gpus }).collect();
    if pods.len() > MAXIMUM_SIZES { vec![] } else { pods }
}

/// What only running pods show is kept when they are gone.
fn describe_pods(deployed: &mut Deployed, variant: &VariantStatus, status: &BenchmarkComparisonStatus, world: &World) {
    let Some(run) = active_run(status) else { return };
    let Some(deployment) = variant.deployments.last() else { return };
    let server = world
        .deployment_children(run.number, &variant.name, deployment.number)
        .find(|child| child.component == Component::Server && ChildKind::SERVERS.contains(&child.kind));
    if let Some(server) = server {
        deployed.kind = Some(server.kind.to_string());
        deployed.name = Some(server.name.clone());
    }
    for pod in engine_pods(world, run.number, &variant.name, deployment.number) {
        if let Some(node) = &pod.node {
            show_node(deployed, node, world);
        }
        show_image(deployed, &pod.containers);
    }
    deployed.nodes.sort();
    deployed.gpu_products.sort();
}

fn engine_pods<'a>(world: &'a World, run: i64, variant: &'a str, deployment: u32) -> impl Iterator<Item = &'a Pod> {
    world.deployment_pods(run, variant, deployment, Component::Server).filter(|pod| pod.gpus > 0)
}

fn show_node(deployed: &mut Deployed, node: &str, world: &World) {
    if !deployed.nodes.iter().any(|known| known == node) && deployed.nodes.len() < MAXIMUM_NODES {
        deployed.nodes.push(node.into());
    }
    let seen = world.nodes.iter().flatten().find(|seen| seen.name == node);
    if let Some(product) = seen.and_then(|node| node.labels.get(GPU_PRODUCT))
        && !deployed.gpu_products.contains(product)
        && deployed.gpu_products.len() < MAXIMUM_PRODUCTS
    {
        deployed.gpu_products.push(product.clone());
    }
}

/// Whether engines run on a node that is not in status yet, or whose product is not: only then is it worth while to ask
/// what node that is. There may have been no answer the first time.
pub fn on_unknown_nodes(world: &World) -> bool {
    let Some(run) = active_run(&world.status) else { return false };
    world.status.variants.iter().any(|variant| {
        let deployed = variant.deployed.as_ref();
        let nodes = deployed.map_or(&[][..], |deployed| &deployed.nodes);
        let knows_product = deployed.is_some_and(|deployed| !deployed.gpu_products.is_empty());
        let Some(deployment) = variant.deployments.last().filter(|_| nodes.len() < MAXIMUM_NODES) else { return false };
        let mut pods = engine_pods(world, run.number, &variant.name, deployment.number);
        pods.any(|pod| pod.node.as_ref().is_some_and(|node| !knows_product || !nodes.contains(node)))
    })
}

/// The digest of the engines' image stands, and those it had before: a tag that was pushed again is another image. Where no
/// container has the name that was asked for, any digest does.
fn show_image(deployed: &mut Deployed, containers: &[Container]) {
    let id = |container: &Container| Some(container.image_id.clone()).filter(|id| !id.is_empty());
    // The runtime may put the registry before the name.
    let is_engine = |container: &&Container| {
        deployed.image.as_ref().is_some_and(|image| {
            container.image.strip_suffix(image).is_some_and(|registry| registry.is_empty() || registry.ends_with('/'))
        })
    };
    let Some(engine) = containers.iter().find(is_engine) else {
        deployed.image_id = containers.iter().find_map(id).or(deployed.image_id.take());
        return;
    };
    let Some(now) = id(engine) else { return };
    let mut seen: BTreeSet<String> = std::mem::take(&mut deployed.earlier_image_ids).into_iter().collect();
    seen.extend(deployed.image_id.replace(now.clone()));
    seen.remove(&now);
    deployed.earlier_image_ids = seen.into_iter().take(MAXIMUM_EARLIER_IMAGES).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(image: &str, id: &str) -> Container {
        Container { image: image.into(), image_id: id.into(), ..Container::default() }
    }

    /// What stands after the engine's image had these ids, one after the other, beside a helper's.
    fn shown(engine: &str, ids: &[&str]) -> (Option<String>, Vec<String>) {
        let mut deployed = Deployed { image: Some("vllm:1".into()), ..Deployed::default() };
        for id in ids {
            show_image(&mut deployed, &[container("helper:1", "helper@sha256:00"), container(engine, id)]);
        }
        (deployed.image_id, deployed.earlier_image_ids)
    }

    #[test]
    fn the_engines_image_is_shown_and_what_its_tag_was_before() {
        assert_eq!(shown("vllm:1", &["a", "a"]), (Some("a".into()), vec![]));
        assert_eq!(shown("docker.io/vllm:1", &["", "a", "", "b"]), (Some("b".into()), vec!["a".into()]));
        assert_eq!(shown("vllm:1", &["a", "b", "a", "b"]), (Some("b".into()), vec!["a".into()]));
        assert_eq!(shown("vllm:1", &["a", "b", "c", "d", "e", "f"]).1.len(), MAXIMUM_EARLIER_IMAGES);
    }

    #[test]
    fn where_no_container_has_the_name_any_digest_does() {
        assert_eq!(shown("other-vllm:1", &["a", "b"]), (Some("helper@sha256:00".into()), vec![]));
    }
}
