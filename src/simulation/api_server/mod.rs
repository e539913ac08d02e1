//! An API server in memory: a `tower` service behind a real `kube::Client`. Under `#[tokio::test(start_paused = true)]`
//! hours pass in milliseconds. `tests/conformance` holds it to a real server.

mod answer;
mod apply;
mod cluster;
mod discovery;
mod failure;
mod faults;
mod http_api;
mod kinds;
mod object;
mod openapi;
mod paging;
mod protobuf;
mod request;
mod rules;
mod selectors;
mod state;
mod store;
mod table;
mod verbs;
mod watches;

pub use answer::AnswerBody;
pub use cluster::{Cluster, resource_of, typed};
pub use failure::ApiFailure;
pub use faults::{Fault, Logged};
pub use kinds::Kind;
pub use object::{finalizers, meta, remove_field};
pub use request::{ApiRequest, Verb};
pub use store::{ObjectKey, Record, time};
pub use verbs::{DeleteOptions, Preconditions};
