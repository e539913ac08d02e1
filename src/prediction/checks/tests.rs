use rstest::rstest;

use super::*;
use crate::prediction::{CurvePoint, Serving, Workers};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

#[rstest]
#[case::one_prompt_fits(4000, Some(4512), false, 12, 4000)]
#[case::two_prompts_fit(4000, Some(8010), false, 12, 8000)]
#[case::but_only_one_is_there(4000, Some(8010), false, 1, 4000)]
#[case::none_fits(4000, Some(2048), false, 12, 4000)]
#[case::chunks(4000, Some(2048), true, 12, 2048)]
#[case::chunks_of_all_there_is(4000, Some(100_000), true, 3, 12_000)]
#[case::limit_unknown(4000, None, true, 3, 4000)]
fn context_tokens_of_a_step(
    #[case] input: u32,
    #[case] limit: Option<u32>,
    #[case] chunked: bool,
    #[case] concurrency: u32,
    #[case] expected: u32,
) {
    assert_eq!(context_tokens(input, limit, chunked, concurrency), expected);
}

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

fn workers(tensor: u32, replicas: u32, batch: u32, tokens: u32) -> Workers {
    Workers { max_batch_size: Some(batch), max_num_tokens: Some(tokens), ..Workers::new(tensor, 1, replicas) }
}

/// The guide's row: TP8 with 12 concurrent requests.
fn row() -> Row {
    Row {
        serving: Serving::Aggregated { workers: Workers { max_batch_size: Some(12), ..Workers::new(8, 1, 1) } },
        gpus: 8,
        concurrency: 12,
        ttft: ms(347.435),
        tpot: ms(6.568),
        request_latency: ms(3624.956),
        request_rate: RequestsPerSecond::new(3.2007).unwrap(),
        advertised_tokens_per_second_per_gpu: TokensPerSecond::new(199.644).unwrap(),
        num_tokens: Some(8010),
        context_tokens: Some(8000),
        input_tokens: 4000,
        output_tokens: 500,
        weights: Some("bfloat16".into()),
        kv_cache: Some("bfloat16".into()),
        backend: Some("trtllm".into()),
        inclusive_tpot: None,
        database_version: Some("1.3.0rc20".into()),
    }
}

fn shape(serving: Serving) -> Shape {
    Shape {
        gpus: serving.gpus(),
        serving,
        weights: None,
        kv_cache: None,
        image: None,
        speculation: None,
        prefix_caching: None,
        context_length: None,
    }
}

fn deployed(workers: Workers) -> Shape {
    shape(Serving::Aggregated { workers })
}

fn found(checked: &Checked<'_>) -> Vec<String> {
    let findings = check(checked);
    assert!(findings.iter().all(|finding| finding.message.chars().count() <= 300), "{findings:?}");
    assert!(findings.iter().all(|finding| !finding.rejects()), "{findings:?}");
    findings.into_iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

fn row_and_shape(row: &Row, shape: &Shape) -> Vec<String> {
    found(&Checked { row: Some(row), shape: Some(shape), input_tokens: 4000, ..Checked::default() })
}

#[test]
fn the_guide_s_row_needs_more_than_the_engine_allows() {
    let found = row_and_shape(&row(), &deployed(workers(8, 1, 12, 4512)));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("ClaimNotDeployable: the claim (TP8, 12 concurrent requests"), "{found:?}");
    assert!(found[0].contains("needs 8010 tokens in a step, but the deployed engine allows max_num_tokens 4512"));
}

#[rstest]
#[case::as_advertised(deployed(workers(8, 1, 12, 8010)), &[])]
#[case::two_replicas(deployed(workers(8, 2, 12, 8010)), &[])]
#[case::larger_batch(deployed(workers(8, 1, 64, 8010)), &[])]
#[case::smaller_batch(deployed(workers(8, 1, 8, 8010)), &["NotTheDeployedShape: the claim has a batch of 12, but the deployed engine allows 8"])]
#[case::other_parallelism(deployed(workers(4, 2, 12, 8010)), &["NotTheDeployedShape: the claim is for TP8, but 2 × TP4 is deployed"])]
#[case::unknown_limits(deployed(Workers::new(8, 1, 1)), &[])]
#[case::prompts_do_not_fit(deployed(Workers { max_num_tokens: Some(3000), ..Workers::new(4, 1, 2) }), &[
    "ClaimNotDeployable: the claim (TP8, 12 concurrent requests: TTFT 347.4 ms, TPOT 6.57 ms) needs 8010 tokens in a step, but the deployed engine allows max_num_tokens 3000: the deployment will not behave as advertised; the estimate is for the deployed limit",
    "NotTheDeployedShape: the claim is for TP8, but 2 × TP4 is deployed",
    "ClaimNotDeployable: prompts of 4000 tokens do not fit into a step of max_num_tokens 3000, so the engine will refuse them: raise max_num_tokens or enable chunked prefill",
])]
fn a_row_is_compared_with_what_is_deployed(#[case] shape: Shape, #[case] expected: &[&str]) {
    assert_eq!(row_and_shape(&row(), &shape), expected);
}

#[rstest]
#[case::once((2, 1), (2, 1), Some(1))]
#[case::twice((2, 1), (4, 2), Some(2))]
#[case::other_ratio((2, 1), (4, 1), None)]
#[case::fraction((2, 1), (3, 1), None)]
#[case::fewer((2, 2), (1, 1), None)]
fn replicas_of_disaggregated_rows(
    #[case] row: (u32, u32),
    #[case] deployed: (u32, u32),
    #[case] expected: Option<u32>,
) {
    let serving = |(prefill, decode)| Serving::Disaggregated {
        prefill: Workers::new(2, 1, prefill),
        decode: Workers::new(4, 1, decode),
    };
    assert_eq!(replicas_deployed(&serving(row), &serving(deployed)), expected);
    let aggregated = Serving::Aggregated { workers: Workers::new(4, 1, 1) };
    assert_eq!(replicas_deployed(&serving(row), &aggregated), None);
}

#[rstest]
// 12 ÷ 3.624956 s = 3.310 requests/s.
#[case::as_it_was(3.2007, 8000, None)]
#[case::just_within(2.83, 8000, None)]
#[case::beyond(2.80, 8000, Some("-15 %"))]
#[case::partial_prompts_are_coarser(2.80, 2048, None)]
#[case::even_for_them(2.60, 2048, Some("-21 %"))]
#[case::above(3.9, 8000, Some("+18 %"))]
fn a_row_must_agree_with_itself(#[case] rate: f64, #[case] context: u32, #[case] expected: Option<&str>) {
    let row = Row {
        request_rate: RequestsPerSecond::new(rate).unwrap(),
        context_tokens: Some(context),
        num_tokens: None,
        ..row()
    };
    let found = found(&Checked { row: Some(&row), ..Checked::default() });
    match expected {
        None => assert_eq!(found, Vec::<String>::new()),
        Some(off) => assert!(found[0].starts_with("PredictionInconsistent: ") && found[0].contains(off), "{found:?}"),
    }
}

#[test]
fn the_worst_estimate_of_a_curve_is_named() {
    let point = |concurrency: u32, off: f64| {
        let (ttft, tpot) = (100.0, 10.0);
        let rate = f64::from(concurrency) / ((ttft + tpot * 99.0) / 1000.0) * off;
        CurvePoint { concurrency, ttft: ms(ttft), tpot: ms(tpot), request_rate: RequestsPerSecond::new(rate).unwrap() }
    };
    let curve =
        |offs: [f64; 3]| Curve::new(vec![point(1, offs[0]), point(2, offs[1]), point(4, offs[2])], 1, 1, 100).unwrap();
    let checked = |curve: &Curve| found(&Checked { curve: Some(curve), input_tokens: 100, ..Checked::default() });
    assert_eq!(checked(&curve([1.0, 1.14, 0.86])), Vec::<String>::new());
    let found = checked(&curve([1.2, 1.0, 0.7]));
    assert_eq!(
        found,
        ["PredictionInconsistent: 2 of 3 estimates have a throughput that contradicts their own latencies; \
          the worst, at 4 concurrent requests in a replica, is -30 % off"]
    );
}

#[rstest]
#[case::same("bfloat16", "bfloat16", Some("BF16"), None, &[])]
#[case::names_of_16_bits("float16", "float16", Some("bfloat16"), Some("half"), &[])]
#[case::kinds_of_fp8("fp8_block", "fp8", Some("FP8"), Some("fp8_e4m3"), &[])]
#[case::unknown_is_no_mismatch("fp8_block", "fp8", None, None, &[])]
#[case::weights("fp8_block", "fp8", Some("bfloat16"), None, &["QuantizationMismatch: the prediction assumes weights of type fp8_block, but bfloat16 is deployed"])]
#[case::both("fp8_block", "fp8", Some("bfloat16"), Some("bfloat16"), &["QuantizationMismatch: the prediction assumes weights of type fp8_block, but bfloat16 is deployed, and a KV cache of type fp8, but bfloat16 is deployed"])]
fn types_are_compared(
    #[case] weights: &str,
    #[case] kv_cache: &str,
    #[case] deployed_weights: Option<&str>,
    #[case] deployed_kv_cache: Option<&str>,
    #[case] expected: &[&str],
) {
    let shape = Shape {
        weights: deployed_weights.map(str::to_owned),
        kv_cache: deployed_kv_cache.map(str::to_owned),
        ..deployed(workers(8, 1, 12, 8010))
    };
    let (weights, kv_cache) = (Some(weights.to_owned()), Some(kv_cache.to_owned()));
    let origin = PredictionOrigin { weights, kv_cache, ..PredictionOrigin::default() };
    assert_eq!(found(&Checked { shape: Some(&shape), origin: Some(&origin), ..Checked::default() }), expected);
}

#[rstest]
#[case::candidates_of_one_release("1.3.0rc20", "1.3.0rc23", false)]
#[case::patch("0.5.14", "0.5.16", false)]
#[case::another_release("1.3.0rc20", "1.1.0rc5", true)]
#[case::not_a_version("latest", "1.1.0rc5", false)]
fn database_and_engine_are_compared(#[case] database: &str, #[case] engine: &str, #[case] expected: bool) {
    let (database_version, engine_version) = (Some(database.to_owned()), Some(engine.to_owned()));
    let origin = PredictionOrigin { database_version, engine_version, ..PredictionOrigin::default() };
    let found = found(&Checked { origin: Some(&origin), ..Checked::default() });
    assert_eq!(!found.is_empty(), expected, "{found:?}");
}
