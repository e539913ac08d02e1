//! Which trial comes next (METHOD §3 and §4), and what a run costs (§9).

pub mod deciding;

pub use deciding::{Deciding, deciding};
