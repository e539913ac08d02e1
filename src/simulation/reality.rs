//! What is predicted and what is true in a lab: the part of a run that a cluster does not play.

use std::time::Duration;

use crate::api::Finding;
use crate::measurement::Measurement;
use crate::measurement::record::TrialPlan;
use crate::plan::Plan;
use crate::prediction::configurations::Configurations;

/// What answers for predictor, engines and load tool.
pub trait Reality: Send + Sync {
    /// What generation brings.
    fn configurations(&self, plan: &Plan) -> Configurations;

    /// What a trial brings. The same trial of the same deployment always brings the same.
    fn run(&self, load: &PendingTrial<'_>) -> Ran;

    /// Seconds from a server's start to its readiness, where they are not the usual few.
    fn loading(&self) -> Option<Duration> {
        None
    }
}

/// A trial that is about to run.
pub struct PendingTrial<'a> {
    /// The run.
    pub plan: &'a Plan,
    /// What was generated for it.
    pub configurations: &'a Configurations,
    /// The variant under load.
    pub variant: &'a str,
    /// Its deployment, from 1.
    pub deployment: u32,
    pub trial: TrialPlan,
}

/// A trial that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// What the load tool left.
    pub measurement: Option<Measurement>,
    /// What only the agent saw.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub took: Duration,
}
