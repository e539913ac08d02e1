//! What is created for a run: builders of our own children, and preparation of the variants' manifests.
//!
//! Pure: a plan goes in, Kubernetes objects come out. One kind of child per file.

pub mod agent_contract;
pub mod termination;
