//! The manifests of a variant: read, changed as the spec asks, checked, and made into one deployment.

mod adapt;
mod check;
mod endpoint;
mod gpus;
mod hosts;
mod instance;
mod json;
mod object;
mod parse;
mod patch;
mod prepare;
mod probes;
mod references;

pub use endpoint::ENDPOINT_ANNOTATION;
pub use gpus::gpu_pods;
pub use instance::{Instance, MainObject, instantiate};
pub use parse::parse;
pub use prepare::{Origin, Preparation, Prepared, prepare};
pub use references::{Reference, references};
