//! What judging makes of the stored records: rows while they come in, the verdict once all facts are in.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::facts::{active_run, planned};
use super::sweep::{SweepPlan, planned_total};
use super::world::{Output, World};
use crate::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus, EvidenceCode, Finding, Progress, VariantStatus};
use crate::judgement::rules::Rules;
use crate::judgement::{Case, JudgedVariant, Judgement, VariantEvidence, judge, judge_rows};
use crate::measurement::record::LevelRecord;

/// Fills in the rows of `status`, and judges when all facts are in. `None` when they are not, or when the records of a
/// run that is over are gone: what was said of them stands.
pub fn fold_rows(status: &mut BenchmarkComparisonStatus, world: &World, complete: bool) -> Option<Judgement> {
    world.configurations.present()?;
    if records_are_gone(status, world) {
        return None;
    }
    let spec = effective_spec(world);
    let evidence = status.variants.iter().map(|variant| evidence(variant, world, &spec)).collect();
    let case = Case::new(Rules::from_spec(&spec).ok()?, ladder(world), evidence).ok()?;
    if complete {
        let judgement = judge(&case);
        write_rows(status, judgement.variants.clone());
        Some(judgement)
    } else {
        write_rows(status, judge_rows(&case));
        None
    }
}

fn records_are_gone(status: &BenchmarkComparisonStatus, world: &World) -> bool {
    let rows = status.variants.iter().any(|v| v.levels.iter().any(|l| l.evidence.accepted + l.evidence.rejected > 0));
    rows && status.variants.iter().all(|variant| records(world, &variant.name).is_empty())
}

/// What was measured goes by the plan; how it is judged goes by the live object, so that a changed tolerance re-judges.
fn effective_spec(world: &World) -> BenchmarkComparisonSpec {
    let mut spec = planned(world).clone();
    spec.evidence = world.spec.evidence.clone();
    spec.judgement = world.spec.judgement.clone();
    spec.sla.statistic = world.spec.sla.statistic;
    spec.hardware.gpu_hourly_cost = world.spec.hardware.gpu_hourly_cost.clone();
    spec
}

fn ladder(world: &World) -> Vec<u32> {
    let variant = planned(world).variants.first().map(|v| v.name.clone()).unwrap_or_default();
    sweep(world, &variant).map(|plan| plan.ladder.to_vec()).unwrap_or_default()
}

fn sweep(world: &World, variant: &str) -> Option<SweepPlan> {
    SweepPlan::new(planned(world), world.configurations.present()?, variant, 1).ok()
}

fn records<'a>(world: &'a World, variant: &str) -> &'a [LevelRecord] {
    world.results.get(variant).and_then(Output::present).map_or(&[], |results| &results.ledger.records)
}

fn evidence(variant: &VariantStatus, world: &World, spec: &BenchmarkComparisonSpec) -> VariantEvidence {
    let gpus = variant.gpus.unwrap_or(spec.hardware.gpus_per_variant);
    let mut records = records(world, &variant.name).to_vec();
    for record in &mut records {
        record.findings.extend(restarted(record, variant));
    }
    VariantEvidence {
        name: variant.name.clone(),
        role: variant.role,
        gpus: u32::try_from(gpus).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
        prediction: world.ready(&variant.name).map(|ready| ready.prediction.clone()),
        findings: redeployed(variant, &records).into_iter().collect(),
        records,
        failure: variant.failure.as_ref().map(|failure| failure.message.clone()),
    }
}

/// A server container restarted while the level ran.
fn restarted(record: &LevelRecord, variant: &VariantStatus) -> Option<Finding> {
    let deployment = variant.deployments.iter().find(|d| u32::try_from(d.attempt) == Ok(record.deployment))?;
    let during = |time: &&Time| (record.start_time..=record.completion_time).contains(&time.0);
    deployment.restarts.iter().find(during).map(|_| {
        Finding::new(EvidenceCode::ServerRestarted, "a server container restarted while the level ran".to_owned())
    })
}

/// Records of one round come from more than one deployment.
fn redeployed(variant: &VariantStatus, records: &[LevelRecord]) -> Option<Finding> {
    let of_round = |round: u32| {
        let deployments = records.iter().filter(move |r| r.step.round == round).map(|r| r.deployment);
        deployments.collect::<std::collections::BTreeSet<_>>().len()
    };
    let rounds = records.iter().map(|r| r.step.round).collect::<std::collections::BTreeSet<_>>();
    rounds.into_iter().find(|round| of_round(*round) > 1).map(|round| {
        let message = format!("variant {} was deployed again within round {round}", variant.name);
        Finding::new(EvidenceCode::Redeployed, message)
    })
}

fn write_rows(status: &mut BenchmarkComparisonStatus, rows: Vec<JudgedVariant>) {
    for row in rows {
        let Some(variant) = status.variants.iter_mut().find(|v| v.name == row.name) else { continue };
        let JudgedVariant { name: _, levels, claimed_point, findings, at_sla, sla_reason } = row;
        variant.levels = levels;
        variant.claimed_point = claimed_point;
        variant.findings = findings;
        variant.at_sla = at_sla;
        variant.sla_reason = sla_reason;
    }
}

/// Levels done of levels planned; changes when a level ends, not with time.
pub fn progress(status: &BenchmarkComparisonStatus, world: &World) -> Option<Progress> {
    let run = status.run.as_ref()?;
    world.configurations.present()?;
    let counted: Vec<(usize, usize)> = status
        .variants
        .iter()
        .filter_map(|variant| {
            let records = records(world, &variant.name);
            let over = variant.failure.is_some() || run.ended.is_some();
            let total = if over { records.len() } else { planned_total(&sweep(world, &variant.name)?, records) };
            Some((records.len(), total))
        })
        .collect();
    let done: usize = counted.iter().map(|(done, _)| done).sum();
    let total: usize = counted.iter().map(|(_, total)| total).sum();
    let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    Some(Progress {
        summary: format!("{done}/{total}"),
        levels_done: number(done),
        levels_total: number(total),
        estimated_completion_time: active_run(status).and_then(|_| estimate(status, world, total.checked_sub(done)?)),
    })
}

/// The last level's end, and for each one left the mean of those done.
fn estimate(status: &BenchmarkComparisonStatus, world: &World, left: usize) -> Option<Time> {
    let all = || status.variants.iter().flat_map(|variant| records(world, &variant.name));
    let last = all().map(|record| record.completion_time).max()?;
    let seconds: i64 = all().map(|r| r.completion_time.as_second() - r.start_time.as_second()).sum();
    let mean = seconds / i64::try_from(all().count()).ok()?.max(1);
    let left = i64::try_from(left).ok()?;
    let end = last.checked_add(SignedDuration::from_secs(mean.checked_mul(left)?)).ok()?;
    Timestamp::from_second(end.as_second()).ok().map(Time)
}
