//! A model served by simulated engines: what a predictor says of a deployment, and what a load tool measures of it.
//!
//! ```text
//! hardware: step times and memory ─┬─ predictor: closed formulas ── claim and estimate
//!                                  └─ topology ─ load: the engine ── one Measurement a trial
//! reality: both for a lab, with what differs from the prediction and what is broken
//! ```
//!
//! Where predictions were made elsewhere, `fitted` finds the step times that bring their estimates about.
//!
//! Predictor and engine start from the same step times, and nothing else is shared: queueing, batches and prompts in one
//! step come out of the engine's own steps.

pub mod adopted;
pub mod breakage;
pub mod deviation;
pub mod fitted;
pub mod hardware;
pub mod load;
pub mod manifests;
pub mod predictor;
pub mod reality;
pub mod topology;
