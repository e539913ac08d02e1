//! What runs inside the pods: installs itself into other images, drives the tools, publishes their results.

pub mod aiperf;
pub mod artifacts;
mod causes;
pub mod directory;
pub mod generate;
pub mod install;
pub mod interruption;
pub mod load;
pub mod next_move;
pub mod outbox;
mod output;
pub mod process;
pub mod publish;
pub mod readiness;
pub mod record;
mod scratch;
pub mod store;
pub mod termination;
