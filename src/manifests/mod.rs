//! What is created for a run: the operator's own children, and the variants' manifests.
//!
//! Pure: a plan goes in, Kubernetes objects come out. [`children`] lists them; one kind of child per file.

pub mod agent_contract;
pub mod agent_pod;
pub mod checked;
pub mod children;
pub mod configurations_map;
pub mod demand;
pub mod error;
pub mod generate_job;
pub mod labels;
pub mod load_job;
pub mod names;
pub mod plan_map;
pub mod publish_identity;
pub mod report_map;
pub mod results_map;
pub mod termination;
pub mod variant;

pub use error::ManifestError;
pub use labels::Ownership;
pub use names::Names;
