//! A change of each field in each phase does what docs/faq.md and docs/gitops.md promise.

use std::collections::{BTreeMap, BTreeSet};

use bcmp::api::{BenchmarkComparisonStatus, Phase};
use bcmp::simulation::engine::random::Random;
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds};
use serde_json::{Value, json};

use crate::base::{NAME, base, lab};
use crate::generator::{Change, Idea, singles};
use crate::life::{end, is_sound};
use crate::{number, parallel, schema, seed};

/// Changes that are tried where nobody asks for more.
const SHARE: usize = 8;

/// What a change of a field does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It is measured: another run, which supersedes one that is active.
    AnotherRun,
    /// It is how results are judged: no other run.
    JudgedAgain,
    /// It applies to the run at once, or to the next one: no other run.
    SameRun,
}

/// The longest place that fits decides.
const EFFECTS: [(&str, Effect); 20] = [
    ("/spec/model", Effect::AnotherRun),
    ("/spec/hardware", Effect::AnotherRun),
    ("/spec/hardware/gpuHourlyCost", Effect::JudgedAgain),
    ("/spec/workload", Effect::AnotherRun),
    ("/spec/sla", Effect::AnotherRun),
    ("/spec/runtime", Effect::AnotherRun),
    ("/spec/predictor", Effect::AnotherRun),
    ("/spec/variants", Effect::AnotherRun),
    ("/spec/execution", Effect::SameRun),
    ("/spec/execution/mode", Effect::AnotherRun),
    ("/spec/execution/probes", Effect::AnotherRun),
    ("/spec/load", Effect::AnotherRun),
    ("/spec/results", Effect::AnotherRun),
    ("/spec/runId", Effect::AnotherRun),
    ("/spec/evidence", Effect::JudgedAgain),
    ("/spec/judgement", Effect::JudgedAgain),
    ("/spec/history", Effect::SameRun),
    ("/spec/suspend", Effect::SameRun),
    ("/spec/imagePullSecrets", Effect::SameRun),
    ("/spec/scheduling", Effect::SameRun),
];

fn effect(place: &str) -> Effect {
    let fits = |prefix: &str| place == prefix || place.starts_with(&format!("{prefix}/"));
    let all = EFFECTS.iter().filter(|(prefix, _)| fits(prefix));
    all.max_by_key(|(prefix, _)| prefix.len()).unwrap_or_else(|| panic!("{place}: say what a change of it does")).1
}

/// Where in its life a comparison is when it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Generating,
    Predicted,
    Deploying,
    Measuring,
    TearingDown,
    Suspended,
    Over,
}

const MOMENTS: [Moment; 7] = [
    Moment::Generating,
    Moment::Predicted,
    Moment::Deploying,
    Moment::Measuring,
    Moment::TearingDown,
    Moment::Suspended,
    Moment::Over,
];

/// A comparison that was brought to that moment.
async fn reach(moment: Moment) -> Lab {
    let lab = lab();
    let mut object = base();
    if moment == Moment::Predicted {
        object["spec"]["execution"]["until"] = json!("Predictions");
    }
    lab.cluster.put(object);
    let deployed = |status: &BenchmarkComparisonStatus| status.variants.iter().any(|v| !v.deployments.is_empty());
    match moment {
        Moment::Generating => lab.phase(NAME, Phase::Generating).await,
        Moment::Predicted => lab.phase(NAME, Phase::Predicted).await,
        Moment::Deploying => lab.until(NAME, "deploying", 10_000, deployed).await,
        Moment::Measuring => lab.records(NAME, 1).await,
        Moment::TearingDown => {
            let goes = |status: &BenchmarkComparisonStatus| {
                status.variants.iter().flat_map(|v| &v.deployments).any(|d| d.teardown.is_some() && d.gone.is_none())
            };
            lab.until(NAME, "tearing down", 100_000, goes).await;
        }
        Moment::Suspended => {
            lab.records(NAME, 1).await;
            lab.edit(NAME, |object| object["spec"]["suspend"] = json!(true));
            lab.phase(NAME, Phase::Suspended).await;
        }
        Moment::Over => drop(lab.finished(NAME, 1).await),
    }
    lab
}

async fn try_one((change, moment): &(Change, Moment)) -> Result<(), String> {
    let lab = reach(*moment).await;
    let trials = lab.status(NAME).progress.map_or(0, |progress| progress.trials_done);
    lab.edit(NAME, |object| change.apply(object));
    if *moment == Moment::Suspended {
        tokio::time::sleep(seconds(3600)).await;
        if !lab.gpus_held().is_empty() {
            return Err("GPUs are held while it is suspended".into());
        }
        if change.place != "/spec/suspend" {
            lab.edit(NAME, |object| object["spec"]["suspend"] = json!(false));
        }
    }
    let end = settled(&lab).await?;
    is_sound(&lab, &end).await?;
    let status = lab.status(NAME);
    let (run, wanted) = (status.run_number(), if effect(&change.place) == Effect::AnotherRun { 2 } else { 1 });
    if run != wanted {
        return Err(format!("run {run} instead of {wanted}: {:?}", status.message));
    }
    let active = !matches!(moment, Moment::Over | Moment::Predicted);
    let past = status.history.first().map(|past| past.outcome.as_str());
    if wanted == 2 && active && past != Some("Superseded") {
        return Err(format!("the first run counts as {past:?}"));
    }
    let measured = status.progress.map_or(0, |progress| progress.trials_done);
    if wanted == 1 && *moment == Moment::Over && measured != trials && effect(&change.place) == Effect::JudgedAgain {
        return Err(format!("{measured} trials instead of {trials}"));
    }
    Ok(())
}

/// Waits until the operator has seen the last change, and has nothing more to do.
async fn settled(lab: &Lab) -> Result<crate::life::End, String> {
    let mut changes = lab.cluster.changes();
    let settles = async {
        loop {
            changes.mark_unchanged();
            let generation =
                lab.cluster.object(COMPARISONS, "default", NAME).and_then(|o| o["metadata"]["generation"].as_i64());
            let status = lab.status(NAME);
            if let Some(end) = end(&status).filter(|_| Some(status.observed_generation) == generation) {
                return end;
            }
            let _ = changes.changed().await;
        }
    };
    let limit = seconds(200 * 86_400);
    let status = || lab.status(NAME);
    tokio::time::timeout(limit, settles).await.map_err(|_| format!("does not end: {:?}", status().message))
}

/// Changes that the API server accepts and that change what is stored: some for each field.
fn accepted(of_each: usize) -> Vec<Change> {
    let lab = lab();
    let base = base();
    let stored = lab.cluster.put(base.clone());
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let changes = singles(&schema(), &base).into_iter().filter(|change| change.place.starts_with("/spec/"));
    changes
        .filter(|change| change.idea != Idea::Type || change.to == Some(Value::Null))
        .filter(|change| {
            let taken = count.entry(change.place.clone()).or_default();
            if *taken >= of_each {
                return false;
            }
            let mut object = base.clone();
            change.apply(&mut object);
            object["metadata"]["name"] = json!("other");
            let created = lab.cluster.try_put(object);
            lab.cluster.delete(COMPARISONS, "default", "other", "Background");
            let differs = created.is_ok_and(|created| created["spec"] != stored["spec"]);
            *taken += usize::from(differs);
            differs
        })
        .collect()
}

#[test]
fn a_change_in_any_phase_does_what_is_documented() {
    let wanted = number("BCMP_CHANGES", SHARE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let changes = runtime.block_on(async { accepted(3) });
    let fields: BTreeSet<&str> = changes.iter().map(|change| change.place.as_str()).collect();
    assert!(fields.len() > 100, "{}", fields.len());
    let mut random = Random::new(seed(), 0);
    // Every field once in some phase before any is there twice.
    let mut all: Vec<(Change, Moment)> =
        MOMENTS.iter().flat_map(|moment| changes.iter().map(|change| (change.clone(), *moment))).collect();
    (1..all.len()).rev().for_each(|index| all.swap(index, random.below(index + 1)));
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    all.sort_by_cached_key(|(change, _)| {
        let taken = times.entry(change.place.clone()).or_default();
        *taken += 1;
        *taken
    });
    all.truncate(wanted);
    let name = |(change, moment): &(Change, Moment)| format!("{moment:?}: {}", change.line());
    let found = parallel::each(&all, name, try_one);
    let bad: Vec<String> = all
        .iter()
        .zip(found)
        .filter_map(|(one, result)| result.and_then(|result| result).err().map(|why| format!("{}: {why}", name(one))))
        .collect();
    let tried: BTreeSet<&str> = all.iter().map(|(change, _)| change.place.as_str()).collect();
    println!("changes: {} of {} fields in {} phases", all.len(), tried.len(), MOMENTS.len());
    assert!(bad.is_empty(), "{}: {bad:#?}", bad.len());
}
