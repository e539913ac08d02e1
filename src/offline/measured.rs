//! Trials found in files → records, as a load pod would have published them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::results::FoundTrial;
use crate::measurement::formats::expected;
use crate::measurement::record::{Purpose, SCHEMA_VERSION, Step, TrialRecord};
use crate::measurement::{Measurement, ParseError};

/// Files that are named; the others are counted.
const MOST_NAMED: usize = 10;

/// Trials that cannot be read. None is left out in silence: it might be the one that speaks against a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct UnreadableTrials(pub Vec<ParseError>);

fn list(errors: &[ParseError]) -> String {
    let mut text = match errors.len() {
        1 => "a result cannot be read:".to_owned(),
        count => format!("{count} results cannot be read:"),
    };
    errors.iter().take(MOST_NAMED).for_each(|error| text.push_str(&format!("\n  {error}")));
    if errors.len() > MOST_NAMED {
        text.push_str(&format!("\n  and {} more", errors.len() - MOST_NAMED));
    }
    text.push_str(&format!(
        "\nexpected {}: copy them again, or move them away to judge by the others alone",
        expected()
    ));
    text
}

/// The records of trials, in their order. All trials of a level count alike: files do not show which of them chose the
/// deciding levels and which were made to decide.
///
/// # Errors
/// Every trial that cannot be read.
pub fn records(trials: Vec<FoundTrial>) -> Result<Vec<TrialRecord>, UnreadableTrials> {
    let (mut records, mut unreadable) = (vec![], vec![]);
    let mut repetitions: BTreeMap<u32, u32> = BTreeMap::new();
    for trial in trials {
        match trial.outcome {
            Ok(measurement) => {
                let repetition = repetitions.entry(measurement.concurrency).or_default();
                *repetition += 1;
                records.push(record(measurement, *repetition));
            }
            Err(error) => unreadable.push(error),
        }
    }
    if unreadable.is_empty() { Ok(records) } else { Err(UnreadableTrials(unreadable)) }
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
            requests: measurement.sent(),
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
