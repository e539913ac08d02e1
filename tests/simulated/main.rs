//! Commands on the cluster in memory: `bcmp demo`, `bcmp simulate` and `bcmp dev`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod demo;
mod dev;
mod simulate;
mod transcript;
