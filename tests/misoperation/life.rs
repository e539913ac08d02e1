//! What becomes of an object that is accepted: the real controller on a cluster in memory, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use bcmp::api::{BenchmarkComparisonStatus, Phase};
use bcmp::simulation::lab::{Lab, condition, seconds};

use crate::base::{NAME, base, lab};
use crate::generator::{Mutant, mutants};
use crate::{number, parallel, schema, seed};

/// Objects that are tried where nobody asks for more; most are refused and cost little.
const SHARE: usize = 24;
/// Until when each must have come to an end, whatever deadlines it sets: virtual time.
const LONGEST: Duration = Duration::from_secs(200 * 86_400);

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Refused,
    Finished(Phase),
    /// It waits for a person, and says so.
    Rests(Phase),
}

fn status(lab: &Lab) -> BenchmarkComparisonStatus {
    lab.status(NAME)
}

pub fn end(status: &BenchmarkComparisonStatus) -> Option<End> {
    let phase = status.phase?;
    if condition(status, "Finished").0 == "True" {
        return Some(End::Finished(phase));
    }
    let waits = matches!(phase, Phase::Suspended | Phase::Predicted)
        || (phase == Phase::Pending && status.message.as_ref().is_some_and(|message| message.contains("request")));
    waits.then_some(End::Rests(phase))
}

/// Lives the life of an object; what is wrong with how it ends.
async fn live(mutant: &Mutant) -> Result<End, String> {
    let lab = lab();
    if lab.cluster.try_put(mutant.of(&base())).is_err() {
        return Ok(End::Refused);
    }
    let mut changes = lab.cluster.changes();
    let ends = async {
        loop {
            changes.mark_unchanged();
            if let Some(end) = end(&status(&lab)) {
                return end;
            }
            let _ = changes.changed().await;
        }
    };
    let Ok(end) = tokio::time::timeout(LONGEST, ends).await else {
        let status = status(&lab);
        return Err(format!("does not end: {:?}: {:?}", status.phase, status.message));
    };
    is_sound(&lab, &end).await?;
    Ok(end)
}

/// Nothing is left, nothing was measured twice, a failure is explained, and nothing is written at rest.
pub async fn is_sound(lab: &Lab, end: &End) -> Result<(), String> {
    // What goes by itself is gone then, and the operator has looked again.
    tokio::time::sleep(seconds(1300)).await;
    let writes = lab.cluster.writes().len();
    tokio::time::sleep(seconds(3600)).await;
    let later = lab.cluster.writes().len() - writes;
    if later > 0 {
        return Err(format!("{later} writes at rest: {:?}", lab.cluster.writes().last().map(|write| write.line())));
    }
    let (twice, left) = (lab.measured_twice(), lab.leftovers(NAME));
    if !twice.is_empty() || !left.is_empty() || !lab.gpus_held().is_empty() {
        return Err(format!("measured twice: {twice:?}; left: {left:?}; GPUs: {:?}", lab.gpus_held()));
    }
    let status = status(lab);
    let ended = status.run.as_ref().and_then(|run| run.ended.as_ref()).map(|ended| ended.message.clone());
    let failures =
        status.variants.iter().filter_map(|variant| variant.failure.as_ref()).map(|failure| failure.message.clone());
    let messages: Vec<String> = ended.into_iter().chain(failures).chain(status.message.clone()).collect();
    if messages.is_empty() || messages.iter().any(String::is_empty) {
        return Err(format!("{end:?} without a message"));
    }
    Ok(())
}

/// Without this, all that is changed could fail for one and the same reason.
#[tokio::test(start_paused = true)]
async fn the_base_comes_to_a_verdict() {
    let lab = lab();
    lab.cluster.put(base());
    let _ = tokio::time::timeout(seconds(20_000), lab.finished(NAME, 1)).await;
    let status = lab.status(NAME);
    let failures: Vec<_> = status.variants.iter().filter_map(|variant| variant.failure.as_ref()).collect();
    assert!(failures.is_empty() && status.verdict.is_some(), "{:?} {failures:?} {:?}", status.message, status.run);
}

#[test]
fn what_is_accepted_comes_to_an_end() {
    let all = mutants(&schema(), &base(), number("BCMP_LIVES", SHARE), seed());
    let ends = parallel::each(&all, Mutant::line, live);
    let (mut bad, mut count) = (vec![], BTreeMap::new());
    for (mutant, end) in all.iter().zip(ends) {
        match end.and_then(|end| end) {
            Ok(end) => *count.entry(describe(&end)).or_insert(0) += 1,
            Err(why) => bad.push(format!("{}: {why}", mutant.line())),
        }
    }
    let ends: Vec<String> = count.iter().map(|(end, count)| format!("{count} {end}")).collect();
    println!("in memory, with the operator: {} objects: {}", all.len(), ends.join(", "));
    assert!(bad.is_empty(), "{}: {bad:#?}", bad.len());
}

fn describe(end: &End) -> String {
    match end {
        End::Refused => "refused".into(),
        End::Finished(phase) => format!("ended as {}", phase.as_str()),
        End::Rests(phase) => format!("rest as {}", phase.as_str()),
    }
}
