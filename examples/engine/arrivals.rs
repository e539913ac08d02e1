//! Open loops: requests that come whether or not others are answered.

use bcmp::simulation::engine::{Arrivals, Pool, ServedRequest, Topology, Traffic, trial};
use bcmp::units::RequestsPerSecond;

use crate::guide::{count, lengths, mean, tp8, tpot};

/// Requests per second that 12 users make of one worker on eight GPUs.
pub const CLOSED_LOOP_RATE: f64 = 3.1726;

/// A deployment under a share of that rate, and what `aisimulate-core` 0.13.0 says: the mean TTFT of two seeds and of
/// another engine's one, lowest and highest, and the mean TPOT.
pub struct Open {
    pub name: &'static str,
    pub pool: Pool,
    pub poisson: bool,
    pub share: f64,
    pub ttft: [f64; 2],
    pub tpot: f64,
    /// Ours may leave their range of TTFT by so many percent: near saturation a single seed says little.
    pub within: f64,
}

pub fn cases() -> Vec<Open> {
    let (capped, wide) = (tp8(12), tp8(256));
    let open = |name, pool: &Pool, poisson, share, ttft, tpot, within| {
        let pool = pool.clone();
        Open { name, pool, poisson, share, ttft, tpot, within }
    };
    vec![
        open("TP8, batch 12", &capped, true, 0.5, [107.0, 115.0], 6.19, 3.0),
        open("TP8, batch 12", &capped, true, 0.8, [354.0, 391.0], 6.93, 20.0),
        open("TP8, batch 12", &capped, true, 0.95, [1866.0, 2530.0], 7.28, 30.0),
        open("TP8, batch 256", &wide, true, 0.8, [109.0, 110.0], 7.03, 2.0),
        open("TP8, batch 256", &wide, true, 0.95, [112.0, 114.0], 7.53, 2.0),
        open("TP8, batch 12", &capped, false, 0.95, [95.0, 95.0], 7.37, 1.0),
    ]
}

impl Open {
    /// Mean TTFT and TPOT of 8000 requests, without the first 800, over some seeds.
    pub fn means(&self, seeds: u64) -> [f64; 2] {
        let rate = RequestsPerSecond::new(CLOSED_LOOP_RATE * self.share).unwrap();
        let arrivals = if self.poisson { Arrivals::Poisson(rate) } else { Arrivals::Constant(rate) };
        let [prompt, output] = lengths(0.0);
        let traffic = Traffic { requests: count(8000), prompt, output, arrivals };
        let topology = Topology::Aggregated(self.pool.clone());
        let trials: Vec<Vec<ServedRequest>> =
            (1..=seeds).map(|seed| trial(&topology, &traffic, seed).unwrap()).collect();
        let counted = || trials.iter().flat_map(|served| &served[800..]);
        [mean(counted().map(|served| served.first - served.start)), mean(counted().map(tpot))]
    }

    pub fn agrees(&self, [ttft, tpot]: [f64; 2]) -> bool {
        let share = self.within / 100.0;
        let range = self.ttft[0] * (1.0 - share)..=self.ttft[1] * (1.0 + share);
        range.contains(&ttft) && (tpot / self.tpot - 1.0).abs() <= 0.01
    }
}
