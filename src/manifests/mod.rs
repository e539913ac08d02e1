//! What is created for a run: builders of our own children, and preparation of the variants' manifests.
//!
//! Pure: a plan goes in, Kubernetes objects come out. One kind of child per file.

pub mod agent_contract;
pub mod agent_pod;
pub mod configurations_map;
pub mod demand;
pub mod error;
pub mod generate_job;
pub mod labels;
pub mod load_job;
pub mod names;
pub mod plan_map;
pub mod publish_identity;
pub mod render;
pub mod report_map;
pub mod results_map;
pub mod termination;
pub mod variant;

pub use error::ManifestError;
pub use labels::Scope;
pub use names::Names;
