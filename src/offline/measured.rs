//! Trials found in files → records, as a load pod would have published them, and a list of what was taken and what not.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::results::{ContentHash, FoundResults, FoundTrial, copy_of};
use crate::measurement::record::{Purpose, SCHEMA_VERSION, TrialKey, TrialPlan, TrialRecord};
use crate::measurement::{Measurement, ParseError};

/// Files that are named; the others are counted.
const MOST_NAMED: usize = 10;
/// Tokens that a chat template may add to a prompt, as the audit allows them.
const TEMPLATE_TOKENS: f64 = 128.0;
/// How far a length may be off what the workload asks, as a share.
const LENGTH: f64 = 0.02;

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
    text.push_str(match errors.iter().all(|error| error.skippable) {
        true => "\nGive at least one whole result of a load with a fixed number of concurrent requests",
        false => "\nReplace them, or move them away to judge by the others alone",
    });
    text
}

/// The lengths a comparison asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    pub input_tokens: u32,
    pub output_tokens: u32,
}

/// What became of the results given for a variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenResults {
    pub records: Vec<TrialRecord>,
    pub inputs: Inputs,
}

/// The files behind a variant's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// Runs that are judged.
    pub taken: Vec<TakenRun>,
    /// Files that were met and not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A run that is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenRun {
    /// The file it is in, relative to what was given.
    pub file: String,
    /// The load tool.
    pub tool: String,
    /// Concurrent requests.
    pub concurrency: u32,
}

/// A file that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Relative to what was given, or as it was given.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// The records of trials, in their order. All trials of a level count alike, unless their files show which of them were made
/// to decide.
///
/// # Errors
/// Every trial that cannot be read.
pub fn records(trials: Vec<FoundTrial>) -> Result<Vec<TrialRecord>, UnreadableTrials> {
    let (mut read, mut unreadable) = (vec![], vec![]);
    for FoundTrial { path, outcome, of, .. } in trials {
        match outcome {
            Ok(measurement) => read.push((path, measurement, of)),
            Err(error) => unreadable.push(error),
        }
    }
    if !unreadable.is_empty() {
        return Err(UnreadableTrials(unreadable));
    }
    let mut numbers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let record = |(path, measurement, of): (PathBuf, Measurement, Option<(String, Box<TrialRecord>)>)| {
        if let Some((_, record)) = of {
            return *record;
        }
        let concurrency = measurement.concurrency;
        let key = stored_key(&path).filter(|key| key.concurrency == concurrency).unwrap_or_else(|| {
            let round = round(&path);
            let number = numbers.entry((round, concurrency)).or_default();
            *number += 1;
            TrialKey { round, concurrency, purpose: Purpose::Ladder, number: *number, try_number: 1 }
        });
        of_files(measurement, key)
    };
    Ok(read.into_iter().map(record).collect())
}

/// The trials of a variant among those found for it, of the workload that is compared.
///
/// # Errors
/// Every trial that cannot be read, and those of another load where there is no other.
pub fn select(found: Vec<FoundResults>, variant: &str, lengths: Lengths) -> Result<GivenResults, UnreadableTrials> {
    let (mut kept, mut skipped, mut broken) = (vec![], vec![], vec![]);
    let mut left_out: Vec<LeftOut> = vec![];
    for FoundResults { trials, others } in once_each(found) {
        let told = others.into_iter().map(|(file, reason)| LeftOut { file: shown(&file), reason });
        left_out.extend(told);
        for trial in trials {
            match &trial.outcome {
                Err(error) if error.skippable => skipped.push(trial),
                Err(error) => broken.push(error.clone()),
                Ok(_) => kept.push(trial),
            }
        }
    }
    let is_ours = |trial: &FoundTrial| trial.of.as_ref().is_none_or(|(of, _)| of == variant);
    let (ours, others): (Vec<FoundTrial>, Vec<FoundTrial>) = kept.into_iter().partition(is_ours);
    left_out.extend(others.iter().filter_map(|trial| {
        let (of, _) = trial.of.as_ref()?;
        Some(LeftOut { file: shown(&trial.path), reason: format!("is of the variant {of}") })
    }));
    if ours.is_empty() {
        broken.extend(skipped.iter().filter_map(|trial| trial.outcome.clone().err()));
    }
    if !broken.is_empty() {
        return Err(UnreadableTrials(broken));
    }
    left_out.extend(skipped.into_iter().filter_map(|trial| {
        let error = trial.outcome.err()?;
        Some(LeftOut { file: shown(&trial.path), reason: format!("{}{}", error.place, error.problem) })
    }));
    let of_workload = of_workload(ours, lengths, &mut left_out);
    let taken = of_workload.iter().filter_map(|trial| {
        let measurement = trial.outcome.as_ref().ok()?;
        let (tool, concurrency) = (measurement.tool.clone(), measurement.concurrency);
        Some(TakenRun { file: shown(&trial.path), tool, concurrency })
    });
    let inputs = Inputs { taken: taken.collect(), left_out };
    Ok(GivenResults { records: records(of_workload)?, inputs })
}

/// Files that were given before, under another path, are none of the trials.
fn once_each(found: Vec<FoundResults>) -> Vec<FoundResults> {
    let mut met: BTreeMap<ContentHash, PathBuf> = BTreeMap::new();
    let mut kept = vec![];
    for FoundResults { trials, mut others } in found {
        let original = |trial: &FoundTrial| met.get(&trial.content.filter(|_| trial.outcome.is_ok())?);
        let (copies, new): (Vec<FoundTrial>, Vec<FoundTrial>) =
            trials.into_iter().partition(|trial| original(trial).is_some());
        others.extend(copies.iter().filter_map(|trial| Some((trial.path.clone(), copy_of(original(trial)?)))));
        // A file may hold several trials.
        others.dedup();
        met.extend(new.iter().filter_map(|trial| Some((trial.content?, trial.path.clone()))));
        kept.push(FoundResults { trials: new, others });
    }
    kept
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Leaves runs of another workload out, where there are runs of this one: a tree may hold several. Where all are of another
/// one, they stay, and the audit says what is wrong with each.
fn of_workload(trials: Vec<FoundTrial>, lengths: Lengths, left_out: &mut Vec<LeftOut>) -> Vec<FoundTrial> {
    let judged: Vec<(FoundTrial, Option<String>)> = trials
        .into_iter()
        .map(|trial| {
            let other = other_workload(&trial, lengths);
            (trial, other)
        })
        .collect();
    if judged.iter().all(|(_, other)| other.is_some()) {
        return judged.into_iter().map(|(trial, _)| trial).collect();
    }
    let mut kept = vec![];
    for (trial, other) in judged {
        match other {
            None => kept.push(trial),
            Some(reason) => left_out.push(LeftOut { file: shown(&trial.path), reason }),
        }
    }
    kept
}

/// Whether a run was made for other lengths. Answers alone may also be short because the server ended them: unless the file
/// shows what was asked for, they are left to the audit.
fn other_workload(trial: &FoundTrial, lengths: Lengths) -> Option<String> {
    let (input, output) = (f64::from(lengths.input_tokens), f64::from(lengths.output_tokens));
    let differs = |asked: Option<f64>, wanted: f64| asked.is_some_and(|asked| (asked - wanted).abs() > LENGTH * wanted);
    let asked = trial.asked;
    let has = format!("the workload has {} and {}", lengths.input_tokens, lengths.output_tokens);
    if differs(asked.input_tokens, input) || differs(asked.output_tokens, output) {
        let length = |tokens: Option<f64>| tokens.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
        let (asked_input, asked_output) = (length(asked.input_tokens), length(asked.output_tokens));
        return Some(format!("another workload: asks for {asked_input} input and {asked_output} output tokens; {has}"));
    }
    let found = trial.outcome.as_ref().ok()?.facts.input_tokens.filter(|_| asked.input_tokens.is_none())?;
    let fits = (input * (1.0 - LENGTH)..=input + (input * LENGTH).max(TEMPLATE_TOKENS)).contains(&found);
    (!fits).then(|| format!("another workload: prompts have {found:.1} tokens on average; {has} tokens"))
}

/// What a trial in files was for, as far as its place shows: `r2/…` is the second round.
fn round(path: &Path) -> u32 {
    let mut rounds = path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str()?.strip_prefix('r')?.parse().ok(),
        _ => None,
    });
    rounds.rfind(|round| *round > 0).unwrap_or(1)
}

/// The key of a file that `kubectl bcmp results -d` wrote, by its name: `r1-c000012-d2-t1.json`.
fn stored_key(path: &Path) -> Option<TrialKey> {
    let name = path.file_name()?.to_str()?;
    let parts: Vec<&str> = name.split('.').next()?.split('-').collect();
    let [round, concurrency, purpose, try_number] = parts.as_slice() else { return None };
    let after = |part: &str, prefix: char| part.strip_prefix(prefix)?.parse::<u32>().ok();
    let purposes =
        [('l', Purpose::Ladder), ('r', Purpose::Refinement), ('c', Purpose::Recheck), ('d', Purpose::Decision)];
    let (number, purpose) = purposes.iter().find_map(|(prefix, of)| Some((after(purpose, *prefix)?, *of)))?;
    let (round, concurrency, try_number) = (after(round, 'r')?, after(concurrency, 'c')?, after(try_number, 't')?);
    Some(TrialKey { round, concurrency, purpose, number, try_number })
}

/// Times and seeds are not in the files, and nothing is judged by them.
fn of_files(measurement: Measurement, key: TrialKey) -> TrialRecord {
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        trial: TrialPlan {
            key,
            requests: measurement.sent(),
            warmup: measurement.facts.warmup_requests.unwrap_or(0),
            ramp_seconds: None,
            request_timeout_seconds: 0,
            seed: 0,
        },
        deployment: key.round,
        pod_uid: String::new(),
        start_time: Timestamp::UNIX_EPOCH,
        completion_time: Timestamp::UNIX_EPOCH,
        measurement: Some(measurement),
        findings: vec![],
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("r1-c000012-d2-t1.json", Some((1, 12, Purpose::Decision, 2, 1)))]
    #[case("new/r2-c000004-l1-t2.json.gz", Some((2, 4, Purpose::Ladder, 1, 2)))]
    #[case("r1-c000012-c1-t1.json", Some((1, 12, Purpose::Recheck, 1, 1)))]
    #[case("r1-c000012-x2-t1.json", None)]
    #[case("profile_export_aiperf.json", None)]
    fn files_of_the_plugin_show_their_trial(
        #[case] path: &str,
        #[case] expected: Option<(u32, u32, Purpose, u32, u32)>,
    ) {
        let key = stored_key(Path::new(path));
        let parts = |s: TrialKey| (s.round, s.concurrency, s.purpose, s.number, s.try_number);
        assert_eq!(key.map(parts), expected);
    }

    #[rstest]
    #[case("r1/c4/x.json", 1)]
    #[case("r2/c4/x.json", 2)]
    #[case("baseline/r10/profile_export_aiperf.json", 10)]
    #[case("r0/results/r3.json", 1)]
    #[case("run_3/x.json", 1)]
    #[case("x.json", 1)]
    fn directories_of_rounds_are_rounds(#[case] path: &str, #[case] expected: u32) {
        assert_eq!(round(Path::new(path)), expected);
    }
}
