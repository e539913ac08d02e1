//! What was observed, reduced to what the lifecycle is decided by.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus, Reason};
use crate::lifecycle::run_limits::{Contender, RunLimits};
use crate::manifests::checked::ReservedAccount;
use crate::measurement::ledger::Ledger;
use crate::plan::{AllowedPodFeatures, ChildKind, Component, Demand, Identity, Images, Plan};
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};

/// Everything one decision is made from.
#[derive(Clone, Debug)]
pub struct World {
    /// The comparison itself.
    pub object: Object,
    /// Its spec, live.
    pub spec: BenchmarkComparisonSpec,
    /// Its status as stored.
    pub status: BenchmarkComparisonStatus,
    /// How this operator is configured.
    pub settings: Settings,
    /// Highest run number among the plans that exist.
    pub highest_plan: i64,
    /// Plan of the run that `status` names.
    pub plan: Output<Plan>,
    /// What variants refer to, read only while there is no plan.
    pub sources: Sources,
    /// Output of generation of the run that `status` names.
    pub configurations: Output<Configurations>,
    /// How that output is stored.
    pub configurations_seal: Seal,
    /// Published results of the run that `status` names: variant → results.
    pub results: BTreeMap<String, Output<PublishedResults>>,
    /// Every object with the comparison's label, of any run.
    pub children: Vec<Child>,
    /// Every pod with the comparison's label, or of one of its DynamoGraphDeployments.
    pub pods: Vec<Pod>,
    /// Creations the API server refused lately.
    pub refusals: Vec<Refusal>,
    /// Other comparisons' runs that want GPUs or hold them.
    pub rivals: Vec<Rival>,
    /// Nodes with the GPU resource; `None` without access to nodes, or when nothing is asked of them.
    pub nodes: Option<Vec<Node>>,
    pub dynamo_served: bool,
}

/// What variants refer to, or what is wrong with it and what to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Variant → its manifests as YAML documents.
    pub manifests: BTreeMap<String, Result<String, String>>,
    /// Variant → the files of the claim that is given for it, by their names.
    pub claims: BTreeMap<String, Result<BTreeMap<String, String>, String>>,
}

impl Sources {
    /// The first that is missing.
    pub fn missing(&self) -> Option<(Reason, &str)> {
        let manifests = self.manifests.values().find_map(|source| source.as_ref().err());
        let claim = || self.claims.values().find_map(|source| source.as_ref().err());
        let of_manifests = manifests.map(|message| (Reason::ManifestsNotFound, message.as_str()));
        of_manifests.or_else(|| Some((Reason::ClaimNotFound, claim()?.as_str())))
    }
}

/// The comparison itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// It has a deletionTimestamp, or its namespace is terminating.
    pub terminating: bool,
    /// Whoever deleted it asked for its children to stay.
    pub orphans: bool,
    /// Annotation `bcmp.dev/run-requested`, when not empty.
    pub run_requested: Option<String>,
    /// Annotation `bcmp.dev/cancel-requested`, when not empty.
    pub cancel_requested: Option<String>,
}

/// How this operator is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Images where the spec names none.
    pub images: Images,
    /// What pods of variants may have beside the ordinary, by namespace.
    pub pod_features: AllowedPodFeatures,
    /// How many runs of a namespace are admitted at the same time.
    pub run_limits: RunLimits,
    /// The operator's own ServiceAccount, where it is known.
    pub own_account: Option<ReservedAccount>,
}

/// A document in a ConfigMap.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<T> {
    /// There is no such ConfigMap.
    Absent,
    /// The ConfigMap is there, the document is not yet.
    Empty,
    /// The document.
    Present(T),
    /// There is something that cannot be read.
    Unreadable(String),
    /// There is something that must not be used: somebody else wrote or changed it.
    Refused {
        /// What it is, for programs.
        reason: Reason,
        /// What was found, and what to do.
        message: String,
    },
}

impl<T> Output<T> {
    /// The document, if it is there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            _ => None,
        }
    }
}

/// How a document is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    /// Hash of the document, where there is one.
    pub hash: Option<String>,
    /// Its ConfigMap accepts no more writes.
    pub sealed: bool,
}

/// What load pods of one variant published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublishedResults {
    /// Records and marks.
    pub ledger: Ledger,
    /// The ConfigMap accepts no more writes.
    pub sealed: bool,
}

/// An object with the comparison's label.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub kind: ChildKind,
    pub name: String,
    /// UID; every delete carries it.
    pub uid: String,
    /// What it is for.
    pub component: Component,
    /// Number of the run, from its label.
    pub run: i64,
    /// Variant, from its label.
    pub variant: Option<String>,
    /// Deployment, from its label.
    pub deployment: Option<u32>,
    /// It is owned by this very object, not by one of the same name before it.
    pub ours: bool,
    /// When it was told to go: its deletionTimestamp.
    pub deleted: Option<Timestamp>,
    /// Finalizers, to name the one that holds a teardown up.
    pub finalizers: Vec<String>,
    /// When it was created.
    pub created: Timestamp,
    /// State of a Job; `None` for other kinds.
    pub job: Option<JobState>,
    /// A Job counts pods, running or ended.
    pub has_pods: bool,
    /// What a report tells of, see [`crate::lifecycle::report::edition`]; `None` for other objects.
    pub edition: Option<String>,
    /// Something the object itself complains about, such as a Deployment's ReplicaFailure.
    pub complaint: Option<Complaint>,
}

/// What an object says of itself that keeps it from creating its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub message: String,
    /// Since when it is said, as far as this process has seen it.
    pub since: Timestamp,
}

impl Child {
    /// It was told to go.
    pub fn terminating(&self) -> bool {
        self.deleted.is_some()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Neither complete nor failed.
    Running,
    Complete,
    /// Failed, or about to be: its last pods are ending. With the Job's message.
    Failed(String),
}

/// A pod of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub name: String,
    /// What it is for.
    pub component: Component,
    /// Number of the run.
    pub run: i64,
    pub variant: Option<String>,
    pub deployment: Option<u32>,
    /// It is owned by this very object, as far as labels and the graph it belongs to tell.
    pub ours: bool,
    /// It has a deletionTimestamp.
    pub terminating: bool,
    /// When a pod that was told to end must have ended: its deletionTimestamp, which has its grace period in it.
    pub ends_by: Option<Timestamp>,
    /// Succeeded or Failed: its containers hold nothing any more.
    pub over: bool,
    /// Node it is bound to.
    pub node: Option<String>,
    /// When it was bound.
    pub bound: Option<Timestamp>,
    /// Its condition Ready is True.
    pub ready: bool,
    /// When it was created.
    pub created: Timestamp,
    /// The scheduler's message when it cannot be bound.
    pub unschedulable: Option<String>,
    /// GPUs it asks for.
    pub gpus: u32,
    /// Containers, init containers included.
    pub containers: Vec<Container>,
}

/// A container's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    pub name: String,
    /// Image as asked for.
    pub image: String,
    /// Image as resolved.
    pub image_id: String,
    /// Restarts so far.
    pub restarts: u32,
    /// Reason and message it waits with.
    pub waiting: Option<(String, String)>,
    /// Last termination: reason, exit code, message, time.
    pub terminated: Option<Termination>,
}

/// How a container ended last.
#[derive(Clone, Debug, PartialEq)]
pub struct Termination {
    /// For example `OOMKilled` or `Error`.
    pub reason: String,
    pub exit_code: i32,
    /// The container's termination message.
    pub message: String,
    /// When.
    pub finished: Option<Timestamp>,
}

/// A creation that the API server refused, or failed to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `ChildKind/name`.
    pub object: String,
    /// Run it belongs to.
    pub run: i64,
    /// Variant it belongs to.
    pub variant: Option<String>,
    /// Deployment it belongs to, if it is of a deployment.
    pub deployment: Option<u32>,
    /// CamelCase reason.
    pub reason: String,
    /// The server's message.
    pub message: String,
    /// When it was refused first, as far as this process knows.
    pub since: Timestamp,
}

impl Refusal {
    /// Whether the server failed, and said nothing against the object.
    pub fn is_failure(&self) -> bool {
        self.reason == Reason::CreationFailed.as_str()
    }
}

/// Another comparison's run that wants GPUs or holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// `namespace/name`.
    pub name: String,
    /// UID of the comparison, the tie-breaker.
    pub uid: String,
    /// When the run was queued.
    pub queued: Timestamp,
    /// When it was admitted, if it was: whenever it was queued, it is before those that were not.
    pub admitted: Option<Timestamp>,
    /// A variant of it holds GPUs, or may.
    pub deployed: bool,
    /// Since when its pods wait for nodes, if they do.
    pub pending_since: Option<Timestamp>,
    /// Name of the GPUs' extended resource.
    pub gpu_resource: String,
    /// Pods it will hold at once.
    pub demand: Vec<Demand>,
}

impl Rival {
    /// As far as it matters to how many runs its namespace has.
    pub fn contender(&self) -> Contender<'_> {
        Contender {
            uid: &self.uid,
            namespace: self.name.split_once('/').map_or("", |(namespace, _)| namespace),
            admitted: self.admitted.is_some(),
            queued: self.queued,
        }
    }
}

/// A node with the GPU resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// GPUs pods may use there.
    pub allocatable: u32,
    /// GPUs of pods bound there: comparison UID (empty for others) → GPUs.
    pub used: BTreeMap<String, u32>,
    /// Cordoned.
    pub unschedulable: bool,
}

impl Object {
    /// The comparison as its children refer to it.
    pub fn identity(&self) -> Identity {
        Identity { namespace: self.namespace.clone(), name: self.name.clone(), uid: self.uid.clone() }
    }
}

/// What is there.
fn read<T: Clone>(sources: &BTreeMap<String, Result<T, String>>) -> BTreeMap<String, T> {
    sources.iter().filter_map(|(variant, source)| Some((variant.clone(), source.clone().ok()?))).collect()
}

impl World {
    /// The plan of the run that `status` names, as it is made when the run begins: of the spec and the sources as they are.
    pub fn new_plan(&self) -> Plan {
        let run = self.status.run.as_ref().map_or(1, |run| run.number);
        let allowed = self.settings.pod_features.of(&self.object.namespace);
        let Sources { manifests, claims } = &self.sources;
        Plan::new(self.object.identity(), run, self.spec.clone(), &self.settings.images, read(manifests))
            .claiming(read(claims))
            .allowing(allowed)
    }

    /// The world as a run sees it that begins: nothing was put out for it yet.
    #[must_use]
    pub fn without_outputs(self) -> Self {
        Self {
            plan: Output::Absent,
            configurations: Output::Absent,
            configurations_seal: Seal::default(),
            results: BTreeMap::new(),
            sources: Sources::default(),
            ..self
        }
    }

    pub fn children_of(&self, run: i64) -> impl Iterator<Item = &Child> {
        self.children.iter().filter(move |c| c.ours && c.run == run)
    }

    pub fn generate_job(&self, run: i64) -> Option<&Child> {
        self.children_of(run).find(|c| c.kind == ChildKind::Job && c.component == Component::Generate)
    }

    pub fn load_job<'a>(&'a self, run: i64, variant: &'a str, deployment: u32) -> Option<&'a Child> {
        self.deployment_children(run, variant, deployment)
            .find(|c| c.kind == ChildKind::Job && c.component == Component::Load)
    }

    /// Objects of one deployment: servers and load.
    pub fn deployment_children<'a>(
        &'a self,
        run: i64,
        variant: &'a str,
        deployment: u32,
    ) -> impl Iterator<Item = &'a Child> {
        self.children_of(run).filter(move |c| {
            matches!(c.component, Component::Server | Component::Load)
                && c.variant.as_deref() == Some(variant)
                && c.deployment == Some(deployment)
        })
    }

    /// Pods of one deployment, of servers or of load.
    pub fn deployment_pods<'a>(
        &'a self,
        run: i64,
        variant: &'a str,
        deployment: u32,
        component: Component,
    ) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().filter(move |p| {
            p.ours
                && p.run == run
                && p.component == component
                && p.variant.as_deref() == Some(variant)
                && p.deployment == Some(deployment)
        })
    }

    /// The ConfigMap with the report of the run that a status names.
    pub fn report(&self, status: &BenchmarkComparisonStatus) -> Option<&Child> {
        let run = status.run.as_ref()?;
        self.children_of(run.number).find(|child| child.component == Component::Report)
    }

    /// What generation made of a variant.
    pub fn configuration(&self, variant: &str) -> Option<&Configuration> {
        self.configurations.present()?.variants.iter().find(|c| c.variant == variant)
    }

    /// A variant that can be deployed.
    pub fn ready(&self, variant: &str) -> Option<&Ready> {
        match &self.configuration(variant)?.outcome {
            GenerationOutcome::Ready(ready) => Some(ready),
            GenerationOutcome::Refused { .. } => None,
        }
    }
}
