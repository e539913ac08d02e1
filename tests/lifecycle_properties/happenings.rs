//! What happens in the cluster whether the operator looks or not: one small step each, picked among what is possible.

use std::collections::BTreeMap;

use bcmp::api::{EvidenceCode, Finding, SourceKind};
use bcmp::lifecycle::world::{Child, Complaint, Container, JobState, Output, Pod, Rival, Termination};
use bcmp::measurement::ledger::Mark;
use bcmp::measurement::record::SCHEMA_VERSION;
use bcmp::plan::{ChildKind, Component, Demand};
use bcmp::sweep::{Next, VariantSweep};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::cluster::Cluster;
use crate::specs::{self, Edit, edit};
use bcmp::simulation::truth;

/// A number picks among the objects to which it can happen.
#[derive(Clone, Debug)]
pub enum Happening {
    Wait(u16),
    /// The good thing that comes next, everywhere.
    GoesWell,
    PodsAppear(u8),
    PodBound(u8),
    PodReady(u8),
    PodUnschedulable(u8),
    PodVanishes(u8),
    PodTold(u8),
    ContainerWaits(u8, u8),
    ContainerRestarts(u8, bool),
    Generated(u8),
    GenerationEnds(bool),
    GenerationUnreadable,
    Serves(u8),
    Publishes(u8, Option<EvidenceCode>),
    LoadEnds(u8, bool),
    ResultsUnreadable(u8),
    GoingIsGone(u8),
    SomeoneDeletes(u8),
    Complains(u8),
    Refusing(bool),
    RivalCame(bool),
    NodesFree(Option<u32>),
    Edited(Edit),
    /// A clock jumps: so many seconds ahead of the API server's, or behind.
    OperatorsClock(i16),
    AgentsClock(i16),
}

pub fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let spoilt = prop::option::weighted(
        0.3,
        prop::sample::select(vec![EvidenceCode::ErrorRate, EvidenceCode::Incomplete, EvidenceCode::NotStreaming]),
    );
    prop_oneof![
        4 => prop_oneof![3 => 0..40_u16, 1 => 40..400_u16].prop_map(Wait),
        18 => Just(GoesWell),
        2 => any::<u8>().prop_map(PodsAppear),
        2 => any::<u8>().prop_map(PodBound),
        2 => any::<u8>().prop_map(PodReady),
        1 => any::<u8>().prop_map(PodUnschedulable),
        1 => any::<u8>().prop_map(PodVanishes),
        1 => any::<u8>().prop_map(PodTold),
        1 => (any::<u8>(), 0..3_u8).prop_map(|(pick, why)| ContainerWaits(pick, why)),
        1 => any::<(u8, bool)>().prop_map(|(pick, memory)| ContainerRestarts(pick, memory)),
        1 => prop_oneof![Just(0), Just(1), Just(2)].prop_map(Generated),
        1 => any::<bool>().prop_map(GenerationEnds),
        1 => Just(GenerationUnreadable),
        1 => any::<u8>().prop_map(Serves),
        4 => (any::<u8>(), spoilt).prop_map(|(pick, code)| Publishes(pick, code)),
        1 => any::<(u8, bool)>().prop_map(|(pick, well)| LoadEnds(pick, well)),
        1 => any::<u8>().prop_map(ResultsUnreadable),
        3 => any::<u8>().prop_map(GoingIsGone),
        1 => any::<u8>().prop_map(SomeoneDeletes),
        1 => any::<u8>().prop_map(Complains),
        1 => any::<bool>().prop_map(Refusing),
        1 => any::<bool>().prop_map(RivalCame),
        1 => prop::option::of(0..20_u32).prop_map(NodesFree),
        4 => edit().prop_map(Edited),
        1 => (-600..=600_i16).prop_map(OperatorsClock),
        1 => (-600..=600_i16).prop_map(AgentsClock),
    ]
}

fn pick<T>(items: &mut [T], number: u8, fits: impl Fn(&T) -> bool) -> Option<&mut T> {
    let count = items.iter().filter(|item| fits(item)).count();
    items.iter_mut().filter(|item| fits(item)).nth(usize::from(number).checked_rem(count)?)
}

fn makes_pods(child: &Child) -> bool {
    !child.terminating() && !child.has_pods && matches!(child.kind, ChildKind::Job | ChildKind::DynamoGraphDeployment)
}

impl Cluster {
    pub fn happens(&mut self, happening: &Happening) {
        use Happening::*;
        match happening {
            Wait(seconds) => self.wait(i64::from(*seconds)),
            GoesWell => self.goes_well(),
            PodsAppear(number) => {
                let found = pick(&mut self.children, *number, makes_pods).map(|child| child.uid.clone());
                found.iter().for_each(|uid| self.pods_appear(uid));
            }
            PodBound(number) => self.bind(*number),
            PodReady(number) => self.ready(*number),
            PodUnschedulable(number) => {
                let message = self.said("0/1 nodes are available: 1 Insufficient nvidia.com/gpu");
                if let Some(pod) = pick(&mut self.pods, *number, |pod| pod.node.is_none()) {
                    pod.unschedulable = Some(message);
                }
            }
            PodVanishes(number) => {
                let found = pick(&mut self.pods, *number, |_| true).map(|pod| pod.name.clone());
                self.pods.retain(|pod| Some(&pod.name) != found.as_ref());
            }
            PodTold(number) => self.pod_told(*number),
            ContainerWaits(number, why) => self.container_waits(*number, *why),
            ContainerRestarts(number, memory) => self.container_restarts(*number, *memory),
            Generated(refused) => self.generated(*refused),
            GenerationEnds(well) => self.job_ends(Component::Generate, 0, *well),
            GenerationUnreadable => {
                let message = self.said("configurations.json has schemaVersion 9");
                let unreadable = || Output::Unreadable(message.clone());
                self.configurations.values_mut().filter(|c| **c == Output::Empty).for_each(|c| *c = unreadable());
            }
            Serves(number) => {
                let loader = pick(&mut self.children, *number, is_loading).cloned();
                loader.iter().for_each(|job| self.serves(job));
            }
            Publishes(number, spoilt) => {
                let loader = pick(&mut self.children, *number, is_loading).cloned();
                loader.iter().for_each(|job| self.publishes(job, *spoilt));
            }
            LoadEnds(number, well) => self.job_ends(Component::Load, *number, *well),
            ResultsUnreadable(number) => {
                let message = self.said("the entry r1-c000001-l1-t1 cannot be read");
                let open = |output: &&mut Output<_>| matches!(output, Output::Present(_));
                let mut open: Vec<_> = self.results.values_mut().filter(open).collect();
                if let Some(output) = pick(&mut open, *number, |_| true) {
                    **output = Output::Unreadable(message);
                }
            }
            GoingIsGone(number) => {
                let gone =
                    pick(&mut self.children, *number, |child| child.terminating()).map(|child| child.uid.clone());
                gone.iter().for_each(|uid| self.is_gone(uid));
            }
            SomeoneDeletes(number) => {
                if let Some(child) = pick(&mut self.children, *number, |_| true) {
                    child.deleted.get_or_insert(self.now);
                    let (uid, foreground) = (child.uid.clone(), child.has_pods);
                    if !foreground {
                        self.is_gone(&uid);
                    }
                }
            }
            Complains(number) => {
                let message = self.said("pods \"x\" is forbidden: violates PodSecurity \"restricted\"");
                if let Some(child) = pick(&mut self.children, *number, makes_pods) {
                    child.complaint = Some(Complaint { message, since: self.now });
                }
            }
            Refusing(refusing) => self.refusing = *refusing,
            RivalCame(came) => {
                let queued = self.now - SignedDuration::from_hours(1);
                let rival = Rival {
                    name: "default/other".into(),
                    uid: "0".into(),
                    queued,
                    admitted: Some(queued),
                    deployed: true,
                    pending_since: None,
                    gpu_resource: "nvidia.com/gpu".into(),
                    demand: vec![Demand { pods: 1, gpus: 8, node_selector: BTreeMap::new() }],
                };
                self.rivals = if *came { vec![rival] } else { vec![] };
            }
            NodesFree(gpus) => self.nodes_free(*gpus),
            Edited(edit) => self.edited(edit),
            OperatorsClock(ahead) => self.operator_ahead = i64::from(*ahead),
            AgentsClock(ahead) => self.agents_ahead = i64::from(*ahead),
        }
    }

    fn nodes_free(&mut self, gpus: Option<u32>) {
        let node = |allocatable| bcmp::lifecycle::world::Node {
            name: "node-0".into(),
            labels: Default::default(),
            allocatable,
            used: Default::default(),
            unschedulable: false,
        };
        self.nodes = gpus.map(|gpus| vec![node(gpus)]);
    }

    fn edited(&mut self, edit: &Edit) {
        let before = self.spec.clone();
        edit.of_spec(&mut self.spec);
        match edit {
            Edit::Cancel => {
                self.object.cancel_requested = self.status.run.as_ref().map(|run| run.number.to_string());
            }
            Edit::Request(token) => self.object.run_requested = (*token > 0).then(|| token.to_string()),
            _ => {}
        }
        self.version += 1;
        self.object.generation += i64::from(before != self.spec);
    }

    /// Everything does what it should do next.
    pub fn goes_well(&mut self) {
        self.leftovers_go();
        for uid in self.children.iter().filter(|c| makes_pods(c)).map(|c| c.uid.clone()).collect::<Vec<_>>() {
            self.pods_appear(&uid);
        }
        for _ in 0..self.pods.len() {
            self.bind(0);
            self.ready(0);
        }
        self.generated(0);
        for job in self.children.iter().filter(|c| is_loading(c)).cloned().collect::<Vec<_>>() {
            self.serves(&job);
            if self.measures(&job) {
                self.publishes(&job, None);
            }
            if self.is_answered(&job) && !self.measures(&job) {
                let found = self.children.iter_mut().find(|c| c.uid == job.uid);
                found.into_iter().for_each(|job| job.job = Some(JobState::Complete));
            }
        }
        self.wait(1);
    }

    /// What was told to go is gone.
    pub fn leftovers_go(&mut self) {
        for uid in self.children.iter().filter(|c| c.terminating()).map(|c| c.uid.clone()).collect::<Vec<_>>() {
            self.is_gone(&uid);
        }
    }

    fn is_gone(&mut self, uid: &str) {
        let Some(at) = self.children.iter().position(|child| child.uid == uid) else { return };
        let child = self.children.remove(at);
        self.pods.retain(|pod| !belongs(pod, &child));
    }

    fn pods_appear(&mut self, uid: &str) {
        let now = self.now;
        let Some(child) = self.children.iter_mut().find(|child| child.uid == uid) else { return };
        child.has_pods = true;
        let variant = child.variant.as_deref().unwrap_or_default();
        // Shapes are those of the truth: eight workers with one GPU each, or one with eight.
        let recommended = |v: &bcmp::api::Variant| v.source.kind == SourceKind::Recommended;
        let wide = self.spec.variants.iter().any(|v| v.name == variant && recommended(v));
        let gpus: Vec<u32> = match child.component {
            Component::Server if wide => vec![0, 8],
            Component::Server => [vec![0], vec![1; 8]].concat(),
            _ => vec![0],
        };
        for (number, gpus) in gpus.into_iter().enumerate() {
            self.pods.push(Pod {
                name: format!("{}-{number}", child.name),
                component: child.component,
                run: child.run,
                variant: child.variant.clone(),
                deployment: child.deployment,
                ours: child.ours,
                terminating: false,
                ends_by: None,
                over: false,
                node: None,
                bound: None,
                ready: false,
                created: now,
                unschedulable: None,
                gpus,
                containers: vec![Container { name: "main".into(), image: "runtime".into(), ..Container::default() }],
            });
        }
    }

    fn bind(&mut self, number: u8) {
        let now = self.now;
        if let Some(pod) = pick(&mut self.pods, number, |pod| pod.node.is_none()) {
            (pod.node, pod.bound, pod.unschedulable) = (Some("node-0".into()), Some(now), None);
        }
    }

    fn ready(&mut self, number: u8) {
        if let Some(pod) = pick(&mut self.pods, number, |pod| pod.node.is_some() && !pod.ready) {
            pod.ready = true;
        }
    }

    /// A pod is told to end, and its node does not hear it.
    fn pod_told(&mut self, number: u8) {
        let ends_by = self.now + SignedDuration::from_secs(30);
        if let Some(pod) = pick(&mut self.pods, number, |pod| !pod.terminating) {
            (pod.terminating, pod.ends_by) = (true, Some(ends_by));
        }
    }

    fn container_waits(&mut self, number: u8, why: u8) {
        let message = self.said("not found");
        let Some(pod) = pick(&mut self.pods, number, |pod| pod.node.is_some()) else { return };
        let reasons = ["ImagePullBackOff", "CreateContainerConfigError", "ContainerCreating"];
        let reason = reasons[usize::from(why)];
        pod.containers[0].waiting = Some((reason.into(), message));
    }

    fn container_restarts(&mut self, number: u8, memory: bool) {
        let (now, message) = (self.now, self.said("Traceback"));
        let Some(pod) = pick(&mut self.pods, number, |pod| pod.node.is_some()) else { return };
        pod.containers[0].restarts += 1;
        pod.containers[0].terminated = Some(Termination {
            reason: if memory { "OOMKilled".into() } else { "Error".into() },
            exit_code: 137,
            message,
            finished: Some(now),
        });
    }

    fn generated(&mut self, refused: u8) {
        let message = self.said("no configuration meets the SLA; the nearest misses TPOT by 12 %");
        let Some(job) = self.children.iter_mut().find(|c| c.component == Component::Generate && !c.terminating())
        else {
            return;
        };
        let run = job.run;
        let document = |component| self.children.iter().find(|c| c.component == component && c.run == run);
        let plan = document(Component::Plan).and_then(|child| self.plans.get(&child.uid)).and_then(Output::present);
        let output = document(Component::Configurations).and_then(|child| self.configurations.get_mut(&child.uid));
        if let (Some(plan), Some(output @ Output::Empty)) = (plan, output) {
            *output = Output::Present(specs::configurations(&plan.spec, refused, &message));
            self.job_ends(Component::Generate, 0, true);
        }
    }

    fn job_ends(&mut self, component: Component, number: u8, well: bool) {
        let message = self.said("BackoffLimitExceeded");
        let running = |c: &Child| c.component == component && c.job == Some(JobState::Running);
        if let Some(job) = pick(&mut self.children, number, running) {
            job.job = Some(if well { JobState::Complete } else { JobState::Failed(message) });
        }
    }

    fn ledger(&mut self, job: &Child) -> Option<&mut Output<bcmp::lifecycle::world::PublishedResults>> {
        let results = |c: &&Child| c.component == Component::Results && c.run == job.run && c.variant == job.variant;
        let uid = self.children.iter().find(results)?.uid.clone();
        self.results.get_mut(&uid)
    }

    /// Whether something answers the requests of a load Job.
    fn is_answered(&self, job: &Child) -> bool {
        let same = |variant: &Option<String>, deployment, run| {
            (variant, deployment, run) == (&job.variant, job.deployment, job.run)
        };
        let pods =
            || self.pods.iter().filter(|p| p.component == Component::Server && same(&p.variant, p.deployment, p.run));
        let endpoint = |v: &bcmp::api::Variant| Some(&v.name) == job.variant.as_ref() && v.source.endpoint.is_some();
        let up = pods().next().is_some() && pods().all(|pod| pod.node.is_some() && !pod.terminating);
        up || self.spec.variants.iter().any(endpoint)
    }

    fn serves(&mut self, job: &Child) {
        if !self.is_answered(job) {
            return;
        }
        let deployment = job.deployment.unwrap_or(0);
        let mark = Mark { schema_version: SCHEMA_VERSION, deployment, pod_uid: "5d1f".into(), time: self.agents_now() };
        if let Some(Output::Present(results)) = self.ledger(job)
            && !results.sealed
        {
            results.ledger.serving.entry(deployment).or_insert(mark);
        }
    }

    /// The round of the deployment a load Job belongs to, as its arguments say.
    fn sweep(&self, job: &Child) -> Option<(VariantSweep, bcmp::api::BenchmarkComparisonSpec)> {
        let document = |component| self.children.iter().find(|c| c.component == component && c.run == job.run);
        let plan = self.plans.get(&document(Component::Plan)?.uid)?.present()?;
        let configurations = self.configurations.get(&document(Component::Configurations)?.uid)?.present()?;
        let name = job.variant.as_deref()?;
        let variant = self.status.variants.iter().find(|v| v.name == name)?;
        let round = variant.deployments.iter().find(|d| Some(d.number) == job.deployment)?.round;
        let sweep = VariantSweep::new(&plan.spec, configurations, name, round).ok()?;
        Some((sweep, plan.spec.clone()))
    }

    fn measures(&mut self, job: &Child) -> bool {
        let sweep = self.sweep(job);
        let Some(Output::Present(results)) = self.ledger(job) else { return false };
        sweep.is_some_and(|(sweep, _)| !results.sealed && !sweep.is_over(&results.ledger.records))
    }

    /// The load pod publishes the next level; first write wins, and nothing is written over what is sealed.
    fn publishes(&mut self, job: &Child, spoilt: Option<EvidenceCode>) {
        if !self.is_answered(job) {
            return;
        }
        let Some((sweep, spec)) = self.sweep(job) else { return };
        let took = SignedDuration::from_secs(20);
        let (start, end) = (self.agents_now(), self.agents_now() + took);
        let (Some(variant), Some(deployment)) = (&job.variant, job.deployment) else { return };
        let Some(Output::Present(results)) = self.ledger(job) else { return };
        let Next::Run(trial) = sweep.next(&results.ledger.records, deployment) else { return };
        assert!(results.ledger.records.iter().all(|r| r.trial.key != trial.key), "{} is measured twice", trial.key);
        if results.sealed {
            return;
        }
        let mut record = truth::record(&spec, variant, trial, deployment, "5d1f", start, end);
        record.findings.extend(spoilt.map(|code| Finding::new(code, "as it happened")));
        results.ledger.records.push(record);
        self.now += took;
    }
}

fn is_loading(child: &Child) -> bool {
    child.component == Component::Load && child.job == Some(JobState::Running) && child.has_pods && !child.terminating()
}

fn belongs(pod: &Pod, child: &Child) -> bool {
    (pod.component, pod.run, &pod.variant, pod.deployment)
        == (child.component, child.run, &child.variant, child.deployment)
        && matches!(child.kind, ChildKind::Job | ChildKind::DynamoGraphDeployment)
}
