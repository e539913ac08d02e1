//! What runs inside the pods: hands itself to other images, drives the tools, publishes what came of it.

pub mod install;
