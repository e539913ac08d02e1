//! Simulations: for tests, examples and demonstrations. The operator itself depends on none of it.

pub mod engine;
