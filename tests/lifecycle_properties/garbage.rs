//! Worlds that no schedule leads to: whatever an API server could hold, however little it fits together.

use std::collections::BTreeMap;

use bcmp::api::{
    AnyReason, AtSla, AtSlaKind, BenchmarkComparisonSpec, BenchmarkComparisonStatus, ClaimPredictor, Decimal,
    DeploymentStatus, EarlyEnd, Ended, EvidenceCode, Failure, Finding, LevelEvidence, LevelStatus, Mode, PastRun,
    Pause, Phase, Role, RoundStatus, Rounds, Run, Settled, SlaState, VariantStatus,
};
use bcmp::lifecycle::world::{
    Child, Complaint, Container, JobState, Node, Object, Output, Pod, PublishedResults, Refusal, Rival, Seal, Settings,
    Sources, Termination, World,
};
use bcmp::measurement::counted::{LimitRatios, OverLimit};
use bcmp::measurement::ledger::{Ledger, Mark};
use bcmp::measurement::record::{Purpose, TrialKey, TrialPlan, TrialRecord};
use bcmp::measurement::{CountedRequests, Distribution, Facts, Measurement, Metric};
use bcmp::plan::{ChildKind, Component, Demand};
use bcmp::plan::{Identity, Images, Plan};
use bcmp::prediction::claim::{OperatingPoint, PredictedClaim};
use bcmp::prediction::configurations::{Configuration, Configurations, GenerationOutcome, Ready};
use bcmp::prediction::curve::{Curve, CurvePoint};
use bcmp::prediction::predicted::{Prediction, PredictionOrigin};
use bcmp::prediction::serving::{Serving, Shape, Workers};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
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

/// A quantity: usual, or one that no tool should ever report.
fn real() -> impl Strategy<Value = f64> {
    let extremes = vec![0.0, 5e-324, 1e-25, 1e-7, 0.004, 99_999.5, 1e9, 1e25, 1e300, f64::MAX];
    prop_oneof![2 => 0.0..1000.0_f64, 1 => prop::sample::select(extremes)]
}

/// A fact of the audit, which may be negative.
fn signed() -> impl Strategy<Value = f64> {
    (any::<bool>(), real()).prop_map(|(negative, value)| if negative { -value } else { value })
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![5 => 0..10_u32, 1 => Just(i32::MAX as u32), 1 => 0..=i32::MAX as u32]
}

fn run_number() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..3_i64, 1 => Just(9_007_199_254_740_990), 1 => Just(-9_007_199_254_740_991)]
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
        (spec.suspend, spec.history.runs, spec.execution.rounds) = (suspend, history, Rounds { minimum: rounds.min(8), maximum: rounds });
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
        times in prop::collection::vec(maybe(stored()), 7),
        restarts in some(stored(), 9),
        beside in some(text(), 7),
    ) -> DeploymentStatus {
        let [scheduled, ready, serving, measured, teardown, freed, gone] = times.try_into().unwrap();
        DeploymentStatus { number: deployment, round, created, scheduled, beside, ready, serving, measured, restarts, teardown, freed, gone }
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
            concurrency, estimated: None, measured: None, error_percent: None,
            sla: Some(SlaState::Marginal), evidence: LevelEvidence { accepted, rejected, reasons: vec![] },
        };
        VariantStatus {
            gpus, deployments, levels: levels.into_iter().map(level).collect(),
            failure: failure.map(|(reason, message, time)| Failure { reason: AnyReason::parse(&reason), message, time }),
            at_sla: Some(AtSla { kind: AtSlaKind::Value, tokens_per_second_per_gpu: Some("no number".into()), interval: None, reason: None }),
            ..VariantStatus::new(name, role)
        }
    }
}

prop_compose! {
    fn run()(
        number in run_number(), inputs_hash in text(), plan_hash in maybe(text()), configurations_hash in maybe(text()), queued_time in stored(),
        (generated_time, hold) in (maybe(stored()), maybe((stored(), maybe(stored())))),
        (start_time, completion_time) in (maybe(stored()), prop::option::weighted(0.2, stored())),
        mode in maybe(prop::sample::select(vec![Mode::Sequential, Mode::Parallel, Mode::Auto])),
        ended in prop::option::weighted(0.2, (text(), text(), stored())),
        settled in prop::option::weighted(0.3, (count(), any::<bool>(), stored())),
        outcome in prop::sample::select(vec![EarlyEnd::Failed, EarlyEnd::Cancelled, EarlyEnd::Superseded]),
    ) -> Run {
        let ended = ended.map(|(reason, message, time)| Ended { outcome, reason: AnyReason::parse(&reason), message, time });
        let settled = settled.map(|(rounds, limited, time)| Settled {
            rounds,
            budget_gpu_hours: limited.then(|| Decimal::new("1")),
            maximum_rounds: limited.then_some(rounds),
            time,
        });
        let hold = hold.map(|(since, until)| Pause { since, until });
        Run { number, inputs_hash, plan_hash, configurations_hash, queued_time, generated_time, paused: hold, start_time, completion_time, mode, mode_reason: None, settled, ended }
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
        rounds in some((number(), some(text(), 3), stored()), 9),
    ) -> BenchmarkComparisonStatus {
        let round = |(number, variants, start_time)| RoundStatus { number, variants, start_time, gain_percent: None, interval: None };
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
            rounds: rounds.into_iter().map(round).collect(),
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
        (ours, has_pods) in any::<(bool, bool)>(),
        deleted in maybe(time()),
        (finalizers, created, edition, complaint) in (some(text(), 2), time(), maybe(text()), maybe((text(), time()))),
        job in maybe(prop_oneof![Just(JobState::Running), Just(JobState::Complete), text().prop_map(JobState::Failed)]),
    ) -> Child {
        Child { kind, name, uid, component, run, variant, deployment, ours, deleted, finalizers, created, job, has_pods, edition, complaint: complaint.map(|(message, since)| Complaint { message, since }) }
    }
}

prop_compose! {
    fn container()(
        (name, restarts) in (text(), count()),
        waiting in maybe((prop::sample::select(vec!["ImagePullBackOff", "CreateContainerError", "ContainerCreating", "x"]), text())),
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
        (node, bound, created, ends_by) in (maybe(text()), maybe(time()), time(), maybe(time())),
        (unschedulable, gpus) in (maybe(text()), count()),
        containers in some(container(), 2),
    ) -> Pod {
        Pod { name, component, run, variant, deployment, ours, terminating, ends_by, over, node, bound, ready, created, unschedulable, gpus, containers }
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
    // On the heap: trees of strategies are large.
    let predicted = (maybe(shape().boxed()), prediction().boxed()).boxed();
    let outcomes = prop::collection::vec((objects(), maybe(text()), maybe(text()), predicted), spec.variants.len());
    outcomes.prop_map(move |outcomes| {
        let mut made = truth::configurations(&spec);
        for (configuration, (objects, refused, name, (shape, prediction))) in made.variants.iter_mut().zip(outcomes) {
            let Configuration { variant, outcome } = configuration;
            *variant = name.unwrap_or_else(|| variant.clone());
            match (outcome, objects, refused) {
                (outcome, _, Some(message)) => {
                    *outcome = GenerationOutcome::Refused { reason: AnyReason::parse(&message), message }
                }
                (GenerationOutcome::Ready(ready), Some(objects), _) => {
                    **ready = Ready { objects, generated: None, shape, prediction };
                }
                (GenerationOutcome::Ready(ready), None, None) if shape.is_some() => {
                    (ready.shape, ready.prediction) = (shape, prediction);
                }
                _ => {}
            }
        }
        made
    })
}

fn milliseconds(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

prop_compose! {
    fn distribution()(mean in real(), rest in maybe(prop::array::uniform4(real()))) -> Distribution {
        let [p50, p90, p95, p99] = rest.map_or([None; 4], |rest| rest.map(|value| Some(milliseconds(value))));
        Distribution { mean: milliseconds(mean), p50, p90, p95, p99 }
    }
}

prop_compose! {
    /// The facts of a clean trial or any, so that absurd figures are accepted too.
    fn facts()(
        numbers in prop::array::uniform7(maybe(signed())),
        (model, complete, cancelled, streaming, requests_unknown) in
            (maybe(text()), maybe(any::<bool>()), maybe(any::<bool>()), maybe(any::<bool>()), maybe(any::<bool>())),
        warmup_requests in maybe(count()),
        not_finite in some(prop::sample::select(vec![Metric::Ttft, Metric::OutputTokens]), 2),
    ) -> Facts {
        let [input_tokens, output_tokens, effective_concurrency, client_wait_percent, cached_prompt_percent, cached_prompt_tokens,
             unsteadiness_percent] = numbers;
        Facts { model, complete, cancelled, streaming, input_tokens, output_tokens, effective_concurrency, client_wait_percent,
            cached_prompt_percent, cached_prompt_tokens, warmup_requests, unsteadiness_percent, sm_clock_megahertz: unsteadiness_percent, throttled_percent: unsteadiness_percent,
            gpu_joules: output_tokens, gpus_watched: warmup_requests,
            loaded_seconds: unsteadiness_percent, requests_unknown,
            not_finite }
    }
}

prop_compose! {
    fn counted()((requests, failed) in (count(), count()), over in prop::array::uniform4(count()), good_ratio in maybe(real())) -> CountedRequests {
        let [ttft, tpot, request_latency, any] = over;
        CountedRequests { requests, failed, over: OverLimit { ttft, tpot, request_latency, any }, good_ratio, ratios: LimitRatios { ttft: good_ratio, tpot: good_ratio, request_latency: good_ratio } }
    }
}

/// What becomes of the measurement of a clean trial.
#[derive(Clone, Debug)]
struct Changed {
    times: [Option<Distribution>; 3],
    rates: [Option<f64>; 2],
    counts: (u32, Option<u32>),
    texts: (String, Option<String>),
    facts: Option<Facts>,
    counted: Option<Option<CountedRequests>>,
}

prop_compose! {
    fn changed()(
        times in prop::array::uniform3(maybe(distribution().boxed())), rates in prop::array::uniform2(maybe(real())),
        counts in (count(), maybe(count())), texts in (text(), maybe(text())), facts in maybe(facts().boxed()), counted in maybe(maybe(counted())),
    ) -> Changed {
        Changed { times, rates, counts, texts, facts, counted }
    }
}

impl Changed {
    fn of(self, clean: Measurement) -> Measurement {
        let [ttft, tpot, request_latency] = self.times;
        let [tokens, requests] = self.rates;
        Measurement {
            tool: self.texts.0,
            first_error: self.texts.1,
            requests: self.counts.0,
            errors: self.counts.1,
            ttft: ttft.or(clean.ttft),
            tpot: tpot.or(clean.tpot),
            request_latency: request_latency.or(clean.request_latency),
            output_tokens_per_second: tokens
                .and_then(|value| TokensPerSecond::new(value).ok())
                .or(clean.output_tokens_per_second),
            requests_per_second: requests
                .and_then(|value| RequestsPerSecond::new(value).ok())
                .or(clean.requests_per_second),
            counted: self.counted.unwrap_or(clean.counted),
            facts: self.facts.unwrap_or_else(|| clean.facts.clone()),
            ..clean
        }
    }
}

prop_compose! {
    fn workers()(numbers in prop::array::uniform3(count()), limits in prop::array::uniform2(maybe(count()))) -> Workers {
        let [tensor_parallel, pipeline_parallel, replicas] = numbers;
        let [max_batch_size, max_num_tokens] = limits;
        Workers { max_batch_size, max_num_tokens, ..Workers::new(tensor_parallel, pipeline_parallel, replicas) }
    }
}

prop_compose! {
    fn shape()(workers in workers(), gpus in count(), texts in prop::array::uniform3(maybe(text()))) -> Shape {
        let [weights, kv_cache, image] = texts;
        Shape {
            serving: Serving::Aggregated { workers },
            gpus,
            weights,
            kv_cache,
            image,
            speculation: None,
            prefix_caching: None,
            context_length: None,
        }
    }
}

fn point() -> impl Strategy<Value = OperatingPoint> {
    prop::array::uniform3(real()).prop_map(|[ttft, tpot, rate]| OperatingPoint {
        ttft: milliseconds(ttft),
        tpot: milliseconds(tpot),
        tokens_per_second_per_gpu: TokensPerSecond::new(rate).unwrap(),
    })
}

fn curve() -> impl Strategy<Value = Option<Curve>> {
    let point = (1..64_u32, prop::array::uniform3(real())).prop_map(|(concurrency, [ttft, tpot, rate])| CurvePoint {
        concurrency,
        ttft: milliseconds(ttft),
        tpot: milliseconds(tpot),
        request_rate: RequestsPerSecond::new(rate).unwrap(),
    });
    let sizes = (1..9_u32, 1..9_u32, 1..1000_u32);
    (some(point, 4), sizes).prop_map(|(mut points, (replicas, gpus, tokens))| {
        points.sort_by_key(|point| point.concurrency);
        points.dedup_by_key(|point| point.concurrency);
        Curve::new(points, replicas, gpus, tokens).ok()
    })
}

prop_compose! {
    fn prediction()(
        claim in maybe((count(), point(), maybe(real()))), curve in maybe(curve()),
        findings in some((prop::sample::select(EvidenceCode::ALL.to_vec()), text()), 20),
        origin in maybe(prop::array::uniform6(text())),
    ) -> Prediction {
        let claim = claim.map(|(concurrency, point, advertised)| PredictedClaim {
            concurrency, point, advertised_tokens_per_second_per_gpu: advertised.and_then(|value| TokensPerSecond::new(value).ok()),
            predictor: advertised.map(|_| ClaimPredictor::Aisimulate),
        });
        let origin = origin.map(|[tool, backend, database, engine, weights, kv_cache]| PredictionOrigin {
            tool, backend: Some(backend), database_version: Some(database), engine_version: Some(engine),
            weights: Some(weights), kv_cache: Some(kv_cache),
        });
        let findings = findings.into_iter().map(|(code, message)| Finding::new(code, message)).collect();
        Prediction { claim, curve: curve.flatten(), findings, origin }
    }
}

prop_compose! {
    fn trial()(
        numbers in prop::array::uniform7(count()),
        purpose in prop::sample::select(vec![Purpose::Ladder, Purpose::Refinement, Purpose::Decision, Purpose::Recheck]),
        seed in any::<u64>(),
    ) -> TrialPlan {
        let [round, concurrency, number, try_number, requests, warmup, request_timeout_seconds] = numbers;
        let key = TrialKey { round, concurrency: concurrency.max(1), purpose, number, try_number };
        TrialPlan { key, requests, warmup, ramp_seconds: None, seed, request_timeout_seconds }
    }
}

fn results(spec: BenchmarkComparisonSpec) -> impl Strategy<Value = PublishedResults> {
    let found = some((prop::sample::select(EvidenceCode::ALL.to_vec()), text()), 3);
    let record = (trial(), count(), time(), time(), any::<bool>(), maybe(changed().boxed()), found).prop_map(
        move |(trial, deployment, start, end, silent, changed, found)| {
            let known = spec.variants[0].name.clone();
            let record = truth::record(&spec, &known, trial, deployment, "5d1f", start, end);
            let measurement = record.measurement.filter(|_| !silent);
            let measurement = match changed {
                Some(changed) => measurement.map(|clean| changed.of(clean)),
                None => measurement,
            };
            let findings = found.into_iter().map(|(code, message)| Finding::new(code, message)).collect();
            TrialRecord { measurement, findings, ..record }
        },
    );
    let mark = (count(), time())
        .prop_map(|(d, time)| (d, Mark { schema_version: 1, deployment: d, pod_uid: String::new(), time }));
    (some(record, 6), some(mark, 2), any::<bool>()).prop_map(|(records, serving, sealed)| {
        let ledger = Ledger { records, serving: serving.into_iter().collect(), ..Ledger::default() };
        PublishedResults { ledger, sealed }
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
    fn rival()((name, uid, gpu_resource, queued, admitted, deployed) in (text(), text(), text(), time(), maybe(time()), any::<bool>()), pending_since in maybe(time()), claim in some((count(), count()), 3)) -> Rival {
        let demand = claim.into_iter().map(|(pods, gpus)| Demand { pods, gpus, node_selector: BTreeMap::new() }).collect();
        Rival { name, uid, gpu_resource, queued, admitted, deployed, pending_since, demand }
    }
}

prop_compose! {
    fn refusal()((object, variant, reason, message) in (text(), maybe(text()), text(), text()), since in time(), run in 0..3_i64, deployment in maybe(0..3_u32)) -> Refusal {
        Refusal { object, run, variant, deployment, reason, message, since }
    }
}

fn plan(spec: BenchmarkComparisonSpec) -> Plan {
    let images = Images { agent: String::new(), predictor: String::new(), load: String::new() };
    let comparison = Identity { namespace: String::new(), name: String::new(), uid: UID.into() };
    Plan {
        schema_version: 1,
        comparison,
        run: 1,
        inputs_hash: "v0:x".into(),
        spec,
        images,
        manifests: BTreeMap::new(),
        claims: BTreeMap::new(),
        pod_features: Default::default(),
    }
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
            let files = prop::collection::btree_map(text(), text(), 0..2);
            let sources = (
                prop::collection::btree_map(text(), prop::result::maybe_ok(text(), text()), 0..2),
                prop::collection::btree_map(text(), prop::result::maybe_ok(files, text()), 0..2),
            )
                .prop_map(|(manifests, claims)| Sources { manifests, claims });
            (Just(spec), status(), parts, seen, asked, sources)
        })
        .prop_map(|(spec, mut status, (configurations, plan, results), seen, asked, sources)| {
            let (children, pods, refusals, rivals, nodes) = seen;
            let (run_requested, cancel_requested, (terminating, orphans), highest_plan, fitting) = asked;
            let configurations_seal =
                Seal { hash: status.run.as_ref().map(|run| run.inputs_hash.clone()), sealed: fitting };
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
            let settings = Settings {
                images: Images { agent: image(), predictor: image(), load: image() },
                pod_features: Default::default(),
                run_limits: Default::default(),
                own_account: None,
            };
            World {
                object,
                spec,
                status,
                settings,
                highest_plan,
                plan,
                sources,
                configurations,
                configurations_seal,
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
