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
//! `evaluation` judges what people have in files, in the engine's place.

pub mod agent;
pub mod api;
pub mod cli;
pub mod controller;
pub mod engine;
pub mod evaluation;
pub mod files;
pub mod judgement;
pub mod manifests;
pub mod measurement;
pub mod method;
pub mod prediction;
pub mod report;
pub mod simulation;
pub mod units;
