//! A small cluster in which schedules are played: it carries actions out, and things happen in it.

use std::collections::{BTreeMap, BTreeSet};

use bcmp::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus};
use bcmp::lifecycle::decision::{Action, Create};
use bcmp::lifecycle::report;
use bcmp::lifecycle::world::{
    Child, Object, Output, Pod, PublishedResults, Refusal, Rival, Seal, Settings, Sources, World,
};
use bcmp::lifecycle::world::{JobState, Node};
use bcmp::plan::{ChildKind, Component};
use bcmp::plan::{Identity, Images, Plan, SCHEMA_VERSION};
use bcmp::prediction::configurations::Configurations;
use jiff::{SignedDuration, Timestamp};

/// UID of the comparison.
pub const UID: &str = "5f3a";

/// Everything there is.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The API server's clock.
    pub now: Timestamp,
    /// By how many seconds the operator's and the agents' clocks are ahead of it.
    pub operator_ahead: i64,
    pub agents_ahead: i64,
    /// Of the comparison as stored: a status is written only over the version it was decided from.
    pub version: u64,
    pub object: Object,
    pub spec: BenchmarkComparisonSpec,
    pub status: BenchmarkComparisonStatus,
    pub children: Vec<Child>,
    pub pods: Vec<Pod>,
    /// Contents by the UID of their ConfigMap.
    pub plans: BTreeMap<String, Output<Plan>>,
    pub configurations: BTreeMap<String, Output<Configurations>>,
    pub results: BTreeMap<String, Output<PublishedResults>>,
    /// UIDs of ConfigMaps that accept no more writes.
    pub sealed: BTreeSet<String>,
    pub refusals: Vec<Refusal>,
    /// The API server refuses what holds or makes pods.
    pub refusing: bool,
    pub rivals: Vec<Rival>,
    pub nodes: Option<Vec<Node>>,
    /// Everyone else says more than fits into a status.
    pub wordy: bool,
    made: u64,
}

impl Cluster {
    pub fn new(spec: BenchmarkComparisonSpec) -> Self {
        let object = Object {
            namespace: "default".into(),
            name: "qwen".into(),
            uid: UID.into(),
            generation: 1,
            ..Object::default()
        };
        let node = Node {
            name: "node-0".into(),
            labels: BTreeMap::new(),
            allocatable: 16,
            used: BTreeMap::new(),
            unschedulable: false,
        };
        Self {
            now: "2026-03-02T09:00:00Z".parse().unwrap(),
            operator_ahead: 0,
            agents_ahead: 0,
            version: 1,
            object,
            spec,
            status: BenchmarkComparisonStatus::default(),
            children: vec![],
            pods: vec![],
            plans: BTreeMap::new(),
            configurations: BTreeMap::new(),
            results: BTreeMap::new(),
            sealed: BTreeSet::new(),
            refusals: vec![],
            refusing: false,
            rivals: vec![],
            nodes: Some(vec![node]),
            wordy: false,
            made: 0,
        }
    }

    /// What a look sees that reads all at once.
    pub fn world(&self) -> World {
        self.world_listed_at(self)
    }

    /// What a look sees that read the comparison and listed the children `earlier`, and everything else now.
    pub fn world_listed_at(&self, earlier: &Self) -> World {
        let run = earlier.status.run.as_ref().map_or(0, |run| run.number);
        let plan = self.document(earlier, run, Component::Plan, None, &self.plans);
        let variants = earlier.spec.variants.iter().map(|variant| variant.name.clone());
        let listed = earlier.children.iter().filter(|c| c.component == Component::Results && c.run == run);
        let names: Vec<String> = variants.chain(listed.filter_map(|c| c.variant.clone())).collect();
        let results = names.into_iter().map(|name| {
            let output = self.document(earlier, run, Component::Results, Some(&name), &self.results);
            (name, output)
        });
        let given = earlier.spec.variants.iter().filter(|v| v.source.manifests.is_some());
        let manifests = given.map(|v| (v.name.clone(), Ok(String::new()))).collect();
        let highest = earlier.children.iter().filter(|c| c.ours && c.component == Component::Plan).map(|c| c.run).max();
        World {
            object: earlier.object.clone(),
            spec: earlier.spec.clone(),
            status: earlier.status.clone(),
            settings: Settings {
                images: images(),
                pod_features: Default::default(),
                run_limits: Default::default(),
                own_account: None,
            },
            highest_plan: highest.unwrap_or(0),
            sources: match &plan {
                Output::Absent if run > 0 => Sources { manifests, claims: BTreeMap::new() },
                _ => Sources::default(),
            },
            plan,
            configurations: self.document(earlier, run, Component::Configurations, None, &self.configurations),
            configurations_seal: self.seal(earlier, run),
            results: results.collect(),
            children: earlier.children.clone(),
            pods: self.pods.clone(),
            refusals: self.refusals.clone(),
            rivals: self.rivals.clone(),
            nodes: self.nodes.clone(),
            dynamo_served: true,
        }
    }

    /// One hash for whatever is in the document: nobody changes it here.
    fn seal(&self, listed: &Self, run: i64) -> Seal {
        let wanted = |c: &&Child| c.ours && c.run == run && c.component == Component::Configurations;
        let child = listed.children.iter().find(wanted);
        let written = child.is_some_and(|c| matches!(self.configurations.get(&c.uid), Some(Output::Present(_))));
        Seal {
            hash: written.then(|| "v1:0".into()),
            sealed: child.is_some_and(|child| self.sealed.contains(&child.uid)),
        }
    }

    fn document<T: Clone>(
        &self,
        listed: &Self,
        run: i64,
        component: Component,
        variant: Option<&str>,
        contents: &BTreeMap<String, Output<T>>,
    ) -> Output<T> {
        let wanted = |c: &&Child| c.ours && c.run == run && c.component == component && c.variant.as_deref() == variant;
        let child = listed.children.iter().find(wanted);
        let there = child.filter(|listed| self.children.iter().any(|c| c.uid == listed.uid));
        there.and_then(|child| contents.get(&child.uid).cloned()).unwrap_or(Output::Absent)
    }

    /// Carries actions out, as `world` tells what is meant; stops after `most` of them.
    pub fn act(&mut self, world: &World, actions: &[Action], most: usize) {
        for action in actions.iter().take(most) {
            match action {
                Action::Create(create) => self.create(world, create),
                Action::Delete(delete) => {
                    let found = self.children.iter_mut().find(|c| (c.kind, &c.uid) == (delete.kind, &delete.uid));
                    let Some(child) = found else { continue };
                    child.deleted.get_or_insert(self.now);
                    if child.kind != ChildKind::Job && !ChildKind::SERVERS.contains(&child.kind) {
                        let uid = child.uid.clone();
                        self.children.retain(|c| c.uid != uid);
                    }
                }
                Action::Seal { name } => {
                    let child = self.children.iter().find(|c| &c.name == name).map(|c| c.uid.clone());
                    let Some(uid) = child else { continue };
                    if let Some(Output::Present(results)) = self.results.get_mut(&uid) {
                        results.sealed = true;
                    }
                    self.sealed.insert(uid);
                }
            }
        }
    }

    fn create(&mut self, world: &World, create: &Create) {
        let run = world.status.run.as_ref().map_or(0, |run| run.number);
        match create {
            Create::Plan => {
                let hash = world.status.run.as_ref().map(|run| run.inputs_hash.clone()).unwrap_or_default();
                let plan = Plan { spec: world.spec.clone(), ..self.plan(run, hash) };
                if let Some(uid) = self.put(ChildKind::ConfigMap, Component::Plan, run, None) {
                    self.plans.insert(uid, Output::Present(plan));
                }
            }
            Create::PublishIdentity => {
                for kind in [ChildKind::ServiceAccount, ChildKind::Role, ChildKind::RoleBinding] {
                    self.put(kind, Component::Publish, run, None);
                }
            }
            Create::Configurations => {
                if let Some(uid) = self.put(ChildKind::ConfigMap, Component::Configurations, run, None) {
                    self.configurations.insert(uid, Output::Empty);
                }
            }
            Create::GenerateJob => {
                self.put(ChildKind::Job, Component::Generate, run, None);
            }
            Create::Results { variant } => {
                if let Some(uid) = self.put(ChildKind::ConfigMap, Component::Results, run, Some((variant, None))) {
                    self.results.insert(uid, Output::Present(PublishedResults::default()));
                }
            }
            Create::Server { variant, deployment } => {
                self.put(ChildKind::DynamoGraphDeployment, Component::Server, run, Some((variant, Some(*deployment))));
            }
            Create::LoadJob { variant, deployment, round: _ } => {
                self.put(ChildKind::Job, Component::Load, run, Some((variant, Some(*deployment))));
            }
            Create::Report => {
                if let Some(uid) = self.put(ChildKind::ConfigMap, Component::Report, run, None) {
                    let edition = report::edition(&world.status, world);
                    self.children.iter_mut().filter(|c| c.uid == uid).for_each(|c| c.edition = edition.clone());
                }
            }
        }
    }

    /// A plan of the spec as it is now.
    pub fn plan(&self, run: i64, inputs_hash: String) -> Plan {
        Plan {
            schema_version: SCHEMA_VERSION,
            comparison: Identity { namespace: "default".into(), name: "qwen".into(), uid: UID.into() },
            run,
            inputs_hash,
            spec: self.spec.clone(),
            images: images(),
            manifests: BTreeMap::new(),
            claims: BTreeMap::new(),
            pod_features: Default::default(),
        }
    }

    /// Creates one object; its UID unless it is there already or refused.
    fn put(
        &mut self,
        kind: ChildKind,
        component: Component,
        run: i64,
        of: Option<(&str, Option<u32>)>,
    ) -> Option<String> {
        let (variant, deployment) =
            of.map_or((None, None), |(variant, deployment)| (Some(variant.to_owned()), deployment));
        let parts = [variant.clone(), deployment.map(|deployment| format!("d{deployment}"))];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let name = format!("qwen-r{run}-{}-{}", component.as_str(), parts.join("-"));
        let object = format!("{kind:?}/{name}");
        let message = self.said("exceeded quota: gpus");
        let now = self.operators_now();
        let refuse = |reason: &str| Refusal {
            object: object.clone(),
            run,
            variant: variant.clone(),
            deployment,
            reason: reason.into(),
            message: message.clone(),
            since: now,
        };
        let pods = matches!(kind, ChildKind::Job | ChildKind::DynamoGraphDeployment);
        if let Some(there) = self.children.iter().find(|c| c.kind == kind && c.name == name) {
            if there.terminating() || !there.ours {
                let refusal = refuse("NameTaken");
                self.refused(refusal);
            }
            return None;
        }
        if self.refusing && pods {
            let refusal = refuse("Forbidden");
            self.refused(refusal);
            return None;
        }
        self.refusals.retain(|refusal| refusal.object != object);
        self.made += 1;
        let uid = format!("uid-{}", self.made);
        self.children.push(Child {
            kind,
            name,
            uid: uid.clone(),
            component,
            run,
            variant,
            deployment,
            ours: true,
            deleted: None,
            finalizers: vec![],
            created: self.now,
            job: (kind == ChildKind::Job).then_some(JobState::Running),
            has_pods: false,
            edition: None,
            complaint: None,
        });
        Some(uid)
    }

    fn refused(&mut self, mut refusal: Refusal) {
        if let Some(known) = self.refusals.iter().find(|known| known.object == refusal.object) {
            refusal.since = known.since;
        }
        self.refusals.retain(|known| known.object != refusal.object);
        self.refusals.push(refusal);
    }

    /// Stores a status that was decided from `version`; somebody was faster: nothing happens.
    pub fn record(&mut self, version: u64, status: &BenchmarkComparisonStatus) {
        if version == self.version && self.status != *status {
            self.status = status.clone();
            self.version += 1;
        }
    }

    /// What somebody else says.
    pub fn said(&self, text: &str) -> String {
        let more = if self.wordy { " and so on".repeat(300) } else { String::new() };
        format!("{text}{more}")
    }

    /// As the operator's clock shows it.
    pub fn operators_now(&self) -> Timestamp {
        self.now + SignedDuration::from_secs(self.operator_ahead)
    }

    /// As the agents' clocks show it.
    pub fn agents_now(&self) -> Timestamp {
        self.now + SignedDuration::from_secs(self.agents_ahead)
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }
}

fn images() -> Images {
    let image = |name: &str| format!("registry.example/{name}:0.1.0");
    Images { agent: image("bcmp"), predictor: image("tools"), load: image("tools") }
}
