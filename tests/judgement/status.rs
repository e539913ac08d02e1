//! What the status shows.

use std::fmt::Write as _;

use bcmp::api::conditions::ConditionStatus;
use bcmp::api::{SlaState, Statistic};
use bcmp::judgement::rules::Rules;
use bcmp::judgement::sla::SlaLimits;
use bcmp::judgement::{Case, CaseError, VariantEvidence, judge, judge_rows};
use bcmp::measurement::record::{Purpose, TrialRecord};
use rstest::rstest;

use crate::support::*;

#[rstest]
#[case::kept(sweep(100.0, &CALM), ConditionStatus::True, "SlaMet", "2/2 meet")]
#[case::missed(misses(1.5, &CALM), ConditionStatus::False, "SlaMissed", "1/2 meet")]
#[case::marginal(misses(1.003, &CALM), ConditionStatus::Unknown, "NotKnown", "1/2 meet")]
#[case::nothing(vec![], ConditionStatus::Unknown, "NotKnown", "1/2 meet")]
fn whether_a_candidate_keeps_the_sla(
    #[case] candidate: Vec<TrialRecord>,
    #[case] status: ConditionStatus,
    #[case] reason: &str,
    #[case] column: &str,
) {
    let judgement = measured(sweep(100.0, &CALM), candidate);
    assert_eq!((judgement.sla_met.status, judgement.sla_met.reason.as_str()), (status, reason));
    assert_eq!(judgement.verdict.sla.as_deref(), Some(column));
}

#[rstest]
#[case::exactly_on_the_limit(1.0, SlaState::Marginal)]
#[case::three_percent_below(0.97, SlaState::Met)]
#[case::a_little_less_below(0.972, SlaState::Marginal)]
#[case::a_little_above(1.03, SlaState::Marginal)]
#[case::further_above(1.032, SlaState::Missed)]
fn one_run_is_sure_to_three_percent(#[case] ratio: f64, #[case] state: SlaState) {
    let mut records = sweep(100.0, &CALM);
    records.push(run(5, Purpose::Ladder, 1, ratio, 50.0));
    let judgement = measured(records, sweep(100.0, &CALM));
    let row = judgement.variants[0].levels.iter().find(|level| level.concurrency == 5).unwrap();
    assert_eq!(row.sla, Some(state));
}

#[test]
fn the_statistic_of_the_sla_is_what_counts() {
    let mut records = misses(0.5, &CALM);
    records.truncate(1);
    for record in &mut records {
        let measurement = record.measurement.as_mut().unwrap();
        measurement.requests = 1000;
        measurement.tpot.as_mut().unwrap().p99 = Some(ms(150.0));
    }
    let with = |statistic| {
        let limits = SlaLimits { statistic, ..rules().limits };
        let variants = vec![variant("baseline", records.clone(), None), variant("optimized", vec![], None)];
        judge(&Case::new(Rules { limits, ..rules() }, vec![], variants).unwrap()).variants[0].levels[0].sla
    };
    assert_eq!(with(Statistic::Mean), Some(SlaState::Met));
    assert_eq!(with(Statistic::P95), Some(SlaState::Met));
    assert_eq!(with(Statistic::P99), Some(SlaState::Missed));
}

#[test]
fn rows_of_a_run_under_way_conclude_nothing() {
    let mut first = variant("baseline", sweep(100.0, &CALM), claimed(100.0));
    first.records.truncate(2);
    let rows = judge_rows(&case(vec![first, variant("optimized", vec![], claimed(150.0))]));
    assert!(rows.iter().all(|variant| variant.at_sla.is_none() && variant.findings.is_empty()));
    let runs: Vec<u32> = rows[0].levels.iter().map(|level| level.runs).collect();
    assert_eq!(runs, [1, 1, 0]);
    let levels: Vec<(u32, bool)> = rows[1].levels.iter().map(|l| (l.concurrency, l.predicted.is_some())).collect();
    assert_eq!(levels, [(1, true), (10, true), (20, true)], "predictions stand there from the start");
}

#[test]
fn a_variant_as_the_status_shows_it() {
    let mut records = reject(sweep(150.0, &CALM), |step| step.purpose == Purpose::Ladder && step.concurrency == 20);
    for record in &mut records {
        record.measurement.as_mut().unwrap().facts.windowed = false;
    }
    let variants = vec![variant("baseline", sweep(100.0, &CALM), None), variant("optimized", records, claimed(140.0))];
    let judgement = judge(&case(variants));
    let shown = &judgement.variants[1];
    insta::assert_yaml_snapshot!(serde_json::json!({
        "levels": shown.levels,
        "claim": shown.claim,
        "findings": shown.findings,
        "atSla": shown.at_sla,
        "slaReason": shown.sla_reason,
        "verdict": judgement.verdict,
    }));
}

#[test]
fn summaries() {
    let calm = |tokens| sweep(tokens, &CALM);
    let cases: Vec<(&str, Vec<VariantEvidence>)> = vec![
        (
            "confirmed",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(150.0), claimed(150.0))],
        ),
        (
            "direction only",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(150.0), claimed(250.0))],
        ),
        (
            "refuted",
            vec![variant("baseline", calm(150.0), claimed(100.0)), variant("optimized", calm(100.0), claimed(150.0))],
        ),
        (
            "refuted, only one meets",
            vec![
                variant("baseline", calm(100.0), predicted(hopeless())),
                variant("optimized", misses(1.5, &CALM), claimed(150.0)),
            ],
        ),
        ("no difference", vec![variant("baseline", calm(100.0), None), variant("optimized", calm(101.0), None)]),
        (
            "single run",
            vec![variant("baseline", sweep(100.0, &[]), None), variant("optimized", sweep(150.0, &[]), None)],
        ),
        (
            "neither, single run",
            vec![variant("baseline", misses(1.5, &[]), None), variant("optimized", misses(1.5, &CALM), None)],
        ),
        (
            "only the candidate",
            vec![
                variant("baseline", misses(1.5, &CALM), predicted(hopeless())),
                variant("optimized", calm(150.0), claimed(150.0)),
            ],
        ),
        (
            "neither",
            vec![variant("baseline", misses(1.5, &CALM), None), variant("optimized", misses(1.2, &CALM), None)],
        ),
        (
            "undetermined",
            vec![variant("baseline", calm(100.0), claimed(100.0)), variant("optimized", calm(104.5), claimed(150.0))],
        ),
        (
            "lost",
            vec![
                variant("baseline", calm(100.0), None),
                variant("optimized", reject(calm(100.0), |s| s.concurrency == 20), None),
            ],
        ),
        ("nothing", vec![variant("baseline", vec![], None), variant("optimized", vec![], None)]),
        (
            "ceiling",
            vec![
                variant("baseline", calm(100.0), None),
                variant("optimized", vec![run(1, Purpose::Ladder, 1, 0.1, 9.0)], None),
            ],
        ),
        ("marginal", vec![variant("baseline", calm(100.0), None), variant("optimized", misses(1.003, &CALM), None)]),
        (
            "several",
            vec![
                variant("baseline", calm(100.0), None),
                variant("one", calm(110.0), None),
                variant("two", calm(150.0), None),
            ],
        ),
        (
            "several, no winner",
            vec![
                variant("baseline", calm(100.0), None),
                variant("one", calm(150.0), None),
                variant("two", calm(150.0), None),
            ],
        ),
    ];
    let mut text = String::new();
    for (name, variants) in cases {
        let verdict = judge(&case(variants)).verdict;
        assert!(verdict.summary.chars().count() <= 512);
        writeln!(text, "{name}\n  {:?}: {}", verdict.result, verdict.summary).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_comparison_needs_one_baseline_and_a_candidate() {
    let of = |names: &[&str]| {
        let variants = names.iter().map(|name| variant(name, vec![], None)).collect();
        Case::new(rules(), vec![], variants).map(|_| ())
    };
    assert_eq!(of(&[]), Err(CaseError::Baselines(0)));
    assert_eq!(of(&["optimized"]), Err(CaseError::Baselines(0)));
    assert_eq!(of(&["baseline"]), Err(CaseError::NoCandidate));
    assert_eq!(of(&["baseline", "baseline"]), Err(CaseError::Baselines(2)));
    assert_eq!(of(&["optimized", "baseline"]), Ok(()));
}

#[test]
fn rules_are_read_from_the_spec_once() {
    let spec = |change: &str| {
        let text = format!(
            "
model: {{name: Qwen/Qwen3-32B}}
hardware: {{system: h200_sxm, gpusPerVariant: 8, gpuHourlyCost: \"2.5\"}}
workload: {{inputTokens: 4000, outputTokens: 500}}
sla: {{ttftMilliseconds: 500, tpotMilliseconds: \"6.5\", statistic: P90}}
runtime: {{image: runtime}}
{change}
"
        );
        Rules::from_spec(&serde_saphyr::from_str(&text).unwrap())
    };
    let rules = spec("judgement: {equivalenceMarginPercent: \"3\"}").unwrap();
    assert_eq!((rules.margin_percent, rules.tolerance_percent, rules.gpu_hourly_cost), (3.0, 20.0, Some(2.5)));
    assert_eq!((rules.decision_trials, rules.rounds), (5, 1));
    assert_eq!(rules.limits.statistic, Statistic::P90);
    assert_eq!(
        spec("judgement: {accuracyTolerancePercent: \"-3\"}").unwrap_err().to_string(),
        "judgement.accuracyTolerancePercent is \"-3\", which is not a decimal number from 0 up, such as \"5\": \
         correct it in the comparison"
    );
}
