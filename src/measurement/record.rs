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
