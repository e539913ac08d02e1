//! The simulated serving engine: continuous batching in virtual time, the same result from the same seed.
//!
//! ```text
//! Traffic ─ Clients ─┐                                      Topology: one pool of workers, or two (prefill, decode)
//!                 ├─ trial() ─ one Served per request    Worker: waiting → prefilling → decoding, step by step
//!          Simulator ┘                                      StepTime: how long a step takes, by what is in it
//! ```
//!
//! [`trial`] runs a load against a deployment. [`Simulator`] alone is the engine on its caller's clock: for a server that
//! answers real requests.
//!
//! What is modelled: a first-come queue without overtaking, a limit on the batch and on the tokens of a step, whole or
//! chunked prompts, prompts that interrupt or accompany decoding, KV memory reserved to the end of a request, replicas
//! behind a router, disaggregated prefill. What is not: prefix caches, eviction, speculative decoding, and all that
//! happens outside a step (tokenizing, network, dispatch), so a real TTFT is longer.

mod clients;
mod grid;
mod job;
mod pool;
pub mod random;
mod settings;
mod simulator;
mod step;
mod steps;
mod topology;
mod traffic;
mod trial;
mod worker;

#[cfg(test)]
mod tests;

pub(in crate::simulation) use random::Random;

pub use grid::{Grid, GridError, GridPoints};
pub use job::RequestId;
pub use settings::{Engine, Mixing, Prefill, Unservable};
pub use simulator::{EngineEvent, Simulator};
pub use step::Step;
pub use steps::{Linear, StepTime};
pub use topology::{Pool, Routing, Topology};
pub use traffic::{Arrivals, Length, Traffic};
pub use trial::{ServedRequest, TrialError, trial};
