//! Misoperation: whatever somebody writes into a comparison, and whenever they change it.
//!
//! The objects are derived from the schema of the CRD ([`generator`]). What the API server refuses, it refuses with the
//! field and a cure; what it accepts can be read, and comes to an end or says what it waits for ([`admission`], [`life`]).
//! A change of any field in any phase does what is documented ([`phases`]).
//!
//! `BCMP_OBJECTS`, `BCMP_LIVES` and `BCMP_CHANGES` say how many are tried, `BCMP_SEED` which ones; `make misoperation` tries
//! them all, on a real control plane too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod base;
#[path = "../conformance/bed.rs"]
#[allow(dead_code, unused_macros, unused_imports)]
mod bed;
#[path = "../conformance/crd/full.rs"]
#[allow(dead_code)]
mod full;
mod generator;
mod life;
mod parallel;
mod phases;

use bcmp::api::crd::crd;
use serde_json::Value;

/// A number that the environment gives.
pub fn number(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text}: write a number")),
        Err(_) => default,
    }
}

pub fn seed() -> u64 {
    number("BCMP_SEED", 20_261_129) as u64
}

/// The schema of what people write.
pub fn schema() -> Value {
    let crd = serde_json::to_value(crd()).unwrap();
    let whole = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    serde_json::json!({"properties": {"spec": whole["properties"]["spec"], "metadata": {"properties": {
        "annotations": {"additionalProperties": {"type": "string"}}}}}})
}
