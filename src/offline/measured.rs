//! Runs found in directories → records, as a load pod would have published them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::measurement::find::Run;
use crate::measurement::record::{Purpose, SCHEMA_VERSION, Step, TrialRecord};
use crate::measurement::{Measurement, ParseError};

/// Files that are named; the rest is counted.
const MOST_NAMED: usize = 10;

/// Runs that cannot be read. None is left out in silence: it might be the one that speaks against a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct UnreadableRuns(pub Vec<ParseError>);

fn list(errors: &[ParseError]) -> String {
    let mut text = match errors.len() {
        1 => "a result cannot be read:".to_owned(),
        count => format!("{count} results cannot be read:"),
    };
    errors.iter().take(MOST_NAMED).for_each(|error| text.push_str(&format!("\n  {error}")));
    if errors.len() > MOST_NAMED {
        text.push_str(&format!("\n  and {} more", errors.len() - MOST_NAMED));
    }
    text.push_str(
        "\nexpected results of AIPerf (profile_export_aiperf.json) or genai-perf (*_genai_perf.json): copy them again, or \
         move them away to judge by the others alone",
    );
    text
}

/// The records of runs, in their order. All runs of a concurrency count alike: files do not tell which of them chose the
/// deciding levels and which were made to decide.
///
/// # Errors
/// Every run that cannot be read.
pub fn records(runs: Vec<Run>) -> Result<Vec<TrialRecord>, UnreadableRuns> {
    let (mut records, mut unreadable) = (vec![], vec![]);
    let mut repetitions: BTreeMap<u32, u32> = BTreeMap::new();
    for run in runs {
        match run.outcome {
            Ok(measurement) => {
                let repetition = repetitions.entry(measurement.concurrency).or_default();
                *repetition += 1;
                records.push(record(measurement, *repetition));
            }
            Err(error) => unreadable.push(error),
        }
    }
    if unreadable.is_empty() { Ok(records) } else { Err(UnreadableRuns(unreadable)) }
}

/// Times and seeds are not in the files, and nothing is judged by them.
fn record(measurement: Measurement, repetition: u32) -> TrialRecord {
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        step: Step {
            round: 1,
            concurrency: measurement.concurrency,
            purpose: Purpose::Ladder,
            repetition,
            attempt: 1,
            requests: measurement.requests.saturating_add(measurement.errors),
            warmup: measurement.facts.warmup_requests.unwrap_or(0),
            seed: 0,
            request_timeout_seconds: 0,
        },
        deployment: 1,
        pod_uid: String::new(),
        start_time: Timestamp::UNIX_EPOCH,
        completion_time: Timestamp::UNIX_EPOCH,
        measurement: Some(measurement),
        findings: vec![],
    }
}
