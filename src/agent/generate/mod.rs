//! `bcmp agent generate`: manifests and predictions of all variants, in one dialogue with the predictor.
//!
//! The dialogue itself is the predictor's (`prediction`), and waits for each answer. It runs on a thread of its own, while
//! this module keeps the driver's process and its deadline.

mod driver;
mod pod;
mod variant;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use driver::Driver;
pub use driver::DriverCommand;
pub use pod::{Generate, run_in_pod};

use super::aiperf;
use super::outbox::OutboxError;
use crate::plan::Plan;
use crate::prediction::configurations::{Configuration, Configurations, GenerationOutcome, SCHEMA_VERSION};
use crate::prediction::predictors::generating;
use crate::prediction::predictors::predictor::{Ask, Dialogue, DriverError, InvalidTask, NotGenerated, Task};

/// Why nothing was generated. What the predictor refuses is not an error: it is in the configurations.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The plan cannot be used.
    #[error("{0}")]
    Plan(String),
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The configurations could not be published.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The pod was asked to end.
    #[error("asked to end while generating: the next pod starts over")]
    Interrupted,
}

impl From<InvalidTask> for GenerateError {
    fn from(error: InvalidTask) -> Self {
        Self::Plan(error.to_string())
    }
}

/// Generates and predicts everything a plan asks for. `load_tool` is the load image's report of its tool.
///
/// # Errors
/// The plan cannot be used, or the predictor fails without refusing.
pub async fn run(
    plan: Plan,
    command: &DriverCommand,
    load_tool: Option<String>,
) -> Result<Configurations, GenerateError> {
    let driver = Driver::start(command, generating(plan.spec.predictor.kind).driver())?;
    converse(driver, move |line| generate(&plan, line, load_tool)).await?
}

/// A question on its way to the driver, and the way back.
type PendingQuestion = (Value, oneshot::Sender<Result<Value, DriverError>>);

/// The dialogue's end of the line to the driver.
struct DriverLine(mpsc::Sender<PendingQuestion>);

impl Ask for DriverLine {
    fn ask(&mut self, question: &Value) -> Result<Value, DriverError> {
        let (answer, answered) = oneshot::channel();
        self.0.blocking_send((question.clone(), answer)).map_err(|_| DriverError::BrokenOff)?;
        answered.blocking_recv().map_err(|_| DriverError::BrokenOff)?
    }
}

/// Runs a dialogue, which blocks while it waits, and passes its questions to the driver. When this is dropped, the driver
/// ends, and the dialogue with it at its next question.
async fn converse<T: Send + 'static>(
    mut driver: Driver,
    dialogue: impl FnOnce(&mut dyn Ask) -> T + Send + 'static,
) -> Result<T, DriverError> {
    let (questions, mut asked) = mpsc::channel::<PendingQuestion>(1);
    let dialogue = tokio::task::spawn_blocking(move || dialogue(&mut DriverLine(questions)));
    while let Some((question, answer)) = asked.recv().await {
        // Nobody waits for the answer any more: then nobody asks again.
        let _ = answer.send(driver.ask(&question).await);
    }
    driver.end().await;
    dialogue.await.map_err(|_| DriverError::BrokenOff)
}

/// The dialogue about a plan, with anybody who answers.
fn generate(plan: &Plan, ask: &mut dyn Ask, load_tool: Option<String>) -> Result<Configurations, GenerateError> {
    // The load pod would refuse the same, while the servers hold GPUs.
    if let Some(refused) = aiperf::refused(&plan.spec.load.extra_arguments) {
        return Err(GenerateError::Plan(format!("load.extraArguments holds {refused}")));
    }
    let task = Task::new(&plan.spec)?;
    let mut dialogue = generating(plan.spec.predictor.kind).open(task, ask)?;
    answered(plan, &task, dialogue.as_mut(), load_tool)
}

/// The same in a dialogue that is open.
///
/// # Errors
/// The predictor fails without refusing.
pub fn answered(
    plan: &Plan,
    task: &Task<'_>,
    dialogue: &mut dyn Dialogue,
    load_tool: Option<String>,
) -> Result<Configurations, GenerateError> {
    let mut variants = vec![];
    for variant in &plan.spec.variants {
        let outcome = match variant::configured(plan, task, dialogue, variant) {
            Ok(ready) => GenerationOutcome::Ready(Box::new(ready)),
            Err(NotGenerated::Refused { reason, message }) => {
                GenerationOutcome::Refused { reason: reason.into(), message }
            }
            Err(NotGenerated::Failed(error)) => return Err(error.into()),
        };
        variants.push(Configuration { variant: variant.name.clone(), outcome });
    }
    variant::of_one_revision(&mut variants);
    Ok(Configurations { schema_version: SCHEMA_VERSION, load_tool, variants })
}

#[cfg(test)]
mod tests;
