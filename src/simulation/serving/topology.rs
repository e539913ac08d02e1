//! What is deployed → simulated engines.

use std::num::{NonZeroU16, NonZeroU32};

use super::hardware::ModelOnGpu;
use crate::prediction::{Serving, Workers};
use crate::simulation::engine::{Engine, Linear, Mixing, Pool, Prefill, Routing, StepTime, Topology};
use crate::units::{Milliseconds, Percent};

/// Requests an engine takes at once where nothing says how many.
pub const USUAL_BATCH: u32 = 256;
/// Tokens of a step where nothing says how many.
pub const USUAL_STEP: u32 = 8192;
/// A step's time scatters by so many percent.
const SCATTER: f64 = 2.0;
/// From the end of a prompt to when another worker has it.
const HANDOVER: f64 = 10.0;

/// The engines of a deployment; `None` where they do not hold the model. Their steps take so many times as long as these, or
/// as the hardware's.
pub fn topology(hardware: &ModelOnGpu, serving: &Serving, steps: Option<Linear>, slowness: f64) -> Option<Topology> {
    let pool = |workers| pool(hardware, workers, steps, slowness);
    Some(match serving {
        Serving::Aggregated { workers } => Topology::Aggregated(pool(workers)?),
        Serving::Disaggregated { prefill, decode } => Topology::Disaggregated {
            prefill: pool(prefill)?,
            handover: Milliseconds::new(HANDOVER).unwrap_or_default(),
            decode: pool(decode)?,
        },
    })
}

fn pool(hardware: &ModelOnGpu, workers: &Workers, steps: Option<Linear>, slowness: f64) -> Option<Pool> {
    let gpus = workers.gpus_per_replica();
    let steps = steps.unwrap_or_else(|| hardware.steps(gpus));
    let slower = |time: Milliseconds| Milliseconds::new(time.get() * slowness).unwrap_or(time);
    let engine = Engine {
        max_batch: batch(workers),
        max_num_tokens: step_tokens(workers),
        prefill: if workers.chunked_prefill { Prefill::Chunked } else { Prefill::Whole },
        prompts_per_step: None,
        mixing: Mixing::Together,
        kv_tokens: Some(hardware.kv_tokens(gpus)?),
        steps: StepTime::Linear(Linear {
            prompt: slower(steps.prompt),
            prompt_token: slower(steps.prompt_token),
            decode: slower(steps.decode),
            further_decode: slower(steps.further_decode),
        }),
        scatter: Percent::new(SCATTER).unwrap_or_default(),
    };
    let replicas = u16::try_from(workers.replicas).unwrap_or(u16::MAX);
    Some(Pool { engine, workers: NonZeroU16::new(replicas)?, routing: Routing::LeastLoaded })
}

/// Requests an engine works on at once, by its settings.
pub fn batch(workers: &Workers) -> NonZeroU32 {
    let batch = workers.max_batch_size.unwrap_or(USUAL_BATCH).saturating_mul(workers.data_parallel.max(1));
    NonZeroU32::new(batch).unwrap_or(NonZeroU32::MIN)
}

/// Tokens of a step, by its settings.
pub fn step_tokens(workers: &Workers) -> NonZeroU32 {
    NonZeroU32::new(workers.max_num_tokens.unwrap_or(USUAL_STEP)).unwrap_or(NonZeroU32::MIN)
}
