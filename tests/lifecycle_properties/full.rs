//! The largest comparison there may be: six variants with 24 levels of six trials each.

use bcmp::api::{
    BenchmarkComparisonStatus, DeploymentStatus, EvidenceCode, Finding, Mode, Pause, Role, RoundStatus, Run, Settled,
    Variant,
};
use bcmp::lifecycle::world::{Output, PublishedResults, World};
use bcmp::measurement::ledger::Ledger;
use bcmp::measurement::record::{Purpose, TrialKey, TrialPlan, TrialRecord};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;

use crate::cluster::Cluster;
use crate::specs;
use bcmp::simulation::truth;

const VARIANTS: usize = 6;
const LEVELS: u32 = 24;
const RUNS: u32 = 6;

/// All measured and gone; which levels have findings, and which, is random.
pub fn world() -> impl Strategy<Value = World> {
    let codes = prop::sample::subsequence(EvidenceCode::ALL.to_vec(), 0..3);
    let of_level = prop::collection::vec((codes, 0..160_usize), LEVELS as usize);
    prop::collection::vec(of_level, VARIANTS).prop_map(|findings| {
        let mut cluster = Cluster::new(specs::base());
        let candidate = cluster.spec.variants[1].clone();
        let name = |number: usize| format!("candidate-no-{number}");
        let more = (2..VARIANTS).map(|number| Variant { name: name(number), ..candidate.clone() });
        cluster.spec.variants.extend(more);
        cluster.spec.workload.concurrency = (1..=16).map(|number| 2 * number).collect();
        let now = cluster.now;
        cluster.status = status(&cluster, now);
        let mut world = cluster.world();
        world.plan = Output::Present(cluster.plan(1, String::new()));
        world.configurations = Output::Present(specs::configurations(&cluster.spec, 0, ""));
        let results = cluster.spec.variants.iter().zip(findings).map(|(variant, findings)| {
            let ledger = Ledger { records: records(&cluster, variant, &findings), ..Ledger::default() };
            (variant.name.clone(), Output::Present(PublishedResults { ledger, sealed: true }))
        });
        world.results = results.collect();
        world
    })
}

fn status(cluster: &Cluster, now: Timestamp) -> BenchmarkComparisonStatus {
    let time = || Time(now);
    let deployment = |round| DeploymentStatus {
        number: round,
        round,
        created: time(),
        scheduled: Some(time()),
        beside: vec!["v".repeat(14); 5],
        ready: Some(time()),
        serving: Some(time()),
        measured: Some(time()),
        restarts: if round == 1 { vec![time(); 8] } else { vec![] },
        teardown: Some(time()),
        freed: Some(time()),
        gone: Some(time()),
    };
    let variant = |variant: &Variant| bcmp::api::VariantStatus {
        gpus: Some(8),
        deployments: (1..=8).map(deployment).collect(),
        ..bcmp::api::VariantStatus::new(variant.name.as_str(), variant.role)
    };
    let names = || cluster.spec.variants.iter().map(|variant| variant.name.clone()).collect();
    let round =
        |number| RoundStatus { number, variants: names(), start_time: time(), gain_percent: None, interval: None };
    BenchmarkComparisonStatus {
        run: Some(Run {
            number: 1,
            inputs_hash: bcmp::plan::inputs::hash(&cluster.spec),
            plan_hash: Some(format!("v1:{}", "0".repeat(32))),
            configurations_hash: Some(format!("v1:{}", "0".repeat(32))),
            queued_time: time(),
            generated_time: Some(time()),
            paused: Some(Pause { since: time(), until: Some(time()) }),
            start_time: Some(time()),
            completion_time: Some(time()),
            mode: Some(Mode::Sequential),
            mode_reason: Some("asked for".into()),
            settled: Some(Settled { rounds: 8, budget_gpu_hours: None, maximum_rounds: Some(8), time: time() }),
            ended: None,
        }),
        variants: cluster.spec.variants.iter().map(variant).collect(),
        rounds: (1..=8).map(round).collect(),
        ..BenchmarkComparisonStatus::default()
    }
}

fn records(cluster: &Cluster, variant: &Variant, findings: &[(Vec<EvidenceCode>, usize)]) -> Vec<TrialRecord> {
    let levels =
        (1..=LEVELS).zip(findings).flat_map(|(level, findings)| (1..=RUNS).map(move |run| (level, run, findings)));
    let record = |(level, run, (codes, length)): (u32, u32, &(Vec<EvidenceCode>, usize))| {
        let trial = TrialPlan {
            key: TrialKey {
                round: 1 + run % 2,
                concurrency: 2 * level,
                purpose: if run == 1 { Purpose::Ladder } else { Purpose::Decision },
                number: run,
                try_number: 1,
            },
            requests: 40 * level,
            warmup: level,
            ramp_seconds: None,
            seed: u64::from(level * run),
            request_timeout_seconds: 600,
        };
        let end = cluster.now + SignedDuration::from_secs(60);
        let mut record = truth::record(&cluster.spec, &variant.name, trial, run, "5d1f", cluster.now, end);
        let scatter = f64::from(level * run % 7) / 7.0;
        let measurement = record.measurement.as_mut().unwrap();
        measurement.facts.unsteadiness_percent = Some(8.0 + 4.0 * scatter);
        let finding =
            |code: &EvidenceCode| Finding::new(*code, format!("run {run}: {}", "message ".repeat(length / 8)));
        // Some runs of a level are spoilt, and each for reasons of its own.
        record.findings.extend(codes.iter().filter(|_| run > 4 || variant.role == Role::Baseline).map(finding));
        record
    };
    levels.map(record).collect()
}
