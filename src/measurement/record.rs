//! The record that the load agent publishes for a trial: what survives of it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Measurement;
use crate::api::Finding;

/// Version of the records' layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// What a trial is for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    strum::Display,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Purpose {
    /// A level of the ladder, or one above or below it.
    Ladder,
    /// A level within the bracket.
    Refinement,
    /// A level that misses the SLA below one that meets it, once more.
    Recheck,
    /// A new trial of a level that decides.
    Decision,
}

impl Purpose {
    /// Whether it finds the levels that decide; such trials are run once in all rounds together.
    pub fn selects(self) -> bool {
        self != Self::Decision
    }
}

/// Names a trial among those of a variant and run. It is written as the key of its record in the results ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialKey {
    /// Round of deployment, from 1.
    pub round: u32,
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// Number among the trials of this level and purpose in the round, from 1.
    pub number: u32,
    /// Try, from 1; a second follows one that was rejected for something that may pass.
    #[serde(rename = "try")]
    pub try_number: u32,
}

impl fmt::Display for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, concurrency, purpose, number, try_number } = self;
        let purpose = match purpose {
            Purpose::Ladder => "l",
            Purpose::Refinement => "r",
            Purpose::Recheck => "c",
            Purpose::Decision => "d",
        };
        write!(f, "r{round}-c{concurrency:06}-{purpose}{number}-t{try_number}")
    }
}

/// A trial to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialPlan {
    /// Which one.
    #[serde(flatten)]
    pub key: TrialKey,
    /// Requests to send, in whole waves.
    pub requests: u32,
    /// Requests to send before: one wave ahead of a deployment's first trial, which warms it up.
    pub warmup: u32,
    /// Seconds over which users start; absent: all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_seconds: Option<f64>,
    /// Seconds one request may take.
    pub request_timeout_seconds: u32,
    /// Seed of the prompts.
    pub seed: u64,
}

/// What a trial ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialRecord {
    pub schema_version: u32,
    pub trial: TrialPlan,
    /// Deployment it ran against, from 1.
    pub deployment: u32,
    /// Load pod that ran it.
    pub pod_uid: String,
    /// Clock of the load pod.
    #[schemars(with = "String")]
    pub start_time: Timestamp,
    /// Clock of the load pod.
    #[schemars(with = "String")]
    pub completion_time: Timestamp,
    /// What the tool measured; absent when it left nothing readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<Measurement>,
    /// What only the agent could see, such as a tool that failed. The audit of the measurement is made anew by each reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl TrialRecord {
    /// How long it loaded the server, in seconds: by its requests where each is known, else from the start of the tool to its end.
    pub fn loaded_seconds(&self) -> f64 {
        let whole = self.completion_time.duration_since(self.start_time).as_secs_f64().max(0.0);
        let known = self.measurement.as_ref().and_then(|measurement| measurement.facts.loaded_seconds);
        known.map_or(whole, |loaded| loaded.clamp(0.0, whole))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn record(measurement: Value) -> TrialRecord {
        serde_json::from_value(json!({
            "schemaVersion": 1, "deployment": 1, "podUid": "u", "measurement": measurement,
            "startTime": "2026-03-02T09:00:00Z", "completionTime": "2026-03-02T09:01:40Z",
            "trial": {
                "round": 1, "concurrency": 1, "purpose": "ladder", "number": 1, "try": 1, "requests": 6, "warmup": 0,
                "requestTimeoutSeconds": 600, "seed": 1,
            },
        }))
        .unwrap()
    }

    fn measured(loaded: Value) -> Value {
        json!({"tool": "t", "concurrency": 1, "requests": 6, "facts": {"loadedSeconds": loaded}})
    }

    #[rstest]
    #[case::start_and_end_of_the_tool_are_not_load(measured(json!(88.5)), 88.5)]
    #[case::requests_are_not_known(measured(Value::Null), 100.0)]
    #[case::nothing_was_measured(Value::Null, 100.0)]
    #[case::longer_than_the_tool_ran(measured(json!(1e9)), 100.0)]
    #[case::negative(measured(json!(-1)), 0.0)]
    fn a_trial_loads_while_requests_are_under_way(#[case] measurement: Value, #[case] seconds: f64) {
        assert!((record(measurement).loaded_seconds() - seconds).abs() < 1e-9);
    }
}
