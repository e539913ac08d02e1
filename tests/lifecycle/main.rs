//! The life of a comparison: the controller's real code on an API server in memory, in virtual time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod claims;
mod course;
mod dynamo_admission;
mod failures;
mod faults;
mod gitops;
mod limits;
mod namespaces;
mod neighbours;
mod promises;
mod queueing;
mod replicas;
mod reporting;
mod runs;
mod teardown;
mod trust;
mod writes;
