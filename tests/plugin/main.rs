//! `kubectl bcmp`: what its commands print, refuse and write, on an API server in memory with the real operator at work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../lifecycle/lab.rs"]
mod lab;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code)]
#[path = "../lifecycle/truth.rs"]
mod truth;

mod errors;
mod files;
mod harness;
mod help;
mod judging;
mod reading;
mod rendering;
mod requests;
mod watching;
