//! The record that the load agent publishes for a trial: what survives of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Measurement;
use crate::api::Finding;

/// Version of the records' layout; readers accept this one and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// Why a level is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Purpose {
    /// A step of the ladder (claimed points included).
    Ladder,
    /// A level between the last that meets the SLA and the first that misses it, or above the ladder's top.
    Refinement,
    /// A new run of a level that decides.
    Decision,
    /// The first level once more, at the end.
    Drift,
}

/// One run of the load tool: the key of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Round of deployment, from 1.
    pub round: u32,
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// Why it is run.
    pub purpose: Purpose,
    /// Repetition of this concurrency and purpose within the round, from 1.
    pub repetition: u32,
    /// Try, from 1; a second follows one that was spoilt.
    pub attempt: u32,
    pub requests: u32,
    /// Warm-up requests before.
    pub warmup: u32,
    pub seed: u64,
    /// Timeout of one request, in seconds.
    pub request_timeout_seconds: u32,
}

impl Step {
    /// Key in the results ConfigMap: unique among the steps of a run and variant.
    pub fn key(&self) -> String {
        let purpose = match self.purpose {
            Purpose::Ladder => "l",
            Purpose::Refinement => "r",
            Purpose::Decision => "d",
            Purpose::Drift => "f",
        };
        format!("r{}-c{:06}-{purpose}{}-a{}", self.round, self.concurrency, self.repetition, self.attempt)
    }
}

/// What a step ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialRecord {
    pub schema_version: u32,
    pub step: Step,
    /// Deployment it ran against, from 1.
    pub deployment: u32,
    /// Load pod that ran it.
    pub pod_uid: String,
    /// Clock of the load pod.
    pub start_time: Timestamp,
    /// Clock of the load pod.
    pub completion_time: Timestamp,
    /// What the tool measured; absent when it left nothing readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<Measurement>,
    /// What only the agent could see, such as a tool that failed. The audit of the measurement is made anew by each reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
