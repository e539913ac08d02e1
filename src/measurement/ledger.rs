//! The entries of a variant's results ConfigMap: records, and marks of what was begun.
//!
//! | Key | Content |
//! |---|---|
//! | [`TrialKey`] | [`TrialRecord`]: a trial that is over |
//! | `started-<trial>-<n>` | [`Mark`]: the n-th time a pod began the trial |
//! | `serving-d<deployment>` | [`Mark`]: the deployment completed a request |
//! | `raw-<trial>` | the tool's summary: base64 of gzip; kept while there is room |

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{SCHEMA_VERSION, TrialKey, TrialRecord};

/// Prefix of keys with raw files. They are left out where there is no room.
pub const RAW_PREFIX: &str = "raw-";
const STARTED_PREFIX: &str = "started-";
const SERVING_PREFIX: &str = "serving-d";

/// Key of the mark that a pod began a trial for the n-th time, from 1.
pub fn started_key(trial: &TrialKey, nth: usize) -> String {
    format!("{STARTED_PREFIX}{trial}-{nth}")
}

/// Key of the mark that a deployment completed a request.
pub fn serving_key(deployment: u32) -> String {
    format!("{SERVING_PREFIX}{deployment}")
}

/// Key of a trial's raw summary.
pub fn raw_key(trial: &TrialKey) -> String {
    format!("{RAW_PREFIX}{trial}")
}

/// That something was begun, or seen for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Layout, as of records.
    pub schema_version: u32,
    /// Deployment of the variant that was loaded, from 1. A suspension ends a deployment, and what was begun with it.
    pub deployment: u32,
    /// Load pod that set it.
    pub pod_uid: String,
    /// Its clock.
    pub time: Timestamp,
}

/// An entry that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The text is not such a document.
    #[error("the entry {key} of the results cannot be read: {error}")]
    Unreadable { key: String, error: serde_json::Error },
    /// Written by another version of the agent.
    #[error(
        "the entry {key} of the results has schemaVersion {found}; this version reads {} to {SCHEMA_VERSION}",
        SCHEMA_VERSION - 1
    )]
    OtherVersion { key: String, found: u32 },
    /// The content belongs to another key.
    #[error("the entry {key} of the results holds the record of {found}")]
    OtherKey {
        key: String,
        /// Key the content belongs to.
        found: String,
    },
}

/// Records and marks of one variant and run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Trials that are over, by key.
    pub records: Vec<TrialRecord>,
    /// Marks of starts, by the trial's key, in the order of their keys.
    pub starts: BTreeMap<String, Vec<Mark>>,
    /// Deployments that completed a request.
    pub serving: BTreeMap<u32, Mark>,
}

impl Ledger {
    /// Reads the entries of a results ConfigMap. Keys of other kinds are skipped.
    ///
    /// # Errors
    /// The first record or mark that cannot be read.
    pub fn parse<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, LedgerError> {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let mut ledger = Self::default();
        for (key, text) in entries {
            if let Some(rest) = key.strip_prefix(STARTED_PREFIX) {
                let trial = rest.rsplit_once('-').map_or(rest, |(trial, _)| trial);
                ledger.starts.entry(trial.to_owned()).or_default().push(mark(key, text)?);
            } else if let Some(deployment) = key.strip_prefix(SERVING_PREFIX).and_then(|number| number.parse().ok()) {
                ledger.serving.insert(deployment, mark(key, text)?);
            } else if is_trial(key) {
                ledger.records.push(record(key, text)?);
            }
        }
        Ok(ledger)
    }
}

/// Whether a key has the form of a [`TrialKey`].
fn is_trial(key: &str) -> bool {
    let numbered = |part: &str, prefix: &[char]| {
        part.strip_prefix(prefix).is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    let parts: Vec<_> = key.split('-').collect();
    let forms: [&[char]; 4] = [&['r'], &['c'], &['l', 'r', 'c', 'd'], &['t']];
    parts.len() == forms.len() && parts.iter().zip(forms).all(|(part, prefix)| numbered(part, prefix))
}

fn record(key: &str, text: &str) -> Result<TrialRecord, LedgerError> {
    let record: TrialRecord = parse(key, text)?;
    match record.trial.key.to_string() {
        found if found == key => Ok(record),
        found => Err(LedgerError::OtherKey { key: key.into(), found }),
    }
}

fn mark(key: &str, text: &str) -> Result<Mark, LedgerError> {
    parse(key, text)
}

fn parse<T: serde::de::DeserializeOwned>(key: &str, text: &str) -> Result<T, LedgerError> {
    /// Read first: another version's document need not have today's fields.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: u32,
    }
    let unreadable = |error| LedgerError::Unreadable { key: key.into(), error };
    let found = serde_json::from_str::<Versioned>(text).map_err(unreadable)?.schema_version;
    if !(SCHEMA_VERSION - 1..=SCHEMA_VERSION).contains(&found) {
        return Err(LedgerError::OtherVersion { key: key.into(), found });
    }
    serde_json::from_str(text).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::super::record::{Purpose, TrialPlan};
    use super::*;

    fn trial() -> TrialPlan {
        TrialPlan {
            key: TrialKey { round: 1, concurrency: 12, purpose: Purpose::Decision, number: 3, try_number: 1 },
            requests: 240,
            warmup: 24,
            ramp_seconds: Some(4.5),
            request_timeout_seconds: 600,
            seed: 7,
        }
    }

    fn level_record() -> TrialRecord {
        TrialRecord {
            schema_version: SCHEMA_VERSION,
            trial: trial(),
            deployment: 1,
            pod_uid: "u".into(),
            start_time: Timestamp::UNIX_EPOCH,
            completion_time: Timestamp::UNIX_EPOCH,
            measurement: None,
            findings: vec![],
        }
    }

    fn text<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn every_kind_of_entry_is_told_apart() {
        let mark =
            Mark { schema_version: SCHEMA_VERSION, deployment: 1, pod_uid: "u".into(), time: Timestamp::UNIX_EPOCH };
        let entries = [
            (trial().key.to_string(), text(&level_record())),
            (started_key(&trial().key, 1), text(&mark)),
            (started_key(&trial().key, 2), text(&mark)),
            (serving_key(3), text(&mark)),
            (raw_key(&trial().key), "H4sI".into()),
            ("created-for".into(), "x".into()),
        ];
        let ledger = Ledger::parse(entries.iter().map(|(key, text)| (key.as_str(), text.as_str()))).unwrap();
        assert_eq!(ledger.records, vec![level_record()]);
        assert_eq!(ledger.starts, BTreeMap::from([(trial().key.to_string(), vec![mark.clone(), mark.clone()])]));
        assert_eq!(ledger.serving, BTreeMap::from([(3, mark)]));
    }

    #[rstest]
    #[case::cut_off(r#"{"schemaVersion":1,"tr"#, "cannot be read")]
    #[case::newer(r#"{"schemaVersion":7}"#, "has schemaVersion 7; this version reads 0 to 1")]
    fn what_cannot_be_read_is_named(#[case] content: &str, #[case] said: &str) {
        let key = trial().key.to_string();
        let error = Ledger::parse([(key.as_str(), content)]).unwrap_err().to_string();
        assert!(error.contains(&key) && error.contains(said), "{error}");
    }

    #[test]
    fn a_record_under_another_key_is_refused() {
        let error = Ledger::parse([("r1-c000013-d3-t1", text(&level_record()).as_str())]).unwrap_err();
        assert!(matches!(error, LedgerError::OtherKey { .. }));
    }
}
