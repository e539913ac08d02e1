//! A Kubernetes cluster in memory, on virtual time, for tests that drive the real controller.
//!
//! [`Cluster`] is the API server: a `tower` service behind a real `kube::Client`. [`actors`] play the rest of a
//! cluster. Under `#[tokio::test(start_paused = true)]` hours pass in milliseconds. `tests/conformance.rs` holds the
//! server against a real one.

// Each test binary uses its part of this module.
#![allow(dead_code, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod actors;
mod apply;
pub mod bed;
mod cluster;
mod discovery;
pub mod dynamo;
mod failure;
mod faults;
mod http_api;
mod kinds;
mod request;
mod rules;
pub mod schema;
mod selectors;
mod store;
mod verbs;
mod watches;

pub use cluster::{Cluster, resource_of, typed};
pub use failure::Failure;
pub use faults::{Fault, Logged};
pub use kinds::Kind;
pub use request::{Request, Verb};
pub use store::{Key, Record, time};
pub use verbs::{DeleteOptions, Preconditions, finalizers, meta};
