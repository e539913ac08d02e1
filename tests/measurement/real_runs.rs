//! Small runs that the load tools themselves made against a mock server: 4 users, 40 requests of 400 and 60 tokens, TTFT
//! at least 70 ms and about 6 ms for each token after the first.

use bcmp::measurement::Measurement;
use bcmp::offline::results::read_trials;
use rstest::rstest;

use super::{fixture, rounded};

fn only(path: &str) -> Measurement {
    let mut trials = read_trials(&fixture(path), None).unwrap();
    assert_eq!(trials.len(), 1, "{path}");
    trials.remove(0).outcome.unwrap_or_else(|error| panic!("{error}"))
}

/// TTFT and time per token as the tool printed them, failed requests, tokens of an answer, and requests whose start is known.
#[rstest]
#[case::aiperf_0_1_1("aiperf/versions/0.1.1", "aiperf before 0.4", 83.302, 5.933, Some(0), 61.0, None)]
#[case::aiperf_0_2_0("aiperf/versions/0.2.0", "aiperf before 0.4", 82.859, 6.111, Some(0), 61.0, Some(32))]
#[case::aiperf_0_3_0("aiperf/versions/0.3.0", "aiperf before 0.4", 82.752, 5.903, Some(0), 61.0, Some(32))]
#[case::aiperf_0_5("aiperf/versions/0.5.0", "aiperf 0.5.0", 117.042, 5.438, Some(0), 60.0, Some(32))]
#[case::aiperf_0_6("aiperf/versions/0.6.0.post1", "aiperf 0.6.0.post1", 108.993, 5.567, Some(0), 60.0, Some(32))]
#[case::aiperf_0_7("aiperf/versions/0.7.0", "aiperf 0.7.0", 79.781, 5.979, Some(0), 60.0, Some(32))]
#[case::aiperf_0_8("aiperf/versions/0.8.0", "aiperf 0.8.0", 84.681, 6.004, Some(0), 60.0, Some(32))]
#[case::aiperf_0_9("aiperf/versions/0.9.0", "aiperf 0.9.0", 81.486, 5.929, Some(0), 60.0, Some(32))]
#[case::aiperf_0_11("aiperf/versions/0.11.0", "aiperf 0.11.0", 78.684, 5.967, Some(0), 60.0, Some(32))]
#[case::aiperf_0_12("aiperf/versions/0.12.0", "aiperf 0.12.0", 80.185, 5.961, Some(0), 60.0, Some(32))]
#[case::genai_perf_0_0_11(
    "genai-perf/0.0.11/profile_export_genai_perf.json",
    "genai-perf",
    96.489,
    5.760,
    None,
    61.0,
    None
)]
#[case::genai_perf_0_0_16("genai-perf/0.0.16", "genai-perf", 85.048, 5.901, None, 61.0, None)]
#[case::guidellm_0_3_1("load-tools/real/guidellm-0.3.1.json", "guidellm", 176.495, 6.011, Some(0), 60.0, None)]
#[case::guidellm_0_8_1("load-tools/real/guidellm-0.8.1.json", "guidellm 0.8.1", 88.618, 6.041, Some(0), 60.0, None)]
#[case::inference_perf("load-tools/real/inference-perf-0.7.0", "inference-perf", 84.290, 5.914, Some(0), 60.0, None)]
#[case::sglang_0_5_9("load-tools/real/sglang-0.5.9.jsonl", "sglang bench_serving", 82.158, 5.992, None, 60.0, None)]
#[case::sglang_0_5_23("load-tools/real/sglang-0.5.23.jsonl", "sglang bench_serving", 80.933, 6.049, None, 60.0, None)]
#[case::vllm_without_starts(
    "load-tools/real/vllm-0.11.0-detailed.json",
    "vllm bench serve",
    87.187,
    6.011,
    Some(0),
    60.0,
    None
)]
#[case::vllm("load-tools/real/vllm-0.33.0.json", "vllm bench serve", 81.731, 6.019, Some(0), 60.0, None)]
#[case::vllm_detailed(
    "load-tools/real/vllm-0.33.0-detailed.json",
    "vllm bench serve",
    82.862,
    6.047,
    Some(0),
    60.0,
    Some(32)
)]
fn a_run_of_the_tool_itself_is_read(
    #[case] path: &str,
    #[case] tool: &str,
    #[case] ttft: f64,
    #[case] tpot: f64,
    #[case] errors: Option<u32>,
    #[case] output_tokens: f64,
    #[case] counted: Option<u32>,
) {
    let level = only(path);
    let mean = |of: Option<bcmp::measurement::Distribution>| of.map(|of| rounded(of.mean.get(), 3));
    assert_eq!((level.tool.as_str(), level.concurrency, level.requests, level.errors), (tool, 4, 40, errors));
    assert_eq!((mean(level.ttft), mean(level.tpot)), (Some(ttft), Some(tpot)));
    assert_eq!(level.counted.map(|of| of.requests), counted);
    let facts = &level.facts;
    assert_eq!(facts.output_tokens, Some(output_tokens));
    // Some mocks count the eleven tokens of the chat template, as servers do.
    assert!((399.0..=411.5).contains(&facts.input_tokens.unwrap()), "{facts:?}");
    assert!((level.request_latency.unwrap().mean.get() - (ttft + tpot * (output_tokens - 1.0))).abs() < 8.0);
    assert!(facts.not_finite.is_empty() && facts.requests_unknown.is_none(), "{facts:?}");
}
