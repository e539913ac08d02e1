//! Records and predictions with a known truth.

use std::num::NonZeroU32;

use bcmp::api::{EvidenceCode, Finding, Role, Statistic};
use bcmp::judgement::rules::{AuditRules, Rules};
use bcmp::judgement::sla::SlaLimits;
use bcmp::judgement::{Case, Judgement, VariantEvidence, judge};
use bcmp::measurement::audit::EvidenceLimits;
use bcmp::measurement::record::{Purpose, SCHEMA_VERSION, Step, TrialRecord};
use bcmp::measurement::{Distribution, Facts, Measurement};
use bcmp::prediction::{Claim, Curve, CurvePoint, Prediction};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use jiff::Timestamp;

pub const GPUS: u32 = 8;
pub const OUTPUT_TOKENS: u32 = 100;
/// Scatter of five repetitions: ±1 %.
pub const CALM: [f64; 5] = [0.99, 0.995, 1.0, 1.005, 1.01];

pub fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

/// Limits of 100 ms, so that r × 100 is TPOT.
pub fn rules() -> Rules {
    Rules {
        limits: SlaLimits { ttft: ms(100.0), tpot: ms(100.0), statistic: Statistic::Mean },
        audit: AuditRules {
            model: "model".into(),
            input_tokens: 1000,
            output_tokens: OUTPUT_TOKENS,
            limits: EvidenceLimits { maximum_error_percent: 1.0, minimum_requests: 10, length_tolerance_percent: 2.0 },
        },
        margin_percent: 5.0,
        tolerance_percent: 20.0,
        decision_trials: 5,
        rounds: 1,
        gpu_hourly_cost: None,
    }
}

/// A run with a given r and tokens/s/GPU that nothing speaks against.
pub fn run(concurrency: u32, purpose: Purpose, repetition: u32, ratio: f64, tokens: f64) -> TrialRecord {
    let same = |value: f64| {
        Some(Distribution {
            mean: ms(value),
            p50: Some(ms(value)),
            p90: Some(ms(value)),
            p95: Some(ms(value)),
            p99: Some(ms(value)),
        })
    };
    let total = tokens * f64::from(GPUS);
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        step: Step {
            round: 1,
            concurrency,
            purpose,
            repetition,
            attempt: 1,
            requests: 20 * concurrency,
            warmup: 2 * concurrency,
            seed: 1,
            request_timeout_seconds: 600,
        },
        deployment: 1,
        pod_uid: "pod".into(),
        start_time: Timestamp::UNIX_EPOCH,
        completion_time: Timestamp::UNIX_EPOCH,
        measurement: Some(Measurement {
            tool: "aiperf 0.13.0".into(),
            concurrency,
            requests: 20 * concurrency,
            errors: Some(0),
            first_error: None,
            ttft: same(50.0 * ratio),
            tpot: same(100.0 * ratio),
            request_latency: same(10_000.0 * ratio),
            output_tokens_per_second: TokensPerSecond::new(total).ok(),
            requests_per_second: RequestsPerSecond::new(total / f64::from(OUTPUT_TOKENS)).ok(),
            good_requests_percent: None,
            facts: Facts {
                model: Some("model".into()),
                complete: Some(true),
                cancelled: Some(false),
                streaming: Some(true),
                input_tokens: Some(1000.0),
                output_tokens: Some(f64::from(OUTPUT_TOKENS)),
                effective_concurrency: Some(f64::from(concurrency)),
                client_wait_percent: Some(0.1),
                cached_prompt_percent: Some(0.0),
                cached_prompt_tokens: Some(0.0),
                warmup_requests: Some(2 * concurrency),
                windowed: true,
                window_drift_percent: Some(0.0),
                not_finite: vec![],
            },
        }),
        findings: vec![],
    }
}

/// A sweep whose throughput at the SLA is `tokens`, halfway (on a logarithmic scale) between 10 and 20 in flight,
/// with one repetition of the deciding levels for each factor.
pub fn sweep(tokens: f64, scatter: &[f64]) -> Vec<TrialRecord> {
    let mut records = vec![
        run(1, Purpose::Ladder, 1, 0.25, tokens / 8.0),
        run(10, Purpose::Ladder, 1, 0.5, tokens / 2.0),
        run(20, Purpose::Ladder, 1, 2.0, tokens * 2.0),
    ];
    for (repetition, factor) in (1..).zip(scatter) {
        records.push(run(10, Purpose::Decision, repetition, 0.5, tokens / 2.0 * factor));
        records.push(run(20, Purpose::Decision, repetition, 2.0, tokens * 2.0 * factor));
    }
    records.push(run(1, Purpose::Drift, 1, 0.25, tokens / 8.0));
    records
}

/// A ladder of single runs with these r, and decision runs of the lowest level.
pub fn misses(ratio: f64, scatter: &[f64]) -> Vec<TrialRecord> {
    let mut records = vec![run(1, Purpose::Ladder, 1, ratio, 10.0), run(10, Purpose::Ladder, 1, 2.0 * ratio, 20.0)];
    for (repetition, factor) in (1..).zip(scatter) {
        records.push(run(1, Purpose::Decision, repetition, ratio * factor, 10.0));
    }
    records
}

/// A curve with the same form as [`sweep`], for a throughput at the SLA of `tokens`.
pub fn curve(tokens: f64) -> Curve {
    let point = |in_flight, ratio: f64, tokens: f64| CurvePoint {
        in_flight,
        ttft: ms(50.0 * ratio),
        tpot: ms(100.0 * ratio),
        request_rate: RequestsPerSecond::new(tokens * f64::from(GPUS) / f64::from(OUTPUT_TOKENS)).unwrap(),
    };
    let points = vec![point(1, 0.25, tokens / 8.0), point(10, 0.5, tokens / 2.0), point(20, 2.0, tokens * 2.0)];
    Curve::new(points, 1, GPUS, OUTPUT_TOKENS).unwrap()
}

/// A curve that misses the SLA everywhere.
pub fn hopeless() -> Curve {
    let point = CurvePoint {
        in_flight: 1,
        ttft: ms(50.0),
        tpot: ms(300.0),
        request_rate: RequestsPerSecond::new(1.0).unwrap(),
    };
    Curve::new(vec![point], 1, GPUS, OUTPUT_TOKENS).unwrap()
}

pub fn predicted(curve: Curve) -> Option<Prediction> {
    Some(Prediction { curve: Some(curve), ..Prediction::default() })
}

/// A prediction with the advertised point at 10 in flight.
pub fn claimed(tokens: f64) -> Option<Prediction> {
    let curve = curve(tokens);
    let claim =
        Claim { concurrency: 10, point: curve.at(10).unwrap().point, advertised_tokens_per_second_per_gpu: None };
    Some(Prediction { curve: Some(curve), claim: Some(claim), ..Prediction::default() })
}

pub fn variant(name: &str, records: Vec<TrialRecord>, prediction: Option<Prediction>) -> VariantEvidence {
    VariantEvidence {
        name: name.into(),
        role: if name == "baseline" { Role::Baseline } else { Role::Candidate },
        gpus: NonZeroU32::new(GPUS).unwrap(),
        prediction,
        records,
        findings: vec![],
        failure: None,
    }
}

pub fn case(variants: Vec<VariantEvidence>) -> Case {
    Case::new(rules(), vec![1, 10, 20], variants).unwrap()
}

/// Baseline and candidate without predictions.
pub fn measured(baseline: Vec<TrialRecord>, candidate: Vec<TrialRecord>) -> Judgement {
    judge(&case(vec![variant("baseline", baseline, None), variant("optimized", candidate, None)]))
}

/// Rejects the runs that are chosen.
pub fn reject(mut records: Vec<TrialRecord>, chosen: impl Fn(&Step) -> bool) -> Vec<TrialRecord> {
    for record in records.iter_mut().filter(|record| chosen(&record.step)) {
        record.findings.push(Finding::new(EvidenceCode::ClientSaturated, "the client was too slow"));
    }
    records
}

pub fn has(findings: &[Finding], code: EvidenceCode) -> bool {
    findings.iter().any(|finding| finding.code == code)
}

/// Five rounds of one repetition each, as if every deployment had its own speed.
pub fn rounds(tokens: f64, speeds: &[f64]) -> Vec<TrialRecord> {
    let mut records = sweep(tokens, &[]);
    for (round, speed) in (1..).zip(speeds) {
        for (repetition, factor) in (1..).zip([0.999, 1.0, 1.001]) {
            for (level, ratio, share) in [(10, 0.5, 0.5), (20, 2.0, 2.0)] {
                let mut record = run(level, Purpose::Decision, repetition, ratio, tokens * share * speed * factor);
                (record.step.round, record.deployment) = (round, round);
                records.push(record);
            }
        }
    }
    records
}

pub fn three(tokens: [f64; 3]) -> Judgement {
    let names = ["baseline", "one", "two"];
    let variants = names.into_iter().zip(tokens).map(|(name, tokens)| variant(name, sweep(tokens, &CALM), None));
    judge(&case(variants.collect()))
}
