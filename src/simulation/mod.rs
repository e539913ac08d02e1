//! A Kubernetes cluster in memory, on virtual time, for whatever drives the real controller without a cluster: tests,
//! the stand-in for Dynamo's operator, demonstrations. The operator never depends on it; the feature `simulation` brings it.

pub mod actors;
pub mod api_server;
pub mod broken;
pub mod course;
pub mod dev;
pub mod dynamo;
pub mod engine;
pub mod lab;
pub mod reality;
pub mod serving;
pub mod standin;
pub mod truth;
