//! What commands on the cluster in memory have in common.

use std::future::Future;

use clap::Args;
use kube::ResourceExt;

use super::evaluate::EvaluateError;
use crate::api::BenchmarkComparison;
use crate::plan::{Identity, Images, Plan};
use crate::prediction::configurations::{Configurations, GenerationOutcome};
use crate::simulation::course::CourseError;
use crate::simulation::serving::breakage::Breakage;
use crate::simulation::serving::deviation::Deviation;
use crate::simulation::serving::reality::{SimulatedServing, predicted};
use crate::sweep::ladder_of;

/// How what is true differs from what is predicted.
#[derive(Args, Clone, Debug)]
pub struct RealityArguments {
    /// Engines that differ from their prediction: throughput in percent
    #[arg(long, value_name = "VARIANT=PERCENT")]
    pub reality: Vec<Deviation>,
    /// A level whose evidence is bad: VARIANT@CONCURRENCY=CODE
    #[arg(long = "break", value_name = "VARIANT@LEVEL=CODE")]
    pub breakages: Vec<Breakage>,
    /// Random seed: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Why a simulation shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum SimulatedError {
    /// The call contradicts itself or the comparison.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used, or the run went wrong.
    #[error("{0}")]
    Failed(String),
}

impl SimulatedError {
    /// The exit code for it.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl From<CourseError> for SimulatedError {
    fn from(error: CourseError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<EvaluateError> for SimulatedError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Usage(message) => Self::Usage(message),
            EvaluateError::Failed(message) => Self::Failed(message),
        }
    }
}

impl RealityArguments {
    /// What serves a comparison whose levels are these.
    ///
    /// # Errors
    /// Variants and levels that the comparison does not have.
    pub fn served(
        &self,
        comparison: &BenchmarkComparison,
        ladder: &[u32],
        generated: Option<Configurations>,
    ) -> Result<SimulatedServing, SimulatedError> {
        let names: Vec<&str> = comparison.spec.variants.iter().map(|variant| variant.name.as_str()).collect();
        let named = self.reality.iter().map(|of| ("--reality", &of.variant));
        let broken = self.breakages.iter().map(|of| ("--break", &of.variant));
        if let Some((option, unknown)) = named.chain(broken).find(|(_, name)| !names.contains(&name.as_str())) {
            let known = names.join(", ");
            return Err(SimulatedError::Usage(format!(
                "{option} names the variant {unknown}: the variants are {known}"
            )));
        }
        if let Some(of) = self.breakages.iter().find(|of| !ladder.contains(&of.concurrency)) {
            let levels = ladder.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let (variant, level) = (&of.variant, of.concurrency);
            return Err(SimulatedError::Usage(format!(
                "--break {variant}@{level}: the comparison has no such level; its levels are {levels}"
            )));
        }
        Ok(SimulatedServing {
            deviations: self.reality.clone(),
            breakages: self.breakages.clone(),
            generated,
            seed: self.seed,
        })
    }
}

/// The plan of a comparison that is simulated.
pub fn plan(comparison: &BenchmarkComparison) -> Plan {
    let namespace = comparison.namespace().unwrap_or_else(|| "default".into());
    let identity = Identity { namespace, name: comparison.name_any(), uid: String::new() };
    let images = Images { agent: "bcmp".into(), predictor: "tools".into(), load: "tools".into() };
    Plan::new(identity, 1, comparison.spec.clone(), &images, Default::default())
}

/// What the simulation's own predictor says.
pub fn predictions(plan: &Plan) -> Result<Configurations, SimulatedError> {
    predicted(plan).map_err(|error| SimulatedError::Failed(error.to_string()))
}

/// The levels that every variant is loaded with, by what was generated.
pub fn levels(comparison: &BenchmarkComparison, made: &Configurations) -> Vec<u32> {
    let predictions = made.variants.iter().filter_map(|variant| match &variant.outcome {
        GenerationOutcome::Ready(ready) => Some(&ready.prediction),
        GenerationOutcome::Refused { .. } => None,
    });
    ladder_of(&comparison.spec, predictions)
}

/// Runs something on a clock that jumps to the next moment at which anything happens.
pub fn on_virtual_time<T>(work: impl Future<Output = Result<T, SimulatedError>>) -> Result<T, SimulatedError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| SimulatedError::Failed(format!("cannot start: {error}")))?.block_on(work)
}
