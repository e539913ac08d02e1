//! The statistics of a latency that limits can be about, all of them known.

use crate::measurement;
use crate::units::Milliseconds;

/// Mean and percentiles over the counted requests of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    pub mean: Milliseconds,
    pub p50: Milliseconds,
    pub p90: Milliseconds,
    pub p95: Milliseconds,
    pub p99: Milliseconds,
}

impl Distribution {
    /// Of at least one value in milliseconds, none of them negative or not finite.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        Self::complete(measurement::Distribution::of(values)?)
    }

    /// What a tool reported, where it left no percentile out.
    pub fn complete(reported: measurement::Distribution) -> Option<Self> {
        let measurement::Distribution { mean, p50, p90, p95, p99 } = reported;
        Some(Self { mean, p50: p50?, p90: p90?, p95: p95?, p99: p99? })
    }
}
