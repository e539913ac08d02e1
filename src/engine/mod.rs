//! The lifecycle of a comparison, as pure functions of what was observed.

pub mod plan;
pub mod sweep;
