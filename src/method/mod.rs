//! The method: how a comparison is loaded, judged and priced (METHOD §3–§9). Pure computation, from trials to a verdict.
//!
//! ```text
//! sla ─ trial ─┬─ sweep ──── which trial comes next, its size, what a run costs
//!    estimate ─┘    │
//!                   └─ judgement ── level states, throughput at the SLA, gain, outcome, result
//! ```
//!
//! Throughout, a *level* is a number of concurrent requests over the whole deployment, a *trial* one execution of the load
//! tool at a level, and a *round* one deployment of every variant that is not decided yet. Latencies are compared as
//! `r = statistic ÷ limit`, and everything that is averaged is averaged as a logarithm: speeds scatter by per cent.

pub mod distribution;
pub mod estimate;
pub mod judgement;
pub mod sla;
pub mod sweep;
pub mod trial;
pub mod window;

#[cfg(test)]
mod testing;
