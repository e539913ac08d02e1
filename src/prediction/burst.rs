//! The burst in a predictor's TTFT (METHOD §2).
//!
//! AIConfigurator multiplies the time of a prefill by a factor that stands for requests arriving together. In a steady state
//! they do not, so whether an SLA is kept is predicted by TTFT ÷ that factor. Where the factor is not known, TTFT is shown
//! and says nothing about outcomes.

use serde::{Deserialize, Serialize};

use super::serving::{Serving, Workers};

/// The factor in the TTFT of disaggregated estimates.
const DISAGGREGATED: f64 = 1.8;
/// The factor in aggregated ones is at least this, and grows with the steps that the prefills of a batch take.
const LEAST: f64 = 2.0;
const MOST: f64 = 4.0;
const STEPS_AT_LEAST: f64 = 3.0;
const STEPS_FOR_ONE: f64 = 20.0;

/// How large the burst in a TTFT is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Burst {
    /// It is not known.
    #[default]
    Unknown,
    /// There is none: the TTFT is fitted to a steady state.
    Steady,
    /// The same at any load.
    Constant { factor: f64 },
    /// By the steps that the prefills of the requests take that one of an engine's ranks works on at a time. A rank is a stage
    /// of its pipeline, or one of the groups that attend to their own requests.
    #[serde(rename_all = "camelCase")]
    Steps {
        input_tokens: u32,
        max_num_tokens: Option<u32>,
        chunked_prefill: bool,
        #[serde(default = "one")]
        ranks: u32,
    },
}

fn one() -> u32 {
    1
}

impl Burst {
    /// In AIConfigurator's estimates for an inference engine.
    pub fn of_aiconfigurator(backend: &str, serving: &Serving, input_tokens: u32) -> Self {
        match (serving, backend) {
            (Serving::Disaggregated { .. }, _) => Self::Constant { factor: DISAGGREGATED },
            (Serving::Aggregated { .. }, "vllm") => Self::Steady,
            (Serving::Aggregated { workers }, "trtllm" | "sglang") => {
                let &Workers { max_num_tokens, chunked_prefill, pipeline_parallel, data_parallel, .. } = workers;
                let ranks = pipeline_parallel.saturating_mul(data_parallel).max(1);
                Self::Steps { input_tokens, max_num_tokens, chunked_prefill, ranks }
            }
            (Serving::Aggregated { .. }, _) => Self::Unknown,
        }
    }

    /// f with so many requests in a replica; `None` where it is not known.
    pub fn factor(&self, concurrency: u32) -> Option<f64> {
        match *self {
            Self::Unknown => None,
            Self::Steady => Some(1.0),
            Self::Constant { factor } => Some(factor),
            Self::Steps { input_tokens, max_num_tokens, chunked_prefill, ranks } => {
                let batch = concurrency.div_ceil(ranks.max(1));
                let tokens = context_tokens(input_tokens, max_num_tokens, chunked_prefill, batch).max(1);
                let prompts = u64::from(input_tokens) * u64::from(batch);
                let steps = prompts.div_ceil(u64::from(tokens)) as f64;
                Some((LEAST + (steps - STEPS_AT_LEAST) / STEPS_FOR_ONE).min(MOST))
            }
        }
    }

    /// Whether nothing is known, as of curves that were stored without it.
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

/// Prompt tokens the engine works on in its fullest step with `concurrency` requests of `input_tokens` each.
///
/// Whole prompts only, as many as fit and at least one; with chunked prefill any part of them. Where the engine's
/// limit is not known, one prompt.
pub fn context_tokens(input_tokens: u32, max_num_tokens: Option<u32>, chunked_prefill: bool, concurrency: u32) -> u32 {
    let Some(limit) = max_num_tokens else { return input_tokens };
    if chunked_prefill {
        return limit.min(input_tokens.saturating_mul(concurrency)).max(1);
    }
    let prompts = (limit / input_tokens.max(1)).clamp(1, concurrency.max(1));
    input_tokens.saturating_mul(prompts)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn aggregated(max_num_tokens: u32) -> Serving {
        Serving::Aggregated { workers: Workers { max_num_tokens: Some(max_num_tokens), ..Workers::new(8, 1, 1) } }
    }

    /// 4000 tokens a prompt, one prompt a step: as many steps as requests.
    #[rstest]
    #[case("trtllm", 1, 1.9)]
    #[case("trtllm", 3, 2.0)]
    #[case("sglang", 12, 2.45)]
    #[case("trtllm", 100, 4.0)]
    #[case("vllm", 12, 1.0)]
    fn the_burst_grows_with_the_steps_of_prefills(
        #[case] backend: &str,
        #[case] concurrency: u32,
        #[case] factor: f64,
    ) {
        let burst = Burst::of_aiconfigurator(backend, &aggregated(4512), 4000);
        assert!((burst.factor(concurrency).unwrap() - factor).abs() < 1e-12, "{burst:?}");
    }

    /// Eight groups with eight requests each; two prompts of 4000 tokens fit in a step.
    #[rstest]
    #[case::of_one_group(1, 1, 8, 2.05)]
    #[case::of_eight_groups(1, 8, 64, 2.05)]
    #[case::of_two_stages(2, 1, 16, 2.05)]
    fn each_rank_has_steps_of_its_own(
        #[case] stages: u32,
        #[case] groups: u32,
        #[case] concurrency: u32,
        #[case] factor: f64,
    ) {
        let workers = Workers { max_num_tokens: Some(8192), data_parallel: groups, ..Workers::new(1, stages, 1) };
        let burst = Burst::of_aiconfigurator("trtllm", &Serving::Aggregated { workers }, 4000);
        assert!((burst.factor(concurrency).unwrap() - factor).abs() < 1e-12, "{burst:?}");
    }

    #[test]
    fn disaggregated_estimates_have_a_factor_of_their_own() {
        let serving = Serving::Disaggregated { prefill: Workers::new(2, 1, 2), decode: Workers::new(4, 1, 1) };
        assert_eq!(Burst::of_aiconfigurator("trtllm", &serving, 4000).factor(12), Some(1.8));
    }

    #[test]
    fn of_an_engine_that_is_not_known_nothing_is() {
        assert_eq!(Burst::of_aiconfigurator("mystery", &aggregated(4512), 4000).factor(12), None);
    }
}
