//! The test harness itself: the in-memory server and the actors, under the real `kube::runtime::Controller`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod actors;
mod server;
