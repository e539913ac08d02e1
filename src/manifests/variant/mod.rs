//! The manifests of a variant: parsed, changed as the spec asks, checked, and turned into one deployment.

mod adapt;
mod check;
mod claims;
mod endpoint;
mod gpus;
mod graph_fields;
mod hosts;
mod instantiate;
mod object;
mod parse;
mod patch;
mod prepare;
mod probes;
mod references;

pub use claims::is_gpu_class;
pub use endpoint::ENDPOINT_ANNOTATION;
pub use gpus::gpu_pods;
pub use instantiate::{MainObject, VariantDeployment, instantiate};
pub use parse::{parse, yaml_documents};
pub use prepare::{Author, Preparation, Prepared, is_generated, prepare, prepare_variant, prepared};
pub use references::{Reference, references};
