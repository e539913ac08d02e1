//! The audit: every rule with a level that passes, one at the limit and one that fails; every sample with its codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use bcmp::api::EvidenceCode::*;
use bcmp::api::{Decimal, Evidence, EvidenceCode, Severity};
use bcmp::measurement::audit::{EvidenceLimits, Expectation, across, audit, rejected};
use bcmp::measurement::formats::aiperf::{self, NO_RECORDS};
use bcmp::measurement::formats::genai_perf;
use bcmp::measurement::{Distribution, Measurement, Metric};
use bcmp::offline::results::{FoundTrial, read_trials};
use bcmp::units::{Milliseconds, TokensPerSecond};
use rstest::rstest;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

fn open(path: &Path) -> BufReader<File> {
    BufReader::new(File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A run of AIPerf: with records where the fixture has all of them.
fn aiperf_run(run: &str) -> Measurement {
    let directory = fixture("aiperf").join(run);
    let summary = open(&directory.join(aiperf::SUMMARY_FILE));
    let records = directory.join(aiperf::RECORDS_FILE);
    match records.exists() && !run.starts_with("isl4000") {
        true => aiperf::read(summary, Some(open(&records)), None).unwrap(),
        false => aiperf::read(summary, NO_RECORDS, None).unwrap(),
    }
}

fn genai_perf_run(file: &str) -> Measurement {
    genai_perf::read(open(&fixture("genai-perf").join(file))).unwrap()
}

fn expectation(model: &str, input: u32, output: u32, concurrency: u32) -> Expectation {
    Expectation { model: model.into(), input_tokens: input, output_tokens: output, concurrency }
}

fn limits() -> EvidenceLimits {
    EvidenceLimits::parse(&Evidence::default()).unwrap()
}

/// Codes that reject, then codes that warn.
fn codes(level: &Measurement, expected: &Expectation) -> (Vec<EvidenceCode>, Vec<EvidenceCode>) {
    let findings = audit(level, expected, &limits());
    let with = |severity| findings.iter().filter(|f| f.severity == severity).map(|f| f.code).collect();
    assert!(findings.iter().all(|finding| finding.message.chars().count() <= 300), "{findings:?}");
    (with(Severity::Reject), with(Severity::Warn))
}

#[test]
fn a_good_level_passes() {
    let level = aiperf_run("clean");
    let findings = audit(&level, &expectation("mock/tiny", 400, 60, 4), &limits());
    assert_eq!(findings, [], "{level:#?}");
    assert!(!rejected(&findings));
}

#[rstest]
#[case::c10("agg-baseline-c10.json", 10, &[NotStreaming, TooFewRequests, OutputLengthMismatch])]
#[case::c250("aic-agg-c250.json", 250, &[NotStreaming, TooFewRequests, OutputLengthMismatch])]
fn the_guides_own_runs_are_rejected(#[case] file: &str, #[case] concurrency: u32, #[case] rejecting: &[EvidenceCode]) {
    let found = codes(&genai_perf_run(file), &expectation("Qwen/Qwen3-32B", 4000, 500, concurrency));
    assert_eq!(found, (rejecting.to_vec(), vec![ErrorRate, PrefixCacheHits, RampIncluded]));
}

const QWEN: &str = "mock-qwen";

#[rstest]
#[case::clean("clean", expectation("mock/tiny", 400, 60, 4), &[], &[])]
#[case::aiperf_0_10("versions/0.10.0", expectation("mock/tiny", 400, 60, 4), &[], &[PrefixCacheHits])]
#[case::aiperf_0_4("versions/0.4.0", expectation("mock/tiny", 400, 60, 4), &[], &[PrefixCacheHits])]
#[case::drained("warmup/drained", expectation("m", 174, 60, 12), &[], &[PrefixCacheHits])]
#[case::ramp("warmup/ramp", expectation("m", 174, 60, 12), &[], &[PrefixCacheHits])]
#[case::seamless("warmup/seamless", expectation("m", 174, 60, 12), &[], &[PrefixCacheHits])]
#[case::words_for_tokens("warmup/drained", expectation("m", 200, 60, 12), &[InputLengthMismatch], &[PrefixCacheHits])]
#[case::c1("isl4000-osl500/concurrency_1", expectation(QWEN, 4000, 500, 1), &[PrefixCacheHits], &[RampIncluded])]
#[case::c2("isl4000-osl500/concurrency_2", expectation(QWEN, 4000, 500, 2), &[PrefixCacheHits], &[RampIncluded])]
#[case::c5("isl4000-osl500/concurrency_5", expectation(QWEN, 4000, 500, 5), &[PrefixCacheHits], &[RampIncluded])]
#[case::c10("isl4000-osl500/concurrency_10", expectation(QWEN, 4000, 500, 10), &[PrefixCacheHits], &[RampIncluded])]
#[case::c50("concurrency50-500req", expectation(QWEN, 4000, 500, 50), &[ConcurrencyNotReached, ClientSaturated], &[RampIncluded])]
#[case::interrupted("failures/cancel-INT", expectation(QWEN, 128, 200, 2), &[Incomplete, Cancelled, PrefixCacheHits], &[RampIncluded])]
#[case::timeouts("failures/partial", expectation(QWEN, 200, 12, 4), &[ErrorRate, OutputLengthMismatch], &[])]
#[case::threshold("failures/thresh", expectation(QWEN, 200, 12, 4),
    &[Incomplete, Cancelled, ErrorRate, TooFewRequests, OutputLengthMismatch, PrefixCacheHits], &[RampIncluded])]
#[case::sw1_trial1_c1("sweeps/sw1/profile_runs/trial_0001/concurrency_1", expectation(QWEN, 512, 40, 1), &[PrefixCacheHits], &[])]
#[case::sw1_trial1_c2("sweeps/sw1/profile_runs/trial_0001/concurrency_2", expectation(QWEN, 512, 40, 2), &[PrefixCacheHits], &[])]
#[case::sw1_trial2_c1("sweeps/sw1/profile_runs/trial_0002/concurrency_1", expectation(QWEN, 512, 40, 1), &[PrefixCacheHits], &[])]
#[case::sw1_trial2_c2("sweeps/sw1/profile_runs/trial_0002/concurrency_2", expectation(QWEN, 512, 40, 2), &[PrefixCacheHits], &[])]
#[case::sw2_c1("sweeps/sw2/concurrency_1", expectation(QWEN, 512, 40, 1), &[], &[])]
#[case::sw2_c2("sweeps/sw2/concurrency_2", expectation(QWEN, 512, 40, 2), &[], &[])]
#[case::sw2_c4("sweeps/sw2/concurrency_4", expectation(QWEN, 512, 40, 4), &[TooFewRequests], &[RampIncluded])]
#[case::sw3_run1("sweeps/sw3/profile_runs/run_0001", expectation(QWEN, 512, 40, 2), &[], &[])]
#[case::sw3_run2("sweeps/sw3/profile_runs/run_0002", expectation(QWEN, 512, 40, 2), &[], &[])]
#[case::sp20_c1("sweeps/sp20/concurrency_1", expectation(QWEN, 512, 40, 1), &[NotStreaming, ConcurrencyNotReached, ClientSaturated], &[])]
#[case::sp20_c4("sweeps/sp20/concurrency_4", expectation(QWEN, 512, 40, 4), &[ConcurrencyNotReached, ClientSaturated], &[])]
#[case::bust_trial1_c2("sweeps/cachebust-varyseed/profile_runs/trial_0001/concurrency_2", expectation(QWEN, 512, 40, 2),
    &[NotStreaming, ConcurrencyNotReached, ClientSaturated], &[])]
#[case::bust_trial1_c4("sweeps/cachebust-varyseed/profile_runs/trial_0001/concurrency_4", expectation(QWEN, 512, 40, 4), &[TooFewRequests, ClientSaturated], &[RampIncluded])]
#[case::bust_trial2_c2("sweeps/cachebust-varyseed/profile_runs/trial_0002/concurrency_2", expectation(QWEN, 512, 40, 2), &[ConcurrencyNotReached], &[])]
#[case::bust_trial2_c4("sweeps/cachebust-varyseed/profile_runs/trial_0002/concurrency_4", expectation(QWEN, 512, 40, 4),
    &[TooFewRequests, ClientSaturated], &[RampIncluded])]
fn each_sample_has_its_codes(
    #[case] run: &str,
    #[case] expected: Expectation,
    #[case] rejecting: &[EvidenceCode],
    #[case] warning: &[EvidenceCode],
) {
    assert_eq!(codes(&aiperf_run(run), &expected), (rejecting.to_vec(), warning.to_vec()));
}

/// What a clean level of 4 users, 64 requests, 400 and 60 tokens is found guilty of after one change.
fn found_after(change: fn(&mut Measurement)) -> Vec<EvidenceCode> {
    let mut level = aiperf_run("clean");
    change(&mut level);
    let findings = audit(&level, &expectation("mock/tiny", 400, 60, 4), &limits());
    findings.into_iter().map(|finding| finding.code).collect()
}

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

fn in_one_piece(level: &mut Measurement, later: f64) {
    let ttft = level.ttft.unwrap();
    level.request_latency = Some(Distribution { mean: ms(ttft.mean.get() + later), ..ttft });
}

fn tokens_per_second(level: &mut Measurement, factor: f64) {
    let product = level.requests_per_second.unwrap().get() * level.facts.output_tokens.unwrap();
    level.output_tokens_per_second = Some(TokensPerSecond::new(product * factor).unwrap());
}

#[rstest]
#[case::told_so(|l: &mut Measurement| l.facts.streaming = None, &[])]
#[case::not_asked_for(|l: &mut Measurement| l.facts.streaming = Some(false), &[NotStreaming])]
#[case::no_time_per_token(|l: &mut Measurement| l.tpot = None, &[NotStreaming])]
#[case::one_piece(|l: &mut Measurement| in_one_piece(l, 0.0), &[NotStreaming])]
#[case::nearly_one_piece(|l: &mut Measurement| in_one_piece(l, 0.1), &[])]
fn not_streaming(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::silent(|l: &mut Measurement| (l.facts.complete, l.facts.cancelled) = (None, None), &[])]
#[case::complete(|l: &mut Measurement| (l.facts.complete, l.facts.cancelled) = (Some(true), Some(false)), &[])]
#[case::incomplete(|l: &mut Measurement| l.facts.complete = Some(false), &[Incomplete])]
#[case::cancelled(|l: &mut Measurement| l.facts.cancelled = Some(true), &[Cancelled])]
fn the_tools_own_marks(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::not_reported(|l: &mut Measurement| l.errors = None, &[ErrorRate])]
#[case::none(|l: &mut Measurement| l.errors = Some(0), &[])]
#[case::one_percent(|l: &mut Measurement| (l.requests, l.errors) = (99, Some(1)), &[])]
#[case::more(|l: &mut Measurement| (l.requests, l.errors) = (98, Some(1)), &[ErrorRate])]
fn error_rate(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::three_each(|l: &mut Measurement| l.requests = 12, &[])]
#[case::fewer(|l: &mut Measurement| l.requests = 11, &[TooFewRequests])]
#[case::of_a_summary(|l: &mut Measurement| (l.requests, l.counted) = (12, None), &[RampIncluded])]
#[case::fewer_of_a_summary(|l: &mut Measurement| (l.requests, l.counted) = (11, None), &[TooFewRequests, RampIncluded])]
#[case::failed_ones_were_sent_too(|l: &mut Measurement| (l.requests, l.errors) = (11, Some(1)), &[ErrorRate])]
#[case::still_too_few(|l: &mut Measurement| (l.requests, l.errors) = (10, Some(1)), &[ErrorRate, TooFewRequests])]
#[case::none(|l: &mut Measurement| l.requests = 0, &[TooFewRequests])]
fn too_few_requests(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::two_percent_short(|l: &mut Measurement| { l.facts.output_tokens = Some(58.8); tokens_per_second(l, 1.0) }, &[])]
#[case::shorter(|l: &mut Measurement| { l.facts.output_tokens = Some(58.7); tokens_per_second(l, 1.0) }, &[OutputLengthMismatch])]
#[case::longer(|l: &mut Measurement| { l.facts.output_tokens = Some(61.3); tokens_per_second(l, 1.0) }, &[OutputLengthMismatch])]
#[case::two_percent_short_in(|l: &mut Measurement| l.facts.input_tokens = Some(392.0), &[])]
#[case::shorter_in(|l: &mut Measurement| l.facts.input_tokens = Some(391.9), &[InputLengthMismatch])]
#[case::chat_template(|l: &mut Measurement| l.facts.input_tokens = Some(528.0), &[])]
#[case::more_than_a_template(|l: &mut Measurement| l.facts.input_tokens = Some(528.1), &[InputLengthMismatch])]
fn lengths(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

/// 0.95 × 4 = 3.8 over the requests that count; over a whole trial 3.8 × 64 ÷ (64 + 4) = 3.576.
#[rstest]
#[case::at_the_limit(|l: &mut Measurement| l.facts.effective_concurrency = Some(3.81), &[])]
#[case::below(|l: &mut Measurement| l.facts.effective_concurrency = Some(3.79), &[ConcurrencyNotReached])]
#[case::of_a_summary(|l: &mut Measurement| (l.facts.effective_concurrency, l.counted) = (Some(3.577), None), &[RampIncluded])]
#[case::below_of_a_summary(|l: &mut Measurement| (l.facts.effective_concurrency, l.counted) = (Some(3.576), None),
    &[ConcurrencyNotReached, RampIncluded])]
#[case::unknown(|l: &mut Measurement| l.facts.effective_concurrency = None, &[])]
#[case::another_level(|l: &mut Measurement| l.concurrency = 5, &[ConcurrencyNotReached])]
fn concurrency_not_reached(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::at_the_limit(|l: &mut Measurement| l.facts.client_wait_percent = Some(5.0), &[])]
#[case::above(|l: &mut Measurement| l.facts.client_wait_percent = Some(5.1), &[ClientSaturated])]
#[case::unknown(|l: &mut Measurement| l.facts.client_wait_percent = None, &[])]
fn client_saturated(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

fn cached(level: &mut Measurement, percent: Option<f64>, tokens: Option<f64>) {
    (level.facts.cached_prompt_percent, level.facts.cached_prompt_tokens) = (percent, tokens);
}

#[rstest]
#[case::two_percent(|l: &mut Measurement| cached(l, Some(2.0), Some(80.0)), &[])]
#[case::a_template(|l: &mut Measurement| cached(l, Some(16.0), Some(64.0)), &[])]
#[case::both_exceeded(|l: &mut Measurement| cached(l, Some(16.1), Some(64.1)), &[PrefixCacheHits])]
#[case::only_percent_known(|l: &mut Measurement| cached(l, Some(2.1), None), &[PrefixCacheHits])]
#[case::only_tokens_known(|l: &mut Measurement| cached(l, None, Some(65.0)), &[PrefixCacheHits])]
#[case::unknown(|l: &mut Measurement| cached(l, None, None), &[PrefixCacheHits])]
fn prefix_cache_hits(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[test]
fn unreported_caching_only_warns() {
    let mut level = aiperf_run("clean");
    cached(&mut level, None, None);
    let expected = expectation("mock/tiny", 400, 60, 4);
    assert_eq!(codes(&level, &expected), (vec![], vec![PrefixCacheHits]));
    cached(&mut level, Some(50.0), Some(200.0));
    assert_eq!(codes(&level, &expected), (vec![PrefixCacheHits], vec![]));
}

#[rstest]
#[case::rounding(|l: &mut Measurement| tokens_per_second(l, 1.049), &[])]
#[case::too_many(|l: &mut Measurement| tokens_per_second(l, 1.051), &[ThroughputInconsistent])]
#[case::too_few(|l: &mut Measurement| tokens_per_second(l, 0.949), &[ThroughputInconsistent])]
#[case::as_many_as_users(|l: &mut Measurement| l.facts.effective_concurrency = Some(4.2), &[])]
#[case::more_than_users(|l: &mut Measurement| l.facts.effective_concurrency = Some(4.21), &[ThroughputInconsistent])]
fn throughput_inconsistent(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::unnamed(|l: &mut Measurement| l.facts.model = None, &[ModelMismatch])]
#[case::another(|l: &mut Measurement| l.facts.model = Some("mock/other".into()), &[ModelMismatch])]
#[case::several(|l: &mut Measurement| l.facts.model = Some("mock/tiny, mock/other".into()), &[ModelMismatch])]
fn model_mismatch(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::ttft(|l: &mut Measurement| l.ttft = None, &[MissingMetric])]
#[case::latency(|l: &mut Measurement| l.request_latency = None, &[MissingMetric])]
#[case::throughput(|l: &mut Measurement| l.output_tokens_per_second = None, &[MissingMetric])]
#[case::requests(|l: &mut Measurement| l.requests_per_second = None, &[MissingMetric])]
#[case::output_length(|l: &mut Measurement| l.facts.output_tokens = None, &[MissingMetric])]
#[case::input_length(|l: &mut Measurement| l.facts.input_tokens = None, &[MissingMetric])]
#[case::goodput_is_optional(|l: &mut Measurement| l.good_requests_percent = None, &[])]
#[case::nan(|l: &mut Measurement| { l.ttft = None; l.facts.not_finite = vec![Metric::Ttft] }, &[NotFinite])]
#[case::nan_per_token(|l: &mut Measurement| { l.tpot = None; l.facts.not_finite = vec![Metric::Tpot] }, &[NotFinite])]
#[case::no_time_at_all(|l: &mut Measurement| l.tpot = l.tpot.and_then(|d| d.map(|_| Milliseconds::new(1e-25).ok())), &[NotPlausible])]
#[case::years(|l: &mut Measurement| l.ttft = l.ttft.and_then(|d| d.map(|_| Milliseconds::new(1e25).ok())), &[NotPlausible])]
fn missing_not_finite_or_absurd(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case::summary(|l: &mut Measurement| l.counted = None, &[RampIncluded])]
#[case::steady(|l: &mut Measurement| l.facts.unsteadiness_percent = Some(-10.0), &[])]
#[case::slowing(|l: &mut Measurement| l.facts.unsteadiness_percent = Some(-10.1), &[NotSteady])]
#[case::quickening(|l: &mut Measurement| l.facts.unsteadiness_percent = Some(10.1), &[NotSteady])]
fn warnings(#[case] change: fn(&mut Measurement), #[case] codes: &[EvidenceCode]) {
    assert_eq!(found_after(change), codes);
}

#[rstest]
#[case("maximumErrorPercent", Evidence { maximum_error_percent: Decimal::new("-1"), ..Evidence::default() })]
#[case("lengthTolerancePercent", Evidence { length_tolerance_percent: Decimal::new("two"), ..Evidence::default() })]
fn limits_name_the_field_that_is_wrong(#[case] field: &str, #[case] evidence: Evidence) {
    let error = EvidenceLimits::parse(&evidence).unwrap_err();
    assert_eq!(error.field, field);
    assert!(error.to_string().starts_with(&format!("spec.evidence.{field}: found `")), "{error}");
}

#[test]
fn limits_come_from_the_spec() {
    let evidence = Evidence { maximum_error_percent: Decimal::new("2.5"), length_tolerance_percent: Decimal::new("0") };
    let limits = EvidenceLimits::parse(&evidence).unwrap();
    let findings = audit(&aiperf_run("clean"), &expectation("mock/tiny", 411, 61, 4), &limits);
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [OutputLengthMismatch]);
}

fn with_throughput(factor: f64) -> Measurement {
    let mut level = aiperf_run("clean");
    tokens_per_second(&mut level, factor);
    level
}

#[rstest]
#[case::none(&[], &[])]
#[case::one(&[1.0], &[])]
#[case::alike(&[1.0, 1.0, 1.0], &[])]
#[case::five_percent(&[0.965, 1.035], &[])]
#[case::more(&[0.964, 1.036], &[HighVariance])]
fn trials_of_a_level_scatter_little(#[case] factors: &[f64], #[case] codes: &[EvidenceCode]) {
    let runs: Vec<_> = factors.iter().map(|factor| with_throughput(*factor)).collect();
    let findings = across::scatter(&runs.iter().collect::<Vec<_>>());
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes);
}

#[test]
fn trials_may_scatter_in_time_per_token_too() {
    let (one, mut other) = (with_throughput(1.0), with_throughput(1.0));
    let tpot = other.tpot.unwrap();
    other.tpot = Some(Distribution { mean: ms(tpot.mean.get() * 1.2), ..tpot });
    let findings = across::scatter(&[&one, &other]);
    assert!(findings.unwrap().message.contains("TPOT by 12.9 %"));
}

#[rstest]
#[case::none(&[], None)]
#[case::one(&[("baseline", 4011.0)], None)]
#[case::one_percent(&[("baseline", 4000.0), ("optimized", 4040.0)], None)]
#[case::more(&[("baseline", 4000.0), ("middle", 4020.0), ("optimized", 4041.0)], Some(InputLengthMismatch))]
fn variants_get_the_same_prompts(#[case] lengths: &[(&str, f64)], #[case] code: Option<EvidenceCode>) {
    assert_eq!(across::input_lengths(lengths).map(|finding| finding.code), code);
}

#[rstest]
#[case(0, None)]
#[case(1, Some(SingleDeployment))]
#[case(2, None)]
fn one_deployment_is_not_many(#[case] count: usize, #[case] code: Option<EvidenceCode>) {
    assert_eq!(across::deployments(count).map(|finding| finding.code), code);
}

/// Model, input and output tokens of the runs below a directory of the samples.
const SAMPLES: &[(&str, &str, u32, u32)] = &[
    ("aiperf/clean", "mock/tiny", 400, 60),
    ("aiperf/versions", "mock/tiny", 400, 60),
    ("aiperf/warmup", "m", 174, 60),
    ("aiperf/isl4000-osl500", QWEN, 4000, 500),
    ("aiperf/concurrency50-500req", QWEN, 4000, 500),
    ("aiperf/failures/cancel", QWEN, 128, 200),
    ("aiperf/failures", QWEN, 200, 12),
    ("aiperf/sweeps", QWEN, 512, 40),
    ("genai-perf", "Qwen/Qwen3-32B", 4000, 500),
];

fn of_sample(path: &str, concurrency: u32) -> Expectation {
    let (_, model, input, output) = SAMPLES.iter().find(|(start, ..)| path.starts_with(start)).unwrap();
    expectation(model, *input, *output, concurrency)
}

/// All samples as a person who has the directory reads them: found, read with whatever lies beside, audited.
#[test]
fn every_sample_directory_is_read_as_a_person_would() {
    let root = fixture("");
    let mut lines = vec![];
    let mut add = |directory: &str, run: FoundTrial| {
        let path = format!("{directory}/{}", run.path.display());
        let found = match &run.outcome {
            Ok(level) => {
                let (rejecting, warning) = codes(level, &of_sample(&path, level.concurrency));
                format!("c = {}, rejected for {rejecting:?}, warned of {warning:?}", level.concurrency)
            }
            Err(error) => error.to_string().replace(&root.display().to_string(), ""),
        };
        lines.push(format!("{path}\n    {found}"));
    };
    read_trials(&fixture("aiperf"), None).unwrap().into_iter().for_each(|run| add("aiperf", run));
    for file in ["agg-baseline-c10.json", "aic-agg-c250.json"] {
        // The files were given names of their own: each is named itself.
        read_trials(&fixture("genai-perf").join(file), None)
            .unwrap()
            .into_iter()
            .for_each(|run| add("genai-perf", run));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
