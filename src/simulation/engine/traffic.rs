//! What is asked of a deployment.

use std::num::NonZeroU32;

use super::random::Random;
use crate::units::{Milliseconds, Percent, RequestsPerSecond};

/// A load: how many requests, how long, and when they come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests in all.
    pub requests: NonZeroU32,
    /// Tokens of a prompt.
    pub prompt: Length,
    /// Tokens of an answer.
    pub output: Length,
    /// When requests come.
    pub arrivals: Arrivals,
}

/// When requests come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// Users who ask again as soon as they are answered.
    ClosedLoop {
        /// Concurrent requests.
        concurrency: NonZeroU32,
        /// Time over which the users come in, evenly; 0: all at once.
        ramp: Milliseconds,
    },
    /// Independently of each other and of the answers, at a mean rate.
    Poisson(RequestsPerSecond),
    /// Evenly.
    Constant(RequestsPerSecond),
}

/// How long prompts or answers are, in tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// All the same.
    Fixed(NonZeroU32),
    /// Log-normal, rounded, one token at least.
    LogNormal {
        /// Of the distribution before rounding.
        mean: NonZeroU32,
        /// Standard deviation ÷ mean.
        variation: Percent,
    },
}

impl Length {
    pub(super) fn draw(self, chance: &mut Random) -> NonZeroU32 {
        match self {
            Self::Fixed(tokens) => tokens,
            Self::LogNormal { mean, variation } => {
                let variance = (variation.get() / 100.0).powi(2).ln_1p();
                let tokens = f64::from(mean.get()) * (variance.sqrt() * chance.normal() - variance / 2.0).exp();
                // The cast saturates.
                NonZeroU32::new(tokens.round() as u32).unwrap_or(NonZeroU32::MIN)
            }
        }
    }
}
