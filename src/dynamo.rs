//! DynamoGraphDeployments: how both versions lay out their components, what Dynamo's operator makes of them, and which
//! names it accepts. No other file knows.
//!
//! ```text
//! v1alpha1   spec.services.<name>       replicas  resources.limits.gpu  envs  extraPodSpec.mainContainer
//! v1beta1    spec.components[] {name}   replicas  podTemplate.spec.containers[] {name: main, resources}
//! ```
//!
//! A Deployment or StatefulSet is read as a graph of one component, a LeaderWorkerSet as one of leaders and one of workers:
//! counting GPUs and reading shapes need no case for them.

mod beta;

use serde_json::Value;

pub use beta::to_beta;

use crate::pointer::{element_pointers, path, text, token};

/// Group of Dynamo's kinds.
pub const GROUP: &str = "nvidia.com";
pub const KIND: &str = "DynamoGraphDeployment";
/// Its plural in URLs.
pub const PLURAL: &str = "dynamographdeployments";
/// The kind that Dynamo generates graphs for.
pub const REQUEST_KIND: &str = "DynamoGraphDeploymentRequest";
/// Its plural in URLs.
pub const REQUEST_PLURAL: &str = "dynamographdeploymentrequests";
/// Versions of both kinds, the preferred one first: v1alpha1 needs Dynamo's conversion webhook.
pub const VERSIONS: [&str; 2] = ["v1beta1", "v1alpha1"];

/// Finalizer that Dynamo's operator puts on what it controls.
pub const FINALIZER: &str = "nvidia.com/finalizer";
/// Label of Dynamo's operator on pods: name of their DynamoGraphDeployment.
pub const GRAPH_LABEL: &str = "nvidia.com/dynamo-graph-deployment-name";
/// Label of Dynamo's operator on pods: `<namespace>-<graph>`.
pub const NAMESPACE_LABEL: &str = "nvidia.com/dynamo-namespace";
/// Label of Dynamo's operator on pods: name of their component's Service.
pub const COMPONENT_LABEL: &str = "nvidia.com/selector";
/// Variables by which Dynamo's processes find each other where the operator does not derive it.
pub const NAMESPACE_VARIABLES: [&str; 2] = ["DYN_NAMESPACE", "DYNAMO_NAMESPACE"];

/// Port of the Service that Dynamo's operator creates for a frontend.
pub const FRONTEND_PORT: u16 = 8000;

/// Extended resource that `limits.gpu` of v1alpha1 counts unless `gpuType` names another.
const DEFAULT_GPU: &str = "nvidia.com/gpu";
/// Nodes of a replica where `multinode` is set without a count, in both versions.
const DEFAULT_NODES: u64 = 2;

/// Name of the Service that Dynamo's operator creates for a component.
pub fn component_service(graph: &str, component: &str) -> String {
    format!("{graph}-{component}").to_lowercase().replace('.', "-")
}

/// Longest name of a DynamoGraphDeployment in `namespace` with these components.
///
/// Grove's names hold at most 45 characters: the graph's, and of one component its name, or for a group of pods the names of
/// group and pod. Dynamo's operator refuses what is longer, or from the middle of 2026 on cuts the graph's name
/// ([`is_called_after`]). `<namespace>-<name>` over 63 ends the deployment as failed, and `<name>-<component>-<8 hex>` over
/// 63 leaves it pending without any message.
pub fn name_limit(namespace: &str, graph: &Value) -> usize {
    let components = PodSet::of(graph);
    let longest = components.iter().map(|pods| pods.name.len()).max().unwrap_or(0);
    let in_grove = components.iter().map(|pods| pods.length_in_grove(graph)).max().unwrap_or(0);
    let beside_groups = GROVE_NAMES.saturating_sub(in_grove);
    // Where groups leave no name that can be told from others, Dynamo cuts it.
    let limit = if beside_groups < SHORTEST_NAME { GROVE_NAMES.saturating_sub(longest) } else { beside_groups };
    limit.min(62_usize.saturating_sub(namespace.len())).min(53_usize.saturating_sub(longest))
}

/// Characters of a graph's, a group's and a pod's name that Grove takes together.
const GROVE_NAMES: usize = 45;
/// Names of graphs that are shorter hold no hash.
const SHORTEST_NAME: usize = 10;
/// Digits of the hash in names that Dynamo's operator cuts, and the dash before them.
const CUT_HASH: usize = 5;

/// Whether an object that Dynamo's operator makes of the graph called `graph` may be called `name`, or have a name that begins
/// so. Where Grove's limit leaves less room, the graph's name is cut, and ends with four digits of a hash of the whole.
pub fn is_called_after(name: &str, graph: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with('-');
    if name.strip_prefix(graph).is_some_and(ends) {
        return true;
    }
    let hash = format!("-{:04x}", fnv1a(graph) & 0xffff);
    let in_common = name.bytes().zip(graph.bytes()).take_while(|(one, other)| one == other).count();
    let longest_cut = graph.len().saturating_sub(CUT_HASH + 1);
    let is_cut = |kept: usize| name.get(kept..).and_then(|rest| rest.strip_prefix(&hash)).is_some_and(ends);
    (1..=in_common.min(longest_cut)).any(is_cut)
}

/// The hash of that name, 32 bits.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// How an object describes its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// DynamoGraphDeployment v1alpha1: a map of services, with fields beside the pod's spec.
    Alpha,
    /// DynamoGraphDeployment v1beta1: a list of components with pod templates.
    Beta,
    /// Deployment: one pod template.
    Deployment,
    /// StatefulSet: the same.
    StatefulSet,
    /// LeaderWorkerSet: groups of pods of one template, or of one for their leaders and one for the others.
    LeaderWorkerSet,
}

/// Pod templates of a LeaderWorkerSet.
const GROUP_TEMPLATES: &str = "/spec/leaderWorkerTemplate";

impl Layout {
    /// The layout of an object that creates servers; `None` for any other kind or version.
    pub fn of(object: &Value) -> Option<Self> {
        match (text(object, "/apiVersion")?, text(object, "/kind")?) {
            ("nvidia.com/v1alpha1", KIND) => Some(Self::Alpha),
            ("nvidia.com/v1beta1", KIND) => Some(Self::Beta),
            ("apps/v1", "Deployment") => Some(Self::Deployment),
            ("apps/v1", "StatefulSet") => Some(Self::StatefulSet),
            ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet") => Some(Self::LeaderWorkerSet),
            _ => None,
        }
    }

    /// Whether it is a DynamoGraphDeployment.
    pub const fn is_graph(self) -> bool {
        matches!(self, Self::Alpha | Self::Beta)
    }
}

/// A field that should be a whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWhole {
    /// Path of the field, for example `spec.services.Worker.replicas`.
    pub field: String,
    /// The value, as JSON.
    pub found: String,
}

/// A homogeneous group of pods, one component of a graph or those of a Deployment: where the object describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSet {
    /// The component's name; of a Deployment its own.
    pub name: String,
    layout: Layout,
    base: String,
}

impl PodSet {
    /// The pods that an object creates, one entry per component; none for kinds that create no servers.
    pub fn of(object: &Value) -> Vec<Self> {
        let Some(layout) = Layout::of(object) else { return vec![] };
        let set = |name: &str, base: String| Self { name: name.to_owned(), layout, base };
        match layout {
            Layout::Deployment | Layout::StatefulSet => {
                vec![set(text(object, "/metadata/name").unwrap_or_default(), "/spec".into())]
            }
            Layout::LeaderWorkerSet => ["leaderTemplate", "workerTemplate"]
                .into_iter()
                .map(|template| (template, format!("{GROUP_TEMPLATES}/{template}")))
                .filter(|(_, base)| object.pointer(base).is_some_and(|template| !template.is_null()))
                .map(|(template, base)| set(template, base))
                .collect(),
            Layout::Alpha => {
                let services = object.pointer("/spec/services").and_then(Value::as_object).into_iter().flatten();
                services.map(|(name, _)| set(name, format!("/spec/services/{}", token(name)))).collect()
            }
            Layout::Beta => element_pointers(object, "/spec/components")
                .into_iter()
                .map(|base| set(text(object, &format!("{base}/name")).unwrap_or_default(), base))
                .collect(),
        }
    }

    /// How their object describes them.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Pointer of the component.
    pub fn component(&self) -> &str {
        &self.base
    }

    /// Pointer of the pods' spec.
    pub fn spec(&self) -> String {
        let below = match self.layout {
            Layout::Alpha => "extraPodSpec",
            Layout::Beta => "podTemplate/spec",
            Layout::Deployment | Layout::StatefulSet => "template/spec",
            Layout::LeaderWorkerSet => "spec",
        };
        format!("{}/{below}", self.base)
    }

    /// Pointer of the pods' metadata.
    pub fn metadata(&self) -> String {
        let below = match self.layout {
            Layout::Alpha => "extraPodMetadata",
            Layout::Beta => "podTemplate/metadata",
            Layout::Deployment | Layout::StatefulSet => "template/metadata",
            Layout::LeaderWorkerSet => "metadata",
        };
        format!("{}/{below}", self.base)
    }

    /// Whether its pods start engines, instead of joining those that the leaders of their groups start.
    pub fn leads(&self, object: &Value) -> bool {
        !(self.layout == Layout::LeaderWorkerSet && self.has_leader(object) && self.name != "leaderTemplate")
    }

    fn has_leader(&self, object: &Value) -> bool {
        object.pointer(&format!("{GROUP_TEMPLATES}/leaderTemplate")).is_some_and(|template| !template.is_null())
    }

    /// Pointers of the containers that serve: `main` of a component, all of a Deployment.
    pub fn main_containers(&self, object: &Value) -> Vec<String> {
        let listed = element_pointers(object, &format!("{}/containers", self.spec()));
        let is_main = |container: &String| text(object, &format!("{container}/name")) == Some("main");
        match self.layout {
            Layout::Alpha => vec![self.main_of_alpha()],
            Layout::Beta => listed.into_iter().filter(is_main).collect(),
            Layout::Deployment | Layout::StatefulSet | Layout::LeaderWorkerSet => listed,
        }
    }

    /// Pointers of the containers that may start an engine: the main container where the layout has one, else all that
    /// run side by side, as a pod may hold helpers; and init containers that go on running, as Dynamo's sidecars leave the
    /// engine to one.
    pub fn candidates(&self, object: &Value) -> Vec<String> {
        let main = Some(self.main_of_alpha()).filter(|main| object.pointer(main).is_some());
        let beside = |list: &str| element_pointers(object, &format!("{}/{list}", self.spec()));
        let runs_on = |container: &String| text(object, &format!("{container}/restartPolicy")) == Some("Always");
        let mut candidates = main.map_or_else(|| beside("containers"), |main| vec![main]);
        candidates.extend(beside("initContainers").into_iter().filter(runs_on));
        candidates
    }

    /// Pointers of all containers that are there, init containers included.
    pub fn containers(&self, object: &Value) -> Vec<String> {
        let spec = self.spec();
        let main = Some(self.main_of_alpha()).filter(|main| object.pointer(main).is_some());
        let lists = ["containers", "initContainers"].map(|list| element_pointers(object, &format!("{spec}/{list}")));
        main.into_iter().chain(lists.into_iter().flatten()).collect()
    }

    fn main_of_alpha(&self) -> String {
        format!("{}/mainContainer", self.spec())
    }

    /// Pointer of the variables that all containers of the component share, where the layout has such.
    pub fn environment(&self) -> Option<String> {
        (self.layout == Layout::Alpha).then(|| format!("{}/envs", self.base))
    }

    /// Pointers of the resources that v1alpha1 gives the main container from outside the pod's spec, limits first.
    pub fn component_resources(&self) -> Vec<String> {
        let lists = ["limits", "requests"].into_iter().filter(|_| self.layout == Layout::Alpha);
        lists.map(|list| format!("{}/resources/{list}", self.base)).collect()
    }

    /// Pointers at which v1alpha1 may set the GPUs of the main container, counted by `resource`; the first one is used.
    pub fn component_gpus(&self, object: &Value, resource: &str) -> Vec<String> {
        let counts = |list: String| {
            let kind = text(object, &format!("{list}/gpuType")).filter(|kind| !kind.is_empty()).unwrap_or(DEFAULT_GPU);
            let plain = (kind == resource).then(|| format!("{list}/gpu"));
            plain.into_iter().chain([format!("{list}/custom/{}", token(resource))])
        };
        self.component_resources().into_iter().flat_map(counts).collect()
    }

    /// Replicas of the component; each has as many pods as [`nodes`](Self::nodes) says.
    ///
    /// # Errors
    /// What is there is not a whole number.
    pub fn replicas(&self, object: &Value) -> Result<u64, NotWhole> {
        let pointer = match self.layout {
            Layout::LeaderWorkerSet => "/spec/replicas".to_owned(),
            _ => format!("{}/replicas", self.base),
        };
        Ok(whole(object, &pointer)?.unwrap_or(1))
    }

    /// Pods of one replica.
    ///
    /// # Errors
    /// What is there is not a whole number.
    pub fn nodes(&self, object: &Value) -> Result<u64, NotWhole> {
        if self.layout == Layout::LeaderWorkerSet {
            let size = whole(object, &format!("{GROUP_TEMPLATES}/size"))?.unwrap_or(1);
            return Ok(match (self.has_leader(object), self.leads(object)) {
                (true, true) => 1,
                (true, false) => size.saturating_sub(1),
                (false, _) => size,
            });
        }
        match object.pointer(&format!("{}/multinode", self.base)) {
            Some(Value::Object(_)) => {
                Ok(whole(object, &format!("{}/multinode/nodeCount", self.base))?.unwrap_or(DEFAULT_NODES))
            }
            _ => Ok(1),
        }
    }

    /// Characters that the component adds to the graph's name in Grove: its own, and once more with a suffix where it is a group.
    fn length_in_grove(&self, object: &Value) -> usize {
        let own = self.name.len();
        let forced = object.pointer(&format!("{}/experimental/grove/forceScalingGroup", self.base));
        match self.nodes(object) {
            Ok(0 | 1) | Err(_) if forced == Some(&Value::Bool(true)) => 2 * own,
            Ok(0 | 1) | Err(_) => own,
            // `-ldr` and `-wkr`.
            Ok(_) => 2 * own + 4,
        }
    }

    /// What the component is for, by Dynamo's names: `frontend`, `worker`, `prefill`, `decode`, `planner`, `epp`.
    pub fn role<'a>(&self, object: &'a Value) -> Option<&'a str> {
        match self.layout {
            Layout::Alpha => text(object, &format!("{}/componentType", self.base)),
            Layout::Beta => text(object, &format!("{}/type", self.base)),
            Layout::Deployment | Layout::StatefulSet | Layout::LeaderWorkerSet => None,
        }
    }

    /// The same, where v1alpha1 divides workers further.
    pub fn worker_role<'a>(&self, object: &'a Value) -> Option<&'a str> {
        let sub = (self.layout == Layout::Alpha).then(|| text(object, &format!("{}/subComponentType", self.base)));
        sub.flatten().or_else(|| self.role(object))
    }
}

fn whole(object: &Value, pointer: &str) -> Result<Option<u64>, NotWhole> {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(NotWhole { field: path(pointer), found: value.to_string() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn alpha() -> Value {
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": KIND, "metadata": {"name": "g"}, "spec": {"services": {
            "a/b": {
                "componentType": "worker", "subComponentType": "prefill", "replicas": 2, "multinode": {},
                "resources": {"limits": {"gpu": "4"}},
                "extraPodSpec": {"mainContainer": {"image": "i"}, "initContainers": [{}]},
            },
        }}})
    }

    fn beta() -> Value {
        json!({"apiVersion": "nvidia.com/v1beta1", "kind": KIND, "metadata": {"name": "g"}, "spec": {"components": [
            {"name": "w", "type": "decode", "podTemplate": {"spec": {"containers": [{"name": "helper"}, {"name": "main"}]}}},
        ]}})
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "replicas": 3, "template": {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}}})
    }

    #[rstest]
    #[case::alpha(alpha(), "a/b", (2, 2), "prefill", &["/spec/services/a~1b/extraPodSpec/mainContainer"])]
    #[case::beta(beta(), "w", (1, 1), "decode", &["/spec/components/0/podTemplate/spec/containers/1"])]
    #[case::deployment(deployment(), "d", (3, 1), "", &["/spec/template/spec/containers/0", "/spec/template/spec/containers/1"])]
    fn every_layout_is_read(
        #[case] object: Value,
        #[case] name: &str,
        #[case] pods: (u64, u64),
        #[case] role: &str,
        #[case] main: &[&str],
    ) {
        let sets = PodSet::of(&object);
        let [set] = sets.as_slice() else { panic!("{sets:?}") };
        assert_eq!(set.name, name);
        assert_eq!((set.replicas(&object), set.nodes(&object)), (Ok(pods.0), Ok(pods.1)));
        assert_eq!(set.worker_role(&object).unwrap_or_default(), role);
        assert_eq!(set.main_containers(&object), main);
        assert!(object.pointer(&set.spec()).is_some());
    }

    #[rstest]
    #[case::with_leaders(json!({"leaderTemplate": {"spec": {}}, "workerTemplate": {"spec": {}}, "size": 4}), &[("leaderTemplate", 1, true), ("workerTemplate", 3, false)])]
    #[case::no_leader_after_all(json!({"leaderTemplate": null, "workerTemplate": {"spec": {}}, "size": 4}), &[("workerTemplate", 4, true)])]
    #[case::all_alike(json!({"workerTemplate": {"spec": {}}, "size": 4}), &[("workerTemplate", 4, true)])]
    #[case::no_size(json!({"workerTemplate": {"spec": {}}}), &[("workerTemplate", 1, true)])]
    fn groups_have_leaders_and_workers(#[case] template: Value, #[case] expected: &[(&str, u64, bool)]) {
        let object = json!({"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet",
                            "metadata": {"name": "l"}, "spec": {"replicas": 2, "leaderWorkerTemplate": template}});
        let sets = PodSet::of(&object);
        let read: Vec<_> =
            sets.iter().map(|set| (set.name.as_str(), set.nodes(&object).unwrap_or(0), set.leads(&object))).collect();
        assert_eq!(read, expected);
        assert!(sets.iter().all(|set| set.replicas(&object) == Ok(2) && object.pointer(&set.spec()).is_some()));
    }

    #[rstest]
    #[case("apps/v1", KIND)]
    #[case("nvidia.com/v1", KIND)]
    #[case("nvidia.com/v1beta1", "DynamoGraphDeploymentRequest")]
    fn other_kinds_and_versions_create_no_servers(#[case] version: &str, #[case] kind: &str) {
        assert_eq!(PodSet::of(&json!({"apiVersion": version, "kind": kind, "spec": {"services": {"w": {}}}})), []);
    }

    #[test]
    fn gpus_of_v1alpha1_are_counted_by_their_type() {
        let mut object = alpha();
        let gpus = |object: &Value| PodSet::of(object)[0].component_gpus(object, "nvidia.com/gpu");
        assert_eq!(gpus(&object).first().map(String::as_str), Some("/spec/services/a~1b/resources/limits/gpu"));
        object["spec"]["services"]["a/b"]["resources"]["limits"]["gpuType"] = json!("gpu.intel.com/xe");
        assert_eq!(
            gpus(&object).first().map(String::as_str),
            Some("/spec/services/a~1b/resources/limits/custom/nvidia.com~1gpu")
        );
        assert_eq!(PodSet::of(&beta())[0].component_gpus(&beta(), "nvidia.com/gpu"), Vec::<String>::new());
    }

    #[rstest]
    #[case::one_pod("ml", 19, json!({}), 26)]
    #[case::a_group("ml", 8, json!({"multinode": {"nodeCount": 2}}), 25)]
    #[case::a_group_of_one("ml", 8, json!({"experimental": {"grove": {"forceScalingGroup": true}}}), 29)]
    #[case::a_group_that_leaves_no_room("ml", 16, json!({"multinode": {"nodeCount": 2}}), 29)]
    #[case::long_namespace("a-namespace-with-a-rather-long-name-of-forty-2", 8, json!({}), 16)]
    #[case::no_underflow("ml", 60, json!({}), 0)]
    fn names_keep_all_sums(
        #[case] namespace: &str,
        #[case] component: usize,
        #[case] fields: Value,
        #[case] limit: usize,
    ) {
        let mut object = beta();
        let fields = fields.as_object().unwrap().clone();
        object["spec"]["components"][0].as_object_mut().unwrap().extend(fields);
        object["spec"]["components"][0]["name"] = json!("w".repeat(component));
        assert_eq!(name_limit(namespace, &object), limit);
    }

    /// The cut names are those of Dynamo's function for a graph of this name, and budgets of 19 and 8.
    #[rstest]
    #[case::whole("qwen3-235b-h200-r1-optimized-d1-0-decode", true)]
    #[case::cut("qwen3-235b-h20-HASH-0-decode-0-decode-ldr", true)]
    #[case::cut_as_far_as_can_be("qwe-HASH-0-decode", true)]
    #[case::another_hash("qwen3-235b-h20-0000-0-decode", false)]
    #[case::another_graph("qwen3-235b-h200-r1-optimized-d10-0-decode", false)]
    #[case::only_its_beginning("qwen3-235b", false)]
    fn pods_of_a_graph_are_known_by_the_names_of_their_owners(#[case] owner: &str, #[case] expected: bool) {
        let graph = "qwen3-235b-h200-r1-optimized-d1";
        let owner = owner.replace("HASH", &format!("{:04x}", fnv1a(graph) & 0xffff));
        assert_eq!(is_called_after(&owner, graph), expected);
        // Published test vectors of FNV-1a.
        assert_eq!((fnv1a(""), fnv1a("a"), fnv1a("foobar")), (0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968));
    }
}
