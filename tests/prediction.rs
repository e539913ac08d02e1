//! Real output of AIConfigurator, all layouts, → what is claimed for a whole deployment.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use bcmp::api::ServingMode::{self, Aggregated, Best, Disaggregated};
use bcmp::api::{ClaimPredictor, EvidenceCode};
use bcmp::files::{TreeLimits, read_text_tree};
use bcmp::prediction::given::{CheckedClaim, given_claim};
use bcmp::prediction::{
    Files, PickError, Picked, Prediction, Serving, Shape, Wanted, Workers, pick, predict_from_output, read_shape,
};
use bcmp::units::{LatencyLimits, Milliseconds};
use rstest::rstest;

fn fixture(sample: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiconfigurator").join(sample)
}

fn files(sample: &str) -> Files {
    read_text_tree(&fixture(sample), TreeLimits::default(), |path| path.ends_with(".csv") || path.ends_with(".yaml"))
        .unwrap()
}

fn limits(ttft: f64, tpot: f64) -> Option<LatencyLimits> {
    let ms = |value| Milliseconds::new(value).unwrap();
    Some(LatencyLimits::of(ms(ttft), ms(tpot)))
}

fn wanted(serving_mode: ServingMode, rank: usize) -> Wanted<'static> {
    Wanted {
        serving_mode,
        rank,
        limits: limits(500.0, 7.0),
        input_tokens: 4000,
        output_tokens: 500,
        gpus: 8,
        like: None,
    }
}

/// The claim on eight GPUs as one line: parallelism of a replica × replicas, concurrent requests, TTFT, TPOT, tokens
/// per second and GPU as advertised.
fn line(picked: &Picked) -> String {
    let row = &picked.row;
    let replicas = row.replicas_on(8);
    let claim = row.claim(replicas);
    let point = claim.advertised();
    let gpus = row.gpus * replicas;
    format!(
        "{replicas} × [{}] {gpus} GPUs, c {}: {} ms, {} ms, {} tok/s/GPU; {} {}, db {}",
        row.serving.describe(),
        claim.concurrency,
        point.ttft.get(),
        point.tpot.get(),
        point.tokens_per_second_per_gpu.get(),
        row.weights.as_deref().unwrap_or("?"),
        row.kv_cache.as_deref().unwrap_or("?"),
        row.database_version.as_deref().unwrap_or("?"),
    )
}

#[rstest]
#[case::v0_1_1(
    "0.1.1-pypi",
    Aggregated,
    1,
    "1 × [TP8] 8 GPUs, c 8: 135.761 ms, 6.76 ms, 132.463 tok/s/GPU; fp8_block fp8, db 0.20.0"
)]
#[case::v0_2_0(
    "0.2.0-pypi",
    Aggregated,
    1,
    "1 × [TP8] 8 GPUs, c 12: 135.327 ms, 6.836 ms, 196.783 tok/s/GPU; fp8_block fp8, db 0.20.0"
)]
#[case::guide(
    "guide-snapshot-2025-10-02-db-1.0.0rc3",
    Aggregated,
    1,
    "2 × [TP4] 8 GPUs, c 22: 189.941 ms, 6.986 ms, 339.508 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::guide_second(
    "guide-snapshot-2025-10-02-db-1.0.0rc3",
    Aggregated,
    2,
    "2 × [TP4] 8 GPUs, c 20: 197.095 ms, 6.573 ms, 323.367 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::guide_disagg(
    "guide-snapshot-2025-10-02-db-1.0.0rc3",
    Disaggregated,
    1,
    "1 × [2 × TP1 prefill + TP4 decode] 6 GPUs, c 24: 276.757 ms, 6.965 ms, 529.46 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::guide_best(
    "guide-snapshot-2025-10-02-db-1.0.0rc3",
    Best,
    1,
    "1 × [2 × TP1 prefill + TP4 decode] 6 GPUs, c 24: 276.757 ms, 6.965 ms, 529.46 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::v0_4_0(
    "0.4.0",
    Aggregated,
    1,
    "2 × [TP4] 8 GPUs, c 20: 429.381 ms, 6.602 ms, 320.307 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::v0_4_0_second(
    "0.4.0",
    Aggregated,
    2,
    "1 × [TP8] 8 GPUs, c 16: 314.607 ms, 6.417 ms, 276.563 tok/s/GPU; fp8_block fp8, db 1.0.0rc3"
)]
#[case::v0_8_0(
    "0.8.0",
    Aggregated,
    1,
    "1 × [TP8] 8 GPUs, c 12: 341.477 ms, 6.721 ms, 196.099 tok/s/GPU; float16 float16, db 1.2.0rc5"
)]
#[case::v0_8_0_second(
    "0.8.0",
    Aggregated,
    2,
    "2 × [TP4] 8 GPUs, c 2: 252.082 ms, 6.858 ms, 35.093 tok/s/GPU; float16 float16, db 1.2.0rc5"
)]
#[case::v0_12_0(
    "0.12.0-default",
    Aggregated,
    1,
    "1 × [TP8] 8 GPUs, c 12: 347.435 ms, 6.568 ms, 199.644 tok/s/GPU; bfloat16 bfloat16, db 1.3.0rc20"
)]
#[case::v0_12_0_best(
    "0.12.0-default",
    Best,
    1,
    "1 × [TP8] 8 GPUs, c 12: 347.435 ms, 6.568 ms, 199.644 tok/s/GPU; bfloat16 bfloat16, db 1.3.0rc20"
)]
#[case::strict(
    "0.12.0-strict-sla-namespace-image",
    Aggregated,
    2,
    "2 × [TP4] 8 GPUs, c 2: 247.665 ms, 6.914 ms, 34.843 tok/s/GPU; bfloat16 bfloat16, db 1.3.0rc20"
)]
#[case::dynamo_0_6(
    "0.12.0-dynamo-0.6.0-image-0.5.0",
    Aggregated,
    1,
    "1 × [TP8] 8 GPUs, c 12: 347.435 ms, 6.568 ms, 199.644 tok/s/GPU; bfloat16 bfloat16, db 1.3.0rc20"
)]
fn each_layout_s_claim(#[case] sample: &str, #[case] mode: ServingMode, #[case] rank: usize, #[case] expected: &str) {
    assert_eq!(line(&pick(&files(sample), &wanted(mode, rank)).unwrap()), expected);
}

/// What the guide calls the baseline's prediction is this row's, of another shape than the baseline's.
#[test]
fn the_guide_s_numbers_are_of_tp4() {
    let picked = pick(&files("guide-snapshot-2025-10-02-db-1.0.0rc3"), &wanted(Aggregated, 1)).unwrap();
    let point = picked.row.claim(2).advertised();
    assert_eq!(point.tokens_per_second_per_gpu.get(), 339.508);
    assert_eq!(format!("{:.2}", point.tokens_per_second_per_user()), "143.14");
}

/// The oldest versions say which throughput they found best: the row that is picked has it.
#[rstest]
#[case("0.1.1-pypi", Aggregated, "agg_actual_best_throughput")]
#[case("0.2.0-pypi", Aggregated, "agg_actual_best_throughput")]
#[case("guide-snapshot-2025-10-02-db-1.0.0rc3", Aggregated, "agg_actual_best_throughput")]
#[case("guide-snapshot-2025-10-02-db-1.0.0rc3", Disaggregated, "disagg_actual_best_throughput")]
fn the_pick_is_the_tool_s_own(#[case] sample: &str, #[case] mode: ServingMode, #[case] field: &str) {
    let json = read_text_tree(&fixture(sample), TreeLimits::default(), |path| path.ends_with("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(json.values().next().unwrap()).unwrap();
    let row = pick(&files(sample), &wanted(mode, 1)).unwrap().row;
    let used = f64::from(row.gpus * row.replicas_on(8)) / 8.0;
    let throughput = row.advertised_tokens_per_second_per_gpu.get() * used;
    assert!((throughput - result[field].as_f64().unwrap()).abs() < 0.001, "{throughput} {result}");
}

/// Aggregated rows count 499 of 500 tokens, disaggregated ones all; we always count all.
#[rstest]
#[case("0.12.0-default", Aggregated, 199.644 * 500.0 / 499.0)]
#[case("0.2.0-pypi", Aggregated, 196.783 * 500.0 / 499.0)]
#[case("guide-snapshot-2025-10-02-db-1.0.0rc3", Disaggregated, 529.46)]
fn every_output_token_counts(#[case] sample: &str, #[case] mode: ServingMode, #[case] expected: f64) {
    let claim = pick(&files(sample), &wanted(mode, 1)).unwrap().row.claim(1);
    let tokens = claim.point.tokens_per_second_per_gpu.get();
    assert!((tokens / expected - 1.0).abs() < 2e-6, "{tokens} for {expected}");
}

#[rstest]
#[case::topn("0.12.0-default", Aggregated, 1, "gpu: '8'")]
#[case::second("0.12.0-default", Aggregated, 2, "gpu: '4'")]
#[case::one_level_more("0.4.0", Aggregated, 1, "max_batch_size: 10")]
#[case::oldest("guide-snapshot-2025-10-02-db-1.0.0rc3", Disaggregated, 1, "TRTLLMPrefillWorker")]
fn manifests_belong_to_the_row(
    #[case] sample: &str,
    #[case] mode: ServingMode,
    #[case] rank: usize,
    #[case] expected: &str,
) {
    let manifests = pick(&files(sample), &wanted(mode, rank)).unwrap().manifests.unwrap();
    assert!(manifests.contains(expected), "{manifests}");
}

#[rstest]
#[case::never_written("0.1.1-pypi")]
#[case::second_best_of_the_oldest("guide-snapshot-2025-10-02-db-1.0.0rc3")]
fn manifests_may_be_absent(#[case] sample: &str) {
    assert_eq!(pick(&files(sample), &wanted(Aggregated, 2)).unwrap().manifests, None);
}

/// Rows that miss the SLA are in the ranking unless the tool was strict; one such row is no configuration.
#[rstest]
#[case::strict_leaves_one_newline(
    "0.12.0-sla-missed-strict",
    Aggregated,
    4.0,
    "no aggregated configuration of at most 8 GPUs meets TTFT ≤ 500 ms and TPOT ≤ 4 ms: relax spec.sla, allow more GPUs, or compare manifests of your own"
)]
#[case::nonstrict(
    "0.12.0-sla-missed-nonstrict",
    Aggregated,
    4.0,
    "no aggregated configuration of at most 8 GPUs meets TTFT ≤ 500 ms and TPOT ≤ 4 ms; the nearest, TP8, 3 concurrent requests: TTFT 175.7 ms, TPOT 5.20 ms, misses TPOT by 30 %: relax"
)]
#[case::strict_disagg(
    "0.12.0-strict-sla-namespace-image",
    Disaggregated,
    7.0,
    "no disaggregated configuration of at most 8 GPUs meets TTFT ≤ 500 ms and TPOT ≤ 7 ms: relax"
)]
#[case::nonstrict_disagg(
    "0.12.0-default",
    Disaggregated,
    7.0,
    "the nearest, 2 × TP2 prefill + TP4 decode, 7 concurrent requests: TTFT 436.9 ms, TPOT 7.99 ms, misses TPOT by 15 %"
)]
#[case::ttft_0_4(
    "0.4.0",
    Disaggregated,
    7.0,
    "the nearest, 4 × TP1 prefill + TP4 decode, 18 concurrent requests: TTFT 548.0 ms, TPOT 6.93 ms, misses TTFT by 10 %"
)]
#[case::oldest("0.1.1-pypi", Disaggregated, 7.0, "no disaggregated configuration of at most 8 GPUs")]
#[case::baseline_shape(
    "0.12.0-exp-baseline-tp1x8",
    Aggregated,
    7.0,
    "the nearest, TP1, 1 concurrent request: TTFT 718.9 ms, TPOT 18.77 ms, misses TTFT by 44 % and misses TPOT by 169 %"
)]
fn a_missed_sla_is_told_by_how_much(
    #[case] sample: &str,
    #[case] mode: ServingMode,
    #[case] tpot: f64,
    #[case] expected: &str,
) {
    let limits = limits(500.0, tpot);
    let error = pick(&files(sample), &Wanted { limits, ..wanted(mode, 1) }).unwrap_err();
    assert!(matches!(error, PickError::NoFeasibleConfiguration(_)), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

/// The column says 124; more than 73 would only queue (7.416 requests/s × 9.89 s).
#[test]
fn the_concurrency_of_a_disaggregated_row_is_what_it_carries() {
    let limits = limits(500.0, 20.0);
    let picked = pick(&files("0.12.0-default"), &Wanted { limits, ..wanted(Disaggregated, 1) }).unwrap();
    assert_eq!(picked.row.claim(1).concurrency, 73);
}

#[test]
fn an_experiment_of_the_user_s_is_found_whatever_its_name() {
    let limits = limits(1e5, 1e3);
    let picked = pick(&files("0.12.0-exp-baseline-tp1x8"), &Wanted { limits, ..wanted(Aggregated, 1) }).unwrap();
    assert_eq!(
        line(&picked),
        "8 × [TP1] 8 GPUs, c 448: 1591.666 ms, 74.401 ms, 732.072 tok/s/GPU; bfloat16 bfloat16, db 1.3.0rc20"
    );
    assert_eq!(picked.others.len(), 30);
}

#[test]
fn a_rank_beyond_the_ranking_is_refused() {
    let error = pick(&files("0.12.0-default"), &wanted(Aggregated, 3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no rank 3: only 2 aggregated configurations meet the SLA. Set the rank to 2 or lower"
    );
}

#[test]
fn another_workload_is_refused() {
    let error = pick(&files("0.12.0-default"), &Wanted { output_tokens: 1000, ..wanted(Aggregated, 1) }).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("is for 4000 input and 500 output tokens, the workload has 4000 and 1000: run"), "{said}");
}

#[test]
fn several_runs_are_named_and_none_is_taken() {
    let both: Files = ["0.12.0-default", "0.4.0"]
        .iter()
        .flat_map(|sample| files(sample).into_iter().map(move |(path, text)| (format!("{sample}/{path}"), text)))
        .collect();
    let error = pick(&both, &wanted(Aggregated, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "holds the output of 2 calls of the predictor: give the directory of one of them, \
         0.12.0-default/Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249, \
         0.4.0/QWEN3_32B_isl4000_osl500_ttft500_tpot7_131420"
    );
}

#[test]
fn a_run_directory_itself_and_one_ranking_of_it_will_do() {
    let all = files("0.12.0-default");
    let run = "Qwen/Qwen3-32B_h200_sxm_trtllm_isl4000_osl500_ttft500_tpot7_989249/";
    for prefix in [run.to_owned(), format!("{run}agg/")] {
        let below: Files = all
            .iter()
            .filter_map(|(path, text)| Some((path.strip_prefix(prefix.as_str())?.to_owned(), text.clone())))
            .collect();
        let picked = pick(&below, &wanted(Aggregated, 1)).unwrap();
        assert_eq!(picked.row.concurrency, 12, "below {prefix}");
        assert!(picked.manifests.is_some(), "below {prefix}");
    }
}

#[test]
fn a_naive_configuration_predicts_nothing() {
    let error = pick(&files("0.12.0-generate-naive-baseline"), &wanted(Aggregated, 1)).unwrap_err();
    assert!(matches!(error, PickError::NotFound { .. }), "{error}");
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let path = "agg/best_config_topn.csv";
    let (_, text) = files("0.4.0").into_iter().find(|(name, _)| name.ends_with(path)).unwrap();
    let turned = text.lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",")).collect::<Vec<_>>();
    let read = |text: &str| pick(&Files::from([(path.to_owned(), text.to_owned())]), &wanted(Aggregated, 1)).unwrap();
    assert_eq!(read(&turned.join("\n")), read(&text));
}

#[rstest]
#[case::not_finite("6.568", "nan", "agg/best_config_topn.csv: line 2, column tpot: `nan` is not a finite number")]
#[case::text("6.568", "fast", "line 2, column tpot: `fast` is not a finite number")]
#[case::negative("6.568", "-6.568", "column tpot: -6.568 is not a finite, non-negative number")]
#[case::absent(",tpot,", ",other,", "no column tpot, or an empty cell in it")]
#[case::no_gpus(",8,8,1,", ",0,8,1,", "column num_total_gpus is missing, empty or 0")]
#[case::short_line(",bfloat16,", ",", "agg/best_config_topn.csv: CSV error")]
fn an_unreadable_cell_is_named(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let path = "agg/best_config_topn.csv";
    let (_, text) = files("0.12.0-default").into_iter().find(|(name, _)| name.ends_with(path)).unwrap();
    assert!(text.contains(from));
    let broken = Files::from([(path.to_owned(), text.replacen(from, to, 1))]);
    let error = pick(&broken, &wanted(Aggregated, 1)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn deployed(picked: &Picked, gpus: u32) -> Shape {
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(picked.manifests.as_deref().unwrap()).unwrap();
    read_shape(&objects, gpus, None).unwrap()
}

/// Everything pinned to the baseline's shape: the rows beside the best are the baseline's curve, where they are near each
/// other.
#[test]
fn the_rows_of_a_pinned_experiment_are_its_curve() {
    let limits = limits(1e5, 1e3);
    let picked = pick(&files("0.12.0-exp-baseline-tp1x8"), &Wanted { limits, ..wanted(Aggregated, 1) }).unwrap();
    let prediction = predict_from_output(&picked, Some(&deployed(&picked, 8)), None, 8);
    let curve = prediction.curve.unwrap();
    assert_eq!((curve.end(), curve.covered()), (448, vec![1..=40, 128..=448]));
    // Rows that work on two prompts a step are left out: the engine's limit does not allow it.
    let points: Vec<u32> = curve.points().iter().map(|point| point.concurrency).collect();
    assert_eq!(points, [1, 3, 4, 5, 16, 20, 24, 28, 32, 40, 48, 56]);
    let level = curve.at(24).unwrap().point;
    assert_eq!((level.ttft.get(), level.tpot.get()), (759.882, 20.693));
    assert_eq!(prediction.findings, []);
}

#[test]
fn the_guide_s_row_is_claimed_but_not_deployed() {
    let picked = pick(&files("0.12.0-default"), &wanted(Aggregated, 1)).unwrap();
    let prediction = predict_from_output(&picked, Some(&deployed(&picked, 8)), None, 8);
    assert_eq!(prediction.claim.as_ref().unwrap().concurrency, 12);
    let codes: Vec<_> = prediction.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [EvidenceCode::ClaimNotDeployable]);
    let origin = prediction.origin.unwrap();
    assert_eq!(origin.database_version.as_deref(), Some("1.3.0rc20"));
}

/// The rows of one prompt a step, which is all the deployed engine does, are for 3, 4, 5, and then 96 … 512 requests. From
/// 5 and 96 twelve would be read as 8.78 ms, which the tool itself estimates as 7.12 ms.
#[test]
fn nothing_is_read_off_between_rows_that_are_far_apart() {
    let picked = pick(&files("0.12.0-default"), &wanted(Aggregated, 1)).unwrap();
    let deployed = deployed(&picked, 8);
    let curve = predict_from_output(&picked, Some(&deployed), None, 8).curve.unwrap();
    assert_eq!(curve.covered(), [3..=5]);
    // The engine holds 12, the rows end at 5: what lies above is not beyond capacity, it is not known.
    assert_eq!((curve.at(1), curve.at(12), curve.at(13)), (None, None, None));

    let Serving::Aggregated { workers } = deployed.serving.clone() else { panic!("{deployed:?}") };
    let workers = Workers { max_batch_size: Some(100), ..workers };
    let larger = Shape { serving: Serving::Aggregated { workers }, ..deployed };
    let curve = predict_from_output(&picked, Some(&larger), None, 8).curve.unwrap();
    assert_eq!(curve.covered(), [3..=5, 96..=100]);
    assert!(curve.at(101).unwrap().beyond_operating_point);
}

/// Up to 0.4 manifests hold one replica of the row, whatever the GPUs: the claim is for what is deployed.
#[rstest]
#[case("0.4.0", 1, 4, 10)]
#[case("0.12.0-default", 2, 8, 2)]
fn a_claim_is_for_the_replicas_that_are_deployed(
    #[case] sample: &str,
    #[case] rank: usize,
    #[case] gpus: u32,
    #[case] concurrency: u32,
) {
    let picked = pick(&files(sample), &wanted(Aggregated, rank)).unwrap();
    let prediction = predict_from_output(&picked, Some(&deployed(&picked, gpus)), None, 8);
    assert_eq!(prediction.claim.unwrap().concurrency, concurrency);
    let without_manifests = predict_from_output(&picked, None, None, 8).claim.unwrap();
    assert_eq!(without_manifests.concurrency, picked.row.concurrency * 2);
}

/// A deployment that holds more GPUs than the row counts is claimed by those held, as it is measured.
#[test]
fn a_claim_is_per_gpu_held() {
    let picked = pick(&files("0.12.0-default"), &wanted(Aggregated, 1)).unwrap();
    let of = |shape: Option<&Shape>, held| predict_from_output(&picked, shape, held, 8);
    let rate = |prediction: &Prediction| prediction.claim.as_ref().unwrap().point.tokens_per_second_per_gpu.get();
    let whole = of(Some(&deployed(&picked, 8)), None);
    // The manifests show their GPUs even where the engines in them cannot be read.
    for more in [of(Some(&Shape { gpus: 12, ..deployed(&picked, 8) }), None), of(None, Some(12))] {
        assert!((rate(&more) / rate(&whole) - 8.0 / 12.0).abs() < 1e-9, "{} {}", rate(&more), rate(&whole));
        let said = more
            .findings
            .iter()
            .filter(|finding| finding.message.starts_with("the claim is for 8 GPUs, and 12 are held"));
        assert_eq!(said.count(), 1, "{:?}", more.findings);
    }
}

/// The oldest versions assume FP8 for the model's name, whatever checkpoint is deployed.
#[test]
fn a_type_that_is_known_to_differ_is_told() {
    let picked = pick(&files("0.4.0"), &wanted(Aggregated, 1)).unwrap();
    let shape = Shape { weights: Some("bfloat16".into()), ..deployed(&picked, 4) };
    let prediction = predict_from_output(&picked, Some(&shape), None, 8);
    let codes: Vec<_> = prediction.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [EvidenceCode::ClaimNotDeployable, EvidenceCode::QuantizationMismatch]);
}

/// A ConfigMap has no directories: the files of one serving mode are its keys.
#[test]
fn a_ranking_is_a_claim_without_its_directories() {
    let all = files("0.12.0-default");
    let flat = all.iter().filter_map(|(path, text)| Some((path.rsplit_once("/agg/")?.1, text)));
    let flat: Files =
        flat.filter(|(name, _)| !name.contains('/')).map(|(name, text)| (name.to_owned(), text.clone())).collect();
    let picked = pick(&all, &wanted(Aggregated, 1)).unwrap();
    let shape = deployed(&picked, 8);
    let CheckedClaim { claim, .. } =
        given_claim(ClaimPredictor::Aiconfigurator, &flat, &wanted(Best, 1), Ok(&shape)).unwrap();
    assert_eq!((claim.concurrency, claim.predictor), (12, Some(ClaimPredictor::Aiconfigurator)));
    let unknown = given_claim(ClaimPredictor::Aiconfigurator, &flat, &wanted(Best, 1), Err("no engine")).unwrap_err();
    assert!(unknown.to_string().contains("(no engine): describe the engines in the variant's shape"), "{unknown}");
    let foreign = given_claim(ClaimPredictor::Aisimulate, &flat, &wanted(Best, 1), Ok(&shape)).unwrap_err();
    assert!(foreign.to_string().contains("set claim.predictor to AIConfigurator"), "{foreign}");
}
