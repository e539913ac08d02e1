//! Counts, and physical quantities as types: finite, non-negative, one unit each.

use serde::{Deserialize, Serialize};

/// A number of things in the API: GPUs, tokens, requests, trials, seconds. The schema of the CRD says `int32`, at least 0,
/// because Kubernetes knows no unsigned integers; see [`count`].
pub type Count = u32;

/// A count that an `int32` has room for; one that is larger becomes the largest.
pub fn count(number: impl TryInto<Count>) -> Count {
    number.try_into().map_or(MOST, |number: Count| number.min(MOST))
}

/// The largest `int32`.
const MOST: Count = i32::MAX.unsigned_abs();

/// A number that is NaN, infinite or negative where a quantity was expected.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a finite, non-negative number")]
pub struct NotAQuantity(pub f64);

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Wraps a finite, non-negative number.
            pub fn new(value: f64) -> Result<Self, NotAQuantity> {
                if value.is_finite() && value >= 0.0 { Ok(Self(value)) } else { Err(NotAQuantity(value)) }
            }

            /// The number in this unit.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = NotAQuantity;
            fn try_from(value: f64) -> Result<Self, NotAQuantity> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> f64 {
                quantity.0
            }
        }
    };
}

quantity! {
    /// Milliseconds.
    Milliseconds
}
quantity! {
    /// Tokens per second.
    TokensPerSecond
}
quantity! {
    /// Requests per second.
    RequestsPerSecond
}
quantity! {
    /// Percent, not signed.
    Percent
}

/// What a request, or a statistic over requests, has to stay within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyLimits {
    /// Time to first token.
    pub ttft: Milliseconds,
    /// Time per output token after the first.
    pub tpot: Milliseconds,
    /// From sending to the last token, where it is limited.
    pub request_latency: Option<Milliseconds>,
    /// Share of requests that have to meet all limits at once, 0…1, where that is asked for.
    pub good_share: Option<f64>,
    /// Share of requests that have to meet each limit, where a percentile is held against it.
    pub shares: LimitShares,
}

/// Shares of requests, 0…1, that have to meet a limit of their own; none where a mean is held against it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimitShares {
    pub ttft: Option<f64>,
    pub tpot: Option<f64>,
    pub request_latency: Option<f64>,
}

impl LatencyLimits {
    /// Whatever a request takes, it keeps them.
    pub const NONE: Self = Self {
        ttft: Milliseconds(f64::MAX),
        tpot: Milliseconds(f64::MAX),
        request_latency: None,
        good_share: None,
        shares: LimitShares { ttft: None, tpot: None, request_latency: None },
    };

    /// Of TTFT and TPOT alone.
    pub const fn of(ttft: Milliseconds, tpot: Milliseconds) -> Self {
        Self { ttft, tpot, ..Self::NONE }
    }
}
