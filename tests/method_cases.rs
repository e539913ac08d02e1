//! Cases with a known truth, judged by `bcmp evaluate`: each was wrong in some way by an earlier version of the method.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use bcmp::api::{AtSlaKind, EvidenceCode, Figures, Kept, LevelStatus, Outcome, VariantStatus, Verdict, VerdictResult};
use flate2::read::GzDecoder;
use rstest::rstest;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/method-cases");

/// The answer of a case.
struct Answer {
    verdict: Verdict,
    variants: Vec<VariantStatus>,
}

impl Answer {
    /// Unpacks a case and judges it.
    fn of(case: &str) -> Self {
        let directory = unpacked(case);
        let root = directory.path().join(case);
        let names = if root.join("baseline").is_dir() { ["baseline", "optimized"] } else { ["old", "new"] };
        Self::by(case, &root, names.map(|name| (name, root.join(name))))
    }

    /// Judges a case by the results in these directories.
    fn by(case: &str, root: &Path, results: [(&str, PathBuf); 2]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bcmp"));
        command.args(["evaluate", "-o", "json", "-f"]).arg(PathBuf::from(FIXTURES).join(format!("{case}.yaml")));
        for (name, directory) in results {
            let of = |path: PathBuf| format!("{name}={}", path.display());
            command.arg("--results").arg(of(directory));
            let prediction = root.join("predicted.json");
            if prediction.is_file() {
                command.arg("--prediction").arg(of(prediction));
            }
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let answer: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{case}: {error}: {errors}"));
        Self {
            verdict: serde_json::from_value(answer["verdict"].clone()).unwrap(),
            variants: serde_json::from_value(answer["variants"].clone()).unwrap(),
        }
    }

    fn variant(&self, name: &str) -> &VariantStatus {
        self.variants.iter().find(|variant| variant.name == name).unwrap()
    }

    fn level(&self, name: &str, concurrency: u32) -> &LevelStatus {
        self.variant(name).levels.iter().find(|level| level.concurrency == concurrency).unwrap()
    }

    /// Throughput at the SLA, tokens/s/GPU.
    fn at_sla(&self, name: &str) -> (AtSlaKind, f64) {
        let at_sla = self.variant(name).at_sla.as_ref().unwrap();
        (at_sla.kind, number(at_sla.tokens_per_second_per_gpu.as_ref()))
    }

    /// The measured gain, percent.
    fn gain(&self) -> f64 {
        number(self.verdict.measured.gain_percent.as_ref())
    }
}

fn unpacked(case: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive = File::open(Path::new(FIXTURES).join(format!("{case}.tar.gz"))).unwrap();
    tar::Archive::new(GzDecoder::new(archive)).unpack(directory.path()).unwrap();
    directory
}

fn number(text: Option<&String>) -> f64 {
    let text = text.unwrap();
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn tpot(figures: &Figures) -> f64 {
    number(figures.tpot_milliseconds.as_ref())
}

fn tokens(figures: &Figures) -> f64 {
    number(figures.tokens_per_second_per_gpu.as_ref())
}

/// To so many percent.
fn is_near(value: f64, truth: f64, percent: f64) -> bool {
    (value / truth - 1.0).abs() <= percent / 100.0
}

/// Requests that end together, with the server to themselves at last, made throughput look up to two thirds too high.
#[test]
fn a_trial_that_drains_shows_the_steady_throughput() {
    let answer = Answer::of("drain");
    let mut compared = 0;
    for variant in &answer.variants {
        for level in &variant.levels {
            let (estimated, measured) =
                (&level.estimated.as_ref().unwrap().figures, &level.measured.as_ref().unwrap().figures);
            let said = format!("{} at {}: {measured:?}, in truth {estimated:?}", variant.name, level.concurrency);
            assert!(is_near(tpot(measured), tpot(estimated), 1.0), "{said}");
            assert!(is_near(tokens(measured), tokens(estimated), 1.0), "{said}");
            compared += 1;
        }
    }
    assert_eq!(compared, 16);
    let fullest = &answer.level("baseline", 250).measured.as_ref().unwrap().figures;
    assert!(is_near(tokens(fullest), 678.0, 1.0) && is_near(tpot(fullest), 44.6, 1.0), "{fullest:?}");
    let (kind, at_sla) = answer.at_sla("optimized");
    assert!(kind == AtSlaKind::Value && is_near(at_sla, 198.3, 0.5), "{kind} {at_sla}");
}

/// Capacities of 10 and 12 lie between the levels of the files, where throughput bends: read off a straight line, this was no
/// difference.
#[test]
fn two_more_places_in_the_batch_are_seen() {
    let answer = Answer::of("cap-10-12");
    assert_eq!(answer.verdict.measured.outcome, Outcome::CandidateBetter, "{}", answer.verdict.summary);
    assert!((answer.gain() - 13.5).abs() < 3.0, "{}", answer.verdict.summary);
}

/// Predicted and measured both miss the SLA; every predicted figure is three times too high.
#[test]
fn figures_that_are_all_wrong_confirm_nothing() {
    let answer = Answer::of("neither");
    assert_eq!(answer.verdict.measured.outcome, Outcome::NeitherMeetsSla, "{}", answer.verdict.summary);
    assert_eq!(answer.verdict.predicted.outcome, Outcome::NeitherMeetsSla);
    assert_eq!(answer.verdict.result, VerdictResult::DirectionOnly, "{}", answer.verdict.summary);
}

/// Predicted +4.9 %, measured about +5.7 %, with a margin of 5 % between them.
#[test]
fn a_prediction_a_hair_beside_the_margin_is_not_refuted() {
    let answer = Answer::of("margin-1.049-1.055");
    assert_ne!(answer.verdict.result, VerdictResult::Refuted, "{}", answer.verdict.summary);
}

/// The candidate meets the SLA at every level, with more than seven times what the baseline reaches at its end.
#[test]
fn a_candidate_that_never_misses_is_better_by_at_least_what_it_showed() {
    let answer = Answer::of("ceiling");
    assert_eq!(answer.verdict.measured.outcome, Outcome::CandidateBetter, "{}", answer.verdict.summary);
    assert!(answer.verdict.measured.at_least && answer.gain() > 620.0, "{}", answer.verdict.summary);
    assert_eq!(answer.at_sla("new").0, AtSlaKind::AtLeast);
}

/// Each reaches at least what it showed: what lies between the two is not known, in either direction.
#[test]
fn two_that_never_miss_have_no_gain() {
    let (case, directory) = ("ceiling", unpacked("ceiling"));
    let root = directory.path().join(case);
    let copy = root.join("copy");
    std::fs::create_dir(&copy).unwrap();
    let copied = Command::new("cp").arg("-r").arg(root.join("new")).arg(&copy).status().unwrap();
    assert!(copied.success());
    let answer = Answer::by(case, &root, [("old", copy), ("new", root.join("new"))]);
    let measured = &answer.verdict.measured;
    assert_eq!(measured.outcome, Outcome::Undetermined, "{}", answer.verdict.summary);
    assert_eq!((&measured.gain_percent, measured.at_least, &measured.interval), (&None, false, &None));
    assert!(answer.verdict.summary.contains("add higher ones to workload.concurrency"), "{}", answer.verdict.summary);
}

/// At the lowest level the 99th percentile is half its limit, and too few requests were sent to show it by counting alone.
#[test]
fn a_percentile_is_decided_where_both_throughputs_are_known() {
    let answer = Answer::of("p-p99");
    assert_eq!(answer.verdict.measured.outcome, Outcome::CandidateBetter, "{}", answer.verdict.summary);
    assert!((answer.gain() - 48.5).abs() < 6.0, "{}", answer.verdict.summary);
}

/// Throughput is largest at 8 concurrent requests and falls long before latency reaches its limit.
#[test]
fn the_most_within_the_sla_is_not_what_is_left_at_its_end() {
    let answer = Answer::of("fall");
    let (kind, at_sla) = answer.at_sla("old");
    assert!(kind == AtSlaKind::Value && is_near(at_sla, 1045.0, 1.0), "{kind} {at_sla}");
}

/// 1455 tokens/s/GPU are advertised; the estimate for what is deployed says 971, and so does the measurement.
#[test]
fn a_claim_is_missed_although_the_estimate_is_right() {
    let answer = Answer::of("claim");
    let new = answer.variant("new");
    let claim = new.claim.as_ref().unwrap();
    let error = number(claim.error_percent.as_ref().unwrap().tokens_per_second_per_gpu.as_ref());
    assert!((error + 33.0).abs() < 1.5, "{error}");
    assert_eq!(claim.kept, Kept::False);
    let estimate = &new.estimate.as_ref().unwrap().mean_error_percent;
    let means = [&estimate.tpot, &estimate.tokens_per_second_per_gpu].map(|mean| number(Some(mean)));
    assert!(means.iter().all(|mean| *mean < 2.0), "{means:?}");
    assert_eq!(answer.verdict.result, VerdictResult::DirectionOnly, "{}", answer.verdict.summary);
    assert!(answer.verdict.summary.contains("the claim is off by"), "{}", answer.verdict.summary);
}

/// Nothing in these files is rejected: they are what clean load tests leave behind.
#[rstest]
fn no_trial_of_a_case_is_rejected(
    #[values("drain", "cap-10-12", "neither", "margin-1.049-1.055", "ceiling", "p-p99", "fall", "claim")] case: &str,
) {
    for variant in Answer::of(case).variants {
        for level in &variant.levels {
            let codes: Vec<EvidenceCode> = level.evidence.reasons.iter().map(|finding| finding.code).collect();
            assert_eq!(level.evidence.rejected, 0, "{} at {}: {codes:?}", variant.name, level.concurrency);
        }
    }
}
