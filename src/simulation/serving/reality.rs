//! Simulated engines in a lab.

use std::num::NonZeroU32;
use std::time::Duration;

use super::breakage::Breakage;
use super::deviation::Deviation;
use super::fitted;
use super::hardware::ModelOnGpu;
use super::load::{MeasuredTrial, Requests, TOOL_TIME, measure};
use super::predictor::{Formulas, TOOL};
use super::topology::topology;
use crate::agent::generate::{GenerateError, answered};
use crate::api::{BenchmarkComparisonSpec, EvidenceCode, Finding};
use crate::method::sla::SlaLimits;
use crate::plan::Plan;
use crate::prediction::configurations::{self, Configurations, GenerationOutcome, Ready};
use crate::prediction::predictors::predictor::Task;
use crate::simulation::engine::Random;
use crate::simulation::reality::{PendingTrial, Ran, Reality};
use crate::sweep::price::READY_MINUTES;
use crate::units::LatencyLimits;

/// Standard deviation of a deployment's speed about the engine's, in percent: no two are alike.
const DEPLOYMENT_SCATTER: f64 = 1.0;
/// Minutes that a server's pod takes besides loading the model.
const OBJECTS_MINUTES: f64 = 2.0;
/// Of the whole of chance, the part that belongs to deployments.
const DEPLOYMENTS: u64 = 1 << 40;

/// What is served by simulated engines, and how that differs from what is predicted.
#[derive(Clone, Debug, Default)]
pub struct SimulatedServing {
    /// Engines that are faster or slower than predicted.
    pub deviations: Vec<Deviation>,
    /// Levels whose evidence is bad.
    pub breakages: Vec<Breakage>,
    /// What was generated elsewhere, in the place of the simulation's own predictor. Engines then take what it estimates.
    pub generated: Option<Configurations>,
    /// Of chance.
    pub seed: u64,
}

/// What the simulation's own predictor says of a plan.
///
/// # Errors
/// A number of the spec cannot be used.
pub fn predicted(plan: &Plan) -> Result<Configurations, GenerateError> {
    let task = Task::new(&plan.spec)?;
    answered(plan, &task, &mut Formulas::new(task), Some(TOOL.into()))
}

impl Reality for SimulatedServing {
    fn configurations(&self, plan: &Plan) -> Configurations {
        let nothing = || Configurations {
            schema_version: configurations::SCHEMA_VERSION,
            load_tool: Some(TOOL.into()),
            variants: vec![],
        };
        self.generated.clone().unwrap_or_else(|| predicted(plan).unwrap_or_else(|_| nothing()))
    }

    fn run(&self, load: &PendingTrial<'_>) -> Ran {
        match self.measured(load) {
            Ok(MeasuredTrial { mut measurement, took }) => {
                let here = |of: &&Breakage| of.variant == load.variant && of.concurrency == load.trial.key.concurrency;
                self.breakages.iter().filter(here).for_each(|of| of.defect.spoil(&mut measurement));
                Ran { measurement: Some(measurement), findings: vec![], took }
            }
            Err(why) => {
                let findings = vec![Finding::new(EvidenceCode::LoadToolFailed, why)];
                Ran { measurement: None, findings, took: TOOL_TIME }
            }
        }
    }

    fn loading(&self) -> Option<Duration> {
        Duration::try_from_secs_f64((READY_MINUTES - OBJECTS_MINUTES) * 60.0).ok()
    }
}

impl SimulatedServing {
    fn measured(&self, load: &PendingTrial<'_>) -> Result<MeasuredTrial, String> {
        let spec = &load.plan.spec;
        let hardware = ModelOnGpu::of(spec.predicted_model(), &spec.hardware.system);
        let ready = ready(load.configurations, load.variant);
        let serving = ready.and_then(|ready| Some(&ready.shape.as_ref()?.serving)).ok_or_else(|| {
            format!("{} is not served: its shape is not known; set the variant's shape", load.variant)
        })?;
        let estimate = ready.and_then(|ready| ready.prediction.curve.as_ref()).filter(|_| self.generated.is_some());
        let steps = estimate.and_then(|curve| fitted::steps(curve, serving, spec.workload.input_tokens));
        let slowness = self.slowness(load.variant) * self.scatter(load);
        let engines = topology(&hardware, serving, steps, slowness)
            .ok_or_else(|| format!("{} do not hold the model", serving.describe()))?;
        // Prompts and their order are the same for all variants, as the trial's own seed asks.
        let seed = load.trial.seed ^ self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        measure(&engines, &requests(spec), &load.trial, seed).map_err(|error| error.to_string())
    }

    fn slowness(&self, variant: &str) -> f64 {
        let of = self.deviations.iter().filter(|deviation| deviation.variant == variant);
        of.map(Deviation::slowness).product()
    }

    /// How much slower one deployment is than another of the same variant.
    fn scatter(&self, load: &PendingTrial<'_>) -> f64 {
        let name = load.variant.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let stream = DEPLOYMENTS.wrapping_add(name.wrapping_mul(1009)).wrapping_add(u64::from(load.deployment));
        (DEPLOYMENT_SCATTER / 100.0 * Random::new(self.seed, stream).normal()).exp()
    }
}

fn ready<'a>(configurations: &'a Configurations, variant: &str) -> Option<&'a Ready> {
    let of = configurations.variants.iter().find(|of| of.variant == variant)?;
    match &of.outcome {
        GenerationOutcome::Ready(ready) => Some(ready),
        GenerationOutcome::Refused { .. } => None,
    }
}

fn requests(spec: &BenchmarkComparisonSpec) -> Requests {
    let tokens = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Requests {
        model: spec.model.served_name().to_owned(),
        input_tokens: tokens(spec.workload.input_tokens),
        output_tokens: tokens(spec.workload.output_tokens),
        limits: SlaLimits::from_spec(&spec.sla).map_or(LatencyLimits::NONE, |sla| sla.of_requests()),
    }
}
