//! What serves: engines, how many, and how requests find them.

use std::num::NonZeroU16;

use super::settings::Engine;
use crate::units::Milliseconds;

/// What serves.
#[derive(Clone, Debug, PartialEq)]
pub enum Topology {
    /// Every worker computes prompts and decodes.
    Aggregated(Pool),
    /// Some workers compute prompts, others decode. The first token reaches its reader with the first decoding step.
    Disaggregated {
        /// Computes prompts, and keeps nothing of them.
        prefill: Pool,
        /// From the end of a prompt to when a decoding worker has it.
        handover: Milliseconds,
        decode: Pool,
    },
}

/// Equal workers behind a router.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What each worker runs.
    pub engine: Engine,
    /// How many there are: replicas.
    pub workers: NonZeroU16,
    /// How requests are spread over them.
    pub routing: Routing,
}

/// How requests are spread over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// To each in turn.
    RoundRobin,
    /// To the one with the fewest unanswered requests; of several, to the first.
    LeastLoaded,
    /// To any.
    Random,
}
