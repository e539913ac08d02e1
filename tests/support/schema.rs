//! Structural schemas of custom resources, as the command line knows them too.

pub use bcmp::cli::file::schema::{Schema, default, prune, unknown_fields};
