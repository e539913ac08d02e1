//! What the predictor advertises.

use serde::{Deserialize, Serialize};

use crate::api::ClaimPredictor;
use crate::units::{Milliseconds, TokensPerSecond};

/// Latency and throughput of a whole deployment at one concurrency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatingPoint {
    /// Mean time to first token.
    pub ttft: Milliseconds,
    /// Mean time per output token after the first.
    pub tpot: Milliseconds,
    /// Output tokens per second ÷ GPUs held.
    pub tokens_per_second_per_gpu: TokensPerSecond,
}

impl OperatingPoint {
    /// 1000 ÷ TPOT; zero when TPOT is zero.
    pub fn tokens_per_second_per_user(&self) -> f64 {
        if self.tpot.get() > 0.0 { 1000.0 / self.tpot.get() } else { 0.0 }
    }
}

/// The row the predictor advertises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredictedClaim {
    /// Concurrent requests over the whole deployment.
    pub concurrency: u32,
    /// The advertised figures; tokens per second count every output token of a request, as measurements do.
    pub point: OperatingPoint,
    /// Tokens per second and GPU as the tool prints them. AIConfigurator counts one token of each request less in
    /// aggregated rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertised_tokens_per_second_per_gpu: Option<TokensPerSecond>,
    /// The predictor whose files were given (`variants[].claim`). Absent: the one that the estimate is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictor: Option<ClaimPredictor>,
}

impl PredictedClaim {
    /// The point with the figures the tool prints, for showing beside the tool's own output. Compare measurements
    /// with `point`.
    pub fn advertised(&self) -> OperatingPoint {
        let printed = self.advertised_tokens_per_second_per_gpu.unwrap_or(self.point.tokens_per_second_per_gpu);
        OperatingPoint { tokens_per_second_per_gpu: printed, ..self.point }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_shown_as_printed_and_compared_as_measured() {
        let tokens = |number| TokensPerSecond::new(number).unwrap();
        let point = OperatingPoint { tokens_per_second_per_gpu: tokens(200.044), ..OperatingPoint::default() };
        let advertised_tokens_per_second_per_gpu = Some(tokens(199.644));
        let claim = PredictedClaim { concurrency: 12, point, advertised_tokens_per_second_per_gpu, predictor: None };
        assert_eq!(claim.advertised().tokens_per_second_per_gpu, tokens(199.644));
        let unprinted = PredictedClaim { advertised_tokens_per_second_per_gpu: None, ..claim };
        assert_eq!(unprinted.advertised().tokens_per_second_per_gpu, tokens(200.044));
    }
}
