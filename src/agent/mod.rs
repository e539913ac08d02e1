//! What runs inside the pods: hands itself to other images, drives the tools, publishes what came of it.

pub mod aiperf;
pub mod artifacts;
mod causes;
pub mod directory;
pub mod generate;
pub mod install;
pub mod interruption;
pub mod load;
pub mod outbox;
mod output;
pub mod process;
pub mod progress;
pub mod publish;
pub mod readiness;
pub mod record;
mod scratch;
pub mod store;
pub mod termination;
