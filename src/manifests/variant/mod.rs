//! The manifests of a variant: read, changed as the spec asks, checked, and made into one deployment.

mod parse;
mod prepare;

pub use parse::parse;
pub use prepare::{Origin, Preparation, Prepared, prepare};
