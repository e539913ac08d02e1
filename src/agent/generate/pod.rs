//! The generate pod: plan in, configurations out, once.

use std::path::PathBuf;
use std::time::Duration;

use super::{DriverCommand, GenerateError, run};
use crate::agent::interruption::Interruption;
use crate::agent::load::read_document;
use crate::agent::outbox::Outbox;
use crate::plan::{self, Plan};
use crate::prediction::configurations;

/// The generate pod's own settings, from its manifest.
#[derive(Clone, Debug)]
pub struct Generate {
    pub plan: PathBuf,
    /// File with the load image's report of its tool.
    pub load_tool: PathBuf,
    /// Python interpreter that finds the predictor.
    pub python: PathBuf,
    /// Directory for all that the predictor writes.
    pub work: PathBuf,
}

/// Generates, and publishes the configurations unless another pod did.
///
/// # Errors
/// When the plan cannot be used, the predictor fails, nothing can be published, or the pod is to end.
pub async fn run_in_pod(
    generate: &Generate,
    outbox: &Outbox,
    interruption: &Interruption,
) -> Result<(), GenerateError> {
    let plan: Plan =
        read_document(&generate.plan, plan::SCHEMA_VERSION).map_err(|error| GenerateError::Plan(error.to_string()))?;
    outbox.ready().await?;
    if outbox.published()?.contains_key(configurations::KEY) {
        println!("the configurations of run {} are already published", plan.run);
        return Ok(());
    }
    let load_tool = std::fs::read_to_string(&generate.load_tool).ok().map(|text| text.trim().to_owned());
    let limit = u64::from(plan.spec.execution.deadlines.generate_seconds);
    let command = DriverCommand {
        python: generate.python.clone(),
        work: generate.work.clone(),
        deadline: Duration::from_secs(limit),
    };
    let configurations = tokio::select! {
        configurations = run(plan, &command, load_tool.filter(|text| !text.is_empty())) => configurations?,
        () = interruption.requested() => return Err(GenerateError::Interrupted),
    };
    let text = serde_json::to_string(&configurations).map_err(|error| GenerateError::Plan(error.to_string()))?;
    outbox.publish(configurations::KEY, &text).await?;
    Ok(())
}
