//! When the requests of a load come.

use super::random::Random;
use super::traffic::{Arrivals, Traffic};

/// Who sends the requests of a load.
#[derive(Debug)]
pub(super) struct Clients {
    arrivals: Arrivals,
    chance: Random,
    /// Requests still to be sent.
    left: u32,
    /// Users, or requests of an open loop, that have come.
    come: u32,
    /// When the next of these comes.
    next: Option<f64>,
    /// Users who were answered and ask again at once.
    back: u32,
}

impl Clients {
    pub fn new(traffic: &Traffic, chance: Random) -> Self {
        Self { arrivals: traffic.arrivals, chance, left: traffic.requests.get(), come: 0, next: Some(0.0), back: 0 }
    }

    /// When the next request comes, as far as that is known; `now` where somebody has asked already.
    pub fn next(&self, now: f64) -> Option<f64> {
        match (self.left, self.back) {
            (0, _) => None,
            (_, 0) => self.next,
            _ => Some(now),
        }
    }

    /// The next request is sent.
    pub fn send(&mut self) {
        self.left = self.left.saturating_sub(1);
        match self.back.checked_sub(1) {
            Some(back) => self.back = back,
            None => self.come(),
        }
    }

    fn come(&mut self) {
        self.come += 1;
        self.next = match self.arrivals {
            Arrivals::ClosedLoop { concurrency, .. } if self.come >= concurrency.get() => None,
            Arrivals::ClosedLoop { concurrency, ramp } => {
                Some(ramp.get() * f64::from(self.come) / f64::from(concurrency.get()))
            }
            Arrivals::Poisson(rate) => self.next.map(|last| last + self.chance.exponential() / rate.get() * 1000.0),
            // Counted, so that rounding does not add up.
            Arrivals::Constant(rate) => Some(f64::from(self.come) / rate.get() * 1000.0),
        };
    }

    /// So many requests were answered.
    pub fn answered(&mut self, requests: usize) {
        if matches!(self.arrivals, Arrivals::ClosedLoop { .. }) {
            self.back += requests as u32;
        }
    }
}
