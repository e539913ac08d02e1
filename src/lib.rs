//! `bcmp` compares how LLM serving configurations were predicted to perform with how they do perform.
//!
//! Data goes from left to right:
//!
//! ```text
//! api ─ prediction ─┐
//!       measurement ─┴─ judgement ─ report
//!                          │
//! engine (observe → decide → act → record) ─ manifests ─ controller, agent, cli
//! ```
//!
//! `evaluation` judges what people have in files, in the engine's place. `explain` says what the names in a status mean, for
//! reports, command line and documents.

pub mod agent;
pub mod api;
pub mod cli;
pub mod controller;
pub mod explain;
pub mod files;
pub mod judgement;
pub mod lifecycle;
pub mod manifests;
pub mod measurement;
pub mod offline;
pub mod plan;
pub mod prediction;
pub mod report;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod text;
pub mod units;
