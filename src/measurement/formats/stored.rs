//! The records of a run that `kubectl bcmp results -o json` prints → what the load pods measured, window included.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use super::format::{Asked, ResultFormat, ResultTrial, Tells, Told, has_key};
use crate::measurement::error::{ParseError, Place};
use crate::measurement::json;
use crate::measurement::record::{SCHEMA_VERSION, TrialRecord};
use crate::units::LatencyLimits;

const FILE: &str = "results.json";

/// What the operator stored. The directory of `kubectl bcmp results -d` holds the load tool's own files instead.
pub struct StoredResults;

impl ResultFormat for StoredResults {
    fn name(&self) -> &'static str {
        "kubectl bcmp results"
    }

    fn file(&self) -> &'static str {
        "-o json"
    }

    fn tells(&self) -> Tells {
        Tells {
            versions: "-o json; the files that `-d` writes are the load tool's own",
            concurrency: "the record's `trial`",
            model: true,
            request_latency: Told::Yes,
            failed_requests: Told::Yes,
            warmup: Told::Yes,
            cached_tokens: Told::If("where the server reports them"),
            records: Told::If("the window was taken where it was measured"),
        }
    }

    fn recognizes(&self, beginning: &[u8]) -> bool {
        ["schemaVersion", "comparison", "records", "run"].iter().all(|key| has_key(beginning, key))
    }

    fn holds_variants(&self) -> bool {
        true
    }

    fn read(
        &self,
        result: &mut dyn BufRead,
        _records: Option<&mut dyn BufRead>,
        _limits: Option<LatencyLimits>,
    ) -> Result<Vec<Result<ResultTrial, ParseError>>, ParseError> {
        let document: Document = json::read_summary(FILE, result)?;
        if !(SCHEMA_VERSION - 1..=SCHEMA_VERSION).contains(&document.schema_version) {
            let (found, oldest) = (document.schema_version, SCHEMA_VERSION - 1);
            let problem = format!("found {found}; this version reads {oldest} to {SCHEMA_VERSION}");
            return Err(ParseError::new(FILE, Place::field("schemaVersion"), problem));
        }
        let all = document.records.into_iter().flat_map(|(variant, records)| {
            records.into_iter().filter_map(move |record| Some(Ok(run(&variant, record)?)))
        });
        Ok(all.collect())
    }
}

/// A trial whose tool left nothing readable has no measurement.
fn run(variant: &str, record: TrialRecord) -> Option<ResultTrial> {
    let measurement = record.measurement.clone()?;
    Some(ResultTrial { measurement, asked: Asked::default(), of: Some((variant.to_owned(), Box::new(record))) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    records: BTreeMap<String, Vec<TrialRecord>>,
}
