//! The judgement, rule by rule (METHOD §5 to §8).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod evidence;
mod figures;
mod outcomes;
mod predictions;
mod status;
mod support;
mod surroundings;
