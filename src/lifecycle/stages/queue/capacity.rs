//! Whether pods fit on nodes: bin packing of GPUs, pod by pod.

use crate::lifecycle::world::Node;
use crate::plan::Demand;

/// Free GPUs by node, as a set to place pods in.
#[derive(Clone, Debug)]
pub struct Free<'a> {
    nodes: Vec<(&'a Node, u32)>,
}

impl<'a> Free<'a> {
    /// What is free beside all pods but those of the comparisons (by UID) whose whole claims are placed instead.
    pub fn beside(nodes: &'a [Node], without: &[&str]) -> Self {
        let free = |node: &Node| {
            let others = node.used.iter().filter(|(uid, _)| !without.contains(&uid.as_str()));
            others.fold(node.allocatable, |free, (_, gpus)| free.saturating_sub(*gpus))
        };
        Self { nodes: nodes.iter().filter(|node| !node.unschedulable).map(|node| (node, free(node))).collect() }
    }

    /// All there is, as if nothing ran: a cordoned node may take pods again.
    pub fn of_empty(nodes: &'a [Node]) -> Self {
        Self { nodes: nodes.iter().map(|node| (node, node.allocatable)).collect() }
    }

    /// Places pods, largest first, each on the fullest node that still takes it.
    /// False when one finds no node; what was placed stays placed.
    pub fn place(&mut self, demands: &[Demand]) -> bool {
        let mut largest_first: Vec<&Demand> = demands.iter().filter(|demand| demand.gpus > 0).collect();
        largest_first.sort_by_key(|demand| std::cmp::Reverse(demand.gpus));
        largest_first.into_iter().all(|demand| self.place_all(demand))
    }

    /// A node that takes one pod stays the fullest until it takes no more: as many go there at once as it takes.
    fn place_all(&mut self, demand: &Demand) -> bool {
        let selected =
            |node: &Node| demand.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let mut left = demand.pods;
        while left > 0 {
            let takes = self.nodes.iter_mut().filter(|(node, free)| *free >= demand.gpus && selected(node));
            let Some((_, free)) = takes.min_by_key(|(_, free)| *free) else { return false };
            let placed = left.min(*free / demand.gpus);
            *free -= placed * demand.gpus;
            left -= placed;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    fn nodes(free: &[u32]) -> Vec<Node> {
        let node = |(i, gpus): (usize, &u32)| Node {
            name: format!("n{i}"),
            labels: BTreeMap::new(),
            allocatable: *gpus,
            used: BTreeMap::new(),
            unschedulable: false,
        };
        free.iter().enumerate().map(node).collect()
    }

    fn pods(pods: &[(u32, u32)]) -> Vec<Demand> {
        pods.iter().map(|&(pods, gpus)| Demand { pods, gpus, node_selector: BTreeMap::new() }).collect()
    }

    #[rstest]
    #[case::exactly(&[8], &[(1, 8)], true)]
    #[case::side_by_side(&[16], &[(1, 8), (8, 1)], true)]
    #[case::too_many(&[8], &[(1, 8), (8, 1)], false)]
    #[case::sixteen_as_four_by_four(&[4, 4, 4, 4], &[(1, 8)], false)]
    #[case::small_pods_spread(&[4, 4, 4, 4], &[(16, 1)], true)]
    #[case::large_first(&[8, 4], &[(4, 1), (1, 8)], true)]
    #[case::nothing_asked(&[0], &[], true)]
    #[case::pods_without_gpus(&[0], &[(3, 0)], true)]
    #[case::on_the_fullest_node(&[8, 6], &[(3, 2), (1, 8)], true)]
    #[case::a_typing_error(&[8], &[(u32::MAX, 1)], false)]
    fn pods_fit_pod_by_pod(#[case] free: &[u32], #[case] asked: &[(u32, u32)], #[case] fits: bool) {
        let nodes = nodes(free);
        assert_eq!(Free::beside(&nodes, &[]).place(&pods(asked)), fits);
    }

    #[test]
    fn a_selector_must_match() {
        let mut nodes = nodes(&[8]);
        let mut demand = pods(&[(1, 8)]);
        demand[0].node_selector.insert("nvidia.com/gpu.product".into(), "NVIDIA-H200".into());
        assert!(!Free::beside(&nodes, &[]).place(&demand));
        nodes[0].labels.insert("nvidia.com/gpu.product".into(), "NVIDIA-H200".into());
        assert!(Free::beside(&nodes, &[]).place(&demand));
    }

    #[test]
    fn used_gpus_are_not_free_unless_their_claim_is_placed() {
        let mut nodes = nodes(&[8]);
        nodes[0].used.insert("uid".into(), 4);
        assert!(!Free::beside(&nodes, &[]).place(&pods(&[(1, 8)])));
        assert!(Free::beside(&nodes, &["uid"]).place(&pods(&[(1, 8)])));
    }
}
