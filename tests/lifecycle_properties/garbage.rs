//! Worlds that no schedule leads to: whatever an API server could hold, however little it fits together.

use std::collections::BTreeMap;

use bcmp::api::{
    AnyReason, AtSla, BenchmarkComparisonSpec, BenchmarkComparisonStatus, DeploymentStatus, EarlyEnd, Ended, Failure,
    LevelEvidence, LevelStatus, Mode, PastRun, Pause, Phase, Role, Run, SlaState, VariantStatus,
};
use bcmp::lifecycle::world::{
    Child, Container, JobState, Node, Object, Output, Pod, Refusal, Results, Rival, Settings, Termination, World,
};
use bcmp::measurement::ledger::{Ledger, Mark};
use bcmp::measurement::record::{Purpose, Step, TrialRecord};
use bcmp::plan::{ChildKind, Component};
use bcmp::plan::{Identity, Images, Plan};
use bcmp::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cluster::UID;
use crate::{rules, specs};
use bcmp::simulation::truth;

pub fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        6 => (-4000..4000_i64).prop_map(|seconds| Timestamp::from_second(now().as_second() + seconds).unwrap()),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
        1 => Just(Timestamp::UNIX_EPOCH),
    ]
}

fn stored() -> impl Strategy<Value = Time> {
    time().prop_map(Time)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["v0", "v1", "v2", "main", "node-0", ""]).prop_map(str::to_owned),
        1 => Just("é\u{1F980}\n\"<".repeat(700)),
    ]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![5 => 0..10_u32, 1 => Just(i32::MAX as u32), 1 => 0..=i32::MAX as u32]
}

fn run_number() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..3_i64, 1 => Just(i64::MAX - 1), 1 => Just(i64::MIN)]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..17_u32, 1 => Just(u32::MAX)]
}

fn maybe<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(of)
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>, most: usize) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..=most)
}

fn output<T: Clone + std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Output<T>> {
    prop_oneof![
        1 => Just(Output::Absent),
        1 => Just(Output::Empty),
        1 => text().prop_map(Output::Unreadable),
        5 => of.prop_map(Output::Present),
    ]
}

prop_compose! {
    fn spec()(
        mut spec in specs::spec(),
        limits in prop::array::uniform8(number()),
        (suspend, history, rounds) in (any::<bool>(), number(), number()),
        levels in some(number(), 16),
        names in maybe(some(text(), 6)),
    ) -> BenchmarkComparisonSpec {
        let deadlines = &mut spec.execution.deadlines;
        [deadlines.queue_seconds, deadlines.generate_seconds, deadlines.schedule_seconds, deadlines.ready_seconds,
         deadlines.teardown_seconds, spec.execution.keep_on_failure_seconds, spec.load.decision_trials,
         spec.hardware.gpus_per_variant] = limits;
        // The schema allows ten rounds; a larger number is only a longer loop.
        (spec.suspend, spec.history.runs, spec.execution.rounds) = (suspend, history, rounds.min(1000));
        spec.workload.concurrency = levels;
        spec.load.decision_trials = spec.load.decision_trials.min(20);
        for (variant, name) in spec.variants.iter_mut().zip(names.unwrap_or_default()) {
            variant.name = name;
        }
        spec
    }
}

prop_compose! {
    fn deployment()(
        (deployment, round) in (number(), number()),
        created in stored(),
        times in prop::collection::vec(maybe(stored()), 6),
        restarts in some(stored(), 9),
    ) -> DeploymentStatus {
        let [scheduled, ready, serving, measured, teardown, gone] = times.try_into().unwrap();
        DeploymentStatus { number: deployment, round, created, scheduled, ready, serving, measured, restarts, teardown, gone }
    }
}

prop_compose! {
    fn variant()(
        name in text(),
        role in prop::sample::select(vec![Role::Baseline, Role::Candidate]),
        gpus in maybe(number()),
        deployments in some(deployment(), 26),
        levels in some((number(), number(), number()), 4),
        failure in maybe((text(), text(), stored())),
    ) -> VariantStatus {
        let level = |(concurrency, accepted, rejected)| LevelStatus {
            concurrency, runs: accepted, predicted: None, measured: None, error_percent: None,
            sla: Some(SlaState::Marginal), evidence: LevelEvidence { accepted, rejected, reasons: vec![] },
        };
        VariantStatus {
            gpus, deployments, levels: levels.into_iter().map(level).collect(),
            failure: failure.map(|(reason, message, time)| Failure { reason: AnyReason::parse(&reason), message, time }),
            at_sla: Some(AtSla { tokens_per_second_per_gpu: "no number".into(), interval: None }),
            ..VariantStatus::new(name, role)
        }
    }
}

prop_compose! {
    fn run()(
        number in run_number(), inputs_hash in text(), queued_time in stored(),
        (generated_time, hold) in (maybe(stored()), maybe((stored(), maybe(stored())))),
        (start_time, completion_time) in (maybe(stored()), prop::option::weighted(0.2, stored())),
        mode in maybe(prop::sample::select(vec![Mode::Sequential, Mode::Parallel, Mode::Auto])),
        ended in prop::option::weighted(0.2, (text(), text(), stored())),
        outcome in prop::sample::select(vec![EarlyEnd::Failed, EarlyEnd::Cancelled, EarlyEnd::Superseded]),
    ) -> Run {
        let ended = ended.map(|(reason, message, time)| Ended { outcome, reason: AnyReason::parse(&reason), message, time });
        let hold = hold.map(|(since, until)| Pause { since, until });
        Run { number, inputs_hash, queued_time, generated_time, paused: hold, start_time, completion_time, mode, mode_reason: None, ended }
    }
}

prop_compose! {
    fn status()(
        run in prop::option::weighted(0.9, run().boxed()),
        variants in some(variant(), 6),
        phase in maybe(prop::sample::select(vec![Phase::Succeeded, Phase::Queued, Phase::Inconclusive])),
        message in maybe(text()),
        conditions in some((text(), text(), stored()), 3),
        history in some((run_number(), text()), 14),
    ) -> BenchmarkComparisonStatus {
        let condition = |(type_, message, last_transition_time)| Condition {
            type_, message, last_transition_time, observed_generation: None, reason: "X".into(), status: "True".into(),
        };
        let past = |(number, outcome)| PastRun {
            number, outcome, verdict: None, gain: None, completion_time: None, config_map_name: None,
        };
        BenchmarkComparisonStatus {
            run, variants, phase, message,
            conditions: conditions.into_iter().map(condition).collect(),
            history: history.into_iter().map(past).collect(),
            ..BenchmarkComparisonStatus::default()
        }
    }
}

/// As much of a status as a store holds: texts and lists no longer than the schema allows.
fn storable(status: &BenchmarkComparisonStatus) -> BenchmarkComparisonStatus {
    let mut json = serde_json::to_value(status).unwrap();
    cut(&rules::STATUS, &mut json);
    // A time before year 0 is written and not read again.
    serde_json::from_value(json).unwrap_or_else(|_| status.clone())
}

fn cut(schema: &Value, value: &mut Value) {
    let most = |limit: &str| schema[limit].as_u64().map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    match value {
        Value::String(text) => *text = text.chars().take(most("maxLength")).collect(),
        Value::Number(number) => {
            let least = schema["minimum"].as_f64().filter(|least| number.as_f64() < Some(*least));
            if let Some(least) = least {
                *value = json!(least as i64);
            }
        }
        Value::Array(items) => {
            items.truncate(most("maxItems"));
            items.iter_mut().for_each(|item| cut(&schema["items"], item));
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(key, field)| cut(&schema["properties"][key], field)),
        _ => {}
    }
}

fn component() -> impl Strategy<Value = Component> {
    use Component::*;
    prop::sample::select(vec![Plan, Generate, Configurations, Server, Load, Results, Report, Publish])
}

prop_compose! {
    fn child()(
        kind in prop::sample::select(vec![ChildKind::ConfigMap, ChildKind::Service, ChildKind::Role, ChildKind::Job, ChildKind::Deployment, ChildKind::DynamoGraphDeployment]),
        (name, uid, component, run) in (text(), text(), component(), run_number()),
        (variant, deployment) in (maybe(text()), maybe(number())),
        (ours, terminating, has_pods) in any::<(bool, bool, bool)>(),
        (finalizers, created, edition, complaint) in (some(text(), 2), time(), maybe(text()), maybe(text())),
        job in maybe(prop_oneof![Just(JobState::Running), Just(JobState::Complete), text().prop_map(JobState::Failed)]),
    ) -> Child {
        Child { kind, name, uid, component, run, variant, deployment, ours, terminating, finalizers, created, job, has_pods, edition, complaint }
    }
}

prop_compose! {
    fn container()(
        (name, restarts) in (text(), count()),
        waiting in maybe((prop::sample::select(vec!["ImagePullBackOff", "CreateContainerError", "x"]), text())),
        terminated in maybe((text(), any::<i32>(), text(), maybe(time()))),
    ) -> Container {
        let terminated = terminated.map(|(reason, exit_code, message, finished)| Termination { reason, exit_code, message, finished });
        let waiting = waiting.map(|(reason, message)| (reason.to_owned(), message));
        Container { name, restarts, waiting, terminated, ..Container::default() }
    }
}

prop_compose! {
    fn pod()(
        (name, component, run) in (text(), component(), run_number()),
        (variant, deployment) in (maybe(text()), maybe(number())),
        (ours, terminating, over, ready) in any::<(bool, bool, bool, bool)>(),
        (node, bound, created) in (maybe(text()), maybe(time()), time()),
        (unschedulable, gpus) in (maybe(text()), count()),
        containers in some(container(), 2),
    ) -> Pod {
        Pod { name, component, run, variant, deployment, ours, terminating, over, node, bound, ready, created, unschedulable, gpus, containers }
    }
}

/// Objects of a variant: real ones, or none that could be deployed.
fn objects() -> impl Strategy<Value = Option<Vec<Value>>> {
    let graph = |replicas: Value, gpu: Value| {
        let worker = json!({"replicas": replicas, "resources": {"limits": {"gpu": gpu}}});
        json!({"apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "spec": {"services": {"Worker": worker}}})
    };
    prop_oneof![
        3 => Just(None),
        1 => some(prop::sample::select(vec![Value::Null, json!([]), json!({"kind": 1})]), 3).prop_map(Some),
        1 => (count(), count()).prop_map(move |(replicas, gpu)| Some(vec![graph(json!(replicas), json!(gpu.to_string()))])),
        1 => Just(Some(vec![json!({"kind": "Deployment", "spec": {"replicas": -3, "template": null}})])),
    ]
}

fn configurations(spec: BenchmarkComparisonSpec) -> impl Strategy<Value = Configurations> {
    let outcomes = prop::collection::vec((objects(), maybe(text()), maybe(text())), spec.variants.len());
    outcomes.prop_map(move |outcomes| {
        let mut made = truth::configurations(&spec);
        for (configuration, (objects, refused, name)) in made.variants.iter_mut().zip(outcomes) {
            let Configuration { variant, outcome } = configuration;
            *variant = name.unwrap_or_else(|| variant.clone());
            match (outcome, objects, refused) {
                (outcome, _, Some(message)) => {
                    *outcome = GenerationOutcome::Refused { reason: AnyReason::parse(&message), message }
                }
                (GenerationOutcome::Ready(ready), Some(objects), _) => {
                    **ready = Ready { objects, generated: None, shape: None, prediction: Default::default() };
                }
                _ => {}
            }
        }
        made
    })
}

prop_compose! {
    fn step()(
        numbers in prop::array::uniform7(count()),
        purpose in prop::sample::select(vec![Purpose::Ladder, Purpose::Refinement, Purpose::Decision, Purpose::Drift]),
        seed in any::<u64>(),
    ) -> Step {
        let [round, concurrency, repetition, deployment, requests, warmup, request_timeout_seconds] = numbers;
        Step { round, concurrency: concurrency.max(1), purpose, repetition, attempt: deployment, requests, warmup, seed, request_timeout_seconds }
    }
}

fn results(spec: BenchmarkComparisonSpec) -> impl Strategy<Value = Results> {
    let record =
        (step(), count(), time(), time(), any::<bool>()).prop_map(move |(step, deployment, start, end, silent)| {
            let known = spec.variants[0].name.clone();
            let record = truth::record(&spec, &known, step, deployment, "5d1f", start, end);
            TrialRecord { measurement: record.measurement.filter(|_| !silent), ..record }
        });
    let mark = (count(), time()).prop_map(|(d, time)| (d, Mark { schema_version: 1, pod_uid: String::new(), time }));
    (some(record, 6), some(mark, 2), any::<bool>()).prop_map(|(records, serving, sealed)| {
        let ledger = Ledger { records, serving: serving.into_iter().collect(), ..Ledger::default() };
        Results { ledger, sealed }
    })
}

prop_compose! {
    fn node()(
        (name, allocatable, unschedulable) in (text(), count(), any::<bool>()),
        used in some((text(), count()), 3),
    ) -> Node {
        Node { name, labels: BTreeMap::new(), allocatable, used: used.into_iter().collect(), unschedulable }
    }
}

prop_compose! {
    fn rival()((name, uid, queued, admitted, deployed) in (text(), text(), time(), maybe(time()), any::<bool>()), claim in some((count(), count()), 3)) -> Rival {
        Rival { name, uid, queued, admitted, deployed, demand: claim }
    }
}

prop_compose! {
    fn refusal()((object, variant, reason, message) in (text(), maybe(text()), text(), text()), run in 0..3_i64, deployment in maybe(0..3_u32)) -> Refusal {
        Refusal { object, run, variant, deployment, reason, message }
    }
}

fn plan(spec: BenchmarkComparisonSpec) -> Plan {
    let images = Images { agent: String::new(), predictor: String::new(), load: String::new() };
    let comparison = Identity { namespace: String::new(), name: String::new(), uid: UID.into() };
    Plan { schema_version: 1, comparison, run: 1, inputs_hash: "v0:x".into(), spec, images, manifests: BTreeMap::new() }
}

/// Any world. Variants of the status are, half of the time, those of the spec.
pub fn world() -> impl Strategy<Value = World> {
    (spec(), spec())
        .prop_flat_map(|(spec, planned)| {
            let results = prop::collection::btree_map(text(), output(results(planned.clone())), 0..4);
            let parts = (output(configurations(planned.clone())), output(Just(plan(planned))), results);
            let seen =
                (some(child(), 12), some(pod(), 12), some(refusal(), 2), some(rival(), 3), maybe(some(node(), 3)));
            let asked = (
                maybe(text()),
                maybe(text()),
                (prop::bool::weighted(0.05), any::<bool>()),
                run_number(),
                any::<bool>(),
            );
            let sources = prop::collection::btree_map(text(), prop::result::maybe_ok(text(), text()), 0..2);
            (Just(spec), status(), parts, seen, asked, sources)
        })
        .prop_map(|(spec, mut status, (configurations, plan, results), seen, asked, sources)| {
            let (children, pods, refusals, rivals, nodes) = seen;
            let (run_requested, cancel_requested, (terminating, orphans), highest_plan, fitting) = asked;
            status = storable(&status);
            if fitting {
                status.variants.truncate(spec.variants.len());
                for (variant, named) in status.variants.iter_mut().zip(&spec.variants) {
                    (variant.name, variant.role) = (named.name.clone(), named.role);
                }
            }
            let object =
                Object { uid: UID.into(), terminating, orphans, run_requested, cancel_requested, ..Object::default() };
            let image = || String::from("image");
            let settings = Settings { images: Images { agent: image(), predictor: image(), load: image() } };
            World {
                object,
                spec,
                status,
                settings,
                highest_plan,
                plan,
                sources,
                configurations,
                results,
                children,
                pods,
                refusals,
                rivals,
                nodes,
                dynamo_served: true,
            }
        })
}
