//! The objects of a run as a tree: what created what, what runs where, and what holds GPUs.

use std::collections::BTreeMap;

use crate::report::format::{counted, wrapped};

/// Columns that details have at least, however deep they stand.
const NARROWEST: usize = 20;

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    pub kind: String,
    pub name: String,
    pub uid: String,
    /// UID and name of the object that controls it.
    pub owner: Option<(String, String)>,
    /// Name of the variant it belongs to.
    pub variant: Option<String>,
    pub node: Option<String>,
    /// GPUs that a pod requests.
    pub gpus: u32,
    /// Phase or state, for example `Running`.
    pub state: String,
    /// Seconds since it was created.
    pub age: i64,
    pub finalizers: Vec<String>,
    /// It is deleted, and still there.
    pub terminating: bool,
}

impl Item {
    /// Whether it holds GPUs: a pod with a node that has not ended.
    pub fn holds_gpus(&self) -> bool {
        self.gpus > 0 && self.node.is_some() && !matches!(self.state.as_str(), "Succeeded" | "Failed")
    }

    fn details(&self) -> String {
        let mut parts = vec![];
        parts.extend(self.node.as_ref().map(|node| format!("on {node}")));
        parts.extend((self.gpus > 0).then(|| counted(self.gpus, "GPU")));
        parts.extend((!self.state.is_empty()).then(|| self.state.clone()));
        parts.extend(self.terminating.then(|| "terminating".to_owned()));
        parts.push(age(self.age));
        parts.extend((!self.finalizers.is_empty()).then(|| format!("finalizers {}", self.finalizers.join(" "))));
        parts.join(", ")
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s old", seconds.max(0)),
        120..7200 => format!("{} min old", seconds / 60),
        7200..172_800 => format!("{} h old", seconds / 3600),
        _ => format!("{} days old", seconds / 86_400),
    }
}

/// The lines below `root`, the comparison's UID. No line is wider than `width` unless a name alone is.
pub fn lines(root: &str, items: &[Item], width: usize) -> Vec<String> {
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for index in 0..items.len() {
        children.entry(parent(root, items, index)).or_default().push(index);
    }
    for list in children.values_mut() {
        list.sort_by_key(|index| (rank(&items[*index].kind), &items[*index].name));
    }
    let mut lines = vec![];
    below(items, &children, None, "", width, &mut lines);
    lines
}

/// What creates pods comes first, and records come last.
fn rank(kind: &str) -> u8 {
    match kind {
        "DynamoGraphDeployment" => 0,
        "Deployment" | "StatefulSet" | "LeaderWorkerSet" => 1,
        "Job" => 2,
        "Pod" => 3,
        "ConfigMap" => 5,
        _ => 4,
    }
}

/// The object below which an object is shown: its owner or, where that one is not listed (a ReplicaSet), the object
/// after which the owner is called.
fn parent(root: &str, items: &[Item], index: usize) -> Option<usize> {
    let (uid, name) = items[index].owner.as_ref().filter(|(uid, _)| uid != root)?;
    let known = items.iter().position(|item| item.uid == *uid);
    let called_after = || {
        let above = |item: &Item| name.strip_prefix(item.name.as_str()).is_some_and(|rest| rest.starts_with('-'));
        let makes_pods = |item: &Item| rank(&item.kind) < 3;
        let candidates = items.iter().enumerate().filter(|(at, item)| *at != index && makes_pods(item) && above(item));
        candidates.max_by_key(|(_, item)| (item.name.len(), rank(&item.kind))).map(|(at, _)| at)
    };
    known.filter(|known| *known != index).or_else(called_after)
}

fn below(
    items: &[Item],
    children: &BTreeMap<Option<usize>, Vec<usize>>,
    parent: Option<usize>,
    indent: &str,
    width: usize,
    lines: &mut Vec<String>,
) {
    let list = children.get(&parent).map_or(&[][..], Vec::as_slice);
    for (nth, index) in list.iter().enumerate() {
        let (branch, rest) = if nth + 1 == list.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let (item, inner) = (&items[*index], format!("{indent}{rest}"));
        let head = format!("{indent}{branch}{}/{}", item.kind, item.name);
        let details = item.details();
        if head.chars().count() + 2 + details.chars().count() <= width {
            lines.push(format!("{head}  {details}"));
        } else {
            lines.push(head);
            let bar = if children.contains_key(&Some(*index)) { "│  " } else { "   " };
            let start = format!("{inner}{bar}");
            let column = start.chars().count();
            for line in wrapped("", 0, &details, width.saturating_sub(column).max(NARROWEST)) {
                lines.push(format!("{start}{line}"));
            }
        }
        // Owners form no circle: an API server's objects cannot own what owns them, and a depth is never exceeded.
        if indent.chars().count() < 30 {
            below(items, children, Some(*index), &inner, width, lines);
        }
    }
}

/// What holds GPUs: `baseline 8 on node-0, optimized 8 on node-1`; `None` when nothing does.
pub fn holders(items: &[Item]) -> Option<(u32, String)> {
    let mut held: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for item in items.iter().filter(|item| item.holds_gpus()) {
        let variant = item.variant.as_deref().unwrap_or(&item.name);
        *held.entry((variant, item.node.as_deref().unwrap_or_default())).or_default() += item.gpus;
    }
    let total = held.values().sum();
    let each = held.iter().map(|((variant, node), gpus)| format!("{variant} {gpus} on {node}"));
    (total > 0).then(|| (total, each.collect::<Vec<_>>().join(", ")))
}

/// Pods that are named at most.
const MOST_PODS: usize = 3;

/// The pods that hold GPUs, for whoever waits for them: `pod x on node-0 (terminating)`; `None` when none does.
pub fn holding_pods(items: &[Item]) -> Option<String> {
    let shown = |item: &Item| {
        let state = if item.terminating { "terminating" } else { item.state.as_str() };
        format!("pod {} on {} ({state})", item.name, item.node.as_deref().unwrap_or_default())
    };
    let pods: Vec<String> = items.iter().filter(|item| item.holds_gpus()).map(shown).collect();
    let more = pods.len().saturating_sub(MOST_PODS);
    let named = pods.get(..MOST_PODS.min(pods.len()))?.join(", ");
    match (pods.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named),
        (false, more) => Some(format!("{named} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn item(kind: &str, name: &str, owner: Option<(&str, &str)>) -> Item {
        Item {
            kind: kind.into(),
            name: name.into(),
            uid: format!("{kind}-{name}"),
            owner: owner.map(|(uid, name)| (uid.into(), name.into())),
            age: 61,
            ..Item::default()
        }
    }

    fn pod(name: &str, owner: (&str, &str), state: &str) -> Item {
        Item {
            node: Some("node-0".into()),
            gpus: 8,
            state: state.into(),
            variant: Some("optimized".into()),
            ..item("Pod", name, Some(owner))
        }
    }

    fn run() -> Vec<Item> {
        vec![
            item("ConfigMap", "a-r1-plan", Some(("root", "a"))),
            pod("a-r1-optimized-d1-worker-5f-x", ("unlisted", "a-r1-optimized-d1-worker-5f"), "Running"),
            item(
                "Deployment",
                "a-r1-optimized-d1-worker",
                Some(("DynamoGraphDeployment-a-r1-optimized-d1", "a-r1-optimized-d1")),
            ),
            Item {
                finalizers: vec!["nvidia.com/finalizer".into()],
                terminating: true,
                ..item("DynamoGraphDeployment", "a-r1-optimized-d1", Some(("root", "a")))
            },
        ]
    }

    #[test]
    fn a_pod_stands_below_what_its_replica_set_is_called_after() {
        let expected = "\
├─ DynamoGraphDeployment/a-r1-optimized-d1
│  │  terminating, 61 s old, finalizers nvidia.com/finalizer
│  └─ Deployment/a-r1-optimized-d1-worker  61 s old
│     └─ Pod/a-r1-optimized-d1-worker-5f-x
│           on node-0, 8 GPUs, Running, 61 s old
└─ ConfigMap/a-r1-plan  61 s old";
        assert_eq!(lines("root", &run(), 70).join("\n"), expected);
    }

    #[rstest]
    #[case::running("Running", Some("optimized 8 on node-0"))]
    #[case::pending_on_a_node("Pending", Some("optimized 8 on node-0"))]
    #[case::ended("Succeeded", None)]
    #[case::failed("Failed", None)]
    fn what_has_a_node_and_has_not_ended_holds_gpus(#[case] state: &str, #[case] expected: Option<&str>) {
        let pods = [pod("p", ("u", "o"), state)];
        assert_eq!(holders(&pods).map(|(_, text)| text).as_deref(), expected);
        let named = format!("pod p on node-0 ({state})");
        assert_eq!(holding_pods(&pods), expected.map(|_| named.clone()));
        let many = holding_pods(&vec![pods[0].clone(); 5]);
        assert_eq!(many, expected.map(|_| format!("{named}, {named}, {named} and 2 more")));
    }

    #[test]
    fn objects_that_own_each_other_are_no_endless_tree() {
        let items = [item("Job", "a", Some(("Job-b", "b"))), item("Job", "b", Some(("Job-a", "a")))];
        assert!(lines("root", &items, 80).is_empty());
    }
}
