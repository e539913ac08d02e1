//! What the method speaks of: SLAs, trials and estimates (METHOD §2, §3, §5). Pure computation.
//!
//! Throughout, a *level* is a number of concurrent requests over the whole deployment, a *trial* one execution of the load
//! tool at a level, and a *round* one deployment of every variant that is not decided yet. Latencies are compared as
//! `r = statistic ÷ limit`, and everything that is averaged is averaged as a logarithm: speeds scatter by per cent.

pub mod estimate;
pub mod sla;
pub mod trial;

#[cfg(test)]
pub mod testing;
