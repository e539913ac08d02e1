//! Statistics of a latency over the requests of a trial.

use serde::{Deserialize, Serialize};

use crate::units::Milliseconds;

/// Statistics over the requests of a trial. Tools differ in the percentiles they report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    pub mean: Milliseconds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Milliseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<Milliseconds>,
}

impl Distribution {
    /// Mean and percentiles (linear between ranks, as the load tools take them); `None` without values, or with one
    /// that is negative or not finite.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let mean = Milliseconds::new(values.iter().sum::<f64>() / values.len() as f64).ok()?;
        let at = |percent: f64| Milliseconds::new(percentile(&values, percent)).ok();
        at(0.0)?;
        Some(Self { mean, p50: at(50.0), p90: at(90.0), p95: at(95.0), p99: at(99.0) })
    }

    /// Of values that are all the same.
    pub fn constant(value: Milliseconds) -> Self {
        let all = Some(value);
        Self { mean: value, p50: all, p90: all, p95: all, p99: all }
    }

    /// The same after a change of every statistic; `None` where the mean cannot be changed so.
    pub fn map(self, change: impl Fn(Milliseconds) -> Option<Milliseconds>) -> Option<Self> {
        let [p50, p90, p95, p99] = [self.p50, self.p90, self.p95, self.p99].map(|of| of.and_then(&change));
        Some(Self { mean: change(self.mean)?, p50, p90, p95, p99 })
    }
}

/// Of at least one sorted value.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = percent / 100.0 * (sorted.len() - 1) as f64;
    let (below, share) = (rank.floor() as usize, rank.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_between_ranks() {
        let of = Distribution::of((0..=100).rev().map(f64::from)).unwrap();
        assert_eq!(of.mean.get(), 50.0);
        assert_eq!([of.p50, of.p90, of.p95, of.p99].map(|at| at.unwrap().get()), [50.0, 90.0, 95.0, 99.0]);
        assert_eq!(Distribution::of([1.0, 2.0].into_iter()).unwrap().p90.unwrap().get(), 1.9);
    }

    #[test]
    fn what_is_no_latency_has_no_statistics() {
        assert_eq!(Distribution::of(std::iter::empty()), None);
        assert_eq!(Distribution::of([1.0, -1.0].into_iter()), None);
        assert_eq!(Distribution::of([1.0, f64::NAN].into_iter()), None);
    }
}
