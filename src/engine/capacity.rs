//! Whether pods fit on nodes: bin packing of GPUs, pod by pod.

use std::collections::BTreeMap;

use super::world::Node;

/// Pods of one kind that must fit at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many.
    pub pods: u32,
    /// GPUs each.
    pub gpus: u32,
    /// Labels a node must have.
    pub node_selector: BTreeMap<String, String>,
}

/// Free GPUs by node, as a set to place pods in.
#[derive(Clone, Debug)]
pub struct Free<'a> {
    nodes: Vec<(&'a Node, u32)>,
}

impl<'a> Free<'a> {
    /// What is free beside all pods but those of the comparisons (by UID) whose whole claims are placed instead.
    pub fn beside(nodes: &'a [Node], without: &[&str]) -> Self {
        let free = |node: &Node| {
            let used: u32 =
                node.used.iter().filter(|(uid, _)| !without.contains(&uid.as_str())).map(|(_, gpus)| gpus).sum();
            node.allocatable.saturating_sub(used)
        };
        Self { nodes: nodes.iter().filter(|node| !node.unschedulable).map(|node| (node, free(node))).collect() }
    }

    /// Places pods, largest first, each on the fullest node that still takes it.
    /// False when one finds no node; what was placed stays placed.
    pub fn place(&mut self, demands: &[Demand]) -> bool {
        let mut pods: Vec<&Demand> = demands.iter().flat_map(|d| (0..d.pods).map(move |_| d)).collect();
        pods.sort_by_key(|demand| std::cmp::Reverse(demand.gpus));
        pods.into_iter().all(|pod| self.place_one(pod))
    }

    fn place_one(&mut self, pod: &Demand) -> bool {
        let selected = |node: &Node| pod.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let best = self
            .nodes
            .iter_mut()
            .filter(|(node, free)| *free >= pod.gpus && selected(node))
            .min_by_key(|(_, free)| *free);
        best.map(|(_, free)| *free -= pod.gpus).is_some()
    }
}

#[cfg(test)]
mod tests {
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
