//! The predictor's figures for what is deployed, as the method needs them.

use crate::prediction::{Curve, Extent};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// The estimate of a variant at one level. Figures are means over requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// TTFT with the predictor's burst factor taken out; absent where that factor is not known (METHOD §2).
    pub ttft: Option<Milliseconds>,
    /// Time per output token after the first.
    pub tpot: Milliseconds,
    /// Over the whole deployment.
    pub requests_per_second: RequestsPerSecond,
    /// Output tokens per second and GPU held.
    pub tokens_per_second_per_gpu: TokensPerSecond,
}

impl Estimate {
    /// How long a request takes with so many under way, in seconds, by Little's law: beyond capacity too, where it waits.
    /// `None` where nothing is completed.
    pub fn latency_seconds(&self, concurrency: u32) -> Option<f64> {
        Some(f64::from(concurrency) / self.requests_per_second.get()).filter(|seconds| seconds.is_finite())
    }
}

/// The estimates of a variant: a curve over levels.
pub trait Estimates {
    /// At so many concurrent requests over the whole deployment; `None` where there is none.
    fn at(&self, concurrency: u32) -> Option<Estimate>;

    /// C: requests the deployment works on at once, where known. Beyond it, throughput and TPOT stay and requests queue.
    fn capacity(&self) -> Option<u32>;
}

impl Estimates for Curve {
    fn at(&self, concurrency: u32) -> Option<Estimate> {
        let level = Curve::at(self, concurrency)?;
        let tokens = level.point.tokens_per_second_per_gpu;
        let rate = tokens.get() * f64::from(self.gpus()) / f64::from(self.output_tokens());
        Some(Estimate {
            ttft: level.steady_ttft,
            tpot: level.point.tpot,
            requests_per_second: RequestsPerSecond::new(rate).ok()?,
            tokens_per_second_per_gpu: tokens,
        })
    }

    fn capacity(&self) -> Option<u32> {
        (self.extent() != Extent::Rows).then(|| self.end())
    }
}
