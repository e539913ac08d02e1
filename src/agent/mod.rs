//! What runs inside the pods: hands itself to other images, drives the tools, publishes what came of it.

pub mod directory;
pub mod install;
pub mod outbox;
pub mod publish;
pub mod store;
pub mod termination;
